"""The booking dialogue: for whom → service → day → slot (held) → name, age, first visit? → confirm.

Known answers are not asked again. What a text says is put into the draft, then the next open question is asked. Buttons carry
commands (`预约 11月19日 周四 15:00`), so tapping, typing the number and typing the words are the same thing, and a change of mind
is a message like any other.

A yes books only what the card above it showed and nothing contradicted since: `_yes` and `_go_on` decide that.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime

from imserver.plugin_api import Refusal, Transaction
from imserver.plugins.booking.customers import customer, known_first_visit, language_for, remember
from imserver.plugins.booking.journey import notify
from imserver.plugins.booking.messages.cards import Option, question
from imserver.plugins.booking.messages.shop_texts import ShopTexts
from imserver.plugins.booking.schedule.appointments import (
    Appointment,
    Wish,
    act,
    describe,
    extend,
    get,
    held_for,
    held_until,
    hold,
    place,
    upcoming,
)
from imserver.plugins.booking.schedule.hours import MINUTE_MS, utc_ms, zone_of
from imserver.plugins.booking.schedule.shops import Service, Shop, minutes_of
from imserver.plugins.booking.schedule.slots import Slot, why_not
from imserver.plugins.booking.schedule.status import Action, Actor, NotPossible, Status, next_status
from imserver.plugins.booking.understanding.acts import Act, Kind, Reading

from . import answers, said
from .choose import Search, ask_day, ask_slot, choose, refuse
from .context import DialogueContext, Place
from .labels import label_key
from .state import Dialogue, dialogues_on, save_dialogue

HOLD_TIMER = "hold"
#: A hold's timer fires, is tried again and given up within seconds; it will never end a hold that is still there so much later.
OVERDUE_MS = 60_000
#: So long before its end a hold can be made longer, and so often.
WARN_MS, MAX_EXTENSIONS = MINUTE_MS, 2
#: Characters of notes that an appointment takes along, and of a name.
MAX_NOTE, MAX_NAME = 500, 40
#: Questions beside a yes that are answered behind it; any other is answered first, and the yes is asked for again.
_BESIDE_YES = frozenset({"place", "parking", "bring", "hours"})
#: Words for the customer, where somebody is named.
SELF = frozenset({"我", "我自己", "自己", "本人", "me", "i", "myself", "self", "my own"})


def book(context: DialogueContext, reading: Reading) -> bool:
    """预约 …, or a wish in a sentence: begin, or go on with what is being booked."""
    if context.place is Place.STAFF:
        context.say("staff.book_there")
        return True
    state = context.dialogue()
    if state is not None and state.kind != "book" and state.below is not None:
        state = state.below
    if state is None or state.kind != "book":
        before, state = state, context.interrupts(_begin(context))
        if before is not None and before.kind == "menu":
            state.service_id, state.day_said = before.service_id, before.day_said
    if state.step == "who" and context.command and _chose(context, state, reading.text):
        return True
    _merge(context, state, _of_button(context, reading))
    return True


def _of_button(context: DialogueContext, reading: Reading) -> Reading:
    """The name of an age band behind the command is the band, whatever figures it has: 儿童（16岁以下）."""
    key = label_key(reading.text)
    for band in context.chain.age_bands if context.command else ():
        if key in (label_key(band.names.zh), label_key(band.names.en)):
            return Reading(reading.text, (Act(Kind.GIVE, "age", band.id),))
    return reading


def answer(context: DialogueContext, state: Dialogue, reading: Reading) -> bool:
    """A text without a command while a booking is open. False if it answers nothing."""
    if reading.has(Kind.LATER):
        _later(context, state, reading)
        return True
    if reading.has(Kind.BEGIN, "slots") and not reading.has(Kind.BEGIN, "book") and not reading.has(Kind.YES):
        return False  # a question about free time changes nothing
    if _names_other_shop(context, reading):
        return _change_shop(context, state, reading)
    if _gives_up(state, reading):
        give_up(context, state)
        return True
    if reading.has(Kind.YES) and state.step not in ("first_visit", "name"):
        _yes(context, state, reading)
        return True
    if state.step == "who" and _chose(context, state, str(reading.given("person") or "")):
        return True
    if state.step == "first_visit" and _says_first_visit(context, state, reading):
        return True
    if state.step == "name" and _odd_name(context, state, reading):
        return True
    if reading.has(Kind.YES) and not _says_something(reading):
        state.expired = False  # a yes to a question that has no yes: at most to the time that ran out
        repeat(context, state)
        return True
    if _says_something(reading):
        _merge(context, state, reading)
        return True
    if reading.has(Kind.QUESTION):
        _asked_back(context, state, reading)
        return True
    return False


def repeat(context: DialogueContext, state: Dialogue, *, armed: bool = True) -> None:
    """Ask the open question again."""
    _go_on(context, state, armed=armed)


def give_up(context: DialogueContext, state: Dialogue) -> None:
    """End the booking without an appointment: the slot is free again."""
    _release(context, state)
    context.close(state)
    context.say("done.kept" if state.replaces else "done.given_up")


# -- what a text says -------------------------------------------------------------------------------------------------------


def _says_something(reading: Reading) -> bool:
    """Whether it says a value, refuses one, or wants another time. Values that a question is about are none."""
    if reading.has(Kind.REFUSE) or reading.has(Kind.CORRECT) or reading.has(Kind.BEGIN, "move"):
        return True
    if reading.has(Kind.BEGIN, "book") or (reading.has(Kind.NO) and said.names_time(reading)):
        return True
    if reading.has(Kind.QUESTION):
        return any(reading.has(Kind.GIVE, what) for what in ("name", "age", "first", "person", "phone"))
    return said.gives_values(reading) or bool(reading.people)


def _gives_up(state: Dialogue, reading: Reading) -> bool:
    """A no, or "cancel" without anything that is wanted instead."""
    if reading.has(Kind.QUESTION) or reading.has(Kind.YES) or said.names_time(reading):
        return False
    if reading.has(Kind.BEGIN, "cancel"):
        return not said.code_of(reading)
    if not reading.has(Kind.NO) or state.step == "first_visit":
        return False
    return not reading.has(Kind.REFUSE) and not said.gives_values(reading)


def _later(context: DialogueContext, state: Dialogue, reading: Reading) -> None:
    """ "One moment": the time stays held as long as it is, and a yes asks first."""
    state.doubt()
    _note(context, state, reading)
    context.keep(state)
    held = _held(context, state)
    left = 0 if held is None or held.hold_until is None else held.hold_until - context.now_ms
    if held is not None and left > 0:
        context.say("later.held", when=context.words.moment(held.wall), minutes=max(1, left // MINUTE_MS))
    else:
        context.say("later.open")


def _yes(context: DialogueContext, state: Dialogue, reading: Reading) -> None:
    """It books if the card stands above it, nothing has come between, and it contradicts nothing."""
    before = state.facts
    if not _put(context, state, reading):
        return
    same = state.facts == before
    clean = same and not said.doubtful(reading)
    questions = reading.all(Kind.QUESTION)
    beside = all(one.what in _BESIDE_YES and answers.knows(context, one, reading, state) for one in questions)
    if clean and beside and state.step == "confirm" and context.stands_above(state):
        finish(context, state)
        if questions:
            answers.reply(context, reading, state)
        return
    if questions:
        answers.reply(context, reading, state)
    say_unread(context, reading)
    _go_on(context, state, armed=clean or (not same and not said.unread(reading)))


def _says_first_visit(context: DialogueContext, state: Dialogue, reading: Reading) -> bool:
    """A bare yes or no to "is this the first visit?"."""
    if reading.has(Kind.GIVE, "first") or not (reading.has(Kind.YES) or reading.has(Kind.NO)):
        return False
    if said.takes_time(reading) or reading.has(Kind.REFUSE):
        return False
    before = state.facts
    state.first_visit = reading.has(Kind.YES)
    if _put(context, state, reading):
        say_unread(context, reading)
        if reading.has(Kind.QUESTION):
            answers.reply(context, reading, state)
        _go_on(context, state, armed=state.facts != before and not said.unread(reading))
    return True


def _odd_name(context: DialogueContext, state: Dialogue, reading: Reading) -> bool:
    """A text at "what name, please?" that looks like no name: asked about once, and then taken as it is."""
    if reading.has(Kind.YES) and state.odd_name and not _says_something(reading):
        state.name, state.odd_name = state.odd_name, ""
        _go_on(context, state)
        return True
    odd = said.notes(reading)
    known = all(
        act.kind is Kind.GIVE and act.what in ("age", "first", "person", "phone") for act in reading.acts
    )
    if (
        not known
        or said.unread(reading)
        or len(odd) != 1
        or not odd[0].isprintable()
        or len(odd[0]) > MAX_NAME
    ):
        return False
    if not any(char.isalpha() for char in odd[0]):
        return False
    again = bool(state.odd_name)
    if not _put(context, state, replace(reading, rest=())):
        return True
    if again:
        state.name, state.odd_name = odd[0], ""
        _go_on(context, state)
        return True
    state.odd_name = odd[0]
    words = context.words
    option = Option(words("yes"), words("command.confirm"))
    context.ask(state, "ask.odd_name", [option], name=odd[0])
    return True


def _asked_back(context: DialogueContext, state: Dialogue, reading: Reading) -> None:
    """A question while a booking is open: answered or passed on, then the open question again."""
    answers.reply(context, reading, state)
    sure = all(one.what != "other" for one in reading.all(Kind.QUESTION)) and not said.doubtful(reading)
    was_armed = state.step == "confirm"
    repeat(context, state, armed=was_armed and sure)


def _merge(context: DialogueContext, state: Dialogue, reading: Reading) -> None:
    """Put the text into the draft, then ask the next open question."""
    if reading.has(Kind.QUESTION):
        answers.reply(context, reading, state)
    before = state.facts
    if len(reading.people) > 1:
        _ask_who(context, state, reading)
        return
    if not _put(context, state, reading):
        return
    say_unread(context, reading)
    unsure = bool(said.unread(reading)) or (said.doubtful(reading) and state.facts == before)
    _go_on(context, state, armed=not unsure)


def say_unread(context: DialogueContext, reading: Reading) -> None:
    """What was not understood is said, before the question."""
    rest = said.unread(reading)
    if rest:
        context.say("unclear.rest", text=" … ".join(one.text.strip() for one in rest)[:100])
    elif said.names_time(reading) and not said.takes_time(reading):
        context.say("unclear.time")


def _note(context: DialogueContext, state: Dialogue, reading: Reading) -> None:
    """What is not for the bot goes along with the appointment; a button says nothing beside its command."""
    if context.command:
        return
    told = [*said.notes(reading), *(str(act.value) for act in reading.all(Kind.GIVE, "other") if act.value)]
    phone = reading.given("phone")
    state.notes += [text for text in (*told, str(phone or "")) if text and text not in state.notes]


def go_on_with(context: DialogueContext, draft: Dialogue, reading: Reading) -> None:
    """A draft from elsewhere, and the text that brought it here."""
    _merge(context, draft, reading)


def _put(context: DialogueContext, state: Dialogue, reading: Reading) -> bool:
    """Put every value into the draft. False if a question about one was asked at once."""
    state.misses = 0
    _note(context, state, reading)
    service = _put_service(context, state, reading)
    _put_person(context, state, reading)
    _refuse_values(state, reading)
    refused = _refuse_time(context, state, reading)
    when = said.when_of(reading)
    search = _search(context, state, service or context.chain.services_of(context.the_shop)[0])
    if when is not None and (context.command or not state.wall or said.takes_time(reading)):
        before = state.wall
        settled = choose(context, state, search, when)
        if not state.wall and before:
            _release(context, state)
            if not settled:
                context.keep(state)
        return settled
    if refused and not state.wall:
        context.keep(state)
        key = "ask.slot" if state.day else "unclear.negated"
        (ask_slot if state.day else ask_day)(context, state, search, key)
        return False
    return True


def _put_service(context: DialogueContext, state: Dialogue, reading: Reading) -> Service | None:
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
    return context.chain.service(state.service_id)


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
    if person and str(person).casefold() in SELF:
        if state.person:
            own = _begin(context)
            state.person, state.name = "", own.name
            state.age_band, state.first_visit = own.age_band, own.first_visit
    elif person and person != state.person:
        state.person, state.name, state.first_visit = str(person), "", None
        service = context.chain.service(state.service_id)
        state.age_band = service.age_band if service is not None else ""
    name = reading.given("name")
    if name:
        state.name, state.odd_name = str(name), ""
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
    _release(context, state)
    return True


# -- two people, another shop -----------------------------------------------------------------------------------------------


def _ask_who(context: DialogueContext, state: Dialogue, reading: Reading) -> None:
    """Two people are two appointments: which first?"""
    _release(context, state)
    fresh = Dialogue(
        kind="book", step="who", people=list(reading.people), labels=state.labels, below=state.below
    )
    service = said.service_of(reading, context.chain)
    fresh.service_id = service.id if service is not None and context.the_shop.offers(service) else ""
    when = said.when_of(reading)
    if when is not None and len(when.days) == 1:
        fresh.day_said = fresh.day = when.days[0].isoformat()
    _ask_people(context, fresh)


def _ask_people(context: DialogueContext, state: Dialogue) -> None:
    command = context.words("command.book")
    options = [Option(person, f"{command} {person}") for person in state.people]
    context.ask(state, "ask.who", options, count=len(state.people))


def _chose(context: DialogueContext, state: Dialogue, text: str) -> bool:
    """The answer to "whom first?": one of those that were offered."""
    key = label_key(text)
    chosen = next(
        (one for one in state.people if key and (key == label_key(one) or key in label_key(one)[1:])), None
    )
    if chosen is None:
        return False
    _book_for(context, state, chosen, [one for one in state.people if one != chosen])
    return True


def _book_for(context: DialogueContext, state: Dialogue, person: str, others: Sequence[str]) -> None:
    draft = _begin(context) if person.casefold() in SELF else Dialogue(kind="book", person=person)
    draft.people, draft.service_id, draft.labels = list(others), state.service_id, state.labels
    draft.step, draft.below = "day", state.below
    draft.day, draft.day_said = state.day, state.day_said
    service = context.chain.service(draft.service_id)
    if service is not None and service.age_band:
        draft.age_band = service.age_band
    _go_on(context, draft)


def _names_other_shop(context: DialogueContext, reading: Reading) -> bool:
    """Whether another shop is wanted; a question about one is no wish."""
    if reading.has(Kind.QUESTION):
        return False
    shop = said.shop_of(reading, context.chain)
    return (shop is not None and shop is not context.shop) or (shop is None and said.refuses(reading, "shop"))


def _change_shop(context: DialogueContext, state: Dialogue, reading: Reading) -> bool:
    """The booking goes on in another shop; this one's slot is free again."""
    shop = said.shop_of(reading, context.chain)
    if context.is_staff:
        return False
    _release(context, state)
    if shop is None:
        state.wall = ""
        context.keep(state)
        ask_other_shop(context)
        return True
    context.keep(state.below)
    context.go(shop)
    carry(context, state, shop)
    context.say("shop.changed", store=shop.names.in_language(context.language))
    _merge(context, state, reading)
    return True


