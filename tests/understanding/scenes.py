"""The scene of an utterance: what the reader is told beside the text, with the buttons that stand above it at that step."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from imserver.plugins.booking.messages.texts import Catalogue
from imserver.plugins.booking.schedule.shops import Chain
from imserver.plugins.booking.understanding.acts import Act, Kind, Reading, Scene, Shown
from imserver.plugins.booking.understanding.rewrite import fold

from .corpus import ZONE, Utterance

STEPS = {"none": "", "time": "slot", "first": "first_visit"}
#: Steps at which no day was said yet.
_WITHOUT_DAY = frozenset({"none", "service", "shop", "day"})
#: Buttons that can be pressed at any time, and what they do.
_ALWAYS = {
    "button.book": "begin book", "button.slots": "begin slots", "button.my": "begin list", "button.move": "begin move",
    "button.cancel": "begin cancel", "button.stores": "begin stores", "button.info": "begin info",
    "button.human": "begin human",
}  # fmt: skip
_AT_STEP = {
    "confirm": {"answer.yes": "yes", "button.give_up": "no", "button.yes_cancel": "yes", "button.keep": "no"},
    "first": {"answer.first_visit": "give first 1", "answer.returning": "give first 0"},
}
_GIVE_UP = {"button.give_up": "no"}


class Scenes:
    """The scenes of a chain."""

    def __init__(self, chain: Chain) -> None:
        self._chain = chain
        self._catalogue = Catalogue(chain)
        self._labels: dict[str, dict[str, str]] = {}

    def of(self, utterance: Utterance) -> Scene:
        """What the dialogue would know when this text comes."""
        return Scene(
            now=utterance.now,
            zone=ZONE,
            shop=self._chain.stores[0].id,
            step=STEPS.get(utterance.step, utterance.step),
            labels={} if utterance.staff else self._labels_at(utterance.step),
            shown=Shown(utterance.shown_day, utterance.shown_start, utterance.step == "confirm"),
            day_said=utterance.shown_day or _day_before(utterance),
            staff=utterance.staff,
        )

    def _labels_at(self, step: str) -> dict[str, str]:
        if step not in self._labels:
            self._labels[step] = dict(_labels(step, self._chain, self._catalogue))
        return self._labels[step]


def _day_before(utterance: Utterance) -> date | None:
    """The steps behind the day have one: the day of a bare hour, which is not today."""
    return None if utterance.step in _WITHOUT_DAY else utterance.now.date() + timedelta(days=1)


def pressed(reading: Reading) -> tuple[Act, ...]:
    """What was read: the acts, or the one of the button whose label was typed."""
    if reading.label is None:
        return reading.acts
    kind, _, rest = reading.label.partition(" ")
    what, _, value = rest.partition(" ")
    return (Act(Kind(kind), what, bool(int(value)) if what == "first" else value or None),)


def _labels(step: str, chain: Chain, catalogue: Catalogue) -> Iterator[tuple[str, str]]:
    keys = _ALWAYS if step == "none" else _ALWAYS | _GIVE_UP | _AT_STEP.get(step, {})
    named = {
        "service": {one.id: one.names for one in chain.services},
        "age": {one.id: one.names for one in chain.age_bands},
        "shop": {one.id: one.names for one in chain.stores},
    }.get(step, {})
    for language in ("zh", "en"):
        words = catalogue.words(language)
        for key, act in keys.items():
            yield fold(words(key)), act
        for name, names in named.items():
            yield fold(names.in_language(language)), f"give {step} {name}"
