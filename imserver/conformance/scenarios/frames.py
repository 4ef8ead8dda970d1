"""Frames that are none, and frames that are: what a client closes for, and what it has to take."""

from __future__ import annotations

from collections.abc import Callable

from imserver.conformance.play import Play
from imserver.conformance.scenario import Scenario, scenario
from imserver.conformance.session import WIDE
from imserver.trace.known import SIGNALS_TOLD
from imserver_protocol.errors import CloseCode
from imserver_protocol.wire.codec import encode_tail, frame_bytes
from imserver_protocol.wire.frames import FrameType


def _framed(body: bytes) -> bytes:
    return len(body).to_bytes(4, "big") + body


def _frame(type_: int, seq: int, ack: int, *fields: object) -> bytes:
    return frame_bytes(type_, seq, ack, encode_tail(*fields, limits=WIDE))


def _body(tail: str) -> bytes:
    return _framed(bytes.fromhex(tail))


Bytes = Callable[[Play], bytes]


def _fault(name: str, about: str, code: CloseCode, section: str, data: Bytes) -> Scenario:
    """These bytes behind WELCOME and the first sync: the client closes with this code, and comes back without resume."""

    async def script(play: Play) -> None:
        play.world.talk()
        line = await play.connect()
        line.patient = True
        broken = data(play)
        play.session.sent += 1  # the client may count it or not
        line.write(broken)
        await play.closes(code, section)
        if len(play.lines) == 1:
            await play.next_line("14.1")
        again = play.line.hello
        assert again is not None
        play.require(again.resume is None, "a session that the client ended is offered again", "14.1")

    return Scenario(f"frames/{name}", about, (section, "14.1"), script)


def _push(play: Play, *fields: object, seq: int = 1) -> bytes:
    """A PUSH with the next seq, or one that is off by more than 1."""
    return _frame(FrameType.PUSH, play.session.sent + seq, play.session.received, *fields)


_BAD, _STATE, _LARGE = CloseCode.MALFORMED, CloseCode.BAD_STATE, CloseCode.FRAME_TOO_LARGE
FAULTS: tuple[Scenario, ...] = (
    _fault("of-length-0", "A length of 0.", _BAD, "3", lambda play: bytes(4)),
    _fault(
        "too-long",
        "A length above max_frame_bytes, and nothing behind it: it is judged before the body is buffered.",
        _LARGE,
        "3",
        lambda play: (65_537).to_bytes(4, "big"),
    ),
    _fault("of-byte-c1", "The byte that msgpack never uses.", _BAD, "4", lambda play: _body("93 02 00 c1")),
    _fault(
        "cut-short", "A body that ends within a value.", _BAD, "4", lambda play: _body("94 02 00 00 a5 61")
    ),
    _fault("with-more-behind", "Bytes behind the value.", _BAD, "4", lambda play: _body("93 02 00 00 c0")),
    _fault("that-is-a-map", "A body that is no array.", _BAD, "4", lambda play: _body("81 a1 61 00")),
    _fault("with-nan", "NaN.", _BAD, "4", lambda play: _body("94 02 00 00 cb 7f f8 00 00 00 00 00 00")),
    _fault(
        "with-2-to-the-53",
        "An integer beyond 2^53-1.",
        _BAD,
        "4",
        lambda play: _body("94 02 00 00 cf 00 20 00 00 00 00 00 00"),
    ),
    _fault(
        "with-a-timestamp",
        "An extension type.",
        _BAD,
        "4",
        lambda play: _body("94 02 00 00 d6 ff 00 00 00 00"),
    ),
    _fault(
        "with-a-key-twice",
        "A map's key that stands twice.",
        _BAD,
        "4",
        lambda play: _body("94 02 00 00 82 a1 61 01 a1 61 02"),
    ),
    _fault(
        "with-a-number-as-key",
        "A map's key that is no string.",
        _BAD,
        "4",
        lambda play: _body("94 02 00 00 81 01 02"),
    ),
    _fault(
        "with-bad-utf-8", "A string that is not UTF-8.", _BAD, "4", lambda play: _body("94 02 00 00 a2 c3 28")
    ),
    _fault(
        "nested-17-deep", "Arrays 17 deep.", _BAD, "4", lambda play: _body("94 02 00 00" + "91" * 16 + "c0")
    ),
    _fault("with-seq-true", "A header that is no integer.", _BAD, "4", lambda play: _body("93 02 c3 00")),
    _fault(
        "with-seq-1.0",
        "A float where an integer belongs.",
        _BAD,
        "4",
        lambda play: _body("93 02 cb 3f f0 00 00 00 00 00 00 00"),
    ),
    _fault(
        "of-13-fields",
        "More than 12 fields behind the header.",
        _BAD,
        "5.1",
        lambda play: _body("dc 00 10 02 00 00" + "c0" * 13),
    ),
    _fault("of-an-unknown-type", "Frame type 9.", _BAD, "5", lambda play: _body("93 09 00 00")),
    _fault(
        "that-clients-send",
        "A REQUEST from a server.",
        _STATE,
        "5",
        lambda play: _frame(16, play.session.sent + 1, 0, "sync", []),
    ),
    _fault(
        "welcome-again", "A second WELCOME.", _STATE, "5", lambda play: play.line.welcome_bytes(play.session)
    ),
    _fault(
        "ack-with-a-seq", "A control frame whose seq is not 0.", _BAD, "5", lambda play: _body("93 02 01 00")
    ),
    _fault(
        "with-a-gap",
        "A payload frame whose seq is not the next.",
        CloseCode.SEQ_ORDER,
        "7",
        lambda play: _push(play, "x-later", seq=2),
    ),
    _fault(
        "again",
        "A payload frame whose seq came already.",
        CloseCode.SEQ_ORDER,
        "7",
        lambda play: _push(play, "x-later", seq=0),
    ),
    _fault(
        "that-acks-too-much",
        "An ack above the last seq that was sent.",
        CloseCode.ACK_TOO_HIGH,
        "5",
        lambda play: _frame(FrameType.ACK, 0, play.session.received + 1),
    ),
    _fault("push-of-no-kind", "A PUSH without a kind.", _BAD, "5", _push),
    _fault("push-of-a-number", "A PUSH whose kind is no string.", _BAD, "5", lambda play: _push(play, 7)),
    _fault(
        "message-without-content",
        "A push of a known kind with missing fields.",
        _BAD,
        "5",
        lambda play: _push(play, "message", play.world.direct, 1, "bob", 1, b"k" * 16),
    ),
    _fault(
        "message-at-position-true",
        "A push of a known kind with wrong fields.",
        _BAD,
        "5",
        lambda play: _push(play, "message", play.world.direct, True, "bob", 1, b"k" * 16, b"\x80"),
    ),
    _fault(
        "reply-to-nothing",
        "An answer to a request that is not open.",
        _STATE,
        "5",
        lambda play: _frame(
            FrameType.REPLY, play.session.sent + 1, play.session.received, 9999, [1, 2, False]
        ),
    ),
    _fault(
        "refusal-of-no-text",
        "A REFUSAL with wrong fields.",
        _BAD,
        "5",
        lambda play: _frame(
            FrameType.REFUSAL, play.session.sent + 1, play.session.received, 1, 600, None, 0, None
        ),
    ),
    _fault("ping-of-no-nonce", "A PING without a nonce.", _BAD, "5", lambda play: _body("93 03 00 00")),
)


