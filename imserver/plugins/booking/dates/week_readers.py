"""The meaning of weeks and weekdays on the day they are said. See `day_readers.py` for what a reader is."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from .calendar_days import (
    DAYS_OF_UNIT,
    NTH,
    WEEK_WORDS,
    WEEKDAY_CHARS,
    coming_weekday,
    en_weekday,
    next_weekday,
    one,
    stretch,
    week,
)
from .numerals import number
from .tokens import Days, Match, Refused, Scene, Shift, Token, Weekday


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
    return stretch(days[first : last + 1], scene)


def read_weekdays_of_week(match: Match, scene: Scene) -> tuple[Token, ...]:
    """周中, midweek: what is left of it, or that of next week."""
    days = week(scene.today, 0)[:5]
    return stretch(days if days[-1] > scene.today else week(scene.today, 1)[:5], scene)


def read_english_weekday(match: Match, scene: Scene) -> tuple[Token, ...]:
    index = en_weekday(match["day"])
    if match["how"] in ("next", "nxt"):
        return (next_weekday(index, scene.today),)
    if match["how"] == "this":
        return (one(week(scene.today, 0)[index]),)
    return (Weekday(index),)


def read_weekend(match: Match, scene: Scene) -> tuple[Token, ...]:
    """Both days, or what is left of them. "Next weekend" may be the coming one, or the one behind it."""
    how = match["how"] or ""
    if how == "next":
        return (Refused("ambiguous_week"),)
    days = week(scene.today, how.count("下"))[5:]
    return (Days(frozenset(day for day in days if day >= scene.today), "several", each=True),)


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
