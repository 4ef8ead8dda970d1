"""The HTTP listeners of one server: `[http]` for the world, `[admin]` for the operator. Without its section none listens."""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from imserver.chat.accounts import Accounts
from imserver.chat.browsers import Browsers
from imserver.chat.guests import GuestLimits
from imserver.chat.joins import Joins
from imserver.clock import Clock
from imserver.config import AdminConfig, Config, HttpConfig, host_of_url
from imserver.errors import StartError
from imserver.feature_host.web import Served
from imserver.http_requests import Answering, Asked, Page, VisitorOf, said
from imserver.net.accept_loop import listening_sockets
from imserver.net.certificates import Certificate, read_certificate
from imserver.net.transport import Acceptor
from imserver.net.unix_socket import UnixSocket
from imserver.net.web.api import Api
from imserver.net.web.cookies import Cookies
from imserver.net.web.documents import Documents, is_secure
from imserver.net.web.origins import Origins
from imserver.net.web.peers import Peers
from imserver.net.web.site import OURS, Site
from imserver.net.web.visitors import Visitors
from imserver.networks import Proxies
from imserver.passing import passes

if TYPE_CHECKING:
    from imserver.net.web.door import Door
    from imserver.net.web.entrance import Entrance

HTTP, ADMIN = "http", "admin"
#: Where requests become WebSockets.
SOCKET_PATH = "/socket"
#: The operator's, on either listener.
METRICS_PATH = "/metrics"
#: What plugins alone may answer, and no feature.
KEPT = ("/",)
#: Connections of the operator's listener: a scraper or two.
MAX_ADMIN_CONNECTIONS = 32


class Seen(Protocol):
    """What the listeners tell of their server."""

    def alive(self) -> dict[str, Any]:
        """`/healthz`. That there is an answer is all it says."""
        ...

    def ready(self) -> tuple[bool, dict[str, Any]]:
        """`/readyz`: whether all parts are ready, and each of them."""
        ...

    def metrics_page(self, accept: str) -> Awaitable[tuple[str, bytes]]:
        """`/metrics`: content type and page."""
        ...

    @property
    def accounts(self) -> Accounts:
        """Who makes tokens."""
        ...

    @property
    def browsers(self) -> Browsers:
        """Who is signed in by a cookie."""
        ...

    @property
    def joins(self) -> Joins:
        """Guests who go on as an older account."""
        ...

    @property
    def draining(self) -> bool:
        """Whether it is going down."""
        ...

    def of_plugins(self, asked: Asked, visitor: VisitorOf) -> Awaitable[Page]:
        """`/x/PLUGIN/…`, and pages of plugins at all other addresses."""
        ...

    def pages_of_plugins(self) -> Sequence[tuple[str, str]]:
        """Plugin and address of each page."""
        ...

    def of_features(self) -> Sequence[Served]:
        """Addresses that features answer."""
        ...


