"""Contract: a plugin's own tables in the transaction of everything else, its timers, cursors and failures."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import pytest

from imserver.chat.transaction import Transaction
from imserver.errors import AlreadyHandled, PluginError, Refusal, RefusalCode, UniqueViolation
from imserver.model import Kind, Role
from imserver.plugin_api import Migration
from tests.plugins.common_sql import made
from tests.store.homes import Home
from tests.store.support import DIRECT, Stand, Work, key, post, said

TABLES = """
-- Two tables; a comment with a semicolon; and one with an 'apostrophe.
CREATE TABLE shop_orders (id INTEGER PRIMARY KEY, code TEXT NOT NULL UNIQUE, note TEXT DEFAULT 'a;b');
CREATE TABLE shop_lines (order_id INTEGER NOT NULL REFERENCES shop_orders (id) DEFERRABLE INITIALLY DEFERRED, what TEXT);
CREATE INDEX shop_lines_order ON shop_lines (order_id);
"""


@pytest.fixture
async def shop(engine_stand: Stand) -> Stand:
    await engine_stand.store.migrate_plugin("shop", [(1, TABLES)])
    return engine_stand


async def sql(stand: Stand, statement: str, *params: Any, plugin: str = "shop") -> list[tuple[Any, ...]]:
    return await stand.tx(lambda tx: tx.plugin_sql(plugin, statement, params))


async def read(stand: Stand, statement: str, *params: Any, plugin: str = "shop") -> list[tuple[Any, ...]]:
    return await stand.store.read(lambda reader: reader.plugin_sql(plugin, statement, params))


# -- tables -----------------------------------------------------------------------------------------------------------


def test_these_tables_are_what_every_engine_takes() -> None:
    tables, found = made([Migration(1, TABLES)])
    with closing(tables):
        assert found == []


async def test_rows_go_in_and_come_out(shop: Stand) -> None:
    """Rows of SELECT and RETURNING, else none; `?` are the parameters in order; INTEGER PRIMARY KEY numbers itself."""
    assert await sql(shop, "INSERT INTO shop_orders (code) VALUES (?) RETURNING id", "A7") == [(1,)]
    assert await sql(shop, "UPDATE shop_orders SET note = ? WHERE code = ?", "n", "A7") == []
    assert await sql(shop, "SELECT code, note FROM shop_orders") == [("A7", "n")]
    assert await read(shop, "SELECT count(*) FROM shop_orders WHERE code = ?", "A7") == [(1,)]
    assert await read(
        shop,
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3) SELECT sum(i) FROM n",
    ) == [(6,)]
    assert await sql(shop, "DELETE FROM shop_orders RETURNING code") == [("A7",)]


async def test_rows_messages_and_timers_are_one_transaction(shop: Stand) -> None:
    def book(tx: Transaction) -> None:
        tx.plugin_sql("shop", "INSERT INTO shop_orders (code) VALUES ('A7')")
        tx.post(DIRECT, "ann", key(1), said("booked"), sent_at=1)
        tx.schedule("shop", 5_000, "remind", {"code": "A7"})
        tx.mark_handled("shop", 1)
        raise Refusal(*_REFUSED)

    with pytest.raises(Refusal):
        await shop.tx(book)
    assert await read(shop, "SELECT * FROM shop_orders") == []
    assert await shop.store.read(lambda reader: reader.next_timer_at("shop")) is None
    assert await shop.store.read(lambda reader: reader.plugin_cursor("shop")) is None
    assert shop.recorder.events == []


async def test_a_broken_constraint_undoes_its_statement_only(shop: Stand) -> None:
    def work(tx: Transaction) -> None:
        tx.plugin_sql("shop", "INSERT INTO shop_orders (code) VALUES ('A')")
        with pytest.raises(UniqueViolation):
            tx.plugin_sql("shop", "INSERT INTO shop_orders (code) VALUES ('B'), ('A')")
        tx.plugin_sql("shop", "INSERT INTO shop_orders (code) VALUES ('C')")

    await shop.tx(work)
    assert await read(shop, "SELECT code FROM shop_orders ORDER BY code") == [("A",), ("C",)]


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO shop_orders (code) VALUES ('A'), ('A')",
        "INSERT INTO shop_orders (id, code) VALUES (1, 'A'), (1, 'B')",
        "INSERT INTO shop_prices (what, day) VALUES ('a', 1), ('a', 1)",
    ],
)
async def test_any_key_that_is_taken_is_a_unique_violation(shop: Stand, statement: str) -> None:
    """A column's, a number's, a table's own; databases tell them apart."""
    table = "CREATE TABLE shop_prices (what TEXT, day INTEGER, PRIMARY KEY (what, day))"
    await shop.store.migrate_plugin("shop", [(2, table)])
    with pytest.raises(UniqueViolation):
        await sql(shop, statement)
    with pytest.raises(PluginError):
        await sql(shop, "INSERT INTO shop_orders (code) VALUES (NULL)")


