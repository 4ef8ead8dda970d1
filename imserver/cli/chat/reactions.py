"""reactions: what people put on a message stands below it, and one puts one's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from imserver_client.features.reactions import read_mine, read_reactions

from .looks import ChatCommand, Look
from .places import Place

USAGE = "/react EMOJI [N]"


class ReactionsLook(Look):
    """A reaction is for what was said last, unless a position is given."""

    def commands(self) -> Mapping[str, ChatCommand]:
        return {
            "/react": ChatCommand(
                self._react,
                USAGE,
                "put your emoji on message N or the last one, or remove it; without EMOJI: who did",
            )
        }

    async def _react(self, _: Any, text: str) -> None:
        emoji, position = "", 0
        for word in text.split():
            if word.isdecimal() and not position:
                position = int(word)
            elif not emoji:
                emoji = word
            else:
                await self.chat.complain(f"usage: {USAGE}")
                return
        place = self.chat.current
        position = position or (place.shown_to if place else 0)
        if place is None or not position:
            await self.chat.complain("there is nothing to react to")
        elif emoji:
            reactions, here = self.chat.client.reactions, place.conversation_id
            there = emoji in reactions.mine(here, position)
            await (reactions.remove if there else reactions.put)(here, position, emoji)
        else:
            await self._who(place, position)

    async def _who(self, place: Place, position: int) -> None:
        """One page of the people is enough on a screen."""
        people, more = await self.chat.client.reactions.people(place.conversation_id, position)
        await self.chat.names.learn(one.user_id for one in people)
        who = ", ".join(f"{self.chat.names(one.user_id)} {' '.join(one.emoji)}" for one in people)
        await self.chat.say(f"{position}: {who or 'nobody reacted'}{' …' if more else ''}")

    def marks(self, extra: Any, mine: Any) -> str:
        """👍 3 with one's own in brackets: [👍 3]."""
        found, own = read_reactions(extra), read_mine(mine)
        parts = [f"{one.emoji} {one.count}" for one in found.shown]
        marked = [
            f"[{part}]" if one.emoji in own else part for part, one in zip(parts, found.shown, strict=True)
        ]
        return "  ".join([*marked, "…"] if found.kinds > len(found.shown) else marked)


LOOK = ReactionsLook
