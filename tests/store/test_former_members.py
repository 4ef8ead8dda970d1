"""Contract: who left reads what was to be read then, and nothing that came later: no message and no edit."""

from __future__ import annotations

from typing import Any

import pytest

from imserver.model import Kind, Role
from tests.store.group_scene import GROUP, edit, group, leave, shown
from tests.store.support import Stand, edit_message, key, said


async def test_an_edit_after_leaving_is_not_shown_and_one_before_it_is(stand: Stand) -> None:
    await group(stand)
    await edit(stand, 10, "bob", 2, "two")  # 4
    assert await leave(stand, 11, "cy") == 5
    await edit(stand, 12, "bob", 2, "zwei")
    await edit(stand, 13, "ann", 3, "three")
    await edit(stand, 14, "bob", 2, "deux")
    then = await shown(stand, "cy")
    assert list(then) == [1, 2, 3, 4, 5]
    assert (then[2], then[3]) == ((said("two"), 2), (said("3"), 1))
    now = await shown(stand, "ann")
    assert (now[2], now[3]) == ((said("deux"), 4), (said("three"), 2))


@pytest.mark.parametrize("asked", [(0, None), (None, None), (1, None), (None, 4), (None, 3)])
@pytest.mark.parametrize("limit", [1, 2, 9])
async def test_in_every_direction_and_length(stand: Stand, asked: tuple[Any, Any], limit: int) -> None:
    """Pages of any size from either end show the same contents of then."""
    await group(stand)
    await leave(stand, 11, "cy")
    before = await shown(stand, "cy", *asked, limit, 9999)
    for number in range(20, 26):
        await edit(stand, number, "ann", 3, f"{number}")
        await edit(stand, number + 10, "bob", 2, f"{number}")
    assert await shown(stand, "cy", *asked, limit, 9999) == before


async def test_each_former_member_has_a_past_of_their_own(stand: Stand) -> None:
    await group(stand)
    await leave(stand, 11, "cy")
    await edit(stand, 12, "ann", 3, "three")
    await leave(stand, 13, "bob")
    await edit(stand, 14, "ann", 3, "drei")
    seen = [(await shown(stand, who))[3] for who in ("cy", "bob", "ann")]
    assert seen == [(said("3"), 1), (said("three"), 2), (said("drei"), 3)]


async def test_who_comes_back_reads_what_is_said_now_and_leaves_it_so_again(stand: Stand) -> None:
    await group(stand)
    await leave(stand, 11, "cy")
    await edit(stand, 12, "ann", 3, "three")
    assert (await shown(stand, "cy"))[3] == (said("3"), 1)
    await stand.tx(lambda tx: tx.add_member(GROUP, "ann", key(13), "cy", Role.MEMBER))
    assert (await shown(stand, "cy"))[3] == (said("three"), 2)
    await leave(stand, 14, "cy")
    await edit(stand, 15, "ann", 3, "drei")
    assert (await shown(stand, "cy"))[3] == (said("three"), 2)


async def test_an_edit_right_before_leaving_and_one_right_after(stand: Stand) -> None:
    """In one unit, so that nothing lies between but the positions."""
    await group(stand)

    def at_once(tx: Any) -> None:
        edit_message(tx, GROUP, "ann", key(10), 3, said("before"))
        tx.remove_member(GROUP, "cy", key(11), "cy")
        edit_message(tx, GROUP, "ann", key(12), 3, said("after"))

    await stand.tx(at_once)
    assert (await shown(stand, "cy"))[3] == (said("before"), 2)


async def test_the_page_is_measured_by_what_it_shows(stand: Stand) -> None:
    """A long content of later takes no room, and one of then that was cut short takes its own."""
    await group(stand)
    await leave(stand, 11, "cy")
    await edit(stand, 12, "ann", 3, "x" * 900)
    assert list(await shown(stand, "cy", 0, None, 100, 500)) == [1, 2, 3, 4]
    assert list(await shown(stand, "ann", 0, None, 3, 500)) == [1, 2]


async def test_who_was_removed_by_the_owner_is_shown_no_more_than_who_left(stand: Stand) -> None:
    await group(stand, Kind.CHANNEL)
    await stand.tx(lambda tx: tx.remove_member(GROUP, "ann", key(11), "cy"))
    await edit(stand, 12, "ann", 3, "three")
    assert (await shown(stand, "cy"))[3] == (said("3"), 1)
    rows, _, _ = await stand.read(lambda reader: reader.sync("cy", None, 9))
    assert [(row.head, row.left_at, row.last) for row in rows] == [(4, 4, None)]
    assert await stand.read(lambda reader: reader.conversations("cy", None, 9)) == ([], None)
