"""Where the data are: in a wrong folder, behind a switched link, on a disk that is not mounted, no empty database appears in
silence; and a ready file that cannot be written is told before anything begins."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from imserver.cli.app import EXIT_AGAIN, EXIT_MISTAKE

from .processes import imserver, serving


def _database(folder: Path, name: str = "alice") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    assert imserver(folder, "user", "add", name, "--create").returncode == 0
    return folder / "imserver.db"


def test_an_account_in_the_wrong_folder_makes_no_database(tmp_path: Path) -> None:
    ended = imserver(tmp_path, "user", "add", "alice")

    assert (ended.returncode, ended.stdout) == (EXIT_AGAIN, "")
    assert ended.stderr == (
        f"imserver: {tmp_path}/imserver.db: there is no database (no configuration: this folder); "
        "`imserver serve` makes it, or `imserver user add NAME --create`\n"
    )
    assert list(tmp_path.iterdir()) == []


def test_it_names_the_configuration_that_it_looked_at(tmp_path: Path) -> None:
    (tmp_path / "imserver.toml").write_text("[store]\npath = 'data.db'\n")
    ended = imserver(tmp_path, "user", "add", "alice")
    assert f"{tmp_path}/data.db: there is no database (imserver.toml)" in ended.stderr


def test_a_chat_in_the_wrong_folder_says_that_there_is_no_configuration(tmp_path: Path) -> None:
    ended = imserver(tmp_path, "chat", "--as", "alice")
    assert ended.returncode == EXIT_MISTAKE
    assert ended.stderr.startswith(
        "imserver: no configuration file: $.auth.secret_file: there is no imserver.secret: run this where"
    )


def test_a_server_says_once_that_it_made_one(tmp_path: Path) -> None:
    for expected in (1, 0):
        with serving(tmp_path) as server:
            lines = [json.loads(line) for line in server.stop()[1].splitlines()]
        made = [line["path"] for line in lines if line["event"] == "new_database"]
        assert made == ["imserver.db"] * expected


def test_a_switched_link_keeps_the_data(tmp_path: Path) -> None:
    """`/etc/imserver/imserver.toml` links to one of several releases; data and secret stay beside the link."""
    here = tmp_path / "etc"
    here.mkdir()
    for release in ("one", "two"):
        (tmp_path / release).mkdir()
        (tmp_path / release / "imserver.toml").write_text("[log]\nlevel = 'info'\n")
    link = here / "imserver.toml"
    link.symlink_to(tmp_path / "one" / "imserver.toml")
    with serving(tmp_path, "--config", str(link)) as server:
        assert imserver(tmp_path, "--config", str(link), "user", "add", "alice").returncode == 0
        assert server.stop()[0] == 0
    link.unlink()
    link.symlink_to(tmp_path / "two" / "imserver.toml")

    again = imserver(tmp_path, "--config", str(link), "user", "add", "alice")
    assert again.stdout == "changed alice (alice, en)\n"
    assert sorted(path.name for path in (tmp_path / "one").iterdir()) == ["imserver.toml"]
    assert (here / "imserver.secret").exists()


@pytest.mark.parametrize("command", [["serve"], ["user", "add", "bob"]])
def test_a_database_beside_the_links_target_is_not_passed_over(tmp_path: Path, command: list[str]) -> None:
    real = _database(tmp_path / "real")
    (real.parent / "imserver.toml").write_text("")
    link = tmp_path / "link" / "imserver.toml"
    link.parent.mkdir()
    link.symlink_to(real.parent / "imserver.toml")

    ended = imserver(tmp_path, "--config", str(link), *command)

    assert ended.returncode == EXIT_MISTAKE
    assert f"{link.parent}/imserver.db: is not there, but {real} is" in ended.stderr
    assert sorted(path.name for path in link.parent.iterdir()) == ["imserver.toml"], "not even a secret"


@pytest.mark.parametrize("trace", ["imserver.db.high", "imserver.db-wal"])
@pytest.mark.parametrize("command", [["serve"], ["user", "add", "bob"]])
def test_where_there_was_a_database_no_other_begins(tmp_path: Path, trace: str, command: list[str]) -> None:
    (tmp_path / trace).write_text("x")
    ended = imserver(tmp_path, *command)

    assert ended.returncode == EXIT_AGAIN
    assert f"imserver.db: is not there, but {trace} is" in ended.stderr
    assert [path.name for path in tmp_path.iterdir()] == [trace]


def test_a_disk_that_is_not_mounted_yet_is_tried_again(tmp_path: Path) -> None:
    ended = imserver(tmp_path, "serve", IMSERVER_STORE__PATH=str(tmp_path / "mnt" / "imserver.db"))
    assert ended.returncode == EXIT_AGAIN
    assert f"the folder {tmp_path}/mnt does not exist" in ended.stderr


@pytest.mark.parametrize(
    ("path", "code", "says"),
    [
        ("nowhere/ready", EXIT_AGAIN, "--ready-file nowhere/ready: No such file"),
        ("file/ready", EXIT_MISTAKE, "--ready-file file/ready: Not a directory"),
    ],
)
def test_a_ready_file_that_cannot_be_written_is_told_first(
    tmp_path: Path, path: str, code: int, says: str
) -> None:
    (tmp_path / "file").touch()
    ended = imserver(tmp_path, "serve", "--ready-file", path)

    assert ended.returncode == code
    assert ended.stderr.count("\n") == 1
    assert says in ended.stderr
    assert "listening" not in ended.stderr
    assert [one.name for one in tmp_path.iterdir()] == ["file"]


def test_a_descriptor_that_is_not_open_is_told_first(tmp_path: Path) -> None:
    ended = imserver(tmp_path, "serve", "--ready-fd", "77")
    assert (ended.returncode, ended.stderr.count("\n")) == (EXIT_MISTAKE, 1)
    assert "--ready-fd 77: is not an open descriptor" in ended.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_ready_file_of_an_earlier_life_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "ready").write_text("1 1\n")
    with serving(tmp_path) as server:
        assert (tmp_path / "ready").read_text() == f"{server.port} {server.process.pid}\n"
