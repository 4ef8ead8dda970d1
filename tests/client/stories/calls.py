"""The application's calls: pages up to the last, what one's own calls make, keys, ids, receipts."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from hypothesis import strategies as st
from msgspec import structs

from imserver.model import valid_user_id
from imserver_client import (
    Client,
    ClientLimits,
    ConnectionChanged,
    Cursor,
    CursorMoved,
    MemoryStorage,
    Misuse,
    RefusalCode,
    State,
)
from imserver_client.core.cursors import Receipts
from imserver_client.core.requests import SessionLost
from imserver_client.storage import SavedTrail, Storage
from imserver_client.storage_sqlite import SqliteStorage
from imserver_protocol.methods.cursor import CURSOR, CursorParams
from tests.client.support.messages import event, take

PAGE = 200


@pytest.mark.parametrize("count", [0, 1, PAGE - 1, PAGE, PAGE + 1, 2 * PAGE, 2 * PAGE + 50])
async def test_members_are_all_of_them_whatever_the_pages(server, open_client, count):
    names = [f"u{number:04}" for number in range(count)]
    asked: list[Any] = []

    def paged(peer, request):
        if request.method != "members":
            return False
        conversation_id, after, limit = request.params
        asked.append((conversation_id, after))
        rest = [name for name in names if after is None or name > after]
        server.reply(peer, request, [[name, "member"] for name in rest[:limit]])
        return True

    server.script = paged
    async with open_client(token="alice") as alice:
        assert [member.user_id for member in await alice.members("c")] == names
    assert asked == [("c", names[at - 1] if at else None) for at in range(0, count + 1, PAGE)]


@pytest.mark.parametrize(("asked", "sent"), [(1, 1), (PAGE, PAGE), (PAGE + 1, PAGE), (10**9, PAGE)])
async def test_a_page_of_history_is_asked_for_as_large_as_it_may_be(server, open_client, asked, sent):
    server.chat.conversation("c", "alice")
    async with open_client(token="alice") as alice:
        await alice.history("c", limit=asked)
        assert server.requests[-1].params == ("c", None, None, sent)
        with pytest.raises(Misuse):
            await alice.history("c", limit=0)
        with pytest.raises(Misuse):
            await alice.history("c", before=1, after=1)


async def test_what_one_s_own_calls_make_is_handed_over_too(server, open_client):
    """The session that asks is not pushed what its request made: each call is read by itself."""
    calls: list[tuple[str, Callable[[Client, str], Awaitable[Any]]]] = [
        ("added", lambda alice, group: alice.add_member(group, "bob")),
        ("edited", lambda alice, group: alice.edits.edit(group, 1, "changed")),
        ("removed", lambda alice, group: alice.remove_member(group, "bob")),
        ("left", lambda alice, group: alice.leave(group)),
    ]
    async with open_client(token="alice") as alice, asyncio.timeout(10):
        messages = alice.messages()
        group = await alice.create_group("team")
        told = await anext(messages)
        assert (told.position, told.content["event"], told.own) == (1, "created", True)
        for position, (said, call) in enumerate(calls, 2):
            await call(alice, group)
            told = await anext(messages)
            assert (told.position, told.content["event"], told.own) == (position, said, True)


@pytest.mark.parametrize("key", [b"", b"k" * 15, b"k" * 17, "k" * 16, bytearray(16)])
async def test_a_key_is_sixteen_bytes_whatever_it_is_for(server, open_client, key):
    server.chat.conversation("c", "alice", "bob")
    async with open_client(token="alice") as alice:
        for call in (
            lambda: alice.post("c", "x", key=key),
            lambda: alice.create_group("team", key=key),
            lambda: alice.add_member("c", "eve", key=key),
            lambda: alice.remove_member("c", "bob", key=key),
            lambda: alice.leave("c", key=key),
        ):
            with pytest.raises(Misuse, match="16 bytes"):
                await call()
        asked = len(server.requests)
        await alice.create_group("team", key=b"k" * 16)
        assert server.requests[asked].params[0] == b"k" * 16


@pytest.mark.parametrize(("letter", "most"), [("c", 1024), ("é", 512), ("你", 341), ("👍", 256)])
async def test_an_id_is_so_many_bytes(server, open_client, letter, most):
    async with open_client(token="alice") as alice:
        with pytest.raises(Misuse, match="1024 bytes"):
            await alice.post(letter * (most + 1), "x")
        with pytest.raises(Misuse):
            await alice.post("", "x")
        server.chat.conversation(letter * most, "alice")
        assert (await alice.post(letter * most, "x")).position == 1


names = st.text(min_size=1, max_size=12).filter(valid_user_id) | st.sampled_from(
    ["a/b", "a%2Fb", "%", "/", "a%b", "\uffff", "\U00010000", "é", "z"]
)


async def test_a_cursor_that_one_moved_is_known_and_told(server, open_client):
    server.chat.conversation("c", "alice", "bob")
    server.say("c", "bob", "1")
    async with open_client(token="alice") as alice:
        events = alice.events()
        assert await alice.cursor("c", delivered=1) == Cursor(1, 0)
        assert await alice.cursor("c", read=1) == Cursor(1, 1)
        assert alice.cursors("c") == {"alice": Cursor(1, 1)}
        assert [await event(events, CursorMoved) for _ in range(2)] == [
            CursorMoved("c", "alice", Cursor(1, 0)),
            CursorMoved("c", "alice", Cursor(1, 1)),
        ]


class Reported:
    """What receipts ask; each answer may be planted."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, int | None, int | None]] = []
        self.outcome: Callable[[], None] = lambda: None
        self.released = asyncio.Event()
        self.released.set()

    async def call(self, method: Any, params: CursorParams, *, patient: bool) -> None:
        assert (method, patient) == (CURSOR, False)
        self.asked.append(structs.astuple(params))
        self.outcome()


