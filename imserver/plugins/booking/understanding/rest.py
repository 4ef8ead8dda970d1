"""What is left over, in three weights: harmless, neutral, dangerous."""

from __future__ import annotations

import re
from typing import Final

from .acts import Rest, Weight
from .lexicon import Lexicon, either, load_words
from .page import PUNCTUATION, Cover, Page

_WORDS: Final = load_words("rest")


def _words(pattern: str) -> str:
    return rf"(?<![a-z])(?:{pattern})(?![a-z])" if pattern[:3] == "(?:" and pattern[3].isascii() else pattern


_HARMLESS: Final = either(map(_words, _WORDS["harmless"]))
_DANGEROUS: Final = either((_WORDS["dangerous"], _WORDS["dangerous_english"]))
_NOTES: Final = either(_WORDS["notes"])
HEARSAY: Final = re.compile(_WORDS["hearsay"])
PAST: Final = re.compile(_WORDS["past"])
DOUBTS: Final = re.compile(_WORDS["doubts"])
_REASONS: Final = re.compile(_WORDS["reasons"])
_MARK: Final = re.compile("[\x00-\x04]+")
_RUN: Final = re.compile("[^\x00-\x04]+")
_STOP: Final = re.compile(r"(?<![0-9])[,.]|[,.](?![0-9])|[。!！?？;；、…\n，~]")


def note_asides(page: Page) -> None:
    """Symptoms, lens values, numbers of cards and bus lines: for the people to know, no danger to the acts."""
    for match in _NOTES.finditer(page.unread(0, len(page.words))):
        page.explain(*match.span(), Cover.NOTE)


def note_reasons(page: Page) -> None:
    """Why somebody cannot come."""
    for match in _REASONS.finditer(page.unread(0, len(page.words))):
        page.explain(*match.span(), Cover.NOTE)


def is_harmless(text: str) -> bool:
    """Whether nothing is said by it."""
    return not DOUBTS.search(text) and not PUNCTUATION.sub("", _HARMLESS.sub("\x02", text)).replace(
        "\x02", ""
    )


def is_dangerous(text: str, lexicon: Lexicon) -> bool:
    """Whether what remains beside the harmless words may change what is meant."""
    if DOUBTS.search(text):
        return True
    left = _HARMLESS.sub("\x02", text)
    if not _bare(left) and not re.search("[?？]", left):
        return False
    if _DANGEROUS.search(left):
        return True
    finders = (lexicon.shops, lexicon.services, lexicon.staff)
    return any(next(finder.find(left), None) is not None for finder in finders)


def _bare(text: str) -> str:
    return PUNCTUATION.sub("", _MARK.sub("", text))


def read_rest(page: Page, lexicon: Lexicon) -> tuple[Rest, ...]:
    """What nothing accounts for, stretch by stretch, and the notes that the people are told."""
    rest: list[Rest] = []
    valued = [(start, end) for start, end in page.clauses if page.timed(start, end)]
    for start, end in _stretches(page):
        text = page.words[start:end]
        note = page.cover[start] is Cover.NOTE
        if note:
            weight = Weight.NEUTRAL
        elif page.cover[start] is Cover.HARMLESS or is_harmless(text):
            weight = Weight.HARMLESS
        elif is_dangerous(text, lexicon):
            weight = Weight.DANGEROUS
        else:
            weight = Weight.NEUTRAL
        span = page.span(start, end)
        inside = any(begin <= start < finish for begin, finish in valued)
        rest.append(Rest(page.source[span.start : span.end], span, weight, inside and not note))
    return tuple(rest)


def _stretches(page: Page) -> list[tuple[int, int]]:
    """Stretches of one cover that no act has, cut at clauses, without blanks and punctuation at their edges."""
    found: list[tuple[int, int]] = []
    begin = 0
    for place in range(len(page.words) + 1):
        ends = (
            place == len(page.words)
            or page.cover[place] is not page.cover[begin]
            or _STOP.match(page.words, place) is not None
        )
        if not ends:
            continue
        if begin < place and page.cover[begin] is not Cover.ACT:
            found.append((begin, place))
        begin = place
    return [edges for start, end in found if (edges := _trimmed(page.words, start, end)) is not None]


def _trimmed(text: str, start: int, end: int) -> tuple[int, int] | None:
    """Without punctuation at the edges, but for a question mark."""
    while start < end and not text[start].isalnum() and text[start] != "?":
        start += 1
    while end > start and not text[end - 1].isalnum() and text[end - 1] != "?":
        end -= 1
    return (start, end) if start < end else None
