"""A reading, flattened for the judge: a correction is a refusal and a value, a shift a time, a label what its button does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime

from imserver.plugins.booking.understanding.acts import Act, Kind, Reading, Scene, Weight, When

from .scenes import pressed
from .values import days_of

_TIMES = frozenset({"day", "time", "range"})


@dataclass(frozen=True, slots=True)
class Heard:
    """What was read.

    days: all that were named. starts: the candidates, or the card's start shifted. window: of a range.
    asks: the text is asked about, so that no time of it is taken. disarms: the question that waits for a yes is off.
    """

    acts: tuple[Act, ...]
    days: frozenset[date]
    starts: tuple[datetime, ...]
    window: tuple[datetime, datetime] | None
    when: When | None
    asks: bool
    disarms: bool
    people: tuple[str, ...]
    #: Something that may matter was read by no act: it is a note for the people, or asked about.
    unread: bool

    def has(self, kind: Kind, what: str | None = None) -> bool:
        return any(act.kind is kind and what in (None, act.what) for act in self.acts)

    @property
    def takes(self) -> tuple[datetime, ...]:
        """The starts that the dialogue goes on with, unasked."""
        if self.asks or self.when is None:
            return ()
        return self.starts if len(self.starts) == 1 or self.when.either_will_do else ()

    @property
    def many(self) -> bool:
        """Whether several starts are shown to choose from."""
        return len(self.starts) > 1 and self.when is not None and not self.when.either_will_do

    @property
    def instead(self) -> bool:
        """Whether a time is refused and another one given: that moves the appointment that stands at the refused one."""
        refused = any(
            act.kind is Kind.REFUSE and act.what in _TIMES and act.value is not None for act in self.acts
        )
        return refused and any(act.kind is Kind.GIVE and act.what in _TIMES for act in self.acts)

    @property
    def holds(self) -> bool:
        """Whether a time would be held for it."""
        return bool(self.takes) or (self.window is not None and not self.asks)

    @property
    def only_shows(self) -> bool:
        """Whether it asks for free times, or something else, and books nothing: then nothing is held."""
        return self.has(Kind.BEGIN, "slots") or (self.has(Kind.QUESTION) and not self.has(Kind.BEGIN, "book"))


def hear(reading: Reading, scene: Scene, alarm: str | None = None) -> Heard:
    """Flatten a reading. `alarm`: the kind that the red flags found, which go before everything else."""
    when, acts = reading.when, list(_split(pressed(reading)))
    starts = () if when is None else when.candidates
    if when is not None and when.shift is not None and scene.shown.start is not None and not starts:
        starts = (scene.shown.start + when.shift,)
        acts += _shifted(starts[0], scene.shown.start)
    if alarm is not None and not any(act.kind is Kind.ALARM for act in acts):
        acts.append(Act(Kind.ALARM, alarm))
    days = {day for act in acts if act.kind is Kind.GIVE and act.what == "day" for day in days_of(act.value)}
    days |= set(() if when is None else when.days) | {start.date() for start in starts}
    weights = {one.weight for one in reading.rest}
    unclear = Weight.DANGEROUS in weights or any(
        one.in_clause and one.weight is Weight.NEUTRAL for one in reading.rest
    )
    return Heard(
        acts=tuple(acts),
        days=frozenset(days),
        starts=starts,
        window=None if when is None else when.window,
        when=when,
        asks=unclear or (when is not None and (when.reason is not None or when.guess is not None)),
        disarms=reading.disarms,
        people=reading.people,
        unread=bool(weights - {Weight.HARMLESS}),
    )


def _split(acts: Iterable[Act]) -> Iterator[Act]:
    for act in acts:
        if act.kind is Kind.CORRECT:
            yield Act(Kind.REFUSE, act.what, None, act.spans)
            if act.value is not None:
                yield Act(Kind.GIVE, act.what, act.value, act.spans)
        else:
            yield act


def _shifted(start: datetime, shown: datetime) -> Iterator[Act]:
    if start.date() != shown.date():
        yield Act(Kind.GIVE, "day", start.date())
    if start.time() != shown.time():
        yield Act(Kind.GIVE, "time", start.time())
