"""The meaning of each kind of phrase on the day it is said.

A reader takes a match and the scene and returns tokens. It decides nothing about the rest of the sentence: `parse.py` sees
all tokens together, and so that two days disagree or that a time is past.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Callable, Iterable
from datetime import date, timedelta
from typing import Final, Literal

from .holidays import LUNAR_NEW_YEAR, MOVING, nth_weekday
from .text import DAY_MARK
from .tokens import (
    Between,
    Clock,
    Days,
    Later,
    Match,
    MonthDay,
    Moved,
    Part,
    Reader,
    Reason,
    Refused,
    Same,
    Scene,
    Shift,
    Token,
    Weekday,
)


def refuse(reason: Reason) -> Reader:
    return lambda _, __: (Refused(reason),)


# --------------------------------------------------------------------------------------------------------------- numbers

CN_DIGITS: Final = {char: value for value, char in enumerate("零一二三四五六七八九")} | {"〇": 0, "两": 2}
CN_TENS: Final = {"十": 10, "廿": 20, "卅": 30}
EN_ONES: Final = (
    *(
        "zero",
        "one",
        "two",
        "three",
        "four",
        "five",
        "six",
        "seven",
        "eight",
        "nine",
        "ten",
        "eleven",
        "twelve",
    ),
    *("thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
EN_TENS: Final = {"twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "ninety": 90}
EN_VALUES: Final = {word: value for value, word in enumerate(EN_ONES)} | EN_TENS | {"a": 1, "an": 1, "oh": 0}


def number(text: str) -> int:
    """The value of digits, a Chinese numeral below 60, or an English number word."""
    if text.isdigit() and text.isascii():
        return int(text)
    if "百" in text:
        return 100 * CN_DIGITS[text[0]]
    if all(char in CN_DIGITS for char in text):  # one digit, 零五, 二〇二六
        return int("".join(str(CN_DIGITS[char]) for char in text))
    for sign, tens in CN_TENS.items():
        before, found, after = text.partition(sign)
        if found:
            return tens * CN_DIGITS.get(before, 1) + CN_DIGITS.get(after, 0)
    return sum(EN_VALUES[word] for word in re.split("[- ]", text))


def either(words: Iterable[str]) -> str:
    """An alternative of plain words, longest first so that none hides behind its own beginning."""
    return "|".join(sorted(words, key=len, reverse=True))


# ------------------------------------------------------------------------------------------------------------------ days

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


def read_week(match: Match, scene: Scene) -> tuple[Token, ...]:
    days = week(scene.today, WEEK_WORDS[match["week"].replace("个", "")])
    if not match["day"]:
        return (Days(frozenset(days)),)
    index = WEEKDAY_CHARS[match["day"]]
    if match["next"] and match["week"] == "下":
        return (next_weekday(index, scene.today),)
    return (one(days[index]),)


def read_slurred_week(match: Match, scene: Scene) -> tuple[Token, ...]:
    """约一下周五: 一下 and 周五, or 下周五? Both, unless they are the same day."""
    return (next_weekday(WEEKDAY_CHARS[match["day"]], scene.today),)


def read_english_week(match: Match, scene: Scene) -> tuple[Token, ...]:
    ahead = 2 if match["after"] else WEEK_WORDS[match["week"]]
    days = week(scene.today, ahead)
    if scene.today.weekday() == 6:  # where weeks begin on Sunday, this one has just begun
        return (Days(frozenset(days + week(scene.today, ahead + 1)), "ambiguous_week"),)
    return (Days(frozenset(days)),)


def en_weekday(word: str) -> int:
    """Monday is 0."""
    return EN_WEEKDAYS.index("thu" if word == "thr" else word[:3])


def read_weekday(match: Match, scene: Scene) -> tuple[Token, ...]:
    return (Weekday(WEEKDAY_CHARS[match["day"]]),)


def read_weekdays(match: Match, scene: Scene) -> tuple[Token, ...]:
    """周六日, 周一、三、五: any of the days will do."""
    if match.string[match.start() - 1 : match.start()] in ("下", "这", "本"):
        return (Refused("several"),)
    indexes = [WEEKDAY_CHARS[char] for char in match["days"] if char in WEEKDAY_CHARS]
    days = (
        scene.today if index == scene.today.weekday() else coming_weekday(index, scene.today)
        for index in indexes
    )
    return (Days(frozenset(days), "several", each=True),)


def read_every(match: Match, scene: Scene) -> tuple[Token, ...]:
    """每周二: no single day, but the one that is meant where it is refused."""
    return (Weekday(WEEKDAY_CHARS[match["day"] or match["day2"]]), Refused("recurring"))


def read_every_english(match: Match, scene: Scene) -> tuple[Token, ...]:
    return (Weekday(en_weekday(match["day"] or match["day2"])), Refused("recurring"))


HALVES: Final = {
    **dict.fromkeys(("头两天", "前两天", "初", "头"), (0, 1)),
    **dict.fromkeys(
        (
            "头几天",
            "前几天",
            "头三天",
            "前三天",
            "前半周",
            "上半周",
            "前半段",
            "early",
            "beginning of",
            "start of",
        ),
        (0, 2),
    ),
    **dict.fromkeys(("中", "中间", "mid", "middle of"), (1, 3)),
    **dict.fromkeys(("后半周", "下半周", "后半段", "后几天", "尾", "late", "later", "end of"), (3, 6)),
}
"""The weekdays of a part of a week, from and to."""


def read_part_of_week(match: Match, scene: Scene) -> tuple[Token, ...]:
    """下周头两天, early next week: some days of a week, of which one is to be picked."""
    how = (match["how"] or "").replace(" ", "")
    days = week(scene.today, WEEK_WORDS.get(how, 0) if how != "the" else 0)
    first, last = HALVES.get(match["half"], (0, 6))
    return _stretch(days[first : last + 1], scene)


def read_weekdays_of_week(match: Match, scene: Scene) -> tuple[Token, ...]:
    """周中, midweek: what is left of it, or that of next week."""
    days = week(scene.today, 0)[:5]
    return _stretch(days if days[-1] > scene.today else week(scene.today, 1)[:5], scene)


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
    named = _month_named(groups["how"] or groups.get("how2") or "", scene.today)
    if named is None:
        return (Refused("impossible"),)
    year, month = named
    first, last = TENS.get(groups["tens"] or groups.get("tens2") or "", (1, 31))
    if not (groups["how"] or groups.get("how2")) and last < scene.today.day:
        year, month = month_ahead(scene.today, 1)
    elif groups["tens"] == "" and _OTHER_DAY.search(match.string):
        return ()  # Friday, in July
    end = min(last, monthrange(year, month)[1])
    return _stretch([date(year, month, day) for day in range(first, end + 1)], scene)


def _month_named(how: str, today: date) -> tuple[int, int] | None:
    """下个 is next month's, 12 and december the coming one of that name; no year has a month 0 or 13."""
    how = how.strip().removesuffix("月").removesuffix("份").replace("个", "").strip()
    if how[:3] in EN_MONTHS:
        month = EN_MONTHS.index(how[:3]) + 1
    elif how and how[0] not in "下这本tn":
        month = number(how)
    else:
        return month_ahead(today, how.count("下") + how.startswith("next"))
    return (today.year + (month < today.month), month) if 1 <= month <= 12 else None


