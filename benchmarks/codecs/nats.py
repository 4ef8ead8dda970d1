"""The text protocol of NATS, with JetStream: PubAck to the sender, an explicit +ACK from the receiver."""

from __future__ import annotations

import json

from benchmarks.codecs.base import (
    DIGITS,
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

STREAM = "BENCH"
#: All places are below this subject.
SUBJECT = "bench"
_CONNECT = b'CONNECT {"verbose":false,"pedantic":false,"lang":"bench","version":"1","protocol":1}\r\nPING\r\n'


class NatsCodec(Pushing):
    """A subject for each lane in one stream, a push consumer for each receiver. The PubAck's subject ends in the index."""

    number = 2

    def greeting(self, end: End) -> list[Step]:
        """CONNECT; a sender subscribes to its PubAcks, a receiver makes its consumer."""
        steps = [Step(b"", _info), Step(_CONNECT, _pong)]
        if end.is_sender:
            steps.append(Step(b"SUB %s.* 1\r\nPING\r\n" % _inbox(end.lane), _pong))
        else:
            steps.append(Step(b"SUB made.%s 2\r\nSUB to.%s 1\r\nPING\r\n" % (_who(end), _who(end)), _pong))
            steps.append(Step(_make_consumer(end), _api_answer))
        return steps

    def frame(self, lane: Lane, run_id: bytes, body_bytes: int) -> Frame:
        """A PUB with a subject for its PubAck."""
        inbox = _inbox(lane) + b"."
        head = b"PUB %s %s" % (lane.place.encode(), inbox)
        data = head + b"0" * DIGITS + b" %d\r\n" % body_bytes + padded(body_bytes) + b"\r\n"
        return Frame(data, decimals_at=(len(head), len(data) - 2 - body_bytes))

    def parse(self, end: End, data: bytes, at: int, witness: Witness) -> int:
        """One line, with its payload if it is a MSG."""
        stop = data.find(b"\r\n", at)
        if stop < 0:
            return at
        after = stop + 2
        if data.startswith(b"MSG ", at):
            fields = data[at + 4 : stop].split(b" ")
            body, after = after, after + int(fields[-1]) + 2
            if after > len(data):
                return at
            self._message(end, fields, data, body, after - 2, witness)
        elif data.startswith(b"PING", at):
            end.out += b"PONG\r\n"
        elif data.startswith(b"-", at):
            raise Unreadable(f"nats: {data[at:stop]!r}")
        return after

    def _message(
        self, end: End, fields: list[bytes], data: bytes, body: int, stop: int, witness: Witness
    ) -> None:
        if end.is_sender:
            if b'"error"' in data[body:stop]:
                raise Unreadable(f"jetstream: {data[body:stop]!r}")
            witness.acked(undecimal(fields[0], len(fields[0]) - DIGITS))
        elif len(fields) == 4:
            witness.delivered(undecimal(data, body))
            end.out += b"PUB %s 4\r\n+ACK\r\n" % fields[2]

    def ping(self) -> bytes:
        """PING."""
        return b"PING\r\n"

    def pong(self, data: bytes) -> int:
        """PONG."""
        return _pong(data)


def make_stream() -> list[Step]:
    """Make the stream that keeps every place in files: once, before any lane is used."""
    wish = {"name": STREAM, "subjects": [f"{SUBJECT}.>"], "storage": "file", "retention": "limits"}
    call = _call(f"$JS.API.STREAM.CREATE.{STREAM}", b"made.stream", wish)
    return [Step(b"", _info), Step(_CONNECT, _pong), Step(b"SUB made.stream 1\r\n" + call, _api_answer)]


def _make_consumer(end: End) -> bytes:
    who = _who(end).decode()
    wish = {
        "stream_name": STREAM,
        "config": {
            "durable_name": who,
            "deliver_subject": f"to.{who}",
            "deliver_policy": "all",
            "ack_policy": "explicit",
            "ack_wait": 30_000_000_000,
            "max_ack_pending": 20_000,
            "filter_subject": end.lane.place,
        },
    }
    return _call(f"$JS.API.CONSUMER.DURABLE.CREATE.{STREAM}.{who}", b"made." + _who(end), wish)


def _call(subject: str, reply: bytes, wish: object) -> bytes:
    body = json.dumps(wish).encode()
    return b"PUB %s %s %d\r\n%s\r\n" % (subject.encode(), reply, len(body), body)


def _inbox(lane: Lane) -> bytes:
    return b"acks." + lane.place.replace(".", "-").encode()


def _who(end: End) -> bytes:
    return end.party.name.replace(".", "-").encode()


def _line(data: bytes, word: bytes) -> int:
    if b"-ERR" in data:
        raise Unreadable(f"nats: {data!r}")
    at = data.find(word)
    stop = data.find(b"\r\n", at)
    return stop + 2 if at >= 0 and stop >= 0 else 0


def _info(data: bytes) -> int:
    return _line(data, b"INFO")


def _pong(data: bytes) -> int:
    return _line(data, b"PONG")


def _api_answer(data: bytes) -> int:
    at = data.find(b"MSG made.")
    stop = data.find(b"\r\n", at)
    if at < 0 or stop < 0:
        return 0
    after = stop + 2 + int(data[at:stop].split(b" ")[-1]) + 2
    if len(data) < after:
        return 0
    if b'"error"' in data[stop:after]:
        raise Unreadable(f"jetstream: {data[stop:after]!r}")
    return after