async def test_a_statement_that_ends_the_transaction_harms_only_its_unit(
    engine_home: Home, shop: Stand
) -> None:
    """Also if the unit catches its error and goes on: nothing of it is stored."""
    ending = engine_home.ending
    if ending is None:
        pytest.skip("no statement ends a transaction here")
    await sql(shop, "INSERT INTO shop_orders (code) VALUES ('A')")

    def caught(tx: Transaction) -> None:
        tx.plugin_sql("shop", "INSERT INTO shop_orders (code) VALUES ('lost')")
        with pytest.raises(UniqueViolation):
            tx.plugin_sql("shop", ending)
        tx.plugin_sql("shop", "INSERT INTO shop_orders (code) VALUES ('alone')")

    before, bad, worse, after = (
        post(1),
        Work(lambda tx: tx.plugin_sql("shop", ending)),
        Work(caught),
        post(2),
    )
    await shop.do([before, bad, worse, after])
    assert before.result == (1, 1001, False)
    assert isinstance(bad.error, UniqueViolation)
    assert worse.error is not None
    assert after.result == (2, 1002, False)
    assert await read(shop, "SELECT code FROM shop_orders") == [("A",)]
    page = await shop.store.read(lambda reader: reader.history(DIRECT, "ann", 0, None, 10, 9999))
    assert [item.position for item in page.items] == [1, 2]


async def test_a_constraint_that_waits_for_the_commit_fails_its_unit_only(shop: Stand) -> None:
    before, bad, after = (
        post(1),
        Work(lambda tx: tx.plugin_sql("shop", "INSERT INTO shop_lines VALUES (99, 'x')")),
        post(2),
    )
    await shop.do([before, bad, after])
    assert (before.result, after.result) == ((1, 1001, False), (2, 1002, False))
    assert isinstance(bad.error, PluginError)
    assert await read(shop, "SELECT * FROM shop_lines") == []


FORBIDDEN = [
    "COMMIT",
    "ROLLBACK",
    "BEGIN",
    "SAVEPOINT x",
    "RELEASE unit",
    "ROLLBACK TO unit",
    "VACUUM",
    "ANALYZE",
    "REINDEX",
    "DROP TABLE shop_orders",
    "CREATE TABLE shop_more (x INTEGER)",
    "CREATE TEMP TABLE shop_more (x INTEGER)",
    "CREATE INDEX shop_i ON shop_orders (note)",
    "CREATE TRIGGER shop_t AFTER INSERT ON shop_orders BEGIN SELECT 1; END",
    "CREATE VIEW shop_v AS SELECT 1",
    "ALTER TABLE shop_orders ADD COLUMN x INTEGER",
    "SELECT value FROM json_each('[1]')",
    "SELECT count(*) FROM json_tree('[1]')",
    "SELECT count(*) FROM shop_orders, JSON_EACH(code)",
    "SELECT * FROM other_table",
    "SELECT 1; SELECT 2",
    "no SQL at all",
    "",
]
CORE = [
    "users",
    "messages",
    "members",
    "conversations",
    "tokens",
    "meta",
    "timers",
    "plugin_cursors",
    "plugin_failures",
]


@pytest.mark.parametrize("statement", FORBIDDEN)
async def test_what_a_plugin_may_not_say(shop: Stand, statement: str) -> None:
    """The unit fails, its neighbours do not, and the same words fail a second time (statements are cached)."""
    before, bad, again, after = (
        post(1),
        Work(lambda tx: tx.plugin_sql("shop", statement)),
        Work(lambda tx: tx.plugin_sql("shop", statement)),
        post(2),
    )
    await shop.do([before, bad, again, after])
    if statement:
        assert isinstance(bad.error, PluginError)
        assert isinstance(again.error, PluginError)
    assert (before.result, after.result) == ((1, 1001, False), (2, 1002, False))
    assert await shop.tx(lambda tx: tx.plugin_sql("shop", "SELECT count(*) FROM shop_orders")) == [(0,)]


