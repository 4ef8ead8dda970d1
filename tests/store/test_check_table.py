"""`imserver check`, condition by condition: a database spoiled in exactly one way is found, and its lawful neighbour is not.

Each row of `SPOILED` breaks one condition of one check, mostly by one; each row of `LAWFUL` goes as far as is allowed.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest

from imserver.store.checks import SideFile, check_database
from imserver.store.checks.run import NAMES
from tests.store.damages import (
    EVE,
    REMOVED,
    SECOND_EDIT,
    Damage,
    Raw,
    contains,
    gone,
    gone_and,
    map_of,
    member,
    message,
    spoil,
    step_of,
)
from tests.store.full_database import ANN, BOB, CY, IN_GROUP, lived_in, names
from tests.store.spoiled_messages import MESSAGES
from tests.store.spoiled_people import PEOPLE
from tests.store.spoiled_state import STATE

SPOILED = [*MESSAGES, *STATE, *PEOPLE]

LAWFUL: list[tuple[str, Damage]] = [
    ("a table of a plugin in capitals", "CREATE TABLE SHOP_more (id INTEGER)"),
    ("an index of a plugin", "CREATE INDEX shop_by_thing ON shop_parts (thing)"),
    ("a counter above the last message", "UPDATE meta SET value = 1000 WHERE name = 'change'"),
    ("a plugin's mark at the last change", "UPDATE plugin_cursors SET change = 96"),
    ("a plugin that has heard nothing", "UPDATE plugin_cursors SET change = 0"),
    ("a receipt with the last change", "UPDATE conversations SET changed = 96 WHERE no = 2"),
    ("sent when time began", message("sent_at = 0", 30)),
    ("what was edited is taken back", gone),
    ("by another", gone_and(message(f"sender_no = {BOB}", SECOND_EDIT))),
    ("of a kind that only applications know", contains({"type": "poll", "choices": [1, 2]})),
    ("an empty text", contains({"type": "text", "text": ""})),
    ("no roles", lambda raw: raw.executescript("UPDATE users SET roles = ''; DELETE FROM given_roles")),
    ("a role of two givers", f"INSERT INTO given_roles VALUES ({EVE}, 'staff', 'shop')"),
    ("disabled when time began", "UPDATE users SET disabled_at = 0, made_at = 0 WHERE user_id = 'eve'"),
    ("a token that does not say when", "UPDATE tokens SET issued_at = NULL"),
    ("a token of before times were kept", "UPDATE tokens SET issued_at = NULL, expires_at = NULL"),
    ("a revoked token without a jti", "UPDATE revoked_tokens SET token_id = '0123abcd'"),
    ("revoked to the end", "UPDATE revoked_before SET until = before, device_id = ''"),
    ("all of it on one day", "UPDATE used SET day_bytes = bytes, day = 0"),
    ("nothing used", "UPDATE used SET day_bytes = 0, bytes = 0"),
    ("muted for long", member("muted_until = 9000000000000000", BOB)),
    ("a title", "UPDATE conversations SET title = 'x' WHERE no = 2"),
    ("everything delivered, nothing read", member("delivered = 41", BOB)),
    ("everything delivered and read", member("delivered = 41, read = 41, seen_no = 39", BOB)),
    ("delivered and read up to the same", member("delivered = 20, read = 20, seen_no = 20", BOB)),
    ("read up to leaving", member(f"delivered = {REMOVED}, read = {REMOVED}, seen_no = 40", BOB, IN_GROUP)),
    ("read what came before joining", member("delivered = 10, read = 10", ANN, IN_GROUP)),
    ("no tokens", "DELETE FROM tokens"),
    ("no failures", "DELETE FROM plugin_failures"),
    ("no timers left", "DELETE FROM timers"),
    ("a link that is not used yet", "UPDATE links SET used_at = NULL, used_by = NULL"),
    ("a link that ends at once", "UPDATE links SET expires_at = made_at, made_by = ''"),
    ("a browser of when time began", "UPDATE browsers SET made_at = 0, seen_at = 0, told_at = 0"),
    ("a join that was refused", "UPDATE joins SET used_by = NULL"),
    ("a join that still stands", "UPDATE joins SET used_by = NULL, ended_at = NULL"),
    (
        "a join that nobody was asked of",
        "UPDATE joins SET used_by = NULL, account_no = NULL, asked_by = NULL, about = ''",
    ),
    ("a join that ends at once", "UPDATE joins SET expires_at = made_at, shop = ''"),
    ("a guest of no shop", "UPDATE guests SET shop = '', ref = '', made_at = 0"),
    ("the first record, with nothing in it", "UPDATE plugin_records SET number = 1, body = '{}'"),
    ("left at the last state", member("left_modseq = 5", BOB, IN_GROUP)),
    (
        "a conversation shows as much as it may",
        f"UPDATE conversations SET about = {map_of(2048)} WHERE no = {IN_GROUP}",
    ),
    ("settings as long as they may be", member(f"settings = {map_of(2048)}", CY, IN_GROUP)),
    ("settings that were taken away", member("settings = NULL", CY, IN_GROUP)),
    ("state of the last message, of the last change", "UPDATE item_values SET position = 46, modseq = 5"),
    ("state of the first message, of the first change", "UPDATE item_values SET position = 1, modseq = 1"),
    ("state as long as it may be", f"UPDATE item_values SET data = {map_of(1024)}"),
    ("a name of state that is in no map any more", "INSERT INTO state_names VALUES ('b')"),
    ("state for all, and nobody's own", "DELETE FROM item_values WHERE user_no > 0"),
    ("no outcomes", "DELETE FROM outcomes"),
    ("an outcome when time began", "UPDATE outcomes SET at = 0"),
    ("nobody with cursors by a team", "DELETE FROM team_cursors"),
    ("cursors of who left the team", f"UPDATE team_cursors SET user_no = {BOB}"),
    ("delivered by a team, and not read", "UPDATE team_cursors SET read = 0"),
    ("a run of the newest change", "UPDATE lineage SET first_change = 96 WHERE no = 3"),
    ("a run that begins with the one before it", "UPDATE lineage SET first_change = 50 WHERE no = 3"),
    (
        "neither state nor lineage yet",
        (
            "DELETE FROM first_modseqs; DELETE FROM lineage; DELETE FROM item_values;"
            " UPDATE conversations SET modseq = 0, about = NULL;"
            " UPDATE members SET left_modseq = 0 WHERE left_at IS NOT NULL"
        ),
    ),
    ("a copy of when time began", "UPDATE lineage SET copied_at = 0 WHERE no = 2"),
    ("a plugin told of the last run", "UPDATE plugin_cursors SET told_run = 3"),
    (
        "a copy whose ledger is elsewhere",
        "INSERT INTO meta VALUES ('ledger', '3 00'); INSERT INTO meta VALUES ('copied_at', 5)",
    ),
    ("state of messages alone", f"UPDATE conversations SET modseq = 4, about = NULL WHERE no = {IN_GROUP}"),
    ("sixteen messages in one step", step_of(16)),
    ("a first state that is the last", "UPDATE first_modseqs SET modseq = 5 WHERE lineage_no = 3"),
    ("a plugin with one migration", "INSERT INTO plugin_migrations VALUES ('bank', 1, 0)"),
]


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("lived") / "chat.db"
    asyncio.run(lived_in(path))
    return path.read_bytes()


@pytest.fixture
def raw(lived: bytes) -> Iterator[Raw]:
    """A copy in memory, where there is no log: two bytes of the header say so."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.deserialize(lived[:18] + b"\1\1" + lived[20:])
        yield connection


