"""No query of the store walks through a whole table: each finds its rows by a key or an index, however full the store is."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from imserver.config import StoreConfig
from imserver.model import Kind, Role, group_conversation_id
from imserver.store import SqliteStore
from imserver.store.sqlite import database
from tests.store.support import DIRECT, USERS, Recorder, Stand, edit_message, faulty, key, post, said

GROUP = group_conversation_id("ann", key(90))
TEAM, SERVED = (group_conversation_id("ann", key(number)) for number in (94, 95))
TABLES = {
    "users", "tokens", "conversations", "members", "messages", "heads", "milestones", "revisions", "timers",
    "plugin_cursors", "plugin_handled", "plugin_failures", "item_values", "user_values", "first_modseqs", "team_members",
    "team_cursors",
}  # fmt: skip


async def test_every_query_uses_an_index(tmp_path: Path) -> None:
    connector, connections = faulty()
    store = SqliteStore(
        StoreConfig(path=str(tmp_path / "chat.db"), max_cached_conversations=1), connector=connector
    )
    asked: dict[str, None] = {}
    connections.before = staticmethod(asked.setdefault)
    recorder = Recorder()
    await store.open(recorder)
    asked.clear()  # start-up may look at everything
    stand = Stand(store, recorder)
    await stand.users(*USERS)
    await stand.post(*[post(number) for number in range(40)])
    await stand.post(post(1), post(2), post(50))
    await stand.tx(lambda tx: tx.create_conversation("ann", key(90), Kind.GROUP, "g", {"bob": Role.ADMIN}))
    await stand.tx(lambda tx: tx.add_member(GROUP, "bob", key(91), "cy", Role.MEMBER))
    await stand.tx(lambda tx: edit_message(tx, DIRECT, "ann", key(92), 3, said("better")))
    await stand.tx(lambda tx: tx.move_cursors(DIRECT, "bob", 5, 4))
    await stand.tx(lambda tx: tx.remove_member(GROUP, "ann", key(93), "ann"))
    await stand.tx(lambda tx: (tx.user("ann"), tx.audience(GROUP), tx.find_key(DIRECT, "ann", key(1))))
    await stand.tx(lambda tx: (tx.bind_token("t", "ann", "phone"), tx.record_failure("shop", "e", "i", "t")))
    await stand.tx(lambda tx: tx.set_item(DIRECT, 3, "x", 1, {"ann": 1, "bob": 1}))
    await stand.tx(lambda tx: (tx.set_item(DIRECT, 3, "x", None), tx.item(DIRECT, 3, "bob")))
    await stand.tx(
        lambda tx: (tx.set_item(DIRECT, 4, "x", 1, {"bob": 1}), tx.set_item(DIRECT, 4, "x", 1, {"bob": None}))
    )
    await stand.tx(
        lambda tx: (
            tx.set_about(DIRECT, "x", 1),
            tx.set_own(DIRECT, "ann", "x", 1),
            tx.set_account("ann", "x", 1),
        )
    )
    await stand.tx(
        lambda tx: tx.create_conversation("ann", key(94), Kind.GROUP, "team", {"dee": Role.MEMBER})
    )
    await stand.tx(
        lambda tx: tx.create_conversation("ann", key(95), Kind.GROUP, "s", {"cy": Role.MEMBER}, team=TEAM)
    )
    await stand.tx(lambda tx: tx.move_cursors(SERVED, "dee", 1, 1))
    timer = await stand.tx(lambda tx: tx.schedule("shop", 5, "t", {}))
    await stand.tx(lambda tx: tx.mark_handled("shop", 5))
    await stand.tx(lambda tx: tx.mark_handled("shop", 9, 6))
    await stand.tx(lambda tx: tx.pass_handled("shop", 7, [8]))
    await stand.tx(lambda tx: tx.cancel_timer("shop", timer))
    for query in (
        lambda reader: reader.history(DIRECT, "ann", 3, None, 10, 999),
        lambda reader: reader.history(DIRECT, "ann", None, 30, 10, 999),
        lambda reader: reader.history(GROUP, "ann", 0, None, 10, 999),  # who left
        lambda reader: reader.changes(DIRECT, "ann", 0, 10, 999),
        lambda reader: reader.sync("ann", None, 10),
        lambda reader: reader.conversations("bob", None, 10),
        lambda reader: reader.members(GROUP),
        lambda reader: reader.members_page(GROUP, None, 10),
        lambda reader: reader.seat(GROUP, "bob"),
        lambda reader: reader.users(["ann", "bob"]),
        lambda reader: reader.bound_device("t"),
        lambda reader: reader.messages_after(3, ["bob", "bot"], 10),
        lambda reader: reader.messages_after(3, None, 10),
        lambda reader: reader.plugin_cursor("shop"),
        lambda reader: reader.plugin_handled("shop"),
        lambda reader: reader.timers_due("shop", 9, 10),
        lambda reader: reader.next_timer_at("shop"),
        lambda reader: reader.history(SERVED, "dee", 0, None, 10, 999),  # by the team, and so on
        lambda reader: reader.changes(SERVED, "dee", 0, 10, 999),
        lambda reader: reader.sync("dee", None, 10),
        lambda reader: reader.sync("dee", reader._places.seal(1), 10),
        lambda reader: reader.conversations("dee", None, 10),
        lambda reader: reader.members(SERVED),
        lambda reader: reader.members_page(SERVED, None, 10),
        lambda reader: (reader.seat(SERVED, "dee"), reader.seat(SERVED, "bob")),
    ):
        await stand.read(query)
    connections.before = staticmethod(lambda sql: None)
    await store.close()
    raw = sqlite3.connect(tmp_path / "chat.db")
    walks = []
    for sql in asked:
        if sql.startswith(("SELECT", "WITH", "UPDATE", "DELETE", "INSERT")):
            plan = raw.execute(f"EXPLAIN QUERY PLAN {sql}", [None] * sql.count("?")).fetchall()
            steps = [row[3] for row in plan]
            walks += [
                (step, sql) for step in steps if step.startswith("SCAN") and _table(sql, step) in TABLES
            ]
    raw.close()
    assert len(asked) > 40
    assert walks == []


def _table(sql: str, step: str) -> str:
    """The table behind the name, or the alias, in a step of a plan."""
    name = step.split()[1]
    words = sql.replace(",", " ").split()
    behind = [
        words[at - 1] for at, word in enumerate(words) if word == name and at and words[at - 1] in TABLES
    ]
    return behind[0] if behind else name


def test_rows_are_found_by_the_quick_comparison(tmp_path: Path) -> None:
    """SQLite compares keys of a table without rowid, and of an index, by a slower way if a row has more than 13 columns:
    looking up members took an eighth longer with 14."""
    with closing(sqlite3.connect(tmp_path / "chat.db", isolation_level=None)) as raw:
        database.prepare(raw, tmp_path / "chat.db", durable=False)
        keyed = [
            name
            for name, kind, without_rowid in raw.execute("SELECT name, type, wr FROM pragma_table_list")
            if kind == "table" and without_rowid
        ]
        wide = {
            name: columns
            for name in keyed
            for (columns,) in raw.execute("SELECT count(*) FROM pragma_table_info(?)", (name,))
            if columns > 13
        }
    assert "members" in keyed
    assert wide == {}
