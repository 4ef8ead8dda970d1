"""Sums of many runs: the faults, how often each struck, and the results."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from imserver_protocol.session.states import (
    CONNECTION_TRANSITIONS,
    SESSION_TRANSITIONS,
    ConnectionInput,
    ConnectionState,
    SessionInput,
    SessionState,
)

from .copies import COPIES
from .disk import AFTER, BEFORE, BUSY, FULL, INSIDE, STUCK, UNKNOWN_LOST, UNKNOWN_STORED
from .machine import DRAIN, KILL
from .office import COMINGS_AND_GOINGS
from .world import Outcome

#: Every kind of fault that a run may meet, as it is counted.
FAULTS = (
    "cut", "half-open", "stall", "slow line", "bytes split", "refused", "connecting hangs",
    KILL, BEFORE, INSIDE, AFTER, UNKNOWN_STORED, UNKNOWN_LOST, DRAIN, BUSY, FULL, STUCK,
    "client kill", "client leaves", "slow reader", "clock jump", "lying peer",
)  # fmt: skip
#: The least that a thorough run must reach.
ENOUGH_FRAMES, ENOUGH_FAULTS = 1_000_000, 500
#: The same of older copies that are put back, and of what happens to people, of each kind: there are few such runs, for in the
#: others more can be demanded.
ENOUGH_COPIES = 30
#: With fewer seeds some rows of the tables may stay unused.
SEEDS_FOR_ALL_ROWS = 200
RESUME_REFUSALS = ("unknown session", "expired", "ack out of range")


@dataclass(slots=True)
class Failure:
    """A seed that found something."""

    seed: int
    findings: list[str]
    #: The last events, as lines.
    last: list[str]


@dataclass(slots=True)
class Totals:
    """Sums of all runs so far. Two can be added."""

    seeds: int = 0
    virtual_s: float = 0.0
    cpu_s: float = 0.0
    counts: Counter[str] = field(default_factory=Counter)
    most: Counter[str] = field(default_factory=Counter)
    rows: Counter[tuple[type, int, int]] = field(default_factory=Counter)
    failures: list[Failure] = field(default_factory=list)

    def add(self, outcome: Outcome, cpu_s: float) -> None:
        """Add one run."""
        self.seeds += 1
        self.virtual_s += outcome.virtual_s
        self.cpu_s += cpu_s
        self.counts.update(outcome.journal.counts)
        self.rows.update(outcome.journal.rows)
        self.most |= outcome.journal.most
        if outcome.findings:
            self.failures.append(Failure(outcome.seed, outcome.findings, outcome.journal.lines()))

    def merge(self, other: Totals) -> None:
        """Add the sums of another process."""
        self.seeds += other.seeds
        self.virtual_s += other.virtual_s
        self.cpu_s += other.cpu_s
        self.counts.update(other.counts)
        self.rows.update(other.rows)
        self.most |= other.most
        self.failures += other.failures

    @property
    def payload_frames(self) -> int:
        """Payload frames that either side took over."""
        return self.rows[ConnectionState, ConnectionState.OPEN, ConnectionInput.PAYLOAD]

    @property
    def rows_not_visited(self) -> list[str]:
        """Unused rows of both transition tables."""
        return [
            f"{type(state).__name__}.{state.name} {given.name}"
            for state, given in (*CONNECTION_TRANSITIONS, *SESSION_TRANSITIONS)
            if not self.rows[type(state), state, given]
        ]

    def shortcomings(self, *, thorough: bool) -> Iterator[str]:
        """Faults and rows that this many seeds should have reached and have not."""
        if self.seeds >= SEEDS_FOR_ALL_ROWS:
            yield from (f"never visited: {row}" for row in self.rows_not_visited)
        if thorough:
            if self.payload_frames < ENOUGH_FRAMES:
                yield f"{self.payload_frames:,} payload frames are less than {ENOUGH_FRAMES:,}"
            for kind in FAULTS:
                if self.counts[kind] < ENOUGH_FAULTS:
                    yield f"only {self.counts[kind]} of {kind!r}, not {ENOUGH_FAULTS}"
            for kind in (*COPIES, *COMINGS_AND_GOINGS):
                if self.counts[kind] < ENOUGH_COPIES:
                    yield f"only {self.counts[kind]} of {kind!r}, not {ENOUGH_COPIES}"

    def lines(self) -> Iterator[tuple[str, str]]:
        """The report: labels and figures."""
        counts, rows = self.counts, self.rows
        visited = len(CONNECTION_TRANSITIONS) + len(SESSION_TRANSITIONS) - len(self.rows_not_visited)
        ended = rows[SessionState, SessionState.DETACHED, SessionInput.END]
        kills = sum(counts[kind] for kind in (KILL, BEFORE, INSIDE, AFTER))
        yield "seeds", f"{self.seeds:,}"
        yield "virtual time", f"{self.virtual_s / 3600:.1f} hours"
        yield "payload frames", f"{self.payload_frames:,}"
        yield "messages stored", f"{counts['messages']:,}"
        yield (
            "posts answered",
            f"{counts['posts stored']:,} stored, {counts['posts refused']:,} refused, {counts['posts given up']:,} given up",
        )
        yield "faults", ", ".join(f"{kind} {counts[kind]:,}" for kind in FAULTS)
        yield "older copies put back", ", ".join(f"{kind} {counts[kind]:,}" for kind in COPIES)
        yield "people who come and go", ", ".join(f"{kind} {counts[kind]:,}" for kind in COMINGS_AND_GOINGS)
        told = f"{counts['clients told']:,} told, {counts['clients with nothing to be told']:,} with nothing to be told"
        yield "clients behind them", f"{told}, {counts['silent differences']:,} silent differences"
        yield "own messages told to be gone", f"{counts['own messages told to be gone']:,}"
        yield "server kills, client kills", f"{kills:,}, {counts['client kill']:,}"
        yield "sessions, fresh and resumed", f"{counts['sessions, fresh']:,}, {counts['sessions, resumed']:,}"
        refused = ", ".join(f"{reason} {counts[f'resume refused: {reason}']:,}" for reason in RESUME_REFUSALS)
        yield "resumes refused", refused
        yield "sessions told that they lag", f"{counts['lagging told']:,}"
        yield "sessions ended while detached", f"{ended:,}"
        yield "largest batch", f"{self.most['batch']:,} units in one commit"
        yield (
            "appointments",
            f"{counts['appointments']:,}, of which {counts['appointments confirmed']:,} confirmed at the end",
        )
        yield (
            "rows of the transition tables",
            f"{visited} of {len(CONNECTION_TRANSITIONS) + len(SESSION_TRANSITIONS)} visited",
        )
        a_seed, a_frame = self.cpu_s / max(self.seeds, 1), 1e6 * self.cpu_s / max(self.payload_frames, 1)
        yield "processor time", f"{self.cpu_s:.0f} s: {a_seed:.3f} s a seed, {a_frame:.0f} µs a payload frame"
        yield "seeds with findings", f"{len(self.failures):,}"

    def as_json(self) -> dict[str, Any]:
        """The report for a file."""
        return {
            "seeds": self.seeds,
            "virtual_hours": round(self.virtual_s / 3600, 3),
            "cpu_s": round(self.cpu_s, 1),
            "payload_frames": self.payload_frames,
            "counts": dict(sorted(self.counts.items())),
            "largest": dict(sorted(self.most.items())),
            "rows_not_visited": self.rows_not_visited,
            "failures": [{"seed": one.seed, "findings": one.findings} for one in self.failures],
        }
