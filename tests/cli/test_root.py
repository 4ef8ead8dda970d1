"""Root: a server that has more rights than it needs says so, and what belongs to another user is left to that user."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from imserver.cli.app import run
from imserver.cli.root import ROOT, as_root, refuse_as_root
from imserver.config import Config, HttpConfig, ServerConfig
from imserver.errors import StartError


def owned(monkeypatch: pytest.MonkeyPatch, owners: dict[Path, int]) -> None:
    """These files belong to these users."""
    found = os.stat

    def told(path: Any, **options: Any) -> Any:
        owner = owners.get(Path(str(path)))
        return (
            found(path, **options) if owner is None else SimpleNamespace(st_uid=owner, st_mode=stat.S_IFREG)
        )

    monkeypatch.setattr("imserver.cli.root.os.stat", told)


UNIT = {"INVOCATION_ID": "0f"}
OPEN = Config(server=ServerConfig(host="0.0.0.0"))
BEHIND_A_PROXY = Config(http=HttpConfig(public_url="https://chat.example.org"))


@pytest.mark.parametrize(
    ("user_id", "environment", "config", "told"),
    [
        (ROOT, UNIT, Config(), True),
        (ROOT, {}, OPEN, True),
        (ROOT, {}, BEHIND_A_PROXY, True),
        (ROOT, {}, Config(http=HttpConfig()), False),
        (1000, UNIT, OPEN, False),
    ],
)
def test_a_unit_of_root_is_told_and_a_server_that_others_reach(
    user_id: int, environment: dict[str, str], config: Config, told: bool
) -> None:
    found = list(as_root(user_id, environment, config))
    assert [event for event, _ in found] == ["runs_as_root"] * told
    assert all("User=" in facts["do"] for _, facts in found)


@pytest.mark.parametrize("database", [True, False])
def test_root_opens_no_database_of_another_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, database: bool
) -> None:
    path = tmp_path / "im.db"
    if database:
        path.touch()
    owned(monkeypatch, {path if database else tmp_path: 65534})
    with pytest.raises(StartError) as refused:
        refuse_as_root(ROOT, str(path))
    words = str(refused.value)
    assert words.startswith(f"{path if database else tmp_path}: belongs to ")
    assert "run this as " in words
    assert not refused.value.again
    refuse_as_root(1000, str(path))
    refuse_as_root(ROOT, ":memory:")


def test_root_opens_its_own_database_wherever_it_lies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (path := tmp_path / "im.db").touch()
    owned(monkeypatch, {path: ROOT, tmp_path: 65534})
    refuse_as_root(ROOT, str(path))


@pytest.mark.parametrize("typed", [("serve",), ("user", "add", "ann", "--create"), ("user", "list")])
def test_a_command_of_root_ends_with_those_words(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    quiet_log: None,
    typed: tuple[str, ...],
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "imserver.db"
    path.touch()
    monkeypatch.setattr(os, "geteuid", lambda: ROOT)
    owned(monkeypatch, {path: 65534})
    assert run([*typed]) == 2
    said = capsys.readouterr().err
    assert (said.count("\n"), "belongs to" in said) == (1, True), said
    assert [one.name for one in tmp_path.iterdir()] == ["imserver.db"]
