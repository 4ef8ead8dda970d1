"""Faults: classifies SQLite's errors for the units that met them, and whether their outcome is known."""

from __future__ import annotations

import sqlite3
from enum import Enum

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


class Fault(Enum):
    """Kinds of failure, from harmless to fatal."""

    #: This unit's own: a constraint, a value that cannot be stored.
    UNIT = "unit"
    #: Another process holds the database for longer than the busy time-out.
    BUSY = "busy"
    #: No room on the disk. Goes away by itself, or not.
    FULL = "full"
    #: The disk or the file does not work.
    BROKEN = "broken"


class TransactionLost(Exception):
    """SQLite ended the whole transaction inside a unit (ON CONFLICT ROLLBACK, disk full, interrupt): nothing of it counts.

    Raised by every later statement of that transaction too: without this, the next one would commit alone. `cause` is the
    error that ended it: what becomes of the unit depends on it, and `__cause__` is lost in compiled modules.
    """

    def __init__(self, cause: BaseException) -> None:
        super().__init__(f"the transaction is lost: {cause}")
        self.cause = cause


def primary_code(error: BaseException) -> int:
    """SQLite's primary result code, 0 for errors that are not SQLite's own."""
    code: int = getattr(error, "sqlite_errorcode", 0) or 0
    return code & 0xFF


def fault_of(error: BaseException) -> Fault:
    code = primary_code(error)
    if code == sqlite3.SQLITE_FULL:
        return Fault.FULL
    if code in _BUSY:
        return Fault.BUSY
    return Fault.BROKEN if code in _BROKEN else Fault.UNIT


def known_at_commit(error: sqlite3.Error) -> bool:
    """True if a COMMIT that failed in this way certainly did not happen."""
    return primary_code(error) in _KNOWN_AT_COMMIT
