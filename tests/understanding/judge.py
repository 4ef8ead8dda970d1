"""One text judged: what was read of it against what it says.

Fair means: acts count in any order and any number of times; a `correct` is as good as a `refuse` and a `give`; what `may` be
read is not missed; what `never` may follow is wrong; an act that was not read is a needless ask, and wrong only where a
question that waits for a yes stays armed although the text took it back. What is asked about is not taken, so it is not wrong.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time
from enum import IntEnum
from typing import Any

from imserver.plugins.booking.schedule.shops import Chain
from imserver.plugins.booking.understanding.acts import Act, Hours, Kind, Reading, Scene, Weight, When

from .corpus import Days, Utterance, Want
from .kin import same_person
from .scenes import pressed

PARTS = {"morning": (300, 720), "noon": (660, 840), "afternoon": (720, 1080), "evening": (1020, 1440)}
BAND_OF_CHILDREN = "child"
TIMES = frozenset({"day", "time", "range"})
_CHANGES = frozenset({Kind.REFUSE, Kind.CORRECT, Kind.LATER, Kind.NO})
#: Read beside other things, they do no harm and ask nothing.
_COURTESIES = frozenset({Kind.THANKS, Kind.GREETING})
#: What books, moves or cancels: none of these may ever be read where it was not said.
_ACTING = frozenset({"yes", "begin book", "begin move", "begin cancel"})


class Outcome(IntEnum):
    """How a text came out, worst last."""

    RIGHT = 0
    ASKED = 1  # needlessly: something plain was not read
    OFFERED = 2  # something wrong is shown, with its weekday and date, or answered
    ACTED = 3  # something wrong is booked, moved or cancelled, now or by the yes that comes next


@dataclass(slots=True)
class Verdict:
    """What became of a text.

    right, missed: of what is wanted. extra: what was read beside it. wrong: what of that does harm, and how much.
    offers: something was read at all. asks: the text, as it was read, is asked about.
    """

    utterance: Utterance
    right: list[Want] = field(default_factory=list)
    missed: list[Want] = field(default_factory=list)
    extra: list[str] = field(default_factory=list)
    wrong: list[tuple[str, Outcome]] = field(default_factory=list)
    offers: bool = False
    asks: bool = False

    @property
    def outcome(self) -> Outcome:
        if self.wrong:
            return max(outcome for _, outcome in self.wrong)
        return Outcome.ASKED if self.missed else Outcome.RIGHT


@dataclass(frozen=True, slots=True)
class Heard:
    """A reading, flattened: a correction is a refusal and a value, a shift is a time."""

    acts: tuple[Act, ...]
    days: frozenset[date]
    #: What would be held or offered as the one time, if anything is asked at all: start, and the window's end.
    starts: tuple[datetime, ...]
    window: tuple[datetime, datetime] | None
    when: When | None
    asks: bool
    disarms: bool
    people: tuple[str, ...]

    def has(self, kind: Kind, what: str | None = None) -> bool:
        return any(act.kind is kind and what in (None, act.what) for act in self.acts)

    @property
    def takes(self) -> tuple[datetime, ...]:
        """The starts that the dialogue goes on with, unasked."""
        if self.asks or self.when is None:
            return ()
        return self.starts if len(self.starts) == 1 or self.when.either_will_do else ()


def hear(reading: Reading, scene: Scene, alarm: str | None = None) -> Heard:
    """Flatten a reading. `alarm`: the kind that the red flags found, which go before everything else."""
    when, acts = reading.when, list(_split(pressed(reading)))
    starts = () if when is None else when.candidates
    if when is not None and when.shift is not None and scene.shown.start is not None and not starts:
        starts = (scene.shown.start + when.shift,)
        acts += _shifted(starts[0], scene.shown.start)
    if alarm is not None and not any(act.kind is Kind.ALARM for act in acts):
        acts.append(Act(Kind.ALARM, alarm))
    days = {day for act in acts if act.kind is Kind.GIVE and act.what == "day" for day in _days(act.value)}
    days |= set(() if when is None else when.days) | {start.date() for start in starts}
    unclear = any(
        one.weight is Weight.DANGEROUS or (one.in_clause and one.weight is Weight.NEUTRAL)
        for one in reading.rest
    )
    asks = unclear or (when is not None and (when.reason is not None or when.guess is not None))
    window = None if when is None else when.window
    return Heard(tuple(acts), frozenset(days), starts, window, when, asks, reading.disarms, reading.people)


def judge(
    utterance: Utterance, reading: Reading, scene: Scene, chain: Chain, alarm: str | None = None
) -> Verdict:
    """The verdict on one reading."""
    heard, found = hear(reading, scene, alarm), Verdict(utterance)
    found.asks = heard.asks
    found.offers = bool(heard.acts)
    match = _Match(utterance, heard, chain)
    for want in utterance.wants:
        (found.right if match.read(want) else found.missed).append(want)
    for act in heard.acts:
        if not match.expected(act):
            found.extra.append(name_of(act))
            outcome = match.cost(act)
            if outcome is not None:
                found.wrong.append((name_of(act), outcome))
    if match.taken_for_granted(found.right):
        found.wrong.append(("one of several", Outcome.OFFERED))
    if match.other_moment() or match.never_taken():
        found.wrong.append(("when", Outcome.OFFERED))
    if match.left_armed(found.missed):
        found.wrong.append(("left armed", Outcome.ACTED))
    return found


def name_of(act: Act) -> str:
    """`give day`, `yes`: what a table calls it."""
    return f"{act.kind} {act.what}".strip()


@dataclass(frozen=True, slots=True)
class _Match:
    utterance: Utterance
    heard: Heard
    chain: Chain

    # -- what is wanted -------------------------------------------------------------------------------------------------

    def read(self, want: Want) -> bool:
        """Whether an act says what is wanted."""
        if any(self.fits(want, act) for act in self.heard.acts):
            return True
        if want.kind is Kind.REFUSE:
            return self._implied(want)
        if want.kind is Kind.CORRECT and not want.values:
            return self.heard.has(Kind.REFUSE) or (
                self.heard.when is not None and self.heard.when.shift is not None
            )
        if want.kind in (Kind.GIVE, Kind.CORRECT):
            return self._read_otherwise(want)
        return want.kind is Kind.NO and self._open and self.heard.has(Kind.BEGIN, "cancel")

    def fits(self, want: Want, act: Act) -> bool:
        """Whether this act is that one."""
        if want.kind is Kind.REFUSE:
            return act.kind is Kind.REFUSE and self._same_refused(want, act)
        if want.kind in (Kind.GIVE, Kind.CORRECT):
            return act.kind is Kind.GIVE and self._same_value(want, act)
        if want.kind is not act.kind:
            return False
        if want.kind is Kind.BEGIN and act.what == "other" and act.value == want.what:
            return True
        if want.kind is Kind.BEGIN and want.what == "other":
            return act.what == "other" and (not want.values or act.value in (None, "", *want.values))
        return want.what == act.what or (want.kind is Kind.ALARM)

    def _same_refused(self, want: Want, act: Act) -> bool:
        if not want.what or want.what == act.what:
            return not want.values or act.value is None or self._same_value(want, act)
        # "Not then" about a card's time: which of day, hour and part is refused, the card says.
        about_time = {want.what, act.what} <= TIMES
        return about_time and act.value is None and self.utterance.shown_day is not None

    def _implied(self, want: Want) -> bool:
        """A card's value is refused by giving another one."""
        shown = self.utterance.shown_start
        if shown is None or want.what not in TIMES:
            return False
        of_the_card = {"day": shown.date(), "time": shown.time()}.get(want.what)
        return of_the_card in want.values and self.heard.has(Kind.GIVE, want.what)

    def _same_value(self, want: Want, act: Act) -> bool:
        if want.what == "other":  # said, and nothing comes of it: as whose word is all the same
            return act.what == "other" or (act.what in ("name", "person") and act.value in want.values)
        if {want.what, act.what} == {"day", "range"}:  # a weekend, a week
            return any(_same_days(value, _days(act.value)) for value in want.values)
        if want.what == act.what == "range":
            return any(_same_range(value, act.value) for value in want.values)
        if want.what != act.what:
            return False
        if not want.values:
            return True
        return any(self._same(want.what, value, act.value) for value in want.values)

    def _same(self, what: str, wanted: Any, heard: Any) -> bool:
        if what == "day":
            return wanted in _days(heard)
        if what == "age":
            return self._same_age(wanted, heard)
        if what == "shop":
            return wanted in ("last", heard) or self._shop(wanted) == heard
        if what == "person":
            people = str(wanted).split(",")
            return any(same_person(one, str(heard)) for one in people)
        if what == "phone":
            return _digits(wanted).endswith(_digits(heard)) and len(_digits(heard)) >= 4
        if what == "number":
            return wanted == heard or (wanted == "last" and heard in ("last", -1))
        return bool(_plain(wanted) == _plain(heard))

    def _same_age(self, wanted: Any, heard: Any) -> bool:
        if isinstance(wanted, int) and isinstance(heard, int):
            return wanted == heard
        return self._band(wanted) == self._band(heard)

    def _band(self, age: Any) -> str:
        return self.chain.band_of_age(age).id if isinstance(age, int) else str(age)

    def _shop(self, wanted: str) -> str | None:
        return next((shop.id for shop in self.chain.stores if wanted in (shop.id, *shop.words)), None)

    def _read_otherwise(self, want: Want) -> bool:
        """A value that stands in the time alone, or among those that are asked for."""
        heard, when = self.heard, self.heard.when
        if want.what == "person" and heard.people:
            return True
        if want.what == "day":
            if want.asked and heard.asks:
                return True
            return bool(heard.days) and all(day in heard.days for day in want.values)
        if want.what == "time":
            if want.asked and heard.asks:
                return True
            return bool(heard.starts) and {start.time() for start in heard.starts} <= set(want.values)
        if want.what == "range" and when is not None:
            if any(isinstance(value, Days) or value == "weekend" for value in want.values):
                return any(_same_days(value, tuple(sorted(heard.days))) for value in want.values)
            if when.window is not None:
                begin, end = (moment.hour * 60 + moment.minute for moment in when.window)
                return any(_same_range(value, Hours(begin, end or 1440)) for value in want.values)
            return when.part is not None and when.part in want.values
        return False

    # -- what was heard beside it ---------------------------------------------------------------------------------------

    def expected(self, act: Act) -> bool:
        """Whether the corpus lists it, or it does no harm beside what the corpus lists."""
        if any(self.fits(want, act) for want in self.utterance.allows()):
            return True
        return act.kind in _COURTESIES or (self._harmless(act) and not self._forbidden(act))

    def _harmless(self, act: Act) -> bool:
        allowed = self.utterance.allows()
        gives = [want for want in allowed if want.kind in (Kind.GIVE, Kind.CORRECT)]
        if act.kind is Kind.REFUSE:  # one half of a correction
            return any(want.kind in (Kind.CORRECT, Kind.REFUSE) for want in allowed) and act.value is None
        if act.kind is Kind.BEGIN and act.what == "book":
            return bool(gives) and any(self.read(want) for want in gives)
        if act.kind is Kind.BEGIN and act.what == "move":  # in an open booking a correction
            return self._open and any(want.kind in _CHANGES or want.what in TIMES for want in allowed)
        if act.kind is Kind.BEGIN and act.what == "cancel":  # in an open booking a no
            return self._open and any(want.kind is Kind.NO for want in allowed)
        if act.kind is Kind.BEGIN and act.what == "info":
            return any(
                want.kind is Kind.QUESTION and want.what in ("place", "parking", "hours") for want in allowed
            )
        if act.kind is Kind.QUESTION and act.what == "place":
            return any(want.kind is Kind.BEGIN and want.what == "info" for want in allowed)
        if act.kind is not Kind.GIVE:
            return False
        if act.what == "range":
            return any(_agrees(want, act.value) and self.read(want) for want in gives)
        if act.what == "day":  # the days of a range that was given
            return any(_same_days(value, _days(act.value)) for want in gives for value in want.values)
        if act.what == "age":  # a child is one whose age is a child's
            people = (str(value) for want in gives if want.what == "person" for value in want.values)
            return any(
                same_person("child", one) and self._same_age(BAND_OF_CHILDREN, act.value) for one in people
            )
        if act.what == "number":
            return any(act.value in want.values for want in gives)
        return False

    def cost(self, act: Act) -> Outcome | None:
        """What an act that nobody said does: None if it only asks."""
        if act.kind is Kind.YES and self.utterance.staff:
            return None  # a question is open for one person: a yes of staff is no answer to the customer's
        if name_of(act) in _ACTING:
            armed = self.utterance.step == "confirm" or act.kind is not Kind.YES  # else no card waits for it
            return Outcome.ACTED if armed else Outcome.OFFERED
        if self._forbidden(act):
            return Outcome.OFFERED
        if self._only_said(act):
            return None
        if act.kind in (Kind.REFUSE, Kind.LATER) or name_of(act) in ("question other", "begin human"):
            return None
        if act.kind is Kind.GIVE and act.what in TIMES and self.heard.asks:
            return None
        return Outcome.OFFERED

    def _only_said(self, act: Act) -> bool:
        """Whether a value stands where the dialogue does nothing with it: in staff talk without a command, in a question."""
        if act.kind is Kind.BEGIN or self.heard.has(Kind.BEGIN) or self.heard.has(Kind.YES):
            return False
        if self.utterance.staff and not self._open:
            return act.kind is not Kind.ALARM
        asked = [want for want in self.utterance.allows() if want.kind is Kind.QUESTION]
        if act.kind is not Kind.GIVE or not any(
            self.fits(want, one) for want in asked for one in self.heard.acts
        ):
            return False
        return act.what == "service" or not self._open

    @property
    def _open(self) -> bool:
        return self.utterance.step != "none"

    def taken_for_granted(self, right: Iterable[Want]) -> bool:
        """Whether one of several readings was taken where it is to be asked which."""
        if self.heard.asks:
            return False
        for want in right:
            if want.asked and want.what == "day" and len(self.heard.days & set(want.values)) == 1:
                return True
            if want.asked and want.what == "time" and len(self.heard.starts) == 1:
                return True
        return False

    def other_moment(self) -> bool:
        """Whether the times that would be taken are none that the text allows, though it names one."""
        starts = self.heard.takes
        if not starts:
            return False
        gives = [want for want in self.utterance.allows() if want.kind in (Kind.GIVE, Kind.CORRECT)]
        days = [
            want for want in gives if want.what in TIMES and any(_has_days(value) for value in want.values)
        ]
        hours = [want for want in gives if want.what == "time" and want.values]
        ranges = [want for want in gives if want.what == "range"]
        for start in starts:
            in_days = not days or any(
                _covers_day(value, start.date()) for want in days for value in want.values
            )
            at_hour = any(start.time() in want.values for want in hours)
            in_range = any(_covers(value, start.time()) for want in ranges for value in want.values)
            if in_days and (at_hour or in_range or not (hours or ranges)):
                return False
        return True

    def never_taken(self) -> bool:
        """Whether a time is taken that the corpus rules out by name."""
        if self.heard.has(Kind.QUESTION) or self.heard.has(Kind.BEGIN, "slots"):
            return False  # shown, and nothing held
        return any(
            verb in ("book", "hold", "time")
            and all(part in start.isoformat(" ", "minutes") for part in moment)
            for verb, *moment in (phrase.split() for phrase in self.utterance.never)
            if moment
            for start in self.heard.takes
        )

    def left_armed(self, missed: Iterable[Want]) -> bool:
        """Whether the card's yes still books what the text took back."""
        utterance, heard = self.utterance, self.heard
        if utterance.step != "confirm" or any(want.kind is Kind.YES for want in utterance.allows()):
            return False
        if not any(want.kind in _CHANGES for want in missed):
            return False
        moved = any(
            act.kind in _CHANGES or act.what in TIMES or (act.kind is Kind.BEGIN and act.what != "book")
            for act in heard.acts
        )
        return not (heard.disarms or heard.asks or moved)

    # -- what must never follow -----------------------------------------------------------------------------------------

    def _forbidden(self, act: Act) -> bool:
        return any(_forbids(phrase, act, self.utterance, self.heard) for phrase in self.utterance.never)


