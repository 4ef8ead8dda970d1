"""Holidays by name, and the next date of each.

Dates of the lunar calendar are a table: those of 2026 to 2031 after the Gregorian-Lunar Calendar Conversion Table of the Hong
Kong Observatory. Behind its last row a lunar holiday has no date, and is asked about.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Callable
from datetime import date, timedelta
from typing import Final

FIXED: Final = {
    (1, 1): "元旦节?|阳历年|新年(?:第一天|头一天)|new year'?s(?: day)?(?! eve)",
    (2, 14): "情人节|valentine'?s(?: day)?",
    (3, 8): "妇女节|三八节",
    (3, 12): "植树节",
    (5, 4): "五四青年节|青年节",
    (7, 1): "七一建党节|建党节|(?<![周期拜一-鿿0-9])七一(?=[那当这]天|放假|假期|节|[上下]午)",
    (8, 1): "八一建军节|建军节|(?<![周期拜一-鿿0-9])八一(?=[那当这]天|放假|假期|节|[上下]午)",
    (
        5,
        1,
    ): "labou?r day|劳动节|五一劳动节|五一节|(?<![周期拜])五一(?=[那当这]天|假期|[上下早中晚傍]|你们|能|可以|开|有|$|[ ,?])",
    (
        6,
        1,
    ): "六一儿童节|儿童节|六一节|(?<![周期拜])六一(?=[那当这]天|[上下早中晚傍]|你们|能|可以|开|有|$|[ ,?])",
    (9, 10): "教师节",
    (
        10,
        1,
    ): "national day|国庆节?|十一国庆节?|^十一$|十一(?=当天|那天|假期|长假|放假|黄金周|期间|第一天|头一天)",
    (10, 31): "万圣节|halloween",
    (11, 11): "双十一|双11|光棍节",
    (12, 12): "双十二|双12",
    (12, 24): "平安夜|圣诞前夜|christmas eve|xmas eve",
    (12, 25): "圣诞节?(?!前夜)|christmas(?: day)?(?! eve)|xmas(?: day)?(?! eve)",
    (12, 26): "boxing day",
    (12, 31): "跨年夜?|new year'?s eve|nye",
}
"""Month and day, and what people call it."""

_LUNAR: Final = {
    "腊八节?": "2026-01-26 2027-01-15 2028-01-04 2029-01-22 2030-01-11 2031-01-01",
    "除夕|大年三十|年三十|年夜": "2026-02-16 2027-02-05 2028-01-25 2029-02-12 2030-02-02 2031-01-22",
    "大年初一|正月初一|年初一|(?:chinese|lunar) new year(?:'?s day)?|cny": (
        "2026-02-17 2027-02-06 2028-01-26 2029-02-13 2030-02-03 2031-01-23"
    ),
    "元宵节?|正月十五": "2026-03-03 2027-02-20 2028-02-09 2029-02-27 2030-02-17",
    "清明节?": "2026-04-05 2027-04-05 2028-04-04 2029-04-04 2030-04-05",
    "端午节?|dragon boat(?: festival)?": "2026-06-19 2027-06-09 2028-05-28 2029-06-16 2030-06-05",
    "七夕节?": "2026-08-19 2027-08-08 2028-08-26 2029-08-16 2030-08-05",
    "中秋节?|mid-?autumn(?: festival)?": "2026-09-25 2027-09-15 2028-10-03 2029-09-22 2030-09-12",
    "重阳节?": "2026-10-18 2027-10-08 2028-10-26 2029-10-16 2030-10-05",
    "冬至": "2026-12-22 2027-12-22 2028-12-21 2029-12-21 2030-12-22",
}
LUNAR_NEW_YEAR: Final = next(name for name in _LUNAR if "大年初一" in name)
MOVING: Final = {name: tuple(map(date.fromisoformat, days.split())) for name, days in _LUNAR.items()}


def nth_weekday(year: int, month: int, index: int, nth: int) -> date | None:
    """The first (1), second … or last (-1) day of that name in a month; None if there is none."""
    if nth < 0:
        last = date(year, month, monthrange(year, month)[1])
        return last - timedelta(days=(last.weekday() - index) % 7)
    first = date(year, month, 1)
    day = first + timedelta(days=(index - first.weekday()) % 7 + 7 * (nth - 1))
    return day if day.month == month else None


def _next_fixed(month: int, day: int) -> Callable[[date], date | None]:
    def find(today: date) -> date | None:
        this = date(today.year, month, day)
        return this if this >= today else date(today.year + 1, month, day)

    return find


def _next_of(days: tuple[date, ...]) -> Callable[[date], date | None]:
    return lambda today: next((day for day in days if day >= today), None)


def _next_nth(month: int, index: int, nth: int) -> Callable[[date], date | None]:
    def find(today: date) -> date | None:
        days = (nth_weekday(year, month, index, nth) for year in (today.year, today.year + 1))
        return next((day for day in days if day and day >= today), None)

    return find


HOLIDAYS: Final[tuple[tuple[str, Callable[[date], date | None]], ...]] = (
    *((names, _next_fixed(*when)) for when, names in sorted(FIXED.items(), reverse=True)),
    *((names, _next_of(days)) for names, days in MOVING.items()),
    ("thanksgiving(?: day)?|感恩节", _next_nth(11, 3, 4)),
    ("母亲节", _next_nth(5, 6, 2)),
    ("父亲节|father'?s day", _next_nth(6, 6, 3)),
)
"""The names of each holiday, and its next date."""
