"""`/socket`: which requests become WebSockets. Asked before the upgrade: where one comes from, what it wants, if it fits."""

from __future__ import annotations

import asyncio
import math
import re
from typing import Protocol

from aiohttp import web

from imserver.http_requests import Page, said
from imserver.net.transport import Acceptor, ServerTransport
from imserver.net.web.origins import Origins
from imserver.net.web.websocket import Feed, Messages, Parsing, WebSocketPipe
from imserver_protocol.errors import CloseCode

#: What both sides speak inside of it (SPEC 2.2).
SUBPROTOCOL = "imserver.1"
#: The one version there is.
VERSION = "13"
#: 16 bytes in base64.
_KEY = re.compile(r"[A-Za-z0-9+/]{22}==")


class Upgrading(Parsing, Protocol):
    """The connection of a request."""

    transport: asyncio.Transport | None

    def carry(self, pipe: WebSocketPipe, feed: Feed) -> None:
        """It is a WebSocket from now on."""
        ...


class Entering:
    """A request that is becoming a WebSocket: counted, and no client yet."""

    def __init__(self, address: str, connection: Upgrading) -> None:
        self.address = address
        self.number = 0
        self._connection = connection

    def sweep(self, now: float) -> None:
        """Nothing to do: a request has its time."""

    def close(self, code: CloseCode, text: str = "", retry_after_ms: int = 0) -> None:
        """There is nobody to say GOODBYE to."""
        self.abort()

    def abort(self) -> None:
        """End its connection now."""
        if self._connection.transport is not None:
            self._connection.transport.abort()


class Entrance:
    """Lets clients in: `acceptor` counts them with all others, and what is behind does not know how they came."""

    def __init__(self, acceptor: Acceptor, origins: Origins) -> None:
        self._acceptor = acceptor
        self._origins = origins

    async def answer(
        self, request: web.BaseRequest, connection: Upgrading, address: str
    ) -> Page | web.StreamResponse:
        """A refusal, or the WebSocket when it has ended. `address` is the client's."""
        refusal = self._wrong(request)
        if refusal is not None:
            return refusal
        messages = Messages((SUBPROTOCOL,))
        messages.headers["server"] = "imserver"
        request = _with_one_line(request)
        if not _KEY.fullmatch(request.headers.get("sec-websocket-key", "")) or not messages.can_prepare(
            request
        ):
            return said(400, {"error": "this is not an upgrade to WebSocket that can be read"})
        entering = Entering(address, connection)
        try:
            told = self._acceptor.admission.admit(entering)
            if told is not None:
                return _no_room(*told)
            await messages.prepare(request)
            transport = connection.transport
            if transport is None:
                return messages
            client = ServerTransport(self._acceptor, entering)
            messages.pipe = pipe = WebSocketPipe(client, transport)
            connection.carry(pipe, Feed(pipe, connection, self._acceptor.read_scheduler))
            client.connection_made(pipe)
        finally:
            self._acceptor.admission.forget(entering)  # unless `client` took its place
        await pipe.read(messages)
        return messages

    def _wrong(self, request: web.BaseRequest) -> Page | None:
        headers = request.headers
        if request.method != "GET" or headers.get("upgrade", "").strip().lower() != "websocket":
            return said(
                426, {"error": "this address is for WebSocket"}, upgrade="websocket", connection="upgrade"
            )
        if headers.get("sec-websocket-version", "") != VERSION:
            return said(
                426,
                {"error": f"version {VERSION} of WebSocket is spoken here"},
                sec_websocket_version=VERSION,
            )
        origins = headers.getall("origin", ())
        if len(origins) > 1 or not self._origins.allow("".join(origins), headers.get("host", "")):
            return said(
                403,
                {
                    "error": "pages of this origin may not open a socket here: [http] origins lists those that may"
                },
            )
        if SUBPROTOCOL not in _offered(request):
            return said(400, {"error": f"ask for the subprotocol {SUBPROTOCOL}"})
        return None


def _offered(request: web.BaseRequest) -> list[str]:
    """The subprotocols of all lines: it is one list, however many lines it comes in."""
    return [
        one.strip()
        for line in request.headers.getall("sec-websocket-protocol", ())
        for one in line.split(",")
    ]


def _with_one_line(request: web.BaseRequest) -> web.BaseRequest:
    """aiohttp reads one line of the subprotocols: join them if there are more."""
    if len(request.headers.getall("sec-websocket-protocol")) == 1:
        return request
    headers = request.headers.copy()
    headers["sec-websocket-protocol"] = ", ".join(_offered(request))
    return request.clone(headers=headers)


def _no_room(code: CloseCode, text: str, retry_after_ms: int) -> Page:
    seconds = str(math.ceil(retry_after_ms / 1000))
    words = {"error": text, "code": int(code), "retry_after_ms": retry_after_ms}
    return said(503, words, retry_after=seconds, connection="close")
