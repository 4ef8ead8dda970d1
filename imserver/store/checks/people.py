"""Checks of accounts, tokens, conversations, members and cursors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from imserver.model import Kind, Role, direct_pair, group_conversation_id, valid_user_id
from imserver.store.checks.check_run import CheckRun, telling_of
from imserver.store.checks.teams import TEAMS_SINCE

ACCOUNTS, TOKENS, CONVERSATIONS, MEMBERS, CURSORS = (
    "accounts",
    "tokens",
    "conversations",
    "members",
    "cursors",
)

_KINDS = frozenset(Kind)
#: Roles that a member can have in a conversation of this kind.
_ROLES: Mapping[str, frozenset[str]] = {
    Kind.DIRECT: frozenset({Role.MEMBER}),
    Kind.GROUP: frozenset({Role.OWNER, Role.ADMIN, Role.MEMBER}),
    Kind.CHANNEL: frozenset(Role),
}
_MEMBERS = (
    "SELECT m.conversation_no, m.user_no, m.role, m.joined_at, m.left_at, m.muted_until, m.seen_no, m.delivered, m.read,"
    " u.user_id, c.kind, h.position, h.unread_no FROM members m LEFT JOIN users u ON u.no = m.user_no"
    " LEFT JOIN conversations c ON c.no = m.conversation_no LEFT JOIN heads h ON h.conversation_no = m.conversation_no"
    " ORDER BY m.conversation_no, m.user_no"
)
_OWNERS = (
    "SELECT c.conversation_id, sum(m.role = 'owner'), count(*) FROM conversations c"
    " JOIN members m ON m.conversation_no = c.no AND m.left_at IS NULL WHERE c.kind <> 'direct'"
    " GROUP BY c.no HAVING sum(m.role = 'owner') <> 1"
)


class _Member(NamedTuple):
    no: int
    user_no: int
    role: str
    joined_at: int
    left_at: int | None
    muted_until: int
    seen_no: int
    delivered: int
    read: int
    user_id: str | None
    kind: str | None
    head: int | None
    head_unread: int | None


def accounts(run: CheckRun) -> None:
    """Check that user ids are valid."""
    for user_id, roles in run.rows("SELECT user_id, roles FROM users"):
        run.looked_at(ACCOUNTS, 1)
        if not valid_user_id(user_id):
            run.found(ACCOUNTS, f"{user_id!r} is no user id")
        if roles and not all(roles.split("\n")):
            run.found(ACCOUNTS, f"{user_id}: an empty role")


def tokens(run: CheckRun) -> None:
    """Check that every token belongs to a user's device."""
    run.looked_at(TOKENS, run.number("SELECT count(*) FROM tokens"))
    run.list(
        TOKENS,
        "SELECT token_id, device_id, user_no FROM tokens WHERE user_no NOT IN (SELECT no FROM users)"
        " OR device_id = '' OR token_id = ''",
        lambda token_id, device_id, user_no: (
            f"token {token_id!r} of device {device_id!r} belongs to {run.user(user_no)}"
        ),
    )


def conversations(run: CheckRun) -> None:
    """Check that ids follow from the pair, or from creator and key; and that membership changes with a message, or by a team
    that is set without one."""
    of_team = "team IS NOT NULL" if run.version >= TEAMS_SINCE else "0"
    for no, name, kind, membership, has_team in run.rows(
        f"SELECT no, conversation_id, kind, membership, {of_team} FROM conversations"  # noqa: S608 - constants
    ):
        run.looked_at(CONVERSATIONS, 1)
        wrong = f"its kind is {kind!r}" if kind not in _KINDS else ""
        if not wrong:
            wrong = _wrong_pair(run, no, name) if kind == Kind.DIRECT else _wrong_group(run, no, name)
        change = run.one("SELECT conversation_no FROM messages WHERE change = ?", (membership,))
        if not wrong and change != (no,) and not (has_team and change is None):
            wrong = f"its members changed with change {membership}, which is no message of it"
        if wrong:
            run.found(CONVERSATIONS, f"{name}: {wrong}")
    run.list(
        CONVERSATIONS,
        _OWNERS,
        lambda name, owners, count: f"{name} has {owners} owners among its {count} members",
    )


