"""What a kill leaves, at every statement of a busy minute: the files are copied as they are, opened, and checked.

A copy of the files of a running process is what a killed process leaves: the system's cache survives it. (Lost power, where
it does not, needs a file system that forgets; see docs, "storage faults".)
"""

from __future__ import annotations

import random
import shutil
import sqlite3
from pathlib import Path
from typing import Any

from imserver.config import StoreConfig
from imserver.model import Kind, Role, group_conversation_id
from imserver.store import SqliteStore
from tests.store.support import DIRECT, USERS, Recorder, Stand, Work, edit_message, faulty, key, post, said

GROUP = group_conversation_id("ann", key(900))


async def test_every_image_holds_what_was_answered_and_is_whole(tmp_path: Path) -> None:
    connector, connections = faulty()
    store = SqliteStore(
        StoreConfig(path=str(tmp_path / "chat.db")), rng=random.Random(5), connector=connector
    )
    recorder = Recorder()
    await store.open(recorder)
    stand = Stand(store, recorder)
    await stand.users(*USERS)
    await store.migrate_plugin("shop", [(1, "CREATE TABLE shop_booked (position INTEGER PRIMARY KEY)")])
    images: list[tuple[Path, int]] = []

    def copy(sql: str) -> None:
        if not sql.startswith(("SELECT", "PRAGMA")):
            folder = tmp_path / str(len(images))
            folder.mkdir()
            for name in ("chat.db", "chat.db-wal"):
                shutil.copy(tmp_path / name, folder / name)
            images.append((folder / "chat.db", len(recorder.units)))

    connections.before = staticmethod(copy)
    connections.after = staticmethod(copy)
    await stand.post(*[post(number) for number in range(1, 20)])
    await stand.tx(lambda tx: tx.create_conversation("ann", key(900), Kind.GROUP, "g", {"bob": Role.MEMBER}))
    await stand.do([post(20, "bob", GROUP), Work(book), post(21), post(21), post(5)])
    await stand.tx(lambda tx: edit_message(tx, DIRECT, "ann", key(901), 3, said("better")))
    await stand.tx(lambda tx: tx.remove_member(GROUP, "ann", key(902), "bob"))
    await stand.do(
        [post(30, "ann", GROUP), post(31, "bob", GROUP), *[post(number) for number in range(40, 75)]]
    )
    connections.before = connections.after = staticmethod(lambda sql: None)
    await store.close()
    assert len(images) > 50
    seen = {check(path, recorder, settled) for path, settled in images}
    assert len(seen) > 4  # the images differ: before and after each commit


def book(tx: Any) -> None:
    posted = tx.post(DIRECT, "bob", key(903), said("booked"), sent_at=1)
    tx.plugin_sql("shop", "INSERT INTO shop_booked VALUES (?)", (posted.position,))
    tx.mark_handled("shop", 7)


def check(path: Path, recorder: Recorder, settled: int) -> int:
    """Returns how many messages the image holds."""
    raw = sqlite3.connect(path)
    try:
        assert raw.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        rows = raw.execute(
            "SELECT c.conversation_id, m.position, m.key, m.change, m.previous, m.unread_no FROM messages m"
            " JOIN conversations c ON c.no = m.conversation_no ORDER BY m.conversation_no, m.position"
        ).fetchall()
        stored = {(row[0], row[1]): row[2] for row in rows}
        for unit in recorder.units[:settled]:
            for event in unit.events():
                message = getattr(event, "message", None)
                if message is not None:
                    assert stored[message.conversation_id, message.position] == message.key
        for name in {row[0] for row in rows}:
            chain = [row for row in rows if row[0] == name]
            assert [row[1] for row in chain] == list(range(1, len(chain) + 1))
            assert [row[4] for row in chain] == [0, *(row[3] for row in chain[:-1])]
            [head] = raw.execute(
                "SELECT h.position, h.change, h.unread_no FROM heads h JOIN conversations c ON c.no = h.conversation_no"
                " WHERE c.conversation_id = ?",
                (name,),
            ).fetchall()
            assert head == (chain[-1][1], chain[-1][3], chain[-1][5])
            marks = raw.execute(
                "SELECT position, change FROM milestones s JOIN conversations c ON c.no = s.conversation_no"
                " WHERE c.conversation_id = ? ORDER BY position",
                (name,),
            ).fetchall()
            assert marks == [(row[1], row[3]) for row in chain if row[1] % 16 == 0]
        booked = raw.execute("SELECT position FROM shop_booked").fetchall()
        handled = raw.execute("SELECT count(*) FROM plugin_cursors").fetchone()[0]
        said_so = [row[1] for row in rows if row[2] == key(903)]
        assert [position for (position,) in booked] == said_so
        assert handled == len(said_so)
        return len(rows)
    finally:
        raw.close()