async def test_what_a_plugin_may_not_say_to_this_engine(engine_home: Home, shop: Stand) -> None:
    """What others do not even have: its catalogue, its settings, its files."""
    for statement in engine_home.forbidden:
        for _ in range(2):
            with pytest.raises(PluginError):
                await sql(shop, statement)
            with pytest.raises(PluginError):
                await read(shop, statement)
    for statement in engine_home.forbidden_in_migrations:
        with pytest.raises(PluginError):
            await shop.store.migrate_plugin("shop", [(2, f"CREATE TABLE shop_new (x INTEGER); {statement}")])
    await shop.store.migrate_plugin("shop", [(2, "CREATE TABLE shop_new (x INTEGER)")])
    assert await sql(shop, "SELECT count(*) FROM shop_orders") == [(0,)]


@pytest.mark.parametrize("table", CORE)
async def test_a_plugin_sees_nothing_of_ours(shop: Stand, table: str) -> None:
    for statement in (
        f"SELECT * FROM {table}",
        f"SELECT count(*) FROM {table}",
        f"SELECT (SELECT count(*) FROM {table}) FROM shop_orders",
        f"DELETE FROM {table}",
        f"INSERT INTO shop_orders (code) SELECT 1 FROM {table}",
        f"SELECT * FROM main.{table}",
        f"SELECT * FROM {table.upper()}",
    ):
        with pytest.raises(PluginError):
            await sql(shop, statement)
        with pytest.raises(PluginError):
            await read(shop, statement)


async def test_a_plugin_sees_nothing_of_another_even_with_the_same_words(shop: Stand) -> None:
    await shop.store.migrate_plugin("cafe", [(1, "CREATE TABLE cafe_orders (code TEXT)")])
    statement = "SELECT count(*) FROM shop_orders"
    assert await sql(shop, statement) == [(0,)]
    assert await read(shop, statement) == [(0,)]
    for _ in range(2):
        with pytest.raises(PluginError):
            await sql(shop, statement, plugin="cafe")
        with pytest.raises(PluginError):
            await read(shop, statement, plugin="cafe")
    assert await sql(shop, statement) == [(0,)]


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO shop_orders (code) VALUES ('x')",
        "DELETE FROM shop_orders",
        "UPDATE shop_orders SET note = ''",
    ],
)
async def test_a_read_only_reads(shop: Stand, statement: str) -> None:
    with pytest.raises(PluginError):
        await read(shop, statement)


@pytest.mark.parametrize(
    "name",
    ["plugin", "team", "state", "sqlite", "a_b", "", "A", "1a", "a-b", "x" * 40, "json", "pragma", "pg"],
)
async def test_names_whose_tables_could_be_taken_for_others(engine_stand: Stand, name: str) -> None:
    """Such a plugin has no migrations and no SQL: a prefix belongs to one plugin alone."""
    with pytest.raises(PluginError):
        await engine_stand.store.migrate_plugin(name, [])
    with pytest.raises(PluginError):
        await sql(engine_stand, "SELECT 1", plugin=name)


@pytest.mark.parametrize("params", [("a", "b"), (), (object(),), (2**70,), ("\ud800",), {"code": "A"}])
async def test_parameters_that_do_not_fit(shop: Stand, params: Any) -> None:
    """Too many, too few, by name, of a type or size that no column holds: the plugin's error, and nothing is stored."""
    for mark in ("?", ":code"):
        with pytest.raises(PluginError):
            await shop.tx(
                lambda tx, m: tx.plugin_sql("shop", f"INSERT INTO shop_orders (code) VALUES ({m})", params),
                mark,
            )
    assert await sql(shop, "SELECT count(*) FROM shop_orders") == [(0,)]


HUGE = (
    "WITH RECURSIVE n(t) AS (SELECT 'a' UNION ALL SELECT t || t FROM n WHERE length(t) < {})"
    " SELECT length(max(t)) FROM n"
)


async def test_no_value_fills_the_memory(shop: Stand) -> None:
    """It is made by one instruction, between two looks at the clock."""
    with pytest.raises(PluginError, match="too big"):
        await sql(shop, HUGE.format(40_000_000))
    with pytest.raises(PluginError, match="too big"):
        await read(shop, HUGE.format(40_000_000))
    assert await sql(shop, HUGE.format(4096)) == [(4096,)]


ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"


