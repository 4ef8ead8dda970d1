"""team, accounts, turns, edits: what acts about people cost everybody else, each beside the same without them in one run."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TypeVar

from benchmarks import scenes
from benchmarks.children import Child
from benchmarks.clients.bookers import Booked, BookPlan
from benchmarks.clients.editors import Edited, EditPlan
from benchmarks.clients.flooders import Flooded, FloodPlan
from benchmarks.clients.staff import Swapped, SwapPlan
from benchmarks.histograms import percentile_ms
from benchmarks.measure import Bench, Figures, measure, pair_lanes
from benchmarks.plan import LanePlan, PartyPlan
from benchmarks.processes import Target, direct, imserver, temporary_folder
from benchmarks.results import Row, message_row
from benchmarks.scenarios.appointments import SHOP, WORDS, large_shop
from benchmarks.scenarios.base import Scenario, fixed
from benchmarks.scenarios.returning import client_cpus, spent_row, worked
from imserver.config import LimitsConfig

T = TypeVar("T")

#: Service conversations of the shop that swaps an employee, its staff, and posts a second in these conversations meanwhile.
CUSTOMERS = 100_000
STAFF = 12
RATE = 500.0
#: What a first list, or a newly gained team, shows of a team: the newest (`imserver.store.sqlite.teams.MAX_GAINED`).
GAINED = 10_000
#: Accounts of the small and of the large server.
FEW, MANY = 1_000, 100_000
#: How often the memory of the command is looked at (seconds).
_LOOK_EVERY_S = 0.01
#: Accounts that flood a bot, and what with: of the texts that the plugin reads, one that takes it longest.
FLOODERS = 4
FLOOD_TEXT = ("眼 " * 1000)[:2000]
#: Members of the large group, and those on-line; other users' posts a second.
MEMBERS = 5_000
ONLINE = 1_000
OTHERS_RATE = 200.0


# -- an employee goes, another one comes ----------------------------------------------------------------------------------


def team(bench: Bench, rivals: Sequence[str]) -> Iterator[Row]:
    """Posts in service conversations, alone and beside an employee who is swapped again and again."""
    count = bench.scaled(CUSTOMERS, least=bench.pairs)
    staff = [f"staff{number}" for number in range(STAFF)]
    with temporary_folder() as folder:
        path = folder / "shop.db"
        shop = scenes.shop(path, bot="shop", admin="boss", staff=staff, customers=count, friends=bench.pairs)
        scenes.people(path, ["newcomer"])
        rate = RATE * min(1.0, max(0.1, bench.scale))
        with imserver(database=path) as target:
            lanes = [
                LanePlan(number, _party(target, f"c{number}"), [_party(target, f"f{number}")], place)
                for number, place in enumerate(shop.conversations[: bench.pairs])
            ]
            alone = measure(bench, target, lanes, rate=rate)
            plan = SwapPlan(
                target.host,
                target.port,
                _party(target, "boss"),
                _party(target, staff[0]),
                _party(target, "newcomer"),
                shop.team,
                shop.conversations[0],
                min(count, GAINED),
                bench.warm_up_s + bench.seconds,
                client_cpus(bench),
            )
            beside, swapped = _beside(
                bench, target, lanes, "benchmarks.clients.staff", plan, Swapped, rate=rate
            )
    case = f"{count:,} conversations"
    yield message_row("team", "imserver", f"posts, {case}", alone)
    ratio = _p(beside, 99.0) / (_p(alone, 99.0) or 1.0)
    yield message_row("team", "imserver", f"posts beside swaps, {case}", beside, p99_ratio=ratio)
    figures = {
        "swaps": float(swapped.swaps),
        "act_p50_ms": percentile_ms(swapped.act_us, 50.0),
        "act_max_ms": percentile_ms(swapped.act_us, 100.0),
        "gone_p50_ms": percentile_ms(swapped.gone_us, 50.0),
        "gone_max_ms": percentile_ms(swapped.gone_us, 100.0),
        "list_p50_ms": percentile_ms(swapped.list_us, 50.0),
    }
    row = Row("team", "imserver", f"an employee swapped, {case}", figures)
    row.histograms = {"act": swapped.act_us, "gone": swapped.gone_us, "list": swapped.list_us}
    row.errors = [f"{swapped.wrong} reads or lists were wrong"] if swapped.wrong else []
    row.note = "an act: the removal or the addition, from the request to its answer"
    yield row


# -- very many accounts ---------------------------------------------------------------------------------------------------


def accounts(bench: Bench, rivals: Sequence[str]) -> Iterator[Row]:
    """`imserver user list` beside a running server: the most memory of both, with few accounts and with many."""
    first: dict[str, float] = {}
    for size, count in (("few", bench.scaled(FEW, least=10)), ("many", bench.scaled(MANY, least=20))):
        with temporary_folder() as folder:
            path = folder / "accounts.db"
            scenes.people(path, (f"user{number:06}" for number in range(count)))
            with imserver(database=path) as target:
                lines, seconds, command_kib, grown_kib = _listed(target)
        figures = {"seconds": seconds, "command_mib": command_kib / 1024, "server_mib": grown_kib / 1024}
        first = first or figures
        figures["memory_ratio"] = figures["command_mib"] / first["command_mib"]
        row = Row("accounts", "imserver", f"{size}: {count:,} accounts", figures)
        row.errors = [f"{lines} accounts were listed"] if lines != count else []
        yield row


def _listed(target: Target) -> tuple[int, float, int, int]:
    """Lines of the list, its seconds, the most memory of the command, and how much more the server took than it had."""
    command = [sys.executable, "-m", "imserver.cli", "--config", str(target.folder / "imserver.toml")]
    before = _status_kib(target.pid, "VmRSS")
    Path(f"/proc/{target.pid}/clear_refs").write_text("5")  # from here on VmHWM is the most
    begun, most = time.monotonic(), 0
    with tempfile.TemporaryFile() as output:
        # Not what `wait4` tells: the memory of this process, of which the command's is a copy at first, counts there.
        with subprocess.Popen([*command, "user", "list", "--json"], stdout=output) as process:
            while process.poll() is None:
                with contextlib.suppress(OSError, StopIteration):  # it is just ending
                    most = max(most, _status_kib(process.pid, "VmHWM"))
                time.sleep(_LOOK_EVERY_S)
        seconds = time.monotonic() - begun
        output.seek(0)
        lines = sum(1 for _ in output)
    if process.returncode:
        raise RuntimeError(f"imserver user list ended with {process.returncode}")
    return lines, seconds, most, max(0, _status_kib(target.pid, "VmHWM") - before)


def _status_kib(pid: int, name: str) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


# -- a customer beside a flood --------------------------------------------------------------------------------------------


def turns(bench: Bench, rivals: Sequence[str]) -> Iterator[Row]:
    """A customer who books, alone and beside accounts that send the same shop's bot texts that take it longest."""
    with temporary_folder() as folder:
        chain = folder / "chain.toml"
        large_shop(chain)
        alone = _booked(bench, chain, flood=False)
        beside = _booked(bench, chain, flood=True)
    for case, (seen, flooded, cpu, steal) in (
        ("a customer alone", alone),
        (f"a customer beside {FLOODERS} accounts that flood", beside),
    ):
        line_ms = percentile_ms(seen.line_us, 50.0)
        figures = {
            "line_p50_ms": line_ms,
            "line_p99_ms": percentile_ms(seen.line_us, 99.0),
            "booked_p50_ms": percentile_ms(seen.all_us, 50.0),
            "wait_ratio": line_ms / (percentile_ms(alone[0].line_us, 50.0) or 1.0),
            "texts_per_s": flooded.taken / flooded.spent.wall_s if flooded else 0.0,
            "server_cpu": cpu / seen.spent.wall_s,
        }
        row = Row("turns", "imserver", case, figures, errors=list(seen.errors))
        row.histograms = {"line": seen.line_us, "booked": seen.all_us}
        yield spent_row(row, seen.spent, steal)