class Doors:
    """The listeners that the configuration asks for."""

    def __init__(
        self, config: Config, seen: Seen, clock: Clock, log: Any, random_bytes: Callable[[int], bytes]
    ) -> None:
        self._config = config
        self._seen = seen
        self._clock = clock
        self._log = log
        self._random_bytes = random_bytes
        self._open: dict[str, Door] = {}
        #: What `[http]` serves while it listens.
        self.certificate: Certificate | None = None
        self._socket: UnixSocket | None = None

    @property
    def peers(self) -> Mapping[str, Peers]:
        """Connections of each listener."""
        return {name: door.peers for name, door in self._open.items()}

    def port(self, name: str) -> int:
        """The TCP port of `http` or `admin`; 0 for a Unix socket, and for one that does not listen."""
        return self._open[name].port if name in self._open else 0

    @staticmethod
    def read_certificate(config: Config) -> Certificate | None:
        """What `[http]` serves; None without TLS. Raises `ConfigError`."""
        http = config.http
        if http is None or not http.tls_certificate:
            return None
        return read_certificate(http.tls_certificate, http.tls_key, "http")

    def reload(self, certificate: Certificate | None) -> None:
        """Serve this certificate from the next handshake on; TLS itself stays on or off."""
        if certificate is not None and HTTP in self._open:
            self.certificate = certificate
            self._open[HTTP].use_tls(certificate.context)

    async def start(self, acceptor: Acceptor) -> None:
        """Listen; `acceptor` takes the clients of `/socket`. Raises `StartError` or `ConfigError`; nothing listens then."""
        try:
            if (http := self._config.http) is not None:
                await self._open_http(http, acceptor)
            if (admin := self._config.admin) is not None:
                await self._open_admin(admin)
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Listen no more. Closing twice is harmless."""
        for door in self._open.values():
            await door.close()
        self._open.clear()
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    # -- [http] -------------------------------------------------------------------------------------------------------

    async def _open_http(self, http: HttpConfig, acceptor: Acceptor) -> None:
        from imserver.net.web.entrance import Entrance

        self.certificate = self.read_certificate(self._config)
        tls = self.certificate.context if self.certificate is not None else None
        listed = [*http.origins, *([http.public_url] if http.public_url else ())]
        origins = Origins(listed, tls=tls is not None)
        door = self._door(
            self._site(http, origins),
            http.max_connections,
            {SOCKET_PATH: Entrance(acceptor, origins)},
            Proxies(http.proxies),
        )
        door.open(await _tcp(http.host, http.port), tls)
        self._open[HTTP] = door
        self._log.info("http_listening", host=http.host, port=door.port, public_url=http.public_url or None)

    def _site(self, http: HttpConfig, origins: Origins) -> Site:
        of_url = host_of_url(http.public_url)
        reserved = [SOCKET_PATH, *KEPT, *([] if http.metrics else [METRICS_PATH])]
        site = Site([*http.hosts, *([of_url] if of_url is not None else ())], reserved)
        site.at("/healthz", self._alive)
        site.at("/readyz", self._ready)
        if http.metrics:
            site.at(METRICS_PATH, self._metrics)
        cookies = Cookies(secure=is_secure(http))
        api = Api(self._seen, GuestLimits(http, self._clock), origins, cookies, http.public_url)
        for path, methods in api.routes.items():
            site.at(path, api.answering(path), tuple(methods))
        visitors = Visitors(api, self._seen.accounts, cookies)
        of_plugins = self._of_plugins(Documents(http.frame_ancestors, secure=is_secure(http)), visitors)
        site.under("/x/", of_plugins)
        site.otherwise = of_plugins
        for one in self._seen.of_features():
            answer_at = site.under if one.path.endswith("/") else site.at
            try:
                answer_at(one.path, one.answer, one.methods, f"feature {one.feature!r}")
            except ValueError as error:
                raise StartError(f"[http]: {error}") from None
        for plugin, path in self._seen.pages_of_plugins():
            if (owner := site.owner_of(path)) not in (None, OURS):
                raise StartError(f"[http]: the page {path!r} of the plugin {plugin!r} is {owner}'s")
        return site

    def _of_plugins(self, documents: Documents, visitors: Visitors) -> Answering:
        async def answer(asked: Asked) -> Page:
            page = await self._seen.of_plugins(asked, partial(visitors.visitor, asked))
            return documents.finished(asked, visitors.kept(asked, page))

        return answer

    async def _alive(self, asked: Asked) -> Page:
        return said(200, self._seen.alive())

    async def _ready(self, asked: Asked) -> Page:
        ready, parts = self._seen.ready()
        return said(200 if ready else 503, {"ready": ready, **parts})

    # -- [admin] ------------------------------------------------------------------------------------------------------

    async def _open_admin(self, admin: AdminConfig) -> None:
        from imserver.net.web.door import BACKLOG

        if admin.unix_socket:
            self._socket = _unix(Path(admin.unix_socket), BACKLOG)
            sockets = [self._socket.listening]
        else:
            sockets = await _tcp(admin.host, admin.port)
        site = Site(None if admin.unix_socket else [admin.host])
        site.at(METRICS_PATH, self._metrics)
        door = self._door(site, MAX_ADMIN_CONNECTIONS)
        door.open(sockets)
        self._open[ADMIN] = door
        where = admin.unix_socket or f"{admin.host}:{door.port}"
        self._log.info("admin_listening", at=where)

    async def _metrics(self, asked: Asked) -> Page:
        content_type, body = await self._seen.metrics_page(asked.headers.get("accept", ""))
        return Page(200, [("content-type", content_type)], body)

    def _door(
        self,
        site: Site,
        most: int,
        entrances: Mapping[str, Entrance] | None = None,
        proxies: Proxies | None = None,
    ) -> Door:
        from imserver.net.web.door import Door

        return Door(
            site,
            clock=self._clock,
            log=self._log,
            random_bytes=self._random_bytes,
            max_connections=most,
            entrances=entrances,
            proxies=proxies,
        )


def _unix(path: Path, backlog: int) -> UnixSocket:
    try:
        return UnixSocket(path, backlog=backlog, mode=0o600)
    except OSError as error:
        raise StartError(f"cannot listen on {path}: {error.strerror or error}", again=passes(error)) from None


async def _tcp(host: str, port: int) -> list[socket.socket]:
    from imserver.net.web.door import BACKLOG

    try:
        return await listening_sockets(host, port, BACKLOG)
    except OSError as error:
        raise StartError(
            f"cannot listen on {host}:{port}: {error.strerror or error}", again=passes(error)
        ) from None
