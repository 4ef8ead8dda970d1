"""Events that a connection reports to its owner, in the order in which they happened."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Struct

from imserver_protocol.wire.frames import Hello, Welcome

if TYPE_CHECKING:
    from .session import Session


class Event(Struct, frozen=True):
    """Base of all events."""


class HelloReceived(Event, frozen=True):
    """Server: HELLO arrived; authenticate, then `welcome` or `close`."""

    hello: Hello


class WelcomeReceived(Event, frozen=True):
    """Client: the session is attached.

    `resumed`: it is the offered session; otherwise it is a fresh one.
    """

    welcome: Welcome
    session: Session
    resumed: bool


class RequestReceived(Event, frozen=True, gc=False):
    """Server: a request arrived; answer exactly once, by `Session.reply` or `Session.refuse`, now or later.

    `size` is in bytes.
    """

    seq: int
    method: str
    params: tuple[Any, ...]
    size: int


class ReplyReceived(Event, frozen=True, gc=False):
    """Client: the reply to a request arrived."""

    request_seq: int
    result: Any


class RefusalReceived(Event, frozen=True, gc=False):
    """Client: the refusal of a request arrived."""

    request_seq: int
    code: int
    text: str
    retry_after_ms: int
    detail: Any


class PushReceived(Event, frozen=True, gc=False):
    """Client: a push arrived. Ignore an unknown kind."""

    kind: str
    fields: tuple[Any, ...]


class SignalReceived(Event, frozen=True, gc=False):
    """Either side: a signal arrived. Ignore an unknown kind."""

    kind: str
    fields: tuple[Any, ...]


class LaggingEnded(Event, frozen=True):
    """Server: PUSH "lagging" was numbered and push is on again; the client will sync."""


class Closed(Event, frozen=True):
    """The last event of a connection, which ignores everything that arrives from now on.

    `code` is a `CloseCode` (LOST if the socket ended without GOODBYE) or, from a newer peer, another integer.
    Write what `data_to_send` still has, then end the socket.
    """

    code: int
    text: str
    retry_after_ms: int
    by_peer: bool
    session_over: bool
