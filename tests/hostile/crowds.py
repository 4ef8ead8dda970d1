"""Attacks by many sockets: storms, half-open connections, TLS that never comes to its end."""

from __future__ import annotations

import asyncio
import random
import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import msgpack

from imserver_protocol.errors import CloseCode
from tests.hostile.arena import Arena, Attack, open_fds
from tests.hostile.codes import CUT_OFF, GOES_ON, Heard, fate
from tests.limits.bad_frames import hello
from tests.limits.raw import GOODBYE, PING, Raw, framed, packed

AUTH_TIMEOUT, AUTH_FAILED, TOO_MANY = CloseCode.AUTH_TIMEOUT, CloseCode.AUTH_FAILED, CloseCode.TOO_MANY
#: A server that is attacked ends what it has to end in this time (seconds); HELLO's time-out is 5 of them.
PATIENCE_S = 30.0
#: Whoever has a token is inside after this time, whatever crowd is at the door (seconds).
SOON_S = 3.0
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


async def crowd(here: Arena, count: int, sources: list[str], *, port: int = 0) -> list[socket.socket]:
    """So many sockets, from these addresses in turn, as fast as they are accepted; `port`: not the usual one."""
    sockets: list[socket.socket] = []

    async def come(numbers: Iterator[int]) -> None:
        for number in numbers:
            with suppress(OSError):
                sockets.append(await connected(port or here.port, sources[number % len(sources)]))

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
            found[code_in(data)] += 1
    return found


async def good_hello(here: Arena) -> int:
    """Whoever has a token comes in, and is answered."""
    raw, _ = await here.enter("eve", "late")
    async with raw:
        return (await raw.ask("sync", None)).code


async def last_words(bare: socket.socket) -> bytes:
    """Everything that still comes until the other side ends it. Raises TimeoutError if it does not."""
    loop = asyncio.get_running_loop()
    said = b""
    with suppress(ConnectionError):
        async with asyncio.timeout(PATIENCE_S):
            while data := await loop.sock_recv(bare, 4096):
                said += data
    return said


def code_in(said: bytes) -> int:
    """The code of the GOODBYE that came first, or CUT_OFF."""
    frame: list[Any] = msgpack.unpackb(said[4 : 4 + int.from_bytes(said[:4])]) if len(said) > 4 else [None]
    return int(frame[3]) if frame[0] == GOODBYE else CUT_OFF


async def storm(here: Arena) -> Heard:
    """4,000 connections from 100 addresses, as fast as can be; each says a wrong HELLO and goes."""
    sources = [here.address() for _ in range(100)]
    heard = Heard()
    wrong = hello()

    async def come(numbers: Iterator[int]) -> None:
        loop = asyncio.get_running_loop()
        for number in numbers:
            bare = await connected(here.port, sources[number % 100])
            with suppress(OSError):
                await loop.sock_sendall(bare, wrong)
            heard[code_in(await last_words(bare))] += 1
            bare.close()

    numbers = iter(range(4000))
    await asyncio.gather(*(come(numbers) for _ in range(50)))
    assert heard.total() == 4000
    assert heard[AUTH_FAILED] >= 3000, "30 a minute and address"
    return heard


async def crowd_from_one_address(here: Arena) -> Heard:
    """1,500 silent connections from one address, above what it may have inside, and more of them all the time: whoever has a
    token comes in from there as soon as from anywhere."""
    source = here.address()
    sockets = await crowd(here, 1500, [source])

    async def go_on() -> None:
        while True:
            sockets.append(await connected(here.port, source))
            sockets.pop(0).close()

    more = [asyncio.create_task(go_on()) for _ in range(10)]
    heard = Heard(note="of those with a token")
    try:
        for number in range(20):
            async with asyncio.timeout(SOON_S), await here.open(source) as raw:
                raw.hello(here.token("eve"), f"late {number % 8}")
                await raw.welcome()
                heard[(await raw.ask("sync", None)).code] += 1
    finally:
        for task in more:
            task.cancel()
        await asyncio.gather(*more, return_exceptions=True)
        end(sockets)
    return heard


async def half_open(here: Arena) -> Heard:
    """10,000 silent connections from 200 addresses; the oldest go, and whoever has a token comes in."""
    sources = [here.address() for _ in range(ADDRESSES)]
    sockets = await crowd(here, HALF_OPEN, sources)
    heard = Heard([await good_hello(here)])
    inside = open_fds(here.pid)
    turned_away = await codes(sockets[:500])
    end(sockets)
    assert turned_away[TOO_MANY] >= 400, turned_away
    assert inside < 5000, "those that do not say who they are are bounded"
    heard.update(turned_away)
    heard.note = f"{len(sockets)} came, {inside} were in, the oldest were sent away"
    return heard


