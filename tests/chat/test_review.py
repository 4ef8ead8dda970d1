"""Reviews: their refusals, keys that were committed before, and posts whose session ends meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from imserver.content import encode_content
from imserver.errors import Refusal, RefusalCode
from imserver_protocol.methods.edits import EDIT, EditParams
from tests.limits.raw import Raw, eventually, new_key, said
from tests.support.servers import running

HERE = "direct/alice/bob"
DRAINING, INVALID, FORBIDDEN, NOT_FOUND = 100, 600, 602, 603


async def forbid(conversation_id: str, sender_id: str, content: Mapping[str, Any]) -> Refusal | None:
    return Refusal(RefusalCode.FORBIDDEN, "mind your words")


async def allow(conversation_id: str, sender_id: str, content: Mapping[str, Any]) -> Refusal | None:
    return None


@pytest.mark.parametrize("reviewers", [[forbid], [forbid, allow], [allow, forbid]])
async def test_one_reviewer_is_enough_to_refuse(tmp_path: Path, reviewers: list[Any]) -> None:
    async with running(tmp_path) as server, await Raw.open(server) as raw:
        server.posting.reviewers = reviewers
        await raw.enter(server, "alice")
        assert (await raw.ask("post", HERE, new_key(), said("x"))).code == FORBIDDEN
        with pytest.raises(Refusal, match="mind your words"):
            await server.chat.post("alice", HERE, "x")
        server.posting.reviewers = [allow]
        assert (await raw.ask("post", HERE, new_key(), said("y"))).result[0] == 1


async def test_what_was_committed_keeps_its_answer_whatever_is_refused_now(tmp_path: Path) -> None:
    async with running(tmp_path) as server, await Raw.open(server) as raw:
        await raw.enter(server, "alice")
        key = new_key()
        first = (await raw.ask("post", HERE, key, said("x"))).result
        server.posting.reviewers = [forbid]
        again = await raw.ask("post", HERE, key, said("x"))
        assert (again.code, again.result) == (0, [*first[:2], True])
        assert (await raw.ask("post", HERE, new_key(), said("x"))).code == FORBIDDEN


async def test_a_post_whose_session_ended_under_review_is_not_stored(tmp_path: Path) -> None:
    """The next session may give the key up: what was not queued by then must not appear behind that."""
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def slow(conversation_id: str, sender_id: str, content: Mapping[str, Any]) -> Refusal | None:
        asked.set()
        await go_on.wait()
        return None

    async with running(tmp_path) as server, await Raw.open(server) as raw:
        await server.chat.post("bob", HERE, "before")
        server.posting.reviewers = [slow]
        await raw.enter(server, "alice")
        raw.request("post", HERE, new_key(), said("x"))
        await asked.wait()
        [device] = server.listener.sessions
        server.listener.sessions.end(device, server.clock.monotonic())
        go_on.set()
        await eventually(lambda: not server.posting._review_tasks)
        assert (await server.chat.history("bob", HERE)).head == 1


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ({"type": "system", "event": "removed"}, RefusalCode.INVALID),
        ({"text": "without a type"}, RefusalCode.INVALID),
        ({"type": "text", "text": "x" * 40_000}, RefusalCode.TOO_LARGE),
    ],
)
async def test_an_edit_says_nothing_that_a_post_may_not(
    tmp_path: Path, content: dict[str, Any], code: RefusalCode
) -> None:
    limits = {"max_content_bytes": 30_000}
    async with running(tmp_path, limits=limits) as server:
        await server.chat.post("alice", HERE, "x")
        encoded = b"\x82\xa4type\xa4text\xa4text\xda\x9c\x40" + b"x" * 40_000
        body = encoded if code is RefusalCode.TOO_LARGE else encode_content(content)
        with pytest.raises(Refusal) as refused:
            await server.call(EDIT, "alice", EditParams(HERE, b"k" * 16, 1, None, body))
        assert refused.value.code is code
        page = await server.chat.history("bob", HERE)
        assert [(item.position, item.revision) for item in page.items] == [(1, 1)]


class Gate:
    """A reviewer that lets no post pass until it is opened, and records every call."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.open = asyncio.Event()

    async def __call__(
        self, conversation_id: str, sender_id: str, content: Mapping[str, Any]
    ) -> Refusal | None:
        self.asked.append(str(content.get("text")))
        await self.open.wait()
        return None


