"""blocks: whom one takes no direct messages from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, cast

from imserver.cli.sanitize import safe_line

from .looks import ChatCommand, Look

#: Names on a screen; there may be more.
MAX_SHOWN = 100
FEATURE = "blocks"


class Blocks(Protocol):
    """The client's feature, as the chat uses it."""

    async def put(self, user_id: str) -> None: ...

    async def remove(self, user_id: str) -> None: ...

    async def people(
        self, *, after: str | None = None, limit: int = MAX_SHOWN
    ) -> tuple[list[str], str | None]: ...


class BlocksLook(Look):
    """A name is a user id."""

    @property
    def _blocks(self) -> Blocks:
        return cast("Blocks", getattr(self.chat.client, FEATURE))

    def commands(self) -> Mapping[str, ChatCommand]:
        return {
            "/block": ChatCommand(self._block, "/block NAME", "take no direct messages from somebody"),
            "/unblock": ChatCommand(self._unblock, "/unblock NAME", "take messages again"),
            "/blocked": ChatCommand(self._blocked, "/blocked", "whom you take no messages from"),
        }

    async def _block(self, _: Any, name: str) -> None:
        if not name:
            await self.chat.complain("/block NAME: whom?")
            return
        if name == self.chat.client.user_id:
            await self.chat.complain("/block NAME: that is you")
            return
        await self._blocks.put(name)
        await self.chat.names.learn([name])
        who = safe_line(self.chat.names(name))
        await self.chat.say(f"no more direct messages from {who}; /unblock {safe_line(name)} takes it back")

    async def _unblock(self, _: Any, name: str) -> None:
        if not name:
            await self.chat.complain("/unblock NAME: whom?")
            return
        await self._blocks.remove(name)
        await self.chat.names.learn([name])
        await self.chat.say(f"{safe_line(self.chat.names(name))} can write to you again")

    async def _blocked(self, _: Any, __: str) -> None:
        people, after = await self._blocks.people(limit=MAX_SHOWN)
        await self.chat.names.learn(people)
        shown = [f"{safe_line(self.chat.names(one))} ({safe_line(one)})" for one in people]
        await self.chat.say(f"blocked: {', '.join(shown) or 'nobody'}{' …' if after is not None else ''}")


LOOK = BlocksLook
