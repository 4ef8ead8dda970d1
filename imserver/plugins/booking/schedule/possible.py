"""What staff can do with an appointment now, and until when that is so: the table of statuses, and the hours of each step.

It judges as the commands do that carry a step out (`dialogue/staff.py`): what is possible here is not refused there, unless
something happens in between.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from . import steps
from .appointments import Appointment
from .rows import Rows
from .status import OF_THE_DAY, Action, Actor, NotPossible, Status, next_status

#: In the order in which a day goes.
_OFFERED = (
    Action.CONFIRM,
    Action.ARRIVE,
    Action.START,
    Action.FINISH,
    Action.NO_SHOW,
    Action.UNDO,
    Action.MOVE,
    Action.KEEP_TIME,
    Action.CANCEL,
)


@dataclass(frozen=True, slots=True)
class Possible:
    """The steps, in order. `until`: when they are others though nothing happens, UTC ms; None: never."""

    actions: tuple[Action, ...]
    until: int | None


def possible(rows: Rows, appointment: Appointment) -> Possible:
    """None of what its customer is just choosing: that is held, and no appointment yet."""
    if appointment.status is Status.HELD:
        return Possible((), None)
    now_ms, actions, changes = rows.now_ms, list[Action](), list[int]()
    undo = steps.undoable(rows, appointment)
    for action in _OFFERED:
        if action is Action.UNDO:
            if undo is not None:
                actions.append(action)
                changes.append(steps.undoable_until(undo))
        elif _allows(appointment, action):
            if action not in OF_THE_DAY or steps.untimely(appointment, action, now_ms) is None:
                actions.append(action)
            changes += _edges(appointment, action)
    return Possible(tuple(actions), min((at for at in changes if at > now_ms), default=None))


def _allows(appointment: Appointment, action: Action) -> bool:
    """By the table. A wish of the customer's is confirmed or declined; without one there is neither for what is confirmed."""
    wished = appointment.wished is not None
    if action is Action.KEEP_TIME and not wished:
        return False
    if action is Action.CONFIRM and wished:
        return True  # the wished time: its move is in the table
    try:
        next_status(appointment.status, action, Actor.STAFF)
    except NotPossible:
        return False
    return True


def _edges(appointment: Appointment, action: Action) -> Iterator[int]:
    if action in OF_THE_DAY:
        begin, end = steps.window(appointment, action)
        yield begin
        if end is not None:
            yield end