def receipts(reported: Any, every_s: float = 1000.0) -> Receipts:
    return Receipts(reported, ClientLimits(report_every_s=every_s))


async def test_one_report_says_how_far_each_conversation_has_come() -> None:
    reported = Reported()
    made = receipts(reported)
    for number in range(40):
        made.delivered(f"c{number:02}", 5)
        made.delivered(f"c{number:02}", 4)
        if number % 2:
            made.read(f"c{number:02}", 3)
    await made.flush()
    assert sorted(reported.asked) == [(f"c{number:02}", 5, 3 if number % 2 else None) for number in range(40)]
    made.read("c00", 6)
    await made.flush()
    assert reported.asked[40:] == [("c00", None, 6)]
    await made.flush()
    assert len(reported.asked) == 41, "nothing is reported twice"


async def test_a_report_that_was_lost_with_its_session_is_made_again() -> None:
    reported = Reported()
    made = receipts(reported)

    def lost() -> None:
        raise SessionLost

    made.delivered("c", 5)
    reported.outcome = lost
    await made.flush()
    reported.outcome = lambda: None
    made.read("c", 2)
    await made.flush()
    assert reported.asked[1:] == [("c", 5, 2)]


async def test_in_another_history_nothing_is_reported_above_what_both_have() -> None:
    """And what was reported below it is reported again: the server may have forgotten it."""
    reported = Reported()
    made = receipts(reported)
    made.delivered("c", 5)
    made.fall("c", 3, Cursor(4, 2))
    made.read("d", 6)
    made.fall("d", 0, Cursor(1, 1))
    made.delivered("e", 1)
    made.drop("e")
    await made.flush()
    assert reported.asked == [("c", 3, 2)]


async def test_reports_wait_for_each_other() -> None:
    """What is done while a round's time is not over goes into the next one."""
    reported = Reported()
    made = receipts(reported)
    reporting = asyncio.ensure_future(made.run())
    made.delivered("c", 1)
    for _ in range(20):
        await asyncio.sleep(0)
    for position in range(2, 9):
        made.delivered("c", position)
        for _ in range(5):
            await asyncio.sleep(0)
    reporting.cancel()
    assert reported.asked == [("c", 1, None)]


async def test_what_was_read_last_is_reported_when_one_leaves(server, open_client):
    server.chat.conversation("c", "alice", "bob")
    slow = ClientLimits(report_every_s=1000.0)
    async with open_client(token="alice", limits=slow) as alice:
        for number in range(1, 4):
            server.say("c", "bob", str(number))
        await take(alice, 3)
        alice.mark_read("c", 2)
    assert server.chat.conversations["c"].cursors == {"alice": (2, 2)}