def _booked(bench: Bench, chain: Path, *, flood: bool) -> tuple[Booked, Flooded | None, float, float]:
    limits = LimitsConfig()
    with ExitStack() as stack:
        target = stack.enter_context(
            imserver(plugins=f'[plugins.booking]\nchain = "{chain}"', usual_rates=True)
        )
        flooding = None
        if flood:
            plan = FloodPlan(
                target.host,
                target.port,
                [_party(target, f"flooder{number}") for number in range(FLOODERS)],
                SHOP,
                FLOOD_TEXT,
                bench.scaled(limits.posts_burst, least=5),
                limits.posts_per_second,
                bench.seconds + bench.warm_up_s,
                client_cpus(bench),
            )
            flooding = stack.enter_context(Child("benchmarks.clients.flooders", plan))
            flooding.ready()
            flooding.go(time.monotonic_ns())
            time.sleep(bench.warm_up_s)
        booking = BookPlan(
            target.host,
            target.port,
            [_party(target, "customer")],
            SHOP,
            WORDS,
            bench.seconds,
            client_cpus(bench),
        )
        seen, cpu, steal = worked(target, "benchmarks.clients.bookers", booking, Booked)
        return seen, flooding.result(Flooded) if flooding else None, cpu, steal


# -- edits among many -----------------------------------------------------------------------------------------------------


