"""What the fast readers and writers of posts read and write (`posts`). A module of its own, for no Struct stands in one that is
compiled."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from imserver_protocol.limits import MAX_INTEGER

from .events import Event

#: Longer conversation ids go through `codec`. A character takes four bytes at the most.
SHORT_ID_CHARACTERS: Final = 98

_Number = Annotated[int, Meta(ge=0, le=MAX_INTEGER)]


class PostParams(Struct, frozen=True, array_like=True, forbid_unknown_fields=True, gc=False):
    """`conversation_id, key, content`."""

    conversation_id: Annotated[str, Meta(max_length=SHORT_ID_CHARACTERS)]
    key: Annotated[bytes, Meta(min_length=16, max_length=16)]
    content: bytes


class PostReceived(Event, frozen=True, array_like=True, forbid_unknown_fields=True, gc=False):
    """Server: a `post` request; to be answered like any `RequestReceived`. It is the frame itself, header and fields."""

    type: Literal[16]
    seq: _Number
    ack: _Number
    method: Literal["post"]
    params: PostParams


class Text(Struct, forbid_unknown_fields=True, gc=False):
    """A content that is a text and nothing else."""

    type: Literal["text"]
    text: str


class EncodedResult(Struct, frozen=True, gc=False):
    """The result of a request, encoded before the reply is numbered; any thread may make it."""

    data: bytes

    def __repr__(self) -> str:
        """Without the bytes: they are users' messages."""
        return f"EncodedResult({len(self.data)} bytes)"
