"""A lineage between two sessions: rows, what is dirty at the first, and what is asked at the second."""

from __future__ import annotations

from imserver_client.core.lineage import Lineage
from imserver_protocol.methods.check import Known
from imserver_protocol.methods.sync import SyncRow

KEY, OTHER_KEY = b"k" * 16, b"o" * 16


def row(name: str = "c", head: int = 9, *, left: int | None = None, team: str | None = None) -> SyncRow:
    return SyncRow(name, "group", "", head, 1, left, "member", 0, 0, {}, (), {}, 0, team, 0)


def opened(*dirty: str, place: str = "p1") -> Lineage:
    """In a session whose sync was answered, and in which these moved."""
    lineage = Lineage()
    lineage.begin(place, since="s1", followed=True)
    lineage.sync_asked()
    lineage.sync_answered(more=False)
    for name in dirty:
        lineage.moved(name)
    return lineage


def again(lineage: Lineage, place: str = "p2", known: tuple[int, int] = (9, 0)) -> list[Known] | None:
    """A fresh session, and its first question."""
    lineage.begin(place, since="s1", followed=True)
    return lineage.question(lambda name: known)
