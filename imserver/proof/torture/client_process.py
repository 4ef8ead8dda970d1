"""A process with several clients: `python -m imserver.proof.torture.client_process`. It reads orders as lines of JSON from
standard input, answers on standard output, and ends when the input ends."""

from __future__ import annotations

import asyncio
import os
import random
import sys
import traceback
from collections.abc import Coroutine
from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgspec

from imserver.proof.booking.customer import CUSTOMER_PAUSE_S, STAFF_PAUSE_S, Customer, Staff
from imserver_client import ClientError
from imserver_client import direct_conversation_id as direct

from .actor import Actor, Counts
from .client_journal import lives_of
from .membership_load import Guest, MembershipLoad, TeamLoad
from .participants import NAMING_CONVERSATIONS, Group, Part
from .talker import Talkers

MAX_LINE_BYTES = 1024 * 1024
#: Between two reports of the figures (seconds).
TELL_EVERY_S = 0.2
#: Until an employee who was shut out comes again (seconds).
COME_AGAIN_S = 0.3
EXIT_ORPHAN = 3


class Role(msgspec.Struct, frozen=True):
    """One client of this process: its address and its user."""

    part: Part
    address: str
    token: str


class Script(msgspec.Struct, frozen=True):
    """The first line: everything that a life of the process needs. `groups`: ids by number, once they are made."""

    seed: int
    number: int
    life: int
    folder: str
    rate: float
    roles: tuple[Role, ...]
    groups: dict[str, str]


