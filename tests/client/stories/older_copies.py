"""An older copy of the server's database comes back: the client goes on with what both have, and tells what is gone.

Over real TCP, against a real server whose database file is replaced while it is down."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from imserver_client import (
    CatchUpFailed,
    ConnectionChanged,
    Cursor,
    CursorMoved,
    GonePost,
    HistoryReplaced,
    MemoryStorage,
    PostSettled,
    PostsGone,
    Refused,
    SqliteStorage,
    State,
    connect,
)
from imserver_client.core.catch_up import CatchUp
from imserver_client.features.edits import Edited
from imserver_protocol.shared.ids import direct_conversation_id
from tests.client.support.machines import AT_ONCE, DIRECT, PATIENCE_S, QUICK, Machine, Person, machine, text

#: A fixture: it is used by name.
FIXTURES = [machine]


@pytest.mark.parametrize("whole", [True, False], ids=["the whole folder", "the database alone"])
@pytest.mark.parametrize("lives", [True, False], ids=["while the client lives", "while it is away"])
async def test_the_client_gets_exactly_what_is_new_and_hears_what_is_gone(
    machine: Machine, whole: bool, lives: bool, tmp_path: Path
) -> None:
    """Twenty messages, a copy at ten, and fifteen new ones: longer than what was known, so no position tells."""
    store = SqliteStorage(tmp_path / "alice.db")
    alice = await machine.client("alice", store)
    for number in range(1, 11):
        await machine.say(f"{number}")
    await alice.until(lambda: len(alice.said) == 10)
    copy = await machine.copied()
    for number in range(11, 21):
        if number in (12, 17):
            await alice.client.post(DIRECT, f"mine {number}")
        else:
            await machine.say(f"{number}")
    await alice.until(lambda: len(alice.said) == 20)
    if not lives:
        await alice.kill()
    await machine.put_back(copy, whole=whole, said=15)
    if not lives:
        alice = await machine.client("alice", SqliteStorage(tmp_path / "alice.db"))
    before = 20 if lives else 0
    await alice.until(lambda: len(alice.said) >= before + 15)
    news = [one for one in alice.said[before:] if one[0] > 10]
    assert news == [(11 + number, f"new {number}") for number in range(15)]
    assert await alice.heard(HistoryReplaced) == HistoryReplaced(DIRECT, 10)
    gone = await alice.heard(PostsGone)
    assert [post.content for post in gone.posts] == [text("mine 12"), text("mine 17")]
    # What is lost can be sent again, by this device and by another one: it is there once.
    for post in gone.posts:
        assert (await alice.client.post(DIRECT, post.content, key=post.key)).position > 25
        assert (await alice.client.post(DIRECT, post.content, key=post.key)).position > 25
    assert (await alice.client.history(DIRECT)).head == 27
    assert len(alice.of(HistoryReplaced, PostsGone)) == 2


async def test_restarts_and_kills_of_the_server_reset_nobody(machine: Machine) -> None:
    alice, bob = await machine.client("alice"), await machine.client("bob")
    for round_ in range(4):
        for number in range(3):
            await alice.client.post(DIRECT, f"{round_} {number}")
        await bob.client.post(DIRECT, f"{round_}")
        await machine.restart()
    for person in (alice, bob):
        await person.has(16)
        assert [position for position, _ in person.said] == list(range(1, 17))
        assert person.of(HistoryReplaced, PostsGone, Edited) == []


async def test_two_clients_of_one_user_both_hear_and_sending_again_makes_no_second(machine: Machine) -> None:
    phone = await machine.client("alice", device="phone")
    desk = await machine.client("alice", device="desk")
    await machine.say("1")
    await desk.until(lambda: len(desk.said) == 1)
    await phone.until(lambda: len(phone.said) == 1)
    copy = await machine.copied()
    await phone.client.post(DIRECT, "mine")
    await desk.until(lambda: len(desk.said) == 2)
    await phone.until(lambda: len(phone.said) == 2)
    await machine.put_back(copy)
    of_phone, of_desk = await phone.heard(PostsGone), await desk.heard(PostsGone)
    assert of_phone.posts[0].content == text("mine")
    assert of_desk.posts == (GonePost(of_phone.posts[0].key, None),)
    for person in (phone, desk):
        posted = await person.client.post(DIRECT, "mine", key=of_phone.posts[0].key)
        assert posted.position == 2
        assert person.of(CatchUpFailed) == [], "nothing is looked for that is not there any more"


async def test_what_was_answered_and_not_read_yet_is_offered_again(machine: Machine) -> None:
    """The application has not seen its own messages: of what it posted nothing is lost, and what it posted twice stays in its
    place."""
    await machine.say("1")
    store = MemoryStorage()
    token = machine.server.accounts.make_token("alice", ttl_s=3600)
    poster = await connect(
        f"imserver://127.0.0.1:{machine.port}",
        token=token,
        device_id="poster",
        store=store,
        environment=QUICK,
        limits=AT_ONCE,
    )
    copy = await machine.copied()
    events = poster.events()
    keys = [bytes([n]) * 16 for n in range(3)]
    for number, key in enumerate(keys):
        await poster.post(DIRECT, f"mine {number}", key=key)
    assert (await poster.post(DIRECT, "mine 0", key=keys[0])).position == 2
    await machine.stop()
    again = asyncio.create_task(poster.post(DIRECT, "mine 1", key=keys[1]))
    await asyncio.sleep(0)
    await machine.put_back(copy, said=2)
    settled: list[PostSettled] = []
    async with asyncio.timeout(PATIENCE_S):
        while len(settled) < 2:
            event = await anext(events)
            assert not isinstance(event, PostsGone)
            if isinstance(event, PostSettled):
                settled.append(event)
    places = {one.key: one.posted and one.posted.position for one in settled}
    assert {**places, keys[1]: (await again).position} == dict(zip(keys, (4, 5, 6), strict=True))
    assert (await poster.history(DIRECT)).head == 6
    await poster.close()


async def test_what_is_given_up_while_its_answer_turns_out_to_be_void_has_one_outcome(
    machine: Machine,
) -> None:
    """It was told to be given up, and then, as it was offered again, to be stored."""
    token = machine.server.accounts.make_token("alice", ttl_s=3600)
    url = f"imserver://127.0.0.1:{machine.port}"
    async with connect(
        url, token=token, device_id="poster", store=MemoryStorage(), environment=QUICK, limits=AT_ONCE
    ) as poster:
        copy = await machine.copied()
        key = b"k" * 16
        await poster.post(DIRECT, "mine", key=key)
        events = poster.events()
        putting_back = asyncio.create_task(machine.put_back(copy, said=2))
        async with asyncio.timeout(PATIENCE_S):
            while not (
                isinstance(event := await anext(events), ConnectionChanged)
                and event.state is not State.CONNECTED
            ):
                pass
            posted = await poster.abandon(DIRECT, key)
            await putting_back
            told = (await poster.history(DIRECT)).items
        assert [item.position for item in told if item.key == key] == ([posted.position] if posted else [])
        assert posted is None or posted.position == 3


async def test_edits_that_are_gone_are_told_to_whoever_has_the_message(machine: Machine) -> None:
    alice, bob = await machine.client("alice"), await machine.client("bob")
    await bob.client.post(DIRECT, "as it was")
    await bob.client.post(DIRECT, "never changed")
    await alice.until(lambda: len(alice.said) == 2)
    copy = await machine.copied()
    await bob.client.edits.edit(DIRECT, 1, "changed")
    assert (await alice.heard(Edited)).content == text("changed")
    alice.events.clear()
    await machine.put_back(copy)
    told = await alice.heard(Edited)
    assert (told.position, told.revision, told.content) == (1, 1, text("as it was"))
    assert await alice.heard(HistoryReplaced) == HistoryReplaced(DIRECT, 2)
    assert len(alice.of(Edited)) == 1


async def test_what_was_edited_is_read_again_once(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was news each time that it was edited, and was read again for ever."""
    alice = await machine.client("alice")
    await machine.say("1")
    await alice.has(1)
    await machine.server.chat.post("alice", DIRECT, text("2"))
    await alice.has(2)
    await alice.client.edits.edit(DIRECT, 2, text("two"))
    await alice.has(3)
    copy = await machine.copied()
    await machine.say("4")
    await alice.has(4)
    await machine.put_back(copy)
    await alice.heard(HistoryReplaced)
    reads: list[str] = []
    again = CatchUp._read_again

    async def counted(self: CatchUp, conversation_id: str, low: int, high: int) -> None:
        reads.append(conversation_id)
        await again(self, conversation_id, low, high)

    monkeypatch.setattr(CatchUp, "_read_again", counted)
    await alice.heard(Edited)
    await machine.say("5")
    await alice.has(4, "5")
    await asyncio.sleep(0.1)
    assert len(reads) <= 1


