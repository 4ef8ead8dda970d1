"""The ways to end: GOODBYE from either side, a lost socket, and what becomes of the session."""

from __future__ import annotations

import pytest

from imserver_protocol import Closed, ConnectionState, SessionState
from tests.protocol.open_world import open_world

from .hand_made import closed, greeting_client, raw, read, served, welcomed_by


@pytest.mark.parametrize(
    "code", [100, 101, 102, 103, 200, 201, 202, 210, 215, 300, 301, 302, 400, 401, 500, 501, 777]
)
@pytest.mark.parametrize("by_client", [True, False])
def test_whether_a_close_ends_the_session(code: int, by_client: bool) -> None:
    """A client's GOODBYE always does; a server's only if it is no invitation to resume."""
    world, client_session, server_session = open_world()
    link = world.link
    (link.client if by_client else link.server).close(code, "text", 7, now=world.tick())
    world.pump()
    over = by_client or code not in (100, 101, 102, 103)
    for session in (client_session, server_session):
        assert session.state is (SessionState.ENDED if over else SessionState.DETACHED)
    heard = (link.server_events if by_client else link.client_events)[-1]
    assert heard == Closed(code, "text", 7, True, over)


@pytest.mark.parametrize(
    ("code", "over"), [(103, False), (300, False), (401, False), (202, True), (210, True)]
)
def test_a_goodbye_before_welcome(code: int, over: bool) -> None:
    """Who was only not let in may offer the session again."""
    world, session, _ = open_world()
    world.cut(world.link)
    client = greeting_client(session)
    client.receive_data(raw(5, 0, 0, code, "no", 9), 0.0)
    assert closed(client) == Closed(code, "no", 9, True, over)
    assert session.state is (SessionState.ENDED if over else SessionState.DETACHED)


def test_goodbye_is_the_last_frame_after_everything_queued() -> None:
    world, _, server_session = open_world()
    seq = world.request()
    world.pump()
    world.answer(server_session, seq)
    world.push(server_session)
    world.link.server.close(100, "", 1500, now=world.now)
    world.push(server_session)  # stays in the session
    frames = read(world.link.server.data_to_send(world.now))
    assert [frame[0] for frame in frames] == [17, 19, 5]
    assert frames[-1][3:] == (100, "", 1500)
    assert world.link.server.data_to_send(world.now) == b""


@pytest.mark.parametrize("code", [101, 102])
def test_nothing_is_flushed_to_a_peer_that_does_not_read(code: int) -> None:
    world, _, server_session = open_world()
    world.push(server_session, 1000)
    world.link.server.close(code, now=world.now)
    assert [frame[0] for frame in read(world.link.server.data_to_send(world.now))] == [5]
    world.cut(world.link)
    world.connect()
    world.pump()
    assert world.streams[server_session.session_id].heard == [1]


def test_a_peer_that_goes_on_after_goodbye_is_not_heard() -> None:
    server, session = served()
    server.receive_data(raw(5, 0, 0, 200, "bye", 0) + raw(16, 1, 0, "post", []), 0.0)
    assert [type(event).__name__ for event in server.events()] == ["Closed"]
    server.receive_data(raw(16, 1, 0, "post", []) + b"\xff" * 100, 0.0)
    server.on_time(1000.0)
    server.receive_eof(1000.0)
    server.close(100)
    assert (server.events(), server.data_to_send(0.0), server.state) == ([], b"", ConnectionState.CLOSED)
    assert session.recv_seq == 0


def test_what_arrives_after_our_goodbye_is_not_acted_upon() -> None:
    server, session = served()
    server.close(100)
    server.events()
    server.receive_data(raw(16, 1, 0, "post", []) + b"\xff" * 100, 0.0)
    assert (server.events(), session.recv_seq) == ([], 0)
    server.receive_eof(1.0)
    assert (server.events(), server.state) == ([], ConnectionState.CLOSED)


def test_the_socket_ends() -> None:
    server, session = served()
    server.receive_data(raw(16, 1, 0, "post", []) + b"\x00\x00", 0.0)
    server.receive_eof(3.0)
    assert closed(server) == Closed(0, "connection lost", 0, False, False)
    assert (session.state, session.detached_at) == (SessionState.DETACHED, 3.0)
    assert list(session.open_requests) == [1]


def test_a_goodbye_text_never_fails() -> None:
    server, _ = served()
    server.close(500, "\ud800" + "x" * 10_000)
    (goodbye,) = read(server.data_to_send(0.0))
    assert len(goodbye[4]) == 200


def test_ending_a_session_from_outside_closes_its_connection() -> None:
    """A fresh HELLO of the device, eviction, or expiry of the user."""
    server, session = served()
    session.end(1.0)
    assert closed(server) == Closed(201, "replaced by a newer connection", 0, False, True)
    client = greeting_client()
    client.receive_data(welcomed_by(), 0.0)
    assert client.session is not None
    client.session.end(1.0)
    assert client.state is ConnectionState.CLOSED


def test_a_client_whose_session_ends_while_it_greets() -> None:
    world, session, _ = open_world()
    world.cut(world.link)
    client = greeting_client(session)
    session.end(0.0)
    assert client.state is ConnectionState.CLOSED
    client.receive_data(welcomed_by(resumed=True), 0.0)
    assert closed(client).code == 0
