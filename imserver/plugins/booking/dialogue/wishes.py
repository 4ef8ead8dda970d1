"""What the acts of a text want by themselves, whatever is open: which command a sentence comes to."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from imserver.plugins.booking.schedule.appointments import Appointment, upcoming
from imserver.plugins.booking.schedule.plans import open_offers
from imserver.plugins.booking.understanding.acts import Act, Kind, Reading

from . import correct, said, which
from .context import DialogueContext
from .state import Dialogue
from .subjects import fresh_of, mine_of

#: What an intention in a sentence runs.
_BEGUN = {
    "list": "my", "slots": "slots", "info": "info", "human": "human", "help": "help", "stores": "stores",
    "move": "move", "cancel": "cancel", "book": "book",
}  # fmt: skip


def put_right(context: DialogueContext, reading: Reading, fresh: Appointment | None) -> Reading:
    """Just after "booked" (`fresh`): the time behind the confession of a slip, and a day that is better, put that appointment
    right, and relative words mean it. Later a time "instead" does, if it is the only one."""
    mine = [fresh] if fresh is not None else mine_of(context)
    if len(mine) != 1 or context.is_staff:
        return reading
    wall, meant = mine[0].wall, said.in_its_place(reading.text)
    if fresh is not None:
        meant = meant or said.behind_slip(reading.text) or said.preferred_day(reading)
        about = context.read(reading.text, labels=False, about=wall)
        reading = about if said.corrects_time(about) else reading
    alone = context.read(meant, labels=False, about=wall) if meant else reading
    if not meant or not said.corrects_time(alone):
        return reading
    return alone if said.repeats(alone, wall) else said.as_correction(alone)


def in_place_of_one(context: DialogueContext, reading: Reading) -> Reading:
    """取消周五的，改约周六11点: of several appointments the one of the cancelled day is to be another; the reading says so."""
    cancelled = reading.all(Kind.BEGIN, "cancel")
    wished = [act for act in reading.all(Kind.BEGIN) if act.what in ("move", "book") and act.spans]
    others = any(act.what in ("person", "name", "code", "service") for act in reading.acts) or reading.people
    if len(cancelled) != 1 or not cancelled[0].spans or not wished or others or not said.takes_time(reading):
        return reading
    first, last = cancelled[0].spans[0].start, cancelled[0].spans[-1].end
    mine, text, (start, end) = mine_of(context), reading.text, wished[0].spans[0]
    ended = _of_days(context, text[last:start], mine)
    spoken_of = _of_days(context, text[:first], mine) or _of_days(context, text[end:], mine)
    if len(mine) == 1 or len(ended) != 1 or spoken_of:
        return reading
    kept = [act for act in reading.acts if act.kind not in (Kind.BEGIN, Kind.REFUSE)]
    refused = Act(Kind.REFUSE, "day", ended[0].wall.date(), cancelled[0].spans)
    return replace(reading, acts=(refused, Act(Kind.BEGIN, "move", None, wished[0].spans), *kept))


def _of_days(context: DialogueContext, words: str, mine: Sequence[Appointment]) -> list[Appointment]:
    """The appointments on the days that these words name."""
    alone = context.read(words, labels=False)
    days = {*(alone.when.days if alone.when is not None else ())}
    acts = [act for act in alone.acts if act.what == "day" and act.value is not None]
    return [one for one in mine if one.wall.date() in days or any(said.hits(act, one.wall) for act in acts)]


def wish_of(context: DialogueContext, reading: Reading) -> str | None:
    """The command that a text comes to."""
    begun = _begun(reading)
    if "human" in begun:
        return "human"
    changed = _change(context, reading, begun)
    if changed is not None:
        return changed
    for one in (*(one for one in begun if one != "book"), *begun):
        if one in _BEGUN:
            return _BEGUN[one]
    return None if reading.has(Kind.QUESTION) else _wish_of_values(reading)


#: 取消，不，改到周日; "move it, wait no, cancel it".
_NO_BETWEEN = re.compile(
    "[ ,，。.…、](?:[哦噢喔啊呃额哎]|等等|等一下|oh|er+m?|um+|wait|actually|ok|[ ,，。.…])*"
    "(?:不(?:对|是)?|no|nope)[啊呀哦吧]*(?:[,，。.…!！ ]|wait|actually)*[,，。.…!！ ]",
    re.IGNORECASE,
)


def _begun(reading: Reading) -> list[str]:
    """What is begun. Between a change and another a no takes the first one back."""
    begins = reading.all(Kind.BEGIN)
    names = {act.what for act in begins}
    if {"cancel", "move"} <= names and (between := _NO_BETWEEN.search(reading.text)):
        behind = [act.what for act in begins if act.spans and act.spans[0].start >= between.end()]
        if len({"cancel", "move"}.intersection(behind)) == 1:
            return behind
    return [act.what for act in begins]


def _change(context: DialogueContext, reading: Reading, begun: list[str]) -> str | None:
    """A change of an appointment. One that is refused or cancelled for another time is to be moved there."""
    coming = upcoming(context.tx, context.customer_id, context.shop.id if context.shop else None)
    refused = said.refused_times(reading)
    instead = said.takes_time(reading) and any(said.hits(act, one.wall) for act in refused for one in coming)
    if len(coming) > 1 and "cancel" in begun and which.cancels(reading.text):
        if "move" in begun:
            return "several"  # one is to be cancelled, and another to be moved
        if _gives_day_of_one(reading, coming):
            return "cancel"  # 取消周六那个，不是周日那个: two that are there, not a time instead
    if coming and instead:
        return "move"
    if "cancel" in begun:
        if coming and _wants_another(reading, begun) and not said.takes_time(reading):
            return "several"  # "scrap friday, saturday 11 instead": neither is done and the other forgotten
        replaced = coming and reading.has(Kind.GIVE) and _wants_another(reading, begun)
        return "move" if replaced and said.takes_time(reading) else "cancel"
    if "move" in begun:
        return "move"
    fresh = fresh_of(context)
    if fresh is not None and said.corrects_time(reading) and not said.repeats(reading, fresh.wall):
        return "move"
    if not coming or "book" in begun:
        return None
    when = said.when_of(reading)
    if (when is not None and when.shift is not None) or said.corrects(reading, "day", "time", "range"):
        return "move"
    return "correct" if correct.is_wished(reading) else None


#: Behind a cancellation: another time is wanted in its place.
_ANOTHER = re.compile(
    "(?<![a-z])(?:instead|rebook|new (?:one|appointment|booking)|(?:i'?d like|i want)(?: to (?:book|come))?"
    "(?= (?:(?:on|at|the|next) )?(?:[0-9]|mon|tue|wed|thu|fri|sat|sun|tomorrow)))|再约|改约|重新约|另约"
)


def _wants_another(reading: Reading, begun: list[str]) -> bool:
    if "book" in begun or "move" in begun:
        return True
    # Without a place in this text it was an earlier one that cancelled, and this one says which: "the new one" wants nothing.
    spans = reading.all(Kind.BEGIN, "cancel")[0].spans
    return bool(spans) and _ANOTHER.search(reading.text.casefold(), spans[-1].end) is not None


def _gives_day_of_one(reading: Reading, coming: Sequence[Appointment]) -> bool:
    given = [act for act in reading.all(Kind.GIVE, "day") if act.value is not None]
    return any(said.hits(act, one.wall) for act in given for one in coming)


_LATE = re.compile(
    "(?<![a-z])(?:be|run|running|am|'m|min|mins|minutes?|hours?) (?:[a-z0-9]+ ){0,4}late(?![a-z])|迟到|"
    "[晚迟](?:到|[0-9一二三四五六七八九十几半]+个?(?:分|刻|小时|钟))"
)


def is_late(reading: Reading) -> bool:
    """ "10 minutes late on friday": whether it says no more than that, which is for the people."""
    begins = reading.has(Kind.BEGIN) or reading.has(Kind.QUESTION)
    return not begins and any(_LATE.search(one.text.casefold()) for one in reading.rest)


_BESIDE_LATE = frozenset({Kind.GIVE, Kind.CORRECT, Kind.THANKS, Kind.GREETING})


def is_only_late(reading: Reading) -> bool:
    """The same below a card: no hour is named that may be wanted, and nothing is answered."""
    told = all(act.kind in _BESIDE_LATE and act.what in ("", "day") for act in reading.acts)
    return told and is_late(reading)


def _wish_of_values(reading: Reading) -> str | None:
    """Values without an intention: a service or an hour is a wish, a day is a question about free time."""
    when = said.when_of(reading)
    if reading.given("service") is not None or len(reading.people) > 1:
        return "book"
    if when is not None and said.takes_time(reading):
        return "book" if when.candidates or when.window or when.guess else "slots"
    if said.code_of(reading):
        return "one"
    return next(
        (name for what, name in (("lenses", "lenses"), ("shop", "stores")) if reading.given(what)), None
    )


def is_courtesy(state: Dialogue | None, reading: Reading) -> bool:
    """Thanks, a greeting, a yes or no where nothing is asked: nobody has to be told."""
    if said.unread(reading) or said.notes(reading) or said.names_time(reading):
        return False
    if said.only(reading, Kind.THANKS, Kind.GREETING):
        return True
    answers_nothing = state is None or state.kind == "menu"
    return answers_nothing and said.only(reading, Kind.THANKS, Kind.GREETING, Kind.YES, Kind.NO)


def changes_service(reading: Reading) -> bool:
    """取消验光，改配镜; 把验光改成配镜: of an appointment that stands only people change the service."""
    if said.names_time(reading):
        return False
    named = {act.value for act in reading.all(Kind.GIVE, "service")}
    return (reading.has(Kind.BEGIN, "cancel") and len(named) > 1) or (
        said.refuses(reading, "service") and bool(named)
    )


def is_offered_times(context: DialogueContext) -> bool:
    """Whether the shop waits for a choice of other times."""
    coming = upcoming(context.tx, context.customer_id, context.shop.id if context.shop else None)
    return any(open_offers(context.tx, one.id) for one in coming)


def is_coming(context: DialogueContext) -> bool:
    return bool(upcoming(context.tx, context.customer_id, context.shop.id if context.shop else None))
