"""Contract: the last that fits and the first that does not, and who comes back: the same on every store."""

from __future__ import annotations

import random

import pytest

from imserver.chat.permissions import MAX_RECEIPT_MEMBERS
from imserver.errors import RefusalCode
from imserver.model import Kind, Role, group_conversation_id
from imserver.store.engine.pages import ITEM_OVERHEAD_BYTES
from tests.store.homes import Home
from tests.store.support import DIRECT, Recorder, Stand, key, post, refusal_of, said

GROUP = group_conversation_id("ann", key(900))


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("limit", [3, 10])
async def test_a_page_is_full_to_the_byte(stand: Stand, backwards: bool, limit: int) -> None:
    """Bytes are counted with the name of the sender and what an item takes besides."""
    await stand.post(*(post(number, text="same") for number in range(1, 7)))
    size = ITEM_OVERHEAD_BYTES + len(b"ann") + len(said("same"))
    after = None if backwards else 0
    for max_bytes, count in ((1, 1), (2 * size - 1, 1), (2 * size, 2), (3 * size - 1, 2), (3 * size, 3)):
        page = await stand.read(
            lambda reader, most=max_bytes: reader.history(DIRECT, "bob", after, None, limit, most)
        )
        assert len(page.items) == count, max_bytes
        expected = range(7 - count, 7) if backwards else range(1, count + 1)
        assert [item.position for item in page.items] == [*expected]
        assert (page.first, page.last) == (expected[0], expected[-1])


async def test_who_comes_back_has_nothing_unread_of_the_time_between(stand: Stand) -> None:
    await stand.tx(lambda tx: tx.create_conversation("ann", key(900), Kind.GROUP, "g", {"bob": Role.MEMBER}))
    await stand.post(*(post(number, "ann", GROUP) for number in range(1, 4)))
    await stand.tx(lambda tx: tx.move_cursors(GROUP, "bob", 3, 3))
    await stand.tx(lambda tx: tx.remove_member(GROUP, "bob", key(901), "bob"))
    await stand.post(*(post(number, "ann", GROUP) for number in range(4, 9)))
    await stand.tx(lambda tx: tx.add_member(GROUP, "ann", key(902), "bob", Role.MEMBER))
    unread = []
    for number in (10, 11):
        (row,), _ = await stand.read(lambda reader: reader.conversations("bob", None, 10))
        unread.append(row.unread)
        await stand.post(post(number, "ann", GROUP))
    assert unread == [0, 1]


async def test_each_plugin_has_its_migrations_in_the_order_of_their_numbers(engine_stand: Stand) -> None:
    """In whatever order their files were listed: 10 behind 9; and those of one are not those of another."""
    between = [(number, f"CREATE TABLE {{0}}_{number} (x INTEGER)") for number in range(8, 1, -1)]
    scripts = [
        (10, "DROP TABLE {0}_a"),
        (9, "CREATE INDEX {0}_i ON {0}_a (x)"),
        (1, "CREATE TABLE {0}_a (x INTEGER)"),
    ]
    for plugin in ("shop", "bank", "shop"):
        await engine_stand.store.migrate_plugin(
            plugin, [(no, sql.format(plugin)) for no, sql in (*scripts, *between)]
        )
        for number in range(2, 9):
            asked = f"SELECT * FROM {plugin}_{number}"
            assert await engine_stand.tx(lambda tx, name, sql: tx.plugin_sql(name, sql), plugin, asked) == []


@pytest.mark.parametrize("digits", ["", "-1", "+1", "1.0", "0x1", "١", "9" * 19, "9" * 20, "9" * 5_000, " 1"])
async def test_a_place_that_nobody_gave_out_is_one_of_another_history(stand: Stand, digits: str) -> None:
    """Whoever shows it forgets its cursors; it is no fault of ours, however long it is."""
    token = f"{stand.store.epoch}.{digits}"
    told = await refusal_of(stand.read(lambda reader: reader.sync("ann", token, 10)))
    assert told is RefusalCode.EPOCH_CHANGED
    told = await refusal_of(stand.read(lambda reader: reader.conversations("ann", token, 10)))
    assert told is RefusalCode.EPOCH_CHANGED


async def test_receipts_are_told_up_to_the_largest_group_that_has_them(home: Home) -> None:
    store = home.store(rng=random.Random(7))
    await store.open(recorder := Recorder())
    stand = Stand(store, recorder)
    names = [f"user{number}" for number in range(MAX_RECEIPT_MEMBERS)]
    await stand.users("ann", *names)
    members = dict.fromkeys(names[:-1], Role.MEMBER)
    await stand.tx(lambda tx: tx.create_conversation("ann", key(900), Kind.GROUP, "g", members))
    told = []
    for number in (1, 2):
        (row,), _, _ = await stand.read(lambda reader: reader.sync("user0", None, 10))
        told.append(len(row.cursors_of))
        if number == 1:
            await stand.tx(lambda tx: tx.add_member(GROUP, "ann", key(901), names[-1], Role.MEMBER))
    assert told == [MAX_RECEIPT_MEMBERS - 1, 0]
    await store.close()
