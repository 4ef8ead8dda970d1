"""A real server process that proofs start, kill and start again on the same database and port."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import jwt

from imserver.config import ENVIRONMENT_PREFIX

from .die_with_parent import dying_with_parent

#: A server that does not listen within this time has failed (seconds).
READY_TIMEOUT_S = 60.0
#: An operator's patience (seconds).
CONTROL_TIMEOUT_S = 10.0
#: SIGTERM to exit: the drain's own bound is below it.
STOP_TIMEOUT_S = 40.0


class ServerFailed(Exception):
    """The process ended, or did not become ready. The text has the end of its log."""


class ServerProcess:
    """`imserver serve` in `folder`, on one port for all its lives. Only processes started here are ever signalled.

    `sections` is laid over the configuration: `{"limits": {"max_requests": 8}, "plugins.ping": {}}`. A leashed process ends
    with ours, however ours ends (Linux), and gets no Ctrl-C of the terminal: we end it. `packages`: folders with the packages
    of another version, which its next life runs in place of ours.
    """

    def __init__(
        self,
        folder: Path,
        sections: Mapping[str, Mapping[str, Any]] | None = None,
        *,
        dies_with_parent: bool = False,
        packages: Sequence[Path] = (),
    ) -> None:
        self.folder = folder
        self.packages = tuple(packages)
        self.database = folder / "chat.db"
        self.log = folder / "server.log"
        self.secret = secrets.token_urlsafe(48)
        self.port = 0
        #: Of `[http]`, if there is such a section.
        self.http_port = 0
        #: Process ids of all lives, the present one last.
        self.pids: list[int] = []
        self._sections = dict(sections or {})
        self._dies_with_parent = dies_with_parent
        self._process: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        """The address for clients."""
        return f"imserver://127.0.0.1:{self.port}"

    @property
    def running(self) -> bool:
        """True from its start until the process ended."""
        return self._process is not None and self._process.returncode is None

    def configure(self, section: str, **values: Any) -> None:
        """Change the configuration of the next life."""
        self._sections[section] = {**self._sections.get(section, {}), **values}

    def token(
        self,
        user_id: str,
        *,
        device_id: str | None = None,
        ttl_s: int = 24 * 3600,
        now_s: int = 0,
        token_id: str = "",
    ) -> str:
        """A token that this server accepts, made now. `now_s`: for servers with a shifted clock."""
        start = now_s or time.time()
        claims: dict[str, Any] = {
            "sub": user_id, "iat": start, "exp": int(start) + ttl_s, "jti": token_id or secrets.token_hex(8),
        }  # fmt: skip
        if device_id is not None:
            claims["device"] = device_id
        return jwt.encode(claims, self.secret, algorithm="HS256")

    async def start(self) -> None:
        """Start it and wait until it listens. Raises `ServerFailed`."""
        await self.spawn()
        await self.until_ready()

    async def spawn(self) -> None:
        """Start the process; it is not listening yet."""
        self._ready_file.unlink(missing_ok=True)
        self._config_file.write_text(self._toml(), encoding="utf-8")
        command = (
            sys.executable, "-m", "imserver.cli", "--config", str(self._config_file),
            "serve", "--ready-file", str(self._ready_file),
        )  # fmt: skip
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *(dying_with_parent(*command) if self._dies_with_parent else command),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment(self.folder / "pycache" if self._dies_with_parent else None, self.packages),
                start_new_session=self._dies_with_parent,
            )
        self.pids.append(self._process.pid)

    async def until_ready(self) -> None:
        """Wait until it listens. Raises `ServerFailed` if it ends before, or takes too long."""
        assert self._process is not None
        try:
            async with asyncio.timeout(READY_TIMEOUT_S):
                while not self._ready_file.exists():
                    if self._process.returncode is not None:
                        raise ServerFailed(f"exit code {self._process.returncode}\n{self.tail()}")
                    await asyncio.sleep(0.01)
        except TimeoutError:
            await self.kill()
            raise ServerFailed(f"not ready after {READY_TIMEOUT_S} s\n{self.tail()}") from None
        self.port = int(self._ready_file.read_text().split()[0])  # "PORT PID"
        if "http" in self._sections and not self.http_port:
            self.http_port = self._sections["http"].get("port") or await self._told_http_port()
            self.configure("http", port=self.http_port)
        # With the port, so that the configuration file leads clients to this server.
        self._config_file.write_text(self._toml(), encoding="utf-8")

    async def ended(self) -> int:
        """Waits until the process has ended, for any reason. Returns its exit code."""
        assert self._process is not None
        return await self._process.wait()

    async def kill(self) -> int:
        """SIGKILL: no good-bye, no flush, no checkpoint. Returns the process id that was killed."""
        if self._process is None:
            return 0
        pid = self._process.pid
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()
        return pid

    async def operate(self, operation: str, **arguments: Any) -> dict[str, Any] | None:
        """Ask the server what the commands of an operator ask it, by the socket beside the database. None: there was no answer,
        and nobody knows whether it was done."""
        request = json.dumps({"operation": operation, **arguments}).encode() + b"\n"
        try:
            async with asyncio.timeout(CONTROL_TIMEOUT_S):
                reader, writer = await asyncio.open_unix_connection(f"{self.database}.control")
                try:
                    writer.write(request)
                    answer = json.loads(await reader.readline() or b"{}")
                finally:
                    writer.close()
        except (OSError, ValueError):  # TimeoutError is an OSError
            return None
        result: dict[str, Any] | None = answer.get("result")
        return result

    def freeze(self, frozen: bool) -> None:
        """SIGSTOP or SIGCONT."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP if frozen else signal.SIGCONT)

    def terminate(self) -> None:
        """SIGTERM: it begins to drain."""
        assert self._process is not None
        if self._process.returncode is None:
            self._process.terminate()

    async def stop(self) -> int:
        """SIGTERM and wait for the drain. Returns the exit code."""
        assert self._process is not None
        if self._process.returncode is None:
            self.terminate()
            try:
                async with asyncio.timeout(STOP_TIMEOUT_S):
                    await self._process.wait()
            except TimeoutError:
                await self.kill()
        assert self._process.returncode is not None
        return self._process.returncode

    def tail(self, lines: int = 15) -> str:
        """The end of the server's log."""
        if not self.log.exists():
            return ""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    async def _told_http_port(self) -> int:
        """As the log tells it, which is written behind what it tells of. Raises `ServerFailed`."""
        try:
            async with asyncio.timeout(READY_TIMEOUT_S):
                while True:
                    lines = self.log.read_text().splitlines()
                    if told := [line for line in lines if "http_listening" in line]:
                        return int(json.loads(told[-1])["port"])
                    await asyncio.sleep(0.01)
        except TimeoutError:
            raise ServerFailed(f"does not say where it listens\n{self.tail()}") from None

    @property
    def _ready_file(self) -> Path:
        return self.folder / "ready.json"

    @property
    def _config_file(self) -> Path:
        return self.folder / "imserver.toml"

    async def __aenter__(self) -> Self:
        try:
            await self.start()
        except BaseException:
            await self.kill()
            raise
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.kill()

    def _toml(self) -> str:
        sections: dict[str, dict[str, Any]] = {
            "server": {"port": self.port},
            "store": {"path": str(self.database)},
            "auth": {"secret": self.secret, "create_users": True},
            "limits": {"strangers": "open"},
            "log": {"format": "json"},
        }
        for name, values in self._sections.items():
            sections[name] = {**sections.get(name, {}), **values}
        # JSON's strings, numbers, booleans and arrays of these are TOML's, too.
        return "\n".join(
            f"[{name}]\n"
            + "".join(f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in values.items())
            for name, values in sections.items()
        )


def environment(cache: Path | None = None, packages: Sequence[Path] = ()) -> dict[str, str]:
    """Our environment without variables that overrule the configuration file: a proof runs the same on any machine.

    `cache`: if Python keeps no compiled modules, those of processes that are started again and again are kept there;
    compiling everything is half of a start. `packages`: folders that come first where Python looks for what it imports; what
    is compiled stays in the first of them.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ENVIRONMENT_PREFIX)}
    if cache is not None and kept.pop("PYTHONDONTWRITEBYTECODE", ""):
        kept["PYTHONPYCACHEPREFIX"] = str(cache)
    if packages:
        # The folder in which a process begins would come before them, and that may be our tree.
        kept |= {"PYTHONPATH": os.pathsep.join(map(str, packages)), "PYTHONSAFEPATH": "1"}
        kept |= {"PYTHONPYCACHEPREFIX": str(packages[0] / "pycache"), "PYTHONDONTWRITEBYTECODE": ""}
    return kept


def alive(pid: int) -> bool:
    """True if a process of this id exists."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
