"""Behind a real HAProxy and a real nginx: clients log in, and the server knows them by their own addresses."""

from __future__ import annotations

import os
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

import pytest

from benchmarks.processes import free_port
from imserver import Server
from imserver.testing import LogBook
from tests.hostile.arena import certified
from tests.limits.raw import Raw, eventually
from tests.support.servers import config

#: Where Debian puts programs of the system, which are not on everybody's PATH.
_PATH = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"))
HAPROXY, NGINX = shutil.which("haproxy", path=_PATH), shutil.which("nginx", path=_PATH)
#: nginx passes TCP on by this module, which may be a package of its own (`libnginx-mod-stream`).
STREAM_MODULES = [
    Path("/usr/lib/nginx/modules/ngx_stream_module.so"),
    Path("/usr/lib64/nginx/modules/ngx_stream_module.so"),
]
CLIENT = "127.0.0.9"

needs_haproxy = pytest.mark.skipif(HAPROXY is None, reason="haproxy is not installed")
needs_nginx = pytest.mark.skipif(
    NGINX is None or not any(path.exists() for path in STREAM_MODULES),
    reason="nginx with its module `stream` is not installed",
)

HAPROXY_CONFIG = """
defaults
  mode tcp
  timeout connect 5s
  timeout client 60s
  timeout server 60s
listen chat
  bind 127.0.0.1:{port}
  server imserver {server} {options}
"""
NGINX_CONFIG = """
{modules}
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log stderr;
events {{ worker_connections 64; }}
stream {{
  server {{ listen 127.0.0.1:{port}; proxy_pass {server}; proxy_protocol on; }}
}}
"""


@contextmanager
def process(*command: str) -> Iterator[None]:
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as started:
        try:
            yield
            assert started.poll() is None, "the proxy has ended by itself"
        finally:
            started.terminate()


@contextmanager
def haproxy(folder: Path, server: str, options: str) -> Iterator[int]:
    port = free_port()
    (folder / "haproxy.cfg").write_text(HAPROXY_CONFIG.format(port=port, server=server, options=options))
    with process(str(HAPROXY), "-db", "-q", "-f", str(folder / "haproxy.cfg")):
        yield port


@contextmanager
def nginx(folder: Path, server: str) -> Iterator[int]:
    port = free_port()
    modules = "".join(f"load_module {path};" for path in STREAM_MODULES if path.exists())
    text = NGINX_CONFIG.format(port=port, server=server, folder=folder, modules=modules)
    (folder / "nginx.conf").write_text(text)
    with process(str(NGINX), "-e", "stderr", "-p", str(folder), "-c", str(folder / "nginx.conf")):
        yield port


async def logs_in_through(port: int, server: Server, tls: ssl.SSLContext | None = None) -> None:
    """From an address of its own; the proxy may need a moment until it listens."""
    raws: list[Raw] = []

    async def opened() -> bool:
        with suppress(ConnectionRefusedError):
            raws.append(await Raw.open(port, source=CLIENT, tls=tls))
        return bool(raws)

    while not await opened():  # each try is a turn of the loop
        pass
    async with raws[0] as raw:
        await raw.enter(server, "alice")
        assert (await raw.ask("sync", None)).code == 0


@asynccontextmanager
async def behind(folder: Path, log: LogBook, **section: object) -> AsyncIterator[Server]:
    async with Server(config(folder, server={"proxies": ["127.0.0.1"], **section}), log=log) as server:
        yield server
        assert server.listener.admission.refused.proxy_headers.count == 0
    assert [line["address"] for _, event, line in log.lines if event == "welcomed"] == [CLIENT]


#: HAProxy looks ten times a second whether the server lives, and says that it is itself (LOCAL, UNKNOWN).
CHECKED = "check inter 100ms"


@needs_haproxy
@pytest.mark.parametrize(
    "version", ["send-proxy", "send-proxy-v2", "send-proxy-v2 proxy-v2-options crc32c,unique-id"]
)
async def test_behind_haproxy(tmp_path: Path, version: str) -> None:
    log = LogBook()
    async with behind(tmp_path, log) as server:
        with haproxy(tmp_path, f"127.0.0.1:{server.port}", f"{version} {CHECKED}") as port:
            await logs_in_through(port, server)
            await eventually(lambda: server.listener.admission.counts["connections"] >= 4)


@needs_haproxy
async def test_behind_haproxy_with_tls_of_ours(tmp_path: Path) -> None:
    section, context, _ = certified(tmp_path)
    log = LogBook()
    async with behind(tmp_path, log, **section) as server:
        with haproxy(tmp_path, f"127.0.0.1:{server.port}", "send-proxy-v2") as port:
            await logs_in_through(port, server, context)


@needs_haproxy
async def test_behind_haproxy_through_a_unix_socket(tmp_path: Path) -> None:
    log, path = LogBook(), str(tmp_path / "s")
    async with behind(tmp_path, log, unix_socket=path, proxies=["unix"]) as server:
        with haproxy(tmp_path, f"unix@{path}", "send-proxy-v2") as port:
            await logs_in_through(port, server)


@needs_nginx
async def test_behind_nginx(tmp_path: Path) -> None:
    log = LogBook()
    async with behind(tmp_path, log) as server:
        with nginx(tmp_path, f"127.0.0.1:{server.port}") as port:
            await logs_in_through(port, server)


@needs_haproxy
async def test_a_proxy_that_is_not_listed_is_told_so_in_the_log(tmp_path: Path) -> None:
    log = LogBook()
    async with Server(config(tmp_path), log=log) as server:
        with haproxy(tmp_path, f"127.0.0.1:{server.port}", f"send-proxy {CHECKED}"):
            await eventually(lambda: "proxy_header_refused" in log.events())
