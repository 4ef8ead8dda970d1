"""State that is no message: the higher number is right, and what was missed is read (SPEC, section 18.9)."""

from __future__ import annotations

from typing import Any

from imserver.conformance.openings import shown, state_is, tell_state
from imserver.conformance.play import Play
from imserver.conformance.scenario import Scenario, scenario


def _marked(count: int) -> dict[str, Any]:
    return {"x-mark": [count, ["bob"]]}


@scenario("18.9", needs="states")
async def higher_is_right(play: Play) -> None:
    """A value replaces the one held if and only if its modseq is higher."""
    talk = await shown(play)
    first = play.world.mark(talk, 1, _marked(1))
    second = play.world.mark(talk, 1, _marked(2))
    tell_state(play, talk, first, [1, _marked(1), None])
    tell_state(play, talk, second, [1, _marked(2), None])
    tell_state(play, talk, first, [1, _marked(1), None])
    await state_is(play, talk, _marked(2), {})
    play.say("still alive")
    await play.heard(1, 2, section="10.2")
    await state_is(play, talk, _marked(2), {})


@scenario("18.9", needs="states")
async def mine(play: Play) -> None:
    """A push without `mine` leaves it; a map, also an empty one, replaces it."""
    talk = await shown(play)
    own = {"x-mark": [7]}
    tell_state(play, talk, play.world.mark(talk, 1, _marked(1), own), [1, _marked(1), own])
    await state_is(play, talk, _marked(1), own)
    tell_state(play, talk, play.world.mark(talk, 1, _marked(2)), [1, _marked(2), None])
    await state_is(play, talk, _marked(2), own)
    tell_state(play, talk, play.world.mark(talk, 1, {}, {}), [1, {}, {}])
    await state_is(play, talk, {}, {})


@scenario("18.9", needs="states")
async def gap(play: Play) -> None:
    """A push behind a gap, in a conversation that is shown: `changes` after what was seen."""
    talk = await shown(play)
    play.say("another")
    await play.heard(1, 2, section="10.2")
    play.world.mark(talk, 1, _marked(1))
    modseq = play.world.mark(talk, 2, _marked(2))
    tell_state(play, talk, modseq, [2, _marked(2), None])
    await play.until(lambda: play.count("changes") > 0, "ask changes behind a gap", "18.9")
    await state_is(play, talk, _marked(1), {})
    await state_is(play, talk, _marked(2), {}, position=2)
    asked = next(one.params for one in play.asked if one.method == "changes")
    play.require(asked[1] == 0, f"it asked behind {asked[1]}, having seen 0", "18.9")


@scenario("18.9", needs="states")
async def hint(play: Play) -> None:
    """A hint says that something changed: `changes` tells what."""
    talk = await shown(play)
    modseq = play.world.mark(talk, 1, _marked(3))
    tell_state(play, talk, modseq, None)
    await play.until(lambda: play.count("changes") > 0, "ask changes after a hint", "18.9")
    await state_is(play, talk, _marked(3), {})


@scenario("18.9", "10.5", needs="states")
async def lagging(play: Play) -> None:
    """What was dropped while the session was lagging is read."""
    talk = await shown(play)
    play.world.mark(talk, 1, _marked(4))
    play.session.push("lagging")
    await state_is(play, talk, _marked(4), {})


@scenario("18.9", needs="states")
async def counters(play: Play) -> None:
    """`settings`, `account` and `about` replace by their counters: the higher one is right, and gaps mean nothing."""
    talk = await shown(play)
    name = talk.conversation_id
    play.session.push("settings", name, 5, {"x-mute": True})
    play.session.push("settings", name, 4, {"x-mute": False})
    play.session.push("account", 9, {"x-theme": "dark"})
    play.session.push("account", 8, {"x-theme": "light"})
    play.session.push("about", name, 1, {"x-topic": "new"})
    await play.event("settings", "18.9", conversation=name, settings={"x-mute": True})
    await play.event("account", "18.9", account={"x-theme": "dark"})
    await play.event("about", "18.9", conversation=name, about={"x-topic": "new"})
    play.say("behind them")
    await play.heard(1, 2, section="10.2")
    settings = await play.do("settings", "18.9", conversation=name)
    account = await play.do("account", "18.9")
    play.require(settings == {"x-mute": True}, f"settings are {settings}", "18.9")
    play.require(account == {"x-theme": "dark"}, f"account is {account}", "18.9")


@scenario("18.9", "18.12", needs="states")
async def other_features(play: Play) -> None:
    """The next WELCOME names other features: everything is counted from 0, and sync is asked without since."""
    talk = await shown(play)
    tell_state(play, talk, play.world.mark(talk, 1, _marked(1)), [1, _marked(1), None])
    await state_is(play, talk, _marked(1), {})
    play.features = play.features[1:2]
    talk.messages[0].extra = {}
    play.session.over = True
    await play.come_back("13")
    await play.until(lambda: play.count("sync") > 1, "sync", "10.3")
    asked = [one.params[0] if one.params else None for one in play.asked if one.method == "sync"]
    play.require(asked[1] is None, f"it asked with {asked[1]!r}", "18.9")
    await state_is(play, talk, {}, {})
    await play.heard(1, section="18.9")


@scenario("18.9", needs="states")
async def unknown_item(play: Play) -> None:
    """A push of an item may come before that of its message."""
    talk = await shown(play)
    message = play.world.say("marked at once", talk)
    modseq = play.world.mark(talk, message.position, _marked(1))
    tell_state(play, talk, modseq, [message.position, _marked(1), None])
    play.push(talk, message)
    await play.heard(1, 2, section="10.2")
    await state_is(play, talk, _marked(1), {}, position=2)


SCENARIOS: tuple[Scenario, ...] = (
    higher_is_right,
    mine,
    gap,
    hint,
    lagging,
    counters,
    other_features,
    unknown_item,
)
