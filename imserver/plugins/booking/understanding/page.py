"""A text while it is read: what is typed, what is still open, and by what each character is accounted for."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from enum import IntEnum
from typing import Any, Final

from imserver.plugins.booking.dates.alternatives import NEVER
from imserver.plugins.booking.dates.sieve import TextGrams
from imserver.plugins.booking.dates.text import ASIDE_MARK, DAY_MARK, MARKS, TIME_MARK, WORD_MARK, Sheet

from .acts import Act, Kind, Span
from .masks import mask
from .rewrite import rewrite

CLAUSE_END: Final = re.compile(
    r"(?<![0-9])(?<!mr)(?<!mrs)(?<!ms)(?<!dr)[,.]|,(?![0-9]{3}(?![0-9]))|(?<=[0-9])\.(?![0-9])|[。!?;、…\n~]"
    "| (?=and (?:then )?(?:tell|book|let|can|could|what|when|how|also|move|cancel|make|do|is|i|please)(?![a-z]))"
    "| (?=(?:but|also|or) (?:do|does|is|are|can|could|would|what|whats|when|where|wheres|how|will|who|r)"
    " (?:i|u|you|we|it|there|the|ur|your|my|much|long|do|does|is|are|time|about)(?![a-z]))"
)
"""Punctuation, but not inside figures or behind "Mr."; and an "and" that begins another sentence."""
HAN: Final = re.compile("[\u3400-\u9fff]")
PUNCTUATION: Final = re.compile(r"[\s\W_]+")


_NOWHERE: Final[Iterator[re.Match[str]]] = iter(())


class Cover(IntEnum):
    """By what a character is accounted for."""

    NOTHING = 0
    ACT = 1
    HARMLESS = 2
    NOTE = 3
    DOUBT = 4


#: By cover, what becomes of each of them: what an act has stays its own.
_COVERED: Final = tuple(
    bytes(cover if before != Cover.ACT else before for before in range(256)) for cover in Cover
)
#: What nothing accounts for becomes a note.
_NOTED: Final = bytes(before or Cover.NOTE for before in range(256))
_TAKEN: Final = re.compile(rb"[^\0]+")
_READ: Final = re.compile(f"[{DAY_MARK}{TIME_MARK}{WORD_MARK}]+")
_ASIDES: Final = re.compile(f"{ASIDE_MARK}+")
_MASKED: Final = {
    "refusal": Cover.HARMLESS,
    "comparative": Cover.NOTE,
    "no_clock": Cover.NOTE,
    "note": Cover.NOTE,
}


class Page:
    """A text while it is read.

    words: the folded text, never changed.  grams: what patterns can find in it; `may_hold_any` and `among` are its own.
    open: the same with what was taken blanked out.  sheet: what the dates are read on.
    cover: of each character by what it is accounted for, a `Cover`.  ends: where clauses end.
    asking: of the stretches that were looked at, whether they ask.
    aside: what is said beside a yes and changes nothing.
    unclear: it speaks of times, and none of them is given or refused.
    """

    __slots__ = (
        "acts",
        "among",
        "aside",
        "asking",
        "clauses",
        "cover",
        "ends",
        "grams",
        "may_hold_any",
        "open",
        "pieces",
        "sheet",
        "source",
        "unclear",
        "words",
    )

    def __init__(self, source: str) -> None:
        self.source = source
        self.sheet = Sheet(rewrite(source))
        before = self.sheet.text
        masked = mask(self.sheet)
        self.words = before if len(before) == len(self.sheet.text) and not masked else self._unmasked(masked)
        self.open = self.words
        self.grams = TextGrams(self.words)
        self.may_hold_any = self.grams.holds_any
        self.among = self.grams.among
        self.acts: list[Act] = []
        self.unclear = False
        self.aside: list[tuple[int, int]] = []
        self.asking: dict[tuple[int, int], bool] = {}
        self.cover = bytearray(len(self.words))
        for one in masked:
            self.explain(one.start, one.end, _MASKED.get(one.name, Cover.NOTE))
        ends = [match.span() for match in CLAUSE_END.finditer(self.words)]
        self.ends = [start for start, _ in ends]
        self.clauses = tuple(_between(self.words, ends))
        self.pieces = tuple(piece for clause in self.clauses for piece in _pieces(self.words, *clause))

    def _unmasked(self, masked: Any) -> str:
        """The text as it stood before near misses were put right, with what the masks hid put back."""
        words = list(self.sheet.text)
        for one in masked:
            for place in range(one.start, one.end):
                start, end = self.sheet.span(place, place + 1)
                words[place] = (Sheet(self.sheet.source[start:end]).text or " ")[0]
        return "".join(words)

    # ------------------------------------------------------------------------------------------------------- taking

    def span(self, start: int, end: int) -> Span:
        """Where the characters stand in the text as typed."""
        return Span(*self.sheet.span(start, end))

    def typed(self, start: int, end: int) -> str:
        """The characters as they were typed."""
        return self.source[slice(*self.sheet.span(start, end))]

    def starts(self) -> Sequence[int]:
        """Of each character, where it stands in the text as typed."""
        return self.sheet.starts

    def take(self, start: int, end: int, cover: Cover = Cover.ACT) -> None:
        """These characters are accounted for: nothing else reads them."""
        self.explain(start, end, cover)
        self.open = f"{self.open[:start]}{ASIDE_MARK * (end - start)}{self.open[end:]}"
        self.sheet.blank(start, end, ASIDE_MARK)

    def explain(self, start: int, end: int, cover: Cover) -> None:
        """These characters are accounted for; others may still read them."""
        self.cover[start:end] = self.cover[start:end].translate(_COVERED[cover])

    def add(self, kind: Kind, what: str, value: Any, *places: tuple[int, int]) -> None:
        """An act, and the characters that say so; they are accounted for, but may be read again by others."""
        for start, end in places:
            self.explain(start, end, Cover.ACT)
        spans = tuple(self.span(start, end) for start, end in places if end > start)
        self.acts.append(Act(kind, what, value, spans))

    def take_act(self, kind: Kind, what: str, value: Any, *places: tuple[int, int]) -> None:
        """An act whose characters nothing else may read."""
        self.add(kind, what, value, *places)
        for start, end in places:
            self.take(start, end)

    def find(self, pattern: re.Pattern[str]) -> Iterator[re.Match[str]]:
        """Where a pattern stands in what is still open; the text may be taken meanwhile."""
        name, grams = pattern.pattern, self.grams
        if (
            name not in grams.possible and name in grams.known
        ):  # asked 50 times a text: no call for what cannot match
            return _NOWHERE
        narrowed = grams.narrowed(pattern) or NEVER
        return (match for match in list(narrowed.finditer(self.open)) if match.end() > match.start())

    def may_hold(self, pattern: re.Pattern[str]) -> bool:
        """Whether the text has strings that the pattern needs, in what is open or in its words."""
        grams = self.grams
        return pattern.pattern in grams.possible or grams.narrowed(pattern) is not None

    def narrowed(self, pattern: re.Pattern[str]) -> re.Pattern[str]:
        """What finds all that the pattern does, in what is open or in the words."""
        name, grams = pattern.pattern, self.grams
        if name not in grams.possible and name in grams.known:
            return NEVER
        return grams.narrowed(pattern) or NEVER

    def search(
        self, pattern: re.Pattern[str], start: int = 0, end: int = sys.maxsize
    ) -> re.Match[str] | None:
        """Where a pattern first stands in what is still open."""
        narrowed = self.grams.narrowed(pattern)
        return narrowed.search(self.open, start, end) if narrowed is not None else None

    def settle_times(self) -> None:
        """What the date grammar has marked is accounted for: words by its acts, asides as notes."""
        for match in _READ.finditer(self.sheet.text):
            self.explain(*match.span(), Cover.ACT)
        for match in _ASIDES.finditer(self.sheet.text):
            start, end = match.span()
            self.cover[start:end] = self.cover[start:end].translate(_NOTED)

    def drop(self, start: int, end: int, what: tuple[str, ...]) -> None:
        """Values given there were not meant; what else stands there says why."""
        span = self.span(start, end)
        self.acts = [
            act
            for act in self.acts
            if not (
                act.kind is Kind.GIVE
                and act.what in what
                and all(span.start <= place.start < span.end for place in act.spans)
            )
        ]

    # ------------------------------------------------------------------------------------------------------ looking

    def has(self, kind: Kind, what: str | None = None) -> bool:
        for act in self.acts:  # noqa: SIM110 - asked 30 times a text: a generator costs more than what it looks at
            if act.kind is kind and (what is None or act.what == what):
                return True
        return False

    def clause_at(self, place: int) -> tuple[int, int]:
        """The clause in which a character stands."""
        for clause in self.clauses:  # asked a dozen times a text
            if clause[0] <= place < clause[1]:
                return clause
        return place, place + 1

    def clause_of(self, act: Act) -> Span:
        """Where the clause stands, as typed, in which an act is said last."""
        place = act.spans[-1].start if act.spans else 0
        spans = (self.span(*clause) for clause in self.clauses)
        return next((one for one in spans if one.start <= place < one.end), Span(0, len(self.source)))

    def marked(self) -> str:
        """What is open, with the marks of days and times where they stand."""
        return with_marks(self.open, self.sheet.text)

    def timed(self, start: int, end: int) -> bool:
        """Whether a day or a time was read there."""
        text = self.sheet.text
        return text.find(DAY_MARK, start, end) >= 0 or text.find(TIME_MARK, start, end) >= 0

    def unread(self, start: int, end: int) -> str:
        """What nothing accounts for there; what was taken is a mark."""
        pieces: list[str] = []
        for match in _TAKEN.finditer(self.cover, start, end):
            first, last = match.span()
            pieces += self.words[start:first], ASIDE_MARK * (last - first)
            start = last
        pieces.append(self.words[start:end])
        return "".join(pieces)


_TIMED: Final = re.compile(f"[{DAY_MARK}{TIME_MARK}]+")


def with_marks(text: str, read: str) -> str:
    """A text with the marks of days and times where they stand in another of its length."""
    for match in _TIMED.finditer(read):
        text = f"{text[: match.start()]}{match[0]}{text[match.end() :]}"
    return text


def _between(text: str, ends: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """The stretches between ends, without those that hold nothing."""
    start = 0
    for end, behind in ends:
        if text[start:end].strip():
            yield start, end
        start = behind
    if text[start:].strip():
        yield start, len(text)


def _pieces(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """A clause in pieces: in Chinese, a blank ends one."""
    if text.isascii():
        yield start, end
        return
    begin = start
    for place in range(start, end):
        if text[place] != " ":
            continue
        around = text[max(place - 1, start) : min(place + 2, end)]
        if HAN.search(around):
            if text[begin:place].strip():
                yield begin, place
            begin = place + 1
    if text[begin:end].strip():
        yield begin, end


__all__ = ["MARKS", "Cover", "Page"]
