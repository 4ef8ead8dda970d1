"""How a connection begins: HELLO and WELCOME, what either may say, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from imserver_protocol import (
    Closed,
    Connection,
    ConnectionState,
    EncodeError,
    HelloReceived,
    Limits,
    LocalError,
    Side,
    WelcomeReceived,
    WrongState,
)
from imserver_protocol.limits import _WIRE_BOUNDS

from .hand_made import HELLO_FIELDS, closed, greeting_client, raw, read, served, welcome, welcomed_by
from .world import TOKEN, World


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