@pytest.mark.parametrize(
    ("kind", "sender", "reports"),
    [("group", "bob", True), ("group", "alice", False), ("channel", "bob", False), ("direct", "bob", True)],
)
async def test_delivered_is_told_of_others_words_and_not_in_channels(
    server, open_client, kind, sender, reports
):
    server.chat.conversation("c", "alice", "bob", kind=kind)
    async with open_client(token="alice") as alice:
        server.say("c", sender, "hello")
        async for message in alice.messages():
            message.done()
            break
    assert server.chat.conversations["c"].cursors == ({"alice": (1, 0)} if reports else {})


async def test_whether_the_session_was_resumed_is_told(server, open_client):
    async with open_client(token="alice") as alice:
        events = alice.events()
        told = []
        for forgets in (False, True):
            if forgets:
                server.forget_sessions()
            server.cut()
            while (changed := await event(events, ConnectionChanged)).state is not State.CONNECTED:
                pass
            told.append(changed.resumed)
        assert told == [True, False]


async def test_the_wait_for_the_next_attempt_is_told_in_seconds(server, open_client):
    async with open_client(token="alice") as alice:
        events = alice.events()
        server.goodbye(100, "back soon", retry_after_ms=50)
        while (changed := await event(events, ConnectionChanged)).state is not State.WAITING:
            pass
        assert (changed.retry_in_s, changed.reason) == (0.05, "back soon")


@pytest.mark.parametrize("revision", [1, 2])
async def test_what_a_list_shows_is_under_the_place_of_its_session_before_it_is_shown(
    server, open_client, revision
):
    """A list came before the row, and the older copy behind it: the application had seen a message, and heard nothing."""
    chat, storage = server.chat, MemoryStorage()
    for name in ("c", "quiet"):
        chat.conversation(name, "alice", "bob")
        server.say(name, "bob", "1")
    async with open_client(token="alice", store=storage) as alice, asyncio.timeout(10):
        if revision == 1:
            chat.commit("c", "bob", chat.new_key(), b"\x81\xa1t\xa12")

        def unread(peer, request):
            if request.method == "conversations":
                rows, next_ = chat.conversations_of("alice", *request.params)
                for row in rows:
                    if row[0] == "c":
                        row[5][5] = revision
                server.reply(peer, request, [rows, next_])
            return request.method in ("conversations", "history", "sync")

        server.script = unread
        page = await alice.conversations()
        assert {row.conversation_id: row.head for row in page.conversations}["c"] == (
            2 if revision == 1 else 1
        )
    saved = storage.open()
    assert saved.trails["c"].place == chat.place
    assert saved.trails.get("quiet", SavedTrail()).place is None
    assert saved.positions["c"].known_head == (2 if revision == 1 else 1)


@pytest.fixture(params=["memory", "sqlite"])
def storage(request, tmp_path) -> Storage:
    return MemoryStorage() if request.param == "memory" else SqliteStorage(tmp_path / "store")


async def test_a_question_of_another_session_is_asked_anew(server, open_client):
    """It was refused for now; by the time it may be asked again there is another session."""
    server.chat.conversation("c", "alice", "bob")

    def script(peer, request):
        if request.method == "history" and server.count("history") == 1:
            server.refuse(peer, request, RefusalCode.OVERLOADED, 50)
            server.forget_sessions()
            asyncio.get_running_loop().call_later(0, server.cut)
            return True
        return False

    server.script = script
    async with open_client(token="alice") as alice, asyncio.timeout(10):
        server.say("c", "bob", "1", pushed=False)
        server.say("c", "bob", "2")
        assert await take(alice, 2) == ["c:1:1", "c:2:2"]


async def test_a_bot_is_told_from_a_person(server, open_client):
    """A server that does not say knows persons alone; a kind that this client does not know is none of a bot."""

    def script(peer, request):
        if request.method == "users":
            rows = [
                ["shop", "Shop", "en", "bot"],
                ["eve", "Eve", "en", "alien"],
                ["bob", "Bob", "en", "person"],
            ]
            server.reply(peer, request, rows)
        return request.method == "users"

    async with open_client(token="alice") as alice:
        assert [one.kind for one in await alice.users(["bob"])] == ["person"]
        server.script = script
        found = await alice.users(["shop", "eve", "bob"])
        assert [one.user_id for one in found if one.is_bot] == ["shop"]
