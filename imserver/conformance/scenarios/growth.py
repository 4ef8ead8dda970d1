"""Later servers: more behind everything that this version names (SPEC, section 5.1)."""

from __future__ import annotations

from imserver.conformance.grown import LATER, grow_tail
from imserver.conformance.openings import later_server
from imserver.conformance.play import Play
from imserver.conformance.scenario import Scenario, scenario
from imserver.conformance.talks import system_content, text_content
from imserver_protocol.wire.frames import FrameType


@scenario("5.1", "22")
async def exchange(play: Play) -> None:
    """Posting, receiving, syncing and reading with a server that says more everywhere."""
    talk = play.world.talk()
    play.world.talk("group/other")
    await later_server(play)
    result = await play.done(play.post("mine"), "a post", "5.1")
    play.require(result["position"] == 1, f"position {result['position']} was told", "5.1")
    play.say("theirs")
    play.say("missed", pushed=False)
    play.say("behind a gap")
    await play.heard(1, 2, 3, 4, section="5.1")
    play.world.say("lagging", talk)
    play.session.push("lagging")
    await play.heard(1, 2, 3, 4, 5, section="5.1")
    play.session.over = True
    play.world.say("while away", talk)
    await play.come_back("5.1")
    await play.heard(1, 2, 3, 4, 5, 6, section="5.1")


@scenario("5.1", "5", "19")
async def unknown_everything(play: Play) -> None:
    """Pushes, signals, events and features of later versions are ignored."""
    talk = play.world.talk()
    line = await later_server(play)
    for kind in ("later", "x-shop.day", "message2", ""):
        play.session.push(kind, *LATER)
    line.write_frame(FrameType.SIGNAL, 0, "later", *LATER)
    line.write_frame(FrameType.PING, 0, 7, *LATER)
    content = system_content("later", user=7)
    play.push(talk, play.world.commit(talk, "bob", content))
    play.push(talk, play.world.commit(talk, "bob", text_content("known", later=[1, {"a": None}])))
    await play.heard(1, 2, section="5.1")
    await play.until(lambda: bool(line.of(FrameType.PONG)), "answer a PING with more behind it", "5.1")


@scenario("5.1", "14.2")
async def refusals(play: Play) -> None:
    """A refusal with more behind it, and a detail of any kind, is what it is."""
    play.world.talk()
    await later_server(play)
    play.hold("post")
    posted = play.post("refused")
    (await play.take("post")).refuse(602, "no", 0, {"later": [1, None], "contact": 7})
    error = await play.error(posted, "the post", "5.1")
    play.require(error.code == 602, f"the application was told {error.code}", "5.1")


@scenario("5.1", "14.1")
async def goodbye(play: Play) -> None:
    """A GOODBYE with more behind it is a GOODBYE."""
    line = await later_server(play)
    line.write_frame(FrameType.GOODBYE, 0, *grow_tail((201, "replaced", 0)))
    line.give_up()
    line._wire.close()
    await play.event("stopped", "5.1", code=201)


@scenario("5.1", "18.9", needs="states")
async def states(play: Play) -> None:
    """State with more behind it, and keys that nobody knows."""
    talk = play.world.talk()
    await later_server(play)
    play.say("marked")
    await play.heard(1, section="5.1")
    extra = {"x-mark": 1, "later": [1, {"a": None}]}
    modseq = play.world.mark(talk, 1, extra)
    play.session.push("item", talk.conversation_id, modseq, [[1, extra, None]])
    told = await play.event("item", "5.1", conversation=talk.conversation_id, position=1)
    play.require(told["extra"].get("x-mark") == 1, f"the state is {told['extra']}", "5.1")


SCENARIOS: tuple[Scenario, ...] = (exchange, unknown_everything, refusals, goodbye, states)
