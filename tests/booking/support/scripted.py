"""Readings that a test writes itself: the dialogue's rules are tried on acts, whatever the reader makes of a text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import pytest

from imserver.plugins.booking.dialogue import context
from imserver.plugins.booking.understanding.acts import Act, Kind, Reading, Rest, Scene, Span, Weight, When
from imserver.plugins.booking.understanding.lexicon import Lexicon
from imserver.plugins.booking.understanding.reader import understand

YES, NO, LATER, THANKS = (Act(kind) for kind in (Kind.YES, Kind.NO, Kind.LATER, Kind.THANKS))


def give(what: str, value: Any) -> Act:
    return Act(Kind.GIVE, what, value)


def refuse(what: str, value: Any = None) -> Act:
    return Act(Kind.REFUSE, what, value)


def correct(what: str, value: Any = None) -> Act:
    return Act(Kind.CORRECT, what, value)


def asks(what: str) -> Act:
    return Act(Kind.QUESTION, what)


def begin(what: str) -> Act:
    return Act(Kind.BEGIN, what)


def left(text: str, weight: Weight = Weight.DANGEROUS, *, in_clause: bool = False) -> Rest:
    return Rest(text, Span(0, len(text)), weight, in_clause)


def at(*walls: str, **more: Any) -> When:
    """A time that is understood; several are a choice."""
    found = tuple(map(datetime.fromisoformat, walls))
    days = tuple(sorted({wall.date() for wall in found}))
    return When(found, wish=found[0] if len(found) == 1 else None, **{"days": days, **more})


def reading(*acts: Act, rest: tuple[Rest, ...] = (), when: When | None = None, **more: Any) -> Reading:
    return Reading("", acts, rest, when, **more)


@contextmanager
def scripted(script: Mapping[str, Reading]) -> Iterator[None]:
    """Texts of the script are read as it says, all others by the reader."""

    def scripted_or_read(text: str, scene: Scene, lexicon: Lexicon) -> Reading:
        found = script.get(text)
        if found is None:
            return understand(text, scene, lexicon)
        return Reading(text, found.acts, found.rest, found.when, found.label, found.people)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(context, "understand", scripted_or_read)
        yield
