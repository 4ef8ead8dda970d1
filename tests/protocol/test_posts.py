"""The quick readers and writers of posts agree with the general codec wherever they answer at all."""

from __future__ import annotations

from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imserver_protocol import (
    EncodeError,
    Limits,
    MalformedFrame,
    decode,
    decode_content,
    encode_content,
    encode_tail,
)
from imserver_protocol.session.post_frames import PostReceived
from imserver_protocol.session.posts import (
    encode_result,
    is_plain_text,
    message_tail,
    post_reader,
    post_reply_tail,
    result_tail,
)
from imserver_protocol.wire.codec import frame_bytes

KEY = bytes(range(16))
CONTENT = encode_content({"type": "text", "text": "hello"})
read = post_reader(Limits())

numbers = st.integers(0, 2**53 - 1)
texts = st.text(st.characters(exclude_categories=["Cs"]))
#: What may stand where something else is expected.
odd_values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    st.floats(),
    texts,
    st.binary(),
    st.lists(st.integers(-(2**63), 2**64 - 1)),
)


def body_of(*frame: Any) -> bytes:
    packed: bytes = msgpack.packb(frame)
    return packed


@given(seq=numbers, ack=numbers, conversation_id=texts, content=st.binary())
def test_a_post_is_read_with_the_values_that_decode_gives(
    seq: int, ack: int, conversation_id: str, content: bytes
) -> None:
    body = frame_bytes(16, seq, ack, encode_tail("post", (conversation_id, KEY, content)))[4:]
    post = read(body)
    assert decode(body) == (16, seq, ack, "post", (conversation_id, KEY, content))
    if len(conversation_id) <= 98:
        assert post is not None, "the usual case is read quickly"
        params = post.params
        assert (post.seq, post.ack, post.method) == (seq, ack, "post")
        assert (params.conversation_id, params.key, params.content) == (conversation_id, KEY, content)
    else:
        assert post is None


