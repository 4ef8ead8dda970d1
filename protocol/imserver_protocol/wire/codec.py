"""Bytes <-> values: one strict msgpack dialect for frames and contents, and the fast building of frames.

Strict means (SPEC, "Encoding"): exactly one value, UTF-8 strings, string map keys without duplicates, no
extension types (also not the timestamp that msgpack decodes unasked), no NaN or infinity, integers within
±(2^53-1), nesting at most 16, bounded containers. Encoding keeps the same rules, so each side accepts all that
the other sends.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import chain
from struct import Struct as ByteLayout
from typing import Any, Final, NoReturn

from msgpack import Packer, unpackb

from imserver_protocol.errors import EncodeError, MalformedFrame
from imserver_protocol.limits import (
    FRAME_OVERHEAD_BYTES,
    LENGTH_BYTES,
    MAX_INTEGER,
    MAX_NESTING,
    MAX_TAIL_FIELDS,
    Limits,
)

from .frames import HEADER_FIELDS
from .tails import Tail

_MIN_INTEGER: Final = -MAX_INTEGER
_STRING_ONLY: Final = frozenset({str})
_HARMLESS: Final = frozenset({str, bytes, bool, type(None)})
_DEFAULTS: Final = Limits()
_HEADER_BYTES: Final = FRAME_OVERHEAD_BYTES - LENGTH_BYTES
_MAX_FRAME_ITEMS: Final = HEADER_FIELDS + MAX_TAIL_FIELDS


# -- rules for both directions ----------------------------------------------------------------------------


class _Fault(ValueError):
    """A broken rule that msgpack itself does not know."""


def _check_values(items: Iterable[Any], depth: int) -> int:  # noqa: C901 - plainly fast, see below
    """Refuse what msgpack lets through: large integers, NaN, infinity, timestamps, odd keys, deep nesting.

    Returns how many entries all maps have together. Hot: it sees every value in both directions, so the usual types come
    first and constants are local. It goes down level by level: a call of its own for each container would be most of the
    time that a frame full of small ones takes (test_codec, "worst_frame").
    """
    high, low = MAX_INTEGER, _MIN_INTEGER
    entries = 0
    while True:
        inner: list[Any] | None = None  # made on demand: most frames are flat
        maps: list[dict[Any, Any]] | None = None
        for item in items:
            kind = type(item)
            if kind is str or kind is bytes:
                continue
            if kind is int:
                if item > high or item < low:
                    raise _Fault("integer beyond 2^53-1")
            elif kind is tuple or kind is list or kind is dict:
                if depth >= MAX_NESTING:
                    raise _Fault(f"nested deeper than {MAX_NESTING}")
                if not item:
                    continue
                if kind is dict:
                    if maps is None:
                        maps = [item]
                    else:
                        maps.append(item)
                elif inner is None:
                    inner = [item]
                else:
                    inner.append(item)
            elif kind is not bool and item is not None:
                _check_rare_value(item)
        if maps is not None:
            if not _STRING_ONLY.issuperset(map(type, chain.from_iterable(maps))):
                raise _Fault("map key is not a string")
            entries += sum(map(len, maps))
            inner = [*(inner or ()), *map(dict.values, maps)]
        if inner is None:
            return entries
        items = inner[0] if len(inner) == 1 else [*chain.from_iterable(inner)]
        if _HARMLESS.issuperset(map(type, items)):
            return entries  # the labels and texts of a card, which are most of it
        depth += 1


def _check_rare_value(item: Any) -> None:
    kind = type(item)
    if kind is not float:
        raise _Fault(f"a value of type {kind.__name__}")
    if item - item != 0.0:
        raise _Fault("NaN or infinity")


# -- decoding ---------------------------------------------------------------------------------------------


def _no_extension(code: int, data: bytes) -> NoReturn:
    raise _Fault("extension type")


def _unpack(
    data: bytes | bytearray | memoryview,
    limits: Limits,
    pairs_hook: Callable[[list[tuple[Any, Any]]], Any] | None = None,
) -> Any:
    return unpackb(
        data,
        use_list=False,
        object_pairs_hook=pairs_hook,
        ext_hook=_no_extension,
        max_str_len=limits.max_string_bytes,
        max_array_len=limits.max_array_items,
        max_map_len=limits.max_map_items,
        max_ext_len=0,
    )


def _check_keys(data: bytes | bytearray | memoryview, limits: Limits, entries: int) -> None:
    """Refuse a key that stands twice in a map: the maps then hold fewer entries than there are pairs in `data`.

    Called only if there are entries. A hook in Python for each map would cost more than reading the data again, and gain
    nothing in frames that have no map, or 57,000 empty ones.
    """
    pairs: list[tuple[Any, Any]] = []
    _unpack(data, limits, pairs.extend)
    if len(pairs) != entries:
        raise _Fault("duplicate map key")


def decode(body: bytes | bytearray | memoryview, limits: Limits = _DEFAULTS) -> tuple[Any, ...]:
    """The frame in `body` (without its length prefix) as a tuple `(type, seq, ack, field…)`.

    Raises MalformedFrame, and nothing else, for any fault. Time is linear in the length.
    """
    try:
        frame = _unpack(body, limits)
        if type(frame) is not tuple or not HEADER_FIELDS <= len(frame) <= _MAX_FRAME_ITEMS:
            raise _Fault(f"not an array of type, seq, ack and at most {MAX_TAIL_FIELDS} fields")
        entries = _check_values(frame, 1)
        if entries:
            _check_keys(body, limits, entries)
        type_, seq, ack = frame[0], frame[1], frame[2]
        # `type(…) is int`: True is an int to isinstance, and no number on the wire.
        if not (type(type_) is type(seq) is type(ack) is int and type_ >= 0 and seq >= 0 and ack >= 0):
            raise _Fault("type, seq and ack must be integers from 0")
    except Exception as error:  # msgpack raises half a dozen kinds; to the peer they are one
        raise MalformedFrame(_describe(error)) from None
    return frame


def decode_content(data: bytes, limits: Limits = _DEFAULTS) -> dict[str, Any]:
    """Decode the map in the bytes of a message's content. Raises MalformedFrame; the caller decides what that means."""
    if len(data) > limits.max_content_bytes:
        raise MalformedFrame(f"content is longer than {limits.max_content_bytes} bytes")
    try:
        content = _unpack(data, limits)
        if type(content) is not dict:
            raise _Fault("content is not a map")
        if content:
            _check_keys(data, limits, _check_values((content,), 0))
    except Exception as error:
        raise MalformedFrame(_describe(error)) from None
    return content


