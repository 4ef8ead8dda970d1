"""Questions: what of the shop's facts is asked, and how a question is told from a wish that is put politely."""

from __future__ import annotations

import re
from typing import Final

from .acts import Kind
from .lexicon import either, load_words
from .page import PUNCTUATION, Cover, Page

_WORDS: Final = load_words("questions")
_KNOWN: Final = {
    kind: re.compile(f"{chinese}|(?<![a-z])(?:{english})")
    for kind, (chinese, english) in _WORDS["known"].items()
}
_ASKS: Final = either((_WORDS["marks"]["asks"], _WORDS["marks"]["asks_english"]))
_POLITE: Final = either((_WORDS["marks"]["polite"], _WORDS["marks"]["polite_english"]))
_QUESTION_END: Final = re.compile("^[ ]*[?]")


def read_known(page: Page) -> list[tuple[int, int]]:
    """Questions of a known kind, one a clause. Returns their clauses."""
    asked = []
    for start, end in page.clauses:
        for kind, pattern in _KNOWN.items():
            match = pattern.search(page.open, start, end)
            if match is not None and _is_asked(page, kind, start, end):
                page.take_act(Kind.QUESTION, kind, None, match.span())
                asked.append((start, end))
                break
    return asked


def _is_asked(page: Page, kind: str, start: int, end: int) -> bool:
    """Of the kinds whose words are also said without asking, only those with a mark of a question."""
    if kind not in ("bring", "place", "parking", "insurance", "hours", "children"):
        return True
    return asks(page, start, end) or len(page.words[start:end].strip()) <= 8


def asks(page: Page, start: int, end: int) -> bool:
    """Whether a clause has a mark of a question, itself or behind it."""
    return bool(_ASKS.search(page.words, start, end)) or bool(_QUESTION_END.match(page.words, end))


def beyond_politeness(page: Page, start: int, end: int) -> bool:
    """Whether what is still unread of a clause asks for more than "may I"."""
    left = page.unread(start, end)
    return bool(_ASKS.search(_POLITE.sub("\x02", left)))


def without_politeness(text: str) -> str:
    """The text without "is that possible?" and 可以吗."""
    return _POLITE.sub("\x02", text)


def cover_politeness(page: Page, start: int, end: int) -> None:
    """A wish is put as a question: its words of asking are harmless."""
    for match in _POLITE.finditer(page.unread(start, end)):
        page.explain(start + match.start(), start + match.end(), Cover.HARMLESS)


def ask_other(page: Page, start: int, end: int) -> None:
    """A clause that asks what no list has a word for; all that is unread of it is the question."""
    page.add(Kind.QUESTION, "other", None, *_stretches(page, start, end))


def claim(page: Page, start: int, end: int) -> None:
    """What else stands in the clause of a known question belongs to it."""
    for begin, finish in _stretches(page, start, end):
        page.explain(begin, finish, Cover.ACT)


def _stretches(page: Page, start: int, end: int) -> list[tuple[int, int]]:
    left = page.unread(start, end)
    return [
        (start + match.start(), start + match.end())
        for match in re.finditer("[^\x00-\x04]+", left)
        if PUNCTUATION.sub("", match[0])
    ] or [(start, end)]
