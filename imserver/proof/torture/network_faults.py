"""Network faults on every client's line, drawn from the seed: a calm time, a fault, a calm time again."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable

from imserver.proof.fault_proxy import FaultProxy, Faults

#: Calm between two faults of one line, on average (seconds).
CALM_S = 7.0
#: A client that receives nothing for so long gives its connection up; some black holes and stalls last longer (seconds).
LONG_S = (12.0, 40.0)


class NetworkFaults:
    """The faults of one client's line. While `reserved`, the director controls the proxy."""

    def __init__(self, proxy: FaultProxy, rng: random.Random, counts: Counter[str]) -> None:
        self.proxy = proxy
        self.reserved = False
        self._rng = rng
        self._counts = counts

    async def change(self) -> None:
        """Alternate calm and faults for ever."""
        kinds, weights = zip(*_KINDS.items(), strict=True)
        while True:
            await asyncio.sleep(self._rng.expovariate(1 / CALM_S))
            if self.reserved:
                continue
            kind = self._rng.choices(kinds, weights=[weight for _, weight in weights])[0]
            if self.proxy.line_count or kind == "refuse":
                self._counts[kind] += 1
            await _KINDS[kind][0](self)
            self._set(Faults())

    def clear(self) -> None:
        """End all faults: cut the lines that a black hole has spoilt."""
        self.reserved = False
        self.proxy.accepting = True
        self.proxy.cut_black()
        self._set(Faults())

    def _set(self, faults: Faults) -> None:
        if not self.reserved:
            self.proxy.apply(faults)

    async def _for(self, faults: Faults, low_s: float, high_s: float) -> None:
        self._set(faults)
        await asyncio.sleep(self._rng.uniform(low_s, high_s))

    # -- what networks do ---------------------------------------------------------------------------------------------

    async def delay(self) -> None:
        await self._for(Faults(delay_s=self._rng.uniform(0.002, 0.08)), 0.5, 4)

    async def slice(self) -> None:
        await self._for(Faults(slice_bytes=self._rng.choice((1, 2, 3, 7, 40)), delay_s=0.0001), 0.3, 1.5)

    async def stall(self) -> None:
        await self._for(Faults(stalled=True), 0.1, 3)

    async def long_stall(self) -> None:
        await self._for(Faults(stalled=True), *LONG_S)

    async def blackhole(self) -> None:
        """Mostly the line is cut in the end; else both sides have to find out by themselves."""
        await self._for(Faults(blackhole=True), 0.1, 3)
        if self._rng.random() < 0.8:
            self.proxy.cut_black()

    async def long_blackhole(self) -> None:
        await self._for(Faults(blackhole=True), *LONG_S)
        self.proxy.cut_black()

    async def swallow_answers(self) -> None:
        await self._for(Faults(swallow_down=True), 0.1, 1.5)
        self.proxy.cut()

    async def half_close_up(self) -> None:
        self.proxy.half_close(up=True)

    async def half_close_down(self) -> None:
        self.proxy.half_close(up=False)

    async def cut(self) -> None:
        self.proxy.cut()

    async def cut_in_request(self) -> None:
        await self._for(Faults(cut_after_bytes_up=self._rng.randint(0, 400)), 0.5, 3)

    async def cut_in_answer(self) -> None:
        await self._for(Faults(cut_after_bytes_down=self._rng.randint(0, 1500)), 0.5, 3)

    async def refuse(self) -> None:
        """Cut, and refuse connections for a while."""
        self.proxy.accepting = False
        self.proxy.cut()
        await asyncio.sleep(self._rng.uniform(0.1, 1.5))
        self.proxy.accepting = True


_KINDS: dict[str, tuple[Callable[[NetworkFaults], Awaitable[None]], int]] = {
    "delay": (NetworkFaults.delay, 16),
    "slice": (NetworkFaults.slice, 10),
    "stall": (NetworkFaults.stall, 12),
    "long_stall": (NetworkFaults.long_stall, 1),
    "blackhole": (NetworkFaults.blackhole, 10),
    "long_blackhole": (NetworkFaults.long_blackhole, 1),
    "swallow_answers": (NetworkFaults.swallow_answers, 8),
    "half_close_up": (NetworkFaults.half_close_up, 6),
    "half_close_down": (NetworkFaults.half_close_down, 6),
    "cut": (NetworkFaults.cut, 10),
    "cut_in_request": (NetworkFaults.cut_in_request, 10),
    "cut_in_answer": (NetworkFaults.cut_in_answer, 10),
    "refuse": (NetworkFaults.refuse, 5),
}
#: In the order of the report.
KINDS = tuple(_KINDS)
