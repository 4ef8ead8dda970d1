"""Words of the wire: kinds of conversation and roles in one."""

from __future__ import annotations

from enum import StrEnum


class Kind(StrEnum):
    """Kinds of conversation."""

    DIRECT = "direct"
    GROUP = "group"
    CHANNEL = "channel"


class Role(StrEnum):
    """What a member may do: OWNER and ADMIN change membership, MEMBER posts, READER (of a channel) only reads."""

    OWNER = "owner"
    ADMIN = "admin"
    MEMBER = "member"
    READER = "reader"
