"""The meaning of dates, months and holidays on the day they are said.

A reader takes a match and the scene and returns tokens. It decides nothing about the rest of the sentence: `compose.py` sees
all tokens together, and so that two days disagree or that a time is past.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Callable
from datetime import date, timedelta
from typing import Final

from .calendar_days import (
    DAY_WORDS,
    DAYS_OF_UNIT,
    EN_MONTHS,
    NTH,
    WEEKDAY_CHARS,
    coming,
    en_weekday,
    from_today,
    known,
    month_ahead,
    month_named,
    one,
    stretch,
    week,
)
from .holidays import LUNAR_NEW_YEAR, MOVING, nth_weekday
from .numerals import number
from .text import DAY_MARK
from .time_readers import PARTS
from .tokens import Days, Match, MonthDay, Reader, Refused, Scene, Shift, Token


def read_date(match: Match, scene: Scene) -> tuple[Token, ...]:
    """A month, a day, and a year if one is said: in figures, in Chinese, or with an English month."""
    month = (
        EN_MONTHS.index(match["month"][:3]) + 1
        if match["month"].isascii() and match["month"].isalpha()
        else 0
    )
    month, day, year = month or number(match["month"]), number(match["day"]), match["year"]
    if not year:
        return (coming(month, day, scene.today),)
    if year in "今明":
        return (known(scene.today.year + DAY_WORDS[year], month, day),)
    return (known(number(year) + (2000 if len(year) == 2 else 0), month, day),)


def read_slash_date(match: Match, scene: Scene) -> tuple[Token, ...]:
    """12/3 is 12月3日 in a Chinese sentence; elsewhere month and day may stand either way round."""
    first, second, year = int(match["first"]), int(match["second"]), match["year"]

    def reading(month: int, day: int) -> Days | Refused:
        if year:
            return known(int(year) + (2000 if len(year) == 2 else 0), month, day)
        return coming(month, day, scene.today)

    readings = (reading(first, second), reading(second, first))
    possible = [token for token in readings if token != Refused("impossible")]
    if len(possible) == 2 and first != second and not scene.chinese:
        return (Refused("which_day"),)
    return (*possible, Refused("impossible"))[:1]


TENS: Final = {
    **dict.fromkeys(("上旬", "early"), (1, 10)),
    **dict.fromkeys(("中旬", "中", "mid", "middle of"), (11, 20)),
    **dict.fromkeys(("下旬", "late"), (21, 31)),
}
"""The days of a part of a month."""
_OTHER_DAY: Final = re.compile("周|星期|礼拜|[点:]")


def read_part_of_month(match: Match, scene: Scene) -> tuple[Token, ...]:
    """12月中旬, 下月上旬, in December, early January: days of a month, of which one is to be picked."""
    groups = match.groupdict()
    named = month_named(groups["how"] or groups.get("how2") or "", scene.today)
    if named is None:
        return (Refused("impossible"),)
    year, month = named
    first, last = TENS.get(groups["tens"] or groups.get("tens2") or "", (1, 31))
    if not (groups["how"] or groups.get("how2")) and last < scene.today.day:
        year, month = month_ahead(scene.today, 1)
    elif groups["tens"] == "" and _OTHER_DAY.search(match.string):
        return ()  # Friday, in July
    end = min(last, monthrange(year, month)[1])
    return stretch([date(year, month, day) for day in range(first, end + 1)], scene)


def read_new_year(match: Match, scene: Scene) -> tuple[Token, ...]:
    """大年初三, 正月初八: counted from the first day of the lunar year."""
    first = next((day for day in MOVING[LUNAR_NEW_YEAR] if day >= scene.today), None)
    return (one(first + timedelta(days=number(match["nth"]) - 1)) if first else Refused("vague"),)


def holidays(find: Callable[[date], date | None]) -> Reader:
    """元旦放假那三天: the holiday and the days behind it, of which one is to be picked."""

    def read(_: Match, scene: Scene) -> tuple[Token, ...]:
        day = find(scene.today)
        if day is None:
            return (Refused("vague"),)
        length = 7 if (day.month, day.day) == (10, 1) or day in MOVING[LUNAR_NEW_YEAR] else 3
        return stretch((day + timedelta(days=ahead) for ahead in range(length)), scene)

    return read


def read_month(match: Match, scene: Scene) -> tuple[Token, ...]:
    ahead = match["how"].count("下") + (match["how"] == "next")
    year, month = month_ahead(scene.today, ahead)
    return (Days(frozenset(date(year, month, day + 1) for day in range(monthrange(year, month)[1]))),)


def read_month_day(match: Match, scene: Scene) -> tuple[Token, ...]:
    day = number(match["day"])
    return (MonthDay(day) if 1 <= day <= 31 else Refused("impossible"),)


def read_month_days(match: Match, scene: Scene) -> tuple[Token, ...]:
    """20、21号: either; 20-25号: any day of them. 11-20号 may be a date."""
    first, last = number(match["first"]), number(match["last"])
    stretch = match["sep"] in "~-"
    if not 1 <= first < last <= 31 or (match["sep"] == "-" and first <= 12):
        return ()
    found = [
        min(token.dates)
        for day in (range(first, last + 1) if stretch else (first, last))
        if isinstance(token := known(*month_ahead(scene.today, last < scene.today.day), day), Days)
    ]
    days = frozenset(day for day in found if day >= scene.today)
    return (Days(days, "several", each=True) if days else Refused("past"),)


def read_days_later(match: Match, scene: Scene) -> tuple[Token, ...]:
    count, unit = match["count"], match["unit"]
    if count == "半" and unit == "月":
        core = scene.today + timedelta(days=15)
        return (Days(frozenset(week(core, 0)), core=core),)
    if count == "半":  # half a year is six months; half a day is ambiguous
        return (from_today(6, "月", scene.today) if unit == "年" else Refused("vague"),)
    return (from_today(number(count), unit, scene.today),)


def read_shift(match: Match, scene: Scene) -> tuple[Token, ...]:
    return (Shift(number(match["count"]) * DAYS_OF_UNIT[match["unit"]]),)


def read_day_word(match: Match, scene: Scene) -> tuple[Token, ...]:
    day = one(scene.today + timedelta(days=DAY_WORDS[match["day"] or match["short"]]))
    return (day, PARTS[match["part"]]) if match["part"] else (day,)


def either_day(first: int) -> Reader:
    """今明两天, 明后天: any of the two."""
    return lambda _, scene: (
        Days(
            frozenset(scene.today + timedelta(days=first + ahead) for ahead in range(2)), "several", each=True
        ),
    )


def days_ahead(count: int) -> Reader:
    return lambda _, scene: (one(scene.today + timedelta(days=count)),)


def read_dotted(match: Match, scene: Scene) -> tuple[Token, ...]:
    """11.28 is a date where no other day is named; behind a day, 15.30 is a clock time and has its own rule."""
    if DAY_MARK in match.string or not 1 <= int(match["month"]) <= 12 or not 1 <= int(match["day"]) <= 31:
        return ()
    return (coming(int(match["month"]), int(match["day"]), scene.today),)


def read_dashed(match: Match, scene: Scene) -> tuple[Token, ...]:
    """11-28, read as 11/28 is, where no other day is named."""
    first, second = int(match["first"]), int(match["second"])
    if DAY_MARK in match.string or not (1 <= first <= 31 and 1 <= second <= 31 and min(first, second) <= 12):
        return ()
    tokens = read_slash_date(match, scene)
    return () if tokens == (Refused("impossible"),) else tokens


def read_month_edge(match: Match, scene: Scene) -> tuple[Token, ...]:
    """月底 is the last day, 月初 the first; a month's beginning that is over is the next one's."""
    how = match["how"] or ""
    first = match["edge"] in ("初", "头", "beginning", "start")
    named = month_named(how, scene.today)
    if named is None:
        return (Refused("impossible"),)
    year, month = named
    if first and not how.strip("个"):
        year, month = month_ahead(scene.today, 1)
    return (known(year, month, 1 if first else monthrange(year, month)[1]),)


def read_nth_of_month(match: Match, scene: Scene) -> tuple[Token, ...]:
    """The last Friday of the month, the first Monday of December, 月底最后一个周六."""
    name = match["month"] or ""
    months = range(2) if name in ("the month", "this month", "") else (1,) if name == "next month" else ()
    places = [month_ahead(scene.today, ahead) for ahead in months]
    if not months:
        number_of = EN_MONTHS.index(name[:3]) + 1
        places = [(scene.today.year, number_of), (scene.today.year + 1, number_of)]
    index = WEEKDAY_CHARS[match["cn"]] if match["cn"] else en_weekday(match["en"])
    days = (nth_weekday(year, month, index, NTH[match["nth"] or "last"]) for year, month in places)
    return next(((one(day),) for day in days if day and day >= scene.today), (Refused("past"),))


def read_within_month(match: Match, scene: Scene) -> tuple[Token, ...]:
    """十二月第一个周六, the first week of December: of a week all its days, of which one is to be picked."""
    named = month_named(match["month"], scene.today)
    if named is None:
        return (Refused("impossible"),)
    nth = NTH.get(match["nth"]) or number(match["nth"])
    if match["cn"]:
        day = nth_weekday(*named, WEEKDAY_CHARS[match["cn"]], nth)
        return (one(day),) if day and day >= scene.today else (Refused("past"),)
    if match["weekend"]:
        saturday = nth_weekday(*named, 5, nth)
        return (
            (Days(frozenset({saturday, saturday + timedelta(days=1)}), "several", each=True),)
            if saturday
            else ()
        )
    return stretch((date(*named, 7 * nth - 6) + timedelta(days=ahead) for ahead in range(7)), scene)


def holiday_nth(find: Callable[[date], date | None]) -> Reader:
    """国庆第二天: counted from the holiday."""

    def read(match: Match, scene: Scene) -> tuple[Token, ...]:
        day = find(scene.today)
        return (one(day + timedelta(days=number(match["nth"]) - 1)) if day else Refused("vague"),)

    return read


def week_beside(find: Callable[[date], date | None]) -> Reader:
    """圣诞那周, the week before Christmas: seven days, of which one is to be picked."""

    def read(match: Match, scene: Scene) -> tuple[Token, ...]:
        day = find(scene.today)
        if day is None:
            return (Refused("vague"),)
        way = match["way"] or match["way2"]
        if way in ("前", "before"):
            return stretch((day - timedelta(days=ahead) for ahead in range(7, 0, -1)), scene)
        if way in ("后", "after"):
            return stretch((day + timedelta(days=ahead) for ahead in range(1, 8)), scene)
        return stretch(week(day, 0), scene)

    return read


def holiday(find: Callable[[date], date | None]) -> Reader:
    def read(_: Match, scene: Scene) -> tuple[Token, ...]:
        day = find(scene.today)
        return (one(day) if day else Refused("vague"),)

    return read