@given(st.data())
def test_what_is_odd_is_left_to_decode_or_read_alike(data: st.DataObject) -> None:
    """Any field replaced by anything, or bytes replaced, added, cut off: either nothing is said, or what decode says."""
    fields: list[Any] = [16, 5, 3, "post", ["direct/a/b", KEY, CONTENT]]
    if data.draw(st.booleans()):
        fields[data.draw(st.integers(0, 4))] = data.draw(odd_values)
    elif data.draw(st.booleans()):
        fields[4][data.draw(st.integers(0, 2))] = data.draw(odd_values)
    if data.draw(st.booleans()):
        (fields if data.draw(st.booleans()) else fields[4] if isinstance(fields[4], list) else fields).append(
            data.draw(odd_values)
        )
    body = bytearray(body_of(*fields))
    for _ in range(data.draw(st.integers(0, 3))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    body = body[: data.draw(st.integers(1, len(body)))] if data.draw(st.booleans()) else body
    body += data.draw(st.binary(max_size=2))
    agree(bytes(body))


@given(st.binary(min_size=1, max_size=60))
def test_random_bytes(body: bytes) -> None:
    agree(body)
    agree(b"\x95\x10" + body)


def agree(body: bytes) -> None:
    post = read(body)
    if post is not None:
        params = post.params
        frame = (
            post.type,
            post.seq,
            post.ack,
            post.method,
            (params.conversation_id, params.key, params.content),
        )
        assert decode(body) == frame
        assert [type(value) for value in decode(body)[:3]] == [int, int, int]


@pytest.mark.parametrize(
    "frame",
    [
        (16, 1.0, 0, "post", ("c", KEY, b"")),
        (16, 1, True, "post", ("c", KEY, b"")),
        (16, 1, 0, "post", ("c", "k" * 16, b"")),
        (16, 1, 0, "post", ("c", KEY[:15], b"")),
        (16, 1, 0, "post", ("c", KEY, "text")),
        (16, 1, 0, "post", ("c", KEY, b"", float("nan"))),
        (16, 1, 0, "post", ("c", KEY, b""), msgpack.ExtType(1, b"")),
        (16, 2**53, 0, "post", ("c", KEY, b"")),
        (16, 1, 0, "abandon", ("c", KEY)),
        (17, 1, 0, "post", ("c", KEY, b"")),
    ],
)
def test_left_to_decode(frame: tuple[Any, ...]) -> None:
    assert read(body_of(*frame)) is None


def test_small_limits_leave_everything_to_decode() -> None:
    body = body_of(16, 1, 0, "post", ("c", KEY, CONTENT))
    assert isinstance(read(body), PostReceived)
    assert post_reader(Limits(max_string_bytes=391))(body) is None
    assert post_reader(Limits(max_array_items=4))(body) is None


# -- contents ----------------------------------------------------------------------------------------------


@given(texts)
def test_a_plain_text_is_known(text: str) -> None:
    content = encode_content({"type": "text", "text": text})
    assert is_plain_text(content)
    assert decode_content(content) == {"type": "text", "text": text}


@given(st.data())
def test_what_passes_for_a_plain_text_is_one(data: st.DataObject) -> None:
    entries: list[tuple[Any, Any]] = [("type", "text"), ("text", "hello"), ("text", "again"), ("kind", 1)]
    chosen = data.draw(st.lists(st.sampled_from(entries), max_size=4))
    packer = msgpack.Packer()
    content = bytearray(packer.pack_map_pairs(chosen))
    for _ in range(data.draw(st.integers(0, 2))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    content += data.draw(st.binary(max_size=1))
    if is_plain_text(bytes(content)):
        decoded = decode_content(bytes(content))
        assert decoded == {"type": "text", "text": decoded["text"]}
        assert type(decoded["text"]) is str


@pytest.mark.parametrize("size", [32 * 1024 - 30, 32 * 1024, 40_000])
def test_no_text_is_longer_than_decode_allows(size: int) -> None:
    content: bytes = msgpack.packb({"type": "text", "text": "x" * size})
    try:
        decode_content(content)
    except MalformedFrame:
        assert not is_plain_text(content)
    else:
        assert is_plain_text(content)


# -- what the server writes -----------------------------------------------------------------------------------


@given(texts, numbers, texts, numbers, st.none() | st.binary(max_size=300))
def test_a_push_is_written_as_the_general_encoder_writes_it(
    conversation_id: str, position: int, sender_id: str, sent_at: int, content: bytes | None
) -> None:
    fields = (conversation_id, position, sender_id, sent_at, KEY, content)
    try:
        expected = encode_tail("message", *fields)
    except EncodeError:  # longer than a string may be: the store holds none
        return
    assert message_tail(*fields) == expected


@given(numbers, numbers, numbers, st.booleans())
def test_a_reply_is_written_as_the_general_encoder_writes_it(
    request_seq: int, position: int, sent_at: int, duplicate: bool
) -> None:
    result = (position, sent_at, duplicate)
    assert post_reply_tail(request_seq, result) == encode_tail(request_seq, result)


items = st.tuples(numbers, texts, numbers, st.just(KEY), st.none() | st.binary(max_size=300), numbers)


@given(numbers, st.lists(items, max_size=20), numbers, numbers, numbers)
def test_a_page_is_written_as_the_general_encoder_writes_it(
    request_seq: int, page: list[Any], first: int, last: int, head: int
) -> None:
    result = (page, first, last, head)
    assert result_tail(request_seq, encode_result(result), Limits()) == encode_tail(request_seq, result)


@pytest.mark.parametrize("request_seq", [1, 0x80, 2**53 - 1])
def test_a_page_fits_its_frame_exactly_or_is_refused(request_seq: int) -> None:
    """Just where the general encoder refuses."""
    limits = Limits(max_frame_bytes=4096, max_content_bytes=1024)
    for size in range(4040, 4090):
        result = ([(1, "ann", 2, KEY, b"x" * 1000, 1)], b"x" * (size - 1030))
        try:
            expected = encode_tail(request_seq, result, limits=limits)
        except EncodeError as error:
            with pytest.raises(EncodeError, match=str(error)):
                result_tail(request_seq, encode_result(result), limits)
        else:
            assert result_tail(request_seq, encode_result(result), limits) == expected


def test_nobody_s_messages_are_shown_by_chance() -> None:
    assert "secret" not in repr(encode_result([b"secret"]))
