"""State that is no message: the higher number is right, and what was missed is read (SPEC, section 18.9)."""

from __future__ import annotations

import asyncio
from typing import Any

from imserver.conformance.play import Play
from imserver.conformance.scenario import Scenario, scenario
from imserver.conformance.talks import Talk


def _thumbs(count: int) -> dict[str, Any]:
    return {"reactions": [[["👍", count, ["bob"]]], 1]}


async def _shown(play: Play) -> Talk:
    """A client that holds one message and shows its conversation."""
    talk = play.world.talk()
    await play.connect()
    play.say("marked")
    await play.heard(1, section="10.2")
    await play.do("show", "18.9", conversation=talk.conversation_id)
    return talk


async def _is(play: Play, talk: Talk, extra: dict[str, Any], mine: dict[str, Any], position: int = 1) -> None:
    """The application is told this state in the end."""
    found: Any = None
    for _ in range(40):
        found = await play.do("item", "18.9", conversation=talk.conversation_id, position=position)
        if found == {"extra": extra, "mine": mine}:
            return
        await asyncio.sleep(0.05)
    play.require(False, f"the state of message {position} is {found} where {extra}, {mine} is right", "18.9")


def _tell(play: Play, talk: Talk, modseq: int, *items: list[Any] | None) -> None:
    given = None if items == (None,) else list(items)
    play.session.push("item", talk.conversation_id, modseq, given)


@scenario("18.9", needs="states")
async def higher_is_right(play: Play) -> None:
    """A value replaces the one held if and only if its modseq is higher."""
    talk = await _shown(play)
    first = play.world.mark(talk, 1, _thumbs(1))
    second = play.world.mark(talk, 1, _thumbs(2))
    _tell(play, talk, first, [1, _thumbs(1), None])
    _tell(play, talk, second, [1, _thumbs(2), None])
    _tell(play, talk, first, [1, _thumbs(1), None])
    await _is(play, talk, _thumbs(2), {})
    play.say("still alive")
    await play.heard(1, 2, section="10.2")
    await _is(play, talk, _thumbs(2), {})


@scenario("18.9", needs="states")
async def mine(play: Play) -> None:
    """A push without `mine` leaves it; a map, also an empty one, replaces it."""
    talk = await _shown(play)
    own = {"reactions": ["👍"]}
    _tell(play, talk, play.world.mark(talk, 1, _thumbs(1), own), [1, _thumbs(1), own])
    await _is(play, talk, _thumbs(1), own)
    _tell(play, talk, play.world.mark(talk, 1, _thumbs(2)), [1, _thumbs(2), None])
    await _is(play, talk, _thumbs(2), own)
    _tell(play, talk, play.world.mark(talk, 1, {}, {}), [1, {}, {}])
    await _is(play, talk, {}, {})


@scenario("18.9", needs="states")
async def gap(play: Play) -> None:
    """A push behind a gap, in a conversation that is shown: `changes` after what was seen."""
    talk = await _shown(play)
    play.say("another")
    await play.heard(1, 2, section="10.2")
    play.world.mark(talk, 1, _thumbs(1))
    modseq = play.world.mark(talk, 2, _thumbs(2))
    _tell(play, talk, modseq, [2, _thumbs(2), None])
    await play.until(lambda: play.count("changes") > 0, "ask changes behind a gap", "18.9")
    await _is(play, talk, _thumbs(1), {})
    await _is(play, talk, _thumbs(2), {}, position=2)
    asked = next(one.params for one in play.asked if one.method == "changes")
    play.require(asked[1] == 0, f"it asked behind {asked[1]}, having seen 0", "18.9")


@scenario("18.9", needs="states")
async def hint(play: Play) -> None:
    """A hint says that something changed: `changes` tells what."""
    talk = await _shown(play)
    modseq = play.world.mark(talk, 1, _thumbs(3))
    _tell(play, talk, modseq, None)
    await play.until(lambda: play.count("changes") > 0, "ask changes after a hint", "18.9")
    await _is(play, talk, _thumbs(3), {})


@scenario("18.9", "10.5", needs="states")
async def lagging(play: Play) -> None:
    """What was dropped while the session was lagging is read."""
    talk = await _shown(play)
    play.world.mark(talk, 1, _thumbs(4))
    play.session.push("lagging")
    await _is(play, talk, _thumbs(4), {})


@scenario("18.9", needs="states")
async def counters(play: Play) -> None:
    """`settings`, `account` and `about` replace by their counters: the higher one is right, and gaps mean nothing."""
    talk = await _shown(play)
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


@scenario("18.9", needs="states")
async def own_put(play: Play) -> None:
    """The result of a method that changes state is taken, and the push of the same change before or behind it is nothing."""
    talk = await _shown(play)
    play.hold("react")
    put = play.later("react", conversation=talk.conversation_id, position=1, emoji="👍", on=True)
    request = await play.take("react", section="18.13")
    result = play.world.answer("react", request.params)
    _tell(play, talk, result[0], [1, result[1], result[2]])
    request.reply(result)
    await play.done(put, "a reaction", "18.13")
    await _is(play, talk, talk.messages[0].extra, {"reactions": ["👍"]})


@scenario("18.9", "18.12", needs="states")
async def other_features(play: Play) -> None:
    """The next WELCOME names other features: everything is counted from 0, and sync is asked without since."""
    talk = await _shown(play)
    _tell(play, talk, play.world.mark(talk, 1, _thumbs(1)), [1, _thumbs(1), None])
    await _is(play, talk, _thumbs(1), {})
    play.features = ("edits", "typing")
    talk.messages[0].extra = {}
    play.session.over = True
    await play.come_back("13")
    await play.until(lambda: play.count("sync") > 1, "sync", "10.3")
    asked = [one.params[0] if one.params else None for one in play.asked if one.method == "sync"]
    play.require(asked[1] is None, f"it asked with {asked[1]!r}", "18.9")
    await _is(play, talk, {}, {})
    await play.heard(1, section="18.9")


@scenario("18.9", needs="states")
async def unknown_item(play: Play) -> None:
    """A push of an item may come before that of its message."""
    talk = await _shown(play)
    message = play.world.say("marked at once", talk)
    modseq = play.world.mark(talk, message.position, _thumbs(1))
    _tell(play, talk, modseq, [message.position, _thumbs(1), None])
    play.push(talk, message)
    await play.heard(1, 2, section="10.2")
    await _is(play, talk, _thumbs(1), {}, position=2)


SCENARIOS: tuple[Scenario, ...] = (
    higher_is_right,
    mine,
    gap,
    hint,
    lagging,
    counters,
    own_put,
    other_features,
    unknown_item,
)
