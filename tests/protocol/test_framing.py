"""Cutting the stream: any segmentation gives the same frames, and a bad length is refused before it is buffered."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imserver_protocol import (
    Connection,
    ConnectionState,
    FrameSplitter,
    Limits,
    MalformedFrame,
    RemoteError,
    Side,
)

bodies_lists = st.lists(st.binary(min_size=1, max_size=60), max_size=12)


def framed(bodies: list[bytes]) -> bytes:
    return b"".join(len(body).to_bytes(4, "big") + body for body in bodies)


@given(
    bodies_lists, st.lists(st.integers(1, 50), max_size=40), st.sampled_from([bytes, bytearray, memoryview])
)
def test_any_segmentation_gives_the_same_frames(bodies: list[bytes], cuts: list[int], kind: type) -> None:
    splitter, stream, found = FrameSplitter(60), framed(bodies), []
    for cut in [*cuts, len(stream)]:
        found += splitter.feed(kind(stream[:cut]))
        stream = stream[cut:]
    assert found == bodies
    assert splitter.buffered_bytes == 0


@given(bodies_lists, st.integers(1, 7))
def test_frames_before_a_bad_length_are_not_lost(bodies: list[bytes], cut: int) -> None:
    stream = framed(bodies) + (61).to_bytes(4, "big") + b"more"
    for step in (cut, len(stream)):
        splitter, found, code = FrameSplitter(60), [], 0
        try:
            for at in range(0, len(stream), step):
                found += splitter.feed(stream[at : at + step])
                while splitter.stalled:
                    found += splitter.feed(b"")
        except RemoteError as error:
            code = error.code
        assert (found, code) == (bodies, 211)


def test_length_0_is_malformed() -> None:
    with pytest.raises(MalformedFrame):
        FrameSplitter(60).feed(bytes(4))


@pytest.mark.parametrize("length", [61, 2**31, 2**32 - 1])
def test_a_longer_length_is_refused_with_its_last_byte(length: int) -> None:
    splitter = FrameSplitter(60)
    prefix = length.to_bytes(4, "big")
    assert splitter.feed(prefix[:3]) == []
    with pytest.raises(RemoteError) as caught:
        splitter.feed(prefix[3:])
    assert caught.value.code == 211


def test_the_limit_may_rise_between_two_frames_of_one_segment() -> None:
    """WELCOME and a long frame behind it may arrive together."""
    splitter = FrameSplitter(4)
    assert splitter.feed(framed([b"1234", b"12345"])) == [b"1234"]
    assert splitter.stalled
    splitter.max_frame_bytes = 5
    assert splitter.feed(b"") == [b"12345"]
    assert not splitter.stalled


def test_a_megabyte_byte_by_byte() -> None:
    """Takes seconds and gigabytes of copying if each byte touches the whole buffer."""
    splitter = FrameSplitter(1024 * 1024)
    stream = framed([b"x" * 1024 * 1024])
    found = []
    for at in range(len(stream)):
        found += splitter.feed(stream[at : at + 1])
    assert len(found) == 1


@given(st.lists(st.binary(max_size=90), max_size=30))
def test_never_more_than_one_unfinished_frame_is_kept(segments: list[bytes]) -> None:
    splitter = FrameSplitter(60)
    try:
        for segment in segments:
            splitter.feed(segment)
            assert splitter.stalled or splitter.buffered_bytes < 64
    except RemoteError:
        pass


class Counting(FrameSplitter):
    """Counts how often the buffer is copied and looked through."""

    looks = 0

    def _split(self, data: bytes) -> list[bytes]:
        self.looks += 1
        return super()._split(data)


def test_a_frame_that_trickles_in_is_looked_at_only_when_it_is_whole() -> None:
    splitter, stream = Counting(5000), framed([b"x" * 5000])
    found = [body for at in range(len(stream)) for body in splitter.feed(stream[at : at + 1])]
    assert found == [b"x" * 5000]
    assert splitter.looks <= 4  # its first bytes, its length, its end


def test_what_was_not_looked_at_goes_with_the_connection() -> None:
    """The socket of a connection that is over may take its time to end."""
    server = Connection(Side.SERVER, Limits(), 1.0)
    good, bad = framed([b"\x93\x02\x00\x00"]), b"\xff" * 100_000
    server.receive_data(good + bad, 1.0)
    assert server.state is ConnectionState.CLOSING
    assert server._splitter.buffered_bytes == 0
