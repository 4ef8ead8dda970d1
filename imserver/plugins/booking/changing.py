"""Moving and cancelling: which appointment, (to when,) are you sure? Buttons carry the version they were shown with."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from . import cards, outcomes
from .appointments import Appointment, Wish, act, by_code, get, place, resources_of, upcoming
from .calendar import MINUTE_MS, utc_ms, zone_of
from .cards import Option
from .choosing import Search, ask_day, ask_slot, choose, refuse, understand
from .heard import Said
from .slots import Slot, why_not
from .state import Dialogue
from .states import Action, Actor, NotPossible, Status, next_status
from .talk import Place, Talk


def move(talk: Talk, said: Said) -> bool:
    """改约 [CODE] [when]."""
    appointment = _subject(talk, said, "move")
    if appointment is None or not _allowed(talk, said, appointment, Action.MOVE):
        return True
    state = talk.dialogue()
    if state is None or state.kind != "move" or state.appointment_id != appointment.id:
        state = Dialogue(kind="move", appointment_id=appointment.id)
    state.version = appointment.version
    _towards(talk, state, appointment, said)
    return True


def cancel(talk: Talk, said: Said) -> bool:
    """取消 [CODE]: asks once."""
    appointment = _subject(talk, said, "cancel")
    if appointment is None or not _allowed(talk, said, appointment, Action.CANCEL):
        return True
    if said.answer is True and said.version == appointment.version:
        _cancel_now(talk, appointment)
        return True
    _ask_cancel(talk, appointment)
    return True


def _ask_cancel(talk: Talk, appointment: Appointment) -> None:
    state = Dialogue(
        kind="cancel", step="confirm", appointment_id=appointment.id, version=appointment.version
    )
    command = (
        f"{talk.words('command.cancel')} {appointment.code} v{appointment.version} {talk.words('answer.yes')}"
    )
    options = [
        Option(talk.words("button.yes_cancel"), command, "danger"),
        Option(talk.words("button.keep"), talk.words("command.my")),
    ]
    talk.ask(state, "ask.cancel", options, when=talk.words.moment(appointment.wall), code=appointment.code)


def answer_move(talk: Talk, state: Dialogue, said: Said) -> bool:
    """A text without a command while a move is open."""
    if said.answer is False:
        talk.keep(None)
        talk.say("done.kept")
        return True
    appointment = get(talk.tx, state.appointment_id)
    if appointment is None:
        return False
    if said.answer is True and state.step == "confirm":
        confirm_move(talk, state, appointment, said, None)
        return True
    if said.answer is True and state.step == "confirm_again":
        if appointment.version != state.version:
            stale(talk, appointment)
        else:
            _go_on(talk, state, appointment)
        return True
    if not said.names_time:
        return False
    if _allowed(talk, said, appointment, Action.MOVE):
        _towards(talk, state, appointment, said)
    return True


def answer_cancel(talk: Talk, state: Dialogue, said: Said) -> bool:
    """A text without a command while "really cancel?" is open."""
    if said.answer is None:
        return False
    appointment = get(talk.tx, state.appointment_id)
    if said.answer is False or appointment is None:
        talk.keep(None)
        talk.say("done.kept")
    elif appointment.version != state.version:
        stale(talk, appointment)
    elif _allowed(talk, said, appointment, Action.CANCEL):
        (_ask_cancel if state.step == "confirm_again" else _cancel_now)(talk, appointment)
    return True


def confirm_move(
    talk: Talk, state: Dialogue, appointment: Appointment, said: Said, wall: datetime | None
) -> None:
    """The yes to a move; a button names the time (`wall`) and version it was shown with."""
    if wall is None and said.version is not None and said.names_time:
        wall = appointment.wall  # the button's time is over: it is not what is asked about, whatever that is
    if appointment.version != state.version:
        stale(talk, appointment)
    elif not _allowed(talk, said, appointment, Action.MOVE):
        return  # stale, or the cut-off has come since it was asked
    elif not state.wall or (wall is not None and wall.isoformat(timespec="minutes") != state.wall):
        talk.say("stale.question")
        _go_on(talk, state, appointment)
    else:
        _move_now(talk, state, appointment)


def stale(talk: Talk, appointment: Appointment) -> None:
    """The button is older than the appointment: say so, and show it as it is now."""
    talk.keep(None)
    talk.say("stale.appointment", code=appointment.code)
    store = talk.house.store_of(appointment)
    talk.post(
        cards.appointment_card(
            talk.words, talk.chain, store, appointment, resources_of(talk.tx, appointment.id)
        )
    )


def no_such(talk: Talk, code: str) -> None:
    talk.say("no_such_code", code=code)


def visible(talk: Talk, appointment: Appointment) -> bool:
    """In a staff group every appointment of the store; elsewhere only the customer's: others may be reading along."""
    if talk.chain.store(appointment.store_id) is None:
        return False  # the shop left the chain file
    if talk.is_staff and appointment.store_id != talk.the_store.id:
        return False  # staff of one shop are nobody in another, also if they have the customer in common
    return talk.place is Place.STAFF or appointment.customer_id == talk.customer_id


