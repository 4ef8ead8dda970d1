"""A long pattern as its alternatives: of hundreds of them a text can match one or two, and a search for these takes a tenth of
the time (benchmark `reading`). What is found is what the whole pattern finds."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from typing import Final, cast

#: A pattern of fewer is searched for as it stands.
LEAST: Final = 4
_TOKEN: Final = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|[()|]", re.DOTALL)
#: Groups would have other numbers in an alternative alone, or none, and flags would not reach it.
_WHOLE: Final = re.compile(r"\((?!\?)|\(\?[P(aiLmsux-]")
_LOOKS: Final = ("(?=", "(?!", "(?<=", "(?<!")
_REPEATS: Final = ("*", "+", "?", "{")


def alternatives(pattern: str) -> tuple[str, ...]:
    """The alternatives that a pattern is made of, in their order; itself if they are few, or cannot stand alone."""
    if _WHOLE.search(_TOKEN.sub(_without_literals, pattern)):
        return (pattern,)
    found = tuple(flat(pattern))
    return found if len(found) >= LEAST else (pattern,)


def _without_literals(token: re.Match[str]) -> str:
    return token[0] if token[0] in "()|" else ""


def flat(pattern: str) -> Iterator[str]:
    """The alternatives, and those of a group with which one begins: (?:a|b)c is ac or bc. What is looked at in front of the
    group has one way to be there, so the order in which they are tried stays."""
    for one in _cut(pattern):
        start = 0
        while one.startswith(_LOOKS, start):
            start = _end(one, start)
        if not one.startswith("(?:", start):
            yield one
            continue
        end = _end(one, start)
        before, behind = one[:start], one[end:]
        inner = tuple(flat(one[start + 3 : end - 1]))
        if behind.startswith(_REPEATS) or (len(inner) == 1 and behind):
            yield one
        else:
            yield from (f"{before}(?:{each}){behind}" if behind else f"{before}{each}" for each in inner)


def _cut(pattern: str) -> Iterator[str]:
    depth = start = 0
    for token in _TOKEN.finditer(pattern):
        if token[0] == "|" and not depth:
            yield pattern[start : token.start()]
            start = token.end()
        depth += (token[0] == "(") - (token[0] == ")")
    yield pattern[start:]


def _end(pattern: str, start: int) -> int:
    """Behind the group that begins there."""
    depth = 0
    for token in _TOKEN.finditer(pattern, start):
        depth += (token[0] == "(") - (token[0] == ")")
        if not depth:
            return token.end()
    raise ValueError(f"a group without end: {pattern}")


class Few:
    """Some alternatives of a pattern, in its order: finds what the pattern finds in a text that holds none of the others. None
    of them matches nothing at all."""

    __slots__ = ("_patterns",)

    def __init__(self, patterns: Sequence[re.Pattern[str]]) -> None:
        self._patterns = patterns

    def search(self, text: str, start: int = 0, end: int = sys.maxsize) -> re.Match[str] | None:
        """The first match; of two that begin at one place, that of the earlier alternative."""
        best = None
        for one in self._patterns:
            match = one.search(text, start, end)
            if match is not None and (best is None or match.start() < best.start()):
                best = match
        return best

    def match(self, text: str, start: int = 0, end: int = sys.maxsize) -> re.Match[str] | None:
        return next(filter(None, (one.match(text, start, end) for one in self._patterns)), None)

    def fullmatch(self, text: str, start: int = 0, end: int = sys.maxsize) -> re.Match[str] | None:
        return next(filter(None, (one.fullmatch(text, start, end) for one in self._patterns)), None)

    def finditer(self, text: str, start: int = 0, end: int = sys.maxsize) -> Iterator[re.Match[str]]:
        """All matches, none of which overlaps the one before it."""
        ahead = [one.search(text, start, end) for one in self._patterns]
        return self._merged(ahead, text, end) if any(ahead) else iter(())

    def _merged(self, ahead: list[re.Match[str] | None], text: str, end: int) -> Iterator[re.Match[str]]:
        while any(ahead):
            match = min(filter(None, ahead), key=re.Match.start)
            yield match
            place = match.end()
            for number, one in enumerate(ahead):
                if one is not None and one.start() < place:
                    ahead[number] = self._patterns[number].search(text, place, end)


def few(patterns: Sequence[re.Pattern[str]]) -> re.Pattern[str]:
    """As much of a pattern as these alternatives of it are."""
    return patterns[0] if len(patterns) == 1 else cast("re.Pattern[str]", Few(patterns))


#: Of no alternative.
NEVER: Final = re.compile("(?!)")
