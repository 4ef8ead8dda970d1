"""Our strict codec against readers that share nothing with it: the second reader of the vectors, and msgpack's pure Python."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import msgpack.fallback
import pytest

from imserver_protocol import Closed, EncodeError, MalformedFrame, Side, decode, encode_tail, frame_bytes
from imserver_protocol.wire import codec
from tests.vectors import second_reader

from . import damage
from .corpus import framed, golden
from .receivers import NOW, receiver
from .test_frames import Run, seed_of_this_run

#: The second reader has 200 lines and no limit for strings.
MAX_STRING_BYTES = 32_768


def as_lists(value: Any) -> Any:
    """The second reader makes lists of arrays."""
    if isinstance(value, tuple):
        return [as_lists(item) for item in value]
    if isinstance(value, dict):
        return {key: as_lists(item) for key, item in value.items()}
    return value


def read_or_none(reader: Callable[[bytes], Any], body: bytes, refusal: type[Exception]) -> Any:
    try:
        return reader(body)
    except refusal:
        return None


def is_frame(value: Any) -> bool:
    return (
        type(value) is list
        and len(value) >= 3
        and all(type(number) is int and number >= 0 for number in value[:3])
    )


def has_long_string(value: Any) -> bool:
    if isinstance(value, str):
        return len(value.encode()) > MAX_STRING_BYTES
    if isinstance(value, list):
        return any(map(has_long_string, value))
    return isinstance(value, dict) and any(has_long_string(item) for pair in value.items() for item in pair)


def compare_with_the_second_reader(run: Run, count: int) -> Counter[str]:
    """Both read the same bodies the same way, or refuse both."""
    found: Counter[str] = Counter()
    for _ in range(count):
        body = run.body()
        if not 0 < len(body) <= 65_536:
            continue
        ours = read_or_none(decode, body, MalformedFrame)
        theirs = read_or_none(second_reader.unpack, body, second_reader.Fault)
        if not is_frame(theirs) or has_long_string(theirs):
            theirs = None
        assert repr(as_lists(ours)) == repr(theirs), body.hex()
        found["read by both" if ours is not None else "refused by both"] += 1
        if ours is not None and len(ours) <= 15 and ours[0] < 128:
            again = frame_bytes(ours[0], ours[1], ours[2], encode_tail(*ours[3:]))[4:]
            assert repr(second_reader.unpack(again)) == repr(theirs)
    return found


def compare_with_pure_python(run: Run, count: int, monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """msgpack without its C part refuses and reads the same: an installation may have only that."""
    found: Counter[str] = Counter()
    bodies = [body for body in (run.body() for _ in range(count)) if body]
    ours = [repr(read_or_none(decode, body, MalformedFrame)) for body in bodies]
    with monkeypatch.context() as patch:
        patch.setattr(codec, "unpackb", msgpack.fallback.unpackb)
        patch.setattr(codec, "_pack", msgpack.fallback.Packer(autoreset=True, use_bin_type=True).pack)
        for body, value in zip(bodies, ours, strict=True):
            assert repr(read_or_none(decode, body, MalformedFrame)) == value, body.hex()
            found["same"] += 1
            try:
                encode_tail(run.grammar.value())
            except EncodeError:
                found["not said"] += 1
    return found


def compare_codes(run: Run, count: int) -> Counter[str]:
    """One frame to an open connection: a fault that the second reader sees closes, and a MALFORMED of ours it sees too."""
    found: Counter[str] = Counter()
    for _ in range(count):
        body = run.body()
        if not 0 < len(body) <= 65_536:
            continue
        role = run.rng.choice((Side.CLIENT, Side.SERVER))
        connection = receiver(role, "open")
        connection.receive_data(framed(body), NOW)
        ends = [event for event in connection.events() if isinstance(event, Closed) and not event.by_peer]
        code = ends[0].code if ends else 0
        try:
            by = "server" if role is Side.CLIENT else "client"
            frame = second_reader.read(body, by)
            fault = 0
        except second_reader.Fault as error:
            frame, fault = [], error.args[0]
        if fault:
            assert code, f"{body.hex()}: goes on, but {fault}"
        elif code == 210:
            assert has_long_string(frame), f"{body.hex()}: MALFORMED, and nothing is wrong with it"
        found[f"ours {code}, theirs {fault}"] += 1
    return found


def report(what: str, found: Counter[str]) -> None:
    print(f"readers: {what}: " + ", ".join(f"{name} {count:,}" for name, count in found.most_common()))


@pytest.mark.prove
@pytest.mark.timeout(240)
def test_three_readers_agree_on_many(monkeypatch: pytest.MonkeyPatch) -> None:
    seed = seed_of_this_run()
    print(f"\nreaders: seed {seed}")
    run = Run(seed, 1500)
    report("second reader", compare_with_the_second_reader(run, 60_000))
    report("pure Python", compare_with_pure_python(run, 10_000, monkeypatch))
    report("codes", compare_codes(run, 8_000))


def test_three_readers_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run(11, 300)
    assert compare_with_the_second_reader(run, 4000)["read by both"] > 500
    assert compare_with_pure_python(run, 600, monkeypatch)["same"] > 500
    assert len(compare_codes(run, 500)) > 5


def test_frames_of_the_vectors_and_their_neighbours() -> None:
    """Each byte of each short golden frame, made into each type byte."""
    rng = random.Random(5)
    for frame in golden():
        body = frame[4:]
        for at in range(0, min(len(body), 60), 3):
            changed = body[:at] + bytes((rng.choice(damage.TYPE_BYTES),)) + body[at + 1 :]
            ours = read_or_none(decode, changed, MalformedFrame)
            theirs = read_or_none(second_reader.unpack, changed, second_reader.Fault)
            assert repr(as_lists(ours)) == repr(
                theirs if is_frame(theirs) and not has_long_string(theirs) else None
            )


@pytest.mark.parametrize("role", [Side.CLIENT, Side.SERVER])
@pytest.mark.parametrize("fields", [(), ("7",), (1.0,), (True,), (None,)])
def test_a_pong_has_a_nonce_like_a_ping(role: Side, fields: tuple[Any, ...]) -> None:
    """Found by the comparison: it was taken for a sign of life whatever it said."""
    connection = receiver(role, "open")
    connection.receive_data(frame_bytes(4, 0, 0, encode_tail(*fields)), NOW)
    (closed,) = connection.events()
    assert isinstance(closed, Closed)
    assert closed.code == 210
