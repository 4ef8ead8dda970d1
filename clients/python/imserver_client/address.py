"""Where a server is: `imserver://host:port`, `imservers://host:port` (TLS) or `imserver+unix:///path`."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from .errors import Misuse

DEFAULT_PORT = 7410


@dataclass(frozen=True, slots=True)
class Address:
    """A TCP host and port, or the path of a Unix socket."""

    host: str = ""
    port: int = 0
    path: str = ""
    tls: bool = False


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
    if parts.scheme not in ("imserver", "imservers"):
        raise Misuse(f"{url!r}: the scheme must be imserver, imservers or imserver+unix")
    if not parts.hostname or parts.path not in ("", "/"):
        raise Misuse(f"{url!r}: a server is written {parts.scheme}://host:port")
    return Address(
        host=parts.hostname, port=DEFAULT_PORT if port is None else port, tls=parts.scheme == "imservers"
    )
