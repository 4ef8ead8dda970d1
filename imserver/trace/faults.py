"""Finds the first byte at which a body breaks the encoding (SPEC, section 4), for people who write an encoder.

The codec only says that something is wrong: to a peer all faults are one. This reader is slower, and says where.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from typing import Final, NamedTuple

from imserver_protocol.limits import MAX_INTEGER, MAX_NESTING, MAX_TAIL_FIELDS, Limits
from imserver_protocol.wire.frames import HEADER_FIELDS

ENCODING: Final = "4"
FRAMES: Final = "5"


class Fault(NamedTuple):
    """`offset`: of the first byte of the value that is wrong. `section` of SPEC.md."""

    offset: int
    text: str
    section: str = ENCODING


class _Broken(Exception):
    def __init__(self, offset: int, text: str, section: str = ENCODING) -> None:
        super().__init__(text)
        self.fault = Fault(offset, text, section)


def read_body(body: bytes, limits: Limits) -> tuple[list[int], Fault | None]:
    """Where each item of the frame's array begins, and the first fault; None: the header is three integers from 0, and all
    else is encoded as it has to be."""
    reader = _Reader(body, limits)
    try:
        reader.frame()
    except _Broken as broken:
        return reader.starts, broken.fault
    return reader.starts, None


def fault_in_content(content: bytes, limits: Limits) -> Fault | None:
    """The first fault of a message's content, which is exactly one map with a `type` (SPEC, section 11)."""
    reader = _Reader(content, limits)
    try:
        reader.content()
    except _Broken as broken:
        return broken.fault
    return None


