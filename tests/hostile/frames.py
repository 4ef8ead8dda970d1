"""Attacks by frames that no library sends. Each is sent many times over, since a leak shows only then."""

from __future__ import annotations

import asyncio
import random
import struct
import time
from contextlib import suppress
from typing import Any

import msgpack

from imserver_protocol.errors import CloseCode, RefusalCode
from imserver_protocol.limits import MAX_TAIL_FIELDS, Limits
from tests.fuzz.shapes import right
from tests.hostile.arena import Arena, Attack
from tests.hostile.codes import CUT_OFF, GOES_ON, Heard, fate
from tests.hostile.floods import EVE, pour, with_alice
from tests.limits.bad_frames import FIRST, LATER, hello
from tests.limits.patience import patiently
from tests.limits.raw import PING, PONG, REQUEST, SIGNAL, Ended, framed, new_key, packed, said
from tests.support.methods import METHODS


async def wrong_first_frames(here: Arena) -> Heard:
    """Lengths 0 and 2^32-1, no msgpack, nesting, extensions, requests before HELLO: 29 kinds."""
    heard = Heard(note=f"{len(FIRST)} kinds x 8, each its own")
    for _ in range(8):
        for what, (data, code) in FIRST.items():
            assert await here.code_of(data) == code, what
            heard[code] += 1
    return heard


async def wrong_later_frames(here: Arena) -> Heard:
    """After WELCOME: HELLO twice, seq and ack out of order, frames in the wrong direction: 20 kinds."""
    heard = Heard(note=f"{len(LATER)} kinds x 4, each its own")
    for round_ in range(4):
        for number, (what, (data, code)) in enumerate(LATER.items()):
            raw, _ = await here.enter("eve", f"{round_ % 2} {number % 8}")
            async with raw:
                assert (await raw.ask("sync", None)).code == 0
                raw.send_bytes(data)
                ended = await fate(raw)
                assert ended == code, what
                heard[ended] += 1
    return heard


async def nothing_more_to_say(here: Arena) -> Heard:
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

    return Heard(await asyncio.gather(*(kind() for kind in (silent, trickling, halved) for _ in range(60))))


async def one_byte_at_a_time(here: Arena) -> Heard:
    """A good conversation, each byte a segment of its own; then the same in one piece."""
    heard = Heard()
    for _ in range(4):
        async with await here.open() as raw:
            raw.hello(here.token("eve"), "slow")
            await raw.welcome()
            frames = b"".join(packed(REQUEST, seq, 0, "users", [["eve"]]) for seq in range(1, 11))
            for at in range(len(frames)):
                raw.send_bytes(frames[at : at + 1])
                await raw.flushed()
                if at % 16 == 0:
                    await asyncio.sleep(0)
            heard.update([(await raw.answer(seq)).code for seq in range(1, 11)])
    raw, _ = await here.enter("eve", "quick")
    async with raw:
        raw.send_bytes(b"".join(packed(REQUEST, seq, 0, "users", [["eve"]]) for seq in range(1, 201)))
        heard.update([(await raw.answer(seq)).code for seq in range(1, 201)])
    return heard


async def truncated_frames(here: Arena) -> Heard:
    """Frames of 64 KiB, each cut off somewhere; half of the sockets are reset. The session waits to be resumed."""
    chance, heard = random.Random(23), Heard()
    body = msgpack.packb([REQUEST, 1, 0, "users", [["x" * 30_000, "y" * 30_000]]])
    for number in range(150):
        raw, welcome = await here.enter("eve", f"{number % 8}")
        raw.send_bytes(framed(body)[: chance.randrange(4, len(body))])
        await raw.flushed()
        if number % 2:
            raw.reset()
        await raw.hang_up()
        heard[await resumed(here, f"{number % 8}", (welcome.session_id, welcome.token))] += 1
    return heard


