"""Bytes <-> values: one strict msgpack dialect for frames and contents, and the fast building of frames.

Strict means (protocol.md, framing): exactly one value, UTF-8 strings, string map keys without duplicates, no
extension types (also not the timestamp that msgpack decodes unasked), no NaN or infinity, integers within
±(2^53-1), nesting at most 16, bounded containers. Encoding keeps the same rules, so what one of us sends the other accepts.
"""

from __future__ import annotations

from collections.abc import Mapping
from struct import Struct as ByteLayout
from typing import Any, Final, NoReturn

from msgpack import Packer, unpackb

from .errors import EncodeError, MalformedFrame
from .limits import FRAME_OVERHEAD_BYTES, LENGTH_BYTES, MAX_INTEGER, MAX_NESTING, MAX_TAIL_FIELDS, Limits

_PLAIN: Final = frozenset({str, bytes, bool, type(None)})
_DEFAULTS: Final = Limits()


class Tail:
    """The encoded fields behind type, seq and ack: encoded once, shared by all recipients and their resend queues."""

    __slots__ = ("count", "data")

    def __init__(self, count: int, data: bytes) -> None:
        self.count = count
        self.data = data

    def __repr__(self) -> str:
        return f"Tail({self.count} fields, {len(self.data)} bytes)"


# -- decoding --------------------------------------------------------------------------------------


class _Fault(ValueError):
    """A broken rule that msgpack itself does not know."""


