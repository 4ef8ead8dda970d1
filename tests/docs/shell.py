"""The shell to which the pages' lines are typed. No line is waited for without end: what hangs says where it does."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.cli.processes import PATIENCE_S

END = b"\x1e"
#: Longest time for one typed line (seconds). The slowest takes three on an idle machine.
STEP_S = 2 * PATIENCE_S
#: For the last words of what hangs.
STACKS_S = 5.0


class Shell:
    """A bash in this folder with jobs of its own. What is started from it shows its stacks on SIGABRT."""

    def __init__(self, folder: Path, env: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            ["bash", "--norc"],
            cwd=folder,
            env={**env, "PYTHONFAULTHANDLER": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self.say("set -m")

    def say(self, command: str, patience_s: float = STEP_S) -> tuple[str, int]:
        """What comes of a line, and its exit code. Raises AssertionError with all that came, and with the stacks of what still
        runs, if the shell ends or has no answer after this time."""
        stdin = self._process.stdin
        assert stdin is not None
        # Not of the command: it would read the next one. A line break behind its last word is the shell's alone.
        stdin.write(f"{{ {command}\n}} </dev/null; printf '%s%d\\n' '{END.decode()}' $?\n".encode())
        stdin.flush()
        came = self._read(time.monotonic() + patience_s)
        text, end, code = came.partition(END)
        if not end:
            ended = self._process.poll() is not None
            why = "the shell ended" if ended else f"no end after {patience_s:g} s:\n{self._stacks()}"
            raise AssertionError(f"{command}: {why}\nWhat came:\n{text.decode(errors='replace')}")
        return text.decode(), int(code.split(b"\n")[0])  # the shell may tell of a job behind it

    def end(self, command: str) -> None:
        """The last line: it ends what the shell has started."""
        try:
            self._process.communicate(f"{command}\n".encode(), timeout=PATIENCE_S)
        finally:
            self._process.kill()
            self._process.wait(PATIENCE_S)

    def _read(self, deadline: float) -> bytes:
        """Until the mark and the exit code behind it have come, the shell has ended, or it is too late."""
        assert self._process.stdout is not None
        pipe, came = self._process.stdout.fileno(), b""
        while not (END in came and came.endswith(b"\n")):
            if not select.select([pipe], [], [], max(deadline - time.monotonic(), 0))[0]:
                break
            if not (data := os.read(pipe, 65536)):
                break
            came += data
        return came

    def _stacks(self) -> str:
        """Who runs below the shell, and what the stacks of Python are there. It ends them."""
        told = ""
        for pid in list(_below(self._process.pid)):
            with contextlib.suppress(OSError):
                words = (
                    Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                )
                os.kill(pid, signal.SIGABRT)
                told += f"{pid}: {words}\n"
        return told + self._read(time.monotonic() + STACKS_S).decode(errors="replace")


def _below(pid: int) -> Iterator[int]:
    with contextlib.suppress(OSError):
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            yield from _below(int(child))
            yield int(child)
