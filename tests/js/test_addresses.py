"""A program in Node reaches the server by every kind of address, and does not trust a certificate that it does not know."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import trustme

from imserver import Server
from imserver.config import HttpConfig, ServerConfig
from imserver.model import User
from tests.support.node import NODE
from tests.support.servers import config

SCRIPT = Path(__file__).with_name("post_once.js")


async def said(env: dict[str, str] | None = None, **options: Any) -> str:
    """What the program printed."""
    program = await asyncio.create_subprocess_exec(
        NODE,
        str(SCRIPT),
        json.dumps(options),
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, **(env or {})},
    )
    output, _ = await asyncio.wait_for(program.communicate(), 30)
    return output.decode().strip()


def certified(folder: Path) -> dict[str, Any]:
    """A certificate for 127.0.0.1 whose authority is in `ca.pem`."""
    ca = trustme.CA()
    issued = ca.issue_cert("127.0.0.1")
    ca.cert_pem.write_to_path(folder / "ca.pem")
    issued.cert_chain_pems[0].write_to_path(folder / "certificate.pem")
    issued.private_key_pem.write_to_path(folder / "key.pem")
    (folder / "key.pem").chmod(0o600)
    return {"tls_certificate": str(folder / "certificate.pem"), "tls_key": str(folder / "key.pem")}


@asynccontextmanager
async def serving(folder: Path, server: ServerConfig, http: HttpConfig) -> AsyncIterator[Server]:
    settings = msgspec.structs.replace(config(folder), server=server, http=http)
    async with Server(settings) as running:
        for name in ("ann", "bob"):
            await running.chat.put_user(User(name, name.title()))
        yield running


async def test_plain_addresses(tmp_path: Path):
    async with serving(tmp_path, ServerConfig(port=0), HttpConfig(port=0)) as server:
        token = server.accounts.make_token("ann", ttl_s=60)
        tcp, web = f"imserver://127.0.0.1:{server.port}", f"ws://127.0.0.1:{server.http_port}/socket"
        assert await said(address=tcp, token=token) == "ann 1"
        assert await said(address=web, token=token) == "ann 2"


async def test_a_unix_socket(tmp_path: Path):
    path = tmp_path / "a socket"
    async with serving(tmp_path, ServerConfig(unix_socket=str(path)), HttpConfig(port=0)) as server:
        token = server.accounts.make_token("ann", ttl_s=60)
        assert await said(address=f"imserver+unix://{str(path).replace(' ', '%20')}", token=token) == "ann 1"


async def test_an_address_that_is_none_is_said_at_once(tmp_path: Path):
    for address in ("127.0.0.1:7410", "http://127.0.0.1:7480", "imserver:"):
        assert (await said(address=address, token="t", timeoutMs=60_000)).startswith(f"Misuse: {address}: ")


async def test_addresses_with_tls(tmp_path: Path):
    files = certified(tmp_path)
    async with serving(tmp_path, ServerConfig(port=0, **files), HttpConfig(port=0, **files)) as server:
        tcp = f"imservers://127.0.0.1:{server.port}"
        web = f"wss://127.0.0.1:{server.http_port}/socket"
        token, ca = server.accounts.make_token("ann", ttl_s=60), str(tmp_path / "ca.pem")
        assert await said(address=tcp, token=token, ca=ca) == "ann 1"
        assert await said({"NODE_EXTRA_CA_CERTS": ca}, address=web, token=token) == "ann 2"
        for address in (tcp, web):
            assert (await said(address=address, token=token, timeoutMs=1500)).startswith("CannotConnect")