def _stretch(days: Iterable[date], scene: Scene) -> tuple[Token, ...]:
    """What is left of some days; one of them is to be picked."""
    left = frozenset(day for day in days if day >= scene.today)
    return (Days(left) if left else Refused("past"),)


def read_same_next_week(match: Match, scene: Scene) -> tuple[Token, ...]:
    """下周同一时间: the card's hour, a week later."""
    return (Moved(days=7, from_today=True), Same("time"))


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
        return _stretch((day + timedelta(days=ahead) for ahead in range(length)), scene)

    return read


def read_week_later(match: Match, scene: Scene) -> tuple[Token, ...]:
    """The same day of next week: of the card's day, or of today."""
    return (Moved(days=7, from_today=True),)


def read_english_weekday(match: Match, scene: Scene) -> tuple[Token, ...]:
    index = en_weekday(match["day"])
    if match["how"] in ("next", "nxt"):
        return (next_weekday(index, scene.today),)
    if match["how"] == "this":
        return (one(week(scene.today, 0)[index]),)
    return (Weekday(index),)


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


def read_weekend(match: Match, scene: Scene) -> tuple[Token, ...]:
    """Both days, or what is left of them. "Next weekend" may be the coming one, or the one behind it."""
    how = match["how"] or ""
    if how == "next":
        return (Refused("ambiguous_week"),)
    days = week(scene.today, how.count("下"))[5:]
    return (Days(frozenset(day for day in days if day >= scene.today), "several", each=True),)


