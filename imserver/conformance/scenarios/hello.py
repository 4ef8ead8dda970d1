"""HELLO and WELCOME: what a client says first, and what it does not take for an answer."""

from __future__ import annotations

import asyncio
from typing import Any

from imserver.conformance.line import Line
from imserver.conformance.play import Play
from imserver.conformance.scenario import Scenario, scenario
from imserver.conformance.session import Session
from imserver_protocol.errors import CloseCode
from imserver_protocol.limits import Limits


@scenario("6", "5")
async def first(play: Play) -> None:
    """HELLO comes alone, within 4096 bytes, and everything else waits for WELCOME."""
    early: list[Line] = []

    def keep(line: Line) -> bool:
        early.append(line)
        return True

    play.on_hello_do = keep
    line = await play.connect(ready=False)
    await play.never(lambda: len(line.frames) > 1 or line.ended, "sent more before WELCOME", "6", during=0.5)
    hello = line.hello
    assert hello is not None
    low, high = hello.versions
    play.require(low <= 1 <= high, f"HELLO offers versions {low} to {high}", "6")
    play.require(
        hello.features == (), f"HELLO names features {hello.features}, of which there are none", "22"
    )
    play.require(hello.resume is None, "a client that was just started offers a session", "6.2")
    play.require(hello.device_id == play.device, f"HELLO names the device {hello.device_id!r}", "6")
    play.on_hello_do = None
    play.welcome(line)
    await play.until(lambda: play.count("sync") > 0, "sync in a fresh session", "10.3")


@scenario("3", "2")
async def welcome_byte_by_byte(play: Play) -> None:
    """WELCOME and what follows it come one byte at a time."""
    play.world.talk()

    def slowly(line: Line) -> bool:
        session = _session(play, line)
        data = line.welcome_bytes(session)
        line.attach(session)
        session.write = None
        play.world.commit(play.world.talk(), "bob", b"\x82\xa4type\xa4text\xa4text\xa2hi")

        async def write() -> None:
            await line.trickle(data)
            session.write = line.write

        play._task(write())
        return True

    play.on_hello_do = slowly
    line = await play.connect()
    message = play.world.say("one byte at a time")
    seq = play.session.sent + 1
    play.session.write = None
    play.session.push("message", *message.push(play.world.direct))
    kept = play.session.kept[-1]
    play.session.write = line.write
    await line.trickle(play.session.frame(kept.type, seq, kept.fields))
    await play.until(lambda: "one byte at a time" in play.texts(), "read a push cut into bytes", "3")


@scenario("3", "6")
async def welcome_and_more(play: Play) -> None:
    """Frames follow WELCOME in the same segment; the new limit holds from the byte behind it."""
    talk = play.world.talk()

    def together(line: Line) -> bool:
        session = _session(play, line)
        message = play.world.say("x" * 20_000, talk)
        session.write = None
        session.push("message", *message.push(talk.conversation_id))
        line.welcome(session, behind=session.unacked())
        return True

    play.on_hello_do = together
    await play.connect()
    await play.until(lambda: play.session.acked >= 1, "take over a frame in the segment of WELCOME", "3")


@scenario("6.3", "6.1")
async def lost_welcome(play: Play) -> None:
    """WELCOME is lost twice: the client presents the token that it has, and the same ack."""
    play.world.talk()
    await play.connect()
    play.say("before")
    await play.heard(1, section="10.2")
    await play.acked()  # or an answer to what it reports is lost with the line
    token, sent = play.session.tokens[-1], play.session.sent
    lost: list[Line] = []

    def lose(line: Line) -> bool:
        lost.append(line)
        play.session.tokens.append(b"a token that nobody sees")
        line.cut()
        return True

    play.on_hello_do = lose
    play.line.cut()
    await play.until(lambda: len(lost) == 2, "come back when WELCOME was lost", "6.3")
    play.on_hello_do = None
    line = await play.next_line("6.3")
    for one in (*lost, line):
        assert one.hello is not None
        offered = one.hello.resume
        play.require(offered is not None, "the session is not offered again when WELCOME was lost", "6.3")
        assert offered is not None
        play.require(offered[1] == token, "another token than the one of the last WELCOME that came", "6.3")
        play.require(one.hello.ack == sent, f"HELLO acks {one.hello.ack} where {sent} was received", "6.1")
    play.say("after")
    await play.heard(1, 2, section="6.1")


@scenario("6.2", "9.2", "10.3")
async def refused_resume(play: Play) -> None:
    """The session cannot be resumed: counters begin anew, the client syncs, and offers its outbox again."""
    play.world.talk()
    await play.connect()
    play.hold("post")
    posted = play.post("once")
    before = await play.take("post")
    syncs = play.count("sync")
    play.session.over = True
    line = await play.come_back("6.2")
    assert line.hello is not None
    again = await play.take("post", section="6.2")
    play.require(play.count("sync") > syncs, "a fresh session without a sync", "10.3")
    play.require(again.params == before.params, "a post is offered again with another key or content", "9.2")
    play.let_go("post")
    play.answer(again)
    result = await play.done(posted, "the post", "6.2")
    play.require(result["position"] == 1, f"the post is told to be at {result['position']}", "9.1")


