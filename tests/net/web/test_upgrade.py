"""Which requests become WebSockets: what they ask for, whose pages they come from, and whether there is room."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from imserver.config import HttpConfig, check_config
from imserver.errors import ConfigError
from imserver.http_requests import Asked, Page
from imserver.net.web import peers
from imserver.net.web.origins import Origins
from imserver.net.web.site import Site
from tests.limits.raw import GOODBYE, WELCOME, eventually
from tests.net.web.sockets import (
    BINARY,
    CLOSE,
    SUBPROTOCOL,
    UPGRADE,
    Bare,
    entered,
    hello,
    raw_over_websocket,
    with_door,
)
from tests.seeing.web import ask, raw, request, taken_apart
from tests.support.servers import config

TOO_MANY = 400


def upgrade(*headers: str, host: str = "localhost", without: str = "\0") -> list[str]:
    usual = [line for line in (*UPGRADE, SUBPROTOCOL) if not line.startswith(without)]
    return [*usual, *headers]


@pytest.mark.parametrize(
    ("method", "headers", "host", "status"),
    [
        ("GET", upgrade(), "localhost", 101),
        ("GET", upgrade(), "chat.example.org:443", 101),
        ("GET", upgrade(), "evil.example", 421),
        ("POST", upgrade(), "localhost", 426),
        ("GET", upgrade(without="Upgrade"), "localhost", 426),
        ("GET", [SUBPROTOCOL], "localhost", 426),
        ("GET", upgrade("Sec-WebSocket-Version: 8", without="Sec-WebSocket-Version"), "localhost", 426),
        ("GET", upgrade(without="Sec-WebSocket-Protocol"), "localhost", 400),
        ("GET", upgrade("Sec-WebSocket-Protocol: mqtt", without="Sec-WebSocket-Protocol"), "localhost", 400),
        ("GET", upgrade(without="Sec-WebSocket-Key"), "localhost", 400),
        ("GET", upgrade("Sec-WebSocket-Key: short", without="Sec-WebSocket-Key"), "localhost", 400),
        ("GET", upgrade("Sec-WebSocket-Key: \xe9\xe9", without="Sec-WebSocket-Key"), "localhost", 400),
        ("GET", upgrade("Origin: http://localhost"), "localhost", 101),
        ("GET", upgrade("Origin: https://pages.example"), "localhost", 101),
        ("GET", upgrade("Origin: https://chat.example.org"), "localhost", 101),  # of public_url
        ("GET", upgrade("Origin: https://evil.example"), "localhost", 403),
        ("GET", upgrade("Origin: null"), "localhost", 403),
        ("GET", upgrade("Origin: http://localhost", "Origin: https://evil.example"), "localhost", 403),
    ],
)
async def test_a_request_becomes_a_websocket_or_is_told_why_not(
    tmp_path: Path, method: str, headers: list[str], host: str, status: int
) -> None:
    http = {"public_url": "https://chat.example.org", "origins": ["https://pages.example"]}
    async with with_door(tmp_path, http=http) as server:
        lines = [f"{method} /socket HTTP/1.1", f"Host: {host}", "Connection: Upgrade", *headers]
        reader, writer = await asyncio.open_connection("127.0.0.1", server.http_port)
        writer.write("\r\n".join([*lines, "", ""]).encode("latin-1"))
        head = await reader.readuntil(b"\r\n\r\n")
        assert int(head.split()[1]) == status
        assert b"\r\nserver: imserver\r\n" in head.lower()
        if status != 101:
            size = int(taken_apart(head).headers["content-length"])
            assert taken_apart(head + await reader.readexactly(size)).json["error"]
            if "Upgrade: websocket" in headers:  # what follows would be for a WebSocket
                assert await reader.read() == b""
        await eventually(lambda: len(server.listener.admission.transports) == (status == 101))
        writer.close()
        await eventually(lambda: not server.listener.admission.transports)


def test_the_list_of_origins_is_exact() -> None:
    plain, tls = Origins(["https://a.example", "null"], tls=False), Origins([], tls=True)
    assert plain.allow("", "b.example")  # no browser
    assert plain.allow("null", "b.example")
    assert not tls.allow("null", "null")
    assert plain.allow("https://a.example:443", "b.example")
    assert plain.allow("HTTPS://A.example", "b.example")
    assert not plain.allow("https://a.example:8443", "b.example")
    assert not plain.allow("http://a.example", "b.example")
    assert not plain.allow("https://a.example.evil", "b.example")
    assert plain.allow("http://b.example:7480", "b.example:7480")
    assert not plain.allow("http://b.example:7481", "b.example:7480")
    assert plain.allow("https://b.example", "b.example:443")
    assert tls.allow("https://b.example:8443", "B.example:8443")
    assert not tls.allow("http://b.example", "b.example"), "a page that anybody on the way may have written"


@pytest.mark.parametrize(
    "origin", ["*", "https://a.example/", "a.example", "https://", "https://a b", "NULL"]
)
def test_an_origin_that_no_browser_sends_is_refused_at_the_start(tmp_path: Path, origin: str) -> None:
    import msgspec

    http = HttpConfig(origins=["https://a.example:8443", "null", "app://shop", origin])
    with pytest.raises(ConfigError, match=r"http\.origins\[3\]"):
        check_config(msgspec.structs.replace(config(tmp_path), http=http))


@pytest.mark.parametrize(
    "offered",
    [
        ("Sec-WebSocket-Protocol: mqtt, imserver.1",),
        ("Sec-WebSocket-Protocol: mqtt", "Sec-WebSocket-Protocol: imserver.1"),
        ("Sec-WebSocket-Protocol: imserver.1", "Sec-WebSocket-Protocol: mqtt"),
        (
            "Sec-WebSocket-Protocol: imserver.1",
            "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits",
        ),
    ],
)
async def test_our_subprotocol_is_found_in_every_line_and_nothing_is_compressed(
    tmp_path: Path, offered: tuple[str, ...], caplog: pytest.LogCaptureFixture
) -> None:
    async with with_door(tmp_path) as server, await Bare.open(server.http_port, *offered) as bare:
        lines = bare.head.lower().split(b"\r\n")
        assert bare.status == 101
        assert lines.count(b"sec-websocket-protocol: imserver.1") == 1
        assert not [line for line in lines if line.startswith(b"sec-websocket-extensions")]
        bare.send(CLOSE, (1000).to_bytes(2))
        assert await bare.close_came() == 1000
    assert not [record for record in caplog.records if record.name.startswith("aiohttp")]


async def test_a_websocket_is_no_request_that_takes_too_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peers, "SWEEP_S", 0.05)
    monkeypatch.setattr(peers, "REQUEST_S", 0.1)
    async with with_door(tmp_path, http={"max_connections": 1}) as server, entered(server, "alice") as alice:
        [door] = server.doors.peers.values()
        await eventually(lambda: not len(door))
        assert (await ask(server.http_port, "GET", "/healthz")).status == 200
        await asyncio.sleep(0.3)
        await alice.post("direct/alice/bob", "still here")
        assert server.listener.admission.counts["connections"] == 1


async def test_one_too_many_is_told_so_before_the_upgrade(tmp_path: Path) -> None:
    async with with_door(tmp_path, limits={"max_connections": 2}) as server, AsyncExitStack() as stack:
        for name in ("alice", "bob"):
            await stack.enter_async_context(entered(server, name))
        answer = taken_apart(await raw(server.http_port, request("GET", "/socket", *UPGRADE, SUBPROTOCOL)))
        assert answer.status == 503
        assert (answer.json["code"], answer.json["retry_after_ms"]) == (TOO_MANY, 5000)
        assert answer.headers["retry-after"] == "5"
        assert len(server.listener.admission.transports) == 2


@pytest.mark.parametrize("limits", [{"max_connections_per_address": 1}, {"connects_per_minute": 1}], ids=str)
async def test_an_address_is_that_of_the_client_behind_our_proxies(
    tmp_path: Path, limits: dict[str, int]
) -> None:
    async with (
        with_door(tmp_path, http={"proxies": ["127.0.0.1"]}, limits=limits) as server,
        AsyncExitStack() as stack,
    ):
        ends: list[int] = []
        for forwarded in ("203.0.113.7", "203.0.113.8", "203.0.113.7"):
            line = f"Forwarded: for=192.0.2.1, for={forwarded}"  # what stands left anybody may have written
            bare = await stack.enter_async_context(await Bare.open(server.http_port, SUBPROTOCOL, line))
            bare.send(BINARY, hello(server, device=f"{len(ends)}"))
            ends.append((await bare.came()).data[5])
        assert ends == [WELCOME, WELCOME, GOODBYE]
        assert {one.address for one in server.listener.admission.transports} >= {"203.0.113.8"}


async def test_who_is_no_proxy_of_ours_is_who_it_is(tmp_path: Path) -> None:
    lines = ["X-Forwarded-For: 203.0.113.7", *(f"Forwarded: for=10.0.0.{number}" for number in range(20))]
    async with with_door(tmp_path) as server, await Bare.open(server.http_port, SUBPROTOCOL, *lines) as bare:
        assert bare.status == 101
        assert [one.address for one in server.listener.admission.transports] == ["127.0.0.1"]


async def test_ten_thousand_hops_are_no_request(tmp_path: Path) -> None:
    hops = "Forwarded: " + ", ".join(["for=10.0.0.1"] * 10_000)
    async with with_door(tmp_path, http={"proxies": ["127.0.0.1"]}) as server:
        answer = taken_apart(
            await raw(server.http_port, request("GET", "/socket", *UPGRADE, SUBPROTOCOL, hops))
        )
        assert answer.status == 400
        async with entered(server, "alice"):
            pass


async def test_the_oldest_that_does_not_say_who_it_is_makes_room(tmp_path: Path) -> None:
    async with with_door(tmp_path, limits={"max_unauthenticated": 2}) as server, AsyncExitStack() as stack:
        first = await stack.enter_async_context(await raw_over_websocket(server))
        for _ in range(2):
            await stack.enter_async_context(await Bare.open(server.http_port))
        assert (await first.goodbye()).code == TOO_MANY
        assert server.listener.admission.unauthenticated == 2
        async with entered(server, "alice") as alice:
            await alice.post("direct/alice/bob", "in spite of them")


async def test_sockets_of_both_kinds_count_together(tmp_path: Path) -> None:
    async with (
        with_door(tmp_path) as server,
        entered(server, "alice"),
        entered(server, "bob", at=f"imserver://127.0.0.1:{server.port}"),
    ):
        told = server.status()
        assert (told["connections"], told["sessions"]) == (2, 2)
        assert server.listener.admission.counts["connections"] == 2


async def _nothing(asked: Asked) -> Page:
    return Page(200, [], b"")


@pytest.mark.parametrize(
    ("kind", "address"),
    [
        ("at", "/healthz"),
        ("at", "/socket"),
        ("under", "/"),
        ("at", "/x/echo/home"),
        ("under", "/x/echo/"),
        ("under", "/x/"),
        ("at", "/x/"),
    ],
)
def test_no_route_hides_another(kind: str, address: str) -> None:
    site = Site(None, ["/socket"])
    site.at("/healthz", _nothing)
    site.under("/x/", _nothing)
    with pytest.raises(ValueError, match="would hide"):
        getattr(site, kind)(address, _nothing)
    site.at("/healthz2", _nothing)
    site.under("/files/", _nothing)
