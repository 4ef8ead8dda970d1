"""edits: new content for one's own message, with a key; told of by a system message (SPEC, sections 11.2 and 18.7)."""

from __future__ import annotations

from typing import Any

from imserver.conformance.openings import posted
from imserver.conformance.play import Play
from imserver.conformance.scenario import Scenario, scenario
from imserver.conformance.talks import system_content, text_content
from imserver.conformance.world import Refuse, World
from imserver_protocol.errors import RefusalCode

from . import without


def replace(
    world: World, place: str, key: bytes, position: int, revision: int | None, content: bytes, *_: Any
) -> Any:
    talk = world.of(place)
    target = talk.messages[position - 1]
    known = world.position_of(place, key)
    if known is not None:
        return [known, target.revision, True]
    if target.content is None:
        raise Refuse(RefusalCode.GONE)
    if revision is not None and revision != target.revision:
        raise Refuse(RefusalCode.CONFLICT, target.revision)
    target.content, target.revision = content, target.revision + 1
    told = world.act(talk, key, "edited", target=position, revision=target.revision)
    return [told, target.revision, False]


@scenario("18.7", "9.6", needs="edits")
async def edit(play: Play) -> None:
    """An edit has a key; a retryable refusal and a lost session: the same request, not before retry_after_ms."""
    talk = await posted(play)
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
    talk = await posted(play)
    content = {"type": "text", "text": "mended"}
    await play.do("edit", "18.7", conversation=talk.conversation_id, position=1, content=content)
    play.push(talk, talk.messages[-1])
    await play.heard(1, 2, section="10")


@scenario("9.6", "18.7", needs="edits")
async def one_edit_at_a_time(play: Play) -> None:
    """Two edits of one message: one under way at a time, in their order."""
    talk = await posted(play)
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


@scenario("11.2", needs="edits")
async def edited(play: Play) -> None:
    """On `edited` the target is read again, and the application gets its present content."""
    talk = play.world.talk()
    await play.connect()
    target = play.say("before")
    await play.heard(1, section="10.2")
    target.content, target.revision = text_content("after"), 2
    content = system_content("edited", target=1, revision=2)
    play.push(talk, play.world.commit(talk, "bob", content))
    told = await play.event("edited", "11.2", conversation=talk.conversation_id, position=1, revision=2)
    play.require(told["content"]["text"] == "after", f"the content is {told['content']}", "11.2")


ANSWERS = {"edit": replace}
SCENARIOS: tuple[Scenario, ...] = (
    edit,
    own_edit,
    one_edit_at_a_time,
    edited,
    without("edits", "edit", position=1, content={"type": "text", "text": "mended"}),
)
