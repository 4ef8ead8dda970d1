"""Work beside the loop, on a thread that ends with it: an embedded server leaves none behind."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


async def beside(work: Callable[[], T]) -> T:
    """What `work` returns or raises, while the loop serves others. For what is rare and takes long: the thread is made anew."""
    with ThreadPoolExecutor(1, thread_name_prefix="booking") as thread:
        return await asyncio.get_running_loop().run_in_executor(thread, work)
