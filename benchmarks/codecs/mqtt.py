"""MQTT 3.1.1, QoS 1: PUBACK to the sender is the broker's acknowledgement, PUBACK from the receiver is ours."""

from __future__ import annotations

from benchmarks.codecs.base import (
    End,
    Frame,
    Lane,
    Pushing,
    Step,
    Unreadable,
    Witness,
    padded,
    undecimal,
)

_PUBLISH_QOS1, _PUBACK, _CONNACK, _SUBACK = 0x32, 0x40, 0x20, 0x90
_KEEPALIVE_S = 600


class MqttCodec(Pushing):
    """A topic for each lane; the index stands at the beginning of the payload."""

    number = 1

    def greeting(self, end: End) -> list[Step]:
        """CONNECT; a receiver also subscribes, in a session that outlives the connection, so that the broker has to store."""
        flags = b"\x02" if end.is_sender else b"\x00"
        connect = text("MQTT") + b"\x04" + flags + _KEEPALIVE_S.to_bytes(2, "big") + text(end.party.name)
        steps = [Step(packet(0x10, connect), _accepted)]
        if not end.is_sender:
            steps.append(Step(packet(0x82, b"\0\x01" + text(end.lane.place) + b"\x01"), _subscribed))
        return steps

    def frame(self, lane: Lane, run_id: bytes, body_bytes: int) -> Frame:
        """A PUBLISH."""
        head = text(lane.place)
        data = packet(_PUBLISH_QOS1, head + b"\0\0" + padded(body_bytes))
        seq_at = len(data) - body_bytes - 2
        return Frame(data, seq_at=seq_at, seq_bytes=2, decimals_at=(seq_at + 2,))

    def parse(self, end: End, data: bytes, at: int, witness: Witness) -> int:
        """One packet. PUBACKs come in the order of sending, as 3.1.1 asks."""
        body, after = packet_body(data, at)
        if not after:
            return at
        if data[at] & 0xF0 == 0x30:
            packet_id = body + 2 + int.from_bytes(data[body : body + 2], "big")
            witness.delivered(undecimal(data, packet_id + 2))
            end.out += b"\x40\x02" + data[packet_id : packet_id + 2]
        elif data[at] == _PUBACK:
            index = end.received
            end.received += 1
            if int.from_bytes(data[body : body + 2], "big") != index % 65535 + 1:
                raise Unreadable("PUBACK out of order")
            witness.acked(index)
        return after

    def ping(self) -> bytes:
        """PINGREQ."""
        return b"\xc0\0"

    def pong(self, data: bytes) -> int:
        """PINGRESP."""
        return data.find(b"\xd0\0") + 2 if b"\xd0\0" in data else 0


def text(value: str) -> bytes:
    """A string with its length."""
    return len(value.encode()).to_bytes(2, "big") + value.encode()


def packet(kind: int, body: bytes) -> bytes:
    """A control packet with its remaining length."""
    length, out = len(body), bytearray((kind,))
    while True:
        length, low = length >> 7, length & 127
        out.append(low | 128 if length else low)
        if not length:
            return bytes(out) + body


def packet_body(data: bytes, at: int) -> tuple[int, int]:
    """Where the packet's body begins and ends; (0, 0) if it is not whole."""
    length = shift = 0
    for body in range(at + 1, min(len(data), at + 5)):
        length |= (data[body] & 127) << shift
        shift += 7
        if not data[body] & 128:
            after = body + 1 + length
            return (body + 1, after) if after <= len(data) else (0, 0)
    return 0, 0


def _answer(data: bytes, kind: int, good: frozenset[int]) -> int:
    body, after = packet_body(data, 0)
    if after and (data[0] != kind or data[after - 1] not in good):
        raise Unreadable(f"mqtt: {data[:after]!r}")
    return after if body else 0


def _accepted(data: bytes) -> int:
    return _answer(data, _CONNACK, frozenset({0}))


def _subscribed(data: bytes) -> int:
    return _answer(data, _SUBACK, frozenset({1}))
