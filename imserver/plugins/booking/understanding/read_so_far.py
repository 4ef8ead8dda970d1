"""Which acts were read in a clause so far."""

from __future__ import annotations

from typing import Final

from .acts import Act, Kind
from .page import Page

#: What can stand beside a command and be its value.
_VALUES: Final = frozenset(
    {
        "day",
        "time",
        "range",
        "shop",
        "service",
        "person",
        "name",
        "age",
        "first",
        "code",
        "number",
        "phone",
        "version",
    }
)


def is_valued(page: Page) -> bool:
    """Whether a value was read anywhere."""
    return any(act.kind in (Kind.GIVE, Kind.CORRECT) and act.what in _VALUES for act in page.acts)


def is_named(page: Page, start: int, end: int) -> bool:
    """Whether a value stands in the clause."""
    span = page.span(start, end)
    return any(
        act.kind in (Kind.GIVE, Kind.CORRECT)
        and act.what in _VALUES
        and any(span.start <= place.start < span.end for place in act.spans)
        for act in page.acts
    )


def clause_of(page: Page, act: Act) -> tuple[int, int]:
    """The clause in which an act begins."""
    return next(
        (
            clause
            for clause in page.clauses
            if page.span(*clause).start <= act.spans[0].start < page.span(*clause).end
        ),
        page.clauses[0],
    )


def begun_in(page: Page, start: int, end: int, *names: str) -> bool:
    """Whether something is begun there: one of `names`, or anything."""
    span = page.span(start, end)
    return any(
        act.kind is Kind.BEGIN
        and (not names or act.what in names)
        and any(span.start <= place.start < span.end for place in act.spans)
        for act in page.acts
    )


def asked_in(page: Page, start: int, end: int) -> bool:
    """Whether a question begins there: what stands before it in its clause may answer (好的 停车方便吗)."""
    span = page.span(start, end)
    return any(
        act.kind is Kind.QUESTION and any(span.start <= place.start < span.end for place in act.spans[:1])
        for act in page.acts
    )
