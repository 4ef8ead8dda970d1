"""Commands that only read: the shops, free slots, my appointments, the way to the shop, contact lenses, help."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from imserver.plugins.booking.conversations import staff_group
from imserver.plugins.booking.customers import customer, remember
from imserver.plugins.booking.messages import cards
from imserver.plugins.booking.messages.cards import Option
from imserver.plugins.booking.messages.info_pack import place_card
from imserver.plugins.booking.schedule.appointments import Appointment, past, resources_of, upcoming
from imserver.plugins.booking.schedule.hours import shop_spans, wall_of, zone_of
from imserver.plugins.booking.schedule.shops import Service, Shop, minutes_of
from imserver.plugins.booking.schedule.slots import nearest
from imserver.plugins.booking.understanding.ear import Said

from .choose import Search, ask_slot, refuse, understand
from .context import DialogueContext, Place
from .state import Dialogue

PAST_SHOWN = 5


def stores(context: DialogueContext, said: Said) -> bool:
    """门店 [shop]: the shops as buttons, or one of them opened."""
    if said.shop is not None and context.place is not Place.STAFF:
        context.go(said.shop)
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


def slots(context: DialogueContext, said: Said) -> bool:
    """空档 [day]: free starts of a day as buttons; without a day, of the next one that has any."""
    open_booking = context.dialogue()
    booking = open_booking if open_booking is not None and open_booking.kind == "book" else None
    service = _service_meant(context, said, booking)
    band = said.band.id if said.band else booking.age_band if booking else service.age_band
    search = Search(service, minutes_of(service, band, None), _book_command(context, said))
    # Answers (`2`, 周六, 下午) go to the booking that is open, or begin one by their command.
    state = booking or Dialogue()
    shown = Dialogue(day=state.day)
    reading = understand(context, shown, said)
    if reading is not None and reading.day is None and reading.candidates:
        shown.day = reading.candidates[0].date().isoformat()
    elif reading is not None:
        shown.day, shown.part = reading.day.isoformat() if reading.day else "", reading.part or ""
        if reading.day is None and reading.part is None:
            context.say(
                f"unclear_short.{reading.reason}"
                if context.words.has(f"unclear_short.{reading.reason}")
                else "unclear_short.any"
            )
            return True
    if not shown.day or (reading is None and booking is None):
        shown.day = _next_free_day(context, search)
    if not shown.day:
        refuse(context, shown, search, wall_of(context.now_ms, zone_of(context.the_shop)), "full")
        return True
    ask_slot(context, shown, search, "ask.free")
    state.options = shown.options
    state.doubt()
    context.keep(state)
    return True


def _next_free_day(context: DialogueContext, search: Search) -> str:
    now = wall_of(context.now_ms, zone_of(context.the_shop))
    found = nearest(
        context.tx.execute, context.the_shop, search.service, now, search.minutes, context.now_ms, count=1
    )
    return found[0].wall.date().isoformat() if found else ""


def _service_meant(context: DialogueContext, said: Said, booking: Dialogue | None) -> Service:
    offered = context.chain.services_of(context.the_shop)
    if said.service is not None and said.service in offered:
        return said.service
    begun = context.chain.service(booking.service_id) if booking else None
    return begun or offered[0]


def _book_command(context: DialogueContext, said: Said) -> str:
    command = context.words("command.book")
    return f"{command} {said.service.names.in_language(context.language)}" if said.service else command


def my(context: DialogueContext, said: Said) -> bool:
    """我的预约: coming appointments, each with buttons, and the last past ones."""
    open_question = context.dialogue()
    if open_question is not None and open_question.kind in ("cancel", "move"):
        context.keep(None)  # its "keep it" button leads here
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
    )


def info(context: DialogueContext, said: Said) -> bool:
    """地址: where the shop is, and this week's hours."""
    today = wall_of(context.now_ms, zone_of(context.the_shop)).date()
    days = [date.fromordinal(today.toordinal() + ahead) for ahead in range(7)]
    lines = "\n".join(_hours(context, context.the_shop, day) for day in days)
    context.post(place_card(context.words, context.the_shop, lines))
    return True


def _hours(context: DialogueContext, shop: Shop, day: date) -> str:
    spans = shop_spans(shop, day)
    if not spans:
        return context.words("hours.closed_on", day=context.words.day(day))
    times = [f"{a // 60:02}:{a % 60:02}–{b // 60:02}:{b % 60:02}" for a, b in spans]
    return context.words(
        "hours.open_on", day=context.words.day(day), times=context.words("list_separator").join(times)
    )


def lenses(context: DialogueContext, said: Said) -> bool:
    """隐形眼镜 KIND: what to mind with this kind; hard and night ones are the optometrist's decision, so staff hear of them."""
    if not said.lenses:
        options = [
            Option(
                context.words(f"lenses.{kind}_label"),
                f"{context.words('command.lenses')} {context.words(f'lenses.{kind}_word')}",
            )
            for kind in ("soft", "rgp", "orthok")
        ]
        context.offer("lenses.ask_kind", options)
        return True
    remember(context.tx, replace(customer(context.tx, context.customer_id), lens_kind=said.lenses))
    context.say(f"lenses.{said.lenses}")
    group = staff_group(context.tx, context.the_shop.id)
    if said.lenses != "soft" and group is not None:
        words = context.texts.staff_words(context.the_shop)
        text = words(
            "staff.lenses", name=context.sender.display_name, kind=words(f"lenses.{said.lenses}_label")
        )
        context.tx.post(group, {"type": "text", "text": text}, sender_id=context.bot)
    return True


def help_(context: DialogueContext, said: Said) -> bool:
    """帮助."""
    show_help(context, "help.title")
    return True


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
