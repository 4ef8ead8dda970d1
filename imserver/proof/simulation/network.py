"""An in-memory network: asyncio's stream transports over pipes with delays and faults. Never reorders a connection.

Each connection has two pipes. A pipe has a kernel's buffer of limited size (bytes in flight) and the sender's own buffer
behind it, so that a reader that does not read causes `pause_writing`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

from .journal import Journal
from .loop import Process, VirtualLoop, current_process
from .network_faults import Fate, Half, NetworkFaults

#: Default size of the sender's own buffer above which it must pause.
HIGH_WATER_BYTES = 64 * 1024
#: The bytes of a `lagging` PUSH; no other frame of a simulation contains the word.
LAGGING = b"\xa7lagging"


class Pipe:
    """One direction of a connection."""

    def __init__(self, network: Network, source: Endpoint, target: Endpoint, fate: Half) -> None:
        self._loop = network.loop
        self._journal = network.journal
        self._fate = fate
        self.source = source
        self.target = target
        #: Cut off silently: bytes that go in never come out, and neither side learns it.
        self.swallows = False
        #: Nothing comes out before this moment.
        self.stalled_until = 0.0
        self.waiting: deque[bytes] = deque()  # the sender's own buffer
        self.waiting_bytes = 0
        self._flight: deque[tuple[float, bytes | None]] = deque()  # None: end of file
        self._flight_bytes = 0
        self._last_at = 0.0
        self._delivered = 0
        self._timer: asyncio.TimerHandle | None = None
        self._ended = False

    # -- the sender's side --------------------------------------------------------------------------------------------

    def put(self, data: bytes) -> None:
        """Bytes from the sender."""
        self.waiting.append(data)
        self.waiting_bytes += len(data)
        self._fill()

    def put_end(self) -> None:
        """End of file, behind everything."""
        self._ended = True
        self._fill()

    def _fill(self) -> None:
        """From the sender's buffer into the kernel's, as far as there is room; each segment gets its moment of arrival."""
        fate, now = self._fate, self._loop.time()
        while self.waiting and self._flight_bytes < fate.buffer_bytes:
            data = self.waiting.popleft()
            room = fate.buffer_bytes - self._flight_bytes
            if len(data) > room:
                self.waiting.appendleft(data[room:])
                data = data[:room]
            self.waiting_bytes -= len(data)
            self._flight_bytes += len(data)
            for segment in fate.segments(data) if fate.splits else (data,):
                self._last_at = max(self._last_at + len(segment) * fate.s_per_byte, now + fate.delay())
                self._flight.append((self._last_at, segment))
        if self._ended and not self.waiting:
            self._ended = False
            self._last_at = max(self._last_at, now + fate.delay())
            self._flight.append((self._last_at, None))
        self._arm()

    def _arm(self) -> None:
        if self._timer is None and self._flight and not self.swallows:
            at = max(self._flight[0][0], self.stalled_until)
            self._timer = self._loop.call_at(at, self._arrive, context=self.target.process.context)

    # -- the receiver's side ------------------------------------------------------------------------------------------

    def _arrive(self) -> None:
        self._timer = None
        now = self._loop.time()
        if self.swallows:
            return
        if now < self.stalled_until or self.target.reading_paused:
            if not self.target.reading_paused:
                self._arm()
            return
        arrived, ended = self._take(now)
        cut_at = self._fate.cut_at_byte
        if cut_at is not None and self._delivered + len(arrived) >= cut_at:
            arrived, ended = arrived[: max(0, cut_at - self._delivered)], False
        self._delivered += len(arrived)
        if arrived:
            self.target.receive(arrived)
        if cut_at is not None and self._delivered >= cut_at:
            self.source.connection.cut("cut at a byte")
            return
        if ended:
            self.target.receive_end()
        if self.waiting or self._ended:
            self._fill()
        self.source.drained()
        self._arm()

    def _take(self, now: float) -> tuple[bytes, bool]:
        """The bytes that have arrived by now: one segment, or all of them joined."""
        parts: list[bytes] = []
        while self._flight and self._flight[0][0] <= now:
            _, data = self._flight.popleft()
            if data is None:
                return b"".join(parts), True
            parts.append(data)
            self._flight_bytes -= len(data)
            if not self._fate.joins:
                break
        return parts[0] if len(parts) == 1 else b"".join(parts), False

    def resume(self) -> None:
        """The receiver reads again, or a fault is over."""
        self._arm()

    def drop(self) -> None:
        """Everything in flight is lost."""
        self.waiting.clear()
        self._flight.clear()
        self.waiting_bytes = self._flight_bytes = 0
        self._ended = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class Connection:
    """Two endpoints and the pipes between them."""

    def __init__(
        self,
        network: Network,
        number: int,
        fate: Fate,
        client: Process,
        server: Process,
        address: tuple[str, int],
    ) -> None:
        self.number = number
        self.network = network
        self.client = Endpoint(self, "c", client, network.server_address)
        self.server = Endpoint(self, "s", server, address)
        self.up = Pipe(network, self.client, self.server, fate.up)
        self.down = Pipe(network, self.server, self.client, fate.down)
        self.client.out, self.client.into = self.up, self.down
        self.server.out, self.server.into = self.down, self.up
        self.fate = fate
        self._timers = [
            network.loop.call_later(
                fault.after_s, self._strike, fault.kind, fault.lasts_s, context=network.context
            )
            for fault in fate.faults
        ]

    @property
    def over(self) -> bool:
        """Whether both sides have closed it."""
        return self.client.lost and self.server.lost

    def cut(self, kind: str) -> None:
        """RST on both sides: bytes in flight are lost."""
        if self.client.lost and self.server.lost:
            return
        self.network.journal.fault("cut", self.number, kind)
        self.up.drop()
        self.down.drop()
        for end in (self.client, self.server):
            end.lose(ConnectionResetError("Connection reset by peer"))

    def half_open(self, told: Endpoint | None) -> None:
        """Drop all bytes sent from now on; at most one side learns of it."""
        self.network.journal.fault("half-open", self.number, told.side if told else "")
        self.up.swallows = self.down.swallows = True
        if told is not None:
            told.lose(ConnectionResetError("Connection reset by peer"))

    def stall(self, seconds: float) -> None:
        """Hold the bytes of both directions, then deliver all."""
        self.network.journal.fault("stall", self.number, round(seconds, 3))
        until = self.network.loop.time() + seconds
        for pipe in (self.up, self.down):
            pipe.stalled_until = max(pipe.stalled_until, until)

    def heal(self) -> None:
        """Allow no further fault; a half-open connection stays so."""
        for timer in self._timers:
            timer.cancel()
        now = self.network.loop.time()
        self.fate.heal()
        for pipe in (self.up, self.down):
            pipe.stalled_until = min(pipe.stalled_until, now)
            pipe.resume()

    def forget(self) -> None:
        """Both sides are gone."""
        for timer in self._timers:
            timer.cancel()
        self.up.drop()
        self.down.drop()
        self.network.connections.pop(self.number, None)

    def _strike(self, kind: str, lasts_s: float) -> None:
        if self.client.lost or self.server.lost:
            return
        if kind == "cut":
            self.cut("cut at a moment")
        elif kind == "stall":
            self.stall(lasts_s)
        else:
            self.half_open({"half-open client": self.client, "half-open server": self.server}.get(kind))


class Endpoint(asyncio.Transport):
    """asyncio's transport of one side."""

    out: Pipe
    into: Pipe

    def __init__(self, connection: Connection, side: str, process: Process, peer: tuple[str, int]) -> None:
        super().__init__({"peername": peer, "socket": None})
        self.connection = connection
        self.side = side
        self.process = process
        self.protocol: asyncio.BaseProtocol | None = None
        self.reading_paused = False
        #: connection_lost is on its way, or the process is dead.
        self.lost = False
        self._loop = connection.network.loop
        self._journal = connection.network.journal
        self._name = f"{connection.number}{side}"
        self._received, self._written = f"{self._name} <", f"{self._name} >"
        self._closing = False
        self._high, self._low = HIGH_WATER_BYTES, HIGH_WATER_BYTES // 4
        self._paused = False

    # -- receiving ----------------------------------------------------------------------------------------------------

    def receive(self, data: bytes) -> None:
        """Hand bytes to the protocol. A closed socket answers them with RST."""
        if self.lost or self._closing:
            self.connection.network.later(self._peer.lose, ConnectionResetError("Connection reset by peer"))
            return
        self._journal.bytes(self._received, data)
        self.protocol.data_received(data)  # type: ignore[union-attr]

    def receive_end(self) -> None:
        """The other side has closed, or will not send any more."""
        if self.lost or self._closing:
            return
        self._journal.note(f"{self._name} eof")
        if not self.protocol.eof_received():  # type: ignore[union-attr]
            self.close()

    def lose(self, error: Exception | None) -> None:
        """The socket is gone."""
        if self.lost:
            return
        self.lost = self._closing = True
        self.out.drop()
        if self.process.alive:
            self._loop.call_soon(self._say_lost, error, context=self.process.context)
        if self._peer.lost:
            self.connection.forget()

    def _say_lost(self, error: Exception | None) -> None:
        self._journal.note(f"{self._name} lost", type(error).__name__)
        protocol, self.protocol = self.protocol, None
        if protocol is not None:
            protocol.connection_lost(error)

    @property
    def _peer(self) -> Endpoint:
        connection = self.connection
        return connection.server if self is connection.client else connection.client

    def drained(self) -> None:
        """Some written bytes have left the buffer."""
        pipe = self.out
        if self._closing and not self.lost and not pipe.waiting:
            self._closed()
        elif self._paused and pipe.waiting_bytes <= self._low and self.process.alive and not self.lost:
            self._paused = False
            self._loop.call_soon(self._resume_writing, context=self.process.context)

    def _resume_writing(self) -> None:
        if self.protocol is not None:
            self.protocol.resume_writing()

    # -- asyncio's interface ------------------------------------------------------------------------------------------

    def write(self, data: Any) -> None:
        if self.lost or self._closing or not data:
            return
        data = bytes(data)
        self._journal.bytes(self._written, data)
        if LAGGING in data:
            self._journal.counts["lagging told"] += 1
        self.out.put(data)
        if not self._paused and self.out.waiting_bytes > self._high:
            self._paused = True
            self._journal.counts["writers paused"] += 1
            self.protocol.pause_writing()  # type: ignore[union-attr]

    def writelines(self, list_of_data: Any) -> None:
        self.write(b"".join(list_of_data))

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.out.put_end()

    def close(self) -> None:
        if self._closing:
            return
        self._closing = True
        self._journal.note(f"{self._name} close")
        if not self.out.waiting:
            self._closed()

    def _closed(self) -> None:
        """Everything was handed to the kernel: it sends the rest, and FIN."""
        self.out.put_end()
        self.lost = True
        self._loop.call_soon(self._say_lost, None, context=self.process.context)
        if self._peer.lost:
            self.connection.forget()

    def abort(self) -> None:
        if self.lost:
            return
        self._journal.note(f"{self._name} abort")
        self._closing = self.lost = True
        self.out.waiting.clear()
        self.out.waiting_bytes = 0
        self._loop.call_soon(self._say_lost, None, context=self.process.context)
        if self._peer.lost:
            self.connection.forget()
        elif self.connection.fate.resets:
            self.out.drop()
            self.connection.network.later(self._peer_reset)
        else:
            self.out.put_end()

    def _peer_reset(self) -> None:
        if not self.out.swallows:
            self._peer.lose(ConnectionResetError("Connection reset by peer"))

    def is_closing(self) -> bool:
        return self._closing

    def pause_reading(self) -> None:
        self.reading_paused = True

    def resume_reading(self) -> None:
        self.reading_paused = False
        self.into.resume()

    def is_reading(self) -> bool:
        return not (self.reading_paused or self._closing)

    def get_write_buffer_size(self) -> int:
        return self.out.waiting_bytes

    def get_write_buffer_limits(self) -> tuple[int, int]:
        return self._low, self._high

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self._high = HIGH_WATER_BYTES if high is None else high
        self._low = self._high // 4 if low is None else low

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self.protocol = protocol

    def get_protocol(self) -> asyncio.BaseProtocol:
        assert self.protocol is not None
        return self.protocol


