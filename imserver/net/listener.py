"""The listener binds, accepts, sweeps each second and drains. `admission` counts connections, `attach` gives them sessions."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from imserver.chat.ports import Store
from imserver.chat.service import Chat
from imserver.clock import Clock
from imserver.config import Config, LimitsConfig
from imserver.errors import ConfigError, Refusal, StartError, StoreFailed
from imserver.feature_host import FeatureHost
from imserver.net.accept_loop import listening_sockets
from imserver.net.admission import Admission
from imserver.net.attach import Attachments
from imserver.net.certificates import Certificate, read_certificate
from imserver.net.clock_watch import ClockWatch
from imserver.net.dispatch import MethodTable
from imserver.net.feature_rows import LiveSessions, Signals, watch_sessions
from imserver.net.refused_peers import RefusedPeers
from imserver.net.scheduling.read_scheduler import ReadScheduler
from imserver.net.scheduling.write_queue import WriteQueue
from imserver.net.session_registry import SWEPT_A_TURN
from imserver.net.socket_listener import SocketListener
from imserver.net.taps import Taps
from imserver.net.transport import SWEEP_INTERVAL_S, ServerTransport
from imserver.net.unix_socket import UnixSocket
from imserver.networks import Proxies
from imserver.passing import passes
from imserver_protocol.limits import Limits
from imserver_protocol.session.states import Recorder

#: Accepted connections that the kernel may hold for us.
BACKLOG = 4096
#: The most that a push or a page adds to one content (ids, numbers, headers): a message must fit a frame.
PUSH_OVERHEAD_BYTES = 2048


class Listener:
    """The sockets of one server, and the parts that all of its connections share; `methods` is what it answers, `features` what
    it has beside the kernel, `offered` what WELCOME names of that, `refused` counts whom it lets in no further."""

    def __init__(
        self,
        config: Config,
        chat: Chat,
        store: Store,
        clock: Clock,
        log: Any,
        random_bytes: Callable[[int], bytes],
        methods: MethodTable,
        features: FeatureHost,
        offered: Callable[[], tuple[str, ...]],
        refused: RefusedPeers,
        recorder: Recorder | None = None,
    ) -> None:
        self.limits = config.limits
        self.clock = clock
        self.log = log
        self.recorder = recorder
        self.loop = asyncio.get_running_loop()
        self.write_queue = WriteQueue(self.loop)
        self.taps = Taps()
        self.read_scheduler = ReadScheduler(self.loop, clock)
        self.admission = Admission(config.limits, clock, random_bytes, refused)
        self.attachments = Attachments(
            self.admission,
            chat,
            store,
            clock,
            log,
            limits=config.limits,
            protocol_limits=protocol_limits(config),
            readers=config.store.readers,
            methods=methods,
            features=offered,
            random_bytes=random_bytes,
            recorder=recorder,
        )
        self.sessions = self.attachments.sessions
        live = LiveSessions(chat.hub, self.sessions, clock.monotonic)
        features.sessions = live
        self.attachments.hear = Signals(features, live, clock.monotonic).hear
        watch_sessions(features, self.sessions, live)
        #: Called once a second, behind the sweep.
        self.on_sweep: Callable[[], object] = lambda: None
        self._clock_watch = ClockWatch(clock, config.clock.rate)
        self._config = config
        self._server: asyncio.Server | None = None
        self._unix_socket: UnixSocket | None = None
        #: Read at once: a wrong certificate is told before a database is opened and perhaps migrated.
        self.certificate = self.read_certificate(config)
        self._proxies = Proxies(config.server.proxies)
        #: In the place of `_server` where something comes before the first frame.
        self._socket_listener: SocketListener | None = None
        self._sweeper: asyncio.Task[None] | None = None
        self._beginning: asyncio.Task[None] | None = None

    @property
    def protocol_limits(self) -> Limits:
        """Limits of every connection and session."""
        return self.attachments.protocol_limits

    # -- life ---------------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Bind and listen. Raises `StartError` (address in use)."""
        server = self._config.server
        where = server.unix_socket or f"{server.host}:{server.port}"
        try:
            if server.unix_socket:
                self._unix_socket = UnixSocket(Path(server.unix_socket), backlog=BACKLOG)
            if self.certificate is not None or self._proxies:
                sockets = (
                    [self._unix_socket.listening]
                    if self._unix_socket is not None
                    else await listening_sockets(server.host, server.port, BACKLOG)
                )
                context = self.certificate.context if self.certificate is not None else None
                self._socket_listener = SocketListener(self, self._proxies, context, sockets)
            elif self._unix_socket is not None:
                self._server = await self.loop.create_unix_server(
                    lambda: ServerTransport(self), sock=self._unix_socket.listening, backlog=BACKLOG
                )
            else:
                self._server = await self.loop.create_server(
                    lambda: ServerTransport(self), server.host, server.port, backlog=BACKLOG
                )
        except OSError as error:
            why = error.strerror or error
            # The loop's words repeat the address; those of a resolver, whose codes are negative, say all.
            if not server.unix_socket and error.errno is not None and error.errno > 0:
                why = os.strerror(error.errno)
            raise StartError(f"cannot listen on {where}: {why}", again=passes(error)) from None
        self._sweeper = self.loop.create_task(self._sweep())

    @staticmethod
    def read_certificate(config: Config) -> Certificate | None:
        """What the clients' port serves; None without TLS. Raises `ConfigError`."""
        server = config.server
        if not server.tls_certificate or server.unix_socket:
            return None
        return read_certificate(server.tls_certificate, server.tls_key)

    def reload(self, limits: LimitsConfig, certificate: Certificate | None) -> None:
        """Have these limits hold, and this certificate for handshakes from now on; TLS itself stays on or off."""
        self.limits = limits
        self.admission.use_limits(limits)
        self.attachments.sessions.use_limits(limits)
        if certificate is not None and self._socket_listener is not None:
            self.certificate = certificate
            self._socket_listener.context = certificate.context

    @property
    def port(self) -> int:
        """The TCP port that we listen on (0 for a Unix socket)."""
        if self._config.server.unix_socket:
            return 0
        if self._socket_listener is not None:
            return self._socket_listener.port
        if self._server is None:
            return 0
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def stop_accepting(self) -> None:
        """The first step of drain: no new connections, no new handshakes."""
        self._shut()
        await self.attachments.cancel_handshakes()

    async def say_goodbye(self, timeout_s: float) -> None:
        """The last step of drain: answer the requests in progress, send GOODBYE DRAINING, end the sockets.

        Takes at most `timeout_s`; a client that has not read by then is cut off, and finds everything in the store.
        """
        try:
            async with asyncio.timeout(timeout_s):
                await asyncio.gather(*(session.close() for session in self.sessions))
                self._turn_away()
                await self.admission.empty.wait()
        except TimeoutError:
            self.log.warning("drain_timeout", connections=len(self.admission.transports))
            self._turn_away()
        self.admission.abort()
        if self._sweeper is not None:
            self._sweeper.cancel()
            await asyncio.gather(self._sweeper, return_exceptions=True)
        if self._beginning is not None:
            self._beginning.cancel()
            await asyncio.gather(self._beginning, return_exceptions=True)
        for session in self.sessions:
            self.sessions.end(session, self.clock.monotonic())

    def _turn_away(self) -> None:
        self.admission.turn_away()
        self.write_queue.flush_all()

    def abort(self) -> None:
        """The store failed: end every socket now, without further replies."""
        self._shut()
        self.admission.abort()

    def _shut(self) -> None:
        self.admission.draining = True
        if self._socket_listener is not None:
            self._socket_listener.close()
        if self._server is not None:
            self._server.close()
        if self._unix_socket is not None:
            self._unix_socket.close()

    # -- the sweep ----------------------------------------------------------------------------------------------------

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_INTERVAL_S)
            try:
                now = self.clock.monotonic()
                for number, transport in enumerate(list(self.admission.transports), 1):
                    transport.sweep(now)
                    if number % SWEPT_A_TURN == 0:
                        await asyncio.sleep(0)
                for _ in self.sessions.sweep(now, self.clock.now_ms() / 1000, self._config.auth.grace_s):
                    await asyncio.sleep(0)
                self.admission.sweep(now)
                self._look_at_clocks()
                self.on_sweep()
            except Exception:
                self.log.exception("sweep_failed")

    def _look_at_clocks(self) -> None:
        """Begin another life if the clocks have parted. By itself: the disk may be slow, and the sweep goes on."""
        if self._beginning is None and self._clock_watch.parted() and not self.admission.draining:
            self.log.warning("clocks_parted")
            self._beginning = self.loop.create_task(self._begin_life())

    async def _begin_life(self) -> None:
        try:
            await self.attachments.begin_life("the clocks parted")
            self._clock_watch.begin_anew()
        except (Refusal, StoreFailed) as error:  # the next sweep tries again, if there is one
            self.log.warning("life_not_begun", cause=str(error))
        except Exception:  # a fault of ours, which nobody would hear of otherwise
            self.log.exception("life_not_begun")
        finally:
            self._beginning = None


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
