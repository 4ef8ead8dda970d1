"""What is left over, in three weights: harmless, neutral, dangerous."""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import pairwise
from operator import lt
from typing import Final

from imserver.plugins.booking.dates.deferred import deferred

from .acts import Kind, Rest, Weight, When
from .lexicon import Lexicon, either
from .page import PUNCTUATION, Cover, Page
from .word_lists import load_words

_WORDS: Final = load_words("rest")


def _words(pattern: str) -> str:
    """Latin words end where letters end, and "can" is none in "can't"."""
    return (
        rf"(?<![a-z])(?:{pattern})(?![a-z]|'t(?![a-z]))"
        if pattern[:3] == "(?:" and pattern[3].isascii()
        else pattern
    )


_HARMLESS: Final = either(map(_words, _WORDS["harmless"]))
_DANGEROUS: Final = either((_WORDS["dangerous"], _WORDS["dangerous_english"]))
_NOTES: Final = either(_WORDS["notes"])
HEARSAY: Final = deferred(_WORDS["hearsay"])
PAST: Final = re.compile(_WORDS["past"])
_WISHED: Final = re.compile(_WORDS["wished"])
_TOLD: Final = deferred(_WORDS["told"])
_TOLD_WEAKLY: Final = deferred(_WORDS["told_weakly"])
_CONTRASTS: Final = re.compile(_WORDS["contrasts"])
_INSTEAD: Final = re.compile(_WORDS["instead"])
MAYBE: Final = re.compile(_WORDS["doubts"])
DOUBTS: Final = either((_WORDS["contrasts"], _WORDS["doubts"]))
_REASONS: Final = re.compile(_WORDS["reasons"])
_MARK: Final = re.compile("[\x00-\x04]+")
_RUN: Final = re.compile("[^\x00-\x04]+")
#: Characters of one cover, of those that stand for themselves.
_ALIKE: Final = re.compile(b"\0+|\1+|\2+|\3+")
_LOOSE: Final = re.compile(b"\1+")
#: A doubt makes the stretch around it one.
_AS_ONE: Final = bytes(Cover.NOTHING if cover == Cover.DOUBT else cover for cover in range(256))
_OF_ACTS: Final = bytes(cover == Cover.ACT for cover in range(256))


#: Stretches of text that were weighed: few are said that nobody said before.
_MAX_KNOWN: Final = 2_000


def is_told(page: Page, start: int, end: int) -> bool:
    """Whether a clause tells of a service, and wishes none: a paper, a complaint, "lost his glasses"."""
    clause = page.words[start:end]
    if page.narrowed(_TOLD).search(clause):
        return True
    return page.narrowed(_TOLD_WEAKLY).search(clause) is not None and not _WISHED.search(clause)


def note_asides(page: Page) -> None:
    """Symptoms, lens values, numbers of cards and bus lines: for the people to know, no danger to the acts."""
    for match in page.narrowed(_NOTES).finditer(page.unread(0, len(page.words))):
        page.explain(*match.span(), Cover.NOTE)


def note_reasons(page: Page) -> None:
    """Why somebody cannot come."""
    for match in page.narrowed(_REASONS).finditer(page.unread(0, len(page.words))):
        page.explain(*match.span(), Cover.NOTE)


@lru_cache(maxsize=_MAX_KNOWN)
def is_harmless(text: str) -> bool:
    """Whether nothing is said by it."""
    return (
        "?" not in text
        and not DOUBTS.search(text)
        and not PUNCTUATION.sub("", _HARMLESS.sub("\x02", text)).replace("\x02", "")
    )


def is_dangerous(text: str, lexicon: Lexicon) -> bool:
    """Whether what remains beside the harmless words may change what is meant."""
    if DOUBTS.search(text):
        return True
    left = _HARMLESS.sub("\x02", text)
    if not _bare(left) and "?" not in left:
        return False
    if _DANGEROUS.search(left):
        return True
    finders = (lexicon.shops, lexicon.services, lexicon.staff)
    return any(next(finder.find(left), None) is not None for finder in finders)


def _bare(text: str) -> str:
    return PUNCTUATION.sub("", _MARK.sub("", text))


