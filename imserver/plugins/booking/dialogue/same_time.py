"""照旧: an appointment that is in the way of a plan keeps its time, with somebody else."""

from __future__ import annotations

import re

from imserver.plugins.booking.journey import notify, offers
from imserver.plugins.booking.schedule import codes, plans
from imserver.plugins.booking.schedule.appointments import Appointment, Wish, by_code, place
from imserver.plugins.booking.schedule.hits import service_of
from imserver.plugins.booking.schedule.shops import Shop
from imserver.plugins.booking.schedule.slots import Slot
from imserver.plugins.booking.schedule.status import NotPossible
from imserver.plugins.booking.understanding.acts import Reading

from .allowed import not_possible, stale
from .context import DialogueContext, Place
from .holding import actor
from .plan_words import typed
from .subjects import no_such, visible

_VERSION = re.compile(r"(?<![A-Za-z0-9])v(\d{1,9})(?![A-Za-z0-9])", re.IGNORECASE)


def keep(context: DialogueContext, reading: Reading) -> bool:
    """照旧 CODE: an appointment that is in the way keeps its time, with somebody else."""
    code, version = codes.PATTERN.search(typed(reading.text)), _VERSION.search(typed(reading.text))
    if code is None:
        return False
    appointment = by_code(context.tx, code[0])
    if appointment is None or not visible(context, appointment):
        no_such(context, code[0].upper())
        return True
    shop = context.texts.shop_of(appointment)
    if context.place is not Place.STAFF and context.home != appointment.conversation_id:
        context.go(shop)
    if version is None or int(version[1]) != appointment.version:
        stale(context, appointment)
    elif not plans.open_offers(context.tx, appointment.id):
        context.say("offer.not_asked", code=appointment.code)
    else:
        _keep(context, shop, appointment)
    return True


def _keep(context: DialogueContext, shop: Shop, appointment: Appointment) -> None:
    service = service_of(context.tx, context.chain, shop, appointment)
    wish = Wish(
        shop,
        service,
        appointment.customer_id,
        appointment.conversation_id,
        context.sender.user_id,
        appointment.minutes,
    )
    slot = Slot(appointment.wall, appointment.start_at)
    kept = None
    try:
        if offers.other_people(context.tx, context.texts, shop, appointment) is not None:
            kept = place(context.tx, appointment, wish, slot, actor(context))
    except NotPossible:
        not_possible(context, appointment)
        return
    if kept is None:
        context.say("offer.keep_gone", when=context.words.moment(appointment.wall))
        return
    state = context.dialogue()
    if state is not None and state.appointment_id == appointment.id:
        context.close(state)  # a question about its other times
    notify.kept(context.tx, context.texts, kept)
