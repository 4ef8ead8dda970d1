"""Reads in one snapshot: `imserver.chat.ports.Reader` over a `query_only` connection, on that connection's thread."""

# ruff: noqa: S608 - the SQL built here is made of constants and question marks
from __future__ import annotations

import sqlite3
from collections import OrderedDict
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from typing import Any, NamedTuple

from imserver.chat.conversations import MAX_RECEIPT_MEMBERS, no_such_conversation
from imserver.content import decode_content
from imserver.model import (
    Audience,
    ConversationRow,
    Cursors,
    Item,
    ItemPage,
    Kind,
    Membership,
    Message,
    Page,
    Role,
    User,
)
from imserver.store.pages import Span, messages_of, page_of, span_of
from imserver.store.plugin_fence import Mode, PluginFence
from imserver.store.positions import rows_between
from imserver.store.sqlite_transaction import user_of
from imserver.store.tokens import make_token, read_token

#: Audiences kept for `messages_after`; each is good for one version of the membership.
MAX_CACHED_AUDIENCES = 1_000
#: Changes looked at in one `messages_after`, so that a plugin with few conversations does not hold a reader for long.
MAX_CHANGES_LOOKED_AT = 5_000
#: Users whose id is known by number without asking; about 150 bytes each.
MAX_CACHED_NAMES = 50_000


class _Own(NamedTuple):
    """A conversation as one of its members, present or former, sees it."""

    no: int
    kind: str
    title: str
    head: int
    role: str
    joined_at: int
    left_at: int | None
    delivered: int
    read: int
    changed: int
    conversation_id: str


class _Names(dict[int, str]):
    """The ids of users by their numbers, asked for once: neither ever changes, and no user is ever deleted."""

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


