"""Posts that are refused for now: a conversation is held, and everything keeps its order (SPEC, section 9.3)."""

from __future__ import annotations

import asyncio
from typing import Any

from imserver.conformance.play import Play
from imserver.conformance.scenario import Scenario, scenario
from imserver.conformance.session import Request
from imserver_protocol.errors import RefusalCode

RETRY_MS = 600


async def _burst(
    play: Play, count: int, code: int, retry_ms: int = RETRY_MS
) -> tuple[list[Any], list[Request], float]:
    """Posts, of which the first is refused so and the others are HELD. Returns their tasks, the requests, and when."""
    play.world.talk()
    await play.connect()
    play.hold("post")
    posted = [play.post(f"post {number}") for number in range(count)]
    await play.until(lambda: len(play.waiting("post")) == count, f"send {count} posts", "9.2")
    requests = list(play.waiting("post"))
    play.waiting("post").clear()
    at = play.now()
    requests[0].refuse(code, "for now", retry_ms)
    for request in requests[1:]:
        request.refuse(RefusalCode.HELD)
    return posted, requests, at


@scenario("9.3", "13.1")
async def burst(play: Play) -> None:
    """Refused posts again, oldest first: one, then twice as many; not before retry_after_ms, and before new ones."""
    posted, before, at = await _burst(play, 7, RefusalCode.RATE_LIMITED)
    await play.acked()
    posted.append(play.post("a new one"))
    wanted = [request.params for request in before]
    seen: list[Any] = []
    while len(seen) < len(posted):
        most = 2 ** len(seen)  # one, and twice as many behind each success
        await play.until(lambda: bool(play.waiting("post")), "offer refused posts again", "9.3")
        if not seen:
            waited = play.now() - at
            play.require(waited >= RETRY_MS / 1000 - 0.01, f"offered after {waited:.2f} s of 0.6", "9.3")
        await asyncio.sleep(0.15)
        batch = list(play.waiting("post"))
        play.waiting("post").clear()
        play.require(len(batch) <= most, f"{len(batch)} were offered at once where {most} may be", "9.3")
        seen += [request.params for request in batch]
        for request in batch:
            play.answer(request)
    play.let_go("post")
    for task in posted:
        await play.done(task, "a post", "9.3")
    play.require(seen[:7] == wanted, "refused posts changed key, content or order", "9.3")
    texts = [f"post {number}" for number in range(7)] + ["a new one"]
    await play.until(lambda: len(play.texts()) == 8, "hand over its posts", "9.3")
    play.require(play.texts() == texts, f"order: {play.texts()}", "9.3")


@scenario("9.3")
async def elsewhere(play: Play) -> None:
    """A hold is of one conversation: posts to another one go on."""
    play.world.talk()
    play.world.talk("group/other")
    await play.connect()
    play.hold("post")
    held = play.post("held")
    (await play.take("post")).refuse(RefusalCode.RATE_LIMITED, "slowly", 60_000)
    play.let_go("post")
    await play.done(play.post("free", "group/other"), "a post to another conversation", "9.3", within=3.0)
    play.require(not held.done(), "a post that was refused for now was told as over", "9.2")


@scenario("9.3", "14.2")
async def unanswered(play: Play) -> None:
    """Nothing is offered to a held conversation while a post of it has no answer."""
    play.world.talk()
    await play.connect()
    play.hold("post")
    posted = [play.post(f"post {number}") for number in range(3)]
    await play.until(lambda: len(play.waiting("post")) == 3, "send three posts", "9.2")
    first, second, third = play.waiting("post")
    play.waiting("post").clear()
    first.refuse(RefusalCode.RATE_LIMITED, "slowly", 1)
    second.refuse(RefusalCode.HELD)
    await play.acked()
    posted.append(play.post("a new one"))
    await play.never(
        lambda: bool(play.waiting("post")),
        "offered a post while another one has no answer",
        "9.3",
        during=1.2,
    )
    third.refuse(RefusalCode.HELD)
    await play.until(lambda: bool(play.waiting("post")), "offer them again", "9.3")
    play.let_go("post")
    for task in posted:
        await play.done(task, "a post", "9.3")


@scenario("9.3", "6.2")
async def end_with_the_session(play: Play) -> None:
    """A fresh session has no holds: the outbox is offered at once, whatever retry_after_ms said."""
    posted, before, _ = await _burst(play, 3, RefusalCode.RATE_LIMITED, 60_000)
    await asyncio.sleep(0.1)
    play.session.over = True
    await play.come_back("6.2")
    request = await play.take("post", section="9.3")
    play.require(request.params == before[0].params, "not the oldest one first", "9.3")
    play.answer(request)
    play.let_go("post")
    for number, task in enumerate(posted, 1):
        result = await play.done(task, "a post", "9.3")
        play.require(result["position"] == number, "posts changed their order", "9.3")


@scenario("9.3", "6.1")
async def across_a_cut(play: Play) -> None:
    """A resumed session has its holds still: refused posts wait their time."""
    posted, before, at = await _burst(play, 2, RefusalCode.RATE_LIMITED, 1500)
    await play.come_back("6.1")
    request = await play.take("post", section="9.3")
    waited = play.now() - at
    play.require(waited >= 1.49, f"offered after {waited:.2f} s of 1.5", "9.3")
    play.require(request.params == before[0].params, "not the oldest one first", "9.3")
    play.answer(request)
    play.let_go("post")
    for task in posted:
        await play.done(task, "a post", "9.3")


def _retryable(code: int, name: str) -> Scenario:
    async def script(play: Play) -> None:
        play.world.talk()
        await play.connect()
        play.hold("post")
        posted = play.post("again")
        first = await play.take("post")
        at = play.now()
        first.refuse(code, "for now", 300)
        again = await play.take("post", section="14.2")
        waited = play.now() - at
        play.require(waited >= 0.29, f"offered after {waited:.2f} s of 0.3", "14.2")
        play.require(again.params == first.params, "offered again with another key or content", "14.2")
        play.require(not posted.done(), "the application was told that it is over", "14.2")
        play.answer(again)
        await play.done(posted, "the post", "14.2")

    return Scenario(
        f"holds/{name}",
        f"{code}: undecided. The same key again, not before retry_after_ms.",
        ("14.2", "9.2"),
        script,
    )


SCENARIOS: tuple[Scenario, ...] = (
    burst,
    elsewhere,
    unanswered,
    end_with_the_session,
    across_a_cut,
    _retryable(RefusalCode.STORE_FULL, "disk-full"),
    _retryable(RefusalCode.OVERLOADED, "overloaded"),
    _retryable(RefusalCode.INTERNAL, "internal"),
    _retryable(RefusalCode.OUTCOME_UNKNOWN, "outcome-unknown"),
    _retryable(750, "unknown-code"),
)
