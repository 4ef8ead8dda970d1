"""Rows of state as a later server may leave them, put by hand: those of now, and for who left those of then."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest

from imserver.config import StoreConfig
from imserver.model import Role
from imserver.store import SqliteStore
from imserver.testing import ManualClock
from tests.store.group_scene import GROUP, edit, group, leave, shown
from tests.store.support import USERS, Recorder, Stand, key, said


@asynccontextmanager
async def opened(path: Path) -> AsyncIterator[Stand]:
    store = SqliteStore(StoreConfig(path=str(path)), clock=ManualClock(), rng=random.Random(1))
    await store.open(recorder := Recorder())
    try:
        yield Stand(store, recorder)
    finally:
        await store.close()


def put(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as raw:
        for statement in statements:
            raw.execute(statement)


async def test_a_revision_of_which_nothing_tells_when_it_ended_is_taken_for_that_of_then(
    tmp_path: Path,
) -> None:
    """Rather an old content than one that somebody must not see."""
    async with opened(tmp_path / "chat.db") as stand:
        await stand.users(*USERS)
        await group(stand)
        await leave(stand, 11, "cy")
        await edit(stand, 12, "ann", 3, "three")
        put(tmp_path / "chat.db", "UPDATE revisions SET until = NULL")
        assert (await shown(stand, "cy"))[3] == (said("3"), 1)
        assert (await shown(stand, "ann"))[3] == (said("three"), 2)


async def test_a_unit_that_failed_leaves_the_modseq_as_it_was(tmp_path: Path) -> None:
    """In memory, where who leaves next is cut by it."""
    async with opened(tmp_path / "chat.db") as stand:
        await stand.users(*USERS)
        await group(stand)
    put(tmp_path / "chat.db", "UPDATE conversations SET modseq = 4")

    def spoiled(tx: Any) -> None:
        tx.post(GROUP, "ann", key(20), said("x"), sent_at=1)
        raise ValueError("spoiled")

    async with opened(tmp_path / "chat.db") as stand:
        for _ in range(2):
            with pytest.raises(ValueError, match="spoiled"):
                await stand.tx(spoiled)
        await leave(stand, 11, "cy")
        page = await stand.read(lambda reader: reader.history(GROUP, "cy", 0, None, 9, 9999))
        assert page.modseq == 4


async def test_rows_and_pages_carry_the_state_of_now_and_for_who_left_that_of_leaving(tmp_path: Path) -> None:
    path = tmp_path / "chat.db"
    async with opened(path) as stand:
        await stand.users(*USERS)
        await group(stand)
    put(
        path,
        "UPDATE conversations SET modseq = 4, about = x'81a16101'",
        "UPDATE members SET settings = x'81a16201' WHERE user_no = (SELECT no FROM users WHERE user_id = 'cy')",
    )
    async with opened(path) as stand:
        await leave(stand, 11, "cy")
    put(path, "UPDATE conversations SET modseq = 9, about = x'81a16301'")
    async with opened(path) as stand:
        for user, state in (("ann", (9, b"\x81\xa1c\x01", None)), ("cy", (4, None, b"\x81\xa1b\x01"))):
            (row,), _, _ = await stand.read(lambda reader, who: reader.sync(who, None, 9), user)
            assert (row.modseq, row.about, row.settings) == state
            page = await stand.read(lambda reader, who: reader.history(GROUP, who, 0, None, 9, 9999), user)
            items = await stand.read(
                lambda reader, who: reader.history_items(GROUP, who, None, 3, 1, 9999), user
            )
            assert (page.modseq, items.modseq) == (state[0], state[0])
        (listed,), _ = await stand.read(lambda reader: reader.conversations("ann", None, 9))
        assert (listed.modseq, listed.about, listed.settings) == (9, b"\x81\xa1c\x01", None)
        # Who comes back is shown the state of now, and their own settings as they were.
        await stand.tx(lambda tx: tx.add_member(GROUP, "ann", key(12), "cy", Role.MEMBER))
        (row,), _, _ = await stand.read(lambda reader: reader.sync("cy", None, 9))
        (listed,), _ = await stand.read(lambda reader: reader.conversations("cy", None, 9))
        for one in (row, listed):
            assert (one.modseq, one.about, one.settings) == (9, b"\x81\xa1c\x01", b"\x81\xa1b\x01")
        page = await stand.read(lambda reader: reader.history(GROUP, "cy", 0, None, 9, 9999))
        assert page.modseq == 9
