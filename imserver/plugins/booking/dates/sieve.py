"""Which patterns a text can match at all: of the strings that each one needs (`needs`) a text holds few.

There are hundreds of patterns, so most need not be tried. A text is looked through once for all of them, and every stage of a
reading asks what was found then (benchmark `reading`).
"""

from __future__ import annotations

import re
import sys
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import lru_cache
from operator import add
from threading import Lock
from typing import Final

from .alternatives import few
from .deferred import leave_waiting
from .needs import ALWAYS, CUTS, Grams, needed, needs_of, parts
from .text import Sheet

#: Texts of which it is kept what they can match: of one, several ask one after the other.
_MAX_KEPT: Final = 8


class Possible:
    """What a text can match.

    owners: what patterns are made of, and the keys of sieves.  numbers: of their alternatives, ascending.
    """

    __slots__ = ("numbers", "owners")

    def __init__(self, owners: AbstractSet[object], numbers: Sequence[int]) -> None:
        self.owners = owners
        self.numbers = numbers

    def within(self, first: int, end: int) -> Sequence[int]:
        """Those of the numbers from `first` up to, not including, `end`."""
        return self.numbers[bisect_left(self.numbers, first) : bisect_left(self.numbers, end)]


class _Alternatives(dict[int, re.Pattern[str]]):
    """What is searched for, by number: an alternative is compiled when a text first needs it, as most never are."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting: dict[int, str] = {}

    def __missing__(self, number: int) -> re.Pattern[str]:
        text = self.waiting.get(number)
        if text is None:
            return self[number]  # another thread was first
        one = self[number] = re.compile(text)
        self.waiting.pop(number, None)
        return one


class Asked:
    """What texts were asked about so far, by the strings that it needs: so what a text can match is found in one go, and not
    one by one. The alternatives of a pattern have numbers in a row, and so have the patterns of a sieve."""

    def __init__(self) -> None:
        #: By pattern, the number of its first alternative, and the one behind its last. Another table whenever there are more.
        self.known: Mapping[str, tuple[int, int]] = {}
        self._sieves: dict[tuple[tuple[str, int], ...], tuple[object, int]] = {}
        #: How many alternatives and patterns are known.
        self.count = 0
        #: By string, who needs it: mostly one.
        self._needing: dict[str, tuple[int, ...]] = {}
        self._always: set[int] = set()
        #: Of each number the pattern or the key of the sieve.
        self._owners: list[object] = []
        self._alternatives = _Alternatives()
        self._adding = Lock()
        #: What a text can match, of the first so many. What is left of it when some of it was taken can match nothing else.
        self.possible: Callable[[str, int], Possible] = lru_cache(_MAX_KEPT)(self._look)

    def add(self, pattern: re.Pattern[str], *, whole: bool = False) -> tuple[int, int]:
        """Know a pattern from now on. `whole`: its alternatives are not tried without each other. Returns the number of the
        first one, and the one behind the last."""
        name = pattern.pattern
        if name in self.known:
            return self.known[name]
        each = (needed(name, pattern.flags),) if whole else needs_of(name, pattern.flags)
        ones = parts(name, pattern.flags) if len(each) > 1 else ()
        if ones:
            leave_waiting(pattern)
        with self._adding:
            if name in self.known:  # another thread was first
                return self.known[name]
            first = self.count
            if ones:
                self._alternatives.waiting.update(enumerate(ones, first))
            else:
                self._alternatives[first] = pattern
            self._know(each, name)
            self.known = {**self.known, name: (first, self.count)}
        return self.known[name]

    def add_sieve(self, patterns: Sequence[re.Pattern[str]]) -> tuple[object, int]:
        """Know the patterns of a sieve from now on. Returns what stands for it, the same for the same patterns, and the first
        one's number."""
        names = tuple((one.pattern, one.flags) for one in patterns)
        if names in self._sieves:
            return self._sieves[names]
        each = [needed(*one) for one in names]
        with self._adding:
            if names not in self._sieves:
                key, first = object(), self.count
                self._know(each, key)
                self._sieves[names] = key, first
        return self._sieves[names]

    def _know(self, each: Sequence[Grams], owner: object) -> None:
        for needs in each:
            alone = (self.count,)
            if needs & ALWAYS:
                self._always.add(self.count)
            else:
                for gram in needs:
                    self._needing[gram] = self._needing.get(gram, ()) + alone
            self._owners.append(owner)
            self.count += 1

    def _look(self, text: str, count: int) -> Possible:
        return self.among(strings_of(text), count)

    def among(self, strings: Iterable[str], count: int) -> Possible:
        """What a text with these strings can match, of the first so many."""
        with self._adding:  # a pattern is known with all its alternatives, or not at all
            numbers = self._always.union(*filter(None, map(self._needing.get, strings)))
        ordered = sorted(numbers)
        if ordered and ordered[-1] >= count:
            ordered = ordered[: bisect_left(ordered, count)]
        return Possible(set(map(self._owners.__getitem__, ordered)), ordered)

    def narrowed(self, numbers: Iterable[int]) -> re.Pattern[str]:
        """What finds what those alternatives of a pattern do."""
        ones = list(map(self._alternatives.__getitem__, numbers))
        return ones[0] if len(ones) == 1 else few(ones)


