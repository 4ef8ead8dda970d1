"""The fuzzers meet what they claim: each class of damage damages, lengths lie, chunks cut, and what is wrong is noticed."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from types import SimpleNamespace
from typing import Any

import pytest

from imserver_protocol import Closed, Connection, ConnectionState, Side
from tests.fuzz.runs import LEAST_FRAMES, OUTCOMES, SIDES, Run, shortcomings

from . import damage
from .damage import DAMAGES
from .receivers import DECLARED, LIMITS, STATES, check, receiver

BODY, OTHERS = bytes(range(100, 160)), [b"\x01" * 50]

#: Class of damage -> what it does to a length of 60 (smallest and largest change), and whether it keeps a byte of another.
SIZES: dict[str, tuple[int, int]] = {
    "flip_bits": (0, 0),
    "set_byte": (0, 0),
    "change_type": (0, 0),
    "insert": (1, 16),
    "double": (1, 30),
    "delete": (-8, -1),
    "truncate": (-60, -1),
    "splice": (-59, 49),
}


def test_every_class_of_damage_has_its_row() -> None:
    assert [one.__name__ for one in DAMAGES] == list(SIZES)


@pytest.mark.parametrize("one", DAMAGES, ids=lambda one: one.__name__)
def test_a_class_of_damage_does_what_its_name_says(one: Any) -> None:
    rng = random.Random(1)
    changes: Counter[int] = Counter()
    changed = 0
    for _ in range(400):
        data = bytearray(BODY)
        one(rng, data, OTHERS)
        changed += data != BODY
        changes[len(data) - len(BODY)] += 1
        if one is damage.splice:
            assert data.endswith(b"\x01")
        if one is damage.truncate:
            assert BODY.startswith(data)
    low, high = SIZES[one.__name__]
    assert changed > 380
    assert low <= min(changes) <= max(changes) <= high
    assert max(changes) - min(changes) >= (high - low) // 2


def test_damage_is_of_every_class_and_of_one_to_three_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []

    def noted(name: str) -> Any:
        return lambda rng, data, others: done.append(name)

    monkeypatch.setattr(damage, "DAMAGES", tuple(noted(one.__name__) for one in DAMAGES))
    rng, counts = random.Random(1), Counter[int]()
    for _ in range(500):
        before = len(done)
        damage.damaged(rng, BODY, OTHERS)
        counts[len(done) - before] += 1
    assert set(done) == SIZES.keys()
    assert counts.keys() == {1, 2, 3}


def test_a_length_lies_now_and_then_and_is_right_otherwise() -> None:
    rng = random.Random(1)
    lengths = Counter(int.from_bytes(damage.framed(rng, BODY)[:4], "big") for _ in range(20_000))
    assert 0.98 < lengths.pop(len(BODY)) / 20_000 < 0.998
    assert lengths.keys() == {0, 57, 59, 61, 67, 65_536, 65_537, 2**32 - 1}


def test_chunks_cut_anywhere_and_lose_nothing() -> None:
    rng, sizes = random.Random(1), Counter[int]()
    single = 0
    for _ in range(300):
        data = rng.randbytes(rng.choice((50, 399, 400, 9000)))
        chunks = damage.chunks(rng, data)
        assert b"".join(chunks) == data
        sizes.update(len(chunk) for chunk in chunks[:-1])
        single += len(chunks) == len(data)
    assert set(sizes) >= {1, 2, 3, 5, 17, 64, 300, 1400, 5000}
    assert single > 5, "now and then byte by byte"


# -- what is counted ------------------------------------------------------------------------------------------------------


def test_frames_are_counted_once_each() -> None:
    """Each stream is read by two connections, all at once and in pieces; its frames count once."""
    run = Run(3, 50)
    compared: list[bytes] = []

    def compare(side: Side, state: str, stream: bytes) -> None:
        compared.append(stream)
        run._counted(run.bodies[0], LIMITS)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run, "_compare", compare)
        run.tried = 0
        run.through_connections(200)
    assert run.tried == len(compared) == 200
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("imserver_protocol.session.connection.decode", run._counted)
        run.tried = 0
        run._compare(Side.SERVER, "open", damage.framed(random.Random(3), run.bodies[0]))
    assert run.tried == 1


def test_a_stream_that_says_something_else_in_pieces_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = itertools.count()
    monkeypatch.setattr("tests.fuzz.runs.told", lambda events: [next(numbers)])
    with pytest.raises(AssertionError):
        Run(3, 50)._compare(Side.SERVER, "open", b"")


def test_every_role_is_met_in_every_state() -> None:
    run = Run(5, 50)
    run.through_connections(3000)
    met = {name.partition(":")[0] for name in run.outcomes if ": " in name}
    assert met == {f"{side.name.lower()} {state}" for side in SIDES for state in STATES}


def test_a_run_of_too_few_frames_or_ends_does_not_pass() -> None:
    outcomes = [f"server open: {end}" for end in OUTCOMES]
    assert list(shortcomings(LEAST_FRAMES, outcomes)) == []
    assert list(shortcomings(LEAST_FRAMES - 1, outcomes)) == ["999,999 frames, not 1,000,000"]
    for left_out, end in enumerate(OUTCOMES):
        fewer = outcomes[:left_out] + outcomes[left_out + 1 :]
        assert list(shortcomings(LEAST_FRAMES, fewer)) == [f"never seen: {end}"]


# -- what is noticed ------------------------------------------------------------------------------------------------------


class Spoilt:
    """A connection that says something else of itself than it is."""

    def __init__(self, connection: Connection, **said: Any) -> None:
        self._connection = connection
        self._said = said

    def __getattr__(self, name: str) -> Any:
        return self._said[name] if name in self._said else getattr(self._connection, name)


def opened(**changes: Any) -> Connection:
    connection = receiver(Side.SERVER, "open")
    session = connection.session
    return Spoilt(connection, session=Spoilt(session, **changes)) if changes else connection  # type: ignore[return-value, arg-type]


SPOILT_SESSIONS: dict[str, dict[str, Any]] = {
    "acked above transmitted": {"acked_seq": 10**6},
    "transmitted above sent": {"transmitted_seq": 10**6},
    "acked below 0": {"acked_seq": -1},
    "too many requests": {"requests_in_flight": LIMITS.max_requests + 1},
    "too many bytes of requests": {"request_bytes_in_flight": LIMITS.max_request_bytes + 1},
    "too many pushes": {"pushes_unacked_frames": LIMITS.window_frames + 1},
    "a frame forgotten": {"queue": [1] * 1000},
}


def test_an_honest_connection_is_right() -> None:
    for side in SIDES:
        for state in STATES:
            check(receiver(side, state), [])


@pytest.mark.parametrize("what", SPOILT_SESSIONS)
def test_a_session_outside_its_bounds_is_noticed(what: str) -> None:
    with pytest.raises(AssertionError):
        check(opened(**SPOILT_SESSIONS[what]), [])


def closed(code: int) -> Closed:
    return Closed(code, "", 0, by_peer=False, session_over=False)


def test_an_end_that_is_not_declared_comes_twice_or_is_not_the_last_is_noticed() -> None:
    ended = receiver(Side.SERVER, "closing")
    for code in sorted(DECLARED):
        check(ended, [closed(code)])
    wrong: list[list[Any]] = [[closed(704)], [closed(210), closed(210)], [closed(210), SimpleNamespace()]]
    for events in wrong:
        with pytest.raises(AssertionError):
            check(receiver(Side.SERVER, "closing"), events)
    with pytest.raises(AssertionError):
        check(opened(), [closed(210)])
    assert ended.state >= ConnectionState.CLOSING


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("data_to_send", lambda now: b"again"),
        ("data_to_send", iter([b"x" * 5000, b""]).__next__),
        ("deadline", 200.0),
    ],
)
def test_one_that_never_falls_silent_says_too_much_or_is_due_for_ever_is_noticed(
    name: str, said: Any
) -> None:
    spoken = (lambda now: said()) if name == "data_to_send" and not _takes_now(said) else said
    with pytest.raises(AssertionError):
        check(Spoilt(receiver(Side.SERVER, "open"), **{name: spoken}), [])  # type: ignore[arg-type]


def _takes_now(said: Any) -> bool:
    return hasattr(said, "__code__")
