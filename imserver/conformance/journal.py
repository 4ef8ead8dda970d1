"""What happened in a scenario, line by line, for who reads why it failed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from imserver_protocol.errors import RemoteError
from imserver_protocol.wire.codec import decode
from imserver_protocol.wire.frames import HEADER_FIELDS, FrameType
from imserver_protocol.wire.framing import FrameSplitter

from .session import WIDE

#: Lines that are kept, and characters of each.
KEPT_NOTES: Final = 400
NOTE_CHARS: Final = 150


class Journal:
    """`now` in seconds. Marks: `>` the client sent it, `<` the judge did, `*` neither, `!` a breach."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._begun = now()
        self.notes: list[str] = []

    def note(self, mark: str, *what: Any) -> None:
        if len(self.notes) < KEPT_NOTES:
            text = " ".join(str(one) for one in what)
            self.notes.append(f"{self._now() - self._begun:6.2f} {mark} {text[:NOTE_CHARS]}")

    def wrote(self, data: bytes) -> None:
        """What the judge sent: frame by frame where it is some."""
        if len(self.notes) >= KEPT_NOTES:
            return
        try:
            for body in FrameSplitter(WIDE.max_frame_bytes).feed(data):
                frame = decode(body, WIDE)
                self.note("<", FrameType(frame[0]).name, frame[1], frame[2], frame[HEADER_FIELDS:])
        except (RemoteError, ValueError):
            self.note("<", f"{len(data)} bytes: {data[:24].hex()}")
