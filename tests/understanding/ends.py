"""Readings that lead a dialogue to the same right end: authors of the corpus name one end in different acts, and each counts.

Every rule is one of the dialogue (`dialogue/router.py`, `dialogue/subjects.py`) and holds for both halves. None excuses a
value: what is given, refused or offered is compared as strictly as before, and a yes stands for nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import time
from typing import Any

from imserver.plugins.booking.understanding.acts import Kind

from .corpus import Days, Utterance, Want
from .heard import Heard

#: A child's eyes are examined: the text says an exam, the age says that it is the child's.
EXAMS = frozenset({"exam", "child-exam"})
#: Both go to the people of the shop, who are told so.
TO_PEOPLE = frozenset({"question other", "begin human"})
#: The shop's own answers are looked up by the words of the text, whatever kind of question was read; of these kinds the
#: dialogue has no other facts, so that without such an answer the question is passed on (`answers._answer`).
_WITHOUT_FACTS = frozenset({"price", "insurance", "children", "other"})
#: Of a customer, nothing in the dialogue does these (`router._BEGUN`).
_NO_COMMANDS = frozenset({"waitlist", "who saw my report"})
#: A card's question is off, by whichever act.
PUT_OFF = "put off"
_VALUED = frozenset({Kind.GIVE, Kind.CORRECT})
_INTENTS = frozenset({Kind.BEGIN, Kind.QUESTION, Kind.GREETING, Kind.THANKS})
#: Hours in which a time that is said plainly is meant; the others are said to be outside the shop's.
_FIRST_HOUR, _LAST_HOUR = 7, 20


def same(utterance: Utterance, heard: Heard, want: Want) -> bool:
    """Whether the dialogue comes to what is wanted from other acts than its own."""
    if want.name in TO_PEOPLE:
        return _waits_for_people(heard)
    if _has_no_command(utterance, want):
        return heard.has(Kind.QUESTION, "other") or _waits_for_people(heard)
    if want.kind is Kind.QUESTION and want.what in _WITHOUT_FACTS and utterance.step != "confirm":
        return any(heard.has(Kind.QUESTION, what) for what in _WITHOUT_FACTS)
    if want.name == "begin book":
        return _opens_a_booking(utterance, heard)
    if want.name == "begin slots":
        return _shows_free_times(utterance, heard)
    if want.name == "begin move":
        return utterance.step == "none" and not heard.has(Kind.BEGIN, "cancel") and heard.instead
    if want.name == "begin cancel":  # 先不约了: in an open booking that is a no
        wants_no = any(one.kind is Kind.NO for one in utterance.wants)
        return utterance.step != "none" and wants_no and heard.has(Kind.NO)
    if want.name == "give day":
        return _known_day(utterance, heard, want) or _past(utterance, heard)
    return want.name == "give time" and (_past(utterance, heard) or _wish_of_a_range(utterance, heard, want))


def alternatives(utterance: Utterance, want: Want) -> Iterator[Want]:
    """What the corpus allows in the place of what is wanted.

    Another value of the one thing that is given ("born in 1990" is 35 or 36), another end of the one thing that is asked for (a
    wish with 可以吗 may show times), another way to say no at a card.
    """
    for other in utterance.may:
        role = _role(other)
        if role is not None and role == _role(want) and _alone(utterance, want):
            yield other


def one_of_several(utterance: Utterance, heard: Heard, want: Want) -> bool:
    """Whether less was read than is wanted: one plain hour of which several are shown to choose from, one person of two."""
    if want.kind in _VALUED and want.what == "time" and len(want.values) == 1:
        hours = [one for one in utterance.wants if one.what == "time" and one.kind in _VALUED]
        shown = heard.many and len({start.time() for start in heard.starts}) > 1
        return len(hours) == 1 and (shown or (heard.when is not None and heard.when.reason == "several"))
    if want.what == "person" and any("," in str(value) for value in want.values):
        persons = {act.value for act in heard.acts if act.kind is Kind.GIVE and act.what == "person"}
        return not heard.people and len(persons) < 2
    return False


def cannot_be(value: Any) -> bool:
    """Whether a time is outside all hours: it is said, and never held."""
    return isinstance(value, time) and not _FIRST_HOUR <= value.hour <= _LAST_HOUR


def _waits_for_people(heard: Heard) -> bool:
    """Whether the text is left to the people: nothing was read that the dialogue acts on (`router._text`, `_for_people`).

    As behind a question that no fact answers, `waiting_since` is set, people are called in time, and a card's yes is off.
    """
    when = heard.when
    takes = when is not None and bool(
        when.candidates or when.window or when.days or when.part or when.guess or when.shift is not None
    )
    acts = any(act.kind not in (Kind.THANKS, Kind.GREETING) for act in heard.acts)
    return heard.unread and not acts and not takes and not heard.people


def _has_no_command(utterance: Utterance, want: Want) -> bool:
    """Whether nothing in the dialogue does it for a customer (`router._BEGUN`): an order, a report, a waiting list."""
    if utterance.staff or want.kind is not Kind.BEGIN:
        return False
    return want.what in ("order", "report") or (want.what == "other" and set(want.values) <= _NO_COMMANDS)


def _opens_a_booking(utterance: Utterance, heard: Heard) -> bool:
    """A service, an hour, or two persons are a wish of themselves where no booking is open."""
    if utterance.staff or utterance.step != "none" or _other_intent(heard, "book"):
        return False
    when = heard.when
    times = when is not None and bool(when.candidates or when.window or when.guess)
    return times or _gives(heard, "service") or bool(heard.people)


def _shows_free_times(utterance: Utterance, heard: Heard) -> bool:
    """A day or a part of one without an hour shows its free times and holds nothing."""
    when = heard.when
    if utterance.staff or when is None or _other_intent(heard, "slots"):
        return False
    if utterance.step == "none" and (_gives(heard, "service") or bool(heard.people)):
        return False
    holds = when.candidates or when.window or when.guess or when.shift is not None
    return bool(when.days) and not holds


def _other_intent(heard: Heard, intent: str) -> bool:
    begun = any(act.kind is Kind.BEGIN and act.what != intent for act in heard.acts)
    return begun or any(heard.has(kind) for kind in (Kind.QUESTION, Kind.LATER, Kind.ALARM, Kind.NO))


def _gives(heard: Heard, what: str) -> bool:
    return any(act.kind is Kind.GIVE and act.what == what and act.value is not None for act in heard.acts)


def _known_day(utterance: Utterance, heard: Heard, want: Want) -> bool:
    """The day of a staff list is today unless one is named; a cancel names its day by giving or refusing it."""
    if utterance.staff and heard.has(Kind.BEGIN, "list"):
        return not _gives(heard, "day") and want.values == (utterance.now.date(),)
    refused = [act.value for act in heard.acts if act.kind is Kind.REFUSE and act.what == "day"]
    return heard.has(Kind.BEGIN, "cancel") and any(value in refused for value in want.values)


def _wish_of_a_range(utterance: Utterance, heard: Heard, want: Want) -> bool:
    """The hour that is meant most of a range that is wanted as well (12:00 of noon) stands in the range."""
    ranged = any(one.what == "range" and one.kind in _VALUED for one in utterance.wants)
    wish = None if heard.when is None or heard.window is None else heard.when.wish
    return ranged and wish is not None and wish.time() in want.values


def _past(utterance: Utterance, heard: Heard) -> bool:
    """A day that is over is no value: it is asked about, and its hour waits for the answer."""
    days = [value for one in utterance.wants if one.what == "day" for value in one.values]
    over = bool(days) and all(day < utterance.now.date() for day in days)
    return over and heard.when is not None and heard.when.reason == "past"


def _role(want: Want) -> str | None:
    """What an act is for: acts of one role can stand in each other's place."""
    if want.kind in _VALUED and want.values:
        if (
            want.what == "first" or "weekend" in want.values
        ):  # of two answers one is wrong; and any weekend would do
            return None
        of_days = want.what == "range" and all(isinstance(one, Days) for one in want.values)
        return "day" if of_days else want.what
    if want.kind in (Kind.NO, Kind.LATER) or (want.kind is Kind.REFUSE and not want.what):
        return PUT_OFF
    if want.kind is Kind.BEGIN and want.what != "human":
        return "begin"
    return "question" if want.kind is Kind.QUESTION else "greeting" if want.kind is Kind.GREETING else None


def _alone(utterance: Utterance, want: Want) -> bool:
    """Whether nothing else of its role is wanted: of two ages, each is meant."""
    if want.kind in _INTENTS:
        return sum(one.kind in _INTENTS for one in utterance.wants) == 1
    return sum(_role(one) == _role(want) for one in utterance.wants) == 1
