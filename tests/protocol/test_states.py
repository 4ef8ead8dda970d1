"""Every row of both transition tables is taken by some play, and nothing that is not in a table happens."""

from __future__ import annotations

import pytest

from imserver_protocol import (
    CONNECTION_TRANSITIONS,
    SESSION_TRANSITIONS,
    Connection,
    ConnectionState,
    Limits,
    Session,
    SessionInput,
    SessionState,
    Side,
    WrongState,
    encode_tail,
    frame_bytes,
)

from .world import World

GOODBYE = frame_bytes(5, 0, 0, encode_tail(200, "bye", 0))


def an_open_world() -> World:
    world = World()
    world.connect()
    world.pump()
    return world


def play_of_all_rows() -> set[tuple[str, str, str]]:
    rows: set[tuple[str, str, str]] = set()
    world = an_open_world()
    world.rows = rows
    world.request()
    world.link.client.signal("typing", "c")
    world.pump()
    world.cut(world.link)  # detached
    world.connect()
    world.pump()
    world.connect()  # the server still holds the older one: take-over
    world.pump()
    world.link.server.close(200, now=world.now)
    world.pump()
    world.connect(resume=False)
    world.cut(world.link)  # before WELCOME
    world.connect(resume=False)
    world.pump()
    server_session = world.sessions[world.client_session.session_id] if world.client_session else None
    assert server_session is not None
    world.cut(world.link)
    server_session.end(world.now)  # while detached
    for state in (ConnectionState.AWAITING_HELLO, ConnectionState.AWAITING_WELCOME):
        for end in ("goodbye received", "goodbye sent", "lost"):
            client = Connection(Side.CLIENT, Limits(), 0.0, recorder=world.record)
            if state is ConnectionState.AWAITING_WELCOME:
                client.hello("t", "phone", {})
            if end == "goodbye received":
                client.receive_data(GOODBYE, 0.0)
            elif end == "goodbye sent":
                client.close()
                client.receive_eof(0.0)
            else:
                client.receive_eof(0.0)
    return rows


def test_every_row_is_taken() -> None:
    tables = [*CONNECTION_TRANSITIONS, *SESSION_TRANSITIONS]
    assert {(type(state).__name__, state.name, given.name) for state, given in tables} == play_of_all_rows()


@pytest.mark.parametrize("state", list(SessionState))
@pytest.mark.parametrize("given", list(SessionInput))
def test_what_a_table_does_not_say_raises(state: SessionState, given: SessionInput) -> None:
    holder = Connection(Side.SERVER, Limits(), 0.0)
    session = Session(Side.SERVER, session_id="s", user_id="u", device_id="d", limits=Limits())
    session.state = state
    calls = {
        SessionInput.ATTACH: lambda: session.attach(holder, 0, 0.0),
        SessionInput.DETACH: lambda: session.detach(0.0),
        SessionInput.END: lambda: session.end(0.0),
    }
    target = SESSION_TRANSITIONS.get((state, given))
    if target is not None:
        calls[given]()
        assert session.state is target
    elif given is not SessionInput.END:  # ending twice is allowed
        with pytest.raises(WrongState):
            calls[given]()
