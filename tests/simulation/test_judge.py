"""Everything that watches a run is asked, and whatever it says is a finding of the run."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest

from imserver.errors import StoreFailed
from imserver.plugin_host.handling import Late
from imserver.proof.simulation import machine as machines
from imserver.proof.simulation import runs, world
from imserver.proof.simulation.journal import Journal
from imserver.proof.simulation.loop import Stuck, VirtualLoop
from imserver.proof.simulation.machine import MAX_SESSION_BYTES, SimulatedLog
from imserver.proof.simulation.quiescence import Quiescence
from imserver.proof.simulation.report import Totals
from imserver.proof.simulation.setting import LIES_FROM, draw
from imserver.proof.simulation.world import World
from imserver_client import State


@pytest.fixture
def here(tmp_path: Path) -> World:
    """A world in which nothing has happened yet."""
    return World(draw(1), tmp_path)


def raises(error: Exception) -> Callable[..., Any]:
    async def play() -> None:
        raise error

    return play


@pytest.mark.parametrize(
    ("error", "words"), [(Stuck("deadlock"), "stuck: deadlock"), (KeyError("x"), "the run broke off")]
)
def test_a_run_that_breaks_off_is_a_finding(here: World, error: Exception, words: str) -> None:
    here._play = raises(error)  # type: ignore[method-assign]
    [finding] = here.run().findings
    assert finding.startswith(words)


def test_an_exception_that_nobody_handles_is_a_finding(here: World) -> None:
    async def play() -> None:
        here.loop.call_soon(lambda: 1 / 0)
        await asyncio.sleep(1)

    here._play = play  # type: ignore[method-assign]
    [finding] = here.run().findings
    assert finding.startswith("unhandled: ")
    assert "ZeroDivisionError" in finding


def test_the_end_is_asked_of_oracle_appointments_and_check(
    here: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    check = SimpleNamespace(findings=[SimpleNamespace(check="heads", text="too low")])
    monkeypatch.setattr(world, "read_stored", lambda database: SimpleNamespace(rows=[]))
    monkeypatch.setattr(world, "Evidence", lambda *given: None)
    monkeypatch.setattr(world, "judge", lambda evidence: ["lost: message 1"])
    monkeypatch.setattr(world, "appointments", lambda *given: ["missing appointment: A1"])
    monkeypatch.setattr(world, "check_database", lambda sql, *, ledger: check)
    here._judge()
    assert here.journal.findings == ["lost: message 1", "missing appointment: A1", "check: heads: too low"]
    here.loop.close()


def test_the_checks_of_plugins_are_findings(here: World) -> None:
    async def run_checks() -> list[Any]:
        return [SimpleNamespace(plugin="booking", check="cells", text="taken twice")]

    here.machine.server = SimpleNamespace(plugin_host=SimpleNamespace(run_checks=run_checks))  # type: ignore[assignment]
    here.loop.run_until_complete(here._ask_plugins())
    assert here.journal.findings == ["check: booking: cells: taken twice"]
    here.loop.close()


def test_clocks_jump_both_ways_by_up_to_a_day() -> None:
    jumps: list[int] = []
    there: Any = SimpleNamespace(random=Random(1), machine=SimpleNamespace(set_clock=jumps.append))
    for _ in range(300):
        World._jump(there)
    assert min(jumps) < -43_200_000
    assert max(jumps) > 43_200_000
    assert max(map(abs, jumps)) <= world.MAX_JUMP_MS == 86_400_000


# -- what the server shows -----------------------------------------------------------------------------------------------


@dataclass
class Session:
    requests_in_flight: int = 0
    pushes_unacked_frames: int = 0
    memory_bytes: int = 0


@pytest.mark.parametrize(
    ("name", "bound", "words"),
    [
        ("requests_in_flight", "max_requests", "requests in flight"),
        ("pushes_unacked_frames", "window_frames", "pushes unacked"),
        ("memory_bytes", "", "bytes"),
    ],
)
def test_a_session_above_a_bound_is_a_finding_and_one_at_the_bound_is_not(
    name: str, bound: str, words: str
) -> None:
    limits = draw(1).config(Path("x")).limits
    most = getattr(limits, bound) if bound else MAX_SESSION_BYTES
    for value, count in ((most, 0), (most + 1, 1)):
        loop = VirtualLoop(Random(1))
        here: Any = SimpleNamespace(
            _config=SimpleNamespace(limits=limits), _journal=Journal(loop.time), _handed_over=lambda: None
        )
        devices = [SimpleNamespace(stream=Session()), SimpleNamespace(stream=Session(**{name: value}))]
        server: Any = SimpleNamespace(listener=SimpleNamespace(sessions=devices))

        async def look(here: Any = here, server: Any = server) -> None:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(1):
                    await machines.Machine._look(here, server)

        loop.run_until_complete(look())
        loop.close()
        assert [text for text in here._journal.findings if words in text] == here._journal.findings
        assert len(here._journal.findings) == count


#: A line of the server's log, and whether it is a finding.
LOGGED: dict[str, tuple[Callable[[SimulatedLog], None], bool]] = {
    "an error": (lambda log: log.error("something"), True),
    "a critical one": (lambda log: log.critical("something"), True),
    "an exception": (lambda log: log.exception("something"), True),  # noqa: LOG004 - it is our own
    "the store failed": (lambda log: log.error("store_failed"), False),
    "a plugin did not start": (lambda log: log.error("plugin_start_failed"), True),
    "for the store": (lambda log: log.error("plugin_start_failed", exc_info=StoreFailed("x")), False),
    "a handler failed": (lambda log: log.error("plugin_handler_failed", exc_info=ValueError()), True),
    "a handler was late": (
        lambda log: log.error("plugin_handler_failed", exc_info=Late("x")),
        False,
    ),
    "a warning": (lambda log: log.warning("something"), False),
    "a violation": (lambda log: log.debug("connection_closed", code=211, address="10.1.0.1"), True),
    "a violation by the liar": (
        lambda log: log.debug("connection_closed", code=211, address=LIES_FROM),
        False,
    ),
    "a good end": (lambda log: log.debug("connection_closed", code=0, address="10.1.0.1"), False),
}


@pytest.mark.parametrize("what", LOGGED)
def test_what_the_server_logs_is_a_finding_unless_it_is_expected(what: str) -> None:
    journal = Journal(lambda: 0.0)
    say, wrong = LOGGED[what]
    say(SimulatedLog(journal).bind(address="10.1.0.1"))
    assert bool(journal.findings) is wrong


# -- what is not quiet ---------------------------------------------------------------------------------------------------


@dataclass
class Device:
    """One that is at rest."""

    device_id: str = "ann-1"
    user_id: str = "ann"
    pending: int = 0
    client: Any = field(default_factory=lambda: SimpleNamespace(state=State.CONNECTED))
    storage: Any = field(
        default_factory=lambda: SimpleNamespace(
            outbox=[], unsettled="", positions={}, begins={}, have=lambda name: SimpleNamespace(handed=3)
        )
    )


#: What is done to a device, to rows of members and heads, or to the server, and the words for it.
UNREST: dict[str, tuple[Callable[[Device, Any], Any], str]] = {
    "no client": (lambda d, w: setattr(d, "client", None), "ann-1 has no client"),
    "not connected": (lambda d, w: setattr(d.client, "state", State.CONNECTING), "ann-1 is"),
    "outbox": (lambda d, w: d.storage.outbox.append(1), "ann-1 has 1 posts in its outbox"),
    "answers": (lambda d, w: setattr(d, "pending", 2), "ann-1 waits for 2 answers"),
    "no server": (lambda d, w: setattr(w.machine, "server", None), "no server"),
    "not up": (lambda d, w: w.machine.up.clear(), "no server"),
    "a plugin": (lambda d, w: setattr(w.worker, "idle", False), "a plugin works"),
    "a timer": (lambda d, w: w.answers.update(timers=[(1,)]), "a timer is due"),
    "behind": (lambda d, w: w.answers.update(members=[("g", "ann", 4)]), "ann-1 was shown 3 of 4 in g"),
}


@pytest.mark.parametrize("what", ["", *UNREST])
def test_what_is_not_at_rest_is_told_and_after_the_limit_it_is_a_finding(what: str) -> None:
    loop = VirtualLoop(Random(1))
    device, worker = Device(), SimpleNamespace(idle=True)
    server = SimpleNamespace(plugin_host=SimpleNamespace(_running=[SimpleNamespace(worker=worker)]))
    up = asyncio.Event()
    up.set()
    there: Any = SimpleNamespace(
        loop=loop, devices=[device], machine=SimpleNamespace(server=server, up=up), worker=worker,
        journal=Journal(loop.time), database=Path("/dev/null"),
        answers={"timers": [], "members": [("g", "ann", 3), ("g", "bob", 9)]},
    )  # fmt: skip
    words = ""
    if what:
        spoil, words = UNREST[what]
        spoil(device, there)

    class Sql:
        def execute(self, text: str) -> Any:
            rows = there.answers["timers" if "timers" in text else "members"]
            return SimpleNamespace(fetchone=lambda: rows[0] if rows else None, fetchall=lambda: rows)

        def close(self) -> None: ...

    quiet = Quiescence(there)

    async def read(*given: Any) -> bool:
        return True

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(quiet, "_all_read_again", read)
        patch.setattr("imserver.proof.simulation.quiescence.sqlite3.connect", lambda *given, **more: Sql())
        loop.run_until_complete(quiet.wait(20.0))
    assert bool(there.journal.findings) is bool(what)
    assert all(f"not quiet 20 s after the last fault: {words}" in text for text in there.journal.findings)
    assert (loop.time() >= 20) is bool(what)
    loop.close()


# -- which seeds ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize(("first", "count"), [(1, 1), (5, 8), (7, 60)])
def test_every_seed_is_run_once(first: int, count: int, jobs: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """And what each chunk of them came to is added, whoever ran it."""
    seeds: list[int] = []

    def some(chunk: range) -> Totals:
        seeds.extend(chunk)
        return Totals(seeds=len(chunk))

    monkeypatch.setattr(runs, "run_some", some)
    monkeypatch.setattr(runs, "ProcessPoolExecutor", lambda jobs, *context, **more: ThreadPoolExecutor(jobs))
    assert runs.run_many(first, count, jobs=jobs, seconds=0).seeds == count
    assert sorted(seeds) == list(range(first, first + count))
