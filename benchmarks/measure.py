"""One measurement: a load against a target, with the server's CPU time, the generator's share and the machine's steal time."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from hdrh.histogram import HdrHistogram

from benchmarks.load import Load, Report, to_plain
from benchmarks.processes import Target

#: A generator that used more of its core than this was the limit itself: the row is void and gives no ratio.
MAX_GENERATOR_CPU = 0.8
PERCENTILES = (50.0, 90.0, 99.0, 99.9, 100.0)


@dataclass(slots=True)
class Row:
    """A line of the table and of the result file."""

    scenario: str
    target: str
    rate: float
    report: Report
    server_cpu_s_per_100k: float
    steal_share: float

    @property
    def void(self) -> bool:
        """True if the generator was the limit."""
        return self.report.generator_cpu > MAX_GENERATOR_CPU

    def percentiles_ms(self, encoded: str) -> dict[str, float]:
        """Latency by percentile, in milliseconds."""
        histogram = HdrHistogram.decode(encoded)
        return {f"p{p:g}": histogram.get_value_at_percentile(p) / 1000 for p in PERCENTILES}

    def to_plain(self) -> dict[str, Any]:
        """For the result file."""
        return {
            "scenario": self.scenario,
            "target": self.target,
            "rate_per_s": self.rate,
            "void": self.void,
            "server_cpu_s_per_100k": round(self.server_cpu_s_per_100k, 3),
            "steal_share": round(self.steal_share, 4),
            "ack_ms": self.percentiles_ms(self.report.ack_latency),
            "delivery_ms": self.percentiles_ms(self.report.delivery_latency),
            **to_plain(self.report),
        }


def measure(
    scenario: str, target: Target, *, pairs: int, rate: float, warm_up_s: float, measure_s: float
) -> Row:
    """Run the generator as its own process against the target. Raises RuntimeError if the generator failed."""
    users = [(f"a{number}", f"b{number}") for number in range(pairs)]
    load = Load(
        host=target.host,
        port=target.port,
        pairs=users,
        tokens={user: target.token(user) for pair in users for user in pair},
        rate=rate,
        warm_up_s=warm_up_s,
        measure_s=measure_s,
    )
    generator = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.generator"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert generator.stdin is not None
    assert generator.stdout is not None
    assert generator.stderr is not None
    generator.stdin.write(msgspec.json.encode(load))
    generator.stdin.close()
    cpu, steal = [0.0, 0.0], [(0, 1), (0, 1)]
    complaints = []
    for line in generator.stderr:
        word = line.decode().strip()
        if word in ("begin", "end"):
            cpu[word == "end"], steal[word == "end"] = target.cpu_seconds(), _steal_ticks()
        elif word != "ready":
            complaints.append(word)
    output = generator.stdout.read()
    if generator.wait() != 0:
        raise RuntimeError("the generator failed:\n" + "\n".join(complaints))
    report = msgspec.json.decode(output, type=Report)
    stolen, total = (after - before for before, after in zip(*steal, strict=True))
    return Row(
        scenario,
        target.name,
        rate,
        report,
        (cpu[1] - cpu[0]) / max(1, report.sent) * 100_000,
        stolen / max(1, total),
    )


def _steal_ticks() -> tuple[int, int]:
    fields = [int(field) for field in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]]
    return fields[7], sum(fields)
