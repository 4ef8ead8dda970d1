"""Framing: cuts the byte stream into frame bodies; refuses a bad length before buffering anything of that frame."""

from __future__ import annotations

from struct import Struct as ByteLayout

from imserver_protocol.errors import CloseCode, MalformedFrame, RemoteError
from imserver_protocol.limits import LENGTH_BYTES

_length_at = ByteLayout(">I").unpack_from


class FrameSplitter:
    """Bytes in, frame bodies out. Keeps at most one unfinished frame."""

    __slots__ = ("_buffer", "_wanted", "max_frame_bytes", "stalled")

    def __init__(self, max_frame_bytes: int) -> None:
        #: May be raised at any time: 4 KiB before WELCOME, the session's limit after.
        self.max_frame_bytes = max_frame_bytes
        #: True if the last `feed` stopped in front of a bad length. Earlier frames are handled first (one
        #: may be the WELCOME that raises the limit), so that joining segments changes nothing; then feed b""
        #: to go on or to fail.
        self.stalled = False
        self._buffer = bytearray()
        self._wanted = LENGTH_BYTES

    @property
    def buffered_bytes(self) -> int:
        return len(self._buffer)

    @property
    def unfinished(self) -> bytes:
        """What has come of a frame that is not whole."""
        return bytes(self._buffer)

    def feed(self, data: bytes | bytearray | memoryview) -> list[bytes]:
        """All frames that are now complete.

        Raises RemoteError (FRAME_TOO_LARGE, or MALFORMED for length 0) if the *next* length is bad and no
        complete frame stands before it.
        """
        buffer = self._buffer
        if buffer:
            buffer += data
            if len(buffer) < self._wanted and not self.stalled:
                return []  # the usual case for slow senders: no byte is copied or parsed again
            data = bytes(buffer)
            buffer.clear()
        elif type(data) is not bytes:
            data = bytes(data)
        return self._split(data)

    def clear(self) -> None:
        """Stop reading: drop the bytes not yet parsed."""
        self._buffer.clear()
        self._wanted = LENGTH_BYTES
        self.stalled = False

    def _split(self, data: bytes) -> list[bytes]:
        bodies: list[bytes] = []
        append = bodies.append
        at, end, longest = 0, len(data), self.max_frame_bytes
        self.stalled = False
        wanted = LENGTH_BYTES
        while end - at >= LENGTH_BYTES:
            (length,) = _length_at(data, at)
            if not 0 < length <= longest:
                if not bodies:
                    raise _bad_length(length, longest)
                self.stalled = True
                break
            start = at + LENGTH_BYTES
            if end - start < length:
                wanted = LENGTH_BYTES + length
                break
            at = start + length
            append(data[start:at])
        self._wanted = wanted
        if at < end:
            self._buffer += data[at:] if at else data
        return bodies


def _bad_length(length: int, longest: int) -> RemoteError:
    if length == 0:
        return MalformedFrame("a frame of length 0")
    return RemoteError(CloseCode.FRAME_TOO_LARGE, f"a frame of {length} bytes; at most {longest}")
