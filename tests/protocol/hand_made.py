"""One end of a connection, and the frames of a peer that is made by hand."""

from __future__ import annotations

from typing import Any

from imserver_protocol import (
    Closed,
    Connection,
    FrameSplitter,
    FrameType,
    HelloReceived,
    Limits,
    Session,
    Side,
    decode,
    encode_tail,
    frame_bytes,
)

from .world import TOKEN

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
