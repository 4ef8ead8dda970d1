"""Runs work that must clean up behind itself, even when a signal ends it."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def run_cancellable(work: Coroutine[Any, Any, T]) -> T:
    """`asyncio.run`, but SIGTERM and SIGHUP end it in good order as Ctrl-C does: no process is left behind.

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
