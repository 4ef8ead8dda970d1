"""A connection in the place of another: what is resumed, acked and displaced by its handshake."""

from __future__ import annotations

from typing import Any

import pytest

from imserver_protocol import Closed, Connection, ConnectionState, Limits, SessionState, Side
from tests.protocol.open_world import open_world

from .hand_made import closed, greeting_client, raw, read


@pytest.mark.parametrize(("ack", "over"), [(0, False), (1, True)])
def test_the_client_checks_the_ack_of_welcome(ack: int, over: bool) -> None:
    """A frame that was numbered but never handed out cannot have been received."""
    world, session, _ = open_world()
    world.cut(world.link)
    world.request()
    client = greeting_client(session)
    fields: tuple[Any, ...] = (1, [], session.user_id, session.session_id, b"t2", True, "", "e", 1, {}, "p")
    client.receive_data(raw(1, 0, ack, *fields), 0.0)
    assert (session.state is SessionState.ENDED) is over
    if over:
        assert closed(client).code == 214


@pytest.mark.parametrize("change", [{"session_id": "another"}, {"user_id": "bob"}])
def test_the_client_resumes_nothing_but_what_it_offered(change: dict[str, str]) -> None:
    world, session, _ = open_world()
    world.cut(world.link)
    client = greeting_client(session)
    named = {"user_id": session.user_id, "session_id": session.session_id} | change
    fields: tuple[Any, ...] = (1, [], named["user_id"], named["session_id"], b"t2", True, "", "e", 1, {}, "p")
    client.receive_data(raw(1, 0, 0, *fields), 0.0)
    assert closed(client).code == 212


def test_a_client_that_comes_again_has_no_attached_session_until_welcome() -> None:
    world, session, _ = open_world()
    world.connect()
    states = [session.state]
    world.pump()
    assert [*states, session.state] == [SessionState.DETACHED, SessionState.ATTACHED]


def test_the_ack_of_hello_needs_no_bare_ack_behind_it() -> None:
    world, session, server_session = open_world()
    world.push(server_session)
    world.flush_server(world.link)
    world.deliver_down(world.link, len(world.link.down))
    due = [session.receive.due_at is not None]
    world.cut(world.link)
    world.connect()
    world.pump()
    assert [*due, session.receive.due_at is not None] == [True, False]
    world.pass_time(0.2)
    assert not world.link.client.data_to_send(world.now)


def test_a_resume_whose_ack_ends_the_lagging_says_so() -> None:
    world, _, server_session = open_world(Limits(window_frames=4))
    link = world.link
    for _ in range(5):
        world.push(server_session)
    world.flush_server(link)
    world.deliver_down(link, len(link.down))  # no ack of it ever comes up
    world.cut(link)
    lagged = [server_session.lagging]
    world.connect()
    world.pump()
    assert [*lagged, server_session.lagging] == [True, False]
    assert [type(event).__name__ for event in world.link.server_events].count("LaggingEnded") == 1


def test_a_newer_connection_displaces_the_older() -> None:
    world, _, server_session = open_world()
    old = world.link
    world.request()
    world.flush_client(old)  # on its way
    world.lose_client_side(old)
    world.connect()
    world.pump()
    assert server_session.generation == 2
    assert closed_codes(old.server_events) == [201]
    world.deliver_up(old, len(old.up))
    assert old.server_events[-1] == Closed(201, "replaced by a newer connection", 0, False, False)
    assert read(old.server.data_to_send(world.now))[-1][3] == 201
    assert server_session.state is SessionState.ATTACHED
    assert server_session.requests_in_flight == 1  # it came by replay, once


def closed_codes(events: list[Any]) -> list[int]:
    return [event.code for event in events if isinstance(event, Closed)]


def test_what_was_received_but_not_yet_acked_is_not_sent_again() -> None:
    """HELLO says what the client has, though no ack had reached the server."""
    world, session, server_session = open_world()
    for _ in range(3):
        world.push(server_session)
    link = world.link
    world.flush_server(link)
    world.deliver_down(link, len(link.down))
    assert (session.recv_seq, server_session.acked_seq) == (3, 0)
    world.cut(link)
    world.push(server_session)
    world.connect()
    world.pump()
    assert world.client_session is session
    assert world.streams[session.session_id].heard == [1, 2, 3, 4]
    assert closed_codes(world.link.client_events) == []


def test_what_the_server_received_but_did_not_ack_is_not_sent_again() -> None:
    """WELCOME says what the server has, though no ack had reached the client."""
    world, session, server_session = open_world()
    link = world.link
    first = [world.request() for _ in range(3)]
    world.flush_client(link)
    world.deliver_up(link, len(link.up))
    assert (server_session.recv_seq, session.acked_seq) == (3, 0)
    world.cut(link)
    later = world.request()
    world.connect()
    world.pump()
    assert world.client_session is session
    assert world.streams[session.session_id].received == [*first, later]
    assert closed_codes(world.link.server_events) == closed_codes(world.link.client_events) == []
    assert session.acked_seq >= 3


def test_a_late_hello_does_not_displace_the_newer_connection() -> None:
    world, session, _ = open_world()
    world.cut(world.link)
    late = world.connect()
    world.flush_client(late)
    world.lose_client_side(late)
    used = world.connect()
    world.pump()
    world.deliver_up(late, len(late.up))
    assert closed_codes(late.server_events) == [201]
    assert used.client.state is used.server.state is ConnectionState.OPEN
    assert world.client_session is session


def test_a_client_that_comes_again_listens_no_more_to_the_old_socket() -> None:
    """Its ack stands in HELLO: a frame taken over afterwards would be sent a second time."""
    world, session, server_session = open_world()
    old = world.link
    world.push(server_session)
    world.flush_server(old)
    new = Connection(Side.CLIENT, Limits(), world.tick())
    new.hello("t", "phone", {}, session)
    world.deliver_down(old, len(old.down))
    assert session.recv_seq == 0
    assert closed_codes(old.client_events) == [0]
