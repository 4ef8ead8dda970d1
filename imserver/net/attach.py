"""Attaching: authenticates HELLO and attaches its connection to the session that it resumes, or to a fresh one."""

from __future__ import annotations

import asyncio
import base64
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from imserver.chat.accounts import Identity
from imserver.chat.endings import ends
from imserver.chat.guests import GUEST
from imserver.chat.ports import Store
from imserver.chat.quotas import Used
from imserver.chat.service import Chat
from imserver.clock import Clock
from imserver.config import LimitsConfig
from imserver.errors import NotAuthorized, Refusal, RefusalCode, StoreFailed
from imserver.events import AccessEnded
from imserver.model import Usage
from imserver.net.admission import Admission
from imserver.net.dispatch import MethodTable
from imserver.net.scheduling.user_quota import UserQuotas
from imserver.net.session_registry import SessionRegistry
from imserver.net.sessions import DeviceSession
from imserver.net.transport import ServerTransport
from imserver_protocol.errors import CloseCode
from imserver_protocol.limits import Limits
from imserver_protocol.session.events import Closed
from imserver_protocol.session.handshake import resume_refusal
from imserver_protocol.session.session import Session
from imserver_protocol.session.states import ConnectionState, Recorder, SessionState, Side
from imserver_protocol.wire.frames import Hello

#: One text for every cause: an unauthenticated peer learns nothing from it.
AUTH_FAILED_TEXT = "not authorized"
#: The same for every cause, too: whoever holds a stolen device need not know whether one token was revoked, or all.
REVOKED_TEXT = "no longer authorized"
RESUME_TOKEN_BYTES = 24
SESSION_ID_BYTES = 16


