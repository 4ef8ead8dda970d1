"""The proxy commits each fault on request, and none that TCP cannot commit."""

from __future__ import annotations

import asyncio

import pytest

from imserver.proof.fault_proxy import FaultProxy, Faults
from tests.proof.proxied import line, read


async def swallowed(proxy: FaultProxy) -> None:
    """Wait until the proxy has taken bytes that go nowhere. It tells nobody, as a black hole should."""
    async with asyncio.timeout(20):
        while not proxy.swallowed:  # noqa: ASYNC110
            await asyncio.sleep(0)


async def test_nothing_comes_through_behind_what_a_black_hole_swallowed() -> None:
    async with line() as (proxy, far, reader, writer):
        proxy.apply(Faults(blackhole=True))
        writer.write(b"two.")
        await swallowed(proxy)
        assert proxy.deaf
        proxy.apply(Faults())
        writer.write(b"three.")
        assert proxy.deaf, "the line is spoilt, although the fault is over"
        assert proxy.cut_black() == 1
        await far.until_ended("reset")
        assert bytes(far.heard) == b"one."
        with pytest.raises(ConnectionResetError):
            await reader.read()


async def test_in_a_black_hole_nobody_learns_that_the_other_has_gone() -> None:
    async with line() as (proxy, far, _, writer):
        proxy.apply(Faults(blackhole=True))
        writer.write(b"two.")
        await swallowed(proxy)
        writer.close()
        await writer.wait_closed()
        _, other = await asyncio.open_connection("127.0.0.1", proxy.port)  # the loop has turned many times
        other.close()
        assert not far.ends
        assert proxy.cut() >= 1
        await far.until_ended("reset")


async def test_half_a_line_is_closed_and_the_other_goes_on() -> None:
    async with line() as (proxy, far, reader, writer):
        assert proxy.half_close(up=False) == 1
        async with asyncio.timeout(20):
            assert await reader.read() == b"", "the client hears FIN"
        writer.write(b"two.")
        await far.until_heard(b"one.two.")
        assert proxy.half_close(up=False) == 0


async def test_a_stalled_line_is_held_and_then_goes_on_with_every_byte() -> None:
    async with line() as (proxy, far, reader, writer):
        proxy.apply(Faults(stalled=True))
        writer.write(b"two.")
        await asyncio.sleep(0)
        assert proxy.deaf
        proxy.apply(Faults())
        assert await read(reader, 4) == b"two."
        assert bytes(far.heard) == b"one.two."


async def test_a_proxy_closes_with_a_stalled_line() -> None:
    async with asyncio.timeout(20), line() as (proxy, _, _, writer):
        proxy.apply(Faults(stalled=True))
        writer.write(b"two.")
        writer.close()


async def test_nobody_is_let_in() -> None:
    async with line() as (proxy, _, reader, _):
        proxy.accepting = False
        assert proxy.cut() == 1
        with pytest.raises(ConnectionResetError):
            await reader.read()
        refused, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        with pytest.raises(ConnectionResetError):
            await refused.read()
        writer.close()
        assert proxy.refusals == 1
