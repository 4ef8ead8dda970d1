"""Reads of who is a member through a team: a group that a conversation names, and whose persons are members here, too.

A present row of one's own wins over the team. Everything that one has here through a team only (cursors, settings) stands in
`team_cursors`, so that a query that forgets the team shows too little and not too much. Who is in no team pays one look for it.
"""

# ruff: noqa: S608 - the SQL built here is made of constants and question marks
from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, TypeAlias

from imserver.chat.permissions import MAX_RECEIPT_MEMBERS
from imserver.store.engine.places import Spot
from imserver.store.sqlite.positions import changes_of, highest_until

Sql = Callable[[str, Sequence[Any]], list[tuple[Any, ...]]]

#: The teams of a user, by number, each with the change of joining.
Teams: TypeAlias = tuple[tuple[int, int], ...]
NO_TEAMS: Teams = ()


class Mate(NamedTuple):
    """A person of a team, with the change of joining."""

    user_id: str
    no: int
    joined: int


#: How far back a listing of `sync` goes where it began without a token, and in teams that one has joined since it began.
HORIZON_MS = 90 * 24 * 60 * 60 * 1000
#: And how many conversations of teams it lists so at most: the newest.
MAX_GAINED = 10_000

_TEAMS = "SELECT team_no, joined FROM team_members WHERE user_no = ? ORDER BY team_no"
_PERSONS = (
    "SELECT u.user_id, t.user_no, t.joined FROM team_members t JOIN users u ON u.no = t.user_no"
    " WHERE t.team_no = ? ORDER BY u.user_id"
)
#: A conversation as somebody stands in it through a team. Asked only for who has no present row of their own.
_THROUGH = (
    "SELECT c.no, u.no, h.position, h.change, c.kind, 'member', NULL, c.modseq FROM conversations c"
    " JOIN heads h ON h.conversation_no = c.no JOIN users u ON u.user_id = ?"
    " JOIN team_members t ON t.user_no = u.no AND t.team_no = c.team WHERE c.conversation_id = ?"
)
_WAS_IN_TEAM = (
    "SELECT c.kind FROM conversations c JOIN users u ON u.user_id = ?"
    " JOIN members m ON m.conversation_no = c.team AND m.user_no = u.no WHERE c.conversation_id = ?"
)
#: The change of leaving a conversation's team.
_LEFT_TEAM = (
    "SELECT g.changed FROM conversations c JOIN members g ON g.conversation_no = c.team AND g.user_no = ?"
    " WHERE c.no = ? AND g.left_at IS NOT NULL"
)
_HAS_ROW = "SELECT 1 FROM members m WHERE m.conversation_no = c.no AND m.user_no = ? AND m.left_at IS NULL"
#: Conversations of a team that changed after a change, by their last message and by what else changed; without those in which
#: the user has a present row.
_BY_HEAD = (
    "SELECT max(c.changed, h.change), c.no FROM heads h JOIN conversations c ON c.no = h.conversation_no"
    f" WHERE h.team = ? AND h.change > ? AND NOT EXISTS ({_HAS_ROW})"
)
_BY_CHANGED = (
    "SELECT max(c.changed, h.change), c.no FROM conversations c JOIN heads h ON h.conversation_no = c.no"
    f" WHERE c.team = ? AND c.changed > ? AND NOT EXISTS ({_HAS_ROW})"
)
_NEWEST_BY_HEAD = _BY_HEAD + " ORDER BY h.change DESC LIMIT ?"
_NEWEST_BY_CHANGED = _BY_CHANGED + " ORDER BY c.changed DESC LIMIT ?"
_SPOKEN = (
    "SELECT h.spoken, h.conversation_no, h.change FROM heads h WHERE h.team = ? AND h.spoken < ? AND h.spoken > 0"
    " AND NOT EXISTS (SELECT 1 FROM members m WHERE m.conversation_no = h.conversation_no AND m.user_no = ?"
    " AND m.left_at IS NULL) ORDER BY h.change DESC LIMIT ?"
)
_SENT_AT = "SELECT change, sent_at FROM messages WHERE change >= ? ORDER BY change LIMIT 1"
_NEWEST = "SELECT change, sent_at FROM messages WHERE change = (SELECT max(change) FROM messages)"

#: The end of the FROM of a query whose rows are a user's conversations, `c`: the user's own row there, `m`; and, unless that is
#: present, the team, `t` and `g`, with what one has, or had, there through it, `k`. Three times the user's number.
SEATS = (
    " LEFT JOIN members m ON m.conversation_no = c.no AND m.user_no = ?"
    " LEFT JOIN team_members t ON t.user_no = ? AND t.team_no = c.team AND (m.left_at IS NOT NULL OR m.user_no IS NULL)"
    " LEFT JOIN team_cursors k ON k.user_no = ? AND k.conversation_no = c.no"
    " AND (m.left_at IS NOT NULL OR m.user_no IS NULL)"
    " LEFT JOIN conversations g ON g.no = c.team AND t.joined IS NOT NULL"
)
_MANY_PERSONS = f"SELECT 1 FROM team_members WHERE team_no = ? LIMIT 1 OFFSET {MAX_RECEIPT_MEMBERS}"
_CURSORS = (
    "SELECT u.user_id, s.delivered, s.read FROM ("
    "SELECT user_no, delivered, read FROM members WHERE conversation_no = ? AND left_at IS NULL"
    " UNION ALL SELECT t.user_no, k.delivered, k.read FROM team_members t"
    " LEFT JOIN team_cursors k ON k.user_no = t.user_no AND k.conversation_no = ?"
    " LEFT JOIN members m ON m.conversation_no = ? AND m.user_no = t.user_no AND m.left_at IS NULL"
    " WHERE t.team_no = ? AND m.user_no IS NULL) s"
    f" CROSS JOIN users u ON u.no = s.user_no ORDER BY u.user_id LIMIT {MAX_RECEIPT_MEMBERS + 1}"
)


