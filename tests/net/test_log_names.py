"""Every log line about one connection or session says which: `connection=`, and `session=` where there is one."""

from __future__ import annotations

import ast
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme

from imserver import Server
from imserver.chat.accounts import Accounts
from imserver.net.dispatch import Row
from imserver.net.sessions import LOGGED_ID_CHARS, DeviceSession
from imserver.net.transport import ServerTransport
from imserver.testing import LogBook
from imserver_protocol.errors import LocalError
from imserver_protocol.methods.users import USERS
from imserver_protocol.session.post_frames import PostReceived
from imserver_protocol.session.session import Session
from tests.limits.raw import Raw, eventually, new_key, said
from tests.support.servers import config

ROOT = Path(__file__).resolve().parents[2]
NET = ROOT / "imserver" / "net"
AB = "direct/alice/bob"
LEVELS = {"debug", "info", "warning", "error", "exception", "critical"}

#: Lines about none, or about all. Everything else in this layer is about one, and goes through that one's own log.
ABOUT_NONE = {
    "accept_failed",  # the system gave no socket
    "clocks_parted",
    "admin_listening",
    "drain_timeout",  # how many are left
    "http_accept_failed",
    "http_connection_failed",  # over HTTP there are no sessions, and connections have no number: an error id finds a request
    "http_listening",
    "http_request_failed",
    "life_not_begun",
    "sweep_failed",
}

Line = tuple[str, dict[str, Any]]


@asynccontextmanager
async def logging_server(folder: Path, **sections: Any) -> AsyncIterator[tuple[Server, LogBook]]:
    book = LogBook()
    async with Server(config(folder, **sections), log=book) as server:
        yield server, book


def lines(book: LogBook, *events: str) -> list[Line]:
    return [(event, fields) for _, event, fields in book.lines if not events or event in events]


def names(fields: dict[str, Any]) -> tuple[Any, Any]:
    return fields.get("connection"), fields.get("session")


async def test_a_life_has_one_name_from_welcome_to_its_end(tmp_path: Path) -> None:
    async with logging_server(tmp_path) as (server, book):
        async with await Raw.open(server) as first:
            one = await first.enter(server, "alice")
        await eventually(lambda: "connection_closed" in book.events())
        async with await Raw.open(server) as second:
            two = await second.enter(server, "alice", resume=(one.session_id, one.token), ack=0)
            assert two.resumed
        await eventually(lambda: book.events().count("connection_closed") == 2)
    session = one.session_id[:LOGGED_ID_CHARS]
    told = [(event, *names(fields)) for event, fields in lines(book, "welcomed", "connection_closed")]
    assert told == [
        ("welcomed", 1, session),
        ("connection_closed", 1, session),
        ("welcomed", 2, session),
        ("connection_closed", 2, session),
    ]


async def test_a_connection_that_lost_its_session_still_names_it(tmp_path: Path) -> None:
    async with logging_server(tmp_path) as (server, book):
        async with (
            await Raw.open(server) as old,
            await Raw.open(server) as new,
            await Raw.open(server) as other,
        ):
            one = await old.enter(server, "alice")
            await new.enter(server, "alice", resume=(one.session_id, one.token))  # takes over
            assert (await old.goodbye()).code == 201
            two = await other.enter(server, "alice")  # the device begins anew, and its older session ends
            assert (await new.goodbye()).code == 201
            assert two.session_id != one.session_id
        await eventually(lambda: book.events().count("connection_closed") == 3)
    first, second = one.session_id[:LOGGED_ID_CHARS], two.session_id[:LOGGED_ID_CHARS]
    closed = {names(fields) for _, fields in lines(book, "connection_closed")}
    assert closed == {(1, first), (2, first), (3, second)}


async def test_who_never_got_a_session_names_the_connection(tmp_path: Path) -> None:
    async with logging_server(tmp_path) as (server, book):
        async with await Raw.open(server) as stranger:
            stranger.hello("rubbish")
            assert (await stranger.goodbye()).code == 300
        async with await Raw.open(server) as garbled:
            garbled.send_bytes(b"\x00\x00\x00\x01\xc1")
            assert (await garbled.goodbye()).code == 210
        await eventually(lambda: len(lines(book, "connection_closed")) == 2)
    told = [(event, *names(fields)) for event, fields in lines(book, "login_refused", "connection_closed")]
    assert told == [
        ("login_refused", 1, None),
        ("connection_closed", 1, None),
        ("connection_closed", 2, None),
    ]
    assert all(fields["address"] == "127.0.0.1" for _, fields in lines(book, "login_refused"))


async def test_faults_of_ours_are_found_by_connection_and_session(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: DeviceSession, received: Sequence[PostReceived]) -> None:
        raise RuntimeError("a fault of ours")

    async def failing(*_: Any) -> Any:
        raise RuntimeError("another fault of ours")

    monkeypatch.setattr(DeviceSession, "posts", broken)
    async with logging_server(tmp_path) as (server, book):
        table = server.methods
        table[USERS.name] = Row(USERS, failing, table[USERS.name].need, pages=True)
        async with await Raw.open(server) as raw:
            welcomed = await raw.enter(server, "alice")
            assert (await raw.ask("users", ["bob"])).code == 704
            raw.request("post", AB, new_key(), said("x"))
            assert (await raw.goodbye()).code == 500
        monkeypatch.setattr(Accounts, "authenticate", failing)
        async with await Raw.open(server) as raw:
            raw.hello("a token")
            assert (await raw.goodbye()).code == 500
    session = welcomed.session_id[:LOGGED_ID_CHARS]
    faults = "request_failed", "connection_failed", "handshake_failed"
    assert [(event, *names(fields)) for event, fields in lines(book, *faults)] == [
        ("request_failed", 1, session),
        ("connection_failed", 1, session),
        ("handshake_failed", 2, None),
    ]


