"""The counts of both hot loops, against a server with planted faults: the same from both, and right."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Container, Iterator, Sequence
from pathlib import Path

import pytest

from benchmarks.histograms import count_of, percentile_ms
from benchmarks.plan import MAX_OPEN, Outcome

from .world import CPU_SHARE, Deliveries, World, at_once, compiled_for_worlds, in_c, in_python, plan_for

RATE = 1_000.0
#: Messages of the warm-up, and all of them: one is due half a tick after each tick.
WARM_UP, ALL = 100, 600
#: Three digits.
CLOSE = 0.002

Drive = Callable[..., Outcome]


@pytest.fixture(scope="session")
def world_library(tmp_path_factory: pytest.TempPathFactory) -> str:
    return compiled_for_worlds(Path(tmp_path_factory.mktemp("worlds")))


@pytest.fixture(params=["c", "python"])
def drive(
    request: pytest.FixtureRequest, world_library: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Drive]:
    """One of the loops, in a world."""
    if request.param == "c" and not world_library:
        pytest.skip("no C compiler")
    worlds: list[World] = []

    def driven(world: World, **load: object) -> Outcome:
        worlds.append(world)
        plan = plan_for(world, library=world_library, **load)
        return in_c(world, plan) if request.param == "c" else in_python(world, plan, monkeypatch)

    yield driven
    for world in worlds:
        world.close()


def answered(lanes: int, stall: Container[int], end: int) -> tuple[dict[int, int], list[float]]:
    """The tick in which each message is answered, by the schedule and the windows alone, and how late each was sent."""
    ticks: dict[int, int] = {}
    late: list[float] = []
    waiting = [list(range(lane, ALL, lanes)) for lane in range(lanes)]
    sent: list[list[int]] = [[] for _ in range(lanes)]
    for tick in itertools.count(1):
        for lane in range(lanes):
            if tick not in stall:
                ticks.update(dict.fromkeys(sent[lane], tick))
                sent[lane] = []
            while waiting[lane] and tick <= end and len(sent[lane]) < MAX_OPEN and waiting[lane][0] < tick:
                sent[lane].append(waiting[lane].pop(0))
                late.append(tick - due(sent[lane][-1]))
        if not any(sent) and (tick > end or not any(waiting)):
            return ticks, late
    raise AssertionError


def due(number: int) -> float:
    """When it was to be sent, in ms."""
    return number + 0.5


def says(histogram: str, latencies: Sequence[float]) -> None:
    """The histogram holds these values (ms), as far as three digits tell them."""
    ordered = sorted(latencies)
    assert count_of(histogram) == len(ordered)
    for percentile in (1.0, 50.0, 90.0, 99.0, 100.0):
        rank = max(0, -(-len(ordered) * int(percentile) // 100) - 1)
        assert percentile_ms(histogram, percentile) == pytest.approx(ordered[rank], rel=CLOSE), percentile


@pytest.mark.parametrize("lanes", [1, 2, 3])
@pytest.mark.parametrize("stall", [range(0), range(200, 260), range(200, 500)], ids=["none", "short", "long"])
def test_latency_counts_from_the_schedule_whatever_the_server_does(
    drive: Drive, lanes: int, stall: range
) -> None:
    """In a long stall the window is full: what was due meanwhile is sent late, and has waited since it was due."""
    seen = drive(World(lanes, stall=stall), rate=RATE)
    ticks, late = answered(lanes, stall, 600)
    latencies = [ticks[number] - due(number) for number in range(WARM_UP, ALL)]
    says(seen.ack_us, latencies)
    says(seen.delivery_us, latencies)
    assert (seen.sent, seen.acked, seen.delivered, seen.expected) == (ALL, ALL, ALL, ALL)
    assert (seen.clean, seen.unsent) == (True, 0)
    assert seen.late_ms == pytest.approx(max(late), rel=CLOSE)
    if stall:
        assert percentile_ms(seen.ack_us, 100.0) > len(stall)


def test_what_falls_into_the_measured_part_is_counted_there(drive: Drive) -> None:
    """Sends by their schedule, answers and deliveries by when they came; the rest is warm-up, or came after the end."""
    stall = range(590, 610)
    seen = drive(World(stall=stall), rate=RATE)
    ticks, _ = answered(1, stall, 600)
    came = [number for number, tick in ticks.items() if 100.2 <= tick < 600.2]
    assert seen.measured_sent == ALL - WARM_UP
    assert seen.measured_acked == seen.measured_delivered == len(came) < ALL - WARM_UP
    assert count_of(seen.ack_us) == count_of(seen.delivery_us) == ALL - WARM_UP, (
        "latencies are those of sends"
    )
    assert seen.acked == ALL
    assert seen.measured_s == pytest.approx(0.5, rel=CLOSE)
    assert seen.generator_cpu_s == pytest.approx(0.5 * CPU_SHARE, rel=CLOSE)


def test_what_is_due_just_before_the_end_is_sent(drive: Drive) -> None:
    """The loop sleeps through the end, and looks once more at what was due."""
    seen = drive(World(), rate=RATE, measure_s=0.5005)
    assert (seen.sent, seen.acked, seen.measured_sent) == (ALL + 1, ALL + 1, ALL + 1 - WARM_UP)
    assert seen.clean


def test_a_rate_that_is_not_reached_says_what_was_never_sent(drive: Drive) -> None:
    stall = range(300, 620)
    seen = drive(World(stall=stall), rate=RATE)
    ticks, _ = answered(1, stall, 600)
    assert seen.unsent == ALL - len(ticks) > 0
    assert seen.sent == seen.acked == len(ticks)
    assert seen.lost == 0, "what was never sent is not lost"


def test_what_comes_too_late_is_waited_for_and_no_longer(drive: Drive) -> None:
    seen = drive(World(stall=range(500, 1000)), rate=RATE)
    assert seen.acked < seen.sent
    assert seen.lost == seen.sent - seen.acked


# -- faults -------------------------------------------------------------------------------------------------------------


def told(changes: dict[int, list[tuple[int, int, int]]]) -> Deliveries:
    """Everything at once, but for these."""
    return lambda receivers, index: changes[index] if index in changes else at_once(receivers, index)


@pytest.mark.parametrize(
    ("changes", "silent", "counts"),
    [
        ({}, (), (0, 0, 0)),
        ({10: [], 400: []}, (), (2, 0, 0)),
        ({20: [(0, 0, 20), (0, 0, 20)]}, (), (0, 1, 0)),
        ({20: [(0, 0, 20), (0, 9, 20)], 40: [(0, 0, 40), (0, 1, 40), (0, 2, 40)]}, (), (0, 3, 0)),
        ({30: [(0, 2, 30)]}, (), (0, 0, 1)),
        ({30: [(0, 5, 30)], 31: [(0, 4, 31)], 32: []}, (), (1, 0, 2)),
        ({30: [(0, 3, 30), (0, 6, 30)]}, (), (0, 1, 1)),
        ({50: [], 60: [(0, 0, 60), (0, 0, 60)]}, (), (1, 1, 0)),
        ({}, (70, 71, 500), (3, 0, 0)),
    ],
    ids=["none", "lost", "doubled", "tripled", "late", "two-late", "late-and-again", "lost-and-doubled", "unanswered"],
)  # fmt: skip
def test_every_fault_of_a_server_is_counted(
    drive: Drive,
    changes: dict[int, list[tuple[int, int, int]]],
    silent: tuple[int, ...],
    counts: tuple[int, int, int],
) -> None:
    seen = drive(World(deliveries=told(changes), silent=silent), rate=RATE)
    assert (seen.lost, seen.doubled, seen.out_of_order) == counts
    assert seen.clean is (counts == (0, 0, 0))
    assert seen.errors == []


@pytest.mark.parametrize("index", [51, 599, 10**9])
def test_an_answer_to_what_was_not_sent_fails_the_run(drive: Drive, index: int) -> None:
    seen = drive(World(deliveries=told({50: [(0, 0, index)]})), rate=RATE)
    assert not seen.clean
    assert seen.errors == ["a message that was not sent"]


# -- groups and closed loops ----------------------------------------------------------------------------------------------


def in_turn(receivers: int, index: int) -> Sequence[tuple[int, int, int]]:
    """Each receiver five ticks after the one before."""
    return [(receiver, 5 * receiver, index) for receiver in range(receivers)]


def test_a_group_has_a_message_when_the_last_member_has_it(drive: Drive) -> None:
    seen = drive(World(receivers=3, deliveries=in_turn), rate=RATE)
    measured = ALL - WARM_UP
    says(seen.ack_us, [1.5] * measured)
    says(seen.delivery_us, [1.5, 6.5, 11.5] * measured)
    says(seen.all_us, [11.5] * measured)
    assert (seen.delivered, seen.expected, seen.clean) == (3 * ALL, 3 * ALL, True)


@pytest.mark.parametrize(("until_all", "ticks"), [(False, 1), (True, 11)])
@pytest.mark.parametrize("window", [1, 4])
def test_a_closed_loop_keeps_its_window_full(drive: Drive, until_all: bool, ticks: int, window: int) -> None:
    """A message is answered by the server, or, `until_all`, when the last member has it."""
    seen = drive(World(receivers=3, deliveries=in_turn), window=window, until_all=until_all)
    rounds = -(-500 // ticks)
    assert seen.clean
    assert seen.measured_acked == pytest.approx(rounds * window, abs=window)
    assert percentile_ms(seen.ack_us, 100.0) == pytest.approx(1.0, rel=CLOSE), "from the send"
    assert (seen.unsent, seen.late_ms) == (0, 0.0)


def test_both_loops_see_the_same(world_library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stalls, faults and two lanes at once."""
    if not world_library:
        pytest.skip("no C compiler")
    changes = {30: [(0, 3, 30)], 90: [], 300: [(0, 0, 300), (0, 7, 300)]}
    seen = []
    for slow in (True, False):
        world = World(2, stall=range(210, 490), deliveries=told(changes), silent=(101,))
        plan = plan_for(world, library=world_library, rate=RATE * 1.7)
        seen.append(in_python(world, plan, monkeypatch) if slow else in_c(world, plan))
        world.close()
    python, c = seen
    for name in ("sent", "acked", "delivered", "expected", "doubled", "out_of_order", "unsent", "lost"):
        assert getattr(python, name) == getattr(c, name), name
    for name in ("measured_sent", "measured_acked", "measured_delivered"):
        assert getattr(python, name) == getattr(c, name), name
    for percentile in (1.0, 50.0, 90.0, 99.0, 100.0):
        for name in ("ack_us", "delivery_us"):
            there, here = (percentile_ms(getattr(each, name), percentile) for each in (python, c))
            assert there == pytest.approx(here, rel=CLOSE), (name, percentile)
