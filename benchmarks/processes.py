"""Server processes under test: started in a temporary folder on a free port, pinned, and ended by their own id."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import jwt

from benchmarks import machine

#: A server that is not ready by then has failed (seconds).
START_TIMEOUT_S = 60.0
#: What holds for every load: who knows an id may write there, and clients may come in crowds. 5,000 that come back without
#: jitter are all unauthenticated at the same time.
_CROWDS = {"strangers": '"open"', "connects_per_minute": "1000000", "max_unauthenticated": "20000"}
#: The load is the measurement: one user may post as fast as it asks for.
_ANY_RATE = {
    "posts_per_second": "10000000.0",
    "posts_burst": "10000000",
    "bytes_per_day": "1000000000000",
    "bytes_in_all": "10000000000000",
}
STOP_TIMEOUT_S = 25.0
HOST = "127.0.0.1"


@dataclass(slots=True)
class Target:
    """A running server: its address, the secret of its tokens, and its use of the machine."""

    name: str
    codec: str
    port: int
    process: subprocess.Popen[bytes]
    folder: Path
    secret: str = ""
    tls_ca: str = ""
    host: str = HOST
    #: Earlier loads on this server: a new load must not reuse their places.
    loads: int = 0
    #: Rooms of the name of a place, by lane and load.
    place: Callable[[int, int], str] = field(default=lambda lane, load: f"bench.{load}-{lane}")

    @property
    def pid(self) -> int:
        """Of the server itself."""
        return self.process.pid

    def cpu_seconds(self) -> float:
        """Processor time so far. Raises RuntimeError if the server has ended."""
        if self.process.poll() is not None:
            raise RuntimeError(f"{self.name} ended by itself (exit code {self.process.returncode})")
        return machine.cpu_seconds(self.pid)

    def token(self, user_id: str) -> str:
        """A user's token; "" where the server needs none."""
        if not self.secret:
            return ""
        claims = {"sub": user_id, "exp": int(time.time()) + 36_000, "device": f"bench-{user_id}"}
        return jwt.encode(claims, self.secret, algorithm="HS256")


@contextmanager
def imserver(
    *,
    tls: bool = False,
    plugins: str = "",
    database: Path | None = None,
    more: str = "",
    usual_rates: bool = False,
    command: Sequence[str] = (sys.executable, "-m", "imserver.cli"),
) -> Iterator[Target]:
    """A real `imserver serve`, durable before every reply (synchronous=FULL), on a fresh database or a given one.

    `usual_rates`: each user has the rates of the default configuration. `command`: of another checkout, to measure that one.
    """
    secret = os.urandom(32).hex()
    with temporary_folder() as folder:
        ca = _certificate(folder) if tls else ""
        path = database or folder / "bench.db"
        config = folder / "imserver.toml"
        config.touch(0o600)  # there is a secret in it
        config.write_text(
            "\n".join(
                (
                    "[server]\nport = 0",
                    'tls_certificate = "server.pem"\ntls_key = "server.key"' if tls else "",
                    f'[store]\npath = "{path}"',
                    f'[auth]\nsecret = "{secret}"\ncreate_users = true',
                    "[limits]",
                    *limits_known_to(command, _CROWDS if usual_rates else _CROWDS | _ANY_RATE),
                    '[log]\nlevel = "warning"',
                    plugins,
                    more,
                )
            )
        )
        ready = folder / "ready"
        arguments = ("--config", str(config), "serve", "--ready-file", str(ready))
        with running([*command, *arguments], folder) as process:
            wait_until(process, ready.exists, "imserver")
            port = int(ready.read_text().split()[0])
            yield Target(
                "imserver, TLS" if tls else "imserver",
                "imserver",
                port,
                process,
                folder,
                secret,
                ca,
                place=lambda lane, load: direct(f"a{lane}", f"b{lane}"),
            )


def limits_known_to(command: Sequence[str], wanted: Mapping[str, str]) -> list[str]:
    """The lines of the configuration, but for what another checkout does not know yet."""
    python = Path(command[0]).with_name("python") if len(command) == 1 else command[0]
    known = _fields_known_to(str(python))
    return [f"{name} = {value}" for name, value in wanted.items() if name in known]


@cache
def _fields_known_to(python: str) -> tuple[str, ...]:
    asked = "from imserver.config import LimitsConfig as limits; print(*limits.__struct_fields__)"
    return tuple(
        subprocess.run([python, "-P", "-c", asked], capture_output=True, text=True, check=True).stdout.split()
    )


@contextmanager
def relay() -> Iterator[Target]:
    """The bare relay: the same frames without a server behind them."""
    with (
        temporary_folder() as folder,
        running([sys.executable, "-m", "benchmarks.relay", "0"], folder) as process,
    ):
        port = port_told(process)
        yield Target(
            "bare relay",
            "imserver",
            port,
            process,
            folder,
            place=lambda lane, load: direct(f"a{lane}", f"b{lane}"),
        )


def direct(one: str, other: str) -> str:
    """The id of the conversation of two users."""
    first, second = sorted((one, other))
    return f"direct/{first}/{second}"


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """A temporary folder, removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="imserver-bench-", ignore_cleanup_errors=True) as name:
        yield Path(name)


@contextmanager
def running(command: list[str], folder: Path, *, quiet: bool = False) -> Iterator[subprocess.Popen[bytes]]:
    """A process on the server's core. Its standard input stays open: a relay of ours ends with it."""
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=output if quiet else subprocess.PIPE,
            stderr=output if quiet else None,
            preexec_fn=_on_server_core,  # noqa: PLW1509 - a few system calls, no lock is taken
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for stream in (process.stdin, process.stdout):
            if stream:
                stream.close()


def _on_server_core() -> None:
    machine.allow_many_files()
    machine.pin(os.getpid(), machine.cores().server)


def port_told(process: subprocess.Popen[bytes]) -> int:
    """The port that a server of ours prints."""
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise RuntimeError("a server did not start")
    return int(line)


def wait_until(process: subprocess.Popen[bytes], ready: Callable[[], bool], name: str) -> None:
    """Raises RuntimeError if the server ends, or is not ready in time."""
    until = time.monotonic() + START_TIMEOUT_S
    while not ready():
        if process.poll() is not None or time.monotonic() > until:
            raise RuntimeError(f"{name} did not start")
        time.sleep(0.02)


def free_port() -> int:
    """A port that is free at this moment, for servers that cannot choose one themselves."""
    with socket.socket() as sock:
        sock.bind((HOST, 0))
        port: int = sock.getsockname()[1]
        return port


def listens(port: int) -> bool:
    """True if a server accepts connections there."""
    with socket.socket() as sock:
        return sock.connect_ex((HOST, port)) == 0


def _certificate(folder: Path) -> str:
    import trustme

    authority = trustme.CA()
    issued = authority.issue_cert(HOST)
    (folder / "server.key").touch(0o600)  # or the server says that others may read it
    issued.private_key_pem.write_to_path(folder / "server.key")
    issued.cert_chain_pems[0].write_to_path(folder / "server.pem")
    authority.cert_pem.write_to_path(folder / "ca.pem")
    return str(folder / "ca.pem")
