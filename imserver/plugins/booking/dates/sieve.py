"""Which patterns a text can match at all: each has short strings of which every match holds one, itself or looked at beside it.

There are hundreds of patterns and few strings in a text, so most patterns need not be tried. The strings are read off a pattern
as `re` itself parses it; of what is not known there nothing is concluded, and the pattern is tried.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache, lru_cache
from importlib import import_module, resources
from math import fsum, prod
from operator import add
from threading import Lock
from typing import Any, Final, NamedTuple

from .alternatives import alternatives, few
from .deferred import leave_waiting
from .text import MARKS, Sheet

Grams = frozenset[str]
"""Strings of one to six characters."""

ALWAYS: Final[Grams] = frozenset(MARKS)
"""Marks appear while a text is read, so every text counts as having them."""


def _parser() -> Any:
    """The parser of `re`; None with a Python that keeps it elsewhere: then everything is tried."""
    try:
        return import_module("re._parser")
    except ImportError:
        return None


_PARSER: Final = _parser()
_REPEATS: Final = frozenset({"MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"})
_WIDEST: Final = 40
"""A longer range of characters says little."""
_MARKED: Final = re.compile(f"[{MARKS}]+")
MAX_GRAM: Final = 6
_MAX_WORDS: Final = 60
"""More words than these, one behind the other, are looked at apart."""
_SHARES: Final = {
    **dict.fromkeys(" \ue000", 0.2), **dict.fromkeys(",.?!", 0.1), **dict.fromkeys("aeinorst", 0.08),
    **dict.fromkeys("的一我", 0.03), **dict.fromkeys("bcdfghjklmpquvwxyz0123456789", 0.02),
}  # fmt: skip
"""How common a character is in texts, roughly; any other is rare."""
_RARE: Final = 0.005
_RAREST: Final = 0.0001
_OFTEN: Final = 0.02
_COMMON: Final = (
    "my name is appointment booking book cancel can you could please would want need to an eye exam test check for the "
    "been here before first time friday saturday tomorrow next week after at on in have it is this that with "
    "下午 上午 明天 预约 可以 取消 眼镜 验光 时间 一下 我想 不是 那个"
)
"""Words of many texts here, and so their pieces: what else a pattern needs sifts better."""


class _Strings:
    """All strings that the patterns of this process need, so that a text is looked through once for all of them (benchmark
    `reading`): what is handed to each is short."""

    def __init__(self) -> None:
        #: Another one whenever there are more.
        self.version = 0
        #: Each stands for itself: what several patterns need is in memory once.
        self._known: dict[str, str] = dict(zip(MARKS, MARKS, strict=True))
        self._adding = Lock()

    def one_of(self, grams: Iterable[str]) -> Grams:
        """The same strings, as they are known here from now on. Behind this call every text is looked through anew."""
        with self._adding:
            known = frozenset(self._known.setdefault(gram, gram) for gram in grams)
            self.version += 1
        return known

    def within(self, text: str) -> Grams:
        """Those of a text; and the marks, which may replace some of its characters."""
        found = set(MARKS)
        for piece in _MARKED.split(text):
            longer = list(piece)
            found |= self._known.keys() & longer
            for size in range(1, min(MAX_GRAM, len(piece))):
                longer = list(map(add, longer, piece[size:]))
                found |= self._known.keys() & longer
        return frozenset(found)


_STRINGS: Final = _Strings()


def grams_on(sheet: Sheet) -> Grams:
    """The same of a sheet, looked through once: what was blanked out since counts as if it stood there still. For patterns that
    were known when the reading began."""
    if sheet.grams is None:
        sheet.grams = grams_of(sheet.text)
    return sheet.grams


def grams_of(text: str) -> Grams:
    """The strings of a text that some pattern needs, of those patterns that were asked about so far."""
    return _grams_of(text, _STRINGS.version)


@lru_cache(maxsize=8)  # of a text several ask one after the other
def _grams_of(text: str, version: int) -> Grams:
    return _STRINGS.within(text)


def can_match(pattern: re.Pattern[str], text: str) -> bool:
    """Whether the pattern can match a text, or what is left of it when some of it was taken."""
    key = (pattern.pattern, pattern.flags)
    grams = _NEEDED.get(key)
    if grams is None:
        grams = _NEEDED[key] = needed(*key)
    return not grams.isdisjoint(grams_of(text))


_NEEDED: Final[dict[tuple[str, int], Grams]] = {}
"""What is known of the patterns that texts are asked about one by one."""


class _Numbers:
    """Numbers of patterns, by the strings that they need. Most strings are needed by one pattern, and of these only its number
    is kept."""

    __slots__ = ("_one", "_several")

    def __init__(self) -> None:
        self._one: dict[str, int] = {}
        self._several: dict[str, tuple[int, ...]] = {}

    def add(self, number: int, grams: Grams) -> None:
        """A pattern of this number needs these."""
        for gram in grams:
            others = self._several.get(gram, ())
            if not others and gram not in self._one:
                self._one[gram] = number
            else:
                self._several[gram] = (*(others or (self._one.pop(gram),)), number)

    def of(self, grams: Grams) -> list[int]:
        """The numbers of those that need one of these, ascending."""
        one, several = self._one, self._several
        found = {one[gram] for gram in grams & one.keys()}
        for gram in grams & several.keys():
            found.update(several[gram])
        return sorted(found)


class _Asked:
    """The alternatives of the patterns that texts were asked about so far, by the strings that they need: so those that a text
    can match are found in one go, and not one by one (benchmark `reading`). Those of one pattern have numbers in a row."""

    def __init__(self) -> None:
        self._first: dict[str, int] = {}
        self._numbers = _Numbers()
        self._of: list[str] = []
        self._patterns: list[str | re.Pattern[str]] = []
        self._adding = Lock()

    def __len__(self) -> int:
        return len(self._patterns)

    @property
    def first(self) -> Mapping[str, int]:
        """By pattern, the number of its alternative that is tried first."""
        return self._first

    def add(self, pattern: re.Pattern[str]) -> None:
        """Know a pattern from now on: its first alternative has a number that no text was asked about."""
        if pattern.pattern not in self._first:
            self._add(pattern)

    def _add(self, pattern: re.Pattern[str]) -> None:
        each = needs_of(pattern.pattern, pattern.flags)
        ones = _parts(pattern.pattern, pattern.flags) if len(each) > 1 else (pattern,)
        if len(each) > 1:
            leave_waiting(pattern)
        with self._adding:
            first = len(self)
            for number, needs in enumerate(each, first):
                self._numbers.add(number, needs)
            self._of += [pattern.pattern] * len(ones)
            self._patterns += ones
            self._first.setdefault(pattern.pattern, first)

    def possible(self, grams: Grams) -> dict[str, list[int]]:
        """By pattern, the alternatives that a text of these strings can match, ascending."""
        of = self._of
        with self._adding:  # a pattern is known with all its alternatives, or not at all
            numbers = self._numbers.of(grams)
        found: dict[str, list[int]] = {}
        for number in numbers:
            found.setdefault(of[number], []).append(number)
        return found

    def pattern(self, numbers: Sequence[int]) -> re.Pattern[str]:
        """What finds what the alternatives of these numbers do; they are of one pattern."""
        if len(numbers) == 1:
            return self._compiled(numbers[0])
        return few([self._compiled(one) for one in numbers])

    def _compiled(self, number: int) -> re.Pattern[str]:
        """An alternative; most of the thousands no text ever needs."""
        one = self._patterns[number]
        if isinstance(one, str):
            one = self._patterns[number] = re.compile(one)
        return one


_ASKED: Final = _Asked()
_FIRST: Final = _ASKED.first


class Several:
    """Patterns that stages of a reading try one behind the other: most texts can match none of them, which is seen at once."""

    __slots__ = ("_names", "_newest", "_patterns")

    def __init__(self, patterns: Iterable[re.Pattern[str]]) -> None:
        self._patterns = tuple(patterns)
        self._names = frozenset(one.pattern for one in self._patterns)
        self._newest = -1

    def newest(self) -> int:
        """The number of the first alternative of the one that texts were asked about last."""
        if self._newest < 0:
            for one in self._patterns:
                _ASKED.add(one)
            self._newest = max((_FIRST[name] for name in self._names), default=0)
        return self._newest

    def any_of(self, names: Iterable[str]) -> bool:
        """Whether one of them is named there."""
        return not self._names.isdisjoint(names)


class TextGrams:
    """The strings of a text, and what of the patterns it can match. What is left of the text when some of it was taken has no
    others."""

    __slots__ = ("_known", "_narrowed", "_possible", "_text")

    def __init__(self, text: str) -> None:
        self._text = text
        self._known = len(_ASKED)
        self._possible = _ASKED.possible(grams_of(text))
        self._narrowed: dict[str, re.Pattern[str]] = {}

    def holds_any(self, several: Several) -> bool:
        """Whether the text, or what is left of it, can match one of these patterns."""
        return several.newest() >= self._known or several.any_of(self._possible)

    def narrowed(self, pattern: re.Pattern[str]) -> re.Pattern[str] | None:
        """What finds in the text, or in what is left of it, all that the pattern does; None if it finds nothing there."""
        name = pattern.pattern
        numbers = self._possible.get(name)
        if numbers is None:
            first = _FIRST.get(name)  # asked 170 times a text: no call for what cannot match
            if first is not None and first < self._known:
                return None
            _ASKED.add(pattern)
            grams = needed(pattern.pattern, pattern.flags)  # it is new, and so are its strings
            return None if grams.isdisjoint(grams_of(self._text)) else pattern
        found = self._narrowed.get(name)
        if found is None:
            found = self._narrowed[name] = _ASKED.pattern(numbers)
        return found


class Sieve:
    """Patterns that are tried one after the other."""

    __slots__ = ("_numbers", "_patterns")

    def __init__(self, patterns: Iterable[re.Pattern[str]]) -> None:
        self._patterns = tuple(patterns)
        self._numbers = _Numbers()
        for number, pattern in enumerate(self._patterns):
            self._numbers.add(number, needed(pattern.pattern, pattern.flags))

    def passed(self, grams: Grams) -> list[int]:
        """The numbers of those that can match a text of these strings, ascending."""
        return self._numbers.of(grams)

    def search(self, text: str) -> re.Match[str] | None:
        """The first match of them in a text; of two that begin at one place, that of the earlier pattern."""
        passed = self.passed(grams_of(text))
        return few([self._patterns[number] for number in passed]).search(text) if passed else None


def needed(pattern: str, flags: int = 0) -> Grams:
    """Strings of which every text that the pattern matches has one; the marks if that is not known."""
    return frozenset().union(*needs_of(pattern, flags))


def needs_of(pattern: str, flags: int = 0) -> tuple[Grams, ...]:
    """What each alternative of a pattern needs; it counts as one where its alternatives cannot be told apart."""
    _KNOWN[pattern, flags] = None
    shipped = load_needed().get(key_of(pattern, flags))
    each = work_out(pattern, flags) if shipped is None else _shipped(shipped)
    return tuple(map(_STRINGS.one_of, each))


_KNOWN: Final[dict[tuple[str, int], None]] = {}


def _shipped(line: bytes) -> Iterator[Iterable[str]]:
    return (one.split("\t") if one else ALWAYS for one in line.decode().split(BETWEEN))


BETWEEN: Final = "\t\t"
"""Stands between the strings of two alternatives in the table."""


def known() -> Iterable[tuple[str, int]]:
    """The patterns whose needs were asked for, and their flags."""
    return _KNOWN.keys()


def key_of(pattern: str, flags: int) -> str:
    """Stands for a pattern in the table of what was worked out."""
    return hashlib.blake2b(f"{flags}:{pattern}".encode(), digest_size=8).hexdigest()


@cache
def load_needed() -> Mapping[str, bytes]:
    """What was worked out of the patterns that ship; of any other it is worked out here. To read them all takes half a
    second. Written by `python -m tests.understanding.work_out`."""
    file = resources.files("imserver.plugins.booking") / "words" / "needed.tsv"
    lines = (line.split(b"\t", 1) for line in file.read_bytes().splitlines())
    return {key.decode(): needs for key, needs in lines}  # as bytes it is half as large


@lru_cache(64)
def work_out(pattern: str, flags: int) -> tuple[Grams, ...]:
    """`needs_of`, from the pattern itself. Of the words of a shop it takes a third of a second, and it is asked three times."""
    if _PARSER is None or flags & re.IGNORECASE:
        return (ALWAYS,)
    parsed = [_PARSER.parse(one, flags) for one in _parts(pattern, flags)]
    if any(one.getwidth()[0] == 0 for one in parsed):  # what matches nothing at all is found otherwise
        parsed = [_PARSER.parse(pattern, flags)]
    return tuple(_of_all(one).needs or ALWAYS for one in parsed)


def _parts(pattern: str, flags: int) -> tuple[str, ...]:
    """Its alternatives, each to be compiled without flags of its own."""
    return alternatives(pattern) if flags in (0, re.UNICODE) else (pattern,)


class _Part(NamedTuple):
    """What is known of a part of a pattern. words: all that it can match, where these are few.  needs: the strings of which
    each of its matches has one, itself or beside it."""

    words: Grams | None
    needs: Grams | None


_UNKNOWN: Final = _Part(None, None)
_NOTHING: Final = frozenset({""})


def _of_all(items: Iterable[tuple[Any, Any]]) -> _Part:
    """Things one behind the other: neighbours of which all words are known are looked at together."""
    known: list[Grams | None] = []
    run, whole = _NOTHING, True
    for item in items:
        part = _of(*item)
        joined = _joined(run, part.words)
        if joined is None:
            whole = False
            known += (_rarest(run), part.needs)
            run = part.words or _NOTHING
        else:
            run = joined
            known += (part.needs,) if part.words == _NOTHING else ()  # what is looked at beside it
    known.append(_rarest(run))
    return _Part(run if whole else None, min(filter(None, known), key=_commonness, default=None))


def _joined(run: Grams, words: Grams | None) -> Grams | None:
    """Each word of a run with each that follows; None if that is not known, or too much."""
    if words is None or len(run) * len(words) > _MAX_WORDS:
        return None
    return frozenset(one + other for one in run for other in words)


def _of(operation: Any, value: Any) -> _Part:
    """One thing. `operation` and `value` are the parser's own."""
    name = str(operation)
    if name == "LITERAL":
        return _any_of(frozenset(chr(value)))
    if name == "IN":
        return _any_of(_of_class(value))
    if name == "BRANCH":
        return _of_any([_of_all(branch) for branch in value[1]])
    if name == "SUBPATTERN":
        return _UNKNOWN if value[1] & re.IGNORECASE else _of_all(value[3])
    if name == "ATOMIC_GROUP":
        return _of_all(value)
    if name in _REPEATS:
        return _repeated(*value)
    if name == "ASSERT":
        return _Part(_NOTHING, _of_all(value[1]).needs)
    return _Part(_NOTHING, None) if name in ("ASSERT_NOT", "AT") else _UNKNOWN


