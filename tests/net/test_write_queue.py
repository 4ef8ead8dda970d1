"""One write for each connection and turn, whatever becomes of the others."""

from __future__ import annotations

import asyncio
from typing import Any

from imserver.net.scheduling.write_queue import WriteQueue


class Socket:
    def __init__(self, error: Exception | None = None) -> None:
        self.flush_pending = False
        self.flushed = 0
        self.aborted = False
        self._error = error

    def flush(self) -> None:
        self.flushed += 1
        if self._error is not None:
            raise self._error

    def abort(self) -> None:
        self.aborted = True


async def test_a_connection_that_cannot_be_written_does_not_silence_those_behind_it() -> None:
    loop = asyncio.get_running_loop()
    told: list[Any] = []
    loop.set_exception_handler(lambda _, context: told.append(context["exception"]))
    error = RuntimeError("the handle is closed")
    queue, broken, sound = WriteQueue(loop), Socket(error), Socket()
    for _ in range(2):
        queue.mark(broken)
        queue.mark(sound)
        await asyncio.sleep(0)
    assert (sound.flushed, broken.aborted) == (2, True)
    assert told == [error, error]
