"""One connection while it lasts: order, acks, liveness, and peers that break the rules."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imserver_protocol import (
    Closed,
    Connection,
    ConnectionState,
    EncodeError,
    Limits,
    SessionState,
    Side,
    SignalReceived,
)
from tests.protocol.open_world import open_world

from .hand_made import HELLO_FIELDS, closed, greeting_client, raw, read, served, welcomed_by

# -- order and acks


def test_frames_in_wrong_order() -> None:
    for first in (2, 0):
        server, session = served()
        server.receive_data(raw(16, first, 0, "post", []), 0.0)
        assert closed(server) == Closed(213, f"seq {first}, expected 1", 0, False, True)
        assert session.state is SessionState.ENDED


def test_a_repeated_frame() -> None:
    server, _ = served()
    server.receive_data(raw(16, 1, 0, "post", []) * 2, 0.0)
    assert [type(event).__name__ for event in server.events()] == ["RequestReceived", "Closed"]


def test_an_ack_from_the_future_ends_the_session_and_moves_nothing() -> None:
    server, session = served()
    server.receive_data(raw(16, 1, 0, "post", []), 0.0)
    session.reply(1, None)
    server.receive_data(raw(2, 0, 1), 0.0)  # numbered, but not yet handed out
    assert closed(server).code == 214
    assert session.acked_seq == 0


def test_a_lower_ack_is_ignored() -> None:
    server, session = served()
    server.receive_data(raw(16, 1, 0, "post", []), 0.0)
    session.reply(1, None)
    server.data_to_send(0.0)
    server.receive_data(raw(2, 0, 1) + raw(2, 0, 0) + raw(16, 2, 0, "post", []), 0.0)
    assert (session.acked_seq, server.state) == (1, ConnectionState.OPEN)


def test_the_ack_is_processed_before_the_payload_of_the_same_frame() -> None:
    server, session = served(Limits(max_requests=1))
    server.receive_data(raw(16, 1, 0, "post", []), 0.0)
    session.reply(1, None)
    server.data_to_send(0.0)
    server.receive_data(raw(16, 2, 1, "post", []), 0.0)
    assert server.state is ConnectionState.OPEN


@pytest.mark.parametrize("ack", [0, 1])
def test_more_requests_than_allowed(ack: int) -> None:
    server, session = served(Limits(max_requests=1))
    server.receive_data(raw(16, 1, 0, "post", []), 0.0)
    if ack == 0:
        session.reply(1, None)  # not acked: still in flight
        server.data_to_send(0.0)
    server.receive_data(raw(16, 2, 0, "post", []), 0.0)
    assert closed(server).code == 215
    assert session.memory_bytes < 4096


def test_more_request_bytes_than_allowed() -> None:
    server, _ = served(Limits(max_request_bytes=1000))
    server.receive_data(raw(16, 1, 0, "post", [b"x" * 600]) + raw(16, 2, 0, "post", [b"x" * 600]), 0.0)
    assert closed(server).code == 215


@pytest.mark.parametrize(
    "data",
    [
        raw(16, 2, 0),
        raw(16, 2, 0, "post"),
        raw(16, 2, 0, 5, []),
        raw(16, 2, 0, "post", {}),
        raw(3, 0, 0),
        raw(3, 0, 0, "x"),
        raw(6, 0, 0),
        raw(6, 0, 0, 5),
        raw(5, 0, 0, 200),
        raw(5, 0, 0, 0, "", 0),
        raw(2, 5, 0),
        raw(15, 0, 0),
        raw(31, 1, 0),
        raw(99, 0, 0),
    ],
)
def test_malformed_in_the_middle(data: bytes) -> None:
    server, session = served()
    server.receive_data(raw(16, 1, 0, "post", []) + data, 0.0)
    found = closed(server)
    assert (found.code, found.session_over) == (210, True)
    assert session.state is SessionState.ENDED


@pytest.mark.parametrize("type_", [0, 1, 17, 18, 19])
def test_frames_of_the_other_direction(type_: int) -> None:
    server, _ = served()
    server.receive_data(raw(type_, 0 if type_ < 16 else 1, 0, *HELLO_FIELDS), 0.0)
    assert closed(server).code == 212


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (raw(17, 1, 1, 2, None), 212),
        (raw(17, 1, 0, 1, None), 212),  # answers a request that it has not acked
        (raw(17, 1, 1, 1, None) + raw(17, 2, 1, 1, None), 212),
        (raw(17, 1, 1, "x", None), 210),
        (raw(18, 1, 1, 1, 600, "x", -1, None), 210),
        (raw(18, 1, 1, 1, 600, "x"), 210),
        (raw(16, 1, 1, "post", []), 212),
        (raw(19, 1, 1), 210),
    ],
)
def test_a_server_that_breaks_the_rules(data: bytes, code: int) -> None:
    client = greeting_client()
    client.receive_data(welcomed_by(), 0.0)
    assert client.session is not None
    client.session.request("post", [])
    client.data_to_send(0.0)
    client.receive_data(data, 0.0)
    assert closed(client) == Closed(code, *closed_rest(client, code))
    assert client.session.state is SessionState.ENDED


def closed_rest(client: Connection, code: int) -> tuple[str, int, bool, bool]:
    (goodbye,) = read(client.data_to_send(0.0))
    assert goodbye[3] == code
    return goodbye[4], 0, False, True


def test_an_ack_rides_on_any_frame() -> None:
    server, _ = served()
    server.receive_data(raw(16, 1, 0, "post", []), 0.0)
    server.signal("typing", "c")
    assert [frame[:3] for frame in read(server.data_to_send(0.0))] == [(6, 0, 1)]
    assert server.data_to_send(50.0) == b""


def waits(connection: Connection) -> tuple[bool, float | None]:
    return connection.has_data_to_send, connection.deadline


def state_of(connection: Connection) -> ConnectionState:
    return connection.state


def test_a_bare_ack_after_100_ms() -> None:
    server, _ = served()
    server.receive_data(raw(16, 1, 0, "post", []), 5.0)
    assert waits(server) == (False, 5.1)
    assert server.data_to_send(5.0999) == b""
    server.on_time(5.1)
    assert waits(server)[0]
    assert read(server.data_to_send(5.1)) == [(2, 0, 1)]
    assert server.data_to_send(6.0) == b""


def test_a_bare_ack_after_32_frames_or_64_kib() -> None:
    server, _ = served()
    server.receive_data(b"".join(raw(16, seq, 0, "post", []) for seq in range(1, 32)), 5.0)
    assert server.data_to_send(5.0) == b""
    server.receive_data(raw(16, 32, 0, "post", []), 5.0)
    assert read(server.data_to_send(5.0)) == [(2, 0, 32)]
    server.receive_data(raw(16, 33, 0, "post", [b"x" * 60_000]), 5.0)
    assert server.data_to_send(5.0) == b""
    server.receive_data(raw(16, 34, 0, "post", [b"x" * 6_000]), 5.0)
    assert read(server.data_to_send(5.0)) == [(2, 0, 34)]


def test_control_frames_are_not_acked() -> None:
    server, _ = served()
    server.receive_data(raw(6, 0, 0, "typing", "c") * 100 + raw(2, 0, 0) * 100, 0.0)
    assert server.data_to_send(60.0) == b""


def test_headers_are_rebuilt_at_each_transmission() -> None:
    world, _, server_session = open_world()
    world.push(server_session)
    world.flush_server(world.link)
    world.cut(world.link)
    world.request()
    link = world.connect()
    world.flush_client(link)
    world.deliver_up(link, len(link.up))
    world.flush_server(link)
    world.deliver_down(link, len(link.down))
    world.flush_client(link)
    assert [frame[:3] for frame in read(bytes(link.up))] == [(16, 1, 1)]


# -- signals and pings


def test_at_most_one_pong_with_the_newest_nonce() -> None:
    server, _ = served()
    server.receive_data(b"".join(raw(3, 0, 0, nonce) for nonce in range(1000)), 0.0)
    assert read(server.data_to_send(0.0)) == [(4, 0, 0, 999)]


def test_signals_are_bounded_and_unknown_kinds_are_passed_on() -> None:
    server, _ = served(Limits(max_signals_pending=2))
    assert [server.signal("typing", "c") for _ in range(3)] == [True, True, False]
    server.receive_data(raw(6, 0, 0, "from the future", 1, 2), 0.0)
    assert server.events() == [SignalReceived("from the future", (1, 2))]
    server.close(100)
    assert not server.signal("typing", "c")


def test_a_client_pings_after_25_s_and_gives_up_10_s_later() -> None:
    client = greeting_client()
    client.receive_data(welcomed_by(), 0.0)
    assert client.deadline == 25.0
    client.on_time(25.0)
    assert read(client.data_to_send(25.0)) == [(3, 0, 0, 1)]
    assert client.deadline == 35.0
    client.receive_data(b"\x00", 34.0)  # any byte is a sign of life
    client.on_time(35.0)
    assert state_of(client) is ConnectionState.OPEN
    client.on_time(59.0)
    client.on_time(69.0)
    assert state_of(client) is ConnectionState.CLOSED
    client.events()
    assert client.session is not None
    assert client.session.state is SessionState.DETACHED
    assert client.data_to_send(69.0) == b""


def test_a_server_pings_after_30_s_and_gives_up_after_60_s_of_silence() -> None:
    server, session = served()
    assert server.deadline == 30.0
    server.on_time(30.0)
    assert read(server.data_to_send(30.0)) == [(3, 0, 0, 1)]
    assert server.deadline == 60.0
    server.on_time(59.9)
    assert server.state is ConnectionState.OPEN
    server.on_time(60.0)
    assert closed(server) == Closed(101, "silent for too long", 0, False, False)
    assert session.detached_at == 60.0


def test_any_byte_puts_the_end_off_on_both_sides() -> None:
    server, _ = served()
    client = greeting_client()
    client.receive_data(welcomed_by(), 0.0)
    for connection in (server, client):
        connection.receive_data(b"\x00", 20.0)
    assert (server.deadline, client.deadline) == (50.0, 45.0)
    server.on_time(79.9)
    assert state_of(server) is ConnectionState.OPEN
    server.on_time(80.0)
    assert closed(server).code == 101


def test_handshake_time_outs() -> None:
    server = Connection(Side.SERVER, Limits(), 0.0)
    server.receive_data(b"\x00", 4.0)  # one byte does not buy time
    assert server.deadline == 5.0
    server.on_time(5.0)
    assert closed(server).code == 103
    client = greeting_client()
    assert client.deadline == 15.0
    client.on_time(15.0)
    assert closed(client).code == 0


def test_a_connection_that_closes_does_not_wait_for_ever() -> None:
    server, _ = served()
    server.close(100, now=7.0)
    assert waits(server) == (True, 12.0)
    server.on_time(12.0)
    assert waits(server) == (False, None)
    assert server.state is ConnectionState.CLOSED
    assert server.data_to_send(12.0) == b""


# -- invariants 14 and 22


@given(st.lists(st.integers(1, 40), max_size=60), st.binary(max_size=20))
def test_segmentation_changes_nothing_observable(cuts: list[int], garbage: bytes) -> None:
    """22, with a fault at the end of the stream: it strikes at the same place."""
    stream = (
        b"".join(raw(16, seq, 0, "post", ["c", b"k" * 16, b"x" * seq]) for seq in range(1, 20))
        + raw(3, 0, 0, 7)
        + raw(6, 0, 0, "typing", "c")
        + garbage
    )
    whole, session = served()
    whole.receive_data(stream, 1.0)
    pieces, other = served()
    rest = stream
    for cut in [*cuts, len(stream)]:
        pieces.receive_data(rest[:cut], 1.0)
        rest = rest[cut:]
    assert pieces.events() == whole.events()
    assert pieces.data_to_send(2.0) == whole.data_to_send(2.0)
    assert (pieces.state, repr(other)) == (whole.state, repr(session))


@given(st.lists(st.binary(max_size=200), max_size=20))
def test_no_bytes_make_feeding_raise(segments: list[bytes]) -> None:
    for connection in (Connection(Side.SERVER, Limits(), 0.0), greeting_client(), served()[0]):
        for segment in segments:
            connection.receive_data(segment, 0.0)
            connection.data_to_send(0.0)
        connection.on_time(1e9)
        assert connection.state >= ConnectionState.CLOSING


@given(
    st.lists(
        st.tuples(st.integers(0, 21), st.integers(0, 4), st.integers(0, 4), st.integers(0, 5)), max_size=12
    )
)
def test_no_well_formed_frames_make_feeding_raise(frames: list[tuple[int, int, int, int]]) -> None:
    tails = [(), HELLO_FIELDS, ("post", []), (1, [1, 2, False]), (1, 600, "no", 0, None), (200, "bye", 0)]
    client = greeting_client()
    client.receive_data(welcomed_by(), 0.0)
    assert client.session is not None
    client.session.request("post", [])
    client.data_to_send(0.0)
    for connection in (served()[0], client, greeting_client(), Connection(Side.SERVER, Limits(), 0.0)):
        for type_, seq, ack, which in frames:
            connection.receive_data(raw(type_, seq, ack, *tails[which]), 0.0)
            session = connection.session
            assert session is None or session.acked_seq <= session.transmitted_seq


def test_a_client_takes_the_limits_of_the_newest_welcome() -> None:
    client = greeting_client()
    client.receive_data(welcomed_by(), 0.0)
    session = client.session
    assert session is not None
    client.receive_eof(0.0)
    again = greeting_client(session)
    again.receive_data(welcomed_by(resumed=True, limits={"max_frame_bytes": 4096, "max_requests": 2}), 0.0)
    assert again.limits.max_frame_bytes == 4096
    assert (session.limits.max_requests, session.limits.max_content_bytes) == (2, 4096)
    with pytest.raises(EncodeError):
        session.request("post", ["c", b"k" * 16, b"x" * 4096])