def read_month_edge(match: Match, scene: Scene) -> tuple[Token, ...]:
    """月底 is the last day, 月初 the first; a month's beginning that is over is the next one's."""
    how = match["how"] or ""
    first = match["edge"] in ("初", "头", "beginning", "start")
    named = _month_named(how, scene.today)
    if named is None:
        return (Refused("impossible"),)
    year, month = named
    if first and not how.strip("个"):
        year, month = month_ahead(scene.today, 1)
    return (known(year, month, 1 if first else monthrange(year, month)[1]),)


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
    named = _month_named(match["month"], scene.today)
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
    return _stretch((date(*named, 7 * nth - 6) + timedelta(days=ahead) for ahead in range(7)), scene)


def read_nth_weekday(match: Match, scene: Scene) -> tuple[Token, ...]:
    """第二个周六, the third Saturday from now: counted from the coming one."""
    nth = number(match["nth"]) if match["nth"] not in NTH else NTH[match["nth"]]
    index = WEEKDAY_CHARS[match["cn"]] if match["cn"] else en_weekday(match["en"])
    return (one(coming_weekday(index, scene.today) + timedelta(weeks=nth - 1)),)


def read_after_next(match: Match, scene: Scene) -> tuple[Token, ...]:
    """再下个周六: the one behind the coming one."""
    return (one(coming_weekday(WEEKDAY_CHARS[match["cn"]], scene.today) + timedelta(weeks=1)),)


def read_day_week(match: Match, scene: Scene) -> tuple[Token, ...]:
    """Friday week, Monday fortnight, 周六的下一周."""
    return (Shift(DAYS_OF_UNIT[match["unit"]]),)


def read_an_hour(match: Match, scene: Scene) -> tuple[Token, ...]:
    """遲個鐘: an hour."""
    return (Moved(minutes=-60 if match["early"] else 60),)


def read_beside(match: Match, scene: Scene) -> tuple[Token, ...]:
    """周五的前一天, the day before Christmas: days to add to the day that is named."""
    groups = match.groupdict()
    back = groups["way"] in ("前", "before")
    count = number(groups["count"]) if groups.get("count") else 1
    return (Shift(-count if back else count),)


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
            return _stretch((day - timedelta(days=ahead) for ahead in range(7, 0, -1)), scene)
        if way in ("后", "after"):
            return _stretch((day + timedelta(days=ahead) for ahead in range(1, 8)), scene)
        return _stretch(week(day, 0), scene)

    return read


def holiday(find: Callable[[date], date | None]) -> Reader:
    def read(_: Match, scene: Scene) -> tuple[Token, ...]:
        day = find(scene.today)
        return (one(day) if day else Refused("vague"),)

    return read


def read_moved_time(match: Match, scene: Scene) -> tuple[Token, ...]:
    """晚半小时, half an hour earlier."""
    minutes = _minutes_meant(match)
    early = bool(match.groupdict().get("early"))
    return (Moved(minutes=-minutes if early else minutes),) if minutes else (Moved(),)


def read_moved_days(match: Match, scene: Scene) -> tuple[Token, ...]:
    """推迟一天, 早一天, ten days later; the last counts from today where nothing was agreed."""
    groups = match.groupdict()
    days = number(match["count"]) * DAYS_OF_UNIT[match["unit"]]
    return (Moved(days=-days if groups.get("early") else days, from_today="later" in groups),)


def read_next_day(match: Match, scene: Scene) -> tuple[Token, ...]:
    return (Moved(days=1),)


def read_day_before(match: Match, scene: Scene) -> tuple[Token, ...]:
    return (Moved(days=-1),)


def read_moved(match: Match, scene: Scene) -> tuple[Token, ...]:
    return (Moved(),)


def same(what: Literal["day", "time", "next", "week"]) -> Reader:
    return lambda _, __: (Same(what),)


# ----------------------------------------------------------------------------------------------------------------- times

EARLY, EVENING = Part("morning", 4, 11), Part("evening", 17, 23)

