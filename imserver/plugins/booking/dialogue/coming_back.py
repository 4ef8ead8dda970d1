"""Coming back: a customer who left a shop's conversation is brought back by a tap of their own, and what they wanted goes on.

Nothing is asked, held or confirmed where its customer cannot read it. The button carries the words along; a yes that was said
before only asks again, below the card that it is about.
"""

from __future__ import annotations

from imserver.plugins.booking.conversations import has_left, services_of
from imserver.plugins.booking.customers import language_for
from imserver.plugins.booking.journey import reach
from imserver.plugins.booking.schedule.guests import called
from imserver.plugins.booking.schedule.shops import Shop

from . import handoff
from .context import Answering, DialogueContext, OutOfReach, Place

#: Characters of a text that the button carries along; a longer one has to be said again.
MAX_CARRIED = 400


def ask_back(context: DialogueContext, left: OutOfReach) -> None:
    """The card with the way back, where the customer is: where the text was heard, or in the direct chat."""
    shop, here, bot = left.shop, context.heard_in, context.heard_by
    if context.place is Place.SERVICE and has_left(context.tx, here, context.customer_id):
        here, bot = reach.direct_chat(context.tx, context.chain, shop, context.customer_id)
    context.answering = Answering(here, shop, bot)
    then = " ".join((context.pressed or context.text).split())
    if len(then) > MAX_CARRIED or then.startswith(context.words("command.open")):
        then = ""
    option = reach.way_back(context.words, left.conversation_id, then)
    context.offer("away.ask", [option], store=shop.names.in_language(context.language))
    context.said_in = ""  # the card is where the customer is: nothing points to it


def tell_of_staff(context: DialogueContext) -> None:
    """A member of the staff writes where the customer does not read any more: both hear of it, once while they are there."""
    here, customer_id = context.heard_in, context.customer_id
    if not has_left(context.tx, here, customer_id) or handoff.wrote_lately(context.tx, here):
        return
    words = context.texts.catalogue.words(language_for(context.tx, customer_id), context.the_shop)
    note = {"type": "text", "text": words("away.written")}
    reached = reach.tell_who_left(
        context.tx, context.chain, words, context.the_shop, (here, customer_id), note
    )
    context.say(f"away.{reached.value}", name=called(context.tx, customer_id))


def opened(context: DialogueContext, text: str) -> tuple[Shop, str] | None:
    """The shop whose conversation is to be opened, with its customer in it, and the words that come behind. Without an id it is
    the one that was left, of the shop that is spoken to, or the latest. None: there is none, or not this person's."""
    if context.sender.user_id != context.customer_id or context.place is Place.STAFF:
        return None
    named, _, then = text.partition(" ")
    known = services_of(context.tx, context.customer_id)
    here = context.shop.id if context.shop is not None else ""
    known.sort(
        key=lambda one: (
            one.conversation_id != named,
            one.store_id != here,
            not has_left(context.tx, one.conversation_id, one.customer_id),
        )
    )
    if not known or (named and known[0].conversation_id != named):
        return None
    shop = context.chain.shop(known[0].store_id)
    if shop is None:
        return None
    if has_left(context.tx, known[0].conversation_id, context.customer_id):
        context.tx.add_member(known[0].conversation_id, context.customer_id)
    return shop, then.strip()
