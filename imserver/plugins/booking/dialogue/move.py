"""Moving an appointment: which one, to when, are you sure? With another shop's name it is a new one there and the end of this.

Buttons carry the version they were shown with. What is named and not found never acts: a mistyped code is said, and the
person's appointments are listed as buttons.
"""

from __future__ import annotations

from datetime import date, datetime

from imserver.plugins.booking.journey import notify
from imserver.plugins.booking.messages.cards import Option
from imserver.plugins.booking.schedule import guests
from imserver.plugins.booking.schedule.appointments import Appointment, Wish, get, is_free_for, place
from imserver.plugins.booking.schedule.hits import service_of
from imserver.plugins.booking.schedule.hours import MINUTE_MS, utc_ms, zone_of
from imserver.plugins.booking.schedule.plans import open_offers
from imserver.plugins.booking.schedule.shops import Shop
from imserver.plugins.booking.schedule.slots import Slot, why_not
from imserver.plugins.booking.schedule.status import Action
from imserver.plugins.booking.schedule.wished_moves import ask as ask_for
from imserver.plugins.booking.understanding.acts import Kind, Reading

from . import answers, arming, book, draft, said, which, wished_move
from .allowed import allows, stale, whose
from .asking import is_elsewhere
from .choose import ask_day, ask_slot, choose, refuse, said_by_option, takes_only_option
from .context import DialogueContext
from .holding import actor, tell_crowd
from .offered import Search
from .state import Dialogue
from .subjects import mine_of, names_appointment, subjects


def move(context: DialogueContext, reading: Reading) -> bool:
    """改约 [CODE] [when]; with another shop's name it is a new appointment there and the end of this one."""
    open_now = context.dialogue()
    if (
        open_now is not None
        and open_now.kind == "book"
        and not said.codes_of(reading)
        and not names_appointment(reading)
        and not mine_of(context)
    ):
        return book.answer(context, open_now, reading)  # it is the booking that is to be another
    found = subjects(context, reading, "move")
    reading = context.again(reading)
    if not found or not allows(context, reading, found[0], Action.MOVE):
        return True
    appointment = found[0]
    shop = said.shop_of(reading, context.chain)
    if shop is not None and shop.id != appointment.store_id and not context.is_staff:
        return _to_other_shop(context, appointment, shop, reading)
    towards(context, appointment, reading)
    return True


def towards(
    context: DialogueContext, appointment: Appointment, reading: Reading, *, exact: bool = False
) -> None:
    """Ask where it is to be moved, or whether to where it was said. `exact`: the reading has the time, relative to nothing."""
    state = context.dialogue()
    if state is None or state.kind != "move" or state.appointment_id != appointment.id:
        seen = (
            state.day_said if state is not None and state.kind == "menu" else ""
        )  # free times that were looked at
        said_last = seen or appointment.wall.date().isoformat()
        state = context.interrupts(Dialogue(kind="move", appointment_id=appointment.id, day_said=said_last))
    if not state.wall and not exact:
        day = date.fromisoformat(state.day_said) if state.day_said else None
        reading = context.read(reading.text, labels=False, day=day, about=appointment.wall)
    state.version = appointment.version
    _towards(context, state, appointment, reading)


def answer(context: DialogueContext, state: Dialogue, reading: Reading) -> bool:
    """A text without a command while a move is open."""
    appointment = get(context.tx, state.appointment_id)
    if appointment is None:
        return False
    if said.puts_off(reading):
        return arming.later(context, state, reading)
    reading = _no_but(context, state, reading)
    keeps = which.keeps_old(reading.text)  # 不用改了 is no yes
    gives_up = keeps or reading.has(Kind.NO) or reading.has(Kind.BEGIN, "cancel")
    another = said.takes_time(reading) and not said.repeats(reading, appointment.wall)
    if gives_up and not another and not reading.has(Kind.QUESTION):
        if not keeps and not reading.has(Kind.NO):
            return False  # the appointment itself is to be cancelled
        context.close(state)
        context.say("done.kept")
        return True
    shop = said.shop_of(reading, context.chain)
    if shop is not None and shop.id != appointment.store_id and not reading.has(Kind.QUESTION):
        if context.is_staff or not allows(context, reading, appointment, Action.CANCEL):
            return True
        return _to_other_shop(context, appointment, shop, reading)
    if takes_only_option(context, state, reading):
        _towards(context, state, appointment, said_by_option(context, state))
        return True
    if reading.has(Kind.YES):
        _yes(context, state, appointment, reading)
        return True
    wants = said.takes_time(reading) or bool(said.refused_times(reading)) or reading.has(Kind.CORRECT)
    if reading.has(Kind.QUESTION) and not reading.has(Kind.REFUSE) and not reading.has(Kind.CORRECT):
        sure = arming.stays_armed(state, reading, answered=answers.reply(context, reading))
        _go_on(context, state, appointment, armed=sure)
        return True
    if not wants and not said.names_time(reading) and not reading.has(Kind.BEGIN, "move"):
        return False
    if allows(context, reading, appointment, Action.MOVE):
        _towards(context, state, appointment, reading)
    return True


