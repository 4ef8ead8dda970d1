"""Short codes that a person can say: letter, digit, letter, digit (`A7K2`), without 0/O and 1/I.

A code is a permuted appointment id, so it is unique by construction and needs no dice. Letters and digits alternate: a code
is never mistaken for a word, a date or a time. When four characters are used up, five and six follow.
"""

from __future__ import annotations

import re

LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ"
DIGITS = "23456789"
_LENGTHS = (4, 5, 6, 7, 8)
#: Where the second that a restored history begins at is counted from: 2026 began, UTC ms.
_LIVES_SINCE = 1_767_225_600_000
#: Prime and larger than any factor of the sizes (2 and 3): multiplying by it permutes; neighbours look unrelated.
_STRIDE = 1_000_003

PATTERN = re.compile(
    rf"(?<![A-Za-z0-9])([{LETTERS}][{DIGITS}]){{2}}(?:[{LETTERS}](?:[{DIGITS}](?:[{LETTERS}][{DIGITS}]?)?)?)?(?![A-Za-z0-9])",
    re.IGNORECASE,
)
MARKED = re.compile(f"((?:[{LETTERS}][{DIGITS}]){{2,4}}) v([0-9]{{1,6}})")
"""What the command of a button carries: a code, not one of an odd length, and the version of what its card shows."""


def code_of(number: int) -> str:
    """The code of appointment `number` (from 1)."""
    rest = number - 1
    for length in _LENGTHS:
        size = _size(length)
        if rest < size:
            return _spell((rest * _STRIDE + size // 3) % size, length)
        rest -= size
    raise OverflowError("more appointments than codes")


def number_of(code: str) -> int | None:
    """The appointment number whose code it is; None if nothing can have that code."""
    value, before = 0, 1
    for place, char in enumerate(code.upper()):
        alphabet = DIGITS if place % 2 else LETTERS
        if char not in alphabet:
            return None
        value += alphabet.index(char) * before
        before *= len(alphabet)
    if len(code) not in _LENGTHS:
        return None
    size = _size(len(code))
    rest = (value - size // 3) * pow(_STRIDE, -1, size) % size
    return sum(_size(length) for length in _LENGTHS if length < len(code)) + rest + 1


def first_of_life(restored_at: int) -> int:
    """Where numbers go on behind a restore. The lost history may have given any number behind the copy's, and nobody knows
    which; so each life begins at the number of the second that it begins in, among the codes of eight characters, which no
    history without a restore comes to. A life gives fewer numbers than it has seconds, or it would meet the next one."""
    shorter = sum(_size(length) for length in _LENGTHS[:-1])
    return shorter + 1 + max(0, restored_at - _LIVES_SINCE) // 1000


def _size(length: int) -> int:
    return int(len(LETTERS) ** ((length + 1) // 2) * len(DIGITS) ** (length // 2))


def _spell(value: int, length: int) -> str:
    characters = []
    for place in range(length):
        alphabet = DIGITS if place % 2 else LETTERS
        value, index = divmod(value, len(alphabet))
        characters.append(alphabet[index])
    return "".join(characters)
