"""The simulated network: bytes in order, late, cut or swallowed, and the error that each side gets."""

import asyncio
from random import Random
from typing import Any

import pytest

from imserver.proof.simulation.network import Network
from tests.simulation.line import ADDRESS, Line, Talker


@pytest.mark.parametrize("seed", range(30))
def test_bytes_come_in_order_whatever_the_weather_as_long_as_it_lasts(seed):
    line = Line(trouble=1.0, seed=seed)
    written = Random(seed).randbytes(5000)

    async def main() -> None:
        while not line.network.connections:
            try:
                async with asyncio.timeout(5):
                    await line.open()
            except (OSError, TimeoutError):
                line.network._listening = None
        start = 0
        while start < len(written) and line.client.transport is not None:
            end = start + Random(start).randint(1, 700)
            line.client.transport.write(written[start:end])
            start = end
            await asyncio.sleep(0.01)
        await asyncio.sleep(60)

    line.run(main())
    assert written.startswith(line.server.received)
    if not {"cut", "half-open"} & line.journal.counts.keys():
        assert line.server.received == written


def test_both_sides_know_each_other_by_address():
    line = Line()

    async def main() -> None:
        await line.open()
        assert line.server.transport.get_extra_info("peername") == ADDRESS
        assert line.client.transport.get_extra_info("peername") == Network.server_address

    line.run(main())


def test_close_lets_everything_leave_and_then_says_so():
    line = Line()

    async def main() -> None:
        await line.open()
        line.client.transport.write(b"x" * 200_000)
        line.client.transport.close()
        line.client.transport.write(b"too late")
        await asyncio.sleep(10)

    line.run(main())
    assert line.server.received == b"x" * 200_000
    assert line.server.told == ["eof", "lost NoneType"]
    assert line.client.told == ["pause", "resume", "lost NoneType"]
    assert not line.network.connections


def test_a_writer_is_told_to_pause_and_to_go_on():
    line = Line()

    async def main() -> None:
        made = await line.open()
        made.up.stalled_until = 100.0
        line.client.transport.write(b"x" * 300_000)
        assert line.client.told == ["pause"]
        await asyncio.sleep(50)
        assert (line.client.told, line.server.received) == (["pause"], b"")
        await asyncio.sleep(100)

    line.run(main())
    assert line.client.told == ["pause", "resume"]
    assert len(line.server.received) == 300_000


def test_a_cut_tells_both_and_loses_what_is_on_its_way():
    line = Line()

    async def main() -> None:
        made = await line.open()
        line.client.transport.write(b"lost")
        made.cut("test")
        await asyncio.sleep(1)

    line.run(main())
    assert line.server.received == b""
    assert line.client.told == line.server.told == ["lost ConnectionResetError"]


def test_a_cut_at_a_byte_delivers_what_is_before_it():
    line = Line()

    async def main() -> None:
        made = await line.open()
        made.fate.up.cut_at_byte = 7
        line.client.transport.write(b"0123")
        await asyncio.sleep(1)
        line.client.transport.write(b"456789")
        await asyncio.sleep(1)

    line.run(main())
    assert line.server.received == b"0123456"
    assert line.server.told == ["lost ConnectionResetError"]


@pytest.mark.parametrize("told", ["nobody", "client", "server"])
def test_a_half_open_connection_swallows_and_tells_at_most_one(told):
    line = Line()

    async def main() -> None:
        made = await line.open()
        made.half_open({"client": made.client, "server": made.server}.get(told))
        line.client.transport.write(b"lost")
        line.server.transport.write(b"lost")
        await asyncio.sleep(1000)

    line.run(main())
    assert line.client.received == line.server.received == b""
    lost = ["lost ConnectionResetError"]
    assert (line.client.told, line.server.told) == (
        lost if told == "client" else [],
        lost if told == "server" else [],
    )


def test_nobody_listens_nobody_connects():
    line = Line()

    async def main() -> None:
        with pytest.raises(ConnectionRefusedError):
            await line.processes[0].spawn(line.network.connect(ADDRESS, lambda: line.client))

    line.run(main())


@pytest.mark.parametrize("silently", [True, False])
def test_what_a_dead_process_leaves(silently):
    line = Line()

    async def main() -> None:
        await line.open()
        line.processes[1].kill()
        line.network.died(line.processes[1], lambda: silently)
        line.client.transport.write(b"hello?")
        await asyncio.sleep(30)
        with pytest.raises(ConnectionRefusedError):
            await line.processes[0].spawn(line.network.connect(ADDRESS, Talker))

    line.run(main())
    assert line.server.told == []
    assert bool(line.client.told) is not silently


@pytest.mark.parametrize("seed", range(12))
def test_what_ends_while_it_is_being_connected_ends_when_it_is(seed):
    """An end that came in the very moment was told to nobody's protocol."""
    line = Line(seed=seed)
    wrong: list[dict[str, Any]] = []
    line.loop.set_exception_handler(lambda loop, context: wrong.append(context))
    made: list[str] = []

    class Leaving(Talker):
        def connection_made(self, transport: Any) -> None:
            transport.write(b"bye")
            transport.close()

    async def main() -> None:
        line.server = Leaving()
        await line.open()
        made.append("connected")
        await asyncio.sleep(10)

    line.run(main())
    assert wrong == []
    assert made == ["connected"]
    assert line.client.received == b"bye"
    assert line.client.told == ["eof", "lost NoneType"]


def test_pausing_reading_keeps_the_bytes():
    line = Line()

    async def main() -> None:
        await line.open()
        line.server.transport.pause_reading()
        line.client.transport.write(b"later")
        await asyncio.sleep(10)
        assert line.server.received == b""
        line.server.transport.resume_reading()
        await asyncio.sleep(1)

    line.run(main())
    assert line.server.received == b"later"


def test_closing_with_bytes_on_their_way_resets_who_sent_them():
    line = Line()

    async def main() -> None:
        await line.open()
        line.client.transport.write(b"unread")
        line.server.transport.close()
        await asyncio.sleep(10)

    line.run(main())
    assert line.server.received == b""
    assert line.client.told[-1].startswith("lost")
