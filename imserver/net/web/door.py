"""One HTTP listener: aiohttp between sockets and a `Site`. The bounds are ours (`peers`), and so is every answer."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from typing import TYPE_CHECKING, Any

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from imserver.clock import Clock
from imserver.http_requests import Asked, Page, said
from imserver.net.client_address import client_address
from imserver.net.web.peers import SWEEP_S, Accepting, Peer, Peers
from imserver.net.web.site import Site, complete
from imserver.networks import UNIX, Proxies

if TYPE_CHECKING:
    from imserver.net.web.entrance import Entrance
    from imserver.net.web.websocket import Feed, WebSocketPipe

#: Connections that the kernel may hold for us.
BACKLOG = 256
#: Longest request line, longest header, and most headers: about 130 KiB of one head.
MAX_LINE_BYTES = 4096
MAX_FIELD_BYTES = 4096
MAX_FIELDS = 32
#: Bytes of a body that are read ahead of whoever wants it.
READ_AHEAD_BYTES = 16 * 1024
#: A body that nobody wanted is read for so long, so that its sender gets the answer (seconds).
LINGER_S = 1.0
#: The end waits so long for requests in work (seconds).
CLOSING_S = 2.0


class Door:
    """A listener that answers what its `site` says; at the paths of `entrances` requests become WebSockets."""

    def __init__(
        self,
        site: Site,
        *,
        clock: Clock,
        log: Any,
        random_bytes: Callable[[int], bytes],
        max_connections: int,
        entrances: Mapping[str, Entrance] | None = None,
        proxies: Proxies | None = None,
    ) -> None:
        self._site = site
        self._proxies = proxies or Proxies()
        self._entrances = entrances or {}
        self.log = log
        self._random_bytes = random_bytes
        self._loop = asyncio.get_running_loop()
        self.peers = Peers(clock, max_connections)
        self._server = web.Server(self._handle, access_log=None)
        self._accepting = Accepting(self.peers, self._protocol, log)
        self._sweeper: asyncio.TimerHandle | None = None

    def open(self, sockets: list[socket.socket], tls: ssl.SSLContext | None = None) -> None:
        """Answer on these sockets, which listen already."""
        self._accepting.begin(sockets, tls)
        self._sweep()

    def use_tls(self, tls: ssl.SSLContext) -> None:
        """Serve another certificate from the next handshake on."""
        self._accepting.use_tls(tls)

    @property
    def port(self) -> int:
        """The TCP port; 0 for a Unix socket."""
        return self._accepting.port

    async def close(self) -> None:
        """No new connections; requests in work get their answers, for a moment. Closing twice is harmless."""
        self._accepting.close()
        if self._sweeper is not None:
            self._sweeper.cancel()
            self._sweeper = None
        self._server.pre_shutdown()  # those that wait for a request, at once
        await self._server.shutdown(CLOSING_S)

    def _sweep(self) -> None:
        self._sweeper = self._loop.call_later(SWEEP_S, self._sweep)
        self.peers.sweep()

    def _protocol(self, peer: Peer) -> asyncio.BaseProtocol:
        return HttpConnection(self, peer, self._server, self._loop)

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        connection = request.protocol
        assert isinstance(connection, HttpConnection)
        connection.begins()
        try:
            page = await self._page(request, connection)
        except (ConnectionError, web.RequestPayloadError):
            page = said(400, {"error": "the body is broken off"})
        except Exception as error:  # a fault of ours: the cause stays in our log, and the peer gets an id that finds it there
            error_id = self._random_bytes(4).hex()
            self.log.error("http_request_failed", error_id=error_id, exc_info=error)
            page = said(500, {"error": f"that did not work (id {error_id})"})
        if isinstance(page, web.StreamResponse):  # a WebSocket, and it has ended
            return page
        response = written(page, head=request.method == "HEAD")
        if "upgrade" in request.headers:  # what follows is for whatever it was to become
            response.force_close()
        return response

    async def _page(self, request: web.BaseRequest, connection: HttpConnection) -> Page | web.StreamResponse:
        if len(request.headers.getall("host", ())) > 1:
            return said(400, {"error": "a request names one host"})
        headers: dict[str, str] = {}
        for name, value in request.headers.items():
            headers.setdefault(name.lower(), value)
        asked = Asked(
            request.method,
            request.raw_path,
            headers,
            connection.body(request),
            self._address(request, connection),
        )
        entrance = self._entrances.get(asked.path)
        if entrance is None:
            return await self._site.answer(asked)
        return self._site.wrong(asked) or await entrance.answer(request, connection, asked.address)

    def _address(self, request: web.BaseRequest, connection: HttpConnection) -> str:
        """Whose request it is, for limits and logs."""
        transport = connection.transport
        name = None if transport is None else transport.get_extra_info("peername")
        if name is None:
            raise ConnectionResetError("whoever asked has gone")
        peer = UNIX if isinstance(name, str) else str(name[0])
        return client_address(request.headers.items(), peer, self._proxies)


class HttpConnection(web.RequestHandler):
    """aiohttp's, with our time-outs and our words."""

    __slots__ = ("_door", "_feed", "_peer", "_pipe")

    def __init__(self, door: Door, peer: Peer, server: web.Server, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(
            server,
            loop=loop,
            access_log=None,  # type: ignore[arg-type]  # off, says its documentation
            keepalive_timeout=3600.0,  # ours is shorter
            lingering_time=LINGER_S,
            max_line_size=MAX_LINE_BYTES,
            max_field_size=MAX_FIELD_BYTES,
            max_headers=MAX_FIELDS,
            read_bufsize=READ_AHEAD_BYTES,
            auto_decompress=False,  # a small body may be a large one
        )
        self._door = door
        self._peer = peer
        #: From the upgrade on.
        self._pipe: WebSocketPipe | None = None
        self._feed: Feed | None = None

    def carry(self, pipe: WebSocketPipe, feed: Feed) -> None:
        """It is a WebSocket now: admission counts it, and its time is the protocol's."""
        self._pipe, self._feed = pipe, feed
        self._door.peers.leave(self._peer)

    def data_received(self, data: bytes) -> None:
        if self._feed is None:
            super().data_received(data)
        else:
            self._feed.read(data)

    def parse(self, data: bytes) -> None:
        """Bytes of a WebSocket, when it is their turn."""
        if self.transport is not None:
            super().data_received(data)

    def hold(self, holds: bool) -> None:
        """Whether bytes of a WebSocket wait for their turn. aiohttp holds the socket, too, while its messages wait."""
        if self.transport is not None and not self.transport.is_closing() and not self._reading_paused:
            (self.transport.pause_reading if holds else self.transport.resume_reading)()

    def resume_reading(self, resume_parser: bool = True) -> None:
        """aiohttp has room again."""
        super().resume_reading(resume_parser)
        if self._feed is not None and self._feed.waits:
            self.hold(True)

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._pipe is not None:
            self._pipe.client.pause_writing()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._pipe is not None:
            self._pipe.client.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:  # type: ignore[override]  # asyncio's own promise
        self._door.peers.leave(self._peer)
        if self._pipe is not None:
            self._pipe.lost(exc)
            self._pipe = self._feed = None
        super().connection_lost(exc)

    def begins(self) -> None:
        """The head of a request has come."""
        self._door.peers.begins(self._peer)

    async def body(self, request: web.BaseRequest) -> AsyncIterator[bytes]:
        """What comes of the body, as it comes."""
        if request.headers.get("expect", "").lower() == "100-continue" and request.can_read_body:
            await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            request.writer.output_size = 0
        chunks = request.content.iter_any()
        while True:
            self._door.peers.is_waited_for(self._peer)
            try:
                chunk = await anext(chunks, None)
            finally:
                self._door.peers.goes_on(self._peer)
            if chunk is None:
                return
            yield chunk

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Write the answer, within the request's time."""
        self._message_tail = (
            b""  # behind a refused upgrade: no HTTP, and an error that would keep all of this until collected
        )
        self._door.peers.is_waited_for(self._peer)
        try:
            return await super().finish_response(request, resp, start_time)
        finally:
            self._door.peers.ends(self._peer)

    def log_debug(self, *args: Any, **kwargs: Any) -> None:
        """A peer's faults fill no log."""

    def log_exception(self, *args: Any, **kwargs: Any) -> None:
        """A fault of ours."""
        self._door.log.error("http_connection_failed", exc_info=kwargs.get("exc_info", True))

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """What is no HTTP, or too long, gets an answer like all others, and then the connection ends."""
        if isinstance(exc, HttpProcessingError) and 400 <= exc.code < 500:
            status = exc.code
        words = "that did not work" if status >= 500 else "this is not a request that can be read"
        response = written(said(status, {"error": words}))
        response.force_close()
        return response


def written(page: Page, *, head: bool = False) -> web.StreamResponse:
    """The page as aiohttp sends it, with the headers of every answer."""
    page = complete(page)
    response = web.Response(status=page.status, body=page.body)
    for name, value in page.headers:
        if name.lower() != "content-length":
            response.headers.add(name, value)
    if head:
        told = next((value for name, value in page.headers if name.lower() == "content-length"), None)
        response.headers["content-length"] = told or str(len(page.body))
    response.headers["server"] = "imserver"
    return response
