"""docs/booking.md leads from an empty folder to a shop with an appointment that was moved for somebody's leave: what is typed
there is run, in order, and what is shown is what comes."""

from __future__ import annotations

import json
import os
import sqlite3
import sys
import time
import tomllib
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.cli.processes import PATIENCE_S, environment

from .console import DOCS, Typed, blocks, fits, typed
from .shell import Shell

PAGE = (DOCS / "booking.md").read_text("utf-8")
#: The page's day, a Wednesday, when the shop is open: 10 in the morning in Shanghai.
NOW_MS = int(datetime(2026, 11, 18, 2, 0, tzinfo=UTC).timestamp() * 1000)


class Desk:
    """A shell in an empty folder, with `imserver` on its path."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "shop"
        self.folder.mkdir()
        program = folder / "bin" / "imserver"
        program.parent.mkdir()
        program.write_text(f'#!/bin/sh\nexec {sys.executable} -m imserver.cli "$@"\n')
        program.chmod(0o755)
        kept = environment()
        del kept["IMSERVER_LIMITS__STRANGERS"]
        self._shell = Shell(
            self.folder,
            {
                **kept,
                "IMSERVER_SERVER__PORT": "0",
                "IMSERVER_SERVER__UNIX_SOCKET": "socket",
                "IMSERVER_CLOCK__START_MS": str(NOW_MS),
                "LANG": "C.UTF-8",
                "TZ": "UTC",
                "PATH": f"{program.parent}{os.pathsep}{os.environ['PATH']}",
            },
        )

    def type(self, step: Typed) -> None:
        assert not step.root, f"nobody is root here: {step.line}"
        came, code = self._say(step.command)
        assert code == 0, f"{step.line}\nended with {code}:\n{came}"
        came = came.rstrip("\n") + "\n" * bool(came)
        assert fits(step.shown, came), f"{step.line}\nThe page shows:\n{step.shown}\nWhat came:\n{came}"

    def _say(self, command: str) -> tuple[str, int]:
        came, code = self._shell.say(command)
        if command.endswith("&"):
            self._until_it_listens()
            came = ""  # the shell tells of its jobs
        return came, code

    def _until_it_listens(self) -> None:
        log = self.folder / "log"
        for _ in range(PATIENCE_S * 20):
            if log.exists() and '"listening"' in log.read_text("utf-8"):
                return
            time.sleep(0.05)
        raise AssertionError(log.read_text("utf-8"))

    def end(self) -> None:
        self._shell.end("kill $(jobs -p); wait")


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    try:
        yield desk
    finally:
        desk.end()


@pytest.mark.prove  # some forty processes, one after another: 20 s of processor time
@pytest.mark.timeout(480)
def test_the_page_leads_from_an_empty_folder_to_a_shop(desk: Desk) -> None:
    steps = [step for block in blocks(PAGE) if block.language == "console" for step in typed(block)]
    assert len(steps) > 25
    for step in steps:
        desk.type(step)

    chain = tomllib.loads((desk.folder / "clearview.toml").read_text("utf-8"))
    assert chain["stores"][0]["hours"]["sat"] == ["10:00-16:00"]
    log = [json.loads(line) for line in (desk.folder / "log").read_text("utf-8").splitlines()]
    assert [line for line in log if line["level"] in ("error", "critical")] == []
    with closing(sqlite3.connect(desk.folder / "imserver.db")) as raw:
        ((wall, status),) = raw.execute("SELECT start_wall, status FROM booking_appointments").fetchall()
        assert status == "confirmed"
        assert wall != "2026-11-20T15:00"
        assert raw.execute("SELECT state FROM booking_offers").fetchall() == [("moved",)]


def test_no_console_block_is_missed() -> None:
    assert PAGE.count("```console") == sum(block.language == "console" for block in blocks(PAGE))
