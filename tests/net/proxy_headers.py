"""PROXY headers, made as proxies make them."""

from __future__ import annotations

import ipaddress
import struct

from imserver.net.proxy_protocol import (
    V2_BEGINS,
    crc32c,
)

LOCAL, PROXY = 0x20, 0x21
TCP4, TCP6, STREAM = 0x11, 0x21, 0x31


def v2(command: int, family: int, rest: bytes, *, told: int | None = None) -> bytes:
    return V2_BEGINS + struct.pack(">BBH", command, family, len(rest) if told is None else told) + rest


def ends(source: str, target: str = "192.0.2.1") -> bytes:
    """Addresses and ports of a header of version 2."""
    packed = ipaddress.ip_address(source).packed
    other = ipaddress.ip_address(target).packed if len(packed) == 4 else packed
    return packed + other + struct.pack(">HH", 4711, 7410)


def extension(kind: int, value: bytes) -> bytes:
    return struct.pack(">BH", kind, len(value)) + value


def with_checksum(rest: bytes) -> bytes:
    """Header of version 2 with its CRC32C as the last extension."""
    blank = v2(PROXY, TCP4, rest + extension(0x03, bytes(4)))
    return blank[:-4] + struct.pack(">I", crc32c(blank))


FOUR, SIX = ends("203.0.113.9"), ends("2001:db8::9")
