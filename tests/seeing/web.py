"""A server that listens over HTTP, raw requests, and answers taken apart."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from imserver import Server
from imserver.clock import Clock
from imserver.config import AdminConfig, HttpConfig
from imserver.feature_api import Feature
from imserver.features import FEATURES
from imserver.plugin_api import Plugin
from tests.support.servers import config

#: On any free port.
HTTP = HttpConfig(port=0)

EVERY_ANSWER = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "server": "imserver",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}


class Answered(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)


@asynccontextmanager
async def seen(
    folder: Path,
    *,
    http: HttpConfig | None = HTTP,
    admin: AdminConfig | None = None,
    plugins: Sequence[Plugin] = (),
    features: Sequence[Feature] = FEATURES,
    log: Any = None,
    clock: Clock | None = None,
    ping: bool = False,
    **sections: Any,
) -> AsyncIterator[Server]:
    """A server with these listeners."""
    settings = msgspec.structs.replace(config(folder, **sections), http=http, admin=admin)
    if ping:
        settings = msgspec.structs.replace(settings, plugins={"ping": {}})
    async with Server(settings, plugins=plugins, features=features, log=log, clock=clock) as server:
        yield server


async def raw(port: int, sent: bytes, *, within_s: float = 10.0) -> bytes:
    """All that comes for these bytes until the other side ends the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(sent)
        async with asyncio.timeout(within_s):
            return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()


def request(method: str, target: str, *headers: str, host: str = "localhost", body: bytes = b"") -> bytes:
    """A request that closes its connection."""
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host}", "Connection: close", *headers]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def taken_apart(answer: bytes) -> Answered:
    if not answer:
        raise ConnectionResetError("no answer came")
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return Answered(int(first.split()[1]), headers, body)


async def ask(port: int, method: str, target: str, *headers: str, **more: Any) -> Answered:
    """One request over a connection of its own."""
    return taken_apart(await raw(port, request(method, target, *headers, **more)))