PARTS: Final[dict[str, Part]] = {
    **dict.fromkeys(("凌晨", "拂晓"), Part("morning", 0, 5)),
    **dict.fromkeys(
        (
            "早上",
            "早晨",
            "清晨",
            "清早",
            "大清早",
            "一早",
            "早间",
            "朝早",
            "上午",
            "上昼",
            "早",
            "晨",
            "头晌",
            "头午",
            "上半天",
            "前半晌",
            "前晌",
            "上午头",
            "一大早",
            "大早上",
            "早饭后",
            "吃完早饭",
        ),
        EARLY,
    ),
    **dict.fromkeys(
        (
            "中午",
            "正午",
            "晌午",
            "晌午头",
            "大中午",
            "午间",
            "午休",
            "午休时间",
            "午饭时间",
            "午饭点",
            "noon",
            "midday",
        ),
        Part("noon", 11, 14),
    ),
    **dict.fromkeys(
        (
            "下午",
            "午后",
            "下昼",
            "晏昼",
            "afternoon",
            "arvo",
            "后半晌",
            "后晌",
            "过晌",
            "下晌",
            "下半天",
            "下半日",
            "午饭后",
            "午饭以后",
            "吃完午饭",
            "吃过午饭",
            "午休后",
            "午休完",
            "食完晏",
            "食晏后",
            "吃完中饭",
            "中饭后",
            "吃了午饭",
        ),
        Part("afternoon", 12, 20),
    ),
    **dict.fromkeys(("傍晚", "黄昏", "傍黑", "擦黑", "天擦黑"), Part("evening", 16, 20)),
    **dict.fromkeys(
        (
            "晚上",
            "夜晚",
            "晚间",
            "夜里",
            "夜间",
            "晚",
            "夜",
            "入夜",
            "晚饭后",
            "晚饭以后",
            "吃完晚饭",
            "吃过晚饭",
            "吃了晚饭",
            "食完晚饭",
            "食完饭后",
            "night",
            "tonight",
            "tonite",
            "2nite",
        ),
        EVENING,
    ),
    **dict.fromkeys(("深夜", "半夜", "大半夜"), Part("evening", 21, 23)),
    "evening": Part("evening", 16, 23),
    **dict.fromkeys(("eve", "nite"), Part("evening", 16, 23)),
    "aft": Part("afternoon", 12, 20),
    **dict.fromkeys(("morning", "morn", "a"), Part("morning", 0, 11)),  # a.m.
    "p": Part("afternoon", 12, 23),  # p.m.
}


def clock(hour: int, minute: int, *, exact: bool = False) -> Token:
    return Clock(hour, minute, exact) if hour < 24 and minute < 60 else Refused("impossible")


def clock_before(hour: int, minutes: int) -> Token:
    """差五分三点, a quarter to four: on the dial, one o'clock follows twelve."""
    return (
        Clock((hour - 1) or 12, 60 - minutes)
        if 1 <= hour <= 12 and 0 < minutes < 60
        else Refused("impossible")
    )


def minutes_of(text: str) -> int:
    """The minutes of "half", "a quarter", "twenty minutes"."""
    words = {"half": 30, "quarter": 15, "qtr": 15}
    text = text.removeprefix("a ")
    return words[text] if text in words else number(text.partition(" minute")[0])


_CANTONESE: Final = re.compile("[嘅咗喺唔冇嗰啲佢哋嚟㗎喇嘞听晏搵俾]")


def read_chinese_clock(match: Match, scene: Scene) -> tuple[Token, ...]:
    cantonese = _CANTONESE.search(match.string) is not None
    if match["figure"] == "五" and not cantonese:  # 三点五 may be half past
        return (Refused("leftover"),)
    halves = bool(match["half"] or match["struck_half"])
    quarters, fives = match["quarter"] or match["bones"], match["fives"] or match["struck"] or match["figure"]
    minute = match["counted"] or match["minute"]
    if cantonese and match["minute"] in ("十", "十一"):
        fives, minute = minute, None
    past = 30 * halves + 15 * number(quarters or "0") + 5 * number(fives or "0")
    return (clock(number(match["hour"]), past + number(minute or "0")),)


def read_chinese_before(match: Match, scene: Scene) -> tuple[Token, ...]:
    return (clock_before(number(match["hour"]), number(match["minute"] or "15")),)


def read_written(match: Match, scene: Scene) -> tuple[Token, ...]:
    """15:00 and 8:30 are read as written; 1:00 to 6:59 without a leading zero is as often the afternoon."""
    hour = match["hour"]
    return (clock(int(hour), int(match["minute"]), exact=len(hour) == 2 or not 1 <= int(hour) <= 6),)


