"""Thanks, greetings, and "let me think"."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from imserver.plugins.booking.dates.deferred import deferred
from imserver.plugins.booking.dates.sieve import Several

from .acts import Kind
from .page import HAN, Page
from .word_lists import load_words

_WORDS: Final = load_words("intents")


def _whole(pattern: str) -> str:
    """A pattern of English words as whole words."""
    return pattern if HAN.search(pattern) else rf"(?<![a-z])(?:{pattern})(?![a-z])"


def any_of(patterns: Iterable[str]) -> re.Pattern[str]:
    return deferred("|".join(f"(?:{_whole(one)})" for one in patterns))


COURTESIES: Final = {
    Kind.LATER: any_of(_WORDS["courtesy"]["later"]),
    Kind.THANKS: any_of(_WORDS["courtesy"]["thanks"]),
    Kind.GREETING: any_of(_WORDS["courtesy"]["greeting"]),
}
_EVERY: Final = Several(COURTESIES.values())
_NO_NEED: Final = re.compile("(?:不(?:用|要|必)?|唔使|无需|甭|别|莫)(?:再)?$|(?<![a-z])no $")
#: What is answered by then, and the words of the time before it: 明天中午之前回复你.
_ANSWERING: Final = re.compile("答复|覆|复|回|告诉|告知|话你|联系|说|讲|决定|定|确认|信")
_BY_THEN: Final = re.compile(
    "(?:我|俺|就|会|再|争取|尽量|最晚|最迟|先|大概|可能|今|明|后|听|天|日|晚|早|上|下|午|中|周|星期|礼拜|"
    "[一二三四五六末0-9十两半:]|点|号|钟|分|之|以|前|后|内|左右|等|到|给|在|回|\\s)*$"
)
_SAYS_WHEN: Final = re.compile("[点号天晚午周拜]|早上|星期|之?前$")


def read_courtesies(page: Page) -> None:
    """Thanks, greetings, and "let me think"; one act of each is enough."""
    if not page.may_hold_any(_EVERY):
        return
    for kind, pattern in COURTESIES.items():
        places = [
            _with_time(page, kind, *match.span())
            for match in page.find(pattern)
            if not _is_declined(page, match.start())
        ]
        if places:
            page.take_act(kind, "", None, *places)


def _is_declined(page: Page, place: int) -> bool:
    """不谢, "no thanks": but not "no 谢谢"."""
    match = _NO_NEED.search(page.words[:place])
    return match is not None and (not match[0].isascii() or page.words[place].isascii())


def _with_time(page: Page, kind: Kind, start: int, end: int) -> tuple[int, int]:
    """By when one answers is no wish to come then."""
    if kind is not Kind.LATER or not _ANSWERING.search(page.words[start:end]):
        return start, end
    begin, _ = page.clause_at(start)
    before = _BY_THEN.search(page.open[begin:start])
    said = before is not None and _SAYS_WHEN.search(before[0]) is not None
    return (begin + before.start() if before and said else start), end
