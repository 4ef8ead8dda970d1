"""From words to days and times: all words about one day, or one time, must agree.

Nothing is weighed: where the words of a day or a time contradict each other, `Unclear` is raised with the reason to ask.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from .calendar_days import coming_weekday, known, month_ahead
from .tokens import Clock, Days, MonthDay, Part, PartName, Reason, Refused, Shift, Token, Weekday

HORIZON_DAYS: Final = 366
"""No customer books an eye exam further ahead; a later date is a slip of the year."""

OPEN_HOURS: Final = (time(7), time(20, 59))
"""Of two readings of a clock twelve hours apart, the one outside these is dropped."""

JUST_PASSED: Final = timedelta(days=3)
"""17号 said on the 18th may be a slip, the next month's, or today's: it is asked about."""


class Unclear(Exception):
    """The words that were read do not make one time."""

    def __init__(self, reason: Reason, days: tuple[date, ...] = ()) -> None:
        super().__init__(reason)
        self.reason: Reason = reason
        self.days = days


# ------------------------------------------------------------------------------------------------------------------- day


def days_of(tokens: Sequence[Token], today: date) -> tuple[date, ...]:
    """The day that all words about days agree on, or each day of a weekend; none if there are no such words."""
    spans, weekdays, numbers, shifts = _sorted(tokens)
    if max(len(weekdays), len(numbers), len(shifts)) > 1:
        raise Unclear("several")
    if shifts and spans and (weekdays or numbers):
        raise Unclear("several")  # "a week on Friday" beside another day: which of them is a week later?
    if not spans:
        spans = _bare(weekdays, numbers, today)
    if not spans:
        return ()
    days = frozenset.intersection(*(span.dates for span in spans))
    if not days:
        raise Unclear("several" if all(len(span.dates) == 1 for span in spans) else "conflict")
    days = frozenset(day for day in days if {day.weekday()} >= weekdays and {day.day} >= numbers)
    if not days:
        raise Unclear("conflict")
    narrowest = min(spans, key=lambda span: len(span.dates))
    if len(days) > 1 and narrowest.core in days:
        days = frozenset({narrowest.core})
    if len(days) > 1 and not narrowest.each:
        raise Unclear(narrowest.unclear, tuple(day for day in sorted(days) if day >= today))
    shift = timedelta(days=sum(shifts))
    ahead = tuple(day + shift for day in sorted(days) if day + shift >= today)
    if not ahead:
        raise Unclear("past")
    return ahead


def _sorted(tokens: Sequence[Token]) -> tuple[list[Days], set[int], set[int], set[int]]:
    """Dates, weekdays, days of a month and shifts."""
    spans: list[Days] = []
    weekdays: set[int] = set()
    numbers: set[int] = set()
    shifts: set[int] = set()
    for token in tokens:
        if isinstance(token, Refused):
            raise Unclear(token.reason)
        if isinstance(token, Days):
            spans.append(token)
        elif isinstance(token, Weekday):
            weekdays.add(token.index)
        elif isinstance(token, MonthDay):
            numbers.add(token.day)
        elif isinstance(token, Shift):
            shifts.add(token.days)
    return spans, weekdays, numbers, shifts


def _bare(weekdays: set[int], numbers: set[int], today: date) -> list[Days]:
    """周五 or 3号 with nothing to say which: the coming one, and today's if it is today."""
    for number in numbers:
        token = known(*month_ahead(today, number < today.day), number)
        if isinstance(token, Refused):
            raise Unclear(token.reason)
        if timedelta() < timedelta(days=today.day - number) <= JUST_PASSED and not weekdays:
            raise Unclear("past")
        return [token]
    for index in weekdays:
        return [Days(frozenset({today if index == today.weekday() else coming_weekday(index, today)}))]
    return []


# ------------------------------------------------------------------------------------------------------------------ time


def part_of(tokens: Iterable[Token]) -> PartName | None:
    """The part of the day that was named; 上午下午都可以 names none."""
    names = {token.name for token in tokens if isinstance(token, Part)}
    return names.pop() if len(names) == 1 else None


