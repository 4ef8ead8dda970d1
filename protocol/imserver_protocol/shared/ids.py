"""Ids: which strings are user ids and conversation ids, and how conversation ids are made (SPEC, "Conversation ids")."""

from __future__ import annotations

import hashlib
from typing import Final

from .words import Kind

#: A user id is 1-64 bytes of UTF-8 without control characters (SPEC, "Methods").
MAX_USER_ID_BYTES: Final = 64
#: Longest conversation id: "direct/", two user ids with every byte escaped, one slash.
MAX_CONVERSATION_ID_BYTES: Final = 8 + 2 * 3 * MAX_USER_ID_BYTES
#: A key is the client's name for one attempt to post: the same key, the same message.
KEY_BYTES: Final = 16


def valid_user_id(user_id: str) -> bool:
    """True for 1-64 bytes of UTF-8 without control characters (categories C0, C1, bidi marks included)."""
    encoded = user_id.encode("utf-8", "surrogatepass")
    return 1 <= len(encoded) <= MAX_USER_ID_BYTES and user_id.isprintable() and not user_id.isspace()


def direct_conversation_id(one: str, other: str) -> str:
    """The id of the direct conversation of two users, in either order."""
    first, second = sorted((one, other), key=lambda user_id: user_id.encode())
    return f"direct/{_escape(first)}/{_escape(second)}"


def direct_pair(conversation_id: str) -> tuple[str, str] | None:
    """The two users of a direct conversation's id, or None if it is not the canonical id of such a pair."""
    parts = conversation_id.split("/")
    if len(parts) != 3 or parts[0] != Kind.DIRECT:
        return None
    one, other = _unescape(parts[1]), _unescape(parts[2])
    if one == other or direct_conversation_id(one, other) != conversation_id:
        return None
    return one, other


def group_conversation_id(creator_id: str, key: bytes) -> str:
    """Derive a group's id from its creator and the key of the creating request: offering it again makes no second group."""
    return f"group/{hashlib.sha256(creator_id.encode() + bytes(1) + key).hexdigest()[:32]}"


def _escape(user_id: str) -> str:
    return user_id.replace("%", "%25").replace("/", "%2F")


def _unescape(part: str) -> str:
    return part.replace("%2F", "/").replace("%25", "%")
