"""Clauses that ask out of politeness, or what no list has a word for."""

from __future__ import annotations

import re
from typing import Final

from .acts import TIMES, Kind
from .intents import NEEDS_ONE, left_over
from .page import PUNCTUATION, Cover, Page
from .patterns import template
from .questions import ask_other, asks, beyond_politeness, cover_politeness
from .read_so_far import begun_in, clause_of, is_named, is_valued

_WONDERED: Final = template("reader", "wondered")


def wonders(page: Page) -> bool:
    """三点会不会太晚, at a card: the time is asked about and not refused, if no other one is said."""
    timed = [act for act in page.acts if act.what in TIMES]
    if not timed or any(act.kind is not Kind.REFUSE for act in timed):
        return False
    where = {clause_of(page, act) for act in timed if act.spans}
    if len(where) != 1 or not _WONDERED.search(page.words[slice(*(clause := where.pop()))]):
        return False
    page.acts = [act for act in page.acts if act not in timed]
    page.explain(*clause, Cover.ACT)
    page.add(Kind.QUESTION, "other", None, clause)
    return True


def read_asked(page: Page) -> None:
    """What a member of the staff asks: it is for people, whatever it is."""
    for start, end in page.clauses:
        if beyond_politeness(page, start, end) or (asks(page, start, end) and page.has(Kind.GIVE, "code")):
            ask_other(page, start, end)
            return


def read_questions(page: Page, asked: list[tuple[int, int]]) -> None:
    """Clauses that ask: out of politeness, or what no list has a word for."""
    valued = is_valued(page) or page.has(Kind.BEGIN) or page.has(Kind.REFUSE)
    wished = any(page.has(Kind.BEGIN, name) for name in ("book", "move", "cancel"))
    for start, end in page.clauses:
        if (start, end) in asked or not asks(page, start, end):
            continue
        if _seen_in(page, start, end) or _put_off(page, start, end):
            page.explain(start, end, Cover.HARMLESS)
            continue
        if NEEDS_ONE.search(page.words[start:end]):
            _only_asked(page, start, end)
            ask_other(page, start, end)
            continue
        left = PUNCTUATION.sub("", left_over(page.unread(start, end)).replace("\x02", ""))
        here = page.timed(start, end) or is_named(page, start, end) or begun_in(page, start, end)
        if (valued and not left and not beyond_politeness(page, start, end)) or (
            here and not beyond_politeness(page, start, end) and (wished or _put_to(page, start, end))
        ):
            cover_politeness(page, start, end)
        elif left or (not page.acts and Cover.NOTE in page.cover[start:end]):
            _only_asked(page, start, end)
            ask_other(page, start, end)


def _seen_in(page: Page, start: int, end: int) -> bool:
    """Whether the clause asks for what a list shows: free times, one's appointments, a human."""
    span = page.span(start, end)
    return any(
        act.kind is Kind.BEGIN
        and act.what in ("list", "slots", "human", "order")
        and any(span.start <= place.start < span.end for place in act.spans)
        for act in page.acts
    )


def _put_off(page: Page, start: int, end: int) -> bool:
    """Whether the clause says what is waited for: 得看领导放不放人."""
    return any(act.kind is Kind.LATER and clause_of(page, act) == (start, end) for act in page.acts)


_YESTERDAY: Final = re.compile(
    "昨|前[天晚]|刚才|刚刚|(?<![a-z])(?:yesterday|last night|just now|the other day|this morning)(?![a-z])"
)


def _only_asked(page: Page, start: int, end: int) -> None:
    """A service, an age or a person in a question is what is asked about; in a story of yesterday too."""
    if page.timed(start, end) and not _YESTERDAY.search(page.words, start, end):
        return
    page.drop(start, end, ("service", "age", "person"))


_PUT: Final = template("intents", "put")


def _put_to(page: Page, start: int, end: int) -> bool:
    """Whether the politeness is about a time: 周五行不行."""
    return bool(_PUT.search(page.sheet.text, start, min(end + 1, len(page.words)))) or bool(
        _PUT.search(page.marked(), start, min(end + 1, len(page.words)))
    )
