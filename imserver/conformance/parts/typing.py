"""typing: a signal, both ways, which is told once or never (SPEC, section 19)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from imserver.conformance.grown import grow_signal
from imserver.conformance.openings import later_server
from imserver.conformance.play import Play
from imserver.conformance.scenario import Scenario, scenario
from imserver_protocol.wire.frames import FrameType

from . import without


@scenario("19", needs="typing")
async def both_ways(play: Play) -> None:
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


@scenario("19", "5")
async def unknown_conversation(play: Play) -> None:
    """Typing in a conversation that the client does not know is nothing."""
    play.world.talk()
    line = await play.connect()
    line.write_frame(FrameType.SIGNAL, 0, "typing", "group/unknown", "bob")
    play.say("goes on")
    await play.heard(1, section="5")
    await play.done(play.post("and answers"), "post", "5")  # behind its GOODBYE, if it says one
    play.require(line.goodbye is None and play.line is line, "the client closed for an unknown name", "5")


@scenario("6.1", "18.12", needs="typing")
async def features_of_a_resume(play: Play) -> None:
    """A client looks at each WELCOME's features: what is not named any more is not asked for."""
    play.world.talk()
    play.world.say("hello")
    await play.connect()
    play.features = tuple(one for one in play.features if one != "typing")
    await play.come_back("6.1")
    await play.until(lambda: play.line.session is not None, "resume", "6.1")
    play.later("typing", conversation=play.world.direct)
    await play.never(
        lambda: bool(play.line.of(FrameType.SIGNAL)), "typed at a server without the part", "18.12"
    )


@scenario("5.1", "19", needs="typing")
async def grown(play: Play) -> None:
    """Typing with more behind it."""
    talk = play.world.talk()
    line = await later_server(play)
    line.write_frame(FrameType.SIGNAL, 0, *grow_signal(("typing", talk.conversation_id, "bob")))
    await play.event("typing", "5.1", conversation=talk.conversation_id, user="bob")


ANSWERS: dict[str, Callable[..., Any]] = {}
SCENARIOS: tuple[Scenario, ...] = (
    both_ways,
    unknown_conversation,
    features_of_a_resume,
    grown,
    without("typing", "typing"),
)
