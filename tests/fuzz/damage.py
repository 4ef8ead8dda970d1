"""Damage to bytes: bits, bytes, lengths, splices, type bytes. Everything comes out of the `random.Random` that is given."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

#: First bytes of msgpack values: each family once or twice.
TYPE_BYTES = bytes(
    (0x00, 0x7F, 0x80, 0x81, 0x8F, 0x90, 0x91, 0x9F, 0xA0, 0xA1, 0xBF, *range(0xC0, 0xE0), 0xE0, 0xFF)
)


def flip_bits(rng: random.Random, data: bytearray, others: Sequence[bytes]) -> None:
    for _ in range(rng.choice((1, 1, 1, 2, 8))):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def set_byte(rng: random.Random, data: bytearray, others: Sequence[bytes]) -> None:
    data[rng.randrange(len(data))] = rng.choice((0, 1, 0x7F, 0x80, 0xC1, 0xFF, rng.randrange(256)))


def change_type(rng: random.Random, data: bytearray, others: Sequence[bytes]) -> None:
    data[rng.randrange(len(data))] = rng.choice(TYPE_BYTES)


def insert(rng: random.Random, data: bytearray, others: Sequence[bytes]) -> None:
    at = rng.randrange(len(data) + 1)
    data[at:at] = rng.randbytes(rng.choice((1, 1, 2, 4, 16)))


def double(rng: random.Random, data: bytearray, others: Sequence[bytes]) -> None:
    at = rng.randrange(len(data))
    end = min(len(data), at + rng.choice((1, 2, 5, 30)))
    data[at:at] = data[at:end]


def delete(rng: random.Random, data: bytearray, others: Sequence[bytes]) -> None:
    at = rng.randrange(len(data))
    del data[at : at + rng.choice((1, 1, 2, 8))]


def truncate(rng: random.Random, data: bytearray, others: Sequence[bytes]) -> None:
    del data[rng.randrange(len(data)) :]


def splice(rng: random.Random, data: bytearray, others: Sequence[bytes]) -> None:
    other = rng.choice(others)
    data[rng.randrange(len(data)) :] = other[rng.randrange(len(other)) :][:2000]


DAMAGES: tuple[Callable[[random.Random, bytearray, Sequence[bytes]], None], ...] = (
    flip_bits,
    set_byte,
    change_type,
    insert,
    double,
    delete,
    truncate,
    splice,
)


def damaged(rng: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """The bytes with one to three things wrong."""
    result = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        if not result:
            break
        rng.choice(DAMAGES)(rng, result, others)
    return bytes(result)


def framed(rng: random.Random, body: bytes) -> bytes:
    """Behind its right length; now and then behind one that is off by some."""
    length = len(body)
    if rng.random() < 0.01:
        length = max(
            0, rng.choice((length - 1, length + 1, length - 3, length + 7, 0, 2**32 - 1, 65_536, 65_537))
        )
    return length.to_bytes(4, "big") + body


def chunks(rng: random.Random, data: bytes) -> list[bytes]:
    """As TCP might cut it."""
    if rng.random() < 0.1 and len(data) < 400:
        return [data[at : at + 1] for at in range(len(data))]
    found, at = [], 0
    while at < len(data):
        size = rng.choice((1, 2, 3, 5, 17, 64, 300, 1400, 5000))
        found.append(data[at : at + size])
        at += size
    return found
