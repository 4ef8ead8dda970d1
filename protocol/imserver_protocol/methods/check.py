"""check: up to where what a client knows is part of the server's history (SPEC, "check")."""

from __future__ import annotations

from typing import Any

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
    """Answers in the order asked, nil for NOT_FOUND; they may end early, but there is at least one if anything was asked.

    `account` is the user's own state as it is, nil if there never was one; `account_seq` counts its changes. They replace, too.
    """

    answers: tuple[CheckAnswer | None, ...]
    account: dict[str, Any] | None = None
    account_seq: Number | None = None


CHECK = Method("check", CheckParams, CheckResult)
