"""In flight: messages whose handler has returned `Effects`, and whose unit waits for its commit.

The handlers run one after another, and so do the units, which the writer's queue keeps in order. What overlaps is the wait: the
next handler is called meanwhile, and units that wait together share a commit. Whatever fails is dealt with by itself,
when its turn has come: a message in flight stays the first of its sender and of its place, so nothing of theirs passes it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from imserver.events import MessagePosted
from imserver.plugin_host.handling import Delivery
from imserver.plugin_host.transaction import PluginUnit


@dataclass(frozen=True, slots=True)
class Flight:
    """A message on its way: everything up to `upto` is dealt with once it is."""

    event: MessagePosted
    delivery: Delivery
    upto: int
    unit: PluginUnit


class InFlight:
    """The flights of one plugin, at most `room` at once. `wake` is called when one has landed."""

    def __init__(self, room: int, wake: Callable[[], None]) -> None:
        self._room = room
        self._wake = wake
        self._flights: dict[int, Flight] = {}
        #: Those whose unit is decided, in that order.
        self._landed: list[Flight] = []

    def __len__(self) -> int:
        return len(self._flights)

    def __iter__(self) -> Iterator[int]:
        """Their changes."""
        return iter(self._flights)

    def __contains__(self, change: object) -> bool:
        """Whether the message with that change is on its way, or has landed and is not dealt with."""
        return change in self._flights

    @property
    def full(self) -> bool:
        return len(self._flights) >= self._room

    def begin(self, flight: Flight) -> None:
        """The unit is in the writer's queue."""
        self._flights[flight.event.change] = flight
        flight.unit.future.add_done_callback(partial(self._land, flight))

    def landed(self) -> Iterator[tuple[Flight, Exception | None]]:
        """Take those that are decided, one by one, with the error of their unit. Who takes one deals with it."""
        while self._landed:
            flight = self._landed.pop(0)
            del self._flights[flight.event.change]
            yield flight, _error(flight.unit.future)

    async def decided(self) -> None:
        """Wait until each unit that is in the queue now is decided."""
        waiting = [flight.unit.future for flight in self._flights.values()]
        if waiting:
            await asyncio.wait(waiting)

    def withdraw(self) -> None:
        """Take the units out of the queue that have not begun: nobody waits for them any more."""
        for flight in self._flights.values():
            flight.unit.future.cancel()

    def _land(self, flight: Flight, future: asyncio.Future[Any]) -> None:
        if not future.cancelled():
            future.exception()  # it is looked at, also if the plugin is gone by now
        self._landed.append(flight)
        self._wake()


def _error(future: asyncio.Future[Any]) -> Exception | None:
    error = asyncio.CancelledError() if future.cancelled() else future.exception()
    return error if error is None or isinstance(error, Exception) else RuntimeError(repr(error))
