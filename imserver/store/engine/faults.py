"""Faults: kinds of failure of a database, as the batch policy tells them apart."""

from __future__ import annotations

from enum import Enum


class Fault(Enum):
    """Kinds of failure, from harmless to fatal."""

    #: This unit's own: a constraint, a value that cannot be stored.
    UNIT = "unit"
    #: Another process holds the database for longer than the busy time-out.
    BUSY = "busy"
    #: No room on the disk. Goes away by itself, or not.
    FULL = "full"
    #: The disk, the file or the connection does not work.
    BROKEN = "broken"


class TransactionLost(Exception):
    """The database ended the whole transaction inside a unit (ON CONFLICT ROLLBACK, disk full, interrupt): nothing counts.

    Raised by every later statement of that transaction too: without this, the next one would commit alone. `cause` is the
    error that ended it: what becomes of the unit depends on it, and `__cause__` is lost in compiled modules.
    """

    def __init__(self, cause: BaseException) -> None:
        super().__init__(f"the transaction is lost: {cause}")
        self.cause = cause


class OutcomeUnknown(Exception):
    """A COMMIT failed in a way that leaves open whether it happened: nobody is answered, and the server stops."""
