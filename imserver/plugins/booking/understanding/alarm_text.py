"""A text as the alarms read it: one way of writing, whatever the width, case, script, dialect or slip of the thumb."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from functools import cache, lru_cache
from importlib import resources

#: No apostrophes: thumbs leave them out.
_LEFT_OUT = dict.fromkeys("'`´’‘ʼ", "")
_DROPPED = frozenset({"Cf", "Mn", "Me"})
#: Longer runs of one character say no more: 痛痛痛痛, soooooo.
_RUN = re.compile(r"(.)\1{3,}", re.DOTALL)


@cache
def load_traditional() -> Mapping[int, str]:
    """Traditional characters and what they are in simplified ones, as a table of `str.translate`."""
    file = resources.files("imserver.plugins.booking") / "words" / "traditional.txt"
    traditional, simplified = file.read_text(encoding="utf-8").split()
    return str.maketrans(dict(zip(traditional, simplified, strict=True)) | _LEFT_OUT)


class Folding:
    """Folds texts; `rewrite` is what is typed in dialect or by a slip, and what is meant."""

    def __init__(self, rewrite: Mapping[str, str]) -> None:
        self._rewrite = rewrite
        self._typed = re.compile("|".join(sorted(map(re.escape, rewrite), key=len, reverse=True)))

    def fold(self, text: str, max_chars: int) -> str:
        """At most `max_chars` characters of the text, and at most twice as many when folded."""
        plain = unicodedata.normalize("NFKC", text[:max_chars])[: 2 * max_chars].lower()
        plain = plain.translate(load_traditional())
        if not plain.isascii():
            plain = "".join(filter(None, map(_folded, plain)))
        plain = self._typed.sub(lambda found: self._rewrite[found.group()], plain)
        plain = _RUN.sub(r"\1\1\1", plain)
        return " ".join(plain.split())[: 2 * max_chars]


@lru_cache(maxsize=4096)
def _folded(char: str) -> str:
    kind = unicodedata.category(char)
    if kind in _DROPPED:
        return ""
    return " " if kind[0] in "CZ" or kind == "So" else char
