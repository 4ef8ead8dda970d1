"""Putting right what an appointment says of the person: a name, an age. The time stays."""

from __future__ import annotations

from imserver.plugins.booking.journey import notify
from imserver.plugins.booking.messages.cards import Option, person_fields
from imserver.plugins.booking.schedule.appointments import Appointment, get, put_right
from imserver.plugins.booking.schedule.status import Action
from imserver.plugins.booking.understanding.acts import Kind, Reading

from . import answers, arming, draft, said
from .allowed import allows, stale
from .asking import is_elsewhere
from .context import DialogueContext
from .state import Dialogue
from .subjects import subjects


def correct(context: DialogueContext, reading: Reading) -> bool:
    """更正 [CODE] name, age: what an appointment says of the person, after the yes."""
    name, band = reading.given("name"), said.band_of(reading, context.chain)
    if not name and band is None:
        context.say("correct.how")
        return True
    found = subjects(context, reading, "correct")
    if not found or not allows(context, reading, found[0], Action.CORRECT):
        return True
    one = found[0]
    state = context.interrupts(
        Dialogue(
            kind="correct",
            appointment_id=one.id,
            version=one.version,
            name=draft.as_shown(str(name or one.for_name)),
            age_band=band.id if band is not None else one.age_band,
        )
    )
    _ask(context, state, one)
    return True


def is_wished(reading: Reading) -> bool:
    """Whether a name or an age is put right, and nothing else is wanted."""
    return said.corrects(reading, "name", "age") and not said.takes_time(reading)


def answer(context: DialogueContext, state: Dialogue, reading: Reading) -> bool:
    """A text without a command while "is the name right now?" is open."""
    appointment = get(context.tx, state.appointment_id)
    if appointment is None:
        return False
    name, band = reading.given("name"), said.band_of(reading, context.chain)
    if name or band is not None:
        state.number = 0  # the buttons above show something else
        state.name = draft.as_shown(str(name or state.name))
        state.age_band = band.id if band is not None else state.age_band
        _ask(context, state, appointment)
        return True
    if reading.has(Kind.NO) and not reading.has(Kind.YES):
        context.close(state)
        context.say("done.kept")
        return True
    if reading.has(Kind.QUESTION):
        sure = arming.stays_armed(state, reading, answered=answers.reply(context, reading))
        _ask(context, state, appointment, armed=sure and not reading.has(Kind.YES))
        return True
    if not reading.has(Kind.YES):
        return False
    if appointment.version != state.version:
        stale(context, appointment)
    elif arming.agrees(context, state, reading):
        if allows(context, reading, appointment, Action.CORRECT):
            changed = put_right(
                context.tx,
                appointment,
                for_name=state.name,
                age_band=state.age_band,
                actor_id=context.sender.user_id,
            )
            context.close(state)
            notify.corrected(context.tx, context.texts, changed, appointment)
    else:
        _ask(context, state, appointment, armed=arming.takes_yes(reading, changed=False))
    return True


def repeat(context: DialogueContext, state: Dialogue, *, armed: bool = False) -> None:
    """Ask once more, whether that is right."""
    appointment = get(context.tx, state.appointment_id)
    if appointment is not None:
        _ask(context, state, appointment, armed=armed)


def _ask(context: DialogueContext, state: Dialogue, appointment: Appointment, *, armed: bool = True) -> None:
    span = (appointment.start_at, appointment.end_at)
    if is_elsewhere(
        context, (appointment.customer_id, state.name, appointment.person), span, (appointment.id,)
    ):
        context.close(state if state.below is not None else None)
        return
    words = context.words
    fields = person_fields(words, context.chain, state.name, age_band=state.age_band)
    state.arm(armed=armed)
    options = [Option(words("button.confirm"), context.yes_command(state), "primary"),
               Option(words("button.keep"), words("command.my"))]  # fmt: skip
    when = words.moment(appointment.wall)
    context.ask(
        state, "ask.correct", options, words("ask.confirm_title"), fields, when=when, code=appointment.code
    )
