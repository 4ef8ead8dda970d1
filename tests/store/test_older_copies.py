"""Contract: when an older copy comes back, what was learnt behind it is refused, or lowered to exactly what is left of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from imserver.errors import RefusalCode
from imserver.model import Kind, Role
from imserver.store.engine.places import SEALED_CHARS
from tests.store.homes import Home
from tests.store.machines import Machine, go_back, read_at, since_of
from tests.store.support import DIRECT, USERS, Stand, key, post, refusal_of

GROUP_KEY = key(900)


@pytest.fixture
async def machine(home: Home) -> AsyncIterator[Machine]:
    made = Machine(home)
    stand = await made.open()
    await stand.users(*USERS)
    yield made
    await made.stand.store.close()


async def agreed(stand: Stand, place: str, position: int, **more: Any) -> int | None:
    found = await read_at(stand, place, position, **more)
    assert found is not None
    return found.agreed


async def test_what_was_learnt_behind_the_copy_is_lowered_to_it_exactly(machine: Machine) -> None:
    """Positions 1-40 are in the copy; the client had 100 of the history that is gone, and the new one is longer than that."""
    await machine.stand.post(*(post(number) for number in range(1, 41)))
    stand = await machine.restart()
    copied = machine.copied()
    early = stand.store.place()
    await stand.post(*(post(number) for number in range(41, 101)))
    late, since = stand.store.place(), await since_of(stand)
    half = await since_of(stand, limit=1)
    assert await agreed(stand, early, 100) == 100
    stand = await go_back(machine, copied)
    await stand.post(*(post(number) for number in range(200, 320)))
    for place in (early, late, since, half):
        assert await agreed(stand, place, 100) == 40
        assert await agreed(stand, place, 7) == 7
        assert await agreed(stand, place, 0) == 0
        assert await agreed(stand, place, 10**9) == 40
    assert await refusal_of(since_of(stand, since=since)) is RefusalCode.EPOCH_CHANGED
    assert await refusal_of(since_of(stand, since=half)) is RefusalCode.EPOCH_CHANGED
    # Taken before anything was written that is gone, in the life that the copy is of.
    assert await since_of(stand, since=early)
    assert stand.store.witnesses == 1
    answer = await read_at(stand, late, 100)
    assert answer is not None
    assert (answer.row.head, answer.row.conversation_id, answer.state_good) == (160, DIRECT, True)


async def test_a_copy_of_an_earlier_life_gives_what_it_and_the_place_share(machine: Machine) -> None:
    await machine.stand.post(post(1), post(2))
    stand = await machine.restart()
    await stand.post(post(3))
    stand = await machine.restart()
    copied = machine.copied()
    for number in range(4, 9):
        await stand.post(post(number))
        stand = await machine.restart()
    place = stand.store.place()
    stand = await go_back(machine, copied)
    assert await refusal_of(since_of(stand, since=place)) is RefusalCode.EPOCH_CHANGED
    await stand.post(*(post(number) for number in range(50, 60)))
    assert await agreed(stand, place, 8) == 3
    # Its life is not known here, though the new history is longer than the one that is gone.
    assert await refusal_of(since_of(stand, since=place)) is RefusalCode.EPOCH_CHANGED
    # And one whose eight lives are all gone: nothing is known.
    for number in range(9, 20):
        await stand.post(post(100 + number))
        stand = await machine.restart()
    later = stand.store.place()
    stand = await go_back(machine, copied)
    assert await agreed(stand, later, 8) == 0


async def test_between_two_pages_the_snapshot_counts(machine: Machine) -> None:
    """The page lists what the copy still has, but its reader saw it together with what is gone."""
    stand = machine.stand
    await stand.post(post(1), post(2, "bob", "direct/bob/cy"))
    copied = machine.copied()
    await stand.post(post(3, "bob", "direct/bob/cy"))
    rows, between, more = await stand.read(lambda reader: reader.sync("bob", None, 1))
    assert ([row.conversation_id for row in rows], more) == ([DIRECT], True)
    stand = await go_back(machine, copied)
    await stand.post(*(post(number, "bob", "direct/bob/cy") for number in range(10, 20)))
    assert await refusal_of(since_of(stand, since=between)) is RefusalCode.EPOCH_CHANGED
    assert await agreed(stand, between, 1) == 1


async def test_restarts_and_kills_refuse_and_lower_nothing(machine: Machine) -> None:
    places: list[tuple[str, str, int]] = []
    stand = machine.stand
    for number in range(1, 13):
        await stand.post(post(number))
        stand = await machine.restart()
        places.append((stand.store.place(), await since_of(stand), number))
    for place, since, position in places:
        assert await agreed(stand, place, position) == position
        rows, _, _ = await stand.read(lambda reader, token: reader.sync("bob", token, 9), since)
        assert [row.head for row in rows] == ([] if position == 12 else [12])
    assert stand.store.witnesses == 0


async def test_good_places_make_no_witness_whatever_else_goes_on(machine: Machine) -> None:
    """The places of a quiet conversation are of the whole history, which goes on elsewhere: posts, groups, cursors."""
    stand = machine.stand
    await stand.post(post(1), post(2))
    known = [stand.store.place(), await since_of(stand)]
    for number in range(3, 8):
        await stand.post(post(number, "ann", "direct/ann/cy"))
        await stand.tx(lambda tx, at: tx.move_cursors("direct/ann/cy", "cy", at, at), number - 2)
        known += [stand.store.place(), await since_of(stand)]
    for _ in range(2):
        for place in known:
            assert await agreed(stand, place, 2) == 2
            await since_of(stand, since=place)
        assert stand.store.witnesses == 0
        stand = await machine.restart()


async def test_who_left_is_told_of_what_they_may_read(machine: Machine) -> None:
    group, _, _ = await machine.stand.tx(
        lambda tx: tx.create_conversation("ann", GROUP_KEY, Kind.GROUP, "g", {"bob": Role.MEMBER})
    )
    await machine.stand.post(post(1, "ann", group))
    stand = await machine.restart()
    copied = machine.copied()
    await stand.tx(lambda tx: tx.remove_member(group, "ann", key(901), "bob"))
    await stand.post(post(2, "ann", group))
    place = stand.store.place()
    there = await read_at(stand, place, 10, where=group)
    assert there is not None
    assert (there.agreed, there.row.left_at, there.row.head) == (3, 3, 3)
    stand = await go_back(machine, copied)
    here = await read_at(stand, place, 3, where=group)
    assert here is not None
    assert (here.agreed, here.row.left_at, here.row.head) == (2, None, 2)


async def test_absent_and_foreign_conversations_look_the_same(machine: Machine) -> None:
    await machine.stand.post(post(1))
    place = machine.stand.store.place()
    for user_id, where in (
        ("cy", DIRECT),
        ("bob", "direct/ann/nobody"),
        ("nobody", DIRECT),
        ("bob", "\ud800"),
    ):
        assert await read_at(machine.stand, place, 1, user_id=user_id, where=where) is None


@pytest.mark.parametrize("place", ["", "x", "A" * SEALED_CHARS, "ä" * SEALED_CHARS, "9" * 5_000])
async def test_a_place_of_no_history_of_ours_shares_nothing(machine: Machine, place: str) -> None:
    await machine.stand.post(post(1), post(2))
    assert await agreed(machine.stand, place, 2) == 0
    assert await refusal_of(since_of(machine.stand, since=place)) is RefusalCode.EPOCH_CHANGED
    assert machine.stand.store.witnesses == 0


async def test_a_place_in_one_list_is_none_in_the_other(machine: Machine) -> None:
    await machine.stand.post(post(1), post(2, "bob", "direct/bob/cy"))
    _, before = await machine.stand.read(lambda reader: reader.conversations("bob", None, 1))
    since = await since_of(machine.stand)
    assert await refusal_of(since_of(machine.stand, since=before)) is RefusalCode.EPOCH_CHANGED
    listed = machine.stand.read(lambda reader: reader.conversations("bob", since, 1))
    assert await refusal_of(listed) is RefusalCode.EPOCH_CHANGED


async def test_the_lists_of_a_history_that_is_gone_are_refused(machine: Machine) -> None:
    stand = await machine.restart()
    copied = machine.copied()
    await stand.post(post(1), post(2, "bob", "direct/bob/cy"))
    _, before = await stand.read(lambda reader: reader.conversations("bob", None, 1))
    stand = await go_back(machine, copied)
    await stand.post(*(post(number, "bob", "direct/bob/cy") for number in range(20, 30)))
    listed = stand.read(lambda reader: reader.conversations("bob", before, 1))
    assert await refusal_of(listed) is RefusalCode.EPOCH_CHANGED


async def test_another_life_begins_while_the_store_is_open(machine: Machine) -> None:
    """As when the clocks part. What was learnt before is part of it, and its end is told to the next copy."""
    stand = machine.stand
    await stand.post(post(1), post(2))
    before, since = stand.store.place(), await since_of(stand)
    await stand.store.begin_life("the clocks parted")
    await stand.post(post(3))
    after = stand.store.place()
    # The life before ended here: who is still under its mark is only known to share what it wrote.
    assert await agreed(stand, before, 3) == 2
    assert await agreed(stand, after, 3) == 3
    assert (await stand.read(lambda reader: reader.sync("bob", since, 9)))[0][0].head == 3
    stand = await machine.restart()
    assert await agreed(stand, after, 3) == 3
    assert stand.store.witnesses == 0


async def test_what_is_written_right_behind_the_row_is_of_the_life_that_begins(machine: Machine) -> None:
    """In one batch with it: who is welcomed as soon as that is committed has a place that stays good."""
    stand = machine.stand
    await stand.post(post(1))
    places: list[str] = []
    committed = stand.recorder.committed

    def welcome(units: Any) -> None:
        places.append(stand.store.place())
        committed(units)

    stand.recorder.committed = welcome  # type: ignore[method-assign]
    beginning = asyncio.create_task(stand.store.begin_life("the clocks parted"))
    await asyncio.sleep(0)
    await stand.post(post(2), post(3))
    await beginning
    await stand.post(post(4))
    for place in places:
        await since_of(stand, since=place)
        assert await agreed(stand, place, 4) == 4
    assert stand.store.witnesses == 0
