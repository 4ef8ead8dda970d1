"""A Unix socket belongs to who listens there: a second server does not take it over, and nobody removes what is not theirs."""

from __future__ import annotations

import errno
import json
import os
import signal
import socket
import threading
from pathlib import Path

import pytest

from imserver.cli.app import EXIT_AGAIN, EXIT_MISTAKE
from imserver.cli.control import ask
from imserver.errors import StartError
from imserver.net.unix_socket import UnixSocket

from .processes import imserver, serving


def connects(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as one:
        try:
            one.connect(str(path))
        except OSError:
            return False
    return True


def on(path: Path, database: str = "imserver.db") -> dict[str, str]:
    return {"IMSERVER_SERVER__UNIX_SOCKET": str(path), "IMSERVER_STORE__PATH": database}


def test_a_second_server_does_not_take_a_socket_over(tmp_path: Path) -> None:
    path = tmp_path / "im.sock"
    with serving(tmp_path, **on(path)) as server:
        before = path.stat().st_ino
        second = imserver(tmp_path, "serve", **on(path, "other.db"))

        assert second.returncode == EXIT_AGAIN
        assert f"cannot listen on {path}: another process listens there" in second.stderr
        assert path.stat().st_ino == before
        assert connects(path)
        assert server.stop()[0] == 0
    assert not path.exists(), "it is removed at the end"


def test_nor_one_of_another_program_that_has_no_lock(tmp_path: Path) -> None:
    path = tmp_path / "im.sock"
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        other.listen(1)
        for _ in range(3):  # its backlog is full then, and it answers nobody
            ended = imserver(tmp_path, "serve", **on(path))
            assert ended.returncode == EXIT_AGAIN
            assert "another process listens there" in ended.stderr
        assert path.exists()


def test_what_a_killed_server_left_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "im.sock"
    with serving(tmp_path, **on(path)) as server:
        server.stop(signal.SIGKILL)
    assert path.exists()
    with serving(tmp_path, **on(path)) as server:
        assert connects(path)
        assert server.stop()[0] == 0


def test_a_file_that_is_no_socket_stays(tmp_path: Path) -> None:
    path = tmp_path / "im.sock"
    path.write_text("precious")
    ended = imserver(tmp_path, "serve", **on(path))
    assert ended.returncode == EXIT_MISTAKE
    assert "not a socket" in ended.stderr
    assert path.read_text() == "precious"


def test_at_its_end_a_server_leaves_what_took_its_place(tmp_path: Path) -> None:
    path = tmp_path / "im.sock"
    with serving(tmp_path, **on(path)) as server:
        os.rename(path, tmp_path / "moved")
        path.write_text("somebody else's")
        assert server.stop()[0] == 0
    assert path.read_text() == "somebody else's"


def test_the_control_socket_of_somebody_who_answers_is_left_to_them(tmp_path: Path) -> None:
    path = tmp_path / "imserver.db.control"
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        other.listen(8)
        with serving(tmp_path) as server:
            code, log = server.stop()
        assert code == 0
        assert path.exists()
    [line] = [one for one in map(json.loads, log.splitlines()) if one["event"] == "no_control_socket"]
    assert line["cause"] == "another process listens there"


# -- the socket itself --------------------------------------------------------------------------------------------------


def test_of_many_who_try_at_once_over_a_dead_socket_one_gets_it(tmp_path: Path) -> None:
    path = tmp_path / "s"
    for _ in range(30):
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(str(path))
        got: list[UnixSocket] = []
        errors: list[int | None] = []
        barrier = threading.Barrier(8)

        def attempt(
            barrier: threading.Barrier = barrier,
            got: list[UnixSocket] = got,
            errors: list[int | None] = errors,
        ) -> None:
            barrier.wait()
            try:
                got.append(UnixSocket(path, backlog=1))
            except OSError as error:
                errors.append(error.errno)

        threads = [threading.Thread(target=attempt) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert (len(got), errors) == (1, [errno.EADDRINUSE] * 7)
        assert connects(path)
        got[0].close()
        got[0].close()
        assert not path.exists()


def test_its_mode_holds_from_the_first_moment(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        made = UnixSocket(tmp_path / "s", backlog=1, mode=0o600)
    finally:
        os.umask(old)
    assert (tmp_path / "s").stat().st_mode & 0o777 == 0o600
    made.close()


def test_a_lock_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "s.lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic links"):
        UnixSocket(tmp_path / "s", backlog=1)
    assert not (tmp_path / "elsewhere").exists()


def test_who_is_refused_keeps_nothing(tmp_path: Path) -> None:
    """No lock that would keep the next try out, and no descriptor."""
    path = tmp_path / "s"
    path.write_text("not a socket")
    with pytest.raises(OSError, match="not a socket"):
        UnixSocket(path, backlog=1)
    path.unlink()
    made = UnixSocket(path, backlog=1)
    before = os.listdir("/proc/self/fd") if os.path.exists("/proc") else []
    for _ in range(3):
        with pytest.raises(OSError, match="listens there"):
            UnixSocket(path, backlog=1)
    assert (os.listdir("/proc/self/fd") if os.path.exists("/proc") else []) == before
    assert not made.listening.getblocking()
    made.close()
    other = UnixSocket(path, backlog=1)  # often with the number that the file of before had
    made.close()
    assert connects(path)
    other.close()


async def test_the_control_socket_of_another_user_is_not_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refused(*args: object, **more: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("imserver.cli.control.asyncio.open_unix_connection", refused)
    with pytest.raises(StartError, match="belongs to another user; run this as the one") as failed:
        await ask(tmp_path / "imserver.db.control", "status", {})
    assert not failed.value.again


def test_a_mode_that_is_right_is_not_set_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever may write into the folder could have put a link to another file of ours there."""
    monkeypatch.setattr(Path, "chmod", lambda *args, **more: pytest.fail("set by name"))
    owned = UnixSocket(tmp_path / "im.sock", backlog=1, mode=0o600)
    assert owned.path.lstat().st_mode & 0o777 == 0o600
    owned.close()
