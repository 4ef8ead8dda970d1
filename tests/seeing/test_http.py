"""`[http]` and `[admin]` over real sockets: who is answered what, and that no peer, slow, rude or many, keeps anybody out."""

from __future__ import annotations

import asyncio
import socket
import ssl
import stat
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import trustme

from imserver import Server
from imserver.config import AdminConfig, HttpConfig
from imserver.errors import ConfigError, StartError
from imserver.net.web import peers
from imserver.plugin_api import Context, HttpRequest, HttpResponse
from tests.limits.raw import eventually
from tests.seeing.web import EVERY_ANSWER, ask, raw, request, seen, taken_apart


class Echo:
    """A plugin that answers what it was sent, one that waits until it is let go, and one that says too much."""

    name = "echo"
    config_type = dict
    migrations = ()

    def __init__(self) -> None:
        self.asked = 0
        self.go = asyncio.Event()
        self.stopping = asyncio.Event()

    async def start(self, context: Context) -> None:
        context.route("POST", "/said", self._said)
        context.route("GET", "/wait", self._wait)
        context.route("GET", "/long", self._long)
        context.route("GET", "/broken", self._broken)

    async def stop(self) -> None:
        self.stopping.set()
        await self.go.wait()

    async def _said(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse(
            200, body=request.body, content_type="text/plain", headers={"cache-control": "max-age=9"}
        )

    async def _wait(self, request: HttpRequest) -> HttpResponse:
        self.asked += 1
        await self.go.wait()
        return HttpResponse(200, body="went")

    async def _long(self, request: HttpRequest) -> HttpResponse:
        self.asked += 1
        return HttpResponse(200, body=b"x" * 8_000_000)

    async def _broken(self, request: HttpRequest) -> HttpResponse:
        raise RuntimeError("the till is jammed")


@pytest.fixture
def echo() -> Echo:
    return Echo()


@asynccontextmanager
async def echoing(folder: Path, echo: Echo, **http: Any) -> AsyncIterator[Server]:
    """A server with that plugin, which ends without waiting."""
    async with seen(folder, http=HttpConfig(port=0, **http), plugins=[echo]) as server:
        try:
            yield server
        finally:
            echo.go.set()


# -- what is answered ---------------------------------------------------------------------------------------------------


async def test_it_says_that_it_is_alive_and_ready(tmp_path: Path) -> None:
    async with seen(tmp_path) as server:
        alive = await ask(server.http_port, "GET", "/healthz")
        assert (alive.status, alive.json) == (200, {"alive": True})
        ready = await ask(server.http_port, "GET", "/readyz?verbose")
        assert (ready.status, ready.json) == (
            200,
            {"ready": True, "accepting": {"ok": True}, "writer": {"ok": True}, "disk": {"ok": True}},
        )
        head = await ask(server.http_port, "HEAD", "/readyz")
        assert (head.status, head.body) == (200, b"")
        assert head.headers["content-length"] == str(len(ready.body))


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (request("GET", "/healthz"), 200),
        (request("GET", "/nothing"), 404),
        (request("GET", "/healthz/"), 404),
        (request("GET", "/%68ealthz"), 404),
        (request("GET", "/metrics"), 404),
        (request("GET", "/x/nobody/home"), 404),
        (request("GET", "/x/echo/said"), 405),
        (request("POST", "/healthz", body=b"{}"), 405),
        (request("BREW", "/healthz"), 400),
        (request("POST", "/x/echo/said", "Content-Encoding: gzip", body=b"x"), 415),
        (request("POST", "/x/echo/said", body=b"x" * 70_000), 413),
        (request("GET", "/x/echo/broken"), 500),
        (request("GET", "/" + "a" * 5_000), 400),
        (request("GET", "/healthz", "A: " + "a" * 5_000), 400),
        (request("GET", "/healthz", *["A: b"] * 50), 400),
        (request("GET", "/healthz", host="evil.example"), 421),
        (request("GET", "/healthz", host="localhost\r\nHost: evil.example"), 400),
        (request("GET", "http://localhost/healthz"), 400),
        (request("OPTIONS", "*"), 400),
        (request("CONNECT", "localhost:80"), 400),
        (b"GET /healthz HTTP/1.0\r\n\r\n", 421),
        (b"GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
        (b"hello?\r\n\r\n", 400),
        (
            b"POST /x/echo/said HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            400,
        ),
        (b"POST /x/echo/said HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n", 400),
    ],
    ids=lambda sent: repr(sent[:60]) if isinstance(sent, bytes) else None,
)
async def test_every_answer_is_json_and_bears_every_header_and_no_version(
    tmp_path: Path, echo: Echo, sent: bytes, status: int
) -> None:
    async with echoing(tmp_path, echo) as server:
        answer = taken_apart(await raw(server.http_port, sent))
        assert answer.status == status
        assert {name: answer.headers.get(name) for name in EVERY_ANSWER} == EVERY_ANSWER
        assert answer.headers["content-type"] == "application/json"
        assert (status == 200) != ("error" in answer.json)
        assert b"jammed" not in answer.body
        assert b"aiohttp" not in answer.body
        assert (await ask(server.http_port, "GET", "/healthz")).status == 200


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LocalHost:80",
        "127.0.0.1:7480",
        "[::1]",
        "[::1]:7480",
        "chat.example.org",
        "CHAT.example.org:443",
        "inside",
        "inside:1",
    ],
)
async def test_hosts_of_the_list_are_answered_with_any_port(tmp_path: Path, host: str) -> None:
    http = HttpConfig(port=0, public_url="https://Chat.Example.org:443", hosts=["Inside"])
    async with seen(tmp_path, http=http) as server:
        assert (await ask(server.http_port, "GET", "/healthz", host=host)).status == 200


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.example",
        "localhost.evil.example",
        "localhost.",
        "example.org",
        "localhost:80:80",
        "[::1",
        "::1",
        "10.0.0.7",
        "localhost@evil",
        "localhost:x",
    ],
)
async def test_others_are_misdirected(tmp_path: Path, host: str) -> None:
    http = HttpConfig(port=0, public_url="https://chat.example.org")
    async with seen(tmp_path, http=http) as server:
        assert (await ask(server.http_port, "GET", "/healthz", host=host)).status in (400, 421)


