"""SQLite's errors: of which kind they are, and whether a COMMIT that failed with one is known not to have happened."""

from __future__ import annotations

import sqlite3

from imserver.store.engine.faults import Fault

#: Errors of COMMIT after which the transaction is known not to have happened. Everything else there has an unknown outcome:
#: the row may be invisible to the live connection and present after the next start.
_KNOWN_AT_COMMIT = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_CONSTRAINT})
_BUSY = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_BROKEN = frozenset(
    {
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_PROTOCOL,
    }
)


def primary_code(error: BaseException) -> int:
    """SQLite's primary result code, 0 for errors that are not SQLite's own."""
    code: int = getattr(error, "sqlite_errorcode", 0) or 0
    return code & 0xFF


def fault_of(error: BaseException) -> Fault:
    """The kind; errors that are not SQLite's are the unit's own."""
    code = primary_code(error)
    if code == sqlite3.SQLITE_FULL:
        return Fault.FULL
    if code in _BUSY:
        return Fault.BUSY
    return Fault.BROKEN if code in _BROKEN else Fault.UNIT


def known_at_commit(error: sqlite3.Error) -> bool:
    """True if a COMMIT that failed in this way certainly did not happen."""
    return primary_code(error) in _KNOWN_AT_COMMIT
