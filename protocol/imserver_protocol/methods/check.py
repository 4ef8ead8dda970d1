"""check: up to where what a client knows is part of the server's history (SPEC, "check")."""

from __future__ import annotations

from .descriptors import Method, Number, Shape
from .sync import SyncRow


class Known(Shape, frozen=True):
    """What a client knows of a conversation since it came to a place: the highest position and modseq that it met."""

    conversation_id: str
    place: str
    position: int
    modseq: int


class CheckParams(Shape, frozen=True):
    """One entry for each conversation."""

    known: tuple[Known, ...]


class CheckAnswer(Shape, frozen=True):
    """`agreed`: both have the same messages up to it; nil: none that is kept is known to be the same. The row replaces."""

    agreed: Number | None
    state_good: bool
    row: SyncRow


class CheckResult(Shape, frozen=True):
    """Answers in the order asked, nil for NOT_FOUND; they may end early, but there is at least one if anything was asked."""

    answers: tuple[CheckAnswer | None, ...]


CHECK = Method("check", CheckParams, CheckResult)
