"""How a customer is reached: in the service conversation, and whoever left that, in a direct chat as well.

What the shop says stands in the service conversation in any case: the staff read it there, and whoever comes back.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any

from imserver.plugin_api import Kind, Refusal, Role, Transaction, direct_conversation_id
from imserver.plugins.booking.conversations import disarm, has_left
from imserver.plugins.booking.messages import cards
from imserver.plugins.booking.messages.cards import Option
from imserver.plugins.booking.messages.texts import Words
from imserver.plugins.booking.schedule.shops import Chain, Shop


class Reach(Enum):
    """Where a customer was reached."""

    HERE = "here"
    DIRECT = "direct"  # left the service conversation, told in a direct chat
    NOWHERE = "nowhere"  # left it, and takes no messages from our bots


def tell(
    tx: Transaction,
    chain: Chain,
    words: Words,
    shop: Shop,
    where: tuple[str, str],
    content: Mapping[str, Any],
) -> Reach:
    """Post to the service conversation of `where` (conversation, customer), and to the customer who left it. A yes that comes
    behind it may be meant for it: no question there takes it for its own."""
    disarm(tx, where[0])
    tx.post(where[0], content, sender_id=shop.bot)
    return tell_who_left(tx, chain, words, shop, where, content)


def tell_who_left(
    tx: Transaction,
    chain: Chain,
    words: Words,
    shop: Shop,
    where: tuple[str, str],
    content: Mapping[str, Any],
) -> Reach:
    """Repeat in a direct chat what was posted, if the customer left the service conversation."""
    conversation_id, customer_id = where
    if not has_left(tx, conversation_id, customer_id):
        return Reach.HERE
    place, bot = direct_chat(tx, chain, shop, customer_id)
    try:
        tx.post(place, _repeated(words, shop, conversation_id, content), sender_id=bot)
    except Refusal:
        return Reach.NOWHERE
    return Reach.DIRECT


def direct_chat(tx: Transaction, chain: Chain, shop: Shop, customer_id: str) -> tuple[str, str]:
    """(conversation, bot) of the direct chat with a customer: the shop's, or the chain's if that is the one that they have."""
    known = (bot for bot in (shop.bot, chain.bot) if tx.members(direct_conversation_id(bot, customer_id)))
    bot = next(known, shop.bot)
    members = {bot: Role.MEMBER, customer_id: Role.MEMBER}
    return tx.ensure_conversation(f"direct/{customer_id}", Kind.DIRECT, members, owner_id=bot), bot


def way_back(words: Words, conversation_id: str, then: str = "") -> Option:
    """The button that brings a customer back into the service conversation, and then does what was wanted."""
    return Option(
        words("button.back"), f"{words('command.open')} {conversation_id} {then}".strip(), "primary"
    )


def _repeated(words: Words, shop: Shop, conversation_id: str, content: Mapping[str, Any]) -> dict[str, Any]:
    """The same with the way back: a text becomes a card of the shop."""
    back = way_back(words, conversation_id)
    if content.get("type") != "card":
        return cards.card(shop.names.in_language(words.language), str(content.get("text", "")), (), [back])
    button = {"label": back.label, "command": back.command, "style": "default"}
    return {**content, "actions": [*content.get("actions", ()), button]}
