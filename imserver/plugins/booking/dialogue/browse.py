"""Commands that only read: the shops, free slots, my appointments, the way to the shop, contact lenses, help."""

from __future__ import annotations

from datetime import date

from msgspec import structs

from imserver.plugins.booking.conversations import staff_group
from imserver.plugins.booking.customers import customer, remember
from imserver.plugins.booking.messages import cards
from imserver.plugins.booking.messages.cards import Option
from imserver.plugins.booking.messages.info_pack import LENS_KINDS, place_card
from imserver.plugins.booking.schedule.appointments import (
    Appointment,
    by_code,
    past,
    resources_of,
    upcoming,
)
from imserver.plugins.booking.schedule.guests import called
from imserver.plugins.booking.schedule.shops import Service, minutes_of
from imserver.plugins.booking.schedule.slots import nearest
from imserver.plugins.booking.understanding.acts import Reading, When
from imserver.plugins.booking.waiting import Why

from . import said
from .answers import hours_lines
from .choose import ask_slot, refuse
from .context import DialogueContext, Place
from .handoff import MAX_PASSED, forward
from .offered import MAX_STARTS, Search, day_option, why_not_day
from .state import Dialogue

PAST_SHOWN = 5


def stores(context: DialogueContext, reading: Reading) -> bool:
    """门店 [shop]: the shops as buttons, or one of them opened."""
    shop = said.shop_of(reading, context.chain)
    if shop is not None and context.place is not Place.STAFF:
        context.go(shop)
        if context.passing:
            forward(context, context.passing, Why.QUESTION)
        else:
            welcome(context)
        return True
    ask_shop(context, context.words("command.stores"), "", "ask.stores")
    return True


def ask_shop(context: DialogueContext, command: str, rest: str, key: str = "ask.store") -> None:
    """Ask which shop. Each button carries the rest of the text along."""
    options = [
        Option(
            context.words(
                "store_option",
                store=shop.names.in_language(context.language),
                address=shop.address.in_language(context.language),
            ),
            f"{command} {shop.names.in_language(context.language)} {rest}".strip(),
        )
        for shop in context.chain.stores
    ]
    context.offer(key, options)


def welcome(context: DialogueContext) -> None:
    """The first card in a service conversation, and what 门店 shows of a shop."""
    words, shop = context.words, context.the_shop
    options = [
        Option(words(f"button.{name}"), words(f"command.{name}")) for name in ("book", "slots", "my", "info")
    ]
    name = shop.names.in_language(context.language)
    context.post(
        cards.card(words("welcome.title", store=name), words("welcome.text", store=name), options=options)
    )


def slots(context: DialogueContext, reading: Reading) -> bool:
    """空档 [day], or a question about free time: free starts as buttons, and nothing is held. Without a day, of the next one
    that has any."""
    state = context.dialogue() or Dialogue()
    booking = state if state.kind == "book" else None
    service = _service_meant(context, reading, booking)
    named = said.band_of(reading, context.chain)
    band = named.id if named else booking.age_band if booking else service.age_band
    search = Search(service, minutes_of(service, band, None), _book_command(context, reading))
    # Answers (`2`, 周六, 下午) go to the booking that is open, or begin one by their command.
    shown = Dialogue(day=state.day or state.day_said)
    when = said.when_of(reading)
    days = _days_meant(when)
    if when is not None and when.reason == "negated" and not days and booking is not None:
        when = None  # 还有别的时间吗: others of the day that is spoken of
    if when is not None and not days and when.part is None:
        key = f"unclear_short.{when.reason}"
        context.say(key if context.words.has(key) else "unclear_short.any")
        return True
    if when is not None:
        shown.day = days[0].isoformat() if days else shown.day
        shown.part = when.part or ""
    if not shown.day or (when is None and booking is None):
        shown.day = _next_free_day(context, search)
    if not shown.day:
        refuse(context, shown, search, context.now, "full")
        return True
    shown.labels, shown.options, shown.earlier = state.labels, state.options, state.earlier
    open_ones = [day for day in days if why_not_day(context, day) is None]
    if len(open_ones) > 1 and when is not None and when.part is None:
        options = [day_option(context, search, day) for day in open_ones[:MAX_STARTS]]
        context.ask(shown, "ask.which_day", options)
    else:
        ask_slot(context, shown, search, "ask.free")
    state.labels, state.options, state.earlier = shown.labels, shown.options, shown.earlier
    state.day_said = shown.day or shown.day_said
    named_service = said.service_of(reading, context.chain)
    if booking is None and named_service is not None:
        state.service_id = named_service.id
    state.doubt()
    context.keep(state)
    return True


def _days_meant(when: When | None) -> list[date]:
    """The days whose free times are asked for."""
    if when is None or when.reason in ("past", "negated"):
        return []
    if when.guess is not None:
        return [when.guess]
    return list(when.days) or sorted({wall.date() for wall in when.candidates})


def _next_free_day(context: DialogueContext, search: Search) -> str:
    found = nearest(
        context.tx.execute,
        context.the_shop,
        search.service,
        context.now,
        search.minutes,
        context.now_ms,
        count=1,
    )
    return found[0].wall.date().isoformat() if found else ""


