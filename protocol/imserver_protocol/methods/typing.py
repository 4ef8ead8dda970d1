"""typing: somebody is writing, perhaps (SPEC, "Pushes and signals")."""

from __future__ import annotations

from .descriptors import Name, Shape, Signal


class TypingSaid(Shape, frozen=True):
    """From a client: where it happens."""

    conversation_id: str


class TypingTold(Shape, frozen=True):
    """From the server: who it is."""

    conversation_id: Name
    user_id: Name


TYPING = Signal("typing", TypingSaid, TypingTold)