async def test_a_statement_without_end_is_ended(shop: Stand) -> None:
    before, bad, after = post(1), Work(lambda tx: tx.plugin_sql("shop", ENDLESS)), post(2)
    await shop.do([before, bad, after])
    assert isinstance(bad.error, PluginError)
    assert (before.result, after.result) == ((1, 1001, False), (2, 1002, False))
    with pytest.raises(PluginError):
        await read(shop, ENDLESS)
    assert await read(shop, "SELECT 1") == [(1,)]


async def test_a_write_without_end_is_ended_and_harms_nobody(shop: Stand) -> None:
    """Also where the database ends the whole transaction with the write that it interrupts."""
    endless = f"INSERT INTO shop_orders (code) {ENDLESS.replace('max(i)', 'i')}"
    before, bad, after = post(1), Work(lambda tx: tx.plugin_sql("shop", endless)), post(2)
    await shop.do([before, bad, after])
    assert isinstance(bad.error, PluginError)
    assert (before.result, after.result) == ((1, 1001, False), (2, 1002, False))
    assert await sql(shop, "SELECT count(*) FROM shop_orders") == [(0,)]


# -- migrations -------------------------------------------------------------------------------------------------------


async def test_each_migration_is_applied_once_in_order(shop: Stand) -> None:
    second = "ALTER TABLE shop_orders ADD COLUMN price INTEGER; UPDATE shop_orders SET price = 1;"
    await shop.store.migrate_plugin("shop", [(2, second), (1, TABLES)])
    await shop.store.migrate_plugin("shop", [(1, TABLES), (2, second)])
    await sql(shop, "INSERT INTO shop_orders (code, price) VALUES ('A', 5)")
    assert await read(shop, "SELECT price FROM shop_orders") == [(5,)]


@pytest.mark.parametrize(
    "script",
    [
        "CREATE TABLE other (x INTEGER)",
        "CREATE TABLE shopping (x INTEGER)",
        "CREATE INDEX shop_i ON messages (content)",
        "CREATE INDEX other ON shop_orders (note)",
        "DROP TABLE messages",
        "ALTER TABLE users ADD COLUMN x INTEGER",
        "ALTER TABLE shop_orders RENAME TO messages2",
        "ALTER TABLE shop_lines RENAME TO messages2",
        "ALTER TABLE shop_lines RENAME TO cafe_lines",
        "ALTER TABLE messages RENAME TO shop_messages",
        "ALTER TABLE users DROP COLUMN language",
        "ALTER TABLE users RENAME COLUMN language TO tongue",
        "CREATE INDEX shop_i ON messages (1)",
        "CREATE UNIQUE INDEX shop_i ON messages (1) WHERE 1",
        "CREATE INDEX main ON shop_orders (note)",
        "DELETE FROM sqlite_sequence",
        "UPDATE sqlite_sequence SET seq = 0",
        "INSERT INTO sqlite_sequence VALUES ('timers', 0)",
        "DROP TABLE shop_new; DELETE FROM sqlite_sequence",
        "CREATE TABLE shop_x (x REFERENCES timers)",
        "CREATE TABLE shop_x (x REFERENCES timers (name) ON DELETE CASCADE)",
        "ALTER TABLE shop_orders ADD COLUMN user_id TEXT REFERENCES users (user_id)",
        "CREATE TABLE shop_x (x DEFAULT '\ud800')",
        "CREATE TABLE shop_x (x\0)",
        "CREATE TRIGGER shop_t AFTER INSERT ON messages BEGIN SELECT 1; END",
        "CREATE VIEW shop_v AS SELECT * FROM messages",
        "CREATE TABLE shop_x AS SELECT * FROM messages",
        "INSERT INTO users VALUES (1)",
        "COMMIT",
        "CREATE TABLE shop_x (x INTEGER); SELECT nonsense",
        "CREATE TABLE",
        "CREATE TABLE shop_x (x INTEGER); INSERT INTO shop_orders (code) VALUES ('A; SELECT 1",
        'CREATE TABLE shop_x (x INTEGER); UPDATE "shop_orders SET code = 1',
        "CREATE TRIGGER shop_t AFTER INSERT ON shop_orders BEGIN SELECT 1;",
    ],
)
async def test_a_migration_keeps_to_its_own(shop: Stand, script: str) -> None:
    """A script that reaches for anything else fails as a whole, and may come again under its number."""
    bad = Work(lambda tx: None)
    with pytest.raises(PluginError):
        await shop.store.migrate_plugin("shop", [(2, f"CREATE TABLE shop_new (x INTEGER); {script}")])
    await shop.do([bad, post(1)])
    with pytest.raises(PluginError):  # all of it was undone
        await sql(shop, "SELECT * FROM shop_new")
    await shop.store.migrate_plugin("shop", [(2, "CREATE TABLE shop_new (x INTEGER)")])
    assert await sql(shop, "SELECT * FROM shop_new") == []


