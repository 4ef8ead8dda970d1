"""The client's rule for state that is no message (SPEC, "State"): what replaces what, and when to ask. No I/O, no clock.

A conversation counts the changes of its state: its modseq. Of each conversation the client knows

- `seen`: every value held is right as of this modseq. Only a push with `seen + 1`, or the last page of `changes`, raises it.
  -1: no more is known of the values than that they were shown (`doubt`).
- `top`: the highest modseq that rows, pushes and hints told. Above `seen`, something is missing.
- `met`: the highest modseq met at all, in pages and answers, too.

A value replaces another if and only if its modseq is higher, or that of the page which shows it. Shared and own value of an
item have a modseq each, for a push may say the shared one alone. A value of None is an empty one.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from enum import Enum
from typing import Final, Generic, Literal, TypeVar

V = TypeVar("V")

#: Above every modseq (the wire's integers end at 2^53 - 1), and below.
_NEVER: Final = 1 << 53
_DOUBTED: Final = -1


class Unsaid(Enum):
    """A push that says nothing about a user's own value."""

    UNSAID = "keep yours"


UNSAID: Final = Unsaid.UNSAID
#: An item as a push tells it, and as pages and `changes` show it (these never leave anything unsaid).
Told = tuple[int, V | None, V | Literal[Unsaid.UNSAID] | None]
#: An item of `changes`: position, modseq, shared and own value.
Row = tuple[int, int, V | None, V | None]


class Ranges:
    """A set of positions, as few ranges as possible: messages come one after another, and pages are runs."""

    __slots__ = ("_highs", "_lows")

    def __init__(self, ranges: Iterable[tuple[int, int]] = ()) -> None:
        self._lows: list[int] = []
        self._highs: list[int] = []
        for low, high in ranges:
            self.add(low, high)

    def add(self, low: int, high: int) -> bool:
        """Add `low..high`; True if any of them is new."""
        if low > high:
            return False
        first = bisect_left(self._highs, low - 1)
        behind = bisect_right(self._lows, high + 1)
        if first < behind:
            if self._lows[first] <= low and high <= self._highs[first]:
                return False
            low, high = min(low, self._lows[first]), max(high, self._highs[behind - 1])
        self._lows[first:behind] = [low]
        self._highs[first:behind] = [high]
        return True

    def cut(self, below: int) -> None:
        """Remove every position below this one."""
        gone = bisect_left(self._highs, below)
        del self._lows[:gone]
        del self._highs[:gone]
        if self._lows:
            self._lows[0] = max(self._lows[0], below)

    def cap(self, above: int) -> None:
        """Remove every position above this one."""
        self.remove(above + 1, _NEVER)

    def remove(self, low: int, high: int) -> None:
        """Remove `low..high`."""
        if low > high:
            return
        first = bisect_left(self._highs, low)
        behind = bisect_right(self._lows, high)
        if first >= behind:
            return
        left = [(self._lows[first], low - 1)] if self._lows[first] < low else []
        right = [(high + 1, self._highs[behind - 1])] if high < self._highs[behind - 1] else []
        self._lows[first:behind] = [one for one, _ in (*left, *right)]
        self._highs[first:behind] = [one for _, one in (*left, *right)]

    def join(self, most: int) -> None:
        """Keep at most so many ranges, by making one of the lowest: then there are positions in it that nobody added."""
        extra = len(self._lows) - most
        if extra > 0:
            del self._lows[1 : extra + 1]
            del self._highs[:extra]

    def shorten(self, most: int) -> int | None:
        """Keep the highest `most` ranges; returns the position below which nothing is left, None if nothing was removed."""
        if len(self._lows) <= most:
            return None
        below = self._lows[-most]
        self.cut(below)
        return below

    def clear(self) -> None:
        """Remove all."""
        self._lows.clear()
        self._highs.clear()

    def pairs(self) -> list[tuple[int, int]]:
        """The ranges, ascending, with both ends."""
        return list(zip(self._lows, self._highs, strict=True))

    def __contains__(self, position: int) -> bool:
        at = bisect_left(self._highs, position)
        return at < len(self._lows) and self._lows[at] <= position

    def __bool__(self) -> bool:
        return bool(self._lows)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Ranges) and self.pairs() == other.pairs()

    __hash__ = None  # type: ignore[assignment]