def _wrong_pair(run: CheckRun, no: int, name: str) -> str:
    pair = direct_pair(name)
    if pair is None:
        return "a direct conversation bears the id of a pair"
    rows = run.rows(
        "SELECT u.user_id FROM members m JOIN users u ON u.no = m.user_no"
        " WHERE m.conversation_no = ? AND m.left_at IS NULL LIMIT 3",
        (no,),
    )
    members = sorted(user_id for (user_id,) in rows)
    return "" if members == sorted(pair) else f"its members are {', '.join(members) or 'nobody'}"


def _wrong_group(run: CheckRun, no: int, name: str) -> str:
    """Its first message is `created`, under the key from which its id follows."""
    first = run.message_at(no, 1) if run.one("SELECT 1 FROM heads WHERE conversation_no = ?", (no,)) else None
    if first is None:
        return "its first message cannot be found"
    row = run.one(
        "SELECT u.user_id, m.key FROM messages m JOIN users u ON u.no = m.sender_no WHERE m.change = ?",
        (first.change,),
    )
    if row is None or group_conversation_id(row[0], row[1]) != name:
        return "its id does not follow from who made it"
    return (
        "" if telling_of(first).get("event") == "created" else "its first message does not tell of its making"
    )


def members(run: CheckRun) -> None:
    """Check that members exist, joined and left with a system message, and have cursors within what they saw."""
    run.looked_at(MEMBERS, 0)
    run.looked_at(CURSORS, 0)
    for member in map(_Member._make, run.rows(_MEMBERS)):
        run.looked_at(MEMBERS, 1)
        run.looked_at(CURSORS, 1)
        wrong = _wrong_row(member) or _wrong_interval(run, member)
        if wrong:
            run.found(MEMBERS, f"{_name(run, member)} {wrong}")
        elif wrong := _wrong_cursor(run, member):
            run.found(CURSORS, f"{_name(run, member)} {wrong}")


def _name(run: CheckRun, member: _Member) -> str:
    return f"{member.user_id or f'user no. {member.user_no}'} in {run.conversation(member.no)}"


def _wrong_row(member: _Member) -> str:
    if member.user_id is None:
        return "has no account"
    if member.kind is None or member.head is None:
        return "is a member of nothing"
    if member.role not in _ROLES.get(member.kind, frozenset(Role)):
        return f"is {member.role!r}, which nobody is in a {member.kind} conversation"
    if member.muted_until < 0:
        return f"is muted until {member.muted_until}"
    return ""


def _wrong_interval(run: CheckRun, member: _Member) -> str:
    head, joined_at, left_at = member.head or 0, member.joined_at, member.left_at
    if not 1 <= joined_at <= head or (left_at is not None and not joined_at < left_at <= head):
        return (
            f"joined at {joined_at}"
            + (f" and left at {left_at}" if left_at else "")
            + f"; the head is {head}"
        )
    if member.kind == Kind.DIRECT:
        return "" if joined_at == 1 and left_at is None else "did not stay from the beginning to the end"
    # The system message at position 1 is `created`, which names no member.
    if joined_at > 1 and not _tells(run, member, joined_at, ("added",)):
        return f"joined at {joined_at}, and no message there says so"
    if left_at is not None and not _tells(run, member, left_at, ("left", "removed")):
        return f"left at {left_at}, and no message there says so"
    return ""


def _tells(run: CheckRun, member: _Member, position: int, events: tuple[str, ...]) -> bool:
    notice = telling_of(run.message_at(member.no, position))
    return notice.get("event") in events and notice.get("user") == member.user_id


def _wrong_cursor(run: CheckRun, member: _Member) -> str:
    """Cursors are never above what the member saw, `delivered` never below `read` (invariant 16); unread counts from `read`."""
    end = (member.head or 0) if member.left_at is None else member.left_at
    if not 0 <= member.read <= member.delivered <= end:
        return f"has read {member.read} and got {member.delivered} of {end}"
    at_head = member.read == member.head
    read = member.head_unread if at_head else run.unread_at(member.no, member.read)
    joined = run.unread_at(member.no, member.joined_at - 1)
    if read is None or joined is None:
        return ""  # the check of positions reports this fault
    wanted = max(read, joined)
    return "" if member.seen_no == wanted else f"counts unread from {member.seen_no}, not {wanted}"