def read_am_pm(match: Match, scene: Scene) -> tuple[Token, ...]:
    hour = number(match["hour"])
    if not 1 <= hour <= 12:
        return (Refused("impossible"),)
    return (clock(hour, int(match["minute"] or 0)), PARTS[match["part"]])


def read_spoken(match: Match, scene: Scene) -> tuple[Token, ...]:
    return (clock(number(match["hour"]), number(match["minute"])),)


def read_hour(match: Match, scene: Scene) -> tuple[Token, ...]:
    return (clock(number(match["hour"]), 0),)


def read_past(match: Match, scene: Scene) -> tuple[Token, ...]:
    return (clock(number(match["hour"]), minutes_of(match["minute"])),)


def read_to(match: Match, scene: Scene) -> tuple[Token, ...]:
    return (clock_before(number(match["hour"]), minutes_of(match["minute"])),)


def read_part(match: Match, scene: Scene) -> tuple[Token, ...]:
    return (PARTS[match["part"]],)


def read_evening(match: Match, scene: Scene) -> tuple[Token, ...]:
    """After work."""
    return (EVENING,)


def read_morning(match: Match, scene: Scene) -> tuple[Token, ...]:
    """First thing, before lunch."""
    return (EARLY,)


def read_part_clock(match: Match, scene: Scene) -> tuple[Token, ...]:
    """周五早八, 周六晚七: the hour without its 点."""
    return (PARTS[match["part"]], clock(number(match["hour"]), 0))


def read_afternoon(match: Match, scene: Scene) -> tuple[Token, ...]:
    return (PARTS["afternoon"],)


def read_noon(match: Match, scene: Scene) -> tuple[Token, ...]:
    return (PARTS["noon"],)


def read_part_today(match: Match, scene: Scene) -> tuple[Token, ...]:
    return (one(scene.today), PARTS[match["part"]])


def read_hours(match: Match, scene: Scene) -> tuple[Token, ...]:
    """3-5点, 三四点, 9 to 11:30am: two hours, and a part of the day that belongs to the last."""
    first, last = number(match["first"]), number(match["last"])
    groups = match.groupdict()
    if groups.get("next") is not None and last != first + 1:
        return ()
    if first > last and first in (5, 10, 20, 25) and groups.get("to") == "to":
        return (Refused("range"),)  # ten to three
    if first > 24 or last > 24 or first == last:
        return ()
    begin = clock(first, int(groups.get("minute") or 0))
    end = clock(last, 30 if groups.get("half") else int(groups.get("last_minute") or 0))
    if not isinstance(begin, Clock) or not isinstance(end, Clock):
        return (Refused("impossible"),)
    return (Between(begin, end), *((PARTS[match["part"]],) if groups.get("part") else ()))


def read_behind_day(match: Match, scene: Scene) -> tuple[Token, ...]:
    """明天15.30, 周四1030, tmrw 3: a clock time because a day stands before it."""
    minute = match.groupdict().get("minute")
    hour = number(match["hour"])
    if hour > 23 or int(minute or 0) > 59:
        return ()
    return (clock(hour, int(minute or 0), exact=bool(minute) and not 1 <= hour <= 6),)


def read_hour_minute(match: Match, scene: Scene) -> tuple[Token, ...]:
    """After 4, before 6.30: an hour because of the word before it."""
    return (clock(number(match["hour"]), int(match["minute"] or 0)),)


def read_dotted_clock(match: Match, scene: Scene) -> tuple[Token, ...]:
    """A slip of the thumb: 3.点, 10.半."""
    return (clock(number(match["hour"]), 30 if match.group().endswith("半") else 0),)


def read_half(match: Match, scene: Scene) -> tuple[Token, ...]:
    """Half four is 4:30 in English."""
    return (clock(number(match["hour"]), 30),)


def read_later(match: Match, scene: Scene) -> tuple[Token, ...]:
    total = _minutes_meant(match)
    return (Later(total) if total else Refused("vague"),)


def _minutes_meant(match: Match) -> int:
    hours, quarters, *minutes = (
        number(match[key] or "0") for key in ("hours", "quarters", "and_minutes", "minutes")
    )
    halves = sum(bool(match[name]) for name in ("half_hour", "point", "and_half"))
    return 60 * hours + 30 * halves + 15 * quarters + sum(minutes)
