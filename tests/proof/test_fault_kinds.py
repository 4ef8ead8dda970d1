"""Each fault of the proxy does what its name says, and each weather of the torture run asks for the fault of its name."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from dataclasses import asdict, fields
from typing import Any

import pytest

from imserver.proof.fault_proxy import FaultProxy, Faults
from imserver.proof.torture import network_faults
from imserver.proof.torture.network_faults import KINDS, LONG_S, NetworkFaults
from imserver.proof.torture.run import count_lines
from tests.proof.proxied import line, read


class Sink:
    """A writer that remembers each piece and what was waited for before it."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.pieces.append(data)

    async def drain(self) -> None: ...


class Whole:
    """A line of which no half is closed."""

    def closed_half(self, *, up: bool) -> bool:
        return False


async def forwarded(faults: Faults, *chunks: bytes, up: bool) -> tuple[list[bytes], FaultProxy]:
    """The pieces in which these chunks are passed on."""
    proxy, sink = FaultProxy("127.0.0.1", 1), Sink()
    proxy.apply(faults)
    for chunk in chunks:
        await proxy._forward(chunk, sink, Whole(), up=up)  # type: ignore[arg-type]
    return sink.pieces, proxy


@pytest.mark.parametrize("up", [True, False])
async def test_slices_are_as_long_as_they_may_be_and_nothing_is_missing(up: bool) -> None:
    assert (await forwarded(Faults(slice_bytes=3), b"01234567", b"89", up=up))[0] == [
        b"012",
        b"345",
        b"67",
        b"89",
    ]
    assert (await forwarded(Faults(), b"01234567", b"89", up=up))[0] == [b"01234567", b"89"]


