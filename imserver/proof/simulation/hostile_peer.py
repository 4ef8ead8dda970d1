"""A hostile peer: resumes sessions of others, acks frames that were never sent, hangs up before HELLO.

It has an account and belongs to no conversation, so every push to it is a finding.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from random import Random
from typing import Any, Protocol

import jwt

from imserver_client import Client
from imserver_protocol import (
    Closed,
    Connection,
    Limits,
    PushReceived,
    Session,
    Side,
    WelcomeReceived,
)

from .device import Device
from .device import World as SimulatedWorld
from .loop import Process
from .setting import LIES_FROM, SECRET, STRANGER

#: How long it listens for pushes that it should not get (seconds).
LISTENS_S = 1.0
FAR_IN_THE_FUTURE_S = 10 * 86_400


class World(SimulatedWorld, Protocol):
    """The world with the devices whose sessions it may steal."""

    devices: list[Device]


class Peer(asyncio.Protocol):
    """One socket of the hostile peer."""

    def __init__(self, world: World, hello: Callable[[Connection], bytes]) -> None:
        self._world = world
        self._hello = hello
        self._transport: Any = None
        self.session: Session | None = None
        self.connection = Connection(Side.CLIENT, Limits(), world.loop.time(), recorder=world.journal.row)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._transport.write(self._hello(self.connection))

    def data_received(self, data: bytes) -> None:
        connection, journal = self.connection, self._world.journal
        connection.receive_data(data, self._world.loop.time())
        for event in connection.events():
            if isinstance(event, PushReceived):
                journal.finding(f"a stranger was pushed {event.kind} {event.fields}")
            elif isinstance(event, WelcomeReceived) and event.resumed:
                journal.finding(f"a stranger resumed the session of {event.session.user_id}")
            elif isinstance(event, WelcomeReceived):
                self.session = event.session
            elif isinstance(event, Closed):
                journal.note("liar closed", event.code)
        data = connection.data_to_send(self._world.loop.time())
        if data and not self._transport.is_closing():
            self._transport.write(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None

    def end(self) -> None:
        """End the connection."""
        if self._transport is not None:
            self._transport.abort()


class HostilePeer:
    """Makes one dishonest connection for each call of `lie()`."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._random = Random(f"{world.setting.seed} liar")
        self._number = 0
        #: The last session that the peer really had, and its device.
        self._own: Session | None = None

    async def lie(self) -> None:
        """Make one connection, and judge the server's reaction."""
        world, random = self._world, self._random
        self._number += 1
        stolen = self._stolen_session
        kind = random.choice((self._goodbye_first, stolen, stolen, self._future, self._garbage, self._half))
        hello = kind()
        if hello is None:
            return
        world.journal.fault("lying peer", kind.__name__)
        process = Process(world.loop, f"liar {self._number}")
        peer = Peer(world, hello)
        task = process.spawn(self._visit(peer))
        await asyncio.wait({task}, timeout=20)
        process.kill()
        self._own = peer.session or self._own
        world.network.died(process, lambda: False)

    async def _visit(self, peer: Peer) -> None:
        try:
            await self._world.network.connect((LIES_FROM, 666), lambda: peer)
        except OSError:
            return
        await asyncio.sleep(LISTENS_S)
        peer.end()

    # -- lies ---------------------------------------------------------------------------------------------------------

    def _token(self, user_id: str) -> str:
        claims = {"sub": user_id, "exp": self._world.machine.clock.now_ms() // 1000 + FAR_IN_THE_FUTURE_S}
        return jwt.encode({**claims, "jti": self._random.randbytes(8).hex()}, SECRET, algorithm="HS256")

    def _goodbye_first(self) -> Callable[[Connection], bytes]:
        def hello(connection: Connection) -> bytes:
            connection.close(200, now=self._world.loop.time())
            return connection.data_to_send(self._world.loop.time())

        return hello

    def _stolen_session(self) -> Callable[[Connection], bytes] | None:
        """Another user's session: with its right token, with a wrong one, or from a device of the same name."""
        victims = [
            session for device in self._world.devices if (session := session_of(device.client)) is not None
        ]
        if not victims:
            return None
        victim = self._random.choice(victims)
        token, user_id, device_id = victim.resume_token, STRANGER, f"lie-{self._number}"
        how = self._random.randrange(3)
        if how == 1:
            token = self._random.randbytes(len(token))
        elif how == 2:
            device_id = victim.device_id  # an id that is known, of another user
        stolen = _claimed(victim, device_id, token)
        stolen.receive.seq = self._random.choice((0, victim.recv_seq, victim.recv_seq + 1000))
        self._world.journal.note("lie", how, victim.user_id)

        def hello(connection: Connection) -> bytes:
            connection.hello(self._token(user_id), device_id, {}, stolen)
            return connection.data_to_send(self._world.loop.time())

        return hello

    def _future(self) -> Callable[[Connection], bytes]:
        """Its own session, with an ack of frames that were never sent."""
        own = self._own
        device_id = own.device_id if own is not None else f"own-{self._number}"
        if own is not None:
            ahead = own.recv_seq + 1000
            own = _claimed(
                own, device_id, own.resume_token
            )  # the server may have ended it meanwhile: asked for all the same
            own.receive.seq = ahead

        def hello(connection: Connection) -> bytes:
            connection.hello(self._token(STRANGER), device_id, {}, own)
            return connection.data_to_send(self._world.loop.time())

        return hello

    def _garbage(self) -> Callable[[Connection], bytes]:
        size = self._random.choice((1, 4, 40, 3000))
        return lambda connection: self._random.randbytes(size)

    def _half(self) -> Callable[[Connection], bytes]:
        """Half of a HELLO, and then nothing."""

        def hello(connection: Connection) -> bytes:
            connection.hello(self._token(STRANGER), "half", {})
            return connection.data_to_send(self._world.loop.time())[:20]

        return hello


def session_of(client: Client | None) -> Session | None:
    """The session that a client has with its server."""
    if client is None:
        return None
    session = client._core._reconnect._session
    return session if session is not None and session.resume_token else None


def _claimed(session: Session, device_id: str, token: bytes) -> Session:
    """A session as somebody offers it who says that it is theirs."""
    return Session(
        Side.CLIENT,
        session_id=session.session_id,
        user_id=session.user_id,
        device_id=device_id,
        limits=session.limits,
        resume_token=token,
    )
