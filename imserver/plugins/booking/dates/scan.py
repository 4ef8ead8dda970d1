"""The words about time in a text, each with its place: the rules run over the sheet and blank out what they read."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import Final

from .rules import RULES
from .sieve import Sieve, grams_on
from .text import DAY_MARK, TIME_MARK, Sheet
from .tokens import Later, Moved, Scene, Shift, Token


@dataclass(frozen=True, slots=True)
class Found:
    """Tokens that one phrase means, and the characters of the sheet that it takes. timely: it is about a time of day.
    echo: it only points at what the card shows."""

    tokens: tuple[Token, ...]
    start: int
    end: int
    timely: bool = False
    echo: bool = False


_SIEVE: Final = Sieve(rule.pattern for rule in RULES)


def scan(sheet: Sheet, today: date, *, chinese: bool = False) -> list[Found]:
    """What the rules find, in the order of the text; `sheet` shrinks to the unread text. `chinese`: what stands in front of
    it, and is none of it, is Chinese."""
    scene = Scene(today, is_chinese(sheet.text) or (chinese and not _ENGLISH.search(sheet.text)))
    found: list[Found] = []
    for number in grams_on(sheet).passed(_SIEVE):
        rule = RULES[number]
        for match in tuple(rule.pattern.finditer(sheet.text)):
            tokens = rule.read(match, scene)
            if not tokens:
                continue
            timely = rule.timely or isinstance(tokens[0], Later | Moved)
            sheet.blank(*match.span(), TIME_MARK if timely else DAY_MARK)
            found.append(Found(tokens, *match.span(), timely))
    return _attached(sorted(found, key=lambda one: one.start))


def _attached(found: list[Found]) -> list[Found]:
    """ "A week from" and the day that it is counted from are one."""
    if len(found) < 2:
        return found
    joined: list[Found] = []
    for one in found:
        before = joined[-1] if joined else None
        if (
            before is not None
            and before.end == one.start
            and (_shifts(before) or _shifts(one))
            and not one.timely
        ):
            joined[-1] = Found((*before.tokens, *one.tokens), before.start, one.end)
        else:
            joined.append(one)
    return joined


def _shifts(found: Found) -> bool:
    return all(isinstance(token, Shift) for token in found.tokens)


def is_chinese(text: str) -> bool:
    """Whether a slash date is read the Chinese way: Chinese characters, and no English word but a.m. and p.m."""
    return bool(_HAN.search(text)) and not _ENGLISH.search(text)


_HAN: Final = re.compile("[\u4e00-\u9fff]")
_ENGLISH: Final = re.compile("[a-z]{3}")
