"""The targets, in one place: each bound, and the place of its figure in a result."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from benchmarks.results import Row


class Better(Enum):
    """The good direction of a figure."""

    MORE = 1
    LESS = -1


@dataclass(frozen=True, slots=True)
class Target:
    """`case` is the beginning of the row's case, so that sizes may follow."""

    title: str
    scenario: str
    case: str
    figure: str
    better: Better
    first: float
    aim: float
    unit: str


TARGETS = (
    Target("messages/s, window 64", "throughput", "window 64", "per_s", Better.MORE, 80_000, 150_000, "/s"),
    Target(
        "messages/s, window 1, 50 pairs", "throughput", "window 1", "per_s", Better.MORE, 14_000, 25_000, "/s"
    ),
    Target(
        "server CPU for 100k, window 64",
        "throughput",
        "window 64",
        "cpu_s_per_100k",
        Better.LESS,
        1.2,
        0.65,
        "s",
    ),
    Target("latency at 1,000/s, p50", "latency", "1,000/s", "ack_p50_ms", Better.LESS, 0.7, 0.5, "ms"),
    Target("latency at 1,000/s, p99", "latency", "1,000/s", "ack_p99_ms", Better.LESS, 4, 1.5, "ms"),
    Target("latency at 20,000/s, p50", "latency", "20,000/s", "ack_p50_ms", Better.LESS, 3, 1.3, "ms"),
    Target("latency at 20,000/s, p99", "latency", "20,000/s", "ack_p99_ms", Better.LESS, 15, 8, "ms"),
    Target("idle connection with its session", "idle", "* idle connections", "kib", Better.LESS, 6, 3, "KiB"),
    Target(
        "one WebSocket's posts beside TCP's",
        "door",
        "WebSocket, window 64",
        "rate_ratio",
        Better.MORE,
        0.6,
        0.9,
        "x",
    ),
    Target("idle WebSocket", "door", "* idle WebSockets", "kib", Better.LESS, 24, 16, "KiB"),
    Target("backlog of 100,000 by 100 clients", "backlog", "", "per_s", Better.MORE, 100_000, 300_000, "/s"),
    Target(
        "group of 1,000: until the last has it",
        "fanout",
        "* 1 in flight",
        "last_p50_ms",
        Better.LESS,
        20,
        12,
        "ms",
    ),
    Target(
        "the same, 16 in flight",
        "fanout",
        "* 16 in flight",
        "deliveries_per_s",
        Better.MORE,
        150_000,
        400_000,
        "/s",
    ),
    Target("5,000 clients reconnect and resume", "reconnect", "", "seconds", Better.LESS, 3, 1, "s"),
    Target(
        "CPU of a post, many stored", "growth", "posts, * stored", "cpu_ratio", Better.LESS, 1.15, 1.05, "x"
    ),
    Target(
        "other user's p99 beside a flood",
        "fairness",
        "quiet user beside",
        "p99_ratio",
        Better.LESS,
        10,
        5,
        "x",
    ),
    Target(
        "worst stall beside a flood", "fairness", "quiet user beside", "stall_ms", Better.LESS, 100, 50, "ms"
    ),
    Target(
        "employee of 100,000 swapped: longest act",
        "team",
        "an employee swapped",
        "act_max_ms",
        Better.LESS,
        20,
        5,
        "ms",
    ),
    Target(
        "list of 100,000 accounts: memory",
        "accounts",
        "many",
        "memory_ratio",
        Better.LESS,
        1.1,
        1.02,
        "x",
    ),
    Target(
        "customer's wait beside a flood of the bot",
        "turns",
        "a customer beside",
        "wait_ratio",
        Better.LESS,
        10,
        5,
        "x",
    ),
    Target(
        "others' p95 beside edits among 5,000",
        "edits",
        "others beside edits in a group",
        "p95_ratio",
        Better.LESS,
        3,
        1.5,
        "x",
    ),
    Target("bookings/s, 50 at once", "booking", "50 customers", "per_s", Better.MORE, 250, 600, "/s"),
    Target(
        "booking, 50 at once, p99", "booking", "50 customers", "booked_p99_ms", Better.LESS, 400, 200, "ms"
    ),
    Target("booking, one alone, p50", "booking", "1 customers", "booked_p50_ms", Better.LESS, 6, 4, "ms"),
    Target("page before the first tap", "page", "cold visits", "kib", Better.LESS, 120, 80, "KiB"),
    Target("its requests", "page", "cold visits", "requests", Better.LESS, 12, 10, ""),
    Target("of use on a slow phone", "page", "cold visits", "usable_ms", Better.LESS, 2_500, 1_500, "ms"),
    Target(
        "tap to booked beside 10 bookings/s, p95",
        "page",
        "taps beside others",
        "tap_p95_ms",
        Better.LESS,
        250,
        150,
        "ms",
    ),
    Target("200 taps in a second, p95", "page", "taps at once", "tap_p95_ms", Better.LESS, 1_500, 750, "ms"),
    Target("staff's first screen", "staff", "first screens", "usable_ms", Better.LESS, 2_500, 1_500, "ms"),
    Target(
        "a text until staff see it, p95",
        "staff",
        "messages shown",
        "shown_p95_ms",
        Better.LESS,
        300,
        150,
        "ms",
    ),
    Target("reading a text", "reading", "* texts of customers", "mean_us", Better.LESS, 1_000, 700, "µs"),
    Target(
        "reading twice the text", "reading", "* texts of customers", "twice_ratio", Better.LESS, 2.5, 2.1, "x"
    ),
    Target(
        "reading twice the text, one word again and again",
        "reading",
        "worst texts",
        "twice_ratio",
        Better.LESS,
        2.5,
        2.2,
        "x",
    ),
    Target("import of the booking plugin", "reading", "memory", "import_mib", Better.LESS, 20, 5, "MiB"),
)


@dataclass(frozen=True, slots=True)
class Reached:
    """A target and its value in a result; `value` is None if it was not measured, or the row is void or unclean."""

    target: Target
    value: float | None
    why: str = ""

    def meets(self, bound: float) -> bool:
        """True if the value is as good as the bound, or better."""
        if self.value is None:
            return False
        return self.value >= bound if self.target.better is Better.MORE else self.value <= bound

    @property
    def verdict(self) -> str:
        """The verdict in a word."""
        if self.value is None:
            return self.why or "not measured"
        if self.meets(self.target.aim):
            return "the aim"
        return "first" if self.meets(self.target.first) else "not yet"


def reached(rows: Sequence[Row]) -> Iterator[Reached]:
    """Every target, with its value in these rows."""
    for target in TARGETS:
        found = [row for row in rows if row.target == "imserver" and _is(row, target)]
        if not found:
            yield Reached(target, None)
        elif not found[0].clean:
            yield Reached(target, None, "failed")
        elif found[0].void:
            yield Reached(target, None, "void")
        elif found[0].saturated:
            yield Reached(target, None, "not reached")
        else:
            yield Reached(target, _value(found[0], target.figure))


def _is(row: Row, target: Target) -> bool:
    if row.scenario != target.scenario:
        return False
    begin, star, inside = target.case.partition("*")
    # "posts, * stored" and "* 1 in flight": the star stands for a size.
    if not star:
        return (
            row.case == begin if target.scenario in ("latency", "throughput") else row.case.startswith(begin)
        )
    return row.case.startswith(begin) and inside.strip() in row.case.split(", ", 1 if begin else 0)[-1]


def _value(row: Row, figure: str) -> float | None:
    return row.stall_ms if figure == "stall_ms" else row.figures.get(figure)
