"""The bars: what the design asks of each half, and which of it is not reached."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from .alarms import CAREFUL, URGENT, missed_share, summed
from .dialogues import End
from .measure import Measured

#: Needless asks of texts that say something plain.
NEEDLESS = {"open": 0.10, "sealed": 0.15}
OFFERED_WRONG = 0.01
ALARMS_MISSED = 0.05
ORDINARY_URGENT, ORDINARY_CAREFUL, NEAR_URGENT = 0.002, 0.01, 0.10


@dataclass(frozen=True, slots=True)
class Bar:
    """One of them: what, how it is, how it must be."""

    what: str
    value: float
    most: float

    @property
    def holds(self) -> bool:
        return self.value <= self.most


def bars(measured: Measured) -> Iterator[Bar]:
    """All bars of one half."""
    half = measured.half
    yield Bar("texts after which something wrong is booked, moved or cancelled", measured.acted_wrong, 0)
    yield Bar("wrong in what is offered", measured.offered_wrong, OFFERED_WRONG)
    yield Bar("needless asks", measured.needless, NEEDLESS[half])
    yield Bar(
        "dialogues with something wrong at the end", measured.ends[End.WRONG] + measured.ends[End.BROKEN], 0
    )
    for kind, counts in sorted(measured.alarms.kinds.items()):
        yield Bar(f"alarms missed: {kind}", missed_share(counts), ALARMS_MISSED)
    yield Bar("gravest alarms missed", measured.alarms.gravest_missed, 0)
    plain, near = summed(measured.alarms.near, near=False), summed(measured.alarms.near, near=True)
    yield Bar("ordinary texts called urgent", plain[URGENT] / max(1, plain["texts"]), ORDINARY_URGENT)
    yield Bar("ordinary texts answered carefully", plain[CAREFUL] / max(1, plain["texts"]), ORDINARY_CAREFUL)
    yield Bar("near misses called urgent", near[URGENT] / max(1, near["texts"]), NEAR_URGENT)
