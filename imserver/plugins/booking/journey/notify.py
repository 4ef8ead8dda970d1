"""Notices of a changed appointment: the customer's card, the info pack, the card for the staff group, reminders."""

from __future__ import annotations

from datetime import datetime

from imserver.plugin_api import Transaction
from imserver.plugins.booking.conversations import staff_group
from imserver.plugins.booking.customers import customer, language_for
from imserver.plugins.booking.messages import cards
from imserver.plugins.booking.messages.info_pack import info_pack
from imserver.plugins.booking.messages.shop_texts import ShopTexts
from imserver.plugins.booking.messages.texts import Words
from imserver.plugins.booking.schedule.appointments import Appointment, resources_of, show_card
from imserver.plugins.booking.schedule.status import Status

from . import offers, reminders


def booked(tx: Transaction, texts: ShopTexts, appointment: Appointment) -> Appointment:
    """A hold became an appointment (confirmed, or pending where the shop confirms by hand)."""
    appointment = _post_card(tx, texts, appointment)
    if appointment.status is Status.CONFIRMED:
        _settled(tx, texts, appointment)
    tell_staff(tx, texts, appointment, "booked")
    return appointment


def confirmed_by_staff(tx: Transaction, texts: ShopTexts, appointment: Appointment) -> None:
    """Staff confirmed a pending appointment: the customer gets the news and the pack."""
    _edit_card(tx, texts, appointment)
    appointment = _post_card(tx, texts, appointment)
    _settled(tx, texts, appointment)
    tell_staff(tx, texts, appointment, "confirmed")


def moved(
    tx: Transaction, texts: ShopTexts, appointment: Appointment, before: datetime, *, by_staff: bool = False
) -> None:
    """The time changed: the card in place, a line in the history that says who did it, new reminders."""
    reminders.drop(tx, appointment, "moved")
    if appointment.status is Status.CONFIRMED:
        reminders.plan(tx, appointment)
    _edit_card(tx, texts, appointment)
    words = _customer_words(tx, texts, appointment)
    _line(
        tx,
        texts,
        appointment,
        "moved_by_shop" if by_staff else "moved",
        before=words.moment(before),
        when=words.moment(appointment.wall),
        code=appointment.code,
    )
    tell_staff(tx, texts, appointment, "moved", before=before, by_staff=by_staff)
    offers.answered(tx, texts, appointment)


def kept(tx: Transaction, texts: ShopTexts, appointment: Appointment) -> None:
    """The time is the same, with somebody else: a new version, so new reminders."""
    reminders.drop(tx, appointment, "moved")
    if appointment.status is Status.CONFIRMED:
        reminders.plan(tx, appointment)
    _edit_card(tx, texts, appointment)
    words = _customer_words(tx, texts, appointment)
    _line(tx, texts, appointment, "kept_time", when=words.moment(appointment.wall), code=appointment.code)
    tell_staff(tx, texts, appointment, "kept")
    offers.answered(tx, texts, appointment, same_time=True)


def cancelled(tx: Transaction, texts: ShopTexts, appointment: Appointment, *, by_staff: bool = False) -> None:
    """The appointment is off; whether the customer or the shop cancelled it is said to both."""
    reminders.drop(tx, appointment, "cancelled")
    _edit_card(tx, texts, appointment)
    words = _customer_words(tx, texts, appointment)
    key = "cancelled_by_shop" if by_staff else "cancelled"
    _line(tx, texts, appointment, key, when=words.moment(appointment.wall), code=appointment.code)
    tell_staff(tx, texts, appointment, "cancelled", by_staff=by_staff)
    offers.answered(tx, texts, appointment)


def corrected(tx: Transaction, texts: ShopTexts, appointment: Appointment) -> None:
    """A name or an age was put right: the card in place, reminders of the new version."""
    reminders.drop(tx, appointment, "corrected")
    if appointment.status is Status.CONFIRMED:
        reminders.plan(tx, appointment)
    _edit_card(tx, texts, appointment)
    _line(tx, texts, appointment, "corrected", name=appointment.for_name, code=appointment.code)
    tell_staff(tx, texts, appointment, "corrected")


def stepped(tx: Transaction, texts: ShopTexts, appointment: Appointment) -> None:
    """Arrived, in the exam, done, or not come: change the card and tell the staff; the customer gets no message."""
    reminders.drop(tx, appointment, str(appointment.status))
    _edit_card(tx, texts, appointment)
    tell_staff(tx, texts, appointment, str(appointment.status))
    offers.answered(tx, texts, appointment)


def tell_staff(
    tx: Transaction,
    texts: ShopTexts,
    appointment: Appointment,
    news: str,
    before: datetime | None = None,
    *,
    by_staff: bool = False,
) -> None:
    """Post one card in the staff group for every change. `by_staff`: it was not the customer."""
    shop = texts.shop_of(appointment)
    group = staff_group(tx, shop.id)
    if group is None:
        return
    words = texts.staff_words(shop)
    customer = tx.user(appointment.customer_id)
    actor = tx.user(appointment.changed_by) if by_staff else None
    text = words(
        f"news.{news}_by_staff" if by_staff else f"news.{news}",
        by=actor.display_name if actor is not None else appointment.changed_by,
        when=words.moment(appointment.wall),
        before=words.moment(before or appointment.wall),
        name=appointment.for_name or (customer.display_name if customer else appointment.customer_id),
        code=appointment.code,
    )
    fields = cards.appointment_fields(words, texts.chain, shop, appointment, resources_of(tx, appointment.id))
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
        sender_id=shop.bot,
    )


def _settled(tx: Transaction, texts: ShopTexts, appointment: Appointment) -> None:
    shop = texts.shop_of(appointment)
    known = customer(tx, appointment.customer_id)
    words = _customer_words(tx, texts, appointment)
    tx.post(
        appointment.conversation_id,
        info_pack(words, texts.chain, shop, appointment, known.lens_kind),
        sender_id=shop.bot,
    )
    reminders.plan(tx, appointment)


def _post_card(tx: Transaction, texts: ShopTexts, appointment: Appointment) -> Appointment:
    shop = texts.shop_of(appointment)
    words = _customer_words(tx, texts, appointment)
    people = resources_of(tx, appointment.id)
    content = cards.appointment_card(words, texts.chain, shop, appointment, people)
    return show_card(tx, appointment, tx.post(appointment.conversation_id, content, sender_id=shop.bot))


def _edit_card(tx: Transaction, texts: ShopTexts, appointment: Appointment) -> None:
    if appointment.card_position is None:
        return
    shop = texts.shop_of(appointment)
    words = _customer_words(tx, texts, appointment)
    people = resources_of(tx, appointment.id)
    content = cards.appointment_card(words, texts.chain, shop, appointment, people)
    tx.edit(appointment.conversation_id, appointment.card_position, content)


def _line(tx: Transaction, texts: ShopTexts, appointment: Appointment, key: str, **values: object) -> None:
    shop = texts.shop_of(appointment)
    text = _customer_words(tx, texts, appointment)(f"done.{key}", **values)
    tx.post(appointment.conversation_id, {"type": "text", "text": text}, sender_id=shop.bot)


def _customer_words(tx: Transaction, texts: ShopTexts, appointment: Appointment) -> Words:
    return texts.catalogue.words(language_for(tx, appointment.customer_id), texts.shop_of(appointment))
