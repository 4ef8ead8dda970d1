"""What the store makes passes every check; a database damaged in one way is found out by that check, and by no other."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing

import pytest

from imserver.content import encode_content
from imserver.store.checks import Snapshot, check_database
from imserver.store.checks.check_run import Looked
from imserver.store.checks.report import MAX_KEPT
from imserver.store.checks.run import NAMES, check_snapshot
from tests.store.full_database import ANN, AT, BOB, CY, HEAD, IN_GROUP, MEMBER, REVISION, lived_in, names


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The bytes of that database."""
    path = tmp_path_factory.mktemp("whole") / "chat.db"
    asyncio.run(lived_in(path))
    return path.read_bytes()


@pytest.fixture
def raw(tmp_path, whole):
    """A connection to a copy of it."""
    path = tmp_path / "chat.db"
    path.write_bytes(whole)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        yield connection


class Other(Snapshot):
    """Another engine: what SQLite alone has words for, it says in its own."""

    __slots__ = ()

    def rows(self, statement, params=()):
        for word in ("pragma", "sqlite_", "explain", "rowid"):
            assert word not in statement.lower(), statement
        return super().rows(statement, params)

    def version(self):
        return 2

    def integrity(self):
        return Looked(7, ["heap page 3 is torn"])

    def dangling(self):
        return Looked(2, ())

    def timers_given(self):
        return 0

    def schema(self, version, plugins):
        return Looked(version, [f"{name} has lost a table" for name in sorted(plugins)])


def test_an_engine_says_of_itself_what_only_it_can_know(raw) -> None:
    """No check has a word for it that only SQLite understands, and each reports it under its name."""
    report = check_snapshot(Other(raw))
    assert [(each.check, each.text) for each in report.findings] == [
        ("integrity", "heap page 3 is torn"),
        ("schema", "shop has lost a table"),
        ("timers", "timer 1 exists, and only 0 were given out"),
    ]
    assert [report.result(name).checked for name in ("integrity", "foreign keys", "schema")] == [7, 2, 2]


def test_what_the_store_makes_is_whole(raw) -> None:
    report = check_database(raw)
    assert report.findings == []
    assert [row.name for row in report.results] == list(NAMES)
    empty = {row.name for row in report.results if not row.checked}
    assert empty == {"side file", "ledger"}  # nobody gave one


def test_a_database_that_was_never_set_up_holds_nothing_to_check() -> None:
    with closing(sqlite3.connect(":memory:")) as nothing:
        assert check_database(nothing).results == []


def test_it_reads_in_the_transaction_that_is_open_and_leaves_it_open(raw) -> None:
    raw.execute("BEGIN")
    raw.execute("UPDATE heads SET unread_no = 0")
    assert names(check_database(raw)) == {"heads"}
    assert raw.in_transaction
    raw.execute("ROLLBACK")
    assert check_database(raw).found == 0
    assert not raw.in_transaction


def test_findings_are_kept_up_to_a_bound_and_counted_beyond_it(raw) -> None:
    raw.execute("UPDATE messages SET digest = zeroblob(16)")
    report = check_database(raw)
    assert len(report.findings) == MAX_KEPT < report.found


def test_a_connection_with_a_row_factory_of_its_own_is_checked_too(raw) -> None:
    raw.row_factory = sqlite3.Row
    assert check_database(raw).found == 0


TEXT = encode_content({"type": "text", "text": "other"})

