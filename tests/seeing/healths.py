"""A server's health, on a clock and a store whose figures a test sets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from imserver.conditions import Conditions
from imserver.errors import RefusalCode
from imserver.health import Health
from imserver.store.engine.figures import (
    BATCH_BOUNDS,
    COMMIT_BOUNDS_S,
    Distribution,
    Sizes,
    WriterFigures,
)

GIB = 1024**3
WELL = Sizes(GIB, 0, 0, 100 * GIB, 200 * GIB)


class Hands:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now_s = 5000.0

    def now_ms(self) -> int:
        return int(self.now_s * 1000)

    def monotonic(self) -> float:
        return self.now_s


class Store:
    """A store whose figures a test sets."""

    def __init__(self) -> None:
        self.now = WriterFigures(
            0, 0, 0, 0, 0, Distribution(COMMIT_BOUNDS_S), Distribution(BATCH_BOUNDS), 0, 0, 0.0, 0.0
        )
        self.sizes: Sizes | None = WELL
        self.is_open = True
        self.asked = 0

    def set(self, **figures: Any) -> None:
        self.now = self.now._replace(**figures)

    def figures(self) -> WriterFigures | None:
        return self.now if self.is_open else None

    def look(self, told: Callable[[Sizes], object]) -> bool:
        self.asked += 1
        if self.sizes is not None:
            told(self.sizes)
        return True


class Stand:
    def __init__(self, **more: Any) -> None:
        self.clock = Hands()
        self.store = Store()
        self.log: list[str] = []
        self.health = Health(self.store, self.clock, Conditions(self, self.clock.monotonic), **more)
        self.health.refusals = self.refusals = Counter[RefusalCode]()
        self.health.not_accepting = ""
        self.health.look()

    def warning(self, event: str, **facts: Any) -> None:
        self.log.append(event)

    def pass_s(self, seconds: float) -> None:
        for _ in range(int(seconds)):
            self.clock.now_s += 1
            self.health.look()

    @property
    def on(self) -> list[str]:
        return [condition.name for condition in self.health.conditions.on]

    @property
    def why(self) -> dict[str, str]:
        return {part.name: part.why for part in self.health.ready() if not part.ok}
