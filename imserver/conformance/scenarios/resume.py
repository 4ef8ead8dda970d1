"""Cuts, and sessions that go on behind them."""

from __future__ import annotations

import asyncio

from imserver.conformance.play import Play
from imserver.conformance.scenario import Scenario, scenario
from imserver_protocol.errors import CloseCode
from imserver_protocol.limits import Limits


@scenario("6.1", "7")
async def acks_what_came(play: Play) -> None:
    """HELLO acks the last payload frame that was received, though no ack of it went out before the cut."""
    play.world.talk()
    line = await play.connect()
    play.hold("cursor")  # an answer to what it reports would be lost with the line
    for text in ("one", "two", "three"):
        play.say(text)
    await play.heard(1, 2, 3, section="10.2")
    sent = play.session.sent
    line = await play.come_back("6.1")
    assert line.hello is not None
    play.require(line.hello.resume is not None, "the session is not offered", "6.1")
    play.require(line.hello.ack == sent, f"HELLO acks {line.hello.ack} where {sent} was received", "6.1")
    play.let_go("cursor")
    play.say("four")
    await play.heard(1, 2, 3, 4, section="6.1")


@scenario("6.1", "9.2")
async def sends_again(play: Play) -> None:
    """Requests that the cut swallowed come again: the same seq, the same fields, in order, and once."""
    play.world.talk()
    await play.connect()
    play.hold("post")
    posted = [play.post(f"post {number}") for number in range(4)]
    await play.until(lambda: len(play.waiting("post")) == 4, "send four posts", "9.2")
    count = play.session.received - play.session.told
    lost = [request.params for request in play.waiting("post")][-count:]
    play.waiting("post").clear()
    play.session.forget(count)
    play.require(count == 4, "the judge acked too early", "6.1")
    await play.come_back("6.1")
    await play.until(lambda: len(play.waiting("post")) >= count, "send what was lost again", "6.1")
    again = [request.params for request in play.waiting("post")]
    play.require(again == lost, "what is sent again differs, or stands in another order", "6.1")
    play.let_go("post")
    for number, task in enumerate(posted, 1):
        result = await play.done(task, "a post", "6.1")
        play.require(result["position"] == number, "posts changed their order", "9.2")
    play.require(play.count("post") == 8, f"{play.count('post')} posts where 4 were sent twice", "6.1")


@scenario("6.1")
async def sends_nothing_again(play: Play) -> None:
    """What the server has received is not sent again."""
    play.world.talk()
    await play.connect()
    play.hold("post")
    posted = play.post("once")
    request = await play.take("post")
    await play.come_back("6.1")
    await play.never(lambda: bool(play.waiting("post")), "sent a request again that was received", "6.1")
    play.let_go("post")
    play.answer(request)
    await play.done(posted, "the post", "6.1")


@scenario("6.1", "3", limits=Limits(max_frame_bytes=2**20, max_content_bytes=300_000))
async def large_frame(play: Play) -> None:
    """A frame of 200 KB is sent again in the segment of WELCOME."""
    talk = play.world.talk()
    line = await play.connect()
    play.session.write = None
    message = play.say("x" * 200_000)
    line.cut()
    await play.next_line("6.1")
    await play.until(lambda: play.positions() == [message.position], "take a large frame behind WELCOME", "3")
    play.require(play.texts() == ["x" * 200_000], "its content was not read whole", "11")
    play.say("small", talk)
    await play.heard(1, 2, section="6.1")


@scenario("3", "16", "8")
async def smaller_limits(play: Play) -> None:
    """The WELCOME that resumes has smaller limits: they hold, whatever the session began with."""
    play.world.talk()
    await play.connect()
    play.limits = Limits(max_frame_bytes=4096, max_content_bytes=1000, max_requests=2, max_request_bytes=4096)
    await play.come_back("6.1")
    await play.until(lambda: play.line.session is not None, "resume", "6.1")
    play.hold("post")
    posted = [play.post(f"post {number}") for number in range(5)]
    await play.until(lambda: bool(play.waiting("post")), "post", "8")
    await asyncio.sleep(0.4)  # more than the window would be a breach by itself
    play.let_go("post")
    for task in posted:
        await play.done(task, "a post", "8")
    error = await play.error(play.post("x" * 1500), "a content above the new limit", "16")
    play.require(error.code in (0, 606), f"it was refused as {error.code}", "16")
    play.line.write((4097).to_bytes(4, "big"))
    await play.closes(CloseCode.FRAME_TOO_LARGE, "3")


