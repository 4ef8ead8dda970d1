"""GOODBYE: what the client does next, by its code (SPEC, section 14.1)."""

from __future__ import annotations

import asyncio
from itertools import pairwise

from imserver.conformance.line import Line
from imserver.conformance.play import Play
from imserver.conformance.scenario import Scenario, scenario
from imserver_protocol.errors import CloseCode

#: Of GOODBYE, where it has to be waited for.
RETRY_MS = 900
#: Codes that a session outlives.
_SURVIVED = frozenset(range(100, 104))
#: A client that may come back would have done so by then: the first attempt begins within 0.5 s.
SOON_S = 1.4


async def _end(play: Play, code: int, retry_ms: int = 0) -> float:
    """GOODBYE to a client that is connected and synced. Returns when it was said."""
    play.world.talk()
    await play.connect()
    await play.until(lambda: not play.session.kept, "ack the reply to sync", "7")
    line = play.line
    at = play.now()
    line.say_goodbye(code, "scripted", retry_ms)
    await play.until(lambda: line.ended, "close the socket after GOODBYE", "14.1", within=5.0)
    play.require(line.goodbye is None, "it answered GOODBYE", "14.1")
    return at


def _comes_back(code: int, about: str) -> Scenario:
    async def script(play: Play) -> None:
        at = await _end(play, code, RETRY_MS)
        await _next(play)
        waited = play.now() - at
        play.require(waited >= RETRY_MS / 1000 - 0.01, f"came back after {waited:.2f} s of 0.9", "13")
        hello = play.line.hello
        assert hello is not None
        await play.until(lambda: play.line.session is not None, "go on", "14.1")
        if code in _SURVIVED:
            play.require(hello.resume is not None, "the session is not offered", "14.1")
        else:
            await play.until(lambda: play.count("sync") > 1 or hello.resume is not None, "sync again", "10.3")
        play.say("goes on")
        await play.heard(1, section="14.1")

    return Scenario(
        f"closes/{code}",
        f"{about}: come back, not before retry_after_ms, and resume.",
        ("14.1", "13"),
        script,
    )


def _stops(code: int, about: str) -> Scenario:
    async def script(play: Play) -> None:
        await _end(play, code)
        await play.never(lambda: len(play.lines) > 1, f"came back after {code}", "14.1", during=SOON_S)
        await play.event("stopped", "14.1", code=code)

    return Scenario(f"closes/{code}", f"{about}: stop, and tell the application.", ("14.1",), script)


def _fresh(code: int, about: str) -> Scenario:
    async def script(play: Play) -> None:
        await _end(play, code)
        await _next(play)
        hello = play.line.hello
        assert hello is not None
        play.require(hello.resume is None, "an ended session is offered again", "14.1")
        await play.done(play.post("goes on"), "a post in a fresh session", "14.1")

    return Scenario(f"closes/{code}", f"{about}: come back without resume.", ("14.1",), script)


def _later(code: int, about: str) -> Scenario:
    async def script(play: Play) -> None:
        at = await _end(play, code, RETRY_MS)
        for one in play.sessions:
            one.over = True
        await _next(play)
        waited = play.now() - at
        play.require(waited >= RETRY_MS / 1000 - 0.01, f"came back after {waited:.2f} s of 0.9", "14.1")
        await play.done(play.post("goes on"), "a post in a fresh session", "14.1")

    return Scenario(
        f"closes/{code}", f"{about}: come back later, not before retry_after_ms.", ("14.1",), script
    )


def _new_token(code: int, about: str) -> Scenario:
    async def script(play: Play) -> None:
        play.tokens = ("TOKEN", "ANOTHER")
        await _end(play, code)
        for one in play.sessions:
            one.over = True
        await _next(play)
        hello = play.line.hello
        assert hello is not None
        play.require(hello.token == "ANOTHER", f"came back with {hello.token!r}", "14.1")

    about = f"{about}: come back only with another token."
    return Scenario(f"closes/{code}", about, ("14.1",), script, frozenset({"tokens"}))


async def _next(play: Play) -> None:
    if len(play.lines) == 1:
        await play.next_line("14.1")
    await play.until(lambda: play.line.hello is not None, "send HELLO", "6")


