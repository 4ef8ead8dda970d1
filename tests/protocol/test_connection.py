"""One connection: the handshake, acks, liveness, the ways to end, and peers that break the rules."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imserver_protocol import (
    Closed,
    Connection,
    ConnectionState,
    EncodeError,
    FrameSplitter,
    FrameType,
    HelloReceived,
    Limits,
    LocalError,
    Session,
    SessionState,
    Side,
    SignalReceived,
    WelcomeReceived,
    WrongState,
    decode,
    encode_tail,
    frame_bytes,
)
from imserver_protocol.limits import _WIRE_BOUNDS
from tests.protocol.open_world import open_world

from .world import TOKEN, World

HELLO_FIELDS: tuple[Any, ...] = ([1, 1], [], TOKEN, "phone", {}, None)


def raw(type_: int, seq: int, ack: int, *fields: Any) -> bytes:
    return frame_bytes(type_, seq, ack, encode_tail(*fields))


def read(data: bytes) -> list[tuple[Any, ...]]:
    return [decode(body) for body in FrameSplitter(1 << 20).feed(data)]


def closed(connection: Connection) -> Closed:
    """The one `Closed` among its undrained events."""
    (found,) = [event for event in connection.events() if isinstance(event, Closed)]
    return found


def served(limits: Limits | None = None) -> tuple[Connection, Session]:
    """A server's connection after WELCOME to a hand-made client."""
    limits = limits or Limits()
    server = Connection(Side.SERVER, limits, 0.0)
    server.receive_data(raw(0, 0, 0, *HELLO_FIELDS), 0.0)
    assert isinstance(server.events()[0], HelloReceived)
    session = Session(Side.SERVER, session_id="s", user_id="u", device_id="phone", limits=limits)
    welcome(server, session)
    assert [frame[0] for frame in read(server.data_to_send(0.0))] == [FrameType.WELCOME]
    return server, session


def welcome(server: Connection, session: Session, *, resumed: bool = False, now: float = 0.0) -> None:
    server.welcome(
        session,
        resumed=resumed,
        reason="",
        resume_token=b"t",
        store_epoch="e",
        place="p",
        server_time_ms=1,
        now=now,
    )


def welcomed_by(*, ack: int = 0, resumed: bool = False, limits: dict[str, Any] | None = None) -> bytes:
    fields: tuple[Any, ...] = (
        1,
        [],
        "u",
        "s",
        b"t",
        resumed,
        "",
        "e",
        1,
        limits if limits is not None else Limits().to_wire(),
        "p",
    )
    return raw(1, 0, ack, *fields)


def greeting_client(session: Session | None = None) -> Connection:
    client = Connection(Side.CLIENT, Limits(), 0.0)
    client.hello("token", "phone", {}, session)
    client.data_to_send(0.0)
    return client


# -- handshake


def test_hello_and_welcome() -> None:
    world = World()
    link = world.connect()
    world.pump()
    assert link.client.state is link.server.state is ConnectionState.OPEN
    (event,) = link.client_events
    assert isinstance(event, WelcomeReceived)
    assert (event.resumed, event.welcome.reason) == (False, "not asked for")
    assert event.session.resume_token == event.welcome.resume_token
    assert event.welcome.place == "place"


def test_secrets_do_not_show_in_representations() -> None:
    world = World()
    link = world.connect()
    world.pump()
    shown = repr(link.server_events) + repr(link.client_events) + repr(world.client_session)
    assert TOKEN not in shown
    assert "token" not in shown


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (raw(0, 0, 0, [2, 3], *HELLO_FIELDS[1:]), 202),
        (raw(0, 0, 0, [1, 1]), 210),
        (raw(0, 0, 0, [1, True], *HELLO_FIELDS[1:]), 210),
        (raw(0, 0, 0, [1, 1], [], TOKEN, "", {}, None), 210),
        (raw(0, 0, 0, [1, 1], [], TOKEN, "phone", {}, ["s"]), 210),
        (raw(0, 0, 0, [1, 1], [], TOKEN, "phone", {}, ["s", "text"]), 210),
        (raw(0, 1, 0, *HELLO_FIELDS), 210),
        (raw(3, 0, 0, 1), 212),
        (raw(16, 1, 0, "post", []), 212),
        (raw(1, 0, 0), 212),
        (raw(7, 0, 0), 210),
        (raw(20, 1, 0), 210),
        (b"\x00\x00\x10\x01", 211),
        (b"\xff\xff\xff\xff", 211),
        (b"\x00\x00\x00\x00", 210),
        (b"\x00\x00\x00\x01\xc1", 210),
        (b"GET / HTTP/1.1\r\n\r\n", 211),
    ],
)
def test_bad_first_frames(data: bytes, code: int) -> None:
    server = Connection(Side.SERVER, Limits(), 0.0)
    server.receive_data(data, 0.0)
    assert (closed(server).code, server.state) == (code, ConnectionState.CLOSING)
    (goodbye,) = read(server.data_to_send(0.0))
    assert goodbye[:4] == (5, 0, 0, code)


