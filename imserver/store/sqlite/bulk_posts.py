"""Bulk posts: stores neighbouring posts of a batch together; the hot path of the writer's thread.

One multi-row INSERT for a whole run, optimistic: the unique index on the key decides whether any of its keys was stored before.
Keys are looked up only if one was. `BulkPosts` does for many posts what `RuledTransaction.post` does for one; the contract
tests hold both to the same results. Written plainly fast (benchmark "throughput"); targets in docs: < 8 µs a post.
"""

# ruff: noqa: S608 - the SQL built here is made of question marks only
from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

from imserver.chat.transaction import Posted
from imserver.chat.units import PostUnit
from imserver.errors import Refusal, RefusalCode
from imserver.model import KEY_BYTES
from imserver.store.engine.conversation_cache import ConversationState
from imserver.store.engine.faults import TransactionLost
from imserver.store.engine.transaction import Found
from imserver.store.sqlite.positions import MILESTONE_EVERY, PUT_HEADS, PUT_MILESTONES
from imserver.store.sqlite.transaction import SqliteTransaction

#: Rows of one statement. Few rows are one statement, since each lets the event loop's thread in (and needs a SAVEPOINT if it
#: is not the only one); above, powers of two, so that any run is a few out of 67 sizes that stay prepared.
MAX_ROWS = 512
MAX_EXACT_ROWS = 64
#: Keys of one lookup.
_MAX_KEYS = 256

_Ident = tuple[bytes, int, int]


class ManyRows:
    """One multi-row statement in all its sizes."""

    def __init__(self, statement: str, row: str) -> None:
        self.columns = row.count("?")
        sizes = {*range(1, MAX_EXACT_ROWS + 1), *(1 << power for power in range(MAX_ROWS.bit_length()))}
        self._statements = {size: statement.format(rows=", ".join([row] * size)) for size in sizes}

    def put(self, tx: SqliteTransaction, values: list[Any]) -> None:
        """`values`: the rows' values, one behind the other."""
        rows, start = len(values) // self.columns, 0
        while rows:
            size = _rows_of_one(rows)
            end = start + size * self.columns
            tx.sql(self._statements[size], values[start:end])
            rows, start = rows - size, end


def _rows_of_one(rows: int) -> int:
    """The number of rows that the next statement takes."""
    return rows if rows <= MAX_EXACT_ROWS else min(1 << (rows.bit_length() - 1), MAX_ROWS)


_MESSAGES = ManyRows(
    "INSERT INTO messages (change, conversation_no, position, sender_no, sent_at, unread_no, previous, key, digest,"
    " content, revision) VALUES {rows}",
    "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1)",
)
_HEADS = ManyRows(PUT_HEADS, "(?, ?, ?, ?, ?)")
_MILESTONES = ManyRows(PUT_MILESTONES, "(?, ?, ?)")


