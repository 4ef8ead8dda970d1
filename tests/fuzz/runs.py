"""One seeded run: where bytes come from, what became of them, and what it falls short of."""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from imserver_protocol import (
    Connection,
    ConnectionState,
    EncodeError,
    FrameSplitter,
    Limits,
    MalformedFrame,
    RemoteError,
    Side,
    decode,
    encode_tail,
    frame_bytes,
)
from imserver_protocol.session import connection as protocol_connection
from tests.fuzz import damage
from tests.fuzz.corpus import Grammar, golden
from tests.fuzz.receivers import (
    LIMITS,
    MAX_BUFFERED_BYTES,
    NEXT_SEQ,
    OPEN_REQUESTS,
    OPENINGS,
    STATES,
    check,
    feed,
    receiver,
    told,
)

GOLDEN = golden()
SIDES = (Side.CLIENT, Side.SERVER)
#: What the proof has to have tried, and ways in which a connection has to have ended, or gone on.
LEAST_FRAMES = 1_000_000
OUTCOMES = ("goes on", "202", "210", "211", "212", "213", "214")


class Run:
    """One seeded run: where bytes come from, and what became of them."""

    def __init__(self, seed: int, pool: int) -> None:
        self.rng = rng = random.Random(seed)
        self.seed = seed
        self.grammar = Grammar(rng)
        self.kinds: Counter[str] = Counter()
        self.outcomes: Counter[str] = Counter()
        #: Frames that were looked at: those behind a breach are not.
        self.tried = 0
        self.bodies = [self._valid() for _ in range(pool)]
        self.nearly = [
            self.grammar.nearly_valid(rng.randrange(1, 4), rng.choice((0, 0, 1, 5))) for _ in range(pool)
        ]
        self.pool = [body for body in (*self.bodies, *self.nearly, *(frame[4:] for frame in GOLDEN)) if body]

    def _valid(self) -> bytes:
        """A frame of the grammar, which says the same when it is read (21)."""
        while True:
            frame = self.grammar.frame(self.rng.randrange(1, 4), self.rng.choice((0, 0, 0, 1)))
            try:
                body = frame_bytes(frame[0], frame[1], frame[2], encode_tail(*frame[3:]))[4:]
            except EncodeError:
                continue
            assert decode(body) == frame
            return body

    def body(self) -> bytes:
        rng = self.rng
        kind = rng.random()
        if kind < 0.12:
            self.kinds["random bytes"] += 1
            return rng.randbytes(rng.choice((1, 2, 3, 4, 8, 20, 60, 200)))
        if kind < 0.22:
            self.kinds["valid"] += 1
            return rng.choice(self.bodies)
        if kind < 0.36:
            self.kinds["nearly valid"] += 1
            return rng.choice(self.nearly)
        if kind < 0.41:
            self.kinds["of the vectors"] += 1
            return rng.choice(GOLDEN)[4:]
        self.kinds["damaged"] += 1
        return damage.damaged(rng, rng.choice(self.pool), self.pool)

    def frames(self, count: int) -> bytes:
        return b"".join([damage.framed(self.rng, self.body()) for _ in range(count)])

    # -- framing and codec

    def through_the_codec(self, count: int) -> None:
        end = self.tried + count
        while self.tried < end:
            self._split_and_decode(self.frames(self.rng.choice((1, 3, 10, 40))))

    def _split_and_decode(self, stream: bytes) -> None:
        splitter = FrameSplitter(LIMITS.max_frame_bytes)
        try:
            for chunk in damage.chunks(self.rng, stream):
                bodies = splitter.feed(chunk)
                while splitter.stalled:
                    bodies += splitter.feed(b"")
                assert splitter.buffered_bytes <= MAX_BUFFERED_BYTES
                for body in bodies:
                    self._decode(body)
        except RemoteError as error:
            self.tried += 1
            self.outcomes[f"length {error.code.name}"] += 1

    def _decode(self, body: bytes) -> None:
        self.tried += 1
        try:
            frame = decode(body)
        except MalformedFrame:
            self.outcomes["codec MALFORMED"] += 1
            return
        self.outcomes["codec accepts"] += 1
        if self.rng.random() < 0.1 and len(frame) <= 15 and frame[0] < 128:
            again = frame_bytes(frame[0], frame[1], frame[2], encode_tail(*frame[3:]))[4:]
            assert repr(decode(again)) == repr(frame)

    # -- whole connections

    def through_connections(self, count: int) -> None:
        rng, end = self.rng, self.tried + count
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(protocol_connection, "decode", self._counted)
            while self.tried < end:
                side, state = rng.choice(SIDES), rng.choices(STATES, (1, 2, 8, 2, 1))[0]
                if rng.random() < 0.5:
                    stream = self.frames(rng.choice((1, 2, 4)))
                else:
                    stream = self.talk(side, state, rng.choice((1, 3, 10, 40)))
                if (side, state) in OPENINGS and rng.random() < 0.6:
                    stream = rng.choice(OPENINGS[side, state]) + stream
                self._compare(side, state, stream)

    def _counted(self, body: bytes, limits: Limits) -> tuple[Any, ...]:
        self.tried += 1
        return decode(body, limits)

    def talk(self, side: Side, state: str, count: int) -> bytes:
        """What this receiver may be told, with the right numbers, until one frame is damaged."""
        rng, out, seq = self.rng, [], NEXT_SEQ.get((side, state), 1)
        acked = OPEN_REQUESTS if side is Side.CLIENT and state in ("open", "resumed") else 0
        types = (2, 3, 4, 6, 17, 18, 19, 19) if side is Side.CLIENT else (2, 3, 4, 6, 16, 16, 16)
        requests = list(range(2, OPEN_REQUESTS + 1))
        for number in range(count):
            type_ = rng.choice(types)
            fields = self.grammar.fields(type_)
            if type_ in (17, 18) and requests:
                fields = (requests.pop(rng.randrange(len(requests))), *fields[1:])
            try:
                body = frame_bytes(type_, seq if type_ >= 16 else 0, acked, encode_tail(*fields))
            except EncodeError:
                continue
            seq += type_ >= 16
            if number == count - 1 and rng.random() < 0.3:
                body = damage.framed(rng, damage.damaged(rng, body[4:], self.pool))
            out.append(body)
        self.kinds["in order"] += len(out)
        return b"".join(out)

    def _compare(self, side: Side, state: str, stream: bytes) -> None:
        """All at once, and cut anywhere: the same events, the same words, the same end (22)."""
        rng, tried = self.rng, self.tried
        one, other = receiver(side, state), receiver(side, state)
        self.tried = tried  # what made them ready is no attempt
        events = feed(one, (stream,))
        tried = self.tried
        again = feed(other, damage.chunks(rng, stream))
        self.tried = tried
        assert told(again) == told(events)
        assert one.state is other.state
        words = one.data_to_send(100.0)
        assert other.data_to_send(100.0) == words
        self.outcomes[f"{side.name.lower()} {state}: {check(one, events)}"] += 1
        if rng.random() < 0.2:
            self._end(other)

    def _end(self, connection: Connection) -> None:
        """Whatever state it is in, it can be left: by the socket, by us, by time."""
        way = self.rng.randrange(3)
        if way == 0:
            connection.close(now=101.0)
        elif way == 1:
            connection.on_time(10_000.0)
        connection.receive_eof(101.0)
        assert connection.state is ConnectionState.CLOSED
        assert connection.data_to_send(101.0) == b""


def seed_of_this_run() -> int:
    """FUZZ_SEED repeats a run; CI runs the same one each time."""
    given = os.environ.get("FUZZ_SEED")
    if given:
        return int(given)
    return 20_261_122 if os.environ.get("CI") else random.SystemRandom().randrange(2**32)


def shortcomings(tried: int, outcomes: Iterable[str]) -> Iterator[str]:
    """Why a run does not pass for the proof."""
    if tried < LEAST_FRAMES:
        yield f"{tried:,} frames, not {LEAST_FRAMES:,}"
    reached = {outcome.rsplit(": ", 1)[1] for outcome in outcomes if ": " in outcome}
    yield from (f"never seen: {end}" for end in OUTCOMES if end not in reached)
