"""Days of the calendar as speech counts them: from today, by weeks that begin on Monday, by months.

Pure functions of the day on which something is said.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Final

from .numerals import number
from .tokens import Days, Refused, Scene, Token

DAY_WORDS: Final = {"今": 0, "明": 1, "听": 1, "后": 2, "大后": 3, "外后": 3, "大大后": 4}
WEEK_WORDS: Final = {
    "这": 0,
    "本": 0,
    "今": 0,
    "下": 1,
    "下下": 2,
    "下下下": 3,
    "this": 0,
    "the": 1,
    "next": 1,
}
WEEKDAY_CHARS: Final = dict(zip("一二三四五六日天1234567", (*range(7), 6, *range(7)), strict=True))
EN_WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
EN_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
DAYS_OF_UNIT: Final = {"天": 1, "周": 7, "星期": 7, "礼拜": 7, "day": 1, "week": 7, "fortnight": 14, "wk": 7}
MONTHS_OF_UNIT: Final = {"月": 1, "年": 12, "month": 1}


def one(day: date) -> Days:
    return Days(frozenset({day}))


def known(year: int, month: int, day: int) -> Days | Refused:
    """A date of the calendar, or the refusal of one that does not exist."""
    try:
        return one(date(year, month, day))
    except ValueError:
        return Refused("impossible")


def coming(month: int, day: int, today: date) -> Days | Refused:
    """A date said without its year: the next one, but one that passed more recently than it returns was a slip."""
    this, following = known(today.year, month, day), known(today.year + 1, month, day)
    missed = min(this.dates) if isinstance(this, Days) else None
    if missed and missed >= today:
        return this
    if isinstance(following, Days) and (missed is None or min(following.dates) - today < today - missed):
        return following
    return Refused("past") if missed else following


def week(today: date, ahead: int) -> list[date]:
    """The calendar week, Monday first, so many weeks ahead."""
    monday = today - timedelta(days=today.weekday()) + timedelta(weeks=ahead)
    return [monday + timedelta(days=day) for day in range(7)]


def coming_weekday(index: int, today: date) -> date:
    """The first day of that name after today."""
    return today + timedelta(days=(index - today.weekday() - 1) % 7 + 1)


def next_weekday(index: int, today: date) -> Days:
    """ "Next Fri": the coming one, or that of next week, be weeks reckoned from Monday or from Sunday."""
    sunday = today - timedelta(days=today.isoweekday() % 7) + timedelta(weeks=1)
    reckoned = sunday + timedelta(days=(index + 1) % 7)
    return Days(frozenset({coming_weekday(index, today), week(today, 1)[index], reckoned}), "ambiguous_week")


def month_ahead(today: date, months: int) -> tuple[int, int]:
    """Year and month so many months ahead."""
    years, month = divmod(today.month - 1 + months, 12)
    return today.year + years, month + 1


def from_today(count: int, unit: str, today: date) -> Token:
    """So many days, weeks, months or years after today; a month later is the same day of the month or none."""
    days = DAYS_OF_UNIT.get(unit)
    if days == 7:  # in two weeks is that day; with a weekday it is that one of its week
        core = today + timedelta(weeks=count)
        return Days(frozenset(week(core, 0)), core=core)
    if days:
        return one(today + timedelta(days=count * days))
    return known(*month_ahead(today, count * MONTHS_OF_UNIT[unit]), today.day)


def en_weekday(word: str) -> int:
    """Monday is 0."""
    return EN_WEEKDAYS.index("thu" if word == "thr" else word[:3])


def month_named(how: str, today: date) -> tuple[int, int] | None:
    """下个 is next month's, 12 and december the coming one of that name; no year has a month 0 or 13."""
    how = how.strip().removesuffix("月").removesuffix("份").replace("个", "").strip()
    if how[:3] in EN_MONTHS:
        month = EN_MONTHS.index(how[:3]) + 1
    elif how and how[0] not in "下这本tn":
        month = number(how)
    else:
        return month_ahead(today, how.count("下") + how.startswith("next"))
    return (today.year + (month < today.month), month) if 1 <= month <= 12 else None


def stretch(days: Iterable[date], scene: Scene) -> tuple[Token, ...]:
    """What is left of some days; one of them is to be picked."""
    left = frozenset(day for day in days if day >= scene.today)
    return (Days(left) if left else Refused("past"),)


NTH: Final = {
    "first": 1,
    "second": 2,
    "third": 3,
    "fourth": 4,
    "last": -1,
    "1st": 1,
    "2nd": 2,
    "3rd": 3,
    "4th": 4,
}
