"""A database of schema 1 opens with what it held: every key answers as before, and every page shows what it showed."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from imserver.chat.transaction import Reader, Transaction
from imserver.config import StoreConfig
from imserver.content import decode_content
from imserver.errors import RefusalCode
from imserver.model import ConversationRow, Kind, Role
from imserver.store import SqliteStore
from imserver.store.checks import check_database
from imserver.store.checks.run import NAMES
from imserver.store.sqlite import database
from imserver.testing import ManualClock
from tests.limits.raw import Raw
from tests.store.schema_1 import ASKED, GROUP, PEOPLE, SHOWN, put_database
from tests.store.support import Recorder, Stand, edit_message, refusal_of, said
from tests.support.servers import running


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "chat.db"
    put_database(path)
    return path


@pytest.fixture
async def old(path: Path) -> AsyncIterator[Stand]:
    """The database, opened by the present version."""
    store = SqliteStore(StoreConfig(path=str(path)), clock=ManualClock(), rng=random.Random(1))
    recorder = Recorder()
    await store.open(recorder)
    yield Stand(store, recorder)
    await store.close()


def version_of(path: Path) -> int:
    with closing(sqlite3.connect(path)) as raw:
        version: int = raw.execute("PRAGMA user_version").fetchone()[0]
        return version


def checked(path: Path) -> list[Any]:
    with closing(sqlite3.connect(path)) as raw:
        return check_database(raw).findings


def offer(tx: Transaction, asked: dict[str, Any]) -> Any:
    """Ask for it with its key."""
    key, place, by = bytes.fromhex(asked["key"]), asked.get("conversation", ""), asked["by"]
    match asked["method"]:
        case "post":
            return tx.post(place, by, key, said(asked["text"]), sent_at=1)
        case "edit":
            return edit_message(tx, place, by, key, asked["position"], said(asked["text"]))
        case "create":
            roles = {user: Role(role) for user, role in asked["members"].items()}
            return tx.create_conversation(by, key, Kind(asked["kind"]), asked["title"], roles)
        case "add":
            return tx.add_member(place, by, key, asked["user"], Role(asked["role"]))
        case "remove":
            return tx.remove_member(place, by, key, asked["user"])
    raise AssertionError(asked)


def params(asked: dict[str, Any]) -> tuple[Any, ...]:
    """The same as a request on the wire: method and params."""
    key, place = bytes.fromhex(asked["key"]), asked.get("conversation")
    match asked["method"]:
        case "post":
            return "post", place, key, said(asked["text"])
        case "edit":
            return "edit", place, key, asked["position"], None, said(asked["text"])
        case "create":
            return "create", key, asked["kind"], asked["title"], list(asked["members"])
        case "add":
            return "add", place, key, asked["user"], asked["role"]
        case "remove" if asked["user"] == asked["by"]:
            return "leave", place, key
        case "remove":
            return "remove", place, key, asked["user"]
    raise AssertionError(asked)


def test_what_was_asked_for_is_of_every_kind(path: Path) -> None:
    assert {params(asked)[0] for asked in ASKED} == {"post", "edit", "create", "add", "remove", "leave"}
    assert version_of(path) == 1


async def test_it_is_migrated_and_right_before_and_after(path: Path) -> None:
    assert checked(path) == []
    for _ in range(2):
        store = SqliteStore(StoreConfig(path=str(path)))
        await store.open(Recorder())
        await store.close()
        assert version_of(path) == database.migrations()[-1][0]
        assert checked(path) == []


def test_damage_is_found_before_the_migration_too(path: Path) -> None:
    with closing(sqlite3.connect(path)) as raw:
        report = check_database(raw)
        assert set(report.checked) < {*NAMES}
        raw.execute("UPDATE heads SET unread_no = 0 WHERE conversation_no = 3")
        assert {each.check for each in check_database(raw).findings} == {"heads"}


async def test_every_key_answers_as_before(old: Stand) -> None:
    for asked in ASKED:
        told = await old.tx(offer, asked)
        assert [*told] == [*asked["answer"], True], asked
    assert old.recorder.events == []
    other = {**ASKED[0], "text": "something else"}
    assert await refusal_of(old.tx(offer, other)) == RefusalCode.KEY_REUSED


async def test_every_key_answers_as_before_over_the_wire(path: Path, tmp_path: Path) -> None:
    async with running(tmp_path, users=" ".join(PEOPLE)) as server:
        for asked in ASKED:
            async with await Raw.open(server) as raw:
                raw.hello(server.accounts.make_token(asked["by"], ttl_s=3600), f"of {asked['by']}")
                await raw.welcome()
                answer = await raw.answer(raw.request(*params(asked)))
            assert answer.code == 0, (asked, answer)
            assert list(answer.result)[: len(asked["answer"]) + 1] == [*asked["answer"], True], asked
    assert checked(path) == []


def _row(row: ConversationRow) -> list[Any]:
    cursors_of = [[user, [each.delivered, each.read]] for user, each in row.cursors_of]
    own = [row.cursors.delivered, row.cursors.read]
    return [
        row.conversation_id, row.kind, row.title, row.head, row.joined_at, row.left_at, row.role, own, cursors_of, row.unread
    ]  # fmt: skip


def _page(reader: Reader, place: str, user: str) -> list[list[Any]]:
    page = reader.history(place, user, 0, None, 1000, 10**9)
    assert page.modseq == 0
    return [
        [item.position, item.sender_id, item.sent_at, item.key.hex(), (item.content or b"").hex(), item.revision]
        for item in page.items
    ]  # fmt: skip


@pytest.mark.parametrize("user", PEOPLE)
async def test_everybody_is_shown_what_they_were_shown(old: Stand, user: str) -> None:
    """Former members what they were shown when they left."""
    shown = SHOWN[user]
    rows, _, more = await old.read(lambda reader: reader.sync(user, None, 100))
    assert [_row(row) for row in rows] == [row[:-1] for row in shown["sync"]]
    assert not more
    assert {(row.modseq, row.about, row.settings, row.team) for row in rows} <= {(0, None, None, None)}
    for place, items in shown["history"].items():
        assert await old.read(_page, place, user) == items


@pytest.mark.parametrize("user", PEOPLE)
async def test_lists_are_as_they_were_and_show_what_was_last_said(old: Stand, user: str) -> None:
    rows, _ = await old.read(lambda reader: reader.conversations(user, None, 100))
    assert sorted(_row(row)[:-1] for row in rows) == [row[:-2] for row in SHOWN[user]["conversations"]]
    for row in rows:  # that version counted one's own words too
        behind = SHOWN[user]["history"][row.conversation_id][max(row.cursors.read, row.joined_at - 1) :]
        others = [item for item in behind if item[1] != user]
        assert row.unread == sum(
            decode_content(bytes.fromhex(item[4]))["type"] != "system" for item in others
        )
    for row in rows:
        spoken = [
            [item[0], item[4], item[5]]
            for item in SHOWN[user]["history"][row.conversation_id]
            if decode_content(bytes.fromhex(item[4])).get("event") != "edited"
        ]
        assert row.last is not None
        assert [row.last.position, (row.last.content or b"").hex(), row.last.revision] == spoken[-1]


async def test_who_was_removed_before_the_migration_is_shown_nothing_of_after_it(old: Stand) -> None:
    for number, position in enumerate((3, 4, 3)):
        author = "ann" if position == 4 else "bob"
        await old.tx(
            lambda tx, by, at, n: edit_message(tx, GROUP, by, n.to_bytes(16, "big"), at, said("later")),
            author,
            position,
            number,
        )
    for user in ("cy", "eve"):
        assert await old.read(_page, GROUP, user) == SHOWN[user]["history"][GROUP]
