"""Which patterns a text can match at all: each has letters of which every match holds one, itself or looked at beside it.

There are hundreds of patterns and few letters in a text, so most patterns need not be tried. The letters are read off a pattern
as `re` itself parses it; of what is not known there nothing is concluded, and the pattern is tried.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cache
from importlib import import_module
from typing import Any, Final

from .text import MARKS

Letters = frozenset[str]

ALWAYS: Final[Letters] = frozenset(MARKS)
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
_COMMON: Final = frozenset(" aeinorst的一我\ue000")
"""In so many texts that they sift out few."""


def letters_of(text: str) -> Letters:
    """The letters of a text, and the marks that may replace some of them."""
    return ALWAYS.union(text)


def can_match(pattern: re.Pattern[str], letters: Letters) -> bool:
    """Whether the pattern can match a text of these letters."""
    return not needed(pattern.pattern, pattern.flags).isdisjoint(letters)


class Sieve:
    """Patterns that are tried one after the other."""

    __slots__ = ("_numbers",)

    def __init__(self, patterns: Iterable[re.Pattern[str]]) -> None:
        numbers: dict[str, list[int]] = {}
        for number, pattern in enumerate(patterns):
            for letter in needed(pattern.pattern, pattern.flags):
                numbers.setdefault(letter, []).append(number)
        self._numbers = numbers

    def passed(self, letters: Letters) -> list[int]:
        """The numbers of those that can match a text of these letters, ascending."""
        numbers = self._numbers
        return sorted({number for letter in letters if letter in numbers for number in numbers[letter]})


@cache
def needed(pattern: str, flags: int = 0) -> Letters:
    """Letters of which every text that the pattern matches has one; the marks if that is not known."""
    if _PARSER is None or flags & re.IGNORECASE:
        return ALWAYS
    return _of_all(_PARSER.parse(pattern, flags)) or ALWAYS


def _of_all(items: Iterable[tuple[Any, Any]]) -> Letters | None:
    """Of things that all have to be there, the letters that sift best; None if none is known of any."""
    known = [letters for item in items if (letters := _of(*item)) is not None]
    return min(known, key=_commonness, default=None)


def _of(operation: Any, value: Any) -> Letters | None:
    """The letters of one thing. `operation` and `value` are the parser's own."""
    name = str(operation)
    if name == "LITERAL":
        return frozenset(chr(value))
    if name == "IN":
        return _of_class(value)
    if name == "BRANCH":
        return _of_any([_of_all(branch) for branch in value[1]])
    if name == "SUBPATTERN":
        return _of_all(value[3])
    if name == "ASSERT":
        return _of_all(value[1])
    if name == "ATOMIC_GROUP":
        return _of_all(value)
    if name in _REPEATS:
        return _of_all(value[2]) if value[0] else None
    return None


def _of_any(branches: Sequence[Letters | None]) -> Letters | None:
    known = [letters for letters in branches if letters is not None]
    return frozenset().union(*known) if len(known) == len(branches) else None


def _of_class(members: Iterable[tuple[Any, Any]]) -> Letters | None:
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


def _commonness(letters: Letters) -> int:
    """What sifts best has few letters, none of them a common one, and no mark."""
    return len(letters) + 20 * len(letters & _COMMON) + 100 * len(letters & ALWAYS)