def _subject(talk: Talk, said: Said, command: str) -> Appointment | None:
    """The appointment that is meant; if it is not clear, that has been asked, and None is returned."""
    if said.code:
        appointment = by_code(talk.tx, said.code)
        if (
            appointment is None
            or not visible(talk, appointment)
            or appointment.status in (Status.HELD, Status.EXPIRED)
        ):
            no_such(talk, said.code)
            return None
        store = talk.house.store_of(appointment)
        if talk.place is not Place.STAFF and (
            talk.store is not store or talk.home != appointment.conversation_id
        ):
            talk.go(store)
        return appointment
    if talk.place is Place.STAFF:
        talk.say("staff.which_code")
        return None
    mine = [
        one
        for one in upcoming(talk.tx, talk.customer_id, talk.store.id if talk.store else None)
        if visible(talk, one)
    ]
    if len(mine) == 1:
        talk.go(talk.house.store_of(mine[0]))
        return mine[0]
    if not mine:
        talk.say("my.none")
        return None
    rest = said.when_text if said.names_time else ""
    options = [
        Option(
            f"{talk.words.moment(one.wall)} {one.code}",
            f"{talk.words(f'command.{command}')} {one.code} v{one.version} {rest}".strip(),
        )
        for one in mine
    ]
    talk.offer(f"ask.which_{command}", options)
    return None


def _allowed(talk: Talk, said: Said, appointment: Appointment, action: Action) -> bool:
    """Version, status and cut-off; what forbids it has been said."""
    if said.version is not None and said.version != appointment.version:
        stale(talk, appointment)
        return False
    try:
        next_status(appointment.status, action, actor(talk))
    except NotPossible:
        not_possible(talk, appointment)
        return False
    store = talk.house.store_of(appointment)
    if action is Action.MOVE and talk.chain.service(appointment.service_id) is None:
        talk.say("why_not.service", service=appointment.service_id)  # the service left the chain file
        return False
    if not talk.is_staff and appointment.start_at - talk.now_ms < store.cutoff_min * MINUTE_MS:
        talk.keep(None)
        talk.say("why_not.cutoff", code=appointment.code, minutes=store.cutoff_min, phone=store.phone)
        return False
    return True


def not_possible(talk: Talk, appointment: Appointment) -> None:
    """The transition table refuses: say what the appointment is now."""
    status = talk.words(f"status.{appointment.status}")
    talk.say("why_not.status", code=appointment.code, status=status)


def actor(talk: Talk) -> Actor:
    return Actor.STAFF if talk.is_staff else Actor.CUSTOMER


def _search(talk: Talk, appointment: Appointment) -> Search:
    service = talk.chain.service(appointment.service_id)
    if service is None:
        raise KeyError(f"service {appointment.service_id!r} is not in the chain file")
    command = f"{talk.words('command.move')} {appointment.code} v{appointment.version}"
    return Search(service, appointment.minutes, command)


def _towards(talk: Talk, state: Dialogue, appointment: Appointment, said: Said) -> None:
    state.misses = 0
    # Said elsewhere, it was read in the time of that shop; it is meant in the time of the appointment's.
    here = talk.house.ear.read(said.when_text, talk.now_ms, talk.house.store_of(appointment))
    reading = understand(talk, state, replace(said, reading=here))
    if reading is not None and not choose(talk, state, _search(talk, appointment), reading):
        return
    _go_on(talk, state, appointment)


def _go_on(talk: Talk, state: Dialogue, appointment: Appointment) -> None:
    search = _search(talk, appointment)
    if not state.wall:
        (ask_slot if state.day else ask_day)(talk, state, search)
        return
    wall = datetime.fromisoformat(state.wall)
    if wall == appointment.wall:
        talk.keep(None)
        talk.say("why_not.same_time", when=talk.words.moment(wall), code=appointment.code)
        return
    state.step = "confirm"
    command = (
        f"{talk.words('command.confirm')} {appointment.code} v{appointment.version} {wall:%Y-%m-%d %H:%M}"
    )
    options = [
        Option(talk.words("button.confirm"), command, "primary"),
        Option(talk.words("button.keep"), talk.words("command.my")),
    ]
    talk.ask(
        state,
        "ask.move",
        options,
        code=appointment.code,
        before=talk.words.moment(appointment.wall),
        when=talk.words.moment(wall),
    )


def _move_now(talk: Talk, state: Dialogue, appointment: Appointment) -> None:
    """One row changed, its cells exchanged; if somebody was quicker, nothing changed and the nearest free starts follow."""
    search = _search(talk, appointment)
    store = talk.house.store_of(appointment)
    wall = datetime.fromisoformat(state.wall)
    start_at = utc_ms(wall, zone_of(store))
    reason = why_not(store, wall, search.minutes, talk.now_ms)
    moved: Appointment | None = None
    if reason is None and start_at is not None:
        wish = Wish(
            store,
            search.service,
            appointment.customer_id,
            appointment.conversation_id,
            talk.sender.user_id,
            search.minutes,
        )
        moved = place(talk.tx, appointment, wish, Slot(wall, start_at), actor(talk))
    if moved is None:
        refuse(talk, state, search, wall, reason or "taken")
        return
    talk.keep(None)
    outcomes.moved(talk.tx, talk.house, moved, appointment.wall)


def _cancel_now(talk: Talk, appointment: Appointment) -> None:
    talk.keep(None)
    cancelled = act(talk.tx, appointment, Action.CANCEL, actor(talk), talk.sender.user_id)
    outcomes.cancelled(talk.tx, talk.house, cancelled)
