"""reactions: people put emoji on messages, and everybody sees which, how many and some of whom (SPEC, "reactions")."""

from __future__ import annotations

from imserver_protocol.shared.bounds import PAGE_ITEMS

from .descriptors import Method, Name, Shape, Word
from .state import ItemStands

#: The feature, in WELCOME and in the maps of state.
REACTIONS_KEY = "reactions"


class ReactParams(Shape, frozen=True):
    """Put one emoji on a message, or remove it."""

    conversation_id: str
    position: int
    emoji: str
    on: bool = True


class ReactedByParams(Shape, frozen=True):
    """Those with `emoji` on the message (nil: with any), behind the user id `after`; nil: from the first."""

    conversation_id: str
    position: int
    emoji: str | None = None
    after: str | None = None
    limit: int = PAGE_ITEMS


class Reactor(Shape, frozen=True):
    """Somebody, and what this person put on the message; of one emoji alone if it was asked after."""

    user_id: Name
    emoji: tuple[Word, ...]


class ReactedByResult(Shape, frozen=True):
    """Always in the same order; `next` is nil at the end."""

    people: tuple[Reactor, ...]
    next: Name | None


REACT = Method("react", ReactParams, ItemStands)
REACTED_BY = Method("reacted_by", ReactedByParams, ReactedByResult)
