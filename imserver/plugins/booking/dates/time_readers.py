"""The meaning of clock times and parts of the day. See `day_readers.py` for what a reader is."""

from __future__ import annotations

import re
from typing import Final

from .calendar_days import one
from .numerals import number
from .tokens import Between, Clock, Match, Part, Refused, Scene, Token

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
