"""The windows: what is in flight, what is acked, and when."""

from __future__ import annotations

import asyncio

from imserver.conformance.play import Play
from imserver.conformance.scenario import Scenario, scenario
from imserver.conformance.session import WIDE
from imserver_protocol.errors import CloseCode
from imserver_protocol.limits import LENGTH_BYTES, Limits
from imserver_protocol.wire.codec import encode_content, encode_tail, frame_bytes
from imserver_protocol.wire.frames import FrameType

#: An ack that is due after 100 ms, on a machine that has other work, too.
QUICK_S = 0.35


async def _pong(play: Play, nonce: int) -> None:
    line = play.line
    await play.until(
        lambda: bool(line.of(FrameType.PONG)) and line.of(FrameType.PONG)[-1].fields[0] == nonce,
        f"answer PING {nonce}",
        "13",
        within=3.0,
    )


async def _fill(play: Play, posts: int) -> None:
    """Let the client have more to ask than fits; whatever exceeds the window is a breach by itself."""
    play.world.talk()
    await play.connect()
    play.hold("post", "history")
    posted = [play.post(f"post {number}") for number in range(posts)]
    pages = []
    if "history" not in play.driver.greeting.lacks:
        pages = [
            play.later("history", conversation=play.world.direct, before=None, limit=5) for _ in range(posts)
        ]
    await play.until(lambda: bool(play.waiting("post") or play.waiting("history")), "ask anything", "8")
    await asyncio.sleep(0.4)
    play.let_go("post", "history")
    for task in (*posted, *pages):
        await play.done(task, "a request that waited for the window", "8")
    play.require(len(play.world.talks[play.world.direct].messages) == posts, "posts were lost", "9.1")


@scenario("8", limits=Limits(max_requests=4))
async def requests(play: Play) -> None:
    """Never more requests in flight than WELCOME allows, and all of them go out in the end."""
    await _fill(play, 9)


@scenario("8", limits=Limits(max_requests=1))
async def one_request(play: Play) -> None:
    """A window of one request."""
    await _fill(play, 4)


@scenario("8", limits=Limits(max_request_bytes=4096))
async def request_bytes(play: Play) -> None:
    """Never more bytes in flight than WELCOME allows; each request counts with its length."""
    play.world.talk()
    await play.connect()
    play.hold("post")
    posted = [play.post("x" * 1200) for _ in range(8)]
    await play.until(lambda: bool(play.waiting("post")), "post", "8")
    await asyncio.sleep(0.4)
    play.let_go("post")
    for task in posted:
        await play.done(task, "a post that waited for the window", "8")


@scenario("7")
async def ack_in_time(play: Play) -> None:
    """Nothing goes out, so a bare ACK does, 100 ms behind the first frame that it acks."""
    play.world.talk()
    await play.connect()
    await play.until(lambda: play.session.acked == play.session.sent, "ack the reply to sync", "7")
    took = []
    for number in range(3):
        begun = play.now()
        play.session.push("x-unknown", number)
        await play.until(lambda: play.session.acked == play.session.sent, "ack a push", "7", within=2.0)
        took.append(play.now() - begun)
        if took[-1] < QUICK_S * play.leisure:
            return
    play.require(
        False, f"acks took {took[0]:.2f}, {took[1]:.2f}, {took[2]:.2f} s; they are due after 0.1 s", "7"
    )


@scenario("7")
async def ack_by_count(play: Play) -> None:
    """32 frames are acked at once, not after a while."""
    play.world.talk()
    await play.connect()
    await play.until(lambda: play.session.acked == play.session.sent, "ack the reply to sync", "7")
    before = len(play.line.frames)
    for number in range(200):
        play.session.push("x-unknown", number)
        if number % 32 == 31:
            await asyncio.sleep(0)
    await play.until(lambda: play.session.acked == play.session.sent, "ack 200 pushes", "7")
    acks = [frame for frame in play.line.frames[before:] if frame.type is FrameType.ACK]
    play.require(len(acks) <= 60, f"{len(acks)} bare ACKs for 200 frames", "7")