def test_a_newer_client_may_add_fields() -> None:
    server = Connection(Side.SERVER, Limits(), 0.0)
    server.receive_data(raw(0, 0, 0, [1, 9], *HELLO_FIELDS[1:], "something new", 5), 0.0)
    assert isinstance(server.events()[0], HelloReceived)


@pytest.mark.parametrize("data", [raw(0, 0, 0, *HELLO_FIELDS), raw(3, 0, 0, 1), raw(16, 1, 0, "post", [])])
def test_nothing_is_said_between_hello_and_welcome(data: bytes) -> None:
    server = Connection(Side.SERVER, Limits(), 0.0)
    server.receive_data(raw(0, 0, 0, *HELLO_FIELDS) + data, 0.0)
    events = server.events()
    assert isinstance(events[0], HelloReceived)
    assert isinstance(events[1], Closed)
    assert events[1].code == 212


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (welcomed_by(ack=1), 214),
        (welcomed_by(resumed=True), 212),
        (welcomed_by(limits={"max_frame_bytes": 1 << 30}), 210),
        (welcomed_by(limits={"max_requests": True}), 210),
        (raw(1, 0, 0, 1, []), 210),
        (raw(1, 0, 0, 2, [], "u", "s", b"t", False, "", "e", 1, {}, "p"), 202),
        (raw(19, 1, 0, "message"), 212),
        (raw(0, 0, 0, *HELLO_FIELDS), 212),
    ],
)
def test_bad_welcomes(data: bytes, code: int) -> None:
    client = greeting_client()
    client.receive_data(data, 0.0)
    assert closed(client).code == code


@pytest.mark.parametrize(("ack", "code"), [(0, 214), (1, None), (2, None), (3, None), (4, 214)])
def test_a_resumed_welcome_acks_what_may_be_acked(ack: int, code: int | None) -> None:
    """Of three requests the first was acked: the server can forget nothing of that, and know of no fourth."""
    before = greeting_client()
    before.receive_data(welcomed_by(), 0.0)
    session = before.session
    assert session is not None
    for _ in range(3):
        session.request("sync", [None])
    before.data_to_send(0.0)
    before.receive_data(raw(2, 0, 1), 0.0)
    before.receive_eof(0.0)
    client = greeting_client(session)
    client.receive_data(welcomed_by(ack=ack, resumed=True), 0.0)
    assert [event.code for event in client.events() if isinstance(event, Closed)] == ([code] if code else [])
    assert session.acked_seq == max(1, ack if code is None else 1)


OUT_OF_BOUNDS = [
    (name, value) for name, (low, high) in _WIRE_BOUNDS.items() for value in (low - 1, high + 1, "many")
]


@pytest.mark.parametrize(("name", "value"), OUT_OF_BOUNDS)
def test_limits_that_are_not_sane_are_not_taken_over(name: str, value: Any) -> None:
    client = greeting_client()
    client.receive_data(welcomed_by(limits={name: value}), 0.0)
    assert closed(client).code == 210


def test_the_client_takes_over_the_limits_of_the_server() -> None:
    client = greeting_client()
    client.receive_data(welcomed_by(limits={"max_requests": 3, "something new": "x"}), 0.0)
    assert client.session is not None
    assert client.session.limits.max_requests == 3


def test_a_long_frame_in_the_segment_of_welcome() -> None:
    client = greeting_client()
    client.receive_data(
        welcomed_by() + raw(19, 1, 0, "message", b"x" * 20_000) + raw(19, 2, 0, "message"), 0.0
    )
    assert [type(event).__name__ for event in client.events()] == [
        "WelcomeReceived",
        "PushReceived",
        "PushReceived",
    ]


def test_a_long_frame_before_welcome() -> None:
    client = greeting_client()
    client.receive_data(raw(19, 1, 0, "message", b"x" * 5000)[:4], 0.0)
    assert closed(client).code == 211


def test_hello_and_welcome_fit_4_kib_or_are_refused_at_the_call() -> None:
    client = Connection(Side.CLIENT, Limits(), 0.0)
    with pytest.raises(EncodeError):
        client.hello("t" * 4096, "phone", {})
    assert client.state is ConnectionState.AWAITING_HELLO
    client.hello("t", "phone", {})
    with pytest.raises(WrongState):
        client.hello("t", "phone", {})


def test_misuse_raises_at_the_call() -> None:
    server, session = served()
    with pytest.raises(WrongState):
        server.hello("t", "phone", {})
    with pytest.raises(WrongState):
        welcome(server, session)
    with pytest.raises(LocalError):
        server.close(0)
    with pytest.raises(WrongState):
        welcome(Connection(Side.SERVER, Limits(), 0.0), session)


# -- resume and take-over


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


# -- the end


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
