"""The chain in effect for whoever reads beside the handlers of messages: that of the snapshot that is read."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from imserver.plugins.booking.messages.texts import Catalogue
from imserver.plugins.booking.schedule import changes
from imserver.plugins.booking.schedule.changes import ChainFile
from imserver.plugins.booking.schedule.shops import Chain
from imserver.plugins.booking.schedule.slots import Query

#: Chains that are kept: that of now, and those of snapshots that are read just then.
MAX_KEPT = 4
REVISION = "SELECT COALESCE(MAX(revision), 0) FROM booking_chain"


@dataclass(frozen=True, slots=True)
class Served:
    """A chain, and the texts of its shops."""

    chain: Chain
    catalogue: Catalogue


class Chains:
    """The chain of a snapshot, made once for each revision. Threads of the store ask beside each other: what two of them make
    at once is the same."""

    def __init__(self, file: Callable[[], ChainFile]) -> None:
        self._file = file
        self._kept: OrderedDict[tuple[int, int], tuple[ChainFile, Served]] = OrderedDict()

    def of(self, query: Query) -> Served:
        """As `query`, one snapshot, has it."""
        ((revision,),) = query(REVISION)
        return self.known(revision) or self.keep(revision, query(changes.SELECT))

    def known(self, revision: int) -> Served | None:
        """That of a revision, if it was made already."""
        file = self._file()
        kept = self._kept.get((id(file), revision))
        return kept[1] if kept is not None and kept[0] is file else None

    def keep(self, revision: int, standing: Iterable[Sequence[Any]]) -> Served:
        """That of a revision: the file, with the rows of `changes.SELECT`, of this snapshot or a later one, laid over it."""
        file = self._file()
        chain = changes.lay_over(file, changes.changes_of(standing), revision).chain
        served = Served(chain, Catalogue(chain))
        self._kept[id(file), revision] = (file, served)
        while len(self._kept) > MAX_KEPT:
            self._kept.popitem(last=False)
        return served
