"""Attacks by many sockets: storms, half-open connections, TLS that never comes to its end."""

from __future__ import annotations

import asyncio
import random
import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress

from tests.hostile.arena import Arena, Attack, open_fds
from tests.limits.raw import PING, Ended, framed, packed
from tests.limits.test_bad_frames import hello

TOO_MANY, AUTH_TIMEOUT = 400, 103
#: Half-open connections that are tried; the machine's limit of open files may allow fewer.
HALF_OPEN = 10_000
#: Addresses that a crowd comes from: above what one address is allowed, each of these brings a few.
ADDRESSES = 200


async def connected(port: int, source: str) -> socket.socket:
    """A bare socket, without streams around it."""
    bare = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    bare.setblocking(False)
    bare.bind((source, 0))
    try:
        await asyncio.get_running_loop().sock_connect(bare, ("127.0.0.1", port))
    except BaseException:
        bare.close()
        raise
    return bare


async def crowd(here: Arena, count: int, sources: list[str]) -> list[socket.socket]:
    """So many sockets, from these addresses in turn, as fast as they are accepted."""
    sockets: list[socket.socket] = []

    async def come(numbers: Iterator[int]) -> None:
        for number in numbers:
            with suppress(OSError):
                sockets.append(await connected(here.port, sources[number % len(sources)]))

    numbers = iter(range(count))
    await asyncio.gather(*(come(numbers) for _ in range(50)))
    return sockets


def end(sockets: list[socket.socket]) -> None:
    for each in sockets:
        each.close()


async def codes(sockets: list[socket.socket]) -> Counter[int]:
    """The GOODBYE of each that has got one by now."""
    loop = asyncio.get_running_loop()
    found: Counter[int] = Counter()
    for each in sockets:
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(0.002):
                data = await loop.sock_recv(each, 200)
            if len(data) > 10 and data[5] == 5:
                found[int.from_bytes(data[9:11])] += 1
    return found


async def storm(here: Arena) -> str:
    """3,000 connections from 100 addresses, as fast as can be; each says a wrong HELLO and goes."""
    sources = [here.address() for _ in range(100)]
    ends: Counter[int] = Counter()
    wrong = hello()

    async def come(numbers: Iterator[int]) -> None:
        loop = asyncio.get_running_loop()
        for number in numbers:
            with suppress(OSError):
                bare = await connected(here.port, sources[number % 100])
                await loop.sock_sendall(bare, wrong)
                data = await loop.sock_recv(bare, 200)
                ends[int.from_bytes(data[9:11]) if len(data) > 10 else 0] += 1
                bare.close()

    numbers = iter(range(3000))
    await asyncio.gather(*(come(numbers) for _ in range(50)))
    assert sum(ends.values()) == 3000
    return " ".join(f"{count} x {code}" for code, count in sorted(ends.items()))


async def crowd_from_one_address(here: Arena) -> str:
    """1,500 silent connections from one address: those above 1,000 are refused at once."""
    sockets = await crowd(here, 1500, [here.address()])
    refused = await codes(sockets[1000:])
    end(sockets)
    assert refused[TOO_MANY] >= 400, refused
    return f"{refused[TOO_MANY]} x TOO_MANY of the last 500"


async def half_open(here: Arena) -> str:
    """10,000 silent connections from 200 addresses; the oldest go, and whoever has a token comes in."""
    sources = [here.address() for _ in range(ADDRESSES)]
    sockets = await crowd(here, HALF_OPEN, sources)
    raw, _ = await here.enter("eve", "late")
    async with raw:
        assert (await raw.ask("sync", None)).code == 0
    inside = open_fds(here.pid)
    turned_away = await codes(sockets[:500])
    end(sockets)
    assert turned_away[TOO_MANY] >= 400, turned_away
    assert inside < 5000, "those that do not say who they are are bounded"
    return f"{len(sockets)} came, {inside} were in, the oldest TOO_MANY; a good HELLO came in"


