"""Message content: opaque bytes that hold one msgpack map, encoded once by its author (SPEC, "Content").

A thin door to the protocol's strict codec, so that the chat layer and plugins need not know the protocol package.
`is_plain_text` answers at once for nearly every message; what it does not know, `decode_content` decides.
"""

from __future__ import annotations

from imserver_protocol.session.posts import is_plain_text
from imserver_protocol.wire.codec import decode_content, encode_content

__all__ = ["decode_content", "encode_content", "is_plain_text"]
