"""Contract: pages report the range that they cover, sync misses nothing, the list shows unread counts."""

from __future__ import annotations

import pytest

from imserver.chat.permissions import NO_SEAT
from imserver.errors import RefusalCode
from imserver.model import ConversationRow, Cursors, Kind, Page, Role, User
from tests.store.support import DIRECT, Stand, edit_message, key, post, refusal_of, said


async def history(
    stand: Stand,
    after: int | None = None,
    before: int | None = None,
    limit: int = 10,
    max_bytes: int = 100_000,
) -> Page:
    return await stand.store.read(
        lambda reader: reader.history(DIRECT, "bob", after, before, limit, max_bytes)
    )


def shape(page: Page) -> tuple[list[int], int, int, int]:
    return [item.position for item in page.items], page.first, page.last, page.head


# -- history ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("after", "before", "limit", "expected"),
    [
        (0, None, 3, ([1, 2, 3], 1, 3, 9)),
        (3, None, 3, ([4, 5, 6], 4, 6, 9)),
        (6, None, 3, ([7, 8, 9], 7, 9, 9)),
        (7, None, 3, ([8, 9], 8, 9, 9)),
        (9, None, 3, ([], 10, 9, 9)),
        (None, None, 3, ([7, 8, 9], 7, 9, 9)),
        (None, 7, 3, ([4, 5, 6], 4, 6, 9)),
        (None, 4, 3, ([1, 2, 3], 1, 3, 9)),
        (None, 3, 3, ([1, 2], 1, 2, 9)),
        (None, 1, 3, ([], 1, 0, 9)),
        (None, 2**53 - 1, 2, ([8, 9], 8, 9, 9)),
    ],
)
async def test_a_page_is_ascending_and_says_what_it_covers(
    stand: Stand,
    after: int | None,
    before: int | None,
    limit: int,
    expected: tuple[list[int], int, int, int],
) -> None:
    await stand.post(*[post(number) for number in range(1, 10)])
    assert shape(await history(stand, after, before, limit)) == expected


async def test_a_page_ends_at_its_bytes_but_holds_one_item(stand: Stand) -> None:
    await stand.post(*[post(number, text="x" * 1000) for number in range(1, 6)])
    assert shape(await history(stand, 0, None, 10, 1)) == ([1], 1, 1, 5)
    assert shape(await history(stand, 0, None, 10, 2500)) == ([1, 2], 1, 2, 5)
    assert shape(await history(stand, None, 6, 10, 2500)) == ([4, 5], 4, 5, 5)
    assert shape(await history(stand, None, 2, 10, 1)) == ([1], 1, 1, 5)


@pytest.mark.parametrize(
    ("after", "before", "limit", "code"),
    [
        (4, None, 1, RefusalCode.EPOCH_CHANGED),
        (2**53 - 1, None, 1, RefusalCode.EPOCH_CHANGED),
        (-1, None, 1, RefusalCode.INVALID),
        (None, 0, 1, RefusalCode.INVALID),
        (None, -5, 1, RefusalCode.INVALID),
        (1, 3, 1, RefusalCode.INVALID),
        (0, None, 0, RefusalCode.INVALID),
    ],
)
async def test_pages_that_are_refused(
    stand: Stand, after: int | None, before: int | None, limit: int, code: RefusalCode
) -> None:
    """EPOCH_CHANGED for who knows more than there is; INVALID for both ends at once, and for bounds that make no sense."""
    await stand.post(post(1), post(2), post(3))
    assert await refusal_of(history(stand, after, before, limit)) == code


async def test_a_clock_that_is_set_back_changes_no_order(stand: Stand) -> None:
    other = "direct/ann/cy"
    for number, conversation in ((9, DIRECT), (8, other), (7, DIRECT), (6, other), (5, DIRECT)):
        await stand.post(post(number, "ann", conversation))
    for page in (await history(stand, 0, None, 10), await history(stand, None, None, 10)):
        assert [(item.position, item.sent_at) for item in page.items] == [(1, 1009), (2, 1007), (3, 1005)]
    listed, _ = await stand.read(lambda reader: reader.conversations("ann", None, 10))
    assert [row.conversation_id for row in listed] == [DIRECT, other]
    changed, _, _ = await stand.read(lambda reader: reader.sync("ann", None, 10))
    assert [row.conversation_id for row in changed] == [other, DIRECT]


