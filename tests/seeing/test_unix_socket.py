"""A Unix socket at a path is its owner's only, replaces a dead one, and takes nothing from anybody who lives."""

from __future__ import annotations

import os
import socket
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from imserver.errors import StartError
from imserver.net.unix_socket import answers, identity, listen_at, remove


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "door"


def test_nobody_else_may_open_it_whatever_the_umask(path: Path) -> None:
    before = os.umask(0)
    try:
        with listen_at(path, 1):
            assert stat.S_IMODE(path.lstat().st_mode) == 0o600
    finally:
        os.umask(before)


def test_a_socket_that_somebody_answers_at_is_not_taken_over(path: Path) -> None:
    with listen_at(path, 1):
        made = identity(path)
        with pytest.raises(StartError, match="another server answers there"):
            listen_at(path, 1)
        assert identity(path) == made
        assert answers(path)


def test_one_whose_queue_is_full_is_alive(path: Path) -> None:
    with listen_at(path, 0):
        crowd = [socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) for _ in range(4)]
        for one in crowd:
            one.setblocking(False)
            one.connect_ex(str(path))
        try:
            with pytest.raises(StartError, match="another server answers there"):
                listen_at(path, 1)
        finally:
            for one in crowd:
                one.close()


def test_a_dead_one_is_replaced(path: Path) -> None:
    listen_at(path, 1).close()
    assert path.is_socket()
    assert not answers(path)
    with listen_at(path, 1):
        assert answers(path)


@pytest.mark.parametrize("what", ["file", "folder", "link"])
def test_what_is_no_socket_stays(path: Path, what: str) -> None:
    other = path.with_name("other")
    if what == "folder":
        path.mkdir()
    elif what == "link":
        listen_at(other, 1).close()
        path.symlink_to(other)
    else:
        path.write_text("letters to my mother")
    with pytest.raises(StartError, match="no socket is there"):
        listen_at(path, 1)
    assert path.exists()


@pytest.mark.parametrize("name", ["missing/door", "d" * 120])
def test_a_place_that_takes_none_is_one_line(tmp_path: Path, name: str) -> None:
    with pytest.raises(StartError, match="cannot listen on"):
        listen_at(tmp_path / name, 1)


def test_at_its_end_it_takes_away_its_own_and_no_other(path: Path) -> None:
    with listen_at(path, 1):
        made = identity(path)
    path.unlink()
    path.with_name("filler").touch()  # the number of the first one may be given again
    with listen_at(path, 1):
        if identity(path) != made:
            remove(path, made)
            assert path.exists()
        remove(path, identity(path))
        assert not path.exists()
    remove(path, identity(path))


def test_of_many_that_begin_at_once_over_a_dead_one_exactly_one_listens(path: Path) -> None:
    crowd = 8
    gate = threading.Barrier(crowd)

    def begin(_: int) -> socket.socket | None:
        gate.wait()
        try:
            return listen_at(path, crowd)
        except StartError:
            return None

    with ThreadPoolExecutor(crowd) as pool:
        for _ in range(20):
            listen_at(path, 1).close()
            listening = [one for one in pool.map(begin, range(crowd)) if one is not None]
            assert len(listening) == 1
            assert answers(path)
            listening[0].close()