async def test_tables_of_ones_own_change_their_names_and_lose_columns(shop: Stand) -> None:
    """And what they refer to follows them; numbers that were given out stay so."""
    await sql(shop, "INSERT INTO shop_orders (code, note) VALUES ('A', 'n')")
    script = """
    ALTER TABLE shop_orders RENAME COLUMN code TO label;
    ALTER TABLE shop_orders DROP COLUMN note;
    ALTER TABLE shop_orders RENAME TO shop_bookings;
    CREATE TABLE shop_tickets (no INTEGER PRIMARY KEY AUTOINCREMENT, order_id REFERENCES SHOP_Bookings);
    INSERT INTO shop_tickets (no) VALUES (7);
    ALTER TABLE shop_tickets RENAME TO shop_cards;
    CREATE TABLE shop_gone (no INTEGER PRIMARY KEY AUTOINCREMENT);
    INSERT INTO shop_gone DEFAULT VALUES;
    DROP TABLE shop_gone;
    """
    timer = await shop.tx(lambda tx: tx.schedule("shop", 1, "a", {}))
    await shop.tx(lambda tx: tx.mark_timer_done(timer))
    await shop.store.migrate_plugin("shop", [(2, script)])
    assert await sql(shop, "SELECT id, label FROM shop_bookings") == [(1, "A")]
    assert await sql(shop, "DELETE FROM shop_cards") == []
    assert await sql(shop, "INSERT INTO shop_cards DEFAULT VALUES RETURNING no") == [(8,)]
    assert await shop.tx(lambda tx: tx.schedule("shop", 1, "b", {})) != timer


# -- timers, cursors, failures ----------------------------------------------------------------------------------------


async def test_timers_come_due_in_order_and_once(engine_stand: Stand) -> None:
    ids = [
        await engine_stand.tx(
            lambda tx, at, name: tx.schedule("shop", at, name, {"n": at, "list": [1, None, "x"]}), at, name
        )
        for at, name in ((300, "c"), (100, "a"), (200, "b"), (100, "a2"))
    ]
    await engine_stand.tx(lambda tx: tx.schedule("cafe", 50, "other", {}))
    due = await engine_stand.store.read(lambda reader: reader.timers_due("shop", 200, 10))
    assert [(timer_id, name, at, payload["n"]) for timer_id, name, at, payload in due] == [
        (ids[1], "a", 100, 100),
        (ids[3], "a2", 100, 100),
        (ids[2], "b", 200, 200),
    ]
    assert [
        name
        for _, name, _, _ in await engine_stand.store.read(lambda reader: reader.timers_due("shop", 999, 2))
    ] == ["a", "a2"]
    assert await engine_stand.store.read(lambda reader: reader.next_timer_at("shop")) == 100
    await engine_stand.tx(lambda tx: tx.mark_timer_done(ids[1]))
    with pytest.raises(AlreadyHandled):
        await engine_stand.tx(lambda tx: tx.mark_timer_done(ids[1]))
    assert await engine_stand.tx(lambda tx: tx.cancel_timer("cafe", ids[3])) is False
    assert await engine_stand.tx(lambda tx: tx.cancel_timer("shop", ids[3])) is True
    assert await engine_stand.tx(lambda tx: tx.cancel_timer("shop", ids[3])) is False
    assert await engine_stand.store.read(lambda reader: reader.next_timer_at("shop")) == 200
    assert await engine_stand.store.read(lambda reader: reader.next_timer_at("none")) is None


async def test_the_id_of_a_fired_timer_never_means_another(engine_stand: Stand) -> None:
    first = await engine_stand.tx(lambda tx: tx.schedule("shop", 1, "a", {}))
    await engine_stand.tx(lambda tx: tx.mark_timer_done(first))
    second = await engine_stand.tx(lambda tx: tx.schedule("shop", 1, "b", {}))
    assert second != first


