"""Checks of contents: they decode, digests match, unread counts add up, and system messages are true.

One pass over the table in the order of commits; each row is judged with its predecessor beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from imserver.model import Role, content_digest
from imserver.store.checks.check_run import TELL_EVERY, CheckRun, read_content, telling_of
from imserver.store.checks.teams import ever_by_team

CONTENTS, DIGESTS, UNREAD, TELLINGS, REVISIONS, ENDS = (
    "contents",
    "digests",
    "unread counts",
    "tellings",
    "revisions",
    "ends of revisions",
)

_PASS = (
    "SELECT m.conversation_no, m.position, m.sender_no, m.sent_at, m.unread_no, m.revision, m.digest, m.content,"
    " CASE WHEN m.position = 1 THEN 0 ELSE p.unread_no END FROM messages m LEFT JOIN messages p ON p.change = m.previous"
    " AND p.conversation_no = m.conversation_no AND p.position = m.position - 1 ORDER BY m.change"
)
_REVISIONS = (
    "SELECT conversation_no, position, revision, content, replaced_at FROM revisions ORDER BY 1, 2, 3"
)
_ENDS = (
    "SELECT r.conversation_no, r.position, r.revision, r.until, h.position FROM revisions r"
    " LEFT JOIN heads h ON h.conversation_no = r.conversation_no ORDER BY 1, 2, 3"
)
_REVISION = "SELECT content FROM revisions WHERE conversation_no = ? AND position = ? AND revision = ?"
_MEMBER = "SELECT joined_at, left_at FROM members WHERE conversation_no = ? AND user_no = ?"


class _Row(NamedTuple):
    no: int
    position: int
    sender_no: int
    sent_at: int
    unread_no: int
    revision: int
    digest: bytes
    content: bytes | None
    #: `unread_no` of the message before, 0 for the first; None if the one before cannot be found.
    unread_before: int | None


def messages(run: CheckRun) -> None:
    """Check every message once."""
    total = run.number("SELECT count(*) FROM messages")
    for name in (CONTENTS, DIGESTS, UNREAD):
        run.looked_at(name, total)
    run.looked_at(TELLINGS, 0)
    edits = edited = 0
    untold: set[tuple[int, int]] = set()
    for done, row in enumerate(map(_Row._make, run.rows(_PASS)), 1):
        if done % TELL_EVERY == 0:
            run.progress(CONTENTS, done, total)
        if row.content is None:
            untold.add((row.no, row.position))
        else:
            edits += row.revision - 1
        if row.revision > 1 or row.content is None:
            _has_revisions(run, row)
        content = _judged(run, row)
        system = content is not None and content.get("type") == "system"
        if system and content:
            edited += _notified(run, row, content, untold)
        _counted(run, row, None if content is None else not system)
        digest = _digest_of(run, row, content if system else None)
        if digest is not None and digest != row.digest:
            run.found(DIGESTS, f"{_name(run, row)}: its digest is not that of what was first said")
    for no, position in sorted(untold):
        run.found(
            TELLINGS, f"message {position} of {run.conversation(no)} was taken back, and nothing tells of it"
        )
    _revisions(run, edits, edited)


def _name(run: CheckRun, row: _Row) -> str:
    return f"message {row.position} of {run.conversation(row.no)}"


def _judged(run: CheckRun, row: _Row) -> Mapping[str, Any] | None:
    """The decoded content; None if it does not decode, or was taken back."""
    if row.sent_at < 0 or row.revision < 1:
        run.found(CONTENTS, f"{_name(run, row)}: sent at {row.sent_at}, revision {row.revision}")
    if row.content is None:
        return None
    content = read_content(row.content)
    wrong = wrong_content(content)
    if wrong or isinstance(content, str):
        run.found(CONTENTS, f"{_name(run, row)}: {wrong}")
        return None
    return content


def wrong_content(content: Mapping[str, Any] | str) -> str:
    """The reason why this content could not have been posted; "" if it could."""
    if isinstance(content, str):
        return content
    kind = content.get("type")
    if not isinstance(kind, str) or not kind:
        return "no `type`"
    if kind == "text" and not isinstance(content.get("text"), str):
        return "`text` is not a string"
    return ""


def _counted(run: CheckRun, row: _Row, counts: bool | None) -> None:
    """Check the unread count: users' messages count, system messages do not. `counts` None: not known any more."""
    if row.unread_before is None:
        return
    step = row.unread_no - row.unread_before
    if step not in (0, 1) or (counts is not None and step != counts):
        text = f"counts {row.unread_no} unread, after {row.unread_before}"
        run.found(UNREAD, f"{_name(run, row)} {text}")


