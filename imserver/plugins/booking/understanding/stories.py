"""Times in English that are told and not wished: of others, of other appointments, of what might have been.

Each function takes the character that stands for a value and gives templates, with the value as `no`.
"""

from __future__ import annotations

from collections.abc import Iterator

#: Whom else one goes to see.
_OTHERS = "dentist|dental|doctor|gp|hospital|hair|vet|physio|other|another|different"


def elsewhere(v: str) -> Iterator[str]:
    """Somebody has, or one has oneself, something else then."""
    yield (
        rf"(?<![a-z])my [a-z]{{2,12}} (?:has|had|booked|got|took)(?: (?:an?|the|his|her|their) [a-z' \x02]{{2,24}}?)?"
        rf"(?: (?:on|for|at))? ?(?P<no>{v})(?! ?(?:free|off|open|available))"
    )
    yield (
        rf"(?<![a-z])(?:i(?:'ve| have)?(?: already)?(?: have| got)?|my wife has|my husband has) (?:an?|my) "
        rf"(?:{_OTHERS})[a-z' ]{{0,16}}?(?: (?:on|for|at))? ?(?P<no>{v})"
    )
    yield rf"(?P<no>{v}) (?:elsewhere|somewhere else|with (?:another|someone|somebody))(?![a-z])"
    yield (
        rf"(?<![a-z])(?:my|our) (?:\x02{{1,24}}|appointment|appt|booking|visit)(?:'s| is)"
        rf"(?: (?:on|for|at|still))? ?(?P<no>{v})"
    )
    yield rf"(?<![a-z])did (?:i|we) (?:book|make|have|get)[a-z \x02]{{1,30}}?(?P<no>{v})"


def told(v: str) -> Iterator[str]:
    """What might have been."""
    yield rf"(?P<no>{v}) (?:would|could|might)(?: have|'ve) (?:been|worked|suited|done)(?![a-z])"
