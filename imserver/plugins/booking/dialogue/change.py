"""Moving and cancelling: which appointment, (to when,) are you sure? Buttons carry the version they were shown with."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from imserver.plugins.booking.journey import notify
from imserver.plugins.booking.messages import cards
from imserver.plugins.booking.messages.cards import Option
from imserver.plugins.booking.schedule.appointments import (
    Appointment,
    Wish,
    act,
    by_code,
    get,
    place,
    resources_of,
    upcoming,
)
from imserver.plugins.booking.schedule.hits import service_of
from imserver.plugins.booking.schedule.hours import MINUTE_MS, utc_ms, zone_of
from imserver.plugins.booking.schedule.plans import open_offers
from imserver.plugins.booking.schedule.slots import Slot, why_not
from imserver.plugins.booking.schedule.status import Action, Actor, NotPossible, Status, next_status
from imserver.plugins.booking.understanding.ear import Said

from .choose import Search, ask_day, ask_slot, choose, refuse, understand
from .context import DialogueContext, Place
from .state import Dialogue


def move(context: DialogueContext, said: Said) -> bool:
    """改约 [CODE] [when]."""
    appointment = _subject(context, said, "move")
    if appointment is None or not _allowed(context, said, appointment, Action.MOVE):
        return True
    state = context.dialogue()
    if state is None or state.kind != "move" or state.appointment_id != appointment.id:
        state = Dialogue(kind="move", appointment_id=appointment.id)
    state.version = appointment.version
    _towards(context, state, appointment, said)
    return True


def cancel(context: DialogueContext, said: Said) -> bool:
    """取消 [CODE]: asks once."""
    appointment = _subject(context, said, "cancel")
    if appointment is None or not _allowed(context, said, appointment, Action.CANCEL):
        return True
    if said.answer is True and said.version == appointment.version:
        _cancel_now(context, appointment)
        return True
    _ask_cancel(context, appointment)
    return True


def _ask_cancel(context: DialogueContext, appointment: Appointment) -> None:
    state = Dialogue(
        kind="cancel", step="confirm", appointment_id=appointment.id, version=appointment.version
    )
    command = f"{context.words('command.cancel')} {appointment.code} v{appointment.version} {context.words('answer.yes')}"
    options = [
        Option(context.words("button.yes_cancel"), command, "danger"),
        Option(context.words("button.keep"), context.words("command.my")),
    ]
    context.ask(
        state, "ask.cancel", options, when=context.words.moment(appointment.wall), code=appointment.code
    )


def answer_move(context: DialogueContext, state: Dialogue, said: Said) -> bool:
    """A text without a command while a move is open."""
    if said.answer is False:
        context.keep(None)
        context.say("done.kept")
        return True
    appointment = get(context.tx, state.appointment_id)
    if appointment is None:
        return False
    if said.answer is True and state.step == "confirm":
        confirm_move(context, state, appointment, said, None)
        return True
    if said.answer is True and state.step == "confirm_again":
        if appointment.version != state.version:
            stale(context, appointment)
        else:
            _go_on(context, state, appointment)
        return True
    if not said.names_time:
        return False
    if _allowed(context, said, appointment, Action.MOVE):
        _towards(context, state, appointment, said)
    return True


def answer_cancel(context: DialogueContext, state: Dialogue, said: Said) -> bool:
    """A text without a command while "really cancel?" is open."""
    if said.answer is None:
        return False
    appointment = get(context.tx, state.appointment_id)
    if said.answer is False or appointment is None:
        context.keep(None)
        context.say("done.kept")
    elif appointment.version != state.version:
        stale(context, appointment)
    elif _allowed(context, said, appointment, Action.CANCEL):
        (_ask_cancel if state.step == "confirm_again" else _cancel_now)(context, appointment)
    return True


def confirm_move(
    context: DialogueContext, state: Dialogue, appointment: Appointment, said: Said, wall: datetime | None
) -> None:
    """The yes to a move; a button names the time (`wall`) and version it was shown with."""
    if wall is None and said.version is not None and said.names_time:
        wall = appointment.wall  # the button's time is over: it is not what is asked about, whatever that is
    if appointment.version != state.version:
        stale(context, appointment)
    elif not _allowed(context, said, appointment, Action.MOVE):
        return  # stale, or the cut-off has come since it was asked
    elif not state.wall or (wall is not None and wall.isoformat(timespec="minutes") != state.wall):
        context.say("stale.question")
        _go_on(context, state, appointment)
    else:
        _move_now(context, state, appointment)


def stale(context: DialogueContext, appointment: Appointment) -> None:
    """The button is older than the appointment: say so, and show it as it is now."""
    context.keep(None)
    context.say("stale.appointment", code=appointment.code)
    shop = context.texts.shop_of(appointment)
    context.post(
        cards.appointment_card(
            context.words, context.chain, shop, appointment, resources_of(context.tx, appointment.id)
        )
    )


def no_such(context: DialogueContext, code: str) -> None:
    context.say("no_such_code", code=code)


def visible(context: DialogueContext, appointment: Appointment) -> bool:
    """In a staff group every appointment of the shop; elsewhere only the customer's: others may be reading along."""
    if context.chain.shop(appointment.store_id) is None:
        return False  # the shop left the chain file
    if context.is_staff and appointment.store_id != context.the_shop.id:
        return False  # staff of one shop have no rights in another, also if they share the customer
    return context.place is Place.STAFF or appointment.customer_id == context.customer_id


