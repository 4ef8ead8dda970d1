"""What everybody is told once an appointment has changed: the customer's card, the info pack, the staff group, reminders."""

from __future__ import annotations

from datetime import datetime

from imserver.plugin_api import Transaction

from . import cards, reminders
from .appointments import Appointment, resources_of, show_card
from .catalogue import Words
from .customers import customer, language_for
from .info_pack import info_pack
from .places import staff_group
from .states import Status
from .talk import House


def booked(tx: Transaction, house: House, appointment: Appointment) -> Appointment:
    """A hold became an appointment (confirmed, or pending where the shop confirms by hand)."""
    appointment = _post_card(tx, house, appointment)
    if appointment.status is Status.CONFIRMED:
        _settled(tx, house, appointment)
    tell_staff(tx, house, appointment, "booked")
    return appointment


def confirmed_by_staff(tx: Transaction, house: House, appointment: Appointment) -> None:
    """A pending appointment was confirmed: now the customer knows, and gets the pack."""
    _edit_card(tx, house, appointment)
    appointment = _post_card(tx, house, appointment)
    _settled(tx, house, appointment)
    tell_staff(tx, house, appointment, "confirmed")


def moved(tx: Transaction, house: House, appointment: Appointment, before: datetime) -> None:
    """The time changed: the card in place, a line in the history, new reminders."""
    reminders.drop(tx, appointment, "moved")
    if appointment.status is Status.CONFIRMED:
        reminders.plan(tx, appointment)
    _edit_card(tx, house, appointment)
    words = _customer_words(tx, house, appointment)
    _line(
        tx,
        house,
        appointment,
        "moved",
        before=words.moment(before),
        when=words.moment(appointment.wall),
        code=appointment.code,
    )
    tell_staff(tx, house, appointment, "moved", before=before)


def cancelled(tx: Transaction, house: House, appointment: Appointment) -> None:
    reminders.drop(tx, appointment, "cancelled")
    _edit_card(tx, house, appointment)
    words = _customer_words(tx, house, appointment)
    _line(tx, house, appointment, "cancelled", when=words.moment(appointment.wall), code=appointment.code)
    tell_staff(tx, house, appointment, "cancelled")


def stepped(tx: Transaction, house: House, appointment: Appointment) -> None:
    """Arrived, in the exam, done, or not come: the card changes; staff are told; nobody is chatted at."""
    reminders.drop(tx, appointment, str(appointment.status))
    _edit_card(tx, house, appointment)
    tell_staff(tx, house, appointment, str(appointment.status))


def tell_staff(
    tx: Transaction, house: House, appointment: Appointment, news: str, before: datetime | None = None
) -> None:
    """One card in the staff group for every change."""
    store = house.store_of(appointment)
    group = staff_group(tx, store.id)
    if group is None:
        return
    words = house.staff_words(store)
    customer = tx.user(appointment.customer_id)
    text = words(
        f"news.{news}",
        when=words.moment(appointment.wall),
        before=words.moment(before or appointment.wall),
        name=appointment.for_name or (customer.display_name if customer else appointment.customer_id),
        code=appointment.code,
    )
    fields = cards.appointment_fields(
        words, house.chain, store, appointment, resources_of(tx, appointment.id)
    )
    if appointment.first_visit:
        fields.append((words("field.first_visit"), words("yes")))
    tx.post(
        group,
        cards.card(
            words(f"news_title.{news}"),
            text,
            fields,
            cards.staff_options(words, appointment),
            ("appointment", appointment.code, appointment.version),
        ),
        sender_id=store.bot,
    )


def _settled(tx: Transaction, house: House, appointment: Appointment) -> None:
    store = house.store_of(appointment)
    known = customer(tx, appointment.customer_id)
    words = _customer_words(tx, house, appointment)
    tx.post(
        appointment.conversation_id,
        info_pack(words, house.chain, store, appointment, known.lens_kind),
        sender_id=store.bot,
    )
    reminders.plan(tx, appointment)


def _post_card(tx: Transaction, house: House, appointment: Appointment) -> Appointment:
    store = house.store_of(appointment)
    words = _customer_words(tx, house, appointment)
    people = resources_of(tx, appointment.id)
    content = cards.appointment_card(words, house.chain, store, appointment, people)
    return show_card(tx, appointment, tx.post(appointment.conversation_id, content, sender_id=store.bot))


def _edit_card(tx: Transaction, house: House, appointment: Appointment) -> None:
    if appointment.card_position is None:
        return
    store = house.store_of(appointment)
    words = _customer_words(tx, house, appointment)
    people = resources_of(tx, appointment.id)
    content = cards.appointment_card(words, house.chain, store, appointment, people)
    tx.edit(appointment.conversation_id, appointment.card_position, content)


def _line(tx: Transaction, house: House, appointment: Appointment, key: str, **values: object) -> None:
    store = house.store_of(appointment)
    text = _customer_words(tx, house, appointment)(f"done.{key}", **values)
    tx.post(appointment.conversation_id, {"type": "text", "text": text}, sender_id=store.bot)


def _customer_words(tx: Transaction, house: House, appointment: Appointment) -> Words:
    return house.catalogue.words(language_for(tx, appointment.customer_id), house.store_of(appointment))