def read_rest(page: Page, lexicon: Lexicon, when: When | None = None) -> tuple[Rest, ...]:
    """What no act stands for, stretch by stretch, and the notes that the people are told."""
    _answered_marks(page)
    _release(page, when)
    _doubts(page)
    valued = [(start, end) for start, end in page.clauses if page.timed(start, end)]
    rest: list[Rest] = []
    for start, end in _stretches(page):
        covers = page.cover[start:end]
        cover = Cover.DOUBT if Cover.DOUBT in covers else Cover(covers[0])
        weight = _weight(cover, page.words[start:end], lexicon)
        span = page.span(start, end)
        inside = cover is not Cover.NOTE and any(begin <= start < finish for begin, finish in valued)
        rest.append(Rest(page.source[span.start : span.end], span, weight, inside))
    return tuple(rest)


def _weight(cover: Cover, text: str, lexicon: Lexicon) -> Weight:
    if cover is Cover.DOUBT:
        return Weight.DANGEROUS
    if cover is Cover.NOTE:
        return Weight.NEUTRAL
    if cover is Cover.HARMLESS or is_harmless(text):
        return Weight.HARMLESS
    return Weight.DANGEROUS if is_dangerous(text, lexicon) else Weight.NEUTRAL


def _release(page: Page, when: When | None) -> None:
    """Words that belong to an act and are in none of its spans are harmless; a time that came to nothing is not."""
    said = bytearray(len(page.source))
    for act in page.acts:
        for start, end in act.spans:
            said[start:end] = b"\1" * (end - start)
    loose = bytes(map(lt, map(said.__getitem__, page.starts()), page.cover.translate(_OF_ACTS)))
    for match in _LOOSE.finditer(loose):
        for place in range(*match.span()):
            lost = when is None and page.timed(place, place + 1)
            page.cover[place] = Cover.DOUBT if lost else Cover.HARMLESS


def _doubts(page: Page) -> None:
    """What a mask hid of a doubt is part of it: 万一下雨 is not 一下."""
    for pattern in (_CONTRASTS, _INSTEAD):
        for match in page.narrowed(pattern).finditer(page.words):
            if _put_right(page, match.start()):
                page.explain(*match.span(), Cover.HARMLESS)
    for match in page.narrowed(DOUBTS).finditer(page.words):
        if is_aside(page, match.start()):
            continue
        if {Cover.NOTHING, Cover.NOTE} & set(page.cover[match.start() : match.end()]):
            page.explain(*match.span(), Cover.DOUBT)


def is_aside(page: Page, place: int) -> bool:
    """Whether it is said beside a yes, and changes nothing."""
    return any(start <= place < end for start, end in page.aside)


def _put_right(page: Page, place: int) -> bool:
    """Whether a contrast leads to another value: "ok but half an hour later"; 但是我定周五, where nobody said yes."""
    span = page.span(*page.clause_at(place))
    kinds = {act.kind for act in page.acts if any(span.start <= one.start < span.end for one in act.spans)}
    if kinds & {Kind.CORRECT, Kind.REFUSE} or (Kind.GIVE in kinds and not page.has(Kind.YES)):
        return True
    questions = [act for act in page.acts if act.kind is Kind.QUESTION and act.what != "other"]
    return any(span.start <= act.spans[0].start < span.end for act in questions)


def _answered_marks(page: Page) -> None:
    """The mark behind a clause that was understood asks nothing more; alone, or behind anything else, it does."""
    for start, end in page.clauses:
        if Cover.ACT in page.cover[start:end]:
            place = end
            while place < len(page.words) and page.words[place] in " ?!":
                page.explain(place, place + 1, Cover.HARMLESS)
                place += 1


def _stretches(page: Page) -> list[tuple[int, int]]:
    """Stretches of one cover that no act has, cut at clauses, without blanks and punctuation at their edges."""
    runs = (match.end() for match in _ALIKE.finditer(page.cover.translate(_AS_ONE)))
    cuts = sorted({0, *page.ends, *runs})
    found = (_trimmed(page.words, *cut) for cut in pairwise(cuts) if page.cover[cut[0]] != Cover.ACT)
    return [edges for edges in found if edges is not None]


def _trimmed(text: str, start: int, end: int) -> tuple[int, int] | None:
    """Without punctuation at the edges, but for a question mark."""
    while start < end and not text[start].isalnum() and text[start] != "?":
        start += 1
    while end > start and not text[end - 1].isalnum() and text[end - 1] != "?":
        end -= 1
    return (start, end) if start < end else None
