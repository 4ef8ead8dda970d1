"""Times of something else: until when one is busy, what was done then, what one has to do then. None of them is a wish.

"I'm at work till 5" and 要到四点才有空 open a range behind the hour that they name, where "open till 5" ends one. 五号交的钱,
"I called at 3" and 他们也给我留了周五四点 tell of a time. 三点我还在法院 says what one does then.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from imserver.plugins.booking.dates.moments import Moment, Open, Place
from imserver.plugins.booking.dates.text import DAY_MARK, MARKS, TIME_MARK, WORD_MARK, Sheet

from .word_lists import load_words

_WORDS: Final = load_words("occasions")
EVENTS: Final[str] = "|".join(_WORDS["events"])
DEEDS: Final[str] = "|".join(_WORDS["deeds"])
EVENTS_ENGLISH: Final[str] = _WORDS["events_english"]
TOLD_BEHIND: Final = (
    f"{_WORDS['done']}|(?:[^,，。;；!！?？想要约能可吗]{{0,2}})(?:[之以]?前|之内|"
    f"内)?[^,，。;；!！?？吗]{{0,4}}?(?:{_WORDS['answered']})(?![^,，。]{{0,8}}吗)"
)
"""Behind a time: it was done then, or an answer comes by then."""
TOLD_BY: Final[str] = _WORDS["done_by"]
TOLD_BY_THEM: Final[str] = _WORDS["done_by_them"]
TOLD_ENGLISH: Final = (
    f"(?:(?:i|we|he|she|they|you|somebody|someone|(?:my|your|the) [a-z]{{2,12}}) (?:just |already |"
    f"only |have |had |'ve |even ){{0,2}}"
    f"(?:{_WORDS['done_english']})|(?:{_WORDS['answered_english']}))(?![a-z])"
)
OTHERS: Final = (
    f"(?:{_WORDS['others']})|"
    f"(?<![a-z])(?<!can )(?<!could )(?<!would )(?<!will )(?<!do )(?:{_WORDS['others_english']})"
    f"(?![a-z'])"
)
VISIT: Final = re.compile(f"{_WORDS['visit']}|(?<![a-z])(?:{_WORDS['visit_english']})(?![a-z])")

_UNTIL: Final = re.compile(
    f"(?:(?:{_WORDS['until']})[^,，。;；!！?？ {TIME_MARK}]{{0,3}}[到至](?:大概|大约|差不多|快|将近)?|"
    f"(?<![a-z])(?:{_WORDS['until_english']})(?![a-z])[a-z' {DAY_MARK}{WORD_MARK}]{{0,28}}?(?<![a-z])(?:un)?'?til?l?(?![a-z]))"
    f"(?: (?:about|around|at least|like|gone))? ?$"
)
_ONLY_THEN: Final = re.compile(
    "(?:(?<![改换挪推约调移延])[到至]|要|得|起码要?|至少要?|最[早快]也?[要得]?)(?:大概|大约|差不多)? ?$"
)
_EDGE: Final = re.compile(
    f"(?:(?P<early>最[早快]|(?<![a-z])(?:at the |the |my )earliest(?![a-z])|(?<![a-z])earliest(?= i ))|最[晚迟]|"
    f"(?<![a-z])(?:at the |the |my )latest(?![a-z])|(?<![a-z])latest(?= i ))"
    f"(?:也|都|得|要|能|可以|只能|到|来|是|我|大概|差不多|[ {DAY_MARK}{WORD_MARK}]|"
    f"(?<![a-z])(?:that|i|we|he|she|can|could|'d|'ll|do|make|it|come|be|there|manage|get|is|would|on|at|for|about|around|possible)(?![a-z])){{0,30}}$"
)
VISIT_ASKED: Final = re.compile(
    "几点|什么时候|(?<![a-z])(?:what'?s|when'?s|what is|is)(?: the| your)? (?:earliest|latest)"
)
_THEN: Final = re.compile(
    f"(?:钟|左右|多|{WORD_MARK})?(?:才|先(?=得|有空|可以|行|放|收|走)|后先|以后才|之后才)"
)
_SHOPS: Final = re.compile(
    "你们|你哋|你家|贵店|店里|营业|关门|(?<![a-z])(?:you|u|ye|shop|store)(?![a-z])|几点|吗|[?？]"
)
_REACH: Final = 56


def until(sheet: Sheet, moment: Moment) -> Place | None:
    """Where it says that one is busy until the hour of a moment: then the wish is behind it. None: it does not."""
    if not moment.time_places or moment.until is not None:
        return None
    start, end = moment.time_places[0][0], moment.time_places[-1][1]
    begin = max(0, start - _REACH)
    before = sheet.text[begin:start]
    cut = max((before.rfind(mark) for mark in ",，。;；!！?？\n"), default=-1) + 1
    match = _UNTIL.search(before, cut)
    if match is None or _SHOPS.search(before, cut, match.end()):
        return None
    first = match.start()
    if not before[first].isascii():  # 周六陪客户吃饭吃到两点: all of it, from the day on
        first = max(cut, *(before.rfind(mark, 0, match.end()) + 1 for mark in MARKS))
    return begin + min(first, match.start()), end


def at_the_edge(sheet: Sheet, moment: Moment) -> tuple[Open, Place] | None:
    """The earliest I could do, 最早也得: which end of a range the hour of a moment is, and where it says so."""
    if not moment.time_places or moment.until is not None or moment.open:
        return None
    start = moment.time_places[0][0]
    match = _EDGE.search(sheet.text, max(0, start - _REACH), start)
    if match is None or VISIT_ASKED.search(sheet.text):
        return None
    return ("after" if match["early"] else "before"), match.span()


def only_then(sheet: Sheet, moment: Moment) -> Sequence[Place]:
    """Where it says that one can only from the hour of a moment on: 要到四点才有空."""
    if not moment.time_places or moment.until is not None:
        return ()
    start, end = moment.time_places[0][0], moment.time_places[-1][1]
    before = _ONLY_THEN.search(sheet.text, max(0, start - 8), start)
    behind = _THEN.match(sheet.text, end)
    return (before.span(), behind.span()) if before and behind else ()
