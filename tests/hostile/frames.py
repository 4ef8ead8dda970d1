"""Attacks by bytes: what no library sends. Each is sent many times over, since a leak shows only then."""

from __future__ import annotations

import asyncio
import random
import struct
from contextlib import suppress

import msgpack

from tests.hostile.arena import Arena, Attack
from tests.hostile.floods import pour
from tests.limits.raw import PING, PONG, REQUEST, Ended, Raw, framed, new_key, packed, said
from tests.limits.test_bad_frames import FIRST, LATER, hello

AUTH_TIMEOUT, MALFORMED, FRAME_TOO_LARGE, BAD_STATE, ACK_TOO_HIGH = 103, 210, 211, 212, 214
IDLE = 101


async def wrong_first_frames(here: Arena) -> str:
    """Lengths 0 and 2^32-1, no msgpack, nesting, extensions, requests before HELLO: 29 kinds."""
    for _ in range(8):
        for what, (data, code) in FIRST.items():
            assert await here.code_of(data) == code, what
    return f"{len(FIRST)} kinds x 8: each its close code"


async def wrong_later_frames(here: Arena) -> str:
    """After WELCOME: HELLO twice, seq and ack out of order, frames in the wrong direction: 20 kinds."""
    for round_ in range(4):
        for number, (what, (data, code)) in enumerate(LATER.items()):
            raw, _ = await here.enter("eve", f"{round_ % 2} {number % 8}")
            async with raw:
                assert (await raw.ask("sync", None)).code == 0
                raw.send_bytes(data)
                assert (await raw.goodbye()).code == code, what
    return f"{len(LATER)} kinds x 4: each its close code"


async def nothing_more_to_say(here: Arena) -> str:
    """Silence, a byte now and then, and a HELLO without its last byte: all are over after 5 s."""

    async def silent() -> int:
        async with await here.open() as raw:
            return (await raw.goodbye()).code

    async def trickling() -> int:
        async with await here.open() as raw:
            ending = asyncio.create_task(raw.goodbye())
            for byte in hello():
                if ending.done():
                    break
                with suppress(ConnectionError):
                    raw.send_bytes(bytes([byte]))
                await asyncio.sleep(0.3)
            return (await ending).code

    async def halved() -> int:
        async with await here.open() as raw:
            raw.send_bytes(hello()[:-1])
            return (await raw.goodbye()).code

    ends = await asyncio.gather(*(kind() for kind in (silent, trickling, halved) for _ in range(60)))
    assert set(ends) == {AUTH_TIMEOUT}
    return "180 x AUTH_TIMEOUT"


async def one_byte_at_a_time(here: Arena) -> str:
    """A good conversation, each byte a segment of its own; then the same in one piece."""
    for _ in range(4):
        async with await here.open() as raw:
            raw.hello(here.token("eve"), "slow")
            await raw.welcome()
            frames = b"".join(packed(REQUEST, seq, 0, "users", ["eve"] and [["eve"]]) for seq in range(1, 11))
            for at in range(len(frames)):
                raw.send_bytes(frames[at : at + 1])
                await raw.flushed()
                if at % 16 == 0:
                    await asyncio.sleep(0)
            assert [(await raw.answer(seq)).code for seq in range(1, 11)] == [0] * 10
    raw, _ = await here.enter("eve", "quick")
    async with raw:
        raw.send_bytes(b"".join(packed(REQUEST, seq, 0, "users", [["eve"]]) for seq in range(1, 201)))
        assert [(await raw.answer(seq)).code for seq in range(1, 201)] == [0] * 200
    return "all answered"


async def truncated_frames(here: Arena) -> str:
    """Frames of 64 KiB, each cut off somewhere; half of the sockets are reset."""
    chance = random.Random(23)
    body = msgpack.packb([REQUEST, 1, 0, "users", [["x" * 30_000, "y" * 30_000]]])
    for number in range(150):
        raw, _ = await here.enter("eve", f"{number % 8}")
        raw.send_bytes(framed(body)[: chance.randrange(4, len(body))])
        await raw.flushed()
        if number % 2:
            raw.reset()
        await raw.hang_up()
    return "150 cut off, no word"


async def costly_frames(here: Arena) -> str:
    """Frames that are legal, and as dear to decode as 64 KiB can be: empty containers, as many as are allowed."""
    empties = b"\xdd" + struct.pack(">I", 8000) + b"\x90" * 8000
    bomb = b"\x95\x10" + b"%c\x00\xa5users" + b"\xdc" + struct.pack(">H", 8) + empties * 8
    raw, _ = await here.enter("eve", "bomb")
    async with raw:
        answered = 0
        for seq in range(1, 61):
            raw.seq = seq
            raw.send_bytes(framed(bomb % seq))
            answered += (await raw.answer(seq)).code == 600
            raw.ack()
    assert answered == 60
    return "60 x INVALID"


