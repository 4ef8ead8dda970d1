"""Sanitizes text from outside for a terminal and for a log. Pure functions, nothing but the standard library."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

#: Replaces a character that could move the cursor, hide text or turn its direction.
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
#: Format characters that writing needs: joiners of emoji families, of Persian and of Indic scripts.
_JOINERS = frozenset("\u200c\u200d")
#: Controls, formats (all bidi marks are), surrogates, private use, and the two Unicode line separators.
_HARMFUL = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
#: Accents on one character: more than a script needs would climb into the lines above.
MAX_MARKS = 4
TAB = "    "


def safe(text: str) -> str:
    """The text without anything that a terminal would act upon. Line feeds stay; see `safe_line`."""
    text = text.replace("\r\n", "\n").replace("\t", TAB)
    if text.isascii() and text.replace("\n", "").isprintable():
        return text
    return "".join(_safe_characters(text))


def safe_line(text: str) -> str:
    """The same on one line, for names, labels and titles: line feeds become spaces."""
    return " ".join(safe(text).split("\n")).strip()


def escaped(text: str, keep: str = "") -> str:
    r"""Every character that a terminal would act upon as `\uXXXX`, so that a log shows exactly what was there."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        character
        if character in keep or not _is_harmful(character)
        else character.encode("unicode_escape", "surrogatepass").decode("ascii")
        for character in text
    )


def _safe_characters(text: str) -> Iterator[str]:
    marks = 0
    for character in text:
        marks = marks + 1 if unicodedata.combining(character) else 0
        if marks > MAX_MARKS:
            continue
        yield REPLACEMENT if character != "\n" and _is_harmful(character) else character


def _is_harmful(character: str) -> bool:
    return unicodedata.category(character) in _HARMFUL and character not in _JOINERS