def _service_meant(context: DialogueContext, reading: Reading, booking: Dialogue | None) -> Service:
    offered = context.chain.services_of(context.the_shop)
    service = said.service_of(reading, context.chain)
    if service is not None and service in offered:
        return service
    begun = context.chain.service(booking.service_id) if booking else None
    return begun or offered[0]


def _book_command(context: DialogueContext, reading: Reading) -> str:
    command = context.words("command.book")
    service = said.service_of(reading, context.chain)
    return f"{command} {service.names.in_language(context.language)}" if service else command


def my(context: DialogueContext, reading: Reading) -> bool:
    """我的预约: coming appointments, each with buttons, and the last past ones."""
    open_question = context.dialogue()
    if open_question is not None and open_question.kind in ("cancel", "move", "correct"):
        context.close(open_question)  # its "keep it" button leads here
    store_id = context.shop.id if context.shop else None
    coming = [
        one
        for one in upcoming(context.tx, context.customer_id, store_id)
        if context.chain.shop(one.store_id) is not None
    ]
    for appointment in coming:
        shop = context.texts.shop_of(appointment)
        people = resources_of(context.tx, appointment.id)
        context.post(cards.appointment_card(context.words, context.chain, shop, appointment, people))
    over = [one for one in past(context.tx, context.customer_id, store_id, PAST_SHOWN) if one not in coming]
    if over:
        context.say("my.past", lines="\n".join(_line(context, one) for one in over))
    if not coming:
        options = [Option(context.words("button.book"), context.words("command.book"))]
        context.offer("my.none", options)
    return True


def _line(context: DialogueContext, appointment: Appointment) -> str:
    service = context.chain.service(appointment.service_id)
    return context.words(
        "my.line",
        when=context.words.moment(appointment.wall),
        service=service.names.in_language(context.language) if service else appointment.service_id,
        status=context.words(f"status.{appointment.status}"),
        code=appointment.code,
    ) + (
        context.words("my.wish", when=context.words.moment(appointment.wished)) if appointment.wished else ""
    )


def one(context: DialogueContext, reading: Reading) -> bool:
    """A code by itself: that appointment, with its buttons."""
    appointment = by_code(context.tx, said.code_of(reading))
    if (
        appointment is None
        or appointment.customer_id != context.customer_id
        or appointment.card_position is None
    ):
        context.say("no_such_code", code=said.code_of(reading))
        return True
    shop = context.chain.shop(appointment.store_id)
    if shop is None:
        return False
    context.anywhere = True
    context.go(shop)
    people = resources_of(context.tx, appointment.id)
    context.post(cards.appointment_card(context.words, context.chain, shop, appointment, people))
    return True


def info(context: DialogueContext, reading: Reading) -> bool:
    """地址: where the shop is, and this week's hours."""
    context.post(place_card(context.words, context.the_shop, hours_lines(context, context.the_shop, [])))
    return True


def lenses(context: DialogueContext, reading: Reading) -> bool:
    """隐形眼镜 KIND: what to mind with this kind; hard and night ones are the optometrist's decision, so staff hear of them."""
    kind = str(reading.given("lenses") or "")
    if not kind:
        options = [
            Option(
                context.words(f"lenses.{one}_label"),
                f"{context.words('command.lenses')} {context.words(f'lenses.{one}_word')}",
            )
            for one in LENS_KINDS
        ]
        context.offer("lenses.ask_kind", options)
        return True
    known = customer(context.tx, context.customer_id)
    remember(context.tx, structs.replace(known, lens_kind=kind))
    context.say(f"lenses.{kind}")
    group = staff_group(context.tx, context.the_shop.id)
    if kind not in ("soft", known.lens_kind) and group is not None:
        words = context.texts.staff_words(context.the_shop)
        text = words(
            "staff.lenses",
            name=called(context.tx, context.sender.user_id),
            kind=words(f"lenses.{kind}_label"),
        )
        context.tx.post(group, {"type": "text", "text": text}, sender_id=context.bot)
    return True


def help_(context: DialogueContext, reading: Reading) -> bool:
    """帮助."""
    show_help(context, "help.title")
    return True


def greet(context: DialogueContext) -> None:
    """A greeting is answered with what can be done here; in the chain's own chat with its shops."""
    if context.shop is None:
        ask_shop(context, context.words("command.stores"), "", "ask.stores")
        return
    if context.place is Place.DIRECT:
        context.go(context.the_shop)
    welcome(context)


def offer_people(context: DialogueContext) -> None:
    """Words in a direct chat that nothing came of: what can be typed here, and a button that passes them on."""
    state = context.dialogue() or Dialogue()
    state.passing = context.text[:MAX_PASSED]
    context.keep(state)
    show_help(context, "help.title" if not context.text.strip() else "help.not_understood")


def show_help(context: DialogueContext, title: str, **values: object) -> None:
    """What can be typed here, for customers or staff."""
    words = context.words
    if context.place is Place.STAFF:
        context.post(cards.card(words(title, **values), words("help.staff")))
        return
    options = [
        Option(words(f"button.{name}"), words(f"command.{name}"))
        for name in ("book", "slots", "my", "stores", "info", "human")
    ]
    context.post(cards.card(words(title, **values), words("help.customer"), options=options))
