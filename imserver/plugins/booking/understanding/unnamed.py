"""Refusals that name no value: 太早了, 日期错了, 换个时间, "can't make that". They are of what the card shows.

A text is cut at punctuation and at what was read already; what one of the patterns of `words/unnamed.toml` matches whole, with
fillers at its ends, refuses the day or the hour. So a word of it inside another sentence (早点来没事吧) says nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, Literal, NamedTuple

from imserver.plugins.booking.dates.sieve import can_match

from .word_lists import load_words

_WORDS: Final = load_words("unnamed")
_PIECE: Final = re.compile("(?:[^,，。;；!！?？、\n\x00\x01\x03.]|[.](?=[0-9])){2,40}")
_BLANK: Final = re.compile("(?<=[一-鿿]) +| +(?=[一-鿿])")
_LETTER: Final = re.compile("[a-z]")


class Unnamed(NamedTuple):
    """What is refused, and the characters that say so."""

    what: Literal["day", "time"]
    start: int
    end: int


def _whole(name: str) -> re.Pattern[str]:
    before, behind = _WORDS["before"], _WORDS["behind"]
    return re.compile(f"{before}{{0,6}}(?:{'|'.join(_WORDS[name])}){behind}{{0,5}}")


def _whole_english(name: str) -> re.Pattern[str]:
    before, behind = _WORDS["before_english"], _WORDS["behind_english"]
    words = "|".join(_WORDS[name])
    return re.compile(f"(?:{before}(?![a-z']) ?){{0,6}}(?:{words})(?: {behind}(?![a-z])){{0,5}}")


_CHINESE: Final = tuple((what, _whole(what)) for what in ("day", "time"))
_ENGLISH: Final = tuple((what, _whole_english(f"{what}_english")) for what in ("day", "time"))


def read_unnamed(text: str) -> Iterator[Unnamed]:
    """The refusals of a folded text, in its order; what was read of it is marks."""
    for match in _PIECE.finditer(text):
        for start, end in _parts(match):
            piece = text[start:end]
            patterns = _ENGLISH if _LETTER.search(piece) else _CHINESE
            what = next(
                (what for what, one in patterns if can_match(one, piece) and one.fullmatch(piece)), None
            )
            if what is not None:
                yield Unnamed("day" if what == "day" else "time", start, end)


def _parts(match: re.Match[str]) -> Iterator[tuple[int, int]]:
    """The piece in parts: a blank beside a Chinese character ends one."""
    start = match.start()
    for blank in (*_BLANK.finditer(match.string, *match.span()), None):
        end = match.end() if blank is None else blank.start()
        text = match.string[start:end]
        begin, stop = start + len(text) - len(text.lstrip(" .")), end - len(text) + len(text.rstrip(" ."))
        if stop > begin:
            yield begin, stop
        start = match.end() if blank is None else blank.end()
