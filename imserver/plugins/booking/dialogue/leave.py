"""Commands of the staff group about who is away: leave, and its end. Each becomes a plan (`plan`)."""

from __future__ import annotations

import re
from datetime import datetime, time, timedelta

from imserver.plugins.booking.messages import cards
from imserver.plugins.booking.messages.cards import Option
from imserver.plugins.booking.schedule import leave as leaves
from imserver.plugins.booking.schedule.hours import zone_of
from imserver.plugins.booking.schedule.leave import Leave
from imserver.plugins.booking.schedule.plans import Detail, LeaveWish
from imserver.plugins.booking.schedule.shops import Resource
from imserver.plugins.booking.understanding.acts import Reading

from .context import DialogueContext, Place
from .plan import not_read, propose
from .plan_words import Period, read_period, typed
from .resources import all_named_in, by_id, own_of

#: Leave at once: a parent's year fits.
MAX_LEAVE_DAYS = 500

_SOMEBODY = re.compile(r"老[师師]|同事|小[\u4e00-\u9fff](?:$|[ ，,、])|\b(?:mr|mrs|ms|dr)\b", re.IGNORECASE)
_LEAVE_NUMBER = re.compile(r"#(\d{1,12})")


def leave(context: DialogueContext, reading: Reading) -> bool:
    """请假 [李老师] 周五下午."""
    if context.place is not Place.STAFF:
        return False
    found, rest = all_named_in(context, typed(reading.text))
    period = read_period(rest, context.now, zone_of(context.the_shop))
    if period is None or period.end - period.start > timedelta(days=MAX_LEAVE_DAYS):
        return not_read(context, "leave", named=bool(found))
    if found and _SOMEBODY.search(period.note):  # a name that nobody here has is no reason of somebody else
        context.say("plan.nobody", name=period.note)
        return True
    own = None if found else _own(context, rest, period)
    named = [own] if own is not None else found
    if not named:
        nobody = _SOMEBODY.search(period.note) is not None  # whoever is chosen is not that person
        _ask_who(context, "leave", rest.replace(period.note, " ").strip() if nobody else rest)
        return True
    words = context.words
    start_at, end_at = leaves.bounds(period.start, period.end, zone_of(context.the_shop))
    when = period_text(context, period.start, period.end)
    away = [one for one in named if _is_away(context, one, start_at, end_at)]
    if away:
        context.say("plan.away_already", name=_names_of(context, away), when=when)
    going = [one for one in named if one not in away]
    if not going:
        return True
    name = _names_of(context, going)
    note = words("plan.note", note=period.note) if period.note else ""
    propose(
        context,
        Detail(
            summary=words("plan.leave", name=name, when=when) + note,
            leaves=tuple(
                LeaveWish(one.id, period.start.isoformat(), period.end.isoformat(), period.note)
                for one in going
            ),
            begin=start_at,
            end=end_at,
        ),
    )
    return True


def back(context: DialogueContext, reading: Reading) -> bool:
    """销假 李老师 [周五下午]: leave is withdrawn, or the part of it that is said; what is left of it stays."""
    if context.place is not Place.STAFF:
        return False
    shop, words = context.the_shop, context.words
    found, rest = all_named_in(context, typed(reading.text))
    numbered = _LEAVE_NUMBER.search(rest)
    rest = _LEAVE_NUMBER.sub(" ", rest).strip()
    period = read_period(rest, context.now, zone_of(shop)) if rest else None
    if rest and period is None:
        return not_read(context, "back", named=bool(found))
    known = _leaves_meant(context, found, numbered[1] if numbered is not None else "", period)
    if not known:
        context.say("plan.no_leave")
        return True
    alike = {one.resource_id for one in known} <= {one.id for one in found} or len(
        {one.resource_id for one in known}
    ) == 1
    if len(known) > 1 and not (period is not None and alike):
        options = [
            Option(_leave_line(context, one), f"{words('plan.back_command')} #{one.id} {rest}".strip())
            for one in known[: cards.MAX_ACTIONS]
        ]
        context.offer("plan.which_leave", options)
        return True
    gone = [_within(one, period) for one in known]
    lines = words("list_separator").join(
        _leave_line(context, one, *span) for one, span in zip(known, gone, strict=True)
    )
    left = [wish for one, span in zip(known, gone, strict=True) for wish in _left_of(one, *span)]
    propose(
        context,
        Detail(
            summary=words("plan.back", leave=lines),
            leaves=tuple(left),
            withdrawn=tuple(one.id for one in known),
        ),
    )
    return True


