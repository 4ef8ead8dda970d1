"""blocks: whom the user takes nothing from, and what it is to be told so (SPEC, section 18.14)."""

from __future__ import annotations

from typing import Any

from imserver.conformance.play import Play
from imserver.conformance.scenario import Scenario, scenario
from imserver.conformance.world import World
from imserver_protocol.errors import RefusalCode


def put(world: World, user_id: str, *_: Any) -> Any:
    world.kept["blocks"] = sorted({*world.kept["blocks"], user_id})
    return [user_id, True]


def remove(world: World, user_id: str, *_: Any) -> Any:
    world.kept["blocks"] = [one for one in world.kept["blocks"] if one != user_id]
    return [user_id, False]


def page(world: World, after: str | None = None, limit: int = 50, *_: Any) -> Any:
    return [world.kept["blocks"][:limit], None]


@scenario("18.14", needs="blocks")
async def block(play: Play) -> None:
    """Block and unblock, in order, and what another device of the account did."""
    play.world.talk()
    await play.connect()
    await play.do("block", "18.14", user="bob", on=True)
    play.require(play.world.kept["blocks"] == ["bob"], "nobody was blocked", "18.14")
    await play.do("block", "18.14", user="bob", on=False)
    play.require(play.world.kept["blocks"] == [], "somebody is blocked still", "18.14")
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


ANSWERS = {"block": put, "unblock": remove, "blocks": page}
SCENARIOS: tuple[Scenario, ...] = (block, refused_by_a_block)
