"""Each fault of the simulated network does what its name says, and nothing else: the table's rows are the weather's own."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from imserver.proof.simulation.network import Connection, Endpoint
from imserver.proof.simulation.network_faults import STRIKES, Half, NetworkFaults, Strike
from tests.simulation.line import ADDRESS, Line, Talker

LOST = "lost ConnectionResetError"
#: Seconds that a stall lasts, and in which everything has arrived that ever will.
STALL_S, LONG_S = 20.0, 3000.0


def struck(work: Callable[[Line, Connection], Any]) -> Line:
    """One connection on which something was said already, and what `work` does to it."""
    line = Line()

    async def main() -> None:
        made = await line.open()
        line.client.transport.write(b"one.")
        line.server.transport.write(b"ONE.")
        await asyncio.sleep(1)
        waiting = work(line, made)
        if waiting is not None:
            await waiting
        await asyncio.sleep(LONG_S)

    line.run(main())
    return line


def say(line: Line, text: str) -> None:
    line.client.transport.write(text.encode())
    line.server.transport.write(text.upper().encode())


#: Kind of strike -> what the report counts it as, what client and server are told, and whether words get through in the end.
STRUCK: dict[str, tuple[str, list[str], list[str], bool]] = {
    "cut": ("cut", [LOST], [LOST], False),
    "stall": ("stall", [], [], True),
    "half-open": ("half-open", [], [], False),
    "half-open client": ("half-open", [LOST], [], False),
    "half-open server": ("half-open", [], [LOST], False),
}


def test_every_strike_has_its_row() -> None:
    assert set(STRIKES) == STRUCK.keys()


@pytest.mark.parametrize("kind", STRUCK)
def test_a_strike_does_what_its_name_says(kind: str) -> None:
    counted, client, server, gets_through = STRUCK[kind]
    early: list[bytes] = []

    async def work(line: Line, made: Connection) -> None:
        say(line, "two.")  # on its way
        made._strike(kind, STALL_S)
        say(line, "three.")
        await asyncio.sleep(STALL_S / 2)
        early.extend((line.client.received, line.server.received))

    line = struck(work)
    assert early == [b"ONE.", b"one."], "nothing that was on its way has arrived"
    rest = b"two.three." if gets_through else b""
    assert (line.server.received, line.client.received) == (b"one." + rest, b"ONE." + rest.upper())
    assert (line.client.told, line.server.told) == (client, server)
    assert {name for name in line.journal.counts if name in STRUCK} == {counted}
    assert line.journal.counts[counted] == 1


@pytest.mark.parametrize("kind", STRUCK)
def test_a_strike_comes_at_its_moment_and_does_not_hit_what_is_over(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Drawn when the connection is made; of one that was closed before, nothing is counted."""
    for closed in (False, True):
        line = Line()
        fate = line.network.network_faults.fate()
        fate.faults.append(Strike(kind, 5.0, STALL_S))
        monkeypatch.setattr(line.network.network_faults, "fate", lambda fate=fate: fate)

        async def main(line: Line = line, closed: bool = closed) -> None:
            await line.open()
            if closed:
                line.client.transport.close()
            await asyncio.sleep(4)
            assert not line.journal.counts[STRUCK[kind][0]]
            await asyncio.sleep(2)

        line.run(main())
        assert line.journal.counts[STRUCK[kind][0]] == (not closed)


@pytest.mark.parametrize("kind", STRUCK)
def test_a_strike_does_not_hit_what_one_side_has_lost(kind: str) -> None:
    """The server never learns of it: that a line is half-open is the fault that it met already."""

    def work(line: Line, made: Connection) -> None:
        made.half_open(made.client)
        line.journal.counts.clear()
        made._strike(kind, STALL_S)

    line = struck(work)
    assert (line.client.told, line.server.told, +line.journal.counts) == ([LOST], [], {})


def test_a_line_is_empty_before_either_side_hears_that_it_was_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was on its way, and what still waited in a sender's buffer, is lost by the cut itself."""
    left: list[Any] = []
    lose = Endpoint.lose

    def told(end: Endpoint, error: Exception | None) -> None:
        pipes = end.connection.up, end.connection.down
        left.extend(part for pipe in pipes for part in (*pipe.waiting, *pipe._flight))
        left.extend(pipe.waiting_bytes + pipe._flight_bytes for pipe in pipes)
        lose(end, error)

    monkeypatch.setattr(Endpoint, "lose", told)

    def work(line: Line, made: Connection) -> None:
        line.client.transport.write(b"x" * 200_000)
        line.server.transport.write(b"y" * 200_000)
        made.cut("test")

    line = struck(work)
    assert left == [0, 0, 0, 0]
    assert (line.server.received, line.client.received) == (b"one.", b"ONE.")


