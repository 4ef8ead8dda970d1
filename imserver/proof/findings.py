"""What can be wrong, and the report that says what was."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum


class Fault(StrEnum):
    """What can be wrong. The value is the first word of the line that says so."""

    LOST = "lost"
    DOUBLED = "doubled"
    OUT_OF_ORDER = "out of order"
    ALTERED = "altered"
    UNASKED = "stored unasked"  # posted by nobody, or given up
    REFUSED = "refused"  # a post that the client's outbox took, and that the server then did not want
    TRESPASS = "trespass"  # shown to, or posted by, somebody who was no member
    MISSING = "missing appointment"
    UNTOLD = "untold appointment"
    DOUBLE_BOOKED = "double-booked"
    STUCK = "stuck"  # somebody waited in vain
    BROKEN = "broken"  # a process ended by itself, a client gave up


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, in a sentence."""

    fault: Fault
    text: str

    def __str__(self) -> str:
        return f"{self.fault}: {self.text}"


#: Fault, what it is about (so that it is reported once), and the sentence.
Found = Iterable[tuple[Fault, str, str]]


@dataclass(slots=True)
class Report:
    """What was compared, and what was found."""

    #: Rows, and how often clients were shown one.
    messages: int = 0
    shown: int = 0
    #: Posts that clients were told are stored.
    acknowledged: int = 0
    #: Messages that came marked as a possible repetition, and those of them that had been shown before.
    marked: int = 0
    repeated: int = 0
    promised: int = 0
    present: int = 0
    findings: list[Finding] = field(default_factory=list)

    def count(self, fault: Fault) -> int:
        """How often this is wrong."""
        return sum(finding.fault is fault for finding in self.findings)
