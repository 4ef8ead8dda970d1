"""What changes nothing: the shops, free slots, my appointments, the way to the shop, contact lenses, help."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from . import cards
from .appointments import Appointment, past, resources_of, upcoming
from .calendar import store_spans, wall_of, zone_of
from .cards import Option
from .chain import Service, Store, minutes_of
from .choosing import Search, ask_slot, refuse, understand
from .customers import customer, remember
from .heard import Said
from .info_pack import place_card
from .places import staff_group
from .slots import nearest
from .state import Dialogue
from .talk import Place, Talk

PAST_SHOWN = 5


def stores(talk: Talk, said: Said) -> bool:
    """门店 [shop]: the shops as buttons, or one of them opened."""
    if said.store is not None and talk.place is not Place.STAFF:
        talk.go(said.store)
        welcome(talk)
        return True
    ask_store(talk, talk.words("command.stores"), "", "ask.stores")
    return True


def ask_store(talk: Talk, command: str, rest: str, key: str = "ask.store") -> None:
    """Which shop? What was said besides goes along with the button."""
    options = [
        Option(
            talk.words(
                "store_option",
                store=store.names.in_language(talk.language),
                address=store.address.in_language(talk.language),
            ),
            f"{command} {store.names.in_language(talk.language)} {rest}".strip(),
        )
        for store in talk.chain.stores
    ]
    talk.offer(key, options)


def welcome(talk: Talk) -> None:
    """The first card in a service conversation, and what 门店 shows of a shop."""
    words, store = talk.words, talk.the_store
    options = [
        Option(words(f"button.{name}"), words(f"command.{name}")) for name in ("book", "slots", "my", "info")
    ]
    name = store.names.in_language(talk.language)
    talk.post(
        cards.card(words("welcome.title", store=name), words("welcome.text", store=name), options=options)
    )


def slots(talk: Talk, said: Said) -> bool:
    """空档 [day]: free starts of a day as buttons; without a day, of the next one that has any."""
    open_booking = talk.dialogue()
    booking = open_booking if open_booking is not None and open_booking.kind == "book" else None
    service = _service_meant(talk, said, booking)
    band = said.band.id if said.band else booking.age_band if booking else service.age_band
    search = Search(service, minutes_of(service, band, None), _book_command(talk, said))
    # Answers (`2`, 周六, 下午) go to the booking that is open, or begin one by their command.
    state = booking or Dialogue()
    shown = Dialogue(day=state.day)
    reading = understand(talk, shown, said)
    if reading is not None and reading.day is None and reading.candidates:
        shown.day = reading.candidates[0].date().isoformat()
    elif reading is not None:
        shown.day, shown.part = reading.day.isoformat() if reading.day else "", reading.part or ""
        if reading.day is None and reading.part is None:
            talk.say(
                f"unclear_short.{reading.reason}"
                if talk.words.has(f"unclear_short.{reading.reason}")
                else "unclear_short.any"
            )
            return True
    if not shown.day or (reading is None and booking is None):
        shown.day = _next_free_day(talk, search)
    if not shown.day:
        refuse(talk, shown, search, wall_of(talk.now_ms, zone_of(talk.the_store)), "full")
        return True
    ask_slot(talk, shown, search, "ask.free")
    state.options = shown.options
    state.doubt()
    talk.keep(state)
    return True


def _next_free_day(talk: Talk, search: Search) -> str:
    now = wall_of(talk.now_ms, zone_of(talk.the_store))
    found = nearest(
        talk.tx.execute, talk.the_store, search.service, now, search.minutes, talk.now_ms, count=1
    )
    return found[0].wall.date().isoformat() if found else ""


def _service_meant(talk: Talk, said: Said, booking: Dialogue | None) -> Service:
    offered = talk.chain.services_of(talk.the_store)
    if said.service is not None and said.service in offered:
        return said.service
    begun = talk.chain.service(booking.service_id) if booking else None
    return begun or offered[0]


def _book_command(talk: Talk, said: Said) -> str:
    command = talk.words("command.book")
    return f"{command} {said.service.names.in_language(talk.language)}" if said.service else command


def my(talk: Talk, said: Said) -> bool:
    """我的预约: what is coming, each with buttons, and the last of what was."""
    open_question = talk.dialogue()
    if open_question is not None and open_question.kind in ("cancel", "move"):
        talk.keep(None)  # its "keep it" button leads here
    store_id = talk.store.id if talk.store else None
    coming = [
        one
        for one in upcoming(talk.tx, talk.customer_id, store_id)
        if talk.chain.store(one.store_id) is not None
    ]
    for appointment in coming:
        store = talk.house.store_of(appointment)
        people = resources_of(talk.tx, appointment.id)
        talk.post(cards.appointment_card(talk.words, talk.chain, store, appointment, people))
    over = [one for one in past(talk.tx, talk.customer_id, store_id, PAST_SHOWN) if one not in coming]
    if over:
        talk.say("my.past", lines="\n".join(_line(talk, one) for one in over))
    if not coming:
        options = [Option(talk.words("button.book"), talk.words("command.book"))]
        talk.offer("my.none", options)
    return True


def _line(talk: Talk, appointment: Appointment) -> str:
    service = talk.chain.service(appointment.service_id)
    return talk.words(
        "my.line",
        when=talk.words.moment(appointment.wall),
        service=service.names.in_language(talk.language) if service else appointment.service_id,
        status=talk.words(f"status.{appointment.status}"),
        code=appointment.code,
    )


def info(talk: Talk, said: Said) -> bool:
    """地址: where the shop is, and this week's hours."""
    today = wall_of(talk.now_ms, zone_of(talk.the_store)).date()
    days = [date.fromordinal(today.toordinal() + ahead) for ahead in range(7)]
    lines = "\n".join(_hours(talk, talk.the_store, day) for day in days)
    talk.post(place_card(talk.words, talk.the_store, lines))
    return True