_ASKED: Final = Asked()


def strings_of(text: str) -> set[str]:
    """The strings of a text that a pattern may need: none goes over a mark."""
    found: set[str] = set()
    for piece in CUTS.split(text) if CUTS.search(text) else (text,):
        twos = list(map(add, piece, piece[1:]))
        found.update(piece, twos, map(add, twos, piece[2:]), map(add, twos, twos[2:]))
    return found


class Several:
    """Patterns that stages of a reading try one behind the other: most texts can match none of them, which is seen at once.

    patterns: these.  names: what they are made of.  newest: the number of the one that texts were asked about last.
    """

    __slots__ = ("names", "newest", "patterns")

    def __init__(self, patterns: Iterable[re.Pattern[str]]) -> None:
        self.patterns = tuple(patterns)
        self.names = frozenset(one.pattern for one in self.patterns)
        self.newest = sys.maxsize

    def ask(self) -> None:
        """From now on every text is asked about them."""
        self.newest = max((_ASKED.add(one)[1] - 1 for one in self.patterns), default=-1)


class TextGrams:
    """What of the patterns a text can match, or what is left of it when some of it was taken.

    possible: what its patterns are made of, of those that are known.  known: these patterns.
    """

    __slots__ = ("_asked", "_count", "_found", "_narrowed", "_strings", "_text", "known", "possible")

    def __init__(self, text: str, asked: Asked = _ASKED, strings: Iterable[str] | None = None) -> None:
        """`strings`: those of the text, if somebody has them."""
        self._text = text
        self._strings = strings
        self._asked = asked
        self._narrowed: dict[str, re.Pattern[str]] = {}
        self.renew()

    def renew(self) -> None:
        """Look the text through, again where there are patterns that nobody had asked about."""
        self.known = self._asked.known
        self._count = self._asked.count
        if self._strings is None:
            self._found = self._asked.possible(self._text, self._count)
        else:
            self._found = self._asked.among(self._strings, self._count)
        self.possible = self._found.owners

    def holds_any(self, several: Several) -> bool:
        """Whether it can match one of these patterns."""
        if several.newest >= self._count:
            several.ask()
            self.renew()
        return not several.names.isdisjoint(self.possible)

    def among(self, several: Several) -> Sequence[re.Pattern[str]]:
        """Those of these patterns that it can match, in their order."""
        if not self.holds_any(several):
            return ()
        possible = self.possible
        return [one for one in several.patterns if one.pattern in possible]

    def narrowed(self, pattern: re.Pattern[str]) -> re.Pattern[str] | None:
        """What finds there all that the pattern does; None if it finds nothing."""
        name = pattern.pattern
        found = self._narrowed.get(name)
        if found is not None:
            return found
        if name not in self.known:
            self._asked.add(pattern)
            self.renew()
        if name not in self.possible:
            return None
        found = self._narrowed[name] = self._asked.narrowed(self._found.within(*self.known[name]))
        return found

    def passed(self, sieve: Sieve) -> Sequence[int]:
        """The places of those patterns of a sieve that it can match, ascending."""
        if sieve.end > self._count:
            sieve.ask()
            self.renew()
        if sieve.key not in self.possible:
            return ()
        first = sieve.first
        return [number - first for number in self._found.within(first, sieve.end)]


class Sieve:
    """Patterns that are tried one after the other, each as a whole.

    key: stands for them where it is said what a text can match.  first, end: once texts are asked, the number of the first one,
    and the one behind the last.
    """

    __slots__ = ("_asked", "_patterns", "end", "first", "key")

    def __init__(self, patterns: Iterable[re.Pattern[str]], asked: Asked = _ASKED) -> None:
        self._asked = asked
        self._patterns = tuple(patterns)
        self.key: object = None
        self.first = 0
        self.end = sys.maxsize

    def ask(self) -> None:
        """From now on every text is asked about them."""
        self.key, self.first = self._asked.add_sieve(self._patterns)
        self.end = self.first + len(self._patterns)

    def search(self, sheet: Sheet) -> re.Match[str] | None:
        """The first match of them on a sheet; of two that begin at one place, that of the earlier pattern."""
        passed = grams_on(sheet).passed(self)
        return few([self._patterns[number] for number in passed]).search(sheet.text) if passed else None


def grams_on(sheet: Sheet) -> TextGrams:
    """What a sheet can match, looked through once: what was blanked out since counts as if it stood there still."""
    grams: TextGrams | None = sheet.grams
    if grams is None:
        grams = sheet.grams = TextGrams(sheet.text)
    return grams


def can_match(pattern: re.Pattern[str], text: str) -> bool:
    """Whether the pattern can match a text, or what is left of it when some of it was taken."""
    if pattern.pattern not in _ASKED.known:
        _ASKED.add(pattern, whole=True)
    return pattern.pattern in _ASKED.possible(text, _ASKED.count).owners