@scenario("7", "13")
async def acks_never_wait_for_the_application(play: Play) -> None:
    """A full window of pushes is acked by what was parsed, whatever the application does."""
    play.world.talk()
    await play.connect()
    for number in range(256):
        play.say(f"push {number}")
    await play.until(lambda: play.session.acked == play.session.sent, "ack a full window", "7")
    await play.heard(*range(1, 257), section="10.2")


@scenario("16", "9")
async def content_too_long(play: Play) -> None:
    """A content above max_content_bytes is refused by the client, before it gets a seq."""
    play.limits = Limits(max_content_bytes=500)
    play.world.talk()
    await play.connect()
    error = await play.error(play.post("x" * 501), "a content that is too long", "16")
    play.require(error.code in (0, 606), f"it was refused as {error.code}", "16")
    play.require(play.count("post") == 0, "it went out nevertheless", "16")
    result = await play.done(play.post("fits"), "the next post", "16")
    play.require(result["position"] == 1, f"the next post is at {result['position']}", "16")


@scenario("16", "3", limits=Limits(max_content_bytes=3000))
async def exact_bounds(play: Play) -> None:
    """What is exactly as long as it may be is good: a content that is posted, a frame that comes."""
    talk = play.world.talk()
    line = await play.connect()
    beside = (
        len(encode_content({"type": "text", "text": ""})) + 2
    )  # a text of 256 bytes or more has two bytes more in front
    result = await play.done(play.post("x" * (3000 - beside)), "a content of max_content_bytes", "16")
    request = (
        play.asked[-1]
        if play.asked[-1].method == "post"
        else next(one for one in play.asked if one.method == "post")
    )
    play.require(len(request.params[2]) == 3000, f"the content has {len(request.params[2])} bytes", "11")
    play.require(result["position"] == 1, f"it is at {result['position']}", "16")
    for size in (play.limits.max_frame_bytes, play.limits.max_frame_bytes + 1):
        frame = _padded(play, size)
        line.patient = size > play.limits.max_frame_bytes
        line.write(frame)
        if size == play.limits.max_frame_bytes:
            play.session.sent += 1
            play.push(talk, play.world.say("behind a frame of max_frame_bytes", talk))
            await play.heard(1, 2, section="3")
    await play.closes(CloseCode.FRAME_TOO_LARGE, "3")


def _padded(play: Play, size: int) -> bytes:
    """A push of an unknown kind whose body has so many bytes."""
    seq, ack = play.session.sent + 1, play.session.received
    empty = frame_bytes(FrameType.PUSH, seq, ack, encode_tail("x-padding", b"x" * 65_000, limits=WIDE))
    missing = size - (len(empty) - LENGTH_BYTES)
    return frame_bytes(
        FrameType.PUSH, seq, ack, encode_tail("x-padding", b"x" * (65_000 + missing), limits=WIDE)
    )


@scenario("13")
async def ping(play: Play) -> None:
    """PING is answered at once by PONG with the newest nonce."""
    play.world.talk()
    line = await play.connect()
    for nonce in (7, -3, 2**53 - 1):
        begun = play.now()
        line.write_frame(FrameType.PING, 0, nonce)
        await _pong(play, nonce)
        play.require(play.now() - begun < 1.5, "PONG came late", "13")


@scenario("13", slow=True)
async def silence(play: Play) -> None:
    """After 25 s without a byte the client says PING, and 10 s after it gives the connection up and resumes."""
    play.world.talk()
    line = await play.connect()
    await play.until(lambda: play.session.acked == play.session.sent, "ack the reply to sync", "7")
    line.patient = True
    line.answers_ping = False
    await play.never(lambda: bool(line.of(FrameType.PING)), "sent PING too early", "13", during=23.5)
    await play.until(lambda: bool(line.of(FrameType.PING)), "send PING after 25 s", "13", within=4.0)
    await play.until(lambda: line.ended, "give a silent connection up", "13", within=12.5)
    if len(play.lines) == 1:
        await play.next_line("13")
    hello = play.line.hello
    assert hello is not None
    play.require(hello.resume is not None, "a silent connection cost the session", "14.1")


SCENARIOS: tuple[Scenario, ...] = (
    requests,
    one_request,
    request_bytes,
    ack_in_time,
    ack_by_count,
    acks_never_wait_for_the_application,
    content_too_long,
    exact_bounds,
    ping,
    silence,
)
