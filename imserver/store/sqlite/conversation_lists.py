"""Lists of a user's conversations, page by page: by last change (`sync`) and by what was last said
(`conversations`): the last message that is not silent."""

# ruff: noqa: S608 - the SQL built here is made of constants and question marks
from __future__ import annotations

import json
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar

from imserver.chat.permissions import MAX_RECEIPT_MEMBERS, Grant, Need, Seat, require, standing_of
from imserver.chat.reader import Takes
from imserver.model import Account, ConversationRow, Cursors, Kind, Message, Role, SyncPage
from imserver.store.engine.hidden import Hidden
from imserver.store.engine.pages import rows_taken
from imserver.store.engine.places import LAST_TIE, LISTED, Places, Spot
from imserver.store.sqlite.listings import (
    LIST_SIZE,
    MAX_LISTED,
    OWN_TIE,
    ListSnapshot,
    LruCache,
    Row,
    TiedSnapshot,
    list_snapshot,
    own_snapshot,
    tied_snapshot,
)
from imserver.store.sqlite.state_reads import asker
from imserver.store.sqlite.teams import (
    NO_TEAMS,
    SEATS,
    Teams,
    cursors_with_team,
    first_after,
    gained,
    spoken,
    teams_of,
    unread_until,
)
from imserver_protocol.shared.bounds import MORE_UNREAD, PAGE_ITEMS, UNREAD_MESSAGES

#: Grants that are remembered: a few for present members, one for each position where somebody left; about 250 bytes each.
MAX_GRANTS = 4_096

Sql = Callable[[str, Sequence[Any]], list[tuple[Any, ...]]]
L = TypeVar("L", ListSnapshot, TiedSnapshot)

#: Conversations of each team that a first page of the list looks at: about 2 ms.
FIRST_LISTED = 1_000


class _Who(NamedTuple):
    """Who asks for a list: the user's number, and teams."""

    no: int
    teams: Teams

    def listing(self, kind: str, base: int | None = None) -> Hashable:
        """Under what a list is kept. Who is in teams has one for each version of them, and of each base."""
        return (kind, self.no, self.teams, base) if self.teams else (kind, self.no)


class _Own(NamedTuple):
    """A conversation as one of its members, present or former, sees it by a row; with the other user if it is direct."""

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
    #: The number of the conversation's team.
    team_no: int | None


class _Seat(NamedTuple):
    """The same for who is in a team, which may be how the user sees this conversation."""

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
    team_no: int | None
    #: If the user is here through the team: the change of joining it, that of the last message here, and the team's id.
    joined: int
    head_change: int
    team: str | None


def _place_of(own: _Own | _Seat) -> Row:
    """Where it is in `sync`."""
    if isinstance(own, _Seat) and own.team is not None:
        return max(own.changed, own.joined), own.changed
    return own.changed, OWN_TIE + own.no


