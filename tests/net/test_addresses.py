"""A proxy in front names the client: log, list of sessions and limits know who it is. Nobody else may name one."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from imserver import Server
from imserver.net import socket_listener
from imserver.net.live_sessions import LiveSessionList
from imserver.net.refused_peers import FEW
from imserver.net.socket_listener import NEEDS_HEADER_TEXT
from imserver.net.transport import NO_PROXY_TEXT
from imserver.testing import LogBook
from tests.hostile.arena import certified
from tests.limits.raw import HELLO, Ended, Raw, eventually, packed
from tests.net.proxy_headers import FOUR, LOCAL, PROXY, STREAM, TCP4, TCP6, v2, with_checksum
from tests.net.proxy_headers import SIX as SIX_ENDS
from tests.support.servers import config

TOO_MANY, MALFORMED, AUTH_FAILED = 400, 210, 300
CLIENT = "203.0.113.9"
V1 = b"PROXY TCP4 203.0.113.9 192.0.2.1 4711 7410\r\n"
V2 = v2(PROXY, TCP4, FOUR)
OURS = {"proxies": ["127.0.0.1"]}


class Front:
    """A server behind a proxy at 127.0.0.1. Other addresses of this machine are no proxies."""

    def __init__(self, server: Server, log: LogBook, tls: ssl.SSLContext | None) -> None:
        self.server = server
        self.log = log
        self._tls = tls

    async def open(self, *pieces: bytes, source: str = "127.0.0.1") -> Raw:
        """A connection that sends these pieces in segments of their own, and then begins TLS if there is any."""
        raw = socket.socket()
        raw.setblocking(False)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        raw.bind((source, 0))
        loop = asyncio.get_running_loop()
        await loop.sock_connect(raw, ("127.0.0.1", self.server.port))
        with suppress(ConnectionError):  # refused before the last of them: the answer tells why
            for piece in pieces:
                await loop.sock_sendall(raw, piece)
                await asyncio.sleep(0)
        name = "127.0.0.1" if self._tls else None
        return Raw(*await asyncio.open_connection(sock=raw, ssl=self._tls, server_hostname=name))

    def addresses(self) -> dict[int, str]:
        """Of the connections that have logged in, as the log tells them."""
        return {
            line["connection"]: line["address"] for _, event, line in self.log.lines if event == "welcomed"
        }

    @property
    def refused(self) -> int:
        return self.server.listener.admission.refused.proxy_headers.count


@asynccontextmanager
async def front(folder: Path, *, tls: bool = False, **sections: Any) -> AsyncIterator[Front]:
    section, context, _ = certified(folder) if tls else ({}, None, "")
    sections.setdefault("server", OURS)
    sections["server"] = {**sections["server"], **section}
    log = LogBook()
    async with Server(config(folder, **sections), log=log) as server:
        yield Front(server, log, context)
        await eventually(lambda: not server.listener.admission.transports)
        assert not server.listener.admission.unauthenticated


def welcomed_as(here: Front) -> list[str]:
    return list(here.addresses().values())


@pytest.mark.parametrize("tls", [False, True], ids=["tcp", "tls"])
@pytest.mark.parametrize(
    ("header", "address"),
    [
        (V1, CLIENT),
        (V2, CLIENT),
        (with_checksum(FOUR), CLIENT),
        (v2(PROXY, TCP6, SIX_ENDS), "2001:db8::9"),
        (v2(PROXY, STREAM, bytes(216)), "unix"),
        (b"PROXY UNKNOWN\r\n", "127.0.0.1"),
        (v2(LOCAL, 0, b""), "127.0.0.1"),
        (v2(PROXY, 0, b""), "127.0.0.1"),
    ],
    ids=["v1", "v2", "checksum", "IPv6", "unix", "v1 unknown", "v2 local", "v2 unspecified"],
)
async def test_the_client_is_whom_the_header_names(
    tmp_path: Path, tls: bool, header: bytes, address: str
) -> None:
    async with front(tmp_path, tls=tls) as here:
        async with await here.open(header) as raw:
            await raw.enter(here.server, "alice")
            [shown] = LiveSessionList(here.server.listener.attachments).listed(None, None, 2)
            assert shown["address"] == address
        async with await here.open(*(bytes([byte]) for byte in header)) as slow:
            await slow.enter(here.server, "alice")
        await eventually(lambda: here.log.events().count("connection_closed") == 2)
        assert {line["address"] for _, _, line in here.log.lines if "address" in line} == {address}


async def test_header_and_first_frames_may_come_in_one_segment(tmp_path: Path) -> None:
    async with front(tmp_path) as here:
        token = here.server.accounts.make_token("alice", ttl_s=60)
        for header in (V1, V2):
            hello = packed(HELLO, 0, 0, (1, 1), [], token, "raw", {}, None)
            async with await here.open(header + hello) as raw:
                await raw.welcome()
            begin = (bytes([byte]) for byte in header[:-1])
            async with await here.open(*begin, header[-1:] + hello) as slow:
                await slow.welcome()
        assert welcomed_as(here) == [CLIENT] * 4


async def test_a_header_may_come_through_a_unix_socket(tmp_path: Path) -> None:
    """If the socket's peers are listed; otherwise nobody there may send one."""
    for proxies in (["unix"], ["127.0.0.1"]):
        path = str(tmp_path / "s")
        async with front(tmp_path, server={"unix_socket": path, "proxies": proxies}) as here:
            raw = Raw(*await asyncio.open_unix_connection(path))
            raw.send_bytes(V2)
            if proxies == ["unix"]:
                await raw.enter(here.server, "alice")
                assert welcomed_as(here) == [CLIENT]
            else:
                assert (await raw.goodbye()).text == NO_PROXY_TEXT
            await raw.hang_up()


