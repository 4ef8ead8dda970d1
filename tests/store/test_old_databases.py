"""Databases of older versions open with what they held: every key answers as before, every page shows what it showed."""

from __future__ import annotations

import asyncio
import random
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from imserver import Server
from imserver.chat.reader import Reader
from imserver.chat.transaction import Transaction
from imserver.config import StoreConfig
from imserver.content import decode_content
from imserver.errors import RefusalCode
from imserver.model import ConversationRow, Kind, Role, direct_conversation_id
from imserver.store import SqliteStore
from imserver.store.checks import check_database
from imserver.store.checks.run import NAMES
from imserver.store.sqlite import database
from imserver.testing import ManualClock
from tests.limits.raw import Raw
from tests.store.notes_plugin import Notes
from tests.store.old_databases import OLD_DATABASES, PEOPLE, SCHEMA_1, SCHEMA_2, SCHEMA_4, OldDatabase
from tests.store.support import Recorder, Stand, edit_message, refusal_of, said
from tests.support.servers import config, running


@pytest.fixture(params=OLD_DATABASES, ids=lambda kept: f"schema {kept.schema}")
def kept(request: pytest.FixtureRequest) -> OldDatabase:
    found: OldDatabase = request.param
    return found


@pytest.fixture
def path(kept: OldDatabase, tmp_path: Path) -> Path:
    path = tmp_path / "chat.db"
    kept.put(path)
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


def test_what_was_asked_for_is_of_every_kind(kept: OldDatabase, path: Path) -> None:
    methods = {params(asked)[0] for asked in kept.asked}
    assert methods == {"post", "edit", "create", "add", "remove", "leave"}
    assert version_of(path) == kept.schema


def test_every_older_schema_is_kept() -> None:
    assert [kept.schema for kept in OLD_DATABASES] == [number for number, _ in database.migrations()][:-1]


async def test_it_is_migrated_and_right_before_and_after(path: Path) -> None:
    assert checked(path) == []
    for _ in range(2):
        store = SqliteStore(StoreConfig(path=str(path)))
        await store.open(Recorder())
        await store.close()
        assert version_of(path) == database.migrations()[-1][0]
        assert checked(path) == []


def test_damage_is_found_before_the_migration_too(kept: OldDatabase, path: Path) -> None:
    with closing(sqlite3.connect(path)) as raw:
        report = check_database(raw)
        assert {*report.checked} < {*NAMES}, "each schema adds what can be checked"
        raw.execute("UPDATE heads SET unread_no = 0 WHERE conversation_no = 3")
        assert {each.check for each in check_database(raw).findings} == {"heads"}


async def test_every_key_answers_as_before(kept: OldDatabase, old: Stand) -> None:
    for asked in kept.asked:
        told = await old.tx(offer, asked)
        assert [*told] == [*asked["answer"], True], asked
    assert old.recorder.events == []
    other = {**kept.asked[0], "text": "something else"}
    assert await refusal_of(old.tx(offer, other)) == RefusalCode.KEY_REUSED


async def test_every_key_answers_as_before_over_the_wire(
    kept: OldDatabase, path: Path, tmp_path: Path
) -> None:
    async with running(tmp_path, users=" ".join(PEOPLE)) as server:
        for asked in kept.asked:
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
async def test_everybody_is_shown_what_they_were_shown(kept: OldDatabase, old: Stand, user: str) -> None:
    """Former members what they were shown when they left."""
    shown = kept.shown[user]
    rows, _, more = await old.read(lambda reader: reader.sync(user, None, 100))
    assert [_row(row) for row in rows] == [row[:-1] for row in shown["sync"]]
    assert not more
    assert {(row.modseq, row.about, row.settings, row.team) for row in rows} <= {(0, None, None, None)}
    for place, items in shown["history"].items():
        assert await old.read(_page, place, user) == items


@pytest.mark.parametrize("user", PEOPLE)
async def test_lists_are_as_they_were_and_show_what_was_last_said(
    kept: OldDatabase, old: Stand, user: str
) -> None:
    rows, _ = await old.read(lambda reader: reader.conversations(user, None, 100))
    listed, shown = [_row(row)[:-1] for row in rows], [row[:-2] for row in kept.shown[user]["conversations"]]
    assert sorted(listed) == sorted(shown)
    assert listed == shown or kept is SCHEMA_1, "there an edit moved a conversation up"
    for row in rows:  # those versions counted one's own words too
        behind = kept.shown[user]["history"][row.conversation_id][max(row.cursors.read, row.joined_at - 1) :]
        others = [item for item in behind if item[1] != user]
        assert row.unread == sum(
            decode_content(bytes.fromhex(item[4]))["type"] != "system" for item in others
        )
    for row in rows:
        spoken = [
            [item[0], item[4], item[5]]
            for item in kept.shown[user]["history"][row.conversation_id]
            if decode_content(bytes.fromhex(item[4])).get("event") != "edited"
        ]
        assert row.last is not None
        assert [row.last.position, (row.last.content or b"").hex(), row.last.revision] == spoken[-1]