BY_CODE: tuple[Scenario, ...] = (
    *(
        _comes_back(code, about)
        for code, about in (
            (100, "DRAINING"),
            (101, "IDLE"),
            (102, "SLOW"),
            (103, "AUTH_TIMEOUT"),
            (150, "unknown"),
        )
    ),
    *(
        _stops(code, about)
        for code, about in ((200, "OK"), (201, "REPLACED"), (202, "VERSION"), (250, "unknown"))
    ),
    *(
        _fresh(code, about)
        for code, about in (
            (210, "MALFORMED"),
            (211, "FRAME_TOO_LARGE"),
            (212, "BAD_STATE"),
            (213, "SEQ_ORDER"),
            (214, "ACK_TOO_HIGH"),
            (215, "WINDOW_EXCEEDED"),
        )
    ),
    *(
        _new_token(code, about)
        for code, about in ((300, "AUTH_FAILED"), (301, "AUTH_EXPIRED"), (302, "REVOKED"), (350, "unknown"))
    ),
    *(
        _later(code, about)
        for code, about in (
            (400, "TOO_MANY"),
            (401, "OVERLOADED"),
            (450, "unknown"),
            (500, "INTERNAL"),
            (501, "STORE_FAILED"),
            (950, "unknown"),
        )
    ),
)


@scenario("14.1", "6.2")
async def no_goodbye(play: Play) -> None:
    """A socket that ends without GOODBYE: come back within 0.5 s, and resume."""
    play.world.talk()
    line = await play.connect()
    line.give_up()
    line._wire.close()
    at = play.now()
    await play.next_line("14.1", within=4.0)
    play.require(play.now() - at < 2.0, f"came back after {play.now() - at:.1f} s", "13")
    hello = play.line.hello
    assert hello is not None
    play.require(hello.resume is not None, "the session is not offered", "14.1")


@scenario("14.1", "13")
async def the_only_token(play: Play) -> None:
    """300 with no other token: stop, and tell the application."""
    await _end(play, CloseCode.AUTH_FAILED)
    await play.never(
        lambda: any(line.hello and line.hello.token == "TOKEN" for line in play.lines[1:]),
        "came back with a token that was refused",
        "14.1",
        during=SOON_S,
    )


def _before_welcome(code: int, about: str, *, offers: bool | None) -> Scenario:
    """GOODBYE before WELCOME to a client that offers a session."""

    async def script(play: Play) -> None:
        play.tokens = ("TOKEN", "ANOTHER")
        play.world.talk()
        await play.connect()
        refused: list[Line] = []

        def refuse(line: Line) -> bool:
            if refused:
                return False
            refused.append(line)
            line.say_goodbye(code)
            return True

        play.on_hello_do = refuse
        play.line.cut()
        await play.until(lambda: bool(refused), "come back", "13")
        if offers is None:
            await play.never(lambda: len(play.lines) > 2, f"came back after {code}", "6.2", during=SOON_S)
            return
        await play.until(lambda: len(play.lines) > 2 and play.line.hello is not None, "come back", "6.2")
        hello = play.line.hello
        assert hello is not None
        what = "offered" if offers else "not offered"
        play.require((hello.resume is not None) is offers, f"the session has to be {what} again", "6.2")

    name = f"closes/{code}-before-welcome"
    needs = frozenset({"tokens"}) if code // 100 == 3 else frozenset()
    return Scenario(name, f"{about} before WELCOME.", ("6.2", "14.1"), script, needs)


BEFORE: tuple[Scenario, ...] = (
    _before_welcome(100, "DRAINING", offers=True),
    _before_welcome(401, "OVERLOADED", offers=True),
    _before_welcome(500, "INTERNAL", offers=True),
    _before_welcome(300, "AUTH_FAILED", offers=True),
    _before_welcome(201, "REPLACED", offers=None),
    _before_welcome(202, "VERSION", offers=None),
    _before_welcome(210, "MALFORMED", offers=False),
)


