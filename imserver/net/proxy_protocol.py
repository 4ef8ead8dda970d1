"""PROXY protocol, versions 1 and 2: the header by which a proxy names the client of a connection. A strict reader, without I/O.

The protocol is haproxy.org's proxy-protocol.txt; sections are its. What it leaves to the receiver is refused here.
"""

from __future__ import annotations

import ipaddress
import struct
from typing import NamedTuple

from imserver.networks import UNIX, canonical

V1_BEGINS = b"PROXY "
V2_BEGINS = b"\r\n\r\n\0\r\nQUIT\n"
#: The longest header of version 1, with its end (section 2.1).
MAX_V1_BYTES = 107
#: Of version 2: 16 bytes, addresses, and extensions. 4 KiB hold a client's certificate name and what load balancers add.
V2_FIXED_BYTES = 16
MAX_V2_BYTES = V2_FIXED_BYTES + 4096

_LOCAL, _PROXY = 0x20, 0x21  # version and command
#: Family and transport of streams: bytes of the two addresses and ports, and how long the first address is.
_ADDRESSES = {0x11: (12, 4), 0x21: (36, 16), 0x31: (216, 108)}
_UNSPECIFIED, _OF_UNIX = 0x00, 0x31
#: Extensions that mean something to us.
_CRC32C = 0x03


class BadHeader(ValueError):
    """What comes is no PROXY header, or a wrong one; says why."""


class ProxyHeader(NamedTuple):
    """A header of `length` bytes. `source` is the client's address, `unix` for a Unix socket's peer; None if the proxy speaks
    for itself, or does not know."""

    source: str | None
    length: int


def begins_header(data: bytes) -> bool:
    """Whether the first bytes of a stream can begin a header. Those of a frame and of TLS cannot, from the first byte on."""
    return any(data and data.startswith(begin[: len(data)]) for begin in (V1_BEGINS, V2_BEGINS))


def read_header(data: bytes) -> ProxyHeader | None:
    """The header at the beginning of `data`; None if all of it is the beginning of one. Raises BadHeader."""
    if not data:
        return None
    if not begins_header(data):
        raise BadHeader("no PROXY header")
    return _version_1(data) if data[0] == V1_BEGINS[0] else _version_2(data)


# -- version 1: a line -------------------------------------------------------------------------------------------------


def _version_1(data: bytes) -> ProxyHeader | None:
    end = data.find(b"\n", 0, MAX_V1_BYTES)
    if end < 0:
        if len(data) >= MAX_V1_BYTES:
            raise BadHeader(f"version 1: no end within {MAX_V1_BYTES} bytes")
        return None
    if data[end - 1 : end] != b"\r":
        raise BadHeader("version 1: the line ends with CR LF")
    try:
        words = data[: end - 1].decode("ascii").split(" ")
    except UnicodeDecodeError:
        raise BadHeader("version 1: not ASCII") from None
    if words[1] == "UNKNOWN":
        return ProxyHeader(None, end + 1)
    if words[1] not in _FAMILIES or len(words) != 6:
        raise BadHeader("version 1: TCP4 or TCP6, two addresses, two ports")
    source, target = (_address(words[1], word) for word in words[2:4])
    if not (source and target and all(map(_is_port, words[4:]))):
        raise BadHeader("version 1: an address or a port is none")
    return ProxyHeader(source, end + 1)


_FAMILIES = {"TCP4": ipaddress.IPv4Address, "TCP6": ipaddress.IPv6Address}


def _address(family: str, text: str) -> str | None:
    try:
        return None if "%" in text else canonical(str(_FAMILIES[family](text)))
    except ValueError:
        return None


def _is_port(text: str) -> bool:
    return text.isdecimal() and len(text) <= 5 and int(text) <= 65535 and str(int(text)) == text


# -- version 2: binary -------------------------------------------------------------------------------------------------


def _version_2(data: bytes) -> ProxyHeader | None:
    if len(data) < V2_FIXED_BYTES:
        return None
    command, family, rest_bytes = struct.unpack_from(">BBH", data, len(V2_BEGINS))
    length = V2_FIXED_BYTES + rest_bytes
    if command not in (_LOCAL, _PROXY):
        raise BadHeader("version 2: unknown version or command")
    if length > MAX_V2_BYTES:
        raise BadHeader(f"version 2: longer than {MAX_V2_BYTES} bytes")
    if command == _PROXY and family != _UNSPECIFIED:
        if family not in _ADDRESSES:
            raise BadHeader("version 2: not the addresses of a stream")
        if rest_bytes < _ADDRESSES[family][0]:
            raise BadHeader("version 2: too short for its addresses")
    if len(data) < length:
        return None
    if command == _LOCAL or family == _UNSPECIFIED:
        return ProxyHeader(None, length)  # whatever follows means nothing (section 2.2)
    addresses_bytes, address_bytes = _ADDRESSES[family]
    _check_extensions(data[:length], V2_FIXED_BYTES + addresses_bytes)
    if family == _OF_UNIX:
        return ProxyHeader(UNIX, length)
    raw = data[V2_FIXED_BYTES : V2_FIXED_BYTES + address_bytes]
    return ProxyHeader(canonical(str(ipaddress.ip_address(raw))), length)


def _check_extensions(header: bytes, at: int) -> None:
    """Each has a type, a length and a value, and they fill the header. A checksum must be right (section 2.2.4)."""
    while at < len(header):
        if at + 3 > len(header):
            raise BadHeader("version 2: an extension is cut off")
        kind, size = struct.unpack_from(">BH", header, at)
        at += 3
        if at + size > len(header):
            raise BadHeader("version 2: an extension is longer than the header")
        if kind == _CRC32C:
            blank = header[:at] + bytes(size) + header[at + size :]
            if header[at : at + size] != struct.pack(">I", crc32c(blank)):
                raise BadHeader("version 2: wrong checksum")
        at += size


def crc32c(data: bytes) -> int:
    """CRC-32C (RFC 3720 appendix B.4)."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = (crc >> 8) ^ _CRC32C_OF_BYTE[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def _crc32c_of_byte(crc: int) -> int:
    for _ in range(8):
        crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    return crc


_CRC32C_OF_BYTE = tuple(map(_crc32c_of_byte, range(256)))
