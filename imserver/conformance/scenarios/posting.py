"""Posts: exactly once, in order, under one key, with one answer for the application."""

from __future__ import annotations

import asyncio

from imserver.conformance.play import Play
from imserver.conformance.scenario import Scenario, scenario
from imserver_protocol.errors import RefusalCode


def _keys(play: Play) -> list[bytes]:
    return [one.params[1] for one in play.asked if one.method == "post"]


@scenario("9.1", "11", "10.2")
async def once(play: Play) -> None:
    """A post has a key of 16 bytes and one content; its answer is the message."""
    play.world.talk()
    await play.connect()
    for number in range(1, 4):
        result = await play.done(play.post(f"post {number}"), "a post", "9.1")
        play.require(
            result["position"] == number, f"position {result['position']} was told for {number}", "9.1"
        )
    keys = _keys(play)
    play.require(len(set(keys)) == 3, "two messages under one key", "9.1")
    await play.heard(1, 2, 3, section="10.2")
    play.require(play.texts() == ["post 1", "post 2", "post 3"], f"own messages read {play.texts()}", "10.2")


@scenario("9.2", "9.5")
async def in_order(play: Play) -> None:
    """Posts to one conversation go out in the order in which they were made."""
    play.world.talk()
    await play.connect()
    texts = [f"post {number}" for number in range(30)]
    posted = []
    for text in texts:
        posted.append(play.post(text))
        await asyncio.sleep(0.002)
    for task in posted:
        await play.done(task, "a post", "9.2")
    await play.until(lambda: len(play.texts()) == 30, "hand over its own messages", "10.2")
    play.require(play.texts() == texts, "posts changed their order", "9.2")


@scenario("9.2", "10.2")
async def duplicate(play: Play) -> None:
    """A duplicate reply says only that the position exists: the message is read, and handed over once."""
    talk = play.world.talk()
    await play.connect()
    play.say("one")
    play.hold("post")
    posted = play.post("mine")
    request = await play.take("post")
    play.world.answer("post", request.params)  # another connection had brought it
    play.world.say("three", talk)
    request.reply([2, play.world.now_ms, True])
    result = await play.done(posted, "the post", "9.1")
    play.require(result["position"] == 2, f"position {result['position']} was told", "9.1")
    await play.until(lambda: play.count("history") > 0, "read the message of a duplicate reply", "10.2")
    await play.heard(1, 2, 3, section="10.2")


@scenario("9.2", "10")
async def echo_first(play: Play) -> None:
    """The own key comes in a push before the answer: one message, one answer, one handing over."""
    talk = play.world.talk()
    await play.connect()
    play.hold("post")
    posted = play.post("mine")
    request = await play.take("post")
    _, key, content = request.params
    made = play.world.commit(talk, play.world.user, content, key)
    play.push(talk, made)
    await play.heard(1, section="10.2")
    request.reply([1, made.at_ms, True])
    result = await play.done(posted, "the post", "9.2")
    play.require(result["position"] == 1, f"position {result['position']} was told", "9.1")
    play.let_go("post")
    await play.done(play.post("next"), "the next post", "9.2")
    await play.heard(1, 2, section="10.2")


@scenario("9.2", "14.2")
async def final_refusal(play: Play) -> None:
    """A refusal of 600-699 is final: the application is told, and it is not offered again, in no session."""
    play.world.talk()
    await play.connect()
    for code in (RefusalCode.FORBIDDEN, 650):
        play.hold("post")
        posted = play.post(f"refused with {code}")
        (await play.take("post")).refuse(code, "no")
        error = await play.error(posted, "the post", "9.2")
        play.require(error.code == code, f"the application was told {error.code} for {int(code)}", "14.2")
        play.let_go("post")
    count = play.count("post")
    play.session.over = True
    await play.come_back("6.2")
    await play.done(play.post("goes through"), "a later post", "9.2")
    play.require(play.count("post") == count + 1, "a post that was refused for good was offered again", "9.2")


@scenario("6.2", "9.2")
async def fresh_session(play: Play) -> None:
    """In a fresh session the outbox is offered again: the same keys and bytes, in order, before later ones."""
    play.world.talk()
    await play.connect()
    play.hold("post")
    posted = [play.post(f"post {number}") for number in range(3)]
    await play.until(lambda: len(play.waiting("post")) == 3, "send three posts", "9.2")
    before = [request.params for request in play.waiting("post")]
    play.waiting("post").clear()
    play.world.answer("post", before[0])  # the server executed the first one, and its answer was lost
    play.session.over = True
    await play.come_back("6.2")
    posted.append(play.post("a later one"))
    await play.until(lambda: len(play.waiting("post")) == 4, "offer its outbox again", "6.2")
    again = [request.params for request in play.waiting("post")]
    play.require(again[:3] == before, "keys, contents or order changed in a fresh session", "9.2")
    play.let_go("post")
    for number, task in enumerate(posted, 1):
        result = await play.done(task, "a post", "9.2")
        play.require(result["position"] == number, "a later post overtook an earlier one", "9.2")
    await play.heard(1, 2, 3, 4, section="10.2")