@pytest.mark.parametrize("up", [True, False])
@pytest.mark.parametrize("at", [4, 7, 10, 11])
def test_a_cut_at_a_byte_passes_on_exactly_what_is_before_it(up: bool, at: int) -> None:
    """Of ten bytes in three pieces, in either direction; of eleven there are not so many."""
    line = Line()

    async def main() -> None:
        made = await line.open()
        (made.fate.up if up else made.fate.down).cut_at_byte = at
        for piece in (b"0123", b"456", b"789"):
            (line.client if up else line.server).transport.write(piece)
            await asyncio.sleep(1)

    line.run(main())
    assert (line.server if up else line.client).received == b"0123456789"[:at]
    ends = [LOST] if at <= 10 else []
    assert line.client.told == line.server.told == ends


def test_a_slow_line_takes_its_time_for_each_byte() -> None:
    arrived: list[float] = []

    async def work(line: Line, made: Connection) -> None:
        made.fate.up.s_per_byte = 0.01
        begun = line.loop.time()
        line.server.data_received = lambda data: arrived.append(line.loop.time() - begun)  # type: ignore[method-assign]
        line.client.transport.write(b"x" * 500)
        line.client.transport.write(b"x" * 500)
        await asyncio.sleep(100)

    struck(work)
    assert len(arrived) == 2
    assert 4 <= arrived[0] < 6  # what the line was idle before is taken into account
    assert arrived[1] - arrived[0] == pytest.approx(5)


