"""Redis streams: XADD's reply is the acknowledgement, XACK from the receiver is ours."""

from __future__ import annotations

from typing import Any

from benchmarks.codecs.base import End, Frame, Lane, Step, Unreadable, Witness, padded, undecimal

_GROUP = b"g"
_FIELD = b"b"
#: Entries of one read.
_COUNT = b"256"


class RedisCodec:
    """A stream for each lane, read by a consumer group. Replies come in the order of requests."""

    number = 3

    def greeting(self, end: End) -> list[Step]:
        """A receiver makes the group, and the stream with it."""
        if end.is_sender:
            return []
        return [Step(command(b"XGROUP", b"CREATE", end.lane.place.encode(), _GROUP, b"$", b"MKSTREAM"), _ok)]

    def frame(self, lane: Lane, run_id: bytes, body_bytes: int) -> Frame:
        """An XADD."""
        data = command(b"XADD", lane.place.encode(), b"*", _FIELD, padded(body_bytes))
        return Frame(data, decimals_at=(len(data) - 2 - body_bytes,))

    def mark(self, lane: Lane) -> bytes:
        """Stream and group, as XACK wants them."""
        return bulk(lane.place.encode()) + bulk(_GROUP)

    def next_read(self, lane: Lane) -> bytes:
        """An XREADGROUP that waits."""
        parts = (b"XREADGROUP", b"GROUP", _GROUP, b"c", b"COUNT", _COUNT, b"BLOCK", b"0", b"STREAMS")
        return command(*parts, lane.place.encode(), b">")

    def parse(self, end: End, data: bytes, at: int, witness: Witness) -> int:
        """One reply."""
        value, after = read_value(data, at)
        if not after:
            return at
        if isinstance(value, Unreadable):
            raise value
        if end.is_sender:
            index = end.received
            end.received += 1
            witness.acked(index)
        elif isinstance(value, list):
            entries = value[0][1]
            for _, (_, body) in entries:
                witness.delivered(undecimal(body, 0))
            head = b"*%d\r\n$4\r\nXACK\r\n" % (len(entries) + 3)
            ids = b"".join(bulk(entry_id) for entry_id, _ in entries)
            end.out += head + self.mark(end.lane) + ids + self.next_read(end.lane)
        return after

    def ping(self) -> bytes:
        """PING."""
        return command(b"PING")

    def pong(self, data: bytes) -> int:
        """PONG."""
        return data.find(b"+PONG\r\n") + 7 if b"+PONG\r\n" in data else 0


def bulk(value: bytes) -> bytes:
    """A bulk string."""
    return b"$%d\r\n%s\r\n" % (len(value), value)


def command(*parts: bytes) -> bytes:
    """A request."""
    return b"*%d\r\n" % len(parts) + b"".join(bulk(part) for part in parts)


def read_value(data: bytes, at: int) -> tuple[Any, int]:
    """The value at `at` and where it ends; (None, 0) if it is not whole. An error is returned, not raised."""
    stop = data.find(b"\r\n", at)
    if stop < 0:
        return None, 0
    kind, line, after = data[at : at + 1], data[at + 1 : stop], stop + 2
    if kind == b"$":
        end = after + int(line)
        if int(line) < 0:
            return None, after
        return (data[after:end], end + 2) if end + 2 <= len(data) else (None, 0)
    if kind == b"*":
        items = []
        for _ in range(int(line)):
            item, after = read_value(data, after)
            if not after:
                return None, 0
            items.append(item)
        return items, after
    if kind == b"-":
        return Unreadable(f"redis: {line!r}"), after
    if kind not in (b"+", b":"):
        raise Unreadable(f"redis: {data[at:stop]!r}")
    return line, after


def _ok(data: bytes) -> int:
    value, after = read_value(data, 0)
    if isinstance(value, Unreadable):
        raise value
    return after