def times_of(tokens: Sequence[Token]) -> set[time]:
    """The times of day that all clocks and parts agree on; of a bare hour the one that is likely, or both."""
    parts = [token for token in tokens if isinstance(token, Part)]
    clocks = [token for token in tokens if isinstance(token, Clock)]
    if not clocks:
        if parts and all(part.name == "noon" for part in parts):
            return {time(12)}
        raise Unclear("no_time")
    readings = [dial(clock, parts) for clock in clocks]
    for clock, reading in zip(clocks, readings, strict=True):
        if not reading:
            night = any(part.last == 23 or not part.first for part in parts)
            raise Unclear("midnight" if clock.hour == 12 and night else "conflict")
    times = set.intersection(*readings)
    if not times:
        raise Unclear("several")
    return likely(times)


def dial(clock: Clock, parts: Sequence[Part]) -> set[time]:
    """The one or two times of day that a clock time means in these parts of the day."""
    twice = 1 <= clock.hour < 12 and (parts or not clock.exact)
    hours = {clock.hour, clock.hour + 12} if twice else {clock.hour}
    return {
        time(hour, clock.minute) for hour in hours if all(part.first <= hour <= part.last for part in parts)
    }


def likely(times: set[time]) -> set[time]:
    """Without the one of two that no shop is open at."""
    usual = {one for one in times if OPEN_HOURS[0] <= one <= OPEN_HOURS[1]}
    return usual if len(times) > 1 and usual else times


def between(left: Sequence[Token], right: Sequence[Token]) -> tuple[time, time]:
    """The two ends of a range. An end without a part of the day takes that of the other, if the order allows it."""
    parts = [[token for token in side if isinstance(token, Part)] for side in (left, right)]
    clocks = [_end(side) for side in (left, right)]
    begins = dial(clocks[0], parts[0]) if parts[0] else _shared(clocks[0], parts[1])
    ends = dial(clocks[1], parts[1]) if parts[1] else _shared(clocks[1], parts[0])
    pairs = [(begin, end) for begin in likely(begins) for end in ends if begin < end]
    if not pairs:
        raise Unclear("conflict")
    return min(pairs, key=lambda pair: _minutes(pair[1]) - _minutes(pair[0]))


def _end(side: Sequence[Token]) -> Clock:
    """The clock time of one end: 10 to noon ends at twelve."""
    clocks = [token for token in side if isinstance(token, Clock)]
    if len(clocks) == 1 and all(isinstance(token, Clock | Part) for token in side):
        return clocks[0]
    if not clocks and part_of(side) == "noon":
        return Clock(12, 0)
    raise Unclear("range")


def _shared(clock: Clock, parts: Sequence[Part]) -> set[time]:
    return dial(clock, parts) | dial(clock, ())


def _minutes(moment: time) -> int:
    return 60 * moment.hour + moment.minute


# ---------------------------------------------------------------------------------------------------------------- moment


def ahead(found: Iterable[datetime], now: datetime, zone: ZoneInfo) -> tuple[datetime, ...]:
    """The times that can be booked, without those that are over; raises if there are none."""
    real = [moment for moment in found if exists(moment, zone)]
    coming = [moment for moment in real if moment >= now]
    near = [moment for moment in coming if moment <= now + timedelta(days=HORIZON_DAYS)]
    if not near:
        raise Unclear("too_far" if coming else "past" if real else "no_such_time")
    return tuple(near)


def later(minutes: int, now: datetime, zone: ZoneInfo) -> datetime:
    """So many minutes from now, in real time even when the clocks change in between."""
    start = now.replace(tzinfo=zone, second=0, microsecond=0).astimezone(UTC)
    local = (start + timedelta(minutes=minutes)).astimezone(zone)
    if local.fold:  # a wall time that happens twice means its first time
        raise Unclear("no_such_time")
    return local.replace(tzinfo=None)


def exists(wall: datetime, zone: ZoneInfo) -> bool:
    """Whether the shop's clocks ever show this time."""
    return wall.replace(tzinfo=zone).astimezone(UTC).astimezone(zone).replace(tzinfo=None) == wall