def _no_but(context: DialogueContext, state: Dialogue, reading: Reading) -> Reading:
    """不 四点: a no to the card and another time behind it puts the move right; the card's own time said again is refused."""
    behind = said.behind_no(reading.text) if state.wall and not said.takes_time(reading) else ""
    if not behind:
        return reading
    alone = context.read(behind, labels=False)
    other = said.corrects_time(alone) and not said.repeats(alone, datetime.fromisoformat(state.wall))
    return said.as_correction(alone) if other else reading


def _yes(context: DialogueContext, state: Dialogue, appointment: Appointment, reading: Reading) -> None:
    before = state.wall
    when = said.when_of(reading)
    given = when is not None and said.takes_time(reading)
    if when is not None and given and not choose(context, state, _search(context, appointment), when):
        return
    changed = state.wall != before
    answered = not reading.has(Kind.QUESTION) or answers.reply(context, reading)
    if appointment.version != state.version:
        stale(context, appointment)
    elif not allows(context, reading, appointment, Action.MOVE):
        return  # the cut-off has come since it was asked
    elif not changed and answered and arming.agrees(context, state, reading):
        _move_now(context, state, appointment)
    else:
        sure = arming.takes_yes(reading, changed=changed) and (answered or changed)
        _go_on(context, state, appointment, armed=sure)


def repeat(context: DialogueContext, state: Dialogue, *, armed: bool = False) -> None:
    """Ask again where it is to be moved, or whether."""
    appointment = get(context.tx, state.appointment_id)
    if appointment is not None and context.chain.service(appointment.service_id) is not None:
        _go_on(context, state, appointment, armed=armed)


def confirm(context: DialogueContext, reading: Reading, appointment: Appointment) -> None:
    """确认 CODE vN WHEN, the button under "move it?": it says all that it does, so it counts as long as the version does."""
    state = context.dialogue()
    mine = state is not None and state.kind == "move" and state.appointment_id == appointment.id
    when = said.when_of(reading)
    wall = when.candidates[0] if when is not None and len(when.candidates) == 1 else None
    version = said.version_of(reading)
    if version is None or version != appointment.version:
        stale(context, appointment)
    elif not allows(context, reading, appointment, Action.MOVE):
        return  # the cut-off has come since it was asked
    elif wall is None:
        context.say("stale.question")
        if state is not None and mine:
            _go_on(context, state, appointment)
    else:
        if state is None or not mine:
            state = context.interrupts(Dialogue(kind="move", appointment_id=appointment.id))
        state.version, state.wall = appointment.version, wall.isoformat(timespec="minutes")
        _move_now(context, state, appointment)


def _search(context: DialogueContext, appointment: Appointment) -> Search:
    service = service_of(context.tx, context.chain, context.texts.shop_of(appointment), appointment)
    command = f"{context.words('command.move')} {appointment.code} v{appointment.version}"
    shop = context.texts.shop_of(appointment)

    def is_free(wall: datetime) -> bool | None:
        start_at = utc_ms(wall, zone_of(shop))
        return start_at is not None and is_free_for(
            context.tx, appointment, _wish(context, appointment), Slot(wall, start_at)
        )

    return Search(service, appointment.minutes, command, appointment.wall, is_free)


def _wish(context: DialogueContext, appointment: Appointment) -> Wish:
    shop = context.texts.shop_of(appointment)
    return Wish(
        shop,
        service_of(context.tx, context.chain, shop, appointment),
        appointment.customer_id,
        appointment.conversation_id,
        context.sender.user_id,
        appointment.minutes,
    )


def _towards(context: DialogueContext, state: Dialogue, appointment: Appointment, reading: Reading) -> None:
    state.misses = 0
    before = state.wall
    if reading.has(Kind.QUESTION):
        answers.reply(context, reading)
    if state.wall and any(
        said.hits(act, datetime.fromisoformat(state.wall)) for act in said.refused_times(reading)
    ):
        state.wall = ""
    when = said.when_of(reading)
    if when is not None:
        if not state.wall and not state.clock and appointment.wall.date() not in when.days:
            state.clock = f"{appointment.wall:%H:%M}"  # "to Sunday" keeps the hour
        if not choose(context, state, _search(context, appointment), when):
            return
    draft.say_unread(context, reading)
    _go_on(context, state, appointment, armed=arming.takes_yes(reading, changed=state.wall != before))


