"""Answers over HTTP that are the same for a second: each is worked out once, for everybody who asks for it meanwhile."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable

from imserver.plugin_api import Clock

#: An answer is the same for so long (ms), in our memory and in the browser's.
KEPT_MS = 1_000
MAX_KEPT = 1_000


class KeptAnswers:
    """By what was asked, as it was understood: what is written in another way, or left out, is no other question."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        #: The latest last: (until when, UTC ms; the answer).
        self._kept: OrderedDict[Hashable, tuple[int, bytes]] = OrderedDict()
        #: Those that are being worked out.
        self._begun: dict[Hashable, asyncio.Event] = {}

    async def of(
        self, question: Hashable, work_out: Callable[[], Awaitable[bytes]], count: Callable[[], None]
    ) -> bytes:
        """The answer that is kept, or the one that somebody is waiting for, or that of `work_out`: which `count` may refuse
        before."""
        while (body := self._known(question)) is None:
            begun = self._begun.get(question)
            if begun is None:
                count()
                return await self._work_out(question, work_out)
            await begun.wait()  # whoever began may have failed: then it is the next one's turn
        return body

    def _known(self, question: Hashable) -> bytes | None:
        until, body = self._kept.get(question, (0, b""))
        now_ms = self._clock.now_ms()
        return body if now_ms < until <= now_ms + KEPT_MS else None  # also if the clock was set back

    async def _work_out(self, question: Hashable, work_out: Callable[[], Awaitable[bytes]]) -> bytes:
        self._begun[question] = done = asyncio.Event()
        try:
            body = await work_out()
        finally:
            del self._begun[question]
            done.set()
        self._kept[question] = (self._clock.now_ms() + KEPT_MS, body)
        self._kept.move_to_end(question)
        while len(self._kept) > MAX_KEPT:
            self._kept.popitem(last=False)
        return body
