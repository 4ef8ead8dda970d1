"""One measurement: generators and a stall probe against a target, with the server's processor time and the machine's steal."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from benchmarks import machine
from benchmarks.children import Child
from benchmarks.histograms import merged, percentile_ms
from benchmarks.plan import LanePlan, Outcome, PartyPlan, Plan
from benchmarks.probe import ProbePlan, Stalls
from benchmarks.processes import Target

#: A generator that used more of its core than this was the bottleneck: the row is void and gives no ratio.
MAX_GENERATOR_CPU = 0.8
#: From the start signal to the first send: by then every process has the signal.
_LEAD_S = 0.1


@dataclass(frozen=True, slots=True)
class Bench:
    """The settings that all measurements of a run share."""

    pinned: machine.Cores
    #: The compiled hot loop; "": the one in Python.
    library: str
    #: Measured time of one row, and the warm-up before it.
    seconds: float
    warm_up_s: float
    #: Scales sizes of scenarios that are not rates: kept results use 1; tests use very little.
    scale: float = 1.0
    pairs: int = 50
    growth_messages: int = 100_000

    def scaled(self, count: int, least: int = 1) -> int:
        """A size, scaled."""
        return max(least, int(count * self.scale))


@dataclass(slots=True)
class Figures:
    """The figures of one load."""

    outcome: Outcome
    server_cpu_s: float
    generator_cpu: float
    steal: float
    stall_us: str = ""
    wall_s: float = 0.0

    @property
    def void(self) -> bool:
        """True if the generator was the bottleneck."""
        return self.generator_cpu > MAX_GENERATOR_CPU

    @property
    def per_second(self) -> float:
        """Messages acknowledged in each measured second."""
        return self.outcome.measured_acked / (self.outcome.measured_s or 1.0)

    @property
    def cpu_s_per_100k(self) -> float:
        """The server's processor time for 100,000 messages."""
        return self.server_cpu_s / max(1, self.outcome.measured_acked) * 100_000

    @property
    def stall_ms(self) -> float:
        """The longest that the server did not answer the probe."""
        return percentile_ms(self.stall_us, 100.0)


def pair_lanes(target: Target, count: int, first: int = 0) -> list[LanePlan]:
    """Users in pairs, one of each posts to the other."""
    target.loads += 1
    lanes = []
    for number in range(first, first + count):
        mine, other = (f"{side}{number}" for side in "ab")
        if target.codec != "imserver":
            mine, other = (f"{name}-{target.loads}" for name in (mine, other))
        receiver = PartyPlan(other, target.token(other))
        lanes.append(
            LanePlan(
                number, PartyPlan(mine, target.token(mine)), [receiver], target.place(number, target.loads)
            )
        )
    return lanes


def measure(
    bench: Bench, target: Target, lanes: Sequence[LanePlan], *, probe: bool = True, **load: Any
) -> Figures:
    """One load on the target, shared among as many generators as there are cores for them."""
    return measure_plans(bench, target, plans_for(bench, target, lanes, **load), probe=probe)


def plans_for(bench: Bench, target: Target, lanes: Sequence[LanePlan], **load: Any) -> list[Plan]:
    """The load, in shares."""
    shares = [
        list(lanes[number :: len(bench.pinned.generators)]) for number in range(len(bench.pinned.generators))
    ]
    shares = [share for share in shares if share]
    rate = load.pop("rate", 0.0)
    return [
        Plan(
            codec=target.codec,
            host=target.host,
            port=target.port,
            lanes=share,
            warm_up_s=bench.warm_up_s,
            measure_s=bench.seconds,
            rate=rate * len(share) / len(lanes),
            tls_ca=target.tls_ca,
            library=bench.library,
            cpus=list(cpus),
            first_address=20_000 * number,
            **load,
        )
        for number, (share, cpus) in enumerate(zip(shares, bench.pinned.generators, strict=False))
    ]


def measure_plans(bench: Bench, target: Target, plans: Sequence[Plan], *, probe: bool = True) -> Figures:
    """Run these plans at the same time. Raises RuntimeError if a generator failed."""
    outcomes, stalls, figures = run_plans(bench, target, plans, probe=probe)
    figures.outcome = merge(outcomes)
    figures.stall_us = stalls.answer_us
    figures.generator_cpu = max(
        (outcome.generator_cpu_s / (outcome.measured_s or 1.0) for outcome in outcomes), default=0.0
    )
    return figures


def run_plans(
    bench: Bench, target: Target, plans: Sequence[Plan], *, probe: bool
) -> tuple[list[Outcome], Stalls, Figures]:
    """The same with each generator's outcome by itself."""
    with ExitStack() as stack:
        generators = [stack.enter_context(Child("benchmarks.generator", plan)) for plan in plans]
        cpus = [cpu for share in bench.pinned.generators for cpu in share]
        asking = ProbePlan(target.codec, target.host, target.port, target.token("probe"), target.tls_ca, cpus)
        prober = stack.enter_context(Child("benchmarks.probe", asking)) if probe else None
        for child in (*generators, *((prober,) if prober else ())):
            child.ready()
        start = time.monotonic_ns() + int(_LEAD_S * 1e9)
        begin = start + int(plans[0].warm_up_s * 1e9)
        end = begin + int(plans[0].measure_s * 1e9)
        for child in generators:
            child.go(start)
        if prober:
            prober.go(begin, end)
        cpu, steal = _meter(target, begin)
        cpu_after, steal_after = _meter(target, end)
        outcomes = [child.result(Outcome) for child in generators]
        stalls = prober.result(Stalls) if prober else Stalls()
    figures = Figures(
        Outcome(), cpu_after - cpu, 0.0, steal_after.share_since(steal), wall_s=(end - begin) / 1e9
    )
    return outcomes, stalls, figures


def _meter(target: Target, at_ns: int) -> tuple[float, machine.Ticks]:
    time.sleep(max(0.0, (at_ns - time.monotonic_ns()) / 1e9))
    return target.cpu_seconds(), machine.Ticks.now()


def merge(outcomes: Sequence[Outcome]) -> Outcome:
    """Merge several outcomes into one."""
    if len(outcomes) == 1:
        return outcomes[0]
    whole = Outcome(loop=outcomes[0].loop, errors=[error for each in outcomes for error in each.errors])
    for name in ("sent", "acked", "delivered", "expected", "doubled", "out_of_order"):
        setattr(whole, name, sum(getattr(each, name) for each in outcomes))
    for name in ("measured_sent", "measured_acked", "measured_delivered", "generator_cpu_s", "unsent"):
        setattr(whole, name, sum(getattr(each, name) for each in outcomes))
    whole.measured_s = sum(each.measured_s for each in outcomes) / max(1, len(outcomes))
    whole.late_ms = max((each.late_ms for each in outcomes), default=0.0)
    whole.ack_us = merged(each.ack_us for each in outcomes)
    whole.delivery_us = merged(each.delivery_us for each in outcomes)
    whole.all_us = merged(each.all_us for each in outcomes)
    return whole
