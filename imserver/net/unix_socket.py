"""A Unix socket at a path: its owner's only, never another server's, and nothing else's that lies there.

A path outlives the process that made it. Whoever wants it asks first whether somebody answers there; a dead socket is replaced,
and whatever is no socket stays. Two servers that start at once take turns (a lock on the folder), so that none takes away
what the other has just made.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

from imserver.errors import StartError

#: Longest wait for an answer; on one machine it comes at once or not at all (seconds).
PROBE_S = 1.0


def listen_at(path: Path, backlog: int, *, mode: int = 0o600) -> socket.socket:
    """A listening socket at this path, not blocking. Raises `StartError`: a server answers there, something else lies there,
    or the place takes no socket."""
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with _alone(path.parent):
            _make_way(path)
            # Before it is bound: nobody gets in between. On other systems than Linux the second one counts.
            with contextlib.suppress(OSError):
                os.fchmod(listening.fileno(), mode)
            listening.bind(str(path))
            os.chmod(path, mode)
            listening.listen(backlog)
        listening.setblocking(False)
    except OSError as error:
        listening.close()
        raise StartError(f"cannot listen on {path}: {error.strerror or error}") from None
    except BaseException:
        listening.close()
        raise
    return listening


def answers(path: Path) -> bool:
    """Whether somebody accepts connections at this path. True in doubt: what may be alive is left alone."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking:
        asking.settimeout(PROBE_S)
        try:
            asking.connect(str(path))
        except (ConnectionRefusedError, FileNotFoundError):
            return False
        except OSError:  # not ours to open, or its queue is full
            return True
    return True


def identity(path: Path) -> tuple[int, int] | None:
    """Which file is at this path: for `remove`. None if there is none."""
    try:
        found = path.lstat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def remove(path: Path, made: tuple[int, int] | None) -> None:
    """Remove the socket at its end, unless another one is there meanwhile."""
    if made is not None and identity(path) == made:
        with contextlib.suppress(OSError):
            path.unlink()


def _make_way(path: Path) -> None:
    try:
        found = path.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(found.st_mode):
        raise StartError(f"cannot listen on {path}: a file that is no socket is there")
    if answers(path):
        raise StartError(f"cannot listen on {path}: another server answers there")
    path.unlink()


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One process at a time looks and binds in this folder, where the disk can lock folders."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
