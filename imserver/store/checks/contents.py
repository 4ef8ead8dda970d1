"""What messages say: contents decode, digests are theirs, unread counts add up, and what the server tells of changes is so.

One pass over the table in the order of commits; each row is judged with its predecessor beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from imserver.model import Role, content_digest
from imserver.store.checks.asking import TELL_EVERY, Asking, read_content

CONTENTS, DIGESTS, UNREAD, TELLINGS, REVISIONS = (
    "contents",
    "digests",
    "unread counts",
    "tellings",
    "revisions",
)

_PASS = (
    "SELECT m.conversation_no, m.position, m.sender_no, m.sent_at, m.unread_no, m.revision, m.digest, m.content,"
    " CASE WHEN m.position = 1 THEN 0 ELSE p.unread_no END FROM messages m LEFT JOIN messages p ON p.change = m.previous"
    " AND p.conversation_no = m.conversation_no AND p.position = m.position - 1 ORDER BY m.change"
)
_REVISIONS = (
    "SELECT conversation_no, position, revision, content, replaced_at FROM revisions ORDER BY 1, 2, 3"
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
    #: Of the message before it, 0 for the first; None if the one before it cannot be found.
    unread_before: int | None


def messages(asking: Asking) -> None:
    """Every message once."""
    total = asking.number("SELECT count(*) FROM messages")
    for name in (CONTENTS, DIGESTS, UNREAD):
        asking.looked_at(name, total)
    asking.looked_at(TELLINGS, 0)
    edits = edited = 0
    for done, row in enumerate(map(_Row._make, asking.rows(_PASS)), 1):
        if done % TELL_EVERY == 0:
            asking.progress(CONTENTS, done, total)
        edits += row.revision - 1
        if row.revision > 1:
            _has_revisions(asking, row)
        content = _judged(asking, row)
        system = content is not None and content.get("type") == "system"
        edited += _told(asking, row, content) if system and content else 0
        _counted(asking, row, None if content is None else not system)
        digest = _digest_of(asking, row, content if system else None)
        if digest is not None and digest != row.digest:
            asking.found(DIGESTS, f"{_name(asking, row)}: its digest is not that of what was first said")
    _revisions(asking, edits, edited)


def _name(asking: Asking, row: _Row) -> str:
    return f"message {row.position} of {asking.conversation(row.no)}"


def _judged(asking: Asking, row: _Row) -> Mapping[str, Any] | None:
    """The decoded content; None if it is none, or was taken back."""
    if row.sent_at < 0 or row.revision < 1:
        asking.found(CONTENTS, f"{_name(asking, row)}: sent at {row.sent_at}, revision {row.revision}")
    if row.content is None:
        return None
    content = read_content(row.content)
    wrong = wrong_content(content)
    if wrong or isinstance(content, str):
        asking.found(CONTENTS, f"{_name(asking, row)}: {wrong}")
        return None
    return content


def wrong_content(content: Mapping[str, Any] | str) -> str:
    """Why this could not have been posted; "" if it could."""
    if isinstance(content, str):
        return content
    kind = content.get("type")
    if not isinstance(kind, str) or not kind:
        return "no `type`"
    if kind == "text" and not isinstance(content.get("text"), str):
        return "`text` is not a string"
    return ""


def _counted(asking: Asking, row: _Row, counts: bool | None) -> None:
    """What users said counts as unread, what the server tells does not. None: nobody knows any more."""
    if row.unread_before is None:
        return
    step = row.unread_no - row.unread_before
    if step not in (0, 1) or (counts is not None and step != counts):
        text = f"counts {row.unread_no} unread, after {row.unread_before}"
        asking.found(UNREAD, f"{_name(asking, row)} {text}")


# -- digests ------------------------------------------------------------------------------------------------------------


def _digest_of(asking: Asking, row: _Row, telling: Mapping[str, Any] | None) -> bytes | None:
    """The digest that the message must have; None if it follows from something that is not kept."""
    if telling is not None:
        return _digest_of_request(asking, row, telling)
    first = row.content
    if row.revision > 1:
        found = asking.one(_REVISION, (row.no, row.position, 1))
        first = found[0] if found else None
    return None if first is None else content_digest(first)


def _digest_of_request(asking: Asking, row: _Row, telling: Mapping[str, Any]) -> bytes | None:
    """A telling bears the digest of the request that it tells of."""
    event = telling.get("event")
    if event == "added":
        return content_digest(f"add {telling.get('role')} {telling.get('user')}".encode("utf-8", "replace"))
    if event in ("removed", "left"):
        return content_digest(f"remove {telling.get('user')}".encode("utf-8", "replace"))
    if event == "edited":
        target, revision = telling.get("target"), telling.get("revision")
        if type(target) is int and type(revision) is int:
            content = _content_of(asking, row.no, target, revision)
            return None if content is None else content_digest(b"edit %d " % target + content)
    return None  # the members of a new conversation are not kept as they were


def _content_of(asking: Asking, no: int, position: int, revision: int) -> bytes | None:
    found = asking.one(_REVISION, (no, position, revision))
    if found is not None:
        content: bytes | None = found[0]
        return content
    message = asking.message_at(no, position)
    return message.content if message is not None and message.revision == revision else None


# -- what is told -------------------------------------------------------------------------------------------------------


def _told(asking: Asking, row: _Row, telling: Mapping[str, Any]) -> int:
    """Is it so? Returns 1 if it tells of an edit."""
    asking.looked_at(TELLINGS, 1)
    event = telling.get("event")
    if event == "edited":
        wrong = _wrong_edit(asking, row, telling)
    elif event in ("added", "removed", "left"):
        wrong = _wrong_member(asking, row, telling)
    elif event == "created":
        wrong = "" if row.position == 1 else "it is not the first message"
        if not wrong and asking.user_no(str(telling.get("user"))) != row.sender_no:
            wrong = "its author is another"
    else:
        wrong = "there is no such event"
    if wrong:
        asking.found(TELLINGS, f"{_name(asking, row)} tells {str(event)[:40]!r}, and {wrong}")
    return event == "edited"


def _wrong_edit(asking: Asking, row: _Row, telling: Mapping[str, Any]) -> str:
    target, revision = telling.get("target"), telling.get("revision")
    if not (type(target) is int and type(revision) is int and 1 <= target < row.position and revision >= 2):
        return "names no message before it"
    message = asking.message_at(row.no, target)
    if message is None or message.revision < revision:
        return f"message {target} has no revision {revision}"
    if message.sender_no != row.sender_no:
        return f"message {target} is by {asking.user(message.sender_no)}"
    if asking.one(_REVISION, (row.no, target, revision - 1)) is None:
        return f"what message {target} said before is not kept"
    return ""


def _wrong_member(asking: Asking, row: _Row, telling: Mapping[str, Any]) -> str:
    user_id, event = telling.get("user"), telling.get("event")
    user_no = asking.user_no(user_id) if isinstance(user_id, str) else None
    member = None if user_no is None else asking.one(_MEMBER, (row.no, user_no))
    if member is None:
        return "nobody of that name was ever a member"
    joined_at, left_at = member
    if event == "added":
        known = telling.get("role") in set(Role)
        return "" if known and left_at != row.position else "the members do not know of it"
    if event == "left" and user_no != row.sender_no:
        return f"its author is {asking.user(row.sender_no)}"
    if left_at != row.position and joined_at <= row.position:
        return f"that member joined at {joined_at} and left at {left_at or 'no time'}"
    return ""


# -- revisions ----------------------------------------------------------------------------------------------------------


def _has_revisions(asking: Asking, row: _Row) -> None:
    """What the message said before each edit."""
    kept = asking.one(
        "SELECT count(*), min(revision), max(revision) FROM revisions WHERE conversation_no = ? AND position = ?",
        (row.no, row.position),
    )
    if kept != (row.revision - 1, 1, row.revision - 1):
        text = f"{_name(asking, row)} is at revision {row.revision}, and {kept[0] if kept else 0} earlier are kept"
        asking.found(REVISIONS, text)


def _revisions(asking: Asking, edits: int, edited: int) -> None:
    """Each belongs to a message, each was told, and each can be read."""
    count = 0
    for no, position, revision, content, _ in asking.rows(_REVISIONS):
        count += 1
        wrong = wrong_content(read_content(content))
        if wrong:
            asking.found(
                REVISIONS, f"revision {revision} of message {position} of {asking.conversation(no)}: {wrong}"
            )
    asking.looked_at(REVISIONS, count)
    if count != edits and not asking.told(REVISIONS):
        _strange_revisions(asking)
    if count != edited:
        asking.found(REVISIONS, f"{count} earlier contents are kept, and {edited} edits were told")


def _strange_revisions(asking: Asking) -> None:
    for no, position, revision, _, _ in asking.rows(_REVISIONS):
        message = asking.message_at(no, position)
        if message is None or message.revision <= revision:
            text = f"revision {revision} of message {position} of {asking.conversation(no)} is kept"
            asking.found(
                REVISIONS, f"{text}, and the message is at {message.revision if message else 'no revision'}"
            )