def edits(bench: Bench, rivals: Sequence[str]) -> Iterator[Row]:
    """One user who edits as fast as he may, in a direct conversation and in a large group; posts of others meanwhile."""
    count = bench.scaled(MEMBERS, least=10)
    members = [f"m{number}" for number in range(count - 1)]
    with temporary_folder() as folder:
        path = folder / "group.db"
        group = scenes.group(path, "editor", members)
        rate = OTHERS_RATE * min(1.0, max(0.1, bench.scale))
        found = []
        for place, online in (
            (direct("editor", "m0"), members[:1]),
            (group, members[: bench.scaled(ONLINE, least=5)]),
        ):
            with imserver(database=path, usual_rates=True) as target:
                plan = EditPlan(
                    target.host,
                    target.port,
                    _party(target, "editor"),
                    [_party(target, name) for name in online],
                    place,
                    bench.warm_up_s + bench.seconds,
                    client_cpus(bench),
                )
                lanes = pair_lanes(target, bench.pairs)
                found.append(
                    _beside(bench, target, lanes, "benchmarks.clients.editors", plan, Edited, rate=rate)
                )
    quiet, _ = found[0]
    for case, (others, edited) in zip(
        ("in a direct conversation", f"in a group of {count:,}"), found, strict=True
    ):
        more = {
            "acts_per_s": edited.edits / edited.spent.wall_s,
            "ack_p95_ms": _p(others, 95.0),
            "p95_ratio": _p(others, 95.0) / (_p(quiet, 95.0) or 1.0),
        }
        yield message_row("edits", "imserver", f"others beside edits {case}", others, **more)


def _beside(
    bench: Bench,
    target: Target,
    lanes: Sequence[LanePlan],
    module: str,
    plan: Any,
    kind: type[T],
    *,
    rate: float,
) -> tuple[Figures, T]:
    """A load of posts while a client process works; both results."""
    with Child(module, plan) as child:
        child.ready()
        child.go(time.monotonic_ns())
        figures = measure(bench, target, lanes, rate=rate)
        return figures, child.result(kind)


def _p(figures: Figures, percentile: float) -> float:
    return percentile_ms(figures.outcome.ack_us, percentile)


def _party(target: Target, name: str) -> PartyPlan:
    return PartyPlan(name, target.token(name))


SCENARIOS = (
    Scenario("team", "an employee of 100,000 service conversations swapped", fixed(3), team),
    Scenario("accounts", "memory of a list of 100,000 accounts", fixed(2), accounts),
    Scenario("turns", "a customer's wait for a bot that others flood", fixed(2), turns),
    Scenario("edits", "edits in a group of 5,000, others' tail", fixed(2), edits),
)
