"""What only SQLite has is no way out for plugins' statements; and their time bound: which time counts, and which does not."""

from __future__ import annotations

import itertools
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, nullcontext, suppress
from typing import Any

import pytest

from imserver.errors import PluginError
from imserver.store.sqlite import database, plugin_sandbox
from imserver.store.sqlite.plugin_sandbox import (
    FUNCTIONS,
    MAX_PLUGIN_VALUE_BYTES,
    PLUGIN_BUDGET_S,
    Mode,
    PluginSandbox,
    check_plugin_name,
)
from tests.store.support import Stand, Work

#: Far more steps than lie between two looks at the clock.
COUNT = "WITH RECURSIVE n(i) AS (SELECT {} UNION ALL SELECT i + 1 FROM n WHERE i < {}) SELECT max(i) FROM n"


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:")) as connection:
        yield connection


@pytest.mark.parametrize("used_before", [False, True])
@pytest.mark.parametrize(
    "statement",
    [
        "SELECT value FROM json_each('[1]')",
        "SELECT count(*) FROM json_tree('[1]')",
        "SELECT count(*) FROM shop_orders, JSON_EACH(code)",
        "SELECT (SELECT count(*) FROM json_each(code)) FROM shop_orders",
    ],
)
def test_a_plugin_makes_no_table_of_json(
    connection: sqlite3.Connection, statement: str, used_before: bool
) -> None:
    """Whether or not the store has made one on this connection: SQLite declares such a table at its first use."""
    connection.execute("CREATE TABLE shop_orders (code TEXT)")
    if used_before:
        connection.execute("SELECT * FROM json_each('[1]'), json_tree('[1]')")
    sandbox = PluginSandbox(connection)
    for mode in (Mode.READ, Mode.WRITE):
        with pytest.raises(PluginError, match="not allowed"):
            sandbox.execute("shop", statement, (), mode)


