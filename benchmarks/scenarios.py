"""The scenarios: what is measured, against which targets, at which load. A row of the table is a scenario's name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from benchmarks.measure import Row, measure
from benchmarks.processes import imserver, relay

#: Users in pairs, 128-byte bodies, one-to-one: the work on which all rivals are compared.
PAIRS = 50
WARM_UP_S = 2.0
#: Messages a second, all pairs together.
RATES = (200.0, 1_000.0, 4_000.0)


@dataclass(frozen=True, slots=True)
class Scenario:
    """A named measurement. `steps` says how many rows it yields with one round."""

    name: str
    help: str
    steps: int
    run: Callable[[float], Iterator[Row]]


def echo(measure_s: float) -> Iterator[Row]:
    """The bare relay at each rate: what sockets, msgpack and Python cost on this machine at this moment."""
    with relay() as target:
        for rate in RATES:
            yield measure("echo", target, pairs=PAIRS, rate=rate, warm_up_s=WARM_UP_S, measure_s=measure_s)


def latency(measure_s: float) -> Iterator[Row]:
    """The server at each rate, durable before every reply; the relay before and after is the noise row."""
    middle = RATES[len(RATES) // 2]
    for part in ("before", "server", "after"):
        if part == "server":
            with imserver() as target:
                for rate in RATES:
                    yield measure(
                        "latency", target, pairs=PAIRS, rate=rate, warm_up_s=WARM_UP_S, measure_s=measure_s
                    )
        else:
            with relay() as target:
                yield measure(
                    f"noise {part}",
                    target,
                    pairs=PAIRS,
                    rate=middle,
                    warm_up_s=WARM_UP_S,
                    measure_s=measure_s,
                )


SCENARIOS: dict[str, Scenario] = {
    row.name: row
    for row in (
        Scenario("echo", "bare relay, the machine's yardstick", len(RATES), echo),
        Scenario(
            "latency", "open-loop latency of the durable server at fixed rates", len(RATES) + 2, latency
        ),
    )
}
