"""post: say something, durably and once; and the push that tells it to every other session (SPEC, "post")."""

from __future__ import annotations

from .descriptors import Key, Method, Name, Number, Position, Push, Shape


class PostParams(Shape, frozen=True):
    """Read by a reader of their own where they are as usual: `session.post_frames.PostParams`."""

    conversation_id: str
    key: bytes
    content: bytes


class PostResult(Shape, frozen=True):
    """Where the message stands. `duplicate`: it had been posted before."""

    position: Position
    sent_at_ms: Number
    duplicate: bool


class MessagePush(Shape, frozen=True):
    """A message of a conversation that the user is in."""

    conversation_id: Name
    position: Position
    sender_id: Name
    sent_at_ms: Number
    key: Key
    content: bytes


POST = Method("post", PostParams, PostResult)
MESSAGE = Push("message", MessagePush)
