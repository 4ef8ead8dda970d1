"""A blocking WebSocket that looks like a socket: what is sent goes out as binary messages, what comes in are their bytes."""

from __future__ import annotations

import socket
from typing import Self

from benchmarks.codecs.websocket import masked, upgrade
from benchmarks.connect import dial

PATH = "/socket"
SUBPROTOCOL = "imserver.1"
_BINARY, _CLOSE = 0x82, 0x88
_LEAST = 65_536


class WebSocket:
    """One connection. Its mask is zero, which costs a server as much as any other."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._unread = b""

    @classmethod
    def dial(cls, host: str, port: int, number: int = 0, tls_ca: str = "") -> Self:
        """Connected, and upgraded. Raises ConnectionError with the first line of an answer that refuses."""
        self = cls(dial(host, port, number, tls_ca))
        self._sock.sendall(upgrade(PATH, f"Sec-WebSocket-Protocol: {SUBPROTOCOL}", host="localhost"))
        while b"\r\n\r\n" not in self._unread:
            if not (data := self._sock.recv(_LEAST)):
                raise ConnectionResetError("the server ended the connection before it was a WebSocket")
            self._unread += data
        head, _, self._unread = self._unread.partition(b"\r\n\r\n")
        if b" 101 " not in head.split(b"\r\n")[0]:
            self.close()
            raise ConnectionRefusedError(head.split(b"\r\n")[0].decode("latin-1"))
        return self

    def sendall(self, data: bytes) -> None:
        """One message."""
        self._sock.sendall(masked(_BINARY, data))

    def recv(self, size: int) -> bytes:
        """Bytes of the messages that have come; waits for one. Empty at Close, and at the end. `size` is that of one read."""
        while True:
            data, closed = self._payloads()
            if data or closed:
                return data
            more = self._sock.recv(size)
            if not more:
                return b""
            self._unread += more

    def _payloads(self) -> tuple[bytes, bool]:
        found: list[bytes] = []
        at, unread = 0, self._unread
        while len(unread) >= at + 2:
            kind, length, body = unread[at], unread[at + 1], at + 2
            if length >= 126:
                body += 2 if length == 126 else 8
                length = int.from_bytes(unread[at + 2 : body])
            if len(unread) < max(body, body + length):
                break
            if kind == _CLOSE:
                if not found:
                    return b"", True
                break
            if kind == _BINARY:
                found.append(unread[body : body + length])
            at = body + length
        self._unread = unread[at:]
        return b"".join(found), False

    def close(self) -> None:
        """End the connection without a word."""
        self._sock.close()
