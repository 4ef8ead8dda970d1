"""The time that one text alone names: text, now and zone go in; candidate times or a reason to ask come out.

The policy, in order of weight:

1. **Wrong is far worse than asking.** A time is returned only when every date-like word was understood and all of them
   agree; whatever names no single time to come (past, choices, refusals, "every") is asked about.
2. Words constrain each other: 周五 and 11月20日 must be the same day, 下午 and 15:00 the same time. Contradictions
   are asked about, never weighed.
3. Of a bare hour (3点, "at 8") the reading outside 7:00 to 20:59 is dropped; where two are left both are candidates. Written
   minutes (8:30, 15:00) mean the 24-hour clock; 1:00 to 6:59 without a leading zero is a bare hour. Noon is 12:00.
4. 周五 is the coming one, today's if it is today; 下周五 that of the next calendar week (Monday first); "next Fri" is asked
   wherever people disagree. 3号 is the coming third. A time without a day is today's or, if that is over, asked.
5. No I/O and no clock: the same text, now and zone give the same reading.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from imserver.plugins.booking.dates.doubts import doubt_elsewhere
from imserver.plugins.booking.dates.text import Sheet
from imserver.plugins.booking.dates.tokens import PartName, Reason
from imserver.plugins.booking.understanding.acts import Scene, When
from imserver.plugins.booking.understanding.masks import mask
from imserver.plugins.booking.understanding.times import read_times

FORGETS_DAY: Final = frozenset(
    {"negated", "recurring", "past", "conflict", "leftover", "several", "misspelt"}
)
"""After these reasons the day that was read is not one that the customer wants."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a text says about a time.

    candidates: naive wall-clock times in the zone, ascending, none before now, all on one day; empty means ask. Of a range
    the start that is wished for.
    reason: why to ask; None if and only if there are candidates.
    day, part: the day and the part of it that were named, for a list of free slots where there is no candidate.
    leftover: what was not read as a time, as typed: service, name, code, courtesies.
    """

    candidates: tuple[datetime, ...]
    reason: Reason | None
    day: date | None
    part: PartName | None
    leftover: str


def read_when(text: str, now: datetime, zone: str | ZoneInfo) -> Reading:
    """Read the time that `text` names, said at `now` (wall time in `zone`, or aware) to a shop in `zone`.

    Never raises for any text; an unknown zone raises ZoneInfoNotFoundError. Texts longer than `text.MAX_CHARS`
    are asked about unread.
    """
    place = ZoneInfo(zone) if isinstance(zone, str) else zone
    wall = now.astimezone(place).replace(tzinfo=None) if now.tzinfo else now
    sheet = Sheet(text)
    mask(sheet)
    times = read_times(sheet, Scene(now=wall, zone=place.key))
    when = times.when or When(reason="no_time")
    if when.reason is None and (reason := doubt_elsewhere(sheet.text)):
        when = When(reason=reason)
    candidates = _candidates(when)
    reason = None if candidates else _question(when)
    named = any(act.what == "day" for act in times.acts)
    day = when.days[0] if named and len(when.days) == 1 and reason not in FORGETS_DAY else None
    return Reading(candidates, reason, day, when.part, sheet.leftover())


def _question(when: When) -> Reason:
    """Why a time that the dialogue may take is asked about where there is no dialogue."""
    if when.reason == "no_time" and len(when.days) > 1:
        return "several"
    if when.reason is not None:
        return when.reason
    if when.shift is not None:
        return "no_time"
    return "several" if when.candidates else "range"


def _candidates(when: When) -> tuple[datetime, ...]:
    """The times that need no question but which of them: all on one day."""
    if when.reason is not None or (when.shift is not None and when.wish is None):
        return ()
    if when.window is not None:
        return (when.wish,) if when.wish else ()
    one_day = len({moment.date() for moment in when.candidates}) == 1
    return when.candidates if one_day and not when.either_will_do else ()