@scenario("9.2", "10.4", kills=True)
async def outbox_on_disk(play: Play) -> None:
    """What was posted before a kill is offered after it, under its keys, before what is posted then."""
    play.world.talk()
    await play.connect()
    play.hold("post")
    play.post("first")
    play.post("second")
    await play.until(lambda: len(play.waiting("post")) == 2, "send two posts", "9.2")
    before = [request.params for request in play.waiting("post")]
    play.waiting("post").clear()
    await play.restart()
    later = play.post("third")
    await play.until(lambda: len(play.waiting("post")) == 3, "offer the outbox of before the kill", "9.2")
    again = [request.params for request in play.waiting("post")]
    play.require(again[:2] == before, "after a kill keys, contents or order changed", "9.2")
    play.let_go("post")
    result = await play.done(later, "a post behind them", "9.2")
    play.require(result["position"] == 3, f"the later post is at {result['position']}", "9.2")


@scenario("20", "9.5", needs="groups")
async def create(play: Play) -> None:
    """A group is made under a key; the id in the answer is the one that follows from it."""
    await play.connect()
    result = await play.do("create", "18.6", title="Team", members=["bob"])
    request = next(one for one in play.asked if one.method == "create")
    play.require(len(request.params[0]) == 16, "create has no key", "9.1")
    made = next(iter(play.world.talks))
    play.require(result["conversation"] == made, f"the application was told {result['conversation']!r}", "20")
    await play.done(play.post("hello", made), "a post to the new group", "9.5")


@scenario("9.6", "14.2", needs="groups")
async def create_again(play: Play) -> None:
    """A refusal of 700-799, and a lost session: the same request under the same key, not before retry_after_ms."""
    await play.connect()
    play.hold("create")
    made = play.later("create", title="Team", members=["bob"])
    first = await play.take("create")
    begun = play.now()
    first.refuse(RefusalCode.OVERLOADED, "busy", 500)
    second = await play.take("create", section="9.6")
    waited = play.now() - begun
    play.require(waited >= 0.49, f"asked again after {waited:.2f} s where 0.5 was said", "9.6")
    play.require(second.params == first.params, "the same thing is asked under another key", "9.6")
    play.session.over = True
    await play.come_back("9.6")
    third = await play.take("create", section="9.6")
    play.require(third.params == first.params, "in another session it has another key", "9.6")
    play.answer(third)
    await play.done(made, "create", "9.6")


@scenario("9.4", needs="abandon")
async def abandon(play: Play) -> None:
    """A refused post is given up by `abandon`; until its answer nothing is offered to that conversation."""
    play.world.talk()
    await play.connect()
    play.hold("post", "abandon")
    key = bytes(range(16)).hex()
    posted = play.post("given up", key=key)
    request = await play.take("post")
    request.refuse(
        RefusalCode.RATE_LIMITED, "slowly", 60_000
    )  # or it is offered again first, on a slow machine
    await play.acked()
    later = play.post("behind it")
    given_up = play.later("abandon", conversation=play.world.direct, key=key)
    asked = await play.take("abandon", section="9.4")
    play.require(asked.params[1].hex() == key, "another key was given up", "9.4")
    await play.never(lambda: bool(play.waiting("post")), "posted while an abandon was open", "9.4")
    asked.reply([None])
    result = await play.done(given_up, "abandon", "9.4")
    play.require(result["position"] is None, f"it was told to be at {result['position']}", "9.4")
    await play.error(posted, "a post that was given up", "9.4")
    play.session.over = True
    await play.come_back("6.2")
    (await play.take("post", section="9.4")).reply([1, play.world.now_ms, False])
    await play.done(later, "the post behind it", "9.4")
    play.require(len(_keys(play)) == 2, "what was given up was offered again", "9.4")


@scenario("17", needs="renew")
async def renew(play: Play) -> None:
    """A live session gets another token; the next HELLO has it."""
    play.world.talk()
    await play.connect()
    await play.do("renew", "17", token="LATER")
    line = await play.come_back("17")
    assert line.hello is not None
    play.require(line.hello.token == "LATER", f"HELLO has the token {line.hello.token!r}", "17")
    play.require(line.hello.resume is not None, "the session was not offered", "6.1")


SCENARIOS: tuple[Scenario, ...] = (
    once,
    in_order,
    duplicate,
    echo_first,
    final_refusal,
    fresh_session,
    outbox_on_disk,
    create,
    create_again,
    abandon,
    renew,
)
