"""Where scenarios of several nouns begin, and how they tell a client of state and look at what it made of it."""

from __future__ import annotations

import asyncio
from typing import Any

from .grown import LATER, grow_payload
from .line import Line
from .play import ALL_FEATURES, Play
from .talks import Talk


async def posted(play: Play) -> Talk:
    """A client with one message of its own."""
    talk = play.world.talk()
    await play.connect()
    await play.done(play.post("mine"), "a post", "9.1")
    await play.heard(1, section="10.2")
    return talk


async def later_server(play: Play) -> Line:
    """A client of a server of a later version."""
    play.grow = grow_payload
    play.features = (*ALL_FEATURES, "later", "x-shop")

    def welcome(line: Line) -> bool:
        limits = {**play.wire_limits(), "max_later": 7, "x-later": None}
        play.welcome(line, limits=limits, tail=LATER[:1])
        return True

    play.on_hello_do = welcome
    return await play.connect()


async def shown(play: Play) -> Talk:
    """A client that holds one message and shows its conversation."""
    talk = play.world.talk()
    await play.connect()
    play.say("marked")
    await play.heard(1, section="10.2")
    await play.do("show", "18.9", conversation=talk.conversation_id)
    return talk


async def state_is(
    play: Play, talk: Talk, extra: dict[str, Any], mine: dict[str, Any], position: int = 1
) -> None:
    """The application is told this state in the end."""
    found: Any = None
    for _ in range(40):
        found = await play.do("item", "18.9", conversation=talk.conversation_id, position=position)
        if found == {"extra": extra, "mine": mine}:
            return
        await asyncio.sleep(0.05)
    play.require(False, f"the state of message {position} is {found} where {extra}, {mine} is right", "18.9")


def tell_state(play: Play, talk: Talk, modseq: int, *items: list[Any] | None) -> None:
    given = None if items == (None,) else list(items)
    play.session.push("item", talk.conversation_id, modseq, given)