def _forbids(phrase: str, act: Act, utterance: Utterance, heard: Heard) -> bool:
    """Whether a phrase such as `book 2026-03-20 15:00` rules out this act."""
    verb, _, rest = phrase.partition(" ")
    careless = rest.endswith("without asking")
    rest = rest.removesuffix("without asking").strip()
    if verb in ("cancel", "move", "human", "list"):
        return not careless and not rest and act.kind is Kind.BEGIN and act.what == verb
    if verb in ("yes", "no", "refuse", "alarm"):
        return act.kind is Kind(verb)
    if verb in ("name", "age", "person", "shop", "service", "number", "code"):
        return act.kind is Kind.GIVE and act.what == verb and rest in ("", str(act.value))
    if verb == "act":
        return act.kind is Kind.GIVE and act.what == "code" and rest == f"on {act.value}"
    if verb in ("arrive", "leave", "finish", "no_show", "confirm", "start"):
        return act.kind is Kind.BEGIN and act.what == "other" and act.value == verb
    if verb not in ("book", "hold", "time"):
        return False
    return _books(verb, rest, careless, act, utterance, heard)


def _books(verb: str, rest: str, careless: bool, act: Act, utterance: Utterance, heard: Heard) -> bool:
    moment = rest.split()
    if act.kind is Kind.YES:
        shown = utterance.shown_start
        named = shown is None or not moment or all(part in shown.isoformat(" ", "minutes") for part in moment)
        return verb == "book" and named
    if careless:
        return False
    if not moment:
        shows_only = heard.has(Kind.BEGIN, "slots") or heard.has(Kind.QUESTION)
        return (
            act.kind is Kind.BEGIN
            and act.what == "book"
            and not shows_only
            and (verb == "book" or _holds(heard))
        )
    shows_only = heard.has(Kind.BEGIN, "slots") or (
        heard.has(Kind.QUESTION) and not heard.has(Kind.BEGIN, "book")
    )
    if act.kind is not Kind.GIVE or act.what not in TIMES or heard.asks or shows_only:
        return False
    if heard.starts:
        return any(all(part in start.isoformat(" ", "minutes") for part in moment) for start in heard.takes)
    said = {str(day) for day in heard.days} | {
        f"{one.value:%H:%M}" for one in heard.acts if one.kind is Kind.GIVE and isinstance(one.value, time)
    }
    return set(moment) <= said