# -- digests ------------------------------------------------------------------------------------------------------------


def _digest_of(run: CheckRun, row: _Row, notice: Mapping[str, Any] | None) -> bytes | None:
    """The digest that the message must have; None if it depends on data that is not kept."""
    if notice is not None:
        return _digest_of_request(run, row, notice)
    first = row.content
    if row.revision > 1:
        found = run.one(_REVISION, (row.no, row.position, 1))
        first = found[0] if found else None
    return None if first is None else content_digest(first)


def _digest_of_request(run: CheckRun, row: _Row, notice: Mapping[str, Any]) -> bytes | None:
    """The digest of the request that the system message reports."""
    event = notice.get("event")
    if event == "added":
        return content_digest(f"add {notice.get('role')} {notice.get('user')}".encode("utf-8", "replace"))
    if event in ("removed", "left"):
        return content_digest(f"remove {notice.get('user')}".encode("utf-8", "replace"))
    if event == "edited":
        target, revision = notice.get("target"), notice.get("revision")
        if type(target) is int and type(revision) is int:
            content = _content_of(run, row.no, target, revision)
            return None if content is None else content_digest(b"edit %d " % target + content)
    if event == "retracted" and type(notice.get("target")) is int:
        return content_digest(b"retract %d" % notice["target"])
    return None  # the members of a new conversation are not kept as they were


def _content_of(run: CheckRun, no: int, position: int, revision: int) -> bytes | None:
    found = run.one(_REVISION, (no, position, revision))
    if found is not None:
        content: bytes | None = found[0]
        return content
    message = run.message_at(no, position)
    return message.content if message is not None and message.revision == revision else None


# -- system messages ----------------------------------------------------------------------------------------------------


def _notified(run: CheckRun, row: _Row, notice: Mapping[str, Any], untold: set[tuple[int, int]]) -> int:
    """Check that the system message is true. Returns 1 if it reports an edit whose earlier content is to be kept.

    `untold`: messages before it that were taken back, and of which nothing has told so far.
    """
    run.looked_at(TELLINGS, 1)
    event, kept = notice.get("event"), 0
    if event == "edited":
        wrong, kept = _wrong_edit(run, row, notice)
    elif event == "retracted":
        wrong = _wrong_retraction(run, row, notice)
        if not wrong and (row.no, notice["target"]) not in untold:
            wrong = "it was told before"
        untold.discard((row.no, notice.get("target", 0)))
    elif event in ("added", "removed", "left"):
        wrong = _wrong_member(run, row, notice)
    elif event == "created":
        wrong = "" if row.position == 1 else "it is not the first message"
        if not wrong and run.user_no(str(notice.get("user"))) != row.sender_no:
            wrong = "its author is another"
    elif str(event).startswith("x-"):
        wrong = ""  # a plugin's own
    else:
        wrong = "there is no such event"
    if wrong:
        run.found(TELLINGS, f"{_name(run, row)} tells {str(event)[:40]!r}, and {wrong}")
    return kept


def _wrong_edit(run: CheckRun, row: _Row, notice: Mapping[str, Any]) -> tuple[str, int]:
    """What is wrong, and 1 if a content from before the edit is to be kept: none is of what was taken back."""
    named = _named(row, notice)
    if named is None:
        return "names no message before it", 1
    target, revision = named
    message = run.message_at(row.no, target)
    kept = int(message is None or message.content is not None)
    if message is None or message.revision < revision + 1 - kept:
        return f"message {target} has no revision {revision}", kept
    if message.sender_no != row.sender_no:
        return f"message {target} is by {run.user(message.sender_no)}", kept
    if kept and run.one(_REVISION, (row.no, target, revision - 1)) is None:
        return f"what message {target} said before is not kept", kept
    return "", kept


def _wrong_retraction(run: CheckRun, row: _Row, notice: Mapping[str, Any]) -> str:
    named = _named(row, notice)
    if named is None:
        return "names no message before it"
    target, revision = named
    message = run.message_at(row.no, target)
    if message is None or message.content is not None:
        return f"message {target} was not taken back"
    return "" if message.revision == revision else f"message {target} is at revision {message.revision}"


