"""A message that came: where it was heard, by whom, for which customer; or that it is not for us."""

from __future__ import annotations

import re
from dataclasses import dataclass

from msgspec import structs

from imserver.plugin_api import Audience, Transaction, User
from imserver.plugins.booking.conversations import service_at, shop_of_staff_group, staff_of
from imserver.plugins.booking.customers import customer, language_for, remember
from imserver.plugins.booking.messages.shop_texts import ShopTexts
from imserver.plugins.booking.messages.texts import language_of
from imserver.plugins.booking.understanding.alarms import RedFlag

from .context import Answering, DialogueContext, Place
from .details import without_values

_HAN = re.compile("[\u4e00-\u9fff]")


@dataclass(frozen=True, slots=True)
class Incoming:
    """A message: where, by whom, among whom, and its text ("" for a picture or a file)."""

    conversation_id: str
    sender_id: str
    audience: Audience
    text: str
    position: int = 0
    #: The red flag found in the text.
    flag: RedFlag | None = None
    #: It is too long to be meant for a bot.
    for_people: bool = False
    #: A program says that a button was pressed.
    pressed: bool = False
    #: What a page of the staff speaks from which it was said; "": it does not say.
    language: str = ""


def locate(tx: Transaction, texts: ShopTexts, message: Incoming) -> DialogueContext | None:
    """The context of a message; None if it is not for us (a shop that left the chain, a group without our bots), and if its
    sender has left meanwhile: whoever was staff when it was written, and is not now, does nothing more here."""
    here = message.conversation_id
    sender = tx.user(message.sender_id) or User(message.sender_id, message.sender_id)
    service = service_at(tx, here)
    group = shop_of_staff_group(tx, here) if service is None else None
    shop = texts.chain.shop(service.store_id if service else group or "")
    if (service or group) and shop is None:
        return None
    customer_id = service.customer_id if service else sender.user_id
    if sender.user_id not in tx.members(here) and (group or sender.user_id != customer_id):
        return None
    if shop is not None:
        place = Place.SERVICE if service else Place.STAFF
        bot = shop.bot
    else:
        bots = {texts.chain.bot: None, **{one.bot: one for one in texts.chain.stores}}
        found = next((one for one in bots if one in message.audience), None)
        if found is None:
            return None
        place = Place.DIRECT if here.startswith("direct/") else Place.OTHER
        bot, shop = found, bots[found]
    is_staff = place is Place.STAFF or (
        place is Place.SERVICE and shop is not None and sender.user_id != customer_id
        and sender.user_id in staff_of(tx, shop)
    )  # fmt: skip
    if (
        is_staff
    ):  # each colleague is answered in the language that they chose, if they have; else in that of their page
        chosen = customer(tx, sender.user_id).chosen_language
        language = chosen or message.language or texts.chain.staff_language
    else:
        language = language_for(tx, customer_id)
    return DialogueContext(
        tx,
        texts,
        sender,
        message.text,
        message.position,
        place,
        here,
        bot,
        Answering(here, shop, bot),
        customer_id,
        language,
        is_staff,
    )


def speak_as_written(context: DialogueContext, *, remembered: bool = True) -> None:
    """Chinese is answered in Chinese, whatever the account says; a command in Latin letters in the language that was chosen, or
    else in the account's."""
    if context.is_staff:
        return
    known = customer(context.tx, context.customer_id)
    written = without_values(context.text)
    if _HAN.search(written):
        context.language = "zh"
    elif any(char.isalpha() for char in written) and remembered:
        own = context.sender.user_id == context.customer_id and known.chosen_language
        context.language = own or language_of(context.sender.language)
    if remembered and context.language != known.language and context.sender.user_id == context.customer_id:
        remember(context.tx, structs.replace(known, language=context.language))
