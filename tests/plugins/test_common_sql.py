"""The SQL of plugins is in the common subset: SQLite and PostgreSQL both parse it, and mean the same by it.

Every statement that stands in a plugin's source as one text is looked at. What is put together when it runs is looked at as it
ran, in a life of the booking plugin; and a text that looks like SQL and was in none of the statements fails.
"""

import importlib.util
import re
import textwrap
from datetime import timedelta
from pathlib import Path

import pytest

from imserver.plugin_api import Migration
from imserver.plugins.booking import plugin as booking
from imserver.plugins.booking.schedule.asked_by_staff import INBOX, InboxParams
from imserver.proof.simulation.echo import Echo
from imserver.testing import PluginKit
from tests.booking.support.chains import demo
from tests.booking.support.guests import books, guest
from tests.booking.support.shop import RIVER, Shop, button
from tests.plugins.common_sql import faults, for_postgresql, made
from tests.plugins.ledger import Ledger
from tests.plugins.sql_of_plugins import Written, recorded, written_in, written_under

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PLUGINS = ROOT / "imserver" / "plugins"
DICE = HERE / "third_party" / "imserver_dice" / "__init__.py"
PAGE = ROOT / "docs" / "plugins.md"


def dice_migrations():
    spec = importlib.util.spec_from_file_location("dice_for_its_sql", DICE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.MIGRATIONS


#: Every plugin that makes tables, with the files of its source.
WITH_TABLES = {
    "booking": (lambda: booking().migrations, sorted((PLUGINS / "booking").rglob("*.py"))),
    "dice": (dice_migrations, [DICE]),
    "echo": (lambda: Echo.migrations, [ROOT / "imserver" / "proof" / "simulation" / "echo.py"]),
    "ledger": (lambda: Ledger.migrations, [HERE / "ledger.py"]),
}


@pytest.fixture(scope="module")
def tables():
    return made(booking().migrations)[0]


# -- the plugins --------------------------------------------------------------------------------------------------------


def test_every_plugin_that_ships_is_looked_at():
    """A new one, or the first table of one without, gets its line in `WITH_TABLES`."""
    shipped = {path.name for path in PLUGINS.iterdir() if path.is_dir() and path.name != "__pycache__"}
    without = {name for name in shipped if not written_under(PLUGINS / name)}
    assert without == {"ping"}
    assert shipped - without <= WITH_TABLES.keys()


@pytest.mark.parametrize("name", WITH_TABLES)
def test_migrations_are_in_the_subset(name):
    migrations, _ = WITH_TABLES[name]
    assert made(migrations())[1] == []


@pytest.mark.parametrize("name", WITH_TABLES)
def test_statements_that_stand_in_the_source_are_in_the_subset(name):
    migrations, files = WITH_TABLES[name]
    tables, _ = made(migrations())
    written = [found for path in files for found in written_in(path.read_text("utf-8"), path.name)]
    whole = [found for found in written if found.is_statement and found.constant is not None]
    assert whole
    assert [
        f"{found}\n    {fault}" for found in whole for fault in faults(found.constant or "", tables)
    ] == []


async def test_what_booking_puts_together_is_in_the_subset(tables, tmp_path):
    with recorded() as ran:
        await a_life_of_booking()
        await a_guest_on_the_page(tmp_path)
        await a_new_phone_at_the_counter()
    assert [f"{sql}\n    {fault}" for sql in ran for fault in faults(sql, tables)] == []
    not_run = [
        found
        for found in written_under(PLUGINS / "booking")
        if not (found.is_statement and found.constant is not None)
        and not any(found.is_in(sql) for sql in ran)
    ]
    assert not_run == [], "SQL that the life below does not reach: make it, or nobody has parsed it"


async def test_a_read_beside_the_writer_is_heard_too():
    async with PluginKit(Ledger) as kit:
        with recorded() as ran:
            assert await kit.plugin.context.read("SELECT no FROM ledger_rows") == []
    assert ran == ["SELECT no FROM ledger_rows"]


async def a_life_of_booking() -> None:
    async with Shop() as shop:
        here, there = await shop.customer("ming"), await shop.customer("ming", bot=RIVER)
        for text in (
            "预约 明天15:00 验光",
            "王小明，成人，来过",
            "好",
            "改约 周五上午10点半",
            "好",
            "我的预约",
        ):
            await shop.say("ming", here, text)
        [(code, *_)] = await shop.appointments()
        for text in ("预约 周六11:00 验光", "预约 周六12:00 验光", "王小明，成人，来过", "好"):
            await shop.say("ming", there, text)
        said = await shop.say("ming", there, "取消")
        await shop.say("ming", there, button(said, "取消"))
        await shop.say("ming", shop.kit.direct("ming", "booking"), "我的预约")
        group = await shop.staff_group()
        await shop.say("staff-li", group, "今日预约 周五")
        await shop.kit.call(INBOX, "staff-li", InboxParams("garden"))
        await shop.kit.set_back(shop.kit.clock.now_ms())
        await shop.advance((timedelta(days=2, hours=1)).total_seconds() / 60)
        await shop.say("staff-li", group, f"到店 {code}")
        for text in ("人工", "预约 明天15:00 验光", "我的预约"):
            await shop.say("ming", here, text)
        await shop.kit.restart()
        said = await shop.say("staff-li", group, "请假 李老师 明天")
        await shop.say("staff-li", group, button(said, "确定"))


async def a_guest_on_the_page(folder: Path) -> None:
    """Books by the form where the staff confirm, wishes another time and cancels; all that is kept is exported and erased."""
    async with Shop(config={"chain": demo(folder, confirmation='"staff"')}) as shop:
        here = await guest(shop, "ann")
        assert await books(shop, "ann", here, "2026-11-20 15:00") == "pending"
        [(code,)] = await shop.sql("SELECT code FROM booking_appointments")
        await shop.say("staff-li", await shop.staff_group(), f"确认 {code}")
        await shop.say("ann", here, "/move 2026-11-21 11:00")
        await shop.say("ann", here, "yes")
        for text in ("/consent", "/consent 1", "/withdraw", "yes"):
            await shop.say("ann", here, text)
        assert (await shop.kit.http("GET", f"/x/booking/event/{code}.ics", user_id="ann")).status == 200
        said = await shop.say("ann", here, f"/cancel {code}")
        await shop.say("ann", here, button(said, "Yes"))
        assert await shop.kit.export("ann")
        await shop.kit.erase("ann")


async def a_new_phone_at_the_counter() -> None:
    async with Shop() as shop:
        here, there = await shop.customer("ann", "en"), await guest(shop, "new")
        assert await books(shop, "new", there, "2026-11-20 15:00") == "confirmed"
        code = await shop.kit.show_code("new")
        await shop.say("staff-li", here, f"/link {code}")
        await shop.kit.accept(code)
        assert len(await shop.appointments()) == 1


def test_the_example_of_the_page_is_in_the_subset():
    _, _, _, block, *_ = re.findall(
        r"^```python\n(.*?)^```", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
    [script] = re.findall(r'Migration\(1, "(.*?)"\)', block)
    tables, found = made([Migration(1, script)])
    written = written_in(textwrap.dedent(block), "docs/plugins.md")
    [insert] = [each.constant or "" for each in written if each.is_statement]
    assert [*found, *faults(insert, tables)] == []


# -- the subset ---------------------------------------------------------------------------------------------------------

TABLES = """
CREATE TABLE t (id INTEGER PRIMARY KEY, code TEXT NOT NULL UNIQUE, n INTEGER NOT NULL, late INTEGER);
CREATE TABLE u (t_id INTEGER NOT NULL REFERENCES t (id), k TEXT NOT NULL, PRIMARY KEY (t_id, k)) WITHOUT ROWID;
"""

INSIDE = [
    "SELECT id, code AS name FROM t WHERE n = ? AND (late IS NULL OR NOT late > ?) ORDER BY code DESC, id LIMIT ?",
    "SELECT * FROM t WHERE code IN (?, ?) AND n BETWEEN ? AND ? AND code NOT IN (SELECT k FROM u WHERE t_id = ?)",
    "SELECT '?', 'rowid', 'it''s ?1', 'WITHOUT ROWID' FROM t WHERE code = ? -- what? :who",
    "SELECT COALESCE(MAX(id), 0) + 1, COUNT(*), COUNT(DISTINCT n) FROM t WHERE code = COALESCE(?, code)",
    "SELECT t.code, t.n / 300000, SUM(CASE WHEN u.k = ? THEN 1 ELSE 0 END) FROM t LEFT JOIN u ON u.t_id = t.id GROUP BY t.id",
    "SELECT code, COUNT(*) FROM t GROUP BY id HAVING COUNT(*) > 1 AND id > ?",
    "SELECT n, MAX(late) FROM t GROUP BY n",
    "SELECT t_id, k, COUNT(*) FROM u GROUP BY t_id, k",
    "SELECT CASE code WHEN 'a' THEN n ELSE 0 END, NULLIF(n, 0) FROM t ORDER BY CASE WHEN n = 1 THEN 0 ELSE 1 END",
    "WITH few AS (SELECT id FROM t LIMIT 3) SELECT id FROM few UNION ALL SELECT t_id FROM u",
    "INSERT INTO t (code, n) VALUES (?, ?), (?, ?) ON CONFLICT (code) DO UPDATE SET n = t.n + excluded.n RETURNING id",
    "INSERT INTO t (code, n) VALUES (?, ?) ON CONFLICT (code) DO UPDATE SET n = excluded.n WHERE t.n < excluded.n",
    "INSERT INTO u VALUES (?, ?) ON CONFLICT (t_id, k) DO NOTHING",
    "INSERT INTO u (t_id, k) SELECT id, code FROM t WHERE EXISTS (SELECT 1 FROM u WHERE t_id = t.id)",
    "SELECT id FROM t ORDER BY late NULLS FIRST, n DESC",
    "UPDATE t SET n = n + 1, late = CAST(code AS INTEGER) WHERE code || ? = ? RETURNING n",
    "DELETE FROM u WHERE t_id = ?",
    "CREATE TABLE v (id INTEGER PRIMARY KEY, a TEXT NOT NULL DEFAULT '' CHECK (a IN ('x', 'y')), UNIQUE (id, a))",
    "CREATE TABLE v (a INTEGER, b INTEGER, PRIMARY KEY (a, b)) without  rowid",
    "CREATE UNIQUE INDEX t_late ON t (late, code) WHERE late IS NOT NULL",
    "ALTER TABLE t ADD COLUMN more TEXT NOT NULL DEFAULT ''",
    "DROP TABLE u",
]

#: What a colleague would write, and a word of the line that it gets.
OUTSIDE = [
    # What only SQLite has.
    ("SELECT rowid FROM t", "only SQLite numbers the rows"),
    ("SELECT t.oid FROM t", "only SQLite numbers the rows"),
    ("DELETE FROM t WHERE _rowid_ = ?", "only SQLite numbers the rows"),
    ("INSERT OR IGNORE INTO t (code, n) VALUES (?, ?)", "PostgreSQL does not parse"),
    ("INSERT OR REPLACE INTO t (code, n) VALUES (?, ?)", "PostgreSQL does not parse"),
    ("REPLACE INTO t (code, n) VALUES (?, ?)", "PostgreSQL does not parse"),
    ("UPDATE OR IGNORE t SET n = ?", "PostgreSQL does not parse"),
    ("CREATE TABLE v (a INTEGER) STRICT", "PostgreSQL does not parse"),
    ("CREATE TABLE v (a INTEGER PRIMARY KEY, b TEXT) STRICT, WITHOUT ROWID", "PostgreSQL does not parse"),
    ("CREATE TABLE v (a INTEGER PRIMARY KEY AUTOINCREMENT)", "PostgreSQL does not parse"),
    ("CREATE TABLE v (a)", "PostgreSQL does not parse"),
    ("CREATE TABLE v (a ANY)", "PostgreSQL does not parse"),
    ("CREATE TABLE v (a ANYTHING)", "the type anything"),
    ("CREATE TABLE v (a BLOB)", "the type blob"),
    ("CREATE TABLE v (a REAL)", "the type float4"),
    ("CREATE TABLE v (a BOOLEAN)", "the type bool"),
    ("CREATE TABLE v (a DATETIME)", "the type datetime"),
    ("CREATE TABLE v (a TEXT COLLATE NOCASE)", "COLLATE"),
    ("SELECT code FROM t ORDER BY code COLLATE NOCASE", "COLLATE"),
    ("CREATE VIRTUAL TABLE v USING fts5(a)", "PostgreSQL does not parse"),
    ("CREATE VIEW v AS SELECT code FROM t", "ViewStmt"),
    ("PRAGMA table_info(t)", "PostgreSQL does not parse"),
    ("SELECT n FROM t WHERE late IS n", "PostgreSQL does not parse"),
    ("SELECT n FROM t LIMIT ?, ?", "PostgreSQL does not parse"),
    ("SELECT `n` FROM t", "PostgreSQL does not parse"),
    ("SELECT [n] FROM t", "PostgreSQL does not parse"),
    # Parameters.
    ("SELECT n FROM t WHERE code = :code", ":code: a parameter is"),
    ("SELECT n FROM t WHERE code = ?1", "?1: a parameter is"),
    ("SELECT n FROM t WHERE code = $1", "$1: a parameter is"),
    ("SELECT n FROM t WHERE ? IS NULL OR code = ?", "nothing gives the parameter a type"),
    # Dates, JSON, and functions that differ.
    ("SELECT strftime('%s', 'now')", "strftime()"),
    ("SELECT datetime(n / 1000, 'unixepoch') FROM t", "datetime()"),
    ("INSERT INTO t (code, n) VALUES (?, unixepoch())", "unixepoch()"),
    ("SELECT CURRENT_TIMESTAMP", "integer milliseconds"),
    ("CREATE TABLE v (at TEXT DEFAULT CURRENT_TIMESTAMP)", "integer milliseconds"),
    ("SELECT json_extract(code, '$.a') FROM t", "json_extract()"),
    ("SELECT code ->> 'a' FROM t", "->>"),
    ("SELECT value FROM json_each(?)", "json_each()"),
    ("SELECT group_concat(code) FROM t", "group_concat()"),
    ("SELECT MAX(n, late) FROM t", "max() of 2"),
    ("SELECT ifnull(late, 0) FROM t", "ifnull()"),
    ("SELECT lower(code) FROM t", "lower()"),
    ("SELECT trim(code) FROM t", "btrim()"),
    ("SELECT n FROM t WHERE code LIKE ?", "LIKE"),
    ("SELECT n FROM t WHERE code GLOB ?", "PostgreSQL does not parse"),
    ("SELECT n FROM t WHERE n == ?", "=="),
    ('SELECT n FROM t WHERE code = "held"', "a text has single ones"),
    ("SELECT SUM(n) OVER (ORDER BY id) FROM t", "OVER"),
    ("SELECT n FROM t ORDER BY n, t.late DESC", "which may be NULL"),
    # Keys and conflicts.
    ("INSERT INTO t (code, n) VALUES (?, ?) ON CONFLICT DO NOTHING", "without a target"),
    ("INSERT INTO t (code, n) VALUES (?, ?) ON CONFLICT (code) DO UPDATE SET n = n + 1", "say whose"),
    ("INSERT INTO t (code, n) VALUES (?, ?) ON CONFLICT (code) DO UPDATE SET n = 1 WHERE n < 9", "say whose"),
    # Booleans are no numbers.
    ("SELECT n = 1 FROM t", "a condition as a value"),
    ("SELECT SUM(n > 1) FROM t", "a condition as a value"),
    ("SELECT SUM(NOT EXISTS (SELECT 1 FROM u)) FROM t", "a condition as a value"),
    ("SELECT n FROM t ORDER BY code IN ('a', 'b') DESC", "a condition as a value"),
    ("SELECT n FROM t ORDER BY late IS NULL", "a condition as a value"),
    ("SELECT n FROM t WHERE (late IS NULL) = ?", "a condition as a value"),
    ("UPDATE t SET n = code = ?", "a condition as a value"),
    ("UPDATE t SET n = TRUE", "a condition as a value"),
    ("CREATE TABLE v (a INTEGER DEFAULT FALSE)", "a condition as a value"),
    ("SELECT CASE WHEN n = 1 THEN n = 2 ELSE 0 END FROM t", "a condition as a value"),
    ("SELECT n FROM t WHERE n", "a value as a condition"),
    ("SELECT n FROM t WHERE n AND code = ?", "a value as a condition"),
    ("SELECT n FROM t WHERE NOT n", "a value as a condition"),
    ("SELECT n FROM t WHERE 1", "a value as a condition"),
    ("SELECT CASE WHEN n THEN 1 ELSE 0 END FROM t", "a value as a condition"),
    ("SELECT n FROM t JOIN u ON n", "a value as a condition"),
    ("CREATE TABLE v (a INTEGER CHECK (a))", "a value as a condition"),
    ("CREATE INDEX i ON t (n) WHERE late", "a value as a condition"),
    # Of which row?
    ("SELECT code, MAX(n) FROM t", "code beside an aggregate"),
    ("SELECT code, COALESCE(MAX(n), 0) FROM t GROUP BY late", "code beside an aggregate"),
    ("SELECT t.code, u.k, COUNT(*) FROM t JOIN u ON u.t_id = t.id GROUP BY t.id", "u.k beside an aggregate"),
    ("SELECT t_id, COUNT(*) FROM u GROUP BY k", "t_id beside an aggregate"),
    # What only PostgreSQL has.
    ("SELECT DISTINCT ON (code) n FROM t", "SQLite does not prepare"),
    ("SELECT n::text FROM t", "SQLite does not prepare"),
    ("SELECT n FROM t WHERE code = ANY (?)", "SQLite does not prepare"),
    ("SELECT n FROM t FOR UPDATE", "SQLite does not prepare"),
    ("SELECT nothing FROM t", "SQLite does not prepare"),
]


@pytest.fixture(scope="module")
def simple():
    tables, found = made([Migration(1, TABLES)])
    assert found == []
    return tables


@pytest.mark.parametrize("sql", INSIDE)
def test_the_subset_is_taken(sql, simple):
    assert faults(sql, simple) == []


@pytest.mark.parametrize(("sql", "word"), OUTSIDE)
def test_what_is_outside_is_named(sql, word, simple):
    found = faults(sql, simple)
    assert [line for line in found if word in line], found


def test_a_mark_is_numbered_where_it_is_one():
    sql = "SELECT '?''?', n /* ? */ FROM t WHERE code = ? AND n IN (?,?) -- ?\n LIMIT ?"
    assert (
        for_postgresql(sql)
        == "SELECT '?''?', n /* ? */ FROM t WHERE code = $1 AND n IN ($2,$3) -- ?\n LIMIT $4"
    )


def test_sql_is_found_in_a_source():
    found = written_in(
        textwrap.dedent('''
        """SELECT is a word of this docstring, WHERE it is no SQL."""
        ASK = "Is this right? (?= ?x)"
        def rows(tx, names):
            where = f"n > ? AND code IN ({marks(names)})"
            where += " ORDER BY code"
            tx.execute("SELECT n FROM t WHERE " + where, names)
            return tx.execute(
                "SELECT n"
                " FROM t"
            )
        '''),
        "x.py",
    )
    assert [(repr(each), each.is_statement, each.constant is not None) for each in found] == [
        ("x.py:5: n > ? AND code IN (…)", False, False),
        ("x.py:6:  ORDER BY code", False, True),
        ("x.py:7: SELECT n FROM t WHERE …", True, False),
        ("x.py:9: SELECT n FROM t", True, True),
    ]
    assert Written("", ["IN (", None, ") LIMIT"]).is_in("… IN (?, ?) LIMIT 3")
    assert not Written("", ["IN (", None, ") LIMIT"]).is_in("… IN (?, ?)")
