"""What features read beside their own tables: what is in the views, who may read them, and why the database has none itself."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from imserver.errors import PluginError
from imserver.model import Kind, Role, User, group_conversation_id
from imserver.store.sqlite import database
from tests.store.support import Stand, key, post

GROUP = group_conversation_id("ann", key(90))
SCHEMA = [(1, "CREATE TABLE stars_rows (n INTEGER PRIMARY KEY)")]


async def ask(stand: Stand, statement: str, who: str = "feature") -> list[Any]:
    """By a read and by a write: both see the same."""
    if who == "plugin":
        return await stand.store.read(lambda reader: reader.plugin_sql("stars", statement))
    read = await stand.store.read(lambda reader: reader.feature_sql("stars", statement))
    assert read == await stand.store.write(lambda tx: tx.feature_sql("stars", statement))
    return read


async def test_the_views_say_what_may_be_read_what_is_there_and_who_there_is(engine_stand: Stand) -> None:
    await engine_stand.store.migrate_plugin("stars", SCHEMA)
    await engine_stand.store.write(lambda tx: tx.put_user(User("robot", "Robot", roles=("staff", "bot"))))
    await engine_stand.store.write(lambda tx: tx.put_user(User("robin", "Robin", roles=("robots",))))
    await engine_stand.store.write(
        lambda tx: tx.create_conversation("ann", key(90), Kind.GROUP, "g", {"cy": Role.MEMBER})
    )
    await engine_stand.store.write(lambda tx: tx.remove_member(GROUP, "cy", key(91), "cy"))
    await engine_stand.post(post(1, conversation_id=GROUP), post(2, conversation_id=GROUP))
    await engine_stand.store.write(lambda tx: tx.replace_content(GROUP, 3, None))
    place = await engine_stand.store.read(lambda reader: reader.place_no(GROUP))
    names = await ask(engine_stand, "SELECT user_id, kind FROM people WHERE user_id LIKE 'rob%' ORDER BY 1")
    assert names == [("robin", "person"), ("robot", "bot")]
    said = await ask(engine_stand, f"SELECT position FROM said WHERE place = {place} ORDER BY 1")
    assert said == [(1,), (2,), (4,)]
    readable = await ask(
        engine_stand,
        "SELECT p.user_id, r.first, r.last FROM readable r JOIN people p ON p.user_no = r.user_no"
        f" WHERE r.place = {place} ORDER BY 1",
    )
    assert [(name, first) for name, first, _ in readable] == [("ann", 1), ("cy", 1)]
    assert readable[0][2] > 10**15
    assert readable[1][2] == 2


@pytest.mark.parametrize("table", ["readable", "said", "people", "main.members", "users", "sqlite_master"])
async def test_a_plugin_reads_none_of_them_and_a_feature_no_table_of_ours(
    engine_stand: Stand, table: str
) -> None:
    await engine_stand.store.migrate_plugin("stars", SCHEMA)
    with pytest.raises(PluginError):
        await ask(engine_stand, f"SELECT * FROM {table}", "plugin")
    if table in {"readable", "said", "people"}:
        await ask(engine_stand, f"SELECT * FROM {table}")
        with pytest.raises(PluginError):
            await engine_stand.store.write(lambda tx: tx.feature_sql("stars", f"DELETE FROM {table}"))
    else:
        with pytest.raises(PluginError):
            await ask(engine_stand, f"SELECT * FROM {table}")


def test_the_database_has_no_view_and_so_a_page_that_nothing_uses_is_found(tmp_path: Path) -> None:
    """With a view in the schema SQLite 3.40 says that all is well."""
    path = tmp_path / "chat.db"
    with closing(sqlite3.connect(path)) as raw:
        for _, script in database.migrations():
            raw.executescript(script)
        assert raw.execute("SELECT name FROM sqlite_master WHERE type = 'view'").fetchall() == []
    data = bytearray(path.read_bytes())
    data[28:32] = (int.from_bytes(data[28:32], "big") + 1).to_bytes(4, "big")
    path.write_bytes(data + bytes(int.from_bytes(data[16:18], "big")))
    with closing(sqlite3.connect(path)) as raw:
        assert raw.execute("PRAGMA integrity_check").fetchall() != [("ok",)]