@scenario("5", "4")
async def wide_numbers(play: Play) -> None:
    """Longer forms of integers, strings and arrays are the same values."""
    play.world.talk()
    line = await play.connect()
    message = play.world.say("in its longest form")
    name, content = play.world.direct.encode(), message.content or b""
    body = bytes.fromhex("dd 00 00 00 0a d2 00 00 00 13")
    body += (
        b"\xd3"
        + (play.session.sent + 1).to_bytes(8, "big")
        + b"\xcf"
        + play.session.received.to_bytes(8, "big")
    )
    body += b"\xdb\x00\x00\x00\x07message" + b"\xda" + len(name).to_bytes(2, "big") + name
    body += b"\xce\x00\x00\x00\x01" + b"\xd9\x03bob" + b"\xd3" + message.at_ms.to_bytes(8, "big")
    body += b"\xc5\x00\x10" + message.key + b"\xc6" + len(content).to_bytes(4, "big") + content
    play.session.sent += 1
    line.write(_framed(body))
    await play.heard(1, section="4")


@scenario("5", "7")
async def lower_ack(play: Play) -> None:
    """An ack that is lower than before is ignored."""
    play.world.talk()
    line = await play.connect()
    await play.done(play.post("acked"), "a post", "9.1")
    line.write_frame(FrameType.ACK, 0, ack=0)
    await play.done(play.post("goes on"), "a post behind a lower ack", "5")
    play.require(not line.ended, "the client closed for a lower ack", "5")


@scenario("5", "19.1")
async def wrong_signal(play: Play) -> None:
    """A signal of a known kind with wrong fields is dropped, or closes; it does nothing else."""
    play.world.talk()
    line = await play.connect()
    for kind in SIGNALS_TOLD:
        line.write_frame(FrameType.SIGNAL, 0, kind, 7)
    line.write_frame(FrameType.SIGNAL, 0, "x-later", {"a": 1})
    play.push(play.world.talk(), play.world.say("behind it"))
    await play.until(
        lambda: "behind it" in play.texts() or line.goodbye is not None, "take what is behind a signal", "5"
    )
    if line.goodbye is not None:
        play.require(line.goodbye.code == CloseCode.MALFORMED, f"closed with {line.goodbye.code}", "5")


@scenario("2", "3")
async def one_segment(play: Play) -> None:
    """A hundred frames in one segment, and then one in a hundred segments."""
    talk = play.world.talk()
    line = await play.connect()
    await play.until(lambda: not play.session.kept, "ack the reply to sync", "7")
    play.session.write = None
    for number in range(100):
        play.say(f"{number}")
    data = play.session.unacked()
    play.session.write = line.write
    line.write(data)
    await play.heard(*range(1, 101), section="3")
    play.session.write = None
    message = play.world.say("slowly", talk)
    play.session.push("message", *message.push(play.world.direct))
    kept = play.session.kept[-1]
    data = play.session.frame(kept.type, kept.seq, kept.fields)
    play.session.write = line.write
    await line.trickle(data)
    await play.heard(*range(1, 102), section="3")


SCENARIOS: tuple[Scenario, ...] = (*FAULTS, wide_numbers, lower_ack, wrong_signal, one_segment)
