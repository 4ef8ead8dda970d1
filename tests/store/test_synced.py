"""What takes a name is on the disk before, and the name behind it: a power loss finds the old file or the whole new one."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from imserver.named_file import make_private
from imserver.store.sqlite import restore as restores
from imserver.store.sqlite.database import HighWater
from imserver.store.sqlite.ledger import LedgerFile, copy_ledger
from tests.store.copies import NOW
from tests.store.ledgers import ledger

pytestmark = pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="looks at /proc")

#: The steps of a deed in a folder: `sync NAME` (`.` is the folder), `NAME -> NAME`.
Recorded = Callable[[Path, Callable[[], object]], list[str]]


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> Recorded:
    def recorded(folder: Path, deed: Callable[[], object]) -> list[str]:
        steps: list[str] = []
        fsync, replace, rename, link = os.fsync, Path.replace, Path.rename, os.link

        def synced(fd: int) -> None:
            steps.append(f"sync {os.path.relpath(os.readlink(f'/proc/self/fd/{fd}'), folder)}")
            fsync(fd)

        def named(known: Callable[[Path, Path], Path]) -> Callable[[Path, Path], Path]:
            def step(self: Path, to: Path) -> Path:
                done = known(self, to)
                steps.append(f"{self.name} -> {Path(to).name}")
                return done

            return step

        def linked(one: Path, other: Path) -> None:
            link(one, other)
            steps.append(f"{one.name} -> {other.name}")

        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", synced)
            patch.setattr(os, "link", linked)
            patch.setattr(Path, "replace", named(replace))
            patch.setattr(Path, "rename", named(rename))
            deed()
        return steps

    return recorded


def test_a_ledger_that_begins_has_its_name_before_its_first_record(
    tmp_path: Path, recorded: Recorded
) -> None:
    file = LedgerFile(tmp_path / "chat.ledger", None, random.Random(1))
    first = recorded(tmp_path, lambda: file.append(7, "renamed", {}, above=0))
    assert first == ["sync chat.ledger", "sync .", "sync chat.ledger"]
    assert recorded(tmp_path, lambda: file.append(7, "renamed", {}, above=0)) == ["sync chat.ledger"]


def test_the_copy_of_a_ledger(tmp_path: Path, recorded: Recorded) -> None:
    (tmp_path / "chat.ledger").write_bytes(ledger("Ann"))
    (there := tmp_path / "backups").mkdir()
    steps = recorded(there, lambda: copy_ledger(tmp_path / "chat.ledger", there / "chat.ledger"))
    unfinished = ".chat.ledger.unfinished"
    assert steps == [f"sync {unfinished}", f"{unfinished} -> chat.ledger", "sync ."]


def test_the_side_file(tmp_path: Path, recorded: Recorded) -> None:
    high = HighWater(tmp_path / "chat.db")
    steps = recorded(tmp_path, lambda: high.write("0" * 16, 1))
    assert steps == ["sync chat.db.high.new", "chat.db.high.new -> chat.db.high", "sync ."]
    assert recorded(tmp_path, lambda: high.write("0" * 16, 2)) == []  # one sector, of the same length


def test_a_secret(tmp_path: Path, recorded: Recorded) -> None:
    *synced, named, folder = recorded(
        tmp_path, lambda: make_private(tmp_path / "secret", "x", "$.auth.secret_file")
    )
    (unfinished,) = synced
    assert named == f"{unfinished.removeprefix('sync ')} -> secret"
    assert folder == "sync ."


def test_a_copy_that_is_put_back(path: Path, copied: Path, recorded: Recorded) -> None:
    """The database of before as well: from the swap on it is all that is left of it."""
    steps = recorded(path.parent, lambda: restores.put_back(copied, path, NOW))
    staged, written_back = steps.index(".chat.db.restoring.unfinished -> chat.db.restoring"), "sync chat.db"
    assert "sync .chat.db.restoring.unfinished" in steps[:staged]
    assert "sync ." in steps[staged : steps.index(written_back)]
    *_, kept, last = steps
    assert kept.startswith("chat.db.restoring -> chat.db.before-restore-")
    assert last == "sync ."


def test_a_copy_that_is_put_back_where_names_cannot_be_swapped(
    path: Path, copied: Path, recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(restores, "_swap", lambda one, other: False)
    path.chmod(0o600)
    kept: list[Path | None] = []
    steps = recorded(path.parent, lambda: kept.append(restores.put_back(copied, path, NOW)))
    (before,) = kept
    assert before is not None
    assert steps[-4:] == [f"sync {before.name}", "sync .", "chat.db.restoring -> chat.db", "sync ."]
    assert before.stat().st_mode & 0o777 == 0o600


def test_a_side_file_that_could_not_be_written_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Overwritten in place it would stay as it was left: of another length, or gone."""
    high = HighWater(tmp_path / "chat.db")
    high.write("0" * 16, 1)
    shutil.move(tmp_path / "chat.db.high", tmp_path / "away")
    high.write("0" * 16, 2)
    assert high.read() is None
    high.write("0" * 16, 3)
    assert high.read() == ("0" * 16, 3)
