"""Attacks through the web door: upgrades that never come to their end, thousands that are refused, and messages that no library
sends. What stands behind a WebSocket is what stands behind a socket, so what is attacked here is the door."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress

from imserver_protocol.errors import CloseCode
from tests.hostile.arena import Arena, Attack
from tests.hostile.codes import CUT_OFF, GOES_ON, Heard
from tests.hostile.crowds import code_in, connected, crowd, end, good_hello, last_words
from tests.limits.bad_frames import FIRST, hello
from tests.limits.raw import HELLO, PING, WELCOME, packed
from tests.net.web.sockets import BINARY, CLOSE, CONTINUED, KEY, SUBPROTOCOL, TEXT, UPGRADE, Bare, masked
from tests.net.web.sockets import PING as WS_PING

AUTH_TIMEOUT, MALFORMED, TOO_MANY = CloseCode.AUTH_TIMEOUT, CloseCode.MALFORMED, CloseCode.TOO_MANY
#: Upgrades that are refused.
REFUSED = 10_000
HEAD = "\r\n".join(["GET /socket HTTP/1.1", "Host: localhost", *UPGRADE, SUBPROTOCOL, "", ""]).encode()


async def opened(here: Arena) -> Bare:
    """A WebSocket from an address of its own."""
    return await Bare.open(here.http_port, source=here.address())


async def entered(here: Arena, device: str = "web") -> Bare:
    """One that is welcome."""
    bare = await opened(here)
    bare.send(BINARY, packed(HELLO, 0, 0, (1, 1), [], here.token("eve"), device, {}, None))
    assert (await bare.came()).data[5] == WELCOME
    return bare


async def end_of(bare: Bare) -> int:
    """The code of GOODBYE in front of Close; CUT_OFF if there is none."""
    said = b""
    with suppress(asyncio.IncompleteReadError, ConnectionError):
        while (frame := await bare.came()).kind != CLOSE:
            said = frame.data if frame.kind == BINARY else said
    return code_in(said)


async def wrong_first_frames(here: Arena) -> Heard:
    """As over TCP: lengths 0 and 2^32-1, no msgpack, nesting, extensions, requests before HELLO."""
    heard = Heard(note=f"{len(FIRST)} kinds x 8, each its own")
    for _ in range(8):
        for what, (data, code) in FIRST.items():
            async with await opened(here) as bare:
                bare.send(BINARY, data)
                assert await end_of(bare) == code, what
                heard[code] += 1
    return heard


#: What is no message, or none of ours, and whether GOODBYE says so.
NO_MESSAGES: dict[str, tuple[bytes, int]] = {
    "text": (masked(TEXT, b"hello"), MALFORMED),
    "16 MiB": (b"\x82\xff" + (16 << 20).to_bytes(8) + b"\0\0\0\0" + b"x" * 60_000, CUT_OFF),
    "all that there is": (b"\x82\xff" + b"\x7f" + b"\xff" * 7 + b"\0\0\0\0", CUT_OFF),
    "continued from nothing": (masked(CONTINUED, b"x"), CUT_OFF),
    "one inside of another": (masked(BINARY, b"x", last=False) + masked(BINARY, b"x"), CUT_OFF),
    "compressed": (b"\xc2" + masked(BINARY, b"x")[1:], CUT_OFF),
    "a ping in pieces": (masked(WS_PING, b"x", last=False), CUT_OFF),
    "an unknown kind": (masked(11, b"x"), CUT_OFF),
    "HTTP": (HEAD, CUT_OFF),
}


async def no_messages(here: Arena) -> Heard:
    """Text, too much, pieces of nothing: 9 kinds, before WELCOME and behind it."""
    heard = Heard(note=f"{len(NO_MESSAGES)} kinds x 20")
    for round_ in range(20):
        for what, (data, code) in NO_MESSAGES.items():
            async with await (entered(here) if round_ % 2 else opened(here)) as bare:
                with suppress(ConnectionError):
                    bare.writer.write(data)
                ended = await end_of(bare)
                assert ended == code, what
                heard[ended] += 1
    return heard


async def fragments_without_end(here: Arena) -> Heard:
    """40 welcome peers: a message of 200,000 empty fragments each, and then its end; all are answered."""
    piece = masked(CONTINUED, b"", last=False) * 1000

    async def one(number: int) -> int:
        async with await entered(here, f"{number % 8}") as bare:
            ping = packed(PING, 0, 0, 7)
            bare.send(BINARY, ping[:1], last=False)
            for _ in range(200):
                bare.writer.write(piece)
                await bare.writer.drain()
            bare.send(CONTINUED, ping[1:])
            return GOES_ON if (await bare.came()).data[5] == 4 else CUT_OFF

    heard = Heard()
    for _ in range(5):
        heard.update(await asyncio.gather(*(one(number) for number in range(8))))
    return heard


async def fragments_of_strangers(here: Arena) -> Heard:
    """300 that nobody knows, each with 250 KiB of a message that never ends."""
    piece = masked(CONTINUED, b"x" * 1000, last=False)

    async def one() -> int:
        async with await opened(here) as bare:
            bare.send(BINARY, b"x", last=False)
            with suppress(ConnectionError):
                for _ in range(250):
                    bare.writer.write(piece)
                    await bare.writer.drain()
            return await end_of(bare)

    heard = Heard()
    for _ in range(6):
        heard.update(await asyncio.gather(*(one() for _ in range(50))))
    return heard


async def pings_and_never_read(here: Arena) -> Heard:
    """8 welcome peers who send pings of WebSocket, 4 MB each, and read no answer; whoever has a token comes in."""

    async def one(number: int) -> None:
        async with await entered(here, f"{number}") as bare:
            bare.writer.transport.pause_reading()  # type: ignore[attr-defined]
            data = masked(WS_PING, b"x" * 125) * 300
            with suppress(TimeoutError, ConnectionError):
                async with asyncio.timeout(5):
                    for _ in range(100):
                        bare.writer.write(data)
                        await bare.writer.drain()
            bare.writer.transport.abort()

    await asyncio.gather(*(one(number) for number in range(8)))
    return Heard([await good_hello(here)])


def no_upgrades() -> list[tuple[str, str]]:
    """Requests that become no WebSocket, and their status."""
    head = HEAD.decode()
    return [
        (head.replace(SUBPROTOCOL, "Sec-WebSocket-Protocol: mqtt"), "400"),
        (head.replace("GET", "POST"), "426"),
        (head.replace("Version: 13", "Version: 12"), "426"),
        (head.replace(KEY, "short"), "400"),
        (head.replace("Host: localhost", "Host: evil.example"), "421"),
        (head.replace("\r\n\r\n", "\r\nOrigin: https://evil.example\r\n\r\n"), "403"),
        (head.replace("\r\n\r\n", "\r\nOrigin: null\r\n\r\n"), "403"),
    ]


async def refused_upgrades(here: Arena) -> Heard:
    """10,000 upgrades that are refused, each with 16 KiB behind it; whoever has a token comes in."""
    kinds = [(head.encode(), f" {status} ".encode()) for head, status in no_upgrades()]
    loop = asyncio.get_running_loop()
    wrong: list[bytes] = []

    async def come(numbers: Iterator[int]) -> None:
        for number in numbers:
            head, status = kinds[number % len(kinds)]
            bare = await connected(here.http_port, f"127.4.{number % 100}.{number % 200 + 1}")
            with suppress(OSError):
                await loop.sock_sendall(bare, head + b"x" * 16_384)
            said = await last_words(bare)
            bare.close()
            if said and status not in said.split(b"\r\n")[0] + b" ":
                wrong.append(said[:60])

    numbers = iter(range(REFUSED))
    await asyncio.gather(*(come(numbers) for _ in range(50)))
    assert not wrong, wrong[:5]
    return Heard([await good_hello(here)], note=f"{REFUSED} refused")


async def half_upgrades(here: Arena) -> Heard:
    """2,000 requests without their last line, and 300 that come a byte at a time: none outlives its 10 s."""
    loop = asyncio.get_running_loop()
    sources = [here.address() for _ in range(50)]
    sockets = await crowd(here, 2000, sources, port=here.http_port)
    for each in sockets:
        with suppress(OSError):
            await loop.sock_sendall(each, HEAD[:-2])
    slow = await crowd(here, 300, sources, port=here.http_port)
    for byte in HEAD[:24]:
        for each in slow:
            with suppress(OSError):
                await loop.sock_sendall(each, bytes([byte]))
        await asyncio.sleep(0.4)
    heard = Heard([await good_hello(here)])
    for each in (*sockets, *slow):
        await last_words(each)
    end([*sockets, *slow])
    heard.note = f"{len(sockets)} halves, {len(slow)} slow"
    return heard


async def silent_websockets(here: Arena) -> Heard:
    """1,500 that are a WebSocket and say nothing: over after 5 s, with GOODBYE."""

    everybody = [await opened(here) for _ in range(1500)]

    async def one(bare: Bare) -> int:
        async with bare:
            return await end_of(bare)

    return Heard(await asyncio.gather(*map(one, everybody)))


async def gone_in_the_middle(here: Arena) -> Heard:
    """600 that reset: in the head, behind it, in a frame, behind HELLO. Nothing is kept of them."""

    async def one(data: bytes, upgraded: bool) -> None:
        bare = await connected(here.http_port, here.address())
        loop = asyncio.get_running_loop()
        with suppress(OSError):
            await loop.sock_sendall(bare, HEAD + data if upgraded else data)
        bare.setsockopt(1, 13, b"\1\0\0\0\0\0\0\0")  # SO_LINGER: a reset
        bare.close()

    kinds: list[tuple[bytes, bool]] = [
        (HEAD[:100], False),
        (b"", True),
        (masked(BINARY, hello())[:40], True),
        (masked(BINARY, hello()), True),
    ]
    for _ in range(150):
        await asyncio.gather(*(one(*kind) for kind in kinds))
    return Heard([await good_hello(here)])


def _row(
    name: str,
    growth_kib: int,
    run: Callable[[Arena], Awaitable[Heard]],
    *codes: CloseCode | int,
    **more: object,
) -> Attack:
    return Attack(f"web: {name}", growth_kib, run, house="web", codes=codes, **more)  # type: ignore[arg-type]


ATTACKS = [
    _row(
        "wrong first frames",
        2_000,
        wrong_first_frames,
        *sorted({CloseCode(code) for _, code in FIRST.values()}),
    ),
    _row("what is no message", 4_000, no_messages, MALFORMED, CUT_OFF),
    _row("fragments without end", 8_000, fragments_without_end, GOES_ON),
    _row("fragments of strangers", 8_000, fragments_of_strangers, CUT_OFF),
    _row("pings that nobody reads", 8_000, pings_and_never_read, GOES_ON),
    _row("10,000 refused upgrades", 8_000, refused_upgrades, GOES_ON),
    _row("half upgrades, slow heads", 24_000, half_upgrades, GOES_ON),
    _row("silent WebSockets", 40_000, silent_websockets, AUTH_TIMEOUT),
    _row("gone in the middle", 8_000, gone_in_the_middle, GOES_ON),
]
