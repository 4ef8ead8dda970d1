"""One session as the judge's server keeps it: numbers, what waits for an ack, what the client has in flight.

Unlike the server's own (`imserver_protocol.session`) it can be told to lie: to forget what it received, to skip a number, to
ack what was never sent. What it receives it holds against SPEC sections 7 and 8.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from imserver_protocol.limits import Limits
from imserver_protocol.wire.codec import encode_tail, frame_bytes
from imserver_protocol.wire.frames import FrameType

from .breach import Breach

#: Of what the judge itself sends: whatever it wants to.
WIDE: Final = Limits(
    max_frame_bytes=2**20,
    max_content_bytes=2**20,
    max_string_bytes=2**20,
    max_array_items=2**20,
    max_map_items=2**20,
)
_ANSWERS = (FrameType.REPLY, FrameType.REFUSAL)


class Request(NamedTuple):
    """A request of the client, as it came."""

    session: Session
    seq: int
    method: str
    params: tuple[Any, ...]
    size: int

    def reply(self, result: Any) -> None:
        self.session.send(FrameType.REPLY, self.seq, result)

    def refuse(self, code: int, text: str = "", retry_after_ms: int = 0, detail: Any = None) -> None:
        self.session.send(FrameType.REFUSAL, self.seq, int(code), text or "scripted", retry_after_ms, detail)


class Kept(NamedTuple):
    """A payload frame that the client has not acked."""

    seq: int
    type: int
    fields: tuple[Any, ...]


@dataclass
class Session:
    """`write` puts bytes on the line that holds the session; without a line they wait for the resume."""

    session_id: str
    limits: Limits
    device_id: str = ""
    tokens: list[bytes] = field(default_factory=list)
    over: bool = False
    write: Callable[[bytes], None] | None = None
    #: Changes what is sent, as a later version would say it.
    grow: Callable[[int, tuple[Any, ...], str], tuple[Any, ...]] | None = None
    sent: int = 0
    acked: int = 0
    #: The last payload seq of the client that counts as received, and the highest that a frame of ours has acked.
    received: int = 0
    told: int = 0
    kept: list[Kept] = field(default_factory=list)
    #: Requests that are in flight for the window: answered ones until the client has acked the answer.
    open: dict[int, Request] = field(default_factory=dict)
    #: The methods of requests, for `grow`; and by the seq of its answer, the request that goes with the ack of it.
    methods: dict[int, str] = field(default_factory=dict)
    answers: dict[int, int] = field(default_factory=dict)
    #: What was received and is forgotten: it has to come again, the same.
    forgotten: dict[int, tuple[Any, ...]] = field(default_factory=dict)

    # -- what the judge sends ------------------------------------------------------------------------------------------

    def send(self, type_: int, *fields: Any) -> int:
        """A payload frame: numbered, and kept until it is acked."""
        if self.over:
            return 0
        self.sent += 1
        if self.grow is not None:
            fields = self.grow(type_, fields, self.methods.get(fields[0], "") if type_ in _ANSWERS else "")
        self.kept.append(Kept(self.sent, type_, fields))
        if type_ in _ANSWERS:
            self.answers[self.sent] = fields[0]
        if self.write is not None:
            self.write(self.frame(type_, self.sent, fields))
        return self.sent

    def push(self, kind: str, *fields: Any) -> int:
        return self.send(FrameType.PUSH, kind, *fields)

    def frame(self, type_: int, seq: int, fields: tuple[Any, ...]) -> bytes:
        """Its bytes, with an ack of now."""
        self.told = max(self.told, self.received)
        return frame_bytes(type_, seq, self.received, encode_tail(*fields, limits=WIDE))

    def unacked(self) -> bytes:
        """All that waits for an ack, to be sent again."""
        return b"".join(self.frame(kept.type, kept.seq, kept.fields) for kept in self.kept)

    def forget(self, count: int) -> None:
        """Take the last `count` payload frames for lost: a cut swallowed them. They may not have been acked."""
        assert self.received - count >= self.told, "it was acked, and cannot be lost"
        for seq in range(self.received - count + 1, self.received + 1):
            request = self.open.pop(seq)
            self.forgotten[seq] = (request.method, request.params)
        self.received -= count

    # -- what the client sends -----------------------------------------------------------------------------------------

    def take_ack(self, ack: int) -> None:
        if ack > self.sent:
            raise Breach(f"ack {ack}, but the last seq that was sent is {self.sent}", "7")
        if ack < self.acked:
            raise Breach(
                f"ack {ack} behind ack {self.acked}: a frame says the last seq that was taken over", "7"
            )
        self.acked = ack
        while self.kept and self.kept[0].seq <= ack:
            done = self.answers.pop(self.kept.pop(0).seq, None)
            if done is not None:
                self.open.pop(done, None)

    def take_request(self, seq: int, method: str, params: tuple[Any, ...], size: int) -> Request:
        if seq != self.received + 1:
            raise Breach(f"seq {seq} where {self.received + 1} is the next", "7")
        before = self.forgotten.pop(seq, None)
        if before is not None and before != (method, params):
            raise Breach(f"seq {seq} was {before[0]}, and comes again as another request", "6.1")
        request = Request(self, seq, method, params, size)
        self.received = seq
        self.methods[seq] = method
        # The ack in this frame's header was looked at first: what it acks makes room (section 8).
        if len(self.open) >= self.limits.max_requests:
            raise Breach(
                f"request {seq} ({method}) is one more than the {self.limits.max_requests} that fit", "8"
            )
        if sum(one.size for one in self.open.values()) + size > self.limits.max_request_bytes:
            raise Breach(
                f"request {seq} ({method}) exceeds the {self.limits.max_request_bytes} bytes in flight", "8"
            )
        self.open[seq] = request
        return request
