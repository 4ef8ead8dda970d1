"""/consent (隐私) and /withdraw (撤回同意): what a customer agreed to in a shop, agreeing, and taking it back.

A withdrawal is put on record before it is answered (`plugin`), so that it holds whatever copy of the database comes back.
"""

from __future__ import annotations

from collections.abc import Mapping

from imserver.plugin_api import Transaction
from imserver.plugins.booking.conversations import staff_group
from imserver.plugins.booking.messages import cards
from imserver.plugins.booking.messages.cards import Option
from imserver.plugins.booking.messages.consent_text import consent_of
from imserver.plugins.booking.messages.shop_texts import ShopTexts
from imserver.plugins.booking.schedule import consents
from imserver.plugins.booking.schedule.appointments import upcoming
from imserver.plugins.booking.schedule.guests import called
from imserver.plugins.booking.schedule.hours import wall_of, zone_of
from imserver.plugins.booking.understanding.acts import Reading

from . import said
from .context import DialogueContext, Place
from .incoming import Incoming, locate
from .labels import label_key
from .state import Dialogue


def consent(context: DialogueContext, reading: Reading) -> bool:
    """The shop's text and whether it is agreed to; with its version behind the command: it is, from now on."""
    if context.place is Place.STAFF:
        context.say("consent.there")
        return True
    asked, version = consent_of(context.texts.catalogue, context.the_shop), reading.text.strip()
    if asked is None:
        context.say("consent.none")
        return True
    shop = context.the_shop
    if version == asked.version and not consents.may_give(context.tx, context.customer_id, shop.id, version):
        context.say("consent.often", phone=shop.phone)
        return True
    if version == asked.version:
        consents.give(context.tx, context.customer_id, shop.id, version, context.sender.user_id)
    elif version:
        context.say("consent.old", version=version[:40])
    agreed = consents.standing(context.tx, context.customer_id).get(context.the_shop.id) == asked.version
    words = context.words
    withdraw = Option(words("button.withdraw"), words("command.withdraw"), "danger")
    agree = Option(words("button.agree"), f"{words('command.consent')} {asked.version}", "primary")
    context.post(
        cards.card(
            words("consent.title", store=context.the_shop.names.in_language(context.language)),
            asked.zh if context.language == "zh" else asked.en,
            [
                (words("field.version"), asked.version),
                (words("field.agreed"), words("yes" if agreed else "no")),
            ],
            [withdraw if agreed else agree],
        )
    )
    if not agreed:  # the other label is a command itself
        _remember(context, agree)
    return True


def _remember(context: DialogueContext, option: Option) -> None:
    """The button's label, typed, does what the button does, beside whatever is open."""
    state = context.dialogue() or Dialogue()
    state.show([option.command], {label_key(option.label): option.command})
    context.keep(state)


def withdraw(context: DialogueContext, reading: Reading) -> bool:
    """Answer a withdrawal that is done by now."""
    if context.place is Place.STAFF:
        context.say("consent.there")
        return True
    shop = context.the_shop
    latest = consents.latest(context.tx, context.customer_id, shop.id)
    if latest is None or latest.withdrawn_at is None:
        context.say("consent.nothing")
        return True
    zone, words = zone_of(shop), context.words
    coming = [one.code for one in upcoming(context.tx, context.customer_id, shop.id)]
    context.say(
        "consent.withdrawn",
        version=latest.version,
        when=words.moment(wall_of(latest.withdrawn_at, zone)),
    )
    if coming:
        context.say("consent.coming", codes=words("list_separator").join(coming))
    return True


def tell_staff(
    tx: Transaction, texts: ShopTexts, customer_id: str, store_id: str, version: str, at: int
) -> None:
    """Tell a shop's staff that a consent ended, with what still stands. However often it is taken back, it ended once."""
    shop, group = texts.chain.shop(store_id), staff_group(tx, store_id)
    if shop is None or group is None:
        return
    words = texts.staff_words(shop)
    coming = [one.code for one in upcoming(tx, customer_id, shop.id)]
    text = words(
        "consent.staff",
        name=called(tx, customer_id),
        version=version,
        when=words.moment(wall_of(at, zone_of(shop))),
        codes=words("list_separator").join(coming) or "-",
    )
    tx.post(group, {"type": "text", "text": text}, sender_id=shop.bot)


def to_withdraw(
    tx: Transaction, texts: ShopTexts, message: Incoming, arguments: str
) -> Mapping[str, object] | None:
    """What `/withdraw` is to put on record: the consent that stands in the shop that is meant; None if there is none, or it is
    not clear which shop."""
    context = locate(tx, texts, message)
    if context is None or context.place is Place.STAFF:
        return None
    shops = context.chain.stores
    shop = context.shop or said.shop_of(context.read(arguments, labels=False), context.chain)
    shop = shop or (shops[0] if len(shops) == 1 else None)
    if shop is None:
        return None
    version = consents.standing(tx, context.customer_id).get(shop.id)
    if version is None:
        return None
    return {
        "customer": context.customer_id,
        "shop": shop.id,
        "kind": consents.BOOKING,
        "version": version,
        "at": tx.now_ms,
        "by": message.sender_id,
    }