class Kept(Generic[V]):
    """The values of one item, and the modseq of each."""

    __slots__ = ("extra", "mine", "mine_modseq", "modseq")

    def __init__(
        self, modseq: int = 0, extra: V | None = None, mine_modseq: int = 0, mine: V | None = None
    ) -> None:
        self.modseq = modseq
        self.extra = extra
        self.mine_modseq = mine_modseq
        self.mine = mine


class Counted(Generic[V]):
    """A value that is told whole, with a counter of its own: settings, account. Gaps mean nothing, and no counter falls."""

    __slots__ = ("seq", "value")

    def __init__(self, seq: int = 0, value: V | None = None) -> None:
        self.seq = seq
        self.value = value

    def take(self, seq: int, value: V | None) -> bool:
        """Take the value over if it is newer; True if it was."""
        if seq <= self.seq:
            return False
        self.seq, self.value = seq, value
        return True

    def replace(self, seq: int, value: V | None) -> bool:
        """Take the value over whatever its counter: the one that is held may be of another history. True if it differs."""
        changed = value != self.value
        self.seq, self.value = seq, value
        return changed


class ConversationState(Generic[V]):
    """One conversation's state, as one device holds it."""

    __slots__ = (
        "_asking",
        "_base",
        "_goal",
        "_lost",
        "_news",
        "_next",
        "about",
        "former",
        "have",
        "held",
        "items",
        "met",
        "paging",
        "refused",
        "seen",
        "settings",
        "top",
        "unsaved",
    )

    def __init__(self, *, have: int = 0, seen: int = 0, top: int = 0) -> None:
        #: Messages up to here were handed on.
        self.have = have
        self.seen = seen
        self.top = top
        self.met = max(seen, top)
        #: Positions whose values the application may have: it got them as messages or in pages.
        self.held = Ranges()
        self.items: dict[int, Kept[V]] = {}
        self.about: Counted[V] = Counted()
        self.settings: Counted[V] = Counted()
        self.former = False
        #: The server said NOT_FOUND, and no row and no push came since it was asked: nothing is asked until one does.
        self.refused = False
        self._news = False
        #: Positions whose values changed or went since the store was brought up to date.
        self.unsaved: set[int] = set()
        #: Pages on their way.
        self.paging = 0
        self._asking = False
        #: Where the answer that is being read goes on; None between answers.
        self._next: int | None = None
        #: `seen` and `top` when it began.
        self._base = 0
        self._goal = 0
        #: Values up to this position went before their messages came; 0: none did.
        self._lost = 0

    # -- what the server tells unasked --------------------------------------------------------------------------------

    def told(self) -> None:
        """A row, or any push of the conversation: it can be asked again."""
        self.refused = False
        self._news = True

    def row(self, modseq: int, *, former: bool) -> None:
        """A row of `sync` or `conversations`."""
        self.told()
        self.former = former
        self._raise_top(modseq)

    def row_about(self, modseq: int, about: V | None) -> bool:
        """What a member's row says of the conversation; True if it replaces."""
        return self.about.take(modseq, about)

    def hint(self, modseq: int) -> None:
        """Something changed: a push without its items, or one that this client could not keep. Never moves `seen`."""
        self.told()
        self._raise_top(modseq)

    def push_items(self, modseq: int, items: Sequence[Told[V]]) -> list[int]:
        """One unit's items, maybe none that this user sees; returns the positions of held ones that changed."""
        self.told()
        changed = [told[0] for told in items if self._apply(modseq, *told)]
        self._heard(modseq)
        return changed

    def push_about(self, modseq: int, about: V | None) -> bool:
        """The conversation's own value; True if it replaces."""
        self.told()
        changed = self.about.take(modseq, about)
        self._heard(modseq)
        return changed

    # -- messages and what reads show ---------------------------------------------------------------------------------

    def message(self, position: int) -> None:
        """A message was handed on. A new one has no state; that of an older one came with its page, or is asked."""
        if position <= self._lost and position not in self.held:
            self.seen = min(self.seen, 0)
        self.held.add(position, position)
        self.have = max(self.have, position)

    def page(self, modseq: int, items: Sequence[tuple[int, V | None, V | None]]) -> list[int]:
        """A page's items, right as of its modseq. Older than `seen`, with items not held, it lowers `seen`."""
        self.met = max(self.met, modseq)
        fresh = [position for position, _, _ in items if self.held.add(position, position)]
        if fresh and modseq < self.seen:
            self.seen = modseq
        return [told[0] for told in items if self._apply(modseq, *told)]

    def answered_put(self, modseq: int, position: int, extra: V | None, mine: V | None) -> bool:
        """A put says how the item stands: a page of one item, which the application holds or not as before."""
        self.met = max(self.met, modseq)
        return self._apply(modseq, position, extra, mine)

    # -- asking -------------------------------------------------------------------------------------------------------

    def due(self) -> bool:
        """Whether to ask `changes`, if the conversation is shown. Without any item held there is nothing to catch up."""
        if not self.held:
            self.seen = max(self.seen, self.top)
        return self.top > self.seen and not (self.former or self.refused or self._asking)

    def ask(self) -> int:
        """The modseq after which to ask. One answer at a time, maybe of many pages."""
        self._asking = True
        self._news = False
        if self._next is None:
            self._base, self._goal = self.seen, self.top
            return max(self.seen, 0)
        return self._next

    def answer(self, rows: Sequence[Row[V]], upto: int, more: bool) -> tuple[list[int], bool]:
        """A page of `changes`. The last one raises `seen`, unless that was lowered since the first.

        Returns the positions of held items that changed, and whether the server was behind what is known: then the next
        question can wait.
        """
        self._asking = False
        self.met = max(self.met, upto)
        changed = [row[0] for row in rows if self._apply(row[1], row[0], row[2], row[3])]
        if self.seen < self._base:
            self._next = None
            return changed, False
        if more:
            self._next = upto
            return changed, False
        self._next = None
        self.seen = max(self.seen, upto)
        if self._base <= 0:
            self._lost = 0
        if self._base == _DOUBTED:
            changed += self._drop_doubted()
        return changed, upto < self._goal

    def refuse(self) -> None:
        """`changes` was refused: not a member, when it was read. A push since then says that one is again."""
        self._asking = False
        self._next = None
        self.refused = not self._news

    def session_lost(self) -> None:
        """What was asked is asked again from the beginning."""
        self.refused = self._asking = False
        self._next = None

    # -- letting go ---------------------------------------------------------------------------------------------------

    def cut(self, below: int) -> None:
        """Hold nothing below this position. Values above `have` stay: their messages have yet to come."""
        self.held.cut(below)
        for position in [one for one in self.items if one < below and self._may_go(one)]:
            self._drop(position)

    def forget_items(self) -> None:
        """Hold nothing any more, and let an answer that is being read not count."""
        self.held.clear()
        for position in [one for one in self.items if one <= self.have]:
            self._drop(position)
        self._next, self._base = None, _NEVER

    def recount(self) -> None:
        """Count all that is held as of 0: whatever is told next replaces it, and all is asked again."""
        self.seen = min(self.seen, 0)
        self.about.seq, self.settings.seq = min(self.about.seq, 0), 0
        self.top = self.met
        for kept in self.items.values():
            kept.modseq, kept.mine_modseq = min(kept.modseq, 0), min(kept.mine_modseq, 0)
        self._next, self._base = None, _NEVER

    def forget_unheld(self) -> None:
        """Too many values wait for their messages, or for a page: they go, and an answer that is being read does not count.
        What such a message shows has to be asked when it comes."""
        for position in [one for one in self.items if one not in self.held]:
            self._lost = max(self._lost, position)
            self._drop(position)
        self._next, self._base = None, _NEVER

    # -- the answer of `check` (SPEC, "When an older copy has come back"): `replace` comes last ------------------------

    def cap(self, above: int) -> None:
        """What stood above this position is gone: nothing of it is held, and `have` falls."""
        self.held.cap(above)
        self.have = min(self.have, above)
        self._lost = min(self._lost, above)
        for position in [one for one in self.items if one > above]:
            self._drop(position)
        self._next, self._base = None, _NEVER

    def discard(self, *, former: bool) -> list[int]:
        """No value is known to be right any more. A member asks all of them again from modseq 0; a former one, who cannot ask,
        holds nothing. Returns the positions of held items that showed something."""
        shown = [
            at
            for at, kept in self.items.items()
            if at in self.held and (kept.extra, kept.mine) != (None, None)
        ]
        for position in list(self.items):
            self._drop(position)
        self.about.replace(_DOUBTED, None)
        self.seen = self.top = self.met = self._lost = 0
        self._next, self._base = None, _NEVER
        if former:
            self.held.clear()
        return shown

    def doubt(self) -> None:
        """Some values may be wrong, and nothing says which, nor that any is. What the application was shown stays, as of no
        time: whatever is told next replaces it, and who is a member asks all of it from modseq 0."""
        for position, kept in list(self.items.items()):
            if position in self.held:
                kept.modseq = kept.mine_modseq = _DOUBTED
                self.unsaved.add(position)
            else:
                self._drop(position)
        self.seen, self.top, self.met, self._lost = _DOUBTED, 0, 0, 0
        self._next, self._base = None, _NEVER

    def replace(
        self, modseq: int, about: V | None, settings_seq: int, settings: V | None, *, former: bool
    ) -> None:
        """The row, whatever was known: there is more up to this modseq, and not above it. A former member's says nothing of
        `about`: what was shown stays, if the values are as they were or doubted, until any other row tells."""
        self.told()
        self.former = former
        self.seen = min(self.seen, modseq)
        self.top = self.met = modseq
        if former:
            self.about.seq = _DOUBTED
        else:
            self.about.replace(modseq, about)
        self.settings.replace(settings_seq, settings)

    # -- within -------------------------------------------------------------------------------------------------------

    def _drop(self, position: int) -> None:
        del self.items[position]
        self.unsaved.add(position)

    def _drop_doubted(self) -> list[int]:
        """All values were told: the others are none of this history. Returns the positions of held items that changed."""
        changed = []
        for position, kept in list(self.items.items()):
            if kept.modseq == _DOUBTED:
                self._drop(position)
                if (kept.extra, kept.mine) != (None, None):
                    changed.append(position)
            elif kept.mine_modseq == _DOUBTED:
                if kept.mine is not None:
                    changed.append(position)
                kept.mine_modseq, kept.mine = 0, None
                self.unsaved.add(position)
        return changed

    def _may_go(self, position: int) -> bool:
        return position not in self.held and position <= self.have and not self.paging

    # -- the rules ----------------------------------------------------------------------------------------------------

    def _raise_top(self, modseq: int) -> None:
        self.top = max(self.top, modseq)
        self.met = max(self.met, modseq)

    def _heard(self, modseq: int) -> None:
        """A push was taken in, whole."""
        self._raise_top(modseq)
        if modseq == self.seen + 1:
            self.seen = modseq

    def _apply(
        self, modseq: int, position: int, extra: V | None, mine: V | Literal[Unsaid.UNSAID] | None
    ) -> bool:
        """Take over what is newer; True if a held item shows something else now."""
        kept = self.items.get(position)
        if kept is None:
            if modseq == 0:
                return False  # nothing is kept of what never had a state
            kept = self.items[position] = Kept()
        changed = False
        if modseq > kept.modseq:
            changed = extra != kept.extra
            kept.modseq, kept.extra = modseq, extra
            self.unsaved.add(position)
        if mine is not UNSAID and modseq > kept.mine_modseq:
            changed = changed or mine != kept.mine
            kept.mine_modseq, kept.mine = modseq, mine
            self.unsaved.add(position)
        if position in self.held:
            return changed
        if self._may_go(position):
            self._drop(position)
        return False
