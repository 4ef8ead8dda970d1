"""Keeps the client connected: opens one connection after another, reacts to each kind of end, chooses the token."""

from __future__ import annotations

import asyncio
import inspect
import logging
import ssl
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from imserver_client.address import Address
from imserver_client.environment import Environment
from imserver_client.errors import Stopped
from imserver_client.limits import ClientLimits
from imserver_protocol import CloseCode, Closed, Connection, Limits, Reaction, Session, Side, reaction

from .backoff import Backoff
from .transport import ClientTransport, TransportOwner

_log = logging.getLogger("imserver_client")

#: A token, or a function that returns one.
TokenSource = str | Callable[[], str | Awaitable[str]]


class Tokens:
    """The token for HELLO. A refused one is never sent again."""

    def __init__(self, source: TokenSource) -> None:
        self._source = source
        self._token: str | None = source if isinstance(source, str) else None
        self._refused: str | None = None
        #: Why it was.
        self._code, self._text = int(CloseCode.AUTH_FAILED), ""

    async def current(self) -> str:
        """The token to send. Raises Stopped if there is only the refused one, and any error of the application's function."""
        if self._token is None and not isinstance(self._source, str):
            given = self._source()
            self._token = await given if inspect.isawaitable(given) else given
        if self._token is None or self._token == self._refused:
            text = self._text or "the token is not accepted"
            raise Stopped(self._code, f"{text}, and there is no newer one")
        return self._token

    def refuse(self, code: int, text: str) -> None:
        """The server rejected the token: it is wrong, too old, or was revoked."""
        self._refused, self._token = self._token, None
        self._code, self._text = code, text

    @property
    def exhausted(self) -> bool:
        """True if there is no token left and no function to call."""
        return self._token is None and isinstance(self._source, str)

    def renewed(self, token: str) -> None:
        """The application extended the session with this one."""
        self._token = token


class ReconnectOwner(TransportOwner, Protocol):
    """The rest of the client, as `Reconnect` uses it."""

    def device_for(self, token: str) -> str: ...

    def connecting(self) -> None: ...

    def attempt_failed(self, text: str, retry_in_s: float) -> None:
        """No connection now; the next attempt begins in `retry_in_s`."""
        ...

    def violation(self, closed: Closed) -> None:
        """The connection ended with 210-215."""
        ...

    def session_over(self) -> None:
        """The session cannot be resumed."""
        ...


class Reconnect:
    """The task that connects, and the current connection."""

    def __init__(
        self,
        owner: ReconnectOwner,
        address: Address,
        tls: ssl.SSLContext | None,
        tokens: Tokens,
        client_info: dict[str, Any],
        limits: ClientLimits,
        environment: Environment,
    ) -> None:
        self._owner = owner
        self._address = address
        self._tls = tls
        self._tokens = tokens
        self._client_info = client_info
        self._limits = limits
        self._environment = environment
        self._backoff = Backoff(environment.uniform, limits.max_retry_after_s)
        self._session: Session | None = None
        self._welcomed_at: float | None = None
        self._violations = 0
        self._violated_at = 0.0
        #: The current socket.
        self.transport: ClientTransport | None = None
        #: How the last connection ended; the connection's own report.
        self.closed: Closed | None = None
        #: No further attempt is made.
        self.leaving = False

    def welcomed(self, session: Session) -> None:
        """The server sent WELCOME."""
        self._session = session
        self._welcomed_at = self._environment.monotonic()

    async def run(self) -> None:
        """Connect until `leaving`. Raises Stopped when the client must not come back by itself."""
        while True:
            self._owner.connecting()
            try:
                token = await self._tokens.current()
                closed = await self._live(token)
            except OSError as error:  # TimeoutError and ssl.SSLError are OSErrors
                after_ms = getattr(error, "retry_after_ms", 0)  # what a refused WebSocket was told
                closed = Closed(CloseCode.LOST, str(error) or type(error).__name__, after_ms, False, False)
            if self.leaving:
                return
            delay = self._after(closed)
            self._owner.attempt_failed(closed.text, delay)
            await asyncio.sleep(delay)

    async def _live(self, token: str) -> Closed:
        """One connection, from opening the transport until it is gone."""
        environment, limits = self._environment, self._limits
        self._begin()
        connection = Connection(Side.CLIENT, Limits(), environment.monotonic(), recorder=environment.recorder)
        transport = ClientTransport(connection, self._owner, environment.monotonic, limits.abort_after_s)
        try:
            async with asyncio.timeout(limits.connect_timeout_s):
                await environment.open_transport(self._address, self._tls, lambda: transport)
        except BaseException:
            # The failed opening closed the socket; uvloop then never calls connection_lost, so do not wait for it.
            transport.disown()
            raise
        try:
            self.transport = transport
            connection.hello(token, self._owner.device_for(token), self._client_info, self._session)
            transport.step_soon()
            await transport.lost.wait()
        finally:
            self.transport = None
            await transport.cut()
        return self.closed or Closed(CloseCode.LOST, "connection lost", 0, False, False)

    def _begin(self) -> None:
        self.closed = self._welcomed_at = None

    # -- the table of reactions (SPEC, "Close codes") -----------------------------------------------------------------

    def _after(self, closed: Closed) -> float:
        """Do what the close code prescribes; returns the seconds to wait. Raises Stopped."""
        lived_s = 0.0
        if self._welcomed_at is not None:
            lived_s = self._environment.monotonic() - self._welcomed_at
        react = reaction(closed.code)
        if lived_s >= self._limits.stable_after_s and react is not Reaction.FRESH:
            self._backoff.reset()
        _log.info("connection ended: %d %s", closed.code, closed.text)
        if react is Reaction.STOP:
            raise Stopped(closed.code, closed.text)
        if react is Reaction.FRESH:
            self._count_violation(closed)  # first: it looks at the posts in flight
        if closed.session_over:
            self._session = None
            self._owner.session_over()
        if react is Reaction.NEW_TOKEN:
            self._refuse_token(closed)
        return self._backoff.next(closed.retry_after_ms)

    def _count_violation(self, closed: Closed) -> None:
        now = self._environment.monotonic()
        if now - self._violated_at >= self._limits.calm_after_s:
            self._violations = 0
        self._violations += 1
        self._violated_at = now
        self._owner.violation(closed)
        if self._violations >= self._limits.max_violations:
            raise Stopped(closed.code, closed.text)

    def _refuse_token(self, closed: Closed) -> None:
        self._tokens.refuse(closed.code, closed.text)
        if self._tokens.exhausted:
            raise Stopped(closed.code, closed.text)
