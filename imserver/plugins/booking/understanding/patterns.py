"""The templates of the reader: long patterns stand in `words/patterns.toml`, with names for what they share."""

from __future__ import annotations

import re
from typing import Final

from imserver.plugins.booking.dates.deferred import deferred
from imserver.plugins.booking.dates.numerals import EN_ONES, EN_TENS, either

from .word_lists import load_words

HAN: Final = "^\\W0-9a-z_"
"""A letter that is not Latin, for a class: a range of so many characters takes 10 ms to compile, this none."""
CN_NUMERALS: Final = "零〇一二两三四五六七八九十百廿卅卌"

_NAMES: Final = load_words("names")
KIN: Final = "|".join(sorted(_NAMES["kin"], key=len, reverse=True))
KIN_ENGLISH: Final = "|".join(
    one.replace("-", "[- ]") for one in sorted(_NAMES["kin_english"].split(), key=len, reverse=True)
)
TITLES: Final = "|".join(sorted(_NAMES["titles"], key=len, reverse=True))

_ENGLISH: Final = either((*EN_ONES[1:], *EN_TENS, "seventy", "eighty"))
NUMBER: Final = f"(?:[0-9]{{1,3}}|[{CN_NUMERALS}]{{1,5}}|(?:{_ENGLISH})(?:[- ](?:{either(EN_ONES[1:10])}))?)"
CLAUSE_END: Final = r"(?=\s*(?:$|[,.!?;、，。~\x00-\x04 ]))"

_SHARED: Final = {
    "<HAN>": HAN,
    "<CN>": CN_NUMERALS,
    "<KIN>": KIN,
    "<ENGLISH>": KIN_ENGLISH,
    "<TITLES>": TITLES,
    "<NUM>": NUMBER,
    "<END>": CLAUSE_END,
}


def template(module: str, name: str) -> re.Pattern[str]:
    """The alternatives of that name in the table of that module, as one pattern."""
    return deferred(filled("|".join(load_words("patterns")[module][name])))


def templates(module: str, name: str) -> tuple[re.Pattern[str], ...]:
    """The same as patterns to be tried one after the other."""
    return tuple(deferred(filled(one)) for one in load_words("patterns")[module][name])


def filled(text: str) -> str:
    for shared, meaning in _SHARED.items():
        text = text.replace(shared, meaning)
    return text