@pytest.mark.parametrize("proxies", [[], ["10.0.0.0/8"]], ids=["no proxies", "others"])
@pytest.mark.parametrize("header", [V1, V2, V1[:1], V2[:3]], ids=["v1", "v2", "a byte of v1", "some of v2"])
async def test_who_is_no_proxy_may_send_no_header(tmp_path: Path, proxies: list[str], header: bytes) -> None:
    async with front(tmp_path, server={"proxies": proxies}) as here:
        async with await here.open(header) as raw:
            end = await raw.goodbye()
        assert (end.code, end.text) == (MALFORMED, NO_PROXY_TEXT)
        assert here.refused == 1
        [fields] = [fields for _, event, fields in here.log.lines if event == "proxy_header_refused"]
        assert (fields["address"], fields["connection"]) == ("127.0.0.1", 1)
        async with await here.open() as raw:
            await raw.enter(here.server, "alice")
        assert welcomed_as(here) == ["127.0.0.1"]


async def test_nor_before_a_handshake(tmp_path: Path) -> None:
    """Which is not begun then: there is no answer."""
    loop = asyncio.get_running_loop()
    async with front(tmp_path, tls=True) as here:
        for number, (source, sent) in enumerate(
            (("127.0.0.2", V1), ("127.0.0.2", V2), ("127.0.0.1", V2 + V1))
        ):
            with socket.create_connection(("127.0.0.1", here.server.port), source_address=(source, 0)) as raw:
                raw.setblocking(False)
                await loop.sock_sendall(raw, sent)
                with suppress(ConnectionError):
                    assert await asyncio.wait_for(loop.sock_recv(raw, 100), 20) == b""
            assert here.refused == number + 1
        async with await here.open(source="127.0.0.2") as client:
            await client.enter(here.server, "alice")
        assert welcomed_as(here) == ["127.0.0.2"]


async def test_a_second_header_names_nobody(tmp_path: Path) -> None:
    """It is the client's own, behind that of the proxy."""
    lie = V1.replace(b"203.0.113.9", b"198.51.100.1")
    async with front(tmp_path) as here:
        for pieces in ((V2, lie), (V2 + lie,), (V1, lie), (V2, V2)):
            async with await here.open(*pieces) as raw:
                assert (await raw.goodbye()).text == NO_PROXY_TEXT
        assert here.refused == 4
        named = [line["address"] for _, event, line in here.log.lines if event == "proxy_header_refused"]
        assert set(named) == {CLIENT}


#: What a proxy may not send.
NO_HEADERS = [
    packed(HELLO, 0, 0, (1, 1), [], "token", "raw", {}, None),
    b"PROXY TCP4 nobody 192.0.2.1 4711 7410\r\n",
    b"PROXY UNKNOWN " + b"x" * 200,
    b"PROXY UNKNOWN\n",
    v2(0x11, TCP4, FOUR),
    v2(PROXY, TCP4, FOUR, told=65535),
    with_checksum(FOUR)[:-1] + b"!",
]


