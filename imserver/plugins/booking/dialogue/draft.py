"""The draft of a booking: what a text says is put into it, and what it refuses is taken out."""

from __future__ import annotations

import unicodedata
from datetime import datetime

from imserver.plugins.booking.customers import customer, known_first_visit
from imserver.plugins.booking.schedule.shops import Service, Shop, minutes_of
from imserver.plugins.booking.understanding.acts import Act, Kind, Reading

from . import said
from .choose import ask_day, ask_slot, choose
from .context import DialogueContext
from .holding import release
from .labels import label_key
from .offered import Search
from .state import Dialogue

#: Words for the customer, where somebody is named.
SELF = frozenset({"我", "我自己", "自己", "本人", "me", "i", "myself", "self", "my own"})
#: Whoever was spoken of last.
_PRONOUNS = frozenset({"她", "他", "佢", "她的", "他的", "her", "him", "she", "he", "them", "they"})

#: Controls and ends of lines stand between words; of the unseen formats only the two that join letters belong to a name.
_BREAKS = frozenset({"Cc", "Zl", "Zp"})
_JOINERS = frozenset("\u200c\u200d")


def begin(context: DialogueContext) -> Dialogue:
    """A draft with what is known of the customer."""
    known = customer(context.tx, context.customer_id)
    first_visit = known_first_visit(context.tx, context.customer_id, context.the_shop.id)
    return Dialogue(kind="book", name=known.name, age_band=known.age_band, first_visit=first_visit)


def as_shown(name: str) -> str:
    """A name without what is not seen and turns the line around it, or breaks it: it stands on cards and day sheets."""
    whole = "".join(char for char in name if char in _JOINERS or unicodedata.category(char) != "Cf")
    return " ".join("".join(" " if unicodedata.category(char) in _BREAKS else char for char in whole).split())


def search_of(context: DialogueContext, state: Dialogue, service: Service) -> Search:
    return Search(
        service, minutes_of(service, state.age_band, state.first_visit), context.words("command.book")
    )


def says_something(reading: Reading) -> bool:
    """Whether it says a value, refuses one, or wants another time. Values that a question is about are none."""
    if reading.has(Kind.REFUSE) or reading.has(Kind.CORRECT) or reading.has(Kind.BEGIN, "move"):
        return True
    if reading.has(Kind.BEGIN, "book") or (reading.has(Kind.NO) and said.names_time(reading)):
        return True
    if reading.has(Kind.QUESTION):
        return any(reading.has(Kind.GIVE, what) for what in ("name", "age", "first", "person", "phone"))
    return said.gives_values(reading) or bool(reading.people)


def note(context: DialogueContext, state: Dialogue, reading: Reading) -> None:
    """What is not for the bot goes along with the appointment; a button says nothing beside its command."""
    if context.command:
        return
    told = [*said.notes(reading), *(str(act.value) for act in reading.all(Kind.GIVE, "other") if act.value)]
    phone = reading.given("phone")
    state.notes += [text for text in (*told, str(phone or "")) if text and text not in state.notes]


def put(context: DialogueContext, state: Dialogue, reading: Reading) -> bool:
    """Put every value into the draft. False if a question about one was asked at once."""
    state.misses = 0
    note(context, state, reading)
    _put_service(context, state, reading)
    _put_person(context, state, reading)
    _fit_service(context, state, reading)
    service = context.chain.service(state.service_id)
    _refuse_values(state, reading)
    refused = _refuse_time(context, state, reading)
    when = said.when_of(reading)
    search = search_of(context, state, service or context.chain.services_of(context.the_shop)[0])
    if when is not None and (context.command or not state.wall or said.takes_time(reading)):
        before = state.wall
        settled = choose(context, state, search, when)
        if not state.wall and before:
            release(context, state)
            if not settled:
                context.keep(state)
        return settled
    if refused and not state.wall:
        context.keep(state)
        key = "ask.slot" if state.day else "unclear.negated"
        (ask_slot if state.day else ask_day)(context, state, search, key)
        return False
    return True


def _put_service(context: DialogueContext, state: Dialogue, reading: Reading) -> None:
    service = said.service_of(reading, context.chain)
    if service is None and said.refuses(reading, "service"):
        state.service_id = ""
    if service is not None:
        if context.the_shop.offers(service):
            state.service_id = service.id
            if service.age_band:
                _put_band(context, state, service.age_band, reading)
        else:
            context.say("why_not.service", service=service.names.in_language(context.language))