async def many_frames_of_strangers(here: Arena) -> Heard:
    """2,000 connections, each with 4 KiB of a HELLO that never ends: over after 5 s."""
    sources = [here.address() for _ in range(50)]
    sockets = await crowd(here, 2000, sources)
    loop = asyncio.get_running_loop()
    data = framed(bytes(4096))[:-1]
    for each in sockets:
        with suppress(OSError):
            await loop.sock_sendall(each, data)
    heard = Heard([await good_hello(here)])
    heard.update([code_in(await last_words(each)) for each in sockets])
    end(sockets)
    return heard


async def tls_half_open(here: Arena) -> Heard:
    """6,000 handshakes that never come to their end, half of them with a first line; whoever has a token comes in."""
    sources = [here.address() for _ in range(100)]
    sockets = await crowd(here, 6000, sources)
    loop = asyncio.get_running_loop()
    for each in sockets[::2]:
        with suppress(OSError):
            await loop.sock_sendall(each, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
    heard = Heard([await good_hello(here)])  # its turn comes behind all of them
    inside = open_fds(here.pid)
    assert inside < 5000, inside
    heard.update([code_in(await last_words(each)) for each in sockets])
    end(sockets)
    heard.note = f"{len(sockets)} came, {inside} were in"
    return heard


async def tls_slow(here: Arena) -> Heard:
    """300 handshakes, a byte at a time: over after 5 s."""
    sockets = await crowd(here, 300, [here.address() for _ in range(3)])
    loop = asyncio.get_running_loop()
    line = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"
    for byte in line:
        for each in sockets:
            with suppress(OSError):
                await loop.sock_sendall(each, bytes([byte]))
        await asyncio.sleep(0.4)
    heard = Heard([code_in(await last_words(each)) for each in sockets])
    end(sockets)
    return heard


async def plain_to_tls(here: Arena) -> Heard:
    """Frames, HTTP and noise to the port for TLS: an alert, if anything."""
    chance = random.Random(7)
    loop = asyncio.get_running_loop()
    kinds = [hello(), b"GET / HTTP/1.1\r\n\r\n", packed(PING, 0, 0, 1) * 100]
    heard = Heard()
    for number in range(600):
        bare = await connected(here.port, f"127.3.0.{number % 200 + 1}")
        with suppress(ConnectionError):
            await loop.sock_sendall(bare, kinds[number % 3] if number % 4 else chance.randbytes(500))
        answer = await last_words(bare)
        assert answer[:1] in (b"", b"\x15"), answer
        heard[CUT_OFF] += 1
        bare.close()
    return heard


async def gone_before_they_are_served(here: Arena) -> Heard:
    """2,000 connections that are reset at once."""
    sources = [here.address() for _ in range(50)]
    heard = Heard()
    for _ in range(4):
        sockets = await crowd(here, 500, sources)
        assert len(sockets) == 500
        for each in sockets:
            each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        end(sockets)
        heard[await good_hello(here)] += 1
    return heard


async def login_storm(here: Arena) -> Heard:
    """One user's device says HELLO 300 times, each time on a new connection, and never good-bye."""
    heard = Heard()
    older: Raw | None = None
    for number in range(300):
        raw = await here.open()
        raw.hello(here.token("eve", device_id="phone"), "phone")
        await raw.welcome()
        if older is not None:
            heard[(await older.goodbye()).code] += 1
            if number % 2:
                older.reset()
            await older.hang_up()
        older = raw
    assert older is not None
    heard[await fate(older)] += 1
    await older.hang_up()
    return heard


ATTACKS = [
    Attack("connection storm", 16_000, storm, "crowds", (AUTH_FAILED, TOO_MANY)),
    Attack("1,500 from one address, and more", 24_000, crowd_from_one_address, "crowds", [GOES_ON]),
    Attack("10,000 half-open from 200 addresses", 80_000, half_open, "crowds", (GOES_ON, TOO_MANY)),
    Attack(
        "2,000 HELLOs of 4 KiB without an end",
        40_000,
        many_frames_of_strangers,
        "crowds",
        (GOES_ON, AUTH_TIMEOUT),
    ),
    Attack("2,000 resets", 16_000, gone_before_they_are_served, "crowds", [GOES_ON]),
    Attack("HELLO storm of one device", 4_000, login_storm, "crowds", (GOES_ON, CloseCode.REPLACED)),
    Attack("6,000 half-open TLS handshakes", 300_000, tls_half_open, "tls", (GOES_ON, CUT_OFF)),
    Attack("slow TLS handshakes", 60_000, tls_slow, "tls", [CUT_OFF]),
    Attack("plain bytes to TLS", 16_000, plain_to_tls, "tls", [CUT_OFF]),
]