@pytest.mark.parametrize(
    "sent", NO_HEADERS, ids=["a frame", "no address", "too long", "no CR", "version", "length", "checksum"]
)
async def test_a_proxy_that_sends_no_right_header_is_told_so(tmp_path: Path, sent: bytes) -> None:
    async with front(tmp_path) as here:
        for pieces in ((sent,), (bytes([byte]) for byte in sent)):
            async with await here.open(*pieces) as raw:
                try:
                    end = await raw.goodbye()
                except Ended:  # it sent on while we hung up
                    continue
                assert (end.code, end.text) == (MALFORMED, NEEDS_HEADER_TEXT)
        await eventually(lambda: here.refused == 2)


async def test_half_a_header_and_then_silence_is_over_in_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket_listener, "PROXY_HEADER_S", 0.2)
    async with front(tmp_path) as here:
        for half in (b"", V1[:20], V2[:14], V2[:20]):
            async with await here.open(half) as raw:
                assert (await raw.goodbye()).text == NEEDS_HEADER_TEXT
        assert here.refused == 4


async def test_a_proxy_that_looks_whether_we_live_is_no_fault(tmp_path: Path) -> None:
    async with front(tmp_path) as here:
        for pieces in ((), (v2(LOCAL, 0, b""),)):
            await (await here.open(*pieces)).hang_up()
        await eventually(lambda: here.server.listener.admission.counts["connections"] == 2)
        await eventually(lambda: not here.server.listener.admission.transports)
        assert here.refused == 0


async def test_one_too_many_is_told_so_behind_a_proxy_as_anywhere(tmp_path: Path) -> None:
    async with front(tmp_path, limits={"max_connections": 1}) as here, await here.open(V2) as inside:
        await inside.enter(here.server, "alice")
        async with await here.open(V2) as outside:
            assert (await outside.goodbye()).text == "too many connections"


async def test_many_wrong_headers_are_one_wave(tmp_path: Path) -> None:
    async with front(tmp_path, server={}) as here:
        for _ in range(FEW + 20):
            async with await here.open(V1) as raw:
                await raw.goodbye()
        shown = [event for level, event, _ in here.log.lines if "header" in event and level != "debug"]
        assert shown == ["proxy_header_refused"] * FEW + ["proxy_headers_refused_begins"]


def header_of(client: str) -> bytes:
    family = "TCP6" if ":" in client else "TCP4"
    return f"PROXY {family} {client} {client} 4711 7410\r\n".encode()


async def test_limits_are_those_of_the_client_and_not_of_the_proxy(tmp_path: Path) -> None:
    """IPv6 counts by /64, and IPv4 within IPv6 as IPv4."""
    async with front(tmp_path, limits={"max_connections_per_address": 1}) as here:
        inside = []
        for number, client in enumerate((CLIENT, "203.0.113.10", "2001:db8:0:1::1", "2001:db8:0:2::1")):
            inside.append(await here.open(header_of(client)))
            await inside[-1].enter(here.server, "alice", f"{number}")
        for client in (CLIENT, f"::ffff:{CLIENT}", "2001:db8:0:1:ffff::2"):
            async with await here.open(header_of(client)) as raw:
                raw.hello(here.server.accounts.make_token("bob", ttl_s=60))
                end = await raw.goodbye()
                assert (end.code, end.text) == (TOO_MANY, "too many connections from this address")
        for raw in inside:
            await raw.hang_up()


async def test_wrong_tokens_are_charged_to_the_client(tmp_path: Path) -> None:
    async with front(tmp_path, limits={"failed_logins_per_minute": 1}) as here:
        ends = []
        for client in (CLIENT, CLIENT, "203.0.113.10", "2001:db8::1", "2001:db8::2"):
            async with await here.open(header_of(client)) as raw:
                raw.hello("wrong")
                ends.append((await raw.goodbye()).code)
        assert ends == [AUTH_FAILED, TOO_MANY, AUTH_FAILED, AUTH_FAILED, TOO_MANY]


async def test_a_crowd_behind_a_proxy_is_a_crowd_of_its_own_address(tmp_path: Path) -> None:
    """Though all of them come through one address, as does whoever has been silent for longer."""
    async with front(tmp_path, limits={"max_unauthenticated": 5}) as here:
        async with await here.open(header_of("203.0.113.10")) as patient:
            await eventually(lambda: here.server.listener.admission.unauthenticated == 1)
            raws = [await here.open(header_of(CLIENT)) for _ in range(8)]
            async with asyncio.TaskGroup() as group:
                ends = [group.create_task(raw.goodbye()) for raw in raws]
                await eventually(lambda: sum(end.done() for end in ends) == 4)
                await patient.enter(here.server, "alice")
                for end in ends:
                    end.cancel()
        for raw in raws:
            await raw.hang_up()
