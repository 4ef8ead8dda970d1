"""Connections of both roles in every state, and what must hold of them after any bytes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from imserver_protocol import (
    Closed,
    Connection,
    ConnectionState,
    Event,
    Limits,
    Session,
    SessionState,
    Side,
    WelcomeReceived,
    encode_tail,
    frame_bytes,
    push_tail,
)

LIMITS = Limits()
NOW = 100.0
#: What each role may say at the peer's fault (SPEC, "Frames" and "Handshake").
DECLARED = {0, 202, 210, 211, 212, 213, 214, 215}
#: Requests that the client has open, and frames that the server has not had acked, in state OPEN.
OPEN_REQUESTS = 5
#: What one connection may have to write, whatever arrives: GOODBYE, or what was queued before, a PONG and an ACK.
MAX_OUTPUT_BYTES = 4096
#: What it may keep of an unfinished frame.
MAX_BUFFERED_BYTES = LIMITS.max_frame_bytes + 4

#: What opens the state in which most may be said: the first frame to a server, and to a client that said HELLO.
HELLOS = [
    frame_bytes(0, 0, 0, encode_tail(versions, (), "TOKEN", "phone", {}, None))
    for versions in ((1, 1), (1, 7), (0, 1), (2, 9))
]
WELCOMES = [
    frame_bytes(1, 0, 0, encode_tail(version, (), "alice", "S1", b"t" * 16, False, "", "e", 1, {}))
    for version in (1, 1, 1, 2)
]
OPENINGS = {(Side.CLIENT, "awaiting"): WELCOMES, (Side.SERVER, "fresh"): HELLOS}
#: The seq that the next payload frame must have.
NEXT_SEQ = {(Side.CLIENT, "resumed"): 3, (Side.SERVER, "open"): 6, (Side.SERVER, "resumed"): 6}
STATES = ("fresh", "awaiting", "open", "resumed", "closing")


def server_session(session_id: str = "S1") -> Session:
    return Session(
        Side.SERVER,
        session_id=session_id,
        user_id="alice",
        device_id="phone",
        limits=LIMITS,
        resume_token=b"t" * 16,
    )


def handshake(session: Session | None = None) -> tuple[Connection, Connection, Session]:
    """A client and a server that have let each other in; the second time with the session of the first."""
    client, server = (
        Connection(Side.CLIENT, LIMITS, NOW),
        Connection(Side.SERVER, LIMITS, NOW, typed_posts=True),
    )
    client.hello("TOKEN", "phone", {}, session)
    server.receive_data(client.data_to_send(NOW), NOW)
    server.events()
    return client, server, server_session()


def _welcomed(client: Connection, server: Connection, session: Session, resumed: bool) -> None:
    server.welcome(
        session,
        resumed=resumed,
        resume_token=b"t" * 16,
        store_epoch="e",
        place="p",
        server_time_ms=1,
        now=NOW,
    )
    client.receive_data(server.data_to_send(NOW), NOW)
    client.events()


def opened(side: Side, *, resumed: bool = False) -> Connection:
    """In state OPEN, with requests, replies and pushes on their way."""
    client, server, session = handshake()
    _welcomed(client, server, session, False)
    assert client.session is not None
    for _ in range(OPEN_REQUESTS):
        client.session.request("users", (["bob"],))
    server.receive_data(client.data_to_send(NOW), NOW)
    server.events()
    session.reply(1, [])
    session.push(push_tail("message", "c", 1))
    server.data_to_send(NOW)  # lost
    if resumed:
        offered = client.session
        client.receive_eof(NOW)
        server.receive_eof(NOW)
        client, server, _ = handshake(offered)
        _welcomed(client, server, session, True)
    connection = client if side is Side.CLIENT else server
    connection.events()
    connection.data_to_send(NOW)
    return connection


def receiver(side: Side, state: str) -> Connection:
    """A connection in this state, just before bytes arrive."""
    if state in ("open", "resumed"):
        return opened(side, resumed=state == "resumed")
    connection = Connection(side, LIMITS, NOW, typed_posts=True)
    if state == "awaiting":
        if side is Side.CLIENT:
            connection.hello("TOKEN", "phone", {})
        else:
            client = Connection(Side.CLIENT, LIMITS, NOW)
            client.hello("TOKEN", "phone", {})
            connection.receive_data(client.data_to_send(NOW), NOW)
    elif state == "closing":
        connection = opened(side)
        connection.close(now=NOW)
    connection.events()
    connection.data_to_send(NOW)
    return connection


def feed(connection: Connection, chunks: Iterable[bytes]) -> list[Event]:
    """All of it, and what was reported; checked after each chunk."""
    events: list[Event] = []
    for chunk in chunks:
        connection.receive_data(chunk, NOW)
        events += connection.events()
        assert connection._splitter.buffered_bytes <= MAX_BUFFERED_BYTES
    return events


def check(connection: Connection, events: list[Event]) -> str:
    """The invariants 8, 13, 14 and 20 as far as one side shows them. Returns what became of the connection."""
    ends = [event for event in events if isinstance(event, Closed)]
    assert len(ends) <= 1
    assert not ends or events[-1] is ends[0], "something was reported after the end"
    assert (connection.state >= ConnectionState.CLOSING) or not ends
    if ends:
        assert ends[0].by_peer or ends[0].code in DECLARED
    session = connection.session
    if session is not None:
        _check_session(session)
    assert len(connection.data_to_send(NOW)) <= MAX_OUTPUT_BYTES
    assert connection.data_to_send(NOW) == b"", "it never falls silent"
    deadline = connection.deadline
    if deadline is not None:
        connection.on_time(deadline)
        again = connection.deadline
        assert again is None or again > deadline, "what was done at its time falls due again"
    if not ends:
        return "goes on"
    return "by a GOODBYE" if ends[0].by_peer else str(int(ends[0].code))


def _check_session(session: Session) -> None:
    assert 0 <= session.acked_seq <= session.transmitted_seq <= session.sent_seq
    assert session.requests_in_flight <= LIMITS.max_requests
    assert session.request_bytes_in_flight <= LIMITS.max_request_bytes
    assert session.pushes_unacked_frames <= LIMITS.window_frames
    if session.state is SessionState.ENDED:
        assert not session.open_requests
        assert session.queue.bytes == 0
    else:
        assert len(session.queue) == session.sent_seq - session.acked_seq


def told(events: list[Event]) -> list[Any]:
    """Events to compare: a session is the same if its numbers are."""
    return [
        (event.welcome, repr(event.session), event.resumed) if isinstance(event, WelcomeReceived) else event
        for event in events
    ]
