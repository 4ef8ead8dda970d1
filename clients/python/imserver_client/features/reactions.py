"""reactions: people put emoji on messages, and everybody sees which, how many and some of whom."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from imserver_protocol.methods.reactions import (
    REACT,
    REACTED_BY,
    REACTIONS_KEY,
    ReactedByParams,
    ReactParams,
)
from imserver_protocol.shared.bounds import PAGE_ITEMS

from .base import Feature, Offer


@dataclass(frozen=True, slots=True)
class EmojiCount:
    """One emoji at a message: how many people put it, and the user ids of some of them."""

    emoji: str
    count: int
    user_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Reactions:
    """What everybody sees at a message, those of most people first. `kinds` may be more than are shown: the rarest stand
    behind `client.reactions.people`."""

    shown: tuple[EmojiCount, ...] = ()
    kinds: int = 0


@dataclass(frozen=True, slots=True)
class Reactor:
    """Somebody, and what this person put on the message; of one emoji alone if it was asked after."""

    user_id: str
    emoji: tuple[str, ...]


class Reacting(Feature):
    """`client.reactions`. Changes come as `ItemChanged`, like those of all state of messages."""

    async def put(self, conversation_id: str, position: int, emoji: str) -> None:
        """Put one's emoji on the message. Raises Refused: INVALID for what is none, TOO_LARGE where there is no more room."""
        await self._set(conversation_id, position, emoji, on=True)

    async def remove(self, conversation_id: str, position: int, emoji: str) -> None:
        """Remove one's emoji."""
        await self._set(conversation_id, position, emoji, on=False)

    def of(self, conversation_id: str, position: int) -> Reactions:
        """What the message has, as far as this client knows."""
        item = self._port.item(conversation_id, position)
        return read_reactions(item.extra.get(REACTIONS_KEY)) if item else Reactions()

    def mine(self, conversation_id: str, position: int) -> tuple[str, ...]:
        """One's own on the message, as far as this client knows."""
        item = self._port.item(conversation_id, position)
        return read_mine(item.mine.get(REACTIONS_KEY)) if item else ()

    async def people(
        self,
        conversation_id: str,
        position: int,
        emoji: str | None = None,
        *,
        after: str | None = None,
        limit: int = PAGE_ITEMS,
    ) -> tuple[list[Reactor], str | None]:
        """A page of those who put this emoji, or any, and what the next page comes after; None: that was the last."""
        params = ReactedByParams(conversation_id, position, emoji, after, limit)
        page = await self._port.call(REACTED_BY, params)
        return [Reactor(one.user_id, one.emoji) for one in page.people], page.next

    async def _set(self, conversation_id: str, position: int, emoji: str, *, on: bool) -> None:
        stands = await self._port.write(REACT, ReactParams(conversation_id, position, emoji, on))
        self._port.item_stands(conversation_id, position, stands)


def read_reactions(value: Any) -> Reactions:
    """What stands under the feature's name in `extra`. What this version does not understand is left out."""
    match value:
        case [[*rows], int(kinds), *_] if type(kinds) is int:
            shown = tuple(one for one in map(_read_one, rows) if one is not None)
            return Reactions(shown, max(kinds, len(shown)))
    return Reactions()


def read_mine(value: Any) -> tuple[str, ...]:
    """The same of `mine`."""
    return tuple(one for one in value if type(one) is str) if isinstance(value, list | tuple) else ()


def _read_one(row: Any) -> EmojiCount | None:
    match row:
        case [str(emoji), int(count), [*names], *_] if count > 0:
            return EmojiCount(emoji, count, tuple(one for one in names if type(one) is str))
    return None


reactions: Offer[Reacting] = Offer(Reacting)
