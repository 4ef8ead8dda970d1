"""Checks of positions: no gaps, the chain of predecessors, heads, milestones, keys (docs/decisions/0002).

Everything here is one statement over the whole table that reads no content, each row against its predecessor by primary key.
If every message above 1 follows the one at the position before, and every head is the message that it names, then a
conversation holds at least 1..head; and if there are as many messages as positions, then it holds nothing else.
"""

# ruff: noqa: S608 - the SQL built here is made of constants
from __future__ import annotations

from imserver.model import KEY_BYTES
from imserver.store.checks.check_run import CheckRun, read_content
from imserver.store.checks.teams import EVER_BY_TEAM, TEAMS_SINCE
from imserver.store.engine.transaction import SILENT_EVENTS
from imserver.store.sqlite.positions import MILESTONE_EVERY

POSITIONS, HEADS, MILESTONES, KEYS, SENDERS = "positions", "heads", "milestones", "keys", "senders"
SPOKEN = "last said"

#: Bytes of a content's digest.
DIGEST_BYTES = 16

_BROKEN_LINKS = (
    "SELECT m.conversation_no, m.position, m.change, m.previous, p.conversation_no, p.position"
    " FROM messages m LEFT JOIN messages p ON p.change = m.previous"
    " WHERE CASE WHEN m.previous = 0 THEN m.position <> 1"
    " ELSE p.change IS NULL OR p.conversation_no <> m.conversation_no OR p.position <> m.position - 1"
    " OR m.previous >= m.change END"
)
_UNEVEN = (
    "SELECT c.no, c.held, coalesce(h.position, 0), c.most FROM"
    " (SELECT conversation_no AS no, count(*) AS held, max(position) AS most FROM messages GROUP BY conversation_no) c"
    " LEFT JOIN heads h ON h.conversation_no = c.no WHERE c.held <> coalesce(h.position, 0) OR c.most <> c.held"
)
_DOUBLED = "SELECT conversation_no, position, count(*) FROM messages GROUP BY conversation_no, position HAVING count(*) > 1"
_WRONG_HEADS = (
    "SELECT h.conversation_no, h.position, h.change, h.unread_no, m.conversation_no, m.position, m.unread_no"
    " FROM heads h LEFT JOIN messages m ON m.change = h.change"
    " WHERE m.change IS NULL OR m.conversation_no <> h.conversation_no OR m.position <> h.position"
    " OR m.unread_no <> h.unread_no"
)
_WITHOUT_MILESTONE = (
    "SELECT m.conversation_no, m.position, m.change, s.change FROM messages m"
    " LEFT JOIN milestones s ON s.conversation_no = m.conversation_no AND s.position = m.position"
    f" WHERE m.position % {MILESTONE_EVERY} = 0 AND s.change IS NOT m.change"
)
_STRANGE_MILESTONES = (
    "SELECT s.conversation_no, s.position, s.change FROM milestones s LEFT JOIN messages m ON m.change = s.change"
    " WHERE m.change IS NULL OR m.conversation_no <> s.conversation_no OR m.position <> s.position"
    f" OR s.position % {MILESTONE_EVERY} <> 0"
)
_SAME_KEYS = (
    "SELECT conversation_no, sender_no, hex(key), count(*), group_concat(position) FROM messages"
    " GROUP BY key, conversation_no, sender_no HAVING count(*) > 1"
)
_STRANGERS = (
    "SELECT m.conversation_no, m.position, m.sender_no, s.left_at FROM messages m"
    " LEFT JOIN members s ON s.conversation_no = m.conversation_no AND s.user_no = m.sender_no"
    " WHERE (s.user_no IS NULL OR m.position > s.left_at)"
)
_NOR_BY_TEAM = f" AND NOT EXISTS ({EVER_BY_TEAM.format(place='m.conversation_no', user='m.sender_no')})"


_LAST_SAID = (
    "SELECT h.conversation_no, h.spoken, m.change, m.previous, m.content FROM heads h"
    " JOIN messages m ON m.change = h.change AND m.conversation_no = h.conversation_no AND m.position = h.position"
)


def positions(run: CheckRun) -> None:
    """Check that positions are 1..last, each message follows the one before, and no position is there twice (invariant 3)."""
    held = run.number("SELECT count(*) FROM messages")
    run.looked_at(POSITIONS, held)
    for no, position, change, previous, other_no, other_position in run.rows(_BROKEN_LINKS):
        name = f"message {position} of {run.conversation(no)} (change {change})"
        if previous == 0:
            text = f"{name} has none before it"
        elif other_position is None:
            text = f"{name} follows change {previous}, which is no message"
        elif other_no != no:
            text = f"{name} follows message {other_position} of {run.conversation(other_no)}"
        else:
            text = f"{name} follows message {other_position} (change {previous})"
        run.found(POSITIONS, text)
    if not run.notified(POSITIONS) and held == run.number("SELECT sum(position) FROM heads"):
        return
    run.list(
        POSITIONS,
        _UNEVEN,
        lambda no, count, head, most: (
            f"{run.conversation(no)} holds {count} messages up to position {most}, and its head is at {head}"
        ),
    )
    run.list(
        POSITIONS,
        _DOUBLED,
        lambda no, position, count: f"position {position} of {run.conversation(no)} is there {count} times",
    )