@pytest.mark.parametrize("user_id", ["cy", "nobody", "", "\ud800"])
async def test_outsiders_read_nothing(stand: Stand, user_id: str) -> None:
    """NOT_FOUND, whether the conversation exists or not; also for an id that is no text."""
    await stand.post(post(1))
    read = stand.store.read(lambda reader: reader.history(DIRECT, user_id, None, None, 10, 1000))
    assert await refusal_of(read) == RefusalCode.NOT_FOUND
    missing = stand.store.read(lambda reader: reader.history("group/no", "ann", None, None, 10, 1000))
    assert await refusal_of(missing) == RefusalCode.NOT_FOUND


async def test_a_former_member_reads_up_to_leaving_in_every_direction(stand: Stand) -> None:
    group, _, _ = await stand.tx(
        lambda tx: tx.create_conversation("ann", key(90), Kind.GROUP, "g", {"bob": Role.MEMBER})
    )
    await stand.post(post(1, "ann", group))
    await stand.tx(lambda tx: tx.remove_member(group, "ann", key(91), "bob"))
    await stand.post(post(2, "ann", group), post(3, "ann", group))

    async def seen(after: int | None, before: int | None) -> tuple[list[int], int, int, int]:
        return shape(
            await stand.store.read(lambda reader: reader.history(group, "bob", after, before, 10, 9999))
        )

    assert await seen(0, None) == ([1, 2, 3], 1, 3, 3)
    assert await seen(None, None) == ([1, 2, 3], 1, 3, 3)
    assert await seen(None, 5) == ([1, 2, 3], 1, 3, 3)
    assert await seen(3, None) == ([], 4, 3, 3)
    for beyond in (4, 5, 6):  # one answer, whether the others have come so far or not
        assert await refusal_of(seen(beyond, None)) == RefusalCode.EPOCH_CHANGED


# -- sync -------------------------------------------------------------------------------------------------------------


async def sync(stand: Stand, user_id: str, since: str | None, limit: int = 10) -> tuple[list[str], str, bool]:
    rows, token, more = await stand.store.read(lambda reader: reader.sync(user_id, since, limit))
    return [row.conversation_id for row in rows], token, more


async def test_sync_tells_what_changed_once(stand: Stand) -> None:
    await stand.post(post(1), post(2, "bob", "direct/bob/cy"))
    found, token, more = await sync(stand, "bob", None)
    assert (found, more) == (["direct/ann/bob", "direct/bob/cy"], False)
    found, again, more = await sync(stand, "bob", token)
    assert (found, more) == ([], False)
    assert again != token  # though it means the same: nobody can tell that nothing happened
    await stand.post(post(3))
    found, later, _ = await sync(stand, "bob", token)
    assert found == [DIRECT]
    assert later != token
    assert (await sync(stand, "cy", token))[0] == []


async def test_sync_in_steps_misses_nothing_that_changes_meanwhile(stand: Stand) -> None:
    names = [f"u{number}" for number in range(7)]
    await stand.users(*names)
    conversations = [f"direct/bob/{name}" for name in names]
    await stand.post(
        *[post(number, "bob", conversation) for number, conversation in enumerate(conversations)]
    )
    seen: list[str] = []
    token: str | None = None
    more = True
    step = 0
    while more:
        found, token, more = await sync(stand, "bob", token, 2)
        seen.extend(found)
        step += 1
        if step == 1:
            await stand.post(post(50, "bob", conversations[0]), post(51, "bob", conversations[5]))
    assert sorted(set(seen)) == conversations
    assert seen.index(conversations[1]) < seen.index(conversations[2]) < seen.index(conversations[6])
    # What changed after it was told is told again.
    assert seen.count(conversations[0]) == 2


async def test_a_row_says_head_membership_and_cursors(stand: Stand) -> None:
    """And the cursors of each other member, by id, also of those who never moved one."""
    await stand.post(post(1), post(2), post(3, "bob"))
    await stand.tx(lambda tx: tx.move_cursors(DIRECT, "bob", 3, 2))
    rows, _, _ = await stand.store.read(lambda reader: reader.sync("ann", None, 10))
    [row] = rows
    assert (row.kind, row.title, row.head, row.joined_at, row.left_at, row.role) == (
        Kind.DIRECT,
        "",
        3,
        1,
        None,
        Role.MEMBER,
    )
    assert row.cursors == Cursors(0, 0)
    assert row.cursors_of == (("bob", Cursors(3, 2)),)


