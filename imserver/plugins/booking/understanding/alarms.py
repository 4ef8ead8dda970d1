"""Red flags: words of an emergency that cannot wait for an appointment. The plugin looks for them before all else in a text.

A long text is read in windows, and a window by a few patterns at a time, so that other events run in between. The patterns are
data (`words/red_flags.toml`); each spans a bounded number of characters, so that the time grows as the length does. The bot
answers a match with the way to the emergency department; no text of the plugin ever says that a symptom is harmless.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from .ear import fold

#: One window: 3 ms of patterns at worst.
WINDOW_CHARS = 1000
#: Patterns that look at a window in one step: what all of them take for 200 characters, some 0.5 ms at worst.
PATTERNS_IN_STEP = 4
#: A text of so many characters needs no more time than one step does.
STEP_CHARS = 200
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
        self._kinds = [
            (kind, [_compiled(few, table["parts"]) for few in batched(table[kind], PATTERNS_IN_STEP)])
            for kind in KINDS
        ]
        #: Steps for a window that speaks of eyes and has no red flag.
        self.steps_of_window = 1 + sum(len(patterns) for _, patterns in self._kinds)

    def find(self, text: str) -> RedFlag | None:
        """The first red flag in a text; of one window, chemicals before everything else."""
        return next((flag for flag in self.look(text) if flag is not None), None)

    def look(self, text: str) -> Iterator[RedFlag | None]:
        """The red flags of a text, and None for each step that found none; the caller may pause between two."""
        starts = range(0, max(len(text) - OVERLAP_CHARS, 1), WINDOW_CHARS - OVERLAP_CHARS)
        read = 0
        for left, start in zip(range(len(starts), 0, -1), starts, strict=True):
            if read >= MAX_FIRST and left > MAX_LAST:
                continue
            plain = _plain(text[start : start + WINDOW_CHARS])
            speaks_of_eyes = self._about.search(plain) is not None
            yield None
            if speaks_of_eyes:
                read += 1
                yield from self._in_window(self._not_meant.sub(" ", plain))

    def _in_window(self, plain: str) -> Iterator[RedFlag | None]:
        for kind, patterns in self._kinds:
            first: re.Match[str] | None = None
            for number, pattern in enumerate(patterns, 1):
                found = pattern.search(plain)
                if found is not None and (first is None or found.start() < first.start()):
                    first = found
                if number < len(patterns) or first is None:
                    yield None
            if first is not None:
                yield RedFlag(kind, first.group())
                return


def _plain(window: str) -> str:
    # One odd character can become eighteen.
    return fold(window, WINDOW_CHARS)[: 2 * WINDOW_CHARS]


def batched(patterns: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    """The patterns in their order, a few at a time."""
    return (patterns[start : start + size] for start in range(0, len(patterns), size))


def _compiled(patterns: Sequence[str], parts: dict[str, str]) -> re.Pattern[str]:
    whole = "|".join(f"(?:{pattern})" for pattern in patterns)
    return re.compile(re.sub(r"<([A-Z_]+)>", lambda part: parts[part[1]], whole), re.IGNORECASE)
