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
from .resources import by_id, named_in, own_of

#: Leave at once: a parent's year fits.
MAX_LEAVE_DAYS = 500

_LEAVE_NUMBER = re.compile(r"#(\d{1,12})")


def leave(context: DialogueContext, reading: Reading) -> bool:
    """请假 [李老师] 周五下午."""
    if context.place is not Place.STAFF:
        return False
    found, rest = named_in(context, typed(reading.text))
    period = read_period(rest, context.now, zone_of(context.the_shop))
    if period is None or period.end - period.start > timedelta(days=MAX_LEAVE_DAYS):
        return not_read(context, "leave", named=found is not None)
    resource = found or _own(context, rest, period)
    if resource is None:
        _ask_who(context, "leave", rest)
        return True
    words = context.words
    start_at, end_at = leaves.bounds(period.start, period.end, zone_of(context.the_shop))
    name = resource.names.in_language(words.language)
    when = period_text(context, period.start, period.end)
    mine = leaves.leaves_of(context.tx, context.the_shop, resource.id)
    if leaves.covered(mine, max(start_at, context.now_ms), end_at):
        context.say("plan.away_already", name=name, when=when)
        return True
    note = words("plan.note", note=period.note) if period.note else ""
    propose(
        context,
        Detail(
            summary=words("plan.leave", name=name, when=when) + note,
            leaves=(LeaveWish(resource.id, period.start.isoformat(), period.end.isoformat(), period.note),),
            begin=start_at,
            end=end_at,
        ),
    )
    return True


def back(context: DialogueContext, reading: Reading) -> bool:
    """销假 李老师 [周五]: leave is withdrawn."""
    if context.place is not Place.STAFF:
        return False
    shop, words = context.the_shop, context.words
    found, rest = named_in(context, typed(reading.text))
    numbered = _LEAVE_NUMBER.search(rest)
    known = [
        one
        for one in leaves.leaves_of(context.tx, shop, found.id if found is not None else None)
        if by_id(shop, one.resource_id) is not None
    ]
    if numbered is not None:
        known = [one for one in known if one.id == int(numbered[1])]
    elif rest.strip():
        period = read_period(rest, context.now, zone_of(shop))
        if period is None:
            return not_read(context, "back", named=found is not None)
        begin, end = leaves.bounds(period.start, period.end, zone_of(shop))
        known = [one for one in known if one.start_at < end and begin < one.end_at]
    elif found is None:
        own = own_of(context)
        known = [one for one in known if own is None or one.resource_id == own.id]
    if not known:
        context.say("plan.no_leave")
    elif len(known) > 1:
        options = [
            Option(_leave_line(context, one), f"{words('plan.back_command')} #{one.id}")
            for one in known[: cards.MAX_ACTIONS]
        ]
        context.offer("plan.which_leave", options)
    else:
        summary = words("plan.back", leave=_leave_line(context, known[0]))
        propose(context, Detail(summary=summary, withdrawn=(known[0].id,)))
    return True


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


def _leave_line(context: DialogueContext, one: Leave) -> str:
    resource = by_id(context.the_shop, one.resource_id)
    assert resource is not None
    return context.words(
        "plan.leave_line",
        name=resource.names.in_language(context.language),
        when=period_text(context, one.start_wall, one.end_wall),
    )
