"""Message content: opaque bytes that hold one msgpack map, encoded once by its author (SPEC, "Content").

Re-exports the protocol's strict codec, so that the chat layer and plugins need not know the protocol package.
`is_plain_text` recognises nearly every message cheaply; `decode_content` decides about the rest.
"""

from __future__ import annotations

from imserver_protocol.session.posts import is_plain_text
from imserver_protocol.wire.codec import decode_content, encode_content

__all__ = ["decode_content", "encode_content", "is_plain_text"]