@scenario("6.2", "6", "9.2", "10.7", kills=True)
async def killed(play: Play) -> None:
    """kill -9: the next process says HELLO without resume, as the same device, and offers the outbox again."""
    play.world.talk()
    await play.connect()
    play.say("read")
    await play.heard(1, section="10.2")
    await asyncio.sleep(0.3)  # for the store: a message is done when the next one is asked for
    play.hold("post")
    play.post("kept")
    before = await play.take("post")
    line = await play.restart(ready=False)
    hello = line.hello
    assert hello is not None
    play.require(hello.resume is None, "a session was kept on disk", "6.2")
    play.require(hello.device_id == play.device, f"another device id: {hello.device_id!r}", "6")
    again = await play.take("post", section="9.2")
    play.require(again.params == before.params, "after a kill a post has another key or content", "9.2")
    play.answer(again)
    play.let_go("post")
    play.say("after")
    await play.until(lambda: "after" in play.texts(), "hand over what came after a kill", "10.7")
    positions = play.positions()
    play.require(positions[0] == 1, "the first message was not handed over", "10.7")
    play.require(positions.count(3) == 1, f"handed over: {positions}", "10.7")


@scenario("13", "6", slow=True)
async def no_welcome(play: Play) -> None:
    """No WELCOME for 15 s: the client closes the socket and comes back."""
    play.on_hello_do = lambda line: True
    line = await play.connect(ready=False)
    await play.never(lambda: line.ended, "gave up before 14 s", "6", during=14.0)
    await play.until(lambda: line.ended, "give up", "6", within=4.0)
    play.on_hello_do = None
    if len(play.lines) == 1:
        await play.next_line("6")
    await play.until(lambda: play.count("sync") > 0, "sync at last", "6")


def _session(play: Play, line: Line) -> Session:
    """A fresh session that the scenario welcomes itself."""
    assert line.hello is not None
    made = Session(f"session-{len(play.sessions) + 1}", play.limits, line.hello.device_id)
    play.sessions.append(made)
    return made


def _wrong(name: str, about: str, code: CloseCode, section: str, **says: Any) -> Scenario:
    """A first WELCOME that is none: the client closes with this code."""

    async def script(play: Play) -> None:
        played: list[Line] = []

        def lie(line: Line) -> bool:
            if played:
                play.welcome(line)
                return True
            played.append(line)
            line.give_up()
            line.write(line.welcome_bytes(_session(play, line), **says))
            line.given_up = False
            return True

        play.on_hello_do = lie
        await play.connect(ready=False)
        line = play.lines[0]
        await play.until(lambda: line.goodbye is not None or line.ended, "close the connection", section)
        found = line.goodbye.code if line.goodbye is not None else None
        play.require(found == code, f"the client closed with {found} where {code.value} is right", section)

    return Scenario(f"hello/welcome-{name}", about, (section,), script)


_LIMITS = Limits().to_wire()
WRONG: tuple[Scenario, ...] = (
    _wrong("of-version-2", "A version that was not offered.", CloseCode.VERSION, "6", version=2),
    _wrong("without-user", "An empty user_id.", CloseCode.MALFORMED, "6", user_id=""),
    _wrong("without-session", "An empty session_id.", CloseCode.MALFORMED, "6", session_id=""),
    _wrong("without-token", "An empty resume_token.", CloseCode.MALFORMED, "6", resume_token=b""),
    _wrong("with-an-ack", "A fresh session that acks.", CloseCode.ACK_TOO_HIGH, "6", ack=1),
    _wrong(
        "of-no-offer", "A session is resumed that was not offered.", CloseCode.BAD_STATE, "6", resumed=True
    ),
    _wrong(
        "with-a-tiny-frame",
        "max_frame_bytes below 4096.",
        CloseCode.MALFORMED,
        "16",
        limits={**_LIMITS, "max_frame_bytes": 4095},
    ),
    _wrong(
        "with-no-requests",
        "max_requests of 0.",
        CloseCode.MALFORMED,
        "16",
        limits={**_LIMITS, "max_requests": 0},
    ),
    _wrong(
        "with-a-long-content",
        "max_content_bytes above max_frame_bytes.",
        CloseCode.MALFORMED,
        "16",
        limits={**_LIMITS, "max_frame_bytes": 8192, "max_content_bytes": 8193},
    ),
)


@scenario("16", "6")
async def welcome_with_few_limits(play: Play) -> None:
    """Limits that are missing stand for the defaults, unknown ones are ignored; the default content may exceed the frame."""
    play.limits = Limits(max_frame_bytes=4096, max_content_bytes=4096)
    play.world.talk()
    play.on_hello_do = lambda line: bool(
        play.welcome(line, limits={"max_frame_bytes": 4096, "x-later": "many"})
    )
    await play.connect()
    await play.done(play.post("short"), "a short post", "16")
    error = await play.error(play.post("x" * 4100), "a content longer than a frame", "16")
    play.require(error.code in (0, 606), f"it was refused as {error.code}", "16")
    await play.done(play.post("short again"), "a post behind it", "16")


SCENARIOS: tuple[Scenario, ...] = (
    first,
    welcome_byte_by_byte,
    welcome_and_more,
    lost_welcome,
    refused_resume,
    killed,
    no_welcome,
    welcome_with_few_limits,
    *WRONG,
)