def _subject(context: DialogueContext, said: Said, command: str) -> Appointment | None:
    """The appointment that is meant; None if it is not clear, and then the bot asked."""
    if said.code:
        appointment = by_code(context.tx, said.code)
        if (
            appointment is None
            or not visible(context, appointment)
            or appointment.status in (Status.HELD, Status.EXPIRED)
        ):
            no_such(context, said.code)
            return None
        shop = context.texts.shop_of(appointment)
        if context.place is not Place.STAFF and (
            context.shop is not shop or context.home != appointment.conversation_id
        ):
            context.go(shop)
        return appointment
    if context.place is Place.STAFF:
        context.say("staff.which_code")
        return None
    mine = [
        one
        for one in upcoming(context.tx, context.customer_id, context.shop.id if context.shop else None)
        if visible(context, one)
    ]
    if len(mine) == 1:
        context.go(context.texts.shop_of(mine[0]))
        return mine[0]
    if not mine:
        context.say("my.none")
        return None
    rest = said.when_text if said.names_time else ""
    options = [
        Option(
            f"{context.words.moment(one.wall)} {one.code}",
            f"{context.words(f'command.{command}')} {one.code} v{one.version} {rest}".strip(),
        )
        for one in mine
    ]
    context.offer(f"ask.which_{command}", options)
    return None


def _allowed(context: DialogueContext, said: Said, appointment: Appointment, action: Action) -> bool:
    """Check version, status and cut-off; if one forbids the action, the bot said so."""
    if said.version is not None and said.version != appointment.version:
        stale(context, appointment)
        return False
    try:
        next_status(appointment.status, action, actor(context))
    except NotPossible:
        not_possible(context, appointment)
        return False
    shop = context.texts.shop_of(appointment)
    late = appointment.start_at - context.now_ms < shop.cutoff_min * MINUTE_MS
    # Whom the shop asks for another time may answer until the last minute.
    if not context.is_staff and late and not open_offers(context.tx, appointment.id):
        context.keep(None)
        context.say("why_not.cutoff", code=appointment.code, minutes=shop.cutoff_min, phone=shop.phone)
        return False
    return True


def not_possible(context: DialogueContext, appointment: Appointment) -> None:
    """The transition table refuses: say what the appointment is now."""
    status = context.words(f"status.{appointment.status}")
    context.say("why_not.status", code=appointment.code, status=status)


def actor(context: DialogueContext) -> Actor:
    return Actor.STAFF if context.is_staff else Actor.CUSTOMER


def _search(context: DialogueContext, appointment: Appointment) -> Search:
    service = service_of(context.tx, context.chain, context.texts.shop_of(appointment), appointment)
    command = f"{context.words('command.move')} {appointment.code} v{appointment.version}"
    return Search(service, appointment.minutes, command)


def _towards(context: DialogueContext, state: Dialogue, appointment: Appointment, said: Said) -> None:
    state.misses = 0
    # Said elsewhere, it was read in the time of that shop; it is meant in the time of the appointment's.
    here = context.texts.ear.read(said.when_text, context.now_ms, context.texts.shop_of(appointment))
    reading = understand(context, state, replace(said, reading=here))
    if reading is not None and not choose(context, state, _search(context, appointment), reading):
        return
    _go_on(context, state, appointment)


def _go_on(context: DialogueContext, state: Dialogue, appointment: Appointment) -> None:
    search = _search(context, appointment)
    if not state.wall:
        (ask_slot if state.day else ask_day)(context, state, search)
        return
    wall = datetime.fromisoformat(state.wall)
    if wall == appointment.wall:
        context.keep(None)
        context.say("why_not.same_time", when=context.words.moment(wall), code=appointment.code)
        return
    state.step = "confirm"
    command = (
        f"{context.words('command.confirm')} {appointment.code} v{appointment.version} {wall:%Y-%m-%d %H:%M}"
    )
    options = [
        Option(context.words("button.confirm"), command, "primary"),
        Option(context.words("button.keep"), context.words("command.my")),
    ]
    context.ask(
        state,
        "ask.move",
        options,
        code=appointment.code,
        before=context.words.moment(appointment.wall),
        when=context.words.moment(wall),
    )


def _move_now(context: DialogueContext, state: Dialogue, appointment: Appointment) -> None:
    """Change one row and exchange its cells; if the slot is taken, change nothing and offer the nearest free starts."""
    search = _search(context, appointment)
    shop = context.texts.shop_of(appointment)
    wall = datetime.fromisoformat(state.wall)
    start_at = utc_ms(wall, zone_of(shop))
    reason = why_not(shop, wall, search.minutes, context.now_ms)
    moved: Appointment | None = None
    if reason is None and start_at is not None:
        wish = Wish(
            shop,
            search.service,
            appointment.customer_id,
            appointment.conversation_id,
            context.sender.user_id,
            search.minutes,
        )
        moved = place(context.tx, appointment, wish, Slot(wall, start_at), actor(context))
    if moved is None:
        refuse(context, state, search, wall, reason or "taken")
        return
    context.keep(None)
    notify.moved(context.tx, context.texts, moved, appointment.wall)


def _cancel_now(context: DialogueContext, appointment: Appointment) -> None:
    context.keep(None)
    cancelled = act(context.tx, appointment, Action.CANCEL, actor(context), context.sender.user_id)
    notify.cancelled(context.tx, context.texts, cancelled)