def ask_other_shop(context: DialogueContext) -> None:
    """Which other shop? Each button says the shop's name."""
    command = context.words("command.book")
    options = [
        Option(
            shop.names.in_language(context.language), f"{command} {shop.names.in_language(context.language)}"
        )
        for shop in context.chain.stores
        if shop is not context.shop
    ]
    context.offer("ask.store", options)


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


# -- the questions ----------------------------------------------------------------------------------------------------------


def _begin(context: DialogueContext) -> Dialogue:
    """A draft with what is known of the customer."""
    known = customer(context.tx, context.customer_id)
    first_visit = known_first_visit(context.tx, context.customer_id, context.the_shop.id)
    return Dialogue(kind="book", name=known.name, age_band=known.age_band, first_visit=first_visit)


def _search(context: DialogueContext, state: Dialogue, service: Service) -> Search:
    return Search(
        service, minutes_of(service, state.age_band, state.first_visit), context.words("command.book")
    )


def _go_on(context: DialogueContext, state: Dialogue, *, armed: bool = True) -> None:
    """Ask the first question that is open; hold the slot as soon as it is known. `armed`: what the card shows was not
    doubted."""
    if state.step == "who" and state.people:
        _ask_people(context, state)
        return
    service = context.chain.service(state.service_id)
    if service is None:
        _ask_service(context, state)
        return
    search = _search(context, state, service)
    if not state.wall:
        (ask_slot if state.day else ask_day)(context, state, search)
        return
    if state.expired:
        if not armed:
            state.doubt()
        _ask_again(context, state)
        return
    held = _ensure_held(context, state, search)
    if held is None:
        return
    when = context.words.moment(held.wall)
    command = context.words("command.book")
    if not state.name:
        state.step = "name"
        _ask_name(context, state, when)
    elif not state.age_band and service.asks_age:
        state.step = "age"
        names = [(band.names.in_language(context.language)) for band in context.chain.age_bands]
        context.ask(
            state,
            "ask.age",
            [Option(name, f"{command} {name}") for name in names],
            name=state.name,
            when=when,
        )
    elif state.first_visit is None and service.asks_first_visit:
        state.step = "first_visit"
        labels = [context.words("answer.first_visit"), context.words("answer.returning")]
        context.ask(
            state, "ask.first_visit", [Option(label, f"{command} {label}") for label in labels], when=when
        )
    elif not _twice(context, state, held.wall, search):
        _ask_confirm(context, state, held, service, armed=armed)


