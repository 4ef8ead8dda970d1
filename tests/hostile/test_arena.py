"""The proof itself: an arena, its judge and its neighbours have to fail when an attack does harm."""

from __future__ import annotations

import asyncio
import dataclasses
import mmap
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import pytest

from imserver_protocol.errors import CloseCode, RefusalCode
from tests.hostile import arena as arenas
from tests.hostile.arena import Arena, ArenaConfig, Attack, Outcome, arena, judge
from tests.hostile.attacks import EVERYTHING, face_all
from tests.hostile.codes import CUT_OFF, GOES_ON, Calm, Heard, require

WELL = {"lost": 0, "doubled": 0, "in_order": True, "said": 3}
PEACE = {"posts": 3, "p50_ms": 1.0, "p99_ms": 2.0, "max_ms": 3.0, "changes": []}
FINE = Outcome("x", "1 x goes on", 100, 100, 9, arenas.SPARE_FDS, 1, 1.0, 2.0, 3.0, 2.0, 0.1, [])


class Host:
    """What an arena sees of a server and of its neighbours; tests say what that is."""

    def __init__(self) -> None:
        self.pids, self.port, self.running = [4711], 0, True
        self.rss, self.fds = 1000, 10
        self.looks = asyncio.Event()
        self.told: dict[str, Any] = dict(WELL)
        self.peace: dict[str, Any] = dict(PEACE)
        self.asked: list[tuple[float, float]] = []

    def rss_kib(self, pid: int) -> int:
        assert pid == 4711
        self.looks.set()
        return self.rss

    def open_fds(self, pid: int) -> int:
        assert pid == 4711
        return self.fds

    def tail(self) -> str:
        return "the end of its log"

    async def between(self, begin: float, end: float) -> dict[str, Any]:
        self.asked.append((begin, end))
        return self.peace

    async def end(self) -> dict[str, Any]:
        return self.told

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        pass


@pytest.fixture
async def host(monkeypatch: pytest.MonkeyPatch) -> Host:
    """Arenas have it for their server, and for their neighbours."""
    host = Host()

    async def warm(here: Arena) -> None:
        pass

    for name, value in {
        "ServerProcess": lambda *given: host,
        "Neighbours": lambda *given: host,
        "warm_up": warm,
        "rss_kib": host.rss_kib,
        "open_fds": host.open_fds,
        "QUIET_S": 0.0,
        "GONE_WITHIN_S": 0.2,
    }.items():
        monkeypatch.setattr(arenas, name, value)
    return host


async def stays(here: Arena) -> Heard:
    return Heard([GOES_ON])


def row(run: Callable[[Arena], Any] = stays, **changes: Any) -> Attack:
    return Attack(**{"name": "x", "growth_kib": 100, "run": run, "codes": [GOES_ON], **changes})


# -- the end of a house -----------------------------------------------------------------------------------------------


async def test_a_house_where_nobody_came_to_harm(host: Host, tmp_path: Path) -> None:
    async with arena(tmp_path, ArenaConfig()) as here:
        judge(await here.face(row()))


@pytest.mark.parametrize(
    "harm", [{"lost": 1}, {"doubled": 1}, {"in_order": False}, {"lost": 7, "doubled": 7}], ids=str
)
async def test_a_house_fails_if_the_neighbours_lost_something(
    host: Host, tmp_path: Path, harm: dict[str, Any]
) -> None:
    with pytest.raises(AssertionError):
        async with arena(tmp_path, ArenaConfig()):
            host.told.update(harm)


async def test_a_house_fails_if_its_server_is_gone(host: Host, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="the end of its log"):
        async with arena(tmp_path, ArenaConfig()):
            host.running = False


# -- one attack -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("harm", "word"),
    [
        ({"growth_kib": 101}, "memory"),
        ({"fds_left": arenas.SPARE_FDS + 1}, "descriptors"),
        ({"posts": 0}, "no progress"),
        ({"changes": ["connecting: it was cut"]}, "lost their connections"),
    ],
)
def test_the_judge(harm: dict[str, Any], word: str) -> None:
    judge(FINE)
    with pytest.raises(AssertionError, match=word):
        judge(dataclasses.replace(FINE, **harm))


async def test_memory_is_what_the_server_had_at_the_worst_moment(host: Host, tmp_path: Path) -> None:
    async def for_a_moment(here: Arena) -> Heard:
        host.rss, host.fds = 9000, 99
        host.looks.clear()
        async with asyncio.timeout(10):
            await host.looks.wait()
        host.rss, host.fds = 1000, 10
        return Heard([GOES_ON])

    async with arena(tmp_path, ArenaConfig()) as here:
        outcome = await here.face(row(for_a_moment))
        assert (outcome.growth_kib, outcome.bound_kib, outcome.fds_peak) == (8000, 100, 99)
        with pytest.raises(AssertionError, match="memory"):
            judge(outcome)


async def test_sockets_that_stay_are_noticed(host: Host, tmp_path: Path) -> None:
    async def leaves_some(here: Arena) -> Heard:
        host.fds += arenas.SPARE_FDS + 1
        return Heard([GOES_ON])

    async with arena(tmp_path, ArenaConfig()) as here:
        with pytest.raises(AssertionError, match="descriptors"):
            judge(await here.face(row(leaves_some)))


