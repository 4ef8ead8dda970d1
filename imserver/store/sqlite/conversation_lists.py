"""Lists of a user's conversations, page by page: by last change (`sync`) and by what was last said
(`conversations`): the last message that is not silent."""

# ruff: noqa: S608 - the SQL built here is made of constants and question marks
from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from imserver.chat.permissions import MAX_RECEIPT_MEMBERS, Grant, Need, Seat, require, standing_of
from imserver.chat.transaction import Takes
from imserver.model import Account, ConversationRow, Cursors, Kind, Message, Role, SyncPage
from imserver.store.engine.hidden import Hidden
from imserver.store.engine.pages import rows_taken
from imserver.store.engine.places import LISTED, Places
from imserver.store.sqlite.listings import LIST_SIZE, MAX_LISTED, ListSnapshot, LruCache, list_snapshot
from imserver.store.sqlite.state_reads import asker
from imserver_protocol.shared.bounds import MORE_UNREAD, PAGE_ITEMS, UNREAD_MESSAGES

#: Grants that are remembered: a few for present members, one for each position where somebody left; about 250 bytes each.
MAX_GRANTS = 4_096

Sql = Callable[[str, Sequence[Any]], list[tuple[Any, ...]]]


class _Own(NamedTuple):
    """A conversation as one of its members, present or former, sees it; with the other user if it is direct."""

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
    settings: bytes | None
    about: bytes | None
    modseq: int
    settings_seq: int
    other_id: str | None
    other_delivered: int
    other_read: int


#: The last change that concerns this member: a former one gets the message of leaving and none later.
_CHANGED = "CASE WHEN m.left_at IS NULL THEN max(m.changed, c.changed, h.change) ELSE m.changed END"
#: The conversation's state as far as it concerns this member: for a former one, up to leaving.
_ABOUT = "CASE WHEN m.left_at IS NULL THEN c.about END"
_MODSEQ = "coalesce(m.left_modseq, c.modseq)"
_ALL_CHANGED = (
    f"SELECT changed, no FROM (SELECT {_CHANGED} AS changed, m.conversation_no AS no"
    " FROM members m JOIN conversations c ON c.no = m.conversation_no"
    " JOIN heads h ON h.conversation_no = m.conversation_no WHERE m.user_no = ?)"
    " WHERE changed > ? ORDER BY changed LIMIT ?"
)
_SOME_CHANGED = (
    "SELECT c.no, c.kind, c.title, h.position, m.role, m.joined_at, m.left_at, m.delivered, m.read,"
    f" {_CHANGED}, c.conversation_id, m.settings, {_ABOUT}, {_MODSEQ}, m.settings_seq, u.user_id, o.delivered, o.read"
    " FROM json_each(?) j CROSS JOIN members m ON m.conversation_no = j.value AND m.user_no = ?"
    " CROSS JOIN conversations c ON c.no = m.conversation_no CROSS JOIN heads h ON h.conversation_no = m.conversation_no"
    " LEFT JOIN members o ON c.kind = 'direct' AND o.conversation_no = m.conversation_no AND o.user_no <> m.user_no"
    # As the writer tells them (`QuietAudience`): not as long as one has not answered, or blocks the other.
    " AND o.left_at IS NULL AND c.asked_by IS NULL"
    " AND NOT EXISTS (SELECT 1 FROM blocks b WHERE b.user_no = m.user_no AND b.blocked_no = o.user_no)"
    " AND NOT EXISTS (SELECT 1 FROM blocks b WHERE b.user_no = o.user_no AND b.blocked_no = m.user_no)"
    " LEFT JOIN users u ON u.no = o.user_no"
)
_ALL_SPOKEN = (
    "SELECT h.spoken, m.conversation_no FROM members m JOIN heads h ON h.conversation_no = m.conversation_no"
    " WHERE m.user_no = ? AND m.left_at IS NULL AND h.spoken < ? ORDER BY h.spoken DESC LIMIT ?"
)
#: What others said behind the member's cursor. A difference of two numbers tells of what everybody said there: only where it
#: leaves something open, the member's own posts among the newest messages are found, by going back from the head. `most` is
#: what may be unread as far as it has gone. It ends at the cursor, when enough are others', or when it went far enough.
_UNREAD = (
    f"CASE WHEN h.unread_no = m.seen_no THEN 0 WHEN h.unread_no - m.seen_no >= {MORE_UNREAD + UNREAD_MESSAGES}"
    f" THEN {MORE_UNREAD} ELSE (WITH RECURSIVE back (step, previous, sender_no, unread_no, most) AS ("
    "SELECT 1, x.previous, x.sender_no, x.unread_no, h.unread_no - m.seen_no FROM messages x WHERE x.change = h.change"
    " UNION ALL SELECT b.step + 1, x.previous, x.sender_no, x.unread_no,"
    " b.most - (b.sender_no = m.user_no AND b.unread_no > coalesce(x.unread_no, 0))"
    " FROM back b LEFT JOIN messages x ON x.change = b.previous WHERE b.unread_no > m.seen_no"
    f" AND b.most - (b.unread_no - m.seen_no) < {MORE_UNREAD} AND b.step <= {UNREAD_MESSAGES}"
    f") SELECT min({MORE_UNREAD}, min(most)) FROM back) END"
)
_SOME_SPOKEN = (
    "SELECT c.no, h.spoken, c.conversation_id, c.kind, c.title, h.position, m.joined_at, m.left_at, m.role, m.delivered,"
    f" m.read, {_UNREAD}, m.settings, c.about, c.modseq, m.settings_seq,"
    " l.position, u.user_id, l.sent_at, l.key, l.content, l.revision"
    " FROM json_each(?) j CROSS JOIN members m ON m.conversation_no = j.value AND m.user_no = ? AND m.left_at IS NULL"
    " CROSS JOIN conversations c ON c.no = m.conversation_no CROSS JOIN heads h ON h.conversation_no = m.conversation_no"
    " CROSS JOIN messages l ON l.change = h.spoken CROSS JOIN users u ON u.no = l.sender_no"
)