async def resumed(here: Arena, device_id: str, resume: tuple[str, bytes]) -> int:
    """Eve's session can be resumed, nothing of hers was taken for a request, and she is answered."""
    raw, welcome = await here.enter("eve", device_id, resume=resume)
    async with raw:
        assert welcome.resumed, welcome
        raw.seq = welcome.ack
        return (await raw.ask("users", ["eve"])).code


async def costly_frames(here: Arena) -> Heard:
    """Frames that are legal, and as dear to decode as 64 KiB can be: empty containers, as many as are allowed."""
    empties = b"\xdd" + struct.pack(">I", 8000) + b"\x90" * 8000
    bomb = b"\x95\x10" + b"%c\x00\xa5users" + b"\xdc" + struct.pack(">H", 8) + empties * 8
    raw, _ = await here.enter("eve", "bomb")
    heard = Heard()
    async with raw:
        for seq in range(1, 61):
            raw.seq = seq
            raw.send_bytes(framed(bomb % seq))
            heard[(await raw.answer(seq)).code] += 1
            raw.ack()
    return heard


async def all_that_may_grow(here: Arena) -> Heard:
    """Behind the params of each method, and the entries in them, as much as an array may have: the answer is the same."""
    heard = Heard()
    limits = Limits()
    raw, _ = await here.enter("eve", "later")
    async with raw:
        for method in METHODS:
            params = right(method.params)
            plain = await raw.ask(method.name, *params)
            fillers: tuple[Any, ...] = (None, {"x": [{}] * 3})
            for filler in fillers:
                grown = [grown_to(one, 2_000, filler) for one in params]
                grown += [filler] * (limits.max_array_items - len(grown))
                if filler is not None:  # dearer, and fewer
                    grown = grown[:6_000]
                got = await raw.ask(method.name, *grown)
                assert (got.code, got.text) == (plain.code, plain.text), (method.name, got)
                heard[GOES_ON] += 1
                raw.ack()
        for fields in (1, MAX_TAIL_FIELDS - 2):
            raw.seq += 1
            raw.send_bytes(packed(REQUEST, raw.seq, raw.received, "users", [["eve"]], *[{}] * fields))
            heard[(await raw.answer(raw.seq)).code] += 1
    too_many = (
        packed(REQUEST, 1, 0, "users", [["eve"]], *[None] * (MAX_TAIL_FIELDS - 1)),
        packed(REQUEST, 1, 0, "users", [["eve"], *[None] * limits.max_array_items]),
        packed(REQUEST, 1, 0, "check", [[["c", "p", 1, 0, *[None] * limits.max_array_items]]]),
        packed(SIGNAL, 0, 0, "typing", EVE, *[None] * (MAX_TAIL_FIELDS - 1)),
    )
    for number, data in enumerate(too_many):
        raw, _ = await here.enter("eve", f"{number}")
        async with raw:
            raw.send_bytes(data)
            heard[await fate(raw)] += 1
    return heard


def grown_to(value: Any, items: int, filler: Any) -> Any:
    """An array of arrays by position, with so many items in each of these; anything else as it is."""
    if isinstance(value, tuple) and value and isinstance(value[0], tuple):
        return [[*one, *[filler] * items] for one in value]
    return value


async def bombs(here: Arena) -> Heard:
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
    heard = Heard()
    for what, params in kinds.items():
        for trailing in (b"", b"\xc0"):
            raw, _ = await here.enter("eve", f"{heard.total() % 8}")
            async with raw:
                raw.send_bytes(framed(b"\x95\x10\x01\x00\xa4sync" + params + trailing))
                ended = await fate(raw)
                assert ended == CloseCode.MALFORMED, (what, ended)
                heard[ended] += 1
    return heard


