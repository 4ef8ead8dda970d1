"""reactions: emoji are put and removed, one act at a time; what comes of it is state (SPEC, sections 9.7, 18.9, 18.13)."""

from __future__ import annotations

from typing import Any

from imserver.conformance.openings import posted, shown, state_is, tell_state
from imserver.conformance.play import Play
from imserver.conformance.scenario import Scenario, scenario
from imserver.conformance.world import World
from imserver_protocol.errors import RefusalCode

from . import without


def react(world: World, place: str, position: int, emoji: str, on: bool = True, *_: Any) -> Any:
    talk = world.of(place)
    target = talk.messages[position - 1]
    mine = [one for one in target.mine.get("reactions", []) if one != emoji] + [emoji] * on
    all_of_it = [[one, 1, [world.user]] for one in mine]
    extra = {"reactions": [all_of_it, len(all_of_it)]} if all_of_it else {}
    world.mark(talk, position, extra, {"reactions": mine} if mine else {})
    return [talk.modseq, target.extra, target.mine]


def reacted_by(world: World, place: str, position: int, *_: Any) -> Any:
    world.of(place)
    return [[], None]


@scenario("9.7", "18.13", needs="reactions")
async def put_and_remove(play: Play) -> None:
    """A put that is asked again never comes behind a later remove: one at a time, until it has an answer."""
    talk = await posted(play)
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


@scenario("18.9", needs="reactions states")
async def own_put(play: Play) -> None:
    """The result of a method that changes state is taken, and the push of the same change before or behind it is nothing."""
    talk = await shown(play)
    play.hold("react")
    put = play.later("react", conversation=talk.conversation_id, position=1, emoji="👍", on=True)
    request = await play.take("react", section="18.13")
    result = play.world.answer("react", request.params)
    tell_state(play, talk, result[0], [1, result[1], result[2]])
    request.reply(result)
    await play.done(put, "a reaction", "18.13")
    await state_is(play, talk, talk.messages[0].extra, {"reactions": ["👍"]})


ANSWERS = {"react": react, "reacted_by": reacted_by}
SCENARIOS: tuple[Scenario, ...] = (
    put_and_remove,
    own_put,
    without("reactions", "react", position=1, emoji="👍", on=True),
)
