"""SQLite transaction: the row operations of `RuledTransaction` in SQL, on the writer's raw connection."""

# ruff: noqa: S608 - the SQL built here is made of constants
from __future__ import annotations

import json
import random
import sqlite3
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from imserver.chat.permissions import no_such_conversation
from imserver.clock import Clock
from imserver.content import encode_content
from imserver.errors import AlreadyHandled
from imserver.model import Audience, Cursors, Kind, Message, Role, Usage, folded_name
from imserver.store.engine.contacts import GROUPS_LOOKED_AT, SMALL_GROUP
from imserver.store.engine.conversation_cache import ConversationCache, ConversationState, Journal, Team
from imserver.store.engine.faults import TransactionLost
from imserver.store.engine.ledger import Applied
from imserver.store.engine.lineage import Run
from imserver.store.engine.transaction import MAX_MEMBERS, Found
from imserver.store.sqlite.browser_rows import SqliteBrowserRows
from imserver.store.sqlite.database import put_run, put_running
from imserver.store.sqlite.plugin_sandbox import Mode, PluginSandbox
from imserver.store.sqlite.positions import (
    MILESTONE_EVERY,
    PUT_HEADS,
    PUT_MILESTONES,
    changes_of,
    highest_until,
)
from imserver.store.sqlite.state_rows import by_team

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
_PUT_USED = (
    "INSERT INTO used (user_no, bytes, day, day_bytes) VALUES (?, ?, ?, ?) ON CONFLICT (user_no) DO UPDATE SET"
    " bytes = excluded.bytes, day = excluded.day, day_bytes = excluded.day_bytes"
)
_PUT_MILESTONE = PUT_MILESTONES.format(rows="(?, ?, ?)")
#: A conversation that is being made has no head yet: its first message, of the same unit, fills it in.
_PUT_TEAM_OF_HEAD = (
    "INSERT INTO heads (conversation_no, position, change, unread_no, team) VALUES (?, 0, 0, 0, ?)"
    " ON CONFLICT (conversation_no) DO UPDATE SET team = excluded.team"
)
#: Cursors and settings of rows, to which a condition is added, for those who are members by the team. None of them falls.
_KEEP_FOR_TEAM = (
    "INSERT INTO team_cursors (user_no, conversation_no, seen_no, delivered, read, settings, settings_seq)"
    " SELECT m.user_no, m.conversation_no, m.seen_no, m.delivered, m.read, m.settings, m.settings_seq FROM members m"
    " WHERE m.conversation_no = ? AND {rows} ON CONFLICT (user_no, conversation_no) DO UPDATE SET"
    " seen_no = max(seen_no, excluded.seen_no), delivered = max(delivered, excluded.delivered),"
    " read = max(read, excluded.read), settings_seq = max(settings_seq, excluded.settings_seq),"
    " settings = CASE WHEN excluded.settings_seq > settings_seq THEN excluded.settings ELSE settings END"
)
_KEEP_ROW_FOR_TEAM = _KEEP_FOR_TEAM.format(rows="m.user_no = ?")
_UNMUTED_OF_TEAM = (
    "m.muted_until <= ? AND m.user_no NOT IN (SELECT value FROM json_each(?)) AND EXISTS (SELECT 1 FROM members g"
    " JOIN users u ON u.no = g.user_no WHERE g.conversation_no = ? AND g.user_no = m.user_no AND u.kind = 'person'"
    " AND (m.left_at IS NOT NULL OR g.left_at IS NULL))"
)
_KEEP_ROWS_FOR_TEAM = _KEEP_FOR_TEAM.format(rows=f"(m.left_at IS NOT NULL OR ({_UNMUTED_OF_TEAM}))")
_DROP_ROWS_OF_TEAM = (
    f"DELETE FROM members AS m WHERE m.conversation_no = ? AND {_UNMUTED_OF_TEAM} RETURNING user_no"
)

