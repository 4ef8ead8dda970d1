"""From the moment in which the drain begins nothing new is accepted, by whatever door it comes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from imserver.chat.service import Chat
from imserver.errors import Refusal, RefusalCode
from imserver.model import Kind
from tests.chat.test_posting_faults import SAID, Session, messages
from tests.support.servers import running

GROUP = "group/x"
DOORS: dict[str, Callable[[Chat], Awaitable[Any]]] = {
    "post": lambda chat: chat.post("alice", "direct/alice/bob", "late"),
    "edit": lambda chat: chat.edit("alice", "direct/alice/bob", 1, SAID, key=b"k" * 16),
    "create": lambda chat: chat.create_conversation("alice", Kind.GROUP, "late", ["bob"]),
    "add": lambda chat: chat.add_member("alice", GROUP, "bob"),
    "remove": lambda chat: chat.remove_member("alice", GROUP, "bob"),
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
            await DOORS[door](server.chat)
        assert refused.value.code is RefusalCode.OVERLOADED
        page = await server.chat.history("alice", "direct/alice/bob")
        assert page.head == 1
