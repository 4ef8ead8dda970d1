"""Writes of features: one lane for each conversation and feature, so that a retried *put* never comes behind a later *remove*.

One request of a lane is on its way at a time, the same until it has an answer: through lost sessions and retryable refusals.
Lanes go side by side. Nothing of them survives the process.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar

from imserver_client.errors import ClientError, OutboxFull, Refused
from imserver_protocol import RefusalCode
from imserver_protocol.methods.descriptors import Method, Shape

from .requests import Requests

P = TypeVar("P", bound=Shape)
R = TypeVar("R")

_log = logging.getLogger("imserver_client")


class _Write:
    """One request and its outcome. `outcome` may be cancelled by its caller: the request goes on."""

    __slots__ = ("method", "outcome", "params")

    def __init__(self, method: Method[Any, Any], params: Shape) -> None:
        self.method = method
        self.params = params
        self.outcome: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    def refuse(self, error: BaseException) -> None:
        if not self.outcome.done():
            self.outcome.set_exception(error)
        elif self.outcome.cancelled():
            _log.info("%s: %s", self.method.name, error)


class Writes:
    """All lanes. `most`: writes without an answer, in all of them together."""

    def __init__(self, requests: Requests, most: int) -> None:
        self._requests = requests
        self._most = most
        self._lanes: dict[tuple[str, str], deque[_Write]] = {}
        self._workers: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._ended: list[asyncio.Task[None]] = []
        self._end: Callable[[], ClientError] | None = None
        self._count = 0
        #: Set while nothing waits for an answer.
        self.empty = asyncio.Event()
        self.empty.set()

    async def write(self, feature: str, method: Method[P, R], params: P) -> R:
        """The result of a write that may be repeated. Cancelling ends the waiting, not the writing.

        Raises OutboxFull, Misuse, Refused, Stopped or Disconnected.
        """
        if self._end is not None:
            raise self._end()
        if self._count >= self._most:
            raise OutboxFull(f"{self._count} writes wait for an answer")
        write = _Write(method, params)
        name = (getattr(params, "conversation_id", ""), feature)
        lane = self._lanes.setdefault(name, deque())
        lane.append(write)
        self._count += 1
        self.empty.clear()
        if name not in self._workers:
            self._start(name)
        result: R = await write.outcome
        return result

    def fall(self, conversation_id: str, keep: int) -> None:
        """Above `keep` it is another history: a position there is another message's. What names one is refused, unanswered or
        not."""
        for name, lane in list(self._lanes.items()):
            if name[0] != conversation_id:
                continue
            void = [write for write in lane if getattr(write.params, "position", 0) > keep]
            if not void:
                continue
            worker = self._workers.pop(name)
            worker.cancel()
            for write in void:
                lane.remove(write)
                self._settled()
                write.refuse(
                    Refused(RefusalCode.EPOCH_CHANGED, "the server's history is a different one now")
                )
            if lane:
                self._start(name)
            else:
                del self._lanes[name]

    def end(self, error: Callable[[], ClientError]) -> None:
        """The client is over: every write fails with the exception that `error` makes."""
        self._end = error
        self._ended += self._workers.values()
        self._workers.clear()
        for worker in self._ended:
            worker.cancel()
        for lane in self._lanes.values():
            for write in lane:
                write.refuse(error())
        self._lanes.clear()
        self._count = 0
        self.empty.set()

    async def close(self) -> None:
        """After `end`: wait until no task is left."""
        await asyncio.gather(*self._ended, return_exceptions=True)

    # -- within -------------------------------------------------------------------------------------------------------

    def _start(self, name: tuple[str, str]) -> None:
        lane = self._lanes[name]
        worker = asyncio.create_task(self._work(name, lane), name=f"imserver_client write {name[1]}")
        self._workers[name] = worker

    async def _work(self, name: tuple[str, str], lane: deque[_Write]) -> None:
        while lane:
            write = lane[0]
            try:
                result = await self._requests.call(write.method, write.params)
            except Exception as error:  # whatever it is, it is the caller's
                write.refuse(error)
            else:
                if not write.outcome.done():
                    write.outcome.set_result(result)
            lane.popleft()
            self._settled()
        del self._lanes[name], self._workers[name]

    def _settled(self) -> None:
        self._count -= 1
        if not self._count:
            self.empty.set()
