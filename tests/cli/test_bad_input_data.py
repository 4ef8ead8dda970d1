"""What an operator may get wrong with copies, ledgers, clocks and figures, as it is typed: one clear line, an exit code of the
table, and nothing lost."""

from __future__ import annotations

import fcntl
import json
import shutil
import sqlite3
import subprocess
import time
import urllib.error
import urllib.request
from contextlib import closing
from pathlib import Path

import pytest

from imserver.cli.app import EXIT_AGAIN, EXIT_MISTAKE
from tests.cli.processes import imserver, serving
from tests.store.copies import opened
from tests.store.ledgers import KINDS
from tests.support.disks import MIB, fill, small_disk

YEAR_MS = 365 * 24 * 3_600_000


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database of two people who have said something."""
    folder = tmp_path_factory.mktemp("made")
    with serving(folder) as server:
        for name in ("alice", "bob"):
            assert imserver(folder, "user", "add", name).returncode == 0
        say(folder, server.url)
        assert server.stop()[0] == 0
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    """One of a test's own."""
    return shutil.copytree(made, tmp_path, dirs_exist_ok=True)


def say(folder: Path, url: str) -> None:
    said = imserver(folder, "chat", "--as", "alice", "--with", "bob", "--server", url, stdin="hello\n")
    assert (said.returncode, "you: hello ✓" in said.stdout) == (0, True), said


def messages(path: Path) -> int:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as raw:
        number: int = raw.execute("SELECT count(*) FROM messages").fetchone()[0]
        return number


def refused(done: subprocess.CompletedProcess[str], code: int, words: str) -> None:
    assert (done.returncode, done.stdout) == (code, ""), done
    assert words in done.stderr
    assert done.stderr.startswith("imserver: ")
    assert done.stderr.count("\n") == 1


def test_a_disk_that_is_full_keeps_the_older_copy_and_the_server_goes_on(folder: Path) -> None:
    with small_disk(folder, MIB) as disk, serving(folder) as server:
        assert imserver(folder, "backup", "disk/copy.db").returncode == 0
        older = (disk / "copy.db").read_bytes()
        fill(disk, leaving=32 * 1024)
        refused(imserver(folder, "backup", "disk/copy.db"), EXIT_AGAIN, "copy.db: the disk is full")
        assert (disk / "copy.db").read_bytes() == older
        assert sorted(path.name for path in disk.iterdir()) == ["copy.db", "filler"]
        say(folder, server.url)
    assert messages(folder / "imserver.db") == 2


