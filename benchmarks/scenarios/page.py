"""page: the customer's page in Chromium on a slow phone. A cold visit; taps beside 200 customers; 200 taps in a second."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import resources
from pathlib import Path

from benchmarks import machine
from benchmarks.browser import CPU_SLOWDOWN, PHONE, Booker, Tap, Visit, chromium, visit
from benchmarks.children import Child
from benchmarks.clients.tappers import Tapped, TapPlan
from benchmarks.histograms import percentile_ms
from benchmarks.measure import Bench
from benchmarks.plan import PartyPlan
from benchmarks.processes import Target, free_port, imserver, temporary_folder
from benchmarks.results import Row
from benchmarks.scenarios.appointments import SHOP, WORDS, large_shop
from benchmarks.scenarios.base import Scenario, fixed, rows_or_reason
from benchmarks.scenarios.returning import client_cpus, spent_row

VISITS = 5
#: Customers, their bookings a second, and how long.
CONNECTED, RATE, SECONDS = 200, 10.0, 90.0
#: With fewer taps a 95th percentile says nothing.
TAPS = 30
#: Guests of one address in a day before staff look at each of them.
GUESTS = 10_000
BOOK = "Book an eye exam"
TAPPERS = "benchmarks.clients.tappers"


def page(bench: Bench, rivals: Sequence[str]) -> Iterator[Row]:
    """Without Chromium, or without made pages, rows that say so."""
    made = resources.files("imserver.plugins.booking") / "pages" / "built" / "parts.json"
    for case, rows in (
        ("cold visits", lambda: _visits(bench)),
        ("taps beside others", lambda: _beside(bench)),
        ("taps at once", lambda: at_once(bench)),
    ):
        if made.is_file():
            yield from rows_or_reason("page", "imserver", case, rows)
        else:
            yield Row("page", "imserver", case, note="the pages are not made: make pages")


def _visits(bench: Bench) -> Iterator[Row]:
    """What comes over the line before the first tap, and when there is something to tap."""

    async def visits(url: str) -> list[Visit]:
        async with chromium() as browser:
            seen = []
            for _ in range(1 + bench.scaled(VISITS)):
                context = await browser.new_context(**PHONE)
                seen.append((await visit(context, url, BOOK))[1])
                await context.close()
            return seen[1:]  # the first one waits for a browser and a server that have only just begun

    port = free_port()
    with imserver(plugins="[plugins.booking]", more=_http(port)):
        seen = asyncio.run(visits(f"http://localhost:{port}/s/garden"))
    figures = {
        "requests": float(max(len(one.requests) for one in seen)),
        "kib": max(one.bytes for one in seen) / 1024,
        "usable_ms": statistics.median(one.usable_ms for one in seen),
    }
    yield Row("page", "imserver", f"cold visits, 150 ms, 1.6 Mbit/s, CPU x{CPU_SLOWDOWN}", figures)


def _beside(bench: Bench) -> Iterator[Row]:
    """One slow phone's page taps as often as it can, while others book on schedule."""
    seconds = max(2.0, SECONDS * min(1.0, bench.scale))
    count = int(RATE * seconds)

    async def taps(url: str) -> list[Tap]:
        end = time.monotonic() + seconds
        async with chromium() as browser:
            booker = Booker(browser, url, BOOK)
            made = [await booker.book()]
            while time.monotonic() < end:
                made.append(await booker.book())
            return made

    with temporary_folder() as folder, _shop(folder / "chain.toml") as (target, url):
        plan = _plan(bench, target, count, RATE, held_before=False)
        with Child(TAPPERS, plan) as child:
            child.ready()
            steal = machine.Ticks.now()
            child.go(time.monotonic_ns())
            made = asyncio.run(taps(url))
            seen = child.result(Tapped)
    waits = sorted(tap.whole for tap in made)
    figures = {
        "taps": float(len(waits)),
        "tap_p50_ms": statistics.median(waits),
        "tap_p95_ms": waits[min(len(waits) - 1, int(len(waits) * 0.95))],
        "tap_sent_ms": statistics.median(tap.sent for tap in made),
        "tap_answered_ms": statistics.median(tap.answered for tap in made),
        "tap_drawn_ms": statistics.median(tap.drawn for tap in made),
        "tap_writes": statistics.median(tap.writes for tap in made),
        "others_p95_ms": percentile_ms(seen.booked_us, 95.0),
        "unanswered": float(count - seen.booked),
    }
    case = f"taps beside others: {len(plan.parties)} customers, {RATE:g} bookings/s, CPU x{CPU_SLOWDOWN}"
    row = Row("page", "imserver", case, figures, errors=list(seen.errors))
    if len(waits) < TAPS and bench.scale >= 1:
        row.note = f"{len(waits)} taps are too few for a 95th percentile"
    yield spent_row(row, seen.spent, machine.Ticks.now().share_since(steal))


def at_once(bench: Bench) -> Iterator[Row]:
    """All post their forms with a yes within one second, and read what is theirs."""
    with temporary_folder() as folder, _shop(folder / "chain.toml") as (target, _):
        count = bench.scaled(CONNECTED, least=2)
        plan = _plan(bench, target, count, float(count), held_before=True)
        with Child(TAPPERS, plan) as child:
            child.ready()
            steal = machine.Ticks.now()
            child.go(time.monotonic_ns())
            seen = child.result(Tapped)
    figures = {
        "taps": float(count),
        "tap_p50_ms": percentile_ms(seen.booked_us, 50.0),
        "tap_p95_ms": percentile_ms(seen.booked_us, 95.0),
        "unanswered": float(count - seen.booked),
    }
    row = Row("page", "imserver", f"taps at once: {count} in a second", figures, errors=list(seen.errors))
    yield spent_row(row, seen.spent, machine.Ticks.now().share_since(steal))


def _plan(bench: Bench, target: Target, taps: int, rate: float, *, held_before: bool) -> TapPlan:
    count = bench.scaled(CONNECTED, least=2)
    parties = [PartyPlan(f"c{number}", target.token(f"c{number}")) for number in range(count)]
    return TapPlan(
        target.host, target.port, parties, SHOP, WORDS, 0.0, client_cpus(bench),
        taps=taps, rate=rate, held_before=held_before,
    )  # fmt: skip


@contextmanager
def _shop(chain: Path) -> Iterator[tuple[Target, str]]:
    """A large shop that is always open, and the address of its page."""
    large_shop(chain)
    port = free_port()
    with imserver(plugins=f'[plugins.booking]\nchain = "{chain}"', more=_http(port)) as target:
        yield target, f"http://localhost:{port}/s/garden"


def _http(port: int) -> str:
    return f"[http]\nport = {port}\nguests = true\nguests_per_address = {GUESTS}"


SCENARIOS = (
    Scenario("page", "the customer's page in Chromium: weight, taps beside others (minutes)", fixed(3), page),
)