async def test_a_session_without_a_connection_is_named_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_reply(*_: Any) -> None:
        raise LocalError("a fault of ours")

    async with logging_server(tmp_path) as (server, book):
        async with await Raw.open(server) as raw:
            welcomed = await raw.enter(server, "alice")
        await eventually(lambda: server.listener.sessions.detached_count == 1)
        (session,) = server.listener.sessions
        monkeypatch.setattr(Session, "reply_with", no_reply)
        session.posts_done([(1, None)])  # type: ignore[list-item]  # it never comes to reading it
    ((_, fields),) = lines(book, "reply_failed")
    assert names(fields) == (None, welcomed.session_id[:LOGGED_ID_CHARS])


async def test_drain_names_every_connection(tmp_path: Path) -> None:
    async with (
        logging_server(tmp_path) as (server, book),
        await Raw.open(server) as alice,
        await Raw.open(server) as silent,
    ):
        await alice.enter(server, "alice")
        await eventually(lambda: len(server.listener.admission.transports) == 2)
        await server.stop()
        assert ((await alice.goodbye()).code, (await silent.goodbye()).code) == (100, 100)
    closed = sorted(fields["connection"] for _, fields in lines(book, "connection_closed"))
    assert closed == [1, 2]


async def test_a_connection_keeps_its_number_through_the_tls_handshake(tmp_path: Path) -> None:
    authority = trustme.CA()
    pair = authority.issue_cert("127.0.0.1")
    certificate, key = tmp_path / "chain.pem", tmp_path / "key.pem"
    pair.cert_chain_pems[0].write_to_path(str(certificate))
    pair.private_key_pem.write_to_path(str(key))
    tls = ssl.create_default_context()
    authority.configure_trust(tls)
    paths = {"tls_certificate": str(certificate), "tls_key": str(key)}
    async with logging_server(tmp_path, server=paths) as (server, book), await Raw.open(server):
        # That was number 1, which never begins its handshake.
        async with await Raw.open(server, tls=tls) as raw:
            await raw.enter(server, "alice")
        await eventually(lambda: "connection_closed" in book.events())
    assert {fields["connection"] for _, fields in lines(book, "welcomed", "connection_closed")} == {2}


async def test_the_name_in_the_log_resumes_nothing(tmp_path: Path) -> None:
    async with logging_server(tmp_path) as (server, book):
        async with await Raw.open(server) as raw:
            welcomed = await raw.enter(server, "alice")
        await eventually(lambda: server.listener.sessions.detached_count == 1)
        ((_, fields),) = lines(book, "welcomed")
        logged = fields["session"]
        whole, secret = welcomed.session_id, welcomed.token
        assert len(logged) == LOGGED_ID_CHARS < len(whole)
        for session_id, token in ((logged, secret), (logged, logged.encode()), (whole, whole.encode())):
            async with await Raw.open(server) as thief:
                given = await thief.enter(server, "alice", "another", resume=(session_id, token))
                assert not given.resumed
        written = repr(book.lines)
        assert whole not in written
        assert secret.hex() not in written
        assert repr(secret)[2:-1] not in written


async def test_a_quiet_connection_keeps_a_number_and_a_shared_text(tmp_path: Path) -> None:
    """A logger with bound names takes more than 0.2 KiB, all that an idle session may cost for them: none is kept."""
    async with logging_server(tmp_path) as (server, _), await Raw.open(server) as raw:
        await raw.enter(server, "alice")
        (session,) = server.listener.sessions
        transport = session.transport
        assert isinstance(transport, ServerTransport)
        assert transport.session_id is session.stream.session_id
        assert type(transport.number) is int
        assert transport.log is not transport.log
        assert session.log is not session.log


def log_calls(source: str) -> list[tuple[str, str, str]]:
    """(class, receiver, event) of each call of a logger in a module."""
    found: list[tuple[str, str, str]] = []

    def visit(node: ast.AST, owner: str) -> None:
        if isinstance(node, ast.ClassDef):
            owner = node.name
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in LEVELS:
            event = node.args[0].value if node.args and isinstance(node.args[0], ast.Constant) else "?"
            found.append((owner, ast.unparse(node.func.value), str(event)))
        for child in ast.iter_child_nodes(node):
            visit(child, owner)

    visit(ast.parse(source), "")
    return found


def about_one(owner: str, receiver: str) -> bool:
    """Through the log of a connection or session, which binds its names."""
    if receiver in ("transport.log", "session.log"):
        return True
    return receiver == "self.log" and owner in ("ServerTransport", "DeviceSession")


def test_no_line_of_this_layer_forgets_its_names() -> None:
    seen: set[str] = set()
    for module in sorted(NET.rglob("*.py")):
        for owner, receiver, event in log_calls(module.read_text()):
            seen.add(event)
            named = about_one(owner, receiver)
            assert named != (event in ABOUT_NONE), (
                f"{module.name}: {receiver} logs {event!r}. A line about one connection or session goes through "
                "`transport.log` or `session.log`; one about none stands in ABOUT_NONE"
            )
    assert seen >= ABOUT_NONE


@pytest.mark.parametrize(
    "line",
    [
        'self._listener.log.info("new", address=self.address)',
        'self._context.log.error("new", user_id=self.user_id)',
        'log.warning("new")',
        'self._acceptor.log.debug("new")',
    ],
)
def test_a_line_through_the_servers_log_is_found(line: str) -> None:
    ((owner, receiver, event),) = log_calls(f"class ServerTransport:\n    def step(self):\n        {line}\n")
    assert event == "new"
    assert not about_one(owner, receiver)