@pytest.mark.parametrize(("joins", "most"), [(False, 7), (True, 7)])
def test_split_bytes_come_in_short_pieces_unless_they_are_joined_again(joins: bool, most: int) -> None:
    def work(line: Line, made: Connection) -> None:
        made.fate.up._split, made.fate.up.joins = most, joins
        line.server.reads.clear()
        line.client.transport.write(b"0123456789" * 20)

    line = struck(work)
    assert line.server.received == b"one." + b"0123456789" * 20
    assert (len(line.server.reads) > 200 // most) is not joins
    assert (max(line.server.reads) <= most) is not joins


def test_lines_overtake_each_other_and_no_line_itself() -> None:
    """Of two connections the slower one's earlier word comes later; within each they come as they were said."""
    line = Line()
    heard: list[str] = []

    class Far(Talker):
        def data_received(self, data: bytes) -> None:
            heard.extend(data.decode().split())

    async def main() -> None:
        client, server = line.processes

        async def listen() -> None:
            await line.loop.create_server(Far)

        await server.spawn(listen())
        ends = [Talker(), Talker()]
        for end in ends:
            await client.spawn(line.network.connect(ADDRESS, lambda end=end: end))  # type: ignore[misc]
        slow, quick = line.network.connections.values()
        slow.fate.up._latency_s, quick.fate.up._latency_s = 1.0, 0.001
        slow.fate.up._jitter_s = 5.0
        for number in range(20):
            ends[0].transport.write(f"slow{number:02} ".encode())
            ends[1].transport.write(f"quick{number:02} ".encode())
            await asyncio.sleep(0.1)
        await asyncio.sleep(20)

    line.run(main())
    assert heard[:2] == ["quick00", "quick01"], "slow00 was said before both"
    for name in ("slow", "quick"):
        assert [word for word in heard if word.startswith(name)] == [f"{name}{n:02}" for n in range(20)]


@pytest.mark.parametrize("ends", ["abort", "death"])
@pytest.mark.parametrize("resets", [True, False])
def test_who_leaves_without_a_word_is_reset_ahead_of_his_bytes_or_closed_behind_them(
    ends: str, resets: bool
) -> None:
    def work(line: Line, made: Connection) -> None:
        made.fate.resets = resets
        line.client.transport.write(b"two.")
        if ends == "abort":
            line.client.transport.abort()
        else:
            line.processes[0].kill()
            line.network.died(line.processes[0], lambda: False)

    line = struck(work)
    assert line.server.received == (b"one." if resets else b"one.two.")
    assert line.server.told == ([LOST] if resets else ["eof", "lost NoneType"])
    assert not line.network.connections


def test_one_who_dies_silently_hears_and_says_nothing_more() -> None:
    def work(line: Line, made: Connection) -> None:
        line.server.transport.write(b"TWO.")
        line.processes[1].kill()
        line.network.died(line.processes[1], lambda: True)
        line.client.transport.write(b"two.")

    line = struck(work)
    assert (line.client.received, line.client.told) == (b"ONE.", [])
    assert (line.server.received, line.server.told) == (b"one.", [])
    assert line.journal.counts["half-open"] == 1


@pytest.mark.parametrize(
    ("fault", "ending"), [("refuses", ConnectionRefusedError), ("connect_hangs", TimeoutError)]
)
def test_who_wants_to_connect_is_refused_or_waits_for_ever(fault: str, ending: type[Exception]) -> None:
    line = Line()
    setattr(line.network.network_faults, fault, lambda: True)

    async def main() -> None:
        with pytest.raises(ending):
            async with asyncio.timeout(1000):
                await line.open()

    line.run(main())
    assert line.journal.counts == {"refused" if fault == "refuses" else "connecting hangs": 1}


# -- what is drawn, and healing ------------------------------------------------------------------------------------------


def drawn(trouble: float, *, calm: bool = False) -> Counter[str]:
    """What a thousand connections of many days go through."""
    found: Counter[str] = Counter()
    for seed in range(50):
        network_faults = NetworkFaults(Random(seed), trouble)
        network_faults.calm = calm
        for _ in range(20):
            fate = network_faults.fate()
            found.update({"slow": fate.slow, "splits": fate.splits, "resets": fate.resets})
            found.update(strike.kind for strike in fate.faults)
            found["cut at a byte"] += sum(half.cut_at_byte is not None for half in (fate.up, fate.down))
            found.update(
                {
                    "refused": network_faults.refuses(),
                    "hangs": network_faults.connect_hangs(),
                    "vanishes": network_faults.vanishes(),
                }
            )
    return +found


def test_on_a_bad_day_everything_happens_and_on_a_fine_one_nothing() -> None:
    ways = {"resets", "vanishes"}  # how a process's death looks is no trouble of the network
    troubles = {*STRIKES, "slow", "splits", "cut at a byte", "refused", "hangs"}
    bad = drawn(1.0)
    assert bad.keys() == troubles | ways
    assert min(bad.values()) >= 20
    assert drawn(0.0).keys() == ways
    assert drawn(1.0, calm=True).keys() == {"resets"}


def test_strikes_come_in_seconds_and_stalls_last_for_some() -> None:
    weathers = [NetworkFaults(Random(seed), 1.0, strike_s=8.0) for seed in range(300)]
    strikes = [strike for network_faults in weathers for strike in network_faults.fate().faults]
    assert 6 < sum(strike.after_s for strike in strikes) / len(strikes) < 10
    assert 3 < sum(strike.lasts_s for strike in strikes) / len(strikes) < 5


def test_each_direction_has_its_own_fate() -> None:
    fates = [NetworkFaults(Random(seed), 1.0).fate() for seed in range(100)]
    for name in ("slow", "splits"):
        assert {(getattr(fate.up, name), getattr(fate.down, name)) for fate in fates} == {
            (one, other) for one in (True, False) for other in (True, False)
        }
    assert any(fate.up.cut_at_byte is None is not fate.down.cut_at_byte for fate in fates)


def test_when_it_heals_what_was_held_comes_and_nothing_breaks_any_more() -> None:
    async def work(line: Line, made: Connection) -> None:
        made.fate.up.cut_at_byte = 8
        made.fate.down.s_per_byte = 1.0
        made._timers.append(line.loop.call_later(50, made._strike, "cut", 0.0))
        made.stall(10_000)
        line.network.heal()
        say(line, "two.three.")
        await asyncio.sleep(30)
        assert line.server.received == b"one.two.three.", "the stall is over"
        say(line, "four." * 20)

    line = struck(work)
    assert line.client.received == b"ONE.TWO.THREE." + b"FOUR." * 20
    assert line.client.told == line.server.told == []
    assert not line.journal.counts["cut"]
    assert line.network.network_faults.calm


def test_what_was_half_open_when_it_heals_stays_so() -> None:
    def work(line: Line, made: Connection) -> None:
        made.half_open(None)
        line.network.heal()
        say(line, "two.")

    line = struck(work)
    assert (line.server.received, line.client.received) == (b"one.", b"ONE.")


def test_a_healed_direction_is_a_quick_one_of_usual_size() -> None:
    for seed in range(60):
        half = Half(Random(seed), 0.15, 1.0)
        half.heal()
        assert (half.cut_at_byte, half.slow, half.buffer_bytes) == (None, False, 64 * 1024)
        assert half.delay() == 0.15
