"""Facts told in a row beside a service or a first visit: "周四下午四点验光，水清，30，来过", "sat 3pm eye exam, jo finch, 42".

A whole piece of such a row that is two figures is an age; what stands right before an age, in letters alone and no common word,
is a name. Elsewhere a number is none, and a name looks like one or is said to be one.
"""

from __future__ import annotations

import re
from typing import Final

from imserver.plugins.booking.dates.text import MARKS

from .acts import Kind
from .names import _TIMELY, is_common
from .page import Page
from .rest import is_harmless
from .values import number

_FIGURES: Final = re.compile("[1-9][0-9]|[二三四五六七八九]?十[一二三四五六七八九]?")
_HAN_NAME: Final = re.compile("[\u3400-\u9fff]{2,4}")
_LATIN_NAME: Final = re.compile("[a-z][a-z'-]+(?: [a-z][a-z'.-]+){0,2}")
_BOTH: Final = re.compile("(?:这|那)?(?:两|俩|2)个?(?:预约)?都|(?<![a-z])both(?: of them)?(?![a-z])")
_PERSONAL: Final = ("service", "first", "name")


def read_row(page: Page) -> None:
    """The age and the name of a row."""
    if not any(page.has(kind, what) for kind in (Kind.GIVE, Kind.CORRECT) for what in _PERSONAL):
        return
    row = _row(page)
    aged = next((place for place, piece in enumerate(row) if _says_age(page, piece)), None)
    if aged is None:
        aged = next(
            (place for place, piece in enumerate(row) if place and _is_bare_age(page, row, place)), None
        )
        if aged is None or page.has(Kind.GIVE, "age"):
            return
        start, end = row[aged]
        page.take_act(Kind.GIVE, "age", number(page.words[start:end]), (start, end))
    if aged and not page.has(Kind.GIVE, "name"):
        start, end = row[aged - 1]
        if _is_like_a_name(page.open[start:end]):
            page.take_act(Kind.GIVE, "name", page.typed(start, end), (start, end))


def read_both(page: Page) -> None:
    """ "Cancel both" is of two."""
    if page.has(Kind.BEGIN, "cancel") and not page.has(Kind.GIVE, "number"):
        match = _BOTH.search(page.words)
        if match:
            page.add(Kind.GIVE, "number", 2, match.span())


def _row(page: Page) -> list[tuple[int, int]]:
    """The pieces, without blanks at their edges."""
    found = []
    for start, end in page.pieces:
        text = page.words[start:end]
        found.append((start + len(text) - len(text.lstrip()), start + len(text.rstrip())))
    return found


def _says_age(page: Page, piece: tuple[int, int]) -> bool:
    """Whether an age was read there."""
    start, end = piece
    span = page.span(start, end)
    ages = [act for act in page.acts if act.kind is Kind.GIVE and act.what == "age"]
    return any(span.start <= one.start < span.end for act in ages for one in act.spans)


def _is_bare_age(page: Page, row: list[tuple[int, int]], place: int) -> bool:
    """Two figures by themselves, right behind a name or something like one, or right before a first visit."""
    start, end = row[place]
    if not _FIGURES.fullmatch(page.open[start:end]):
        return False
    before = row[place - 1]
    named = any(
        act.what == "name" and act.spans and act.spans[-1].end <= page.span(start, end).start
        for act in page.acts
    )
    return (named and _is_read(page, before)) or _is_like_a_name(page.open[before[0] : before[1]])


def _is_read(page: Page, piece: tuple[int, int]) -> bool:
    return any(char in MARKS for char in page.open[piece[0] : piece[1]])


def _is_like_a_name(text: str) -> bool:
    """Letters alone, no common word, and nothing about time."""
    if not (_HAN_NAME.fullmatch(text) or _LATIN_NAME.fullmatch(text)):
        return False
    doubled = len(text) == 2 and text[0] == text[1]  # 常常, 天天: as often a word
    return not (doubled or is_common(text) or is_harmless(text) or _TIMELY.search(text))
