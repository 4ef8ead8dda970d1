"""The tokens of the date grammar: what a phrase may mean, and why a text may name no time."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Literal

Reason = Literal[
    "no_time",  # no clock time was named
    "past",  # it is over
    "too_far",  # more than a year off
    "impossible",  # 25点, 2月30号
    "no_such_time",  # the clock skips it that day, or shows it for the second time
    "conflict",  # 上午15:00, a weekday that is not that date's
    "midnight",  # 12 at night: whose night?
    "ambiguous_week",  # "next Fri" said on a Wednesday
    "which_day",  # 下周 without a weekday, 12/3 in an English sentence
    "several",  # two times, two days, or a choice
    "range",  # from, to, before, after, until
    "negated",  # 不要, not
    "recurring",  # 每, every
    "vague",  # 左右, 改天, around
    "zone",  # the clock of another zone
    "misspelt",  # 周流, tomrw: asked, with the day that was probably meant
    "leftover",  # date-like text that no rule understood
    "too_long",
]
"""Why a text names no time. Stable: the dialogue's words are chosen by these."""

PartName = Literal["morning", "noon", "afternoon", "evening"]

# ---------------------------------------------------------------------------------------------------------------- tokens


@dataclass(frozen=True, slots=True)
class Days:
    """One date, or the dates it may be; `unclear` is the reason when nothing else in the text singles one out.

    each: all of the dates are meant, and any of them will do: a weekend, 周二到周四.
    core: the date that is meant if nothing singles out another: in two weeks is that day, or a weekday of that week.
    """

    dates: frozenset[date]
    unclear: Reason = "which_day"
    each: bool = False
    core: date | None = None


@dataclass(frozen=True, slots=True)
class Weekday:
    """周五 by itself: Monday is 0."""

    index: int


@dataclass(frozen=True, slots=True)
class MonthDay:
    """3号 by itself."""

    day: int


@dataclass(frozen=True, slots=True)
class Shift:
    """ "A week from …": days to add to the day that is named."""

    days: int


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the day and the hours, both inclusive, that people give it."""

    name: PartName
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Clock:
    """A time on the dial. `exact`: written as on a 24-hour clock, so 8:30 is not 20:30 unless a part says so."""

    hour: int
    minute: int
    exact: bool = False


@dataclass(frozen=True, slots=True)
class Between:
    """三四点, 3-5点: from one clock time to another, which may have to take the half of the day from each other."""

    first: Clock
    last: Clock


@dataclass(frozen=True, slots=True)
class Later:
    """Minutes from now."""

    minutes: int


@dataclass(frozen=True, slots=True)
class Refused:
    """Words that were understood and name no time that can be booked."""

    reason: Reason


@dataclass(frozen=True, slots=True)
class Moved:
    """Later or earlier than what was agreed: minutes or days, negative if earlier; both None: by how much is not said.

    from_today: where nothing was agreed it counts from today: ten days later.
    """

    minutes: int | None = None
    days: int | None = None
    from_today: bool = False


@dataclass(frozen=True, slots=True)
class Same:
    """The day or the time that was agreed: 同一时间, that day; its `week`: that week; `next` is the day behind it: 第二天."""

    what: Literal["day", "time", "next", "week"]


Token = Moved | Same | Days | Weekday | MonthDay | Shift | Part | Clock | Between | Later | Refused


@dataclass(frozen=True, slots=True)
class Scene:
    """What a phrase may depend on: the day it is said, and whether the sentence is Chinese."""

    today: date
    chinese: bool


Match = re.Match[str]
Reader = Callable[[Match, Scene], tuple[Token, ...]]


def refuse(reason: Reason) -> Reader:
    """A reader of words that name no time that can be booked."""
    return lambda _, __: (Refused(reason),)
