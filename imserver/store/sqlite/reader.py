"""Reads in one snapshot: `imserver.chat.ports.Reader` over a `query_only` connection, on that connection's thread."""

# ruff: noqa: S608 - the SQL built here is made of constants and question marks
from __future__ import annotations

import json
import sqlite3
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Generator, Iterable, Sequence
from contextlib import closing
from operator import attrgetter
from typing import Any, NamedTuple, TypeAlias

from imserver.chat.permissions import (
    FORMER_TEAM_MEMBER,
    NO_MESSAGE,
    NO_SEAT,
    OWN_MESSAGE,
    SYSTEM_MESSAGE,
    TEAM_MEMBER,
    Seat,
    Target,
    message_of,
    no_such_conversation,
    standing_of,
)
from imserver.chat.reader import Takes
from imserver.content import decode_content
from imserver.errors import Refusal, RefusalCode
from imserver.model import (
    Account,
    Agreement,
    Audience,
    AuditRow,
    Changes,
    ConversationRow,
    Item,
    ItemPage,
    Kind,
    Learnt,
    Membership,
    Message,
    Page,
    Role,
    SyncPage,
    Usage,
    User,
)
from imserver.store.engine.hidden import Hidden
from imserver.store.engine.lineage import FIRST_KEPT, agreed_position, state_good
from imserver.store.engine.pages import (
    Replaced,
    Span,
    as_of_then,
    messages_of,
    page_of,
    span_of,
    with_states,
)
from imserver.store.engine.places import Places
from imserver.store.sqlite.account_reads import AccountReads
from imserver.store.sqlite.account_rows import USER_COLUMNS, user_of
from imserver.store.sqlite.browser_reads import BrowserReads
from imserver.store.sqlite.conversation_lists import ConversationLists, granted_by_row
from imserver.store.sqlite.listings import MAX_LISTED_MEMBERS, ROSTER_SIZE, LruCache
from imserver.store.sqlite.plugin_sandbox import Mode, PluginSandbox
from imserver.store.sqlite.positions import highest_until, rows_between
from imserver.store.sqlite.state_reads import changed_items, states_of
from imserver.store.sqlite.teams import Mate, first_after, kind_if_once_through, left_team, persons, through
from imserver.store.sqlite.transaction import blocked_by

#: Audiences kept for `messages_after`; each is good for one version of the membership.
MAX_CACHED_AUDIENCES = 1_000
#: Changes examined in one `messages_after`, so that a plugin with few conversations does not hold a reader for long.
MAX_CHANGES_LOOKED_AT = 5_000
#: Users whose id is cached by number; about 150 bytes each.
MAX_CACHED_NAMES = 50_000


#: Of the members of a conversation: the last change of its own, and of its team's, 0 without one.
_Version: TypeAlias = tuple[int, int]

_BY_ID = attrgetter("user_id")


class _MemberList(NamedTuple):
    """Members by user id, and their numbers, for one version of the membership; and who of them is one through the team."""

    membership: _Version
    user_ids: list[str]
    user_nos: list[int]
    mates: dict[int, Mate]


