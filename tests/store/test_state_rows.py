"""State in the database: what each life gave first, what a check finds of it, and what a page pays for it."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

from imserver.config import StoreConfig
from imserver.model import ItemState, Kind, Learnt, Role, group_conversation_id
from imserver.store import SqliteStore
from imserver.store.checks import check_database
from tests.store.support import DIRECT, USERS, Recorder, Stand, faulty, key, post

GROUP = group_conversation_id("ann", key(90))


@asynccontextmanager
async def life(path: Path, **more: Any) -> AsyncIterator[Stand]:
    """A store on this file for a while."""
    store = SqliteStore(StoreConfig(path=str(path)), **more)
    recorder = Recorder()
    await store.open(recorder)
    try:
        yield Stand(store, recorder)
    finally:
        await store.close()


def findings(path: Path) -> list[Any]:
    with closing(sqlite3.connect(path)) as raw:
        return list(check_database(raw).findings)


def _check(reader: Any, learnt: Learnt) -> Any:
    return reader.check("ann", learnt)


async def test_each_life_keeps_the_first_modseq_that_it_gave(tmp_path: Path) -> None:
    path = tmp_path / "chat.db"
    async with life(path) as stand:
        await stand.users(*USERS)
        await stand.post(post(1), post(2))
        await stand.tx(lambda tx: tx.set_item(DIRECT, 1, "x", 1))
        await stand.tx(lambda tx: tx.set_about(DIRECT, "x", 1))
        place = stand.store.place()
    async with life(path):
        pass  # gives none
    async with life(path) as stand:
        await stand.tx(lambda tx: tx.set_item(DIRECT, 2, "x", 3))
        await stand.tx(lambda tx: tx.set_item(DIRECT, 1, "x", 4))
        now = stand.store.place()
        good = {
            (at, modseq): found.state_good
            for at, known in (("then", place), ("now", now))
            for modseq in (2, 3, 4, 5)
            for found in [await stand.read(_check, Learnt(DIRECT, known, 2, modseq))]
        }
    # Under the first life's place 3 may have been another one, if that life went on elsewhere.
    assert {asked for asked, answer in good.items() if answer} == {
        ("then", 2), ("now", 2), ("now", 3), ("now", 4),
    }  # fmt: skip
    with closing(sqlite3.connect(path)) as raw:
        assert raw.execute("SELECT lineage_no, modseq FROM first_modseqs ORDER BY 1").fetchall() == [
            (1, 1),
            (3, 3),
        ]
    assert findings(path) == []


async def test_a_check_has_nothing_to_say_of_what_was_written(tmp_path: Path) -> None:
    path = tmp_path / "chat.db"
    async with life(path) as stand:
        await stand.users(*USERS)
        await stand.tx(
            lambda tx: tx.create_conversation("ann", key(90), Kind.GROUP, "g", {"bob": Role.MEMBER})
        )
        await stand.post(post(1, "ann", GROUP))
        for own in ({"ann": 1, "bob": 2}, {"ann": None}, {}):
            await stand.tx(lambda tx, own: tx.set_item(GROUP, 1, "x", 1, own), own)
            await stand.tx(lambda tx, own: tx.set_item(GROUP, 2, "x", len(own), own), own)
        await stand.tx(lambda tx: tx.set_item(GROUP, 2, "x", None))
        await stand.tx(lambda tx: tx.remove_member(GROUP, "ann", key(91), "bob"))
        await stand.tx(lambda tx: tx.set_item(GROUP, 1, "marks", 1, {"bob": "was here"}))
        await stand.tx(lambda tx: (tx.set_own(GROUP, "ann", "x", 1), tx.set_own(GROUP, "ann", "x", None)))
        await stand.tx(lambda tx: (tx.set_account("bob", "x", 1), tx.set_account("bob", "x", None)))
        assert await stand.tx(lambda tx: tx.item(GROUP, 1, "bob")) == ItemState(
            7, {"x": 1, "marks": 1}, {"x": 2, "marks": "was here"}
        )
    assert findings(path) == []


async def test_settings_count_on_through_leaving_and_coming_back(stand: Stand) -> None:
    await stand.tx(lambda tx: tx.create_conversation("ann", key(90), Kind.GROUP, "g", {"bob": Role.MEMBER}))
    await stand.tx(lambda tx: tx.set_own(GROUP, "bob", "x", 1))
    await stand.tx(lambda tx: tx.remove_member(GROUP, "ann", key(91), "bob"))
    await stand.tx(lambda tx: tx.add_member(GROUP, "ann", key(92), "bob", Role.MEMBER))
    await stand.tx(lambda tx: tx.set_own(GROUP, "bob", "x", 2))
    rows, _, _ = await stand.read(lambda reader: reader.sync("bob", None, 9))
    assert [(row.settings_seq, row.settings) for row in rows] == [(2, b"\x81\xa1x\x02")]


async def test_a_page_of_a_conversation_without_state_asks_nothing_more(tmp_path: Path) -> None:
    connector, connections = faulty()
    asked: list[str] = []
    connections.before = staticmethod(asked.append)
    async with life(tmp_path / "chat.db", connector=connector) as stand:
        await stand.users(*USERS)
        await stand.post(*[post(number) for number in range(40)])

        async def page() -> list[str]:
            asked.clear()
            await stand.read(lambda reader: reader.history_items(DIRECT, "ann", 0, None, 10, 9999))
            return [sql for sql in asked if "item_values" in sql or "meta" in sql]

        assert await page() == []
        await stand.tx(lambda tx: tx.set_item(DIRECT, 1, "x", 1))
        assert len(await page()) == 2
