"""A request that nobody confirms: the staff are asked again, the customer is offered something else, and in the end it is over,
with words to both. When each of these happens is `requests`.
"""

from __future__ import annotations

from typing import Any

from imserver.plugin_api import Transaction
from imserver.plugins.booking.conversations import staff_group
from imserver.plugins.booking.customers import language_for
from imserver.plugins.booking.messages import cards
from imserver.plugins.booking.messages.cards import Option
from imserver.plugins.booking.messages.shop_texts import ShopTexts
from imserver.plugins.booking.messages.texts import Words
from imserver.plugins.booking.schedule.appointments import Appointment, act, get, resources_of
from imserver.plugins.booking.schedule.day_sheet import name_on
from imserver.plugins.booking.schedule.hits import service_of
from imserver.plugins.booking.schedule.hours import wall_of, zone_of
from imserver.plugins.booking.schedule.shops import Service, Shop
from imserver.plugins.booking.schedule.slots import spread
from imserver.plugins.booking.schedule.status import Action, Actor, Status

from . import notify, offers, reach, requests

TIMES_OFFERED = 4


def fire(tx: Transaction, texts: ShopTexts, appointment_id: int) -> None:
    """The timer: the next step, if there is still a request."""
    row, appointment = requests.row_of(tx, appointment_id), get(tx, appointment_id)
    if row is None or appointment is None or not requests.waits(appointment):
        return
    asked_at, step, due_at = row
    if due_at > tx.now_ms:  # the clock was set back since the timer fired
        requests.put(tx, appointment, asked_at, step, due_at)
        return
    shop = texts.chain.shop(appointment.store_id)
    if shop is None:  # the shop left the chain: nobody can answer, and nobody speaks for it
        offers.answered(tx, texts, _end(tx, appointment))
        return
    steps = requests.course(shop, asked_at, requests.until(appointment))
    if step == "end" or tx.now_ms >= steps.end:
        content, ended = _sorry(tx, texts, shop, appointment), _end(tx, appointment)
        if appointment.wished is None:
            notify.lapsed(tx, texts, ended, content)
        else:
            notify.wish_ended(tx, texts, ended, appointment.wished, "lapsed")
        return
    _ask_staff(tx, texts, shop, appointment, asked_at)
    if step == "repeat" and steps.offer is not None and steps.offer < steps.end:
        requests.put(tx, appointment, asked_at, "offer", max(steps.offer, tx.now_ms))
        return
    if step == "offer":
        _offer(tx, texts, shop, appointment)
    again = tx.now_ms + requests.AGAIN_MS
    name, due = ("again", again) if again < steps.end else ("end", steps.end)
    requests.put(tx, appointment, asked_at, name, due)


def _end(tx: Transaction, appointment: Appointment) -> Appointment:
    requests.drop(tx, appointment)
    action = Action.LAPSE if appointment.status is Status.PENDING else Action.KEEP_TIME
    return act(tx, appointment, action, Actor.TIMER, "")


# -- to the staff -----------------------------------------------------------------------------------------------------------


def _ask_staff(
    tx: Transaction, texts: ShopTexts, shop: Shop, appointment: Appointment, asked_at: int
) -> None:
    group = staff_group(tx, shop.id)
    if group is None:
        return
    words = texts.staff_words(shop)
    zone = zone_of(shop)
    text = words(
        "request.waits" if appointment.wished is None else "request.move_waits",
        name=name_on(tx, appointment),
        when=words.moment(appointment.wished or appointment.wall),
        before=words.moment(appointment.wall),
        code=appointment.code,
        asked=words.relative(wall_of(asked_at, zone), wall_of(tx.now_ms, zone).date()),
    )
    fields = cards.appointment_fields(words, texts.chain, shop, appointment, resources_of(tx, appointment.id))
    ref = ("appointment", appointment.code, appointment.version)
    options = cards.staff_options(words, appointment)
    tx.post(group, cards.card(words("request.waits_title"), text, fields, options, ref), sender_id=shop.bot)


# -- to the customer --------------------------------------------------------------------------------------------------------


def _offer(tx: Transaction, texts: ShopTexts, shop: Shop, appointment: Appointment) -> None:
    """Other times here, the same elsewhere, cancelling, a human. The request stays until the customer says otherwise."""
    words = _customer_words(tx, texts, shop, appointment)
    marked = f"{appointment.code} v{appointment.version}"
    options = _instead(tx, texts, shop, appointment, words, f"{words('command.move')} {marked}")
    if appointment.wished is None:
        options.append(Option(words("button.cancel"), f"{words('command.cancel')} {marked}", "danger"))
    else:
        options.append(Option(words("button.decline"), f"{words('command.decline')} {marked}"))
    options.append(Option(words("button.human"), words("command.human")))
    text = words(
        "request.offer" if appointment.wished is None else "request.move_offer",
        when=words.moment(appointment.wished or appointment.wall),
        before=words.moment(appointment.wall),
        code=appointment.code,
        store=shop.names.in_language(words.language),
    )
    ref = ("appointment", appointment.code, appointment.version)
    content = cards.card(words("request.offer_title"), text, (), options, ref)
    where = (appointment.conversation_id, appointment.customer_id)
    reach.tell(tx, texts.chain, words, shop, where, content)


def _sorry(tx: Transaction, texts: ShopTexts, shop: Shop, appointment: Appointment) -> dict[str, Any]:
    """It has ended: other times, as new wishes."""
    words = _customer_words(tx, texts, shop, appointment)
    service = texts.chain.service(appointment.service_id)
    wish = f"{words('command.book')} {service.names.in_language(words.language) if service else ''}".strip()
    options = _instead(tx, texts, shop, appointment, words, wish)
    options.append(Option(words("button.human"), words("command.human")))
    text = words(
        "request.ended",
        when=words.moment(appointment.wall),
        code=appointment.code,
        store=shop.names.in_language(words.language),
    )
    return cards.card(words("request.ended_title"), text, (), options)


def _instead(
    tx: Transaction, texts: ShopTexts, shop: Shop, appointment: Appointment, words: Words, command: str
) -> list[Option]:
    """Buttons with other free times, and with the other shops that do the same."""
    service = service_of(tx, texts.chain, shop, appointment)
    count = TIMES_OFFERED + 2  # its own time may be among them, and the wished one
    near = spread(tx.execute, shop, service, appointment.wall, appointment.minutes, tx.now_ms, count=count)
    known = (appointment.wall, appointment.wished)
    walls = [slot.wall for slot in near if slot.wall not in known][:TIMES_OFFERED]
    options = [Option(words.moment(wall), f"{command} {words.moment(wall)}") for wall in walls]
    for other in _others(texts, shop, service):
        name = other.names.in_language(words.language)
        options.append(Option(words("request.elsewhere", store=name), f"{command} {name}"))
    return options


def _others(texts: ShopTexts, shop: Shop, service: Service) -> list[Shop]:
    return [other for other in texts.chain.stores if other is not shop and other.offers(service)]


def _customer_words(tx: Transaction, texts: ShopTexts, shop: Shop, appointment: Appointment) -> Words:
    return texts.catalogue.words(language_for(tx, appointment.customer_id), shop)
