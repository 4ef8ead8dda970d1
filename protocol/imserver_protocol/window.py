"""The two ends of a numbered stream: what was sent and not yet acked, and what was received and not yet told.

Plain numbers in and out; what is full, and what that means, is the session's business.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from .codec import Tail
from .limits import Limits


class Entry(NamedTuple):
    """One payload frame in the resend queue. The header is not kept: it is rebuilt at each transmission."""

    seq: int
    type: int
    tail: Tail
    size: int  #: len(tail) + FRAME_OVERHEAD_BYTES
    request_size: int  #: of the request that this frame answers, 0 for others


class ResendQueue:
    """Payload frames from `acked_seq + 1` to `sent_seq`, and which of them this connection has not yet transmitted."""

    __slots__ = ("_entries", "_unsent", "acked_seq", "bytes", "sent_seq")

    def __init__(self) -> None:
        self.sent_seq = 0
        self.acked_seq = 0
        self.bytes = 0
        self._entries: deque[Entry] = deque()
        self._unsent: list[Entry] = []

    def __len__(self) -> int:
        return len(self._entries)

    def append(self, type_: int, tail: Tail, size: int, request_size: int = 0) -> int:
        """Number one frame. From here on it is never dropped while the session lives."""
        seq = self.sent_seq = self.sent_seq + 1
        entry = Entry(seq, type_, tail, size, request_size)
        self._entries.append(entry)
        self._unsent.append(entry)
        self.bytes += size
        return seq

    @property
    def transmitted_seq(self) -> int:
        """The last seq that the attached connection has handed out: the highest ack that the peer may give."""
        return self._unsent[0].seq - 1 if self._unsent else self.sent_seq

    @property
    def has_unsent(self) -> bool:
        return bool(self._unsent)

    def take_unsent(self) -> list[Entry]:
        """What is to be transmitted now; afterwards it counts as transmitted."""
        unsent = self._unsent
        self._unsent = []
        return unsent

    def ack(self, seq: int) -> list[Entry]:
        """Trim up to `seq`, which the caller has checked to be within acked_seq..sent_seq.

        Returns what was trimmed.
        """
        entries = self._entries
        trimmed = []
        while entries and entries[0][0] <= seq:
            entry = entries.popleft()
            self.bytes -= entry[3]
            trimmed.append(entry)
        self.acked_seq = seq
        return trimmed

    def from_seq(self, seq: int) -> list[Entry]:
        """Every frame with `seq` or more that is still kept."""
        return [entry for entry in self._entries if entry.seq >= seq]

    def replay(self) -> None:
        """A new connection attached (the peer's ack is already applied): everything that is left goes out again."""
        self._unsent = list(self._entries)

    def clear(self) -> None:
        """The session is over."""
        self._entries.clear()
        self._unsent = []
        self.bytes = 0


class ReceiveWindow:
    """The last payload seq received, and how much of it the peer has not yet been told."""

    __slots__ = (
        "_after_bytes",
        "_after_frames",
        "_after_s",
        "_untold_bytes",
        "_untold_frames",
        "due_at",
        "now_due",
        "seq",
    )

    def __init__(self, limits: Limits) -> None:
        self.seq = 0
        #: A bare ACK is due now (by frames or bytes) unless another frame carries the ack first.
        self.now_due = False
        #: A bare ACK is due at this time; None if everything has been told.
        self.due_at: float | None = None
        self._untold_frames = 0
        self._untold_bytes = 0
        self._after_frames = limits.ack_after_frames
        self._after_bytes = limits.ack_after_bytes
        self._after_s = limits.ack_after_s

    def received(self, size: int, now: float) -> None:
        """The next payload frame was taken over: `seq` moves on by one."""
        self.seq += 1
        self._untold_frames += 1
        self._untold_bytes += size
        if self.due_at is None:
            self.due_at = now + self._after_s
        if self._untold_frames >= self._after_frames or self._untold_bytes >= self._after_bytes:
            self.now_due = True

    def told(self) -> None:
        """A frame with the current ack goes out."""
        if self.due_at is not None:
            self.due_at = None
            self.now_due = False
            self._untold_frames = 0
            self._untold_bytes = 0
