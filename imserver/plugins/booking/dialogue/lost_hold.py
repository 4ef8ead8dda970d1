"""A hold that its customer loses by what somebody else does: the slot is gone, they hear it, and what they said is kept."""

from __future__ import annotations

from contextlib import suppress

from imserver.plugin_api import Refusal, Transaction, User
from imserver.plugins.booking.customers import language_for
from imserver.plugins.booking.journey import reach
from imserver.plugins.booking.messages import cards
from imserver.plugins.booking.messages.cards import Option
from imserver.plugins.booking.messages.shop_texts import ShopTexts
from imserver.plugins.booking.schedule.appointments import Appointment, act
from imserver.plugins.booking.schedule.hits import service_of
from imserver.plugins.booking.schedule.shops import Shop
from imserver.plugins.booking.schedule.slots import nearest
from imserver.plugins.booking.schedule.status import Action, Actor

from .labels import label_key
from .state import Dialogue, dialogues_on, save_dialogue


def take_away(tx: Transaction, texts: ShopTexts, shop: Shop, held: Appointment, staff_id: str) -> None:
    """A hold is in the way of what staff agreed to. `shop` is as it will be."""
    asked = dialogues_on(tx, held.id, held.conversation_id)
    act(tx, held, Action.CANCEL, Actor.STAFF, staff_id)
    _tell(tx, texts, shop, held, asked, "offer.hold_gone")
    if not asked:  # no question is about it any more: its customer hears of it all the same
        _say_gone(tx, texts, shop, held, held.customer_id, "offer.hold_gone")


def taken_over(tx: Transaction, texts: ShopTexts, shop: Shop, held: Appointment, by: User) -> None:
    """A hold ended because somebody else in the conversation chose a time: there is one hold for a customer and a shop. Whoever
    had it hears it; whoever took it knows."""
    others = [
        (user_id, state)
        for user_id, state in dialogues_on(tx, held.id, held.conversation_id)
        if user_id != by.user_id
    ]
    _tell(tx, texts, shop, held, others, "hold.taken_over", by=by.display_name)


def _tell(
    tx: Transaction,
    texts: ShopTexts,
    shop: Shop,
    held: Appointment,
    asked: list[tuple[str, Dialogue]],
    key: str,
    **values: object,
) -> None:
    """To each whose question is about the hold; what they said so far is kept, and a yes books nothing."""
    for user_id, state in asked:
        options = _say_gone(tx, texts, shop, held, user_id, key, **values)
        draft = state if state.appointment_id == held.id or state.below is None else state.below
        draft.appointment_id, draft.version, draft.wall, draft.day, draft.step = 0, 0, "", "", "slot"
        state.doubt()
        state.show(
            [option.command for option in options], {label_key(one.label): one.command for one in options}
        )
        save_dialogue(tx, held.conversation_id, user_id, state)


def _say_gone(
    tx: Transaction, texts: ShopTexts, shop: Shop, held: Appointment, user_id: str, key: str, **values: object
) -> list[Option]:
    """The words about a hold that was given back, where its customer is, and the times instead."""
    words = texts.catalogue.words(language_for(tx, user_id), shop)
    service = service_of(tx, texts.chain, shop, held)
    near = nearest(tx.execute, shop, service, held.wall, held.minutes, tx.now_ms)
    options = [
        Option(words.moment(slot.wall), f"{words('command.book')} {words.moment(slot.wall)}") for slot in near
    ]
    text = words(key if near else f"{key}_none", when=words.moment(held.wall), **values)
    content = cards.question(words, "", text, options)
    with suppress(Refusal):  # where the bot may not speak any more, the slot is gone all the same
        reach.tell(tx, texts.chain, words, shop, (held.conversation_id, held.customer_id), content)
    return options