@pytest.mark.parametrize("up", [True, False])
async def test_each_piece_waits_for_its_delay(up: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    monkeypatch.setattr("imserver.proof.fault_proxy.asyncio.sleep", sleep)
    await forwarded(Faults(slice_bytes=3, delay_s=0.5), b"01234567", up=up)
    assert waited == [0.5] * 3


@pytest.mark.parametrize("up", [True, False])
@pytest.mark.parametrize("budget", [0, 1, 5, 9, 10])
async def test_a_cut_comes_after_exactly_so_many_bytes_of_its_direction(up: bool, budget: int) -> None:
    """Ten bytes in three pieces: the cut falls into one of them, once; of ten bytes the tenth still passes."""
    mine, other = ("cut_after_bytes_up", "cut_after_bytes_down")[:: 1 if up else -1]
    pieces, proxy = await forwarded(Faults(slice_bytes=4, **{mine: budget}), b"0123456789", up=up)  # type: ignore[arg-type]
    assert b"".join(pieces) == b"0123456789"[:budget]
    cut = budget < 10
    assert proxy.mid_chunk_cuts == cut
    assert getattr(proxy.faults, mine) == (-1 if cut else 0)
    pieces, proxy = await forwarded(Faults(**{other: budget}), b"0123456789", up=up)  # type: ignore[arg-type]
    assert (pieces, proxy.mid_chunk_cuts) == ([b"0123456789"], 0)


@pytest.mark.parametrize("up", [True, False])
async def test_a_cut_in_mid_piece_resets_both_sides(up: bool) -> None:
    """The server hears what is before it (and may lose even that to the reset); the client is not answered to the end."""
    async with line() as (proxy, far, reader, writer):
        name = "cut_after_bytes_up" if up else "cut_after_bytes_down"
        proxy.apply(Faults(**{name: 2}))  # type: ignore[arg-type]
        writer.write(b"two.")
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            await read(reader, 4)
        await far.until_ended("reset")
        assert bytes(far.heard) in ((b"one.", b"one.tw") if up else (b"one.two.",))
        assert (proxy.cuts, proxy.mid_chunk_cuts) == (1, 1)


async def test_swallowed_answers_leave_the_server_hearing_everything() -> None:
    """The client gets none of them, not even behind the fault; that it is not deaf is how kills find unanswered posts."""
    async with line() as (proxy, far, reader, writer):
        proxy.apply(Faults(swallow_down=True))
        writer.write(b"two.")
        await far.until_heard(b"one.two.")
        [through] = proxy._lines
        async with asyncio.timeout(20):
            while not through.mute:  # noqa: ASYNC110 - it tells nobody that an answer went to nowhere
                await asyncio.sleep(0)
        assert not proxy.deaf
        proxy.apply(Faults())
        writer.write(b"three.")
        await far.until_heard(b"one.two.three.")
        proxy.half_close(up=True)
        async with asyncio.timeout(20):
            assert await reader.read() == b"", (
                "that the server closed still comes through, and no byte before it"
            )


async def test_half_a_line_is_closed_towards_the_server_and_its_answers_go_on() -> None:
    async with line() as (proxy, far, reader, writer):
        writer.write(b"two.")
        await far.until_heard(b"one.two.")
        assert proxy.half_close(up=True) == 1
        await far.until_ended("closed")
        assert await read(reader, 4) == b"two."
        assert proxy.half_close(up=True) == 0
        writer.write(b"three.")
        async with asyncio.timeout(20):
            assert await reader.read() == b""
        assert bytes(far.heard) == b"one.two."


async def test_a_stall_holds_every_byte_of_both_directions() -> None:
    async with line() as (proxy, far, reader, writer):
        proxy.apply(Faults(stalled=True))
        writer.write(b"two.")
        _, other = await asyncio.open_connection("127.0.0.1", proxy.port)  # the loop turns meanwhile
        for _ in range(50):
            await asyncio.sleep(0)
        assert bytes(far.heard) == b"one."
        proxy.apply(Faults())
        assert await read(reader, 4) == b"two."
        other.close()


async def test_what_faults_have_come_to_is_counted_over_all_lines() -> None:
    async with line() as (proxy, _, _, _):
        proxy.accepting = False
        proxy.cut()
        refused, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        with pytest.raises(ConnectionResetError):
            await refused.read()
        writer.close()
        proxy.swallowed, proxy.mid_chunk_cuts = 3, 4
        assert count_lines([proxy, proxy]) == {"cut": 2, "cut_in_a_piece": 8, "swallowed": 6, "refused": 2}


# -- the weather ------------------------------------------------------------------------------------------------------------


class Told:
    """In the place of a proxy: what it is told, in order."""

    def __init__(self) -> None:
        self.line_count = 1
        self.told: list[Any] = []

    def apply(self, faults: Faults) -> None:
        changed = {name: value for name, value in asdict(faults).items() if value != getattr(Faults(), name)}
        self.told.append(changed)

    def cut(self) -> int:
        self.told.append("cut")
        return 1

    def cut_black(self) -> int:
        self.told.append("cut black")
        return 1

    def half_close(self, *, up: bool) -> int:
        self.told.append(f"half close {'up' if up else 'down'}")
        return 1

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "accepting":
            self.told.append(f"accepting {value}")
        object.__setattr__(self, name, value)


#: Kind of weather -> fields of the fault that it sets, other things that it does, and how long it may last (seconds).
DONE: dict[str, tuple[set[str], list[str], tuple[float, float]]] = {
    "delay": ({"delay_s"}, [], (0.5, 4)),
    "slice": ({"slice_bytes", "delay_s"}, [], (0.3, 1.5)),
    "stall": ({"stalled"}, [], (0.1, 3)),
    "long_stall": ({"stalled"}, [], LONG_S),
    "blackhole": ({"blackhole"}, ["cut black"], (0.1, 3)),
    "long_blackhole": ({"blackhole"}, ["cut black"], LONG_S),
    "swallow_answers": ({"swallow_down"}, ["cut"], (0.1, 1.5)),
    "half_close_up": (set(), ["half close up"], (0, 0)),
    "half_close_down": (set(), ["half close down"], (0, 0)),
    "cut": (set(), ["cut"], (0, 0)),
    "cut_in_request": ({"cut_after_bytes_up"}, [], (0.5, 3)),
    "cut_in_answer": ({"cut_after_bytes_down"}, [], (0.5, 3)),
    "refuse": (set(), ["accepting False", "cut", "accepting True"], (0.1, 1.5)),
}


def test_every_kind_has_its_row_and_every_fault_its_kind() -> None:
    assert set(KINDS) == DONE.keys()
    assert set().union(*(changes for changes, _, _ in DONE.values())) == {
        field.name for field in fields(Faults)
    }


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long the weather lasts; nobody waits for it."""
    spans: list[float] = []

    async def sleep(seconds: float) -> None:
        spans.append(seconds)
        if len(spans) > 3000:
            raise asyncio.CancelledError

    monkeypatch.setattr("imserver.proof.torture.network_faults.asyncio.sleep", sleep)
    return spans


@pytest.mark.parametrize("kind", DONE)
async def test_a_weather_does_what_its_name_says(kind: str, slept: list[float]) -> None:
    changes, others, (low_s, high_s) = DONE[kind]
    met: Counter[str] = Counter()
    for seed in range(40):
        proxy = Told()
        await network_faults._KINDS[kind][0](NetworkFaults(proxy, random.Random(seed), Counter()))  # type: ignore[arg-type]
        met.update(str(told) for told in proxy.told if isinstance(told, str))
        assert [set(told) for told in proxy.told if isinstance(told, dict)] == ([changes] if changes else [])
        if changes:
            assert isinstance(proxy.told[0], dict), "the fault comes first, then what ends it"
        assert [told for told in proxy.told if isinstance(told, str)] in (others, [])
    assert all(low_s <= span <= high_s for span in slept)
    assert bool(slept) is (high_s > 0)
    assert min((met[other] for other in others), default=40) >= (20 if kind == "blackhole" else 40)


@pytest.mark.parametrize("reserved", [True, False])
async def test_every_kind_comes_in_turn_and_is_counted_unless_the_sky_is_reserved(
    reserved: bool, slept: list[float]
) -> None:
    proxy, counts = Told(), Counter[str]()
    faults = NetworkFaults(proxy, random.Random(1), counts)  # type: ignore[arg-type]
    faults.reserved = reserved
    with pytest.raises(asyncio.CancelledError):
        await faults.change()
    assert counts.keys() == (set() if reserved else set(KINDS))
    assert bool(proxy.told) is not reserved
    if not reserved:
        shares = {kind: weight for kind, (_, weight) in network_faults._KINDS.items()}
        assert all(0.3 < counts[k] / counts.total() / (shares[k] / sum(shares.values())) < 3 for k in KINDS)
        assert proxy.told.count({}) >= counts.total() - 1, "after each of them the sky is clear"


async def test_a_clear_sky_leaves_nothing_behind() -> None:
    proxy = Told()
    faults = NetworkFaults(proxy, random.Random(1), Counter())  # type: ignore[arg-type]
    faults.reserved = True
    faults.clear()
    assert proxy.told == ["accepting True", "cut black", {}]
