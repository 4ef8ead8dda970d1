"""Random and mutated frames through framing, codec and `Connection`: a frame, or the one declared error (21, 22), and never an
exception, a hang, or growth."""

from __future__ import annotations

import gc
import os
import random
import sys
import time
from pathlib import Path

import pytest

from imserver_protocol import (
    FrameType,
    Side,
)
from tests.fuzz.runs import GOLDEN, SIDES, Run, seed_of_this_run, shortcomings

from .corpus import Grammar
from .receivers import (
    feed,
    receiver,
    told,
)

MAX_GROWTH_BYTES = 24 * 1024 * 1024
#: Functions that may run for a stream of n bytes: so many, and so many for each byte.
CALLS_AT_LEAST, CALLS_FOR_EACH_BYTE = 400, 12


def resident_bytes() -> int:
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def play(seed: int, codec: int, connections: int, pool: int) -> Run:
    """Warm up, measure, run, measure; prints what happened."""
    print(f"\nfuzz: seed {seed}")
    run = Run(seed, pool)
    run.through_the_codec(codec // 50)
    run.through_connections(connections // 50)
    run.tried = 0
    run.kinds.clear()
    run.outcomes.clear()
    before, began = resident_bytes(), time.monotonic()
    run.through_the_codec(codec)
    run.through_connections(connections)
    growth, took = resident_bytes() - before, time.monotonic() - began
    print(f"fuzz: frames {run.tried:,} in {took:.1f} s; memory {growth / 2**20:+.1f} MiB")
    print("fuzz: " + ", ".join(f"{kind} {count:,}" for kind, count in run.kinds.most_common()))
    for outcome, count in sorted(run.outcomes.items()):
        print(f"fuzz:   {outcome:34} {count:>9,}")
    assert growth < MAX_GROWTH_BYTES
    return run


@pytest.mark.prove
@pytest.mark.timeout(400)
def test_a_million_frames() -> None:
    run = play(seed_of_this_run(), codec=960_000, connections=40_000, pool=4000)
    assert list(shortcomings(run.tried, run.outcomes)) == []


@pytest.mark.parametrize("seed", [1])
def test_some_thousand_frames(seed: int) -> None:
    """The same in small, so that it cannot rot."""
    run = play(seed, codec=14_000, connections=1_000, pool=300)
    assert run.tried >= 15_000
    assert set(run.kinds) >= {
        "random bytes",
        "valid",
        "nearly valid",
        "of the vectors",
        "damaged",
        "in order",
    }


def test_every_type_is_made() -> None:
    grammar = Grammar(random.Random(3))
    assert {grammar.frame()[0] for _ in range(500)} == {int(type_) for type_ in FrameType}


def calls_for(side: Side, stream: bytes) -> int:
    """How many functions run, of ours and of C: the same number on every machine, unlike time."""
    calls = 0

    def count(frame: object, event: str, function: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    connection = receiver(side, "open")
    before = sys.getprofile()
    sys.setprofile(count)
    try:
        connection.receive_data(stream, 100.0)
        connection.events()
    finally:
        sys.setprofile(before)
    return calls


@pytest.mark.parametrize("side", SIDES)
def test_the_work_is_in_line_with_the_bytes(side: Side) -> None:
    """Whatever they say, and however many frames they are."""
    run = Run(7, 200)
    for _ in range(100):
        stream = run.frames(run.rng.choice((1, 5, 30)))
        assert calls_for(side, stream) <= CALLS_AT_LEAST + CALLS_FOR_EACH_BYTE * len(stream)
        stream = run.talk(side, "open", run.rng.choice((1, 10, 100)))
        assert calls_for(side, stream) <= CALLS_AT_LEAST + CALLS_FOR_EACH_BYTE * len(stream)


def test_golden_frames_at_every_cut() -> None:
    """Each golden frame alone, to both roles, in two pieces."""
    for frame in GOLDEN:
        if len(frame) > 120:
            continue
        for side in SIDES:
            events = told(feed(receiver(side, "open"), (frame,)))
            for at in range(1, len(frame), 25):
                assert told(feed(receiver(side, "open"), (frame[:at], frame[at:]))) == events