class Attachments:
    """All sessions of one server, and the attaching of connections to them."""

    def __init__(
        self,
        admission: Admission,
        chat: Chat,
        store: Store,
        clock: Clock,
        log: Any,
        *,
        limits: LimitsConfig,
        protocol_limits: Limits,
        readers: int,
        methods: MethodTable,
        features: Callable[[], tuple[str, ...]],
        random_bytes: Callable[[int], bytes],
        recorder: Recorder | None,
    ) -> None:
        #: As of the start: of these, sessions use what was agreed with them alone.
        self.limits = limits
        self.protocol_limits = protocol_limits
        self.chat = chat
        self.clock = clock
        self.log = log
        self.random_bytes = random_bytes
        self.methods = methods
        #: What WELCOME names.
        self.features = features
        #: Set by the listener: takes signals of clients.
        self.hear: Callable[[DeviceSession, str, tuple[Any, ...]], None] = _ignore
        self.recorder = recorder
        self.loop = asyncio.get_running_loop()
        self.sessions = SessionRegistry(limits, self._session_ended)
        self.user_quotas = UserQuotas(readers, chat.posting.take_tokens, chat.lookups.take)
        self._admission = admission
        self._store = store
        self._handshakes: dict[asyncio.Task[None], None] = {}
        #: The row of another life of the store is being written.
        self._between_lives = False
        self.refusals: Counter[RefusalCode] = Counter()

    async def cancel_handshakes(self) -> None:
        """For drain: close connections whose HELLO waits for WELCOME with GOODBYE DRAINING."""
        for task in list(self._handshakes):
            task.cancel()
        await asyncio.gather(*self._handshakes, return_exceptions=True)

    # -- called by transports -----------------------------------------------------------------------------------------

    def hello(self, transport: ServerTransport, hello: Hello) -> None:
        """Authenticate, then WELCOME."""
        task = self.loop.create_task(self._handshake(transport, hello))
        self._handshakes[task] = None
        task.add_done_callback(self._handshakes.pop)

    def closed(self, transport: ServerTransport, session: DeviceSession | None, event: Closed) -> None:
        """A connection has closed; its session ends or waits to be resumed."""
        transport.log.debug(
            "connection_closed",
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

    # -- the handshake ------------------------------------------------------------------------------------------------

    async def _handshake(self, transport: ServerTransport, hello: Hello) -> None:
        met: list[Usage] = []
        try:
            # No other await behind it: an identity holds for this turn.
            identity = await self.chat.accounts.authenticate(hello.token, hello.device_id, met.append)
        except NotAuthorized as cause:
            wait_s = self._admission.login_failed(transport, str(cause))
            if wait_s is not None:
                transport.close(CloseCode.TOO_MANY, "too many failed logins", int(wait_s * 1000) + 1)
                return
            transport.close(CloseCode.AUTH_FAILED, AUTH_FAILED_TEXT)
            return
        except asyncio.CancelledError:
            transport.close(CloseCode.DRAINING, "the server is going down", self._admission.drain_delay_ms())
            raise
        except Refusal as refusal:
            transport.close(CloseCode.OVERLOADED, "try again later", refusal.retry_after_ms)
            return
        except StoreFailed:
            transport.close(CloseCode.STORE_FAILED, "try again later", 5000)
            return
        except Exception:
            transport.log.exception("handshake_failed")
            transport.close(CloseCode.INTERNAL, "try again later", 5000)
            return
        if transport.connection.state is not ConnectionState.AWAITING_WELCOME:
            return
        full = self._admission.login(transport)
        if full is not None:
            transport.close(*full)
        else:
            guest = GUEST in identity.user.roles
            self._welcome(transport, hello, identity, self.chat.posting.quotas.met(met[0], guest=guest))

    def _welcome(self, transport: ServerTransport, hello: Hello, identity: Identity, used: Used) -> None:
        """Attach the session that HELLO asks for, or a fresh one. No await in here: it is one step."""
        if self._between_lives:
            transport.close(CloseCode.OVERLOADED, "the server begins anew", self._admission.drain_delay_ms())
            return
        now = self.clock.monotonic()
        user_id = identity.user.user_id
        session, reason = self._resumable(hello, user_id, now)
        resumed = session is not None
        older = self.sessions.of_device(user_id, hello.device_id)
        if older is not None and older.stream.is_held_by_newer(transport.connection.opened_at):
            # The client gave this socket up and has reconnected: serving it would displace the connection in use.
            transport.close(CloseCode.REPLACED, "a newer connection of this device is in use")
            return
        if session is None:
            if older is not None:
                self._replace(older, now)
            if not self.sessions.make_room_for(user_id):
                transport.close(CloseCode.TOO_MANY, "too many devices of this user", 60_000)
                return
            session = self._fresh(user_id, hello.device_id, identity, used)
        displaced = session.transport
        session.identity = identity
        transport.connection.welcome(
            session.stream,
            resumed=resumed,
            reason=reason,
            resume_token=self.random_bytes(RESUME_TOKEN_BYTES),
            store_epoch=self._store.epoch,
            place=self._store.place(),
            server_time_ms=self.clock.now_ms(),
            now=now,
            features=self.features(),
        )
        session.transport = transport
        transport.attach(session)
        self._admission.authenticated(transport)
        if displaced is None:
            self.sessions.attached(session)
        self._admission.counts["resumed" if resumed else "welcomed"] += 1
        if isinstance(displaced, ServerTransport):
            displaced.displaced()
        session.pump()  # the ack in HELLO may have freed room for waiting requests
        transport.mark()
        transport.log.debug(
            "welcomed", user_id=user_id, device_id=hello.device_id, resumed=resumed, reason=reason
        )

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

    def _fresh(self, user_id: str, device_id: str, identity: Identity, used: Used) -> DeviceSession:
        stream = Session(
            Side.SERVER,
            session_id=_url_safe(self.random_bytes(SESSION_ID_BYTES)),
            user_id=user_id,
            device_id=device_id,
            limits=self.protocol_limits,
            recorder=self.recorder,
        )
        quota = self.user_quotas.of(user_id)
        session = DeviceSession(stream, identity, self, quota, used, self.clock.now_ms())
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

    async def begin_life(self, why: str) -> None:
        """Begin another life of the store, and end all sessions of the one before: their places do not name it.

        No session may learn of what is written behind the new life's row, not even of what is committed together with it: its
        client would take that for the end of the life before, which has none of it. So they end first, and none begins until
        the row is committed.
        """
        self._between_lives = True
        try:
            self._end_all()
            await self._store.begin_life(why)
        finally:
            self._between_lives = False

    def end_access(self, event: AccessEnded) -> None:
        """Whoever stands on what ended here goes now."""
        self.end_sessions(
            [found for found in self.sessions.of_user(event.user_id) if ends(event, found.identity)],
            CloseCode.REVOKED,
            REVOKED_TEXT,
        )

    def end_sessions(self, sessions: Sequence[DeviceSession], code: CloseCode, text: str) -> None:
        """End sessions with a GOODBYE, if they have a connection."""
        now = self.clock.monotonic()
        for session in sessions:
            if session.transport is not None:
                session.transport.close(code, text)
            self.sessions.end(session, now)

    def _end_all(self) -> None:
        now = self.clock.monotonic()
        for session in list(self.sessions):
            if session.transport is not None:
                session.transport.close(
                    CloseCode.OVERLOADED, "the server begins anew", self._admission.drain_delay_ms()
                )
            self.sessions.end(session, now)

    def _session_ended(self, session: DeviceSession) -> None:
        self.chat.hub.unregister(session)


def _ignore(session: DeviceSession, kind: str, fields: tuple[Any, ...]) -> None:
    """A server without signals."""


def _url_safe(random: bytes) -> str:
    return base64.urlsafe_b64encode(random).rstrip(b"=").decode("ascii")
