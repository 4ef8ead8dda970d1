"""One text judged: what was read of it against what it says.

Fair means: acts count in any order and any number of times; a `correct` is as good as a `refuse` and a `give`; what `may` be
read is not missed; what `never` may follow is wrong; an act that was not read is a needless ask, and wrong only where a
question that waits for a yes stays armed although the text took it back. What is asked about is not taken, so it is not wrong;
nor is what does nothing where it stands.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from imserver.plugins.booking.schedule.shops import Chain
from imserver.plugins.booking.understanding.acts import Act, Hours, Kind, Reading, Scene

from . import ends, never
from .corpus import CANNOT_BE, Days, Utterance, Want
from .heard import Heard, hear
from .kin import same_person
from .values import agrees, covers, covers_day, days_of, digits, names_days, plain, same_days, same_range

BAND_OF_CHILDREN = "child"
TIMES = frozenset({"day", "time", "range"})
#: A card's yes is off after these.
_CHANGES = frozenset({Kind.REFUSE, Kind.CORRECT, Kind.LATER, Kind.NO})
#: Read beside other things, they do no harm and ask nothing.
_COURTESIES = frozenset({Kind.THANKS, Kind.GREETING})
#: What books, moves or cancels: none of these may ever be read where it was not said.
_ACTING = frozenset({"yes", "begin book", "begin move", "begin cancel"})
#: Words of commands that add nothing: "order arrived" is "lens arrived".
_PADDING = frozenset({"order", "lens", "lenses", "the"})
#: The first buttons of the questions that have two.
_BUTTONS = {("confirm", 1): "yes", ("confirm", 2): "no", ("first", 1): True, ("first", 2): False}


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


def judge(
    utterance: Utterance, reading: Reading, scene: Scene, chain: Chain, alarm: str | None = None
) -> Verdict:
    """The verdict on one reading. `alarm`: the kind that the red flags found in the text."""
    heard, found = hear(reading, scene, alarm), Verdict(utterance)
    found.asks, found.offers = heard.asks, bool(heard.acts)
    wants, beside = _Wants(utterance, heard, chain), _Beside(utterance, heard, chain)
    for want in utterance.wants:
        (found.right if wants.read(want) else found.missed).append(want)
    for act in heard.acts:
        if not beside.expected(act):
            found.extra.append(name_of(act))
            outcome = beside.cost(act)
            if outcome is not None:
                found.wrong.append((name_of(act), outcome))
    if wants.taken_for_granted(found.right):
        found.wrong.append(("one of several", Outcome.OFFERED))
    if beside.other_moment() or never.takes(heard, utterance):
        found.wrong.append(("when", Outcome.OFFERED))
    if beside.left_armed(found.missed):
        found.wrong.append(("left armed", Outcome.ACTED))
    return found


def name_of(act: Act) -> str:
    """`give day`, `yes`: what a table calls it."""
    return f"{act.kind} {act.what}".strip()


@dataclass(frozen=True, slots=True)
class _Match:
    """An utterance and what was heard of it."""

    utterance: Utterance
    heard: Heard
    chain: Chain

    @property
    def open(self) -> bool:
        """Whether a booking is open."""
        return self.utterance.step != "none"

    def fits(self, want: Want, act: Act) -> bool:
        """Whether this act is that one."""
        if self._pressed(want, act):
            return True
        if want.kind is Kind.REFUSE:
            return act.kind is Kind.REFUSE and self._same_refused(want, act)
        if want.kind in (Kind.GIVE, Kind.CORRECT):
            return act.kind is Kind.GIVE and self._same_value(want, act)
        if want.name in ends.TO_PEOPLE:
            return name_of(act) in ends.TO_PEOPLE
        if want.kind is not act.kind:
            return False
        if want.kind is Kind.BEGIN and act.what == "other":
            return self._same_command(want, act.value)
        return want.what == act.what or want.kind is Kind.ALARM

    def _pressed(self, want: Want, act: Act) -> bool:
        """Whether the number of a button, or a yes to "is it your first visit?", says it."""
        step = self.utterance.step
        if step == "first" and want.what == "first":
            answer = {Kind.YES: True, Kind.NO: False}.get(act.kind)
            if answer is not None:
                return answer in want.values
        if act.kind is not Kind.GIVE or act.what != "number":
            return False
        if step == "service" and want.what == "service" and isinstance(act.value, int):
            return (
                1 <= act.value <= len(self.chain.services)
                and self.chain.services[act.value - 1].id in want.values
            )
        button = _BUTTONS.get((step, act.value))
        return button is not None and (
            button == want.kind or (want.what == "first" and button in want.values)
        )

    @staticmethod
    def _same_command(want: Want, value: Any) -> bool:
        if value in (None, ""):
            return want.what == "other"
        names = want.values if want.what == "other" else (want.what,)
        return not names or any(_bare(name) == _bare(value) for name in names)

    def _same_refused(self, want: Want, act: Act) -> bool:
        if not want.what or (want.what == act.what and (not want.values or act.value is None)):
            return True
        # "Not then" about a card's time: which of day, hour and part is refused, the card says.
        about_time = {want.what, act.what} <= TIMES
        of_the_card = about_time and act.value is None and self.utterance.shown_day is not None
        return of_the_card or self._same_value(want, act)

    def _same_value(self, want: Want, act: Act) -> bool:
        if want.what == "other":  # said, and nothing comes of it: as whose word is all the same
            return act.what == "other" or (act.what in ("name", "person") and act.value in want.values)
        if {want.what, act.what} == {"day", "range"}:  # a weekend, a week
            return any(same_days(value, days_of(act.value)) for value in want.values)
        if want.what == act.what == "range":
            return any(same_range(value, act.value) for value in want.values)
        if self.utterance.staff and want.what == "name" and act.what in ("name", "other"):
            return any(self._same_staff(value, act.value) for value in want.values)
        if want.what != act.what:
            return False
        return not want.values or any(self._same(want.what, value, act.value) for value in want.values)

    def _same(self, what: str, wanted: Any, heard: Any) -> bool:
        if wanted == CANNOT_BE:
            return self.heard.asks or ends.cannot_be(heard)
        if what == "day":
            return wanted in days_of(heard)
        if what == "service":
            return wanted == heard or ({wanted, heard} == ends.EXAMS and self._for_a_child())
        if what == "age":
            return self.same_age(wanted, heard)
        if what == "shop":
            return wanted in ("last", heard) or self._shop(wanted) == heard
        if what == "person":
            return any(same_person(one, str(heard)) for one in str(wanted).split(","))
        if what == "phone":
            return digits(wanted).endswith(digits(heard)) and len(digits(heard)) >= 4
        if what == "number":
            return wanted == heard or (wanted == "last" and heard in ("last", -1))
        return bool(plain(wanted) == plain(heard))

    def _for_a_child(self) -> bool:
        """Whether both the corpus and the reading speak of a child, by age or kin: which exam that is, the band says."""
        said = [(one.what, value) for one in self.utterance.allows() for value in one.values]
        read = [(act.what, act.value) for act in self.heard.acts if act.kind is Kind.GIVE]
        return any(self._a_child(*one) for one in said) and any(self._a_child(*one) for one in read)

    def _a_child(self, what: str, value: Any) -> bool:
        if what == "age":
            return self.same_age(BAND_OF_CHILDREN, value)
        return what == "person" and same_person("child", str(value))

    def same_age(self, wanted: Any, heard: Any) -> bool:
        """Years are compared as such, and with a band by the band that they are in."""
        if isinstance(wanted, int) and isinstance(heard, int):
            return wanted == heard
        return self._band(wanted) == self._band(heard)

    def _band(self, age: Any) -> str:
        return self.chain.band_of_age(age).id if isinstance(age, int) else str(age)

    def _shop(self, wanted: str) -> str | None:
        return next((shop.id for shop in self.chain.stores if wanted in (shop.id, *shop.words)), None)

    def _same_staff(self, wanted: Any, heard: Any) -> bool:
        """李老师 and Li are one."""
        for shop in self.chain.stores:
            for one in shop.resources:
                names = (one.id, one.names.zh, one.names.en)
                if any(str(wanted) in name for name in names) and any(str(heard) in name for name in names):
                    return True
        return bool(plain(wanted) == plain(heard))


@dataclass(frozen=True, slots=True)
class _Wants(_Match):
    """What is wanted, and whether it was read."""

    def read(self, want: Want) -> bool:
        """Whether an act says what is wanted, or something that leads to the same end."""
        if ends.one_of_several(self.utterance, self.heard, want):
            return False
        if self._said(want) or ends.same(self.utterance, self.heard, want):
            return True
        return any(self._stands_for_it(other) for other in ends.alternatives(self.utterance, want))

    def _stands_for_it(self, other: Want) -> bool:
        """Whether an act says it: a text that nobody understood stands for nothing, though it puts a card off."""
        return any(self.fits(other, act) for act in self.heard.acts) or ends.same(
            self.utterance, self.heard, other
        )

    def _said(self, want: Want) -> bool:
        """Whether an act says it, or something that comes to the same."""
        if any(self.fits(want, act) for act in self.heard.acts):
            return True
        if want.kind is Kind.REFUSE:
            return self._implied(want) or (not want.what and self.heard.disarms)
        if want.kind is Kind.CORRECT and not want.values:
            when = self.heard.when
            return self.heard.has(Kind.REFUSE) or (when is not None and when.shift is not None)
        if want.kind in (Kind.GIVE, Kind.CORRECT):
            return self._read_otherwise(want) or self._asked_about_the_day(want)
        if want.name == "begin book":
            return self._asked_about_the_day(want)
        return want.kind is Kind.NO and self.open and self.heard.has(Kind.BEGIN, "cancel")

    def _implied(self, want: Want) -> bool:
        """A card's value is refused by giving another one."""
        shown = self.utterance.shown_start
        if shown is None or want.what not in TIMES:
            return False
        of_the_card = {"day": shown.date(), "time": shown.time()}.get(want.what)
        given = [act.value for act in self.heard.acts if act.kind is Kind.GIVE and act.what == want.what]
        return of_the_card in want.values and any(value != of_the_card for value in given)

    def _asked_about_the_day(self, want: Want) -> bool:
        """A misspelt day is asked about, as it should be: what else the text says waits for the answer."""
        when = self.heard.when
        guessed = when is not None and when.guess is not None
        plain_day = any(one.what == "day" for one in self.utterance.wants)
        return guessed and not plain_day and (want.what in TIMES or want.name == "begin book")

    def _read_otherwise(self, want: Want) -> bool:
        """A value that stands in the time alone, among those that are asked for, or in another value."""
        heard = self.heard
        if want.what == "person":
            return bool(heard.people) or (
                same_person("child", str(want.values[0])) and self._speaks_of_a_child()
            )
        if want.what in ("day", "time") and want.asked and heard.asks:
            return True
        if want.what == "day":
            return bool(heard.days) and all(day in heard.days for day in want.values)
        if want.what == "time":
            if heard.starts:
                return {start.time() for start in heard.starts} <= set(want.values)
            numbers = [act.value for act in heard.acts if act.what == "number"]
            listed = {value for one in self.utterance.may if one.what == "number" for value in one.values}
            return any(number in listed for number in numbers)
        return want.what == "range" and self._range_in_the_time(want)

    def _range_in_the_time(self, want: Want) -> bool:
        when = self.heard.when
        if when is None:
            return False
        if any(isinstance(value, Days) or value == "weekend" for value in want.values):
            return any(same_days(value, tuple(sorted(self.heard.days))) for value in want.values)
        if when.window is not None:
            begin, end = (moment.hour * 60 + moment.minute for moment in when.window)
            return any(same_range(value, Hours(begin, end or 1440)) for value in want.values)
        return when.part is not None and when.part in want.values

    def _speaks_of_a_child(self) -> bool:
        return any(
            act.kind is Kind.GIVE
            and (
                (act.what == "age" and self.same_age(BAND_OF_CHILDREN, act.value))
                or (act.what == "service" and str(act.value).startswith(BAND_OF_CHILDREN))
            )
            for act in self.heard.acts
        )

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


