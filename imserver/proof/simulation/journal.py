"""The journal of a run: a digest of all events in order, the last lines for people, and counts for the report."""

from __future__ import annotations

import hashlib
from collections import Counter, deque
from collections.abc import Callable
from enum import IntEnum
from typing import Any

#: Lines kept when not everything is.
LAST_LINES = 60


class Journal:
    """Records events. `whole` keeps every line."""

    def __init__(self, time: Callable[[], float], *, whole: bool = False) -> None:
        self._time = time
        self._digest = hashlib.blake2b(digest_size=16)
        self._lines: deque[tuple[float, str, tuple[Any, ...]]] = deque(maxlen=None if whole else LAST_LINES)
        #: Faults, and other figures that the report adds up over all seeds.
        self.counts: Counter[str] = Counter()
        #: The largest value of each figure that the report shows as a maximum.
        self.most: Counter[str] = Counter()
        #: Rows of the transition tables that were used.
        self.rows: Counter[tuple[type, int, int]] = Counter()
        #: Findings, in the order of their discovery.
        self.findings: list[str] = []

    def note(self, what: str, *facts: Any) -> None:
        """One line."""
        now = self._time()
        self._digest.update(f"{now!r} {what} {facts!r}\n".encode())
        self._lines.append((now, what, facts))

    def bytes(self, what: str, data: bytes) -> None:
        """Bytes that moved: in the digest, and their number in a line."""
        now, size = self._time(), len(data)
        digest = self._digest.update
        digest(f"{now!r} {what} {size} ".encode())
        digest(data)
        self._lines.append((now, what, (size,)))

    def row(self, state: IntEnum, given: IntEnum) -> None:
        """A row of a transition table was used."""
        self.rows[type(state), state, given] += 1

    def fault(self, kind: str, *facts: Any) -> None:
        """Record a fault done to the system."""
        self.counts[kind] += 1
        self.note(f"fault: {kind}", *facts)

    def finding(self, text: str) -> None:
        """Record a finding."""
        if text not in self.findings:
            self.findings.append(text)
            self.note("FINDING", text)

    def raise_to(self, name: str, value: int) -> None:
        """Remember the largest."""
        if value > self.most[name]:
            self.most[name] = value

    @property
    def digest(self) -> str:
        """The digest of all notes."""
        return self._digest.hexdigest()

    def lines(self) -> list[str]:
        """As text, oldest first."""
        return [
            f"{at:12.6f}  {what}  {' '.join(map(str, facts))}".rstrip() for at, what, facts in self._lines
        ]