def _holds(heard: Heard) -> bool:
    return bool(heard.takes) or (heard.window is not None and not heard.asks)


# ------------------------------------------------------------------------------------------------------------------ values


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


def _days(value: Any) -> tuple[date, ...]:
    if isinstance(value, date):
        return (value,)
    return (
        tuple(value)
        if isinstance(value, (tuple, list, frozenset, set)) and not isinstance(value, Hours)
        else ()
    )


def _same_days(wanted: Any, days: tuple[date, ...]) -> bool:
    if not days:
        return False
    if wanted == "weekend":
        return {day.weekday() for day in days} <= {5, 6}
    if not isinstance(wanted, Days):
        return wanted in days
    if wanted.last is None:
        return 0 < (min(days) - wanted.first).days <= 14
    return min(days) == wanted.first and max(days) == wanted.last


def _same_range(wanted: Any, heard: Any) -> bool:
    if isinstance(heard, Hours):
        if isinstance(wanted, str):
            return heard.part == wanted or (
                heard.part is None and (heard.begin, heard.end) == PARTS.get(wanted)
            )
        return isinstance(wanted, tuple) and (heard.begin, heard.end) == wanted
    return bool(wanted == heard)


def _agrees(want: Want, hours: Any) -> bool:
    """A part of the day beside an hour in it says nothing new; nor does a part beside the same hours in figures."""
    if not isinstance(hours, Hours):
        return False
    if want.what == "time":
        return any(
            isinstance(value, time)
            and (_covers(hours.part, value) or _covers((hours.begin, hours.end), value))
            for value in want.values
        )
    spans = (PARTS.get(value, value) if isinstance(value, str) else value for value in want.values)
    return want.what == "range" and any(
        isinstance(span, tuple) and span[0] >= hours.begin and span[1] <= hours.end for span in spans
    )


def _covers(span: Any, at: time) -> bool:
    span = PARTS.get(span) if isinstance(span, str) else span
    minutes = at.hour * 60 + at.minute
    return isinstance(span, tuple) and span[0] <= minutes <= span[1]


def _has_days(value: Any) -> bool:
    return isinstance(value, (date, Days)) or value == "weekend"


def _covers_day(value: Any, day: date) -> bool:
    if isinstance(value, Days):
        return value.first <= day and (value.last is None or day <= value.last)
    return day.weekday() >= 5 if value == "weekend" else day == value


def _digits(value: Any) -> str:
    return "".join(char for char in str(value) if char.isdecimal())


def _plain(value: Any) -> Any:
    return " ".join(value.casefold().split()) if isinstance(value, str) else value