class Network:
    """Everything between the server and its clients."""

    server_address = ("10.0.0.1", 7410)

    def __init__(self, loop: VirtualLoop, network_faults: NetworkFaults, journal: Journal) -> None:
        self.loop = loop
        self.network_faults = network_faults
        self.journal = journal
        #: Its own callbacks belong to no process.
        self.context = Process(loop, "network").context
        self.connections: dict[int, Connection] = {}
        self._listening: Listening | None = None
        self._count = 0

    def later(self, callback: Callable[..., object], *args: Any) -> None:
        """Call after the travel time of a packet."""
        self.loop.call_later(self.network_faults.latency_s, callback, *args, context=self.context)

    # -- the server's side --------------------------------------------------------------------------------------------

    def listen(self, factory: Callable[[], asyncio.BaseProtocol]) -> Listening:
        """Listen as `loop.create_server` does."""
        process = current_process()
        assert process is not None
        if self._listening is not None:
            raise OSError(98, "Address already in use")
        self._listening = Listening(self, factory, process)
        process.at_death.append(self._listening.close)
        return self._listening

    def stop_listening(self, listening: Listening) -> None:
        """From now on connecting is refused."""
        if self._listening is listening:
            self._listening = None

    # -- the client's side --------------------------------------------------------------------------------------------

    async def connect(self, address: tuple[str, int], factory: Callable[[], asyncio.BaseProtocol]) -> None:
        """Connect as `loop.create_connection` does. Raises ConnectionRefusedError; hangs if the network's faults say so."""
        process = current_process()
        assert process is not None
        network_faults = self.network_faults
        self._count = number = self._count + 1
        await asyncio.sleep(network_faults.latency_s)
        if network_faults.connect_hangs():
            self.journal.fault("connecting hangs", number)
            await self.loop.create_future()
        listening = self._listening
        if listening is None or network_faults.refuses():
            self.journal.fault("refused", number)
            await asyncio.sleep(network_faults.latency_s)
            raise ConnectionRefusedError(111, "Connect call failed")
        self.journal.note("connect", number, process.name)
        made = self._make(number, process, listening, address)
        try:
            await asyncio.sleep(network_faults.latency_s)
        except asyncio.CancelledError:
            made.client.abort()
            raise
        if made.client.lost:
            raise ConnectionResetError(104, "Connection reset by peer")
        protocol = factory()
        made.client.protocol = protocol
        made.client.resume_reading()
        protocol.connection_made(made.client)

    def _make(
        self, number: int, process: Process, listening: Listening, address: tuple[str, int]
    ) -> Connection:
        fate = self.network_faults.fate()
        for kind, happens in (("slow line", fate.slow), ("bytes split", fate.splits)):
            if happens:
                self.journal.fault(kind, number)
        made = Connection(self, number, fate, process, listening.process, address)
        made.client.reading_paused = True  # bytes that come before its protocol exists wait in the kernel
        self.connections[number] = made
        self.loop.call_soon(self._accept, made, listening, context=listening.process.context)
        return made

    def _accept(self, made: Connection, listening: Listening) -> None:
        if self._listening is not listening:
            made.cut("not accepted")
        if made.server.lost:
            return
        protocol = listening.factory()
        made.server.protocol = protocol
        protocol.connection_made(made.server)

    # -- the end ------------------------------------------------------------------------------------------------------

    def died(self, process: Process, silently: Callable[[], bool]) -> None:
        """The process was killed: the kernel sends RST for each of its sockets, unless the machine is gone as well."""
        for made in list(self.connections.values()):
            for end, other in ((made.client, made.server), (made.server, made.client)):
                if end.process is process and not end.lost:
                    end.lost = True
                    end.protocol = None
                    if other.lost:
                        made.forget()
                    elif made.up.swallows:
                        continue
                    elif silently():
                        self.journal.fault("half-open", made.number, "process died")
                        made.up.swallows = made.down.swallows = True
                    elif made.fate.resets:
                        end.out.drop()
                        self.later(other.lose, ConnectionResetError("Connection reset by peer"))
                    else:
                        end.out.put_end()

    def heal(self) -> None:
        """Allow no further faults."""
        self.network_faults.calm = True
        for made in list(self.connections.values()):
            made.heal()


class _Socket:
    def getsockname(self) -> tuple[str, int]:
        return Network.server_address


class Listening:
    """The server that `loop.create_server` returns."""

    sockets = (_Socket(),)

    def __init__(
        self, network: Network, factory: Callable[[], asyncio.BaseProtocol], process: Process
    ) -> None:
        self._network = network
        self.factory = factory
        self.process = process

    def close(self) -> None:
        self._network.stop_listening(self)

    async def wait_closed(self) -> None:
        return None