@dataclass(frozen=True, slots=True)
class _Beside(_Wants):
    """What was heard beside what is wanted, and what harm it does."""

    def expected(self, act: Act) -> bool:
        """Whether the corpus lists it, or it does no harm beside what the corpus lists."""
        if any(self.fits(want, act) for want in self.utterance.allows()):
            return True
        return act.kind in _COURTESIES or (self._harmless(act) and not self._forbidden(act))

    def _harmless(self, act: Act) -> bool:
        allowed = self.utterance.allows()
        changed = any(want.kind in _CHANGES for want in allowed)
        if act.kind is Kind.REFUSE:  # one half of a correction
            return changed and act.value is None
        if act.kind is Kind.NO:  # "no, Saturday"; and where nothing is asked
            return changed or not self.open
        if act.kind is Kind.YES:  # where nothing waits for it
            return self.utterance.step not in ("confirm", "first")
        if act.kind is Kind.BEGIN:
            return self._harmless_begin(act.what, changed)
        if act.kind is Kind.QUESTION and act.what == "place":
            return any(want.name == "begin info" for want in allowed)
        return act.kind is Kind.GIVE and self._harmless_value(act)

    def _harmless_begin(self, what: str, changed: bool) -> bool:
        allowed = self.utterance.allows()
        if what == "book":
            return any(want.kind in (Kind.GIVE, Kind.CORRECT) and self.read(want) for want in allowed)
        if what == "move":  # in an open booking a correction
            return self.open and (changed or any(want.what in TIMES for want in allowed))
        if what == "cancel":  # in an open booking a no
            return self.open and any(want.kind is Kind.NO for want in allowed)
        asked = [want.what for want in allowed if want.kind is Kind.QUESTION]
        return what == "info" and any(one in ("place", "parking", "hours") for one in asked)

    def _harmless_value(self, act: Act) -> bool:
        gives = [want for want in self.utterance.allows() if want.kind in (Kind.GIVE, Kind.CORRECT)]
        if act.value is None or act.what in ("other", "lenses"):  # not named; or of no consequence
            return True
        if self._shown(act):
            return True
        if act.what == "range":
            return any(agrees(want, act.value) and self.read(want) for want in gives)
        if act.what == "day":  # the days of a range that was given
            return any(same_days(value, days_of(act.value)) for want in gives for value in want.values)
        if act.what == "age":  # a child is one whose age is a child's
            people = (str(value) for want in gives if want.what == "person" for value in want.values)
            return self.same_age(BAND_OF_CHILDREN, act.value) and any(
                same_person("child", one) for one in people
            )
        if act.what == "number":  # 25 where the 25th or the age of 25 is meant
            named = {getattr(value, "day", value) for want in gives for value in want.values}
            return act.value in named
        return False

    def _shown(self, act: Act) -> bool:
        """What the card shows changes nothing."""
        shown = self.utterance.shown_start
        return shown is not None and act.value in (shown.date(), shown.time())

    def cost(self, act: Act) -> Outcome | None:
        """What an act that nobody said does: None if it only asks, or does nothing."""
        if act.kind is Kind.YES and self.utterance.staff:
            return None  # a question is open for one person: a yes of staff is no answer to the customer's
        if name_of(act) in _ACTING:
            # In an open booking, to begin or to give up costs what was typed so far, and no appointment.
            acts = self.utterance.step == "confirm" if act.kind is Kind.YES else not self.open
            return Outcome.ACTED if acts else Outcome.OFFERED
        if self._forbidden(act):
            return Outcome.OFFERED
        if self._only_said(act):
            return None
        if act.kind in (Kind.REFUSE, Kind.LATER) or name_of(act) in ends.TO_PEOPLE:
            return None
        if act.kind is Kind.GIVE and act.what in TIMES and (self.heard.asks or self.heard.many):
            return None
        return Outcome.OFFERED

    def _only_said(self, act: Act) -> bool:
        """Whether it stands where the dialogue does nothing with it: in staff talk without a command, in a question."""
        if act.kind is Kind.BEGIN or self.heard.has(Kind.BEGIN) or self.heard.has(Kind.YES):
            return False
        if self.utterance.staff and not self.open:
            return act.kind is not Kind.ALARM
        asked = [want for want in self.utterance.allows() if want.kind is Kind.QUESTION]
        answers = any(self.fits(want, one) for want in asked for one in self.heard.acts)
        return act.kind is Kind.GIVE and answers and (act.what == "service" or not self.open)

    def _forbidden(self, act: Act) -> bool:
        return any(never.forbids(phrase, act, self.heard) for phrase in self.utterance.never)

    def other_moment(self) -> bool:
        """Whether the times that would be taken are none that the text allows, though it names one."""
        starts = [start for start in self.heard.takes if start != self.utterance.shown_start]
        if not starts:
            return False
        gives = [want for want in self.utterance.allows() if want.kind in (Kind.GIVE, Kind.CORRECT)]
        days = [value for want in gives if want.what in TIMES for value in want.values if names_days(value)]
        hours = [value for want in gives if want.what == "time" for value in want.values]
        ranges = [value for want in gives if want.what == "range" for value in want.values]
        for start in starts:
            in_days = not days or any(covers_day(value, start.date()) for value in days)
            at_hour = start.time() in hours or any(covers(value, start.time()) for value in ranges)
            at_hour = at_hour or (CANNOT_BE in hours and ends.cannot_be(start.time()))
            if in_days and (at_hour or not (hours or ranges)):
                return False
        return True

    def left_armed(self, missed: Iterable[Want]) -> bool:
        """Whether the card's yes still books what the text took back."""
        utterance, heard = self.utterance, self.heard
        if utterance.step != "confirm" or any(want.kind is Kind.YES for want in utterance.allows()):
            return False
        if not any(want.kind in _CHANGES for want in missed):
            return False
        moved = any(
            act.kind in _CHANGES
            or (act.what in TIMES and not self._shown(act))
            or (act.kind is Kind.BEGIN and act.what != "book")
            for act in heard.acts
        )
        return not (heard.disarms or heard.asks or moved)


def _bare(command: Any) -> frozenset[str]:
    words = frozenset(str(command).replace("_", " ").casefold().split())
    return words - _PADDING or words