async def test_routes_of_plugins_are_answered_with_what_they_say(tmp_path: Path, echo: Echo) -> None:
    async with echoing(tmp_path, echo) as server:
        said = await ask(server.http_port, "POST", "/x/echo/said", body=b"hello")
        assert (said.status, said.body, said.headers["content-type"]) == (200, b"hello", "text/plain")
        assert (said.headers["cache-control"], said.headers["server"]) == ("max-age=9", "imserver")
        waited = await ask(
            server.http_port, "POST", "/x/echo/said", "Expect: 100-continue", "Content-Length: 3", "", "abc"
        )
        assert waited.status == 100
        async with (  # in pieces, of a length that nobody told
            aiohttp.ClientSession() as session,
            session.post(
                f"http://localhost:{server.http_port}/x/echo/said",
                data=_pieces(),
                headers={"Expect": "100-continue"},
            ) as answer,
        ):
            assert (answer.status, await answer.text()) == (200, "one two three ")


async def _pieces() -> AsyncIterator[bytes]:
    for word in (b"one ", b"two ", b"three "):
        await asyncio.sleep(0.01)
        yield word


async def test_a_connection_serves_many_requests_in_order(tmp_path: Path) -> None:
    async with seen(tmp_path) as server:
        asked = b"".join(
            f"GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
            for target in ("/healthz", "/nothing") * 20
        )
        answers = (await raw(server.http_port, asked + request("GET", "/readyz"))).split(b"HTTP/1.1 ")[1:]
        assert [int(one[:3]) for one in answers] == [200, 404] * 20 + [200]


# -- slow and many ------------------------------------------------------------------------------------------------------


