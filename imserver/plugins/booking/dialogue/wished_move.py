"""The shop's answer to a customer's wish for another time, and the customer's change of mind."""

from __future__ import annotations

from datetime import datetime

from imserver.plugins.booking.journey import notify
from imserver.plugins.booking.schedule import guests, wished_moves
from imserver.plugins.booking.schedule.appointments import Appointment, by_code
from imserver.plugins.booking.schedule.hits import Rules, service_of, stands
from imserver.plugins.booking.schedule.hours import MINUTE_MS
from imserver.plugins.booking.schedule.leave import leaves_of
from imserver.plugins.booking.schedule.plans import open_offers
from imserver.plugins.booking.schedule.status import Status
from imserver.plugins.booking.understanding.acts import Kind, Reading

from . import said, which
from .allowed import show_again, stale
from .context import DialogueContext
from .holding import actor
from .state import Dialogue
from .subjects import FRESH_MIN, mine_of, no_such, visible


def is_asked_for(context: DialogueContext, appointment: Appointment, wall: datetime) -> bool:
    """Whether a move to a wall time has to be asked for: the shop confirms by hand, everybody's or this guest's, and has
    confirmed this one. Whoever the shop itself asks for another time has its yes already."""
    if context.is_staff or appointment.status is not Status.CONFIRMED:
        return False
    shop = context.texts.shop_of(appointment)
    service = service_of(context.tx, context.chain, shop, appointment)
    who, minutes = appointment.customer_id, appointment.minutes
    asked = guests.by_hand(context.tx, shop, service, who, wall, minutes, appointment.id)
    return asked and not open_offers(context.tx, appointment.id)


def agree(context: DialogueContext, appointment: Appointment, wished: datetime) -> None:
    """确认 CODE of the staff: the wished time is its time now; if the shop cannot serve that any more, both hear it."""
    shop, as_wished = context.texts.shop_of(appointment), wished_moves.as_wished(appointment)
    rules = Rules(shop, leaves_of(context.tx, shop))
    possible = as_wished.start_at > context.now_ms
    if possible and stands(rules, as_wished, appointment.wish_resources.split()):
        moved = wished_moves.agree(context.tx, appointment, actor(context), context.sender.user_id)
        notify.moved(context.tx, context.texts, moved, appointment.wall, agreed=True)
        return
    end(context, appointment, wished, "gone")


def end(context: DialogueContext, appointment: Appointment, wished: datetime, why: str) -> None:
    ended = wished_moves.drop(context.tx, appointment, actor(context), context.sender.user_id)
    notify.wish_ended(context.tx, context.texts, ended, wished, why)


def takes_back(context: DialogueContext, state: Dialogue | None, reading: Reading) -> bool:
    """A customer's text that takes a wish for another time back: 还是算了，不改了; just behind the wish also a bare no. False
    if it is none, a question is open that it may answer, or several wishes stand."""
    wishing = [one for one in mine_of(context) if one.wished is not None]
    open_question = state is not None and state.kind != "menu"
    if len(wishing) != 1 or open_question or context.is_staff or reading.has(Kind.QUESTION):
        return False
    (appointment,) = wishing
    fresh = context.now_ms - appointment.changed_at <= FRESH_MIN * MINUTE_MS
    bare_no = fresh and said.only(reading, Kind.NO, Kind.THANKS) and reading.has(Kind.NO)
    if appointment.wished is None or not (bare_no or which.keeps_old(reading.text)):
        return False
    if context.home != appointment.conversation_id:
        context.go(context.texts.shop_of(appointment))
    end(context, appointment, appointment.wished, "withdrawn")
    return True


def decline(context: DialogueContext, reading: Reading) -> bool:
    """不改 CODE: the time stays as it is. The answer of the staff, or the customer's change of mind. False: no command."""
    code = said.code_of(reading)
    if not code:
        return False
    appointment = by_code(context.tx, code)
    if appointment is None or not visible(context, appointment):
        no_such(context, code)
        return True
    if not context.is_staff and context.home != appointment.conversation_id:
        context.go(context.texts.shop_of(appointment))
    version = said.version_of(reading)
    if version is not None and version != appointment.version:
        stale(context, appointment)
    elif appointment.wished is None:
        show_again(context, appointment, "stale.no_wish")
    else:
        end(context, appointment, appointment.wished, "declined" if context.is_staff else "withdrawn")
    return True
