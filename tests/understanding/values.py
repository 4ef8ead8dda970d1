"""When two values are the same: days and ranges of days, hours and parts of the day, words."""

from __future__ import annotations

from datetime import date, time
from typing import Any

from imserver.plugins.booking.understanding.acts import Hours

from .corpus import Days, Want

#: What parts of the day cover at the widest, in minutes.
PARTS = {"morning": (0, 720), "noon": (660, 840), "afternoon": (720, 1140), "evening": (1020, 1440)}
#: The same in figures: ranges that say no more than the word.
_IN_FIGURES = {
    "morning": {(begin, 720) for begin in (0, 300, 360, 420, 480, 540)},
    "noon": {(660, 840), (720, 780), (690, 810), (720, 840)},
    "afternoon": {(begin, end) for begin in (720, 780) for end in (1020, 1080, 1140, 1440)},
    "evening": {(begin, end) for begin in (1020, 1080) for end in (1260, 1320, 1440)},
}
#: Shops are open from 9 to 21: an end that is theirs is no end.
_OPENS, _CLOSES, _DAY_ENDS = 540, 1260, 1440


def days_of(value: Any) -> tuple[date, ...]:
    """The days of an act's value."""
    if isinstance(value, date):
        return (value,)
    many = isinstance(value, (tuple, list, set, frozenset)) and not isinstance(value, Hours)
    return tuple(value) if many else ()


def same_days(wanted: Any, days: tuple[date, ...]) -> bool:
    """Whether days are the weekend, the range or the day that is wanted."""
    if not days:
        return False
    if wanted == "weekend":
        return {day.weekday() for day in days} <= {5, 6}
    if not isinstance(wanted, Days):
        return wanted in days
    if wanted.last is None:
        return 0 < (min(days) - wanted.first).days <= 14
    return min(days) == wanted.first and max(days) == wanted.last


def same_range(wanted: Any, heard: Any) -> bool:
    """Whether hours are those of a part of the day, or the same in figures."""
    if not isinstance(heard, Hours):
        return bool(wanted == heard)
    figures = (heard.begin, heard.end)
    if isinstance(wanted, str):
        return heard.part == wanted or (heard.part is None and figures in _IN_FIGURES.get(wanted, ()))
    if not isinstance(wanted, tuple):
        return False
    in_words = heard.part is not None and wanted in _IN_FIGURES[heard.part]
    return in_words or _open_ends(*wanted) == _open_ends(*figures)


def agrees(want: Want, hours: Any) -> bool:
    """Whether a range says nothing new beside what is wanted: a part beside an hour in it, or around the same figures."""
    if not isinstance(hours, Hours):
        return False
    if want.what == "time":
        around = (hours.part, (hours.begin, hours.end))
        return any(isinstance(at, time) and any(covers(span, at) for span in around) for at in want.values)
    spans = (PARTS.get(value, value) if isinstance(value, str) else value for value in want.values)
    return want.what == "range" and any(
        isinstance(span, tuple) and span[0] >= hours.begin and span[1] <= hours.end for span in spans
    )


def covers(span: Any, at: time) -> bool:
    """Whether a time is in a range or part of the day."""
    span = PARTS.get(span) if isinstance(span, str) else span
    minutes = at.hour * 60 + at.minute
    return isinstance(span, tuple) and span[0] <= minutes <= span[1]


def names_days(value: Any) -> bool:
    """Whether a wanted value is of days."""
    return isinstance(value, (date, Days)) or value == "weekend"


def covers_day(value: Any, day: date) -> bool:
    """Whether a day is one of the wanted."""
    if isinstance(value, Days):
        return value.first <= day and (value.last is None or day <= value.last)
    return day.weekday() >= 5 if value == "weekend" else day == value


def digits(value: Any) -> str:
    """Of a telephone number."""
    return "".join(char for char in str(value) if char.isdecimal())


def plain(value: Any) -> Any:
    """A word without case and with single blanks."""
    return " ".join(value.casefold().split()) if isinstance(value, str) else value


def _open_ends(begin: int, end: int) -> tuple[int, int]:
    return 0 if begin <= _OPENS else begin, _DAY_ENDS if end >= _CLOSES else end
