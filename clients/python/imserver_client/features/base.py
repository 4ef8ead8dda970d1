"""What a feature of the client is, and what it sees of the client."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Generic, Protocol, TypeVar, overload

from imserver_client.events import ClientEvent
from imserver_client.limits import ClientLimits
from imserver_client.values import Content, ItemState
from imserver_protocol.methods.descriptors import Method, Push, Shape, Signal
from imserver_protocol.methods.history import PageItem
from imserver_protocol.methods.state import AboutStands, AccountStands, ItemStands, SettingsStand

P = TypeVar("P", bound=Shape)
R = TypeVar("R")
F = TypeVar("F", bound="Feature")


class Port(Protocol):
    """The client, as one feature sees it. Asking and telling raise NotOffered if the server does not have the feature."""

    # -- asking and telling -------------------------------------------------------------------------------------------

    async def write(self, method: Method[P, R], params: P) -> R:
        """Change something: in this feature's lane of the conversation that `params` name, one at a time, and the same until
        there is an answer.

        Cancelling ends the waiting, not the writing. Raises Refused, OutboxFull, Misuse, Stopped or Disconnected.
        """
        ...

    async def call(self, method: Method[P, R], params: P) -> R:
        """Ask something, patiently. Raises Refused, Misuse, Stopped or Disconnected."""
        ...

    def signal(self, signal: Signal[P, Any], said: P) -> None:
        """Say something that may be lost; nothing is said while not connected."""
        ...

    def announce(self, event: ClientEvent | Callable[[], ClientEvent]) -> None:
        """An event for the readers of `Client.events()`; a function makes it when one takes it from its queue."""
        ...

    # -- hearing; to be called when the feature is made ---------------------------------------------------------------

    def on_push(self, push: Push[P], handler: Callable[[P], None]) -> None:
        """Handle a kind of push."""
        ...

    def on_signal(self, signal: Signal[Any, P], handler: Callable[[P], None]) -> None:
        """Handle a kind of signal."""
        ...

    def on_message(self, handler: Callable[[str, dict[str, Any] | None], None]) -> None:
        """Be told the conversation and content of each message handed on, while the application reads events."""
        ...

    def on_fall(self, handler: Callable[[str, int], None]) -> None:
        """Be told a conversation and a position: above it the history is another one, so forget positions there."""
        ...

    def on_changed(self, handler: Callable[[str, PageItem], None]) -> None:
        """Be told the conversation and a message in it that was read again: it may say something else than it said."""
        ...

    def on_missed(self, handler: Callable[[], None]) -> None:
        """Be told that pushes of the feature may be missing: a session begins, or the server skipped some. Whoever shows what
        they told asks the read that tells the same; state needs nothing of this."""
        ...

    def on_open(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run this while the client is open. If it fails, the client stops."""
        ...

    # -- knowing ------------------------------------------------------------------------------------------------------

    @property
    def user_id(self) -> str:
        """The user."""
        ...

    def item(self, conversation_id: str, position: int) -> ItemState | None:
        """The state of a message that the application has; None if it has not."""
        ...

    def about(self, conversation_id: str) -> Mapping[str, Any]:
        """What a conversation keeps for all its members."""
        ...

    def settings(self, conversation_id: str) -> Mapping[str, Any]:
        """What a conversation keeps for this user alone."""
        ...

    def account(self) -> Mapping[str, Any]:
        """What the user's account keeps."""
        ...

    def item_stands(self, conversation_id: str, position: int, stands: ItemStands) -> None:
        """A put was answered with how the message's state stands: take it over if it is newer."""
        ...

    def about_stands(self, conversation_id: str, stands: AboutStands) -> None:
        """The same of what a conversation keeps for all its members."""
        ...

    def own_stands(self, conversation_id: str, stands: SettingsStand) -> None:
        """The same of what it keeps for this user alone."""
        ...

    def account_stands(self, stands: AccountStands) -> None:
        """The same of what the user's account keeps."""
        ...

    def reaches(self, conversation_id: str, position: int) -> None:
        """The conversation has a message at this position: a write's own, which is not pushed to the session that caused it."""
        ...

    # -- helping ------------------------------------------------------------------------------------------------------

    def key(self) -> bytes:
        """A new idempotency key."""
        ...

    def encode(self, conversation_id: str, content: Content | str) -> bytes:
        """Check and encode a content. Raises Misuse."""
        ...

    @property
    def limits(self) -> ClientLimits:
        """The client's bounds."""
        ...


class Feature:
    """One feature of one client: what `client.NAME` offers."""

    def __init__(self, port: Port) -> None:
        self._port = port


class Offer(Generic[F]):
    """Stands in `Features` under a feature's name, and is the feature in a client."""

    def __init__(self, make: Callable[[Port], F]) -> None:
        self.make = make
        self.name = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, client: None, owner: type) -> Offer[F]: ...

    @overload
    def __get__(self, client: HasFeatures, owner: type | None = None) -> F: ...

    def __get__(self, client: HasFeatures | None, owner: type | None = None) -> Offer[F] | F:
        if client is None:
            return self
        found: F = client.offered[self.name]
        return found


class HasFeatures(Protocol):
    """What `Features` needs of the class below it."""

    @property
    def offered(self) -> Mapping[str, Any]:
        """The features of this client, by name."""
        ...