@pytest.mark.parametrize("beside", [False, True])
def test_two_backups_at_once(folder: Path, beside: bool) -> None:
    with (folder / ".copy.db.unfinished").open("wb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)  # as the other one does
        if beside:
            with serving(folder):
                done = imserver(folder, "backup", "copy.db")
        else:
            done = imserver(folder, "backup", "copy.db")
        refused(done, EXIT_AGAIN, "copy.db: another backup is being written there")
    assert not (folder / "copy.db").exists()


def _cut(copy: Path) -> None:
    copy.write_bytes(copy.read_bytes()[: copy.stat().st_size // 2])


def _of_another_program(copy: Path) -> None:
    copy.unlink()
    with closing(sqlite3.connect(copy)) as raw:
        raw.execute("CREATE TABLE songs (title)")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [(_cut, "copy.db: the database is damaged"), (_of_another_program, "is a database of something else")],
)
@pytest.mark.parametrize("how", [[], ["--rehearse"]])
def test_a_copy_that_is_none(folder: Path, spoil, words: str, how: list[str]) -> None:
    assert imserver(folder, "backup", "copy.db").returncode == 0
    spoil(folder / "copy.db")
    before = (folder / "imserver.db").read_bytes()
    refused(imserver(folder, "restore", *how, "copy.db"), EXIT_MISTAKE, words)
    assert (folder / "imserver.db").read_bytes() == before
    assert not [path.name for path in folder.iterdir() if "restor" in path.name or "rehears" in path.name]


def test_a_restore_beside_a_running_server(folder: Path) -> None:
    assert imserver(folder, "backup", "copy.db").returncode == 0
    with serving(folder) as server:
        refused(imserver(folder, "restore", "copy.db"), EXIT_AGAIN, "a server runs on it: stop it first")
        say(folder, server.url)
    assert messages(folder / "imserver.db") == 2


def test_what_a_lost_database_left_of_its_log_is_kept_and_named(folder: Path) -> None:
    assert imserver(folder, "backup", "copy.db").returncode == 0
    (folder / "imserver.db").rename(folder / "imserver.db-wal")
    done = imserver(folder, "restore", "--yes", "copy.db")
    assert done.returncode == 0, done.stderr
    [kept] = [path.name for path in folder.iterdir() if "before-restore" in path.name]
    assert kept.endswith("-wal")
    assert f"kept      {kept}\n" in done.stdout


async def test_a_ledger_that_is_older_than_the_copy_is_told_by_name(tmp_path: Path) -> None:
    stand = await opened(tmp_path / "imserver.db", ledger_kinds=KINDS)
    for name in ("a", "b"):
        await stand.store.put_on_record("renamed", {"name": name})
    await stand.store.backup(tmp_path / "copies.db")
    await stand.store.close()
    ledger = tmp_path / "imserver.ledger"
    ledger.write_bytes(b"".join(ledger.read_bytes().splitlines(keepends=True)[:2]))
    done = imserver(tmp_path, "restore", "--rehearse", "copies.db")
    assert "ledger    OLDER than the copy: 1 record of the copy\n" in done.stdout
    assert "look for a newer one before you go on" in done.stdout


@pytest.mark.parametrize("years", [-1, 1])
def test_a_clock_that_has_jumped_at_a_start_loses_nothing(folder: Path, years: int) -> None:
    jumped = {
        "IMSERVER_CLOCK__START_MS": str(int(time.time() * 1000) + years * YEAR_MS),
        "IMSERVER_AUTH__MAX_TOKEN_TTL_S": str(2000 * 24 * 3600),
    }
    shutil.copyfile(folder / "imserver.secret", folder / "secret")
    with serving(folder, **jumped) as server:
        token = imserver(folder, "token", "alice", "--ttl", "1000d", **jumped).stdout.strip()
        said = imserver(
            folder, "chat", "--token", token, "--with", "bob", "--server", server.url, stdin="hello\n"
        )
        assert (said.returncode, "you: hello ✓" in said.stdout) == (0, True), said
        code, log = server.stop()
    assert code == 0
    assert {json.loads(line)["event"] for line in log.splitlines()} == {"listening", "stopping", "stopped"}
    with serving(folder) as server:
        say(folder, server.url)
    checked = imserver(folder, "check")
    assert checked.returncode == 0, checked.stdout
    assert messages(folder / "imserver.db") == 3


def test_figures_are_not_told_outside(folder: Path) -> None:
    (folder / "imserver.toml").write_text("[http]\nport = 0\n[admin]\n")
    with serving(folder) as server:
        port = json.loads(imserver(folder, "status", "--json").stdout)["http"].rpartition(":")[2]
        for host, code in (("localhost", 404), ("chat.example.org", 421)):
            asked = urllib.request.Request(f"http://127.0.0.1:{port}/metrics", headers={"Host": host})
            with pytest.raises(urllib.error.HTTPError) as answer:
                urllib.request.urlopen(asked)
            assert answer.value.code == code
            assert "imserver_" not in answer.value.read().decode()
        assert (folder / "imserver.admin").stat().st_mode & 0o777 == 0o600
        assert server.stop()[0] == 0
    (folder / "imserver.toml").write_text("[admin]\nunix_socket = ''\nhost = '0.0.0.0'\n")
    refused(imserver(folder, "serve"), EXIT_MISTAKE, "imserver.toml: $.admin.host: ")
