"""A file that the configuration names: read whole, or one line about why not; and a secret file, made whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
from pathlib import Path

from imserver.errors import ConfigError
from imserver.passing import passes

#: None of these files is near it (the largest are chains of certificates and of shops).
MAX_BYTES = 4 * 1024 * 1024
#: What a disk says that has no hard links.
_NO_LINKS = frozenset({errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})


def read_bytes(path: str | Path, field: str, max_bytes: int | None = None) -> bytes:
    """What stands in the file that this field of the configuration names. Raises `ConfigError` for what is no file that can
    be read whole, a device or a pipe too: it might never end.
    """
    most = max_bytes or MAX_BYTES
    try:
        mode = os.stat(path).st_mode
        if not stat.S_ISREG(mode):  # before it is opened, which alone may do something to a device
            kind = "a folder" if stat.S_ISDIR(mode) else "a device or a pipe"
            raise ConfigError(field, f"{path}: is {kind}, not a file")
        with open(path, "rb") as file:
            data = file.read(most + 1)
    except PermissionError as error:
        raise ConfigError(field, f"{path}: {error.strerror}{_whose(path)}") from None
    except OSError as error:
        raise ConfigError(field, f"{path}: {error.strerror}", again=passes(error)) from None
    except ValueError:  # a name with a zero
        raise ConfigError(field, f"{str(path)!r}: is no name of a file") from None
    if len(data) > most:
        raise ConfigError(field, f"{path}: is larger than {most // 1024} KiB: another file?")
    return data


def _whose(path: str | Path) -> str:
    """Who may not read it, and why: most of all a key for TLS, which others than the server's user have made."""
    told = f" to {user_name(os.geteuid())}"
    with contextlib.suppress(OSError):  # in a folder that is closed to us nobody knows more
        found = os.stat(path)
        told += f"; it belongs to {user_name(found.st_uid)}, with the mode {stat.S_IMODE(found.st_mode):03o}"
    return told


def user_name(user_id: int) -> str:
    """The name of a user of this machine, or its number."""
    try:
        import pwd

        return pwd.getpwuid(user_id).pw_name
    except (ImportError, KeyError):
        return f"user {user_id}"


def read_text(path: str | Path, field: str, max_bytes: int | None = None) -> str:
    """The same as text. Raises `ConfigError` with the place of a byte that is not UTF-8."""
    data = read_bytes(path, field, max_bytes)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError(field, f"{path}: is not UTF-8 text (line {line}); save it as UTF-8") from None


def make_private(path: Path, text: str, field: str) -> bool:
    """Make the file, for its owner only, unless there is one: False then. It appears whole and on the disk, or not at all, so a
    full disk leaves nothing, and of two who try at once one wins. Raises `ConfigError`.
    """
    unfinished = path.with_name(f"{path.name}.{secrets.token_hex(8)}.new")
    try:
        try:
            descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with open(descriptor, "wb") as file:
                file.write(text.encode())
                file.flush()
                os.fsync(descriptor)
            return _put(unfinished, path)
        finally:
            with contextlib.suppress(FileNotFoundError):
                unfinished.unlink()
    except OSError as error:
        raise ConfigError(field, f"{path}: {error.strerror}", again=passes(error)) from None


def _put(unfinished: Path, path: Path) -> bool:
    try:
        os.link(unfinished, path)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        if path.exists():
            return False
        unfinished.rename(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return True
