"""Windows: the two ends of a numbered stream, sent frames that are not acked and received frames not yet acked by us.

Plain numbers in and out; the session decides what a full window means.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter

from imserver_protocol.limits import FRAME_OVERHEAD_BYTES, Limits
from imserver_protocol.wire.tails import Tail

_size = itemgetter(3)

#: One payload frame in the resend queue: seq, type, tail, size, and the size of the request that it answers (0 for
#: others). A plain tuple, since one is made for each frame. `size` is len(tail) + FRAME_OVERHEAD_BYTES. The header is
#: not kept: it is rebuilt at each transmission.
Entry = tuple[int, int, Tail, int, int]


class ResendQueue:
    """The payload frames from `acked_seq + 1` to `sent_seq`, and which of them have not yet been transmitted."""

    __slots__ = ("_entries", "_unsent", "acked_seq", "bytes", "sent_seq")

    def __init__(self) -> None:
        self.sent_seq = 0
        self.acked_seq = 0
        self.bytes = 0
        # A list: never longer than the windows, and an empty one takes a tenth of an empty deque's memory.
        self._entries: list[Entry] = []
        self._unsent: list[Entry] = []

    def __len__(self) -> int:
        return len(self._entries)

    def append(self, type_: int, tail: Tail, size: int, request_size: int = 0) -> int:
        """Number one frame. From here on it is never dropped while the session lives."""
        seq = self.sent_seq = self.sent_seq + 1
        entry = (seq, type_, tail, size, request_size)
        self._entries.append(entry)
        self._unsent.append(entry)
        self.bytes += size
        return seq

    def extend(self, type_: int, tails: Sequence[Tail]) -> None:
        """`append` for each tail."""
        first = self.sent_seq + 1
        entries = [
            (seq, type_, tail, len(tail.data) + FRAME_OVERHEAD_BYTES, 0)
            for seq, tail in enumerate(tails, first)
        ]
        self._entries += entries
        self._unsent += entries
        self.sent_seq += len(entries)
        self.bytes += sum(map(_size, entries))

    @property
    def transmitted_seq(self) -> int:
        """The last seq that the attached connection has handed out: the highest ack that the peer may give."""
        return self._unsent[0][0] - 1 if self._unsent else self.sent_seq

    @property
    def has_unsent(self) -> bool:
        return bool(self._unsent)

    def take_unsent(self) -> list[Entry]:
        """Return the frames to transmit now; afterwards they count as transmitted."""
        unsent = self._unsent
        self._unsent = []
        return unsent

    def ack(self, seq: int) -> list[Entry]:
        """Trim up to `seq`, which the caller has checked to be within acked_seq..sent_seq.

        Returns the trimmed frames.
        """
        count = seq - self.acked_seq
        trimmed = self._entries[:count]
        del self._entries[:count]
        self.acked_seq = seq
        self.bytes -= sum(map(_size, trimmed))
        return trimmed

    def from_seq(self, seq: int) -> list[Entry]:
        """Every frame with `seq` or more that is still kept."""
        return [entry for entry in self._entries if entry[0] >= seq]

    def replay(self) -> None:
        """A new connection attached (the peer's ack is already applied): transmit all remaining frames again."""
        self._unsent = list(self._entries)

    def clear(self) -> None:
        """The session is over: drop everything."""
        self._entries.clear()
        self._unsent = []
        self.bytes = 0


class ReceiveWindow:
    """The last payload seq received, and the frames and bytes that we have not acked yet."""

    __slots__ = (
        "_after_bytes",
        "_after_frames",
        "_after_s",
        "_unacked_bytes",
        "_unacked_frames",
        "due_at",
        "now_due",
        "seq",
    )

    def __init__(self, limits: Limits) -> None:
        self.seq = 0
        #: A bare ACK is due now (by frames or bytes) unless another frame carries the ack first.
        self.now_due = False
        #: A bare ACK is due at this time; None if everything is acked.
        self.due_at: float | None = None
        self._unacked_frames = 0
        self._unacked_bytes = 0
        self._after_frames = limits.ack_after_frames
        self._after_bytes = limits.ack_after_bytes
        self._after_s = limits.ack_after_s

    def took(self, frames: int, bytes_: int, now: float) -> None:
        """Take over the next `frames` payload frames: `seq` moves on by as many."""
        self.seq += frames
        unacked_frames = self._unacked_frames = self._unacked_frames + frames
        unacked_bytes = self._unacked_bytes = self._unacked_bytes + bytes_
        if self.due_at is None:
            self.due_at = now + self._after_s
        if unacked_frames >= self._after_frames or unacked_bytes >= self._after_bytes:
            self.now_due = True

    def told(self) -> None:
        """A frame with the current ack goes out."""
        if self.due_at is not None:
            self.due_at = None
            self.now_due = False
            self._unacked_frames = 0
            self._unacked_bytes = 0


class ReplyRoom:
    """Room for replies: a server makes a reply only if it may keep it until it is acked.

    `post_reply_bytes` are set aside for every request that may be in flight; bytes beyond that (a page of history) come
    out of the rest of `reply_room_bytes`, and are reserved before the work is done.
    """

    __slots__ = ("_base_bytes", "_reserved", "_room_bytes", "extra_bytes")

    def __init__(self, limits: Limits) -> None:
        #: Reserved for open requests, or taken by replies that are not yet acked.
        self.extra_bytes = 0
        self._base_bytes = limits.post_reply_bytes
        self._room_bytes = limits.reply_room_bytes - limits.max_requests * limits.post_reply_bytes
        self._reserved: dict[int, int] = {}

    def has_room(self, bytes_: int) -> bool:
        """Whether a reply of `bytes_` could be reserved now."""
        return self.extra_bytes + max(0, bytes_ - self._base_bytes) <= self._room_bytes

    def reserve(self, request_seq: int, bytes_: int) -> bool:
        """Reserve room, replacing an earlier reservation. False, and nothing changed, if there is no room."""
        extra = max(0, bytes_ - self._base_bytes)
        total = self.extra_bytes - self._reserved.get(request_seq, 0) + extra
        if total > self._room_bytes:
            return False
        self._reserved[request_seq] = extra
        self.extra_bytes = total
        return True

    def take(self, request_seq: int, size: int) -> bool:
        """A reply of `size` takes the place of its reservation. False, and nothing changed, if it does not fit."""
        extra = size - self._base_bytes
        if extra <= 0 and not self._reserved:
            return True  # the hot path: the reply to a post
        extra = max(0, extra)
        reserved = self._reserved.get(request_seq, 0)
        total = self.extra_bytes - reserved + extra
        if extra > reserved and total > self._room_bytes:
            return False
        self._reserved.pop(request_seq, None)
        self.extra_bytes = total
        return True

    def release(self, size: int) -> None:
        """A reply of `size` was acked."""
        if size > self._base_bytes:
            self.extra_bytes -= size - self._base_bytes

    def clear(self) -> None:
        """The session is over: drop everything."""
        self._reserved.clear()
        self.extra_bytes = 0