async def test_sockets_may_take_a_moment_to_be_gone(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = iter([50, 50, 20, 10])
    monkeypatch.setattr(arenas, "open_fds", lambda pid: next(seen, 10))
    assert await arenas.fds_after(4711, 10) == 10


async def test_the_neighbours_are_asked_about_the_time_of_the_attack(host: Host, tmp_path: Path) -> None:
    at: list[float] = []

    async def late(here: Arena) -> Heard:
        at.append(time.monotonic())
        return Heard([GOES_ON])

    async with arena(tmp_path, ArenaConfig()) as here:
        host.peace = {**PEACE, "changes": ["connecting: it was cut"]}
        outcome = await here.face(row(late))
    begin, end = host.asked[-1]
    assert begin <= at[0] <= end
    with pytest.raises(AssertionError, match="lost their connections"):
        judge(outcome)


@pytest.mark.parametrize(
    ("heard", "word"),
    [
        ({}, "never heard TOO_MANY"),
        ({CloseCode.TOO_MANY: 0}, "never heard TOO_MANY"),
        ({GOES_ON: 9}, "never heard TOO_MANY"),
        ({CloseCode.TOO_MANY: 9, GOES_ON: 1}, "heard goes on"),
        ({CloseCode.TOO_MANY: 9, CUT_OFF: 1}, "heard cut off"),
        ({CloseCode.TOO_MANY: 9, RefusalCode.INTERNAL: 1}, "heard INTERNAL"),
    ],
)
async def test_an_attack_that_ends_otherwise_than_its_row_says(
    host: Host, tmp_path: Path, heard: dict[int, int], word: str
) -> None:
    async def run(here: Arena) -> Heard:
        return Heard(heard)

    async with arena(tmp_path, ArenaConfig()) as here:
        with pytest.raises(AssertionError, match=word):
            await here.face(row(run, codes=[CloseCode.TOO_MANY], may=[RefusalCode.HELD]))


async def test_an_attack_that_ends_as_its_row_says(host: Host, tmp_path: Path) -> None:
    async def run(here: Arena) -> Heard:
        return Heard({CloseCode.TOO_MANY: 9, RefusalCode.HELD: 1}, "as it should")

    async with arena(tmp_path, ArenaConfig()) as here:
        outcome = await here.face(row(run, codes=[CloseCode.TOO_MANY], may=[RefusalCode.HELD]))
    assert "9 x TOO_MANY 1 x HELD; as it should" in outcome.line(), "the table says how it ended"


def test_a_row_without_a_code_is_none() -> None:
    with pytest.raises(AssertionError, match="does not say"):
        require(Heard([GOES_ON]), ())


# -- the table --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("attack", EVERYTHING, ids=lambda attack: attack.name)
def test_a_row_says_how_its_attack_ends(attack: Attack) -> None:
    assert attack.codes, "close codes, refusals, or that it goes on"
    for code in (*attack.codes, *attack.may):
        assert isinstance(code, CloseCode | RefusalCode | Calm), code
        assert code is not CloseCode.LOST, "never on the wire"
        assert "INTERNAL" not in code.name, "a fault of ours is no answer to an attack"
    assert not set(attack.codes) & set(attack.may)


def test_the_documents_count_the_rows() -> None:
    root = Path(__file__).parents[2]
    for page in ("README.md", "docs/reliability.md"):
        assert f" {len(EVERYTHING)} attacks" in (root / page).read_text(), page


@pytest.mark.parametrize("number", [0, 1, 2])
async def test_each_attack_of_a_house_is_judged(host: Host, tmp_path: Path, number: int) -> None:
    async def greedy(here: Arena) -> Heard:
        host.rss += 101
        return Heard([GOES_ON])

    rows = [row(name="a"), row(name="b"), row(name="c")]
    shown: list[Outcome] = []
    await face_all(tmp_path, "plain", shown.append, [*rows, row(greedy, name="elsewhere", house="tls")])
    assert [outcome.name for outcome in shown] == ["a", "b", "c"]
    rows[number] = row(greedy, name="greedy")
    with pytest.raises(AssertionError, match="memory"):
        await face_all(tmp_path, "plain", shown.append, rows)
    assert len(shown) == 6, "the table shows the others all the same"


# -- how a process is measured ----------------------------------------------------------------------------------------


def test_memory_is_told_in_kib() -> None:
    before = arenas.rss_kib(os.getpid())
    with mmap.mmap(-1, 64 << 20) as room:
        for at in range(0, 64 << 20, mmap.PAGESIZE):
            room[at] = 1
        grown = arenas.rss_kib(os.getpid()) - before
    assert 60_000 < grown < 80_000


def test_descriptors_are_counted() -> None:
    before = arenas.open_fds(os.getpid())
    opened = [os.open(os.devnull, os.O_RDONLY) for _ in range(10)]
    assert arenas.open_fds(os.getpid()) - before == 10
    for each in opened:
        os.close(each)
