"""The date grammar: text, now and zone go in; candidate times or a reason to ask come out.

The policy, in order of weight:

1. **Wrong is far worse than asking.** A time is returned only when every date-like word was understood and all of them
   agree; whatever names no single time to come (past, ranges, choices, negations, "every") is asked about.
2. Words constrain each other: 周五 and 11月20日 must be the same day, 下午 and 15:00 the same time. Contradictions
   are asked about, never weighed.
3. A bare hour (3点, "at 8") is two candidates, because only the shop's hours can tell them apart. Written minutes (8:30,
   15:00) mean the 24-hour clock; 1:00 to 6:59 without a leading zero is both. Noon is 12:00.
4. 周五 is the coming one, 下周五 that of the next calendar week (Monday first); "next Fri" is asked wherever people
   disagree. 3号 is the coming third. A time without a day is today's or, if that is over, asked.
5. No I/O and no clock: the same text, now and zone give the same reading.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from .meaning import coming_weekday, known, month_ahead
from .refusals import ASIDES, refusal
from .rules import RULES
from .text import ASIDE_MARK, DAY_MARK, TIME_MARK, Sheet
from .tokens import (
    Clock,
    Days,
    Later,
    MonthDay,
    Part,
    PartName,
    Reason,
    Refused,
    Scene,
    Shift,
    Token,
    Weekday,
)

HORIZON_DAYS: Final = 366
"""No customer books an eye exam further ahead; a later date is a slip of the year."""

FORGETS_DAY: Final = frozenset({"negated", "recurring", "past", "conflict", "leftover"})
"""After these reasons the day that was read is not one that the customer wants."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a text says about a time.

    candidates: naive wall-clock times in the zone, ascending, none before now; empty means ask.
    reason: why to ask; None if and only if there are candidates.
    day, part: the day and the part of it that were named, for a list of free slots where there is no candidate.
    leftover: what was not read as a time, as typed: service, name, code, courtesies.
    """

    candidates: tuple[datetime, ...]
    reason: Reason | None
    day: date | None
    part: PartName | None
    leftover: str


class _Unclear(Exception):
    """The words that were read do not make one time."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason: Reason = reason


def read_when(text: str, now: datetime, zone: str | ZoneInfo) -> Reading:
    """Read the time that `text` names, said at `now` (wall time in `zone`, or aware) to a shop in `zone`.

    Never raises for any text; an unknown zone raises ZoneInfoNotFoundError. Texts longer than `text.MAX_CHARS`
    are asked about unread.
    """
    place = ZoneInfo(zone) if isinstance(zone, str) else zone
    wall = now.astimezone(place).replace(tzinfo=None) if now.tzinfo else now
    sheet = Sheet(text)
    if sheet.too_long:
        return Reading((), "too_long", None, None, sheet.leftover())
    tokens = _scan(sheet, wall.date())
    refused = next((token.reason for token in tokens if isinstance(token, Refused)), None)
    refused = refused or (refusal(sheet.text) if tokens else "no_time")
    day: date | None = None
    part: PartName | None = None
    candidates: tuple[datetime, ...] = ()
    try:
        if refused not in FORGETS_DAY:
            part, day = _part(tokens), _day(tokens, wall.date())
        if not refused:
            candidates = _candidates(tokens, day, wall, place)
    except _Unclear as unclear:
        refused = refused or unclear.reason
        day = None if refused in FORGETS_DAY else day
    return Reading(candidates, refused, day, part, sheet.leftover())


# ------------------------------------------------------------------------------------------------------------------ scan


def _scan(sheet: Sheet, today: date) -> tuple[Token, ...]:
    """The tokens that the rules find, in their order; `sheet` shrinks to the unread text."""
    scene = Scene(today, _is_chinese(sheet.text))
    for aside in ASIDES:
        for match in tuple(aside.finditer(sheet.text)):
            sheet.blank(match, ASIDE_MARK)
    found: list[Token] = []
    for rule in RULES:
        for match in tuple(rule.pattern.finditer(sheet.text)):
            tokens = rule.read(match, scene)
            sheet.blank(match, TIME_MARK if isinstance(tokens[0], Clock | Part | Later) else DAY_MARK)
            found += tokens
    return tuple(found)


def _is_chinese(text: str) -> bool:
    """Whether a slash date is read the Chinese way: Chinese characters, and no English word but a.m. and p.m."""
    return bool(re.search("[\u4e00-\u9fff]", text)) and not re.search("[a-z]{3}", text)


# ------------------------------------------------------------------------------------------------------------------- day


