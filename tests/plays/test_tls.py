"""TLS from the first byte: who speaks it gets in, who does not gets a clean end, and nothing in between exists."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trustme

from imserver import Config, ConfigError, Server
from imserver.config import ServerConfig, check_config
from imserver_client import CannotConnect, Client, connect, direct_conversation_id
from tests.limits.raw import Raw, packed
from tests.support.servers import Inbox, people, running

BOTH = pytest.mark.asyncio(loop_factories=["uvloop", "asyncio"])
AB = direct_conversation_id("alice", "bob")


@asynccontextmanager
async def with_tls(folder: Path) -> AsyncIterator[tuple[Server, ssl.SSLContext]]:
    """A server with a certificate for localhost, and a context that trusts it."""
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost", "127.0.0.1")
    certificate.cert_chain_pems[0].write_to_path(folder / "certificate.pem")
    certificate.private_key_pem.write_to_path(folder / "key.pem")
    context = ssl.create_default_context()
    authority.configure_trust(context)
    files = {"tls_certificate": str(folder / "certificate.pem"), "tls_key": str(folder / "key.pem")}
    async with running(folder, server=files) as server:
        yield server, context


async def enter(server: Server, name: str, context: ssl.SSLContext | None, **options: float) -> Client:
    return await connect(
        f"imservers://localhost:{server.port}",
        token=server.accounts.make_token(name, ttl_s=60),
        tls=context,
        timeout=options.get("timeout", 15.0),
    )


@BOTH
async def test_two_people_talk_over_tls(tmp_path: Path) -> None:
    async with with_tls(tmp_path) as (server, context):
        alice, bob = await enter(server, "alice", context), await enter(server, "bob", context)
        heard = Inbox(bob)
        for number in range(50):
            await alice.post(AB, f"{number} " + "x" * 10_000)
        await heard.until(50)
        assert [text.split()[0] for text in heard.texts] == [f"{n}" for n in range(50)]
        await heard.close()
        await alice.close()
        await bob.close()


@BOTH
async def test_who_speaks_no_tls_to_it_gets_an_end_and_nothing_else(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        async with with_tls(tmp_path) as (server, context):
            hello = packed(0, 0, 0, [1, 1], [], server.accounts.make_token("bob", ttl_s=60), "d", {}, None)
            for data in (hello, b"STARTTLS\r\n" + hello, b"GET / HTTP/1.1\r\n\r\n"):
                reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
                writer.write(data)
                async with asyncio.timeout(20):
                    try:
                        answer = await reader.read()
                    except ConnectionResetError:
                        answer = b""
                # At most TLS's own alert (a record of type 21): nothing of ours.
                assert answer == b"" or answer[0] == 21, answer
                writer.close()
            with pytest.raises(CannotConnect):
                async with connect(
                    f"imserver://127.0.0.1:{server.port}",
                    token=server.accounts.make_token("bob", ttl_s=60),
                    timeout=1.5,
                ):
                    pass
            assert server.listener.admission.counts["welcomed"] == 0
            alice = await enter(server, "alice", context)
            assert (await alice.post(AB, "still here")).position == 1
            await alice.close()
    assert "Traceback" not in caplog.text


@BOTH
async def test_who_speaks_tls_to_a_plain_port_gets_an_end(tmp_path: Path) -> None:
    async with running(tmp_path) as server, people(server) as enter_plainly:
        with pytest.raises(CannotConnect):
            await enter(server, "bob", ssl.create_default_context(), timeout=1.5)
        async with await Raw.open(server) as raw:
            raw.send_bytes(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
            assert (await raw.goodbye()).code == 211
        alice = await enter_plainly("alice")
        assert (await alice.post(AB, "still here")).position == 1


@BOTH
async def test_there_is_no_way_from_plain_to_tls_on_one_connection(tmp_path: Path) -> None:
    async with running(tmp_path) as server, await Raw.open(server) as raw:
        await raw.enter(server, "bob")
        assert (await raw.ask("starttls")).code == 601
        raw.send_bytes(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
        assert (await raw.goodbye()).code == 211


@BOTH
async def test_a_client_does_not_trust_whom_it_does_not_know(tmp_path: Path) -> None:
    async with with_tls(tmp_path) as (server, _):
        with pytest.raises(CannotConnect, match="certificate"):
            await enter(server, "bob", None, timeout=1.5)
        other = ssl.create_default_context()
        trustme.CA().configure_trust(other)
        with pytest.raises(CannotConnect, match="certificate"):
            await enter(server, "bob", other, timeout=1.5)


@BOTH
async def test_a_socket_that_never_begins_its_handshake_harms_nobody(tmp_path: Path) -> None:
    async with with_tls(tmp_path) as (server, context):
        silent = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(20)]
        alice, bob = await enter(server, "alice", context), await enter(server, "bob", context)
        heard = Inbox(bob)
        await alice.post(AB, "hello")
        await heard.text("hello")
        await heard.close()
        await alice.close()
        await bob.close()
        for _, writer in silent:
            writer.close()


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::", "chat.example"])
def test_without_tls_only_this_machine_is_served(host: str) -> None:
    with pytest.raises(ConfigError, match=r"\$\.server\.host: .* without TLS"):
        check_config(Config(server=ServerConfig(host=host)))
    check_config(Config(server=ServerConfig(host=host, tls_certificate="c.pem", tls_key="k.pem")))
    check_config(Config(server=ServerConfig(host=host, insecure=True)))


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_loopback_needs_no_tls(host: str) -> None:
    check_config(Config(server=ServerConfig(host=host)))
