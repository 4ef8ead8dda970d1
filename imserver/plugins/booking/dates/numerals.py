"""Numbers as people write them: digits, Chinese numerals, English number words."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

CN_DIGITS: Final = {char: value for value, char in enumerate("零一二三四五六七八九")} | {"〇": 0, "两": 2}
CN_TENS: Final = {"十": 10, "廿": 20, "卅": 30}
EN_ONES: Final = (
    *(
        "zero",
        "one",
        "two",
        "three",
        "four",
        "five",
        "six",
        "seven",
        "eight",
        "nine",
        "ten",
        "eleven",
        "twelve",
    ),
    *("thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
EN_TENS: Final = {"twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "ninety": 90}
EN_VALUES: Final = {word: value for value, word in enumerate(EN_ONES)} | EN_TENS | {"a": 1, "an": 1, "oh": 0}


def number(text: str) -> int:
    """The value of digits, a Chinese numeral below 60, or an English number word."""
    if text.isdigit() and text.isascii():
        return int(text)
    if "百" in text:
        return 100 * CN_DIGITS[text[0]]
    if all(char in CN_DIGITS for char in text):  # one digit, 零五, 二〇二六
        return int("".join(str(CN_DIGITS[char]) for char in text))
    for sign, tens in CN_TENS.items():
        before, found, after = text.partition(sign)
        if found:
            return tens * CN_DIGITS.get(before, 1) + CN_DIGITS.get(after, 0)
    return sum(EN_VALUES[word] for word in re.split("[- ]", text))


def either(words: Iterable[str]) -> str:
    """An alternative of plain words, longest first so that none hides behind its own beginning."""
    return "|".join(sorted(words, key=len, reverse=True))
