"""Message content: opaque bytes that hold one msgpack map, encoded once by its author (SPEC, "Content").

A thin door to the protocol's strict codec, so that the chat layer and plugins need not know the protocol package.
"""

from __future__ import annotations

from imserver_protocol.codec import decode_content, encode_content

__all__ = ["decode_content", "encode_content"]