@scenario("6.1", "7")
async def resent_pushes(play: Play) -> None:
    """The server sends again what it has no ack of, and goes on: everything is handed over once."""
    play.world.talk()
    await play.connect()
    play.say("one")
    await play.heard(1, section="10.2")
    play.line.cut()
    for text in ("two", "three"):
        play.say(text)
    await play.next_line("6.1")
    play.say("four")
    await play.heard(1, 2, 3, 4, section="6.1")


@scenario("6.1", "3")
async def half_a_frame(play: Play) -> None:
    """A frame that is not complete when the connection ends counts as not received."""
    play.world.talk()
    line = await play.connect()
    received = play.session.sent
    play.session.write = None
    play.say("cut in two")
    kept = play.session.kept[-1]
    data = play.session.frame(kept.type, kept.seq, kept.fields)
    line.write(data[: len(data) // 2])
    await asyncio.sleep(0.05)
    line = await play.come_back("3")
    assert line.hello is not None
    play.require(line.hello.ack == received, f"HELLO acks {line.hello.ack}; half a frame is none", "3")
    await play.heard(1, section="6.1")


@scenario("6.1", "8", limits=Limits(max_requests=4))
async def window_across_a_cut(play: Play) -> None:
    """Requests in flight stay in flight across a cut: the window holds the same frames as before."""
    play.world.talk()
    await play.connect()
    await play.until(lambda: not play.session.open, "ack the reply to sync", "7")
    play.hold("post")
    posted = [play.post(f"post {number}") for number in range(6)]
    await play.until(lambda: bool(play.waiting("post")), "post", "8")
    await asyncio.sleep(0.2)
    await play.come_back("6.1")
    await asyncio.sleep(0.4)  # a fifth request would be a breach by itself
    play.let_go("post")
    for task in posted:
        await play.done(task, "a post", "8")


@scenario("6.1", "13")
async def three_cuts(play: Play) -> None:
    """Three cuts in a row while posts and pushes are under way: nothing is lost, nothing comes twice."""
    play.world.talk()
    await play.connect()
    posted = []
    for number in range(3):
        posted.append(play.post(f"mine {number}"))
        play.say(f"theirs {number}")
        await play.come_back("13")
    for task in posted:
        await play.done(task, "a post", "6.1")
    await play.until(lambda: len(play.texts()) >= 6, f"hand over six messages; {play.texts()}", "6.1")
    play.require(sorted(play.positions()) == [1, 2, 3, 4, 5, 6], f"handed over: {play.positions()}", "6.1")
    play.require(play.positions() == sorted(play.positions()), "handed over out of order", "10.2")


def _ack(name: str, about: str, offset: int) -> Scenario:
    async def script(play: Play) -> None:
        play.world.talk()
        await play.connect()
        await play.done(play.post("acked"), "a post", "9.1")
        right = play.session.received
        line = play.line
        session = play.session

        def lie(line: object) -> bool:
            play.line.welcome(session, resumed=True, ack=right + offset)
            return True

        play.on_hello_do = lie
        line.cut()
        line = await play.next_line("6.1")
        play.on_hello_do = None
        await play.closes(CloseCode.ACK_TOO_HIGH, "6.1")
        again = await play.next_line("14.1")
        assert again.hello is not None
        play.require(again.hello.resume is None, "a session that the client ended is offered again", "14.1")

    return Scenario(f"resume/welcome-acks-too-{name}", about, ("6.1", "14.1"), script)


ack_too_low = _ack(
    "little", "WELCOME acks less than was acked before: ACK_TOO_HIGH, and a fresh session.", -1
)
ack_too_high = _ack("much", "WELCOME acks what was never sent: ACK_TOO_HIGH, and a fresh session.", 1)


@scenario("6", "6.2")
async def another_session(play: Play) -> None:
    """WELCOME resumes another session than the one that was offered: BAD_STATE."""
    play.world.talk()
    await play.connect()
    session = play.session

    def lie(line: object) -> bool:
        play.line.welcome(session, resumed=True, session_id="somebody-else")
        return True

    play.on_hello_do = lie
    play.line.cut()
    await play.next_line("6.1")
    play.on_hello_do = None
    await play.closes(CloseCode.BAD_STATE, "6")


SCENARIOS: tuple[Scenario, ...] = (
    acks_what_came,
    sends_again,
    sends_nothing_again,
    large_frame,
    smaller_limits,
    resent_pushes,
    half_a_frame,
    window_across_a_cut,
    three_cuts,
    ack_too_low,
    ack_too_high,
    another_session,
)
