"""Child processes: each gets a plan in JSON, says `ready` when connected, waits for its times, answers in JSON."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self, TypeVar

import msgspec

T = TypeVar("T")


class Child:
    """A generator, a probe, or another client process: `python -m MODULE`, or a `command` that does as such a module does."""

    def __init__(self, module: str, plan: Any, *, command: Sequence[str] = ()) -> None:
        self._module = module
        self._command = list(command) or [sys.executable, "-m", module]
        self._plan = plan

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=Path(__file__).parent.parent,
        )
        self._say(msgspec.json.encode(self._plan))
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            assert stream is not None
            stream.close()

    def ready(self) -> None:
        """Waits until it is connected. Raises RuntimeError if it fails."""
        if self._line() != b"ready\n":
            self._failed()

    def go(self, *times_ns: int) -> None:
        """Send the times, in nanoseconds of the monotonic clock."""
        self._say(" ".join(map(str, times_ns)).encode())

    def result(self, kind: type[T]) -> T:
        """Its result. Raises RuntimeError if it fails."""
        line = self._line()
        if not line:
            self._failed()
        return msgspec.json.decode(line, type=kind)

    def _line(self) -> bytes:
        assert self._process.stdout is not None
        return self._process.stdout.readline()

    def _say(self, line: bytes) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line + b"\n")
        self._process.stdin.flush()

    def _failed(self) -> None:
        assert self._process.stderr is not None
        raise RuntimeError(f"{self._module} failed:\n{self._process.stderr.read().decode()}")
