"""The last answer to `x-booking.changes` of each shop. Every screen of its staff asks ten times a second, and the answer is the
same for all of them."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from imserver.plugins.booking.schedule.asked_by_staff import LATEST, Changes

from .chains import Served
from .inbox import Desk, changes_of, standing

#: So long (ms) an answer is good though nothing was written: what is coming passes by time alone.
KEPT_MS = 1_000


@dataclass(frozen=True, slots=True)
class _Kept:
    #: Who was of the staff, for whoever has taken a conversation is named as long as they are.
    staff: frozenset[str]
    served: Served
    changes: Changes


class KeptChanges:
    """One answer for each shop of the chain. Threads of the store ask beside each other: what two of them make at once is the
    same, and one that reads an older snapshot finds another number in it."""

    def __init__(self) -> None:
        self._kept: dict[str, _Kept] = {}

    def of(self, desk: Desk) -> Changes:
        """The answer for the snapshot of `desk`: every change of an inbox has a number or makes another edition of it."""
        rows, shop, served = desk.shown.rows, desk.shown.shop, desk.shown.served
        edition, numbers = standing(rows, shop.id, LATEST + 1)
        kept, staff = self._kept.get(shop.id), frozenset(desk.staff)
        if (
            kept is not None
            and kept.served is served
            and kept.staff == staff
            and (kept.changes.edition, kept.changes.number) == (edition, max(numbers, default=0))
            and 0 <= rows.now_ms - kept.changes.as_of < KEPT_MS
        ):
            return msgspec.structs.replace(kept.changes, as_of=rows.now_ms)
        changes = changes_of(desk, edition, numbers)
        self._kept[shop.id] = _Kept(staff, served, changes)
        return changes
