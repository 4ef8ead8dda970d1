"""The machine behind the figures: CPUs and their users, processor time, memory, and time that the host took away."""

from __future__ import annotations

import os
import platform
import resource
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

PACKAGES = ("imserver", "uvloop", "msgpack", "msgspec", "aiosqlite", "websockets")


@dataclass(frozen=True, slots=True)
class Cores:
    """The CPUs of the server and of the generators. Both empty: not pinned, and `why` gives the reason."""

    server: tuple[int, ...]
    generators: tuple[tuple[int, ...], ...]
    why: str = ""

    @property
    def browser(self) -> tuple[int, ...]:
        """Those of a browser. A phone has several, and Chromium slows a page by spinning on one of them, also while the page
        has nothing to do: on the same core the browser's other processes would wait for that. So with one core of generators
        it has the server's, too."""
        generators = tuple(cpu for cpus in self.generators for cpu in cpus)
        return generators if len(generators) > 1 else self.server + generators


@cache
def cores() -> Cores:
    """The server on one core; each generator on one of the others, three at most. As at the first call."""
    if not hasattr(os, "sched_getaffinity"):
        return Cores((), ((),), "this system cannot pin processes")
    mine = sorted(os.sched_getaffinity(0))
    if len(mine) < 2:
        return Cores((), ((),), "one core only: server and generator share it")
    return Cores((mine[0],), tuple((cpu,) for cpu in mine[1:4]))


def pin(pid: int, cpus: tuple[int, ...]) -> None:
    """Keep a process, and the threads that it has so far, on these CPUs; those that it starts later inherit it."""
    if cpus:
        for thread in Path(f"/proc/{pid}/task").iterdir():
            with suppress(ProcessLookupError):
                os.sched_setaffinity(int(thread.name), cpus)


@contextmanager
def started_on(cpus: tuple[int, ...]) -> Iterator[None]:
    """Processes that this thread starts meanwhile have these CPUs, wherever it runs itself."""
    if not cpus:
        yield
        return
    mine = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cpus)
    try:
        yield
    finally:
        os.sched_setaffinity(0, mine)


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far, to the nanosecond, from the kernel's own accounting."""
    return time.clock_gettime((~pid << 3) | 2)


def rss_bytes(pid: int) -> int:
    """Resident memory of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Ticks:
    """Time of all CPUs so far, and how much of it the host took away."""

    stolen: int
    total: int

    @classmethod
    def now(cls) -> Ticks:
        """The kernel's present counts."""
        fields = [int(field) for field in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]]
        return cls(fields[7], sum(fields[:8]))

    def share_since(self, before: Ticks) -> float:
        """Share of the time that was stolen."""
        return (self.stolen - before.stolen) / max(1, self.total - before.total)


def allow_many_files() -> int:
    """Allow as many open files as the system permits; returns how many."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        return hard
    return soft


def describe(pinned: Cores) -> dict[str, Any]:
    """For the result file."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "")
    return {
        "cpu": model or platform.machine(),
        "cores": os.cpu_count(),
        "server_cpus": list(pinned.server),
        "generator_cpus": [list(cpus) for cpus in pinned.generators],
        "pinning": pinned.why or "server and generators on cores of their own",
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "packages": {name: version(name) for name in PACKAGES},
        "load_average": [round(value, 2) for value in os.getloadavg()],
    }