async def ended_after(port: int, first: bytes, then: bytes, pause_s: float = 0.05) -> float:
    """Seconds until the server ends a connection on which this comes."""
    loop = asyncio.get_running_loop()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    began = loop.time()
    writer.write(first)
    reading = asyncio.ensure_future(_read_all(reader))
    try:
        while not reading.done():
            await asyncio.wait({reading}, timeout=pause_s)
            writer.write(then)
            assert loop.time() - began < 10
        return loop.time() - began
    finally:
        writer.close()


async def _read_all(reader: asyncio.StreamReader) -> None:
    try:
        while await reader.read(65536):
            pass
    except ConnectionError:
        pass


ASKED = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
LONG = b"POST /x/echo/said HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9999\r\n\r\n"
#: What a peer sends first, and again and again.
SLOW: dict[str, tuple[bytes, bytes]] = {
    "silent": (b"", b""),
    "a head that never ends": (b"GET /", b"a"),
    "header by header": (b"GET /healthz HTTP/1.1\r\n", b"A: b\r\n"),
    "nothing behind an answer": (ASKED, b""),
    "a slow head behind an answer": (ASKED + b"GET /", b"a"),
    "a body that never ends": (LONG, b"."),
}


@pytest.mark.parametrize("name", SLOW)
async def test_whoever_takes_too_long_is_ended(
    tmp_path: Path,
    echo: Echo,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    for limit in ("HEAD_S", "IDLE_S", "REQUEST_S"):
        monkeypatch.setattr(peers, limit, 0.4)
    monkeypatch.setattr(peers, "SWEEP_S", 0.05)
    monkeypatch.setattr("imserver.net.web.door.SWEEP_S", 0.05)
    async with echoing(tmp_path, echo) as server:
        assert 0.3 < await ended_after(server.http_port, *SLOW[name]) < 3
        assert len(server.doors.peers["http"]) == 0


async def test_who_does_not_read_his_answer_is_ended(
    tmp_path: Path, echo: Echo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peers, "REQUEST_S", 0.5)
    monkeypatch.setattr("imserver.net.web.door.SWEEP_S", 0.05)
    async with echoing(tmp_path, echo) as server:
        with socket.socket() as deaf:
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            deaf.setblocking(False)
            await asyncio.get_running_loop().sock_connect(deaf, ("127.0.0.1", server.http_port))
            deaf.send(request("GET", "/x/echo/long"))
            await eventually(lambda: echo.asked == 1)
            assert len(server.doors.peers["http"]) == 1
            await eventually(lambda: len(server.doors.peers["http"]) == 0)


async def test_a_crowd_that_says_nothing_keeps_nobody_out(tmp_path: Path, echo: Echo) -> None:
    async with echoing(tmp_path, echo, max_connections=4) as server, AsyncExitStack() as stack:
        crowd = [await asyncio.open_connection("127.0.0.1", server.http_port) for _ in range(40)]
        for _, writer in crowd:
            stack.callback(writer.close)
        assert (await ask(server.http_port, "GET", "/healthz")).status == 200
        http = server.doors.peers["http"]
        assert len(http) <= 4
        assert (http.accepted, http.turned_away) == (41, 37)
        gone = await asyncio.gather(*(reader.read() for reader, _ in crowd[:37]), return_exceptions=True)
        assert all(one == b"" or isinstance(one, ConnectionError) for one in gone), "the oldest went"


@pytest.mark.parametrize("then", ["sends no body", "reads no answer"])
async def test_a_crowd_that_is_waited_for_in_a_request_keeps_nobody_out(
    tmp_path: Path, echo: Echo, then: str
) -> None:
    """Neither who sends a head and then next to nothing, nor who asks for much and does not read it."""
    sent = request("POST", "/x/echo/said", "Content-Length: 60000", "Expect: 100-continue")
    if then == "reads no answer":
        sent = request("GET", "/x/echo/long")
    async with echoing(tmp_path, echo, max_connections=4) as server, AsyncExitStack() as stack:
        crowd = []
        for _ in range(6):
            reader, writer = await asyncio.open_connection("127.0.0.1", server.http_port, limit=1024)
            stack.callback(writer.close)
            writer.write(sent)
            assert (await reader.readline()).startswith(b"HTTP/1.1"), "each of them is in the middle of it"
            crowd.append(reader)
        assert (await ask(server.http_port, "GET", "/healthz")).status == 200
        assert len(server.doors.peers["http"]) <= 4


async def test_requests_in_work_are_not_cut_for_newcomers(tmp_path: Path, echo: Echo) -> None:
    async with echoing(tmp_path, echo, max_connections=2) as server:
        port = server.http_port
        asked = [asyncio.ensure_future(ask(port, "GET", "/x/echo/wait")) for _ in range(2)]
        await eventually(lambda: echo.asked == 2)
        crowded = await raw(port, request("GET", "/healthz"))
        echo.go.set()
        assert crowded == b""
        assert [answer.body for answer in await asyncio.gather(*asked)] == [b"went"] * 2
        assert (await ask(port, "GET", "/healthz")).status == 200


# -- TLS ----------------------------------------------------------------------------------------------------------------


async def test_with_certificates_it_speaks_https_and_counts_who_does_not_shake_hands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost", "127.0.0.1")
    certificate.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    certificate.cert_chain_pems[0].write_to_path(str(tmp_path / "cert.pem"))
    http = HttpConfig(
        host="0.0.0.0",
        port=0,
        tls_certificate=str(tmp_path / "cert.pem"),
        tls_key=str(tmp_path / "key.pem"),
        max_connections=2,
    )
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    async with seen(tmp_path, http=http) as server:
        silent = [await asyncio.open_connection("127.0.0.1", server.http_port) for _ in range(5)]
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"https://localhost:{server.http_port}/healthz", ssl=trusting) as answer,
        ):
            assert (answer.status, await answer.json()) == (200, {"alive": True})
        assert len(server.doors.peers["http"]) <= 2
        assert await raw(server.http_port, request("GET", "/healthz")) == b"", "not in clear text"
        for _, writer in silent:
            writer.close()


