"""Which calls of a file system can fail, and how."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

import apsw


class Kind(StrEnum):
    """Calls that can be made to fail."""

    WRITE = "write"
    SYNC = "sync"
    TRUNCATE = "truncate"
    DELETE = "delete"
    OPEN = "open"
    READ = "read"


class Fault(StrEnum):
    """What happens at the chosen call."""

    #: It fails, nothing of it is done, the next one works.
    EIO = "EIO"
    #: It fails, and so does every later one.
    DEAD = "EIO for good"
    #: A sync fails, and what it was to write is never written, though later syncs succeed (what Linux does).
    FORGOTTEN = "EIO, pages forgotten"
    #: No room, this once; or until somebody makes room.
    FULL = "ENOSPC"
    STAYS_FULL = "ENOSPC until healed"
    #: A part is written, then there is no room.
    SHORT = "short write"
    #: The process is gone; the system's cache survives it.
    KILLED = "crash keeping unsynced"
    #: The power is gone: what was not synced is not there; or some of it is, in any order, torn between sectors.
    POWER_LOST = "crash dropping unsynced"
    POWER_LOST_TORN = "crash keeping some unsynced"


CRASHES = frozenset({Fault.KILLED, Fault.POWER_LOST, Fault.POWER_LOST_TORN})
_ANY = (Fault.EIO, Fault.DEAD, Fault.KILLED, Fault.POWER_LOST, Fault.POWER_LOST_TORN)
#: Which faults make sense where.
FAULTS: Mapping[Kind, tuple[Fault, ...]] = {
    Kind.WRITE: (*_ANY, Fault.FULL, Fault.STAYS_FULL, Fault.SHORT),
    Kind.SYNC: (*_ANY, Fault.FORGOTTEN),
    Kind.TRUNCATE: _ANY,
    Kind.DELETE: _ANY,
    Kind.OPEN: (Fault.EIO, Fault.DEAD),
    Kind.READ: (Fault.EIO, Fault.DEAD),
}
_CODES = {
    Kind.WRITE: apsw.SQLITE_IOERR_WRITE,
    Kind.SYNC: apsw.SQLITE_IOERR_FSYNC,
    Kind.TRUNCATE: apsw.SQLITE_IOERR_TRUNCATE,
    Kind.DELETE: apsw.SQLITE_IOERR_DELETE,
    Kind.READ: apsw.SQLITE_IOERR_READ,
}


def error_at(kind: Kind) -> apsw.Error:
    """What SQLite is told when a call of this kind fails."""
    if kind is Kind.OPEN:
        return apsw.CantOpenError("injected")
    error = apsw.IOError("injected")
    error.extendedresult = _CODES[kind]  # type: ignore[attr-defined]  # where apsw looks for it
    return error


def no_room() -> apsw.Error:
    """What it is told when the disk is full."""
    return apsw.FullError("injected")
