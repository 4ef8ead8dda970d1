"""TLS: sockets are counted before hands are shaken, and who is slow to shake them is sent away."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import resource
import socket
import ssl
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from imserver import Server
from imserver.net.accept_loop import OUT_OF_RESOURCES_S
from imserver.net.transport import ServerTransport
from imserver.testing import LogBook
from imserver_client import connect
from tests.hostile.arena import certified
from tests.limits.raw import Raw, eventually
from tests.support.servers import config

TOO_MANY = 400


async def ended(reader: asyncio.StreamReader) -> bytes:
    """What is read until the server ends the stream."""
    with suppress(ConnectionError):
        return await asyncio.wait_for(reader.read(), 20)
    return b""


async def can_talk(server: Server, context: ssl.SSLContext) -> bool:
    token = server.accounts.make_token("alice", ttl_s=60)
    url = f"imservers://127.0.0.1:{server.port}"
    async with connect(url, token=token, device_id="phone", tls=context, timeout=15) as client:
        return client.user_id == "alice"


def impatient(server: Server, hello_timeout_s: float) -> None:
    limits: Any = dataclasses.replace(server.listener.protocol_limits, hello_timeout_s=hello_timeout_s)
    server.listener.attachments.protocol_limits = limits


async def test_a_handshake_that_does_not_come_to_its_end_is_counted_and_is_over_in_time(
    tmp_path: Path,
) -> None:
    section, context, _ = certified(tmp_path)
    async with Server(config(tmp_path, server=section)) as server, AsyncExitStack() as stack:
        impatient(server, 1.0)
        sockets = []
        for data in (b"", b"\x16\x03\x01\x02\x00\x01", b""):
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            stack.callback(writer.close)
            writer.write(data)
            sockets.append(reader)
        await eventually(lambda: len(server.listener.admission.transports) == 3)
        assert len(server.listener.admission._unauthenticated) == 3
        assert await can_talk(server, context)
        for reader in sockets:
            await ended(reader)
        await eventually(lambda: not server.listener.admission.transports)


async def test_plain_bytes_at_the_door_for_tls_end_there(tmp_path: Path) -> None:
    section, context, _ = certified(tmp_path)
    async with Server(config(tmp_path, server=section)) as server:
        for _ in range(5):
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(b"\x00\x00\x00\x16\x99" + bytes(40))
            assert b"\xa5TOKEN" not in await ended(reader)
            writer.close()
        await eventually(lambda: not server.listener.admission.transports)
        assert await can_talk(server, context)


async def test_who_is_too_many_is_closed_before_hands_are_shaken(tmp_path: Path) -> None:
    section, context, _ = certified(tmp_path)
    async with (
        Server(config(tmp_path, server=section, limits={"max_connections": 2})) as server,
        await Raw.open(server, tls=context) as one,
        await Raw.open(server, tls=context) as two,
    ):
        await one.enter(server, "alice", "1")
        await two.enter(server, "alice", "2")
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        assert await ended(reader) == b""
        writer.close()
        assert len(server.listener.admission.transports) == 2


@contextmanager
def without_descriptors() -> Iterator[None]:
    """This process can open nothing more, as when all descriptors are in use."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest_free = os.dup(0)
    os.close(lowest_free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def shakes_hands(waiting: socket.socket, context: ssl.SSLContext) -> bool:
    with suppress(TimeoutError):
        async with asyncio.timeout(10):
            _, writer = await asyncio.open_connection(sock=waiting, ssl=context, server_hostname="127.0.0.1")
            writer.close()
            return True
    return False


class Crunch:
    """Somebody waits at the door, and the door has seen so often that there is no descriptor for him."""

    def __init__(self, server: Server, log: LogBook) -> None:
        self.waiting = socket.socket()
        self.waiting.setblocking(False)
        # Before there is no descriptor left, which finding an address may take; nobody is accepted until we wait.
        self.waiting.connect_ex(("127.0.0.1", server.port))
        self._log = log

    @property
    def _failures(self) -> int:
        return self._log.events().count("accept_failed")

    async def felt(self, times: int) -> None:
        loop = asyncio.get_running_loop()
        begun, before = loop.time(), self._failures
        await eventually(lambda: self._failures >= before + times)
        tried = self._failures - before
        assert tried <= 1 + times + (loop.time() - begun) / OUT_OF_RESOURCES_S, "not all the time"


async def test_a_moment_without_descriptors_is_over_when_there_are_some(tmp_path: Path) -> None:
    """However often it comes: who waits at the door is let in then, and who comes later too."""
    section, context, _ = certified(tmp_path)
    log = LogBook()
    async with Server(config(tmp_path, server=section), log=log) as server:
        for times in (1, 2):
            crunch = Crunch(server, log)
            with without_descriptors():
                await crunch.felt(times)
            assert await shakes_hands(crunch.waiting, context), "who waited is let in"
            assert await can_talk(server, context)


async def test_a_door_that_is_closed_for_good_is_not_opened_by_the_end_of_its_pause(tmp_path: Path) -> None:
    section, _, _ = certified(tmp_path)
    loop, faults = asyncio.get_running_loop(), []
    loop.set_exception_handler(lambda _, context: faults.append(context))
    log = LogBook()
    async with Server(config(tmp_path, server=section), log=log) as server:
        crunch = Crunch(server, log)
        with without_descriptors():
            await crunch.felt(1)
        await server.stop()
        over = loop.create_future()
        loop.call_later(2 * OUT_OF_RESOURCES_S, over.set_result, None)
        await over
        crunch.waiting.close()
    assert faults == []


async def test_who_shakes_hands_and_says_nothing_is_still_a_stranger(tmp_path: Path) -> None:
    """Of too many of them the oldest goes, as at the door without TLS."""
    section, context, _ = certified(tmp_path)
    settings = config(tmp_path, server=section, limits={"max_unauthenticated": 2})
    async with Server(settings) as server, AsyncExitStack() as stack:
        impatient(server, 300.0)
        transports = server.listener.admission.transports
        raws = []
        for _ in range(3):
            raws.append(await stack.enter_async_context(await Raw.open(server, tls=context)))
            await eventually(lambda: all(isinstance(one, ServerTransport) for one in transports))
        first = asyncio.create_task(raws[0].goodbye())
        told, _ = await asyncio.wait({first}, timeout=10)
        assert told, "and not forgotten"
        assert (await first).code == TOO_MANY
        for number, raw in enumerate(raws[1:]):
            await raw.enter(server, "alice", f"{number}")
        assert not server.listener.admission._unauthenticated


async def test_a_server_that_stops_waits_for_no_handshake(tmp_path: Path) -> None:
    section, _, _ = certified(tmp_path)
    async with Server(config(tmp_path, server=section)) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        await eventually(lambda: len(server.listener.admission.transports) == 1)
        async with asyncio.timeout(3):
            await server.stop()
        assert await ended(reader) == b""
        writer.close()
