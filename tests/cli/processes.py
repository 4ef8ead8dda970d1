"""The command as a process of its own, as a user starts it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.cli import warm

IMSERVER = [sys.executable, "-m", "imserver.cli"]
#: A machine that runs many tests at once is slow; on an idle one no wait is so long.
PATIENCE_S = 40


def environment(**more: str) -> dict[str, str]:
    """Ours, without what would configure a server; on it everybody may write to everybody."""
    ours = ("IMSERVER_", "INVOCATION_ID")  # nor are they a unit of systemd, though the tests may be
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    base = {"IMSERVER_SERVER__PORT": "0", "IMSERVER_LIMITS__STRANGERS": "open"}
    return {**kept, **base, "PROMPT_TOOLKIT_NO_CPR": "1", "TERM": "xterm", **more}


def imserver(folder: Path, *arguments: str, stdin: str = "", **env: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end in this folder."""
    variables = environment(**env)
    if warm.suits(stdin, variables):
        return warm.run(folder, list(arguments), stdin, variables, PATIENCE_S)
    return subprocess.run(
        [*IMSERVER, *arguments],
        cwd=folder,
        input=stdin,
        env=variables,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=PATIENCE_S,
        check=False,
    )


class Serving:
    """A server process that listens."""

    def __init__(self, process: warm.Serving, port: int) -> None:
        self.process = process
        self.port = port

    @property
    def url(self) -> str:
        return f"imserver://127.0.0.1:{self.port}"

    def stop(self, number: signal.Signals = signal.SIGTERM) -> tuple[int, str]:
        """Signal it; exit code and log."""
        self.process.send_signal(number)
        _, log = self.process.communicate(timeout=PATIENCE_S)
        assert self.process.returncode is not None
        return self.process.returncode, log.decode()


@contextlib.contextmanager
def serving(folder: Path, *arguments: str, **env: str) -> Iterator[Serving]:
    """`imserver serve` in this folder; waits for its ready line on a pipe."""
    reading, writing = os.pipe()
    command = [*arguments, "serve", "--ready-fd", str(writing), "--ready-file", "ready"]
    with warm.Serving(folder, command, environment(**env), [writing]) as process:
        os.close(writing)
        try:
            try:
                with os.fdopen(reading) as ready:
                    line = ready.readline()
            except BaseException as hung:
                process.kill()
                hung.add_note(f"The server's log:\n{process.communicate(timeout=PATIENCE_S)[1].decode()}")
                raise
            assert line, process.communicate()[1].decode()
            port, pid = line.split()
            assert int(pid) == process.pid
            yield Serving(process, int(port))
        finally:
            process.kill()
