"""Server processes under test: started with a temporary configuration on a free port, measured, and ended by their own id."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import jwt

#: A server that is not ready by then has failed (seconds).
START_TIMEOUT_S = 20.0
STOP_TIMEOUT_S = 25.0
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(slots=True)
class Target:
    """A running server: where it listens and how its CPU time is read."""

    name: str
    host: str
    port: int
    pid: int
    secret: str

    def cpu_seconds(self) -> float:
        """User and system time of the process so far, from its own accounting."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def token(self, user_id: str) -> str:
        """A token that the server accepts (any text, for the relay)."""
        claims = {"sub": user_id, "exp": int(time.time()) + 3600, "device": f"bench-{user_id}"}
        return jwt.encode(claims, self.secret, algorithm="HS256")


@contextmanager
def imserver() -> Iterator[Target]:
    """A real `imserver serve` on a fresh database: durable before every reply (synchronous=FULL)."""
    secret = os.urandom(32).hex()
    with tempfile.TemporaryDirectory(prefix="imserver-bench-") as folder:
        config = Path(folder) / "imserver.toml"
        config.write_text(
            "\n".join(
                (
                    "[server]\nport = 0",
                    '[store]\npath = "bench.db"',
                    f'[auth]\nsecret = "{secret}"\ncreate_users = true',
                    # The load is the measurement: one user may post as fast as it asks for.
                    "[limits]\nposts_per_second = 1000000.0\nposts_burst = 1000000",
                    '[log]\nlevel = "warning"',
                )
            )
        )
        ready = Path(folder) / "ready"
        command = [
            sys.executable,
            "-m",
            "imserver.cli",
            "--config",
            str(config),
            "serve",
            "--ready-file",
            str(ready),
        ]
        with _process(command, stdin=subprocess.DEVNULL) as process:
            until = time.monotonic() + START_TIMEOUT_S
            while not ready.exists():
                if process.poll() is not None or time.monotonic() > until:
                    raise RuntimeError("imserver did not start")
                time.sleep(0.02)
            port = int(ready.read_text().split()[0])
            yield Target("imserver", "127.0.0.1", port, process.pid, secret)


@contextmanager
def relay() -> Iterator[Target]:
    """The bare relay: same frames, nothing behind them."""
    command = [sys.executable, "-m", "benchmarks.relay", "0"]
    with _process(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        yield Target("bare relay", "127.0.0.1", port, process.pid, os.urandom(32).hex())


@contextmanager
def _process(
    command: list[str], *, stdin: int, stdout: int | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(command, stdin=stdin, stdout=stdout)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdin:
            process.stdin.close()
        if process.stdout:
            process.stdout.close()