async def random_bytes(here: Arena) -> Heard:
    """1,000 frames of chance, before and after WELCOME; and good frames with a byte changed. (Seed 5.)"""
    chance = random.Random(5)
    good = packed(REQUEST, 1, 0, "post", ["direct/alice/eve", new_key(), said("x")])
    heard = Heard([await here.code_of(framed(chance.randbytes(20))) for _ in range(50)])
    for number in range(200):
        raw, _ = await here.enter("eve", f"{number % 8}")
        async with raw:
            if number % 2:
                changed = bytearray(good)
                changed[chance.randrange(4, len(changed))] = chance.randrange(256)
                raw.send_bytes(bytes(changed))
            else:
                raw.send_bytes(
                    b"".join(framed(chance.randbytes(chance.randrange(1, 200))) for _ in range(10))
                )
            heard[await fate(raw)] += 1
    return heard


async def acks_from_the_future(here: Arena) -> Heard:
    """Acks of what was never sent, far and near."""
    heard = Heard()
    for number, ack in enumerate((1, 2, 255, 2**31, 2**53 - 1) * 10):
        raw, _ = await here.enter("eve", f"{number % 8}")
        async with raw:
            raw.ack(ack)
            heard[await fate(raw)] += 1
    return heard


async def hello_acks_from_the_future(here: Arena) -> Heard:
    """The same in HELLO's header, of a session that is there: it is not resumed, and loses nothing by it."""
    heard = Heard()
    raw, welcome = await here.enter("eve", "phone")
    assert (await raw.ask("users", ["eve"])).code == 0
    await raw.hang_up()
    for ack in (2, 255, 2**31, 2**53 - 1):
        async with await here.open() as raw:
            raw.hello(here.token("eve"), "phone", resume=(welcome.session_id, welcome.token), ack=ack)
            fresh = await raw.welcome()
            assert (fresh.resumed, fresh.ack) == (False, 0)
            heard[(await raw.ask("users", ["eve"])).code] += 1
            welcome = fresh
    return heard


async def half_closes_and_resets(here: Arena) -> Heard:
    """FIN after a request, RST in the middle of one, and sockets that are gone before they are accepted."""
    heard = Heard()

    async def half(number: int) -> None:
        raw, welcome = await here.enter("eve", f"{number % 10}")
        raw.request("history", "direct/alice/eve")
        if number % 2:
            raw.reset()
        else:
            raw.half_close()
            with suppress(Ended):
                while True:
                    await raw.frame()
            heard[raw.end.code if raw.end else CUT_OFF] += 1
        await raw.hang_up()
        assert raw.received <= 1
        again, welcome = await here.enter(
            "eve", f"{number % 10}", resume=(welcome.session_id, welcome.token), ack=raw.received
        )
        async with again:
            assert welcome.resumed, welcome
            heard[GOES_ON] += 1

    for start in range(0, 200, 10):
        await asyncio.gather(*(half(number) for number in range(start, start + 10)))
    for _ in range(300):
        raw = await here.open("127.2.0.1")
        raw.reset()
        await raw.hang_up()
    return heard


async def ping_flood(here: Arena) -> Heard:
    """As many PINGs as a socket takes."""
    return await _control_flood(here, packed(PING, 0, 0, 7) * 20_000)


async def ack_flood(here: Arena) -> Heard:
    """As many ACKs as a socket takes."""
    return await _control_flood(here, packed(2, 0, 0) * 20_000)


async def typing_flood(here: Arena) -> Heard:
    """As many signals as a socket takes, known and unknown; of the known ones others hear two a second."""
    await with_alice(here)
    listener, _ = await here.enter("alice", "listener")
    async with listener:
        raw, _ = await here.enter("eve", "first")
        assert (
            await patiently(raw, "post", EVE, new_key(), said("x"))
        ).code == 0  # now its members are known
        await raw.hang_up()
        signals, begin = (
            packed(SIGNAL, 0, 0, "typing", EVE) + packed(SIGNAL, 0, 0, "x" * 9, 7),
            time.monotonic(),
        )
        heard = await _control_flood(here, signals * 8_000)
        took_s = time.monotonic() - begin
        told, listener.end = 0, None
        listener.send(PING, 0, listener.received, 1)
        while (frame := await listener.frame())[0] != PONG:
            told += frame[0] == SIGNAL
    assert 2 <= told <= 2 * (2 * took_s + 2), f"{told} signals in {took_s} s"
    heard.note += f", {told} relayed"
    return heard