#: The last change that concerns this member: a former one gets the message of leaving and none later. Who was in the team for
#: longer than here by a row was no former member until leaving the team, and is told again.
_CHANGED = (
    "CASE WHEN m.left_at IS NULL THEN max(m.changed, c.changed, h.change) ELSE max(m.changed, coalesce((SELECT x.changed"
    " FROM members x WHERE x.conversation_no = c.team AND x.user_no = m.user_no AND x.left_at IS NOT NULL), 0)) END"
)
#: The conversation's state as far as it concerns this member: for a former one, up to leaving.
_ABOUT = "CASE WHEN m.left_at IS NULL THEN c.about END"
_MODSEQ = "coalesce(m.left_modseq, c.modseq)"
_NAMED = (
    "SELECT no, EXISTS (SELECT 1 FROM team_members t WHERE t.user_no = users.no) FROM users WHERE user_id = ?"
)
_ALL_CHANGED = (
    f"SELECT changed, no FROM (SELECT {_CHANGED} AS changed, m.conversation_no AS no"
    " FROM members m JOIN conversations c ON c.no = m.conversation_no"
    " JOIN heads h ON h.conversation_no = m.conversation_no WHERE m.user_no = ?)"
    " WHERE changed > ? ORDER BY changed, no LIMIT ?"
)
#: The other one of a direct conversation, `o` and `u`, as far as the writer tells of his cursors (`QuietAudience`): not as long
#: as one has not answered, or blocks the other. Few block anybody or are blocked: whether the user does, or is, is asked once,
#: and not for each row. Twice the user's number.
_OTHER = (
    " LEFT JOIN members o ON c.kind = 'direct' AND o.conversation_no = m.conversation_no AND o.user_no <> m.user_no"
    " AND o.left_at IS NULL AND c.asked_by IS NULL"
    " AND (NOT EXISTS (SELECT 1 FROM blocks b WHERE b.user_no = ?)"
    " OR NOT EXISTS (SELECT 1 FROM blocks b WHERE b.user_no = m.user_no AND b.blocked_no = o.user_no))"
    " AND (NOT EXISTS (SELECT 1 FROM blocks b WHERE b.blocked_no = ?)"
    " OR NOT EXISTS (SELECT 1 FROM blocks b WHERE b.user_no = o.user_no AND b.blocked_no = m.user_no))"
    " LEFT JOIN users u ON u.no = o.user_no"
)
#: Cursors and settings of a row. Of one that has ended they go on where those by the team are, and never fall. Asked only for
#: such a row: to join them to each would cost a tenth of a long list.
_DELIVERED, _READ, _SETTINGS, _SETTINGS_SEQ = (
    f"CASE WHEN m.left_at IS NULL THEN m.{name} ELSE coalesce((SELECT k.{name} FROM team_cursors k"
    f" WHERE k.user_no = m.user_no AND k.conversation_no = m.conversation_no), m.{name}) END"
    for name in ("delivered", "read", "settings", "settings_seq")
)
_SOME_CHANGED = (
    f"SELECT c.no, c.kind, c.title, h.position, m.role, m.joined_at, m.left_at, {_DELIVERED}, {_READ},"
    f" {_CHANGED}, c.conversation_id, {_SETTINGS}, {_ABOUT}, {_MODSEQ}, {_SETTINGS_SEQ}, u.user_id, o.delivered, o.read,"
    " c.team FROM json_each(?) j CROSS JOIN members m ON m.conversation_no = j.value AND m.user_no = ?"
    " CROSS JOIN conversations c ON c.no = m.conversation_no CROSS JOIN heads h ON h.conversation_no = m.conversation_no"
    f"{_OTHER}"
)
#: The same two for who is in a team, and for any seat. What one left is no former member's row if one is here through the team.
_ALL_CHANGED_IN_TEAM = _ALL_CHANGED.replace(
    "WHERE m.user_no = ?)",
    "WHERE m.user_no = ? AND (m.left_at IS NULL OR NOT EXISTS"
    " (SELECT 1 FROM team_members t WHERE t.user_no = m.user_no AND t.team_no = c.team)))",
)
_SOME_SEATS_CHANGED = (
    "SELECT c.no, c.kind, c.title, h.position, iif(t.joined IS NULL, m.role, 'member'), coalesce(m.joined_at, 0),"
    " iif(t.joined IS NULL, m.left_at, NULL), coalesce(k.delivered, m.delivered, 0), coalesce(k.read, m.read, 0),"
    f" CASE WHEN t.joined IS NULL THEN {_CHANGED} ELSE max(c.changed, h.change) END, c.conversation_id,"
    " coalesce(k.settings, m.settings), iif(t.joined IS NULL AND m.left_at IS NOT NULL, NULL, c.about),"
    f" iif(t.joined IS NULL, {_MODSEQ}, c.modseq), coalesce(k.settings_seq, m.settings_seq, 0),"
    " u.user_id, o.delivered, o.read, c.team,"
    f" coalesce(t.joined, 0), h.change, g.conversation_id"
    " FROM json_each(?) j CROSS JOIN conversations c ON c.no = j.value CROSS JOIN heads h ON h.conversation_no = c.no"
    f"{SEATS}{_OTHER} WHERE m.user_no IS NOT NULL OR t.joined IS NOT NULL"
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
    " l.position, u.user_id, l.sent_at, l.key, l.content, l.revision, NULL"
    " FROM json_each(?) j CROSS JOIN members m ON m.conversation_no = j.value AND m.user_no = ? AND m.left_at IS NULL"
    " CROSS JOIN conversations c ON c.no = m.conversation_no CROSS JOIN heads h ON h.conversation_no = m.conversation_no"
    " CROSS JOIN messages l ON l.change = h.spoken CROSS JOIN users u ON u.no = l.sender_no"
)
#: The same through a team: what others said behind joining and behind the cursor. What is unread as of joining is not kept, so
#: one goes back from the head up to there. Where that is too far, what is left behind the cursor comes as a negative number.
_UNREAD_IN_TEAM = (
    "CASE WHEN h.change <= t.joined OR h.unread_no <= coalesce(k.seen_no, 0) THEN 0"
    " ELSE (WITH RECURSIVE back (step, change, previous, sender_no, unread_no, found) AS ("
    "SELECT 1, x.change, x.previous, x.sender_no, x.unread_no, 0 FROM messages x WHERE x.change = h.change"
    " UNION ALL SELECT b.step + 1, coalesce(x.change, 0), x.previous, x.sender_no, coalesce(x.unread_no, 0),"
    " b.found + (b.sender_no <> t.user_no AND b.unread_no > coalesce(x.unread_no, 0))"
    " FROM back b LEFT JOIN messages x ON x.change = b.previous"
    " WHERE b.unread_no > coalesce(k.seen_no, 0) AND b.change > t.joined"
    f" AND b.found < {MORE_UNREAD} AND b.step <= {UNREAD_MESSAGES}"
    f") SELECT iif(b.step <= {UNREAD_MESSAGES} OR b.found >= {MORE_UNREAD} OR b.change <= t.joined, b.found,"
    " coalesce(k.seen_no, 0) - b.unread_no - b.found) FROM back b ORDER BY b.step DESC LIMIT 1) END"
)
#: The first four are of a seat through a team; the others as above.
_SOME_SEATS_SPOKEN = (
    "SELECT g.conversation_id, t.joined, h.change, coalesce(k.seen_no, 0),"
    " c.no, h.spoken, c.conversation_id, c.kind, c.title, h.position, m.joined_at, NULL,"
    " iif(t.joined IS NULL, m.role, 'member'), iif(t.joined IS NULL, m.delivered, coalesce(k.delivered, 0)),"
    " iif(t.joined IS NULL, m.read, coalesce(k.read, 0)),"
    f" CASE WHEN t.joined IS NULL THEN {_UNREAD} ELSE {_UNREAD_IN_TEAM} END,"
    " iif(t.joined IS NULL, m.settings, k.settings), c.about, c.modseq,"
    " iif(t.joined IS NULL, m.settings_seq, coalesce(k.settings_seq, 0)),"
    " l.position, u.user_id, l.sent_at, l.key, l.content, l.revision"
    " FROM json_each(?) j CROSS JOIN conversations c ON c.no = j.value CROSS JOIN heads h ON h.conversation_no = c.no"
    f" CROSS JOIN messages l ON l.change = h.spoken CROSS JOIN users u ON u.no = l.sender_no{SEATS}"
    " WHERE (m.user_no IS NOT NULL AND m.left_at IS NULL) OR t.joined IS NOT NULL"
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
        self._listings: LruCache[ListSnapshot | TiedSnapshot] = LruCache(MAX_LISTED + LIST_SIZE, LIST_SIZE)

    def account(self, user_id: str) -> Account | None:
        """The user's own state; None: it never changed."""
        return self._account_after(user_id, 0)[1]

    def _account_after(self, user_id: str, change: int) -> tuple[_Who | None, Account | None]:
        """A user, and the user's own state if it changed after that change."""
        user_no, in_team, account = asker(self._sql, user_id, change)
        if self._hidden is not None and account is not None:
            account = self._hidden.account(account)
        return None if user_no is None else self._who(user_no, in_team), account

    def _who(self, user_no: int, in_team: bool) -> _Who:
        return _Who(user_no, teams_of(self._sql, user_no) if in_team else NO_TEAMS)

    def sync(
        self, user_id: str, since: str | None, limit: int, head: int, takes: Takes | None = None
    ) -> SyncPage:
        """Conversations that changed for the user, in commit order; for a former member, up to leaving."""
        spot = self._places.read_spot(since, head, user_id)
        after = spot.change, spot.tie
        rows: list[_Own | _Seat] = []
        who, account = self._account_after(user_id, spot.change)
        # Not as long as the change is below the head: who joined a team with the last one has its conversations there.
        while who is not None and after < (head, LAST_TIE) and len(rows) <= limit:
            listing = self._changed(who, after, spot.base, head, limit)
            for some in listing.rising(after, limit + 1):
                found = self._some_changed(who, some)
                still = [own for own in found if own.changed == some[own.no]]
                rows.extend(still)
                if len(rows) > limit:
                    break
                if not still:
                    # Almost everything has changed since: a new list is cheaper than looking at the rest.
                    self._listings.drop(who.listing("changed", spot.base))
                    after = _place_of(rows[-1]) if rows else after
                    break
            else:
                after = listing.upto
        page = rows_taken((self._row(user_id, own, spot.base) for own in rows[:limit]), takes)
        more = len(rows) > len(page)
        told = _place_of(rows[len(page) - 1]) if page else (spot.change, spot.tie)
        last = Spot(*told, spot.base) if more else None
        return SyncPage(page, self._places.seal_spot(head, last), more, account, head)

    def _some_changed(self, who: _Who, some: Iterable[int]) -> Iterable[_Own | _Seat]:
        """These conversations, as far as the user has a seat there, in this order."""
        numbers = json.dumps([*some])
        if who.teams:
            return map(_Seat._make, self._sql(_SOME_SEATS_CHANGED, (numbers, *[who.no] * 5)))
        return map(_Own._make, self._sql(_SOME_CHANGED, (numbers, who.no, who.no, who.no)))

    def _changed(self, who: _Who, after: Row, base: int | None, head: int, limit: int) -> TiedSnapshot:
        """Conversations that changed behind `after` up to `upto`, which is the head unless there are very many."""
        key = who.listing("changed", base)
        listing = self._listings.get(key)
        if (
            isinstance(listing, TiedSnapshot)
            and listing.head <= head
            and listing.above <= after < listing.upto
        ):
            return listing
        change, tie = after
        # From the change itself on, if the listing is in the midst of what came of joining or leaving a team.
        statement = _ALL_CHANGED_IN_TEAM if who.teams else _ALL_CHANGED
        own = self._sql(statement, (who.no, change - (tie < LAST_TIE), MAX_LISTED))
        upto = head, LAST_TIE
        if len(own) == MAX_LISTED:
            upto = own[-1][0], OWN_TIE + own[-1][1]
        if not who.teams:
            return self._keep(key, own_snapshot(after, upto, head, own), limit)
        rows = [(natural, OWN_TIE + no, no) for natural, no in own]
        rows += gained(self._sql, who.no, who.teams, Spot(change, tie, base))
        rows = sorted(row for row in rows if after < row[:2] <= upto)
        if len(rows) > MAX_LISTED:
            rows = rows[:MAX_LISTED]
            upto = rows[-1][:2]
        return self._keep(key, tied_snapshot(after, upto, head, rows), limit)

    def conversations(
        self, user_id: str, before: str | None, limit: int, head: int, takes: Takes | None = None
    ) -> tuple[list[ConversationRow], str | None]:
        """The user's present conversations, with the unread count and what was last said; the newest of those first."""
        below = head + 1 if before is None else self._places.read(before, head, user_id, kind=LISTED)
        who = self._named(user_id)
        page: list[ConversationRow] = []
        for change, row in self._rows_spoken(who, below, head, limit) if who is not None else ():
            if len(page) >= limit or not (takes is None or takes(row)):
                return page, self._places.seal(head, below, kind=LISTED)
            page.append(row)
            below = change
        return page, None

    def _rows_spoken(
        self, who: _Who, below: int, head: int, limit: int
    ) -> Iterator[tuple[int, ConversationRow]]:
        """The rows with the changes of their last messages, falling. Read a few at a time: a message may be long."""
        while below > 1:
            listing = self._spoken(who, below, head, limit)
            for some in listing.falling(below, min(limit, PAGE_ITEMS) + 1):
                found = self._some_spoken(who, some)
                still = [row for row in found if row[1] == some[row[0]]]
                if not still:  # as in `sync`
                    self._listings.drop(who.listing("spoken"))
                    break
                below = still[-1][1]
                hidden = self._hidden
                for row in still:
                    listed = _listed(row)
                    yield row[1], listed if hidden is None else hidden.row(listed)
            else:
                below = listing.above + 1

    def _some_spoken(self, who: _Who, some: Iterable[int]) -> Iterable[tuple[Any, ...]]:
        """These conversations, as far as the user is a member, in this order."""
        numbers = json.dumps([*some])
        if who.teams:
            found = self._sql(_SOME_SEATS_SPOKEN, (numbers, who.no, who.no, who.no))
            return map(self._through_team, found)
        return self._sql(_SOME_SPOKEN, (numbers, who.no))

    def _through_team(self, row: tuple[Any, ...]) -> tuple[Any, ...]:
        """A row of a list without what tells of the team: what follows from that is filled in, and its id is the last."""
        team, gained_with, head_change, seen_no, *rest = row
        if team is not None:
            no, head, unread = rest[0], rest[5], rest[11]
            rest[6] = first_after(self._sql, no, head, head_change, gained_with)
            if unread < 0:
                before = unread_until(self._sql, no, rest[6] - 1, head_change)
                rest[11] = min(MORE_UNREAD, -unread - max(0, before - seen_no))
        return (*rest, team)

    def _spoken(self, who: _Who, below: int, head: int, limit: int) -> ListSnapshot:
        """Conversations in which was last spoken before `below` and after `above`, which is 0 unless there are very many."""
        key = who.listing("spoken")
        listing = self._listings.get(key)
        if (
            isinstance(listing, ListSnapshot)
            and listing.head <= head
            and listing.above < below - 1 <= listing.upto
        ):
            return listing
        rows = self._sql(_ALL_SPOKEN, (who.no, below, MAX_LISTED))
        above = 0 if len(rows) < MAX_LISTED else rows[-1][0] - 1
        if who.teams:
            # A first page is quick: who wants to see more of a long list waits once for all of it.
            most = max(FIRST_LISTED, limit + 1) if below > head else MAX_LISTED
            complete, more = spoken(self._sql, who.no, who.teams, below, most)
            above = max(above, complete)
            rows = sorted((row for row in [*rows, *more] if row[0] > above), reverse=True)
        return self._keep(key, list_snapshot(above, below - 1, head, reversed(rows)), limit)

    def _keep(self, key: Hashable, listing: L, limit: int) -> L:
        """Keep the list for the pages behind this one, if there are any."""
        if len(listing.changes) > limit:
            self._listings.put(key, listing, len(listing.changes))
        return listing

    def _named(self, user_id: str) -> _Who | None:
        rows = self._sql(_NAMED, (user_id,))
        return self._who(*rows[0]) if rows else None

    def one(self, user_id: str, user_no: int, conversation_no: int) -> ConversationRow:
        """The row of one conversation, of which the user is or was a member."""
        found = self._sql(_SOME_SEATS_CHANGED, (json.dumps([conversation_no]), *[user_no] * 5))
        return self._row(user_id, _Seat._make(found[0]), None)

    def _row(self, user_id: str, own: _Own | _Seat, base: int | None) -> ConversationRow:
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
        if isinstance(own, _Seat) and own.team is not None:
            row = replace(row, joined_at=self._begins_at(own, base), team=own.team)
        return row if self._hidden is None else self._hidden.row(row)

    def _begins_at(self, own: _Seat, base: int | None) -> int:
        """Where a client begins that has not followed the conversation: behind what was there before it could, or had to."""
        return first_after(self._sql, own.no, own.head, own.head_change, max(own.joined, base or 0))

    def _cursors_of_others(self, user_id: str, own: _Own | _Seat) -> tuple[tuple[str, Cursors], ...]:
        if own.kind == Kind.CHANNEL:
            return ()
        if own.kind == Kind.DIRECT:
            return ((own.other_id, Cursors(own.other_delivered, own.other_read)),) if own.other_id else ()
        if own.team_no is not None:
            rows = cursors_with_team(self._sql, own.no, own.team_no)
        else:
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
    settings, about, modseq, settings_seq, *last, team = more
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
        team=team,
        settings_seq=settings_seq,
    )
