"""The deadline: work that was done at its time does not fall due again."""

from __future__ import annotations

import pytest

from imserver_protocol import Connection, ConnectionState, Limits, Session, Side

from .world import World


def test_an_ack_that_cannot_be_written_yet_is_not_due_again_and_again() -> None:
    """Else an adapter whose peer does not read would be woken without a pause."""
    world = World()
    link = world.connect()
    world.pump()
    session = world.client_session
    assert isinstance(session, Session)
    world.push(world.sessions[session.session_id])
    world.flush_server(link)
    world.deliver_down(link, len(link.down))
    due_at = link.client.deadline
    assert due_at is not None
    link.client.on_time(due_at)
    assert link.client.has_data_to_send
    assert link.client.deadline is not None
    assert link.client.deadline > due_at
    assert link.client.data_to_send(due_at)


def test_what_is_near_is_the_end_of_a_handshake_and_then_acks() -> None:
    """An adapter that looks at everybody once a second needs a timer for these alone."""
    fresh = Connection(Side.SERVER, Limits(), 0.0)
    assert both(fresh) == (5.0, 5.0)
    world = World()
    link = world.connect()
    world.pump()
    near, some_day = both(link.server)
    assert near is None
    assert some_day is not None
    world.request()
    world.flush_client(link)
    world.deliver_up(link, len(link.up))
    near, soonest = both(link.server)
    assert near is not None
    assert near == soonest
    link.server.on_time(near)
    assert both(link.server)[0] is None, "an ACK that is due waits for the socket, not for time"
    link.server.close()
    near, soonest = both(link.server)
    assert near == soonest


def greeting(side: Side) -> Connection:
    """A connection between HELLO and WELCOME, since second 1."""
    client = Connection(Side.CLIENT, Limits(), 0.0)
    server = Connection(Side.SERVER, Limits(), 0.0)
    client.on_time(1.0)
    client.hello("token", "phone", {})
    server.receive_data(client.data_to_send(1.0), 1.0)
    return client if side is Side.CLIENT else server


@pytest.mark.parametrize(
    ("connection", "ends_at"),
    [
        (Connection(Side.SERVER, Limits(), 0.0), 5.0),
        (Connection(Side.CLIENT, Limits(), 0.0), None),
        (greeting(Side.SERVER), 61.0),
        (greeting(Side.CLIENT), 16.0),
    ],
)
def test_how_long_each_side_waits_in_a_handshake(connection: Connection, ends_at: float | None) -> None:
    """A server takes its time over WELCOME: a full disk is no reason to send everybody away after 15 s."""
    assert both(connection) == (ends_at, ends_at)
    if ends_at is None:
        return
    connection.on_time(ends_at - 0.1)
    assert connection.state < ConnectionState.CLOSING
    connection.on_time(ends_at)
    assert connection.state >= ConnectionState.CLOSING


def both(connection: Connection) -> tuple[float | None, float | None]:
    return connection.near_deadline, connection.deadline
