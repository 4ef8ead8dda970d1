"""`imserver check`: a line for each check, exit codes 0, 1 and 2, beside a server that runs and on what a killed one left."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from imserver.check.consistency import check_file
from imserver.cli.app import run
from imserver.cli.check import MAX_PRINTED
from imserver.config import Config, ServerConfig, StoreConfig
from imserver.model import direct_conversation_id
from imserver.plugin_api import Migration
from imserver.plugins.booking.plugin import BookingPlugin
from imserver.server import Server
from imserver.store.checks.run import NAMES
from imserver_client import connect
from tests.cli.processes import Serving, imserver, serving

CHAT = direct_conversation_id("alice", "booking")
BOOKING: dict[str, dict[str, Any]] = {"booking": {}}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where a server with the booking plugin lives."""
    (tmp_path / "imserver.toml").write_text("[plugins.booking]\n")
    return tmp_path


async def talk(server: Serving, token: str, ended: asyncio.Event) -> int:
    """Alice posts to a shop, which answers everything, until it is over."""
    count = 0
    async with connect(server.url, token=token) as client:
        while not ended.is_set():
            await asyncio.gather(*[client.post(CHAT, f"message {count + step}") for step in range(8)])
            count += 8
    return count


async def test_a_server_under_load_is_checked_again_and_again_and_nothing_is_found(folder):
    with serving(folder) as server:
        await asyncio.to_thread(imserver, folder, "user", "add", "alice")
        ended = asyncio.Event()
        token = (await asyncio.to_thread(imserver, folder, "token", "alice")).stdout.strip()
        talking = asyncio.create_task(talk(server, token, ended))
        seen: list[int] = []
        while len(seen) < 8 or seen[-1] == seen[0]:
            assert not talking.done(), talking.result()
            report = await check_file(folder / "imserver.db", BOOKING)
            assert report.findings == []
            seen.append(report.checked["positions"])
        command = await asyncio.to_thread(imserver, folder, "check")
        ended.set()
        assert await talking > 0
        assert command.returncode == 0, command.stdout + command.stderr
        assert "all is right" in command.stdout
        code, log = await asyncio.to_thread(server.stop)
        assert code == 0, log


