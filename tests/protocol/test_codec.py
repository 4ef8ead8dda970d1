"""The dialect: the decoder accepts exactly the values that the encoder may send; every other is one declared error."""

from __future__ import annotations

import gc
import math
import sys
from contextlib import suppress
from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imserver_protocol import (
    FRAME_OVERHEAD_BYTES,
    MAX_INTEGER,
    MAX_NESTING,
    EncodeError,
    FrameType,
    Limits,
    MalformedFrame,
    decode,
    decode_content,
    encode_content,
    encode_tail,
    frame_bytes,
)

numbers = st.integers(0, MAX_INTEGER)
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-MAX_INTEGER, MAX_INTEGER),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=40),
    st.binary(max_size=40),
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=5).map(tuple), st.dictionaries(st.text(max_size=8), inner, max_size=5)
    ),
    max_leaves=20,
)


def nested(depth: int) -> Any:
    """`depth` arrays, one in another."""
    value: Any = ()
    for _ in range(depth - 1):
        value = (value,)
    return value


@given(st.sampled_from(list(FrameType)), numbers, numbers, st.lists(values, max_size=12))
def test_what_is_encoded_decodes_to_the_same(type_: FrameType, seq: int, ack: int, fields: list[Any]) -> None:
    whole = frame_bytes(type_, seq, ack, encode_tail(*fields))
    length, body = int.from_bytes(whole[:4], "big"), whole[4:]
    assert length == len(body)
    assert decode(body) == (type_, seq, ack, *fields)


@given(numbers, numbers, st.lists(values, max_size=12))
def test_frames_are_the_shortest_msgpack(seq: int, ack: int, fields: list[Any]) -> None:
    """Also the headers, which are not made by msgpack: clients in other languages may compare bytes."""
    whole = frame_bytes(FrameType.PUSH, seq, ack, encode_tail(*fields))
    assert whole[4:] == msgpack.packb([19, seq, ack, *fields])


@pytest.mark.parametrize("edge", [1 << 7, 1 << 8, 1 << 16, 1 << 32, (1 << 53) - 1])
def test_headers_at_the_edges_of_their_sizes(edge: int) -> None:
    for number in (edge - 1, edge):
        whole = frame_bytes(FrameType.PUSH, number, number, encode_tail("x"))
        assert whole[4:] == msgpack.packb([19, number, number, "x"])
        assert int.from_bytes(whole[:4], "big") == len(whole) - 4


@given(numbers, numbers, st.lists(scalars, max_size=12))
def test_a_header_never_takes_more_than_the_overhead(seq: int, ack: int, fields: list[Any]) -> None:
    """So that what a sender counts is never less than what the receiver counts."""
    tail = encode_tail(*fields)
    assert len(frame_bytes(16, seq, ack, tail)) <= len(tail.data) + FRAME_OVERHEAD_BYTES


@given(st.binary(max_size=300))
def test_random_bytes_are_a_frame_or_the_one_error(body: bytes) -> None:
    try:
        frame = decode(body)
    except MalformedFrame as error:
        fault = error
    else:
        assert [type(number) for number in frame[:3]] == [int, int, int]
        encode_tail(*frame[3:15])  # what was accepted may be said again
        return
    assert (fault.code, fault.text.isascii()) == (210, True)


@given(st.lists(values, max_size=6), st.data())
def test_damaged_frames_are_a_frame_or_the_one_error(fields: list[Any], data: st.DataObject) -> None:
    body = bytearray(frame_bytes(16, 1, 0, encode_tail(*fields))[4:])
    at = data.draw(st.integers(0, len(body) - 1))
    body[at] = data.draw(st.integers(0, 255))
    del body[data.draw(st.integers(0, len(body))) :]
    with suppress(MalformedFrame):
        decode(bytes(body))


