"""Result files and tables: what was measured, on which machine, at which commit, with which versions."""

from __future__ import annotations

import json
import os
import platform
import shutil
import sqlite3
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.measure import Row

PACKAGES = ("imserver", "uvloop", "msgpack", "msgspec", "aiosqlite")


def machine() -> dict[str, Any]:
    """What the figures depend on."""
    model = next(
        (
            line.split(":", 1)[1].strip()
            for line in _read("/proc/cpuinfo").splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    return {
        "cpu": model,
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "packages": {name: version(name) for name in PACKAGES},
    }


def save(path: Path, rows: Sequence[Row]) -> None:
    """One JSON file with everything, histograms included."""
    path.parent.mkdir(parents=True, exist_ok=True)
    result = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit(),
        "machine": machine(),
        "rows": [row.to_plain() for row in rows],
    }
    path.write_text(json.dumps(result, indent=1) + "\n")


def commit() -> str:
    """The commit under test, with a mark if the tree differs from it; "" outside a repository."""
    git = shutil.which("git")
    if git is None:
        return ""
    command = [git, "describe", "--always", "--dirty"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def show(console: Console, rows: Sequence[Row]) -> None:
    """The table. The ratio compares p50 of acknowledgement with the relay's at the same rate in the same run."""
    table = Table(title="open loop, latency from the scheduled time, milliseconds")
    for name in ("scenario", "target", "msg/s", "ack p50", "p99", "delivered p50", "p99", "max"):
        table.add_column(name, justify="left" if name in ("scenario", "target") else "right")
    for name in ("x relay", "CPU s/100k", "generator", "steal", "lost", "doubled", "order"):
        table.add_column(name, justify="right")
    for row in rows:
        ack, delivery = (
            row.percentiles_ms(row.report.ack_latency),
            row.percentiles_ms(row.report.delivery_latency),
        )
        report = row.report
        table.add_row(
            row.scenario,
            row.target,
            f"{row.rate:,.0f}",
            *(
                f"{value:.2f}"
                for value in (ack["p50"], ack["p99"], delivery["p50"], delivery["p99"], delivery["p100"])
            ),
            _ratio(row, rows),
            f"{row.server_cpu_s_per_100k:.2f}",
            f"{report.generator_cpu:.0%}" + (" void" if row.void else ""),
            f"{row.steal_share:.1%}",
            *(str(count) for count in (report.lost, report.doubled, report.out_of_order)),
            style="" if report.clean else "red",
        )
    console.print(table)
    for row in rows:
        for error in row.report.errors[:3]:
            console.print(f"{row.scenario} at {row.rate:g}/s: {error}", style="red", markup=False)


def _ratio(row: Row, rows: Sequence[Row]) -> str:
    base = [
        other.percentiles_ms(other.report.ack_latency)["p50"]
        for other in rows
        if other.target == "bare relay" and other.rate == row.rate and not other.void
    ]
    if not base or row.void or row.target == "bare relay":
        return ""
    return f"{row.percentiles_ms(row.report.ack_latency)['p50'] * len(base) / sum(base):.1f}"


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""
