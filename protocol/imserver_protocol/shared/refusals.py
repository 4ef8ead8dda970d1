"""Refusal codes: why a request is refused, and whether offering it again helps (SPEC, "Refusals")."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

#: Offer the same key again; also for codes of this range that a newer server may send.
RETRYABLE: Final = range(700, 800)


class RefusalCode(IntEnum):
    """Codes of REFUSAL.

    600-699 are final and mean *not stored*; 700-799 are retryable and never mean that.
    """

    INVALID = 600
    UNKNOWN_METHOD = 601
    FORBIDDEN = 602
    NOT_FOUND = 603
    KEY_REUSED = 604
    CONFLICT = 605
    TOO_LARGE = 606
    GONE = 607
    EPOCH_CHANGED = 608
    QUOTA = 609

    RATE_LIMITED = 700
    HELD = 701
    STORE_FULL = 702
    OVERLOADED = 703
    INTERNAL = 704
    OUTCOME_UNKNOWN = 705

    @property
    def retryable(self) -> bool:
        """True if offering the same key again may succeed."""
        return self in RETRYABLE
