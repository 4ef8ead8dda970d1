"""Notices of a changed appointment: the customer's card, the info pack, the card for the staff group, reminders."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import Any

from imserver.plugin_api import Refusal, Transaction
from imserver.plugins.booking.conversations import staff_group
from imserver.plugins.booking.customers import customer, language_for
from imserver.plugins.booking.messages import cards
from imserver.plugins.booking.messages.cards import Option
from imserver.plugins.booking.messages.info_pack import info_pack
from imserver.plugins.booking.messages.shop_texts import ShopTexts
from imserver.plugins.booking.messages.texts import Words
from imserver.plugins.booking.schedule.appointments import Appointment, resources_of, show_card
from imserver.plugins.booking.schedule.day_sheet import name_on
from imserver.plugins.booking.schedule.guests import called
from imserver.plugins.booking.schedule.status import Status

from . import offers, reach, reminders, requests
from .reach import Reach


def booked(tx: Transaction, texts: ShopTexts, appointment: Appointment) -> Appointment:
    """A hold became an appointment (confirmed, or pending where the shop confirms by hand)."""
    appointment, reached = _post_card(tx, texts, appointment)
    if appointment.status is Status.CONFIRMED:
        _settled(tx, texts, appointment)
    tell_staff(tx, texts, appointment, "booked", reached=reached)
    requests.plan(tx, texts, appointment)
    return appointment


def confirmed_by_staff(tx: Transaction, texts: ShopTexts, appointment: Appointment) -> None:
    """Staff confirmed a pending appointment: the customer gets the news and the pack."""
    requests.drop(tx, appointment)
    _edit_card(tx, texts, appointment)
    appointment, reached = _post_card(tx, texts, appointment)
    _settled(tx, texts, appointment)
    tell_staff(tx, texts, appointment, "confirmed", reached=reached)


def moved(
    tx: Transaction,
    texts: ShopTexts,
    appointment: Appointment,
    before: datetime,
    *,
    by_staff: bool = False,
    agreed: bool = False,
) -> None:
    """The time changed: the card in place, a line in the history that says who did it, new reminders. `agreed`: the customer
    asked for it, and the shop said yes."""
    reminders.drop(tx, appointment, "moved")
    if appointment.status is Status.CONFIRMED:
        reminders.plan(tx, appointment)
    _edit_card(tx, texts, appointment)
    words = _customer_words(tx, texts, appointment)
    reached = _line(
        tx,
        texts,
        appointment,
        _moved_key(appointment, by_staff=by_staff, agreed=agreed),
        before=words.moment(before),
        when=words.moment(appointment.wall),
        code=appointment.code,
    )
    tell_staff(tx, texts, appointment, "moved", before=before, by_staff=by_staff, reached=reached)
    requests.plan(tx, texts, appointment)
    offers.answered(tx, texts, appointment)


def _moved_key(appointment: Appointment, *, by_staff: bool, agreed: bool) -> str:
    if by_staff:
        return "done.moved_by_shop"
    if agreed:
        return "done.move_agreed"
    return "done.request_moved" if appointment.status is Status.PENDING else "done.moved"


def kept(tx: Transaction, texts: ShopTexts, appointment: Appointment) -> None:
    """The time is the same, with somebody else: a new version, so new reminders."""
    _new_version(tx, texts, appointment, "moved")
    requests.plan(tx, texts, appointment)
    words = _customer_words(tx, texts, appointment)
    moment = words.moment(appointment.wall)
    reached = _line(tx, texts, appointment, "done.kept_time", when=moment, code=appointment.code)
    tell_staff(tx, texts, appointment, "kept", reached=reached)
    offers.answered(tx, texts, appointment, same_time=True)


def move_asked(tx: Transaction, texts: ShopTexts, appointment: Appointment) -> None:
    """Another time was asked for, where the shop confirms by hand: both hear that the old one stands until it answers."""
    _new_version(tx, texts, appointment, "move_asked")
    words = _customer_words(tx, texts, appointment)
    wished = words.moment(appointment.wished or appointment.wall)
    text = words("done.move_asked", before=words.moment(appointment.wall), when=wished, code=appointment.code)
    keep = Option(
        words("button.decline"), f"{words('command.decline')} {appointment.code} v{appointment.version}"
    )
    reached = _tell(tx, texts, appointment, cards.card(words("done.move_asked_title"), text, (), [keep]))
    tell_staff(tx, texts, appointment, "move_asked", reached=reached)
    requests.plan(tx, texts, appointment)


def wish_ended(
    tx: Transaction, texts: ShopTexts, appointment: Appointment, wished: datetime, why: str
) -> None:
    """A wish for another time is over, and the time is as it was. `why`: the shop `declined` it, nobody answered (`lapsed`), it
    is `gone`, or the customer has `withdrawn` it."""
    requests.drop(tx, appointment)
    _new_version(tx, texts, appointment, f"move_{why}")
    words = _customer_words(tx, texts, appointment)
    reached = _line(
        tx,
        texts,
        appointment,
        f"done.move_{why}",
        before=words.moment(appointment.wall),
        when=words.moment(wished),
        code=appointment.code,
    )
    tell_staff(tx, texts, appointment, f"move_{why}", before=wished, reached=reached)


def _new_version(tx: Transaction, texts: ShopTexts, appointment: Appointment, why: str) -> None:
    """The time is the same in another version: reminders of that, and the card."""
    reminders.drop(tx, appointment, why)
    if appointment.status is Status.CONFIRMED:
        reminders.plan(tx, appointment)
    _edit_card(tx, texts, appointment)


def cancelled(tx: Transaction, texts: ShopTexts, appointment: Appointment, *, by_staff: bool = False) -> None:
    """The appointment is off; whether the customer or the shop cancelled it is said to both."""
    reminders.drop(tx, appointment, "cancelled")
    _edit_card(tx, texts, appointment)
    words = _customer_words(tx, texts, appointment)
    requests.drop(tx, appointment)
    key = "done.cancelled_by_shop" if by_staff else "done.cancelled"
    reached = _line(tx, texts, appointment, key, when=words.moment(appointment.wall), code=appointment.code)
    tell_staff(tx, texts, appointment, "cancelled", by_staff=by_staff, reached=reached)
    offers.answered(tx, texts, appointment)


def not_replaced(tx: Transaction, texts: ShopTexts, appointment: Appointment) -> None:
    """Another shop confirmed what was to take its place, but it was changed since: it stands, and its customer decides."""
    words = _customer_words(tx, texts, appointment)
    _line(
        tx,
        texts,
        appointment,
        "done.not_replaced",
        when=words.moment(appointment.wall),
        code=appointment.code,
    )


def corrected(tx: Transaction, texts: ShopTexts, appointment: Appointment, before: Appointment) -> None:
    """A name or an age was put right: the card in place, reminders of the new version; what it was and what it is now is said
    to the customer and to the staff."""
    _new_version(tx, texts, appointment, "corrected")
    words = _customer_words(tx, texts, appointment)
    reached = _line(
        tx,
        texts,
        appointment,
        "done.corrected",
        changes=_put_right(words, texts, before, appointment),
        code=appointment.code,
    )
    changes = _put_right(texts.staff_words(texts.shop_of(appointment)), texts, before, appointment)
    tell_staff(tx, texts, appointment, "corrected", reached=reached, changes=changes)


def _put_right(words: Words, texts: ShopTexts, before: Appointment, after: Appointment) -> str:
    """What was put right, as words; also if it turned out to be the same."""
    changes = []
    if after.for_name != before.for_name:
        changes.append(words("change.name", before=before.for_name or "-", after=after.for_name))
    bands = [texts.chain.band(one.age_band) for one in (before, after)]
    if bands[0] is not bands[1]:
        names = [band.names.in_language(words.language) if band is not None else "-" for band in bands]
        changes.append(words("change.age", before=names[0], after=names[1]))
    return words("list_separator").join(changes) or words("change.nothing")


def stepped(tx: Transaction, texts: ShopTexts, appointment: Appointment) -> None:
    """Arrived, in the exam, done, or not come: change the card and tell the staff. Who did not come is asked for another time;
    otherwise the customer is here, and the changed card is enough."""
    requests.drop(tx, appointment)
    _new_version(tx, texts, appointment, str(appointment.status))
    missed = appointment.status is Status.NO_SHOW
    reached = _missed(tx, texts, appointment) if missed else Reach.HERE
    tell_staff(tx, texts, appointment, str(appointment.status), reached=reached)
    offers.answered(tx, texts, appointment)


def _missed(tx: Transaction, texts: ShopTexts, appointment: Appointment) -> Reach:
    """Kind words, and a button for another time."""
    words, shop = _customer_words(tx, texts, appointment), texts.shop_of(appointment)
    service = texts.chain.service(appointment.service_id)
    wish = f"{words('command.book')} {service.names.in_language(words.language) if service else ''}".strip()
    text = words(
        "step.missed",
        when=words.moment(appointment.wall),
        code=appointment.code,
        store=shop.names.in_language(words.language),
    )
    options = [
        Option(words("step.another_time"), wish, "primary"),
        Option(words("button.human"), words("command.human")),
    ]
    return _tell(tx, texts, appointment, cards.card(words("step.missed_title"), text, (), options))


def undone(tx: Transaction, texts: ShopTexts, appointment: Appointment) -> None:
    """Staff took a step of the day back: the card is as before, and the customer hears of it."""
    if appointment.status is Status.CONFIRMED:
        reminders.plan(tx, appointment)
    _edit_card(tx, texts, appointment)
    words = _customer_words(tx, texts, appointment)
    reached = _line(
        tx,
        texts,
        appointment,
        "step.undone",
        when=words.moment(appointment.wall),
        code=appointment.code,
        status=words(f"status.{appointment.status}"),
    )
    tell_staff(tx, texts, appointment, "undone", reached=reached)


def lapsed(tx: Transaction, texts: ShopTexts, appointment: Appointment, content: dict[str, Any]) -> None:
    """Nobody confirmed a request before its time: the card says that it is off, `content` why, and both hear of it."""
    _edit_card(tx, texts, appointment)
    reached = _tell(tx, texts, appointment, content)
    tell_staff(tx, texts, appointment, "lapsed", reached=reached)
    offers.answered(tx, texts, appointment)


def tell_staff(
    tx: Transaction,
    texts: ShopTexts,
    appointment: Appointment,
    news: str,
    before: datetime | None = None,
    *,
    by_staff: bool = False,
    reached: Reach = Reach.HERE,
    changes: str = "",
) -> None:
    """Post one card in the staff group for every change. `by_staff`: it was not the customer. `reached`: whether the customer
    read of it. `changes`: what was put right, in words."""
    shop = texts.shop_of(appointment)
    group = staff_group(tx, shop.id)
    if group is None:
        return
    words = texts.staff_words(shop)
    actor = tx.user(appointment.changed_by) if by_staff else None
    text = words(
        f"news.{news}_by_staff" if by_staff else f"news.{news}",
        by=actor.display_name if actor is not None else appointment.changed_by,
        when=words.moment(appointment.wall),
        before=words.moment(before or appointment.wall),
        wished=words.moment(appointment.wished or appointment.wall),
        changes=changes,
        name=name_on(tx, appointment),
        code=appointment.code,
        status=words(f"status.{appointment.status}"),
    )
    if reached is not Reach.HERE:
        text = f"{text}\n{words(f'away.{reached.value}', name=called(tx, appointment.customer_id))}"
    fields = cards.appointment_fields(words, texts.chain, shop, appointment, resources_of(tx, appointment.id))
    if appointment.first_visit:
        fields.append((words("field.first_visit"), words("yes")))
    if appointment.by_guest:
        fields.append((words("field.guest"), words("guest.unverified")))
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
    _tell(tx, texts, appointment, _pack(tx, texts, appointment))
    reminders.plan(tx, appointment)


def _pack(tx: Transaction, texts: ShopTexts, appointment: Appointment) -> dict[str, Any]:
    shop, known = texts.shop_of(appointment), customer(tx, appointment.customer_id)
    words = _customer_words(tx, texts, appointment)
    return info_pack(words, texts.chain, shop, appointment, known.lens_kind, tx.now_ms, texts.public_url)


def _post_card(tx: Transaction, texts: ShopTexts, appointment: Appointment) -> tuple[Appointment, Reach]:
    shop = texts.shop_of(appointment)
    words = _customer_words(tx, texts, appointment)
    people = resources_of(tx, appointment.id)
    content = cards.appointment_card(words, texts.chain, shop, appointment, people)
    position = tx.post(appointment.conversation_id, content, sender_id=shop.bot)
    where = (appointment.conversation_id, appointment.customer_id)
    reached = reach.tell_who_left(tx, texts.chain, words, shop, where, content)
    return show_card(tx, appointment, position), reached


def _edit_card(tx: Transaction, texts: ShopTexts, appointment: Appointment) -> None:
    if appointment.card_position is None:
        return
    shop = texts.shop_of(appointment)
    words = _customer_words(tx, texts, appointment)
    people = resources_of(tx, appointment.id)
    content = cards.appointment_card(words, texts.chain, shop, appointment, people)
    tx.edit(appointment.conversation_id, appointment.card_position, content)


def shown_again(tx: Transaction, texts: ShopTexts, appointment: Appointment) -> None:
    """It is talked about in another conversation from now on: its card, and behind it the info pack."""
    shown, _ = _post_card(tx, texts, appointment)
    if shown.status is Status.CONFIRMED:
        _tell(tx, texts, shown, _pack(tx, texts, shown))


def said_again(tx: Transaction, texts: ShopTexts, appointment: Appointment) -> None:
    """The customer has chosen another language: the card and the info pack in place. The pack is posted behind the card of a
    confirmed appointment in the same transaction, so it stands there."""
    if appointment.card_position is None:
        return
    _edit_card(tx, texts, appointment)
    if appointment.status is Status.CONFIRMED:
        with suppress(Refusal):  # somebody took it back: there is nothing to translate
            tx.edit(appointment.conversation_id, appointment.card_position + 1, _pack(tx, texts, appointment))


def _line(tx: Transaction, texts: ShopTexts, appointment: Appointment, key: str, **values: object) -> Reach:
    text = _customer_words(tx, texts, appointment)(key, **values)
    return _tell(tx, texts, appointment, {"type": "text", "text": text})


def _tell(tx: Transaction, texts: ShopTexts, appointment: Appointment, content: dict[str, Any]) -> Reach:
    words, shop = _customer_words(tx, texts, appointment), texts.shop_of(appointment)
    where = (appointment.conversation_id, appointment.customer_id)
    return reach.tell(tx, texts.chain, words, shop, where, content)


def _customer_words(tx: Transaction, texts: ShopTexts, appointment: Appointment) -> Words:
    return texts.catalogue.words(language_for(tx, appointment.customer_id), texts.shop_of(appointment))