async def many_frames_of_strangers(here: Arena) -> str:
    """2,000 connections, each with 4 KiB of a HELLO that never ends."""
    sources = [here.address() for _ in range(50)]
    sockets = await crowd(here, 2000, sources)
    loop = asyncio.get_running_loop()
    data = framed(bytes(4096))[:-1]
    for each in sockets:
        with suppress(OSError):
            await loop.sock_sendall(each, data)
    raw, _ = await here.enter("eve", "late")
    await raw.hang_up()
    end(sockets)
    return f"{len(sockets)} x 4 KiB; a good HELLO came in"


async def tls_half_open(here: Arena) -> str:
    """6,000 handshakes that never come to their end, half of them with a first line."""
    sources = [here.address() for _ in range(100)]
    sockets = await crowd(here, 6000, sources)
    loop = asyncio.get_running_loop()
    for each in sockets[::2]:
        with suppress(OSError):
            await loop.sock_sendall(each, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
    inside = open_fds(here.pid)
    assert inside < 5000, inside
    end(sockets)
    return f"{len(sockets)} came, {inside} were in"


async def tls_slow(here: Arena) -> str:
    """300 handshakes, a byte at a time: over after 5 s."""
    before = open_fds(here.pid)
    sockets = await crowd(here, 300, [here.address() for _ in range(3)])
    loop = asyncio.get_running_loop()
    line = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"
    for byte in line:
        for each in sockets:
            with suppress(OSError):
                await loop.sock_sendall(each, bytes([byte]))
        await asyncio.sleep(0.4)
    async with asyncio.timeout(30):
        while open_fds(here.pid) > before + 20:  # noqa: ASYNC110  another process
            await asyncio.sleep(0.05)
    end(sockets)
    return "300 cut off"


async def plain_to_tls(here: Arena) -> str:
    """Frames, HTTP and noise to the port for TLS."""
    chance = random.Random(7)
    loop = asyncio.get_running_loop()
    kinds = [hello(), b"GET / HTTP/1.1\r\n\r\n", packed(PING, 0, 0, 1) * 100]
    for number in range(600):
        with suppress(OSError):
            bare = await connected(here.port, f"127.3.0.{number % 200 + 1}")
            await loop.sock_sendall(bare, kinds[number % 3] if number % 4 else chance.randbytes(500))
            with suppress(ConnectionError):
                async with asyncio.timeout(10):
                    while data := await loop.sock_recv(bare, 4096):
                        assert b"\xcd\x01" not in data[:12] or data[0] in (0x15, 0x16), (
                            "an alert, if anything"
                        )
            bare.close()
    return "600 cut off"


async def gone_before_they_are_served(here: Arena) -> str:
    """2,000 connections that are reset at once."""
    sources = [here.address() for _ in range(50)]
    for start in range(0, 2000, 500):
        sockets = await crowd(here, 500, sources)
        for each in sockets:
            each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        end(sockets)
        assert start < 2000
    return "2,000 gone"


async def login_storm(here: Arena) -> str:
    """One user's device says HELLO 300 times, each time on a new connection, and never good-bye."""
    ends = 0
    for number in range(300):
        async with await here.open() as raw:
            raw.hello(here.token("eve", device_id="phone"), "phone")
            with suppress(Ended):
                await raw.welcome()
                ends += 1
            if number % 2:
                raw.reset()
    return f"{ends} x WELCOME"


ATTACKS = [
    Attack("connection storm", 16_000, storm, "crowds"),
    Attack("1,500 from one address", 24_000, crowd_from_one_address, "crowds"),
    Attack("10,000 half-open from 200 addresses", 80_000, half_open, "crowds"),
    Attack("2,000 HELLOs of 4 KiB without an end", 40_000, many_frames_of_strangers, "crowds"),
    Attack("2,000 resets", 16_000, gone_before_they_are_served, "crowds"),
    Attack("HELLO storm of one device", 4_000, login_storm, "crowds"),
    Attack("6,000 half-open TLS handshakes", 300_000, tls_half_open, "tls"),
    Attack("slow TLS handshakes", 60_000, tls_slow, "tls"),
    Attack("plain bytes to TLS", 16_000, plain_to_tls, "tls"),
]