@scenario("14.1")
async def posts_that_close(play: Play) -> None:
    """A post that closes the connection twice while it is the only one under way is given up as failed."""
    play.world.talk()
    await play.connect()
    play.hold("post")
    poison = play.post("poison")
    while not poison.done():
        await play.until(lambda: bool(play.waiting("post")) or poison.done(), "offer the post", "14.1")
        if poison.done():
            break
        play.waiting("post").clear()
        # The first close may be counted or not: it came before the outbox was offered one by one.
        play.require(play.count("post") <= 3, "offered a fourth time", "14.1")
        play.line.say_goodbye(CloseCode.MALFORMED)
        await asyncio.sleep(0)
    await play.error(poison, "a post that closed the connection twice", "14.1")
    play.require(play.count("post") >= 2, "given up after one close", "14.1")
    play.let_go("post")
    await play.done(play.post("harmless"), "a later post", "14.1")


@scenario("14.1")
async def one_at_a_time(play: Play) -> None:
    """After a close with 210-215 the outbox is offered one entry at a time."""
    play.world.talk()
    await play.connect()
    play.hold("post")
    posted = [play.post(f"post {number}") for number in range(4)]
    await play.until(lambda: len(play.waiting("post")) == 4, "send four posts", "9.2")
    play.waiting("post").clear()
    play.line.say_goodbye(CloseCode.BAD_STATE)
    for _ in posted:
        request = await play.take("post", section="14.1")
        await play.never(
            lambda: bool(play.waiting("post")), "offered more than one at a time", "14.1", during=0.1
        )
        play.answer(request)
    for number, task in enumerate(posted, 1):
        result = await play.done(task, "a post", "14.1")
        play.require(result["position"] == number, "posts changed their order", "9.2")


@scenario("14.1", "13.1", slow=True)
async def five_in_a_row(play: Play) -> None:
    """After the fifth close with 210-215 in a row the client stops."""
    play.world.talk()
    await play.connect()
    for number in range(5):
        count = len(play.lines)
        play.line.say_goodbye(CloseCode.SEQ_ORDER)
        if number < 4:
            await play.until(
                lambda count=count: len(play.lines) > count and play.line.session is not None,  # type: ignore[misc]
                "come back",
                "14.1",
                within=18.0,
            )
    await play.event("stopped", "14.1", code=213)


@scenario("14.1", "2.1")
async def orderly(play: Play) -> None:
    """The application leaves: GOODBYE OK is the last frame, behind everything that waited."""
    play.world.talk()
    line = await play.connect()
    posted = play.post("the last word")
    closing = play.later("close")
    await play.until(lambda: line.goodbye is not None or line.ended, "say GOODBYE", "2.1")
    play.require(line.goodbye is not None, "it closed the socket without GOODBYE", "2.1")
    assert line.goodbye is not None
    play.require(line.goodbye.code == CloseCode.OK, f"it said {line.goodbye.code}", "14.1")
    await play.until(lambda: line.ended, "close the socket behind GOODBYE", "14.1")
    await play.done(closing, "closing", "14.1")
    await play.done(posted, "the post before it", "14.1")
    await play.never(lambda: len(play.lines) > 1, "came back after it had left", "14.1")


@scenario("13", "13.1")
async def jitter(play: Play) -> None:
    """Three refused connections: the client waits longer and longer, and never as long as it must not."""
    play.world.talk()
    await play.connect()
    times = [play.now()]

    def refuse(line: Line) -> bool:
        times.append(play.now())
        if len(times) > 4:
            return False
        line.cut()
        return True

    play.on_hello_do = refuse
    play.line.cut()
    await play.until(lambda: len(times) > 4, "come back four times", "13", within=10.0)
    waits = [later - earlier for earlier, later in pairwise(times)]
    bounds = (0.5, 1.0, 2.0, 4.0)
    late = [f"{wait:.1f} of {bound}" for wait, bound in zip(waits, bounds, strict=True) if wait > bound + 1.0]
    play.require(not late, f"waited {', '.join(late)} s", "13")


SCENARIOS: tuple[Scenario, ...] = (
    *BY_CODE,
    *BEFORE,
    no_goodbye,
    the_only_token,
    posts_that_close,
    one_at_a_time,
    five_in_a_row,
    orderly,
    jitter,
)