def _named(row: _Row, notice: Mapping[str, Any]) -> tuple[int, int] | None:
    """The message before this one, and its revision, that it tells of."""
    target, revision = notice.get("target"), notice.get("revision")
    if type(target) is int and type(revision) is int and 1 <= target < row.position and revision >= 2:
        return target, revision
    return None


def _wrong_member(run: CheckRun, row: _Row, notice: Mapping[str, Any]) -> str:
    user_id, event = notice.get("user"), notice.get("event")
    user_no = run.user_no(user_id) if isinstance(user_id, str) else None
    member = None if user_no is None else run.one(_MEMBER, (row.no, user_no))
    if member is None and (user_no is None or not ever_by_team(run, row.no, user_no)):
        return "nobody of that name was ever a member"
    if event == "left" and user_no != row.sender_no:
        return f"its author is {run.user(row.sender_no)}"
    if member is None:
        return ""  # the row went when the conversation got its team
    joined_at, left_at = member
    if event == "added":
        known = notice.get("role") in set(Role)
        return "" if known and left_at != row.position else "the members do not know of it"
    if left_at != row.position and joined_at <= row.position:
        return f"that member joined at {joined_at} and left at {left_at or 'no time'}"
    return ""


# -- revisions ----------------------------------------------------------------------------------------------------------


def _has_revisions(run: CheckRun, row: _Row) -> None:
    """Check that the content before each edit is kept, and none of what was taken back."""
    kept = run.one(
        "SELECT count(*), min(revision), max(revision) FROM revisions WHERE conversation_no = ? AND position = ?",
        (row.no, row.position),
    )
    if row.content is None:
        if kept and kept[0]:
            text = f"was taken back, and {kept[0]} of its contents are kept"
            run.found(REVISIONS, f"{_name(run, row)} {text}")
    elif kept != (row.revision - 1, 1, row.revision - 1):
        text = (
            f"{_name(run, row)} is at revision {row.revision}, and {kept[0] if kept else 0} earlier are kept"
        )
        run.found(REVISIONS, text)


def _revisions(run: CheckRun, edits: int, edited: int) -> None:
    """Check that each revision belongs to a message, has a system message, and decodes."""
    count = 0
    for no, position, revision, content, _ in run.rows(_REVISIONS):
        count += 1
        wrong = wrong_content(read_content(content))
        if wrong:
            run.found(
                REVISIONS, f"revision {revision} of message {position} of {run.conversation(no)}: {wrong}"
            )
    run.looked_at(REVISIONS, count)
    if count != edits and not run.notified(REVISIONS):
        _strange_revisions(run)
    if count != edited:
        run.found(REVISIONS, f"{count} earlier contents are kept, and {edited} edits were told")


def _strange_revisions(run: CheckRun) -> None:
    for no, position, revision, _, _ in run.rows(_REVISIONS):
        message = run.message_at(no, position)
        if message is None or message.revision <= revision:
            text = f"revision {revision} of message {position} of {run.conversation(no)} is kept"
            run.found(
                REVISIONS, f"{text}, and the message is at {message.revision if message else 'no revision'}"
            )


def ends(run: CheckRun) -> None:
    """Check that each revision ends at the message that told of the next one: whoever left before it reads this one."""
    before = (0, 0, 0)
    for no, position, revision, until, head in run.rows(_ENDS):
        run.looked_at(ENDS, 1)
        wrong = ""
        if until is None or not position < until <= (head or 0):
            wrong = f"and the head is at {head}"
        elif before[:2] == (no, position) and until <= before[2]:
            wrong = f"and the one before it at {before[2]}"
        elif not _tells_of(run, no, position, revision + 1, until):
            wrong = "and no message there says so"
        if wrong:
            name = f"revision {revision} of message {position} of {run.conversation(no)}"
            run.found(ENDS, f"{name} ended at {until or 'no time'}, {wrong}")
        before = (no, position, until or 0)


def _tells_of(run: CheckRun, no: int, target: int, revision: int, position: int) -> bool:
    """True if the message at this position tells of that revision, or cannot be found: other checks report that."""
    message = run.message_at(no, position)
    told = telling_of(message)
    wanted = ("edited", target, revision)
    return message is None or (told.get("event"), told.get("target"), told.get("revision")) == wanted
