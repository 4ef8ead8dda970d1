"""Commands of the staff group about when the shop is open: closed days, opening hours, daily breaks. Each becomes a plan."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta

from imserver.plugins.booking.messages.cards import Option
from imserver.plugins.booking.schedule import leave as leaves
from imserver.plugins.booking.schedule.hours import moments, shop_spans, zone_of
from imserver.plugins.booking.schedule.plans import Detail, FieldWish
from imserver.plugins.booking.schedule.shops import WEEKDAYS
from imserver.plugins.booking.understanding.acts import Reading

from .context import DialogueContext, Place
from .leave import period_text
from .plan import not_read, path_of, propose, propose_fields, span_text
from .plan_words import Period, names_other_days, read_opening_days, read_period, read_spans, says_none, typed
from .resources import all_named_in

#: Days that are closed, or given other hours, at once.
MAX_DAYS = 62

_DAY_MS = 24 * 3_600_000


def closed(context: DialogueContext, reading: Reading) -> bool:
    """休息 12月25日, 休息 12月25日到27日, 休息 周五下午."""
    if context.place is not Place.STAFF:
        return False
    shop, zone = context.the_shop, zone_of(context.the_shop)
    period = read_period(typed(reading.text), context.now, zone)
    if period is None or period.note or period.end - period.start > timedelta(days=MAX_DAYS):
        return not_read(context, "closed")
    wishes = []
    day = period.start.date()
    while datetime.combine(day, time()) < period.end:
        before = shop_spans(shop, day)
        left = _without(before, _within(day, period))
        if left != before:
            wishes.append(
                FieldWish(path_of(shop, "exceptions", day.isoformat()), [span_text(one) for one in left])
            )
        day += timedelta(days=1)
    when = period_text(context, period.start, period.end)
    if not wishes:
        context.say("plan.closed_already", when=when)
        return True
    begin, end = leaves.bounds(period.start, period.end, zone)
    propose(
        context,
        Detail(summary=context.words("plan.closed", when=when), fields=tuple(wishes), begin=begin, end=end),
    )
    return True


def hours(context: DialogueContext, reading: Reading) -> bool:
    """营业 每周六 10:00-16:00, 营业 12月26日 10:00-16:00, 营业 12月25日 (as on other weeks)."""
    if context.place is not Place.STAFF:
        return False
    shop, words = context.the_shop, context.words
    spans, rest = read_spans(typed(reading.text))
    days = read_opening_days(rest, context.now, zone_of(shop))
    if days is None or (spans is None and (days.day is None or days.which)):
        return not_read(context, "hours")
    told = _spans_text(context, spans or ())
    if days.which:
        assert days.day is not None
        said_spans = " ".join(spans or ()) or words("plan.closed_word")
        (index,) = days.weekdays
        every = words("plan.every", weekday=words.weekday(index))
        options = [
            Option(every, f"{words('plan.hours_command')} {every} {said_spans}"),
            Option(
                words("plan.only", day=words.day(days.day)),
                f"{words('plan.hours_command')} {days.day.isoformat()} {said_spans}",
            ),
        ]
        context.offer("plan.which_days", options)
        return True
    if days.day is not None:
        name = days.day.isoformat()
        if spans is None:  # as in any week
            summary = words("plan.as_usual", day=words.day(days.day))
        else:
            summary = words("plan.hours_on", day=words.day(days.day), hours=told)
        value = None if spans is None else list(spans)
        wishes = (FieldWish(path_of(shop, "exceptions", name), value),)
        begin, end = moments(zone_of(shop), days.day, (0, 24 * 60))
        detail = Detail(summary=summary, fields=wishes, begin=begin, end=end)
    else:
        names = words("list_separator").join(words.weekday(index) for index in days.weekdays)
        detail = Detail(
            summary=words("plan.hours_weekly", days=names, hours=told),
            fields=tuple(
                FieldWish(path_of(shop, "hours", WEEKDAYS[index]), list(spans or ()))
                for index in days.weekdays
            ),
            begin=context.now_ms,
            end=context.now_ms + (shop.horizon_days + 2) * _DAY_MS,
            weekdays=days.weekdays,
        )
    propose_fields(context, detail)
    return True


def breaks(context: DialogueContext, reading: Reading) -> bool:
    """午休 [李老师] 12:00-13:00, 午休 李老师 取消: of one person, or of everybody."""
    if context.place is not Place.STAFF:
        return False
    shop, words = context.the_shop, context.words
    found, rest = all_named_in(context, typed(reading.text))
    spans, rest = read_spans(rest)
    none = spans is None and says_none(rest)
    days = read_opening_days(rest, context.now, zone_of(shop))
    some = days is not None and len(days.weekdays) < len(WEEKDAYS)  # and a break is of every day
    if (not spans and not none) or some or names_other_days(rest, context.now, zone_of(shop)):
        return not_read(context, "breaks", named=bool(found))
    people = found or [one for one in shop.resources if one.kind == "person"]
    names = words("list_separator").join(one.names.in_language(words.language) for one in people)
    summary = words("plan.no_breaks", name=names) if none else words(
        "plan.breaks", name=names, hours=_spans_text(context, spans or ())
    )  # fmt: skip
    propose_fields(
        context,
        Detail(
            summary=summary,
            fields=tuple(
                FieldWish(path_of(shop, "resources", one.id, "breaks"), list(spans or ())) for one in people
            ),
            begin=context.now_ms,
            end=context.now_ms + (shop.horizon_days + 2) * _DAY_MS,
        ),
    )
    return True


def _spans_text(context: DialogueContext, spans: Sequence[str]) -> str:
    shown = [span.replace("-", "–") for span in spans]
    return context.words("list_separator").join(shown) or context.words("plan.closed_word")


def _within(day: date, period: Period) -> tuple[int, int]:
    """The minutes of a day that a period has."""
    midnight = datetime.combine(day, time())
    begin = max(period.start - midnight, timedelta())
    end = min(period.end - midnight, timedelta(days=1))
    return int(begin.total_seconds() // 60), int(end.total_seconds() // 60)


def _without(spans: Sequence[tuple[int, int]], gone: tuple[int, int]) -> list[tuple[int, int]]:
    """Opening spans without a part of the day, in steps of five minutes."""
    begin, end = gone[0] // 5 * 5, -(-gone[1] // 5) * 5
    left = []
    for opens, closes in spans:
        left += [
            (one, other)
            for one, other in ((opens, min(closes, begin)), (max(opens, end), closes))
            if one < other
        ]
    return left