class _Names(dict[int, str]):
    """The ids of users by their numbers, each read once: neither ever changes, and no user is ever deleted."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        super().__init__()
        self._connection = connection

    def __missing__(self, no: int) -> str:
        if len(self) >= MAX_CACHED_NAMES:
            self.clear()
        found: str = self._connection.execute("SELECT user_id FROM users WHERE no = ?", (no,)).fetchall()[0][
            0
        ]
        self[no] = found
        return found


class SqliteReader(AccountReads, BrowserReads):
    """One for each reader connection; a query runs between BEGIN and COMMIT of that connection."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        sandbox: PluginSandbox,
        places: Places,
        hidden: Hidden | None = None,
    ) -> None:
        self._connection = connection
        self._sandbox = sandbox
        self._names = _Names(connection)
        self._places = places
        #: Names of state that are left out; None, nearly always: there are none.
        self._hidden = hidden
        self._lists = ConversationLists(self._sql, places, hidden)
        self._rosters: LruCache[_MemberList] = LruCache(MAX_LISTED_MEMBERS + ROSTER_SIZE, ROSTER_SIZE)
        self._audiences: OrderedDict[int, tuple[_Version, Audience]] = OrderedDict()

    def _sql(self, statement: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        try:
            return self._connection.execute(statement, params).fetchall()
        except UnicodeEncodeError:  # a lone surrogate: no row can have such a name
            return []

    # -- messages -----------------------------------------------------------------------------------------------------

    def history(
        self,
        conversation_id: str,
        user_id: str,
        after: int | None,
        before: int | None,
        limit: int,
        max_bytes: int,
    ) -> Page:
        """Positions `after+1…`, or up to `before-1`, or the newest; always ascending, and the range that the page covers."""
        page = self.history_items(conversation_id, user_id, after, before, limit, max_bytes)
        return messages_of(conversation_id, page)

    def history_items(
        self,
        conversation_id: str,
        user_id: str,
        after: int | None,
        before: int | None,
        limit: int,
        max_bytes: int,
    ) -> ItemPage:
        """The same page, without an object for each message."""
        rows = self._sql(
            "SELECT c.no, m.user_no, h.position, h.change, c.kind, m.role, m.left_at, coalesce(m.left_modseq, c.modseq)"
            " FROM conversations c"
            " JOIN heads h ON h.conversation_no = c.no JOIN members m ON m.conversation_no = c.no"
            " JOIN users u ON u.no = m.user_no WHERE c.conversation_id = ? AND u.user_id = ?",
            (conversation_id, user_id),
        )
        if not rows or rows[0][6] is not None:
            rows = through(self._sql, conversation_id, user_id) or rows
        if not rows:
            raise no_such_conversation()
        no, user_no, head, head_change, kind, role, left_at, modseq = rows[0]
        _, _, grant = granted_by_row(kind, role, left_at)
        span = span_of(head, grant, after, before, limit)
        first, last = span.near_end(limit)
        with closing(self._items(span, no, first, last, (head, head_change))) as found:
            items = found if grant.goes_on else as_of_then(found, self._replaced(no, first, last, grant.last))
            if not modseq:  # nothing more for a conversation that never had a state
                return page_of(span, items, limit, max_bytes, modseq)
            states = states_of(self._sql, no, user_no, first, last, modseq, self._hidden)
            return page_of(span, with_states(items, states), limit, max_bytes, modseq, self.head_change())

    def changes(
        self, conversation_id: str, user_id: str, after_modseq: int, limit: int, max_bytes: int
    ) -> Changes:
        """Messages whose state changed after this modseq, by modseq."""
        for name, value, least in (("after_modseq", after_modseq, 0), ("limit", limit, 1)):
            if value < least:
                raise Refusal(RefusalCode.INVALID, f"{name}: at least {least}", detail=name)
        found = self._sql(
            "SELECT c.no, m.user_no, 0, 0, c.kind, m.role, m.left_at, c.modseq FROM conversations c"
            " JOIN members m ON m.conversation_no = c.no JOIN users u ON u.no = m.user_no"
            " WHERE c.conversation_id = ? AND u.user_id = ?",
            (conversation_id, user_id),
        )
        if not found or found[0][6] is not None:
            found = through(self._sql, conversation_id, user_id) or found
        if not found:
            raise no_such_conversation()
        no, user_no, _, _, kind, role, left_at, modseq = found[0]
        _, _, grant = granted_by_row(kind, role, left_at)
        if not grant.goes_on:  # who left hears of no change any more
            raise no_such_conversation()
        rows, more = changed_items(
            self._sql, no, user_no, after_modseq, grant, limit, max_bytes, self._hidden
        )
        return Changes(rows, rows[-1][1] if more else modseq, more, self.head_change())

    def _replaced(self, no: int, first: int, last: int, position: int) -> Replaced:
        """What messages of the range said before the message at `position`, if they say something else now."""
        # With min() the other columns are those of its row (SQLite): the first of the revisions that ended later.
        rows = self._sql(
            "SELECT position, min(revision), content FROM revisions WHERE conversation_no = ?"
            " AND position BETWEEN ? AND ? AND (until > ? OR until IS NULL) GROUP BY position",
            (no, first, last, position),
        )
        return {position: (content, revision) for position, revision, content in rows}

    def _items(
        self, span: Span, no: int, first: int, last: int, head: tuple[int, int]
    ) -> Generator[Item, None, None]:
        """Read the items `first..last` of the span on demand, from its near end."""
        names = self._names
        with closing(
            rows_between(self._connection, no, first, last, head, backwards=span.backwards)
        ) as blocks:
            for rows in blocks:
                for position, sender_no, sent_at, key, content, revision in rows:
                    yield position, names[sender_no], sent_at, key, content, revision

    def head_change(self) -> int:
        """The last number given out in commit order."""
        rows = self._sql(
            "SELECT max(coalesce((SELECT max(change) FROM messages), 0), (SELECT value FROM meta WHERE name = 'change'))"
        )
        head: int = rows[0][0]
        return head

    def messages_after(
        self, change: int, bots: Sequence[str] | None, limit: int
    ) -> tuple[list[tuple[int, Message, Audience]], int]:
        """Messages in commit order after `change`, where one of `bots` is a member at that position."""
        head = self.head_change()
        if bots is not None and not bots:
            return [], max(head, change)
        complete = min(head, change + max(limit, MAX_CHANGES_LOOKED_AT))
        where, params = _among(bots)
        rows = self._sql(
            "SELECT m.change, c.no, c.membership, c.team, c.conversation_id, m.position, u.user_id, m.sent_at, m.key,"
            " m.content, m.revision FROM messages m JOIN conversations c ON c.no = m.conversation_no"
            f" JOIN users u ON u.no = m.sender_no WHERE m.change > ? AND m.change <= ?{where}"
            " ORDER BY m.change LIMIT ?",
            (change, complete, *params, limit),
        )
        if len(rows) >= limit:
            complete = rows[-1][0]
        found = [(row[0], Message(*row[4:]), self._audience(*row[1:4])) for row in rows]
        return found, max(complete, change)

    # -- conversations ------------------------------------------------------------------------------------------------

    def sync(
        self, user_id: str, since: str | None, limit: int, takes: Takes | None = None
    ) -> tuple[list[ConversationRow], str, bool]:
        """Conversations that changed for the user, in commit order; for a former member, up to leaving."""
        page = self.sync_page(user_id, since, limit, takes)
        return page.rows, page.next_since, page.more

    def sync_page(self, user_id: str, since: str | None, limit: int, takes: Takes | None = None) -> SyncPage:
        """The same with the user's own state, if it changed."""
        return self._lists.sync(user_id, since, limit, self.head_change(), takes)

    def conversations(
        self, user_id: str, before: str | None, limit: int, takes: Takes | None = None
    ) -> tuple[list[ConversationRow], str | None]:
        """The user's present conversations, newest message first, with the unread count and the last message."""
        return self._lists.conversations(user_id, before, limit, self.head_change(), takes)

    def check(self, user_id: str, learnt: Learnt) -> Agreement | None:
        """Up to where what the user learnt is part of this history; None: no such conversation for this user."""
        found = self._sql(
            "SELECT c.no, u.no, h.position, h.change, c.kind, m.role, m.left_at,"
            " CASE WHEN m.left_at IS NULL THEN c.modseq ELSE coalesce(m.left_modseq, 0) END"
            " FROM conversations c JOIN heads h ON h.conversation_no = c.no JOIN members m ON m.conversation_no = c.no"
            " JOIN users u ON u.no = m.user_no WHERE c.conversation_id = ? AND u.user_id = ?",
            (learnt.conversation_id, user_id),
        )
        if not found or found[0][6] is not None:
            found = through(self._sql, learnt.conversation_id, user_id) or found
        if not found:
            return None
        no, user_no, head, message_change, kind, role, left_at, modseq = found[0]
        _, _, grant = granted_by_row(kind, role, left_at)
        change = self.head_change()
        common = self._places.common(learnt.place, change, user_id)
        last = grant.cut(head)
        if left_at is not None and learnt.position > last:
            # What came through the team, behind a place of one's own, was learnt as well, though it is not shown any more.
            until = left_team(self._sql, no, user_no)
            last = max(last, highest_until(self._sql, no, head, message_change, until))
        agreed = agreed_position(
            learnt.position,
            first=FIRST_KEPT,
            last=last,
            common=highest_until(self._sql, no, min(learnt.position, last), message_change, common),
        )
        first_after = self._first_modseq(no, common + 1) if common < change else None
        good = state_good(learnt.modseq, present=modseq, first_after=first_after)
        return Agreement(agreed, good, self._lists.one(user_id, user_no, no))

    def account(self, user_id: str) -> Account | None:
        """The user's own state; None: it never changed."""
        return self._lists.account(user_id)

    def _first_modseq(self, conversation_no: int, change: int) -> int | None:
        """The first modseq given out in the run of this change or a later one; None if there is none."""
        rows = self._sql(
            "SELECT modseq FROM first_modseqs WHERE conversation_no = ? AND lineage_no >= ? ORDER BY lineage_no LIMIT 1",
            (conversation_no, self._places.lineage.run_of(change).no),
        )
        return rows[0][0] if rows else None

    def members(self, conversation_id: str) -> list[Membership]:
        """The present members, in the order of joining; behind them those through the team, by user id."""
        rows = self._sql(
            "SELECT u.user_id, m.role, m.joined_at, m.left_at, m.muted_until FROM members m"
            " JOIN users u ON u.no = m.user_no WHERE m.left_at IS NULL"
            " AND m.conversation_no = (SELECT no FROM conversations WHERE conversation_id = ?)"
            " ORDER BY m.joined_at, u.user_id",
            (conversation_id,),
        )
        present = [_membership(row) for row in rows]
        team = self._sql("SELECT no, team FROM conversations WHERE conversation_id = ?", (conversation_id,))
        if not team or team[0][1] is None:
            return present
        own = {member.user_id for member in present}
        mates = [mate for mate in persons(self._sql, team[0][1]) if mate.user_id not in own]
        return present + self._through_team(team[0][0], mates)

    def added(self, conversation_id: str) -> tuple[list[Membership], str | None]:
        """Whoever has a row, and the team."""
        rows = self._sql(
            "SELECT u.user_id, m.role, m.joined_at, m.left_at, m.muted_until FROM members m JOIN users u ON u.no = m.user_no"
            " WHERE m.conversation_no = (SELECT no FROM conversations WHERE conversation_id = ?) ORDER BY u.user_id",
            (conversation_id,),
        )
        team = self._sql(
            "SELECT t.conversation_id FROM conversations c JOIN conversations t ON t.no = c.team"
            " WHERE c.conversation_id = ?",
            (conversation_id,),
        )
        return [_membership(row) for row in rows], team[0][0] if team else None

    def members_page(self, conversation_id: str, after: str | None, limit: int) -> list[Membership]:
        """The present members, by user id, from the first after `after` on."""
        found = self._sql(
            "SELECT no, membership, team FROM conversations WHERE conversation_id = ?", (conversation_id,)
        )
        if not found:
            return []
        no, own_membership, team_no = found[0]
        membership = self._version(own_membership, team_no)
        roster = self._rosters.get(no)
        if roster is None or roster.membership != membership:
            roster = self._roster(no, membership, team_no)
            if len(roster.user_ids) > limit:
                self._rosters.put(no, roster, len(roster.user_ids))
        first = 0 if after is None else bisect_right(roster.user_ids, after)
        user_nos = roster.user_nos[first : first + limit]
        mates = [roster.mates[user_no] for user_no in user_nos if user_no in roster.mates]
        rows = self._sql(
            "SELECT u.user_id, m.role, m.joined_at, m.left_at, m.muted_until FROM json_each(?) j"
            " CROSS JOIN members m ON m.user_no = j.value AND m.conversation_no = ? CROSS JOIN users u ON u.no = m.user_no",
            (json.dumps([no for no in user_nos if no not in roster.mates] if mates else user_nos), no),
        )
        own = [_membership(row) for row in rows]
        return sorted([*own, *self._through_team(no, mates)], key=_BY_ID) if mates else own

    def _roster(self, no: int, membership: _Version, team_no: int | None) -> _MemberList:
        rows = self._sql(
            "SELECT u.user_id, m.user_no FROM members m JOIN users u ON u.no = m.user_no"
            " WHERE m.conversation_no = ? AND m.left_at IS NULL ORDER BY u.user_id",
            (no,),
        )
        mates: dict[int, Mate] = {}
        if team_no is not None:
            own = {user_no for _, user_no in rows}
            mates = {mate.no: mate for mate in persons(self._sql, team_no) if mate.no not in own}
            rows = sorted([*rows, *((mate.user_id, mate.no) for mate in mates.values())])
        return _MemberList(
            membership, [user_id for user_id, _ in rows], [user_no for _, user_no in rows], mates
        )

    def _through_team(self, no: int, mates: Iterable[Mate]) -> list[Membership]:
        """These persons of a team as members of the conversation, from the first message behind their joining on."""
        [(head, head_change)] = self._sql(
            "SELECT position, change FROM heads WHERE conversation_no = ?", (no,)
        )
        return [
            Membership(mate.user_id, Role.MEMBER, first_after(self._sql, no, head, head_change, mate.joined))
            for mate in mates
        ]

    def seat(self, conversation_id: str, user_id: str) -> Seat:
        """Where a user stands in a conversation. Mutes are left out: they bar no read."""
        rows = self._sql(
            "SELECT c.kind, m.role, m.left_at FROM conversations c JOIN members m ON m.conversation_no = c.no"
            " JOIN users u ON u.no = m.user_no WHERE c.conversation_id = ? AND u.user_id = ?",
            (conversation_id, user_id),
        )
        if rows and rows[0][2] is None:
            return _seat(*rows[0])
        if by_team := through(self._sql, conversation_id, user_id):
            return Seat(Kind(by_team[0][4]), TEAM_MEMBER, Role.MEMBER)
        if rows:
            return _seat(*rows[0])
        kind = kind_if_once_through(self._sql, conversation_id, user_id)
        return NO_SEAT if kind is None else Seat(Kind(kind), FORMER_TEAM_MEMBER, None)

    # -- accounts -----------------------------------------------------------------------------------------------------

    def users(self, user_ids: Sequence[str]) -> list[User]:
        """The users that exist, in the order of `user_ids`."""
        found = (
            self._sql(f"SELECT {USER_COLUMNS} FROM users WHERE user_id = ?", (user_id,))
            for user_id in dict.fromkeys(user_ids)
        )
        return [user_of(rows[0]) for rows in found if rows]

    def used(self, user_id: str) -> Usage:
        rows = self._sql(
            "SELECT d.bytes, d.day, d.day_bytes FROM users u JOIN used d ON d.user_no = u.no WHERE u.user_id = ?",
            (user_id,),
        )
        return Usage(user_id, *rows[0]) if rows else Usage(user_id)

    # -- features and plugins -----------------------------------------------------------------------------------------

    def place_no(self, conversation_id: str) -> int:
        rows = self._sql("SELECT no FROM conversations WHERE conversation_id = ?", (conversation_id,))
        if not rows:
            raise no_such_conversation()
        place: int = rows[0][0]
        return place

    def place_named(self, place: int) -> str:
        rows = self._sql("SELECT conversation_id FROM conversations WHERE no = ?", (place,))
        if not rows:
            raise no_such_conversation()
        conversation_id: str = rows[0][0]
        return conversation_id

    def number_of(self, user_id: str) -> int:
        rows = self._sql("SELECT no FROM users WHERE user_id = ?", (user_id,))
        if not rows:
            raise Refusal(RefusalCode.NOT_FOUND, "no such user", detail=user_id)
        number: int = rows[0][0]
        return number

    def blocked_by(self, user_id: str, after: str, most: int) -> list[str]:
        return blocked_by(self._sql, user_id, after, most)

    def aimed(self, conversation_id: str, user_id: str, position: int) -> tuple[Target, Message | None]:
        """The message as far as the user may read, as it was to be read then."""
        seat = self.seat(conversation_id, user_id)
        if not seat.standing.opens.covers(position):
            return NO_MESSAGE, None
        # Before the next one: behind the head there would be another history.
        items = self.history(conversation_id, user_id, None, position + 1, 1, 1).items
        if not items or items[0].position != position:
            return NO_MESSAGE, None
        message = items[0]
        if _is_system(message):
            return SYSTEM_MESSAGE, message
        if message.sender_id == user_id:
            return OWN_MESSAGE, message
        return message_of(self.seat(conversation_id, message.sender_id).role), message

    def feature_sql(self, feature: str, sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        return self._sandbox.execute(feature, sql, params, Mode.OUR_READ)

    def audit_after(self, audit_no: int, limit: int) -> list[AuditRow]:
        rows = self._sql(
            "SELECT audit_no, at, source, act, actor_no, about_no, conversation_no, position FROM audit"
            " WHERE audit_no > ? ORDER BY audit_no LIMIT ?",
            (audit_no, limit),
        )
        return [AuditRow(*row) for row in rows]

    def plugin_cursor(self, plugin: str) -> int | None:
        rows = self._sql("SELECT change FROM plugin_cursors WHERE plugin = ?", (plugin,))
        return rows[0][0] if rows else None

    def plugin_handled(self, plugin: str) -> list[int]:
        rows = self._sql("SELECT change FROM plugin_handled WHERE plugin = ? ORDER BY change", (plugin,))
        return [change for (change,) in rows]

    def set_backs(self, plugin: str) -> list[tuple[int, int, int]]:
        rows: list[tuple[int, int, int]] = self._sql(
            "SELECT l.no, l.copied_at, l.at FROM lineage l JOIN plugin_cursors p ON l.no > p.told_run"
            " WHERE p.plugin = ? AND l.copied_at IS NOT NULL ORDER BY l.no",
            (plugin,),
        )
        return rows

    def timers_due(self, plugin: str, now_ms: int, limit: int) -> list[tuple[int, str, int, dict[str, Any]]]:
        rows = self._sql(
            "SELECT timer_id, name, due_at, payload FROM timers WHERE plugin = ? AND due_at <= ?"
            " ORDER BY due_at, timer_id LIMIT ?",
            (plugin, now_ms, limit),
        )
        return [
            (timer_id, name, due_at, dict(decode_content(payload)))
            for timer_id, name, due_at, payload in rows
        ]

    def next_timer_at(self, plugin: str) -> int | None:
        due_at: int | None = self._sql("SELECT min(due_at) FROM timers WHERE plugin = ?", (plugin,))[0][0]
        return due_at

    def plugin_sql(self, plugin: str, sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run a SELECT on the plugin's own tables."""
        return self._sandbox.execute(plugin, sql, params, Mode.READ)

    # -- parts --------------------------------------------------------------------------------------------------------

    def _audience(self, conversation_no: int, membership: int, team_no: int | None) -> Audience:
        version = self._version(membership, team_no)
        known = self._audiences.get(conversation_no)
        if known is not None and known[0] == version:
            self._audiences.move_to_end(conversation_no)
            return known[1]
        rows = self._sql(
            "SELECT u.user_id, m.role FROM members m JOIN users u ON u.no = m.user_no"
            " WHERE m.conversation_no = ? AND m.left_at IS NULL",
            (conversation_no,),
        )
        audience = {user_id: Role(role) for user_id, role in rows}
        if team_no is not None:
            mates = {mate.user_id: Role.MEMBER for mate in persons(self._sql, team_no)}
            audience = mates | audience
        self._audiences[conversation_no] = (version, audience)
        if len(self._audiences) > MAX_CACHED_AUDIENCES:
            self._audiences.popitem(last=False)
        return audience

    def _version(self, membership: int, team_no: int | None) -> _Version:
        """Of a conversation's members, by those of its own and those of its team."""
        if team_no is None:
            return membership, 0
        rows = self._sql("SELECT membership FROM conversations WHERE no = ?", (team_no,))
        return membership, rows[0][0]


def _among(bots: Sequence[str] | None) -> tuple[str, Sequence[str]]:
    """The condition that one of the bots was a member at the message's position."""
    if bots is None:
        return "", ()
    marks = ", ".join("?" * len(bots))
    among = (
        " AND EXISTS (SELECT 1 FROM members b WHERE b.conversation_no = m.conversation_no AND b.user_no IN"
        f" (SELECT no FROM users WHERE user_id IN ({marks})) AND b.joined_at <= m.position"
        " AND (b.left_at IS NULL OR m.position <= b.left_at))"
    )
    return among, bots


def _seat(kind: str, role: str, left_at: int | None) -> Seat:
    return Seat(Kind(kind), standing_of(left_at), Role(role))


def _membership(row: tuple[Any, ...]) -> Membership:
    user_id, role, joined_at, left_at, muted_until = row
    return Membership(user_id, Role(role), joined_at, left_at, muted_until)


def _is_system(message: Message) -> bool:
    return message.content is not None and decode_content(message.content).get("type") == "system"
