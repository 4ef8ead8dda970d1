"""From the moment in which the drain begins nothing new is accepted, by whatever door it comes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from imserver import Server
from imserver.errors import Refusal, RefusalCode
from imserver.model import Kind
from imserver_protocol.methods.edits import EDIT, EditParams
from tests.chat.sessions import SAID, Session, messages
from tests.limits.raw import Raw
from tests.support.servers import running

GROUP = "group/x"
DOORS: dict[str, Callable[[Server], Awaitable[Any]]] = {
    "post": lambda server: server.chat.post("alice", "direct/alice/bob", "late"),
    "edit": lambda server: server.call(
        EDIT, "alice", EditParams("direct/alice/bob", b"k" * 16, 1, None, SAID)
    ),
    "create": lambda server: server.chat.create_conversation("alice", Kind.GROUP, "late", ["bob"]),
    "add": lambda server: server.chat.add_member("alice", GROUP, "bob"),
    "remove": lambda server: server.chat.remove_member("alice", GROUP, "bob"),
}


async def test_a_post_over_a_session_is_refused_and_may_come_again() -> None:
    chat, queue = messages()
    session = Session()
    chat.draining = True
    for number in range(2):
        chat.post_all(session, [(number, GROUP, b"%016d" % number, SAID)])
    assert session.codes() == [RefusalCode.OVERLOADED, RefusalCode.HELD]
    assert queue.units == []


@pytest.mark.parametrize("door", DOORS)
async def test_what_is_asked_in_this_process_is_refused(tmp_path: Path, door: str) -> None:
    async with running(tmp_path) as server:
        await server.chat.post("alice", "direct/alice/bob", "before")
        server.posting.draining = True
        with pytest.raises(Refusal) as refused:
            await DOORS[door](server)
        assert refused.value.code is RefusalCode.OVERLOADED
        page = await server.chat.history("alice", "direct/alice/bob")
        assert page.head == 1


async def test_whatever_a_session_would_write_is_refused_and_may_be_read_on(tmp_path: Path) -> None:
    here, key = "direct/alice/bob", b"k" * 16
    writes: list[tuple[Any, ...]] = [
        ("post", here, key, SAID),
        ("abandon", here, key),
        ("cursor", here, 1),
        ("edit", here, key, 1, None, SAID),
        ("create", key, "group", "late", []),
        ("add", GROUP, key, "bob"),
        ("leave", GROUP, key),
    ]
    async with running(tmp_path) as server, await Raw.open(server) as raw:
        await raw.enter(server, "alice")
        assert (await raw.ask("post", here, b"K" * 16, SAID)).code == 0
        server.posting.draining = True
        for method, *params in writes:
            assert (await raw.ask(method, *params)).code == 703, method
        assert (await raw.ask("cursor", here)).code == 703
        assert (await raw.ask("history", here)).result[3] == 1