def _unique_string_keys(pairs: list[tuple[Any, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _Fault("duplicate map key")
    for key in found:
        if type(key) is not str:
            raise _Fault("map key is not a string")
    return found


def _no_extension(code: int, data: bytes) -> NoReturn:
    raise _Fault("extension type")


def _check_decoded(items: Any, depth: int) -> None:
    """Refuse what msgpack lets through: large integers, NaN, infinity, timestamps, deep nesting."""
    plain = _PLAIN
    for item in items:
        kind = type(item)
        if kind in plain:
            continue
        if kind is int:
            if not -MAX_INTEGER <= item <= MAX_INTEGER:
                raise _Fault("integer beyond 2^53-1")
        elif kind is tuple or kind is dict:
            if depth >= MAX_NESTING:
                raise _Fault("nested too deeply")
            if item:
                _check_decoded(item if kind is tuple else item.values(), depth + 1)
        elif kind is float:
            if item - item != 0.0:
                raise _Fault("NaN or infinity")
        else:
            raise _Fault("extension type")


def _unpack(data: bytes | bytearray | memoryview, limits: Limits) -> Any:
    return unpackb(
        data,
        use_list=False,
        object_pairs_hook=_unique_string_keys,
        ext_hook=_no_extension,
        max_str_len=limits.max_string_bytes,
        max_array_len=limits.max_array_items,
        max_map_len=limits.max_map_items,
        max_ext_len=0,
    )


def decode(body: bytes | bytearray | memoryview, limits: Limits = _DEFAULTS) -> tuple[Any, ...]:
    """The frame in `body` (without its length prefix) as a tuple `(type, seq, ack, field…)`.

    Raises MalformedFrame, and nothing else, for any fault. Time is linear in the length.
    """
    try:
        frame = unpackb(
            body,
            use_list=False,
            object_pairs_hook=_unique_string_keys,
            ext_hook=_no_extension,
            max_str_len=limits.max_string_bytes,
            max_array_len=limits.max_array_items,
            max_map_len=limits.max_map_items,
            max_ext_len=0,
        )
        if type(frame) is not tuple or len(frame) < 3:
            raise _Fault("not an array of at least type, seq and ack")
        for number in frame[:3]:
            if type(number) is not int or not 0 <= number <= MAX_INTEGER:
                raise _Fault("type, seq and ack must be integers from 0 to 2^53-1")
        _check_decoded(frame[3:], 1)
    except Exception as error:  # msgpack raises half a dozen kinds; to the peer they are one
        raise MalformedFrame(_describe(error)) from None
    return frame


def decode_content(data: bytes, limits: Limits = _DEFAULTS) -> dict[str, Any]:
    """The map in the bytes of a message's content.

    Raises MalformedFrame; the caller decides what that means.
    """
    if len(data) > limits.max_content_bytes:
        raise MalformedFrame(f"content is longer than {limits.max_content_bytes} bytes")
    try:
        content = _unpack(data, limits)
        if type(content) is not dict:
            raise _Fault("content is not a map")
        _check_decoded(content.values(), 1)
    except Exception as error:
        raise MalformedFrame(_describe(error)) from None
    return content


def _describe(error: Exception) -> str:
    """A short line without the peer's own bytes in it (they would end up in logs and in GOODBYE)."""
    if isinstance(error, _Fault):
        return str(error)
    return f"not one valid msgpack value ({type(error).__name__})"


# -- encoding --------------------------------------------------------------------------------------


def _check_encodable(items: Any, depth: int, limits: Limits) -> None:
    for item in items:
        kind = type(item)
        if kind is int:
            if not -MAX_INTEGER <= item <= MAX_INTEGER:
                raise EncodeError("integer beyond 2^53-1")
        elif kind is str:
            _check_string(item, limits)
        elif kind is bytes or kind is bool or item is None:
            continue
        elif kind is tuple or kind is list or kind is dict:
            _check_container(item, kind is dict, depth + 1, limits)
        elif kind is not float:
            raise EncodeError(f"a {kind.__name__} cannot go on the wire")
        elif item - item != 0.0:
            raise EncodeError("NaN or infinity")


def _check_container(found: Any, is_map: bool, depth: int, limits: Limits) -> None:
    if depth > MAX_NESTING:
        raise EncodeError(f"nested deeper than {MAX_NESTING}")
    if is_map:
        _check_map(found, depth, limits)
        return
    if len(found) > limits.max_array_items:
        raise EncodeError(f"an array of more than {limits.max_array_items} items")
    _check_encodable(found, depth, limits)


def _check_string(text: str, limits: Limits) -> None:
    # A character is at most 4 bytes of UTF-8, so short strings are not encoded twice.
    if (
        len(text) * 4 > limits.max_string_bytes
        and len(text.encode("utf-8", "replace")) > limits.max_string_bytes
    ):
        raise EncodeError(f"a string of more than {limits.max_string_bytes} bytes")


def _check_map(found: dict[Any, Any], depth: int, limits: Limits) -> None:
    if len(found) > limits.max_map_items:
        raise EncodeError(f"a map of more than {limits.max_map_items} items")
    for key in found:
        if type(key) is not str:
            raise EncodeError("a map key is not a string")
        _check_string(key, limits)
    _check_encodable(found.values(), depth, limits)


# One packer for the process: it holds no state between calls (autoreset), and making one costs more than
# packing.
_pack = Packer(autoreset=True, use_bin_type=True).pack


def encode_tail(*fields: Any, limits: Limits = _DEFAULTS) -> Tail:
    """The fields of a frame, checked and encoded.

    Raises EncodeError for anything that a peer would not accept.
    """
    if len(fields) > MAX_TAIL_FIELDS:
        raise EncodeError(f"more than {MAX_TAIL_FIELDS} fields")
    _check_encodable(fields, 1, limits)
    data = _packed(fields)[1:]  # without the array's own one-byte header: the frame's array takes its place
    if len(data) + FRAME_OVERHEAD_BYTES - LENGTH_BYTES > limits.max_frame_bytes:
        raise EncodeError(f"frame is longer than {limits.max_frame_bytes} bytes")
    return Tail(len(fields), data)


def encode_content(content: Mapping[str, Any], limits: Limits = _DEFAULTS) -> bytes:
    """The bytes of a message's content: made once by its author, never re-encoded. Raises EncodeError."""
    plain = dict(content)
    _check_map(plain, 1, limits)
    data = _packed(plain)
    if len(data) > limits.max_content_bytes:
        raise EncodeError(f"content is longer than {limits.max_content_bytes} bytes")
    return data


def _packed(value: Any) -> bytes:
    try:
        return _pack(value)
    except UnicodeEncodeError:
        raise EncodeError("a string with a lone surrogate") from None
    except (ValueError, TypeError, OverflowError) as error:
        raise EncodeError(str(error)) from None


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
