"""Text commands: the table of names and aliases, and the matching of a typed text to a row. Pure: text in, a row out.

The rules, in the order in which they are applied:

1. Space around the text is ignored. Full-width letters, digits and slash (`／ｂｏｏｋ`) count as their narrow twins, and Latin
   letters match in either case.
2. `/name` and `/alias` match, and so does an alias without the slash (`预约 …`). A bare name does not, unless it is an alias
   too: "book" begins too many innocent sentences.
3. A command ends where the text ends, at a space, or where Chinese, Japanese or Korean writing begins or ends (scripts without
   spaces): `预约明天`, `取消A7K2` and `/book明天` match, `/books` and `pinging` do not.
4. Of several that match the longest wins: `取消预约` before `取消`.
5. The rest is the arguments, without the space, comma or colon that separates them; otherwise as it was typed.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")

#: A command's name, without the slash. Short, so that it can be typed and said.
NAME_PATTERN = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
#: Longest alias in characters.
MAX_ALIAS_CHARS = 32
#: Most rows and aliases in one table: a plugin that makes them in a loop is broken.
MAX_TRIGGERS = 512

_SEPARATORS = " \t\r\n\u3000,，、:：;；"


@dataclass(frozen=True, slots=True)
class TextCommand(Generic[T]):
    """A row of the table. `target` is any value that the owner of the table wants back."""

    name: str
    target: T
    help: str = ""
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Matched(Generic[T]):
    """A row and the arguments typed behind its name."""

    command: TextCommand[T]
    arguments: str


class CommandTable(Generic[T]):
    """The commands of one plugin."""

    def __init__(self) -> None:
        self._rows: dict[str, TextCommand[T]] = {}
        self._triggers: dict[str, TextCommand[T]] = {}
        self._lengths: list[int] = []

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[TextCommand[T]]:
        return iter(self._rows.values())

    def __contains__(self, name: object) -> bool:
        return name in self._rows

    def add(self, name: str, target: T, *, help: str = "", aliases: Sequence[str] = ()) -> None:
        """Add a row. Raises ValueError for a name or alias that is taken, empty, too long or of the wrong form."""
        if NAME_PATTERN.fullmatch(name) is None:
            raise ValueError(f"command name {name!r}: 1-32 of a-z, 0-9, _ and -")
        row = TextCommand(name, target, help, tuple(aliases))
        wanted = [f"/{name}"]
        for alias in aliases:
            folded = fold(alias)
            if not folded or folded != folded.strip(_SEPARATORS) or len(folded) > MAX_ALIAS_CHARS:
                raise ValueError(f"alias {alias!r}: 1-{MAX_ALIAS_CHARS} characters without space around them")
            if folded.startswith("/"):
                raise ValueError(f"alias {alias!r}: is given without the slash")
            # An alias may repeat the name: then it works without the slash too.
            wanted.extend(trigger for trigger in (folded, f"/{folded}") if trigger not in wanted)
        taken = [trigger for trigger in wanted if trigger in self._triggers]
        if taken:
            raise ValueError(f"{taken[0]!r} is already a command")
        if len(self._triggers) + len(wanted) > MAX_TRIGGERS:
            raise ValueError(f"more than {MAX_TRIGGERS} names and aliases")
        self._rows[name] = row
        self._triggers.update(dict.fromkeys(wanted, row))
        self._lengths = sorted({*self._lengths, *map(len, wanted)}, reverse=True)

    def clear(self) -> None:
        """Remove every row."""
        self._rows.clear()
        self._triggers.clear()
        self._lengths = []

    def match(self, text: str) -> Matched[T] | None:
        """The row that the text calls, or None. Its cost does not grow with the length of the text."""
        if not self._lengths:
            return None
        start = len(text) - len(text.lstrip())
        head = fold(text[start : start + self._lengths[0] + 1])
        for length in self._lengths:
            row = self._triggers.get(head[:length]) if length <= len(head) else None
            if row is not None and _ends_there(head, length):
                return Matched(row, text[start + length :].lstrip(_SEPARATORS).rstrip())
        return None


def fold(text: str) -> str:
    """The text in the form in which it is compared: same length, narrow, lower case."""
    return text.lower() if text.isascii() else "".join(map(_fold_character, text))


def _fold_character(character: str) -> str:
    narrow = unicodedata.normalize("NFKC", character)
    folded = (narrow if len(narrow) == 1 else character).lower()
    return folded if len(folded) == 1 else character


def _ends_there(folded: str, length: int) -> bool:
    """Rule 3: does the command that takes the first `length` characters end there?"""
    if length == len(folded):
        return True
    following = folded[length]
    return following.isspace() or _glues(following) or _glues(folded[length - 1]) or following in _SEPARATORS


def _glues(character: str) -> bool:
    """True for scripts written without spaces. After folding, a character that is still wide is neither Latin nor a digit."""
    return unicodedata.east_asian_width(character) in "WF"
