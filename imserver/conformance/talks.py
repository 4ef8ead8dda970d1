"""Conversations and messages of the judge's chat, and contents to post there."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from imserver_protocol.wire.codec import encode_content

from .session import WIDE


def text_content(text: str, **more: Any) -> bytes:
    return encode_content({"type": "text", "text": text, **more}, WIDE)


def system_content(event: str, **more: Any) -> bytes:
    return encode_content({"type": "system", "event": event, **more}, WIDE)


@dataclass
class Message:
    position: int
    sender: str
    at_ms: int
    key: bytes
    content: bytes | None
    revision: int = 1
    extra: dict[str, Any] = field(default_factory=dict)
    mine: dict[str, Any] = field(default_factory=dict)
    modseq: int = 0

    def item(self) -> list[Any]:
        return [
            self.position,
            self.sender,
            self.at_ms,
            self.key,
            self.content,
            self.revision,
            self.extra or None,
            self.mine or None,
        ]

    def push(self, conversation_id: str) -> tuple[Any, ...]:
        return (conversation_id, self.position, self.sender, self.at_ms, self.key, self.content)


@dataclass
class Talk:
    """A conversation as the user has it."""

    conversation_id: str
    kind: str = "direct"
    title: str = ""
    role: str = "member"
    joined_at: int = 1
    left_at: int | None = None
    team: str | None = None
    messages: list[Message] = field(default_factory=list)
    #: The first position that is still kept.
    first: int = 1
    cursors: dict[str, list[int]] = field(default_factory=dict)
    about: dict[str, Any] = field(default_factory=dict)
    modseq: int = 0
    settings: dict[str, Any] = field(default_factory=dict)
    settings_seq: int = 0
    change: int = 0

    @property
    def head(self) -> int:
        return self.left_at if self.left_at is not None else len(self.messages)
