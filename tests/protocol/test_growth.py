"""The wire grows at its ends: whatever a later peer says behind any array by position, each side of today reads the same.

Which arrays those are comes from the shapes; `protocol/vectors/later.json` and every transcript are read both ways.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from imserver.errors import Refusal
from imserver.net.dispatch import read_params
from imserver_client import wire
from imserver_protocol import (
    Closed,
    Connection,
    ConnectionState,
    Event,
    FrameType,
    HelloReceived,
    LocalError,
    MalformedFrame,
    PushReceived,
    ReplyReceived,
    RequestReceived,
    Session,
    Side,
    SignalReceived,
    WelcomeReceived,
    decode,
    encode_tail,
    frame_bytes,
)
from imserver_protocol.limits import MAX_TAIL_FIELDS
from imserver_protocol.session.post_frames import PostReceived
from tests.fuzz import receivers
from tests.fuzz.corpus import Grammar, golden
from tests.fuzz.shapes import TOLD as SHAPES_TOLD
from tests.fuzz.shapes import right
from tests.support import growth
from tests.support.growth import BEHIND, arrays_by_position, grown, grown_frame
from tests.support.methods import METHODS
from tests.vectors.second_reader import Player, filled
from tests.vectors.transcripts import TRANSCRIPTS, play_all

VECTORS = Path(__file__).resolve().parents[2] / "protocol" / "vectors"
LATER = json.loads((VECTORS / "later.json").read_text(encoding="utf-8"))["frames"]
BY_METHOD = {method.name: method for method in METHODS}
NOW = receivers.NOW

#: How a value begins that did not fit its shape.
FAULT = "bad shape"

Frame = tuple[Any, ...]
MethodOf = Callable[[int], str | None]


def data(frame: Iterable[Any]) -> bytes:
    """Length and body."""
    type_, seq, ack, *fields = frame
    return frame_bytes(type_, seq, ack, encode_tail(*fields))


# -- what an event says, by the shapes of today --------------------------------------------------------------------------


def refused_or_read(method: str, params: Any) -> Any:
    """What the server makes of a request."""
    try:
        return read_params(BY_METHOD[method], params)
    except Refusal as refusal:
        return (refusal.code, refusal.text, refusal.detail)


def shaped(value: Any, shape: Any) -> Any:
    """What the client makes of a value."""
    try:
        return wire.read(value, shape)
    except wire.BadShape as fault:
        return str(fault)


def told(event: Event, side: Side, method_of: MethodOf) -> Any:
    """An event of this side, without what has no meaning in this version."""
    match event:
        case ReplyReceived() if (method := method_of(event.request_seq)) is not None:
            return ("reply", event.request_seq, shaped(event.result, growth.RESULTS[method]))
        case PushReceived() if (shape := growth.TOLD.get((FrameType.PUSH, event.kind))) is not None:
            return (event.kind, shaped(event.fields, shape))
        case SignalReceived():
            kinds = growth.TOLD if side is Side.CLIENT else growth.SAID
            shape = kinds.get((FrameType.SIGNAL, event.kind))
            return (event.kind, shape and shaped(event.fields, shape))
        case RequestReceived() if event.method in BY_METHOD:
            return (event.seq, event.method, refused_or_read(event.method, event.params))
        case PostReceived():
            params = tuple(getattr(event.params, name) for name in event.params.__struct_fields__)
            return (event.seq, "post", refused_or_read("post", params))
        case HelloReceived():
            return event.hello
        case PushReceived() | RequestReceived():
            return type(event)
        case WelcomeReceived():  # what the limits mean is in the session
            return (structs.replace(event.welcome, limits={}), event.session.limits, event.resumed)
    return event


# -- shapes ---------------------------------------------------------------------------------------------------------------


def test_every_array_of_every_shape_is_grown() -> None:
    """What the other tests grow: each array by position once, nothing else."""
    shapes = [*SHAPES_TOLD, *growth.PARAMS.values(), *growth.SAID.values()]
    assert len(shapes) == 2 * len(METHODS) + len(growth.TOLD) + len(growth.SAID)
    for shape in shapes:
        # `right` has one thing in each list, so each array is there once.
        assert repr(grown(right(shape), shape)).count("'x-later'") == arrays_by_position(shape) * repr(
            BEHIND
        ).count("'x-later'")
    assert arrays_by_position(growth.RESULTS["sync"]) == 3
    assert arrays_by_position(growth.RESULTS["conversations"]) == 3


@pytest.mark.parametrize("seed", range(3))
def test_a_client_reads_of_a_later_server_what_it_knows(seed: int) -> None:
    """Right values, and wrong ones: growth neither breaks nor mends anything."""
    rng = random.Random(seed)
    grammar = Grammar(rng)
    for shape in SHAPES_TOLD:
        for _ in range(60):
            value = right(shape) if rng.random() < 0.3 else spoilt(rng, grammar, right(shape))
            read, later = shaped(value, shape), shaped(grown(value, shape), shape)
            assert isinstance(read, str) == isinstance(later, str), (shape, value)
            assert isinstance(read, str) or read == later, (shape, value)


@pytest.mark.parametrize("seed", range(3))
def test_a_server_reads_of_a_later_client_what_it_knows(seed: int) -> None:
    """And refuses for the same reason what it refuses."""
    rng = random.Random(seed)
    grammar = Grammar(rng)
    for method in METHODS:
        for _ in range(60):
            params = (
                right(method.params) if rng.random() < 0.3 else spoilt(rng, grammar, right(method.params))
            )
            params = params if isinstance(params, tuple) else (params,)
            later = grown(params, method.params)
            assert refused_or_read(method.name, later) == refused_or_read(method.name, params)


def spoilt(rng: random.Random, grammar: Grammar, value: Any) -> Any:
    """The value with something in it replaced, the arrays as long as they were."""
    if isinstance(value, tuple) and value and rng.random() < 0.9:
        at = rng.randrange(len(value))
        return (*value[:at], spoilt(rng, grammar, value[at]), *value[at + 1 :])
    return grammar.value(3)


# -- frames ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("side", [Side.CLIENT, Side.SERVER], ids=["client", "server"])
@pytest.mark.parametrize("state", ["fresh", "awaiting", "open", "resumed"])
def test_frames_with_more_behind_are_the_same_frames(side: Side, state: str) -> None:
    """Each golden frame in each state of each side: the same events, and the same end if it is the end."""
    by = "server" if side is Side.CLIENT else "client"
    compared = 0
    for whole in golden():
        try:
            frame = decode(whole[4:])
        except MalformedFrame:
            continue
        later = grown_frame(frame, by=by, method_of=lambda seq: "users")
        if later == frame:
            continue
        found = []
        for one in (frame, later):
            receiver = receivers.receiver(side, state)
            events = receivers.feed(receiver, [data(one)])
            ends = [(event.code, event.by_peer) for event in events if isinstance(event, Closed)]
            says = [
                told(event, side, lambda seq: "users") for event in events if not isinstance(event, Closed)
            ]
            found.append((receiver.state, ends, says))
        assert found[0] == found[1], (frame, later)
        compared += 1
    assert compared > 100


@pytest.mark.parametrize("more", [0, 1])
@pytest.mark.parametrize("side", [Side.CLIENT, Side.SERVER], ids=["client", "server"])
def test_a_frame_has_at_most_twelve_fields(side: Side, more: int) -> None:
    """Thirteen are a fault of the bytes: they come before an ack of what was never sent."""
    receiver = receivers.receiver(side, "open")
    items = [2, 0, 2**40 if more else 0, *range(MAX_TAIL_FIELDS + more)]
    body = bytes([0x90 + len(items)]) if len(items) < 16 else b"\xdc" + len(items).to_bytes(2, "big")
    body += b"".join(map(packed, items))
    events = receivers.feed(receiver, [len(body).to_bytes(4, "big") + body])
    assert [event.code for event in events if isinstance(event, Closed)] == [210] * more


def packed(number: int) -> bytes:
    return bytes([number]) if number < 128 else b"\xcf" + number.to_bytes(8, "big")


@pytest.mark.parametrize("row", [pytest.param(row, id=row["name"]) for row in LATER])
def test_a_frame_of_later_is_taken_for_the_known_one(row: dict[str, Any]) -> None:
    side = Side.CLIENT if row["by"] == "server" else Side.SERVER
    later, known = decode(bytes.fromhex(row["hex"])[4:]), tuple(filled(row["known"], {}))
    state = ("awaiting" if side is Side.CLIENT else "fresh") if later[0] in (0, 1) else "open"
    found = []
    for frame in (later, known):
        receiver = receivers.receiver(side, state)
        # The seq that is due there; the vector's belongs to no session.
        seq = receivers.NEXT_SEQ.get((side, state), 1) if frame[0] >= FrameType.REQUEST else 0
        if frame[0] in (FrameType.REPLY, FrameType.REFUSAL):
            frame = (*frame[:2], 2, 2, *frame[4:])  # to the second request, which it acks
        events = receivers.feed(receiver, [data((frame[0], seq, *frame[2:]))])
        found.append((receiver.state, [told(event, side, lambda seq: row.get("method")) for event in events]))
    assert found[0] == found[1]
    assert (found[0][0] < ConnectionState.CLOSING) is (later[0] != FrameType.GOODBYE)
    assert found[0][1] or later[0] in (FrameType.ACK, FrameType.PING, FrameType.PONG), later
    assert FAULT not in repr(found[0])


def test_the_vectors_of_later_cover_every_method_push_and_signal() -> None:
    asked = {row["decoded"][3] for row in LATER if row["decoded"][0] == FrameType.REQUEST}
    answered = {row["method"] for row in LATER if row["decoded"][0] == FrameType.REPLY}
    assert asked == answered == set(BY_METHOD)
    kinds = {(row["decoded"][0], row["decoded"][3]) for row in LATER if row["by"] == "server"}
    assert set(growth.TOLD) <= kinds
    assert {row["decoded"][0] for row in LATER} == {int(kind) for kind in FrameType}


# -- transcripts ----------------------------------------------------------------------------------------------------------


class Later(Player):
    """Plays a transcript for two of a later version: sends what a later client sends, and takes the server's frames for a later
    server's. Notes what was said before it grew."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.log: list[tuple[str, str, Any]] = []
        self.asked: dict[tuple[str, int], str] = {}

    def send(self, on: str, step: dict[str, Any]) -> None:
        frames = filled(step.get("send", []), self.bound, self.token)
        if not frames:
            return super().send(on, step)
        for frame in frames:
            self.log.append((on, "client", frame))
            if frame[0] == FrameType.REQUEST and len(frame) > 3 and frame[3] in BY_METHOD:
                self.asked[on, frame[1]] = frame[3]
            elif frame[0] == FrameType.HELLO:  # for a session that goes on
                self.asked |= {(on, seq): method for (_, seq), method in self.asked.items()}
        later = [as_list(grown_frame(frame, by="client")) for frame in frames]
        return super().send(on, {"on": on, "send": later})

    def method_of(self, on: str) -> MethodOf:
        return lambda seq: self.asked.get((on, seq))

    def frame(self, on: str) -> list[Any] | None:
        frame = super().frame(on)
        if frame is None or frame[0] == FrameType.ACK:
            return frame
        self.log.append((on, "server", frame))
        return [as_list(one) for one in grown_frame(frame, by="server", method_of=self.method_of(on))]