def _day(tokens: tuple[Token, ...], today: date) -> date | None:
    """The one day that all words about days agree on; None if there are none."""
    spans = [token for token in tokens if isinstance(token, Days)]
    weekdays = {token.index for token in tokens if isinstance(token, Weekday)}
    numbers = {token.day for token in tokens if isinstance(token, MonthDay)}
    shifts = {token.days for token in tokens if isinstance(token, Shift)}
    if max(len(weekdays), len(numbers), len(shifts)) > 1:
        raise _Unclear("several")
    if shifts and spans and (weekdays or numbers):
        raise _Unclear("several")  # "a week on Friday" beside another day: which of them is a week later?
    if not spans:
        spans = _bare(weekdays, numbers, today)
    if not spans:
        return None
    days = frozenset.intersection(*(span.dates for span in spans))
    if not days:
        raise _Unclear("several" if all(len(span.dates) == 1 for span in spans) else "conflict")
    days = frozenset(day for day in days if {day.weekday()} >= weekdays and {day.day} >= numbers)
    if not days:
        raise _Unclear("conflict")
    if len(days) > 1:
        raise _Unclear(min(spans, key=lambda span: len(span.dates)).unclear)
    day = min(days) + timedelta(days=sum(shifts))
    if day < today:
        raise _Unclear("past")
    return day


def _bare(weekdays: set[int], numbers: set[int], today: date) -> list[Days]:
    """周五 or 3号 with nothing to say which: the coming one. A weekday's name said on that day is not clear."""
    for number in numbers:
        token = known(*month_ahead(today, number < today.day), number)
        if isinstance(token, Refused):
            raise _Unclear(token.reason)
        return [token]
    for index in weekdays:
        later = coming_weekday(index, today)
        dates = {later, today} if index == today.weekday() else {later}
        return [Days(frozenset(dates), "ambiguous_week")]
    return []


# ------------------------------------------------------------------------------------------------------------------ time


def _part(tokens: tuple[Token, ...]) -> PartName | None:
    """The part of the day that was named; 上午下午都可以 names none."""
    names = {token.name for token in tokens if isinstance(token, Part)}
    return names.pop() if len(names) == 1 else None


def _candidates(
    tokens: tuple[Token, ...], day: date | None, now: datetime, zone: ZoneInfo
) -> tuple[datetime, ...]:
    """The times meant, without those that are over; raises if none can be booked."""
    later = [token for token in tokens if isinstance(token, Later)]
    if later:
        found = [_later(tokens, later, day, now, zone)]
    else:
        times = _times(tokens)
        found = [datetime.combine(day or now.date(), moment) for moment in sorted(times)]
    real = [moment for moment in found if _exists(moment, zone)]
    ahead = [moment for moment in real if moment >= now]
    near = [moment for moment in ahead if moment <= now + timedelta(days=HORIZON_DAYS)]
    if not near:
        raise _Unclear("too_far" if ahead else "past" if real else "no_such_time")
    return tuple(near)


def _times(tokens: tuple[Token, ...]) -> set[time]:
    """The times of day that all clocks and parts agree on."""
    parts = [token for token in tokens if isinstance(token, Part)]
    clocks = [token for token in tokens if isinstance(token, Clock)]
    if not clocks:
        if parts and all(part.name == "noon" for part in parts):
            return {time(12)}
        raise _Unclear("no_time")
    readings = [_dial(clock, parts) for clock in clocks]
    for clock, reading in zip(clocks, readings, strict=True):
        if not reading:
            night = any(part.last == 23 or not part.first for part in parts)
            raise _Unclear("midnight" if clock.hour == 12 and night else "conflict")
    times = set.intersection(*readings)
    if not times:
        raise _Unclear("several")
    return times


def _dial(clock: Clock, parts: list[Part]) -> set[time]:
    """The one or two times of day that a clock time means in these parts of the day."""
    twice = 1 <= clock.hour < 12 and (parts or not clock.exact)
    hours = {clock.hour, clock.hour + 12} if twice else {clock.hour}
    return {
        time(hour, clock.minute) for hour in hours if all(part.first <= hour <= part.last for part in parts)
    }


def _later(
    tokens: tuple[Token, ...], later: list[Later], day: date | None, now: datetime, zone: ZoneInfo
) -> datetime:
    """So many minutes from now, in real time even when the clocks change in between."""
    if len(later) > 1 or any(isinstance(token, Clock) for token in tokens):
        raise _Unclear("several")
    instant = now.replace(tzinfo=zone, second=0, microsecond=0).astimezone(UTC) + timedelta(
        minutes=later[0].minutes
    )
    local = instant.astimezone(zone)
    if local.fold:  # a wall time that happens twice means its first time
        raise _Unclear("no_such_time")
    moment = local.replace(tzinfo=None)
    parts = [token for token in tokens if isinstance(token, Part)]
    if (day and day != moment.date()) or not all(part.first <= moment.hour <= part.last for part in parts):
        raise _Unclear("conflict")
    return moment


def _exists(wall: datetime, zone: ZoneInfo) -> bool:
    """Whether the shop's clocks ever show this time."""
    return wall.replace(tzinfo=zone).astimezone(UTC).astimezone(zone).replace(tzinfo=None) == wall
