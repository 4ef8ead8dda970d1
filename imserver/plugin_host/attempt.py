"""Attempt: one call of a handler, and its units in the writer's queue.

A deadline can race the commit of the very transaction that it gives up. So after cancelling a handler the host waits until
each of its units is decided (withdrawn, failed or committed) before it tries again or posts the failure answer.
"""

from __future__ import annotations

import asyncio
from contextvars import ContextVar

from imserver.errors import Refusal, RefusalCode
from imserver.plugin_api import Event

#: Refusals that mean "the store is busy": no fault of the plugin's.
STORE_BUSY = frozenset({RefusalCode.OVERLOADED, RefusalCode.STORE_FULL})


class Attempt:
    """The state of one call. A handler's own tasks inherit it, so that their units are found."""

    __slots__ = ("_decided", "abandoned", "event", "handled", "in_flight", "over", "store_busy", "unit_count")

    def __init__(self, event: Event) -> None:
        self.event = event
        #: A unit of this attempt marked the event, and is committed.
        self.handled = False
        #: The store refused or delayed a unit of this attempt: if the attempt fails, the plugin is not to blame.
        self.store_busy = False
        #: The deadline has passed: later units of the handler are refused.
        self.abandoned = False
        #: The handler has returned; units of tasks that it started no longer belong to the attempt.
        self.over = False
        self.unit_count = 0
        self.in_flight = 0
        self._decided = asyncio.Event()
        self._decided.set()

    def submitted(self) -> None:
        """Count a unit that entered the writer's queue."""
        self.unit_count += 1
        self.in_flight += 1
        self._decided.clear()

    def decided(self, *, marked: bool, error: Exception | None) -> None:
        """Uncount a unit that left the queue. `marked`: it would have marked the event."""
        self.in_flight -= 1
        if error is None:
            self.handled = self.handled or marked
        else:
            self.failed(error)
        if not self.in_flight:
            self._decided.set()

    def failed(self, error: Exception) -> None:
        """Note the error of a unit that was refused or failed."""
        if is_store_busy(error):
            self.store_busy = True

    async def all_decided(self) -> None:
        """Wait until no unit of this attempt is in the queue."""
        await self._decided.wait()


def is_store_busy(error: BaseException) -> bool:
    """True for a refusal that the host waits out."""
    return isinstance(error, Refusal) and error.code in STORE_BUSY


#: The attempt in whose handler (or a task started by it) this code runs.
CURRENT: ContextVar[Attempt | None] = ContextVar("imserver_plugin_attempt", default=None)