def as_list(value: Any) -> Any:
    """With the second reader's lists for our tuples."""
    if isinstance(value, list | tuple):
        return [as_list(one) for one in value]
    return {name: as_list(one) for name, one in value.items()} if isinstance(value, dict) else value


class Twin:
    """The client's side of the connections of a played transcript: it says what was said, and reads what was answered."""

    def __init__(self, method_of: Callable[[str], MethodOf], later: bool) -> None:
        self._method_of = method_of
        self._later = later
        self._connections: dict[str, Connection] = {}
        self._sessions: dict[str, Session] = {}
        self.read: list[Any] = []

    def client(self, on: str, frame: Frame) -> None:
        connection = self._connections.get(on)
        if frame[0] == FrameType.HELLO and connection is None:
            connection = self._connections[on] = Connection(Side.CLIENT, receivers.LIMITS, NOW)
            resume = frame[8]
            session = self._sessions.get(resume[0]) if resume else None
            with suppress(LocalError):
                connection.hello(frame[5], frame[6], frame[7], session)
        elif frame[0] == FrameType.REQUEST and connection is not None and connection.session is not None:
            session = connection.session
            # A fault of the transcript's own is not said again.
            if (
                connection.state is ConnectionState.OPEN
                and frame[1] == session.sent_seq + 1
                and len(frame) > 4
            ):
                with suppress(LocalError):
                    session.request(frame[3], frame[4])
        if connection is not None:
            connection.data_to_send(NOW)

    def server(self, on: str, frame: Frame) -> None:
        connection = self._connections.get(on)
        if connection is None or connection.state >= ConnectionState.CLOSING:
            return
        method_of = self._method_of(on)
        if self._later:
            frame = grown_frame(frame, by="server", method_of=method_of)
        connection.receive_data(data(frame), NOW)
        if connection.session is not None:
            self._sessions[connection.session.session_id] = connection.session
        self.read += [(on, told(event, Side.CLIENT, method_of)) for event in connection.events()]


@pytest.mark.parametrize("transcript", TRANSCRIPTS, ids=lambda transcript: transcript["name"])
async def test_a_transcript_is_the_same_between_peers_of_a_later_version(
    transcript: dict[str, Any], tmp_path: Path
) -> None:
    """Our server answers as the patterns say, which still fit; and our client reads the same events and values."""
    player = await asyncio.wait_for(play_all(transcript, tmp_path, Later), 60)
    twins = [Twin(player.method_of, later) for later in (False, True)]
    for twin in twins:
        for on, who, frame in player.log:
            getattr(twin, who)(on, tuple(frame))
    today, later = (twin.read for twin in twins)
    assert today == later
    assert len(today) >= sum(who == "server" for _, who, _ in player.log) // 2
    assert not [event for event in today if FAULT in repr(event)]