def heads(run: CheckRun) -> None:
    """Check that every conversation's head exists and is the message that it names."""
    run.looked_at(HEADS, run.number("SELECT count(*) FROM heads"))
    for no, position, change, unread, other_no, other_position, other_unread in run.rows(_WRONG_HEADS):
        name = f"the head of {run.conversation(no)} ({position}, change {change})"
        if other_position is None:
            text = f"{name} is no message"
        elif (other_no, other_position) != (no, position):
            text = f"{name} is message {other_position} of {run.conversation(other_no)}"
        else:
            text = f"{name} counts {unread} unread, and its message {other_unread}"
        run.found(HEADS, text)
    run.list(
        HEADS,
        "SELECT conversation_id FROM conversations WHERE no NOT IN (SELECT conversation_no FROM heads)",
        lambda name: f"{name} has no head",
    )
    run.list(
        HEADS,
        "SELECT conversation_no FROM heads WHERE conversation_no NOT IN (SELECT no FROM conversations)",
        lambda no: f"there is a head of conversation no. {no}, which does not exist",
    )


def milestones(run: CheckRun) -> None:
    """Check that every 16th position has a milestone, and each is the message that it names."""
    run.looked_at(MILESTONES, run.number("SELECT count(*) FROM milestones"))
    run.list(
        MILESTONES,
        _WITHOUT_MILESTONE,
        lambda no, position, change, marked: (
            f"position {position} of {run.conversation(no)} is change {change}, and its milestone says {marked or 'nothing'}"
        ),
    )
    run.list(
        MILESTONES,
        _STRANGE_MILESTONES,
        lambda no, position, change: (
            f"the milestone {position} of {run.conversation(no)} names change {change}, which is another"
        ),
    )


def spoken(run: CheckRun) -> None:
    """Check that every head names the last message that is not silent, by which lists are ordered."""
    for no, change_said, change, previous, content in run.rows(_LAST_SAID):
        run.looked_at(SPOKEN, 1)
        last: int | None = change
        while last is not None and _is_silent(content):
            # A change only falls on the way: a chain that is a ring is the check of positions' to report.
            row = run.one(
                "SELECT previous, content FROM messages WHERE change = ? AND change < ?", (previous, last)
            )
            last = previous if row else None
            previous, content = row or (0, None)
        if last is not None and last != change_said:
            run.found(SPOKEN, f"{run.conversation(no)} was last said in by change {last}, not {change_said}")


def _is_silent(content: bytes | None) -> bool:
    said = read_content(content) if content is not None else ""
    return not isinstance(said, str) and said.get("type") == "system" and said.get("event") in SILENT_EVENTS


def keys(run: CheckRun) -> None:
    """Check that (conversation, sender, key) is unique, ever (invariant 2), and keys and digests have their length."""
    run.looked_at(KEYS, run.number("SELECT count(*) FROM messages"))
    run.list(
        KEYS,
        _SAME_KEYS,
        lambda no, sender, key, count, where: (
            f"{run.conversation(no)} holds the key {key} of {run.user(sender)} {count} times, at {where}"
        ),
    )
    run.list(
        KEYS,
        "SELECT conversation_no, position, length(key), length(digest) FROM messages"
        " WHERE length(key) <> ? OR length(digest) <> ?",
        lambda no, position, key, digest: (
            f"message {position} of {run.conversation(no)} has a key of {key} bytes and a digest of {digest}"
        ),
        (KEY_BYTES, DIGEST_BYTES),
    )


def senders(run: CheckRun) -> None:
    """Check that every sender is or was a member, and posts nothing after leaving (invariant 17), unless by the team."""
    run.looked_at(SENDERS, run.number("SELECT count(*) FROM messages"))
    strangers = _STRANGERS if run.version < TEAMS_SINCE else _STRANGERS + _NOR_BY_TEAM
    for no, position, sender, left_at in run.rows(strangers):
        name = f"message {position} of {run.conversation(no)} is by {run.user(sender)}"
        run.found(
            SENDERS,
            f"{name}, who was never a member" if left_at is None else f"{name}, who left at {left_at}",
        )
