"""What features have in the judge: how its chat answers their methods, and what is played about them.

A feature's part stands in the module of its name here; nothing lists them. It has `ANSWERS`, by method: the World and the
request's params to the result, or Refuse; and `SCENARIOS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from types import ModuleType
from typing import Any

from imserver.conformance.openings import posted
from imserver.conformance.play import Play
from imserver.conformance.scenario import Scenario
from imserver.features import NAMES
from imserver_protocol.wire.frames import FrameType


def all_answers() -> Mapping[str, Callable[..., Any]]:
    """By method, of every feature."""
    return {method: answer for part in _parts() for method, answer in part.ANSWERS.items()}


def all_scenarios() -> tuple[Scenario, ...]:
    """Of every feature."""
    return tuple(one for part in _parts() for one in part.SCENARIOS)


def without(part: str, command: str, **arguments: object) -> Scenario:
    """A server without the part (SPEC, section 18.12): the application is told no, and the server is asked nothing."""

    async def script(play: Play) -> None:
        play.features = tuple(one for one in play.features if one != part)
        await posted(play)
        asked = len(play.asked)
        task = play.later(command, conversation=play.world.direct, **arguments)
        await play.until(task.done, f"say no to {command}", "18.12")
        await play.never(
            lambda: bool(play.line.of(FrameType.SIGNAL)), "sent it nevertheless", "18.12", during=0.2
        )
        later = {one.method for one in play.asked[asked:]} - {"cursor"}
        play.require(not later, f"it asked {', '.join(sorted(later))}", "18.12")

    return Scenario(
        f"{part}/without",
        f"A server without {part}: the client asks nothing of it.",
        ("18.12",),
        script,
        frozenset({part}),
    )


def _parts() -> list[ModuleType]:
    return [part for part in map(_part_of, NAMES) if part is not None]


def _part_of(name: str) -> ModuleType | None:
    module = f"{__name__}.{name}"
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module:
            raise
        return None
