"""Whether a yes to a card is meant for certain.

A hedge (应该行, "I guess so", "sure, whatever") asks again, a condition is asked about like any doubt, and "leave it for now"
puts the question off. Beside a wish these words mean nothing of the kind, so they are looked for beside a yes alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from imserver.plugins.booking.dates.deferred import deferred

from .acts import Act, Kind, Scene
from .answers import answer_of
from .page import Page
from .rest import is_aside, is_harmless
from .word_lists import load_words

_WORDS: Final = load_words("hedges")
_HEDGES: Final = deferred("|".join(_WORDS["hedges"]))
_THROUGH: Final = deferred("|".join(_WORDS["through"]))
_CERTAIN: Final = deferred(_WORDS["certain"])
_PUT_ASIDE: Final = deferred("|".join(_WORDS["aside"]))
CONDITIONS: Final = deferred("|".join(_WORDS["conditions"]))
HINDERS: Final = deferred("|".join(_WORDS["hinders"]))
_COURTESIES: Final = frozenset({Kind.THANKS, Kind.GREETING})


def read_put_aside(page: Page, scene: Scene) -> None:
    """ "Leave it for now", 先帮我留着, at the card of a booking: its hold stays, and is no booking."""
    if scene.step.startswith("confirm") and scene.asks in ("", "book"):
        places = [match.span() for match in page.find(_PUT_ASIDE)]
        if places:
            page.take_act(Kind.LATER, "", None, *places)


def is_hedged(page: Page, acts: Sequence[Act]) -> bool:
    """Whether there is a yes, or what would be one without its hedge, and it is not certain: the last word counts, so that a
    plain yes in a clause of its own behind the hedge is one ("I guess so. Yes."), but not behind irony (呵呵，行)."""
    if any(act.kind is Kind.YES for act in acts) and page.narrowed(_THROUGH).search(page.words):
        return True
    found = [match.span() for match in page.narrowed(_HEDGES).finditer(page.words)]
    hedges = [(start, end) for start, end in found if not _means_else(page, acts, start)]
    if not hedges or page.narrowed(_CERTAIN).search(page.words):
        return False
    if not any(act.kind is Kind.YES for act in acts):
        return all(act.kind in _COURTESIES for act in acts) and _is_bare(page, found)
    last = hedges[-1][1]
    if page.words[:last].endswith(" so") and answer_of(page.words[last:]) is Kind.YES:
        return False  # "I guess so yes"
    behind = [piece for piece in page.pieces if piece[0] >= last]
    return not any(answer_of(page.words[slice(*piece)]) is Kind.YES for piece in behind)


def _means_else(page: Page, acts: Sequence[Act], place: int) -> bool:
    """Whether a hedge stands in a question, or in what changes nothing."""
    if is_aside(page, place):
        return True
    span = page.span(*page.clause_at(place))
    questions = [act for act in acts if act.kind is Kind.QUESTION and act.spans]
    return any(span.start <= act.spans[0].start < span.end for act in questions)


def _is_bare(page: Page, hedges: Sequence[tuple[int, int]]) -> bool:
    """Whether nothing stands beside the hedges but a yes: "probably", 大概吧, "probably fine"."""
    left = page.open
    for start, end in hedges:
        left = f"{left[:start]}{' ' * (end - start)}{left[end:]}"
    return is_harmless(left) or answer_of(left) is Kind.YES
