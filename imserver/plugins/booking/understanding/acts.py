"""What a text says, act by act: the words of the reader, which the dialogue decides from and nothing else.

Everything in a text is accounted for: each act names the characters that it explains, and the rest that no act explains is
harmless, neutral or dangerous. Nothing here knows how a text is read or what is done about it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Any, Final, Literal, NamedTuple

from imserver.plugins.booking.dates.tokens import PartName, Reason


class Span(NamedTuple):
    """Characters of the text as it was typed: from `start` up to, not including, `end`."""

    start: int
    end: int


class Kind(StrEnum):
    """What is done by saying something."""

    BEGIN = "begin"
    GIVE = "give"
    REFUSE = "refuse"
    CORRECT = "correct"
    YES = "yes"
    NO = "no"
    QUESTION = "question"
    THANKS = "thanks"
    GREETING = "greeting"
    LATER = "later"
    ALARM = "alarm"


Begun = Literal[
    "book", "move", "cancel", "list", "slots", "info", "report", "order", "human", "help", "stores", "other"
]
Valued = Literal[
    "day", "time", "range", "shop", "service", "person", "name", "age", "first", "phone", "code", "version",
    "number", "lenses", "other",
]  # fmt: skip
Asked = Literal["price", "hours", "place", "parking", "how_long", "bring", "children", "insurance", "other"]


#: What an act of when is about.
TIMES: Final = frozenset({"day", "time", "range"})


class Hours(NamedTuple):
    """A range within a day, in minutes since midnight: 0 and 1440 are open ends. `part` if a part of the day was named."""

    begin: int
    end: int
    part: PartName | None = None


@dataclass(frozen=True, slots=True)
class Act:
    """One act.

    what: of BEGIN a `Begun`, of GIVE, REFUSE and CORRECT a `Valued`, of QUESTION an `Asked`, of ALARM its kind; else "".
    value: `day` a date or, for a weekend or days to pick one from (a week), a tuple of dates; `time` a datetime.time; `range`
        `Hours`; `shop`, `service` the id; `person` the word for whom it is; `name`, `phone`, `code`, `lenses`, `other` a
        string; `age` years or the id of a band; `first` a bool; `version`, `number` an int. None: a value that is meant and
        not named (a day is refused, and which was shown is known from the card).
    spans: the characters that say so.
    """

    kind: Kind
    what: str = ""
    value: Any = None
    spans: tuple[Span, ...] = ()


class Weight(StrEnum):
    """What a rest means for the acts beside it."""

    HARMLESS = "harmless"  # particles, politeness, reasons: as if it were not there
    NEUTRAL = "neutral"  # the acts stand; the text goes to the staff as a note, and the card says so
    DANGEROUS = "dangerous"  # a negation, a digit, a time, a question: asked about; no yes counts beside it


@dataclass(frozen=True, slots=True)
class Rest:
    """Characters that no act explains, as typed. `in_clause`: they stand in the clause of a value."""

    text: str
    span: Span
    weight: Weight
    in_clause: bool = False


@dataclass(frozen=True, slots=True)
class When:
    """What all words about time come to, naive wall-clock times in the shop's zone, none before now.

    candidates: one: that time; several: which one is to be asked, with these as buttons, unless `either_will_do`.
    window: a range was named: the first free start inside will do, `wish` before others.
    wish: the start that is meant most of all (the named start of a range, 12:00 of noon); the candidate if there is one alone.
    days: the days that were named, ascending: one, both of a weekend, all of a range of days.
    part: the part of the day that was named, for a list of free slots where there is no candidate.
    shift: later or earlier than the card's start, or than the appointment's.
    either_will_do: "A, else B": the first of `candidates` that is free, in the order they were said.
    reason: why to ask; None if a time or a window can be taken as it is.
    elsewhere: with the reason zone: the time as it was said, and the zone of the clock that it was said of; the candidate is
        the same moment on the shop's clock.
    guess: the day that was probably meant by a misspelt word ("周流"): it is asked about, never taken.
    clock: the time of day beside a guess, or beside a day that cannot be (past, no such date).
    """

    candidates: tuple[datetime, ...] = ()
    window: tuple[datetime, datetime] | None = None
    wish: datetime | None = None
    days: tuple[date, ...] = ()
    part: PartName | None = None
    shift: timedelta | None = None
    either_will_do: bool = False
    reason: Reason | None = None
    guess: date | None = None
    clock: time | None = None
    elsewhere: tuple[datetime, str] | None = None


@dataclass(frozen=True, slots=True)
class Shown:
    """What the card above the text showed: its day, its start, and whether it asked for a yes.

    booked: it is no card, but the appointment that is spoken of: a bare weekday may be one of its week, or the coming one.
    """

    day: date | None = None
    start: datetime | None = None
    asks_yes: bool = False
    booked: bool = False


@dataclass(frozen=True, slots=True)
class Scene:
    """What the reader knows beside the text and the words of the chain.

    now, zone: the shop's wall time and its IANA zone.  shop: the id of the shop that is spoken to, "" if none is chosen.
    step: the step that was asked last, "" if none: service, day, slot, name, age, first_visit, confirm, confirm_again.
    labels: the folded label of each button that can still be pressed, with the command it stands for.
    day_said: the day last said or shown in this dialogue, also if its slot was refused: the day of a bare clock time.
    days_asked: the days of which one is to be picked, if they are asked: a bare weekday is one of them.
    name: the name on the card of a booking, "" if there is none.
    asks: what the card asks a yes to: book, move, cancel, correct or plan; "" if it asks for none.
    staff: the text is by a member of the staff.
    chinese: the text is what stands behind a command, and the command's word is Chinese: so is what stands behind it.
    """

    now: datetime
    zone: str
    shop: str = ""
    step: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    shown: Shown = Shown()
    day_said: date | None = None
    days_asked: tuple[date, ...] = ()
    name: str = ""
    asks: str = ""
    staff: bool = False
    chinese: bool = False

    @property
    def is_free(self) -> bool:
        """Whether nothing is under way that a text could answer."""
        return self.step in ("", "none")


@dataclass(frozen=True, slots=True)
class Reading:
    """A text that was read: every character is in the span of an act, in `rest`, or harmless punctuation.

    label: the command of the button whose label the whole text is; then there are no acts but that.
    when: what its words about time come to; None if it has none.
    people: more than one person is spoken of ("我和我妈"): asked, and two appointments.
    hedged: a yes to the card was said, and not for certain (应该行, "I guess so"): it is no act, and the card is shown again.
    """

    text: str
    acts: tuple[Act, ...] = ()
    rest: tuple[Rest, ...] = ()
    when: When | None = None
    label: str | None = None
    people: tuple[str, ...] = ()
    hedged: bool = False

    def all(self, kind: Kind, what: str | None = None) -> tuple[Act, ...]:
        """The acts of a kind, in the order of the text."""
        return tuple(act for act in self.acts if act.kind is kind and what in (None, act.what))

    def has(self, kind: Kind, what: str | None = None) -> bool:
        """Whether there is such an act."""
        return any(act.kind is kind and what in (None, act.what) for act in self.acts)

    def given(self, what: str) -> Any:
        """The value that is given or put right, the last one said; None if there is none."""
        found = [act.value for act in self.acts if act.kind in (Kind.GIVE, Kind.CORRECT) and act.what == what]
        return found[-1] if found else None

    @property
    def dangerous(self) -> bool:
        """Whether something was said that nobody understood and that may change what is meant."""
        return any(one.weight is Weight.DANGEROUS for one in self.rest)

    @property
    def disarms(self) -> bool:
        """Whether a question that waits for a yes is off: what it asks was refused, put right, put off, or not answered."""
        unresolved = self.when is not None and self.when.reason is not None
        return (
            self.hedged
            or self.dangerous
            or unresolved
            or self._unanswered
            or any(act.kind in _DISARMING for act in self.acts)
        )

    @property
    def _unanswered(self) -> bool:
        """Whether no answer was given, but a question, or words that nobody understood: the next yes may mean those."""
        if self.label is not None or any(act.kind not in _NO_ANSWER for act in self.acts):
            return False
        return self.has(Kind.QUESTION) or any(one.weight is Weight.NEUTRAL for one in self.rest)


_DISARMING = frozenset({Kind.REFUSE, Kind.CORRECT, Kind.LATER})
_NO_ANSWER = frozenset({Kind.QUESTION, Kind.THANKS, Kind.GREETING})