@lru_cache(maxsize=MAX_GRANTS)
def granted_by_row(kind: str, role: str, left_at: int | None) -> tuple[Kind, Role, Grant]:
    """Kind and role of a member's row, and what the member may read. Remembered, since lists ask it for each of many rows."""
    seat = Seat(Kind(kind), standing_of(left_at), Role(role))
    return Kind(kind), Role(role), require(Need.READ, seat)


class ConversationLists:
    """The conversation lists of all users, for one reader. `head` is the last change in the snapshot of the call."""

    def __init__(self, sql: Sql, places: Places, hidden: Hidden | None) -> None:
        self._sql = sql
        self._places = places
        self._hidden = hidden
        self._listings: LruCache[ListSnapshot] = LruCache(MAX_LISTED + LIST_SIZE, LIST_SIZE)

    def account(self, user_id: str) -> Account | None:
        """The user's own state; None: it never changed."""
        return self._account_after(user_id, 0)[1]

    def _account_after(self, user_id: str, change: int) -> tuple[int | None, Account | None]:
        """The number of a user, and the user's own state if it changed after that change."""
        user_no, account = asker(self._sql, user_id, change)
        if self._hidden is not None and account is not None:
            account = self._hidden.account(account)
        return user_no, account

    def sync(
        self, user_id: str, since: str | None, limit: int, head: int, takes: Takes | None = None
    ) -> SyncPage:
        """Conversations that changed for the user, in commit order; for a former member, up to leaving."""
        first = after = self._places.read(since, head, user_id)
        rows: list[_Own] = []
        user_no, account = self._account_after(user_id, first)
        while user_no is not None and after < head and len(rows) <= limit:
            listing = self._changed(user_no, after, head, limit)
            for some in listing.rising(after, limit + 1):
                found = map(_Own._make, self._sql(_SOME_CHANGED, (json.dumps([*some]), user_no)))
                still = [own for own in found if own.changed == some[own.no]]
                rows.extend(still)
                if len(rows) > limit:
                    break
                if not still:
                    # Almost everything has changed since: a new list is cheaper than looking at the rest.
                    self._listings.drop(("changed", user_no))
                    after = rows[-1].changed if rows else after
                    break
            else:
                after = listing.upto
        page = rows_taken((self._row(user_id, own) for own in rows[:limit]), takes)
        more = len(rows) > len(page)
        told = rows[len(page) - 1].changed if page else first
        last = told if more else head
        return SyncPage(page, self._places.seal(head, last), more, account, head)

    def _changed(self, user_no: int, after: int, head: int, limit: int) -> ListSnapshot:
        """Conversations that changed after `after` up to `upto`, which is `head` unless there are very many."""
        listing = self._listings.get(("changed", user_no))
        if listing is not None and listing.head <= head and listing.above <= after < listing.upto:
            return listing
        rows = self._sql(_ALL_CHANGED, (user_no, after, MAX_LISTED))
        upto = head if len(rows) < MAX_LISTED else rows[-1][0]
        return self._keep("changed", user_no, list_snapshot(after, upto, head, rows), limit)

    def conversations(
        self, user_id: str, before: str | None, limit: int, head: int, takes: Takes | None = None
    ) -> tuple[list[ConversationRow], str | None]:
        """The user's present conversations, with the unread count and what was last said; the newest of those first."""
        below = head + 1 if before is None else self._places.read(before, head, user_id, kind=LISTED)
        user_no = self._user_no(user_id)
        page: list[ConversationRow] = []
        for change, row in self._rows_spoken(user_no, below, head, limit) if user_no is not None else ():
            if len(page) >= limit or not (takes is None or takes(row)):
                return page, self._places.seal(head, below, kind=LISTED)
            page.append(row)
            below = change
        return page, None

    def _rows_spoken(
        self, user_no: int, below: int, head: int, limit: int
    ) -> Iterator[tuple[int, ConversationRow]]:
        """The rows with the changes of their last messages, falling. Read a few at a time: a message may be long."""
        while below > 1:
            listing = self._spoken(user_no, below, head, limit)
            for some in listing.falling(below, min(limit, PAGE_ITEMS) + 1):
                found = self._sql(_SOME_SPOKEN, (json.dumps([*some]), user_no))
                still = [row for row in found if row[1] == some[row[0]]]
                if not still:  # as in `sync`
                    self._listings.drop(("spoken", user_no))
                    break
                below = still[-1][1]
                hidden = self._hidden
                for row in still:
                    listed = _listed(row)
                    yield row[1], listed if hidden is None else hidden.row(listed)
            else:
                below = listing.above + 1

    def _spoken(self, user_no: int, below: int, head: int, limit: int) -> ListSnapshot:
        """Conversations in which was last spoken before `below` and after `above`, which is 0 unless there are very many."""
        listing = self._listings.get(("spoken", user_no))
        if listing is not None and listing.head <= head and listing.above < below - 1 <= listing.upto:
            return listing
        rows = self._sql(_ALL_SPOKEN, (user_no, below, MAX_LISTED))
        above = 0 if len(rows) < MAX_LISTED else rows[-1][0] - 1
        return self._keep("spoken", user_no, list_snapshot(above, below - 1, head, reversed(rows)), limit)

    def _keep(self, kind: str, user_no: int, listing: ListSnapshot, limit: int) -> ListSnapshot:
        """Keep the list for the pages behind this one, if there are any."""
        if len(listing.changes) > limit:
            self._listings.put((kind, user_no), listing, len(listing.changes))
        return listing

    def _user_no(self, user_id: str) -> int | None:
        rows = self._sql("SELECT no FROM users WHERE user_id = ?", (user_id,))
        return rows[0][0] if rows else None

    def one(self, user_id: str, user_no: int, conversation_no: int) -> ConversationRow:
        """The row of one conversation, of which the user is or was a member."""
        found = self._sql(_SOME_CHANGED, (json.dumps([conversation_no]), user_no))
        return self._row(user_id, _Own._make(found[0]))

    def _row(self, user_id: str, own: _Own) -> ConversationRow:
        kind, role, grant = granted_by_row(own.kind, own.role, own.left_at)
        row = ConversationRow(
            own.conversation_id,
            kind,
            own.title,
            grant.cut(own.head),
            own.joined_at,
            own.left_at,
            role,
            Cursors(own.delivered, own.read),
            cursors_of=self._cursors_of_others(user_id, own) if grant.goes_on else (),
            settings=own.settings,
            about=own.about,
            modseq=own.modseq,
            settings_seq=own.settings_seq,
        )
        return row if self._hidden is None else self._hidden.row(row)

    def _cursors_of_others(self, user_id: str, own: _Own) -> tuple[tuple[str, Cursors], ...]:
        if own.kind == Kind.CHANNEL:
            return ()
        if own.kind == Kind.DIRECT:
            return ((own.other_id, Cursors(own.other_delivered, own.other_read)),) if own.other_id else ()
        rows = self._sql(
            "SELECT u.user_id, m.delivered, m.read FROM members m JOIN users u ON u.no = m.user_no"
            " WHERE m.conversation_no = ? AND m.left_at IS NULL ORDER BY u.user_id LIMIT ?",
            (own.no, MAX_RECEIPT_MEMBERS + 1),
        )
        if len(rows) > MAX_RECEIPT_MEMBERS:
            return ()
        return tuple((other, Cursors(delivered, read)) for other, delivered, read in rows if other != user_id)


def _listed(row: tuple[Any, ...]) -> ConversationRow:
    _, _, conversation_id, kind, title, head, joined_at, left_at, role, delivered, read, unread, *more = row
    settings, about, modseq, settings_seq, *last = more
    known_kind, known_role, grant = granted_by_row(kind, role, left_at)
    return ConversationRow(
        conversation_id,
        known_kind,
        title,
        grant.cut(head),
        joined_at,
        left_at,
        known_role,
        Cursors(delivered, read),
        unread=unread,
        last=Message(conversation_id, *last),
        settings=settings,
        about=about,
        modseq=modseq,
        settings_seq=settings_seq,
    )
