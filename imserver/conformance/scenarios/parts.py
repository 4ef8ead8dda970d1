"""Optional parts: edits, reactions, typing and blocks; and what a client does where a server lacks them (SPEC, 18.12)."""

from __future__ import annotations

from imserver.conformance.play import Play
from imserver.conformance.scenario import Scenario, scenario
from imserver.conformance.talks import Talk
from imserver_protocol.errors import RefusalCode
from imserver_protocol.wire.frames import FrameType


async def _posted(play: Play) -> Talk:
    """A client with one message of its own."""
    talk = play.world.talk()
    await play.connect()
    await play.done(play.post("mine"), "a post", "9.1")
    await play.heard(1, section="10.2")
    return talk


@scenario("18.7", "9.6", needs="edits")
async def edit(play: Play) -> None:
    """An edit has a key; a retryable refusal and a lost session: the same request, not before retry_after_ms."""
    talk = await _posted(play)
    play.hold("edit")
    content = {"type": "text", "text": "mended"}
    editing = play.later("edit", conversation=talk.conversation_id, position=1, content=content)
    first = await play.take("edit", section="18.7")
    play.require(len(first.params[1]) == 16, "an edit without a key", "9.1")
    at = play.now()
    first.refuse(RefusalCode.RATE_LIMITED, "slowly", 300)
    second = await play.take("edit", section="9.6")
    play.require(play.now() - at >= 0.29, "an edit was asked again too early", "9.6")
    play.require(second.params == first.params, "the same edit under another key", "9.6")
    play.session.over = True
    await play.come_back("9.6")
    third = await play.take("edit", section="9.6")
    play.require(third.params == first.params, "the same edit under another key in another session", "9.6")
    play.answer(third)
    result = await play.done(editing, "the edit", "18.7")
    play.require(result["revision"] == 2, f"it has revision {result['revision']}", "18.7")


@scenario("18.7", "10", needs="edits")
async def own_edit(play: Play) -> None:
    """The answer to an edit is no message: its system message is handed over once, however it comes."""
    talk = await _posted(play)
    content = {"type": "text", "text": "mended"}
    await play.do("edit", "18.7", conversation=talk.conversation_id, position=1, content=content)
    play.push(talk, talk.messages[-1])
    await play.heard(1, 2, section="10")


@scenario("9.6", "18.7", needs="edits")
async def one_edit_at_a_time(play: Play) -> None:
    """Two edits of one message: one under way at a time, in their order."""
    talk = await _posted(play)
    play.hold("edit")
    edits = [
        play.later(
            "edit", conversation=talk.conversation_id, position=1, content={"type": "text", "text": text}
        )
        for text in ("first", "second")
    ]
    request = await play.take("edit", section="18.7")
    await play.never(lambda: bool(play.waiting("edit")), "has two edits of one message under way", "9.6")
    play.answer(request)
    play.answer(await play.take("edit", section="18.7"))
    for task in edits:
        await play.done(task, "an edit", "18.7")


@scenario("9.7", "18.13", needs="reactions")
async def put_and_remove(play: Play) -> None:
    """A put that is asked again never comes behind a later remove: one at a time, until it has an answer."""
    talk = await _posted(play)
    play.hold("react")
    name = talk.conversation_id
    put = play.later("react", conversation=name, position=1, emoji="👍", on=True)
    remove = play.later("react", conversation=name, position=1, emoji="👍", on=False)
    first = await play.take("react", section="18.13")
    await play.never(lambda: bool(play.waiting("react")), "has a put and a remove under way", "9.7")
    first.refuse(RefusalCode.RATE_LIMITED, "slowly", 200)
    again = await play.take("react", section="9.7")
    play.require(again.params == first.params, f"it asks {again.params} where the put has no answer", "9.7")
    play.session.over = True
    await play.come_back("9.7")
    again = await play.take("react", section="9.7")
    play.require(again.params == first.params, "in the next session something else comes first", "9.7")
    play.answer(again)
    last = await play.take("react", section="9.7")
    play.require(last.params[3:4] == (False,), f"then it asks {last.params}", "9.7")
    play.answer(last)
    await play.done(put, "the put", "18.13")
    await play.done(remove, "the remove", "18.13")


@scenario("19", needs="typing")
async def typing(play: Play) -> None:
    """Typing is a signal, both ways: never numbered, never sent again."""
    talk = play.world.talk()
    line = await play.connect()
    play.later("typing", conversation=talk.conversation_id)
    await play.until(lambda: bool(line.of(FrameType.SIGNAL)), "send SIGNAL typing", "19")
    line.write_frame(FrameType.SIGNAL, 0, "typing", talk.conversation_id, "bob")
    await play.event("typing", "19", conversation=talk.conversation_id, user="bob")
    line = await play.come_back("13")
    await play.until(lambda: line.session is not None, "resume", "6.1")
    await play.never(lambda: bool(line.of(FrameType.SIGNAL)), "sent a signal again", "19.1", during=0.3)


@scenario("18.14", needs="blocks")
async def block(play: Play) -> None:
    """Block and unblock, in order, and what another device of the account did."""
    play.world.talk()
    await play.connect()
    await play.do("block", "18.14", user="bob", on=True)
    play.require(play.world.blocked == ["bob"], "nobody was blocked", "18.14")
    await play.do("block", "18.14", user="bob", on=False)
    play.require(play.world.blocked == [], "somebody is blocked still", "18.14")
    play.session.push("block_changed", "carol", True)
    await play.event("blocked", "18.14", user="carol", on=True)


@scenario("18.14", "14.2", needs="blocks")
async def refused_by_a_block(play: Play) -> None:
    """FORBIDDEN with a detail is final, and the application learns the detail's reason or the code."""
    play.world.talk()
    await play.connect()
    play.hold("post")
    posted = play.post("to somebody who blocks")
    (await play.take("post")).refuse(RefusalCode.FORBIDDEN, "no", 0, "peer")
    error = await play.error(posted, "the post", "18.14")
    play.require(error.code == RefusalCode.FORBIDDEN, f"it was told {error.code}", "14.2")


def _lacking(part: str, command: str, **arguments: object) -> Scenario:
    async def script(play: Play) -> None:
        play.features = tuple(one for one in play.features if one != part)
        await _posted(play)
        asked = len(play.asked)
        task = play.later(command, conversation=play.world.direct, **arguments)
        await play.until(task.done, f"say no to {command}", "18.12")
        await play.never(
            lambda: bool(play.line.of(FrameType.SIGNAL)), "sent it nevertheless", "18.12", during=0.2
        )
        later = {one.method for one in play.asked[asked:]} - {"cursor"}
        play.require(not later, f"it asked {', '.join(sorted(later))}", "18.12")

    return Scenario(
        f"parts/without-{part}",
        f"A server without {part}: the client asks nothing of it.",
        ("18.12",),
        script,
        frozenset({part}),
    )


SCENARIOS: tuple[Scenario, ...] = (
    edit,
    own_edit,
    one_edit_at_a_time,
    put_and_remove,
    typing,
    block,
    refused_by_a_block,
    _lacking("edits", "edit", position=1, content={"type": "text", "text": "mended"}),
    _lacking("reactions", "react", position=1, emoji="👍", on=True),
    _lacking("typing", "typing"),
)
