"""Pages that are asked for in this process: never longer than the limits say, and nothing is missing at their ends."""

from __future__ import annotations

from pathlib import Path

import pytest

from imserver.errors import Refusal, RefusalCode
from imserver.model import Kind, User
from imserver_protocol.methods.edits import EDIT, EditParams, EditResult
from tests.support.servers import running

HERE = "direct/alice/bob"
PAGE = 3
NAMES = [f"m{number}" for number in range(7)]


async def test_whoever_asks_for_more_gets_a_page_and_the_pages_hold_everything(tmp_path: Path) -> None:
    limits = {"max_page_items": PAGE}
    async with running(tmp_path, f"alice bob {' '.join(NAMES)}", limits=limits) as server:
        chat = server.chat
        for number in range(PAGE + 5):
            await chat.post("alice", HERE, f"{number}")
        for name in NAMES:
            await chat.post(name, f"direct/alice/{name}", "hello")

        read: list[int] = []
        while (page := await chat.history("alice", HERE, after=len(read), limit=10_000)).items:
            assert len(page.items) <= PAGE
            read += [item.position for item in page.items]
        assert read == list(range(1, PAGE + 6))

        synced, since, more = [], None, True
        while more:
            rows, since, more = await chat.sync("alice", since, 10_000)
            assert len(rows) <= PAGE
            synced += [row.conversation_id for row in rows]
        places = [HERE, *(f"direct/alice/{name}" for name in NAMES)]
        assert synced == places

        listed, before, more = [], None, True
        while more:
            shown, before = await chat.conversations("alice", before, 10_000)
            assert len(shown) <= PAGE
            listed += shown
            more = before is not None
        assert len(listed) == len({row.conversation_id for row in listed})
        assert [row.conversation_id for row in listed] == places[::-1]


async def test_a_page_has_no_more_bytes_than_its_reader_has_room_for(tmp_path: Path) -> None:
    async with running(tmp_path) as server:
        for _ in range(6):
            await server.chat.post("alice", HERE, "x" * 1000)
        whole = await server.chat.history("bob", HERE)
        some = await server.chat.history("bob", HERE, after=0, max_bytes=2500)
        assert (len(whole.items), [item.position for item in some.items]) == (6, [1, 2])


async def test_a_title_has_a_greatest_length(tmp_path: Path) -> None:
    async with running(tmp_path) as server:
        await server.chat.create_conversation("alice", Kind.GROUP, "t" * 200, [])
        with pytest.raises(Refusal) as refused:
            await server.chat.create_conversation("alice", Kind.GROUP, "t" * 201, [])
        assert (refused.value.code, refused.value.detail) == (RefusalCode.INVALID, "title")


@pytest.mark.parametrize("user_id", ["", " ", "x" * 65, "a\nb", "é" * 33])
async def test_an_account_has_an_id_that_can_be_one(tmp_path: Path, user_id: str) -> None:
    async with running(tmp_path) as server:
        with pytest.raises(Refusal) as refused:
            await server.chat.put_user(User(user_id, "Somebody"))
        assert refused.value.code is RefusalCode.INVALID
        assert await server.chat.users([user_id, "bob"]) == [User("bob", "Bob")]


async def test_an_edit_of_what_was_edited_meanwhile_is_told_so(tmp_path: Path) -> None:
    async with running(tmp_path) as server:
        await server.chat.post("alice", HERE, "one")
        body = b"\x82\xa4type\xa4text\xa4text\xa3two"
        edited = await server.call(EDIT, "alice", EditParams(HERE, b"1" * 16, 1, 1, body))
        assert edited == EditResult(2, 2, duplicate=False)
        with pytest.raises(Refusal) as refused:
            await server.call(EDIT, "alice", EditParams(HERE, b"2" * 16, 1, 1, body))
        assert (refused.value.code, refused.value.detail) == (RefusalCode.CONFLICT, 2)
