"""What must never follow from a text: phrases such as `book 2026-03-20 15:00`, `name …` or `cancel`, against what was read."""

from __future__ import annotations

from datetime import time

from imserver.plugins.booking.understanding.acts import Act, Kind

from .corpus import Utterance
from .heard import Heard

_CARELESS = "without asking"
_BEGUN = frozenset({"cancel", "move", "human", "list"})
_GIVEN = frozenset({"name", "age", "person", "shop", "service", "number", "code"})
_STAFF = frozenset({"arrive", "leave", "finish", "no_show", "confirm", "start"})
_TAKEN = frozenset({"book", "hold", "time"})
_TIMES = frozenset({"day", "time", "range"})


def forbids(phrase: str, act: Act, heard: Heard) -> bool:
    """Whether the phrase rules out this act. Of a yes the step decides; whatever else is begun `without asking` is asked."""
    verb, _, rest = phrase.partition(" ")
    careless = rest.endswith(_CARELESS)
    rest = rest.removesuffix(_CARELESS).strip()
    if verb in _BEGUN:
        return not careless and not rest and act.kind is Kind.BEGIN and act.what == verb
    if verb in ("yes", "no", "refuse", "alarm"):
        return act.kind is Kind(verb)
    if verb in _GIVEN:
        return act.kind is Kind.GIVE and act.what == verb and rest in ("", str(act.value))
    if verb == "act":
        return act.kind is Kind.GIVE and act.what == "code" and rest == f"on {act.value}"
    if verb in _STAFF:
        return act.kind is Kind.BEGIN and act.what == "other" and act.value == verb
    return verb in _TAKEN and not careless and _books(verb, rest.split(), act, heard)


def takes(heard: Heard, utterance: Utterance) -> bool:
    """Whether a time would be taken that a phrase names."""
    if heard.only_shows:
        return False
    return any(
        verb in _TAKEN and all(part in start.isoformat(" ", "minutes") for part in moment)
        for verb, *moment in (phrase.split() for phrase in utterance.never)
        if moment
        for start in heard.takes
    )


def _books(verb: str, moment: list[str], act: Act, heard: Heard) -> bool:
    if moment == ["new"]:  # where an appointment is to be moved
        begins = act.kind is Kind.BEGIN and act.what == "book"
        return begins and not (heard.has(Kind.BEGIN, "move") or heard.instead)
    if not moment:
        shown = heard.has(Kind.BEGIN, "slots") or heard.has(Kind.QUESTION)
        begins = act.kind is Kind.BEGIN and act.what == "book"
        return begins and not shown and (verb == "book" or heard.holds)
    if act.kind is not Kind.GIVE or act.what not in _TIMES or heard.asks or heard.only_shows:
        return False
    if heard.starts:
        return any(all(part in start.isoformat(" ", "minutes") for part in moment) for start in heard.takes)
    hours = {
        f"{one.value:%H:%M}" for one in heard.acts if one.kind is Kind.GIVE and isinstance(one.value, time)
    }
    return set(moment) <= hours | {str(day) for day in heard.days}