def _go_on(
    context: DialogueContext, state: Dialogue, appointment: Appointment, *, armed: bool = True
) -> None:
    search = _search(context, appointment)
    if not state.wall:
        (ask_slot if state.day else ask_day)(context, state, search)
        return
    wall = datetime.fromisoformat(state.wall)
    if wall == appointment.wall:
        context.close(state)
        if appointment.wished is not None and not context.is_staff:  # the time that it has, after all
            wished_move.end(context, appointment, appointment.wished, "withdrawn")
            return
        context.say("why_not.same_time", when=context.words.moment(wall), code=appointment.code)
        return
    if _is_twice(context, state, appointment) or _is_crowd(context, state, appointment):
        return
    state.arm(armed=armed)
    moment = context.words.moment(wall)
    command = f"{context.words('command.confirm')} {appointment.code} v{appointment.version} {moment}"
    options = [
        Option(context.words("button.confirm"), command, "primary"),
        Option(context.words("button.keep"), context.words("command.my")),
    ]
    context.ask(
        state,
        "ask.move_by_hand" if wished_move.is_asked_for(context, appointment, wall) else "ask.move",
        options,
        fields=whose(context, [appointment]),
        code=appointment.code,
        before=context.words.moment(appointment.wall),
        when=moment,
    )


def _is_twice(context: DialogueContext, state: Dialogue, appointment: Appointment) -> bool:
    """Whether its person is elsewhere at the chosen time: then another one is asked for."""
    zone = zone_of(context.texts.shop_of(appointment))
    begin = utc_ms(datetime.fromisoformat(state.wall), zone) or 0
    span = (begin, begin + appointment.minutes * MINUTE_MS)
    if not is_elsewhere(context, _who(appointment, appointment.for_name), span, (appointment.id,)):
        return False
    state.wall = ""
    ask_day(context, state, _search(context, appointment))
    return True


def _is_crowd(context: DialogueContext, state: Dialogue, appointment: Appointment) -> bool:
    """Whether guests have enough of the chosen day without this one: then the people hear of the wish, and it stays.
    Whom the shop itself asks for another time is welcome on every day."""
    wall, shop = datetime.fromisoformat(state.wall), context.texts.shop_of(appointment)
    if context.is_staff or wall.date() == appointment.wall.date():
        return False
    if not guests.is_guest(context.tx, appointment.customer_id) or open_offers(context.tx, appointment.id):
        return False
    service = service_of(context.tx, context.chain, shop, appointment)
    if not guests.is_crowd(context.tx, shop, service, wall.date(), appointment.minutes, appointment.id):
        return False
    tell_crowd(context, state, wall)
    return True


def _who(appointment: Appointment, name: str) -> tuple[str, str, str]:
    return appointment.customer_id, name, appointment.person


def _move_now(context: DialogueContext, state: Dialogue, appointment: Appointment) -> None:
    """Change one row and exchange its cells; if the slot is taken, change nothing and offer the nearest free starts."""
    search = _search(context, appointment)
    shop = context.texts.shop_of(appointment)
    wall = datetime.fromisoformat(state.wall)
    start_at = utc_ms(wall, zone_of(shop))
    if _is_twice(context, state, appointment) or _is_crowd(context, state, appointment):
        return
    reason = why_not(shop, wall, search.minutes, context.now_ms)
    moved: Appointment | None = None
    by_hand = wished_move.is_asked_for(context, appointment, wall)
    if reason is None and start_at is not None:
        slot, exchange = Slot(wall, start_at), ask_for if by_hand else place
        moved = exchange(context.tx, appointment, _wish(context, appointment), slot, actor(context))
    if moved is None:
        refuse(context, state, search, wall, reason or "taken")
        return
    context.close(state)
    if by_hand:
        notify.move_asked(context.tx, context.texts, moved)
        return
    notify.moved(context.tx, context.texts, moved, appointment.wall, by_staff=context.is_staff)


def _to_other_shop(context: DialogueContext, appointment: Appointment, shop: Shop, reading: Reading) -> bool:
    """A new appointment there, and the end of this one, with one yes."""
    context.require_reach(shop)
    taken = Dialogue(
        kind="book",
        service_id=appointment.service_id,
        name=appointment.for_name,
        age_band=appointment.age_band,
        person=appointment.person,
        first_visit=True,
        wall=appointment.start_wall,
        day=appointment.wall.date().isoformat(),
        replaces=appointment.id,
        replaces_version=appointment.version,
    )
    state = context.dialogue()
    if state is not None and state.kind == "move":
        context.close(state)
    context.go(shop)
    draft.carry(context, taken, shop)
    taken.replaces, taken.replaces_version = appointment.id, appointment.version
    book.go_on_with(context, taken, reading)
    return True