#: What was done to the database, and which checks see it.
DAMAGES: list[tuple[str, set[str]]] = [
    ("INSERT INTO shop_parts VALUES (2, 77)", {"foreign keys"}),
    ("DROP INDEX timers_by_due", {"schema"}),
    ("CREATE TABLE nobody_knows (id INTEGER)", {"schema"}),
    ("ALTER TABLE users ADD COLUMN age INTEGER", {"schema"}),
    ("DELETE FROM meta WHERE name = 'epoch'", {"changes"}),
    ("UPDATE meta SET value = 'x' WHERE name = 'epoch'", {"changes"}),
    ("DELETE FROM meta WHERE name = 'change'", {"changes"}),
    ("UPDATE meta SET value = 'x' WHERE name = 'change'", {"changes"}),
    ("UPDATE plugin_cursors SET change = 1000000", {"changes"}),
    ("UPDATE members SET changed = 1000000 WHERE role = 'reader'", {"changes"}),
    ("UPDATE conversations SET changed = 1000000 WHERE kind = 'channel'", {"changes"}),
    # positions
    (f"UPDATE messages SET previous = 0 WHERE conversation_no = {AT} AND position = 30", {"positions"}),
    (
        f"UPDATE messages SET previous = previous - 1 WHERE conversation_no = {AT} AND position = 30",
        {"positions"},
    ),
    (f"UPDATE messages SET previous = change WHERE conversation_no = {AT} AND position = 30", {"positions"}),
    (f"DELETE FROM messages WHERE conversation_no = {AT} AND position = 30", {"positions"}),
    (
        (
            "INSERT INTO messages SELECT (SELECT max(change) FROM messages) + 1, conversation_no, position, sender_no, sent_at,"
            f" unread_no, previous, revision, zeroblob(16), digest, content FROM messages WHERE conversation_no = {AT}"
            " AND position = 30"
        ),
        {"positions"},
    ),
    # heads and milestones
    (f"UPDATE heads SET unread_no = unread_no - 1 WHERE conversation_no = {IN_GROUP}", {"heads"}),
    (f"INSERT INTO heads ({HEAD}) VALUES (99, 0, 0, 0)", {"heads"}),
    ("UPDATE milestones SET change = change + 1 WHERE position = 16", {"milestones"}),
    (f"DELETE FROM milestones WHERE position = 32 AND conversation_no = {AT}", {"milestones"}),
    (f"INSERT INTO milestones VALUES ({AT}, 48, 3)", {"milestones"}),
    # keys
    (f"UPDATE messages SET key = x'00' WHERE conversation_no = {AT} AND position = 30", {"keys"}),
    (
        (
            "DROP INDEX messages_by_key; UPDATE messages SET key = zeroblob(16) WHERE position IN (5, 6)"
            f" AND conversation_no = {AT}"
        ),
        {"keys", "schema"},
    ),
    # who speaks
    (f"UPDATE messages SET sender_no = 77 WHERE conversation_no = {AT} AND position = 30", {"senders"}),
    (
        f"UPDATE messages SET sender_no = {BOB} WHERE conversation_no = {IN_GROUP} AND position = 46",
        {"senders"},
    ),
    # contents
    (
        f"UPDATE messages SET content = x'c1' WHERE conversation_no = {AT} AND position = 30",
        {"contents", "digests"},
    ),
    (f"UPDATE messages SET sent_at = -1 WHERE conversation_no = {AT} AND position = 30", {"contents"}),
    (f"UPDATE messages SET content = :text WHERE conversation_no = {AT} AND position = 30", {"digests"}),
    (
        f"UPDATE messages SET digest = zeroblob(16) WHERE conversation_no = {AT} AND position = 30",
        {"digests"},
    ),
    # an edit, and what is told of adding and removing
    (
        f"UPDATE messages SET digest = zeroblob(16) WHERE conversation_no = {AT} AND position = 40",
        {"digests"},
    ),
    (
        f"UPDATE messages SET digest = zeroblob(16) WHERE conversation_no = {IN_GROUP} AND position > 41",
        {"digests"},
    ),
    ("UPDATE revisions SET content = :text WHERE revision = 1", {"digests"}),
    (
        f"UPDATE messages SET unread_no = unread_no + 1 WHERE conversation_no = {AT} AND position = 30",
        {"unread counts"},
    ),
    # edits
    ("DELETE FROM revisions WHERE revision = 1", {"revisions", "tellings"}),
    ("UPDATE revisions SET content = x'c1' WHERE revision = 2", {"revisions", "digests"}),
    (
        f"INSERT INTO revisions ({REVISION}) SELECT conversation_no, 4, 1, content, 0 FROM revisions LIMIT 1",
        {"revisions", "ends of revisions"},
    ),
    (
        f"UPDATE messages SET revision = 2 WHERE conversation_no = {AT} AND position = 3",
        {"revisions", "tellings"},
    ),
    # accounts and tokens
    ("UPDATE users SET user_id = '' WHERE user_id = 'bot'", {"accounts"}),
    ("UPDATE users SET roles = 'a' || char(10) WHERE user_id = 'bot'", {"accounts", "roles"}),
    ("UPDATE users SET kind = 'ghost' WHERE user_id = 'dee'", {"states of accounts"}),
    ("DELETE FROM given_roles WHERE role = 'staff'", {"roles"}),
    ("UPDATE revoked_tokens SET user_no = 77", {"revocations"}),
    ("UPDATE blocks SET blocked_no = user_no", {"people shut out"}),
    ("UPDATE used SET day_bytes = bytes + 1", {"bytes used"}),
    ("UPDATE tokens SET user_no = 77", {"tokens"}),
    ("UPDATE browsers SET user_no = 77", {"browsers"}),
    ("UPDATE links SET user_no = 77", {"links"}),
    ("UPDATE guests SET user_no = 77", {"guests"}),
    ("UPDATE joins SET user_no = 77", {"joins"}),
    ("UPDATE plugin_records SET name = ''", {"plugin records"}),
    ("UPDATE tokens SET device_id = ''", {"tokens"}),
    # conversations
    ("UPDATE conversations SET kind = 'x' WHERE kind = 'channel'", {"conversations"}),
    ("UPDATE conversations SET conversation_id = 'group/0' WHERE kind = 'channel'", {"conversations"}),
    ("UPDATE conversations SET conversation_id = 'direct/ann/cy' WHERE kind = 'direct'", {"conversations"}),
    ("UPDATE conversations SET membership = 1 WHERE kind = 'channel'", {"conversations"}),
    (
        "UPDATE members SET role = 'member' WHERE role = 'owner' AND left_at IS NULL AND user_no = " + CY,
        {"conversations"},
    ),
    # members
    ("UPDATE members SET role = 'king' WHERE role = 'reader'", {"members"}),
    (
        f"UPDATE members SET role = 'reader' WHERE conversation_no = {IN_GROUP} AND user_no = {ANN}",
        {"members"},
    ),
    (
        f"UPDATE members SET joined_at = 43 WHERE conversation_no = {IN_GROUP} AND user_no = {CY}",
        {"members", "members of teams"},
    ),
    (
        f"UPDATE members SET left_at = 42 WHERE conversation_no = {IN_GROUP} AND user_no = {BOB}",
        {"members", "tellings"},
    ),
    (f"UPDATE members SET muted_until = -1 WHERE conversation_no = {AT}", {"members"}),
    (
        f"INSERT INTO members ({MEMBER}, left_modseq) VALUES ({AT}, 77, 'member', 1, 1, 0, 0, 0, 0, 1, 0)",
        {"members"},
    ),
    (f"INSERT INTO members ({MEMBER}) VALUES (99, {CY}, 'member', 1, NULL, 0, 0, 0, 0, 1)", {"members"}),
    # cursors
    (f"UPDATE members SET delivered = 1000 WHERE conversation_no = {AT} AND user_no = {BOB}", {"cursors"}),
    (f"UPDATE members SET read = 42 WHERE conversation_no = {IN_GROUP} AND user_no = {BOB}", {"cursors"}),
    (f"UPDATE members SET read = -1 WHERE conversation_no = {AT} AND user_no = {BOB}", {"cursors"}),
    (
        f"UPDATE members SET seen_no = seen_no + 1 WHERE conversation_no = {IN_GROUP} AND user_no = {CY}",
        {"cursors"},
    ),
    # plugins
    ("INSERT INTO plugin_cursors (plugin, change) VALUES ('No_Name', 1)", {"plugins"}),
    ("INSERT INTO plugin_handled SELECT plugin, change FROM plugin_cursors", {"plugins"}),
    ("INSERT INTO plugin_handled VALUES ('nobody', 9)", {"plugins"}),
    ("INSERT INTO plugin_handled SELECT plugin, 1000000 FROM plugin_cursors", {"changes"}),
    ("DELETE FROM plugin_migrations WHERE number = 1", {"plugins"}),
    ("UPDATE plugin_failures SET error_id = ''", {"plugins"}),
    ("UPDATE timers SET payload = x'c1'", {"timers"}),
    ("UPDATE timers SET name = ''", {"timers"}),
    ("UPDATE timers SET timer_id = 5000", {"timers"}),
]


@pytest.mark.parametrize(("damage", "found_by"), DAMAGES, ids=[damage[:60] for damage, _ in DAMAGES])
def test_a_damage_is_found_by_its_check_alone(raw, damage, found_by) -> None:
    for statement in damage.split("; "):
        raw.execute(statement, {"text": TEXT} if ":text" in statement else {})
    report = check_database(raw)
    assert names(report) == found_by, report.findings