async def test_sync_tells_of_receipts_of_others_but_not_in_channels(stand: Stand) -> None:
    channel, _, _ = await stand.tx(
        lambda tx: tx.create_conversation(
            "ann", key(90), Kind.CHANNEL, "c", {"bob": Role.READER, "cy": Role.READER}
        )
    )
    await stand.post(post(1))
    _, token, _ = await sync(stand, "ann", None)
    await stand.tx(lambda tx: tx.move_cursors(DIRECT, "bob", 1, 1))
    await stand.tx(lambda tx: tx.move_cursors(channel, "bob", 1, 1))
    assert (await sync(stand, "ann", token))[0] == [DIRECT]
    assert (await sync(stand, "bob", token))[0] == [DIRECT, channel]
    assert (await sync(stand, "cy", token))[0] == []


async def test_nobody_learns_how_far_readers_of_a_channel_have_read(stand: Stand) -> None:
    channel, _, _ = await stand.tx(
        lambda tx: tx.create_conversation("ann", key(90), Kind.CHANNEL, "c", {"bob": Role.READER})
    )
    await stand.tx(lambda tx: tx.move_cursors(channel, "bob", 1, 1))
    await stand.post(post(1, "ann", channel))
    for user_id in ("ann", "bob"):
        rows, _, _ = await stand.read(lambda reader, who: reader.sync(who, None, 10), user_id)
        assert [(row.conversation_id, row.cursors_of) for row in rows] == [(channel, ())]


async def test_a_former_member_learns_of_leaving_and_of_nothing_later(stand: Stand) -> None:
    group, _, _ = await stand.tx(
        lambda tx: tx.create_conversation("ann", key(90), Kind.GROUP, "g", {"bob": Role.MEMBER})
    )
    _, token, _ = await sync(stand, "bob", None)
    await stand.tx(lambda tx: tx.remove_member(group, "ann", key(91), "bob"))
    rows, later, _ = await stand.store.read(lambda reader: reader.sync("bob", token, 10))
    assert [(row.left_at, row.head, row.cursors_of) for row in rows] == [(2, 2, ())]
    await stand.post(post(1, "ann", group))
    await stand.tx(lambda tx: tx.move_cursors(group, "ann", 3, 3))
    assert (await sync(stand, "bob", later))[0] == []


async def test_a_former_member_who_asks_late_does_not_learn_how_far_the_others_have_come(
    stand: Stand,
) -> None:
    group, _, _ = await stand.tx(
        lambda tx: tx.create_conversation("ann", key(90), Kind.GROUP, "g", {"bob": Role.MEMBER})
    )
    await stand.tx(lambda tx: tx.remove_member(group, "ann", key(91), "bob"))
    await stand.post(post(1, "ann", group), post(2, "ann", group))
    for since in (None, (await sync(stand, "cy", None))[1]):
        rows, _, _ = await stand.read(lambda reader, token: reader.sync("bob", token, 10), since)
        assert [(row.head, row.left_at) for row in rows] == ([(2, 2)] if since is None else [])


@pytest.mark.parametrize(
    "token",
    [
        "",
        "x",
        "0123456789abcdef.1",
        ".",
        "{epoch}",
        "{epoch}.",
        "{epoch}.x",
        "{epoch}.-1",
        "{epoch}.999",
        "{epoch}.²",
        "{epoch}.1.1",
        "{epoch}." + "9" * 30,
        "{epoch} .1",
    ],
)
async def test_a_token_of_another_history_or_of_the_future(stand: Stand, token: str) -> None:
    """It is EPOCH_CHANGED in both lists."""
    await stand.post(post(1))
    foreign = token.replace("{epoch}", stand.store.epoch)
    assert await refusal_of(sync(stand, "bob", foreign)) == RefusalCode.EPOCH_CHANGED
    listed = stand.store.read(lambda reader: reader.conversations("bob", foreign, 10))
    assert await refusal_of(listed) == RefusalCode.EPOCH_CHANGED


async def test_nobody_knows_nothing(stand: Stand) -> None:
    """Of users and conversations that do not exist there is nothing to tell, and no error."""
    assert (await sync(stand, "nobody", None))[0] == []
    assert await stand.store.read(lambda reader: reader.conversations("nobody", None, 10)) == ([], None)
    assert await stand.store.read(lambda reader: reader.members("group/no")) == []
    assert await stand.store.read(lambda reader: reader.seat("group/no", "ann")) == NO_SEAT
    assert await stand.store.read(lambda reader: reader.seat(DIRECT, "nobody")) == NO_SEAT