#: What is kept of how members came and went, but for `members` itself.
_ACTS = ("own_acts", "departures")
_IN_SMALL_GROUP = (
    "SELECT 1 FROM (SELECT conversation_no AS no FROM own_acts"
    f" WHERE user_no = ? ORDER BY conversation_no DESC LIMIT {GROUPS_LOOKED_AT}) g"
    " CROSS JOIN members m ON m.conversation_no = g.no AND m.user_no = ? AND m.left_at IS NULL"
    " CROSS JOIN conversations c ON c.no = g.no AND c.kind = 'group' AND c.team IS NULL"
    " WHERE (SELECT COUNT(*) FROM (SELECT 1 FROM members o WHERE o.conversation_no = g.no AND o.left_at IS NULL"
    f" LIMIT {SMALL_GROUP + 1})) <= {SMALL_GROUP} LIMIT 1"
)
_IN_GROUP_OF = (
    "SELECT 1 FROM (SELECT conversation_no AS no FROM members WHERE user_no = ? AND left_at IS NULL"
    f" ORDER BY conversation_no DESC LIMIT {GROUPS_LOOKED_AT}) g CROSS JOIN json_each(?) j"
    " CROSS JOIN members m ON m.conversation_no = g.no AND m.user_no = j.value AND m.role = 'owner'"
    " AND m.left_at IS NULL LIMIT 1"
)
_WITHOUT_ROOM = (
    "SELECT j.value FROM json_each(?) j WHERE (SELECT COUNT(*) FROM (SELECT 1 FROM members m"
    " WHERE m.user_no = j.value LIMIT ?)) >= ? LIMIT 1"
)

_Parameters = Sequence[Any] | Mapping[str, Any]


