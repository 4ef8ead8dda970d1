"""What came before the answer to a ping."""

from __future__ import annotations

from tests.limits.raw import PING, PONG, Raw


async def after_ping(raw: Raw) -> list[list[object]]:
    """Frames that were on their way."""
    raw.send(PING, 0, raw.received, 77)
    frames = []
    while (frame := await raw.frame())[0] != PONG:
        frames.append(frame)
    return frames
