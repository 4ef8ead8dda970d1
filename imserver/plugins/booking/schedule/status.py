"""The status chain of an appointment, as one table. Any other step is refused.

held → (pending →) confirmed → arrived → in_exam → done,   or cancelled, no_show, expired

When a step of the day is sensible, and how one is taken back, is `schedule/steps.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """The state of an appointment."""

    HELD = "held"
    PENDING = "pending"
    CONFIRMED = "confirmed"
    ARRIVED = "arrived"
    IN_EXAM = "in_exam"
    DONE = "done"
    CANCELLED = "cancelled"
    NO_SHOW = "no_show"
    EXPIRED = "expired"


class Action(StrEnum):
    """A step that an actor takes on an appointment."""

    REQUEST = "request"  # the customer's yes where the shop confirms by hand
    CONFIRM = "confirm"
    MOVE = "move"
    CANCEL = "cancel"
    EXPIRE = "expire"
    ARRIVE = "arrive"
    START = "start"
    FINISH = "finish"
    NO_SHOW = "no_show"
    ASK_MOVE = "ask_move"  # the customer wants another time, where the shop confirms by hand: both are kept
    KEEP_TIME = "keep_time"  # such a wish is over, and the time is as it was
    CORRECT = "correct"  # another name or age; the time stays
    LAPSE = "lapse"  # a request that nobody confirmed before its time
    UNDO = "undo"  # a step of the day is taken back: where it leads is in the history, not in the table


class Actor(StrEnum):
    """Who may take a transition. The customer includes any member who books for them in their conversation."""

    CUSTOMER = "customer"
    STAFF = "staff"
    TIMER = "timer"


_BOTH = frozenset({Actor.CUSTOMER, Actor.STAFF})
_ALL = frozenset(Actor)
_STAFF = frozenset({Actor.STAFF})
_TIMER = frozenset({Actor.TIMER})


@dataclass(frozen=True, slots=True)
class Transition:
    """One row: in status `before`, `action` by one of `actors` leads to `after`."""

    before: Status
    action: Action
    after: Status
    actors: frozenset[Actor]


TRANSITIONS: tuple[Transition, ...] = (
    Transition(Status.HELD, Action.REQUEST, Status.PENDING, _BOTH),
    Transition(Status.HELD, Action.CONFIRM, Status.CONFIRMED, _BOTH),
    Transition(Status.HELD, Action.MOVE, Status.HELD, _BOTH),
    Transition(Status.HELD, Action.CORRECT, Status.HELD, _BOTH),
    Transition(Status.HELD, Action.CANCEL, Status.CANCELLED, _BOTH),
    Transition(Status.HELD, Action.EXPIRE, Status.EXPIRED, _TIMER),
    Transition(Status.PENDING, Action.CONFIRM, Status.CONFIRMED, _STAFF),
    Transition(Status.PENDING, Action.MOVE, Status.PENDING, _BOTH),
    Transition(Status.PENDING, Action.CANCEL, Status.CANCELLED, _BOTH),
    Transition(Status.PENDING, Action.CORRECT, Status.PENDING, _BOTH),
    Transition(Status.PENDING, Action.LAPSE, Status.CANCELLED, _TIMER),
    Transition(Status.CONFIRMED, Action.CORRECT, Status.CONFIRMED, _BOTH),
    Transition(Status.CONFIRMED, Action.MOVE, Status.CONFIRMED, _BOTH),
    Transition(Status.CONFIRMED, Action.ASK_MOVE, Status.CONFIRMED, _BOTH),
    Transition(Status.CONFIRMED, Action.KEEP_TIME, Status.CONFIRMED, _ALL),
    Transition(Status.CONFIRMED, Action.CANCEL, Status.CANCELLED, _BOTH),
    Transition(Status.CONFIRMED, Action.ARRIVE, Status.ARRIVED, _STAFF),
    Transition(Status.CONFIRMED, Action.NO_SHOW, Status.NO_SHOW, _STAFF),
    Transition(Status.CONFIRMED, Action.FINISH, Status.DONE, _STAFF),
    Transition(Status.ARRIVED, Action.START, Status.IN_EXAM, _STAFF),
    Transition(Status.ARRIVED, Action.FINISH, Status.DONE, _STAFF),
    Transition(Status.ARRIVED, Action.CANCEL, Status.CANCELLED, _STAFF),
    Transition(Status.IN_EXAM, Action.FINISH, Status.DONE, _STAFF),
)

_TABLE = {(row.before, row.action): row for row in TRANSITIONS}

#: Statuses whose appointments own their cells: the resources are promised or in use.
OWNING = frozenset({Status.HELD, Status.PENDING, Status.CONFIRMED, Status.ARRIVED, Status.IN_EXAM})
#: Statuses that a customer counts as "my appointment".
LIVE = OWNING - {Status.HELD}
#: What leaves a wish for another time standing; everything else ends it.
KEEPS_WISH = frozenset({Action.ASK_MOVE, Action.CORRECT})
#: Statuses that nothing leads out of; what a step of the day led to can be taken back for a while.
FINAL = frozenset(Status) - {row.before for row in TRANSITIONS}


#: The steps of the day: staff take one with an appointment, and may take it back.
OF_THE_DAY = frozenset({Action.ARRIVE, Action.START, Action.FINISH, Action.NO_SHOW})


class NotPossible(Exception):
    """The table has no such row for this actor. `status` is the current one."""

    def __init__(self, status: Status, action: Action) -> None:
        super().__init__(f"{action} is not possible from {status}")
        self.status = status
        self.action = action


def next_status(status: Status, action: Action, actor: Actor) -> Status:
    """The status after `action`, or NotPossible."""
    row = _TABLE.get((status, action))
    if row is None or actor not in row.actors:
        raise NotPossible(status, action)
    return row.after
