"""Rows that features and plugins register alike: methods that write, methods that read, and who asks them.

A row says what the door has to know of a method (`imserver.feature_host.door`). What its handler sees of the store differs:
`imserver.feature_api` and `imserver.plugin_api` say that, each in rows of its own, which derive from these.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Generic, NamedTuple, TypeVar

from imserver.chat.permissions import EVERYTHING, Grant, Need
from imserver.model import Kind, Message, Role
from imserver_protocol.methods.descriptors import Method, Shape

V = TypeVar("V")
P = TypeVar("P", bound=Shape)
R = TypeVar("R")

#: Room for the reply of a method that writes, unless it says otherwise (bytes).
SMALL_REPLY_BYTES = 512


class Repetition(Enum):
    """How a repeated request is known."""

    MESSAGE = "the message that it appended"
    OUTCOME = "a row under its key, for 30 days"
    NATURAL = "a repeat gives the same state"


class Left(NamedTuple):
    """How things stood when a former member went: what came about behind that is not for them.

    Rows that have a position are compared with `grant`, whose last position is the message that tells of the leaving. Rows
    written with a change of the conversation's state keep its modseq, and are shown up to `modseq`. Rows that have a time alone
    are shown if it is *below* `at_ms`: of what was written in the same millisecond nobody knows whether it came before.
    """

    modseq: int
    at_ms: int


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks, and what the request may touch or show of the conversation that its params name: positions outside of `grant`
    are not there for this asker. The door cuts what it offers on positions (`set_item`, `stands`, `replace_content`) to it;
    what a handler reads itself (`tx.message`, its own rows) it cuts with `grant.covers`.

    `kind` is that of the conversation that the params name, `role` the asker's in it (None: they name none, or the need is
    ACCOUNT). `left`: only in reads, of who is no member any more; rows without a position are cut with it. `message` is the
    message that the request is aimed at, as it is now (in reads of who left, as it was then); its content is None if it was
    taken back.
    """

    user_id: str
    grant: Grant = EVERYTHING
    role: Role | None = None
    message: Message | None = None
    kind: Kind | None = None
    left: Left | None = None

    @property
    def target(self) -> Message:
        """The message that the request is aimed at, of a method with `aimed`."""
        assert self.message is not None, "the method is not registered as aimed"
        return self.message


@dataclass(frozen=True, slots=True)
class WriteRow(Generic[V, P, R]):
    """A method that writes; its handler sees the store as `V`.

    `need`: what the asker must be granted (imserver.chat.permissions); in the conversation that `params.conversation_id` names,
    unless it is ACCOUNT. `aimed`: `params.position` names a message; it is found within the grant, or the answer is NOT_FOUND.
    `cost`: tokens of the user's rate of posts, times 1 + members / 100 if `told_to_all` (what changes a conversation of many
    costs as much as a post to many); with a key each request leaves a row, and costs something. `reply_bytes`: room that its
    result takes at the most; a longer one may be refused OVERLOADED, though it has happened. `content` names the param that is
    a content: it is checked and reviewed like a post's. `digest` stands for the request under its key (by default the method's
    name and its params without the key). `again`, for MESSAGE, makes the result of a repeat from the message that the first one
    appended.
    """

    method: Method[P, R]
    handler: Callable[[V, Asker, P], R]
    need: Need
    repetition: Repetition
    aimed: bool = False
    cost: float = 1.0
    told_to_all: bool = True
    reply_bytes: int = SMALL_REPLY_BYTES
    content: str | None = None
    digest: Callable[[P], bytes] | None = None
    again: Callable[[Message], R] | None = None


@dataclass(frozen=True, slots=True)
class ReadRow(Generic[V, P, R]):
    """A method that reads; its handler sees the snapshot as `V`. Its reply may be as long as half a frame; pages of it are the
    handler's to bound."""

    method: Method[P, R]
    handler: Callable[[V, Asker, P], R]
    need: Need
    aimed: bool = False