def _ask_name(context: DialogueContext, state: Dialogue, when: str) -> None:
    minutes = context.the_shop.hold_s // 60
    if state.person:
        context.ask(state, "ask.name_of", when=when, minutes=minutes, person=state.person)
    else:
        context.ask(state, "ask.name", when=when, minutes=minutes)


def _ask_again(context: DialogueContext, state: Dialogue) -> None:
    """The hold is over: it is taken again only if that is said."""
    wall = datetime.fromisoformat(state.wall)
    moment = context.words.moment(wall)
    option = Option(moment, f"{context.words('command.book')} {moment}", "primary")
    context.ask(state, "done.expired", [option], when=moment, minutes=context.the_shop.hold_s // 60)


def _ask_service(context: DialogueContext, state: Dialogue) -> None:
    state.step = "service"
    command = context.words("command.book")
    names = [
        service.names.in_language(context.language) for service in context.chain.services_of(context.the_shop)
    ]
    when = datetime.fromisoformat(state.wall) if state.wall else None
    options = [Option(name, f"{command} {name}") for name in names]
    if when is None:
        context.ask(state, "ask.service", options)
    else:
        context.ask(state, "ask.service_at", options, when=context.words.moment(when))


def _ask_confirm(
    context: DialogueContext, state: Dialogue, held: Appointment, service: Service, *, armed: bool
) -> None:
    state.arm(armed=armed)
    words = context.words
    band = context.chain.band(state.age_band)
    length = minutes_of(service, state.age_band, bool(state.first_visit))
    fields = [
        (words("field.store"), context.the_shop.names.in_language(context.language)),
        (words("field.service"), service.names.in_language(context.language)),
        (words("field.when"), words.moment(held.wall)),
        (words("field.length"), words("minutes", minutes=length)),
        (words("field.name"), state.name),
    ]
    if state.person:
        fields.append((words("field.person"), state.person))
    if band is not None and service.asks_age:
        fields.append((words("field.age"), band.names.in_language(context.language)))
    if state.first_visit is not None and service.asks_first_visit:
        fields.append((words("field.first_visit"), words("yes" if state.first_visit else "no")))
    if state.notes:
        fields.append((words("field.note"), _notes(context, state)))
    options = [
        Option(words("button.confirm"), f"{words('command.confirm')} {held.code} v{held.version}", "primary"),
        Option(words("button.give_up"), words("command.cancel")),
    ]
    ends = get(context.tx, state.replaces) if state.replaces else None
    old = context.chain.shop(ends.store_id) if ends is not None else None
    context.ask(
        state,
        "ask.confirm" if old is None else "ask.confirm_instead",
        options,
        words("ask.confirm_title"),
        fields,
        when=words.moment(held.wall),
        service=service.names.in_language(context.language),
        store=context.the_shop.names.in_language(context.language),
        name=state.name,
        **{} if old is None or ends is None else {
            "old_store": old.names.in_language(context.language),
            "before": words.moment(ends.wall),
            "code": ends.code,
        },
    )  # fmt: skip


def _notes(context: DialogueContext, state: Dialogue) -> str:
    return context.words("note_separator").join(state.notes)[:MAX_NOTE]


# -- the yes ----------------------------------------------------------------------------------------------------------------


def finish(context: DialogueContext, state: Dialogue) -> None:
    """The yes: the hold becomes an appointment; one that ran out is taken again and confirmed at once."""
    service = context.chain.service(state.service_id)
    held = _held(context, state)
    if service is None or (held is None and not state.wall):
        _go_on(context, state)
        return
    first_visit = bool(state.first_visit)
    search = Search(service, minutes_of(service, state.age_band, first_visit), context.words("command.book"))
    ends = _ends(context, state)
    if state.replaces and ends is None:
        _release(context, state)
        context.close(state)
        context.say("stale.question")
        return
    held = _ensure_held(context, state, search)
    if held is None or _twice(context, state, held.wall, search):
        return
    held = describe(
        context.tx,
        held,
        for_name=state.name,
        age_band=state.age_band,
        first_visit=first_visit,
        person=state.person,
        note=_notes(context, state),
    )
    by_hand = context.the_shop.confirmation == "staff" and not context.is_staff
    booked = act(
        context.tx,
        held,
        Action.REQUEST if by_hand else Action.CONFIRM,
        actor(context),
        context.sender.user_id,
    )
    _remember(context, state)
    context.close(state)
    notify.booked(context.tx, context.texts, booked)
    if ends is not None:
        cancelled = act(context.tx, ends, Action.CANCEL, actor(context), context.sender.user_id)
        notify.cancelled(context.tx, context.texts, cancelled, by_staff=context.is_staff)
    if state.people:
        following = Dialogue(kind="book", service_id=state.service_id, day=state.day, below=state.below)
        context.say("ask.next_person", person=state.people[0])
        _book_for(context, following, state.people[0], state.people[1:])


def _ends(context: DialogueContext, state: Dialogue) -> Appointment | None:
    """The appointment that this one takes the place of, if it is still what was shown and may be cancelled."""
    ends = get(context.tx, state.replaces) if state.replaces else None
    if ends is None or ends.version != state.replaces_version:
        return None
    try:
        next_status(ends.status, Action.CANCEL, actor(context))
    except NotPossible:
        return None
    return ends


def _remember(context: DialogueContext, state: Dialogue) -> None:
    """Next time the customer's own name and age are known. Those of others, and of a child, are not the customer's."""
    known = customer(context.tx, context.customer_id)
    band = context.chain.band(state.age_band)
    if state.person or (band is not None and band.guardian and known.age_band != band.id):
        return
    if not context.is_staff or not known.name:
        remember(context.tx, replace(known, name=state.name, age_band=state.age_band or known.age_band))


def confirm_held(context: DialogueContext, version: int | None, appointment: Appointment) -> None:
    """确认 CODE: the button under "is this right?"."""
    state = context.dialogue()
    if state is not None and state.kind != "book" and state.below is not None:
        state = state.below
    if state is None or state.kind != "book" or state.appointment_id != appointment.id or not state.asks_yes:
        context.say("stale.question")
    elif version is not None and version != appointment.version:
        context.say("stale.question")
        _go_on(context, state)
    else:
        finish(context, state)


def _twice(context: DialogueContext, state: Dialogue, wall: datetime, search: Search) -> bool:
    """Whether this person has another appointment at that time, in any shop: then it is said, and other times are offered."""
    zone = zone_of(context.the_shop)
    begin = utc_ms(wall, zone) or 0
    end = begin + search.minutes * MINUTE_MS
    for one in upcoming(context.tx, context.customer_id):
        same = label_key(one.for_name) == label_key(state.name) and one.person == state.person
        if (
            same
            and one.id not in (state.appointment_id, state.replaces)
            and one.start_at < end
            and begin < one.end_at
        ):
            shop = context.chain.shop(one.store_id)
            _release(context, state)
            state.wall = ""
            context.say(
                "why_not.twice",
                name=state.name,
                when=context.words.moment(one.wall),
                store=shop.names.in_language(context.language) if shop else one.store_id,
                code=one.code,
            )
            ask_day(context, state, search)
            return True
    return False


# -- the hold ---------------------------------------------------------------------------------------------------------------


def _held(context: DialogueContext, state: Dialogue) -> Appointment | None:
    appointment = get(context.tx, state.appointment_id) if state.appointment_id else None
    return appointment if appointment is not None and appointment.status is Status.HELD else None


def _ensure_held(context: DialogueContext, state: Dialogue, search: Search) -> Appointment | None:
    """The draft's start, held for as long as the service now takes; None if that is impossible; the bot then said so."""
    wall = datetime.fromisoformat(state.wall)
    held = _held(context, state)
    same = held is not None and held.wall == wall and held.service_id == search.service.id
    if held is not None and same and held.minutes == search.minutes:
        return held
    shop = context.the_shop
    start_at = utc_ms(wall, zone_of(shop))
    reason = None if same else why_not(shop, wall, search.minutes, context.now_ms)
    if (
        reason is None
        and held is None
        and len(upcoming(context.tx, context.customer_id, shop.id))
        >= shop.max_upcoming + bool(state.replaces)
    ):
        context.close(state)
        context.say("why_not.too_many", count=shop.max_upcoming)
        return None
    taken: Appointment | None = None
    if reason is None and held is None:
        _give_back_other_holds(context)
    if reason is None and start_at is not None:
        wish = Wish(
            shop, search.service, context.customer_id, context.home, context.sender.user_id, search.minutes
        )
        slot = Slot(wall, start_at)
        taken = (
            hold(context.tx, wish, slot)
            if held is None
            else place(context.tx, held, wish, slot, actor(context))
        )
    if taken is None:
        _release(context, state)
        refuse(context, state, search, wall, reason or "taken")
        return None
    if held is None or held.wall != wall:
        state.extended = state.warned = 0
    state.appointment_id, state.version, state.expired = taken.id, taken.version, False
    if taken.hold_until is not None and (held is None or held.hold_until != taken.hold_until):
        context.tx.schedule(
            _next_look(context.now_ms, taken.hold_until), HOLD_TIMER, {"appointment": taken.id}
        )
    return taken


def _next_look(now_ms: int, hold_until: int) -> int:
    """When a hold's timer fires: a minute before the end, if there are two or more, to offer more time; then at the end."""
    return hold_until - WARN_MS if hold_until - now_ms >= 2 * WARN_MS else hold_until


def keep_held(context: DialogueContext, reading: Reading) -> bool:
    """续留 CODE: the hold is made longer by its length, twice at most."""
    state = context.dialogue()
    draft = state if state is None or state.kind == "book" else state.below
    held = _held(context, draft) if draft is not None else None
    if draft is None or held is None or held.code != said.code_of(reading):
        context.say("stale.hold")
    elif draft.extended >= MAX_EXTENSIONS or held.hold_until is None:
        context.say("hold.no_more", when=context.words.moment(held.wall))
    else:
        until = held.hold_until + context.the_shop.hold_s * 1000
        extend(context.tx, held, until)
        draft.extended += 1
        context.keep(state)
        minutes = max(1, (until - context.now_ms) // MINUTE_MS)
        context.say("hold.longer", when=context.words.moment(held.wall), minutes=minutes)
    return True


def _release(context: DialogueContext, state: Dialogue) -> None:
    held = _held(context, state)
    if held is not None:
        act(context.tx, held, Action.CANCEL, actor(context), context.sender.user_id)
    state.appointment_id = state.version = 0


def _give_back_other_holds(context: DialogueContext) -> None:
    """One open hold for each customer and shop: a second booking frees the slot of the first."""
    for held in held_for(context.tx, context.customer_id, context.the_shop.id):
        act(context.tx, held, Action.CANCEL, actor(context), context.sender.user_id)


def actor(context: DialogueContext) -> Actor:
    return Actor.STAFF if context.is_staff else Actor.CUSTOMER


def expire(tx: Transaction, texts: ShopTexts, appointment_id: int) -> None:
    """The timer of a hold. Its end is near: that is said, with a button for more time. Its time is over: the slot is freed, and
    the customer told."""
    held = get(tx, appointment_id)
    if held is None or held.status is not Status.HELD:
        return
    if held.hold_until is not None and held.hold_until > tx.now_ms:
        if held.hold_until - tx.now_ms <= WARN_MS:
            _warn(tx, texts, held)
        # It was held again, or the clock was set back since the timer fired: this timer may be the only one.
        tx.schedule(_next_look(tx.now_ms, held.hold_until), HOLD_TIMER, {"appointment": held.id})
        return
    _expire_now(tx, texts, held)


def expire_overdue(tx: Transaction, texts: ShopTexts) -> None:
    """End the holds whose timer failed long ago: nothing else would."""
    for held in held_until(tx, tx.now_ms - OVERDUE_MS):
        _expire_now(tx, texts, held)


def _warn(tx: Transaction, texts: ShopTexts, held: Appointment) -> None:
    """One minute is left: a button makes it three more, twice at most."""
    shop = texts.chain.shop(held.store_id)
    if shop is None or held.hold_until is None:
        return
    for user_id, state in dialogues_on(tx, held.id, held.conversation_id):
        draft = state if state.appointment_id == held.id or state.below is None else state.below
        if draft.warned == held.hold_until or draft.extended >= MAX_EXTENSIONS:
            continue
        draft.warned = held.hold_until
        words = texts.catalogue.words(language_for(tx, user_id), shop)
        minutes = shop.hold_s // 60
        longer = Option(words("button.longer", minutes=minutes), f"{words('command.longer')} {held.code}")
        content = question(words, "", words("hold.ends_soon", when=words.moment(held.wall)), [longer])
        with suppress(Refusal):
            tx.post(held.conversation_id, content, sender_id=shop.bot)
        state.labels[label_key(longer.label)] = longer.command
        save_dialogue(tx, held.conversation_id, user_id, state)


def _expire_now(tx: Transaction, texts: ShopTexts, held: Appointment) -> None:
    act(tx, held, Action.EXPIRE, Actor.TIMER, "")
    shop = texts.chain.shop(held.store_id)
    if shop is None:
        return
    for user_id, state in dialogues_on(tx, held.id, held.conversation_id):
        draft = state if state.appointment_id == held.id or state.below is None else state.below
        words = texts.catalogue.words(language_for(tx, user_id), shop)
        moment = words.moment(held.wall)
        again = Option(moment, f"{words('command.book')} {moment}", "primary")
        text = words("done.expired", when=moment, minutes=shop.hold_s // 60)
        content = question(words, "", text, [again])
        # Where the bot may not speak any more, the slot is free all the same.
        with suppress(Refusal):
            tx.post(held.conversation_id, content, sender_id=shop.bot)
        draft.appointment_id, draft.version, draft.expired = 0, 0, True
        state.show([again.command], {label_key(again.label): again.command})
        save_dialogue(tx, held.conversation_id, user_id, state)
