"""What staff say of days and hours: a period ("周五下午", "12月3日到5日", "fri 9-12"), days of opening, spans of opening hours.

Days and clock times are the date grammar's; here stand only the words between them. What cannot be read is None, and the bot
asks with an example. Of two readings twelve hours apart the one by day counts; the card shows it, and waits for a yes.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from itertools import product
from typing import Literal
from zoneinfo import ZoneInfo

from imserver.plugins.booking.schedule.shops import WEEKDAYS
from imserver.plugins.booking.understanding.rewrite import SIMPLIFIED
from imserver.plugins.booking.understanding.when import Reading, read_when

from .day_ranges import count_of, spelled_out

#: Parts of a day, as leave: (first hour, hour behind the last).
PARTS = {"morning": (0, 12), "noon": (11, 14), "afternoon": (12, 18), "evening": (17, 24)}
#: Hours of a clock time that can be meant by day.
_DAY = range(6, 23)

_TO = r"(?:到|至|~|–|—|\bto\b|\buntil\b|\btill\b|\bthrough\b|\bthru\b)"
#: Between the two ends of a period. A hyphen is one only between blanks or clock times: 12-4 is a day.
_BETWEEN = re.compile(
    rf"\s*{_TO}\s*|\s+-\s+|(?<=\d:\d\d)\s*-\s*(?=\d)|(?<=[点时分半日号])\s*-\s*(?=\d|[一二三四五六七八九十两])"
    r"|(?<=[ap]m)\s*-\s*(?=\d)",
    re.IGNORECASE,
)
#: "2-5pm": both are of the afternoon.
_BOTH_HALVES = re.compile(r"\b(\d{1,2}(?::\d\d)?)\s*-\s*(\d{1,2}(?::\d\d)?)\s*([ap])\.?m\b", re.IGNORECASE)
#: Between days that are listed, and how many of them.
_AND, _MOST_LISTED = re.compile(r"\s*(?:和|、|跟|及|,|，|&|\band\b)\s*", re.IGNORECASE), 7
_FROM = re.compile(r"^\s*(?:从|自|\bfrom\b)\s*", re.IGNORECASE)
_ONWARDS = re.compile(r"以后|之后|起|开始|\bafter\b|\bfrom\b|\bonwards?\b", re.IGNORECASE)
_BEFORE = re.compile(r"以前|之前|\bbefore\b|\buntil\b|\btill\b", re.IGNORECASE)
_WHOLE = re.compile(r"全天|一整天|整天|一天|\ball day\b|\bwhole day\b", re.IGNORECASE)
#: Words that say nothing more than that somebody is away.
_COURTESY = re.compile(
    r"整个|请假|休假|休息|不在|不来|需要|要|想|请|\boff\b|\baway\b|\bleave\b|\bplease\b|\bon\b|\bthe\b|\bis\b|\bhas\b",
    re.IGNORECASE,
)

#: Why somebody is away, said last. The grammar of dates takes it for what a time is of (周五下午 培训), and passes over both.
_REASON = re.compile(
    r"(.*[^\s到至~–—和、跟及,，&-])\s+((?:(?![点时號号日天周月年星期礼拜今明后昨前早晚午上下半刻整每到至从起零一二两三四五六七八九十])"
    r"[\u4e00-\u9fff])+)"
)

_SPAN = re.compile(r"(?<![\d:])(\d{1,2}):(\d\d)\s*[-~–—到至]\s*(\d{1,2}):(\d\d)(?![\d:])")
_HALF = re.compile(r"(?<![\d:])(0?[1-9]|1[0-2])(?::(\d\d))?\s*([ap])\.?m\b\.?", re.IGNORECASE)
_LATE = frozenset({"下午", "晚上"})
_PARTED = re.compile(r"(上午|早上|下午|晚上)\s*(0?[1-9]|1[0-2]):(\d\d)")
_TO_CLOCK = re.compile(r"(?<=:\d\d)\s*\b(?:to|until|till)\b\s*(?=\d{1,2}:\d\d)", re.IGNORECASE)
_SPOKEN = re.compile(r"(\d{1,2})\s*[点时](半|一刻|三刻|\d{1,2}分?)?")
_MINUTES = {None: "00", "": "00", "半": "30", "一刻": "15", "三刻": "45"}
_CLOSED = re.compile(r"休息|不营业|关门|\bclosed\b", re.IGNORECASE)
_NONE = re.compile(r"取消|没有|无|不休|\bnone\b|\bno\b|\boff\b", re.IGNORECASE)
_EVERY = re.compile(r"每个?|\bevery\b|\beach\b", re.IGNORECASE)
_EACH_DAY = re.compile(r"每天|天天|\bdaily\b|\bevery ?day\b", re.IGNORECASE)
#: In what is left over: something of a time, or a refusal, that nobody read.
_UNREAD = re.compile(r"\d|[点时号]|[别除没]|不是|不要|\bnot\b|\bexcept\b", re.IGNORECASE)
_BUT = re.compile(r"除|\bexcept\b|\bbut\b", re.IGNORECASE)
_SOME_DAYS = re.compile(
    r"月|周末|工作日|平日|下周|[本这]周|起$|开始|\b(?:weekdays?|weekends?|weeks?|months?|from|starting|until|till|"
    r"jan|feb|mar|apr|june?|july?|aug|sept?|oct|nov|dec)(?![a-z])|\b(?:january|february|march|april|august|september|"
    r"october|november|december)\b",
    re.IGNORECASE,
)
_ZH_DAYS = "一二三四五六日"
_WEEKDAY = re.compile(
    r"(?:周|星期|礼拜)([一二三四五六日天])|\b(mon|tue|wed|thu|fri|sat|sun)(?:[a-z]*?day(s)?|[a-z]{0,3})\b",
    re.IGNORECASE,
)
_WEEKDAYS = re.compile(
    r"(?:周|星期|礼拜)([一二三四五六日天])\s*[到至~–—-]\s*(?:周|星期|礼拜)?([一二三四五六日天])"
    r"|\b(mon|tue|wed|thu|fri|sat|sun)[a-z]*\s*(?:[-–—]|to|through)\s*(mon|tue|wed|thu|fri|sat|sun)[a-z]*",
    re.IGNORECASE,
)


def typed(text: str) -> str:
    """A text as staff meant it: in half width, traditional characters of dates and shops simplified; case stays."""
    plain = unicodedata.normalize("NFKC", text)
    return " ".join("".join(SIMPLIFIED.get(char, char) for char in plain).split())


@dataclass(frozen=True, slots=True)
class Period:
    """[start, end) in wall time; `note` is what was said beside it."""

    start: datetime
    end: datetime
    note: str = ""


def read_period(text: str, now: datetime, zone: ZoneInfo) -> Period | None:
    """A period that is not over, or None if the text names none that is clear."""
    text = _BOTH_HALVES.sub(r"\1\3m to \2\3m", text)
    if _BUT.search(text):
        return None
    reasoned = _with_reason(text, now, zone)
    if reasoned is not None:
        return reasoned
    lasts = count_of(text)
    if lasts is not None:
        return _for_days(lasts[0], lasts[1], now, zone)
    text = spelled_out(text, now.date())
    ends = _BETWEEN.split(_FROM.sub("", text))
    found = _one(text, now, zone) if len(ends) == 1 else _two(ends, now, zone) if len(ends) == 2 else None
    found = found or _listed(text, now, zone)
    return found if found is not None and max(now, found.start) < found.end else None


def _with_reason(text: str, now: datetime, zone: ZoneInfo) -> Period | None:
    """12月3日到5日 旅游: the period without its reason, which is a note; None if nothing like it is said last."""
    found = _REASON.fullmatch(text)
    if found is None or _note(read_when(found[2], now, zone)) != _tidy(found[2]):
        return None  # 元旦 is a day
    period = read_period(found[1], now, zone)
    if period is None:
        return None
    return replace(period, note=" ".join(one for one in (period.note, _tidy(found[2])) if one))


def _listed(text: str, now: datetime, zone: ZoneInfo) -> Period | None:
    """周五和周六, 3 dec and 4 dec: whole days, one behind the other."""
    first, *others = _AND.split(text)
    found = _one(first, now, zone) if others else None
    for other in others[:_MOST_LISTED]:
        if found is None or found.start.time() != time() or found.end.time() != time():
            return None
        day = _second(other, found.start, now, zone)
        if day.candidates or day.part or _note(day) != "" or day.day != found.end.date():
            return None
        found = Period(found.start, found.end + timedelta(days=1), found.note)
    return found if len(others) <= _MOST_LISTED else None


def _for_days(count: int, begins: str, now: datetime, zone: ZoneInfo) -> Period | None:
    """So many whole days from a day on."""
    first = _one(begins, now, zone)
    if first is None or not count or first.end - first.start != timedelta(days=1):
        return None
    return Period(first.start, first.start + timedelta(days=count), first.note)


def _one(text: str, now: datetime, zone: ZoneInfo) -> Period | None:
    plain = _BEFORE.sub(" ", _ONWARDS.sub(" ", _WHOLE.sub(" ", text)))
    reading = read_when(plain, now, zone)
    note = _note(reading)
    if note is None:
        return None
    if reading.candidates and reading.part != "noon":
        moment = _by_day(reading.candidates)
        if moment is None:
            return None
        midnight = datetime.combine(moment.date(), time())
        if _ONWARDS.search(text):
            return Period(moment, midnight + timedelta(days=1), note)
        return Period(midnight, moment, note) if _BEFORE.search(text) else None
    day = reading.day or (now.date() if reading.part else None)
    if day is None or (not reading.candidates and reading.reason not in (None, "no_time")):
        return None
    midnight = datetime.combine(day, time())
    first, last = PARTS[reading.part] if reading.part else (0, 24)
    if reading.part and _ONWARDS.search(text):  # "after lunch" is not lunch
        first, last = _begin_of(reading.part), 24
    elif reading.part and _BEFORE.search(text):
        first, last = 0, _begin_of(reading.part)
    elif _ONWARDS.search(text) or _BEFORE.search(text):
        return None  # "after lunch", "from friday on": until when nobody said
    return Period(midnight + timedelta(hours=first), midnight + timedelta(hours=last), note)


def _begin_of(part: str) -> int:
    """The hour at which a part of the day is said to begin: noon is twelve."""
    return 12 if part == "noon" else PARTS[part][0]


def _two(ends: list[str], now: datetime, zone: ZoneInfo) -> Period | None:
    first = read_when(ends[0], now, zone)
    starts = _moments(first, now)
    if not starts:
        return None
    days_only = not first.candidates and first.part is None
    anchor = starts[0]
    second = _second(ends[1], anchor, now, zone)
    notes = [_note(first), _note(second)]
    if None in notes:
        return None
    note = " ".join(one for one in notes if one)
    if days_only:
        # "12月3日到5日": whole days, both of them; "到5日上午" a part of the last one. Nobody says "周五到下午3点".
        if second.candidates or second.day is None or second.day < anchor.date():
            return None
        hours = PARTS[second.part][1] if second.part else 24
        return Period(anchor, datetime.combine(second.day, time()) + timedelta(hours=hours), note)
    stops = list(second.candidates)
    if not stops and second.part and second.day:
        stops = [datetime.combine(second.day, time()) + timedelta(hours=PARTS[second.part][1])]
    pairs = [
        (start, stop)
        for start, stop in product(starts, stops)
        if start < stop and (start.hour in _DAY or len(starts) == 1)
    ]
    if not pairs:
        return None
    start, stop = min(pairs, key=lambda pair: (pair[1] - pair[0], pair[0]))
    return Period(start, stop, note)


def _moments(reading: Reading, now: datetime) -> list[datetime]:
    """The begin of a period, as far as it is clear."""
    if reading.candidates:
        return list(reading.candidates)
    day = reading.day or (now.date() if reading.part else None)
    if day is None or reading.reason not in (None, "no_time"):
        return []
    hour = PARTS[reading.part][0] if reading.part else 0
    return [datetime.combine(day, time()) + timedelta(hours=hour)]


def _second(text: str, anchor: datetime, now: datetime, zone: ZoneInfo) -> Reading:
    """The end of a period: the day that it names as one says it today, or, if that is before the begin, as one would say it
    there ("12月30日到2日"); no day is the day of the begin."""
    here = read_when(text, now, zone)
    if here.day is not None and here.day >= anchor.date():
        return here
    there = read_when(text, anchor, zone)
    return there if there.day is not None else read_when(f"{anchor.date().isoformat()} {text}", anchor, zone)


def _by_day(candidates: tuple[datetime, ...]) -> datetime | None:
    """The one that can be meant by day."""
    good = [moment for moment in candidates if moment.hour in _DAY]
    return good[0] if len(good) == 1 else None


def _note(reading: Reading) -> str | None:
    """What was said beside the days: kept as a note; None if it has something of a time in it that nobody read."""
    rest = _tidy(reading.leftover)
    return None if _UNREAD.search(rest) else rest


def _tidy(text: str) -> str:
    return " ".join(_COURTESY.sub(" ", text).split()).strip(",，。.;；:： ")


# -- opening hours ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class OpeningDays:
    """What is said to be open or closed: weekdays for good, or one date; `which` if only the people know which of the two."""

    weekdays: tuple[int, ...] = ()
    day: date | None = None
    which: bool = False


def _by_the_clock(text: str) -> str:
    """Clock times as 16:00, however they are said: 4pm, 下午4点, 4点半."""
    halves = _HALF.sub(
        lambda found: f"{int(found[1]) % 12 + (12 if found[3] in 'pP' else 0)}:{found[2] or '00'}",
        _BOTH_HALVES.sub(r"\1\3m-\2\3m", text),
    )
    spelled = _SPOKEN.sub(
        lambda found: f"{found[1]}:{_MINUTES.get(found[2], (found[2] or '').removesuffix('分'))}", halves
    )
    parted = _PARTED.sub(
        lambda found: f"{int(found[2]) % 12 + (12 if found[1] in _LATE else 0)}:{found[3]}", spelled
    )
    return _TO_CLOCK.sub("-", parted)


def read_spans(text: str) -> tuple[tuple[str, ...] | None, str]:
    """(spans of opening hours, the text without them). () is closed; None: nothing is said of hours."""
    spelled = _by_the_clock(text)
    spans = tuple(
        f"{int(opens):02d}:{opens_min}-{int(closes):02d}:{closes_min}"
        for opens, opens_min, closes, closes_min in _SPAN.findall(spelled)
    )
    if spans:
        return spans, " ".join(_SPAN.sub(" ", spelled).split())
    if _CLOSED.search(text):
        return (), _CLOSED.sub(" ", text)
    return None, text


def read_opening_days(text: str, now: datetime, zone: ZoneInfo) -> OpeningDays | None:
    """The weekdays or the date that opening hours are said for."""
    if _EACH_DAY.search(text):
        return OpeningDays(tuple(range(7)))
    between = _WEEKDAYS.search(text)
    if between is not None:
        first, last = (_index(one) for one in between.groups() if one)
        return OpeningDays(tuple((first + step) % 7 for step in range((last - first) % 7 + 1)))
    named = _WEEKDAY.findall(text)
    reading = read_when(text, now, zone)
    other = _WEEKDAY.sub("", text)
    if named and (_EVERY.search(text) or all(plural for _, _, plural in named)):
        if names_other_days(other, now, zone):
            return None
        return OpeningDays(tuple(sorted({_index(zh or en) for zh, en, _ in named})))
    if len(named) == 1 and not re.search(r"\d|下|本|这|next|this", other, re.IGNORECASE):
        index = _index(named[0][0] or named[0][1])
        ahead = (index - now.weekday()) % 7
        return OpeningDays((index,), now.date() + timedelta(days=ahead), which=True)
    if (
        reading.day is not None
        and not reading.candidates
        and reading.part is None
        and _note(reading) is not None
    ):
        return OpeningDays(day=reading.day)
    return None


def names_other_days(text: str, now: datetime, zone: ZoneInfo) -> bool:
    """Whether days are said beside those that count, from when on or until when (12月起, "weekdays"): nobody reads that."""
    left = read_when(_EVERY.sub("", text), now, zone)
    return bool(left.day or left.part or left.candidates or _note(left) is None or _SOME_DAYS.search(text))


def says_none(text: str) -> bool:
    return bool(_NONE.search(text))


def _index(word: str) -> int:
    if word in "一二三四五六日天":
        return _ZH_DAYS.index(word.replace("天", "日"))
    return WEEKDAYS.index(word[:3].lower())


Kind = Literal["person", "room", "device"]
#: (words, kind, role) of what can be added; the longest word first.
KINDS: tuple[tuple[str, Kind, str], ...] = (
    ("验光师", "person", "optometrist"),
    ("optometrist", "person", "optometrist"),
    ("店员", "person", "clerk"),
    ("前台", "person", "clerk"),
    ("clerk", "person", "clerk"),
    ("房间", "room", ""),
    ("验光室", "room", ""),
    ("诊室", "room", ""),
    ("room", "room", ""),
    ("设备", "device", ""),
    ("仪器", "device", ""),
    ("device", "device", ""),
)
