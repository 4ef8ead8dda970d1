"""Short codes that a person can say: letter, digit, letter, digit (`A7K2`), without 0/O and 1/I.

A code is a permuted appointment id, so it is unique by construction and needs no dice. Letters and digits alternate: a code
is never mistaken for a word, a date or a time. When four characters are used up, five and six follow.
"""

from __future__ import annotations

import re

LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ"
DIGITS = "23456789"
_LENGTHS = (4, 5, 6, 7, 8)
#: Prime and larger than any factor of the sizes (2 and 3): multiplying by it permutes; neighbours look unrelated.
_STRIDE = 1_000_003

PATTERN = re.compile(
    rf"(?<![A-Za-z0-9])([{LETTERS}][{DIGITS}]){{2}}(?:[{LETTERS}](?:[{DIGITS}](?:[{LETTERS}][{DIGITS}]?)?)?)?(?![A-Za-z0-9])",
    re.IGNORECASE,
)


def code_of(number: int) -> str:
    """The code of appointment `number` (from 1)."""
    rest = number - 1
    for length in _LENGTHS:
        size = _size(length)
        if rest < size:
            return _spell((rest * _STRIDE + size // 3) % size, length)
        rest -= size
    raise OverflowError("more appointments than codes")


def _size(length: int) -> int:
    return int(len(LETTERS) ** ((length + 1) // 2) * len(DIGITS) ** (length // 2))


def _spell(value: int, length: int) -> str:
    characters = []
    for place in range(length):
        alphabet = DIGITS if place % 2 else LETTERS
        value, index = divmod(value, len(alphabet))
        characters.append(alphabet[index])
    return "".join(characters)