def _hours(talk: Talk, store: Store, day: date) -> str:
    spans = store_spans(store, day)
    if not spans:
        return talk.words("hours.closed_on", day=talk.words.day(day))
    times = [f"{a // 60:02}:{a % 60:02}–{b // 60:02}:{b % 60:02}" for a, b in spans]
    return talk.words(
        "hours.open_on", day=talk.words.day(day), times=talk.words("list_separator").join(times)
    )


def lenses(talk: Talk, said: Said) -> bool:
    """隐形眼镜 KIND: what to mind with this kind; hard and night lenses are the optometrist's decision, so staff are told."""
    if not said.lenses:
        options = [
            Option(
                talk.words(f"lenses.{kind}_label"),
                f"{talk.words('command.lenses')} {talk.words(f'lenses.{kind}_word')}",
            )
            for kind in ("soft", "rgp", "orthok")
        ]
        talk.offer("lenses.ask_kind", options)
        return True
    remember(talk.tx, replace(customer(talk.tx, talk.customer_id), lens_kind=said.lenses))
    talk.say(f"lenses.{said.lenses}")
    group = staff_group(talk.tx, talk.the_store.id)
    if said.lenses != "soft" and group is not None:
        words = talk.house.staff_words(talk.the_store)
        text = words("staff.lenses", name=talk.sender.display_name, kind=words(f"lenses.{said.lenses}_label"))
        talk.tx.post(group, {"type": "text", "text": text}, sender_id=talk.bot)
    return True


def help_(talk: Talk, said: Said) -> bool:
    """帮助."""
    show_help(talk, "help.title")
    return True


def show_help(talk: Talk, title: str, **values: object) -> None:
    """What can be typed here, for customers or staff."""
    words = talk.words
    if talk.place is Place.STAFF:
        talk.post(cards.card(words(title, **values), words("help.staff")))
        return
    options = [
        Option(words(f"button.{name}"), words(f"command.{name}"))
        for name in ("book", "slots", "my", "stores", "info", "human")
    ]
    talk.post(cards.card(words(title, **values), words("help.customer"), options=options))