class SqliteReader:
    """One for each reader connection; a query runs between BEGIN and COMMIT of that connection."""

    def __init__(self, connection: sqlite3.Connection, fence: PluginFence, epoch: str) -> None:
        self._connection = connection
        self._fence = fence
        self._epoch = epoch
        self._names = _Names(connection)
        self._audiences: OrderedDict[int, tuple[int, Audience]] = OrderedDict()

    def _sql(self, statement: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        try:
            return self._connection.execute(statement, params).fetchall()
        except UnicodeEncodeError:  # a lone surrogate: nothing of such a name can exist
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
        """The same, without an object for each message."""
        rows = self._sql(
            "SELECT c.no, h.position, h.change, m.left_at FROM conversations c"
            " JOIN heads h ON h.conversation_no = c.no JOIN members m ON m.conversation_no = c.no"
            " JOIN users u ON u.no = m.user_no WHERE c.conversation_id = ? AND u.user_id = ?",
            (conversation_id, user_id),
        )
        if not rows:
            raise no_such_conversation()
        no, head, head_change, left_at = rows[0]
        span = span_of(head, left_at, after, before, limit)
        with closing(self._items(span, no, limit, (head, head_change))) as found:
            return page_of(span, found, limit, max_bytes)

    def _items(self, span: Span, no: int, limit: int, head: tuple[int, int]) -> Generator[Item, None, None]:
        """What the page may show, from its near end, read as it is needed."""
        names = self._names
        if span.backwards:
            first, last = max(span.first, span.last - limit + 1), span.last
        else:
            first, last = span.first, min(span.last, span.first + limit - 1)
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
            "SELECT m.change, c.no, c.membership, c.conversation_id, m.position, u.user_id, m.sent_at, m.key,"
            " m.content, m.revision FROM messages m JOIN conversations c ON c.no = m.conversation_no"
            f" JOIN users u ON u.no = m.sender_no WHERE m.change > ? AND m.change <= ?{where}"
            " ORDER BY m.change LIMIT ?",
            (change, complete, *params, limit),
        )
        if len(rows) >= limit:
            complete = rows[-1][0]
        found = [(row[0], Message(*row[3:]), self._audience(row[1], row[2])) for row in rows]
        return found, max(complete, change)

    # -- conversations ------------------------------------------------------------------------------------------------

    def sync(self, user_id: str, since: str | None, limit: int) -> tuple[list[ConversationRow], str, bool]:
        """Conversations that changed for the user, in commit order. A former member learns of leaving and of nothing later."""
        head = self.head_change()
        after = read_token(since, self._epoch, head)
        rows = self._sql(
            "SELECT * FROM (SELECT c.no, c.kind, c.title,"
            " coalesce(m.left_at, h.position) AS head, m.role, m.joined_at, m.left_at, m.delivered, m.read,"
            " CASE WHEN m.left_at IS NULL THEN max(m.changed, c.changed, h.change) ELSE m.changed END AS changed,"
            " c.conversation_id"
            " FROM members m JOIN conversations c ON c.no = m.conversation_no"
            " JOIN heads h ON h.conversation_no = m.conversation_no"
            " WHERE m.user_no = (SELECT no FROM users WHERE user_id = ?))"
            " WHERE changed > ? ORDER BY changed LIMIT ?",
            (user_id, after, limit + 1),
        )
        more = len(rows) > limit
        own = [_Own(*row) for row in rows[:limit]]
        last = own[-1].changed if more else head
        return [self._row(user_id, each) for each in own], make_token(self._epoch, last), more

    def conversations(
        self, user_id: str, before: str | None, limit: int
    ) -> tuple[list[ConversationRow], str | None]:
        """Where the user is a member, newest message first, with the unread count and the last message."""
        head = self.head_change()
        upper = read_token(before, self._epoch, head) if before is not None else head + 1
        rows = self._sql(
            "SELECT c.conversation_id, c.kind, c.title, h.position, m.joined_at, m.left_at, m.role, m.delivered, m.read,"
            " h.unread_no - m.seen_no, h.change"
            " FROM members m JOIN conversations c ON c.no = m.conversation_no"
            " JOIN heads h ON h.conversation_no = m.conversation_no"
            " WHERE m.user_no = (SELECT no FROM users WHERE user_id = ?) AND m.left_at IS NULL AND h.change < ?"
            " ORDER BY h.change DESC LIMIT ?",
            (user_id, upper, limit + 1),
        )
        listed = rows[:limit]
        token = make_token(self._epoch, listed[-1][-1]) if len(rows) > limit else None
        return [self._listed(row) for row in listed], token

    def members(self, conversation_id: str) -> list[Membership]:
        """Who is a member now, in the order of joining."""
        rows = self._sql(
            "SELECT u.user_id, m.role, m.joined_at, m.left_at, m.muted_until FROM members m"
            " JOIN users u ON u.no = m.user_no WHERE m.left_at IS NULL"
            " AND m.conversation_no = (SELECT no FROM conversations WHERE conversation_id = ?)"
            " ORDER BY m.joined_at, u.user_id",
            (conversation_id,),
        )
        return [_membership(row) for row in rows]

    def membership(self, conversation_id: str, user_id: str) -> Membership | None:
        """Of a present or former member."""
        rows = self._sql(
            "SELECT u.user_id, m.role, m.joined_at, m.left_at, m.muted_until FROM members m"
            " JOIN users u ON u.no = m.user_no WHERE u.user_id = ?"
            " AND m.conversation_no = (SELECT no FROM conversations WHERE conversation_id = ?)",
            (user_id, conversation_id),
        )
        return _membership(rows[0]) if rows else None

    # -- accounts -----------------------------------------------------------------------------------------------------

    def users(self, user_ids: Sequence[str]) -> list[User]:
        """Those that exist, in the order asked."""
        found = (
            self._sql(
                "SELECT user_id, display_name, language, roles FROM users WHERE user_id = ?", (user_id,)
            )
            for user_id in dict.fromkeys(user_ids)
        )
        return [user_of(rows[0]) for rows in found if rows]

    def bound_device(self, token_id: str) -> str | None:
        rows = self._sql("SELECT device_id FROM tokens WHERE token_id = ?", (token_id,))
        return rows[0][0] if rows else None

    # -- plugins ------------------------------------------------------------------------------------------------------

    def plugin_cursor(self, plugin: str) -> int | None:
        rows = self._sql("SELECT change FROM plugin_cursors WHERE plugin = ?", (plugin,))
        return rows[0][0] if rows else None

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

    def plugin_sql(
        self, plugin: str, sql: str, params: Sequence[Any] | Mapping[str, Any] = ()
    ) -> list[tuple[Any, ...]]:
        """SELECT on the plugin's own tables."""
        return self._fence.execute(plugin, sql, params, Mode.READ)

    # -- parts --------------------------------------------------------------------------------------------------------

    def _row(self, user_id: str, own: _Own) -> ConversationRow:
        return ConversationRow(
            own.conversation_id,
            Kind(own.kind),
            own.title,
            own.head,
            own.joined_at,
            own.left_at,
            Role(own.role),
            Cursors(own.delivered, own.read),
            cursors_of=self._cursors_of_others(user_id, own) if own.left_at is None else (),
        )

    def _cursors_of_others(self, user_id: str, own: _Own) -> tuple[tuple[str, Cursors], ...]:
        if own.kind == Kind.CHANNEL:
            return ()
        rows = self._sql(
            "SELECT u.user_id, m.delivered, m.read FROM members m JOIN users u ON u.no = m.user_no"
            " WHERE m.conversation_no = ? AND m.left_at IS NULL ORDER BY u.user_id LIMIT ?",
            (own.no, MAX_RECEIPT_MEMBERS + 1),
        )
        if len(rows) > MAX_RECEIPT_MEMBERS:
            return ()
        return tuple((other, Cursors(delivered, read)) for other, delivered, read in rows if other != user_id)

    def _listed(self, row: tuple[Any, ...]) -> ConversationRow:
        conversation_id, kind, title, head, joined_at, left_at, role, delivered, read, unread, change = row
        last = self._sql(
            "SELECT m.position, u.user_id, m.sent_at, m.key, m.content, m.revision"
            " FROM messages m JOIN users u ON u.no = m.sender_no WHERE m.change = ?",
            (change,),
        )[0]
        return ConversationRow(
            conversation_id,
            Kind(kind),
            title,
            head,
            joined_at,
            left_at,
            Role(role),
            Cursors(delivered, read),
            unread=unread,
            last=Message(conversation_id, *last),
        )

    def _audience(self, conversation_no: int, membership: int) -> Audience:
        known = self._audiences.get(conversation_no)
        if known is not None and known[0] == membership:
            self._audiences.move_to_end(conversation_no)
            return known[1]
        rows = self._sql(
            "SELECT u.user_id, m.role FROM members m JOIN users u ON u.no = m.user_no"
            " WHERE m.conversation_no = ? AND m.left_at IS NULL",
            (conversation_no,),
        )
        audience = {user_id: Role(role) for user_id, role in rows}
        self._audiences[conversation_no] = (membership, audience)
        if len(self._audiences) > MAX_CACHED_AUDIENCES:
            self._audiences.popitem(last=False)
        return audience


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


def _membership(row: tuple[Any, ...]) -> Membership:
    user_id, role, joined_at, left_at, muted_until = row
    return Membership(user_id, Role(role), joined_at, left_at, muted_until)
