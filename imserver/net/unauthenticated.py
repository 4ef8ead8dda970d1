"""Unauthenticated connections: those that have shown no valid token yet, and which of them goes when there are too many."""

from __future__ import annotations

from collections import OrderedDict

from imserver.net.transport import Accepted

#: Connections that count together: their address; the connection itself if it has none.
Group = str | Accepted


class Unauthenticated:
    """Connections in order of coming, in groups: one for each address that counts as one.

    Of the largest group the oldest goes first. So a crowd from one address costs nobody a place but itself, and within it
    whoever shows a token soon is safe: he is never the oldest of many.
    """

    def __init__(self) -> None:
        self._group_of: dict[Accepted, Group] = {}
        self._groups: dict[Group, OrderedDict[Accepted, None]] = {}
        # Groups by their size, so that the largest is found at once: a flood asks at every accept.
        self._of_size: dict[int, OrderedDict[Group, None]] = {}
        self._largest = 0

    def __len__(self) -> int:
        return len(self._group_of)

    def __contains__(self, accepted: Accepted) -> bool:
        return accepted in self._group_of

    def add(self, accepted: Accepted, group: Group) -> None:
        """A new connection, the youngest of its group. It is in none yet."""
        self._group_of[accepted] = group
        members = self._groups.setdefault(group, OrderedDict())
        members[accepted] = None
        self._sized(group, len(members) - 1, len(members))

    def discard(self, accepted: Accepted) -> None:
        """The connection has shown its token, or is gone. One that is not here is no mistake."""
        group = self._group_of.pop(accepted, None)
        if group is None:
            return
        members = self._groups[group]
        del members[accepted]
        if not members:
            del self._groups[group]
        self._sized(group, len(members) + 1, len(members))

    def take_oldest(self) -> Accepted:
        """Remove and return the oldest of the largest group; of groups of one size, of that which has been so large for the
        longest. Raises KeyError if there is nobody."""
        group = next(iter(self._of_size[self._largest]))
        oldest = next(iter(self._groups[group]))
        self.discard(oldest)
        return oldest

    def _sized(self, group: Group, before: int, size: int) -> None:
        if before:
            of_size = self._of_size[before]
            del of_size[group]
            if not of_size:
                del self._of_size[before]
        if size:
            self._of_size.setdefault(size, OrderedDict())[group] = None
        # Sizes change by one: if the largest group shrank and was alone, the largest size is one less.
        if size > self._largest or (before == self._largest and before not in self._of_size):
            self._largest = size
