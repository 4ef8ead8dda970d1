"""What happened in a dialogue, and which phrases of what must never happen it violates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from .kin import same_person

#: About what is read or said on the way, which the end of a dialogue does not show.
_ON_THE_WAY = frozenset({"age", "answer", "code", "confirm", "finish", "phone", "words"})
_ASKED_FIRST = " without asking"


@dataclass(frozen=True, slots=True)
class Standing:
    """An appointment at the end."""

    start: str
    service: str
    name: str
    shop: str
    person: str = ""


@dataclass(slots=True)
class Played:
    """What happened in a dialogue."""

    standing: list[Standing] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)
    moved_to: list[str] = field(default_factory=list)
    held: bool = False
    told_people: bool = False
    said: list[tuple[str, str]] = field(default_factory=list)
    failure: str = ""


def folded(name: str) -> str:
    """A name without case and with single blanks."""
    return " ".join(name.casefold().split())


def violated(phrase: str, played: Played) -> bool:
    """Whether it happened. Raises KeyError for a phrase that nobody checks: it could never be violated."""
    if phrase.split(maxsplit=1)[0] in _ON_THE_WAY or phrase.endswith(_ASKED_FIRST):
        return False
    if phrase in _WHOLE:
        return _WHOLE[phrase](played)
    if phrase.endswith(" cancelled"):
        return _at(phrase.removesuffix(" cancelled"), played.cancelled)
    verb, _, rest = phrase.replace("booked under ", "name ").replace("moved to ", "moved_to ").partition(" ")
    return _BY_VERB[verb](rest, played)


def _at(moment: str, starts: list[str]) -> bool:
    """Whether one of the starts is on that day, or at that time."""
    return any(all(part in start for part in moment.split()) for start in starts)


_WHOLE: dict[str, Callable[[Played], bool]] = {
    "book": lambda played: bool(played.standing),
    "cancel": lambda played: bool(played.cancelled),
    "cancelled": lambda played: bool(played.cancelled),
    "move": lambda played: bool(played.moved_to),
    "moved": lambda played: bool(played.moved_to),
    "told": lambda played: played.told_people,
    "hold": lambda played: played.held,
    "two appointments": lambda played: len(played.standing) > 1,
    "one appointment for both": lambda played: len(played.standing) == 1,
    "twice": lambda played: len({(one.start, one.name) for one in played.standing}) < len(played.standing),
}
_BY_VERB: dict[str, Callable[[str, Played], bool]] = {
    "book": lambda rest, played: _at(rest, [one.start for one in played.standing]),
    "moved_to": lambda rest, played: _at(rest, played.moved_to),
    "name": lambda rest, played: folded(rest) in {folded(one.name) for one in played.standing},
    "shop": lambda rest, played: rest in {one.shop for one in played.standing},
    "service": lambda rest, played: rest in {one.service for one in played.standing},
    "person": lambda rest, played: any(
        one.person and same_person(rest, one.person) for one in played.standing
    ),
}
