"""SQLite transaction: the row operations of `RuledTransaction` in SQL, on the writer's raw connection."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

from imserver.chat.permissions import no_such_conversation
from imserver.clock import Clock
from imserver.content import encode_content
from imserver.errors import AlreadyHandled, Refusal, RefusalCode
from imserver.model import Audience, Cursors, Kind, Message, Role, User
from imserver.store.engine.conversation_cache import ConversationCache, ConversationState, Journal
from imserver.store.engine.faults import TransactionLost
from imserver.store.engine.ledger import Applied
from imserver.store.engine.lineage import Run
from imserver.store.engine.transaction import MAX_MEMBERS, Found
from imserver.store.sqlite.database import put_run, put_running
from imserver.store.sqlite.plugin_sandbox import Mode, PluginSandbox
from imserver.store.sqlite.positions import MILESTONE_EVERY, PUT_HEADS, PUT_MILESTONES, changes_of
from imserver.store.sqlite.state_rows import SqliteStateRows

_PUT_HEAD = PUT_HEADS.format(rows="(?, ?, ?, ?, ?)")
#: A silent message is never the first of its conversation: there is a head.
_PUT_SILENT_HEAD = "UPDATE heads SET position = ?, change = ?, unread_no = ? WHERE conversation_no = ?"
#: How long a result is kept under its key (SPEC: at least 7 days), and how many old ones go with each new one.
OUTCOMES_KEPT_MS = 30 * 24 * 3600 * 1000
OUTCOMES_FORGOTTEN_AT_ONCE = 2
_FORGET_OUTCOMES = (
    "DELETE FROM outcomes WHERE (key, user_no) IN"
    " (SELECT key, user_no FROM outcomes WHERE at < ? ORDER BY at LIMIT ?)"
)
_PUT_MILESTONE = PUT_MILESTONES.format(rows="(?, ?, ?)")

_Parameters = Sequence[Any] | Mapping[str, Any]


class SqliteTransaction(SqliteStateRows):
    """The row operations in SQL; one object for the writer's life."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        sandbox: PluginSandbox,
        *,
        max_conversations: int,
        max_members: int = MAX_MEMBERS,
    ) -> None:
        journal = Journal()
        super().__init__(journal, max_members=max_members)
        self._connection = connection
        self._sandbox = sandbox
        self.cache = ConversationCache(journal, max_conversations)
        #: The error by which SQLite itself ended the transaction, if it did.
        self.lost: BaseException | None = None
        #: The last error that this connection raised: work of units may meet those of other databases.
        self.raised: BaseException | None = None

    def sql(self, statement: str, params: _Parameters = ()) -> list[tuple[Any, ...]]:
        """Run a statement inside a transaction. All go through here: after the transaction is lost, none may run."""
        if self.lost is not None:
            raise TransactionLost(self.lost) from self.lost
        try:
            return self._connection.execute(statement, params).fetchall()
        except sqlite3.Error as error:
            self.note(error)
            raise

    def note(self, error: BaseException) -> None:
        """Keep an error of this connection, before it goes on to whoever ran the statement."""
        self.raised = error
        if not self._connection.in_transaction:
            self.lost = error

    def begin_life(self, why: str, clock: Clock, rng: random.Random, copied_at: int | None = None) -> Run:
        """Begin another life behind all that was written so far."""
        try:
            return put_run(self._connection, why, self.change + 1, clock, rng, copied_at)
        except sqlite3.Error as error:
            self.note(error)
            raise

    def put_ledger_applied(self, applied: Applied) -> None:
        """The database has the ledger up to this record."""
        self.sql(
            "INSERT INTO meta (name, value) VALUES ('ledger', ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            (applied.encoded(),),
        )

    # -- messages -----------------------------------------------------------------------------------------------------

    def conversation(self, conversation_id: str) -> ConversationState | None:
        state = self.cache.get(conversation_id)
        if state is not None:
            return state
        try:
            rows = self.sql(
                "SELECT no, kind, title, modseq FROM conversations WHERE conversation_id = ?",
                (conversation_id,),
            )
        except UnicodeEncodeError:  # a lone surrogate: no row can have such a name
            return None
        if not rows:
            return None
        no, kind, title, modseq = rows[0]
        state = ConversationState(no, conversation_id, Kind(kind), title, modseq)
        for head in self.sql(
            "SELECT position, change, unread_no FROM heads WHERE conversation_no = ?", (no,)
        ):
            state.head, state.head_change, state.unread = head
        members = self.sql(
            "SELECT u.user_id, m.role, m.user_no, m.muted_until FROM members m JOIN users u ON u.no = m.user_no"
            " WHERE m.conversation_no = ? AND m.left_at IS NULL",
            (no,),
        )
        state.members = {user_id: Role(role) for user_id, role, _, _ in members}
        state.muted = {user_id: muted_until for user_id, _, _, muted_until in members if muted_until}
        self.cache.users.update((user_id, user_no) for user_id, _, user_no, _ in members)
        self.cache.loaded(state)
        return state

    def user_no(self, user_id: str) -> int | None:
        no = self.cache.users.get(user_id)
        if no is None:
            try:
                rows = self.sql("SELECT no FROM users WHERE user_id = ?", (user_id,))
            except UnicodeEncodeError:
                return None
            if rows:
                no = self.cache.users[user_id] = rows[0][0]
        return no

    def _user_exists(self, user_id: str) -> bool:
        return self.user_no(user_id) is not None

    def _find(self, state: ConversationState, sender_id: str, key: bytes) -> Found | None:
        rows = self.sql(
            "SELECT position, sent_at, digest FROM messages WHERE key = ? AND conversation_no = ? AND sender_no = ?",
            (key, state.no, self.user_no(sender_id)),
        )
        return Found(*rows[0]) if rows else None

    def _change_at(self, state: ConversationState, position: int) -> int:
        return changes_of(self.sql, state.no, position, position, state.head_change)[0]

    def _message(self, state: ConversationState, position: int) -> Message | None:
        if not 1 <= position <= state.head:
            return None
        rows = self.sql(
            "SELECT u.user_id, m.sent_at, m.key, m.content, m.revision"
            " FROM messages m JOIN users u ON u.no = m.sender_no WHERE m.change = ?",
            (self._change_at(state, position),),
        )
        return Message(state.conversation_id, position, *rows[0]) if rows else None

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
        position = message.position
        sender_no = self.user_no(message.sender_id)
        self.sql(
            "INSERT INTO messages (change, conversation_no, position, sender_no, sent_at, unread_no, previous,"
            " revision, key, digest, content) VALUES (?, ?, ?, ?, ?, ?, ?, 1, ?, ?, ?)",
            (
                change,
                state.no,
                position,
                sender_no,
                message.sent_at,
                unread_no,
                state.head_change,
                message.key,
                digest,
                message.content,
            ),
        )
        if silent:
            self.sql(_PUT_SILENT_HEAD, (position, change, unread_no, state.no))
        else:
            self.sql(_PUT_HEAD, (state.no, position, change, unread_no, change))
        if position % MILESTONE_EVERY == 0:
            self.sql(_PUT_MILESTONE, (state.no, position, change))

    def _put_content(self, state: ConversationState, old: Message, new: Message, *, until: int) -> None:
        if new.content is None:
            self.sql(
                "DELETE FROM revisions WHERE conversation_no = ? AND position = ?", (state.no, old.position)
            )
        else:
            self._put_revision(state, old, until)
        self.sql(
            "UPDATE messages SET content = ?, revision = ? WHERE change = ?",
            (new.content, new.revision, self._change_at(state, new.position)),
        )

    def _put_revision(self, state: ConversationState, old: Message, until: int) -> None:
        self.sql(
            "INSERT INTO revisions (conversation_no, position, revision, content, replaced_at, until)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (state.no, old.position, old.revision, old.content, self.now_ms, until),
        )

    def _outcome(self, user_id: str, key: bytes) -> tuple[str, bytes, bytes] | None:
        rows = self.sql(
            "SELECT method, digest, result FROM outcomes WHERE key = ? AND user_no = ?",
            (key, self.user_no(user_id)),
        )
        return (rows[0][0], rows[0][1], rows[0][2]) if rows else None

    def _put_outcome(self, user_id: str, key: bytes, method: str, digest: bytes, result: bytes) -> None:
        self.sql(
            "INSERT INTO outcomes (key, user_no, method, digest, result, at) VALUES (?, ?, ?, ?, ?, ?)",
            (key, self.number_of(user_id), method, digest, result, self.now_ms),
        )
        self.sql(_FORGET_OUTCOMES, (self.now_ms - OUTCOMES_KEPT_MS, OUTCOMES_FORGOTTEN_AT_ONCE))

    # -- conversations and members ------------------------------------------------------------------------------------

    def _make_conversation(self, conversation_id: str, kind: Kind, title: str) -> ConversationState:
        change = self.change + 1
        rows = self.sql(
            "INSERT INTO conversations (conversation_id, kind, title, created_at, changed, membership)"
            " VALUES (?, ?, ?, ?, ?, ?) RETURNING no",
            (conversation_id, kind.value, title, self.now_ms, change, change),
        )
        state = ConversationState(rows[0][0], conversation_id, kind, title)
        self.cache.made(state)
        return state

    def _put_members(self, state: ConversationState, members: Audience, *, joined_at: int) -> None:
        for user_id, role in members.items():
            self.sql(
                "INSERT INTO members (conversation_no, user_no, role, joined_at, seen_no, changed)"
                " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (conversation_no, user_no) DO UPDATE SET"
                " role = excluded.role, joined_at = excluded.joined_at, left_at = NULL, left_modseq = NULL,"
                " seen_no = excluded.seen_no, changed = excluded.changed",
                # Messages from before a member joined do not count as unread.
                (state.no, self.user_no(user_id), role.value, joined_at, state.unread, self.change + 1),
            )
        state.members = {**state.members, **members}
        self._membership_changed(state)

    def _put_role(self, state: ConversationState, user_id: str, role: Role) -> None:
        self.sql(
            "UPDATE members SET role = ?, changed = ? WHERE conversation_no = ? AND user_no = ?",
            (role.value, self.change + 1, state.no, self.user_no(user_id)),
        )
        state.with_member(user_id, role)
        self._membership_changed(state)

    def _end_member(self, state: ConversationState, user_id: str, *, left_at: int) -> None:
        self.sql(
            "UPDATE members SET left_at = ?, left_modseq = ?, changed = ? WHERE conversation_no = ? AND user_no = ?",
            (left_at, state.modseq, self.change + 1, state.no, self.user_no(user_id)),
        )
        state.without_member(user_id)
        self._membership_changed(state)

    def _membership_changed(self, state: ConversationState) -> None:
        self.sql("UPDATE conversations SET membership = ? WHERE no = ?", (self.change + 1, state.no))

    def _joined_at(self, state: ConversationState) -> Mapping[str, int]:
        rows = self.sql(
            "SELECT u.user_id, m.joined_at FROM members m JOIN users u ON u.no = m.user_no"
            " WHERE m.conversation_no = ? AND m.left_at IS NULL",
            (state.no,),
        )
        return dict(rows)

    def _cursors(self, state: ConversationState, user_id: str) -> Cursors:
        rows = self.sql(
            "SELECT delivered, read FROM members WHERE conversation_no = ? AND user_no = ?",
            (state.no, self.user_no(user_id)),
        )
        return Cursors(*rows[0])

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
        self.sql(
            "UPDATE members SET delivered = ?, read = ?, seen_no = max(seen_no, ?), changed = ?"
            " WHERE conversation_no = ? AND user_no = ?",
            (
                cursors.delivered,
                cursors.read,
                self._unread_no(state, cursors.read) if read_rose else 0,
                change,
                state.no,
                self.user_no(user_id),
            ),
        )
        if told:
            self.sql("UPDATE conversations SET changed = ? WHERE no = ?", (change, state.no))

    def _unread_no(self, state: ConversationState, position: int) -> int:
        if position == state.head:
            return state.unread
        rows = self.sql(
            "SELECT unread_no FROM messages WHERE change = ?", (self._change_at(state, position),)
        )
        unread: int = rows[0][0]
        return unread

    # -- accounts -----------------------------------------------------------------------------------------------------

    def put_user(self, user: User) -> None:
        known = self._user_exists(user.user_id)
        rows = self.sql(
            "INSERT INTO users (user_id, display_name, language, roles) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (user_id) DO UPDATE SET display_name = excluded.display_name,"
            " language = excluded.language, roles = excluded.roles RETURNING no",
            (user.user_id, user.display_name, user.language, "\n".join(user.roles)),
        )
        if not known:
            self.cache.made_user(user.user_id, rows[0][0])

    def user(self, user_id: str) -> User | None:
        rows = self.sql(
            "SELECT user_id, display_name, language, roles FROM users WHERE no = ?", (self.user_no(user_id),)
        )
        return user_of(rows[0]) if rows else None

    def bind_token(self, token_id: str, user_id: str, device_id: str) -> str:
        user_no = self.user_no(user_id)
        if user_no is None:
            raise Refusal(RefusalCode.NOT_FOUND, "no such user", detail=user_id)
        self.sql(
            "INSERT INTO tokens (token_id, user_no, device_id, bound_at) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (token_id) DO NOTHING",
            (token_id, user_no, device_id, self.now_ms),
        )
        bound: str = self.sql("SELECT device_id FROM tokens WHERE token_id = ?", (token_id,))[0][0]
        return bound

    # -- features and plugins -----------------------------------------------------------------------------------------

    def place_no(self, conversation_id: str) -> int:
        state = self.conversation(conversation_id)
        if state is None:
            raise no_such_conversation()
        return state.no

    def place_named(self, place: int) -> str:
        rows = self.sql("SELECT conversation_id FROM conversations WHERE no = ?", (place,))
        if not rows:
            raise no_such_conversation()
        conversation_id: str = rows[0][0]
        return conversation_id

    def number_of(self, user_id: str) -> int:
        no = self.user_no(user_id)
        if no is None:
            raise Refusal(RefusalCode.NOT_FOUND, "no such user", detail=user_id)
        return no

    def feature_sql(self, feature: str, sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        return self._sandboxed(feature, sql, params, Mode.OUR_WRITE)

    def plugin_sql(self, plugin: str, sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        return self._sandboxed(plugin, sql, params, Mode.WRITE)

    def _sandboxed(self, owner: str, sql: str, params: Sequence[Any], mode: Mode) -> list[tuple[Any, ...]]:
        if self.lost is not None:
            raise TransactionLost(self.lost) from self.lost
        try:
            return self._sandbox.execute(owner, sql, params, mode)
        except BaseException as error:
            self.note(error)
            raise

    def migrate_plugin(self, plugin: str, number: int, script: str) -> None:
        """Apply one script, unless it was applied before."""
        if self.sql("SELECT 1 FROM plugin_migrations WHERE plugin = ? AND number = ?", (plugin, number)):
            return
        try:
            self._sandbox.migrate(plugin, script)
        except BaseException as error:
            self.note(error)
            raise
        self.sql(
            "INSERT INTO plugin_migrations (plugin, number, applied_at) VALUES (?, ?, ?)",
            (plugin, number, self.now_ms),
        )
        try:
            put_running(self._connection, True)  # the schema has another number now
        except BaseException as error:
            self.note(error)
            raise

    def audit(
        self,
        source: str,
        act: str,
        *,
        actor_id: str | None = None,
        about_id: str | None = None,
        conversation_id: str | None = None,
        position: int | None = None,
    ) -> None:
        self.sql(
            "INSERT INTO audit (at, source, act, actor_no, about_no, conversation_no, position)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                self.now_ms,
                source,
                act,
                None if actor_id is None else self.number_of(actor_id),
                None if about_id is None else self.number_of(about_id),
                None if conversation_id is None else self.place_no(conversation_id),
                position,
            ),
        )

    def schedule(self, plugin: str, due_at: int, name: str, payload: Mapping[str, Any]) -> int:
        rows = self.sql(
            "INSERT INTO timers (plugin, due_at, name, payload) VALUES (?, ?, ?, ?) RETURNING timer_id",
            (plugin, due_at, name, encode_content(payload)),
        )
        timer_id: int = rows[0][0]
        return timer_id

    def cancel_timer(self, plugin: str, timer_id: int) -> bool:
        return bool(
            self.sql(
                "DELETE FROM timers WHERE timer_id = ? AND plugin = ? RETURNING timer_id", (timer_id, plugin)
            )
        )

    def mark_handled(self, plugin: str, change: int, upto: int | None = None) -> None:
        upto = change if upto is None else upto
        moved = self.sql(
            "INSERT INTO plugin_cursors (plugin, change, told_run)"
            " VALUES (?, ?, (SELECT coalesce(max(no), 0) FROM lineage))"
            " ON CONFLICT (plugin) DO UPDATE SET change = max(plugin_cursors.change, excluded.change)"
            " WHERE plugin_cursors.change < ?"
            " AND NOT EXISTS (SELECT 1 FROM plugin_handled h WHERE h.plugin = excluded.plugin AND h.change = ?)"
            " RETURNING change",
            (plugin, upto, change, change),
        )
        if not moved:
            raise AlreadyHandled(f"plugin {plugin}: change {change}")
        if moved[0][0] < change:
            self.sql("INSERT INTO plugin_handled (plugin, change) VALUES (?, ?)", (plugin, change))
        self._forget_handled(plugin, moved[0][0])

    def pass_handled(self, plugin: str, upto: int, ahead: Sequence[int]) -> None:
        ((cursor,),) = self.sql(
            "INSERT INTO plugin_cursors (plugin, change, told_run)"
            " VALUES (?, ?, (SELECT coalesce(max(no), 0) FROM lineage))"
            " ON CONFLICT (plugin) DO UPDATE SET change = max(plugin_cursors.change, excluded.change)"
            " RETURNING change",
            (plugin, upto),
        )
        for change in ahead:
            if change > cursor:
                self.sql(
                    "INSERT INTO plugin_handled (plugin, change) VALUES (?, ?) ON CONFLICT DO NOTHING",
                    (plugin, change),
                )
        self._forget_handled(plugin, cursor)

    def _forget_handled(self, plugin: str, cursor: int) -> None:
        self.sql("DELETE FROM plugin_handled WHERE plugin = ? AND change <= ?", (plugin, cursor))

    def mark_set_back(self, plugin: str, run: int) -> None:
        told = self.sql(
            "UPDATE plugin_cursors SET told_run = ? WHERE plugin = ? AND told_run < ? RETURNING told_run",
            (run, plugin, run),
        )
        if not told:
            raise AlreadyHandled(f"plugin {plugin}: set back with run {run}")

    def mark_timer_done(self, timer_id: int) -> None:
        if not self.sql("DELETE FROM timers WHERE timer_id = ? RETURNING timer_id", (timer_id,)):
            raise AlreadyHandled(f"timer {timer_id}")

    def record_failure(self, plugin: str, event: str, error_id: str, text: str) -> None:
        self.sql(
            "INSERT INTO plugin_failures (plugin, event, error_id, text, failed_at) VALUES (?, ?, ?, ?, ?)",
            (plugin, event, error_id, text, self.now_ms),
        )


def user_of(row: tuple[Any, ...]) -> User:
    """A row (user_id, display_name, language, roles) as a user."""
    user_id, display_name, language, roles = row
    return User(user_id, display_name, language, tuple(roles.split("\n")) if roles else ())
