"""The rivals: other servers on the same work, each with a temporary configuration that stores messages."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from getpass import getuser
from pathlib import Path

from benchmarks.codecs.nats import make_stream
from benchmarks.connect import dial, greet
from benchmarks.processes import (
    HOST,
    Target,
    free_port,
    listens,
    port_told,
    running,
    temporary_folder,
    wait_until,
)

#: From this version on JetStream can be set to sync before it answers.
SYNC_ALWAYS_SINCE = (2, 10)


class Missing(Exception):
    """A rival cannot run here; the text gives the reason and a remedy."""


@dataclass(frozen=True, slots=True)
class Rival:
    """A server to compare with. `durable`: whether an acknowledged message survives a power cut."""

    name: str
    title: str
    durable: bool
    start: Callable[[], AbstractContextManager[Target]]


@contextmanager
def mosquitto() -> Iterator[Target]:
    """QoS 1, persistence on, queues without bounds."""
    binary = _binary("mosquitto", "apt install mosquitto")
    with temporary_folder() as folder:
        port = free_port()
        (folder / "mosquitto.conf").write_text(
            f"listener {port} {HOST}\nallow_anonymous true\npersistence true\npersistence_location {folder}/\n"
            "max_inflight_messages 0\nmax_queued_messages 0\nmax_queued_bytes 0\n"
            f"set_tcp_nodelay true\nlog_type error\nuser {getuser()}\n"
        )
        with running([binary, "-c", str(folder / "mosquitto.conf")], folder, quiet=True) as process:
            wait_until(process, lambda: listens(port), "mosquitto")
            yield Target("mosquitto", "mqtt", port, process, folder)


@contextmanager
def jetstream(*, always: bool = False) -> Iterator[Target]:
    """A file stream; `always`: synced before it answers."""
    binary = _binary("nats-server", "make rivals, or apt install nats-server")
    if always and _version(binary) < SYNC_ALWAYS_SINCE:
        raise Missing("sync_interval: always needs nats-server 2.10 or newer (make rivals)")
    with temporary_folder() as folder:
        port = free_port()
        sync = "sync_interval: always" if always else ""
        (folder / "nats.conf").write_text(
            f'listen: "{HOST}:{port}"\nmax_control_line: 4096\njetstream {{ store_dir: "{folder}/js"\n{sync} }}\n'
        )
        with running([binary, "-c", str(folder / "nats.conf")], folder, quiet=True) as process:
            wait_until(process, lambda: listens(port), "nats-server")
            with dial(HOST, port) as sock:
                greet(sock, make_stream())
            name = "jetstream-always" if always else "jetstream"
            yield Target(name, "nats", port, process, folder)


@contextmanager
def redis(*, always: bool = False) -> Iterator[Target]:
    """Streams with an append-only file, synced every second or before each reply."""
    binary = _binary("redis-server", "apt install redis-server")
    with temporary_folder() as folder:
        port = free_port()
        options = {
            "bind": HOST,
            "port": str(port),
            "dir": str(folder),
            "appendonly": "yes",
            "appendfsync": "always" if always else "everysec",
            "save": "",
            # Clients come from many loopback addresses, which Redis takes for remote ones.
            "protected-mode": "no",
            "daemonize": "no",
            "logfile": "",
        }
        arguments = [part for name, value in options.items() for part in (f"--{name}", value)]
        with running([binary, *arguments], folder, quiet=True) as process:
            wait_until(process, lambda: listens(port), "redis-server")
            name = "redis-always" if always else "redis"
            yield Target(name, "redis", port, process, folder)


@contextmanager
def websockets() -> Iterator[Target]:
    """A relay on the `websockets` library and uvloop: as in a Python tutorial. Stores nothing."""
    command = [sys.executable, "-m", "benchmarks.ws_relay", "0"]
    with temporary_folder() as folder, running(command, folder) as process:
        yield Target("websockets", "websocket", port_told(process), process, folder)


RIVALS: dict[str, Rival] = {
    rival.name: rival
    for rival in (
        Rival("mosquitto", "mosquitto, QoS 1, persistence on", False, mosquitto),
        Rival("jetstream", "NATS JetStream, default", False, jetstream),
        Rival("jetstream-always", "NATS JetStream, sync always", True, lambda: jetstream(always=True)),
        Rival("redis", "Redis streams, fsync everysec", False, redis),
        Rival("redis-always", "Redis streams, fsync always", True, lambda: redis(always=True)),
        Rival("websockets", "websockets + uvloop relay, keeps nothing", False, websockets),
    )
}


def _binary(name: str, remedy: str) -> str:
    # Binaries in our environment come first: a system's own are often old.
    found = shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name)
    found = found or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
    if found is None:
        raise Missing(f"{name} is not installed ({remedy})")
    return found


def _version(binary: str) -> tuple[int, int]:
    said = subprocess.run([binary, "--version"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"(\d+)\.(\d+)", said)
    return (int(found[1]), int(found[2])) if found else (0, 0)
