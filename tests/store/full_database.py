"""A database in which everything happened that can happen, and its names and columns."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from pathlib import Path

from imserver.config import StoreConfig
from imserver.content import encode_content
from imserver.model import Kind, PluginRecord, Role, User, group_conversation_id
from imserver.store import SqliteStore
from imserver.store.checks import Report
from tests.store.support import DIRECT, USERS, Recorder, Stand, edit_message, key, post, said

GROUP = group_conversation_id("ann", key(900))
CHANNEL = group_conversation_id("dee", key(950))
SERVICE = group_conversation_id("eve", key(960))
#: Columns of a member, of a head and of a revision that schema 1 had.
MEMBER = "conversation_no, user_no, role, joined_at, left_at, muted_until, seen_no, delivered, read, changed"
HEAD = "conversation_no, position, change, unread_no"
REVISION = "conversation_no, position, revision, content, replaced_at"
#: Rows of it, as SQL.
AT = f"(SELECT no FROM conversations WHERE conversation_id = '{DIRECT}')"
IN_GROUP = f"(SELECT no FROM conversations WHERE conversation_id = '{GROUP}')"
ANN, BOB, CY = (f"(SELECT no FROM users WHERE user_id = '{name}')" for name in ("ann", "bob", "cy"))


async def lived_in(path: Path) -> None:
    """A database in which everything happened that can happen, closed as a server closes it."""
    store = SqliteStore(StoreConfig(path=str(path)), rng=random.Random(3))
    await store.open(Recorder())
    stand = Stand(store, Recorder())
    await stand.users(*USERS)
    await stand.tx(lambda tx: tx.put_user(User("eve", "Eve", "zh-CN", ("staff", "nurse"))))
    await stand.tx(lambda tx: tx.bind_token("token", "ann", "phone", 1_000, 2_000))
    await store.migrate_plugin(
        "shop",
        [
            (1, "CREATE TABLE shop_things (id INTEGER PRIMARY KEY)"),
            (
                2,
                "CREATE TABLE shop_parts (id INTEGER PRIMARY KEY, thing INTEGER NOT NULL REFERENCES shop_things (id))",
            ),
        ],
    )
    await stand.post(*[post(number) for number in range(1, 40)])
    await stand.tx(lambda tx: tx.create_conversation("ann", key(900), Kind.GROUP, "g", {"bob": Role.MEMBER}))
    await stand.post(*[post(number, "bob", GROUP) for number in range(50, 90)])
    for number, text in ((901, "better"), (902, "best")):
        await stand.tx(lambda tx, k, t: edit_message(tx, DIRECT, "ann", k, 3, said(t)), key(number), text)
    await stand.tx(lambda tx: tx.add_member(GROUP, "ann", key(903), "cy", Role.ADMIN))
    await stand.tx(lambda tx: tx.move_cursors(GROUP, "bob", 41, 20))
    await stand.tx(lambda tx: tx.move_cursors(GROUP, "cy", 42, 42))
    await stand.tx(lambda tx: tx.remove_member(GROUP, "ann", key(904), "bob"))
    await stand.tx(lambda tx: tx.remove_member(GROUP, "ann", key(905), "ann"))
    await stand.tx(lambda tx: tx.add_member(GROUP, "cy", key(906), "ann", Role.MEMBER))
    await stand.tx(lambda tx: tx.add_member(GROUP, "cy", key(907), "ann", Role.ADMIN))
    await stand.tx(
        lambda tx: tx.create_conversation("dee", key(950), Kind.CHANNEL, "news", {"eve": Role.READER})
    )
    await stand.post(*[post(number, "dee", CHANNEL) for number in range(100, 103)])

    def of_a_plugin(tx):
        tx.plugin_sql("shop", "INSERT INTO shop_things VALUES (1)")
        tx.plugin_sql("shop", "INSERT INTO shop_parts VALUES (1, 1)")
        tx.schedule("shop", 5, "later", {"a": 1})
        tx.mark_handled("shop", 7)
        tx.record_failure("shop", "timer 1", "ab12", "it broke")

    await stand.tx(of_a_plugin)
    await stand.tx(lambda tx: tx.create_conversation("eve", key(960), Kind.GROUP, "service", {}))

    def of_an_operator(tx):
        tx.give_role("eve", "nurse", "shop")
        tx.make_bot("bot")
        tx.revoke_token("ann", "ann\nlost", 1 << 53)
        tx.revoke_before("ann", "phone", 3_000, 1 << 53)
        tx.disable_user("eve")
        tx.put_browser(bytes(32), "ann", "web-1", "Firefox on Linux")
        tx.put_link(bytes(32), "ann", "web-1", tx.now_ms + 1)
        tx.use_link(bytes(32), "web-2")
        tx.put_guest("cy", "garden", "window")
        tx.put_join("cy", "web-3", "123459", "garden", tx.now_ms + 1)
        tx.ask_join(1, "ann", "dee", "{}")
        tx.end_join(1, "web-4")
        tx.put_plugin_record(PluginRecord(3, 0, "shop", "withdrawn", {"a": 1}))

    await stand.tx(of_an_operator)
    await store.close()
    with closing(sqlite3.connect(path, isolation_level=None)) as raw:
        put_what_nothing_writes_yet(raw)


def put_what_nothing_writes_yet(raw: sqlite3.Connection) -> None:
    """State, outcomes, a team and lineage, as they will be written."""
    some = encode_content({"a": 1})
    number = dict(raw.execute("SELECT user_id, no FROM users"))
    group, service = (
        raw.execute("SELECT no FROM conversations WHERE conversation_id = ?", (name,)).fetchone()[0]
        for name in (GROUP, SERVICE)
    )
    raw.execute("UPDATE conversations SET modseq = 5, about = ? WHERE no = ?", (some, group))
    raw.execute(
        "UPDATE members SET settings = ?, settings_seq = 1 WHERE conversation_no = ? AND user_no = ?",
        (some, group, number["cy"]),
    )
    for user in (0, number["ann"]):
        raw.execute("INSERT INTO item_values VALUES (?, 3, ?, 4, ?)", (group, user, some))
    raw.execute("INSERT INTO state_names VALUES ('a')")
    raw.execute("INSERT INTO user_values VALUES (?, 1, ?, 50)", (number["ann"], some))
    outcome = (key(970), number["ann"], "schedule", bytes(16), b"\x90", 0)
    raw.execute("INSERT INTO outcomes VALUES (?, ?, ?, ?, ?, ?)", outcome)
    raw.execute("INSERT INTO blocks VALUES (?, ?, 0)", (number["ann"], number["bob"]))
    raw.execute("INSERT INTO used VALUES (?, 900, 20000, 500)", (number["ann"],))
    raw.execute("INSERT INTO invited VALUES (?, 20000, 3)", (number["ann"],))
    raw.execute("UPDATE conversations SET asked_by = ? WHERE kind = 'direct'", (number["ann"],))
    raw.execute("UPDATE conversations SET team = ? WHERE no = ?", (group, service))
    raw.execute("UPDATE heads SET team = ? WHERE conversation_no = ?", (group, service))
    raw.execute(
        "INSERT INTO team_members SELECT s.user_no, s.conversation_no, m.change FROM members s JOIN messages m"
        " ON m.conversation_no = s.conversation_no AND m.position = s.joined_at"
        " WHERE s.conversation_no = ? AND s.left_at IS NULL",
        (group,),
    )
    cursors = (number["ann"], service, 0, 1, 1, some, 1)
    raw.execute("INSERT INTO team_cursors VALUES (?, ?, ?, ?, ?, ?, ?)", cursors)
    raw.execute("DELETE FROM lineage")  # that of the opening: these three have changes of their own
    one, two, three = (key(number) for number in (971, 972, 973))
    for row in ((1, one, one, 1, "open"), (2, two, one, 50, "clock"), (3, three, three, 97, "open")):
        raw.execute(
            "INSERT INTO lineage (no, mark, life, first_change, at, why) VALUES (?, ?, ?, ?, 0, ?)", row
        )
    raw.executemany("INSERT INTO first_modseqs VALUES (?, ?, ?)", [(group, 1, 1), (group, 3, 4)])


def names(report: Report) -> set[str]:
    """Of the checks that found something."""
    return {row.name for row in report.results if row.found}
