"""Our codec and our connections against the golden frames: accepted frames, answers to bad ones, canonical bytes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from imserver.chat.posting import Posting
from imserver.clock import SystemClock
from imserver.config import LimitsConfig
from imserver.errors import RefusalCode
from imserver_protocol.errors import CloseCode, MalformedFrame
from imserver_protocol.limits import Limits
from imserver_protocol.session.connection import Connection
from imserver_protocol.session.events import Closed
from imserver_protocol.session.session import Session
from imserver_protocol.session.states import Side
from imserver_protocol.wire.codec import decode, decode_content, encode_content, encode_tail, frame_bytes
from imserver_protocol.wire.framing import FrameSplitter
from tests.support.case import case

VECTORS = Path(__file__).resolve().parents[2] / "protocol" / "vectors"
FRAMES = json.loads((VECTORS / "frames.json").read_text(encoding="utf-8"))["frames"]
CONTENTS = json.loads((VECTORS / "contents.json").read_text(encoding="utf-8"))["contents"]
LIMITS = Limits()
NOW = 0.0


def those(rows: list[dict[str, Any]], *, good: bool) -> list[dict[str, Any]]:
    return [row for row in rows if row["good"] is good]


def value(of: Any) -> Any:
    """JSON as what our codec makes of it: bytes, and tuples for arrays."""
    if isinstance(of, list):
        return tuple(value(item) for item in of)
    if isinstance(of, dict):
        return (
            bytes.fromhex(of["hex"])
            if list(of) == ["hex"]
            else {name: value(item) for name, item in of.items()}
        )
    return of


def exactly(one: Any) -> str:
    """1, 1.0 and True are equal to Python, and different on the wire."""
    return repr(one)


def test_a_good_frame_is_read() -> None:
    for row in those(FRAMES, good=True):
        with case(row["name"]):
            (body,) = FrameSplitter(LIMITS.max_frame_bytes).feed(bytes.fromhex(row["hex"]))
            assert exactly(decode(body, LIMITS)) == exactly(value(row["decoded"]))


def test_a_good_frame_is_written_in_its_shortest_form() -> None:
    for row in those(FRAMES, good=True):
        with case(row["name"]):
            type_, seq, ack, *fields = value(row["decoded"])
            written = frame_bytes(type_, seq, ack, encode_tail(*fields))
            assert (written.hex() == row["hex"]) is row["canonical"]
            assert exactly(decode(written[4:], LIMITS)) == exactly(value(row["decoded"]))


def test_frames_are_found_whatever_the_segments() -> None:
    stream = b"".join(bytes.fromhex(row["hex"]) for row in FRAMES if row["good"])
    bodies = [bytes.fromhex(row["hex"])[4:] for row in FRAMES if row["good"]]
    for size in (1, 2, 3, 5, 7, 64, 1000, len(stream)):
        splitter = FrameSplitter(LIMITS.max_frame_bytes)
        found = [body for at in range(0, len(stream), size) for body in splitter.feed(stream[at : at + size])]
        assert found == bodies


def test_a_bad_frame_closes_with_its_code() -> None:
    for row in those(FRAMES, good=False):
        with case(row["name"]):
            receiver = waiting(row["by"]) if row.get("before_welcome") else opened(row["by"])
            receiver.receive_data(bytes.fromhex(row["hex"]), NOW)
            (closed,) = [event for event in receiver.events() if isinstance(event, Closed)]
            assert (closed.code, CloseCode(closed.code).name) == (row["code"], row["close"])
            assert not closed.by_peer
            # What it says is a GOODBYE with that code, and nothing behind it.
            (body,) = FrameSplitter(LIMITS.max_frame_bytes).feed(receiver.data_to_send(NOW))
            assert decode(body, LIMITS)[0::3] == (5, row["code"])


def test_a_frame_that_cannot_be_read_is_one_error() -> None:
    unreadable = [row for row in those(FRAMES, good=False) if row["fault"] in ("msgpack", "value", "header")]
    for row in unreadable:
        with case(row["name"]), pytest.raises(MalformedFrame):
            decode(bytes.fromhex(row["hex"])[4:], LIMITS)


def test_a_good_content_is_read_and_accepted() -> None:
    for row in those(CONTENTS, good=True):
        with case(row["name"]):
            data = bytes.fromhex(row["hex"])
            content = decode_content(data)
            assert exactly(content) == exactly(value(row["decoded"]))
            assert (encode_content(content) == data) is row["canonical"]
            assert accepting().check(bytes(16), data)[1] is None


def test_a_bad_content_is_refused() -> None:
    for row in those(CONTENTS, good=False):
        with case(row["name"]):
            data = bytes.fromhex(row["hex"])
            refusal = accepting().check(bytes(16), data)[1]
            assert refusal is not None
            assert refusal.code is RefusalCode[row["refusal"]]
            if row["fault"] != "type":
                with pytest.raises(MalformedFrame):
                    decode_content(data)


def test_the_files_cover_what_they_promise() -> None:
    assert len(FRAMES) >= 40
    assert {row["decoded"][0] for row in FRAMES if row["good"]} == {0, 1, 2, 3, 4, 5, 6, 16, 17, 18, 19}
    faults = {row["fault"] for row in FRAMES if not row["good"]}
    assert faults == {"length", "msgpack", "value", "header", "type", "fields", "state"}
    assert len({row["name"] for row in FRAMES}) == len(FRAMES)


# -- receivers --------------------------------------------------------------------------------------------


def accepting() -> Posting:
    """The part of the server that judges contents; it needs no store for that."""
    return Posting(None, SystemClock(), LimitsConfig())  # type: ignore[arg-type]


def waiting(sender: str) -> Connection:
    """The receiver of the first frame of `sender`."""
    if sender == "client":
        return Connection(Side.SERVER, LIMITS, NOW)
    client = Connection(Side.CLIENT, LIMITS, NOW)
    client.hello("TOKEN", "phone", {})
    client.data_to_send(NOW)
    return client


def opened(sender: str) -> Connection:
    """The receiver of `sender`'s frames right after the handshake of a fresh session."""
    server, client = Connection(Side.SERVER, LIMITS, NOW), waiting("server")
    hello = next(row for row in FRAMES if row["name"] == "spec HELLO")
    server.receive_data(bytes.fromhex(hello["hex"]), NOW)
    session = Session(Side.SERVER, session_id="S1", user_id="alice", device_id="phone", limits=LIMITS)
    server.welcome(
        session,
        resumed=False,
        resume_token=bytes(24),
        store_epoch="9f2c61d04ab35e78",
        place="PLACE",
        server_time_ms=0,
        now=NOW,
    )
    client.receive_data(server.data_to_send(NOW), NOW)
    receiver = server if sender == "client" else client
    receiver.events()
    return receiver