class _Reader:
    """Goes over the bytes once. Each method reads one value at `self._at`."""

    def __init__(self, data: bytes, limits: Limits) -> None:
        self._data = data
        self._limits = limits
        self._at = 0
        #: Where the items of the frame's array begin.
        self.starts: list[int] = []

    def frame(self) -> None:
        count = self._array_size()
        if count is None:
            raise _Broken(0, "not an array")
        most = HEADER_FIELDS + MAX_TAIL_FIELDS
        if not HEADER_FIELDS <= count <= most:
            raise _Broken(0, f"an array of {count} items; a frame has {HEADER_FIELDS} to {most}")
        for name in ("type", "seq", "ack"):
            at = self._at
            self.starts.append(at)
            value = self.value(2)
            if type(value) is not int or value < 0:
                raise _Broken(at, f"{name} is not an integer from 0", FRAMES)
        for _ in range(count - HEADER_FIELDS):
            self.starts.append(self._at)
            self.value(2)
        self._nothing_behind()

    def content(self) -> None:
        value = self.value(1)
        self._nothing_behind()
        if value is not dict:
            raise _Broken(0, "a content is a map", "11")

    def value(self, depth: int) -> object:
        """The value, of a container its type alone; `depth` is the one that a container here would have."""
        at = self._at
        first = self._byte()
        for last, read in _FIXED:
            if first <= last:
                return read(self, first, at, depth)
        return _SIZED[first](self, first, at, depth)

    def _array_size(self) -> int | None:
        first = self._byte()
        if 0x90 <= first <= 0x9F:
            return first & 0x0F
        if first in (0xDC, 0xDD):
            return self._number(2 if first == 0xDC else 4)
        return None

    def _nothing_behind(self) -> None:
        if self._at != len(self._data):
            raise _Broken(self._at, f"{len(self._data) - self._at} bytes behind the value")

    # -- bytes --------------------------------------------------------------------------------------------------------

    def _byte(self) -> int:
        return self._take(1)[0]

    def _take(self, count: int) -> bytes:
        if len(self._data) - self._at < count:
            raise _Broken(len(self._data), "it ends within a value")
        self._at += count
        return self._data[self._at - count : self._at]

    def _number(self, width: int, *, signed: bool = False) -> int:
        return int.from_bytes(self._take(width), "big", signed=signed)

    # -- kinds of values ----------------------------------------------------------------------------------------------

    def _small(self, first: int, at: int, depth: int) -> object:
        return first if first < 0x80 else first - 0x100

    def _constant(self, first: int, at: int, depth: int) -> object:
        return {0xC2: False, 0xC3: True}.get(first)

    def _integer(self, first: int, at: int, depth: int) -> object:
        value = self._number(1 << (first & 3), signed=first >= 0xD0)
        if abs(value) > MAX_INTEGER:
            raise _Broken(at, f"the integer {value} is beyond 2^53-1")
        return value

    def _float(self, first: int, at: int, depth: int) -> object:
        (value,) = struct.unpack(">f" if first == 0xCA else ">d", self._take(4 if first == 0xCA else 8))
        if not math.isfinite(value):
            raise _Broken(at, "NaN or infinity")
        return float(value)

    def _string(self, first: int, at: int, depth: int) -> object:
        size = first & 0x1F if first < 0xC0 else self._number(1 << (first - 0xD9))
        if size > self._limits.max_string_bytes:
            raise _Broken(at, f"a string of {size} bytes; at most {self._limits.max_string_bytes}")
        start = self._at
        try:
            return self._take(size).decode("utf-8")
        except UnicodeDecodeError as error:
            raise _Broken(start + error.start, f"not UTF-8: {error.reason}") from None

    def _bytes(self, first: int, at: int, depth: int) -> object:
        return self._take(self._number(1 << (first - 0xC4)))

    def _array(self, first: int, at: int, depth: int) -> object:
        size = first & 0x0F if first < 0xC0 else self._number(2 << (first - 0xDC))
        self._bounds(at, depth, size, self._limits.max_array_items, "an array of {} items")
        for _ in range(size):
            self.value(depth + 1)
        return list

    def _map(self, first: int, at: int, depth: int) -> object:
        size = first & 0x0F if first < 0xC0 else self._number(2 << (first - 0xDE))
        self._bounds(at, depth, size, self._limits.max_map_items, "a map of {} pairs")
        keys = set()
        for _ in range(size):
            where = self._at
            key = self.value(depth + 1)
            if type(key) is not str:
                raise _Broken(where, "a map's key is not a string")
            if key in keys:
                raise _Broken(where, "a map's key stands twice")
            keys.add(key)
            self.value(depth + 1)
        return dict

    def _bounds(self, at: int, depth: int, size: int, most: int, what: str) -> None:
        if depth > MAX_NESTING:
            raise _Broken(at, f"nested deeper than {MAX_NESTING}")
        if size > most:
            raise _Broken(at, f"{what.format(size)}; at most {most}")

    def _never(self, first: int, at: int, depth: int) -> object:
        raise _Broken(at, "the byte c1, which msgpack never uses")

    def _extension(self, first: int, at: int, depth: int) -> object:
        raise _Broken(at, "an extension type")


_Read = Callable[[_Reader, int, int, int], object]
#: By the last first byte of each range, in order: what stands in the first byte itself.
_FIXED: Final[tuple[tuple[int, _Read], ...]] = (
    (0x7F, _Reader._small),
    (0x8F, _Reader._map),
    (0x9F, _Reader._array),
    (0xBF, _Reader._string),
)
#: The other first bytes, each alone.
_SIZED: Final[dict[int, _Read]] = {
    0xC1: _Reader._never,
    **dict.fromkeys((0xC0, 0xC2, 0xC3), _Reader._constant),
    **dict.fromkeys(range(0xC4, 0xC7), _Reader._bytes),
    **dict.fromkeys((*range(0xC7, 0xCA), *range(0xD4, 0xD9)), _Reader._extension),
    **dict.fromkeys((0xCA, 0xCB), _Reader._float),
    **dict.fromkeys(range(0xCC, 0xD4), _Reader._integer),
    **dict.fromkeys(range(0xD9, 0xDC), _Reader._string),
    **dict.fromkeys((0xDC, 0xDD), _Reader._array),
    **dict.fromkeys((0xDE, 0xDF), _Reader._map),
    **dict.fromkeys(range(0xE0, 0x100), _Reader._small),
}
