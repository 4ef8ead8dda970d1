"""Where a server is: `imserver://host:port`, `imservers://host:port` (TLS), `imserver+unix:///path`, or, for a WebSocket,
`imserver+ws://host:port/path` and `imserver+wss://host:port/path` (TLS)."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from .errors import Misuse

DEFAULT_PORT = 7410
#: As in a browser: what is in front of the server listens there.
WEB_PORTS = {"imserver+ws": 80, "imserver+wss": 443}
#: Where a server's own HTTP listener takes WebSockets.
WEB_PATH = "/socket"
_TLS = ("imservers", "imserver+wss")


@dataclass(frozen=True, slots=True)
class Address:
    """A TCP host and port, or the path of a Unix socket. With `web`, `path` is that of a WebSocket."""

    host: str = ""
    port: int = 0
    path: str = ""
    tls: bool = False
    web: bool = False

    @property
    def web_url(self) -> str:
        """As WebSocket libraries want it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'wss' if self.tls else 'ws'}://{host}:{self.port}{self.path}"


def parse_address(url: str) -> Address:
    """The address in `url`. Raises Misuse."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise Misuse(f"{url!r}: {error}") from None
    if parts.username or parts.query or parts.fragment:
        raise Misuse(f"{parts.scheme}://…: an address has neither user nor query; tokens are given apart")
    if parts.scheme == "imserver+unix":
        if parts.netloc or not parts.path:
            raise Misuse(f"{url!r}: a Unix socket is written imserver+unix:///path")
        return Address(path=unquote(parts.path))
    web = parts.scheme in WEB_PORTS
    if not web and parts.scheme not in ("imserver", "imservers"):
        raise Misuse(
            f"{url!r}: the scheme must be imserver, imservers, imserver+unix, imserver+ws or imserver+wss"
        )
    if not parts.hostname or (not web and parts.path not in ("", "/")):
        raise Misuse(f"{url!r}: a server is written {parts.scheme}://host:port")
    path = (parts.path if parts.path != "/" else "") or WEB_PATH
    return Address(
        host=parts.hostname,
        port=WEB_PORTS.get(parts.scheme, DEFAULT_PORT) if port is None else port,
        path=path if web else "",
        tls=parts.scheme in _TLS,
        web=web,
    )
