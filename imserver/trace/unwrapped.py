"""What is inside a WebSocket: of what each side sends, the bytes of its binary messages. Of anything else, all bytes.

A frame of ours never begins with the G of GET: its first byte is the highest of a length below 2^24. A client that begins so
speaks HTTP, and both sides are taken for WebSocket (RFC 6455) behind their heads.
"""

from __future__ import annotations

from collections.abc import Iterator

#: Longest head of a request or an answer that is looked through; behind it nothing is shown.
MAX_HEAD_BYTES = 64 * 1024
_END = b"\r\n\r\n"
#: Kinds of messages whose bytes are shown: binary ones, and what continues them.
_SHOWN = (0, 2)


class Unwrapped:
    """Both directions of one connection."""

    def __init__(self) -> None:
        #: Whether it is a WebSocket; None as long as the client has sent nothing.
        self.web: bool | None = None
        self._sides = {True: _Side(), False: _Side()}

    def read(self, data: bytes, *, up: bool) -> bytes:
        """The bytes of the protocol in what the client (`up`) or the server sent."""
        if self.web is None and up and data:
            self.web = data.startswith(b"G")
        return b"".join(self._sides[up].read(data)) if self.web else data


class _Side:
    """One direction. Keeps at most a head, or the head of one message."""

    def __init__(self) -> None:
        self._kept = b""
        self._behind_head = False
        self._left = 0  # bytes of the present message that are still to come
        self._shown = False
        self._mask = b""
        self._at = 0  # place in the mask

    def read(self, data: bytes) -> Iterator[bytes]:
        self._kept += data
        if not self._behind_head:
            head, end, rest = self._kept.partition(_END)
            if not end:
                self._kept = head[-MAX_HEAD_BYTES:]
                return
            self._behind_head, self._kept = True, rest
        while self._kept:
            if not self._left and not self._begin():
                return
            piece, self._kept = self._kept[: self._left], self._kept[self._left :]
            self._left -= len(piece)
            if self._shown and piece:
                yield self._unmasked(piece)

    def _begin(self) -> bool:
        """Read the head of a message. False: it is not whole yet."""
        kept = self._kept
        if len(kept) < 2:
            return False
        size, after = kept[1] & 127, 2
        if size >= 126:
            after += 2 if size == 126 else 8
            size = int.from_bytes(kept[2:after])
        masked = 4 * (kept[1] >> 7)
        if len(kept) < after + masked:
            return False
        self._shown, self._left, self._at = kept[0] & 15 in _SHOWN, size, 0
        self._mask, self._kept = kept[after : after + masked], kept[after + masked :]
        return True

    def _unmasked(self, piece: bytes) -> bytes:
        if not self._mask:
            return piece
        turned = self._mask[self._at :] + self._mask[: self._at]
        self._at = (self._at + len(piece)) % 4
        pattern = (turned * (len(piece) // 4 + 1))[: len(piece)]
        return (int.from_bytes(piece) ^ int.from_bytes(pattern)).to_bytes(len(piece))
