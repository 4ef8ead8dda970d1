"""`imserver backup` and `imserver restore`: beside a running server and without one, what they print, and how they end."""

from __future__ import annotations

import asyncio
import os
import pty
import re
import shutil
import signal
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from imserver.cli.app import EXIT_AGAIN, EXIT_FAILED, EXIT_MISTAKE, run
from imserver.cli.backup import BackupOperations, size_words
from imserver.errors import BackupFailed
from imserver.model import direct_conversation_id
from imserver.server import Server
from imserver_client import connect
from tests.cli.processes import IMSERVER, environment, imserver, serving
from tests.support.servers import running

CHAT = direct_conversation_id("alice", "bob")
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a stopped database of two people."""
    for name in ("alice", "bob"):
        assert imserver(tmp_path, "user", "add", name, "--create").returncode == 0
    monkeypatch.chdir(tmp_path)
    return tmp_path


def messages(path: Path) -> int:
    with closing(sqlite3.connect(path)) as raw:
        number: int = raw.execute("SELECT count(*) FROM messages").fetchone()[0]
        return number


def contents() -> dict[str, bytes]:
    """Of all files here but SQLite's index of the log, and sockets."""
    files = (each for each in Path().iterdir() if each.is_file() and not each.name.endswith("-shm"))
    return {each.name: each.read_bytes() for each in files}


def wide(text: str) -> int:
    return max(map(len, text.splitlines()), default=0)


async def talk(url: str, token: str, count: int) -> None:
    async with connect(url, token=token) as client:
        for number in range(count):
            await client.post(CHAT, str(number))


def said(server_url: str, folder: Path, count: int) -> None:
    token = imserver(folder, "token", "alice").stdout.strip()
    asyncio.run(talk(server_url, token, count))


def test_a_day_with_a_backup_and_a_restore(folder: Path) -> None:
    """Backed up beside a running server, which goes on and is killed; restored; and served again."""
    with serving(folder) as server:
        said(server.url, folder, 3)
        made = imserver(folder, "backup", "copy.db")
        assert made.returncode == 0, made.stderr
        first, second = made.stdout.splitlines()
        assert re.fullmatch(rf"copy\.db: 3 messages as of {TIME}", first)
        assert re.fullmatch(r"\d+\.\d KiB, checked", second)
        said(server.url, folder, 4)
        refused = imserver(folder, "restore", "copy.db")
        assert (refused.returncode, refused.stdout) == (EXIT_AGAIN, "")
        assert "a server runs on it: stop it first" in refused.stderr
        rehearsed = imserver(folder, "restore", "--rehearse", "copy.db")
        assert rehearsed.returncode == 0, rehearsed.stderr
        server.stop(signal.SIGKILL)
    assert [line[:10].strip() for line in rehearsed.stdout.splitlines()] == [
        "copy", "", "present", "ledger", "checks", "rehearsed"
    ]  # fmt: skip
    assert "present   imserver.db: 7 messages, 4 of which are not in the copy" in rehearsed.stdout
    assert wide(rehearsed.stdout) <= 80
    before = contents()
    again = imserver(folder, "restore", "--rehearse", "copy.db")
    assert again.returncode == 0, again.stderr
    assert contents() == before

    unasked = imserver(folder, "restore", "copy.db")
    assert (unasked.returncode, unasked.stderr.count("\n")) == (EXIT_MISTAKE, 1)
    assert "--yes" in unasked.stderr
    assert contents() == before
    done = imserver(folder, "restore", "--yes", "copy.db")
    assert done.returncode == 0, done.stderr
    assert wide(done.stdout) <= 80
    [kept] = re.findall(r"^kept      (imserver\.db\.before-restore-\d{8}-\d{6})$", done.stdout, re.MULTILINE)
    assert re.search(
        rf"^restored  imserver\.db is as of {TIME}; start the server$", done.stdout, re.MULTILINE
    )
    assert (messages(folder / "imserver.db"), messages(folder / kept)) == (3, 7)
    assert imserver(folder, "check").returncode == 0
    with serving(folder) as server:
        said(server.url, folder, 1)
        server.stop()
    assert messages(folder / "imserver.db") == 4