def teams_of(sql: Sql, user_no: int) -> Teams:
    """The teams that the user is in now."""
    return tuple((team_no, joined) for team_no, joined in sql(_TEAMS, (user_no,)))


def through(sql: Sql, conversation_id: str, user_id: str) -> list[tuple[Any, ...]]:
    """How the user stands in the conversation through its team; nothing if they do not. For who has no present own row:
    number of the conversation and of the user, head and its change, kind, role, `left_at`, modseq."""
    return sql(_THROUGH, (user_id, conversation_id))


def kind_if_once_through(sql: Sql, conversation_id: str, user_id: str) -> str | None:
    """The conversation's kind if the user, who has no row there, was ever in its team; else None."""
    rows = sql(_WAS_IN_TEAM, (user_id, conversation_id))
    return rows[0][0] if rows else None


def left_team(sql: Sql, conversation_no: int, user_no: int) -> int:
    """The change with which the user left the conversation's team; 0 for who did not, or never was in it."""
    rows = sql(_LEFT_TEAM, (user_no, conversation_no))
    return rows[0][0] if rows else 0


def persons(sql: Sql, team_no: int) -> list[Mate]:
    """The persons of a team by user id."""
    return [Mate._make(row) for row in sql(_PERSONS, (team_no,))]


def cursors_with_team(sql: Sql, conversation_no: int, team_no: int) -> list[tuple[str, int, int]]:
    """The cursors of the members of a conversation with a team, by user id; none if they are too many to see each other's. Who
    never got anything through the team has none."""
    if sql(_MANY_PERSONS, (team_no,)):
        return []
    rows = sql(_CURSORS, (conversation_no, conversation_no, conversation_no, team_no))
    if len(rows) > MAX_RECEIPT_MEMBERS:
        return []
    return [(user_id, delivered, read) for user_id, delivered, read in rows if delivered is not None]


def first_after(sql: Sql, conversation_no: int, head: int, head_change: int, change: int) -> int:
    """The position of the first message behind this change: that of the next one if there is none yet."""
    return highest_until(sql, conversation_no, head, head_change, change) + 1


def unread_until(sql: Sql, conversation_no: int, position: int, head_change: int) -> int:
    """How many messages up to this position count as unread."""
    if position == 0:
        return 0
    [change] = changes_of(sql, conversation_no, position, position, head_change)
    unread: int = sql("SELECT unread_no FROM messages WHERE change = ?", (change,))[0][0]
    return unread


# -- lists ----------------------------------------------------------------------------------------------------------------


def gained(sql: Sql, user_no: int, teams: Teams, spot: Spot) -> Iterable[tuple[int, int, int]]:
    """Rows of `sync` behind the spot that the user has through teams: `(change, tie, conversation)`, in no order.

    Of teams that were there when the listing began, what changed. Of others (all, where it began without a token), what moved
    after its base, and the newest of what moved within the horizon.
    """
    joined_in = dict(teams)
    found: dict[int, tuple[int, int]] = {}
    within: list[tuple[int, int, int]] = []
    for team_no, joined in teams:
        floor = _floor(spot, joined)
        if spot.base is not None:
            since = floor if joined <= spot.base else max(floor, spot.base)
            for statement in (_BY_HEAD, _BY_CHANGED):
                found.update((no, (tie, team_no)) for tie, no in sql(statement, (team_no, since, user_no)))
        if spot.base is None or joined > spot.base:
            least = max(floor, _horizon(sql) - 1)
            for statement in (_NEWEST_BY_HEAD, _NEWEST_BY_CHANGED):
                newest = sql(statement, (team_no, least, user_no, MAX_GAINED))
                within += ((tie, no, team_no) for tie, no in newest)
    # The newest of all teams are among the newest by their heads or by what else changed in each.
    newest_first = sorted(set(within), reverse=True)[:MAX_GAINED]
    found.update((no, (tie, team_no)) for tie, no, team_no in newest_first)
    return [(max(tie, joined_in[team_no]), tie, no) for no, (tie, team_no) in found.items()]


def _floor(spot: Spot, joined: int) -> int:
    """Rows of a team that one joined with this change are behind the spot if their own last change is above this."""
    if spot.change < joined:
        return 0
    return min(spot.tie, joined) if spot.change == joined else spot.change


def _horizon(sql: Sql) -> int:
    """The first change of the 90 days up to the newest message: after a long rest, the server lists what it would have then."""
    newest: list[tuple[int, int]] = sql(_NEWEST, ())
    if not newest:
        return 0
    above, at = newest[0]
    below, since = 0, at - HORIZON_MS
    while above - below > 1:
        middle = (above + below) // 2
        change, sent_at = sql(_SENT_AT, (middle,))[0]
        if sent_at < since:
            below = change
        else:
            above = middle
    return above


def spoken(sql: Sql, user_no: int, teams: Teams, below: int, limit: int) -> tuple[int, list[tuple[int, int]]]:
    """Conversations of the teams in which was last spoken before `below`: `(change, conversation)` in no order; and the change
    above which these are all. Looks at the `limit` of each team in which anything was said last, silent or not."""
    above = 0
    rows: list[tuple[int, int]] = []
    for team_no, _ in teams:
        found = sql(_SPOKEN, (team_no, below, user_no, limit))
        if len(found) == limit:
            # Where less was said later, it was spoken earlier, too.
            above = max(above, found[-1][2] - 1)
        rows += ((change, no) for change, no, _ in found)
    return above, [row for row in rows if row[0] > above]
