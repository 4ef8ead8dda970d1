"""No messages: what a customer says who wants none, and why a shop's bot cannot be blocked otherwise.

While an appointment is to come, the bot has to be heard: it may be moved or cancelled by the shop. A customer who wants no
messages says so; then no reminders are sent, the day sheet shows it, and the bot may be blocked.
"""

from __future__ import annotations

from msgspec import structs

from imserver.plugin_api import Refusal, RefusalCode, Transaction
from imserver.plugins.booking.customers import customer, language_for, remember
from imserver.plugins.booking.messages.shop_texts import ShopTexts
from imserver.plugins.booking.schedule.appointments import upcoming
from imserver.plugins.booking.understanding.acts import Reading

from . import said
from .context import DialogueContext


def no_messages(context: DialogueContext, reading: Reading) -> bool:
    """不要消息."""
    return _remember(context, reading, no_messages=True, answer="quiet.begins")


def messages(context: DialogueContext, reading: Reading) -> bool:
    """恢复消息."""
    return _remember(context, reading, no_messages=False, answer="quiet.ends")


def _remember(context: DialogueContext, reading: Reading, *, no_messages: bool, answer: str) -> bool:
    if context.is_staff or context.sender.user_id != context.customer_id or not said.is_values(reading):
        return False  # nobody says it for somebody else
    known = customer(context.tx, context.customer_id)
    remember(context.tx, structs.replace(known, no_messages=no_messages))
    context.say(answer)
    return True


def may_block(tx: Transaction, user_id: str, bot_id: str, *, texts: ShopTexts) -> None:
    """Raises the refusal while the customer has an appointment to come in that bot's shop, and wants messages."""
    shop = next((shop for shop in texts.chain.stores if shop.bot == bot_id), None)
    if shop is None or customer(tx, user_id).no_messages:
        return
    coming = upcoming(tx, user_id, shop.id)  # what is only held is none
    if coming:
        words = texts.catalogue.words(language_for(tx, user_id), shop)
        text = words("quiet.not_blocked", when=words.moment(coming[0].wall), code=coming[0].code)
        raise Refusal(RefusalCode.FORBIDDEN, text, detail="appointment")