async def test_whoever_marks_an_event_first_wins(engine_stand: Stand) -> None:
    def answer(tx: Transaction, change: int) -> None:
        tx.post(DIRECT, "ann", key(1), said("x"), sent_at=1)
        tx.mark_handled("shop", change)

    await engine_stand.tx(lambda tx: tx.mark_handled("shop", 5))
    for change in (5, 4):
        with pytest.raises(AlreadyHandled):
            await engine_stand.tx(answer, change)
    assert engine_stand.recorder.events == []
    await engine_stand.tx(lambda tx: tx.mark_handled("shop", 6))
    await engine_stand.tx(lambda tx: tx.mark_handled("cafe", 1))
    assert await engine_stand.store.read(lambda reader: reader.plugin_cursor("shop")) == 6
    await engine_stand.tx(lambda tx: tx.record_failure("shop", "message 6", "id", "text"))


async def test_what_is_handled_before_what_is_older_is_remembered_until_the_cursor_has_passed_it(
    engine_stand: Stand,
) -> None:
    async def known() -> tuple[int | None, list[int]]:
        return await engine_stand.store.read(
            lambda reader: (reader.plugin_cursor("shop"), reader.plugin_handled("shop"))
        )

    await engine_stand.tx(lambda tx: tx.mark_handled("shop", 5))
    await engine_stand.tx(lambda tx: tx.mark_handled("shop", 8, 5))
    await engine_stand.tx(lambda tx: tx.mark_handled("shop", 10, 6))
    assert await known() == (6, [8, 10])
    for change, upto in ((6, 6), (8, 7), (8, 12), (10, 6)):
        with pytest.raises(AlreadyHandled):
            await engine_stand.tx(lambda tx, change=change, upto=upto: tx.mark_handled("shop", change, upto))
    assert await known() == (6, [8, 10])
    await engine_stand.tx(lambda tx: tx.mark_handled("shop", 7, 8))
    assert await known() == (8, [10])
    await engine_stand.tx(lambda tx: tx.pass_handled("shop", 3, [2, 8, 10, 12]))
    assert await known() == (8, [10, 12])
    await engine_stand.tx(lambda tx: tx.pass_handled("cafe", 9, []))
    await engine_stand.tx(lambda tx: tx.mark_handled("shop", 9, 12))
    assert await known() == (12, [])


async def test_messages_after_a_change_where_a_bot_is(stand: Stand) -> None:
    """In commit order, with the members of now, and complete up to the change that is told."""
    group, _, _ = await stand.tx(
        lambda tx: tx.create_conversation("ann", key(90), Kind.GROUP, "g", {"bob": Role.MEMBER})
    )
    start = await stand.store.read(lambda reader: reader.head_change())
    await stand.post(post(1, "ann", group), post(2))
    await stand.tx(lambda tx: tx.add_member(group, "ann", key(91), "bot", Role.MEMBER))
    await stand.post(post(3, "ann", group), post(4), post(5, "bob", group))
    await stand.tx(lambda tx: tx.remove_member(group, "ann", key(92), "bot"))
    await stand.post(post(6, "ann", group))
    head = await stand.store.read(lambda reader: reader.head_change())

    def after(change: int, bots: list[str] | None, limit: int = 10) -> Any:
        return stand.store.read(lambda reader: reader.messages_after(change, bots, limit))

    found, complete = await after(start, ["bot", "nobody"])
    assert [message.position for _, message, _ in found] == [3, 4, 5, 6]
    assert complete == head
    assert all(dict(audience) == {"ann": Role.OWNER, "bob": Role.MEMBER} for _, _, audience in found)
    first, complete = await after(start, ["bot"], 2)
    assert [message.position for _, message, _ in first] == [3, 4]
    rest, complete = await after(complete, ["bot"], 10)
    assert [message.position for _, message, _ in rest] == [5, 6]
    assert complete == head
    everything, _ = await after(start, None, 100)
    assert [change for change, _, _ in everything] == sorted(change for change, _, _ in everything)
    assert len(everything) == 8
    assert await after(start, []) == ([], head)
    assert await after(head, None) == ([], head)
    assert await after(head + 5, ["bot"]) == ([], head + 5)


_REFUSED = (RefusalCode.NOT_FOUND, "rolled back on purpose")