async def test_a_conversation_that_is_not_there_is_forgotten_and_its_posts_are_refused(
    machine: Machine,
) -> None:
    bob = await machine.client("bob")
    await bob.client.post(DIRECT, "of both")
    copy = await machine.copied()
    group = await bob.client.create_group("lenses", ["alice"])
    alice = await machine.client("alice")
    await machine.say("hello", where=group)
    await alice.until(lambda: alice.said)
    await alice.client.post(group, "mine")
    await alice.until(lambda: len(alice.said) == 2)
    await machine.put_back(copy)
    assert await alice.heard(HistoryReplaced) == HistoryReplaced(group, None)
    assert [post.content for post in (await alice.heard(PostsGone)).posts] == [text("mine")]
    with pytest.raises(Refused):
        await alice.client.post(group, "into nothing")
    await alice.client.post(DIRECT, "here")


async def test_a_conversation_that_came_with_the_restored_history_is_read_from_joining(
    machine: Machine,
) -> None:
    """The token is refused, and yet the client is no new device: that would begin at the head."""
    alice = await machine.client("alice")
    await machine.say("1")
    await alice.until(lambda: alice.said)
    copy = await machine.copied()
    await machine.say("gone")
    await alice.until(lambda: len(alice.said) == 2)
    await machine.copied()  # the client syncs behind what is gone
    await alice.reconnected(2)
    await alice.client.history(DIRECT)
    await machine.put_back(copy, where=direct_conversation_id("alice", "carol"), who="carol", said=3)
    await alice.until(lambda: len(alice.said) == 5)
    assert alice.said[2:] == [(1, "new 0"), (2, "new 1"), (3, "new 2")]


