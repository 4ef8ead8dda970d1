"""Which failures pass by themselves: the same start may work later, so a supervisor should try again (exit code 75).

What is not there yet belongs to it, a file as well as a host name: at boot, a disk is mounted and a resolver answers when they
are ready. A path that was mistyped looks the same, and each try logs it.
"""

from __future__ import annotations

import errno

#: Errors of the system that end without a change of the configuration.
PASSING = frozenset(
    {
        errno.EADDRINUSE,
        errno.EADDRNOTAVAIL,  # the interface is not up yet
        errno.EAGAIN,
        errno.EBUSY,
        errno.EDQUOT,
        errno.EHOSTUNREACH,
        errno.EINTR,
        errno.EIO,
        errno.EMFILE,
        errno.ENETDOWN,
        errno.ENETUNREACH,
        errno.ENFILE,
        errno.ENOBUFS,
        errno.ENOENT,  # not mounted yet
        errno.ENOMEM,
        errno.ENOSPC,
        errno.ENOTCONN,  # a network disk
        errno.ESTALE,
        errno.ETIMEDOUT,
    }
)
#: SQLite's primary codes that do: BUSY, LOCKED, NOMEM, IOERR, FULL, PROTOCOL. As numbers, which never change,
#: because most of the server is not to know which engine there is.
PASSING_IN_SQLITE = frozenset({5, 6, 7, 10, 13, 15})


def passes(error: BaseException) -> bool:
    """True if this error may be gone at the next try."""
    code = getattr(error, "sqlite_errorcode", None)  # of a sqlite3.Error
    if code is not None:
        return code & 0xFF in PASSING_IN_SQLITE
    if not isinstance(error, OSError):
        return False
    number = error.errno or 0
    # A resolver's numbers are below zero, and one that is not up yet says EAI_NONAME, as of a name that does not exist.
    return number in PASSING or number < 0 or isinstance(error, TimeoutError)
