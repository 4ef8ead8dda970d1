"""Contract: unread is what others said behind one's read cursor: exact to 99, then "more", at a price that has a bound."""

from __future__ import annotations

from contextlib import closing
from functools import partial
from pathlib import Path
from random import Random

import pytest

from imserver.model import Kind, Role, direct_conversation_id, group_conversation_id
from imserver.store.sqlite.reader import SqliteReader
from imserver_protocol.shared.bounds import MORE_UNREAD, UNREAD_MESSAGES
from tests.store.costs import Cost, opened
from tests.store.support import DIRECT, Stand, edit_message, key, post, said, take_back

GROUP = group_conversation_id("ann", key(90))


async def unread_of(stand: Stand, user: str, place: str = DIRECT) -> int:
    rows, _ = await stand.read(lambda reader: reader.conversations(user, None, 10))
    counts: dict[str, int] = {row.conversation_id: row.unread for row in rows}
    return counts[place]


async def say(stand: Stand, who: str, numbers: range, place: str = DIRECT) -> None:
    await stand.post(*(post(number, who, place) for number in numbers))


async def test_what_one_says_oneself_is_not_unread(stand: Stand) -> None:
    await say(stand, "ann", range(1, 4))
    await say(stand, "bob", range(4, 6))
    await say(stand, "ann", range(6, 7))
    assert (await unread_of(stand, "ann"), await unread_of(stand, "bob")) == (2, 4)
    await stand.tx(lambda tx: tx.move_cursors(DIRECT, "bob", None, 3))
    await stand.tx(lambda tx: tx.move_cursors(DIRECT, "ann", None, 4))
    assert (await unread_of(stand, "ann"), await unread_of(stand, "bob")) == (1, 1)
    await stand.tx(lambda tx: tx.move_cursors(DIRECT, "bob", None, 6))
    assert await unread_of(stand, "bob") == 0


async def test_own_system_messages_are_taken_off_nothing(stand: Stand) -> None:
    """Who edits, adds and removes is the author of what tells of it, which never counted."""
    await stand.tx(lambda tx: tx.create_conversation("ann", key(90), Kind.GROUP, "g", {"bob": Role.MEMBER}))
    await say(stand, "bob", range(1, 3), GROUP)
    await say(stand, "ann", range(3, 4), GROUP)
    await stand.tx(lambda tx: edit_message(tx, GROUP, "ann", key(91), 4, said("better")))
    await stand.tx(lambda tx: tx.add_member(GROUP, "ann", key(92), "cy", Role.MEMBER))
    await say(stand, "bob", range(4, 5), GROUP)
    await stand.tx(lambda tx: tx.remove_member(GROUP, "ann", key(93), "cy"))
    assert (await unread_of(stand, "ann", GROUP), await unread_of(stand, "bob", GROUP)) == (3, 1)


@pytest.mark.parametrize("count", [98, 99, 100, 101, 298, 299, 300, 301])
async def test_99_are_told_exactly_and_100_say_that_there_are_more(stand: Stand, count: int) -> None:
    await say(stand, "ann", range(1, count + 1))
    assert await unread_of(stand, "bob") == min(count, MORE_UNREAD)
    assert await unread_of(stand, "ann") == (0 if count <= UNREAD_MESSAGES else min(count - 200, 100))


async def test_a_message_that_was_taken_back_counts_until_it_is_read(stand: Stand) -> None:
    await say(stand, "ann", range(1, 4))
    await stand.tx(lambda tx: take_back(tx, DIRECT, "ann", key(50), 2))
    assert (await unread_of(stand, "ann"), await unread_of(stand, "bob")) == (0, 3)
    await stand.tx(lambda tx: tx.move_cursors(DIRECT, "bob", None, 2))
    assert await unread_of(stand, "bob") == 1


async def test_among_messages_that_are_far_back_own_ones_count_and_nothing_is_ever_left_out(
    stand: Stand,
) -> None:
    await say(stand, "ann", range(1, 31))
    await say(stand, "bob", range(31, 32))
    await say(stand, "ann", range(32, 32 + UNREAD_MESSAGES - 1))
    assert await unread_of(stand, "ann") == 31
    await stand.tx(lambda tx: tx.move_cursors(DIRECT, "ann", None, 30))
    assert await unread_of(stand, "ann") == 1


@pytest.mark.parametrize("seed", range(12))
async def test_it_is_what_counting_one_by_one_gives(stand: Stand, seed: int) -> None:
    """A group with newcomers, own and others' posts in rows, edits and messages taken back; cursors anywhere."""
    rng, numbers = Random(seed), iter(range(1_000, 100_000))
    await stand.tx(lambda tx: tx.create_conversation("ann", key(90), Kind.GROUP, "g", {"bob": Role.MEMBER}))
    told = ["", ""]  # who said what is at this position; "" for nobody's
    for _ in range(rng.randint(3, 30)):
        who = rng.choice(("ann", "bob"))
        row = rng.choice((1, 1, 2, 5, 40, 120))
        await stand.post(*(post(next(numbers), who, GROUP) for _ in range(row)))
        told += [who] * row
        target = rng.randrange(len(told) - row, len(told))
        match rng.randrange(4):
            case 0:
                await stand.tx(edit_message, GROUP, who, key(next(numbers)), target, said("b"))
                told.append("")
            case 1:
                await stand.tx(take_back, GROUP, who, key(next(numbers)), target)
                told.append("")
    await stand.tx(lambda tx: tx.add_member(GROUP, "ann", key(next(numbers)), "cy", Role.MEMBER))
    joined = len(told)
    told.append("")
    late = [rng.choice(("ann", "cy")) for _ in range(rng.randint(0, 130))]
    await stand.post(*(post(next(numbers), who, GROUP) for who in late))
    told += late
    for user, first in (("ann", 1), ("bob", 1), ("cy", joined)):
        for read in sorted({0, *(rng.randrange(len(told)) for _ in range(6)), len(told) - 1}):
            await stand.tx(lambda tx, u, r: tx.move_cursors(GROUP, u, None, r), user, read)
            behind = range(max(read + 1, first), len(told))
            exact = sum(told[at] not in ("", user) for at in behind)
            far = sum(told[at] == user for at in behind if at < len(told) - UNREAD_MESSAGES)
            assert await unread_of(stand, user, GROUP) == min(exact + far, MORE_UNREAD), (user, read)


async def test_it_costs_nothing_where_nothing_is_unread_and_never_more_than_a_walk(
    sqlite_stand: Stand, tmp_path: Path
) -> None:
    """In steps of SQLite's machine, for the same page: nothing unread, one, as many as are counted, and very many."""
    await sqlite_stand.users("zoe")
    place = direct_conversation_id("ann", "zoe")
    costs = []
    for first, count in ((1, 1), (10, 1), (100, 99), (1_000, 400)):
        await say(sqlite_stand, "zoe", range(first, first + count), place)
        if first == 1:
            await sqlite_stand.tx(lambda tx: tx.move_cursors(place, "ann", None, 1))
        with closing(opened(tmp_path / "chat.db")) as connection:
            cost = Cost(connection)
            costs.append(cost.of(partial(SqliteReader.conversations, user_id="ann", before=None, limit=5)))
    nothing, one, many, very_many = costs
    assert one < 2 * nothing
    assert many < 60 * nothing
    assert very_many <= nothing + 20