class BulkPosts:
    """Stores runs of posts in the open transaction."""

    def __init__(self, tx: SqliteTransaction) -> None:
        self._tx = tx
        self._stamp = 0
        self._guarded = False

    def run(self, units: Sequence[PostUnit]) -> None:
        """Give every unit its result and events, or its refusal. Raises, with the transaction as it was before, when the
        units cannot run together: the caller then runs them one at a time."""
        tx = self._tx
        before = (tx.journal.mark(), tx.change, tx.message_change)
        try:
            self._attempt(units, {})
        except sqlite3.IntegrityError:
            # A client offers a committed post again.
            self._take_back(before, units)
            try:
                self._attempt(units, self._committed(units))
            except BaseException:
                self._take_back(before, units)
                raise
        except BaseException:
            self._take_back(before, units)
            raise
        if self._guarded:
            self._guarded = False
            tx.sql("RELEASE run")

    def _guard(self) -> None:
        """Set a SAVEPOINT before rows that one statement cannot undo by itself. Messages in one INSERT need none."""
        if not self._guarded:
            self._tx.sql("SAVEPOINT run")
            self._guarded = True

    def _take_back(self, before: tuple[int, int, int], units: Sequence[PostUnit]) -> None:
        tx = self._tx
        for unit in units:
            unit.void()
        mark, tx.change, tx.message_change = before
        tx.journal.undo(mark)
        guarded, self._guarded = self._guarded, False
        if guarded and not tx.lost:
            tx.sql("ROLLBACK TO run")
            tx.sql("RELEASE run")

    def _attempt(self, units: Sequence[PostUnit], committed: dict[_Ident, Found]) -> None:
        tx = self._tx
        journal, young, users = tx.journal, tx.cache.young, tx.cache.users
        now_ms, change, disabled = tx.now_ms, tx.change, tx.disabled
        self._stamp = stamp = self._stamp + 1
        #: Posts that this run stores, by key: an equal one later in the run is a duplicate.
        taken: dict[_Ident, PostUnit] = {}
        row_values: list[Any] = []
        milestones: list[int] = []
        #: Conversations whose head this run moves.
        moved: list[ConversationState] = []
        put = row_values.extend
        for unit in units:
            conversation_id, sender_id, key = unit.conversation_id, unit.sender_id, unit.key
            state = young.get(conversation_id)
            # Read it; or its team may have changed since the last run: no post changes one.
            if state is None or (state.team is not None and state.stamp != stamp):
                state = tx.conversation(conversation_id)
            sender_no = users.get(sender_id) or tx.user_no(sender_id)
            ident = (key, state.no if state else 0, sender_no or 0)
            if ident in taken:
                first = taken[ident]
                self._repeated(unit, first.result[0], first.sent_at, first.digest)
                continue
            if committed and ident in committed:
                self._repeated(unit, *committed[ident])
                continue
            if (
                state is None
                or state.members.get(sender_id) not in state.posters
                or (state.muted and state.muted.get(sender_id, 0) > now_ms)
                or (disabled and sender_id in disabled)
                or len(key) != KEY_BYTES
            ):
                # Rare: refused, unless committed before; or the first post of a direct conversation.
                tx.change = change
                state = self._unusual(unit, state)
                change = tx.change
                if state is None:
                    continue
                sender_no = tx.user_no(sender_id)
                ident = (key, state.no, sender_no or 0)
            if state.stamp != stamp:
                state.stamp = stamp
                moved.append(state)
                journal.note(state.restore, state.memento())
            change += 1
            no, previous, sent_at, content = state.no, state.head_change, unit.sent_at, unit.content
            position, unread = state.head + 1, state.unread + 1
            put((change, no, position, sender_no, sent_at, unread, previous, key, unit.digest, content))
            state.head, state.head_change, state.unread = position, change, unread
            if position % MILESTONE_EVERY == 0:
                milestones.extend((no, position, change))
            taken[ident] = unit
            unit.change, unit.audience = change, state.members
            unit.result = Posted((position, sent_at, False))
        tx.change = change
        if moved:
            tx.message_change = change
            self._write(row_values, moved, milestones)

    def _write(self, messages: list[Any], moved: list[ConversationState], milestones: list[int]) -> None:
        """Write the rows, messages first: only they may turn out to be stored already."""
        rows = len(messages) // _MESSAGES.columns
        if rows != _rows_of_one(rows):
            self._guard()
        _MESSAGES.put(self._tx, messages)
        moved.sort(key=_number)
        heads: list[int] = []
        for state in moved:
            change = state.head_change
            heads.extend((state.no, state.head, change, state.unread, change))
        try:
            _HEADS.put(self._tx, heads)
            _MILESTONES.put(self._tx, milestones)
        except Exception as error:
            if self._guarded:
                raise
            # Nothing takes the messages back but the end of the transaction.
            raise TransactionLost(error) from error

    def _unusual(self, unit: PostUnit, state: ConversationState | None) -> ConversationState | None:
        """The conversation, if the post goes on after all. A refusal is the unit's, and follows the lookup of its key."""
        tx = self._tx
        try:
            found = tx.find_committed(state, unit.sender_id, unit.key, unit.digest)
            if found is None:
                self._guard()
                return tx.writable(unit.conversation_id, state, unit.sender_id)
            unit.result = Posted((found.position, found.sent_at, True))
        except Refusal as refusal:
            unit.error = refusal
        return None

    @staticmethod
    def _repeated(unit: PostUnit, position: int, sent_at: int, digest: bytes) -> None:
        if unit.digest == digest:
            unit.result = Posted((position, sent_at, True))
        else:
            unit.error = Refusal(RefusalCode.KEY_REUSED, "this key was used for another content")

    def _committed(self, units: Sequence[PostUnit]) -> dict[_Ident, Found]:
        found: dict[_Ident, Found] = {}
        keys = list(dict.fromkeys(unit.key for unit in units))
        for start in range(0, len(keys), _MAX_KEYS):
            some = keys[start : start + _MAX_KEYS]
            marks = ", ".join("?" * len(some))
            rows = self._tx.sql(
                "SELECT key, conversation_no, sender_no, position, sent_at, digest FROM messages"
                f" WHERE key IN ({marks})",
                some,
            )
            found.update({(row[0], row[1], row[2]): Found(row[3], row[4], row[5]) for row in rows})
        return found


def _number(state: ConversationState) -> int:
    return state.no
