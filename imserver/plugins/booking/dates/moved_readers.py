"""The meaning of what is said of a time already named or agreed: later, the day before, the same hour."""

from __future__ import annotations

from typing import Literal

from .calendar_days import DAYS_OF_UNIT
from .numerals import number
from .tokens import Later, Match, Moved, Reader, Refused, Same, Scene, Shift, Token


def read_same_next_week(match: Match, scene: Scene) -> tuple[Token, ...]:
    """下周同一时间: the card's hour, a week later."""
    return (Moved(days=7, from_today=True), Same("time"))


def read_week_later(match: Match, scene: Scene) -> tuple[Token, ...]:
    """The same day of next week: of the card's day, or of today."""
    return (Moved(days=7, from_today=True),)


def read_an_hour(match: Match, scene: Scene) -> tuple[Token, ...]:
    """遲個鐘: an hour."""
    return (Moved(minutes=-60 if match["early"] else 60),)


def read_beside(match: Match, scene: Scene) -> tuple[Token, ...]:
    """周五的前一天, the day before Christmas: days to add to the day that is named."""
    groups = match.groupdict()
    back = groups["way"] in ("前", "before")
    count = number(groups["count"]) if groups.get("count") else 1
    return (Shift(-count if back else count),)


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


def read_later(match: Match, scene: Scene) -> tuple[Token, ...]:
    total = _minutes_meant(match)
    return (Later(total) if total else Refused("vague"),)


def _minutes_meant(match: Match) -> int:
    hours, quarters, *minutes = (
        number(match[key] or "0") for key in ("hours", "quarters", "and_minutes", "minutes")
    )
    halves = sum(bool(match[name]) for name in ("half_hour", "point", "and_half"))
    return 60 * hours + 30 * halves + 15 * quarters + sum(minutes)