# -- the list ---------------------------------------------------------------------------------------------------------


async def test_the_list_is_newest_first_with_unread_and_last(stand: Stand) -> None:
    await stand.post(post(1), post(2), post(3, "bob", "direct/bob/cy"), post(4))
    rows, token = await stand.store.read(lambda reader: reader.conversations("bob", None, 10))
    assert token is None
    assert [(row.conversation_id, row.unread, row.last and row.last.content) for row in rows] == [
        (DIRECT, 3, said("4")),
        ("direct/bob/cy", 0, said("3")),
    ]
    await stand.tx(lambda tx: tx.move_cursors(DIRECT, "bob", None, 2))
    rows, _ = await stand.store.read(lambda reader: reader.conversations("bob", None, 10))
    assert [row.unread for row in rows] == [1, 0]


async def test_edits_and_membership_are_not_unread_nor_is_what_was_said_before_joining(stand: Stand) -> None:
    group, _, _ = await stand.tx(lambda tx: tx.create_conversation("ann", key(90), Kind.GROUP, "g", {}))
    await stand.post(post(1, "ann", group), post(2, "ann", group))
    await stand.tx(lambda tx: tx.add_member(group, "ann", key(91), "bob", Role.MEMBER))
    await stand.post(post(3, "ann", group))
    await stand.tx(lambda tx: edit_message(tx, group, "ann", key(92), 2, said("better")))
    rows, _ = await stand.store.read(lambda reader: reader.conversations("bob", None, 10))
    assert [row.unread for row in rows] == [1]


async def test_an_edit_leaves_a_conversation_where_it_is_in_the_list_and_is_listed_by_sync(
    stand: Stand,
) -> None:
    await stand.post(post(1), post(2), post(3, "bob", "direct/bob/cy"))
    _, since, _ = await sync(stand, "bob", None)
    before, _ = await stand.store.read(lambda reader: reader.conversations("bob", None, 10))
    for number in (10, 11):
        await stand.tx(lambda tx, n: edit_message(tx, DIRECT, "ann", key(n), 2, said(f"edit {n}")), number)
    after, _ = await stand.store.read(lambda reader: reader.conversations("bob", None, 10))
    assert [row.conversation_id for row in after] == ["direct/bob/cy", DIRECT]
    # What was last said is told as it reads now; the head is the conversation's, that of the last edit.
    assert after[1].last is not None
    assert (after[1].last.position, after[1].last.content, after[1].last.revision) == (2, said("edit 11"), 3)
    assert (after[1].head, after[1].unread) == (4, before[1].unread)
    rows, _, _ = await stand.read(lambda reader: reader.sync("bob", since, 10))
    assert [(row.conversation_id, row.head) for row in rows] == [(DIRECT, 4)]
    await stand.post(post(4))
    again, _ = await stand.store.read(lambda reader: reader.conversations("bob", None, 10))
    assert [(row.conversation_id, row.last and row.last.content) for row in again] == [
        (DIRECT, said("4")),
        ("direct/bob/cy", said("3")),
    ]


async def test_who_comes_and_goes_moves_a_conversation_up_in_the_list(stand: Stand) -> None:
    """Such a message is to be read in the flow, other than one that tells of an edit."""
    group, _, _ = await stand.tx(lambda tx: tx.create_conversation("ann", key(90), Kind.GROUP, "g", {}))
    await stand.post(post(1))
    await stand.tx(lambda tx: tx.add_member(group, "ann", key(91), "bob", Role.MEMBER))
    rows, _ = await stand.store.read(lambda reader: reader.conversations("bob", None, 10))
    assert [(row.conversation_id, row.last and row.last.position) for row in rows] == [
        (group, 2),
        (DIRECT, 1),
    ]


async def test_pages_of_the_list_go_by_what_was_said_though_edits_come_between(stand: Stand) -> None:
    names = [f"u{number}" for number in range(6)]
    await stand.users(*names)
    await stand.post(*[post(number, "bob", f"direct/bob/{name}") for number, name in enumerate(names)])
    seen: list[str] = []
    token: str | None = None
    for number in range(100, 200):
        rows, token = await stand.read(lambda reader, before: reader.conversations("bob", before, 2), token)
        seen.extend(row.conversation_id for row in rows)
        if token is None:
            break
        for name in names[::2]:
            key_of_it = key(1000 * number + names.index(name))
            await stand.tx(
                lambda tx, k, place: edit_message(tx, place, "bob", k, 1, said("x")),
                key_of_it,
                f"direct/bob/{name}",
            )
    assert seen == [f"direct/bob/{name}" for name in reversed(names)]


