"""Red flags: words of an emergency that cannot wait for an appointment. The plugin looks for them before all else in a text.

A long text is read in windows, so that other events run in between. The patterns are data (`words/red_flags.toml`). The bot
answers a match with the way to the emergency department; no text of the plugin ever says that a symptom is harmless.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from .acts import fold

#: One window: a few ms of patterns at worst.
WINDOW_CHARS = 1000
#: Neighbouring windows share so much. No pattern spans more.
OVERLAP_CHARS = 200
#: Windows of one text that speak of eyes at all and are read in full: the first ones, and then the last ones. Others cost
#: next to nothing.
MAX_FIRST, MAX_LAST = 12, 4

KINDS = ("chemical", "urgent")


@dataclass(frozen=True, slots=True)
class RedFlag:
    """`kind` is `chemical` (rinse first) or `urgent`; `words` is the matched text."""

    kind: str
    words: str


@cache
def load_red_flags() -> Mapping[str, Any]:
    """The shipped table. Read once; not to be changed."""
    file = resources.files("imserver.plugins.booking") / "words" / "red_flags.toml"
    return tomllib.loads(file.read_text(encoding="utf-8"))


class RedFlags:
    """The compiled patterns."""

    def __init__(self) -> None:
        table = load_red_flags()
        self._about = _compiled(table["about"], {})
        self._not_meant = _compiled(table["not_meant"], {})
        self._kinds = [(kind, _compiled(table[kind], table["parts"])) for kind in KINDS]

    def find(self, text: str) -> RedFlag | None:
        """The first red flag in a text; of one window, chemicals before everything else."""
        return next((flag for flag in self.look(text) if flag is not None), None)

    def look(self, text: str) -> Iterator[RedFlag | None]:
        """The red flag of each window of a text, or None; the caller may pause between two."""
        starts = range(0, max(len(text) - OVERLAP_CHARS, 1), WINDOW_CHARS - OVERLAP_CHARS)
        read = 0
        for left, start in zip(range(len(starts), 0, -1), starts, strict=True):
            if read >= MAX_FIRST and left > MAX_LAST:
                continue
            plain = _plain(text[start : start + WINDOW_CHARS])
            if self._about.search(plain):
                read += 1
                yield self._in_window(plain)
            else:
                yield None

    def _in_window(self, plain: str) -> RedFlag | None:
        plain = self._not_meant.sub(" ", plain)
        for kind, pattern in self._kinds:
            found = pattern.search(plain)
            if found is not None:
                return RedFlag(kind, found.group())
        return None


def _plain(window: str) -> str:
    # One odd character can become eighteen.
    return fold(window, WINDOW_CHARS)[: 2 * WINDOW_CHARS]


def _compiled(patterns: list[str], parts: dict[str, str]) -> re.Pattern[str]:
    whole = "|".join(f"(?:{pattern})" for pattern in patterns)
    return re.compile(re.sub(r"<([A-Z_]+)>", lambda part: parts[part[1]], whole), re.IGNORECASE)
