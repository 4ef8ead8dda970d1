"""Days and times in a text: what is wished, what is refused, what is put right, and what it all comes to."""

from __future__ import annotations

from dataclasses import dataclass

from imserver.plugins.booking.dates.parse import read_when
from imserver.plugins.booking.dates.scan import scan
from imserver.plugins.booking.dates.text import Sheet
from imserver.plugins.booking.dates.tokens import Refused
from imserver.plugins.booking.understanding.acts import Act, Hours, Kind, Scene, Span, When

HOURS = {"morning": (0, 720), "noon": (660, 840), "afternoon": (720, 1080), "evening": (1020, 1440)}
"""The minutes of the parts of a day, for a list of free slots."""


@dataclass(frozen=True, slots=True)
class Times:
    """What a text says about days and times: acts with their spans, and what they come to. None: it says nothing."""

    acts: tuple[Act, ...] = ()
    when: When | None = None


def read_times(sheet: Sheet, scene: Scene) -> Times:
    """Read the days and times of a masked sheet and blank out what was read."""
    reading = read_when(sheet.text, scene.now, scene.zone)
    found = scan(sheet, scene.now.date())
    if not found:
        return Times()
    spans = tuple(
        Span(*sheet.span(one.start, one.end)) for one in found if not isinstance(one.tokens[0], Refused)
    )
    when = When(
        candidates=reading.candidates,
        wish=reading.candidates[0] if len(reading.candidates) == 1 else None,
        days=(reading.day,) if reading.day else (),
        part=reading.part,
        reason=reading.reason,
    )
    acts = []
    day = reading.candidates[0].date() if reading.candidates else reading.day
    if day:
        acts.append(Act(Kind.GIVE, "day", day, spans))
    if len(reading.candidates) == 1:
        acts.append(Act(Kind.GIVE, "time", reading.candidates[0].time(), spans))
    elif reading.part:
        acts.append(Act(Kind.GIVE, "range", Hours(*HOURS[reading.part], reading.part), spans))
    return Times(tuple(acts), when)
