"""The network's behaviour towards connections in one run: delays, segments, and faults."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random

#: Kinds of fault that strike a connection at a moment, with their share.
STRIKES = (*["cut"] * 6, *["stall"] * 4, "half-open", "half-open client", "half-open server")


@dataclass(frozen=True, slots=True)
class Strike:
    """A fault that strikes a connection at a given age."""

    kind: str
    after_s: float
    lasts_s: float


class Half:
    """One direction."""

    __slots__ = (
        "_jitter_s",
        "_latency_s",
        "_random",
        "_split",
        "buffer_bytes",
        "cut_at_byte",
        "joins",
        "s_per_byte",
    )

    def __init__(self, random: Random, latency_s: float, trouble: float) -> None:
        self._random = random
        self._latency_s = latency_s
        self._jitter_s = latency_s * random.choice((0.0, 0.1, 3.0))
        #: Most bytes in a segment; 0: as they were written.
        self._split = random.choice((1, 7, 40, 300)) if random.random() < 0.3 * trouble else 0
        self.joins = random.random() < 0.7
        slow = random.random() < 0.25 * trouble
        self.s_per_byte = random.choice((1e-4, 3e-4)) if slow else 0.0
        self.buffer_bytes = random.choice((2_000, 16_000)) if slow else 64 * 1024
        self.cut_at_byte = int(random.paretovariate(0.5) * 200) if random.random() < 0.25 * trouble else None

    @property
    def slow(self) -> bool:
        return self.s_per_byte > 0

    @property
    def splits(self) -> bool:
        return self._split > 0

    def delay(self) -> float:
        """Seconds on the way."""
        return self._latency_s + self._jitter_s * self._random.random() if self._jitter_s else self._latency_s

    def segments(self, data: bytes) -> Iterator[bytes]:
        """The bytes, cut anywhere."""
        most = self._split
        if not most or len(data) > 100 * most:
            yield data
            return
        start, randint = 0, self._random.randint
        while start < len(data):
            end = start + randint(1, most)
            yield data[start:end]
            start = end

    def heal(self) -> None:
        self.cut_at_byte = None
        self.s_per_byte = 0.0
        self._jitter_s = 0.0
        self.buffer_bytes = 64 * 1024


@dataclass(slots=True)
class Fate:
    """The delays and faults of one connection."""

    up: Half
    down: Half
    #: An abort sends RST, which overtakes bytes in flight; otherwise FIN behind them.
    resets: bool
    faults: list[Strike] = field(default_factory=list)

    @property
    def slow(self) -> bool:
        return self.up.slow or self.down.slow

    @property
    def splits(self) -> bool:
        return self.up.splits or self.down.splits

    def heal(self) -> None:
        """Drop all its faults."""
        self.up.heal()
        self.down.heal()


class NetworkFaults:
    """Draws faults: none at `trouble` 0; at 1 a fault strikes each connection after about `strike_s`."""

    def __init__(self, random: Random, trouble: float, strike_s: float = 8.0) -> None:
        self._random = random
        self._trouble = trouble
        self._strike_s = strike_s
        self.latency_s = random.choice((0.0002, 0.002, 0.02, 0.15))
        #: No new faults strike.
        self.calm = False

    def refuses(self) -> bool:
        return not self.calm and self._random.random() < 0.12 * self._trouble

    def connect_hangs(self) -> bool:
        return not self.calm and self._random.random() < 0.05 * self._trouble

    def vanishes(self) -> bool:
        """Whether peers of a dying process get no sign of it."""
        return not self.calm and self._random.random() < 0.3

    def fate(self) -> Fate:
        """The fate of a new connection."""
        random, trouble = self._random, 0.0 if self.calm else self._trouble
        fate = Fate(
            Half(random, self.latency_s, trouble),
            Half(random, self.latency_s, trouble),
            resets=random.random() < 0.5,
        )
        while random.random() < 0.6 * trouble and len(fate.faults) < 4:
            after_s = random.expovariate(1 / self._strike_s)
            fate.faults.append(Strike(random.choice(STRIKES), after_s, random.expovariate(1 / 4)))
        return fate
