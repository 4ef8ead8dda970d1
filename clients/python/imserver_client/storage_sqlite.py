"""The client's store as an SQLite file.

WAL with `synchronous=NORMAL`: a commit is one small write without waiting for the disk, so the event loop makes it. Commits
survive a kill of the process at any moment; after a power cut the last ones may be lost, and their posts and messages are
offered and handed over again. The exclusive locking mode keeps a second process out for as long as this one lives.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import astuple
from functools import wraps
from os import PathLike, fspath
from typing import Any, Concatenate, ParamSpec, TypeVar

from .errors import StoreError
from .storage import (
    ANSWERED_EVERY,
    ANSWERED_KEPT,
    ANSWERED_KEPT_BYTES,
    LineageStep,
    Notice,
    Saved,
    SavedAnswered,
    SavedCounted,
    SavedFall,
    SavedItem,
    SavedOwn,
    SavedPosition,
    SavedPost,
    SavedState,
    SavedTrail,
    by_position,
)

_VERSION = 3
_APPLICATION_ID = 0x494D4331  # "IMC1": files of other programs stay untouched
#: What each version adds to the one before: an older file is brought up to date when it is opened. Before version 3 nobody
#: noted where something was learnt, and which messages had been edited: it was at `since` or later, and any may have been.
#: `outbox.position`: NULL: no answer; 0: answered, and gone since. Its rows are found by number: what has which key is kept in
#: memory, for an index would be a second page for each post, and a third for each answer.
_SCHEMAS = (
    """
