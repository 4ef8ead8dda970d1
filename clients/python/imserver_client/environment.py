"""The client's environment: a clock, randomness, and a way to open transports. Injected, so that a simulation can
replace them (timers come from the running event loop, which a simulation replaces too)."""

from __future__ import annotations

import asyncio
import random
import secrets
import ssl
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from imserver_protocol.session.states import Recorder
from imserver_protocol.shared.ids import KEY_BYTES

from .address import Address

#: Bytes of a key that are the time (UTC ms), as in a UUIDv7.
TIME_BYTES = 6

#: Opens a transport to the address and calls the factory for its protocol, as `loop.create_connection` does.
Opener = Callable[[Address, ssl.SSLContext | None, Callable[[], asyncio.Protocol]], Awaitable[None]]


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


async def open_transport(
    address: Address, tls: ssl.SSLContext | None, factory: Callable[[], asyncio.Protocol]
) -> None:
    """TCP, TLS from the first byte, a Unix socket, or a WebSocket. Raises OSError (ssl.SSLError is one)."""
    loop = asyncio.get_running_loop()
    if address.web:
        from .websocket import open_websocket  # only then is its library needed

        await open_websocket(address, tls, factory)
    elif address.path:
        await loop.create_unix_connection(factory, address.path)
    elif address.tls:
        context = tls if tls is not None else ssl.create_default_context()
        await loop.create_connection(factory, address.host, address.port, ssl=context)
    else:
        await loop.create_connection(factory, address.host, address.port)


@dataclass(frozen=True, slots=True)
class Environment:
    """The machine's clocks, randomness and network, unless others are given; `now_ms` is UTC.

    `recorder` gets every step in the protocol's two transition tables.
    """

    monotonic: Callable[[], float] = time.monotonic
    now_ms: Callable[[], int] = _now_ms
    uniform: Callable[[float, float], float] = random.SystemRandom().uniform
    random_bytes: Callable[[int], bytes] = secrets.token_bytes
    open_transport: Opener = open_transport
    recorder: Recorder | None = None

    def key(self) -> bytes:
        """A new idempotency key, which begins with the time: those of one hour lie together in the server's index (SPEC 9.1). A
        wrong clock costs the server some time, and nothing else: what makes a key the only one is random."""
        begins = self.now_ms() & ((1 << 8 * TIME_BYTES) - 1)
        return begins.to_bytes(TIME_BYTES, "big") + self.random_bytes(KEY_BYTES)[TIME_BYTES:]