async def test_who_was_removed_before_the_migration_is_shown_nothing_of_after_it(
    kept: OldDatabase, old: Stand
) -> None:
    group = kept.group
    posts = [
        (item[0], item[1])
        for item in kept.shown["ann"]["history"][group]
        if item[1] in ("ann", "bob") and decode_content(bytes.fromhex(item[4]))["type"] == "text"
    ]
    for number, (position, author) in enumerate([*posts[:2], posts[0]]):
        await old.tx(
            lambda tx, by, at, n: edit_message(tx, group, by, n.to_bytes(16, "big"), at, said("later")),
            author,
            position,
            number,
        )
    for user in ("cy", "eve"):
        assert await old.read(_page, group, user) == kept.shown[user]["history"][group]


# -- what only later ones have --------------------------------------------------------------------------------------------


@pytest.fixture
def second(tmp_path: Path) -> Path:
    """A folder with the database of schema 2."""
    SCHEMA_2.put(tmp_path / "chat.db")
    return tmp_path


@pytest.mark.parametrize("user", PEOPLE)
async def test_an_old_sync_goes_on_where_it_was(second: Path, user: str) -> None:
    shown = SCHEMA_2.shown[user]
    async with Server(config(second)) as server:
        rows, since, more = await server.chat.sync(user, shown["since"], 100)
        assert ([row.conversation_id for row in rows], more) == (shown["later"], False)
        assert (await server.chat.sync(user, since, 100))[0] == []


async def test_tokens_stay_with_their_devices(second: Path) -> None:
    async with Server(config(second)) as server:
        bound = await server.store.read(
            lambda reader: [reader.bound_device(token) for token in ("t-ann-1", "t-ann-2", "t-bob-1", "t-cy")]
        )
    assert bound == ["phone", "laptop", "tablet", None]


async def test_a_plugin_finds_its_rows_and_its_timers_are_due_once(second: Path) -> None:
    ann = direct_conversation_id("ann", "notes")
    texts = ["/note milk", "noted: milk", "/note seeds", "noted: seeds"]
    for _ in range(2):
        async with Server(config(second), plugins=[Notes()]) as server:
            async with asyncio.timeout(10):
                while len(page := (await server.chat.history("ann", ann, after=0)).items) < 6:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
            said_again = [decode_content(item.content or b"")["text"] for item in page]
            assert said_again == [*texts, "again: milk", "again: seeds"]
            rows = await server.store.read(
                lambda reader: reader.plugin_sql(
                    "notes", "SELECT text, said FROM notes_kept ORDER BY note_no", ()
                )
            )
            assert rows == [("milk", 1), ("seeds", 1)]
    with closing(sqlite3.connect(second / "chat.db")) as raw:
        assert raw.execute("SELECT count(*) FROM timers").fetchone() == (0,)
    assert checked(second / "chat.db") == []


async def test_accounts_keep_their_roles_and_what_only_plugins_speak_as_is_a_bot(tmp_path: Path) -> None:
    """But for one that somebody logged in with: whoever starts its plugin decides."""
    path = tmp_path / "chat.db"
    SCHEMA_4.put(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as raw:
        raw.execute("UPDATE users SET roles = 'staff' || char(10) || 'bot' WHERE user_id = 'ann'")
        raw.execute("UPDATE users SET roles = 'robot' || char(10) || 'bottle' WHERE user_id = 'cy'")
    store = SqliteStore(StoreConfig(path=str(path)))
    await store.open(Recorder())
    people = {
        person.user.user_id: person for person in await store.read(lambda reader: reader.people(None, 9))
    }
    used = await store.read(lambda reader: reader.tokens_of("ann", 9))
    await store.close()
    assert {name: person.user.kind for name, person in people.items() if person.user.kind == "bot"} == {
        "notes": "bot"
    }
    assert people["ann"].user.roles == ("staff", "bot")
    assert dict(people["ann"].givers) == {"staff": ("",), "bot": ("",)}
    assert dict(people["cy"].givers) == {"robot": ("",), "bottle": ("",)}
    assert {person.disabled_at for person in people.values()} == {None}
    assert [(token.token_id, token.issued_at, token.expires_at) for token in used] == [
        ("t-ann-1", None, None),
        ("t-ann-2", None, None),
    ]
    assert checked(path) == []
