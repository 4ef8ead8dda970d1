"""People who come and go: a team that conversations name, whose members its owner changes; and an operator, who shuts people
out, lets them in again and revokes what they come in with."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from random import Random
from typing import Any, Protocol

from imserver.errors import Refusal, StoreFailed
from imserver.model import Kind, Role, User
from imserver.server import Server

from .device import Device
from .device import World as SimulatedWorld
from .setting import BOSS
from .watch import Watch

#: Kinds of what happens to people, by their names in the report.
COMES, GOES = "added by the owner", "removed by the owner"
DISABLED, ENABLED, REVOKED = "user disabled", "user enabled", "tokens revoked"
COMINGS_AND_GOINGS = (COMES, GOES, DISABLED, ENABLED, REVOKED)
#: Conversations that name the team.
NAMING = 3
#: Until the office is open, and until everybody is in again (virtual seconds).
PATIENCE_S = 300.0


class World(SimulatedWorld, Protocol):
    """The world in which this office stands."""

    devices: list[Device]


class Office:
    """The owner of the team, and the operator."""

    def __init__(self, world: World, watch: Watch) -> None:
        self._world = world
        self.watch = watch
        self._random = Random(f"{world.setting.seed} office")
        self.team = ""
        #: Conversations that name it.
        self.naming: list[str] = []
        #: Whoever was ever shut out, or lost a token: may be told to come with another one.
        self.touched: set[str] = set()
        self._maybe_out: set[str] = set()
        #: Who is where, as far as the owner knows.
        self._inside: set[tuple[str, str]] = set()
        #: Whom the operator asked to shut out or to let in last, without an answer yet.
        self._asked: dict[str, asyncio.Task[Any]] = {}

    # -- the beginning and the end ------------------------------------------------------------------------------------

    async def open(self) -> None:
        """Make the team and the conversations that name it. Nothing is wrong with the server yet."""
        users = self._users
        inside = self._random.sample(users, k=max(1, len(users) // 2))
        customers = [self._random.sample(users, k=min(len(users), number % 3)) for number in range(NAMING)]
        done = self._begin(lambda server: self._make(server, inside, customers))
        assert done is not None
        await asyncio.wait({done}, timeout=PATIENCE_S)
        self.team, self.naming = done.result()
        self._inside = {(user_id, self.team) for user_id in inside}
        self._world.conversations += [self.team, *self.naming]

    async def _make(
        self, server: Server, inside: list[str], customers: list[list[str]]
    ) -> tuple[str, list[str]]:
        chat = server.chat
        await chat.put_user(User(BOSS, "Boss"))
        team, _, _ = await chat.create_conversation(BOSS, Kind.GROUP, "the team", inside)
        await chat.add_member(BOSS, team, inside[0], Role.ADMIN)
        naming = []
        for number, members in enumerate(customers):
            title = f"with the team {number}"
            made, _, _ = await chat.create_conversation(BOSS, Kind.GROUP, title, members, team=team)
            naming.append(made)
        return team, naming

    async def let_all_in(self) -> None:
        """At the end everybody is in again, so that everybody can be asked what he has."""
        until = self._world.loop.time() + PATIENCE_S
        while self._maybe_out and self._world.loop.time() < until:
            for user_id in sorted(self._maybe_out):
                self._enable(user_id)
            await asyncio.sleep(2.0)  # an answer, or the next server

    # -- acts ---------------------------------------------------------------------------------------------------------

    async def change(self) -> None:
        """The owner lets somebody in, or removes somebody: mostly in the team, sometimes by a place of his own."""
        await self._world.machine.up.wait()
        random = self._random
        whom = random.choice(self._users)
        where = self.team if random.random() < 0.8 else random.choice(self.naming)
        if (whom, where) not in self._inside:
            self._do(
                COMES,
                lambda server: server.chat.add_member(BOSS, where, whom),
                lambda _: self._inside.add((whom, where)),
            )
        else:
            # Whoever had left by himself is found out here, and comes the next time.
            self._inside.discard((whom, where))
            self._do(GOES, lambda server: server.chat.remove_member(BOSS, where, whom))

    async def operate(self) -> None:
        """The operator shuts somebody out, lets somebody in, or revokes."""
        await self._world.machine.up.wait()
        random = self._random
        if self._maybe_out and random.random() < 0.5:
            self._enable(random.choice(sorted(self._maybe_out)))
            return
        if random.random() < 0.4:
            self.watch.at_next_hello = self._end_in_handshake
        else:
            self._end(random.choice(self._world.devices))

    def _end_in_handshake(self, device_id: str) -> None:
        """End the access of a device whose token is being looked up."""
        device = next((device for device in self._world.devices if device.device_id == device_id), None)
        if device is not None and not self._world.calm:
            self._end(device)

    def _end(self, device: Device) -> None:
        random, user_id = self._random, device.user_id
        kind = random.choice(("disable", "disable", "token", "device", "everything"))
        self.touched.add(user_id)
        if kind == "disable":
            self._disable(user_id)
        elif kind == "token" and device.token_id:
            token_id = device.token_id
            self._do(REVOKED, lambda server: server.administration.revoke(user_id, token_id=token_id))
        elif kind == "device":
            device_id = device.device_id
            self._do(REVOKED, lambda server: server.administration.revoke(user_id, device_id=device_id))
        elif kind == "everything":
            self._do(REVOKED, lambda server: server.administration.revoke(user_id, everything=True))

    def _disable(self, user_id: str) -> None:
        if self._waits(user_id):
            return
        self._maybe_out.add(user_id)
        self.watch.let_in.discard(user_id)
        done = lambda answer: self.watch.shut_out.add(user_id)  # noqa: E731
        self._switch(user_id, DISABLED, lambda server: server.administration.disable(user_id), done)

    def _enable(self, user_id: str) -> None:
        if self._waits(user_id):
            return
        self.watch.may_come_in(user_id)

        def done(_: Any) -> None:
            self._maybe_out.discard(user_id)
            self.watch.let_in.add(user_id)

        self._switch(user_id, ENABLED, lambda server: server.administration.enable(user_id), done)

    def _switch(
        self,
        user_id: str,
        what: str,
        act: Callable[[Server], Coroutine[Any, Any, Any]],
        then: Callable[[Any], None],
    ) -> None:
        asked = self._do(what, act, then)
        if asked is not None:
            self._asked[user_id] = asked

    def _waits(self, user_id: str) -> bool:
        """Whether a server that lives has not answered yet: of two acts at once nobody knows which is the later."""
        asked = self._asked.get(user_id)
        if asked is None or asked.done():
            return False
        process = asked.process  # type: ignore[attr-defined]  # a `SimulatedTask`
        return process is None or process.alive

    # -- how ----------------------------------------------------------------------------------------------------------

    @property
    def _users(self) -> list[str]:
        return sorted({device.user_id for device in self._world.devices})

    def _do(
        self,
        what: str,
        act: Callable[[Server], Coroutine[Any, Any, Any]],
        then: Callable[[Any], None] = lambda answer: None,
    ) -> asyncio.Task[Any] | None:
        """Ask a server that is up. One that dies meanwhile tells nobody whether it was done."""

        async def ask(server: Server) -> None:
            with suppress(Refusal, StoreFailed):
                then(await act(server))
                self._world.journal.fault(what)

        return self._begin(ask)

    def _begin(self, work: Callable[[Server], Coroutine[Any, Any, Any]]) -> asyncio.Task[Any] | None:
        machine = self._world.machine
        server, process = machine.server, machine.process
        if server is None or process is None or not machine.up.is_set():
            return None
        return process.spawn(work(server), "office")
