"""Through what stands in front of a server: nginx as docs/operating.md has it, TLS of our own, a line that cuts and stalls."""

from __future__ import annotations

import asyncio
import random
import re
import shutil
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme

from imserver import Server
from imserver.proof.fault_proxy import FaultProxy, Faults
from imserver_client import CannotConnect, Environment
from tests.docs.console import DOCS
from tests.limits.raw import eventually
from tests.net.web.sockets import BINARY, SUBPROTOCOL, Bare, entered, hello, with_door
from tests.support.servers import Inbox

HERE = "direct/alice/bob"
FAST = {"posts_per_second": 1e6, "posts_burst": 10**6}
IMPATIENT = Environment(uniform=lambda low, high: min(high, 0.05))
NGINX = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin")
#: Of the page, and what stands for it here.
CERTIFICATES = "/etc/letsencrypt/live/chat.example.org"


def certified(folder: Path) -> ssl.SSLContext:
    """A certificate in `fullchain.pem` and `privkey.pem`, and who trusts it."""
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost", "127.0.0.1")
    for blob in certificate.cert_chain_pems:
        blob.write_to_path(folder / "fullchain.pem", append=True)
    certificate.private_key_pem.write_to_path(folder / "privkey.pem")
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


class Nginx:
    """A real one, with the page's `server` in it."""

    def __init__(self, folder: Path, upstream: int) -> None:
        [server] = re.findall(
            r"^```nginx\n(.*?)^```$", (DOCS / "operating.md").read_text("utf-8"), re.MULTILINE | re.DOTALL
        )
        with socket.socket() as one:
            one.bind(("127.0.0.1", 0))
            self.port: int = one.getsockname()[1]
        for ours, theirs in (
            ("7480", f"{upstream}"),
            ("443", f"127.0.0.1:{self.port}"),
            (CERTIFICATES, f"{folder}"),
        ):
            assert ours in server
            server = server.replace(ours, theirs)
        kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        temporary = "\n".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)
        (folder / "nginx.conf").write_text(
            f"daemon off; master_process off; pid {folder}/pid; error_log {folder}/errors;\n"
            f"events {{}}\nhttp {{ access_log off; {temporary}\n{server} }}\n"
        )
        self._folder = folder
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        assert NGINX is not None
        self._process = await asyncio.create_subprocess_exec(
            NGINX,
            "-p",
            str(self._folder),
            "-c",
            str(self._folder / "nginx.conf"),
            stderr=asyncio.subprocess.DEVNULL,
        )
        async with asyncio.timeout(20):
            while True:
                assert self._process.returncode is None, (self._folder / "errors").read_text()
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                except OSError:
                    await asyncio.sleep(0.02)
                else:
                    writer.close()
                    return

    async def kill(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()


@asynccontextmanager
async def behind_nginx(folder: Path) -> AsyncIterator[tuple[Server, Nginx, ssl.SSLContext]]:
    context = certified(folder)
    http = {"public_url": "https://chat.example.org", "proxies": ["127.0.0.1"]}
    async with with_door(folder, http=http, limits=FAST) as server:
        nginx = Nginx(folder, server.http_port)
        try:
            await nginx.start()
            yield server, nginx, context
        finally:
            await nginx.kill()


@pytest.mark.skipif(NGINX is None, reason="nginx is not installed")
async def test_the_recipe_for_nginx_works_also_when_nginx_is_killed(tmp_path: Path) -> None:
    async with behind_nginx(tmp_path) as (server, nginx, context):
        at = f"imserver+wss://localhost:{nginx.port}"
        how: dict[str, Any] = {"at": at, "tls": context, "timeout": 30.0, "environment": IMPATIENT}
        async with entered(server, "alice", **how) as alice, entered(server, "bob", **how) as bob:
            heard = Inbox(bob)
            posts = [
                asyncio.create_task(alice.post(HERE, f"{number} " + "x" * 20_000)) for number in range(60)
            ]
            await heard.until(10)
            await nginx.kill()
            posts += [asyncio.create_task(alice.post(HERE, f"{number}")) for number in range(60, 80)]
            await nginx.start()
            await asyncio.gather(*posts)
            await heard.until(80)
            assert [text.split()[0] for text in heard.texts] == [f"{number}" for number in range(80)]
            assert server.listener.admission.counts["resumed"] == 2
            await heard.close()


@pytest.mark.skipif(NGINX is None, reason="nginx is not installed")
async def test_behind_the_recipe_everybody_has_an_address_of_their_own(tmp_path: Path) -> None:
    async with behind_nginx(tmp_path) as (server, nginx, context):
        forged = ("X-Forwarded-For: 203.0.113.1", "Forwarded: for=203.0.113.1")
        host = "chat.example.org"
        async with await Bare.open(
            nginx.port,
            SUBPROTOCOL,
            *forged,
            f"Origin: https://{host}",
            host=host,
            source="127.8.9.10",
            tls=context,
        ) as bare:
            assert bare.status == 101
            bare.send(BINARY, hello(server))
            await bare.came()
            assert [one.address for one in server.listener.admission.transports] == ["127.8.9.10"]
        async with await Bare.open(
            nginx.port, SUBPROTOCOL, "Origin: https://evil.example", host=host, tls=context
        ) as bare:
            assert bare.status == 403
        async with await Bare.open(nginx.port, SUBPROTOCOL, host="evil.example", tls=context) as bare:
            assert bare.status == 421


async def test_our_own_tls_lets_in_who_speaks_it(tmp_path: Path) -> None:
    context = certified(tmp_path)
    files = {"tls_certificate": str(tmp_path / "fullchain.pem"), "tls_key": str(tmp_path / "privkey.pem")}
    async with with_door(tmp_path, http=files) as server:
        at = f"imserver+wss://localhost:{server.http_port}/socket"
        async with (
            entered(server, "alice", at=at, tls=context) as alice,
            entered(server, "bob", at=at, tls=context) as bob,
        ):
            heard = Inbox(bob)
            for number in range(20):
                await alice.post(HERE, f"{number} " + "x" * 20_000)
            await heard.until(20)
            await heard.close()
        same = f"Origin: https://localhost:{server.http_port}"
        for origin, status in ((same, 101), (same.replace("https", "http"), 403)):
            host = f"localhost:{server.http_port}"
            async with await Bare.open(server.http_port, SUBPROTOCOL, origin, host=host, tls=context) as bare:
                assert bare.status == status
        with pytest.raises(CannotConnect):
            async with entered(server, "alice", timeout=0.5):
                pass


@pytest.mark.parametrize("path", ["/nothing", "/healthz"])
async def test_where_there_is_no_websocket_the_client_says_what_it_was_told(
    tmp_path: Path, path: str
) -> None:
    async with with_door(tmp_path) as server:
        at = f"imserver+ws://127.0.0.1:{server.http_port}{path}"
        with pytest.raises(CannotConnect, match="no WebSocket at this address: HTTP"):
            async with entered(server, "alice", at=at, timeout=0.5, environment=IMPATIENT):
                pass


@pytest.mark.parametrize("seed", range(2))
async def test_a_line_that_slices_stalls_and_cuts_loses_and_doubles_nothing(
    tmp_path: Path, seed: int
) -> None:
    """In mid-upgrade, in mid-message, in the middle of a header of WebSocket."""
    rng = random.Random(seed)
    async with with_door(tmp_path, limits=FAST) as server, FaultProxy("127.0.0.1", server.http_port) as proxy:
        at = f"imserver+ws://127.0.0.1:{proxy.port}"
        how: dict[str, Any] = {"at": at, "timeout": 30.0, "environment": IMPATIENT}
        async with entered(server, "alice", **how) as alice, entered(server, "bob", **how) as bob:
            heard = Inbox(bob)
            posts = [
                asyncio.create_task(alice.post(HERE, f"{number} " + "x" * rng.randrange(900)))
                for number in range(80)
            ]
            for _ in range(10):
                up, down = (
                    (rng.randrange(1, 4000), -1) if rng.random() < 0.5 else (-1, rng.randrange(1, 4000))
                )
                proxy.apply(
                    Faults(
                        slice_bytes=rng.choice((0, 1, 7, 500)),
                        cut_after_bytes_up=up,
                        cut_after_bytes_down=down,
                    )
                )
                cuts = proxy.cuts
                posts.append(asyncio.create_task(alice.post(HERE, f"{len(posts)}")))
                await eventually(lambda cuts=cuts: proxy.cuts > cuts or all(post.done() for post in posts))  # type: ignore[misc]
                proxy.apply(Faults(stalled=True))  # what a proxy does that collects before it passes on
                await asyncio.sleep(0.05)
                proxy.apply(Faults())
            await asyncio.gather(*posts)
            await heard.until(len(posts))
            assert [text.split()[0] for text in heard.texts] == [f"{number}" for number in range(len(posts))]
            await heard.close()
