"""docs/operating.md leads from an empty machine to a watched, backed-up, restored server: what is typed there is run, in order.

Lines with `$` go to one shell, the lines of root to what stands for them here: a unit of the page that is started is the
process that its file names. Paths of the page lie below a folder of the test.
"""

from __future__ import annotations

import asyncio
import configparser
import json
import re
import shlex
import socket
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from benchmarks.processes import free_port
from tests.cli.processes import PATIENCE_S, environment

from .console import DOCS, Typed, blocks, fits, typed
from .shell import Shell

PAGE = (DOCS / "operating.md").read_text("utf-8")
BLOCKS = blocks(PAGE)
FILES = {block.file: block for block in BLOCKS if block.file}
#: Ports of the page are other ones here.
PORTS = ("7410", "7411", "7480")
#: Folders of the page that lie below the test's own.
FOLDERS = ("/etc/imserver", "/etc/systemd", "/var/lib/imserver", "/opt/imserver")


class Machine:
    """The empty machine: a folder, a shell, and what stands for the tools of root."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ports = {port: str(free_port()) for port in PORTS}
        self._units: dict[str, subprocess.Popen[bytes]] = {}
        self._shell: Shell | None = None
        self.installed: list[list[str]] = []
        self.users: list[str] = []
        #: Root's commands, by their first word. One that is not here is no step that this test can take.
        self.root: dict[str, Callable[[list[str]], None]] = {
            "/usr/bin/python3": self._make_environment,
            self.place("/opt/imserver/bin/pip"): self.installed.append,
            "useradd": lambda words: self.users.append(words[-1]),
            "install": self._make_folder,
            "systemctl": self._systemctl,
            "runuser": self._become,
        }

    def place(self, text: str) -> str:
        """Text of the page, with the paths and ports of here."""
        for root in FOLDERS:
            text = re.sub(rf"(?<![\w/]){root}\b", f"{self.folder}{root}", text)
        for port, ours in self._ports.items():
            text = re.sub(rf"\b{port}\b", ours, text)
        return text

    def write_files(self) -> None:
        """The files that the page shows, where their folders are there."""
        for name, block in FILES.items():
            path = Path(self.place(name))
            if path.parent.is_dir() and not path.exists():
                path.write_text(self.place(block.text))

    def type(self, step: Typed) -> None:
        """Do what is typed, and compare what comes."""
        command = self.place(step.command)
        if step.root:
            words = shlex.split(command)
            assert words[0] in self.root, f"nobody knows how to do this here: {step.line}"
            self.root[words[0]](words)
            came, code = "", 0
        elif command.startswith("curl "):
            came, code = asyncio.run(self._curl(shlex.split(command))), 0
        else:
            came, code = self._say(command)
        assert code == 0, f"{step.line}\nended with {code}:\n{came}"
        came = came.replace(str(self.folder), "").rstrip("\n") + "\n" * bool(came)
        assert fits(step.shown, came), f"{step.line}\nThe page shows:\n{step.shown}\nWhat came:\n{came}"

    # -- the shell ----------------------------------------------------------------------------------------------------

    def _become(self, words: list[str]) -> None:
        assert words == ["runuser", "-u", self.users[-1], "--", "bash"]
        self._shell = Shell(self.folder, self._environment())

    def _say(self, command: str) -> tuple[str, int]:
        assert self._shell is not None, "nobody has logged in"
        came, code = self._shell.say(command)
        if command.endswith("&"):  # goes on; it works once it has said something
            [file] = re.findall(r"> (\w+)", command)
            told = Path(self.place("/var/lib/imserver"), file)
            _until(lambda: told.exists() and told.stat().st_size > 0)
        return re.sub(r"^\[\d\].*\n", "", came, flags=re.MULTILINE), code  # the shell tells of its jobs

    def _environment(self) -> dict[str, str]:
        kept = environment()
        del kept["IMSERVER_LIMITS__STRANGERS"]
        del kept["IMSERVER_SERVER__PORT"]  # the page's configuration says all, but for the ports
        return {
            **kept,
            "IMSERVER_SERVER__PORT": self._ports["7410"],
            "IMSERVER_HTTP__PORT": self._ports["7480"],
            "TZ": "UTC",
        }

    async def _curl(self, words: list[str]) -> str:
        assert words[:2] == ["curl", "-s"]
        connector = None
        if words[2] == "--unix-socket":
            connector = aiohttp.UnixConnector(f"{self.place('/var/lib/imserver')}/{words[3]}")
        async with (
            aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(PATIENCE_S)) as session,
            session.get(words[-1]) as answer,
        ):
            assert answer.status == 200
            text = await answer.text()
        return text if text.endswith("\n") else f"{text}\n"

    # -- root ---------------------------------------------------------------------------------------------------------

    def _make_environment(self, words: list[str]) -> None:
        assert words[:3] == ["/usr/bin/python3", "-m", "venv"]
        programs = Path(words[3]) / "bin"
        programs.mkdir(parents=True)
        program = programs / "imserver"
        program.write_text(f'#!/bin/sh\nexec {sys.executable} -m imserver.cli "$@"\n')
        program.chmod(0o755)

    def _make_folder(self, words: list[str]) -> None:
        assert words[:2] == ["install", "-d"]
        Path(words[-1]).mkdir(parents=True)
        Path(self.place("/etc/systemd/system")).mkdir(parents=True)

    def _systemctl(self, words: list[str]) -> None:
        verb, *units = (word for word in words[1:] if word != "--now")
        assert verb in ("enable", "start", "stop", "restart")
        for name in units:
            if verb in ("stop", "restart"):
                self._stop(name)
            if verb != "stop":
                self._start(name)

    def _unit(self, name: str) -> configparser.ConfigParser:
        unit = configparser.ConfigParser(interpolation=None, strict=False)  # ExecReload stands twice
        unit.optionxform = str  # type: ignore[method-assign,assignment]
        full = name if "." in name else f"{name}.service"
        unit.read_string(Path(self.place(f"/etc/systemd/system/{full}")).read_text())
        return unit

    def _start(self, name: str) -> None:
        unit = self._unit(name)
        if name.endswith(".timer"):  # as if it were time
            assert unit["Timer"]["OnCalendar"] == "minutely"
            self._start(name.replace(".timer", ".service"))
            return
        service = unit["Service"]
        assert service["User"] == self.users[-1]
        if "StateDirectory" in service:
            state = Path(self.place(f"/var/lib/{service['StateDirectory']}"))
            state.mkdir(parents=True, exist_ok=True)
            state.chmod(int(service["StateDirectoryMode"], 8))
        variable, _, value = service["Environment"].partition("=")
        command = shlex.split(service["ExecStart"])
        options: dict[str, Any] = {
            "cwd": service.get("WorkingDirectory", "/"),
            "env": {**self._environment(), variable: value},
            "umask": int(service["UMask"], 8),
        }
        if service.get("Type") == "oneshot":
            done = subprocess.run(
                command, capture_output=True, text=True, check=False, timeout=PATIENCE_S, **options
            )
            assert done.returncode == 0, done.stderr
            return
        log = Path(self.folder / "log")
        with log.open("ab") as end:
            process = self._units[name] = subprocess.Popen(command, stderr=end, **options)
        _until(lambda: self._answers(process))

    def _stop(self, name: str) -> None:
        if name.endswith(".timer"):
            return
        process = self._units.pop(name)
        process.terminate()
        assert process.wait(PATIENCE_S) == 0

    def _answers(self, process: subprocess.Popen[bytes]) -> bool:
        assert process.poll() is None, (self.folder / "log").read_text()
        try:
            socket.create_connection(("127.0.0.1", int(self._ports["7410"]))).close()
        except OSError:
            return False
        return True

    def end(self) -> None:
        try:
            if self._shell is not None:
                self._shell.end("kill -9 $(jobs -p)")
        finally:
            for process in self._units.values():
                process.kill()
                process.wait(PATIENCE_S)


def _until(there: Callable[[], bool]) -> None:
    for _ in range(PATIENCE_S * 20):
        if there():
            return
        time.sleep(0.05)
    raise AssertionError("that did not come")


@pytest.fixture
def machine() -> Iterator[Machine]:
    with tempfile.TemporaryDirectory(
        prefix="im", dir="/tmp"
    ) as folder:  # short: paths are shown on eighty cells
        machine = Machine(Path(folder))
        try:
            yield machine
        finally:
            machine.end()


@pytest.mark.prove  # some thirty processes, one after another: 18 s of processor time
@pytest.mark.timeout(240)
def test_the_page_leads_from_an_empty_machine_to_a_restored_server(machine: Machine) -> None:
    for block in BLOCKS:
        machine.write_files()
        if block.language == "console":
            for step in typed(block):
                machine.type(step)

    project = tomllib.loads((DOCS.parent / "pyproject.toml").read_text("utf-8"))["project"]
    for _, *words in machine.installed:
        name, extra = re.fullmatch(r"(\w+)\[(\w+)\]", words[-1]).groups()  # type: ignore[union-attr]
        assert (words[0], name) == ("install", project["name"])
        assert extra in project["optional-dependencies"]
    state = Path(machine.place("/var/lib/imserver"))
    assert state.stat().st_mode & 0o777 == 0o700
    readable = [path.name for path in state.iterdir() if path.is_file() and path.stat().st_mode & 0o077]
    assert [name for name in readable if name not in {"frames", "phone"}] == []  # the shell's own
    events = [json.loads(line)["event"] for line in (machine.folder / "log").read_text().splitlines()]
    assert events.count("listening") == 3
    assert events.count("backed_up") == 4  # two that were typed, and two of the timer
    assert "Traceback" not in (machine.folder / "log").read_text()
    assert not {"no_control_socket", "log_missing", "older_copy_suspected", "clear_text"} & set(events)
