"""Drives a `Connection` over an asyncio transport: the step rule (docs/architecture.md), written once for the client."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable
from typing import Protocol, cast

from imserver_protocol import Connection, ConnectionState, Event

_log = logging.getLogger("imserver_client")
_OVER = (ConnectionState.CLOSING, ConnectionState.CLOSED)


class TransportOwner(Protocol):
    """Handles the events of a connection."""

    def connection_event(self, event: Event) -> None: ...

    def step_done(self) -> None:
        """All events are handled: send requests and posts while there is room."""
        ...

    def connection_failed(self, error: Exception) -> None:
        """An event handler of ours raised."""
        ...


class ClientTransport(asyncio.Protocol):
    """One socket. Nothing else writes to it, and nothing else feeds its `connection`."""

    def __init__(
        self,
        connection: Connection,
        owner: TransportOwner,
        monotonic: Callable[[], float],
        abort_after_s: float,
    ) -> None:
        self.connection = connection
        #: Set when the socket is gone.
        self.lost = asyncio.Event()
        self._owner: TransportOwner | None = owner
        self._monotonic = monotonic
        self._abort_after_s = abort_after_s
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at: float | None = None
        self._soon: asyncio.Handle | None = None
        self._cut: asyncio.TimerHandle | None = None
        self._stepping = False
        self._closing = False
        self._writable = True

    # -- asyncio calls these ------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's class does not inherit from it
        sock = transport.get_extra_info("socket")
        if sock is not None and sock.family in (socket.AF_INET, socket.AF_INET6):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def data_received(self, data: bytes) -> None:
        self.connection.receive_data(data, self._monotonic())
        self._step()

    def eof_received(self) -> bool:
        self.connection.receive_eof(self._monotonic())
        self._step()
        return False

    def pause_writing(self) -> None:
        """The server does not read: unsent frames stay in the session, which is bounded."""
        self._writable = False

    def resume_writing(self) -> None:
        self._writable = True
        self._step()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self.connection.receive_eof(self._monotonic())
        self._step()
        self._stop_timers()
        if self._cut is not None:
            self._cut.cancel()
        self.lost.set()

    # -- the owner calls these ----------------------------------------------------------------------------------------

    def step_soon(self) -> None:
        """Schedule a step. All frames queued in this turn of the event loop leave in one write."""
        if self._soon is None and not self._stepping and not self.lost.is_set():
            self._soon = self._loop.call_soon(self._step)

    def abort(self) -> None:
        """Cut at once; buffered bytes are lost."""
        if self._transport is not None:
            self._transport.abort()

    def disown(self) -> None:
        """Drop a transport that was never used: later events of its socket are not reported."""
        self._owner = None
        self.abort()

    async def cut(self) -> None:
        """Abort, and wait until the socket is gone."""
        if self._transport is not None:
            self._transport.abort()
            await self.lost.wait()

    @property
    def buffered_bytes(self) -> int:
        """Bytes that the socket has not taken yet."""
        return self._transport.get_write_buffer_size() if self._transport is not None else 0

    # -- the step -----------------------------------------------------------------------------------------------------

    def _step(self) -> None:
        """Write pending frames, hand over events, re-arm the timer. A call from within a handler adds a round."""
        if self._soon is not None:
            self._soon.cancel()
            self._soon = None
        connection, owner = self.connection, self._owner
        if self._stepping or owner is None:
            return
        self._stepping = True
        try:
            while True:
                self._write()
                for event in connection.events():
                    owner.connection_event(event)
                owner.step_done()
                if not (self._writable and connection.has_data_to_send):
                    break
        except Exception as error:  # it stops the client, and every call raises it
            _log.info("client stops: %s", error, exc_info=error)
            owner.connection_failed(error)
        finally:
            self._stepping = False
        self._write()
        if connection.state in _OVER:
            self._end_socket()
        self._arm()

    def _write(self) -> None:
        if not self._writable and self.connection.state not in _OVER:
            return
        data = self.connection.data_to_send(self._monotonic())
        if data and self._transport is not None:
            self._transport.write(data)

    def _arm(self) -> None:
        deadline = self.connection.deadline
        if deadline is None or self.lost.is_set():
            self._stop_timers()
            return
        # A timer that fires too early costs one call; re-arming it at every frame would cost more.
        if self._timer is not None and self._timer_at is not None and self._timer_at <= deadline:
            return
        self._stop_timers()
        self._timer_at = deadline
        self._timer = self._loop.call_later(max(0.0, deadline - self._monotonic()), self._on_timer)

    def _on_timer(self) -> None:
        self._timer = self._timer_at = None
        self.connection.on_time(self._monotonic())
        self._step()

    def _stop_timers(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._timer_at = None

    def _end_socket(self) -> None:
        """After GOODBYE. `close()` may never finish with a peer that does not read, so a timer aborts it."""
        if self._closing or self._transport is None:
            return
        self._closing = True
        if self.connection.state is ConnectionState.CLOSED:
            self._transport.abort()  # nothing of ours is left to send
            return
        self._transport.close()
        self._cut = self._loop.call_later(self._abort_after_s, self.abort)
