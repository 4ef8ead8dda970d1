"""Ranges of days as staff write them (30/11-2/12, dec 30-jan 2, 12月3-5日, 周五-周日, 12月3日起3天), spelled out as two days.

Only what has one meaning is spelled out: 3/12-5/12 in an English text may be of December or of two months, and stays as it is,
so that it is asked about. A range without a year is the next one that is not over; its end is behind its begin.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import date, timedelta

#: Days of one range; a slip of the year is longer.
MAX_RANGE_DAYS = 400

_DASH = r"\s*(?:-|–|—|~|～|到|至|\bto\b|\buntil\b|\btill\b|\bthrough\b|\bthru\b)\s*"
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = rf"({'|'.join(_MONTHS)})[a-z]*\.?"
_DAY = r"(\d{1,2})(?:st|nd|rd|th)?"
_ALONE, _ENDS = r"(?<![\d:./-])", r"(?![\d:./-]|\s*(?:am|pm|点|时|:))"
_HAN = re.compile("[\u4e00-\u9fff]")
_WEEKDAY = r"(?:(?:下|本|这)?(?:周|星期|礼拜)[一二三四五六日天]|(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*)"
_NEAR = r"(?:今天|明天|后天|大后天|today|tomorrow)"
_COUNTS = {"一": 1, "两": 2, "二": 2, "三": 3, "四": 4, "五": 5, "六": 6, "七": 7, "八": 8, "九": 9, "十": 10}
_COUNT = r"(\d{1,3}|[一两二三四五六七八九十])"

#: 30/11-2/12, with years or without; 12.3-12.5.
_SLASHED = re.compile(
    rf"{_ALONE}(\d{{1,2}})([/.])(\d{{1,2}})(?:[/.](\d{{4}}))?{_DASH}(\d{{1,2}})\2(\d{{1,2}})(?:[/.](\d{{4}}))?{_ENDS}",
    re.IGNORECASE,
)
_ISO = re.compile(rf"{_ALONE}(\d{{4}}-\d\d-\d\d){_DASH}(\d{{4}}-\d\d-\d\d)(?![\d-])", re.IGNORECASE)
#: 12月3-5日, 12月3日-1月5日, 12/3-5 in a Chinese text.
_OF_MONTH = re.compile(
    rf"{_ALONE}(?:(\d{{4}})年)?(\d{{1,2}})(?:月|[/.])(\d{{1,2}})[日号]?{_DASH}(?:(\d{{1,2}})月)?(\d{{1,2}})[日号]?{_ENDS}"
)
#: dec 3-5, dec 30-jan 2; 3-5 dec, 30 dec-2 jan; with a year behind them.
_MONTH_FIRST = re.compile(
    rf"\b{_MONTH}\s*{_DAY}{_DASH}(?:{_MONTH}\s*)?{_DAY}(?:,?\s+(\d{{4}}))?{_ENDS}", re.IGNORECASE
)
_DAY_FIRST = re.compile(
    rf"{_ALONE}{_DAY}\s*(?:{_MONTH})?{_DASH}{_DAY}\s*{_MONTH}(?:,?\s+(\d{{4}}))?(?!\d)", re.IGNORECASE
)
#: 周五-周日: a hyphen between two days.
_HYPHEN = re.compile(rf"({_WEEKDAY}|{_NEAR})\s*-\s*({_WEEKDAY}|{_NEAR})", re.IGNORECASE)
#: 12月3日起3天, 3 days from dec 3, dec 3 for 3 days.
_LASTS = re.compile(
    rf"(?:起|开始|\bfor\b)\s*(?:休息?|请假?|连休)?\s*{_COUNT}\s*(?:天|days?\b)", re.IGNORECASE
)
_FROM = re.compile(rf"\b{_COUNT}\s*days?\s+(?:from|starting|beginning)(?:\s+on)?\b", re.IGNORECASE)
#: 周末, next week: all of its days.
_WEEKS = re.compile(
    r"(?P<zh>(?P<next>下)?(?:个|個)?(?:周末|(?(next)(?:周|星期|礼拜)|(?:本周|这周))(?![一二三四五六日天末内])))"
    r"|\b(?P<en>this weekend|next weekend|this week|next week)\b",
    re.IGNORECASE,
)


def spelled_out(text: str, today: date) -> str:
    """The text with the range of days that it begins with as `2026-11-30 到 2026-12-02`; without one, as it is."""
    for pattern, read in _RANGES:
        found = pattern.search(text)
        if (
            pattern is _WEEKS
            and found is not None
            and (text[: found.start()] + text[found.end() :]).strip(" 整个")
        ):
            continue  # the week of a day that is named; and what else is said of a week is asked about
        days = read(found, today, bool(_HAN.search(text))) if found is not None else None
        if found is not None and days is not None:
            return f"{text[: found.start()]} {days[0]} 到 {days[1]} {text[found.end() :]}".strip()
    return _HYPHEN.sub(r"\1 到 \2", text)


def count_of(text: str) -> tuple[int, str] | None:
    """(days that it lasts, 0 if too many; the text of the day that it begins with): 12月3日起3天. None: nothing of that."""
    found = _LASTS.search(text) or _FROM.search(text)
    if found is None:
        return None
    count = _COUNTS.get(found[1]) or int(found[1])
    rest = f"{text[: found.start()]} {text[found.end() :]}".strip()
    return count if count <= MAX_RANGE_DAYS else 0, rest


def _slashed(found: re.Match[str], today: date, chinese: bool) -> tuple[date, date] | None:
    """Both ends in one order. Chinese and dotted 12.3 of Chinese: the month first; else the only order that makes a range."""
    a, _, b, year, c, d, other_year = found.groups()
    orders = [(int(a), int(b), int(c), int(d))] if chinese else [
        (int(a), int(b), int(c), int(d)),
        (int(b), int(a), int(d), int(c)),
    ]  # fmt: skip
    made = {_range(order[:2], order[2:], year, other_year, today) for order in orders} - {None}
    return made.pop() if len(made) == 1 else None


def _iso(found: re.Match[str], today: date, chinese: bool) -> tuple[date, date] | None:
    try:
        first, last = date.fromisoformat(found[1]), date.fromisoformat(found[2])
    except ValueError:
        return None
    return (first, last) if first <= last else None


def _of_month(found: re.Match[str], today: date, chinese: bool) -> tuple[date, date] | None:
    if not chinese:
        return None
    year, month, day, other_month, other_day = found.groups()
    first = int(month), int(day)
    return _range(
        first, (int(other_month or _month_of_end(first, other_day)), int(other_day)), year, None, today
    )


def _month_first(found: re.Match[str], today: date, chinese: bool) -> tuple[date, date] | None:
    month, day, other_month, other_day, year = found.groups()
    first = _number(month), int(day)
    last = _number(other_month) if other_month else _month_of_end(first, other_day), int(other_day)
    return _range(first, last, None, year, today)


def _day_first(found: re.Match[str], today: date, chinese: bool) -> tuple[date, date] | None:
    day, month, other_day, other_month, year = found.groups()
    first, last = (_number(month or other_month), int(day)), (_number(other_month), int(other_day))
    return _range(first, last, None, year, today)


def _weeks(found: re.Match[str], today: date, chinese: bool) -> tuple[date, date] | None:
    """The days of a week or a weekend that are to come."""
    said = found[0].lower()
    monday = today - timedelta(days=today.weekday())
    if said.startswith(("下", "next")):
        monday += timedelta(days=7)
    weekend = "末" in said or "weekend" in said
    first, last = monday + timedelta(days=5 if weekend else 0), monday + timedelta(days=6)
    return (max(first, today), last) if last >= today else None


_RANGES: tuple[
    tuple[re.Pattern[str], Callable[[re.Match[str], date, bool], tuple[date, date] | None]], ...
] = (
    (_ISO, _iso),
    (_SLASHED, _slashed),
    (_OF_MONTH, _of_month),
    (_MONTH_FIRST, _month_first),
    (_DAY_FIRST, _day_first),
    (_WEEKS, _weeks),
)


def _range(
    first: tuple[int, int], last: tuple[int, int], year: str | None, other_year: str | None, today: date
) -> tuple[date, date] | None:
    """Of (month, day) to (month, day); a year that is said, else the next such range that is not over. None: there is none."""
    for begin_year in _years(year, other_year, first > last, today):
        end_year = int(other_year) if other_year else begin_year + (first > last)
        try:
            made = date(begin_year, *first), date(end_year, *last)
        except ValueError:
            return None
        if made[0] <= made[1] and (made[1] >= today or year or other_year):
            return made if (made[1] - made[0]).days < MAX_RANGE_DAYS else None
    return None


def _years(year: str | None, other_year: str | None, over_new_year: bool, today: date) -> Iterator[int]:
    if year or other_year:
        yield int(year) if year else int(other_year or 0) - over_new_year
    else:
        yield from (today.year - 1, today.year, today.year + 1)


def _month_of_end(first: tuple[int, int], day: str) -> int:
    """12月30日到2日 ends in the month behind."""
    return first[0] if int(day) >= first[1] else first[0] % 12 + 1


def _number(month: str) -> int:
    return _MONTHS.index(month[:3].lower()) + 1
