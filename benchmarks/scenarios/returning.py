"""backlog, reconnect: clients that were away."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

from benchmarks import machine
from benchmarks.children import Child
from benchmarks.clients.drain import Drained, DrainPlan
from benchmarks.clients.peer import Spent
from benchmarks.clients.storm import Returned, StormPlan
from benchmarks.fill import fill
from benchmarks.histograms import percentile_ms
from benchmarks.measure import MAX_GENERATOR_CPU, Bench
from benchmarks.plan import PartyPlan
from benchmarks.processes import Target, direct, imserver, temporary_folder
from benchmarks.results import Counts, Row
from benchmarks.scenarios.base import Scenario, fixed

READERS = 100
MESSAGES = 100_000
STORM = 5_000
T = TypeVar("T")


def worked(target: Target, module: str, plan: Any, kind: type[T]) -> tuple[T, float, float]:
    """The result of a client process, the server's processor time, and the share of stolen time meanwhile."""
    with Child(module, plan) as child:
        child.ready()
        cpu, steal = target.cpu_seconds(), machine.Ticks.now()
        child.go(time.monotonic_ns())
        seen = child.result(kind)
        return seen, target.cpu_seconds() - cpu, machine.Ticks.now().share_since(steal)


def client_cpus(bench: Bench) -> list[int]:
    """The CPUs of client processes."""
    return [cpu for share in bench.pinned.generators for cpu in share]


def spent_row(row: Row, spent: Spent, steal: float) -> Row:
    """The row with the client's own use."""
    row.generator_cpu = spent.share
    row.void = spent.share > MAX_GENERATOR_CPU
    row.loop = "Python"
    row.steal = steal
    return row


def backlog(bench: Bench, rivals: Sequence[str]) -> Iterator[Row]:
    """Every reader has missed its share of messages; all come at once and read everything."""
    readers = bench.scaled(READERS, least=2)
    each = max(1, bench.scaled(MESSAGES, least=40) // readers)
    pairs = [(f"a{number}", f"b{number}", direct(f"a{number}", f"b{number}")) for number in range(readers)]
    with temporary_folder() as folder:
        fill(folder / "backlog.db", pairs, each)
        with imserver(database=folder / "backlog.db") as target:
            parties = [PartyPlan(other, target.token(other)) for _, other, _ in pairs]
            plan = DrainPlan(target.host, target.port, parties, cpus=client_cpus(bench))
            seen, cpu, steal = worked(target, "benchmarks.clients.drain", plan, Drained)
    total = readers * each
    counts = Counts(total, total, seen.messages, total - seen.messages, 0, seen.out_of_order)
    figures = {
        "per_s": seen.messages / seen.spent.wall_s,
        "seconds": seen.spent.wall_s,
        "cpu_s_per_100k": cpu / max(1, seen.messages) * 100_000,
    }
    case = f"{total:,} messages, {readers} readers"
    yield spent_row(Row("backlog", "imserver", case, figures, counts), seen.spent, steal)


def reconnect(bench: Bench, rivals: Sequence[str]) -> Iterator[Row]:
    """Cut all clients at the same moment; all come back at once, without the jitter of real clients."""
    count = bench.scaled(STORM, least=10)
    with imserver() as target:
        parties = [PartyPlan(f"u{number}", target.token(f"u{number}")) for number in range(count)]
        plan = StormPlan(target.host, target.port, parties, client_cpus(bench))
        seen, cpu, steal = worked(target, "benchmarks.clients.storm", plan, Returned)
    figures = {
        "seconds": seen.spent.wall_s,
        "resumed": float(seen.resumed),
        "back_p50_ms": percentile_ms(seen.back_us, 50.0),
        "back_p99_ms": percentile_ms(seen.back_us, 99.0),
        "cpu_us_per_client": cpu / count * 1e6,
    }
    row = Row(
        "reconnect", "imserver", f"{count:,} clients cut at once", figures, histograms={"back": seen.back_us}
    )
    if seen.resumed != count:
        row.errors.append(f"{seen.not_resumed} not resumed, {seen.failed} failed")
    yield spent_row(row, seen.spent, steal)


SCENARIOS = (
    Scenario("backlog", "100,000 messages that were said meanwhile, read by 100 clients", fixed(1), backlog),
    Scenario("reconnect", "5,000 clients cut at once come back and resume", fixed(1), reconnect),
)
