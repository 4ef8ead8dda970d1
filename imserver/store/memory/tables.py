"""The tables of `MemoryStore`: those of the SQLite store as dictionaries, and the row operations for the rules."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from imserver.clock import Clock
from imserver.content import encode_content
from imserver.errors import AlreadyHandled, Refusal, RefusalCode
from imserver.model import Audience, Cursors, Kind, Membership, Message, Role, User
from imserver.store.engine.conversation_cache import ConversationState, Journal
from imserver.store.engine.faults import TransactionLost
from imserver.store.engine.lineage import Run, new_mark
from imserver.store.engine.transaction import MAX_MEMBERS, Found, RuledTransaction
from imserver.store.sqlite.plugin_sandbox import Mode, PluginSandbox

K = TypeVar("K")
V = TypeVar("V")


@dataclass(slots=True)
class MessageRow:
    """A message and the fields that only the store knows."""

    message: Message
    digest: bytes
    change: int
    unread_no: int
    silent: bool


@dataclass(slots=True)
class Conversation:
    """A conversation with its messages and members. `changed` and `membership` as in the SQLite schema."""

    state: ConversationState
    changed: int
    membership: int
    rows: list[MessageRow] = field(default_factory=list)
    keys: dict[tuple[bytes, str], int] = field(default_factory=dict)
    members: dict[str, Membership] = field(default_factory=dict)
    member_changed: dict[str, int] = field(default_factory=dict)
    #: Former members, and the modseq at which they left.
    left_modseq: dict[str, int] = field(default_factory=dict)
    cursors: dict[str, Cursors] = field(default_factory=dict)

    def head_change(self) -> int:
        return self.rows[-1].change if self.rows else 0

    def last_spoken(self) -> MessageRow:
        """The last message that is not silent."""
        return next(row for row in reversed(self.rows) if not row.silent)


@dataclass(slots=True)
class Timer:
    plugin: str
    due_at: int
    name: str
    payload: bytes


class MemoryTables:
    """The data "on the disk": survives the store object, so that a simulated crash can lose the queue and keep this."""

    def __init__(self) -> None:
        self.epoch = ""
        self.place_key = b""
        self.runs: list[Run] = []
        #: (conversation id, number of the run) -> the first modseq that the run gave there.
        self.first_modseqs: dict[tuple[str, int], int] = {}
        self.change = 0
        self.message_change = 0
        self.users: dict[str, User] = {}
        self.tokens: dict[str, tuple[str, str]] = {}
        self.conversations: dict[str, Conversation] = {}
        #: (change, conversation id, position) of every message, in commit order.
        self.log: list[tuple[int, str, int]] = []
        #: (conversation id, position, revision) -> content, and the position of the message that told of its end.
        self.revisions: dict[tuple[str, int, int], tuple[bytes, int]] = {}
        self.plugin_cursors: dict[str, int] = {}
        self.timers: dict[int, Timer] = {}
        self.last_timer = 0
        self.failures: list[tuple[str, str, str, str]] = []
        self.migrations: set[tuple[str, int]] = set()
        #: Plugins speak SQL, so their tables are the one thing that is SQLite here too.
        self.plugin_tables = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        self.plugin_tables.execute("PRAGMA foreign_keys = ON")
        self.sandbox = PluginSandbox(self.plugin_tables)

    def put_run(self, clock: Clock, rng: random.Random) -> Run:
        """Add a row to the lineage: what is written from now on is a life of its own."""
        no = len(self.runs) + 1
        mark = new_mark(rng, clock, no)
        self.runs.append(Run(no, mark, mark, self.change + 1))
        return self.runs[-1]

    def close(self) -> None:
        self.plugin_tables.close()


class MemoryTransaction(RuledTransaction):
    """The row operations of a write, in memory; every change is journalled before it is made."""

    def __init__(self, tables: MemoryTables, *, max_members: int = MAX_MEMBERS) -> None:
        super().__init__(Journal(), max_members=max_members)
        self._tables = tables
        self.change = tables.change
        self.message_change = tables.message_change
        self.lost: BaseException | None = None

    def _set(self, mapping: MutableMapping[K, V], key: K, value: V) -> None:
        if key in mapping:
            self.journal.note(mapping.__setitem__, key, mapping[key])
        else:
            self.journal.note(mapping.pop, key)
        mapping[key] = value

    def _of(self, state: ConversationState) -> Conversation:
        return self._tables.conversations[state.conversation_id]

    # -- messages -----------------------------------------------------------------------------------------------------

    def conversation(self, conversation_id: str) -> ConversationState | None:
        found = self._tables.conversations.get(conversation_id)
        return found.state if found else None

    def _user_exists(self, user_id: str) -> bool:
        return user_id in self._tables.users

    def _find(self, state: ConversationState, sender_id: str, key: bytes) -> Found | None:
        conversation = self._of(state)
        position = conversation.keys.get((key, sender_id))
        if position is None:
            return None
        row = conversation.rows[position - 1]
        return Found(position, row.message.sent_at, row.digest)

    def _message(self, state: ConversationState, position: int) -> Message | None:
        rows = self._of(state).rows
        return rows[position - 1].message if 1 <= position <= len(rows) else None

    def _put_message(
        self,
        state: ConversationState,
        message: Message,
        digest: bytes,
        change: int,
        unread_no: int,
        *,
        silent: bool,
    ) -> None:
        conversation = self._of(state)
        self._set(conversation.keys, (message.key, message.sender_id), message.position)
        self.journal.note(conversation.rows.pop)
        conversation.rows.append(MessageRow(message, digest, change, unread_no, silent))
        self.journal.note(self._tables.log.pop)
        self._tables.log.append((change, message.conversation_id, message.position))

    def _put_content(self, state: ConversationState, old: Message, new: Message, *, until: int) -> None:
        self._set(
            self._tables.revisions,
            (state.conversation_id, old.position, old.revision),
            (old.content or b"", until),
        )
        row = self._of(state).rows[old.position - 1]
        self.journal.note(setattr, row, "message", old)
        row.message = new

    # -- conversations and members ------------------------------------------------------------------------------------

    def _make_conversation(self, conversation_id: str, kind: Kind, title: str) -> ConversationState:
        state = ConversationState(len(self._tables.conversations) + 1, conversation_id, kind, title)
        change = self.change + 1
        self._set(self._tables.conversations, conversation_id, Conversation(state, change, change))
        return state

    def _put_members(self, state: ConversationState, members: Audience, *, joined_at: int) -> None:
        conversation = self._of(state)
        for user_id, role in members.items():
            self._put_membership(conversation, Membership(user_id, role, joined_at))
            if user_id in conversation.left_modseq:
                self.journal.note(
                    conversation.left_modseq.__setitem__, user_id, conversation.left_modseq.pop(user_id)
                )
        state.members = {**state.members, **members}

    def _put_role(self, state: ConversationState, user_id: str, role: Role) -> None:
        conversation = self._of(state)
        self._put_membership(conversation, replace(conversation.members[user_id], role=role))
        state.with_member(user_id, role)

    def _end_member(self, state: ConversationState, user_id: str, *, left_at: int) -> None:
        conversation = self._of(state)
        self._put_membership(conversation, replace(conversation.members[user_id], left_at=left_at))
        self._set(conversation.left_modseq, user_id, state.modseq)
        state.without_member(user_id)

    def _put_membership(self, conversation: Conversation, membership: Membership) -> None:
        self._set(conversation.members, membership.user_id, membership)
        self._set(conversation.member_changed, membership.user_id, self.change + 1)
        self.journal.note(setattr, conversation, "membership", conversation.membership)
        conversation.membership = self.change + 1

    def _joined_at(self, state: ConversationState) -> Mapping[str, int]:
        members = self._of(state).members.values()
        return {one.user_id: one.joined_at for one in members if one.left_at is None}

    def _cursors(self, state: ConversationState, user_id: str) -> Cursors:
        return self._of(state).cursors.get(user_id, Cursors())

    def _put_cursors(
        self,
        state: ConversationState,
        user_id: str,
        cursors: Cursors,
        change: int,
        *,
        told: bool,
        read_rose: bool,
    ) -> None:
        conversation = self._of(state)
        self._set(conversation.cursors, user_id, cursors)
        self._set(conversation.member_changed, user_id, change)
        if told:
            self.journal.note(setattr, conversation, "changed", conversation.changed)
            conversation.changed = change

    # -- accounts -----------------------------------------------------------------------------------------------------

    def put_user(self, user: User) -> None:
        user.user_id.encode()  # a lone surrogate is refused here as SQLite refuses it
        self._set(self._tables.users, user.user_id, user)

    def user(self, user_id: str) -> User | None:
        return self._tables.users.get(user_id)

    def bind_token(self, token_id: str, user_id: str, device_id: str) -> str:
        if user_id not in self._tables.users:
            raise Refusal(RefusalCode.NOT_FOUND, "no such user", detail=user_id)
        if token_id not in self._tables.tokens:
            self._set(self._tables.tokens, token_id, (user_id, device_id))
        return self._tables.tokens[token_id][1]

    # -- plugins ------------------------------------------------------------------------------------------------------

    def plugin_sql(
        self, plugin: str, sql: str, params: Sequence[Any] | Mapping[str, Any] = ()
    ) -> list[tuple[Any, ...]]:
        if self.lost is not None:
            raise TransactionLost(self.lost) from self.lost
        try:
            return self._tables.sandbox.execute(plugin, sql, params, Mode.WRITE)
        except BaseException as error:
            self._note_loss(error)
            raise

    def migrate_plugin(self, plugin: str, number: int, script: str) -> None:
        """Apply one script, unless it was applied before."""
        done = self._tables.migrations
        if (plugin, number) in done:
            return
        try:
            self._tables.sandbox.migrate(plugin, script)
        except BaseException as error:
            self._note_loss(error)
            raise
        self.journal.note(done.discard, (plugin, number))
        done.add((plugin, number))

    def _note_loss(self, error: BaseException) -> None:
        if not self._tables.plugin_tables.in_transaction:
            self.lost = error

    def schedule(self, plugin: str, due_at: int, name: str, payload: Mapping[str, Any]) -> int:
        tables = self._tables
        tables.last_timer += 1  # never given out again, not even if this unit fails
        self._set(tables.timers, tables.last_timer, Timer(plugin, due_at, name, encode_content(payload)))
        return tables.last_timer

    def cancel_timer(self, plugin: str, timer_id: int) -> bool:
        timer = self._tables.timers.get(timer_id)
        if timer is None or timer.plugin != plugin:
            return False
        self._remove_timer(timer_id)
        return True

    def mark_handled(self, plugin: str, change: int) -> None:
        if self._tables.plugin_cursors.get(plugin, -1) >= change:
            raise AlreadyHandled(f"plugin {plugin}: change {change}")
        self._set(self._tables.plugin_cursors, plugin, change)

    def mark_timer_done(self, timer_id: int) -> None:
        if timer_id not in self._tables.timers:
            raise AlreadyHandled(f"timer {timer_id}")
        self._remove_timer(timer_id)

    def _remove_timer(self, timer_id: int) -> None:
        self.journal.note(self._tables.timers.__setitem__, timer_id, self._tables.timers[timer_id])
        del self._tables.timers[timer_id]

    def record_failure(self, plugin: str, event: str, error_id: str, text: str) -> None:
        self.journal.note(self._tables.failures.pop)
        self._tables.failures.append((plugin, event, error_id, text))