BAD_BODIES = {
    "nothing": b"",
    "no array": msgpack.packb({"a": 1}),
    "a string of three": msgpack.packb("abc"),
    "two fields": msgpack.packb([16, 1]),
    "True as type": msgpack.packb([True, 0, 0]),
    "False as seq": msgpack.packb([16, False, 0]),
    "a float as ack": msgpack.packb([16, 1, 1.0]),
    "a negative seq": msgpack.packb([16, -1, 0]),
    "seq of 2^53": msgpack.packb([16, 2**53, 0]),
    "a large integer": msgpack.packb([16, 1, 0, 2**53]),
    "a large negative integer": msgpack.packb([16, 1, 0, [-(2**53)]]),
    "uint64": msgpack.packb([16, 1, 0, 2**64 - 1]),
    "NaN": msgpack.packb([16, 1, 0, math.nan]),
    "infinity, deep": msgpack.packb([16, 1, 0, [{"a": [-math.inf]}]]),
    "NaN, single": b"\x94\x10\x01\x00\xca\x7f\xc0\x00\x00",
    "two values": msgpack.packb([16, 1, 0]) + b"\xc0",
    "cut": msgpack.packb([16, 1, 0, "abc"])[:-1],
    "the unused byte": b"\x94\x10\x01\x00\xc1",
    "extension": msgpack.packb([16, 1, 0, msgpack.ExtType(5, b"x")]),
    "empty extension": msgpack.packb([16, 1, 0, msgpack.ExtType(5, b"")]),
    "timestamp of 4": b"\x94\x10\x01\x00\xd6\xff\x00\x00\x00\x01",
    "timestamp of 8": b"\x94\x10\x01\x00\xd7\xff\x00\x00\x00\x01\x00\x00\x00\x01",
    "timestamp of 12": b"\x94\x10\x01\x00\xc7\x0c\xff" + b"\x00" * 12,
    "timestamp as a key": b"\x94\x10\x01\x00\x81\xd6\xff\x00\x00\x00\x01\x01",
    "bytes as a key": msgpack.packb([16, 1, 0, {b"a": 1}]),
    "integer as a key": msgpack.packb([16, 1, 0, {1: 1}]),
    "duplicate key": b"\x94\x10\x01\x00\x82\xa1a\x01\xa1a\x02",
    "no UTF-8": b"\x94\x10\x01\x00\xa2\xff\xfe",
    "a surrogate": b"\x94\x10\x01\x00\xa3\xed\xa0\x80",
    "overlong UTF-8": b"\x94\x10\x01\x00\xa2\xc0\x80",
    "an array said to have 2^32-1 items": b"\x94\x10\x01\x00\xdd\xff\xff\xff\xff",
    "a map said to have 2^32-1 items": b"\x94\x10\x01\x00\xdf\xff\xff\xff\xff",
    "a string said to have 2^32-1 bytes": b"\x94\x10\x01\x00\xdb\xff\xff\xff\xff",
    "17 deep": msgpack.packb([16, 1, 0, nested(MAX_NESTING)]),
    "1000 deep": b"\x94\x10\x01\x00" + b"\x91" * 1000 + b"\xc0",
    "60000 deep": b"\x94\x10\x01\x00" + b"\x91" * 60000 + b"\xc0",
    "many items": msgpack.packb([16, 1, 0, [0] * 8193]),
    "many keys": msgpack.packb([16, 1, 0, {str(i): 0 for i in range(257)}]),
    "a long string": msgpack.packb([16, 1, 0, "x" * 32769]),
}


@pytest.mark.parametrize("body", BAD_BODIES.values(), ids=BAD_BODIES.keys())
def test_bad_frames(body: bytes) -> None:
    with pytest.raises(MalformedFrame):
        decode(body)


def test_the_deepest_allowed_nesting() -> None:
    fields = nested(MAX_NESTING - 1)  # the frame's own array is the outermost
    assert decode(frame_bytes(16, 1, 0, encode_tail(fields))[4:])[3] == fields
    with pytest.raises(EncodeError):
        encode_tail(nested(MAX_NESTING))


def test_maps_count_as_nesting_too() -> None:
    value: Any = {}
    for _ in range(MAX_NESTING):
        value = {"a": value}
    with pytest.raises(EncodeError):
        encode_tail(value)
    with pytest.raises(MalformedFrame):
        decode(msgpack.packb([16, 1, 0, value]))


BAD_VALUES = {
    "a large integer": 2**53,
    "a large negative integer": -(2**53),
    "uint64": 2**64,
    "NaN": math.nan,
    "infinity": [math.inf],
    "a set": {1},
    "an object": object(),
    "bytearray": bytearray(b"x"),
    "memoryview": memoryview(b"x"),
    "an enumeration": FrameType.PING,
    "bytes as a key": {b"a": 1},
    "integer as a key": {1: 1},
    "timestamp": msgpack.Timestamp(1, 0),
    "extension": msgpack.ExtType(1, b""),
    "a surrogate": "\ud800",
    "a surrogate as a key": {"\ud800": 1},
    "many items": [0] * 8193,
    "many items within a tuple within a map": {"a": ((0,) * 8193,)},
    "many keys": {str(i): 0 for i in range(257)},
    "a long string": "x" * 32769,
    "a long string of Chinese": "配" * 10923,
    "a long key": {"x" * 32769: 1},
    "a long string, deep": [[{"a": "x" * 32769}]],
    "too much in all": [b"x" * 40000, b"x" * 40000],
}


@pytest.mark.parametrize("value", BAD_VALUES.values(), ids=BAD_VALUES.keys())
def test_bad_values_are_refused_before_they_are_sent(value: Any) -> None:
    with pytest.raises(EncodeError):
        encode_tail(value)
    with pytest.raises(EncodeError):
        encode_tail("fine", [value])


def test_a_value_that_contains_itself_is_refused() -> None:
    ring: list[Any] = []
    ring.append(ring)
    with pytest.raises(EncodeError):
        encode_tail(ring)
    assert decode(frame_bytes(16, 1, 0, encode_tail("still works"))[4:])[3] == "still works"


