"""The order in which a batch is done: posts go before other units that have nothing to do with them, so that they run together.

A run of posts is one statement; a cursor after each post would make a statement of each (benchmark "stages"). What a session
asked for, and what happens in one conversation, keeps its order of arrival (SPEC, "Order of requests"), and so do all
units that are no plain posts among themselves.
"""

from __future__ import annotations

from collections.abc import Sequence

from imserver.chat.units import Unit

_Round = tuple[list[Unit], list[Unit]]


def arranged(units: Sequence[Unit]) -> Sequence[Unit]:
    """The same units: rounds of plain posts, each followed by other units.

    A unit that names no conversation, or says so, is a barrier: nothing passes it, in either direction. A unit that failed
    already (it was withdrawn) is not a plain post any more, and keeps its place.
    """
    rounds: list[_Round] = [([], [])]
    #: The earliest round of a later post, and of a later other unit, for each conversation and session.
    post_from: dict[object, int] = {}
    other_from: dict[object, int] = {}
    least_post = least_other = 0
    for unit in units:
        lanes = [lane for lane in (unit.conversation_id, unit.session) if lane is not None]
        if unit.together and unit.error is None:
            number = max(least_post, *(post_from.get(lane, 0) for lane in lanes))
            _round(rounds, number)[0].append(unit)
            for lane in lanes:
                post_from[lane] = number
                other_from[lane] = max(number, other_from.get(lane, 0))
            continue
        if unit.conversation_id is None or unit.barrier:
            number = len(rounds) - 1
            least_post = number + 1
        else:
            number = max(least_other, *(other_from.get(lane, 0) for lane in lanes))
            for lane in lanes:
                post_from[lane] = number + 1
        least_other = number
        _round(rounds, number)[1].append(unit)
    return [unit for posts, others in rounds for unit in (*posts, *others)]


def _round(rounds: list[_Round], number: int) -> _Round:
    while len(rounds) <= number:
        rounds.append(([], []))
    return rounds[number]
