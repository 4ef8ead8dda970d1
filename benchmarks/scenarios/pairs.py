"""echo, latency, throughput, tls: users in pairs, one of each posts to the other. The work on which all rivals are compared."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from benchmarks.measure import Bench, measure, pair_lanes
from benchmarks.processes import imserver, relay
from benchmarks.results import NOISE, Row, message_row
from benchmarks.scenarios.base import Scenario, Start, contenders, rows_or_reason

#: Messages a second, all pairs together.
RATES = (200.0, 1_000.0, 4_000.0, 20_000.0)
#: Unanswered messages of each sender. Both 1 and 64 are measured: either alone misleads.
WINDOWS = (1, 16, 64)
#: The noise row is measured at this rate, or window, before and after.
NOISE_RATE = 1_000.0
NOISE_WINDOW = 64
TLS_RATE = 1_000.0
TLS_WINDOW = 16


def _one(bench: Bench, scenario: str, name: str, case: str, start: Start, **load: Any) -> Iterator[Row]:
    with start() as target:
        yield message_row(
            scenario, name, case, measure(bench, target, pair_lanes(target, bench.pairs), **load)
        )


def _measured(
    bench: Bench, scenario: str, name: str, start: Start, cases: Sequence[tuple[str, dict[str, Any]]]
) -> Iterator[Row]:
    """Each case on a server of its own: no case pays for the leftovers of an earlier one."""
    for case, load in cases:
        rows = partial(_one, bench, scenario, name, case, start, **load)
        found = list(rows_or_reason(scenario, name, case, rows))
        yield from found
        if found[0].note and not found[0].figures:  # it cannot run here at all
            return


def at_rate(rate: float) -> tuple[str, dict[str, Any]]:
    """An open loop."""
    return f"{rate:,.0f}/s", {"rate": rate}


def at_window(window: int) -> tuple[str, dict[str, Any]]:
    """A closed loop."""
    return f"window {window}", {"window": window}


def echo(bench: Bench, rivals: Sequence[str]) -> Iterator[Row]:
    """The bare relay: the cost of sockets, msgpack and Python on this machine at this moment."""
    cases = [at_rate(NOISE_RATE), *map(at_window, WINDOWS)]
    yield from _measured(bench, "echo", NOISE, relay, cases)


def latency(bench: Bench, rivals: Sequence[str]) -> Iterator[Row]:
    """All servers at each rate; the relay before and after is the noise row."""
    yield from _measured(bench, "latency", f"{NOISE}, before", relay, [at_rate(NOISE_RATE)])
    for name, start in contenders(rivals):
        yield from _measured(bench, "latency", name, start, list(map(at_rate, RATES)))
    yield from _measured(bench, "latency", f"{NOISE}, after", relay, [at_rate(NOISE_RATE)])


def throughput(bench: Bench, rivals: Sequence[str]) -> Iterator[Row]:
    """All servers at each window."""
    yield from _measured(bench, "throughput", f"{NOISE}, before", relay, [at_window(NOISE_WINDOW)])
    for name, start in contenders(rivals):
        yield from _measured(bench, "throughput", name, start, list(map(at_window, WINDOWS)))
    yield from _measured(bench, "throughput", f"{NOISE}, after", relay, [at_window(NOISE_WINDOW)])


def tls(bench: Bench, rivals: Sequence[str]) -> Iterator[Row]:
    """The same server without and with TLS, both driven by the loop in Python (the one in C knows no TLS)."""
    servers: tuple[tuple[str, Start], ...] = (
        ("imserver", imserver),
        ("imserver, TLS", partial(imserver, tls=True)),
    )
    for name, start in servers:
        for case, load in (at_rate(TLS_RATE), at_window(TLS_WINDOW)):
            yield from _one(bench, "tls", name, case, start, loop="python", **load)


SCENARIOS = (
    Scenario("echo", "the bare relay, the machine's yardstick", lambda bench, rivals: 1 + len(WINDOWS), echo),
    Scenario(
        "latency",
        "open loop at fixed rates: latency from the scheduled time",
        lambda bench, rivals: 2 + len(RATES) * (1 + len(rivals)),
        latency,
        has_rivals=True,
    ),
    Scenario(
        "throughput",
        "closed loop, windows 1, 16 and 64: messages a second, acknowledged end to end",
        lambda bench, rivals: 2 + len(WINDOWS) * (1 + len(rivals)),
        throughput,
        has_rivals=True,
    ),
    Scenario("tls", "the same with TLS", lambda bench, rivals: 4, tls),
)
