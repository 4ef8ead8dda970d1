"""abandon: give a post up, and learn whether it had been stored (SPEC, "Giving up")."""

from __future__ import annotations

from .descriptors import Method, Position, Shape


class AbandonParams(Shape, frozen=True):
    """The post, by its key."""

    conversation_id: str
    key: bytes


class AbandonResult(Shape, frozen=True):
    """Where the message stands; nil: it is not stored and will not be."""

    position: Position | None


ABANDON = Method("abandon", AbandonParams, AbandonResult)
