"""Cancelling: which appointments, are you sure? One question, also for several.

Buttons carry the version they were shown with. What is named and not found never acts.
"""

from __future__ import annotations

from collections.abc import Sequence

from imserver.plugins.booking.journey import notify
from imserver.plugins.booking.messages.cards import Option
from imserver.plugins.booking.schedule.appointments import Appointment, act, get
from imserver.plugins.booking.schedule.status import Action
from imserver.plugins.booking.understanding.acts import Kind, Reading

from . import answers, arming, draft, move, said, which
from .allowed import allows, stale, whose
from .context import DialogueContext
from .holding import actor
from .state import Dialogue
from .subjects import subjects


def cancel(context: DialogueContext, reading: Reading) -> bool:
    """取消 [CODE …]: asks once, also for several."""
    found = subjects(context, reading, "cancel")
    if not found or not all(allows(context, reading, one, Action.CANCEL) for one in found):
        return True
    versions = [act.value for act in reading.all(Kind.GIVE, "version")]
    sure = reading.has(Kind.YES) and said.codes_of(reading) and not said.doubtful(reading)
    if sure and versions == [one.version for one in found]:
        _cancel_now(context, context.dialogue(), found)
        return True
    if reading.has(Kind.QUESTION):
        answers.reply(context, reading)
    _ask(context, found, armed=not reading.has(Kind.QUESTION))
    return True


def answer(context: DialogueContext, state: Dialogue, reading: Reading) -> bool:
    """A text without a command while "really cancel?" is open."""
    yes, no = reading.has(Kind.YES), reading.has(Kind.NO)
    if which.keeps_it(reading.text) and not reading.has(Kind.QUESTION) and not said.codes_of(reading):
        yes, no = False, True  # 不用取消了 is no yes, whatever is nodded to beside it
    named = any(reading.has(kind) for kind in (Kind.GIVE, Kind.CORRECT, Kind.REFUSE))
    again = reading.has(Kind.BEGIN, "cancel") and not named
    if said.puts_off(reading):
        return arming.later(context, state, reading)
    if reading.has(Kind.BEGIN, "cancel") and named and not yes:
        context.close(state)
        return False  # 不是，只取消周六的; not A2S4: another question
    if no and not yes and _moves_instead(context, state, reading):
        return True
    if reading.has(Kind.QUESTION):
        sure = arming.stays_armed(state, reading, answered=answers.reply(context, reading))
        repeat(context, state, armed=sure and not yes and not no)
        return True
    if not yes and not no and not again:
        return False
    found = _still_there(context, state)
    first = get(context.tx, state.appointment_id)
    if (no and not yes) or first is None:
        context.close(state)
        context.say("done.kept")
    elif found is None:
        stale(context, first)
    elif all(allows(context, reading, one, Action.CANCEL) for one in found):
        if yes and arming.agrees(context, state, reading) and not said.gives_values(reading):
            _cancel_now(context, state, found)
        else:
            draft.say_unread(context, reading)
            _ask(context, found, armed=arming.takes_yes(reading, changed=False))
    return True


def _moves_instead(context: DialogueContext, state: Dialogue, reading: Reading) -> bool:
    """别取消，改到周六三点: behind the no another time is named, or asked for."""
    first = get(context.tx, state.appointment_id)
    behind = which.behind_keeping(reading.text) or said.behind_no(reading.text)
    if first is None or not behind:
        return False
    alone = context.read(behind, labels=False, about=first.wall)
    another = said.takes_time(alone) and not said.repeats(alone, first.wall)
    if not another and not alone.has(Kind.BEGIN, "move") and not said.refused_times(alone):
        return False
    context.close(state)
    if allows(context, alone, first, Action.MOVE):
        move.towards(context, first, alone)
    return True


def _ask(context: DialogueContext, found: Sequence[Appointment], *, armed: bool = True) -> None:
    state = context.interrupts(
        Dialogue(
            kind="cancel",
            appointment_id=found[0].id,
            version=found[0].version,
            more=[(one.id, one.version) for one in found[1:]],
        )
    )
    state.arm(armed=armed)
    named = " ".join(f"{one.code} v{one.version}" for one in found)
    command = f"{context.words('command.cancel')} {named} {context.words('answer.yes')}"
    options = [
        Option(context.words("button.yes_cancel"), command, "danger"),
        Option(context.words("button.keep"), context.words("command.my")),
    ]
    if len(found) == 1:
        moment = context.words.moment(found[0].wall)
        context.ask(
            state, "ask.cancel", options, fields=whose(context, found), when=moment, code=found[0].code
        )
    else:
        lines = "\n".join(
            context.words("ask.cancel_line", when=context.words.moment(one.wall), code=one.code)
            for one in found
        )
        fields = whose(context, found)
        context.ask(state, "ask.cancel_all", options, fields=fields, count=len(found), lines=lines)


def repeat(context: DialogueContext, state: Dialogue, *, armed: bool = False) -> None:
    """Ask once more; if the appointments are not what was shown any more, nothing."""
    state.doubt()
    context.keep(state)
    found = _still_there(context, state)
    if found is not None:
        _ask(context, found, armed=armed)


def _still_there(context: DialogueContext, state: Dialogue) -> list[Appointment] | None:
    """The appointments that the question is about, if all are still what was shown."""
    found = []
    for number, version in [(state.appointment_id, state.version), *state.more]:
        one = get(context.tx, number)
        if one is None or one.version != version:
            return None
        found.append(one)
    return found


def _cancel_now(context: DialogueContext, state: Dialogue | None, found: Sequence[Appointment]) -> None:
    if state is not None and state.kind == "book":
        state.doubt()
        context.keep(state)
    else:
        context.close(state)
    for appointment in found:
        cancelled = act(context.tx, appointment, Action.CANCEL, actor(context), context.sender.user_id)
        notify.cancelled(context.tx, context.texts, cancelled, by_staff=context.is_staff)