async def test_the_list_in_pages(stand: Stand) -> None:
    """Nothing is told twice or left out; the last page has no token."""
    names = [f"u{number}" for number in range(5)]
    await stand.users(*names)
    await stand.post(*[post(number, "bob", f"direct/bob/{name}") for number, name in enumerate(names)])
    seen: list[str] = []
    token: str | None = None
    while True:
        rows, token = await stand.read(lambda reader, before: reader.conversations("bob", before, 2), token)
        seen.extend(row.conversation_id for row in rows)
        if token is None:
            break
    assert seen == [f"direct/bob/{name}" for name in reversed(names)]


async def test_a_page_ends_before_the_first_row_that_is_not_taken(stand: Stand) -> None:
    """In both lists: rows are asked for one by one, in order, and the next page begins with that row."""
    names = [f"u{number}" for number in range(5)]
    await stand.users(*names)
    conversations = [f"direct/bob/{name}" for name in names]
    await stand.post(*[post(number, "bob", place) for number, place in enumerate(conversations)])
    asked: list[str] = []

    def takes_no_third(row: ConversationRow) -> bool:
        asked.append(row.conversation_id)
        return len(asked) % 3 != 0

    rows, token, more = await stand.read(lambda reader: reader.sync("bob", None, 9, takes_no_third))
    assert ([row.conversation_id for row in rows], more) == (conversations[:2], True)
    assert asked == conversations[:3]
    found, _, more = await sync(stand, "bob", token)
    assert (found, more) == (conversations[2:], False)
    asked.clear()
    rows, next_page = await stand.read(lambda reader: reader.conversations("bob", None, 9, takes_no_third))
    backwards = conversations[::-1]
    assert [row.conversation_id for row in rows] == backwards[:2]
    assert asked == backwards[:3]
    rows, none = await stand.read(lambda reader: reader.conversations("bob", next_page, 9))
    assert ([row.conversation_id for row in rows], none) == (backwards[2:], None)


async def test_who_takes_not_even_the_first_row_has_come_no_further(engine_stand: Stand) -> None:
    stand = engine_stand
    conversations = ["direct/ann/bob", "direct/bob/cy", "direct/bob/dee"]
    await stand.post(*[post(number, "bob", place) for number, place in enumerate(conversations)])
    rows, token, more = await stand.read(lambda reader: reader.sync("bob", None, 9, lambda row: False))
    assert (rows, more) == ([], True)
    assert (await sync(stand, "bob", token))[0] == conversations
    rows, next_page = await stand.read(lambda reader: reader.conversations("bob", None, 9, lambda row: False))
    assert rows == []
    rows, _ = await stand.read(lambda reader: reader.conversations("bob", next_page, 9))
    assert [row.conversation_id for row in rows] == conversations[::-1]


# -- accounts ---------------------------------------------------------------------------------------------------------


async def test_users_are_found_in_the_order_asked_and_changed_in_place(stand: Stand) -> None:
    await stand.tx(lambda tx: tx.put_user(User("bob", "Bobby", "zh", ("staff", "bot"))))
    found = await stand.store.read(lambda reader: reader.users(["cy", "nobody", "bob", "cy"]))
    assert found == [User("cy", "Cy"), User("bob", "Bobby", "zh", ("staff", "bot"))]
    assert await stand.tx(lambda tx: tx.user("bob")) == User("bob", "Bobby", "zh", ("staff", "bot"))
    assert await stand.tx(lambda tx: tx.user("nobody")) is None


async def test_a_token_stays_with_the_device_that_used_it_first(stand: Stand) -> None:
    assert await stand.store.read(lambda reader: reader.bound_device("t1")) is None
    assert await stand.tx(lambda tx: tx.bind_token("t1", "bob", "phone")) == "phone"
    assert await stand.tx(lambda tx: tx.bind_token("t1", "bob", "laptop")) == "phone"
    assert await stand.store.read(lambda reader: reader.bound_device("t1")) == "phone"
    assert (
        await refusal_of(stand.tx(lambda tx: tx.bind_token("t2", "nobody", "phone"))) == RefusalCode.NOT_FOUND
    )