def test_a_stopped_database_is_backed_up_by_the_command_itself(folder: Path, capsys) -> None:
    before = contents()
    assert run(["backup", "copy.db"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("copy.db: 0 messages as of ")
    (folder / "copy.db").unlink()
    assert contents() == before


def test_what_a_killed_server_left_is_backed_up_with_its_log(folder: Path, capsys) -> None:
    with serving(folder) as server:
        said(server.url, folder, 3)
        server.stop(signal.SIGKILL)
    log = Path("imserver.db-wal").read_bytes()
    assert log
    assert run(["backup", "copy.db"]) == 0
    assert messages(folder / "copy.db") == 3
    assert Path("imserver.db-wal").read_bytes() == log


WRONG = [
    (["backup", "imserver.db"], EXIT_MISTAKE, "is a file of the database itself"),
    (["backup", "."], EXIT_MISTAKE, "is a folder; name a file in it"),
    (["backup", "none/copy.db"], EXIT_AGAIN, "does not exist"),
    (["backup", "notes.txt"], EXIT_MISTAKE, "is there already, and is no backup of imserver"),
    (["restore", "imserver.db"], EXIT_MISTAKE, "is the database itself"),
    (["restore", "notes.txt"], EXIT_MISTAKE, "is not a database of imserver"),
    (["restore", "none.db"], EXIT_AGAIN, "none.db: does not exist"),
    (["restore", "--rehearse", "."], EXIT_MISTAKE, "is a folder"),
    (["restore", "newer.db"], EXIT_MISTAKE, "made by a newer imserver"),
    (["restore", "running.db"], EXIT_MISTAKE, "without its log (-wal)"),
]


@pytest.mark.parametrize("beside", [False, True])
def test_what_cannot_be_is_one_line_and_changes_nothing(folder: Path, beside: bool, capsys) -> None:
    Path("notes.txt").write_text("mine, and long enough to be looked at")
    shutil.copyfile("imserver.db", "newer.db")
    with closing(sqlite3.connect("newer.db")) as raw:
        raw.execute("PRAGMA user_version = 99")
    with serving(folder) as server:
        shutil.copyfile("imserver.db", "running.db")
        server.stop()
    if beside:
        with serving(folder):
            _all_wrong(capsys)
    else:
        _all_wrong(capsys)


def _all_wrong(capsys) -> None:
    before = sorted(os.listdir())
    for arguments, code, words in WRONG:
        assert run(arguments) == code, arguments
        told = capsys.readouterr()
        assert told.out == ""
        assert words in told.err
        assert told.err.count("\n") == 1
    assert sorted(os.listdir()) == before


def test_a_memory_and_a_missing_database_are_named(folder: Path, capsys, monkeypatch) -> None:
    monkeypatch.setenv("IMSERVER_STORE__PATH", ":memory:")
    assert run(["backup", "copy.db"]) == EXIT_MISTAKE
    assert run(["restore", "copy.db"]) == EXIT_MISTAKE
    monkeypatch.setenv("IMSERVER_STORE__PATH", "gone.db")
    assert run(["backup", "copy.db"]) == EXIT_AGAIN
    assert "gone.db: does not exist" in capsys.readouterr().err
    assert not [name for name in os.listdir() if name.startswith("gone")]


def test_findings_of_a_rehearsal_are_told_and_end_with_1(folder: Path, capsys) -> None:
    assert run(["backup", "copy.db"]) == 0
    with closing(sqlite3.connect("copy.db")) as raw:
        raw.execute("CREATE TABLE mine (x)")
    assert run(["restore", "--rehearse", "copy.db"]) == EXIT_FAILED
    lines = capsys.readouterr().out.splitlines()
    assert lines[-3:] == [
        "checks    1 finding",
        "          schema: mine belongs to no plugin that ever ran here",
        "rehearsed it can be put back with these findings; nothing was changed",
    ]


def test_without_a_database_none_stays_if_the_copy_is_wrong(folder: Path) -> None:
    assert run(["backup", "copy.db"]) == 0
    for name in ("imserver.db", "imserver.db.high"):
        Path(name).unlink()
    Path("wrong.db").write_bytes(b"x" * 100)
    assert run(["restore", "wrong.db"]) == EXIT_MISTAKE
    assert not Path("imserver.db").exists()
    assert run(["restore", "--yes", "copy.db"]) == 0
    assert run(["check"]) == 0


def test_it_says_what_of_the_ledger_it_applied(folder: Path, capsys) -> None:
    assert run(["backup", "copy.db"]) == 0
    assert run(["user", "disable", "alice"]) == 0
    assert run(["restore", "--yes", "copy.db"]) == 0
    assert "\napplied   1 record of the ledger\nrestored  " in capsys.readouterr().out


@pytest.mark.parametrize(("answer", "put_back"), [("y\n", True), ("n\n", False), ("\n", False)])
def test_on_a_terminal_it_asks_first(folder: Path, answer: str, put_back: bool) -> None:
    assert run(["backup", "copy.db"]) == 0
    ours, theirs = pty.openpty()
    command = [*IMSERVER, "restore", "copy.db"]
    with subprocess.Popen(
        command, stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(), text=True
    ) as process:
        os.close(theirs)
        os.write(ours, answer.encode())
        out, err = process.communicate(timeout=30)
        os.close(ours)
    assert "Put it back? [y/N]:" in out + err
    assert ("restored " in out) is put_back
    assert any("before-restore" in name for name in os.listdir()) is put_back


# -- the running server's part ----------------------------------------------------------------------------------------


async def test_the_server_makes_one_at_a_time_and_tells_how_far_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("imserver.cli.backup.ASK_EVERY_S", 0.05)
    known = "imserver.store.sqlite.store.Pace"
    pace = __import__("imserver.store.sqlite.backup", fromlist=["Pace"]).Pace
    monkeypatch.setattr(known, lambda **more: pace(slice_pages=1, rest_s=0.05, **more))
    async with running(tmp_path) as server:
        operations = BackupOperations(server).operations
        first = await operations["backup"]({"target": str(tmp_path / "one.db")})
        assert first["state"] == "copying"
        second = await operations["backup"]({"target": str(tmp_path / "two.db")})
        assert (second["state"], second["again"]) == ("failed", True)
        assert "being made already" in second["error"]
        status = await operations["backup_status"]({"number": first["number"]})
        assert 0 < status["done"] < status["total"]
        ended = await operations["backup_end"]({"number": first["number"]})
        assert (ended["state"], ended["error"]) == ("failed", "the backup was given up")
        assert [name for name in os.listdir(tmp_path) if "one" in name] == []
        monkeypatch.setattr(known, pace)
        made = await operations["backup"]({"target": str(tmp_path / "one.db")})
        while made["state"] == "copying":
            await asyncio.sleep(0.01)
            made = await operations["backup_status"]({"number": made["number"]})
        assert made["state"] == "made"


async def test_an_embedded_server_backs_up_itself(tmp_path: Path) -> None:
    async with running(tmp_path) as server:
        await server.chat.post("alice", CHAT, "hello")
        made = await server.backup(tmp_path / "copy.db")
        assert (made.messages, made.ledger) == (1, "there is none")
        with pytest.raises(BackupFailed):
            await server.backup(tmp_path)
    async with Server(server.config) as again:
        assert (await again.chat.history("alice", CHAT, after=0)).items


def test_sizes_are_read_at_a_glance() -> None:
    sizes = [0, 999, 1000, 151_552, 327_573_504, 10**13]
    assert [size_words(size) for size in sizes] == [
        "0 bytes", "999 bytes", "1.0 KiB", "148.0 KiB", "312.4 MiB", "9.1 TiB"
    ]  # fmt: skip
