"""Text in terminal cells: measured, clipped, wrapped and padded. Pure functions.

A Chinese character or an emoji takes two cells, an accent none; so nothing here counts with `len`.
"""

from __future__ import annotations

from collections.abc import Iterator

# What prompt_toolkit counts with. It would itself take a tenth of a second, at the start of nearly every command.
from wcwidth import wcwidth

#: Marks of Chinese text that may not begin a line, and those that may not end one.
_CLOSING = frozenset("，。、；：！？）」』】》〉”’…")
_OPENING = frozenset("（「『【《〈“‘")


def width(text: str) -> int:
    """Cells that the text takes on one line."""
    if text.isascii() and text.isprintable():
        return len(text)
    return sum(max(wcwidth(character), 0) for character in text)  # a control character has -1


def pad(text: str, cells: int) -> str:
    """The text followed by spaces up to `cells`."""
    return text + " " * (cells - width(text))


def clip(text: str, cells: int) -> str:
    """The text, cut to fit `cells` and then ending in `…`."""
    if width(text) <= cells:
        return text
    kept, used = [], 0
    for character in text:
        used += width(character)
        if used > cells - 1:
            break
        kept.append(character)
    return "".join(kept) + "…" if cells > 0 else ""


def wrap(text: str, cells: int) -> list[str]:
    """Lines of at most `cells`, broken at spaces or beside wide characters, else anywhere. Keeps the text's own line feeds."""
    return [line for paragraph in text.split("\n") for line in _wrap_paragraph(paragraph, max(cells, 2))]


def _wrap_paragraph(text: str, cells: int) -> list[str]:
    if width(text) <= cells:
        return [text]
    lines: list[str] = []
    line, used = "", 0
    for chunk in _chunks(text):
        taken = width(chunk)
        if used + taken <= cells:
            line, used = line + chunk, used + taken
            continue
        if chunk.isspace():  # a break swallows the space that it stands for
            lines.append(line)
            line, used = "", 0
            continue
        if line:
            lines.append(line.rstrip())
        *full, line = _cut(chunk, cells)
        lines.extend(full)
        used = width(line)
    if line or not lines:
        lines.append(line)
    return lines


def _chunks(text: str) -> Iterator[str]:
    """Words, single spaces, and each wide character (with what combines with it, and marks that belong to it) alone."""
    chunk, last = "", ""
    for character in text:
        cells = width(character)
        if cells == 0 or chunk.endswith("\u200d"):
            chunk += character
            continue
        bound = last in _OPENING or (character in _CLOSING and last not in ("", " "))
        if chunk and not bound and (character == " " or cells == 2 or last == " " or width(last) == 2):
            yield chunk
            chunk = ""
        chunk += character
        last = character
    if chunk:
        yield chunk


def _cut(word: str, cells: int) -> list[str]:
    """A word longer than a line, in pieces that fit."""
    pieces, piece, used = [], "", 0
    for character in word:
        taken = width(character)
        if used + taken > cells and piece:
            pieces.append(piece)
            piece, used = "", 0
        piece, used = piece + character, used + taken
    return [*pieces, piece]