async def test_a_key_that_is_not_there_is_named_with_its_field(tmp_path: Path) -> None:
    http = HttpConfig(port=0, tls_certificate=str(tmp_path / "no.pem"), tls_key=str(tmp_path / "no.pem"))
    with pytest.raises(ConfigError, match=r"\$\.http\.tls_key: .*No such file"):
        async with seen(tmp_path, http=http):
            pass


# -- the operator's -----------------------------------------------------------------------------------------------------


async def test_metrics_are_the_operators_on_a_socket_of_his_own(tmp_path: Path) -> None:
    path = tmp_path / "admin"
    async with seen(tmp_path, admin=AdminConfig(unix_socket=str(path))) as server:
        assert stat.S_IMODE(path.lstat().st_mode) == 0o600
        assert (await ask(server.http_port, "GET", "/metrics")).status == 404
        async with aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(path))) as session:
            async with session.get("http://anything/metrics") as answer:
                assert answer.content_type == "text/plain"
                assert "imserver_sessions 0.0" in await answer.text()
            wanted = {"accept": "application/openmetrics-text; version=1.0.0"}
            async with session.get("http://anything/metrics", headers=wanted) as answer:
                assert answer.content_type == "application/openmetrics-text"
                assert (await answer.text()).endswith("# EOF\n")
            async with session.head("http://anything/metrics") as answer:
                assert answer.status == 200
            for target in ("/", "/healthz", "/readyz", "/x/echo/said", "/admin/v1", "/metrics/", "/metricsx"):
                async with session.get(f"http://anything{target}") as answer:
                    assert answer.status == 404, target
    assert not path.exists()


