"""Snapshots of long lists that a reader keeps while a client pages through them: a page costs its own rows, not the list.

No index could do this for conversations: a post moves its conversation in the list of every member, and would have to update
each. So the first page orders the list once, and its numbers are kept for the pages behind it.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Hashable, Iterable
from typing import Generic, NamedTuple, TypeAlias, TypeVar

#: Conversations in all lists that one reader keeps, and in one list at the most; 16 bytes each, a list by itself 600.
MAX_LISTED = 500_000
LIST_SIZE = 40
#: Members in all lists that one reader keeps; about 100 bytes each, a list by itself 600.
MAX_LISTED_MEMBERS = 100_000
ROSTER_SIZE = 6

V = TypeVar("V")

#: Change and tie of a row of `sync`.
Row: TypeAlias = tuple[int, int]
#: Ties of what one has by a row are above it: no change is.
OWN_TIE = 1 << 62


class ListSnapshot(NamedTuple):
    """All conversations of a user whose change is in `above + 1 … upto`, in the order of their changes, as of one snapshot.

    Changes only rise. A conversation that changes later rises above `head`, the last change of that snapshot: so in a later
    snapshot this list may name too many, and each is checked again, but it never lacks one.
    """

    above: int
    upto: int
    head: int
    changes: array[int]
    numbers: array[int]

    def falling(self, below: int, count: int) -> Iterable[dict[int, int]]:
        """Conversation number -> change, from the last change below `below` down, `count` at a time."""
        for end in range(bisect_left(self.changes, below), 0, -count):
            first = max(0, end - count)
            yield dict(zip(reversed(self.numbers[first:end]), reversed(self.changes[first:end]), strict=True))


class TiedSnapshot(NamedTuple):
    """The same for `sync`, in the order of change and tie: all rows behind `above`, up to `upto`.

    What one has by a row comes with its last change, or that of leaving the team if one was in it longer; the tie is `OWN_TIE`
    and the conversation's number. What one has through a team comes with the change of joining, if its own last change is
    before that, and this is the tie. What changes rises above `head`.
    """

    above: Row
    upto: Row
    head: int
    changes: array[int]
    #: None if one has all by rows: these ties follow from the numbers, which rise where changes are the same.
    ties: array[int] | None
    numbers: array[int]

    def rising(self, after: Row, count: int) -> Iterable[dict[int, int]]:
        """Conversation number -> its own last change, from the first row behind `after` on, `count` at a time."""
        change, tie = after
        changes, ties, numbers = self.changes, self.ties, self.numbers
        equal = bisect_left(changes, change), bisect_right(changes, change)
        if ties is None:
            for first in range(bisect_right(numbers, tie - OWN_TIE, *equal), len(numbers), count):
                yield dict(zip(numbers[first : first + count], changes[first : first + count], strict=True))
            return
        for first in range(bisect_right(ties, tie, *equal), len(numbers), count):
            some = range(first, min(first + count, len(numbers)))
            yield {numbers[at]: changes[at] if ties[at] >= OWN_TIE else ties[at] for at in some}


def list_snapshot(above: int, upto: int, head: int, rows: Iterable[tuple[int, int]]) -> ListSnapshot:
    """Make a snapshot of rows `(change, number)`, rising."""
    changes, numbers = array("q"), array("q")
    for change, number in rows:
        changes.append(change)
        numbers.append(number)
    return ListSnapshot(above, upto, head, changes, numbers)


def own_snapshot(above: Row, upto: Row, head: int, rows: Iterable[tuple[int, int]]) -> TiedSnapshot:
    """Make a snapshot of rows `(change, number)`, rising: one has all of them by rows."""
    listed = list_snapshot(0, 0, head, rows)
    return TiedSnapshot(above, upto, head, listed.changes, None, listed.numbers)


def tied_snapshot(above: Row, upto: Row, head: int, rows: Iterable[tuple[int, int, int]]) -> TiedSnapshot:
    """Make a snapshot of rows `(change, tie, number)`, rising."""
    changes, ties, numbers = array("q"), array("q"), array("q")
    for change, tie, number in rows:
        changes.append(change)
        ties.append(tie)
        numbers.append(number)
    return TiedSnapshot(above, upto, head, changes, ties, numbers)


class LruCache(Generic[V]):
    """Keeps values of different sizes, in all not more than `max_size`; drops the least recently used.

    `own_size` is an entry's size beside its value: very many short lists take room, too.
    """

    def __init__(self, max_size: int, own_size: int) -> None:
        self._max_size = max_size
        self._own_size = own_size
        self._size = 0
        self._values: OrderedDict[Hashable, tuple[int, V]] = OrderedDict()

    def get(self, key: Hashable) -> V | None:
        found = self._values.get(key)
        if found is None:
            return None
        self._values.move_to_end(key)
        return found[1]

    def put(self, key: Hashable, value: V, size: int) -> None:
        """Store a value, in place of the key's old one."""
        self.drop(key)
        size += self._own_size
        self._values[key] = (size, value)
        self._size += size
        while self._size > self._max_size:
            self._size -= self._values.popitem(last=False)[1][0]

    def drop(self, key: Hashable) -> None:
        old = self._values.pop(key, None)
        if old is not None:
            self._size -= old[0]
