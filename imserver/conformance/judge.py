"""The judge: starts the driver, plays the scenarios side by side as far as the driver has room for clients, and says how each
ended."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Final

from .breach import Breach, NotApplicable
from .driver import BadDriver, Driver, Greeting, Refused
from .parts import all_answers
from .play import PATIENCE_S, Play
from .scenario import LONGEST_S, Scenario
from .wires import LISTEN
from .world import World

#: Clients that a driver runs at the same time, though it had room for more: each gets its share of the machine.
MOST_AT_ONCE: Final = 24
#: Drivers of their own at the same time, for scenarios that kill them.
MOST_KILLED_AT_ONCE: Final = 3


class Verdict(Enum):
    PASSED = "passed"
    FAILED = "failed"
    NOT_APPLICABLE = "not applicable"
    LEFT_OUT = "left out"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one scenario ended. `text` and `section`: what the client did wrong; or why it was not played."""

    scenario: Scenario
    verdict: Verdict
    text: str = ""
    section: str = ""
    seconds: float = 0.0
    notes: tuple[str, ...] = field(default=(), repr=False)


class Judge:
    """`folder`: for the stores of clients. `told` hears of each outcome as it comes. `patience_s`: how long a client may take
    for what it does at once."""

    def __init__(
        self,
        command: Sequence[str],
        transport: str,
        folder: Path,
        told: Callable[[Outcome], None] = lambda _: None,
        *,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._command = command
        self._transport = transport
        self._folder = folder
        self._told = told
        self._patience_s = patience_s
        self._outcomes: list[Outcome] = []

    async def run(
        self, scenarios: Sequence[Scenario], *, slow: bool = False
    ) -> tuple[Greeting, list[Outcome]]:
        """Play them; outcomes in the order of the scenarios. Raises BadDriver."""
        driver = await Driver.start(self._command)
        try:
            greeting = driver.greeting
            if self._transport not in greeting.transports:
                raise BadDriver(
                    f"{greeting.name} does not speak {self._transport}: {', '.join(greeting.transports)}"
                )
            played = [one for one in scenarios if self._applies(one, greeting, slow=slow)]
            room = asyncio.Semaphore(min(MOST_AT_ONCE, greeting.clients))
            killed = asyncio.Semaphore(MOST_KILLED_AT_ONCE)
            # The long ones begin first.
            order = sorted(played, key=lambda one: (not one.slow, not one.kills))
            async with asyncio.TaskGroup() as group:
                for one in order:
                    if one.kills:
                        group.create_task(self._play(one, None, killed))
                    else:
                        group.create_task(self._play(one, driver, room))
        except* BadDriver as errors:
            raise errors.exceptions[0] from None
        finally:
            await driver.close()
        places = {one.name: place for place, one in enumerate(scenarios)}
        return greeting, sorted(self._outcomes, key=lambda outcome: places[outcome.scenario.name])

    def _applies(self, one: Scenario, greeting: Greeting, *, slow: bool) -> bool:
        lacking = sorted(one.needs & greeting.lacks)
        if lacking:
            self._tell(Outcome(one, Verdict.NOT_APPLICABLE, f"the client lacks {', '.join(lacking)}"))
        elif one.slow and not slow:
            self._tell(Outcome(one, Verdict.LEFT_OUT, "takes long: --slow"))
        else:
            return True
        return False

    def _tell(self, outcome: Outcome) -> None:
        self._outcomes.append(outcome)
        self._told(outcome)

    async def _play(self, one: Scenario, driver: Driver | None, room: asyncio.Semaphore) -> None:
        async with room:
            loop = asyncio.get_running_loop()
            begun = loop.time()
            own = driver is None
            running = driver if driver is not None else await self._start()
            store = str(self._folder / f"{one.name.replace('/', '-')}.store")
            play = Play(
                one.name,
                running,
                self._start,
                LISTEN[self._transport],
                store,
                World(all_answers()),
                features=one.features,
                limits=one.limits,
                tokens=one.tokens,
                patience_s=self._patience_s,
            )
            if own:
                play.owns(running)
            await play.open()
            try:
                verdict, text, section = await self._judge(one, play)
            finally:
                await play.close()
            self._tell(Outcome(one, verdict, text, section, loop.time() - begun, tuple(play.journal.notes)))

    async def _start(self) -> Driver:
        return await Driver.start(self._command)

    async def _judge(self, one: Scenario, play: Play) -> tuple[Verdict, str, str]:
        longest_s = LONGEST_S * play.leisure
        try:
            async with asyncio.timeout(longest_s):
                await one.script(play)
            play.check()
        except Breach as breach:
            return Verdict.FAILED, breach.text, breach.section
        except NotApplicable as reason:
            return Verdict.NOT_APPLICABLE, str(reason), ""
        except Refused as refused:
            return Verdict.FAILED, f"a command failed: {refused.code} {refused}", one.sections[0]
        except BadDriver as error:
            return Verdict.FAILED, str(error), one.sections[0]
        except TimeoutError:
            return Verdict.FAILED, f"it was not over after {longest_s:g} s", one.sections[0]
        except Exception:  # a fault of ours: said, and no verdict about the client
            return Verdict.FAILED, "the judge failed: " + traceback.format_exc(limit=-3), one.sections[0]
        return Verdict.PASSED, "", ""
