"""Which patterns a text can match at all: of the strings that each one needs (`needs`) a text holds few.

There are hundreds of patterns, so most need not be tried. A text is looked through once for all of them, and every stage of a
reading asks what was found then (benchmark `reading`).
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from operator import add
from threading import Lock
from typing import Final

from .alternatives import few
from .deferred import leave_waiting
from .needs import ALWAYS, CUTS, MAX_GRAM, Grams, needed, needs_of, parts
from .text import Sheet

#: Texts of which it is kept what they can match: of one, several ask one after the other.
_MAX_KEPT: Final = 8

Possible = Mapping[object, Sequence[int]]
"""What a text can match, ascending: by what a pattern is made of the numbers of its alternatives, and by the key of a sieve
the places of its patterns."""


class Asked:
    """What texts were asked about so far, by the strings that it needs: so what a text can match is found in one go, and not
    one by one. The alternatives of a pattern have numbers in a row, and so have the patterns of a sieve."""

    def __init__(self) -> None:
        #: By pattern, the number of its first alternative. Another table whenever there are more.
        self.first: Mapping[str, int] = {}
        self._sieves: dict[tuple[tuple[str, int], ...], tuple[object, int]] = {}
        #: How many alternatives and patterns are known.
        self.count = 0
        #: By string, who needs it: mostly one.
        self._needing: dict[str, int | tuple[int, ...]] = {}
        self._always: list[int] = []
        #: Of each number the pattern or the sieve, and what stands for the number there.
        self._of: list[tuple[object, int]] = []
        #: What is searched for; None for a whole pattern.
        self._patterns: list[str | re.Pattern[str] | None] = []
        self._adding = Lock()
        #: What a text can match, of the first so many. What is left of it when some of it was taken can match nothing else.
        self.possible: Callable[[str, int], Possible] = lru_cache(_MAX_KEPT)(self._look)

    def add(self, pattern: re.Pattern[str], *, whole: bool = False) -> int:
        """Know a pattern from now on. `whole`: its alternatives are not tried without each other. Returns the first one's
        number."""
        name = pattern.pattern
        if name in self.first:
            return self.first[name]
        each = (needed(name, pattern.flags),) if whole else needs_of(name, pattern.flags)
        ones = parts(name, pattern.flags) if len(each) > 1 else (None,)
        if len(ones) > 1:
            leave_waiting(pattern)
        with self._adding:
            if name in self.first:  # another thread was first
                return self.first[name]
            first = self.count
            self._of += [(name, number) for number in range(first, first + len(ones))]
            self._know(each, ones)
            self.first = {**self.first, name: first}
        return first

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
                self._of += [(key, place) for place in range(len(each))]
                self._know(each, [None] * len(each))
                self._sieves[names] = key, first
        return self._sieves[names]

    def _know(self, each: Sequence[Grams], ones: Sequence[str | None]) -> None:
        for number, needs in enumerate(each, self.count):
            self._needs(number, needs)
        self._patterns += ones
        self.count += len(ones)

    def _needs(self, number: int, needs: Grams) -> None:
        if needs & ALWAYS:
            self._always.append(number)
            return
        for gram in needs:
            others = self._needing.get(gram)
            if others is None:
                self._needing[gram] = number
            else:
                self._needing[gram] = (*(others if isinstance(others, tuple) else (others,)), number)

    def _look(self, text: str, count: int) -> Possible:
        with self._adding:  # a pattern is known with all its alternatives, or not at all
            numbers = set(self._always)
            needing = self._needing
            for piece in CUTS.split(text):
                longer = list(piece)
                for size in range(1, min(MAX_GRAM, len(piece)) + 1):
                    for gram in needing.keys() & longer:
                        who = needing[gram]
                        if isinstance(who, tuple):
                            numbers.update(who)
                        else:
                            numbers.add(who)
                    longer = list(map(add, longer, piece[size:]))
            found: dict[object, list[int]] = {}
            for number in sorted(numbers):
                if number >= count:
                    break
                of, place = self._of[number]
                found.setdefault(of, []).append(place)
        return found

    def narrowed(self, pattern: re.Pattern[str], numbers: Sequence[int]) -> re.Pattern[str]:
        """What finds what those alternatives of a pattern do."""
        ones: list[re.Pattern[str]] = []
        for number in numbers:
            one = self._patterns[number]
            if one is None:
                return pattern
            if isinstance(one, str):  # most of the thousands no text ever needs
                one = self._patterns[number] = re.compile(one)
            ones.append(one)
        return ones[0] if len(ones) == 1 else few(ones)


_ASKED: Final = Asked()


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
        self.newest = max((_ASKED.add(one) for one in self.patterns), default=-1)


class TextGrams:
    """What of the patterns a text can match, or what is left of it when some of it was taken.

    possible: of the patterns that are known, those that it can match.  known: these patterns.
    """

    __slots__ = ("_count", "_narrowed", "_text", "known", "possible")

    def __init__(self, text: str) -> None:
        self._text = text
        self._narrowed: dict[str, re.Pattern[str]] = {}
        self.known = _ASKED.first
        self._count = _ASKED.count
        self.possible = _ASKED.possible(text, self._count)

    def renew(self) -> None:
        """Look the text through again, for patterns that nobody had asked about."""
        self.known = _ASKED.first
        self._count = _ASKED.count
        self.possible = _ASKED.possible(self._text, self._count)

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
            _ASKED.add(pattern)
            self.renew()
        numbers = self.possible.get(name)
        if numbers is None:
            return None
        found = self._narrowed[name] = _ASKED.narrowed(pattern, numbers)
        return found

    def passed(self, sieve: Sieve) -> Sequence[int]:
        """The places of those patterns of a sieve that it can match, ascending."""
        if sieve.newest >= self._count:
            sieve.ask()
            self.renew()
        return self.possible.get(sieve.key, ())


class Sieve:
    """Patterns that are tried one after the other, each as a whole.

    key: stands for them where it is said what a text can match.  newest: the number of one of them, once texts are asked.
    """

    __slots__ = ("_patterns", "key", "newest")

    def __init__(self, patterns: Iterable[re.Pattern[str]]) -> None:
        self._patterns = tuple(patterns)
        self.key: object = None
        self.newest = sys.maxsize

    def ask(self) -> None:
        """From now on every text is asked about them."""
        self.key, self.newest = _ASKED.add_sieve(self._patterns)

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
    if pattern.pattern not in _ASKED.first:
        _ASKED.add(pattern, whole=True)
    return pattern.pattern in _ASKED.possible(text, _ASKED.count)
