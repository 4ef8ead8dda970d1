"""A Unix socket of ours at a path: never taken from a process that answers there, and removed only while it is still ours."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import socket
import stat
from pathlib import Path

#: How long a probe waits for a busy owner (seconds). A socket whose backlog is full answers at once that it is there.
PROBE_S = 1.0


class UnixSocket:
    """A listening socket. `listening` is for the event loop; `close` removes the path."""

    def __init__(self, path: Path, *, backlog: int, mode: int | None = None, lock: bool = True) -> None:
        """Bind and listen. Raises OSError: EADDRINUSE if somebody else listens there, ENOTSOCK if another kind of file is
        there, which stays. With `lock`, of two who try at once one gets it: `PATH.lock` is there until `close`. Without, the
        caller has made sure that it is alone.
        """
        if "\0" in str(path):  # else a ValueError, which no caller takes for what it is
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        self.path = path
        self._lock_file = Path(f"{path}.lock")
        self._lock = _locked(self._lock_file) if lock else None
        self._open = True
        self.listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            _clear(path)
            self.listening.setblocking(False)
            if mode is not None:
                os.fchmod(
                    self.listening.fileno(), mode
                )  # Linux takes it over; elsewhere the next line but one
            self.listening.bind(str(path))
            if mode is not None and stat.S_IMODE(path.lstat().st_mode) != mode:
                path.chmod(mode)  # not without need: it would follow a link that somebody put there meanwhile
            self.listening.listen(backlog)
            self._ours = _identity(path)
        except BaseException:
            self.listening.close()
            self._unlock()
            raise

    def close(self) -> None:
        """Stop listening, and remove the path unless another file has taken it. Closing twice is harmless."""
        if not self._open:
            return
        self._open = False
        self.listening.close()
        with contextlib.suppress(OSError):
            if _identity(self.path) == self._ours:
                self.path.unlink()
        self._unlock()

    def _unlock(self) -> None:
        """Remove the lock file while it is still held, and by its name still ours; `_locked` tells whom it was taken from."""
        if self._lock is not None:
            with contextlib.suppress(OSError):
                if _is_named(self._lock, self._lock_file):
                    self._lock_file.unlink()
            os.close(self._lock)
            self._lock = None


def _locked(path: Path) -> int:
    """The lock file, made and held. Who opened it before its holder removed it would hold a file without a name, and looks
    again."""
    while True:
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_named(lock, path):
                return lock
        except BlockingIOError:
            os.close(lock)
            raise _in_use() from None
        except BaseException:
            os.close(lock)
            raise
        os.close(lock)


def _is_named(descriptor: int, path: Path) -> bool:
    """Whether this open file is the one of that name."""
    opened = os.fstat(descriptor)
    try:
        return _identity(path) == (opened.st_dev, opened.st_ino)
    except FileNotFoundError:
        return False


def _clear(path: Path) -> None:
    """Remove what a killed process left. Raises OSError if it is somebody's."""
    try:
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise OSError(
                errno.ENOTSOCK, "there is a file that is not a socket; remove it, or choose another path"
            )
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(PROBE_S)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
            return
        except FileNotFoundError:  # gone meanwhile
            return
        except (TimeoutError, BlockingIOError):  # it has no time for us, but it is there
            pass
    raise _in_use()


def _in_use() -> OSError:
    return OSError(errno.EADDRINUSE, "another process listens there")


def _identity(path: Path) -> tuple[int, int]:
    status = path.lstat()
    return status.st_dev, status.st_ino