def test_a_pause_in_which_the_thread_did_not_run_does_not_count(
    connection: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a server was stopped, or its machine had others to serve, a customer's command failed for it."""
    monkeypatch.setattr(plugin_sandbox, "FUNCTIONS", plugin_sandbox.FUNCTIONS | {"shop_pause"})
    connection.create_function("shop_pause", 0, lambda: time.sleep(3 * PLUGIN_BUDGET_S))
    sandbox = PluginSandbox(connection)
    sandbox.begin_unit()
    assert sandbox.execute("shop", COUNT.format("coalesce(shop_pause(), 1)", 2_000), (), Mode.READ) == [
        (2_000,)
    ]
    assert sandbox.execute("shop", COUNT.format(1, 2_000), (), Mode.READ) == [(2_000,)]


def test_computing_does_count_also_in_many_statements(connection: sqlite3.Connection) -> None:
    sandbox = PluginSandbox(connection)
    sandbox.begin_unit()

    def go_on() -> None:
        for _ in range(100_000):
            sandbox.execute("shop", COUNT.format(1, 2_000), (), Mode.READ)

    with pytest.raises(PluginError, match="more than 50 ms of SQL in one unit"):
        go_on()
    sandbox.begin_unit()
    assert sandbox.execute("shop", COUNT.format(1, 10), (), Mode.READ) == [(10,)]


def test_our_own_statements_have_all_the_time_they_need(connection: sqlite3.Connection) -> None:
    """Also long after a plugin's time has run out on the same connection."""
    ticks = itertools.count()
    sandbox = PluginSandbox(connection, timer=lambda: next(ticks) * 1000 * PLUGIN_BUDGET_S)
    assert sandbox.execute("shop", COUNT.format(1, 10), (), Mode.READ) == [(10,)]
    assert connection.execute(COUNT.format(1, 5_000)).fetchall() == [(5_000,)]


def test_a_migration_has_all_the_time_it_needs_and_takes_none_of_a_units(
    connection: sqlite3.Connection,
) -> None:
    """A large shop fills a new column for longer than any command may take."""
    connection.isolation_level = None  # as the store's connections are
    ticks = itertools.count()
    sandbox = PluginSandbox(connection, timer=lambda: next(ticks) * 0.6 * PLUGIN_BUDGET_S)
    sandbox.begin_unit()
    sandbox.migrate("shop", f"CREATE TABLE shop_n (n); INSERT INTO shop_n {COUNT.format(1, 5_000)}")
    assert sandbox.execute("shop", "SELECT n FROM shop_n", (), Mode.READ) == [(5_000,)]


async def test_each_unit_of_a_batch_and_each_read_has_all_its_time(sqlite_stand: Stand) -> None:
    """The bound is one unit's: what others of the same batch, or earlier reads, have computed is not counted."""
    ticks = itertools.count()
    store: Any = sqlite_stand.store
    for sandbox in (store._batches._engine._sandbox, *(reader._sandbox for reader in store._readers)):
        sandbox._timer = lambda: next(ticks) * 0.1 * PLUGIN_BUDGET_S

    def compute(of: Any) -> int:
        found: int = of.plugin_sql("shop", COUNT.format(1, 200))[0][0]
        return found

    units = [Work(compute) for _ in range(6)]
    await sqlite_stand.do(units)
    assert [unit.error for unit in units] == [None] * 6
    for _ in range(6):
        assert await sqlite_stand.read(compute) == 200
    all_in_one = Work(lambda tx: [compute(tx) for _ in range(6)])
    await sqlite_stand.do([all_in_one])
    assert isinstance(all_in_one.error, PluginError), "in one unit it adds up"


@pytest.mark.parametrize(("count", "is_refused"), [(50, False), (150, True)])
def test_short_statements_add_up_but_not_what_others_took_meanwhile(
    sandbox: PluginSandbox, count: int, is_refused: bool
) -> None:
    """The machine stands still for a second in each of them: that counts as half a millisecond."""
    sandbox._wall = itertools.count().__next__
    sandbox.begin_unit()
    for _ in range(count):
        sandbox.execute("shop", "SELECT 1", (), Mode.READ)
    with pytest.raises(PluginError, match="50 ms") if is_refused else nullcontext():
        sandbox.execute("shop", COUNT.format(1, 1_000), (), Mode.READ)


def test_an_error_is_explained_by_its_own_statement(connection: sqlite3.Connection) -> None:
    """Not by what another one, perhaps another plugin's, was denied before."""
    sandbox = PluginSandbox(connection)
    with pytest.raises(PluginError, match=r"plugin bank: not allowed: .* shop_codes"):
        sandbox.migrate("bank", "CREATE TABLE shop_codes (code)")
    with pytest.raises(PluginError, match="plugin shop: no such table: shop_orders"):
        sandbox.execute("shop", "SELECT code FROM shop_orders", (), Mode.READ)


def test_names_of_tables_are_the_plugins_own_in_any_case(connection: sqlite3.Connection) -> None:
    """As everywhere in SQL; and another plugin's are not, in any case."""
    connection.isolation_level = None  # as the store's connections are
    sandbox = PluginSandbox(connection)
    sandbox.migrate("shop", "CREATE TABLE SHOP_Codes (code)")
    sandbox.execute("shop", "INSERT INTO Shop_codes VALUES (7)", (), Mode.WRITE)
    assert sandbox.execute("shop", "SELECT code FROM shop_CODES", (), Mode.READ) == [(7,)]
    for table in ("SHOP_Codes", "shop_codes"):
        with pytest.raises(PluginError, match="not allowed"):
            sandbox.execute("bank", f"SELECT code FROM {table}", (), Mode.READ)


@pytest.mark.parametrize("mode", [Mode.READ, Mode.WRITE])
def test_what_one_plugin_may_say_is_not_another_one_s_to_say(
    connection: sqlite3.Connection, mode: Mode
) -> None:
    """Statements are known by whose they are: a text that was prepared for one is asked about again for the other."""
    connection.execute("CREATE TABLE shop_orders (code TEXT)")
    sandbox = PluginSandbox(connection)
    statement = "SELECT code FROM shop_orders"
    for _ in range(2):
        assert sandbox.execute("shop", statement, (), mode) == []
        with pytest.raises(PluginError, match="not allowed"):
            sandbox.execute("spy", statement, (), mode)


def test_no_plugin_is_called_like_the_beginning_of_a_table_of_ours() -> None:
    """All that begins with its name would be its own, to read and to drop."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as raw:
        for _, script in database.migrations():
            raw.executescript(script)
        names = [name for (name,) in raw.execute("SELECT name FROM sqlite_master WHERE sql IS NOT NULL")]
    for name in names:
        word, joined, _ = name.partition("_")
        if joined and "_by_" not in name:  # an index is its table's
            with pytest.raises(PluginError):
                check_plugin_name(word)


# -- what one step may cost -------------------------------------------------------------------------------------------

#: A longest text, as nobody can look into the step that reads it.
LONG = "a" * (MAX_PLUGIN_VALUE_BYTES - 100)


@pytest.fixture
def sandbox(connection: sqlite3.Connection) -> PluginSandbox:
    """With one row of `LONG`."""
    connection.isolation_level = None  # as the store's connections are
    connection.execute("CREATE TABLE shop_texts (text TEXT)")
    connection.execute("INSERT INTO shop_texts VALUES (?)", (LONG,))
    return PluginSandbox(connection)


BOMBS = [
    "SELECT trim(text, ?) FROM shop_texts",  # 5 s: each character of one with each of the other
    "SELECT ltrim(text, ?) FROM shop_texts",
    "SELECT rtrim(text, ?) FROM shop_texts",
    "SELECT instr(text, ?) FROM shop_texts",
    "SELECT replace(text, 'a', ?) FROM shop_texts",
    "SELECT text LIKE ? FROM shop_texts",
    "SELECT text GLOB ? FROM shop_texts",
    "SELECT zeroblob(1 + length(?))",
    "SELECT randomblob(1 + length(?))",
    "SELECT printf('%.*c', 1000000, ?)",
    "SELECT format('%.*c', 1000000, ?)",
    "SELECT hex(?)",
    "SELECT quote(?)",
    "SELECT group_concat(?) FROM shop_texts",
    "SELECT json_array(?)",
    "SELECT ? -> '$'",
    "SELECT soundex(?)",
    "SELECT char(length(?))",
    "SELECT random() + length(?)",
    "SELECT date(?)",
    "SELECT CURRENT_TIMESTAMP, ?",
    "SELECT load_extension(?)",
    "SELECT sqlite_log(1, ?)",
]


@pytest.mark.parametrize("statement", BOMBS)
@pytest.mark.parametrize("mode", [Mode.READ, Mode.WRITE])
def test_a_function_that_is_not_of_the_list_is_refused_by_name(
    sandbox: PluginSandbox, statement: str, mode: Mode
) -> None:
    with pytest.raises(PluginError, match="plugin shop: not allowed: function "):
        sandbox.execute("shop", statement, ("b" * 1000,), mode)
    assert sandbox.execute("shop", "SELECT length(text) FROM shop_texts", (), mode) == [(len(LONG),)]


def test_every_function_of_the_list_is_one(sandbox: PluginSandbox) -> None:
    """Also in this SQLite; and the list has none that makes much of little."""
    known = {name for (name,) in sandbox._connection.execute("SELECT name FROM pragma_function_list")}
    assert known >= FUNCTIONS
    assert FUNCTIONS.isdisjoint(
        {"trim", "instr", "replace", "like", "glob", "group_concat", "zeroblob", "printf"}
    )


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT text || text FROM shop_texts",
        "UPDATE shop_texts SET text = text || text",
        "INSERT INTO shop_texts SELECT text || text FROM shop_texts",
        "WITH RECURSIVE shop_n(t) AS (SELECT 'a' UNION ALL SELECT t || t FROM shop_n) SELECT max(t) FROM shop_n",
    ],
)
def test_a_value_has_at_most_a_mebibyte(sandbox: PluginSandbox, statement: str) -> None:
    with pytest.raises(PluginError, match=f"a value has at most {MAX_PLUGIN_VALUE_BYTES} bytes"):
        sandbox.execute("shop", statement, (), Mode.WRITE)
    with pytest.raises(PluginError, match="at most"):
        sandbox.execute("shop", "INSERT INTO shop_texts VALUES (?)", (LONG * 2,), Mode.WRITE)


def test_our_own_statements_keep_their_functions_and_lengths(sandbox: PluginSandbox) -> None:
    """Behind a plugin's statement, one that was refused, and a migration; a feature's are ours, too."""
    connection = sandbox._connection
    limits = range(12)
    before = [connection.getlimit(limit) for limit in limits]
    for statement in (
        "SELECT 1",
        "SELECT 1",
        "SELECT trim('a')",
        "SELECT text || text FROM shop_texts",
        "SELEC",
    ):
        with suppress(PluginError):
            sandbox.execute("shop", statement, (), Mode.WRITE)
        assert [connection.getlimit(limit) for limit in limits] == before
    sandbox.migrate("shop", "CREATE TABLE shop_more (a); ALTER TABLE shop_more RENAME TO shop_most")
    assert [connection.getlimit(limit) for limit in limits] == before
    assert connection.execute(
        "SELECT length(replace(text || text, 'a', 'bb')) FROM shop_texts"
    ).fetchall() == [(4 * len(LONG),)]
    for mode in (Mode.OUR_READ, Mode.OUR_WRITE):
        assert sandbox.execute(
            "shop", "SELECT length(text || trim(text, 'b')) FROM shop_texts", (), mode
        ) == [(2 * len(LONG),)]


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        (f"SELECT {'+'.join(['1'] * 300)}", "maximum depth 200"),
        (f"SELECT {','.join(['1'] * 300)}", "too many columns"),
        (" UNION ALL ".join(["SELECT 1"] * 60), "too many terms"),
        (f"SELECT max({','.join(['1'] * 40)})", "too many arguments"),
        (f"SELECT {','.join(['abs(1)'] * 65)}", "more than 64 calls of functions"),
        (f"SELECT 1 /* {'x' * 200_000} */", "too large"),
    ],
)
def test_a_statement_has_a_bounded_shape(sandbox: PluginSandbox, statement: str, said: str) -> None:
    for _ in range(2):
        with pytest.raises(PluginError, match=said):
            sandbox.execute("shop", statement, (), Mode.READ)


def test_calls_of_functions_are_counted_for_each_statement_alone(sandbox: PluginSandbox) -> None:
    for number in range(100):
        assert sandbox.execute("shop", f"SELECT length('{number:03}')", (), Mode.READ) == [(3,)]


def test_functions_of_long_texts_are_stopped_in_time(sandbox: PluginSandbox) -> None:
    """Between two looks at the clock are few of them."""
    looks = itertools.count()
    sandbox._timer = lambda: next(looks) * 0.1 * PLUGIN_BUDGET_S
    sandbox._connection.execute("CREATE TABLE shop_many AS SELECT 'x' AS text FROM shop_texts")
    for _ in range(9):
        sandbox._connection.execute("INSERT INTO shop_many SELECT text FROM shop_many")
    sandbox.begin_unit()
    with pytest.raises(PluginError, match="more than 50 ms"):
        sandbox.execute("shop", "SELECT max(upper(text)) FROM shop_many", (), Mode.READ)
    sandbox.begin_unit()
    assert sandbox.execute("shop", "SELECT max(text) FROM shop_many", (), Mode.READ) == [("x",)]


def test_a_migration_may_alter_tables_and_calls_no_more_than_the_list(connection: sqlite3.Connection) -> None:
    connection.isolation_level = None  # as the store's connections are
    sandbox = PluginSandbox(connection)
    sandbox.migrate(
        "shop",
        "CREATE TABLE shop_a (no INTEGER PRIMARY KEY, name TEXT CHECK (length(name) < 9), gone INTEGER);"
        "INSERT INTO shop_a VALUES (1, 'x', 2);"
        "ALTER TABLE shop_a ADD COLUMN more TEXT NOT NULL DEFAULT 'y';"
        "ALTER TABLE shop_a RENAME COLUMN more TO most;"
        "ALTER TABLE shop_a DROP COLUMN gone;"
        "ALTER TABLE shop_a RENAME TO shop_b;"
        "CREATE INDEX shop_b_by_name ON shop_b (lower(name))",
    )
    assert sandbox.execute("shop", "SELECT no, name, most FROM shop_b", (), Mode.READ) == [(1, "x", "y")]
    with pytest.raises(PluginError, match="not allowed: function trim"):
        sandbox.migrate("shop", "CREATE TABLE shop_c (text TEXT CHECK (trim(text, text) <> ''))")
    # SQLite asks nobody about what a default calls.
    for default in ("(randomblob(9))", "('(' || \"trim\" ('a', 'b'))"):
        with pytest.raises(
            PluginError, match=r"not allowed: function (randomblob|trim) in a default of shop_d"
        ):
            sandbox.migrate("shop", f"CREATE TABLE shop_d (no INTEGER, text TEXT DEFAULT {default})")
        connection.execute("DROP TABLE shop_d")  # as the store does, which rolls back
    sandbox.migrate("shop", "CREATE TABLE shop_d (no INTEGER, text TEXT DEFAULT (abs(-1) || 'trim(x)'))")
    sandbox.execute("shop", "INSERT INTO shop_d (no) VALUES (1)", (), Mode.WRITE)
