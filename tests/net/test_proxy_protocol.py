"""PROXY headers as bytes: what is read in them, what is refused, and that it does not matter how they are cut."""

from __future__ import annotations

import struct
from random import Random

import pytest

from imserver.net.proxy_protocol import (
    MAX_V1_BYTES,
    MAX_V2_BYTES,
    BadHeader,
    ProxyHeader,
    begins_header,
    crc32c,
    read_header,
)
from imserver.networks import UNIX, canonical
from tests.net.proxy_headers import (
    FOUR,
    LOCAL,
    PROXY,
    SIX,
    STREAM,
    TCP4,
    TCP6,
    ends,
    extension,
    v2,
    with_checksum,
)

AUTHORITY, NOTHING = extension(0x02, b"chat.example"), extension(0x04, bytes(9))

#: Headers, and the client that they name.
NAMED: list[tuple[bytes, str | None]] = [
    (b"PROXY TCP4 203.0.113.9 192.0.2.1 4711 7410\r\n", "203.0.113.9"),
    (b"PROXY TCP4 203.0.113.9 192.0.2.1 0 65535\r\n", "203.0.113.9"),
    (b"PROXY TCP6 2001:db8::9 ::1 4711 7410\r\n", "2001:db8::9"),
    (b"PROXY TCP6 ::ffff:203.0.113.9 ::1 4711 7410\r\n", "203.0.113.9"),
    (b"PROXY TCP6 " + b" ".join([b"ffff:" * 7 + b"ffff"] * 2) + b" 65535 65535\r\n", "ffff:" * 7 + "ffff"),
    (b"PROXY UNKNOWN\r\n", None),
    (b"PROXY UNKNOWN whatever \xff comes\r\n".replace(b"\xff", b"?"), None),
    (v2(PROXY, TCP4, FOUR), "203.0.113.9"),
    (v2(PROXY, TCP6, SIX), "2001:db8::9"),
    (v2(PROXY, TCP6, ends("::ffff:203.0.113.9")), "203.0.113.9"),
    (v2(PROXY, STREAM, bytes(216)), UNIX),
    (v2(PROXY, TCP4, FOUR + AUTHORITY + NOTHING), "203.0.113.9"),
    (v2(PROXY, TCP4, FOUR + extension(0xE0, bytes(4000))), "203.0.113.9"),
    (with_checksum(FOUR), "203.0.113.9"),
    (with_checksum(FOUR + AUTHORITY), "203.0.113.9"),
    (v2(LOCAL, 0, b""), None),
    (v2(LOCAL, TCP4, FOUR), None),
    (v2(LOCAL, 0x77, b"it means nothing"), None),
    (v2(PROXY, 0, b""), None),
    (v2(PROXY, 0, bytes(50)), None),
]