def _describe(error: Exception) -> str:
    """A short line without the peer's own bytes (they would end up in logs and in GOODBYE)."""
    if isinstance(error, _Fault):
        return str(error)
    return f"not one valid msgpack value ({type(error).__name__})"


# -- encoding ---------------------------------------------------------------------------------------------

# One packer for the process: it holds no state between calls (autoreset), and making one costs more than
# packing. Two threads may use it: a call never lets go of the interpreter, since no hook runs inside it.
_pack = Packer(autoreset=True, use_bin_type=True).pack


def encode_tail(*fields: Any, limits: Limits = _DEFAULTS) -> Tail:
    """Check and encode the fields of a frame.

    Raises EncodeError for anything that a peer would not accept.
    """
    return make_tail(fields, limits)


def make_tail(fields: tuple[Any, ...], limits: Limits) -> Tail:
    """`encode_tail` with its fields in a tuple, for the hot path."""
    count = len(fields)
    if count > MAX_TAIL_FIELDS:
        raise EncodeError(f"more than {MAX_TAIL_FIELDS} fields")
    # Without the array's own one-byte header: the frame's array takes its place.
    data = _encode(fields, limits)[1:]
    if len(data) > limits.max_frame_bytes - _HEADER_BYTES:
        raise EncodeError(f"frame is longer than {limits.max_frame_bytes} bytes")
    return Tail(count, data)


def encode_content(content: Mapping[str, Any], limits: Limits = _DEFAULTS) -> bytes:
    """Encode a message's content: done once by its author, never again. Raises EncodeError."""
    data = _encode((dict(content),), limits, 0)[1:]
    if len(data) > limits.max_content_bytes:
        raise EncodeError(f"content is longer than {limits.max_content_bytes} bytes")
    return data


def _encode(fields: tuple[Any, ...], limits: Limits, depth: int = 1) -> bytes:
    try:
        data = _pack(fields)
        entries = _check_values(fields, depth)
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise EncodeError(str(error)) from None
    # An array of n items takes more than n bytes, a string of n bytes too; no map has more entries than all of them.
    longest = min(limits.max_array_items, limits.max_string_bytes)
    if len(data) > longest or entries > limits.max_map_items:
        _check_sizes(fields, limits, len(data))
    return data


def _check_sizes(items: Iterable[Any], limits: Limits, data_bytes: int) -> None:
    long_strings = data_bytes > limits.max_string_bytes
    for item in items:
        kind = type(item)
        if kind is tuple or kind is list:
            if len(item) > limits.max_array_items:
                raise EncodeError(f"an array of more than {limits.max_array_items} items")
            _check_sizes(item, limits, data_bytes)
        elif kind is dict:
            if len(item) > limits.max_map_items:
                raise EncodeError(f"a map of more than {limits.max_map_items} items")
            _check_sizes(item.values(), limits, data_bytes)
            if long_strings:
                _check_sizes(item, limits, data_bytes)
        elif kind is str and long_strings and len(item.encode()) > limits.max_string_bytes:
            raise EncodeError(f"a string of more than {limits.max_string_bytes} bytes")


# The header's numbers take as few bytes as msgpack allows: 1, 2, 3, 5 or 9.
_LENGTH_1 = ByteLayout(">IBBB").pack
_LENGTH_2 = ByteLayout(">IBBBB").pack
_LENGTH_3 = ByteLayout(">IBBBH").pack
_LENGTH_5 = ByteLayout(">IBBBI").pack
_LENGTH_9 = ByteLayout(">IBBBQ").pack
_FIXARRAY_OF_HEADER: Final = 0x93


def pack_number(number: int) -> bytes:
    """An integer from 0 to 2^53-1 as msgpack."""
    return _pack(number)


def frame_start(type_: int, seq: int, count: int, rest_bytes: int) -> bytes:
    """Length prefix, array header, type and seq of a frame with `count` fields.

    `rest_bytes` follow (ack and tail).
    """
    array = _FIXARRAY_OF_HEADER + count
    if seq < 0x80:
        return _LENGTH_1(rest_bytes + 3, array, type_, seq)
    if seq < 0x100:
        return _LENGTH_2(rest_bytes + 4, array, type_, 0xCC, seq)
    if seq < 0x10000:
        return _LENGTH_3(rest_bytes + 5, array, type_, 0xCD, seq)
    if seq < 0x100000000:
        return _LENGTH_5(rest_bytes + 7, array, type_, 0xCE, seq)
    return _LENGTH_9(rest_bytes + 11, array, type_, 0xCF, seq)


def frame_bytes(type_: int, seq: int, ack: int, tail: Tail) -> bytes:
    """One whole frame: length prefix, header, fields."""
    ack_bytes = _pack(ack)
    return frame_start(type_, seq, tail.count, len(ack_bytes) + len(tail.data)) + ack_bytes + tail.data
