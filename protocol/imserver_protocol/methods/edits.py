"""edit: new content for one's own message (SPEC, "edit")."""

from __future__ import annotations

from .descriptors import Method, Number, Shape


class EditParams(Shape, frozen=True):
    """`revision` is the one that the editor saw; nil: whichever is there."""

    conversation_id: str
    key: bytes
    position: int
    revision: int | None
    content: bytes


class EditResult(Shape, frozen=True):
    """`position` is that of the system message `edited`."""

    position: Number
    revision: Number
    duplicate: bool


EDIT = Method("edit", EditParams, EditResult)