async def test_nothing_overtakes_what_is_under_review_also_when_nobody_reviews_any_more(
    tmp_path: Path,
) -> None:
    """Of one session in one conversation; another conversation goes its own way."""
    gate = Gate()
    async with running(tmp_path) as server, await Raw.open(server) as raw:
        await raw.enter(server, "alice")
        server.posting.reviewers = [gate]
        first = raw.request("post", HERE, new_key(), said("first"))
        await eventually(lambda: gate.asked == ["first"])
        server.posting.reviewers = []
        second = raw.request("post", HERE, new_key(), said("second"))
        assert (await raw.ask("post", "direct/alice/alicia", new_key(), said("x"))).code == NOT_FOUND
        gate.open.set()
        assert [(await raw.answer(seq)).result[0] for seq in (first, second)] == [1, 2]


async def test_lanes_do_not_know_of_one_another(tmp_path: Path) -> None:
    async with running(tmp_path, "alice bob cy") as server, await Raw.open(server) as raw:
        gates = {HERE: Gate(), "direct/alice/cy": Gate()}

        async def review(conversation_id: str, sender_id: str, content: Mapping[str, Any]) -> Refusal | None:
            return await gates[conversation_id](conversation_id, sender_id, content)

        await raw.enter(server, "alice")
        server.posting.reviewers = [review]
        slow = [raw.request("post", HERE, new_key(), said(f"{number}")) for number in range(2)]
        await eventually(lambda: gates[HERE].asked == ["0"])
        gates["direct/alice/cy"].open.set()
        assert (await raw.ask("post", "direct/alice/cy", new_key(), said("quick"))).result[0] == 1
        slow.append(raw.request("post", HERE, new_key(), said("2")))
        [device] = server.listener.sessions
        await eventually(lambda: device.stream.recv_seq == raw.seq)  # by now it stands in line
        gates[HERE].open.set()
        assert [(await raw.answer(seq)).result[0] for seq in slow] == [1, 2, 3]
        assert gates[HERE].asked == ["0", "1", "2"]


async def test_what_can_never_be_said_is_not_shown_to_reviewers(tmp_path: Path) -> None:
    gate = Gate()
    async with running(tmp_path) as server, await Raw.open(server) as raw:
        await raw.enter(server, "alice")
        server.posting.reviewers = [gate]
        first = raw.request("post", HERE, new_key(), said("first"))
        await eventually(lambda: gate.asked == ["first"])
        wrong = raw.request("post", HERE, new_key(), b"\xc1")
        third = raw.request("post", HERE, new_key(), said("third"))
        gate.open.set()
        assert (await raw.answer(wrong)).code == INVALID
        assert (await raw.answer(first)).result[0] + (await raw.answer(third)).result[0] == 3
        assert gate.asked == ["first", "third"]


async def test_a_review_under_way_comes_to_its_end_before_the_server_does(tmp_path: Path) -> None:
    """What was accepted before the drain is decided and answered."""
    gate = Gate()
    async with running(tmp_path) as server, await Raw.open(server) as raw:
        await raw.enter(server, "alice")
        server.posting.reviewers = [gate]
        waiting = raw.request("post", HERE, new_key(), said("x"))
        await eventually(lambda: gate.asked == ["x"])
        stopping = asyncio.create_task(server.stop())
        await eventually(lambda: server.posting.draining)
        gate.open.set()
        assert (await raw.goodbye()).code == DRAINING
        assert (await raw.answer(waiting)).result[0] == 1
        await stopping