def _fit_service(context: DialogueContext, state: Dialogue, reading: Reading) -> None:
    """An exam of a child is the service of that age band, until the age is another's or the customer refuses it."""
    service = context.chain.service(state.service_id)
    if service is None or (service.id == state.plain_service and not reading.given("service")):
        return
    plain = context.chain.service(state.plain_service)
    if plain is not None and service.age_band and service.age_band != state.age_band:
        service = plain
    own = context.chain.service_for_band(service, state.age_band)
    refused = any(act.value == own.id for act in reading.all(Kind.REFUSE, "service"))
    if own is not service and context.the_shop.offers(own):
        state.plain_service = service.id
        service = service if refused else own
    state.service_id = service.id


def _put_band(context: DialogueContext, state: Dialogue, band_id: str, reading: Reading) -> None:
    """An age that the account does not have is somebody else's: the account's own name is not that one's."""
    known = customer(context.tx, context.customer_id)
    band = context.chain.band(band_id)
    another = band is not None and band.guardian and known.age_band != band_id
    if another and not state.person and state.name == known.name and not reading.given("name"):
        state.name, state.first_visit = "", None
    state.age_band = band_id


def _put_person(context: DialogueContext, state: Dialogue, reading: Reading) -> None:
    """Who it is for, and the facts of that person."""
    person = reading.given("person")
    if str(person).casefold() in _PRONOUNS and state.person:
        person = state.person  # 给她约的: of whom it was said last
    if person and str(person).casefold() in SELF:
        if state.person:
            own = begin(context)
            state.person, state.name = "", own.name
            state.age_band, state.first_visit = own.age_band, own.first_visit
    elif person and person != state.person:
        state.person, state.name, state.first_visit = str(person), "", None
        service = context.chain.service(state.service_id)
        state.age_band = service.age_band if service is not None else ""
    name = reading.given("name")
    if name:
        state.name, state.odd_name = as_shown(str(name)), ""
    band = said.band_of(reading, context.chain)
    if band is not None:
        _put_band(context, state, band.id, reading)
    first = reading.given("first")
    if isinstance(first, bool):
        state.first_visit = first


def _refuse_values(state: Dialogue, reading: Reading) -> None:
    """Values that are refused and not put right are asked for again."""
    if said.refuses(reading, "name") and not reading.given("name"):
        state.name = ""
    if said.refuses(reading, "age") and reading.given("age") is None:
        state.age_band = ""
    if said.refuses(reading, "first") and reading.given("first") is None:
        state.first_visit = None
    if said.refuses(reading, "person") and not reading.given("person"):
        state.person = state.name = ""


def _refuse_time(context: DialogueContext, state: Dialogue, reading: Reading) -> bool:
    """A time that is refused, or is to be another one, is given up, and its slot with it. True if one was."""
    state.refused += [
        day.isoformat() for day in said.refused_days(reading) if day.isoformat() not in state.refused
    ]
    wall = datetime.fromisoformat(state.wall) if state.wall else None
    acts = said.refused_times(reading)
    vague = [
        act for act in reading.all(Kind.CORRECT) if act.value is None and act.what in ("day", "time", "range")
    ]
    wants_another = said.only(reading, Kind.BEGIN) and reading.has(Kind.BEGIN, "move")
    if wall is None:
        if state.day in state.refused:
            state.day = state.day_said = ""
        return bool(acts)
    hit = [act for act in acts if said.hits(act, wall)] + vague
    if not hit and not wants_another:
        return False
    state.wall = ""
    if wants_another or any(act.what == "day" for act in hit):
        state.day = state.day_said = ""
        state.clock = f"{wall:%H:%M}" if all(act.what == "day" for act in hit) else ""
    release(context, state)
    return True


def carry(context: DialogueContext, state: Dialogue, shop: Shop) -> None:
    """A draft of one shop as one of another: what is the shop's own is asked anew."""
    state.appointment_id = state.version = state.extended = state.warned = 0
    state.options, state.labels, state.earlier, state.asked, state.below = [], {}, [], {}, None
    service = context.chain.service(state.service_id)
    if service is not None and not shop.offers(service):
        context.say("why_not.service", service=service.names.in_language(context.language))
        state.service_id = ""
    if not state.person:
        known = known_first_visit(context.tx, context.customer_id, shop.id)
        state.first_visit = known if known is not None else (True if state.first_visit else None)


def say_unread(context: DialogueContext, reading: Reading) -> None:
    """What was not understood is said, before the question."""
    rest = said.unread(reading)
    if rest:
        context.say("unclear.rest", text=" … ".join(one.text.strip() for one in rest)[:100])
    elif said.names_time(reading) and not said.takes_time(reading):
        context.say("unclear.time")


def of_button(context: DialogueContext, reading: Reading) -> Reading:
    """The name of an age band behind the command is the band, whatever figures it has: 儿童（未满16岁）."""
    key = label_key(reading.text)
    for band in context.chain.age_bands if context.command else ():
        if key in (label_key(band.names.zh), label_key(band.names.en)):
            return Reading(reading.text, (Act(Kind.GIVE, "age", band.id),))
    return reading
