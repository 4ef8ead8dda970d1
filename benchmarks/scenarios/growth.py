"""growth: the cost of a large database for posts, old pages, and the sync of a user in very many conversations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.clients.drain import Drained, DrainPlan
from benchmarks.clients.readers import PagesRead, ReadPlan
from benchmarks.fill import Pair, fill
from benchmarks.histograms import merged, percentile_ms
from benchmarks.measure import Bench, Figures, measure, pair_lanes
from benchmarks.plan import PartyPlan
from benchmarks.processes import direct, imserver, temporary_folder
from benchmarks.results import Row, message_row
from benchmarks.scenarios.base import Scenario, fixed
from benchmarks.scenarios.returning import client_cpus, spent_row, worked

#: Runs of each kind, alternating: disturbances of the machine meet both.
ROUNDS = 5
WINDOW = 64
#: Messages of each conversation in the large database; the small one has the measured pairs with so many each.
EACH = 500
SMALL_EACH = 100
HUB_CONVERSATIONS = 50_000
_SEED = 20261122


@dataclass(frozen=True, slots=True)
class _Round:
    """One server on one database."""

    posts: Figures
    read: PagesRead
    page_cpu_us: float
    steal: float


def growth(bench: Bench, rivals: Sequence[str]) -> Iterator[Row]:
    """CPU of a post and pages of history, in turns on a small and a large database; then the large sync."""
    count = max(bench.pairs, bench.growth_messages // EACH)
    with temporary_folder() as folder:
        large = folder / "large.db"
        fill(large, _pairs(count), EACH)
        small_rounds, large_rounds = [], []
        for number in range(ROUNDS):
            small = folder / f"small-{number}.db"  # a new one for each round: posts make it large
            fill(small, _pairs(bench.pairs), SMALL_EACH)
            small_rounds.append(_round(bench, small, number))
            large_rounds.append(_round(bench, large, number))
        stored = f"{count * EACH:,} stored"
        yield from _posts(small_rounds, large_rounds, stored)
        yield from _pages(small_rounds, large_rounds, stored)
    with temporary_folder() as folder:
        yield _sync(bench, folder / "hub.db", bench.scaled(HUB_CONVERSATIONS, least=20))


def _pairs(count: int) -> list[Pair]:
    return [(f"a{number}", f"b{number}", direct(f"a{number}", f"b{number}")) for number in range(count)]


def _round(bench: Bench, path: Path, number: int) -> _Round:
    """Pages first: posts make the small database grow."""
    with imserver(database=path) as target:
        pairs = _pairs(bench.pairs)
        plan = ReadPlan(
            target.host,
            target.port,
            [PartyPlan(other, target.token(other)) for _, other, _ in pairs],
            [conversation_id for _, _, conversation_id in pairs],
            # The same part of each conversation, so that pages are equally long.
            [SMALL_EACH // 2] * len(pairs),
            bench.seconds / 2,
            _SEED + number,
            client_cpus(bench),
        )
        read, cpu, steal = worked(target, "benchmarks.clients.readers", plan, PagesRead)
        posts = measure(bench, target, pair_lanes(target, bench.pairs), window=WINDOW)
    return _Round(posts, read, cpu / max(1, read.pages) * 1e6, steal)


def _posts(small: Sequence[_Round], large: Sequence[_Round], stored: str) -> Iterator[Row]:
    empty = median(each.posts.cpu_s_per_100k for each in small)
    for rounds, case in ((small, "posts, empty store"), (large, f"posts, {stored}")):
        cost = median(each.posts.cpu_s_per_100k for each in rounds)
        middle = min(rounds, key=lambda each: abs(each.posts.cpu_s_per_100k - cost))
        row = message_row("growth", "imserver", case, middle.posts, cpu_ratio=cost / (empty or 1.0))
        row.note = f"median of {ROUNDS}, in turns"
        yield row


def _pages(small: Sequence[_Round], large: Sequence[_Round], stored: str) -> Iterator[Row]:
    empty = median(each.page_cpu_us for each in small)
    for rounds, case in ((small, "pages of 50, empty store"), (large, f"pages of 50, {stored}")):
        pages_us = merged(each.read.page_us for each in rounds)
        cost = median(each.page_cpu_us for each in rounds)
        figures = {
            "per_s": sum(each.read.pages for each in rounds) / sum(each.read.spent.wall_s for each in rounds),
            "page_p50_ms": percentile_ms(pages_us, 50.0),
            "page_p99_ms": percentile_ms(pages_us, 99.0),
            "cpu_us_per_page": cost,
            "cpu_ratio": cost / (empty or 1.0),
        }
        row = Row("growth", "imserver", case, figures, histograms={"page": pages_us})
        row.errors = [f"{each.read.wrong} pages were wrong" for each in rounds if each.read.wrong]
        row.steal = max(each.steal for each in rounds)
        row.note = f"CPU: median of {ROUNDS}, in turns; one read at a time"
        yield row


def _sync(bench: Bench, path: Path, count: int) -> Row:
    """One message in each of very many conversations of one user."""
    pairs = [("hub", f"u{number}", direct("hub", f"u{number}")) for number in range(count)]
    fill(path, pairs, 1)
    with imserver(database=path) as target:
        plan = DrainPlan(
            target.host, target.port, [PartyPlan("hub", target.token("hub"))], False, client_cpus(bench)
        )
        seen, cpu, steal = worked(target, "benchmarks.clients.drain", plan, Drained)
    figures = {
        "seconds": seen.spent.wall_s,
        "per_s": seen.conversations / seen.spent.wall_s,
        "server_cpu_s": cpu,
    }
    row = Row("growth", "imserver", f"sync of {count:,} conversations", figures)
    if seen.conversations != count:
        row.errors.append(f"{seen.conversations} conversations instead of {count}")
    return spent_row(row, seen.spent, steal)


SCENARIOS = (Scenario("growth", "posts, pages and sync with many messages stored", fixed(5), growth),)