class ClientProcess:
    """The clients of this process, and the answers to its director."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._counts = Counts()
        self._rng = random.Random(f"client process {script.seed} {script.number} {script.life}")
        self._folder = Path(script.folder)
        self._actors = [self._actor(role.part) for role in script.roles]
        self._tokens = {role.part.name: role.token for role in script.roles}
        self._talkers = Talkers(self._rng, script.rate)
        self._stopping = asyncio.Event()
        self._leaving = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        #: An employee has begun a new life.
        self._renewed = asyncio.Condition()
        #: Work that others wait for before they settle.
        self._loads: set[asyncio.Task[None]] = set()
        self._groups = dict(script.groups)

    async def run(self, lines: asyncio.StreamReader) -> None:
        """Run until the order to leave, or until the director is gone."""
        living = [
            asyncio.create_task(self._live(place, role)) for place, role in enumerate(self._script.roles)
        ]
        telling = asyncio.create_task(self._tell_figures())
        if self._groups:
            self._begin()
        else:
            self._run(self._tell_ready())
        listening = asyncio.create_task(self._listen(lines))
        await asyncio.gather(*living)
        for task in (telling, listening):
            task.cancel()
        tell(do="figures", **self._figures())

    async def _listen(self, lines: asyncio.StreamReader) -> None:
        """Carry out orders. Ends when the director is gone."""
        while line := await lines.readline():
            order = msgspec.json.decode(line)
            self._run(getattr(self, f"do_{order.pop('do')}")(**order))
        os._exit(EXIT_ORPHAN)

    # -- orders -------------------------------------------------------------------------------------------------------

    async def do_make(self, groups: list[Any]) -> None:
        """Make these groups; their owners are ours."""
        made: dict[str, str] = {}
        for group in msgspec.convert(groups, list[Group]):
            owner = next(actor for actor in self._actors if actor.part.user_id == group.owner)
            team = None if group.team is None else made[str(group.team)]
            title = f"group {group.number}"
            made[str(group.number)] = await owner.client.create_group(title, group.members, team=team)
        tell(do="made", groups=made)

    async def do_begin(self, groups: dict[str, str]) -> None:
        """Begin the load."""
        self._groups = groups
        self._begin()

    async def do_burst(self, count: int) -> None:
        """Post many messages at once; reports as soon as they have gone out."""
        said = self._talkers.burst(count)
        for _ in range(3):
            await asyncio.sleep(0)
        tell(do="said", count=said)

    async def do_unanswered(self, at: float) -> None:
        """Report the keys of posts that had gone out to the server at that moment without an answer."""
        tell(
            do="unanswered",
            at=at,
            keys={
                actor.part.name: [key.hex() for key in actor.unanswered_at(at)]
                for actor in self._actors
                if actor.ready.is_set()
            },
        )

    async def do_token(self, name: str, token: str) -> None:
        """What a client comes in with from its next life on."""
        self._tokens[name] = token

    async def do_stop(self) -> None:
        """End the load."""
        self._stopping.set()
        for actor in self._actors:
            actor.slow = False

    async def do_settle(self, timeout_s: float) -> None:
        """Wait until all clients have settled, and report those that have not."""
        if self._loads:
            await asyncio.wait(self._loads, timeout=timeout_s)
        stuck = await asyncio.gather(*(self._settle(place, timeout_s) for place in range(len(self._actors))))
        tell(do="settled", stuck=[text for text in stuck if text])

    async def do_leave(self) -> None:
        """Let all clients leave."""
        self._leaving.set()

    # -- within -------------------------------------------------------------------------------------------------------

    def _actor(self, part: Part) -> Actor:
        return Actor(part, self._folder, lives_of(self._folder, part.name), self._counts)

    async def _live(self, place: int, role: Role) -> None:
        """Be a client. An employee who was shut out comes again and again."""
        while True:
            actor = self._actors[place]
            await actor.live(role.address, self._tokens[role.part.name], self._leaving)
            if not actor.out.is_set() or self._leaving.is_set():
                return
            self._talkers.places.pop(actor, None)
            await asyncio.sleep(COME_AGAIN_S)
            async with self._renewed:
                self._actors[place] = self._actor(role.part)
                self._renewed.notify_all()
            if self._groups:
                self._play(self._actors[place])

    async def _settle(self, place: int, timeout_s: float) -> str:
        """An employee may hear only now that it was shut out for a while."""
        until = asyncio.get_running_loop().time() + timeout_s
        while True:
            actor = self._actors[place]
            settling = asyncio.create_task(actor.settle(until - asyncio.get_running_loop().time()))
            out = asyncio.create_task(actor.out.wait())
            await asyncio.wait((settling, out), return_when=asyncio.FIRST_COMPLETED)
            out.cancel()
            if not actor.out.is_set():
                return await settling
            settling.cancel()
            await asyncio.gather(settling, return_exceptions=True)
            async with self._renewed:
                await self._renewed.wait_for(lambda: not self._actors[place].out.is_set())

    def _begin(self) -> None:
        for actor in self._actors:
            self._play(actor)
        self._run(self._talkers.talk(self._stopping))

    def _play(self, actor: Actor) -> None:
        """Begin the load of this client."""
        part = actor.part
        groups = [self._groups[str(number)] for number in part.groups]
        if part.kind in ("talker", "employee"):
            directs = [direct(part.user_id, partner) for partner in part.partners]
            self._talkers.places[actor] = [*groups, *directs]
        if part.kind == "talker":
            rng = random.Random(self._rng.random())
            actor.hear = Guest(actor, rng, self._stopping).hear
            if part.guests:
                self._run(MembershipLoad(actor, rng, self._script.seed, groups[-1]).keep(self._stopping))
            if part.team is not None:
                team, naming = self._groups[str(part.team)], groups[-NAMING_CONVERSATIONS:]
                self._loads.add(self._run(TeamLoad(actor, rng, team, naming).keep(self._stopping)))
        elif part.kind in ("customer", "staff"):
            make = Customer if part.kind == "customer" else Staff
            pause_s = CUSTOMER_PAUSE_S if part.kind == "customer" else STAFF_PAUSE_S
            rng = random.Random(self._rng.random())
            self._run(make(actor, rng, self._script.seed).play(self._stopping, pause_s))

    def _run(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(self._guarded(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _guarded(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Exception as error:
            if not (isinstance(error, ClientError) and self._leaving.is_set()):
                traceback.print_exception(error)
                tell(do="failed", text=repr(error))

    async def _tell_ready(self) -> None:
        await asyncio.gather(*(actor.ready.wait() for actor in self._actors))
        tell(do="ready")

    async def _tell_figures(self) -> None:
        while True:
            tell(do="figures", **self._figures())
            await asyncio.sleep(TELL_EVERY_S)

    def _figures(self) -> dict[str, Any]:
        self._counts.connected = sum(actor.connected for actor in self._actors)
        return {"figures": asdict(self._counts), "broken": [a.part.name for a in self._actors if a.broken]}


def tell(**line: Any) -> None:
    """One line to the director."""
    os.write(1, msgspec.json.encode(line) + b"\n")


async def main() -> None:
    """Read the script and run it."""
    loop = asyncio.get_running_loop()
    lines = asyncio.StreamReader(limit=MAX_LINE_BYTES)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    script = msgspec.json.decode(await lines.readline(), type=Script)
    await ClientProcess(script).run(lines)


if __name__ == "__main__":
    asyncio.run(main())
