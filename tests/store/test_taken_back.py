"""Contract: a message that was taken back is a tombstone for everybody, keeps its place and key, and nothing brings it back."""

from __future__ import annotations

import pytest

from imserver.content import decode_content
from imserver.errors import RefusalCode
from imserver.events import MessageEdited, MessagePosted
from imserver.model import Kind, Role, group_conversation_id
from tests.store.homes import Home
from tests.store.support import (
    DIRECT,
    USERS,
    Recorder,
    Stand,
    edit_message,
    key,
    post,
    refusal_of,
    said,
    take_back,
)

GROUP = group_conversation_id("ann", key(90))


async def gone(
    stand: Stand, number: int, position: int, by: str = "ann", place: str = DIRECT
) -> tuple[int, int]:
    told: tuple[int, int] = await stand.tx(lambda tx: take_back(tx, place, by, key(number), position))
    return told


async def shown(stand: Stand, user: str, place: str = DIRECT) -> dict[int, tuple[bytes | None, int]]:
    page = await stand.read(lambda reader: reader.history(place, user, 0, None, 100, 9999))
    return {item.position: (item.content, item.revision) for item in page.items}


async def test_its_content_is_nil_and_its_place_and_key_stay(stand: Stand) -> None:
    [first, _] = await stand.post(post(1), post(2, "bob"))
    await stand.tx(lambda tx: edit_message(tx, DIRECT, "ann", key(10), 1, said("better")))
    assert await gone(stand, 11, 1, "bob") == (4, 3)
    for user in ("ann", "bob"):
        assert (await shown(stand, user))[1] == (None, 3)
    page = await stand.read(lambda reader: reader.history(DIRECT, "bob", 0, None, 1, 9999))
    [item] = page.items
    assert (item.sender_id, item.sent_at, item.key) == ("ann", 1_001, key(1))
    told = await stand.read(lambda reader: reader.history(DIRECT, "bob", 3, None, 1, 9999))
    assert told.items[0].sender_id == "bob"
    assert decode_content(told.items[0].content or b"") == {
        "type": "system", "event": "retracted", "target": 1, "revision": 3
    }  # fmt: skip
    again = post(1)
    assert await stand.post(again, post(1, text="else")) == [(*first[:2], True), RefusalCode.KEY_REUSED]


async def test_nothing_brings_it_back(stand: Stand) -> None:
    await stand.post(post(1))
    edited = await stand.tx(lambda tx: edit_message(tx, DIRECT, "ann", key(10), 1, said("better")))
    await gone(stand, 11, 1)
    edit = stand.tx(lambda tx: edit_message(tx, DIRECT, "ann", key(12), 1, said("again")))
    assert await refusal_of(edit) is RefusalCode.GONE
    assert await refusal_of(gone(stand, 13, 1)) is RefusalCode.GONE
    # What was answered once is answered so again.
    repeated = await stand.tx(lambda tx: edit_message(tx, DIRECT, "ann", key(10), 1, said("better")))
    assert repeated == (*edited[:2], True)
    assert (await shown(stand, "bob"))[1] == (None, 3)


async def test_former_members_are_shown_the_tombstone_too(stand: Stand) -> None:
    """Whatever they could read when they left: before and after edits."""
    members = {"bob": Role.MEMBER, "cy": Role.MEMBER}
    await stand.tx(lambda tx: tx.create_conversation("ann", key(90), Kind.GROUP, "team", members))
    await stand.post(post(2, "ann", GROUP), post(3, "ann", GROUP))
    await stand.tx(lambda tx: tx.remove_member(GROUP, "bob", key(10), "bob"))
    await stand.tx(lambda tx: edit_message(tx, GROUP, "ann", key(11), 2, said("two")))
    await stand.tx(lambda tx: tx.remove_member(GROUP, "cy", key(12), "cy"))
    await stand.tx(lambda tx: edit_message(tx, GROUP, "ann", key(13), 2, said("deux")))
    await stand.tx(lambda tx: edit_message(tx, GROUP, "ann", key(14), 3, said("three")))
    assert (await shown(stand, "bob", GROUP))[2] == (said("2"), 1)
    assert (await shown(stand, "cy", GROUP))[2] == (said("two"), 2)
    await gone(stand, 15, 2, place=GROUP)
    for user in ("ann", "bob", "cy"):
        assert (await shown(stand, user, GROUP))[2] == (None, 4)
    assert (await shown(stand, "bob", GROUP))[3] == (said("3"), 1), "of another message nothing changes"


async def test_a_list_stays_in_its_order_and_shows_the_tombstone(stand: Stand) -> None:
    await stand.post(post(1), post(2), post(3, "bob", "direct/bob/cy"))
    await gone(stand, 11, 1)
    rows, _ = await stand.read(lambda reader: reader.conversations("bob", None, 10))
    assert [(row.conversation_id, row.last and row.last.content) for row in rows] == [
        ("direct/bob/cy", said("3")),
        (DIRECT, said("2")),
    ]
    _, since, _ = await stand.read(lambda reader: reader.sync("bob", None, 10))
    await gone(stand, 12, 2)
    rows, _ = await stand.read(lambda reader: reader.conversations("bob", None, 10))
    assert [row.conversation_id for row in rows] == ["direct/bob/cy", DIRECT]
    last = rows[1].last
    assert last is not None
    assert (last.position, last.content, last.revision, rows[1].head) == (2, None, 2, 4)
    changed, _, _ = await stand.read(lambda reader: reader.sync("bob", since, 10))
    assert [(row.conversation_id, row.head) for row in changed] == [(DIRECT, 4)]


async def test_who_follows_the_store_hears_of_both(stand: Stand) -> None:
    """The events say what it is now, then what tells of it; who comes later is told that there was a message."""
    await stand.post(post(1))
    before = len(stand.recorder.events)
    await gone(stand, 11, 1)
    edited, told = stand.recorder.events[before:]
    assert isinstance(edited, MessageEdited)
    assert isinstance(told, MessagePosted)
    assert (edited.message.content, edited.message.revision, told.message.position) == (None, 2, 2)
    messages, _ = await stand.read(lambda reader: reader.messages_after(0, ["ann"], 10))
    assert [(message.position, message.content is None) for _, message, _ in messages] == [
        (1, True),
        (2, False),
    ]


async def test_it_lasts_and_leaves_nothing_that_the_checks_find(home: Home) -> None:
    for life in range(2):
        store = home.store()
        await store.open(recorder := Recorder())
        stand = Stand(store, recorder)
        if not life:
            await stand.users(*USERS)
            await stand.post(*(post(number) for number in range(1, 5)))
            for number, text in ((20, "better"), (21, "best")):
                await stand.tx(
                    lambda tx, n, t: edit_message(tx, DIRECT, "ann", key(n), 2, said(t)), number, text
                )
            await gone(stand, 11, 2)
            await gone(stand, 12, 3, "bob")
        now = await shown(stand, "bob")
        assert (now[2], now[3]) == ((None, 4), (None, 2))
        await store.close()
        assert home.findings() == []


@pytest.mark.parametrize("position", [0, 2, -1, 99])
async def test_what_is_not_there_is_not_taken_back(stand: Stand, position: int) -> None:
    await stand.post(post(1))
    assert await refusal_of(gone(stand, 11, position)) is RefusalCode.NOT_FOUND
    assert await shown(stand, "bob") == {1: (said("1"), 1)}