async def test_a_second_server_leaves_the_operators_socket_to_the_first(tmp_path: Path) -> None:
    admin = AdminConfig(unix_socket=str(tmp_path / "admin"))
    other = tmp_path / "other"
    other.mkdir()
    async with seen(tmp_path, admin=admin):
        with pytest.raises(StartError, match="another process listens there"):
            async with seen(other, admin=admin):
                pass
        async with (
            aiohttp.ClientSession(connector=aiohttp.UnixConnector(admin.unix_socket)) as session,
            session.get("http://anything/metrics") as answer,
        ):
            assert answer.status == 200
    async with seen(other, admin=admin):
        pass


async def test_on_a_loopback_port_it_answers_local_hosts_only(tmp_path: Path) -> None:
    async with seen(tmp_path, http=None, admin=AdminConfig(unix_socket="", port=0)) as server:
        assert (await ask(server.admin_port, "GET", "/metrics")).status == 200
        assert (await ask(server.admin_port, "GET", "/metrics", host="evil.example")).status == 421
        assert server.http_port == 0


async def test_on_http_metrics_are_told_only_if_allowed(tmp_path: Path) -> None:
    async with seen(tmp_path, http=HttpConfig(port=0, metrics=True)) as server:
        page = await ask(server.http_port, "GET", "/metrics")
        assert page.status == 200
        assert b"process_resident_memory_bytes" in page.body


# -- beginning and end --------------------------------------------------------------------------------------------------


async def test_a_port_that_is_taken_is_one_line_and_leaves_nothing_behind(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    async with seen(tmp_path) as server:
        taken = HttpConfig(port=server.http_port)
        with pytest.raises(StartError, match=f"cannot listen on 127.0.0.1:{server.http_port}"):
            async with seen(other, http=taken, admin=AdminConfig(unix_socket=str(other / "admin"))):
                pass
    async with seen(other, admin=AdminConfig(unix_socket=str(other / "admin"))):
        pass


async def test_a_server_that_goes_down_says_so_first_and_answers_requests_in_work(
    tmp_path: Path, echo: Echo
) -> None:
    async with seen(tmp_path, plugins=[echo]) as server:
        port = server.http_port
        asked = asyncio.ensure_future(ask(port, "GET", "/x/echo/wait"))
        await eventually(lambda: echo.asked == 1)
        stopping = asyncio.ensure_future(server.stop())
        try:
            await echo.stopping.wait()
            ready = await ask(port, "GET", "/readyz")
            assert (ready.status, ready.json["ready"]) == (503, False)
            assert ready.json["accepting"] == {"ok": False, "why": "the server is going down"}
            assert (await ask(port, "GET", "/healthz")).status == 200
            late = await ask(port, "POST", "/x/echo/said", body=b"late")
            assert (late.status, late.headers["retry-after"]) == (503, "3")
        finally:
            echo.go.set()
        assert (await asked).body == b"went"
        await stopping
        with pytest.raises(ConnectionError):
            await asyncio.open_connection("127.0.0.1", port)


async def test_idle_connections_do_not_hold_up_the_end(tmp_path: Path) -> None:
    loop = asyncio.get_running_loop()
    async with AsyncExitStack() as stack:
        async with seen(tmp_path) as server:
            for _ in range(20):
                _, writer = await asyncio.open_connection("127.0.0.1", server.http_port)
                stack.callback(writer.close)
                writer.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            await eventually(lambda: server.doors.peers["http"].accepted == 20)
            began = loop.time()
        assert loop.time() - began < 1.5


@pytest.mark.parametrize(("section", "loaded"), [("", False), ("[http]\nport = 0", True)])
def test_only_a_server_that_listens_loads_what_speaks_http(
    tmp_path: Path, section: str, loaded: bool
) -> None:
    (tmp_path / "imserver.toml").write_text(f"[server]\nport = 0\n{section}\n")
    program = """
import asyncio, sys
from pathlib import Path
from imserver import Server
from imserver.config import load_config
from imserver.cli import serve

async def main():
    async with Server(load_config(Path("imserver.toml"), {})):
        print("aiohttp" in sys.modules)

asyncio.run(main())
"""
    (tmp_path / "imserver.secret").write_text("a secret that is long enough for a test of ours")
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == str(loaded), done.stderr
