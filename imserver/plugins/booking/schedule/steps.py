"""The steps of the day (arrived, started, done, not come): from when on each is sensible, and how one is taken back.

Arrived: on the day itself, from two hours before the start. Not come: from ten minutes after the start. Done: at any time once
the customer is here, else from the start on. Each can be taken back for ten minutes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from imserver.plugin_api import Transaction

from .appointments import Appointment, own_again, rows_of_changes
from .hours import MINUTE_MS, utc_ms, wall_of, zone_named
from .rows import Rows
from .status import OF_THE_DAY, OWNING, Action, NotPossible, Status

ARRIVES_BEFORE_MIN = 120
NO_SHOW_AFTER_MIN = 10
UNDO_MIN = 10


@dataclass(frozen=True, slots=True)
class Untimely:
    """Why a step is not taken now: `early` (possible from `since` on, wall time) or `late`."""

    why: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Step:
    """A step of the day that stands: what was done, when, and the status before it."""

    action: Action
    at: int
    before: Status


def untimely(appointment: Appointment, action: Action, now_ms: int) -> Untimely | None:
    """Why a step of the day is not sensible now; None if it is."""
    begin, end = window(appointment, action)
    since = wall_of(begin, zone_named(appointment.zone))
    if now_ms < begin:
        return Untimely("early", since)
    return Untimely("late", since) if end is not None and now_ms >= end else None


def window(appointment: Appointment, action: Action) -> tuple[int, int | None]:
    """[begin, end) UTC ms in which a step is sensible."""
    if action is Action.ARRIVE:
        day, zone = (
            datetime.combine(appointment.wall.date(), datetime.min.time()),
            zone_named(appointment.zone),
        )
        midnight, next_one = (utc_ms(wall, zone) for wall in (day, day + timedelta(days=1)))
        begin = appointment.start_at - ARRIVES_BEFORE_MIN * MINUTE_MS
        return max(begin, midnight or begin), next_one
    if action is Action.NO_SHOW:
        return appointment.start_at + NO_SHOW_AFTER_MIN * MINUTE_MS, None
    if action is Action.FINISH and appointment.status is Status.CONFIRMED:
        return appointment.start_at, None
    return 0, None


def last_step(tx: Rows, appointment: Appointment) -> Step | None:
    """The step of the day that stands last; None if something else was done behind it."""
    standing: list[Step] = []
    status = Status.HELD
    for action, after, at in rows_of_changes(tx, appointment.id):
        if action == Action.UNDO and standing:
            standing.pop()
        elif action in OF_THE_DAY:
            standing.append(Step(Action(action), at, status))
        else:
            standing.clear()
        status = Status(after)
    return standing[-1] if standing else None


def undoable(tx: Rows, appointment: Appointment) -> Step | None:
    """The step of the day that can be taken back now, as far as time goes: somebody else may have its cells by then."""
    if undoable_by(appointment.changed_at) <= tx.now_ms:
        return None  # nothing was done for so long: its history need not be read
    step = last_step(tx, appointment)
    return step if step is not None and tx.now_ms < undoable_until(step) else None


def undoable_until(step: Step) -> int:
    """From when on it is too late to take it back, UTC ms."""
    return undoable_by(step.at)


def undoable_by(at: int) -> int:
    return at + UNDO_MIN * MINUTE_MS + 1


def take_back(tx: Transaction, appointment: Appointment, step: Step, actor_id: str) -> Appointment | None:
    """The status before the step, and the cells that it gave back. None: somebody else has the time by now. Raises NotPossible
    where the step is not what the appointment stands at."""
    if last_step(tx, appointment) != step:
        raise NotPossible(appointment.status, Action.UNDO)
    needs_cells = step.before in OWNING and appointment.status not in OWNING
    return own_again(tx, appointment, step.before, actor_id, needs_cells=needs_cells)
