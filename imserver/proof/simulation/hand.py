"""A simulated device as acts of features work with it: `imserver.proof.acts.Hand`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from random import Random
from typing import Any, Protocol, TypeVar

from imserver_client import Client

from .device import Device

T = TypeVar("T")

#: Messages shown last that an act may be about.
SEEN = 30


class Memory(Protocol):
    """What the application of the device remembers."""

    def where(self) -> str: ...

    def own(self) -> Sequence[tuple[str, int]]: ...

    def text(self) -> dict[str, Any]: ...


class DeviceHand:
    """Of one device, for one feature."""

    def __init__(self, feature: str, device: Device, memory: Memory) -> None:
        self._feature = feature
        self._device = device
        self.user_id = device.user_id
        self.random: Random = device.random
        self.where, self.own, self.text = memory.where, memory.own, memory.text

    @property
    def client(self) -> Client:
        assert self._device.client is not None
        return self._device.client

    def note(self, *facts: Any) -> None:
        self._device.record.note(self._feature, facts)

    def says_now(
        self, conversation_id: str, position: int, revision: int, content: Mapping[str, Any] | None
    ) -> None:
        self._device.record.replaced.append((conversation_id, position, revision, content))

    def seen(self) -> Sequence[tuple[str, int]]:
        shown = self._device.record.shown[-SEEN:]
        return [(one.message.conversation_id, one.message.position) for one in shown]

    def ask(
        self, call: Callable[[Client], Awaitable[T]], then: Callable[[T], None] = lambda answer: None
    ) -> None:
        if self._device.process is not None:
            self._device.process.spawn(self._device.ask(call, then), "ask")
