"""From WELCOME on nothing is missed: every later commit is pushed, however quick it is."""

from __future__ import annotations

from pathlib import Path

from tests.limits.raw import Raw
from tests.support.servers import running

HERE = "direct/alice/bob"


async def test_what_is_committed_from_welcome_on_is_pushed(tmp_path: Path) -> None:
    """A client reads after WELCOME: between the two there must be no moment in which a commit is neither read nor pushed."""
    async with running(tmp_path) as server, await Raw.open(server) as raw:
        await server.chat.post("alice", HERE, "before")
        await raw.enter(server, "bob")
        await server.chat.post("alice", HERE, "right behind it")
        assert (await raw.ask("history", HERE)).result[3] == 2
        assert [push[2] for push in raw.pushes] == [2]