def test_what_is_kept_of_a_message_that_was_taken_back_is_named(raw: Raw) -> None:
    """For somebody has to erase it."""
    damage = next(damage for name, damage, _ in SPOILED if name == "what was taken back is kept")
    spoil(raw, damage)
    texts = [finding.text for finding in check_database(raw).findings]
    assert "message 3 of direct/ann/bob was taken back, and 1 of its contents are kept" in texts


@pytest.mark.parametrize(
    ("damage", "found_by"), [row[1:] for row in SPOILED], ids=[row[0] for row in SPOILED]
)
def test_what_is_spoiled_is_found(raw: Raw, damage: Damage, found_by: set[str]) -> None:
    spoil(raw, damage)
    report = check_database(raw)
    assert names(report) == found_by, report.findings


@pytest.mark.parametrize("damage", [row[1] for row in LAWFUL], ids=[row[0] for row in LAWFUL])
def test_what_is_lawful_is_not_found(raw: Raw, damage: Damage) -> None:
    spoil(raw, damage)
    assert check_database(raw).findings == []


def test_every_check_has_a_row_that_only_it_finds() -> None:
    alone = {name for _, _, found_by in SPOILED if len(found_by) == 1 for name in found_by}
    assert alone == {*NAMES} - {"side file", "complete"}  # of files: see test_running


@pytest.mark.parametrize(
    ("epoch", "behind", "found"),
    [("", 0, 0), ("", 1, 0), ("", -1, 1), ("0123456789abcdef", 0, 1), ("0123456789abcdef", 1, 1)],
    ids=["level", "behind", "ahead", "another epoch", "another epoch, behind"],
)
def test_the_side_file_is_of_this_history_and_never_ahead(
    raw: Raw, epoch: str, behind: int, found: int
) -> None:
    (own,) = raw.execute("SELECT value FROM meta WHERE name = 'epoch'").fetchone()
    report = check_database(raw, side=SideFile(epoch or own, 96 - behind))
    assert (report.found, names(report)) == (found, {"side file"} if found else set())
