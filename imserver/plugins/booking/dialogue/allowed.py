"""What may be done with an appointment as it is now; where something forbids it, the bot says what, and shows it as it is."""

from __future__ import annotations

from collections.abc import Sequence

from imserver.plugins.booking.messages import cards
from imserver.plugins.booking.schedule.appointments import Appointment, resources_of
from imserver.plugins.booking.schedule.status import Action, NotPossible, next_status
from imserver.plugins.booking.understanding.acts import Reading

from . import said
from .context import DialogueContext, Place
from .holding import actor, has_enough_today, is_too_late


def allows(context: DialogueContext, reading: Reading, appointment: Appointment, action: Action) -> bool:
    """Check version, status, cut-off, and what a guest did today; if one forbids the action, the bot said so."""
    version = said.version_of(reading)
    codes = said.codes_of(reading)
    if version is not None and len(codes) <= 1 and version != appointment.version:
        stale(context, appointment)
        return False
    try:
        next_status(appointment.status, action, actor(context))
    except NotPossible:
        not_possible(context, appointment)
        return False
    if action is not Action.CORRECT and is_too_late(context, appointment):
        context.close(context.dialogue())
        return False
    if action is not Action.CANCEL and has_enough_today(context, context.texts.shop_of(appointment)):
        context.close(context.dialogue())
        return False
    return True


def stale(context: DialogueContext, appointment: Appointment) -> None:
    """The button is older than the appointment: say so, and show it as it is now."""
    state = context.dialogue()
    if state is not None and state.appointment_id == appointment.id and state.kind != "book":
        context.close(state)
    show_again(context, appointment, "stale.appointment")


def show_again(context: DialogueContext, appointment: Appointment, key: str) -> None:
    """A sentence, and the appointment as it is now: among the staff with their own buttons."""
    words, shop = context.words, context.texts.shop_of(appointment)
    status = words(f"status.{appointment.status}")
    context.say(key, code=appointment.code, status=status)
    people = resources_of(context.tx, appointment.id)
    if context.place is not Place.STAFF:
        context.post(cards.appointment_card(words, context.chain, shop, appointment, people))
        return
    fields = cards.appointment_fields(words, context.chain, shop, appointment, people)
    reference = ("appointment", appointment.code, appointment.version)
    context.post(cards.card(status, "", fields, cards.staff_options(words, appointment), reference))


def not_possible(context: DialogueContext, appointment: Appointment) -> None:
    """The transition table refuses: say what the appointment is now."""
    status = context.words(f"status.{appointment.status}")
    context.say("why_not.status", code=appointment.code, status=status)


def whose(context: DialogueContext, found: Sequence[Appointment]) -> list[tuple[str, str]]:
    """The names on a card: whoever said 我儿子来不了了 sees whose appointment that is."""
    if len(found) == 1:
        return [(context.words("field.name"), found[0].for_name)] if found[0].for_name else []
    return [(one.code, one.for_name) for one in found if one.for_name]
