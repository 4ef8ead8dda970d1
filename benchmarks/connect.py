"""Connections for the hot loop: blocking, one after the other, greeted as the codec says, from many loopback addresses."""

from __future__ import annotations

import socket
import ssl

from benchmarks.codecs.base import End, Step, Unreadable

TIMEOUT_S = 20.0
#: Connections that come from one address, so that the server's limits for each address stay on.
PER_ADDRESS = 20
_ADDRESSES = 250 * 250


def source_address(number: int) -> str:
    """The loopback address of the n-th connection."""
    block = number // PER_ADDRESS % _ADDRESSES
    return f"127.{1 + block // 62_500}.{block // 250 % 250}.{2 + block % 250}"


def dial(host: str, port: int, number: int = 0, tls_ca: str = "") -> socket.socket:
    """A connected, blocking socket."""
    source = (source_address(number), 0) if host.startswith("127.") else None
    sock = socket.create_connection((host, port), TIMEOUT_S, source)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if not tls_ca:
        return sock
    context = ssl.create_default_context(cafile=tls_ca)
    context.check_hostname = False
    return context.wrap_socket(sock, server_hostname=host)


def greet(sock: socket.socket, steps: list[Step], end: End | None = None) -> bytes:
    """Run the steps of a greeting; returns all received bytes. Raises Unreadable if the other side closes, or sends more
    than its answers."""
    heard = data = b""
    for step in steps:
        if step.send:
            sock.sendall(step.send)
        while not (length := step.whole(data)):
            more = sock.recv(65_536)
            if not more:
                who = end.party.name if end else "set-up"
                raise Unreadable(f"{who}: closed in the greeting after {data[:100]!r}")
            data += more
            heard += more
        data = data[length:]
    return heard
