"""Tokens as a foreign issuer with the server's secret makes them, and what becomes of them at the door."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Final

import jwt

from imserver import Server
from imserver.model import direct_conversation_id
from imserver_protocol.errors import CloseCode
from tests.limits.raw import Raw, new_key, said
from tests.support.servers import SECRET, running


class Absent:
    """In place of a claim's value: the claim is left out. It has a name of its own in the ids of tests."""

    def __repr__(self) -> str:
        return "absent"


ABSENT: Final = Absent()


def token(
    user_id: str = "alice", *, secret: str = SECRET, headers: dict[str, Any] | None = None, **more: Any
) -> str:
    """One without `iat` and `jti`, unless the test gives them."""
    claims = {"sub": user_id, "exp": int(time.time()) + 3600} | more
    claims = {name: value for name, value in claims.items() if value is not ABSENT}
    return jwt.encode(claims, secret, algorithm="HS256", headers=headers)


async def turned_away(server: Server, token: str, device_id: str = "raw") -> bool:
    """Whether the token lets nobody in. Whoever is not let in hears one text, whatever the cause."""
    async with await Raw.open(server) as raw:
        raw.hello(token, device_id)
        try:
            await raw.welcome()
        except AssertionError:
            assert raw.end is not None
        if raw.end is None:
            return False
        assert (raw.end.code, raw.end.text) == (CloseCode.AUTH_FAILED, "not authorized")
        return True


class Home:
    """A server, and whoever came in: they go before it stops."""

    def __init__(self, server: Server, stack: AsyncExitStack) -> None:
        self.server = server
        self._stack = stack

    async def enter(self, token: str, device_id: str = "raw") -> Raw:
        """A client that is in."""
        raw = await self._stack.enter_async_context(await Raw.open(self.server))
        raw.hello(token, device_id)
        await raw.welcome()
        return raw


@asynccontextmanager
async def home(folder: Path, users: str = "alice bob", **sections: Any) -> AsyncIterator[Home]:
    """A server in this process with these users."""
    async with running(folder, users, **sections) as server, AsyncExitStack() as stack:
        yield Home(server, stack)


async def ended(raw: Raw) -> tuple[int, str]:
    """How the server ended it, of its own accord."""
    end = await raw.goodbye()
    return end.code, end.text


async def posts(raw: Raw, one: str, other: str) -> int:
    """The code with which a post is answered, 0 if it is stored."""
    answer = await raw.ask("post", direct_conversation_id(one, other), new_key(), said("hello"))
    return answer.code
