"""Running something that has to clean up behind itself, also when it is told to end."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def run_guarded(work: Coroutine[Any, Any, T]) -> T:
    """`asyncio.run`, which SIGTERM and SIGHUP end in good order as Ctrl-C does: no process is left behind.

    Raises asyncio.CancelledError then.
    """

    async def guarded() -> T:
        task = asyncio.ensure_future(work)
        loop = asyncio.get_running_loop()
        numbers = (signal.SIGTERM, signal.SIGHUP)
        for number in numbers:
            loop.add_signal_handler(number, task.cancel)
        try:
            return await task
        finally:
            for number in numbers:
                loop.remove_signal_handler(number)

    return asyncio.run(guarded())
