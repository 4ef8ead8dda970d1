"""What pages ask of this plugin, and who is told that the answer is another: the methods `x-booking.day` and `x-booking.mine`.

Whoever changes what one of them tells says so here, in the same transaction. What passes with the clock alone (a start that is
too near, a time that is over) is in the answer: `until` says when to ask again.

A day is asked of a whole shop, for all its services: so a change of one appointment is one question, whatever could be booked
in its place.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta

import msgspec

from imserver.plugin_api import Method, Shape, Transaction

from .hours import wall_of, zone_named

#: A change of so many days is a change of all of them: whoever asked of another one asks once in vain.
MAX_DAYS_TOLD = 31
#: A start late in the evening has its buffer behind midnight: what begins within this time of a day touches the day before.
NEAR_MIDNIGHT = timedelta(hours=4)


class Told(msgspec.Struct, frozen=True, rename="camel"):
    """A part of an answer: a map, in camel case as JavaScript writes names. The same over HTTP."""


class DayParams(Shape, frozen=True):
    """A day (`2026-12-03`) of a shop."""

    shop: str
    day: str


class Start(msgspec.Struct, array_like=True, frozen=True):
    """A start: minute of the day on the shop's clock, UTC ms, and a sign for each service of the day: `1` free, `0` taken, `-`
    not a start of this one."""

    minute: int
    at: int
    marks: str


class Day(Told, frozen=True):
    """The starts of a day that the shop still takes. `until`: when the answer changes though nothing happens, UTC ms."""

    shop: str
    day: str
    zone: str
    as_of: int
    until: int | None
    services: tuple[str, ...]
    starts: tuple[Start, ...]


class DayResult(Shape, frozen=True):
    """The day; None for a shop or a day that there is not."""

    day: Day | None


class MineParams(Shape, frozen=True):
    """The asker's own."""


class Known(Told, frozen=True):
    """What is known of the asker; "" is not known. `consent`: the version that stands, by shop."""

    name: str
    age: str
    language: str
    consent: dict[str, str]


class Facts(Told, frozen=True):
    """What was said of whom a booking is for; "" and None: not yet. `service`, `minutes`: what a yes books, by what is said so
    far: an age or a first visit may make it another service, or one of another length, than was tapped."""

    name: str
    age: str
    first_visit: bool | None
    person: str
    service: str
    minutes: int


class Near(Told, frozen=True):
    """A free start: on the shop's clock, and UTC ms."""

    wall: str
    at: int


class Refused(Told, frozen=True):
    """The start that the open booking wanted last, which the shop could not keep for it. `why`: `short` (free, but not for so
    long), `unfit` (free, but nobody is there for that age), `outgrown` (it was held, and is not possible for what was said
    since), `taken`, or which of the shop's rules (`lead`, `hours`, `closed`, `horizon`, `skipped`, `step`, `past`). `near`:
    three free starts for the same service and length, as of the refusal."""

    shop: str
    service: str
    minutes: int
    wall: str
    why: str
    near: tuple[Near, ...]
    facts: Facts


class Held(Told, frozen=True):
    """A start that is kept for the asker. `ask`: what the bot waits for (`name`, `age`, `first_visit`, `confirm`, …).
    `confirm`, `more`, `release`: what to post for yes, more time, giving up; None while that is not possible.
    `confirmation`: `auto`, or `staff` if they would have to confirm it, as of the asking: other guests change that, too.
    `form_yes`: how the line `yes:` of a form begins that agrees to it; the service, minutes and start that were seen follow."""

    code: str
    version: int
    shop: str
    service: str
    wall: str
    at: int
    minutes: int
    until: int
    extensions_left: int
    confirmation: str
    ask: str
    facts: Facts
    form_yes: str
    confirm: str | None
    more: str | None
    release: str


class Moving(Told, frozen=True):
    """An appointment that the asker is moving to another time. `confirm`, `keep`: what to post for yes and no."""

    code: str
    version: int
    shop: str
    service: str
    minutes: int
    wall: str
    to_wall: str
    to_at: int
    confirmation: str
    confirm: str | None
    keep: str


class Cancelling(Told, frozen=True):
    """Appointments that the bot asks about: cancel them? `confirm`, `keep`: what to post for yes and no."""

    codes: tuple[str, ...]
    confirm: str | None
    keep: str


class Place(Told, frozen=True):
    """Where a message stands."""

    conversation: str
    position: int


class Booked(Told, frozen=True):
    """An appointment. `move`, `cancel`: what to post to begin that; None if the asker may not any more. `event`: the address of
    its calendar file."""

    code: str
    version: int
    status: str
    shop: str
    service: str
    wall: str
    at: int
    end: int
    minutes: int
    name: str
    person: str
    with_: str = msgspec.field(name="with")
    wish: str | None
    card: Place | None
    move: str | None
    cancel: str | None
    event: str


class Mine(Told, frozen=True):
    """All that a page shows of one customer. `until`: as in `Day`. `waiting`: since when a text waits for people, by shop."""

    as_of: int
    until: int | None
    conversations: dict[str, str]
    waiting: dict[str, int]
    known: Known
    held: Held | None
    refused: Refused | None
    moving: Moving | None
    cancelling: Cancelling | None
    upcoming: tuple[Booked, ...]
    past: tuple[Booked, ...]


class MineResult(Shape, frozen=True):
    """The asker's own."""

    mine: Mine


DAY = Method("x-booking.day", DayParams, DayResult)
MINE = Method("x-booking.mine", MineParams, MineResult)


def tell_days(tx: Transaction, store_id: str, first: date, last: date) -> None:
    """The free starts of a shop may be others on these days."""
    if (last - first).days > MAX_DAYS_TOLD:
        tx.changed(DAY, None)
        return
    for ahead in range((last - first).days + 1):
        tx.changed(DAY, DayParams(store_id, (first + timedelta(days=ahead)).isoformat()))


def tell_cells(tx: Transaction, store_id: str, wall: datetime, free_at: int, zone: str) -> None:
    """Cells from a start (wall time of the shop) to the end of the buffer (UTC ms) have another owner, or none."""
    tell_days(tx, store_id, (wall - NEAR_MIDNIGHT).date(), wall_of(free_at, zone_named(zone)).date())


def tell_mine(tx: Transaction, user_id: str) -> None:
    """What this customer's page shows is another."""
    tx.changed(MINE, MineParams(), users=[user_id])


def tell_all(tx: Transaction) -> None:
    """The chain is another: every day, and everybody's own."""
    tx.changed(DAY, None)
    tx.changed(MINE, None)
