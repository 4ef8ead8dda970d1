"""The faults that a checker knows, and the report of those that it found."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum


class Fault(StrEnum):
    """A kind of fault. The value is the first word of its line in the report."""

    LOST = "lost"
    DOUBLED = "doubled"
    OUT_OF_ORDER = "out of order"
    ALTERED = "altered"
    UNASKED = "stored unasked"  # not posted by any client, or given up
    REFUSED = "refused"  # a post that the client's outbox took and the server refused
    TRESPASS = "trespass"  # shown to, or posted by, a user who was no member
    MISSING = "missing appointment"
    UNTOLD = "untold appointment"
    DOUBLE_BOOKED = "double-booked"
    SILENT = "silent difference"  # an older copy came back, and a client was not told what that took
    NEEDLESS = (
        "told needlessly"  # of an older copy that took nothing there, of cursors, or of a post that is stored
    )
    FEATURE = "wrong in a feature"
    STUCK = "stuck"  # a client waited in vain
    BROKEN = "broken"  # a process ended by itself, a client gave up


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault, in a sentence."""

    fault: Fault
    text: str

    def __str__(self) -> str:
        return f"{self.fault}: {self.text}"


#: Fault, its subject (so that it is reported once), and the sentence.
Found = Iterable[tuple[Fault, str, str]]


@dataclass(slots=True)
class Report:
    """Counts of the comparison, and its findings."""

    #: Rows, and how often clients were shown one.
    messages: int = 0
    shown: int = 0
    #: Posts that the server confirmed to clients.
    acknowledged: int = 0
    #: Messages marked as a possible repetition, and those of them that had been shown before.
    marked: int = 0
    repeated: int = 0
    promised: int = 0
    present: int = 0
    #: Acknowledged posts that restores took back: offered again and stored, or named to the client as gone, or refused and
    #: given up since. Clients that were told of a restore, and those that were not, counted once for each restore.
    taken_back: int = 0
    stored_again: int = 0
    named_gone: int = 0
    refused_since: int = 0
    told: int = 0
    not_told: int = 0
    findings: list[Finding] = field(default_factory=list)

    def count(self, fault: Fault) -> int:
        """Findings of this kind."""
        return sum(finding.fault is fault for finding in self.findings)