def _leaves_meant(
    context: DialogueContext, found: list[Resource], number: str, period: Period | None
) -> list[Leave]:
    """The leave that is named: by its number, whose it is, and when; without a name and a time the writer's own."""
    shop = context.the_shop
    known = [one for one in leaves.leaves_of(context.tx, shop) if by_id(shop, one.resource_id) is not None]
    if number:
        known = [one for one in known if one.id == int(number)]
    if found:
        known = [one for one in known if one.resource_id in {person.id for person in found}]
    elif not number and period is None:
        own = own_of(context)
        known = [one for one in known if own is None or one.resource_id == own.id]
    if period is not None:
        begin, end = leaves.bounds(period.start, period.end, zone_of(shop))
        known = [one for one in known if one.start_at < end and begin < one.end_at]
    return known


def _within(one: Leave, period: Period | None) -> tuple[datetime, datetime]:
    """The part of leave that is withdrawn."""
    if period is None:
        return one.start_wall, one.end_wall
    return max(one.start_wall, period.start), min(one.end_wall, period.end)


def _left_of(one: Leave, start: datetime, end: datetime) -> list[LeaveWish]:
    """What is left of leave without a part."""
    spans = ((one.start_wall, start), (end, one.end_wall))
    return [
        LeaveWish(one.resource_id, begin.isoformat(), until.isoformat(), one.note)
        for begin, until in spans
        if begin < until
    ]


def _is_away(context: DialogueContext, one: Resource, start_at: int, end_at: int) -> bool:
    mine = leaves.leaves_of(context.tx, context.the_shop, one.id)
    return leaves.covered(mine, max(start_at, context.now_ms), end_at)


def _names_of(context: DialogueContext, people: list[Resource]) -> str:
    words = context.words
    return words("list_separator").join(one.names.in_language(words.language) for one in people)


def _own(context: DialogueContext, text: str, period: Period) -> Resource | None:
    """Whoever writes, if nobody else can be meant: nothing stands before the day."""
    if period.note and text.strip().startswith(period.note.split()[0]):
        return None
    return own_of(context)


def _ask_who(context: DialogueContext, command: str, rest: str) -> None:
    words = context.words
    options = [
        Option(one.names.in_language(words.language), f"{words(f'plan.{command}_command')} {one.id} {rest}")
        for one in context.the_shop.resources
        if one.kind == "person"
    ]
    context.offer("plan.who", options)


def period_text(context: DialogueContext, start: datetime, end: datetime) -> str:
    words = context.words
    if leaves.is_whole_days(start, end):
        last = end.date() - timedelta(days=1)
        if last == start.date():
            return words.day(last)
        return words("plan.days", first=words.day(start.date()), last=words.day(last))
    if end == datetime.combine(start.date() + timedelta(days=1), time()):
        return words("plan.within", day=words.day(start.date()), start=f"{start:%H:%M}", end="24:00")
    if start.date() == end.date():
        return words("plan.within", day=words.day(start.date()), start=f"{start:%H:%M}", end=f"{end:%H:%M}")
    return words("plan.days", first=words.moment(start), last=words.moment(end))


def _leave_line(
    context: DialogueContext, one: Leave, start: datetime | None = None, end: datetime | None = None
) -> str:
    resource = by_id(context.the_shop, one.resource_id)
    assert resource is not None
    return context.words(
        "plan.leave_line",
        name=resource.names.in_language(context.language),
        when=period_text(context, start or one.start_wall, end or one.end_wall),
    )