def test_what_a_killed_server_left_is_read_with_its_log(folder):
    with serving(folder) as server:
        server.stop(signal.SIGKILL)
    log = folder / "imserver.db-wal"
    before = log.read_bytes()
    assert before
    done = imserver(folder, "check", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    answer = json.loads(done.stdout)
    checks = {row["name"]: row for row in answer["checks"]}
    assert list(checks)[: len(NAMES)] == list(NAMES)
    assert checks["accounts"]["checked"] > 2
    assert any(name.startswith("booking: ") for name in checks)
    assert (answer["found"], answer["skipped"]) == (0, {})
    assert log.read_bytes() == before


def test_a_copy_made_beside_a_running_server_is_not_called_right(folder):
    """`cp` takes the file without its log: none of the last posts is in it."""
    with serving(folder) as server:
        imserver(folder, "user", "add", "alice")
        shutil.copy(folder / "imserver.db", folder / "copy.db")
        done = imserver(folder, "check", "copy.db")
        assert done.returncode == 1, done.stdout + done.stderr
        [line] = [line for line in done.stdout.splitlines() if line.startswith("complete: ")]
        assert "without its log (-wal): what was stored after 20" in line
        assert imserver(folder, "check").returncode == 0
        server.stop()
    shutil.copy(folder / "imserver.db", folder / "copy.db")
    assert imserver(folder, "check", "copy.db").returncode == 0


# -- in this process: a database at rest ---------------------------------------------------------------------------------


async def serve_for_a_moment(path: Path) -> None:
    async with Server(Config(ServerConfig(port=0), StoreConfig(path=str(path)), plugins=BOOKING)):
        pass


@pytest.fixture
def database(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The database of a server with the booking plugin after SIGTERM; its folder is the current one."""
    path = folder / "imserver.db"
    asyncio.run(serve_for_a_moment(path))
    monkeypatch.chdir(folder)
    return path


def damage(database: Path, *statements: str) -> None:
    with closing(sqlite3.connect(database, isolation_level=None)) as raw:
        for statement in statements:
            raw.execute(statement)


def test_findings_are_told_and_counted_and_end_with_1(database, capsys):
    assert run(["check"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == f"{database}: all is right"
    damage(
        database,
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 30)"
        " INSERT INTO users (user_id, display_name, language, roles) SELECT 'x' || i, '', 'en', char(10) FROM n",
        "INSERT INTO booking_cells VALUES ('chair\x1b[2J', 1, 77)",
    )
    assert run(["check"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert sum(line.startswith("accounts: x") for line in lines) == MAX_PRINTED
    assert "accounts: 20 more" in lines
    [cell] = [line for line in lines if line.startswith("booking: no cell without an appointment: cell")]
    assert "\\x1b[2J" in cell  # and not what a terminal would act upon
    assert lines[-1] == f"{database}: 62 findings"


def test_tables_of_a_plugin_that_is_not_there_are_named_and_skipped(database, capsys):
    damage(
        database,
        "CREATE TABLE gone_things (id INTEGER)",
        "INSERT INTO plugin_migrations VALUES ('gone', 1, 0)",
        "INSERT INTO plugin_migrations VALUES ('booking', 99, 0)",
        "INSERT INTO plugin_cursors (plugin, change) VALUES ('mute', 0)",
    )
    run(["check", str(database)])
    out = capsys.readouterr().out
    assert "skipped: tables of gone: no such feature is here, and no such plugin is installed" in out
    assert "mute" not in out  # it ran here, and has no tables
    assert "skipped: tables of booking: its tables are of version" in out


def test_tables_that_a_newer_plugin_has_not_migrated_yet_are_skipped(database, capsys, monkeypatch):
    newer = [*BookingPlugin().migrations]
    newer.append(Migration(len(newer) + 1, "CREATE TABLE booking_more (id INTEGER)"))
    monkeypatch.setattr(BookingPlugin, "migrations", newer)
    run(["check", str(database)])
    out = capsys.readouterr().out
    assert "skipped: tables of booking: its tables are of version" in out
    assert "booking: cells are owned" not in out


@pytest.mark.parametrize("table", ["plugin_migrations", "plugin_cursors"])
def test_the_report_is_told_also_if_nobody_knows_which_plugins_ran(database, capsys, table):
    damage(database, f"DROP TABLE {table}")
    assert run(["check"]) == 1
    said = [line for line in capsys.readouterr().out.splitlines() if line.startswith("schema: ")]
    assert any(table in line for line in said)


def test_the_report_is_told_also_if_the_list_of_plugins_cannot_be_read(database, capsys, monkeypatch):
    def plugins(self):
        raise sqlite3.DatabaseError("database disk image is malformed")

    monkeypatch.setattr("imserver.store.checks.Snapshot.plugins", plugins)
    assert run(["check"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert "plugins: cannot go on: DatabaseError: database disk image is malformed" in lines
    assert any(line.startswith("positions ") and line.endswith("ok") for line in lines)


def test_no_plugin_is_started_and_no_file_is_made(database, capsys, monkeypatch):
    """On a full disk, too."""

    async def start(self, context):
        raise AssertionError

    monkeypatch.setattr(BookingPlugin, "start", start)
    monkeypatch.setattr("tempfile.tempdir", str(database.parent / "nowhere"))
    before = sorted(os.listdir(database.parent))
    assert run(["check"]) == 0
    assert "booking: cells are owned" in capsys.readouterr().out
    assert sorted(os.listdir(database.parent)) == before


def test_a_database_of_a_plugin_without_a_section_is_checked_too(database, capsys):
    (database.parent / "imserver.toml").unlink()
    assert run(["check"]) == 0
    assert "booking: cells are owned" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "env", "line"),
    [
        (["check", "nothing.db"], {}, "nothing.db: does not exist"),  # (yet): 75
        (["check", "."], {}, "is a folder"),
        (["check", "imserver.toml"], {}, "imserver.toml: is not a database of imserver"),
        (["check"], {"IMSERVER_STORE__PATH": ":memory:"}, "by its own process"),
        (["check"], {"IMSERVER_PLUGINS__NOSUCH__WORD": "1"}, "no such plugin is installed"),
    ],
)
def test_what_cannot_be_checked_is_one_line_and_a_mistake(folder, monkeypatch, capsys, arguments, env, line):
    monkeypatch.chdir(folder)
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    assert run(arguments) == (75 if "does not exist" in line else 2)
    said = capsys.readouterr()
    assert said.out == ""
    assert line in said.err
    assert said.err.count("\n") == 1
