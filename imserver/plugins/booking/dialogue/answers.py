"""Questions: answered from what the shop says of itself, or passed on to its people, and then that is said.

The chain file's `[[stores.answers]]` come first; place, parking, opening hours, length and what to bring are the shop's own
facts. No question is left unsaid, and none ends what is being booked.
"""

from __future__ import annotations

import re
from datetime import date

from imserver.plugins.booking.schedule.hours import shop_spans
from imserver.plugins.booking.schedule.shops import Service, Shop, minutes_of
from imserver.plugins.booking.understanding.acts import Act, Kind, Reading

from . import handoff, said
from .context import DialogueContext
from .labels import label_key
from .state import Dialogue


def reply(context: DialogueContext, reading: Reading, state: Dialogue | None = None) -> bool:
    """Answer the questions of a text; what no fact answers goes to the people. True if facts answered all of it."""
    found: list[str] = []
    open_ones = False
    for question in reading.all(Kind.QUESTION):
        answer = _answer(context, question, reading, state)
        open_ones = open_ones or answer is None
        if answer is not None and answer not in found:
            found.append(answer)
    if found:
        context.post({"type": "text", "text": "\n".join(found)})
    if open_ones:
        handoff.pass_on(context, reading.text)
    elif state is not None:
        state.times = 0  # whoever is answered goes in no circles
    return not open_ones


def knows(context: DialogueContext, question: Act, reading: Reading, state: Dialogue | None = None) -> bool:
    """Whether a fact answers it."""
    return _answer(context, question, reading, state) is not None


def _answer(context: DialogueContext, question: Act, reading: Reading, state: Dialogue | None) -> str | None:
    shop = context.shop
    if shop is None:
        return None
    own = _own_answer(context, shop, reading)
    if own is not None:
        return own
    words = context.words
    if question.what == "place":
        return words(
            "answer.place", address=shop.address.in_language(words.language), phone=shop.phone or "-"
        )
    if question.what == "parking" and shop.parking is not None:
        return words("answer.parking", parking=shop.parking.in_language(words.language))
    if question.what == "hours":
        return words("answer.hours", lines=_hours_of(context, shop, reading))
    if question.what == "bring":
        return words("info.bring") + (f"\n{words('info.id_card')}" if shop.needs_id_card else "")
    service = _service(context, reading, state)
    if question.what == "how_long" and service is not None:
        band, first = (state.age_band, state.first_visit) if state is not None else ("", None)
        length = minutes_of(service, band, first)
        return words("answer.how_long", service=service.names.in_language(words.language), minutes=length)
    return None


def _own_answer(context: DialogueContext, shop: Shop, reading: Reading) -> str | None:
    """The shop's own answer to one of its words."""
    text = label_key(reading.text)
    for language in (context.language, ""):
        for one in shop.answers:
            if one.language == language and any(_within(label_key(word), text) for word in one.words):
                return one.answer
    return None


def _within(word: str, text: str) -> bool:
    """Latin words end where letters end; Chinese ones stand anywhere."""
    if not word.isascii():
        return word in text
    return re.search(rf"(?<![a-z0-9]){re.escape(word)}(?![a-z0-9])", text) is not None


def _hours_of(context: DialogueContext, shop: Shop, reading: Reading) -> str:
    when = said.when_of(reading)
    days = list(when.days[:7]) if when is not None else []
    return hours_lines(context, shop, days)


def hours_lines(context: DialogueContext, shop: Shop, days: list[date]) -> str:
    """Opening hours of days, or of the seven to come."""
    today = context.now.date()
    wanted = days or [date.fromordinal(today.toordinal() + ahead) for ahead in range(7)]
    return "\n".join(_hours(context, shop, day) for day in wanted)


def _hours(context: DialogueContext, shop: Shop, day: date) -> str:
    spans = shop_spans(shop, day)
    if not spans:
        return context.words("hours.closed_on", day=context.words.day(day))
    times = [f"{a // 60:02}:{a % 60:02}–{b // 60:02}:{b % 60:02}" for a, b in spans]
    return context.words(
        "hours.open_on", day=context.words.day(day), times=context.words("list_separator").join(times)
    )


def _service(context: DialogueContext, reading: Reading, state: Dialogue | None) -> Service | None:
    named = said.service_of(reading, context.chain)
    return named or context.chain.service(state.service_id if state is not None else "")
