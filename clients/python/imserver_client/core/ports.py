"""The client as a feature sees it: `features.base.Port` on the core."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Protocol, TypeVar

from imserver_client.errors import NotOffered
from imserver_client.events import ClientEvent
from imserver_client.limits import ClientLimits
from imserver_client.values import Content, ItemState
from imserver_protocol.methods.descriptors import Method, Push, Shape, Signal
from imserver_protocol.methods.history import PageItem
from imserver_protocol.methods.state import AboutStands, AccountStands, ItemStands, SettingsStand

from .requests import Requests
from .states import States
from .writes import Writes

P = TypeVar("P", bound=Shape)
R = TypeVar("R")

#: The struct and the handler for each kind of push or signal.
Kinds = dict[str, tuple[type[Shape], Callable[[Any], None]]]


class PortOwner(Protocol):
    """The rest of the client, as `FeaturePort` uses it."""

    user_id: str
    server_features: frozenset[str]
    pushes: Kinds
    signals: Kinds
    limits: ClientLimits
    requests: Requests
    writes: Writes
    states: States

    def signal(self, signal: Signal[P, Any], said: P) -> None: ...

    def announce(self, event: ClientEvent | Callable[[], ClientEvent], /) -> None: ...

    def note_head(self, conversation_id: str, position: int) -> None: ...

    def key(self) -> bytes: ...

    def encode(self, conversation_id: str, content: Content | str, /) -> bytes: ...


class FeaturePort:
    """What one feature registers, and its way to the core. See `Port` for what each method means."""

    def __init__(self, core: PortOwner, name: str) -> None:
        self._core = core
        self._name = name
        self._on_message: list[Callable[[str, dict[str, Any] | None], None]] = []
        self._on_fall: list[Callable[[str, int], None]] = []
        self._on_changed: list[Callable[[str, PageItem], None]] = []
        self._on_missed: list[Callable[[], None]] = []
        #: To be run while the client is open.
        self.works: list[Callable[[], Coroutine[Any, Any, None]]] = []

    # -- for the core -------------------------------------------------------------------------------------------------

    @property
    def offered(self) -> bool:
        """Whether the server has the feature, or does not say which ones it has."""
        named = self._core.server_features
        return not named or self._name in named

    def message(self, conversation_id: str, content: dict[str, Any] | None) -> None:
        """A message was handed on."""
        if self._on_message and self.offered:
            for handler in self._on_message:
                handler(conversation_id, content)

    def fall(self, conversation_id: str, keep: int) -> None:
        """Above `keep` it is another history."""
        for handler in self._on_fall:
            handler(conversation_id, keep)

    def changed(self, conversation_id: str, item: PageItem) -> None:
        """A message may say something else than it said."""
        for handler in self._on_changed:
            handler(conversation_id, item)

    def pushes_missed(self) -> None:
        """Some may be."""
        for handler in self._on_missed:
            handler()

    # -- for the feature: asking and telling --------------------------------------------------------------------------

    def _require(self) -> None:
        if not self.offered:
            raise NotOffered(self._name)

    async def write(self, method: Method[P, R], params: P) -> R:
        self._require()
        return await self._core.writes.write(self._name, method, params)

    async def call(self, method: Method[P, R], params: P) -> R:
        self._require()
        return await self._core.requests.call(method, params)

    def signal(self, signal: Signal[P, Any], said: P) -> None:
        self._require()
        self._core.signal(signal, said)

    def announce(self, event: ClientEvent | Callable[[], ClientEvent]) -> None:
        self._core.announce(event)

    # -- hearing ------------------------------------------------------------------------------------------------------

    def on_push(self, push: Push[P], handler: Callable[[P], None]) -> None:
        self._hear(self._core.pushes, push.kind, push.fields, handler)

    def on_signal(self, signal: Signal[Any, P], handler: Callable[[P], None]) -> None:
        self._hear(self._core.signals, signal.kind, signal.told, handler)

    def _hear(self, kinds: Kinds, kind: str, shape: type[P], handler: Callable[[P], None]) -> None:
        if kind in kinds:
            raise ValueError(f"{self._name}: {kind!r} has a handler already")
        kinds[kind] = (shape, handler)

    def on_message(self, handler: Callable[[str, dict[str, Any] | None], None]) -> None:
        self._on_message.append(handler)

    def on_fall(self, handler: Callable[[str, int], None]) -> None:
        self._on_fall.append(handler)

    def on_changed(self, handler: Callable[[str, PageItem], None]) -> None:
        self._on_changed.append(handler)

    def on_missed(self, handler: Callable[[], None]) -> None:
        self._on_missed.append(handler)

    def on_open(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self.works.append(work)

    # -- knowing and helping ------------------------------------------------------------------------------------------

    @property
    def user_id(self) -> str:
        return self._core.user_id

    @property
    def limits(self) -> ClientLimits:
        return self._core.limits

    def item(self, conversation_id: str, position: int) -> ItemState | None:
        return self._core.states.item(conversation_id, position)

    def about(self, conversation_id: str) -> Mapping[str, Any]:
        return self._core.states.about(conversation_id)

    def settings(self, conversation_id: str) -> Mapping[str, Any]:
        return self._core.states.settings(conversation_id)

    def account(self) -> Mapping[str, Any]:
        return self._core.states.account()

    def item_stands(self, conversation_id: str, position: int, stands: ItemStands) -> None:
        self._core.states.item_stands(conversation_id, position, stands.modseq, stands.extra, stands.mine)

    def about_stands(self, conversation_id: str, stands: AboutStands) -> None:
        self._core.states.about_stands(conversation_id, stands.modseq, stands.about)

    def own_stands(self, conversation_id: str, stands: SettingsStand) -> None:
        self._core.states.own_stands(conversation_id, stands.seq, stands.settings)

    def account_stands(self, stands: AccountStands) -> None:
        self._core.states.account_stands(stands.seq, stands.account)

    def reaches(self, conversation_id: str, position: int) -> None:
        self._core.note_head(conversation_id, position)

    def key(self) -> bytes:
        return self._core.key()

    def encode(self, conversation_id: str, content: Content | str) -> bytes:
        return self._core.encode(conversation_id, content)