class SqliteTransaction(SqliteBrowserRows):
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
        #: Bots and their folded names, once they were asked for.
        self._bots_known: Mapping[str, str] | None = None
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

    def insert(self, statement: str, params: _Parameters) -> int:
        """Run an INSERT of one row; returns its number, for which RETURNING would have a table of its own made (10 µs)."""
        if self.lost is not None:
            raise TransactionLost(self.lost) from self.lost
        try:
            number = self._connection.execute(statement, params).lastrowid
        except sqlite3.Error as error:
            self.note(error)
            raise
        assert number is not None
        return number

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
            if state.team is not None:
                state.meet_team()
            return state
        try:
            rows = self.sql(
                "SELECT no, kind, title, modseq, team, asked_by FROM conversations WHERE conversation_id = ?",
                (conversation_id,),
            )
        except UnicodeEncodeError:  # a lone surrogate: no row can have such a name
            return None
        if not rows:
            return None
        no, kind, title, modseq, team_no, asked_by = rows[0]
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
        if team_no is not None:
            state.put_team(self._team(team_no))
            state.muted |= self._muted_formers(state)
        if state.kind is Kind.DIRECT:
            blocked_by = self._blocks_between(*state.members)
            if asked_by is not None or blocked_by:
                by_no = {user_no: user_id for user_id, _, user_no, _ in members}
                state.put_contact(by_no.get(asked_by), blocked_by)
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
        if joined_at > 1:  # nobody was in a new conversation before
            self._forget_acts(state, map(self.number_of, members))
        state.put_rows({**state.rows, **members})
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
        self._forget_acts(state, [self.number_of(user_id)])
        state.without_member(user_id)
        self._membership_changed(state)

    def _membership_changed(self, state: ConversationState) -> None:
        self.sql("UPDATE conversations SET membership = ? WHERE no = ?", (self.change + 1, state.no))

    # -- teams --------------------------------------------------------------------------------------------------------

    def _team(self, no: int) -> Team:
        """The group of this number, which is a team."""
        team = self.cache.teams.get(no)
        if team is None:
            rows = self.sql(
                "SELECT u.user_id, t.joined, t.user_no FROM team_members t JOIN users u ON u.no = t.user_no"
                " WHERE t.team_no = ? ORDER BY t.user_no",
                (no,),
            )
            team_id = self.place_named(no)
            team = self.cache.teams[no] = Team(no, team_id, {user_id: joined for user_id, joined, _ in rows})
            self.cache.users.update((user_id, user_no) for user_id, _, user_no in rows)
        return team

    def _muted_formers(self, state: ConversationState) -> dict[str, int]:
        rows = self.sql(
            "SELECT u.user_id, m.muted_until FROM members m JOIN users u ON u.no = m.user_no"
            " WHERE m.conversation_no = ? AND m.left_at IS NOT NULL AND m.muted_until > 0",
            (state.no,),
        )
        return dict(rows)

    def _is_person(self, user_id: str) -> bool:
        return bool(
            self.sql("SELECT 1 FROM users WHERE no = ? AND kind = 'person'", (self.user_no(user_id),))
        )

    def _persons(self, state: ConversationState) -> list[tuple[str, int, int]]:
        """User id, number and position of joining of the present members who are persons."""
        return self.sql(
            "SELECT u.user_id, u.no, m.joined_at FROM members m JOIN users u ON u.no = m.user_no"
            " WHERE m.conversation_no = ? AND m.left_at IS NULL AND u.kind = 'person' ORDER BY u.no",
            (state.no,),
        )

    def _count_persons(self, state: ConversationState) -> int:
        return len(self._persons(state))

    def _as_team(self, state: ConversationState) -> Team | None:
        if state.kind is not Kind.GROUP or state.team is not None:
            return None
        named = self.sql("SELECT 1 FROM conversations WHERE team = ? LIMIT 1", (state.no,))
        return self._team(state.no) if named else None

    def _become_team(self, state: ConversationState) -> Team:
        team = self._as_team(state)
        if team is not None:
            return team
        joined: dict[str, int] = {}
        for user_id, user_no, joined_at in self._persons(state):
            joined[user_id] = self._change_at(state, joined_at)
            self._insert_team_person(state.no, user_no, joined[user_id])
        return self.cache.made_team(Team(state.no, state.conversation_id, joined))

    def _put_title(self, state: ConversationState, title: str, change: int) -> None:
        self.sql("UPDATE conversations SET title = ?, changed = ? WHERE no = ?", (title, change, state.no))
        state.title = title

    def _put_team(self, state: ConversationState, team: Team, change: int) -> None:
        self.sql(
            "UPDATE conversations SET team = ?, changed = ?, membership = ? WHERE no = ?",
            (team.no, change, change, state.no),
        )
        self.sql(_PUT_TEAM_OF_HEAD, (state.no, team.no))
        state.put_team(team)
        state.muted = {**self._muted_formers(state), **state.muted}

    def _put_team_person(self, team: Team, user_id: str, *, joined: int) -> None:
        self._insert_team_person(team.no, self.number_of(user_id), joined)
        self._persons_changed(team, {**team.joined, user_id: joined})

    def _insert_team_person(self, team_no: int, user_no: int, joined: int) -> None:
        self.sql(
            "INSERT INTO team_members (user_no, team_no, joined) VALUES (?, ?, ?)", (user_no, team_no, joined)
        )

    def _end_team_person(self, team: Team, user_id: str) -> None:
        self.sql(
            "DELETE FROM team_members WHERE user_no = ? AND team_no = ?", (self.user_no(user_id), team.no)
        )
        self._persons_changed(team, {name: joined for name, joined in team.joined.items() if name != user_id})

    def leave_teams(self, user_id: str) -> None:
        """An account that is a person's no more, but a bot's, is in no team."""
        for (no,) in self.sql("SELECT team_no FROM team_members WHERE user_no = ?", (self.user_no(user_id),)):
            self._end_team_person(self._team(no), user_id)

    def _persons_changed(self, team: Team, joined: Mapping[str, int]) -> None:
        self.journal.note(team.put, team.joined)
        team.put(joined)

    def _rows_to_team(self, state: ConversationState, stay: Collection[str]) -> None:
        assert state.team is not None
        kept = json.dumps([no for no in map(self.user_no, stay) if no is not None])
        which = (state.no, self.now_ms, kept, state.team.no)
        self.sql(_KEEP_ROWS_FOR_TEAM, which)
        gone = {user_no for (user_no,) in self.sql(_DROP_ROWS_OF_TEAM, which)}
        self._forget_acts(state, gone)
        state.put_rows({name: role for name, role in state.rows.items() if self.user_no(name) not in gone})

    def _cursors_to_team(self, state: ConversationState, user_id: str) -> None:
        self.sql(_KEEP_ROW_FOR_TEAM, (state.no, self.user_no(user_id)))

    def _cursors_to_row(self, state: ConversationState, user_id: str) -> None:
        self.sql(
            "UPDATE members AS m SET delivered = max(m.delivered, t.delivered), read = max(m.read, t.read),"
            " settings = CASE WHEN t.settings_seq > m.settings_seq THEN t.settings ELSE m.settings END,"
            " settings_seq = max(m.settings_seq, t.settings_seq) FROM team_cursors t WHERE m.conversation_no = ?"
            " AND m.user_no = ? AND t.conversation_no = m.conversation_no AND t.user_no = m.user_no",
            (state.no, self.user_no(user_id)),
        )

    def _put_team_cursors(
        self, state: ConversationState, user_id: str, cursors: Cursors, change: int, *, read_rose: bool
    ) -> None:
        self.sql(
            "INSERT INTO team_cursors (user_no, conversation_no, seen_no, delivered, read) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT (user_no, conversation_no) DO UPDATE SET"
            " seen_no = excluded.seen_no, delivered = excluded.delivered, read = excluded.read",
            (
                self.user_no(user_id),
                state.no,
                self._seen_by_team(state, user_id, cursors.read if read_rose else 0),
                cursors.delivered,
                cursors.read,
            ),
        )
        self.sql("UPDATE conversations SET changed = ? WHERE no = ?", (change, state.no))

    def _seen_by_team(self, state: ConversationState, user_id: str, read: int) -> int:
        """From where unread messages of one who is here by the team count, when `read` has risen to this (0: it has not)."""
        team = state.team
        assert team is not None
        rows = self.sql(
            "SELECT seen_no FROM team_cursors WHERE user_no = ? AND conversation_no = ?",
            (self.user_no(user_id), state.no),
        )
        seen: int = rows[0][0] if rows else 0
        if read:
            seen = max(seen, self._unread_no(state, read))
        joined = team.joined[user_id]
        if not rows or (read and self._change_at(state, read) < joined):
            # Messages from before the member joined do not count.
            before = highest_until(self.sql, state.no, state.head, state.head_change, joined)
            seen = max(seen, self._unread_no(state, before) if before else 0)
        return seen

    def _joined_at(self, state: ConversationState) -> Mapping[str, int]:
        rows = self.sql(
            "SELECT u.user_id, m.joined_at FROM members m JOIN users u ON u.no = m.user_no"
            " WHERE m.conversation_no = ? AND m.left_at IS NULL",
            (state.no,),
        )
        return dict(rows)

    def _cursors(self, state: ConversationState, user_id: str) -> Cursors:
        if by_team(state, user_id):
            rows = self.sql(
                "SELECT delivered, read FROM team_cursors WHERE user_no = ? AND conversation_no = ?",
                (self.user_no(user_id), state.no),
            )
            return Cursors(*rows[0]) if rows else Cursors()
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
        if by_team(state, user_id):
            self._put_team_cursors(state, user_id, cursors, change, read_rose=read_rose)
            return
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

    # -- contacts -----------------------------------------------------------------------------------------------------

    def _bots(self) -> Mapping[str, str]:
        if self._bots_known is None:
            rows = self.sql("SELECT user_id, display_name FROM users WHERE kind = 'bot'")
            self._bots_known = {user_id: folded_name(name) for user_id, name in rows}
        return self._bots_known

    def _bots_changed(self) -> None:
        self._forget_bots()
        self.journal.note(self._forget_bots)

    def _forget_bots(self) -> None:
        self._bots_known = None

    def _put_asked_by(self, state: ConversationState, user_id: str | None) -> None:
        asked_by = None if user_id is None else self.user_no(user_id)
        self.sql("UPDATE conversations SET asked_by = ? WHERE no = ?", (asked_by, state.no))

    def _blocks_between(self, one: str, other: str) -> frozenset[str]:
        one_no, other_no = self.user_no(one), self.user_no(other)
        rows = self.sql(
            "SELECT user_no FROM blocks WHERE user_no = ? AND blocked_no = ? UNION ALL"
            " SELECT user_no FROM blocks WHERE user_no = ? AND blocked_no = ?",
            (one_no, other_no, other_no, one_no),
        )
        return frozenset(one if user_no == one_no else other for (user_no,) in rows)

    def _blocks_of(self, user_id: str) -> int:
        count: int = self.sql("SELECT COUNT(*) FROM blocks WHERE user_no = ?", (self.user_no(user_id),))[0][0]
        return count

    def blocked_by(self, user_id: str, after: str, most: int) -> list[str]:
        return blocked_by(self.sql, user_id, after, most)

    def _put_block(self, user_id: str, other_id: str, on: bool) -> None:
        pair = (self.number_of(user_id), self.number_of(other_id))
        if on:
            self.sql("INSERT INTO blocks (user_no, blocked_no, at) VALUES (?, ?, ?)", (*pair, self.now_ms))
        else:
            self.sql("DELETE FROM blocks WHERE user_no = ? AND blocked_no = ?", pair)

    def _in_small_group(self, other: str, user_id: str) -> bool:
        return bool(self.sql(_IN_SMALL_GROUP, (self.user_no(other), self.user_no(user_id))))

    def _in_group_of(self, user_id: str, owners: Collection[str]) -> bool:
        numbers = json.dumps([self.user_no(owner) for owner in owners])
        return bool(self.sql(_IN_GROUP_OF, (self.user_no(user_id), numbers)))

    def _without_room(self, user_ids: Collection[str], most: int) -> str | None:
        numbers = {self.user_no(user_id): user_id for user_id in user_ids}
        rows = self.sql(_WITHOUT_ROOM, (json.dumps([*numbers]), most, most)) if numbers else ()
        return numbers[rows[0][0]] if rows else None

    def _invited(self, user_id: str) -> tuple[int, int]:
        rows = self.sql("SELECT day, people FROM invited WHERE user_no = ?", (self.user_no(user_id),))
        return (rows[0][0], rows[0][1]) if rows else (0, 0)

    def _put_invited(self, user_id: str, day: int, count: int) -> None:
        self.sql(
            "INSERT INTO invited (user_no, day, people) VALUES (?, ?, ?)"
            " ON CONFLICT (user_no) DO UPDATE SET day = excluded.day, people = excluded.people",
            (self.user_no(user_id), day, count),
        )

    def _left_on(self, state: ConversationState, user_id: str) -> int | None:
        rows = self.sql(
            "SELECT at FROM departures WHERE user_no = ? AND conversation_no = ?",
            (self.user_no(user_id), state.no),
        )
        return rows[0][0] if rows else None

    def _put_left_on(self, state: ConversationState, user_id: str) -> None:
        self.sql(
            "INSERT INTO departures (user_no, conversation_no, at) VALUES (?, ?, ?)",
            (self.number_of(user_id), state.no, self.now_ms),
        )

    def _by_own_act(self, state: ConversationState) -> Collection[str]:
        rows = self.sql(
            "SELECT u.user_id FROM members m"
            " JOIN own_acts a ON a.user_no = m.user_no AND a.conversation_no = m.conversation_no"
            " JOIN users u ON u.no = m.user_no WHERE m.conversation_no = ? AND m.left_at IS NULL",
            (state.no,),
        )
        return {user_id for (user_id,) in rows}

    def _put_own_act(self, state: ConversationState, user_id: str) -> None:
        self.sql(
            "INSERT OR IGNORE INTO own_acts (user_no, conversation_no) VALUES (?, ?)",
            (self.number_of(user_id), state.no),
        )

    def _forget_acts(self, state: ConversationState, user_nos: Iterable[int]) -> None:
        """What is kept of these users' coming and going, here, holds no longer."""
        which = (json.dumps([*user_nos]), state.no)
        for table in _ACTS:
            self.sql(
                f"DELETE FROM {table} WHERE user_no IN (SELECT value FROM json_each(?)) AND conversation_no = ?",
                which,
            )

    def put_used(self, used: Iterable[Usage]) -> None:
        for user_id, all_bytes, day, day_bytes in used:
            user_no = self.user_no(user_id)
            if user_no is not None:
                self.sql(_PUT_USED, (user_no, all_bytes, day, day_bytes))

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
        return self.insert(
            "INSERT INTO timers (plugin, due_at, name, payload) VALUES (?, ?, ?, ?)",
            (plugin, due_at, name, encode_content(payload)),
        )

    def cancel_timer(self, plugin: str, timer_id: int) -> bool:
        return bool(
            self.sql(
                "DELETE FROM timers WHERE timer_id = ? AND plugin = ? RETURNING timer_id", (timer_id, plugin)
            )
        )

    def mark_handled(self, plugin: str, change: int, upto: int | None = None) -> None:
        upto = change if upto is None else upto
        # The row is there but for the first time, and without the look at `lineage` this costs a third.
        moved = self.sql(
            "UPDATE plugin_cursors SET change = max(change, ?) WHERE plugin = ? AND change < ?"
            " AND NOT EXISTS (SELECT 1 FROM plugin_handled h WHERE h.plugin = ? AND h.change = ?) RETURNING change",
            (upto, plugin, change, plugin, change),
        ) or self.sql(
            "INSERT INTO plugin_cursors (plugin, change, told_run)"
            " VALUES (?, ?, (SELECT coalesce(max(no), 0) FROM lineage))"
            " ON CONFLICT (plugin) DO NOTHING RETURNING change",
            (plugin, upto),
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


def blocked_by(
    sql: Callable[[str, Sequence[Any]], list[tuple[Any, ...]]], user_id: str, after: str, most: int
) -> list[str]:
    """Whom this user blocks, in the order of user ids, behind `after`."""
    rows = sql(
        "SELECT b.user_id FROM users u JOIN blocks x ON x.user_no = u.no JOIN users b ON b.no = x.blocked_no"
        " WHERE u.user_id = ? AND b.user_id > ? ORDER BY b.user_id LIMIT ?",
        (user_id, after, most),
    )
    return [other_id for (other_id,) in rows]