WRONG: list[bytes] = [
    b"G",
    b"\0\0\0\x10",
    b"\x16\x03\x01\x02\x00",
    b"PROXY-",
    b"PROXX",
    b"proxy TCP4",
    b"\r\n\r\n\0\r\nQUIX",
    b"PROXY TCP4 203.0.113.9 192.0.2.1 4711 7410\n",
    b"PROXY UNKNOWN\n",
    b"PROXY \r\n",
    b"PROXY TCP4\r\n",
    b"PROXY TCP4  203.0.113.9 192.0.2.1 4711 7410\r\n",
    b"PROXY TCP4 203.0.113.9 192.0.2.1 4711 7410 \r\n",
    b"PROXY TCP4 203.0.113.9 192.0.2.1 4711\r\n",
    b"PROXY TCP4 203.0.113.09 192.0.2.1 4711 7410\r\n",
    b"PROXY TCP4 203.0.113.256 192.0.2.1 4711 7410\r\n",
    b"PROXY TCP4 203.0.113.9 here 4711 7410\r\n",
    b"PROXY TCP4 2001:db8::9 ::1 4711 7410\r\n",
    b"PROXY TCP6 203.0.113.9 192.0.2.1 4711 7410\r\n",
    b"PROXY TCP6 fe80::1%eth0 ::1 4711 7410\r\n",
    b"PROXY TCP4 203.0.113.9 192.0.2.1 04711 7410\r\n",
    b"PROXY TCP4 203.0.113.9 192.0.2.1 4711 65536\r\n",
    b"PROXY TCP4 203.0.113.9 192.0.2.1 -1 7410\r\n",
    b"PROXY TCP4 203.0.113.9 192.0.2.1 4711 \r\n",
    b"PROXY UDP4 203.0.113.9 192.0.2.1 4711 7410\r\n",
    b"PROXY unknown\r\n",
    b"PROXY TCP4 \xff03.0.113.9 192.0.2.1 4711 7410\r\n",
    b"PROXY UNKNOWN " + bytes(100),
    b"PROXY UNKNOWN " + b"x" * 92 + b"\r\n",
    v2(0x11, TCP4, FOUR),
    v2(0x31, TCP4, FOUR),
    v2(0x22, TCP4, FOUR),
    *(v2(PROXY, family, FOUR) for family in (0x01, 0x10, 0x12, 0x22, 0x32, 0x41, 0xFF)),
    v2(PROXY, TCP4, FOUR[:-1]),
    v2(PROXY, TCP6, SIX[:-1]),
    v2(PROXY, STREAM, bytes(215)),
    v2(PROXY, TCP4, FOUR, told=MAX_V2_BYTES - 15),
    v2(LOCAL, 0, b"", told=65535),
    v2(PROXY, TCP4, FOUR + b"\x02"),
    v2(PROXY, TCP4, FOUR + AUTHORITY[:-1]),
    v2(PROXY, TCP4, FOUR + AUTHORITY + b"\0\0"),
    v2(PROXY, TCP4, FOUR + extension(0x03, b"")),
    v2(PROXY, TCP4, FOUR + extension(0x03, bytes(4))),
    with_checksum(FOUR)[:-1] + b"!",
    with_checksum(FOUR).replace(bytes((203, 0, 113, 9)), bytes((203, 0, 113, 8))),
]


@pytest.mark.parametrize(("header", "source"), NAMED)
def test_a_header_names_the_client_however_it_is_cut(header: bytes, source: str | None) -> None:
    for behind in (b"", b"\0\0\0\x05", header):
        assert read_header(header + behind) == ProxyHeader(source, len(header))
    for end in range(len(header)):
        assert read_header(header[:end]) is None
        assert begins_header(header[:end]) == (end > 0)


@pytest.mark.parametrize("header", WRONG)
def test_a_wrong_header_is_refused(header: bytes) -> None:
    with pytest.raises(BadHeader):
        read_header(header)
    for end in range(len(header)):  # at the latest when it is whole, and until then no other is read in it
        try:
            assert read_header(header[:end]) is None
        except BadHeader:
            break


def test_headers_are_as_long_as_they_may_be() -> None:
    longest = b"PROXY UNKNOWN " + b"x" * (MAX_V1_BYTES - 16) + b"\r\n"
    assert read_header(longest) == ProxyHeader(None, MAX_V1_BYTES)
    assert read_header(longest[:-1]) is None
    whole = v2(PROXY, 0, bytes(MAX_V2_BYTES - 16))
    assert read_header(whole) == ProxyHeader(None, MAX_V2_BYTES)


@pytest.mark.parametrize("seed", range(10))
def test_of_any_bytes_a_header_is_read_or_refused_or_awaited_within_its_bound(seed: int) -> None:
    rng = Random(seed)
    for _ in range(300):
        data = bytearray(rng.choice(NAMED)[0] + rng.randbytes(8))
        for _ in range(rng.randrange(4)):
            data[rng.randrange(len(data))] = rng.choice((rng.randrange(256), 0x20, 0x0D, 0x0A, 0x30))
        del data[rng.randrange(len(data) + 1) :]
        try:
            header = read_header(bytes(data))
        except BadHeader:
            continue
        if header is None:
            assert len(data) < MAX_V2_BYTES
        else:
            assert header.length <= len(data)
            assert header.source in {None, UNIX, canonical(header.source or "")}


def test_no_frame_and_no_tls_begins_like_a_header() -> None:
    for length in (0, 1, 34 * 1024, 65536, 16 * 1024 * 1024):
        assert not begins_header(struct.pack(">I", length))
    assert not begins_header(b"\x16")
    assert not begins_header(b"")


def test_the_checksum_is_that_of_its_standard() -> None:
    """RFC 3720 appendix B.4, and the usual check value."""
    assert crc32c(bytes(32)) == 0x8A9136AA
    assert crc32c(b"\xff" * 32) == 0x62A8AB43
    assert crc32c(bytes(range(32))) == 0x46DD794E
    assert crc32c(b"123456789") == 0xE3069283