async def test_a_former_member_falls_to_what_is_there(machine: Machine) -> None:
    bob = await machine.client("bob")
    group = await bob.client.create_group("lenses", ["alice"])
    alice = await machine.client("alice")
    await machine.say("1", where=group)
    await alice.until(lambda: alice.said)
    copy = await machine.copied()
    await machine.say("2", where=group)
    await bob.client.remove_member(group, "alice")
    await alice.until(lambda: len(alice.said) == 3)
    await machine.put_back(copy)
    assert await alice.heard(HistoryReplaced) == HistoryReplaced(group, 2)
    await machine.say("she is in again", where=group)
    await alice.until(lambda: alice.said[-1] == (3, "she is in again"))
    assert (await alice.client.post(group, "and may post")).position == 4


async def test_what_nobody_heard_is_kept_for_a_later_start(machine: Machine) -> None:
    """The client goes on without a reader of events, twice; the third time somebody listens."""
    store = MemoryStorage()
    alice = await machine.client("alice", store)
    await machine.say("1")
    await alice.until(lambda: alice.said)
    copy = await machine.copied()
    await alice.client.post(DIRECT, "mine")
    await alice.until(lambda: len(alice.said) == 2)
    await alice.kill()
    await machine.put_back(copy, said=2)
    token = machine.server.accounts.make_token("alice", ttl_s=3600)
    for _ in range(2):
        deaf = await connect(
            f"imserver://127.0.0.1:{machine.port}",
            token=token,
            device_id="alice-phone",
            store=store,
            environment=QUICK,
        )
        person = Person(deaf, listening=False)
        await deaf.history(DIRECT)
        await person.kill()
    alice = await machine.client("alice", store)
    assert await alice.heard(HistoryReplaced) == HistoryReplaced(DIRECT, 1)
    await alice.heard(PostsGone)
    await alice.kill()
    alice = await machine.client("alice", store)
    await machine.say("the end")
    await alice.until(lambda: alice.said[-1:] == [(4, "the end")])
    assert alice.of(HistoryReplaced, PostsGone) == []


async def test_who_left_meanwhile_moves_no_cursor(machine: Machine, tmp_path: Path) -> None:
    """The answer of check has no cursor of a former member. Nothing came back, so no cursor goes back."""
    bob = await machine.client("bob")
    group = await bob.client.create_group("lenses", ["alice", "carol"])
    carol = await machine.client("carol")
    store = SqliteStorage(tmp_path / "alice.db")
    alice = await machine.client("alice", store)
    await machine.say("1", where=group)
    await carol.until(lambda: carol.said)
    await alice.until(lambda: any(event.user_id == "carol" for event in alice.of(CursorMoved)))
    before = alice.client.cursors(group)["carol"]
    assert before.delivered > 0
    alice.events.clear()
    await bob.client.remove_member(group, "carol")
    await machine.restart()
    await alice.reconnected()
    await machine.say("2", where=group)
    await alice.until(lambda: alice.said[-1][1] == "2")
    assert not [event for event in alice.of(CursorMoved) if event.user_id == "carol"]


@pytest.mark.parametrize("lives", [True, False], ids=["while the client lives", "in its next process"])
@pytest.mark.parametrize("gone", [True, False], ids=["with messages", "alone"])
async def test_own_cursors_that_the_copy_does_not_have_are_reported_again(
    machine: Machine, tmp_path: Path, lives: bool, gone: bool
) -> None:
    """Up to where the histories agree. Of the next process the store knows what was done, and so delivered."""
    store = SqliteStorage(tmp_path / "alice.db")
    alice = await machine.client("alice", store)
    await machine.say("0")
    await alice.until(lambda: alice.said)
    await alice.kill()
    await machine.say("1")
    await machine.say("2")
    copy = await machine.copied()
    alice = await machine.client("alice", store)
    await alice.has(3, "2")
    alice.client.mark_read(DIRECT, 2)
    await alice.until(lambda: any(event.cursor.read == 2 for event in alice.of(CursorMoved)))
    if gone:
        await machine.say("gone")
        await alice.has(4, "gone")
    await alice.until(
        lambda: alice.client.cursors(DIRECT).get("alice", Cursor()).delivered == (4 if gone else 3)
    )
    if not lives:
        await alice.kill()
    await machine.put_back(copy)
    if not lives:
        alice = await machine.client("alice", store)
    expected, cursor = Cursor(3, 2 if lives else 0), Cursor()
    async with asyncio.timeout(PATIENCE_S):
        while cursor.delivered < expected.delivered:
            await asyncio.sleep(0.01)
            cursor = await alice.client.cursor(DIRECT)
    assert cursor == expected
    if gone:
        await alice.heard(HistoryReplaced)
    assert bool(alice.of(HistoryReplaced)) is gone
