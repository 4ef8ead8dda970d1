"""Our strict codec against readers that share nothing with it: the second reader of the vectors, and msgpack's pure Python."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

import msgpack.fallback
import pytest
from msgspec import structs

from imserver.errors import Refusal
from imserver.model import ItemPage
from imserver.net.dispatch import encode_page, read_params
from imserver_client import wire
from imserver_protocol import (
    Closed,
    EncodeError,
    Limits,
    MalformedFrame,
    Side,
    Tail,
    decode,
    encode_tail,
    frame_bytes,
)
from imserver_protocol.methods.history import HISTORY, PageItem
from imserver_protocol.methods.post import MESSAGE, POST
from imserver_protocol.session.posts import (
    message_tail,
    post_reader,
    post_reply_tail,
    result_tail,
)
from imserver_protocol.shared.ids import KEY_BYTES
from imserver_protocol.wire import codec
from tests.fuzz.runs import Run, seed_of_this_run
from tests.vectors import second_reader

from . import damage
from .corpus import framed, golden
from .receivers import NOW, receiver

read_post = post_reader(Limits())
CONVERSATIONS = ("direct/alice/bob", "c", "", "配镜", "x" * 98, "x" * 99, "group/" + "0" * 32, "\x00")
KEYS = (bytes(16), b"k" * 16, b"k" * 16, bytes(range(16)), b"k" * 15, b"")
#: The second reader has some 200 lines and no limit for strings.
MAX_STRING_BYTES = 32_768


def as_lists(value: Any) -> Any:
    """The second reader makes lists of arrays."""
    if isinstance(value, tuple):
        return [as_lists(item) for item in value]
    if isinstance(value, dict):
        return {key: as_lists(item) for key, item in value.items()}
    return value


def read_or_none(reader: Callable[[Any], Any], body: Any, refusal: type[Exception]) -> Any:
    try:
        return reader(body)
    except refusal:
        return None


def is_frame(value: Any) -> bool:
    return (
        type(value) is list
        and 3 <= len(value) <= 15
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
        if ours is not None and ours[0] < 128:
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


def a_post(run: Run) -> bytes:
    """The body of a request to post, or nearly of one."""
    rng = run.rng
    params: list[Any] = [
        rng.choice(CONVERSATIONS),
        rng.choice(KEYS),
        rng.randbytes(rng.choice((0, 2, 40, 300))),
    ]
    frame: list[Any] = [16, rng.choice((1, 2, 300)), rng.choice((0, 1, 2**40)), "post", params]
    for part in (params, frame):
        if rng.random() < 0.1:
            part[rng.randrange(len(part))] = run.grammar.value(1)
        if rng.random() < 0.1:
            part.append(run.grammar.value(1))
    body: bytes = msgpack.packb(frame)
    return damage.damaged(rng, body, run.pool) if rng.random() < 0.3 else body


def compare_the_reader_of_posts(run: Run, count: int) -> Counter[str]:
    """What it reads is what the shape of `post` says; what it leaves to `decode` has something unusual about it."""
    found: Counter[str] = Counter()
    for _ in range(count):
        body = a_post(run)
        quick = read_post(body)
        frame = read_or_none(decode, body, MalformedFrame)
        params = post_of(frame)
        if quick is None:
            usual = params is not None and is_usual(body, frame, params)
            assert not usual, f"{body.hex()}: left to the slow reader"
            found["left" if params is not None else "no post"] += 1
            continue
        assert params is not None, f"{body.hex()}: read, and no post"
        assert (quick.type, quick.seq, quick.ack, quick.method) == frame[:4]
        fast = {name: getattr(quick.params, name) for name in POST.params.__struct_fields__}
        assert fast == structs.asdict(params), body.hex()
        found["read"] += 1
    return found


def post_of(frame: tuple[Any, ...] | None) -> Any:
    """The params of a frame that posts, as its shape has them; None of any other."""
    if (
        frame is None
        or len(frame) < 5
        or (frame[0], frame[3]) != (16, POST.name)
        or type(frame[4]) is not tuple
    ):
        return None
    return read_or_none(partial(read_params, POST), frame[4], Refusal)


def is_usual(body: bytes, frame: tuple[Any, ...], params: Any) -> bool:
    """A frame as our own client sends it: nothing behind the fields, and the shortest form of everything."""
    return (
        len(frame) == 5
        and len(frame[4]) == len(POST.params.__struct_fields__)
        and len(params.key) == KEY_BYTES
        and len(params.conversation_id) <= 98
        and frame_bytes(*frame[:3], encode_tail(*frame[3:]))[4:] == body
    )


def compare_the_writers_of_posts(run: Run, count: int) -> Counter[str]:
    """What the server writes without a shape is what a client reads by one."""
    found: Counter[str] = Counter()
    rng = run.rng
    for _ in range(count):
        place, key, content = (
            rng.choice(CONVERSATIONS),
            rng.choice(KEYS),
            rng.randbytes(rng.choice((0, 2, 300))),
        )
        position, sent_at_ms, head = rng.choice((1, 7, 2**40)), rng.choice((0, 1, 2**41)), 2**41
        duplicate, gone = rng.random() < 0.5, rng.random() < 0.2
        pushed = message_tail(place, position, "bob", sent_at_ms, key, content)
        kind, *fields = written(pushed)
        assert kind == MESSAGE.kind
        assert structs.astuple(wire.read(tuple(fields), MESSAGE.fields)) == tuple(fields)
        assert fields == [place, position, "bob", sent_at_ms, key, content]
        replied = written(post_reply_tail(3, (position, sent_at_ms, duplicate)))
        assert wire.read(replied[1], POST.result) == POST.result(position, sent_at_ms, duplicate)
        item = (position, "bob", sent_at_ms, key, None if gone else content, 2)
        modseq = rng.choice((0, 0, 1, 2**41))
        page = encode_page(ItemPage([item], position, position, head, modseq))
        result = wire.read(written(result_tail(3, page, Limits()))[1], HISTORY.result)
        assert result == HISTORY.result((PageItem(*item),), position, position, head, modseq or None)
        found["read"] += 1
    return found


def written(tail: Tail) -> tuple[Any, ...]:
    """The fields of a frame that the server wrote."""
    return decode(frame_bytes(17, 1, 0, tail)[4:])[3:]


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
    report("posts", compare_the_reader_of_posts(run, 60_000))
    report("written", compare_the_writers_of_posts(run, 4_000))


def test_three_readers_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run(11, 300)
    assert compare_with_the_second_reader(run, 4000)["read by both"] > 500
    assert compare_with_pure_python(run, 600, monkeypatch)["same"] > 500
    assert len(compare_codes(run, 500)) > 5


def test_the_reader_of_posts_and_the_shape_agree() -> None:
    run = Run(12, 50)
    found = compare_the_reader_of_posts(run, 4000)
    assert min(found["read"], found["left"], found["no post"]) > 100, found
    assert compare_the_writers_of_posts(run, 100)["read"] == 100


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