async def bombs(here: Arena) -> str:
    """What is not legal: containers that claim to be long, nest deeply, or hold more than they may."""
    kinds = {
        "long array": b"\xdd\x00\x00\xff\x00" + b"\x90" * 0xFF00,
        "array of 2^32-1": b"\xdd\xff\xff\xff\xff",
        "map of 2^32-1": b"\xdf\xff\xff\xff\xff",
        "text of 2^32-1": b"\xdb\xff\xff\xff\xff",
        "60,000 deep": b"\x91" * 60_000 + b"\xc0",
        "17 deep": b"\x91" * 17 + b"\xc0",
        "maps 60,000 deep": b"\x81\xa1a" * 20_000 + b"\xc0",
        "NaN": b"\x91\xcb\x7f\xf8\x00\x00\x00\x00\x00\x00",
        "infinity": b"\x91\xca\x7f\x80\x00\x00",
        "extension of 64 KiB": b"\x91\xc9\x00\x00\xf0\x00\x05" + bytes(0xF000),
        "timestamp": b"\x91\xd6\xff\x00\x00\x00\x00",
        "overlong UTF-8": b"\x91\xa2\xc0\x80",
        "half a surrogate": b"\x91\xa3\xed\xa0\x80",
        "a number for a key": b"\x91\x81\x01\x01",
    }
    count = 0
    for what, params in kinds.items():
        for trailing in (b"", b"\xc0"):
            raw, _ = await here.enter("eve", f"{count % 8}")
            async with raw:
                raw.send_bytes(framed(b"\x95\x10\x01\x00\xa4sync" + params + trailing))
                assert (await raw.goodbye()).code == MALFORMED, what
            count += 1
    return f"{count} x MALFORMED"


async def random_bytes(here: Arena) -> str:
    """1,000 frames of chance, before and after WELCOME; and good frames with a byte changed. (Seed 5.)"""
    chance = random.Random(5)
    good = packed(REQUEST, 1, 0, "post", ["direct/alice/eve", new_key(), said("x")])
    ends: dict[int, int] = {}
    for number in range(200):
        raw, _ = await here.enter("eve", f"{number % 8}")
        async with raw:
            if number % 2:
                changed = bytearray(good)
                changed[chance.randrange(4, len(changed))] = chance.randrange(256)
                raw.send_bytes(bytes(changed) + packed(PING, 0, 0, 7))
            else:
                raw.send_bytes(
                    b"".join(framed(chance.randbytes(chance.randrange(1, 200))) for _ in range(10))
                )
            try:
                while (await raw.frame())[0] != PONG and raw.end is None:
                    pass
            except (Ended, ConnectionError):
                pass
            code = raw.end.code if raw.end else 0
            ends[code] = ends.get(code, 0) + 1
    assert set(ends) <= {0, MALFORMED, BAD_STATE, 213, ACK_TOO_HIGH}, ends
    return f"closed {200 - ends.get(0, 0)}, else answered"


async def acks_from_the_future(here: Arena) -> str:
    """Acks of what was never sent, far and near, also in HELLO's header."""
    for number, ack in enumerate((1, 2, 255, 2**31, 2**53 - 1) * 10):
        raw, _ = await here.enter("eve", f"{number % 8}")
        async with raw:
            raw.ack(ack)
            assert (await raw.goodbye()).code == ACK_TOO_HIGH
    return "50 x ACK_TOO_HIGH"


async def half_closes_and_resets(here: Arena) -> str:
    """FIN after a request, RST in the middle of one, and sockets that are gone before they are accepted."""

    async def half(number: int) -> None:
        raw, _ = await here.enter("eve", f"{number % 10}")
        raw.request("history", "direct/alice/eve")
        if number % 2:
            raw.reset()
        else:
            raw.half_close()
            with suppress(Ended, ConnectionError):
                while True:
                    await raw.frame()
        await raw.hang_up()

    for start in range(0, 200, 10):
        await asyncio.gather(*(half(number) for number in range(start, start + 10)))
    for _ in range(300):
        raw = await here.open("127.2.0.1")
        raw.reset()
        await raw.hang_up()
    return "500 gone, no word"


async def ping_flood(here: Arena) -> str:
    """As many PINGs as a socket takes."""
    return await _control_flood(here, packed(PING, 0, 0, 7) * 20_000)


async def ack_flood(here: Arena) -> str:
    """As many ACKs as a socket takes."""
    return await _control_flood(here, packed(2, 0, 0) * 20_000)


async def typing_flood(here: Arena) -> str:
    """As many signals as a socket takes, known and unknown."""
    return await _control_flood(here, packed(6, 0, 0, "typing", "direct/alice/eve") * 10_000)


async def _control_flood(here: Arena, data: bytes) -> str:
    floods = []
    for number in range(2):
        raw, _ = await here.enter("eve", f"flood {number}")
        floods.append(raw)
    sent = sum(await asyncio.gather(*(pour(raw, data, 1.5) for raw in floods)))
    for raw in floods:
        assert await alive(raw)
        await raw.hang_up()
    return f"{sent >> 20} MiB taken, still open"


async def alive(raw: Raw) -> bool:
    """PING is answered."""
    raw.send(PING, 0, raw.received, 4711)
    while (frame := await raw.frame())[0] != PONG or frame[3] != 4711:
        pass
    return True


ATTACKS = [
    Attack("wrong first frames", 2_000, wrong_first_frames),
    Attack("wrong frames after WELCOME", 4_000, wrong_later_frames),
    Attack("silence, single bytes, half a HELLO", 4_000, nothing_more_to_say),
    Attack("one byte at a time, and all joined", 2_000, one_byte_at_a_time),
    Attack("truncated frames of 64 KiB", 4_000, truncated_frames),
    Attack("legal frames, dear to decode", 8_000, costly_frames),
    Attack("bombs, NaN, extensions, bad UTF-8, trailing", 4_000, bombs),
    Attack("random and mutated frames", 4_000, random_bytes),
    Attack("acks from the future", 2_000, acks_from_the_future),
    Attack("half-closes and resets", 4_000, half_closes_and_resets),
    Attack("PING flood", 8_000, ping_flood),
    Attack("ACK flood", 8_000, ack_flood),
    Attack("typing flood", 8_000, typing_flood),
]