def _any_of(words: Grams | None) -> _Part:
    return _Part(words, _rarest(words or _NOTHING))


def _of_any(branches: Sequence[_Part]) -> _Part:
    """Alternatives: something is needed only if each of them needs something."""
    words = [part.words for part in branches if part.words is not None]
    needs = [part.needs for part in branches if part.needs is not None]
    every = frozenset().union(*words)
    return _Part(
        every if len(words) == len(branches) and len(every) <= _MAX_WORDS else None,
        frozenset().union(*needs) if len(needs) == len(branches) else None,
    )


def _repeated(least: int, most: Any, items: Iterable[tuple[Any, Any]]) -> _Part:
    """A thing again and again: not at all, or once, adds to the words."""
    part = _of_all(items)
    needs = part.needs if least else None
    once = part.words if int(most) == 1 else None
    return _Part(once if once is None or least else once | _NOTHING, needs)


def _of_class(members: Iterable[tuple[Any, Any]]) -> Grams | None:
    """The characters of a class, if they are few and named."""
    letters: list[str] = []
    for operation, value in members:
        if str(operation) == "LITERAL":
            letters.append(chr(value))
        elif str(operation) == "RANGE" and value[1] - value[0] < _WIDEST:
            letters += map(chr, range(value[0], value[1] + 1))
        else:
            return None
    return frozenset(letters)


def _rarest(words: Grams) -> Grams | None:
    """A string of each word, the one that is least common in texts; None if a word has nothing but marks."""
    found: set[str] = set()
    for word in words:
        grams = [gram for piece in _MARKED.split(word) for gram in _longest(piece)]
        if not grams:
            return None
        found.add(min(grams, key=_order))
    return frozenset(found)


def _longest(piece: str) -> list[str]:
    size = min(len(piece), MAX_GRAM)
    return [piece[start : start + size] for start in range(len(piece) - size + 1)] if size else []


@lru_cache(maxsize=1_000)
def _share(gram: str) -> float:
    """How many texts have it, roughly."""
    pieces = gram.split()
    often = len(gram) > 1 and pieces and all(piece in _COMMON for piece in pieces)
    return max(prod(_SHARES.get(char, _RARE) for char in gram), _OFTEN if often else 0.0)


def _order(gram: str) -> tuple[float, str]:
    """Of equally common ones always the same."""
    return _share(gram), gram


def _commonness(grams: Grams) -> tuple[float, float]:
    """What sifts best has few strings, none of them a common one. None is so rare that it costs nothing to look for."""
    shares = list(map(_share, grams))
    return fsum(max(_RAREST, share) for share in shares), fsum(shares)
