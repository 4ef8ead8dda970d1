"""Result files: rows of measurements with their machine, commit and versions, written and read."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from benchmarks import machine
from benchmarks.histograms import percentile_ms
from benchmarks.measure import Bench, Figures

#: Version of the file's form; other versions cannot be read.
FORMAT = 2
NOISE = "bare relay"
OURS = ("imserver", "imserver, TLS")


class Counts(msgspec.Struct):
    """Beside every figure: the fate of each message, warm-up included."""

    sent: int = 0
    acknowledged: int = 0
    delivered: int = 0
    lost: int = 0
    doubled: int = 0
    out_of_order: int = 0


class Row(msgspec.Struct):
    """One measurement. `figures` are named with their units; `case` tells rows of one scenario and target apart."""

    scenario: str
    target: str
    case: str
    figures: dict[str, float] = {}
    #: None where no messages are counted.
    counts: Counts | None = None
    #: Share of its core that the generator used; None where that says nothing.
    generator_cpu: float | None = None
    #: "C" or "Python": which hot loop made the load.
    loop: str = ""
    #: The generator was the limit: the row gives no ratio.
    void: bool = False
    #: The rate was not reached: latencies are those of a queue, and end where the load did.
    saturated: bool = False
    #: Share of the machine's time that its host took away.
    steal: float = 0.0
    #: The longest that the server did not answer the probe, in ms; None: not asked.
    stall_ms: float | None = None
    #: Encoded HDR histograms, µs, by name.
    histograms: dict[str, str] = {}
    errors: list[str] = []
    #: The reason for missing figures, or a caveat.
    note: str = ""

    @property
    def clean(self) -> bool:
        """True if nothing was lost, doubled, out of order or refused."""
        counts = self.counts
        bad = counts is not None and (counts.lost or counts.doubled or counts.out_of_order)
        return not bad and not self.errors

    @property
    def usable(self) -> bool:
        """True if ratios may be formed with it."""
        return self.clean and not self.void and not self.saturated and bool(self.figures)


class Result(msgspec.Struct):
    """A file."""

    format: int
    at: str
    commit: str
    machine: dict[str, Any]
    options: dict[str, Any]
    rows: list[Row]


def message_row(scenario: str, target: str, case: str, figures: Figures, **more: float) -> Row:
    """A load of messages as a row."""
    outcome = figures.outcome
    values = {
        "per_s": figures.per_second,
        "cpu_s_per_100k": figures.cpu_s_per_100k,
        "server_cpu": figures.server_cpu_s / (figures.wall_s or 1.0),
    }
    for name, histogram in (("ack", outcome.ack_us), ("delivery", outcome.delivery_us)):
        for percentile in (50.0, 99.0, 99.9, 100.0):
            values[f"{name}_p{percentile:g}_ms"] = percentile_ms(histogram, percentile)
    values["late_ms"] = outcome.late_ms
    values["unsent"] = float(outcome.unsent)
    values |= more
    if not outcome.measured_acked:
        del values["cpu_s_per_100k"]
    return Row(
        scenario,
        target,
        case,
        values,
        counts_of(figures),
        generator_cpu=figures.generator_cpu,
        loop=outcome.loop,
        void=figures.void,
        saturated=outcome.unsent > 0,
        note=f"rate not reached: {outcome.unsent:,} never sent" if outcome.unsent else "",
        steal=figures.steal,
        stall_ms=figures.stall_ms if figures.stall_us else None,
        histograms={
            name: histogram
            for name, histogram in (
                ("ack", outcome.ack_us),
                ("delivery", outcome.delivery_us),
                ("all", outcome.all_us),
                ("stall", figures.stall_us),
            )
            if histogram
        },
        errors=list(outcome.errors),
    )


def counts_of(figures: Figures) -> Counts:
    """The fate of every message."""
    seen = figures.outcome
    return Counts(seen.sent, seen.acked, seen.delivered, seen.lost, seen.doubled, seen.out_of_order)


def result_of(bench: Bench, rows: Sequence[Row], **options: Any) -> Result:
    """The rows with all that they depend on."""
    return Result(
        FORMAT,
        datetime.now(UTC).isoformat(timespec="seconds"),
        commit(),
        machine.describe(bench.pinned),
        {
            "seconds": bench.seconds,
            "warm_up_s": bench.warm_up_s,
            "scale": bench.scale,
            "pairs": bench.pairs,
            **options,
        },
        list(rows),
    )


def save(path: Path, result: Result) -> None:
    """One JSON file with everything, histograms included."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(result), indent=1) + b"\n")


def read(path: Path) -> Result:
    """A kept file. Raises ValueError if it is none."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Result)
    except msgspec.DecodeError as error:
        raise ValueError(f"{path}: not a result file of this version ({error})") from None


def commit() -> str:
    """The commit under test, with a mark if the tree differs from it; "" outside a repository."""
    git = shutil.which("git")
    if git is None:
        return ""
    command = [git, "describe", "--always", "--dirty"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parent)
    return done.stdout.strip()
