"""The server's front door: listens, admits, authenticates, attaches sessions, and sweeps once a second."""

from __future__ import annotations

import asyncio
import base64
from collections import Counter, OrderedDict
from collections.abc import Callable
from typing import Any

from imserver.chat.accounts import Identity
from imserver.chat.ports import Store
from imserver.chat.service import Chat
from imserver.chat.units import Unit
from imserver.clock import Clock
from imserver.config import Config
from imserver.errors import ConfigError, NotAuthorized, Refusal, StartError, StoreFailed
from imserver.net.address_limits import AddressLimits, room_for_connections
from imserver.net.scheduling.read_scheduler import ReadScheduler
from imserver.net.scheduling.user_quota import UserQuotas
from imserver.net.scheduling.write_queue import WriteQueue
from imserver.net.sessions import SWEPT_A_TURN, DeviceSession, SessionRegistry
from imserver.net.tls_listener import TlsListener, tls_context
from imserver.net.transport import SWEEP_INTERVAL_S, Accepted, ServerTransport
from imserver.net.typing_signals import relay_typing
from imserver_protocol.errors import CloseCode
from imserver_protocol.limits import Limits
from imserver_protocol.session.events import Closed
from imserver_protocol.session.handshake import resume_refusal
from imserver_protocol.session.session import Session
from imserver_protocol.session.states import ConnectionState, Recorder, SessionState, Side
from imserver_protocol.wire.frames import Hello

#: One text for every cause: a stranger learns nothing from it.
AUTH_FAILED_TEXT = "not authorized"
#: Accepted connections that the kernel may hold for us.
BACKLOG = 4096
#: When clients of a draining server may come back: spread over this many milliseconds.
DRAIN_SPREAD_MS = 3000
RESUME_TOKEN_BYTES = 24
SESSION_ID_BYTES = 16
#: What a push or a page adds to one content at the most (ids, numbers, headers): a message must fit a frame.
PUSH_OVERHEAD_BYTES = 2048


