"""changes: the messages whose state changed after a modseq (SPEC, "State")."""

from __future__ import annotations

from typing import Any

from imserver_protocol.shared.bounds import MAX_CHANGES_PAGE

from .descriptors import Method, Number, Position, Shape


class ChangesParams(Shape, frozen=True):
    """`after_modseq`: every change up to that one is known."""

    conversation_id: str
    after_modseq: int
    limit: int = MAX_CHANGES_PAGE


class ChangedRow(Shape, frozen=True):
    """The state of a message as it is now, whole: an absent `mine` is empty."""

    position: Position
    modseq: Number
    extra: dict[str, Any]
    mine: dict[str, Any] | None = None


class ChangesResult(Shape, frozen=True):
    """Rows by modseq, complete up to `upto`."""

    rows: tuple[ChangedRow, ...]
    upto: Number
    more: bool


CHANGES = Method("changes", ChangesParams, ChangesResult)