CREATE TABLE device (
    one INTEGER PRIMARY KEY CHECK (one = 1), device_id TEXT, user_id TEXT, store_epoch TEXT,
    since TEXT, synced INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE conversation (
    conversation_id TEXT PRIMARY KEY, have INTEGER NOT NULL, handed INTEGER NOT NULL, known_head INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE outbox (
    number INTEGER PRIMARY KEY AUTOINCREMENT, conversation_id TEXT NOT NULL, key BLOB NOT NULL UNIQUE,
    content BLOB NOT NULL
) STRICT;
INSERT INTO device (one) VALUES (1);
""",
    """
CREATE TABLE state (
    conversation_id TEXT PRIMARY KEY, seen INTEGER NOT NULL, top INTEGER NOT NULL, met INTEGER NOT NULL,
    former INTEGER NOT NULL, about_modseq INTEGER NOT NULL, about BLOB, settings_seq INTEGER NOT NULL, settings BLOB,
    held TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE item_state (
    conversation_id TEXT, position INTEGER, modseq INTEGER NOT NULL, extra BLOB, mine_modseq INTEGER NOT NULL, mine BLOB,
    PRIMARY KEY (conversation_id, position)
) STRICT, WITHOUT ROWID;
ALTER TABLE device ADD COLUMN account_seq INTEGER NOT NULL DEFAULT 0;
ALTER TABLE device ADD COLUMN account BLOB;
ALTER TABLE device ADD COLUMN features TEXT;
""",
    """
CREATE TABLE trail (
    conversation_id TEXT PRIMARY KEY, place TEXT, edited TEXT NOT NULL, again TEXT NOT NULL, veiled INTEGER NOT NULL,
    team TEXT
) STRICT, WITHOUT ROWID;
INSERT INTO trail
    SELECT conversation_id, coalesce(since, ''), iif(have > 0, json_array(json_array(1, have)), '[]'), '[]', 1, NULL
    FROM conversation, device WHERE have > 0 OR known_head > 0;
CREATE TABLE own (
    key BLOB PRIMARY KEY, conversation_id TEXT NOT NULL, position INTEGER NOT NULL, lost INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE notice (
    conversation_id TEXT PRIMARY KEY, replaced INTEGER NOT NULL, agreed INTEGER, forgotten INTEGER NOT NULL,
    gone TEXT NOT NULL, pending INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE kept (
    number INTEGER PRIMARY KEY, conversation_id TEXT NOT NULL, key BLOB NOT NULL, content BLOB NOT NULL, position INTEGER
) STRICT;
INSERT INTO kept SELECT number, conversation_id, key, content, NULL FROM outbox;
DROP TABLE outbox;
ALTER TABLE kept RENAME TO outbox;
""",
)
_OF_A_CONVERSATION = ("conversation", "state", "item_state")
_ADD_POST = "INSERT INTO outbox (conversation_id, key, content) VALUES (?, ?, ?)"
_ANSWER_POST = "UPDATE outbox SET position = ? WHERE number = ?"
_SAVE_POSITION = """
INSERT INTO conversation (conversation_id, have, handed, known_head) VALUES (?, ?, ?, ?)
ON CONFLICT (conversation_id) DO UPDATE SET
    have = max(have, excluded.have), handed = max(handed, excluded.handed),
    known_head = max(known_head, excluded.known_head)
"""
_TOO_MANY_ANSWERED = """
SELECT number, key FROM (
    SELECT number, key, row_number() OVER newest AS count, sum(length(content)) OVER newest AS size
    FROM outbox WHERE position IS NOT NULL WINDOW newest AS (ORDER BY number DESC)
) WHERE count > ? OR size > ?
"""
#: In its old place, if it is stored as far as is known.
_POST_AGAIN = (
    "UPDATE outbox SET position = NULL, conversation_id = ?, content = ? WHERE number = ? AND position > 0"
)
_MET = """
INSERT OR IGNORE INTO own SELECT key, conversation_id, position, 0 FROM outbox WHERE number = ? AND position > 0
"""

P = ParamSpec("P")
T = TypeVar("T")


def _one_step(
    method: Callable[Concatenate[SqliteStorage, P], T],
) -> Callable[Concatenate[SqliteStorage, P], T]:
    """Run the method as one transaction; turn SQLite's errors into StoreErrors that name the file."""

    @wraps(method)
    def wrapped(self: SqliteStorage, /, *args: P.args, **kwargs: P.kwargs) -> T:
        database = self.database
        try:
            database.execute("BEGIN IMMEDIATE")
            result = method(self, *args, **kwargs)
            database.execute("COMMIT")
        except BaseException as error:
            if database.in_transaction:
                # If ROLLBACK fails too, the transaction stays open and every later step raises StoreError.
                with suppress(sqlite3.Error):
                    database.execute("ROLLBACK")
            if isinstance(error, sqlite3.Error):
                raise self.error(error) from error
            raise
        return result

    return wrapped


class SqliteStorage:
    """A store on disk, for one process at a time. Opened by `connect()`, closed by the client."""

    def __init__(self, path: str | PathLike[str]) -> None:
        self._path = fspath(path)
        self._database: sqlite3.Connection | None = None
        #: Where each key is in the outbox.
        self._numbers: dict[bytes, int] = {}
        self._answers = 0

    @property
    def database(self) -> sqlite3.Connection:
        """The open database."""
        if self._database is None:
            raise StoreError(f"{self._path}: not open")
        return self._database

    def error(self, error: sqlite3.Error) -> StoreError:
        """SQLite's error as a StoreError."""
        if getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY:
            return StoreError(f"{self._path}: in use by another client; two clients cannot share a store")
        return StoreError(f"{self._path}: {error}")

    def open(self) -> Saved:
        if self._database is not None:
            raise StoreError(f"{self._path}: already open")
        try:
            self._database = sqlite3.connect(self._path, timeout=0, isolation_level=None)
            try:
                self._prepare(self._database)
                return self._read(self._database)
            except BaseException:
                self.close()
                raise
        except sqlite3.Error as error:
            raise self.error(error) from error

    def _prepare(self, database: sqlite3.Connection) -> None:
        database.execute("PRAGMA locking_mode=EXCLUSIVE")
        (application_id,) = database.execute("PRAGMA application_id").fetchone()
        (version,) = database.execute("PRAGMA user_version").fetchone()
        tables = database.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
        if tables and application_id != _APPLICATION_ID:
            raise StoreError(f"{self._path}: not a client's store")
        if version > _VERSION:
            raise StoreError(f"{self._path}: made by a newer version")
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("PRAGMA synchronous=NORMAL")
        database.execute("BEGIN EXCLUSIVE")  # takes the lock, which the locking mode then keeps
        if version < _VERSION:
            for statement in ";\n".join(_SCHEMAS[version:]).split(";\n"):
                if statement.strip():
                    database.execute(statement)
            database.execute(f"PRAGMA application_id={_APPLICATION_ID}")
            database.execute(f"PRAGMA user_version={_VERSION}")
        database.execute("COMMIT")

    def _read(self, database: sqlite3.Connection) -> Saved:
        row = database.execute(
            "SELECT device_id, user_id, store_epoch, since, synced, account_seq, account, features FROM device"
        ).fetchone()
        positions = database.execute("SELECT conversation_id, have, handed, known_head FROM conversation")
        outbox = database.execute(
            "SELECT conversation_id, key, content FROM outbox WHERE position IS NULL ORDER BY number"
        )
        self._numbers = dict(database.execute("SELECT key, number FROM outbox"))
        trails = database.execute("SELECT * FROM trail")
        # What is said of one beside the outbox counts.
        own = database.execute(
            "SELECT key, conversation_id, position, 0 FROM outbox WHERE position > 0 UNION ALL SELECT * FROM own"
        )
        notices = database.execute("SELECT * FROM notice")
        return Saved(
            device_id=row[0],
            user_id=row[1],
            store_epoch=row[2],
            since=row[3],
            synced=bool(row[4]),
            positions={position[0]: SavedPosition(*position[1:]) for position in positions},
            outbox=[SavedPost(*post) for post in outbox],
            states=self._read_states(database),
            account=SavedCounted(row[5], row[6]),
            features=None if row[7] is None else frozenset(json.loads(row[7])),
            trails={
                name: SavedTrail(place, _ranges(edited), _ranges(again), bool(veiled), team)
                for name, place, edited, again, veiled, team in trails
            },
            own=by_position({key: SavedOwn(name, position, bool(lost)) for key, name, position, lost in own}),
            notices={
                name: Notice(
                    name,
                    bool(replaced),
                    agreed,
                    bool(gone),
                    tuple(map(bytes.fromhex, json.loads(keys))),
                    bool(late),
                )
                for name, replaced, agreed, gone, keys, late in notices
            },
        )

    def _read_states(self, database: sqlite3.Connection) -> dict[str, SavedState]:
        items: dict[str, dict[int, SavedItem | None]] = {}
        for name, position, *item in database.execute(
            "SELECT conversation_id, position, modseq, extra, mine_modseq, mine FROM item_state"
        ):
            items.setdefault(name, {})[position] = SavedItem(*item)
        states: dict[str, SavedState] = {}
        for name, seen, top, met, former, *counted, held in database.execute("SELECT * FROM state"):
            states[name] = SavedState(
                seen,
                top,
                met,
                bool(former),
                SavedCounted(*counted[:2]),
                SavedCounted(*counted[2:]),
                _ranges(held),
                items.get(name, {}),
            )
        return states

    def close(self) -> None:
        database, self._database = self._database, None
        if database is not None:
            database.close()

    @_one_step
    def save_identity(
        self,
        device_id: str,
        user_id: str | None,
        store_epoch: str | None,
        features: Collection[str] | None = None,
    ) -> None:
        self._run(
            "UPDATE device SET device_id = ?, user_id = ?, store_epoch = ?, features = ?",
            *(device_id, user_id, store_epoch),
            None if features is None else json.dumps(sorted(features)),
        )

    def add_post(self, post: SavedPost) -> None:
        if post.key in self._numbers:
            self._replace_post(post)
        else:
            self._numbers[post.key] = self._alone(_ADD_POST, post.conversation_id, post.key, post.content)

    @_one_step
    def _replace_post(self, post: SavedPost) -> None:
        number = self._numbers[post.key]
        self._run(_MET, number)
        values = (post.conversation_id, post.content, number)
        if not self.database.execute(_POST_AGAIN, values).rowcount:
            self._run("DELETE FROM outbox WHERE number = ?", number)
            added = self.database.execute(_ADD_POST, (post.conversation_id, post.key, post.content))
            self._numbers[post.key] = added.lastrowid or 0

    def remove_post(self, key: bytes) -> None:
        self._alone("DELETE FROM outbox WHERE number = ?", self._numbers.get(key))
        self._numbers.pop(key, None)

    def answer_post(self, key: bytes, position: int, step: LineageStep | None = None) -> None:
        self._answers += 1
        if step or self._answers % ANSWERED_EVERY == 0:
            self._answer_post(key, position, step)
        else:
            self._alone(_ANSWER_POST, position, self._numbers.get(key))

    @_one_step
    def _answer_post(self, key: bytes, position: int, step: LineageStep | None) -> None:
        self._run(_ANSWER_POST, position, self._numbers.get(key))
        if self._answers % ANSWERED_EVERY == 0:
            old = self.database.execute(_TOO_MANY_ANSWERED, (ANSWERED_KEPT, ANSWERED_KEPT_BYTES)).fetchall()
            for number, kept in old:
                self._run(_MET, number)
                self._run("DELETE FROM outbox WHERE number = ?", number)
                self._numbers.pop(kept, None)
        self._put(step)

    def save_progress(
        self, done: tuple[str, int] | None, handed: tuple[str, int] | None, step: LineageStep | None = None
    ) -> None:
        one = done or handed
        if one is not None and not step and (done is None or handed is None or done[0] == handed[0]):
            self._alone(_SAVE_POSITION, one[0], done[1] if done else 0, handed[1] if handed else 0, 0)
        else:
            self._save_progress(done, handed, step)

    @_one_step
    def _save_progress(
        self, done: tuple[str, int] | None, handed: tuple[str, int] | None, step: LineageStep | None
    ) -> None:
        if done is not None:
            self._run(_SAVE_POSITION, done[0], done[1], 0, 0)
        if handed is not None:
            self._run(_SAVE_POSITION, handed[0], 0, handed[1], 0)
        self._put(step)

    @_one_step
    def save_sync(
        self,
        since: str | None,
        synced: bool,
        positions: Mapping[str, SavedPosition],
        states: Mapping[str, SavedState] | None = None,
        account: SavedCounted | None = None,
        step: LineageStep | None = None,
        forgotten: Collection[str] = (),
    ) -> None:
        self._run("UPDATE device SET since = ?, synced = ?", since, int(synced))
        self.database.executemany(
            _SAVE_POSITION,
            [(name, place.have, place.handed, place.known_head) for name, place in positions.items()],
        )
        self._put_states(states or {}, account)
        self._put(step)
        self._forget(forgotten)

    @_one_step
    def save_states(
        self, states: Mapping[str, SavedState], account: SavedCounted | None, step: LineageStep | None = None
    ) -> None:
        self._put_states(states, account)
        self._put(step)

    @_one_step
    def save_lineage(self, step: LineageStep, heads: Mapping[str, int] | None = None) -> None:
        self.database.executemany(
            _SAVE_POSITION, [(name, 0, 0, head) for name, head in (heads or {}).items()]
        )
        self._put(step)

    @_one_step
    def save_rest(self, resting: Collection[str], forgotten: Collection[str], step: LineageStep) -> None:
        self._forget(resting, ("state", "item_state"))
        self._forget(forgotten)
        self._put(step)

    @_one_step
    def places(self, conversation_ids: Collection[str] | None = None) -> dict[str, SavedPosition]:
        sql = "SELECT conversation_id, have, handed, known_head FROM conversation"
        if conversation_ids is None:
            return {name: SavedPosition(*place) for name, *place in self.database.execute(sql)}
        found = {}
        for name in conversation_ids:
            row = self.database.execute(f"{sql} WHERE conversation_id = ?", (name,)).fetchone()
            if row is not None:
                found[name] = SavedPosition(*row[1:])
        return found

    def _put(self, step: LineageStep | None) -> None:
        if not step:
            return
        for name, trail in step.trails.items():
            if trail is None:
                self._run("DELETE FROM trail WHERE conversation_id = ?", name)
            else:
                self._run(
                    "INSERT OR REPLACE INTO trail VALUES (?, ?, ?, ?, ?, ?)",
                    *(name, trail.place, json.dumps(trail.edited), json.dumps(trail.again)),
                    *(int(trail.veiled), trail.team),
                )
        for key, own in step.own.items():
            if own is None:
                self._run("DELETE FROM own WHERE key = ?", key)
                if key in self._numbers:
                    self._run(
                        "UPDATE outbox SET position = 0 WHERE number = ? AND position > 0", self._numbers[key]
                    )
            else:
                self._run(
                    "INSERT OR REPLACE INTO own VALUES (?, ?, ?, ?)",
                    *(key, own.conversation_id, own.position, int(own.lost)),
                )
        for name, notice in step.notices.items():
            if notice is None:
                self._run("DELETE FROM notice WHERE conversation_id = ?", name)
            else:
                self._run(
                    "INSERT OR REPLACE INTO notice VALUES (?, ?, ?, ?, ?, ?)",
                    *(name, int(notice.replaced), notice.agreed, int(notice.forgotten)),
                    *(json.dumps([key.hex() for key in notice.gone]), int(notice.pending)),
                )

    def _put_states(self, states: Mapping[str, SavedState], account: SavedCounted | None) -> None:
        for name, one in states.items():
            about, settings = one.about, one.settings
            self._run(
                "INSERT OR REPLACE INTO state VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                *(name, one.seen, one.top, one.met, int(one.former)),
                *(about.seq, about.value, settings.seq, settings.value, json.dumps(one.held)),
            )
            kept = [(name, at, *astuple(item)) for at, item in one.items.items() if item is not None]
            gone = [(name, at) for at, item in one.items.items() if item is None]
            self.database.executemany("INSERT OR REPLACE INTO item_state VALUES (?, ?, ?, ?, ?, ?)", kept)
            self.database.executemany(
                "DELETE FROM item_state WHERE conversation_id = ? AND position = ?", gone
            )
        if account is not None:
            self._run("UPDATE device SET account_seq = ?, account = ?", account.seq, account.value)

    @_one_step
    def forget_since(self, store_epoch: str | None, step: LineageStep, *, recount: bool = False) -> None:
        self._run("UPDATE device SET store_epoch = ?, since = NULL", store_epoch)
        if recount:
            self._run("UPDATE device SET account_seq = 0")
            self._run(
                "UPDATE state SET seen = min(seen, 0), top = max(top, met), about_modseq = min(about_modseq, 0),"
                " settings_seq = 0"
            )
            self._run("UPDATE item_state SET modseq = min(modseq, 0), mine_modseq = min(mine_modseq, 0)")
        self._put(step)

    @_one_step
    def answered(self, conversation_id: str, above: int) -> list[SavedAnswered]:
        have = self.database.execute(
            "SELECT max(have) FROM conversation WHERE conversation_id = ?", (conversation_id,)
        ).fetchone()[0]
        return [
            SavedAnswered(SavedPost(conversation_id, key, content), position, position <= (have or 0))
            for key, content, position in self.database.execute(
                "SELECT key, content, position FROM outbox WHERE conversation_id = ? AND position > ? "
                "ORDER BY number",
                (conversation_id, above),
            )
        ]

    @_one_step
    def contents(self, keys: Collection[bytes]) -> dict[bytes, bytes]:
        sql = "SELECT key, content FROM outbox WHERE number = ? AND position IS NOT NULL"
        numbers = [self._numbers[key] for key in keys if key in self._numbers]
        return dict(row for number in numbers for row in self.database.execute(sql, (number,)))

    @_one_step
    def forget_content(self, conversation_id: str, position: int) -> None:
        gone = self.database.execute(
            "DELETE FROM outbox WHERE conversation_id = ? AND position = ? RETURNING key",
            (conversation_id, position),
        )
        for (key,) in gone.fetchall():
            self._run("INSERT OR IGNORE INTO own VALUES (?, ?, ?, 0)", key, conversation_id, position)
            self._numbers.pop(key, None)

    @_one_step
    def save_checked(
        self,
        fallen: Mapping[str, SavedFall | None],
        offered: Collection[bytes],
        states: Mapping[str, SavedState],
        account: SavedCounted | None,
        step: LineageStep,
    ) -> None:
        for name, fall in fallen.items():
            if fall is not None:
                self._run(_SAVE_POSITION, name, 0, 0, 0)
                self._run(
                    "UPDATE conversation SET have = min(have, ?1), handed = min(handed, ?1), known_head = ?2 "
                    "WHERE conversation_id = ?3",
                    *(fall.upto, fall.known_head, name),
                )
        self._put_states(states, account)
        self._put(step)
        self.database.executemany(
            "UPDATE outbox SET position = NULL WHERE number = ?",
            [(self._numbers.get(key),) for key in offered],
        )
        self._forget([name for name, fall in fallen.items() if fall is None])

    def _forget(self, names: Collection[str], tables: Sequence[str] = _OF_A_CONVERSATION) -> None:
        for table in tables:
            self.database.executemany(
                f"DELETE FROM {table} WHERE conversation_id = ?",  # noqa: S608
                [(name,) for name in names],
            )

    def _run(self, sql: str, *values: Any) -> None:
        self.database.execute(sql, values)

    def _alone(self, sql: str, *values: Any) -> int:
        """Run a statement that is a transaction of its own, at half the price; returns the row that it inserted."""
        database = self.database
        if database.in_transaction:
            raise StoreError(f"{self._path}: a transaction could not be ended")
        try:
            return database.execute(sql, values).lastrowid or 0
        except sqlite3.Error as error:
            raise self.error(error) from error


def _ranges(text: str) -> tuple[tuple[int, int], ...]:
    return tuple((low, high) for low, high in json.loads(text))