class Listener:
    """All connections and sessions of one server."""

    def __init__(
        self,
        config: Config,
        chat: Chat,
        store: Store,
        clock: Clock,
        log: Any,
        random_bytes: Callable[[int], bytes],
        recorder: Recorder | None = None,
    ) -> None:
        self.limits = config.limits
        self.protocol_limits = protocol_limits(config)
        self.chat = chat
        self.clock = clock
        self.log = log
        self.random_bytes = random_bytes
        self.recorder = recorder
        self.loop = asyncio.get_running_loop()
        self.write_queue = WriteQueue(self.loop)
        self.read_scheduler = ReadScheduler(self.loop, clock)
        self.sessions = SessionRegistry(config.limits, self._session_ended)
        self.user_quotas = UserQuotas(config.store.readers, chat.posting.take_tokens)
        #: In order of accepting: whatever is done with all of them is done in the same order in every run.
        self.transports: dict[Accepted, None] = {}
        #: Those who have not yet said who they are, the oldest first.
        self._unauthenticated: OrderedDict[Accepted, None] = OrderedDict()
        #: Sums for whoever watches: accepted connections, welcomes, resumes.
        self.counts: Counter[str] = Counter()
        self._config = config
        self._store = store
        self._addresses = AddressLimits(config.limits)
        self._max_connections = room_for_connections(config.limits.max_connections)
        self._server: asyncio.Server | None = None
        self._tls_door: TlsListener | None = None
        self._sweeper: asyncio.Task[None] | None = None
        self._handshakes: dict[asyncio.Task[None], None] = {}
        self._draining = False
        self._nobody_left = asyncio.Event()
        self._nobody_left.set()

    # -- life ---------------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Bind and listen. Raises `StartError` (address in use) or `ConfigError` (certificates)."""
        server = self._config.server
        where = server.unix_socket or f"{server.host}:{server.port}"
        try:
            if server.unix_socket:
                self._server = await self.loop.create_unix_server(
                    lambda: ServerTransport(self), server.unix_socket, backlog=BACKLOG
                )
            elif server.tls_certificate:
                self._tls_door = TlsListener(self, tls_context(server.tls_certificate, server.tls_key))
                await self._tls_door.open(server.host, server.port, BACKLOG)
            else:
                self._server = await self.loop.create_server(
                    lambda: ServerTransport(self), server.host, server.port, backlog=BACKLOG
                )
        except OSError as error:
            raise StartError(f"cannot listen on {where}: {error.strerror or error}") from None
        self._sweeper = self.loop.create_task(self._sweep())

    @property
    def port(self) -> int:
        """The TCP port that we listen on (0 for a Unix socket)."""
        if self._tls_door is not None:
            return self._tls_door.port
        if self._server is None or self._config.server.unix_socket:
            return 0
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def stop_accepting(self) -> None:
        """The first step of drain: no new connections, no new handshakes."""
        self._shut()
        for task in list(self._handshakes):
            task.cancel()
        await asyncio.gather(*self._handshakes, return_exceptions=True)

    async def say_goodbye(self, timeout_s: float) -> None:
        """The last step: requests in work are answered, GOODBYE DRAINING is the last frame, sockets end.

        All of it within `timeout_s`; who has not read by then is cut off, and finds everything in the store.
        """
        try:
            async with asyncio.timeout(timeout_s):
                await asyncio.gather(*(session.close() for session in self.sessions))
                self._turn_away()
                await self._nobody_left.wait()
        except TimeoutError:
            self.log.warning("drain_timeout", connections=len(self.transports))
            self._turn_away()
        for transport in list(self.transports):
            transport.abort()
        if self._sweeper is not None:
            self._sweeper.cancel()
            await asyncio.gather(self._sweeper, return_exceptions=True)
        for session in self.sessions:
            self.sessions.end(session, self.clock.monotonic())

    def _turn_away(self) -> None:
        for transport in list(self.transports):
            transport.close(CloseCode.DRAINING, "the server is going down", self._drain_delay_ms())
        self.write_queue.flush_all()

    def _drain_delay_ms(self) -> int:
        return int.from_bytes(self.random_bytes(4)) % DRAIN_SPREAD_MS + 1

    def abort(self) -> None:
        """The store failed: nobody is answered any more, every socket ends now."""
        self._shut()
        for transport in list(self.transports):
            transport.abort()

    def _shut(self) -> None:
        self._draining = True
        if self._server is not None:
            self._server.close()
        if self._tls_door is not None:
            self._tls_door.close()

    def submit(self, unit: Unit) -> None:
        """Into the writer's queue."""
        self._store.submit(unit)

    # -- what transports call -----------------------------------------------------------------------------------------

    def admission(self, accepted: Accepted) -> tuple[CloseCode, str, int] | None:
        """None, or with which GOODBYE a new connection is turned away."""
        self.transports[accepted] = None
        self._nobody_left.clear()
        self.counts["connections"] += 1
        # Whoever is turned away is counted as well: `forget` takes every connection from its address again.
        wait_s = self._addresses.connect(accepted.address, self.clock.monotonic())
        if self._draining:
            return CloseCode.DRAINING, "the server is going down", self._drain_delay_ms()
        if len(self.transports) > self._max_connections:
            return CloseCode.TOO_MANY, "too many connections", 5000
        if wait_s is not None:
            return CloseCode.TOO_MANY, "too many connections from this address", int(wait_s * 1000) + 1
        self._unauthenticated[accepted] = None
        if len(self._unauthenticated) > self.limits.max_unauthenticated:
            # The oldest goes, not the newest: a crowd that says nothing does not keep out who knows what to say.
            oldest, _ = self._unauthenticated.popitem(last=False)
            oldest.close(CloseCode.TOO_MANY, "too many connections that do not say who they are", 5000)
        return None

    def passed(self, accepted: Accepted, transport: ServerTransport) -> None:
        """A handshake came to its end: the connection takes the place of what was counted for it."""
        if accepted not in self.transports:  # turned away in this very turn
            transport.abort()
            return
        del self.transports[accepted]
        self.transports[transport] = None
        if accepted in self._unauthenticated:
            del self._unauthenticated[accepted]
            self._unauthenticated[transport] = None

    def forget(self, accepted: Accepted) -> None:
        """Its socket is gone."""
        self._unauthenticated.pop(accepted, None)
        if accepted in self.transports:
            del self.transports[accepted]
            if not self.transports:
                self._nobody_left.set()
            self._addresses.disconnect(accepted.address)

    def hello(self, transport: ServerTransport, hello: Hello) -> None:
        """Authenticate, then WELCOME."""
        task = self.loop.create_task(self._handshake(transport, hello))
        self._handshakes[task] = None
        task.add_done_callback(self._handshakes.pop)

    def closed(self, transport: ServerTransport, session: DeviceSession | None, event: Closed) -> None:
        """A connection came to its end; its session is over or waits to be resumed."""
        self.log.debug(
            "connection_closed",
            address=transport.address,
            user_id=session.user_id if session else None,
            code=int(event.code),
            by_peer=event.by_peer,
        )
        if session is None or session.transport is not transport:
            return
        if session.stream.state is SessionState.ENDED or event.session_over:
            self.sessions.end(session, self.clock.monotonic())
        else:
            self.sessions.detached(session)

    def signal(self, session: DeviceSession, kind: str, fields: tuple[Any, ...]) -> None:
        """Ephemeral. Unknown kinds are ignored."""
        if kind == "typing" and fields and isinstance(fields[0], str):
            relay_typing(self.chat.hub, session, fields[0], self.clock.monotonic())

    # -- the handshake ------------------------------------------------------------------------------------------------

    async def _handshake(self, transport: ServerTransport, hello: Hello) -> None:
        try:
            identity = await self.chat.accounts.authenticate(hello.token, hello.device_id)
        except NotAuthorized as cause:
            wait_s = self._addresses.login_failed(transport.address, self.clock.monotonic())
            if wait_s is not None:
                transport.close(CloseCode.TOO_MANY, "too many failed logins", int(wait_s * 1000) + 1)
                return
            self.log.info("login_refused", address=transport.address, cause=str(cause))
            transport.close(CloseCode.AUTH_FAILED, AUTH_FAILED_TEXT)
            return
        except asyncio.CancelledError:
            transport.close(CloseCode.DRAINING, "the server is going down", self._drain_delay_ms())
            raise
        except Refusal as refusal:
            transport.close(CloseCode.OVERLOADED, "try again later", refusal.retry_after_ms)
            return
        except StoreFailed:
            transport.close(CloseCode.STORE_FAILED, "try again later", 5000)
            return
        except Exception:
            self.log.exception("handshake_failed", address=transport.address)
            transport.close(CloseCode.INTERNAL, "try again later", 5000)
            return
        if transport.connection.state is ConnectionState.AWAITING_WELCOME:
            self._welcome(transport, hello, identity)

    def _welcome(self, transport: ServerTransport, hello: Hello, identity: Identity) -> None:
        """Attach the session that HELLO asks for, or a fresh one. No await in here: it is one step."""
        now = self.clock.monotonic()
        user_id = identity.user.user_id
        session, reason = self._resumable(hello, user_id, now)
        resumed = session is not None
        older = self.sessions.of_device(user_id, hello.device_id)
        if older is not None and older.stream.is_held_by_newer(transport.connection.opened_at):
            # The client gave this socket up and is back on another one: serving it would throw out the one in use.
            transport.close(CloseCode.REPLACED, "a newer connection of this device is in use")
            return
        if session is None:
            if older is not None:
                self._replace(older, now)
            if not self.sessions.make_room_for(user_id):
                transport.close(CloseCode.TOO_MANY, "too many devices of this user", 60_000)
                return
            session = self._fresh(user_id, hello.device_id, identity)
        displaced = session.transport
        session.identity = identity
        transport.connection.welcome(
            session.stream,
            resumed=resumed,
            reason=reason,
            resume_token=self.random_bytes(RESUME_TOKEN_BYTES),
            store_epoch=self._store.epoch,
            server_time_ms=self.clock.now_ms(),
            now=now,
        )
        session.transport = transport
        transport.session = session
        self._unauthenticated.pop(transport, None)
        self.sessions.attached(session)
        self.counts["resumed" if resumed else "welcomed"] += 1
        if isinstance(displaced, ServerTransport):
            displaced.displaced()
        session.pump()  # the ack in HELLO may have made the room that requests wait for
        transport.mark()
        self.log.debug("welcomed", user_id=user_id, device_id=hello.device_id, resumed=resumed, reason=reason)

    def _resumable(self, hello: Hello, user_id: str, now: float) -> tuple[DeviceSession | None, str]:
        if hello.resume is None:
            return None, ""
        session_id, token = hello.resume
        session = self.sessions.get(session_id)
        reason = resume_refusal(
            session.stream if session else None,
            user_id=user_id,
            device_id=hello.device_id,
            token=token,
            ack=hello.ack,
            now=now,
        )
        return (session, "") if reason is None else (None, reason)

    def _fresh(self, user_id: str, device_id: str, identity: Identity) -> DeviceSession:
        stream = Session(
            Side.SERVER,
            session_id=_url_safe(self.random_bytes(SESSION_ID_BYTES)),
            user_id=user_id,
            device_id=device_id,
            limits=self.protocol_limits,
            recorder=self.recorder,
        )
        session = DeviceSession(stream, identity, self, self.user_quotas.of(user_id))
        self.sessions.add(session)
        # From here on commits are pushed to it: what the client reads after WELCOME leaves no gap to the pushes.
        self.chat.hub.register(session)
        return session

    def _replace(self, older: DeviceSession, now: float) -> None:
        """A fresh HELLO of a device ends its older session."""
        transport = older.transport
        if transport is not None:
            transport.close(CloseCode.REPLACED, "another connection of this device")
        self.sessions.end(older, now)

    def _session_ended(self, session: DeviceSession) -> None:
        self.chat.hub.unregister(session)

    # -- the sweep ----------------------------------------------------------------------------------------------------

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_INTERVAL_S)
            try:
                now = self.clock.monotonic()
                for number, transport in enumerate(list(self.transports), 1):
                    transport.sweep(now)
                    if number % SWEPT_A_TURN == 0:
                        await asyncio.sleep(0)
                for _ in self.sessions.sweep(now, self.clock.now_ms() / 1000, self._config.auth.grace_s):
                    await asyncio.sleep(0)
                self._addresses.sweep(now)
            except Exception:
                self.log.exception("sweep_failed")


def protocol_limits(config: Config) -> Limits:
    """The protocol's limits as configured. Raises `ConfigError` for values that do not fit together."""
    limits = config.limits
    if limits.max_content_bytes + PUSH_OVERHEAD_BYTES > limits.max_frame_bytes:
        most = limits.max_frame_bytes - PUSH_OVERHEAD_BYTES
        raise ConfigError(
            "$.limits.max_content_bytes", f"at most max_frame_bytes - {PUSH_OVERHEAD_BYTES} = {most}"
        )
    try:
        return Limits(
            max_frame_bytes=limits.max_frame_bytes,
            max_content_bytes=limits.max_content_bytes,
            max_requests=limits.max_requests,
            window_frames=limits.window_frames,
            window_bytes=limits.window_bytes,
            max_page_items=limits.max_page_items,
            session_ttl_s=limits.detached_s,
        )
    except ValueError as error:
        raise ConfigError("$.limits", str(error)) from None


def _url_safe(random: bytes) -> str:
    return base64.urlsafe_b64encode(random).rstrip(b"=").decode("ascii")
