"""Whether the configured TCP ports are free, asked before a first start makes its database.

A port that another program has is a first start's usual mistake. Found out behind the database, it would leave an empty one
and a secret in a folder that was perhaps the wrong one. Between asking and listening somebody else may take the port: then the
listener says so, as it does at each later start.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator

from imserver.config import Config
from imserver.errors import StartError
from imserver.passing import passes


def require_free_ports(config: Config) -> None:
    """Raises `StartError` with the address that cannot be listened on. Nothing listens at any time."""
    for host, port in _listeners(config):
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
            for family, _, _, _, address in found:
                _bind(family, address)
        except OSError as error:
            raise StartError(
                f"cannot listen on {host}:{port}: {error.strerror or error}", again=passes(error)
            ) from None


def _listeners(config: Config) -> Iterator[tuple[str, int]]:
    server, http, admin = config.server, config.http, config.admin
    if not server.unix_socket:
        yield server.host, server.port
    if http is not None:
        yield http.host, http.port
    if admin is not None and not admin.unix_socket:
        yield admin.host, admin.port


def _bind(family: int, address: tuple[object, ...]) -> None:
    """With the options of the listeners, so that it succeeds where they would. Raises OSError."""
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        probe.bind(address)