def test_too_many_fields() -> None:
    encode_tail(*range(12))
    with pytest.raises(EncodeError):
        encode_tail(*range(13))


def test_a_tail_fits_its_frame_exactly_or_is_refused() -> None:
    """Against the limit of the peer, with the largest header that there is."""
    limits = Limits(max_frame_bytes=4096, max_content_bytes=1024)
    room = 4096 - (FRAME_OVERHEAD_BYTES - 4)
    payload = b"x" * (room - 3)  # bin 16 takes three bytes more
    whole = frame_bytes(16, MAX_INTEGER, MAX_INTEGER, encode_tail(payload, limits=limits))
    assert len(whole) - 4 == 4096
    with pytest.raises(EncodeError):
        encode_tail(payload + b"x", limits=limits)


@given(st.dictionaries(st.text(max_size=8), values, max_size=6))
def test_contents(content: dict[str, Any]) -> None:
    assert decode_content(encode_content(content)) == content


@pytest.mark.parametrize(
    "data", [b"", b"\xc0", b"\x80\x80", b"\x91\x80", b"\x81\x01\x01", b"\x81\xa1a\xcb\x7f\xf8" + bytes(6)]
)
def test_bad_contents(data: bytes) -> None:
    with pytest.raises(MalformedFrame):
        decode_content(data)


def test_a_long_content_is_refused_both_ways() -> None:
    content = {"type": "text", "text": "x" * 32760}
    with pytest.raises(EncodeError):
        encode_content(content)
    with pytest.raises(MalformedFrame):
        decode_content(msgpack.packb(content))


def worst_frame(unit: bytes, blocks: int) -> bytes:
    """`blocks` arrays of 8,192 times `unit`, in a frame that is otherwise good."""
    inner = b"\xdc" + (8192).to_bytes(2, "big") + unit * 8192
    return b"\x9f\x10\x01\x00" + inner * blocks + b"\xc0" * (12 - blocks)


def calls_to_decode(body: bytes) -> int:
    """How many functions run, of ours and of C: the same number on every machine, unlike time."""
    calls = 0

    def count(frame: object, event: str, function: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    before = sys.getprofile()
    gc.disable()  # other tests may have left somebody who is told of each collection
    sys.setprofile(count)
    try:
        assert decode(body)[0] == 16
    finally:
        sys.setprofile(before)
        gc.enable()
    return calls


@pytest.mark.parametrize(
    ("unit", "calls"),
    [
        (b"\x90", 0),
        (b"\x80", 0),
        (b"\xa0", 0),
        (b"\xc0", 0),
        (b"\x81\xa1a\xc0", 1),
        (b"\x81\xa0\x80", 1),
        (b"\x82\xa0\x80\xa1a\x80", 1),
        (b"\x91\x80", 1),
        (b"\x81\xa0\x81\xa0\x80", 2),
    ],
    ids=repr,
)
def test_the_work_for_the_worst_frames_is_in_line_with_their_length(unit: bytes, calls: int) -> None:
    """No frame within the limits holds the event loop for long: nothing runs for what is empty, `calls` for each unit."""
    most = 65_000 // len(unit) // 8192
    one = calls_to_decode(worst_frame(unit, 1))
    assert one <= 40 + calls * 8192
    assert calls_to_decode(worst_frame(unit, most)) <= most * one


class Pairs(list[tuple[str, Any]]):
    """A map as it may come over the wire: its pairs, in order, keys as often as they like."""


def packed(value: Any) -> bytes:
    if isinstance(value, Pairs):
        return bytes([0x80 + len(value)]) + b"".join(packed(key) + packed(item) for key, item in value)
    if isinstance(value, list):
        return bytes([0x90 + len(value)]) + b"".join(map(packed, value))
    encoded: bytes = msgpack.packb(value)
    return encoded


def stands_twice(value: Any) -> bool:
    if isinstance(value, Pairs):
        keys = [key for key, _ in value]
        return len({*keys}) < len(keys) or any(stands_twice(item) for _, item in value)
    return isinstance(value, list) and any(map(stands_twice, value))


def plain(value: Any) -> Any:
    if isinstance(value, Pairs):
        return {key: plain(item) for key, item in value}
    return tuple(map(plain, value)) if isinstance(value, list) else value


repeated = st.recursive(
    st.none() | st.booleans() | st.integers(0, 200) | st.sampled_from(["", "a", "b"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(st.tuples(st.sampled_from(["", "a", "b", "c"]), inner), max_size=4).map(Pairs)
    ),
    max_leaves=20,
)


@given(repeated)
def test_a_key_that_stands_twice_is_found_wherever_it_is(value: Any) -> None:
    """Also in a map that is itself the value of a key that stands twice."""
    body = b"\x94\x10\x01\x00" + packed(value)
    if stands_twice(value):
        with pytest.raises(MalformedFrame, match="duplicate map key"):
            decode(body)
    else:
        assert decode(body)[3] == plain(value)
