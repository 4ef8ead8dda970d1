"""A plugin behind the door: how its handlers see the store when somebody asks its methods."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from imserver.chat.reader import Reader as StoreReader
from imserver.chat.transaction import Transaction as StoreTransaction
from imserver.errors import PluginError, Refusal, RefusalCode
from imserver.feature_host.door import Request
from imserver.model import Audience, GuestOf, Message, User
from imserver.plugin_api import Reader
from imserver.plugin_host.registrations import Registrations
from imserver.plugin_host.snapshot import PluginSnapshot
from imserver.plugin_host.transaction import TIMERS_CHANGED, Keys, PluginTransaction

R = TypeVar("R")


class PluginOwner:
    """`feature_host.door.Owner` for one plugin."""

    __slots__ = ("_max_content_bytes", "_random_bytes", "_registrations")

    def __init__(
        self, registrations: Registrations, random_bytes: Callable[[int], bytes], max_content_bytes: int
    ) -> None:
        self._registrations = registrations
        self._random_bytes = random_bytes
        self._max_content_bytes = max_content_bytes

    @property
    def name(self) -> str:
        return f"plugin {self._registrations.name!r}"

    def write(
        self,
        tx: StoreTransaction,
        request: Request | None,
        call: Callable[[Any], R],
        about: frozenset[str] = frozenset(),
    ) -> R:
        """`about`: whom it is about, beside whoever asks."""
        registrations = self._running()
        if request is not None and request.key:
            keys = Keys.of_request(registrations.name, request)
        else:
            keys = Keys(tx.now_ms, registrations.name, self._random_bytes(16))
        view = PluginTransaction(tx, registrations, keys, self._max_content_bytes, request, about)
        try:
            answer = _plain(call(view))
            if view.timers_changed:
                tx.note_plugin(registrations.name, TIMERS_CHANGED)
            return answer
        finally:
            view.close()

    def read(self, reader: StoreReader, call: Callable[[Any], R]) -> R:
        view = PluginReader(self._running().name, reader)
        try:
            return _plain(call(view))
        finally:
            view.close()

    def _running(self) -> Registrations:
        if self._registrations.closed:  # the server drains: whoever asked may ask the next one
            raise Refusal(RefusalCode.OVERLOADED, "the plugin is stopped", retry_after_ms=1000)
        return self._registrations


class PluginReader(Reader):
    """The host's side of `plugin_api.Reader`. Every call after its snapshot raises."""

    __slots__ = ("_open",)

    def __init__(self, plugin: str, reader: StoreReader) -> None:
        self._open: PluginSnapshot | None = PluginSnapshot(plugin, reader)

    def close(self) -> None:
        """End the snapshot: a reference that the plugin kept raises from now on."""
        self._open = None

    def execute(self, sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        return self._snapshot(sql, params)

    def message(self, conversation_id: str, position: int) -> Message | None:
        return self._snapshot.message(conversation_id, position)

    def members(self, conversation_id: str) -> Audience:
        return self._snapshot.members(conversation_id)

    def user(self, user_id: str) -> User | None:
        return self._snapshot.user(user_id)

    def guest_of(self, user_id: str) -> GuestOf | None:
        return self._snapshot.guest_of(user_id)

    @property
    def _snapshot(self) -> PluginSnapshot:
        if self._open is None:
            raise PluginError("this snapshot is over: use `reader` only inside the handler")
        return self._open


def _plain(answer: R) -> R:
    """The answer of a plain function. Raises PluginError if it is a coroutine."""
    if inspect.isawaitable(answer):
        if inspect.iscoroutine(answer):
            answer.close()
        raise PluginError("a method's handler is synchronous: it must not be `async def`")
    return answer