async def _control_flood(here: Arena, data: bytes) -> Heard:
    floods = []
    for number in range(2):
        raw, _ = await here.enter("eve", f"flood {number}")
        floods.append(raw)
    sent = sum(await asyncio.gather(*(pour(raw, data, 1.5) for raw in floods)))
    heard = Heard(note=f"{sent >> 20} MiB taken")
    for raw in floods:
        heard[await fate(raw)] += 1
        await raw.hang_up()
    return heard


async def pings_and_never_read(here: Arena) -> Heard:
    """PINGs on sockets that nobody reads: of all PONGs only the newest is kept."""
    raws = []
    for number in range(8):
        raw, _ = await here.enter("eve", f"deaf {number}")
        raw.limit_buffers()
        raws.append(raw)
    data = packed(PING, 0, 0, 2**53 - 1) * 20_000
    for raw in raws:
        with suppress(TimeoutError):
            async with asyncio.timeout(1.0):
                for _ in range(20):
                    raw.send_bytes(data)
                    await raw.flushed()
    heard = Heard()
    for raw in raws:
        heard[await fate(raw)] += 1
        await raw.hang_up()
    return heard


_CUT = (CloseCode.MALFORMED, CloseCode.FRAME_TOO_LARGE, CloseCode.BAD_STATE)

ATTACKS = [
    Attack("wrong first frames", 2_000, wrong_first_frames, codes=(*_CUT, CloseCode.VERSION)),
    Attack(
        "wrong frames after WELCOME",
        4_000,
        wrong_later_frames,
        codes=(*_CUT, CloseCode.SEQ_ORDER, CloseCode.ACK_TOO_HIGH),
    ),
    Attack("silence, single bytes, half a HELLO", 4_000, nothing_more_to_say, codes=[CloseCode.AUTH_TIMEOUT]),
    Attack("one byte at a time, and all joined", 2_000, one_byte_at_a_time, codes=[GOES_ON]),
    Attack("truncated frames of 64 KiB", 4_000, truncated_frames, codes=[GOES_ON]),
    Attack("legal frames, dear to decode", 8_000, costly_frames, codes=[RefusalCode.INVALID]),
    Attack("all that may grow", 8_000, all_that_may_grow, codes=(GOES_ON, CloseCode.MALFORMED)),
    Attack("bombs, NaN, extensions, bad UTF-8, trailing", 4_000, bombs, codes=[CloseCode.MALFORMED]),
    Attack(
        "random and mutated frames",
        4_000,
        random_bytes,
        codes=(GOES_ON, CloseCode.MALFORMED),
        may=(CloseCode.BAD_STATE, CloseCode.SEQ_ORDER, CloseCode.ACK_TOO_HIGH),
    ),
    Attack("acks from the future", 2_000, acks_from_the_future, codes=[CloseCode.ACK_TOO_HIGH]),
    Attack("acks from the future in HELLO", 2_000, hello_acks_from_the_future, codes=[GOES_ON]),
    Attack("half-closes and resets", 4_000, half_closes_and_resets, codes=(CUT_OFF, GOES_ON)),
    Attack("PING flood", 8_000, ping_flood, codes=[GOES_ON]),
    Attack("PING flood on sockets nobody reads", 8_000, pings_and_never_read, codes=[GOES_ON]),
    Attack("ACK flood", 8_000, ack_flood, codes=[GOES_ON]),
    Attack("typing flood", 8_000, typing_flood, codes=[GOES_ON]),
]
