"""What the staff's page asks of this plugin: the methods `x-booking.staff`, `.inbox`, `.changes`, `.customer` and `.sheet`.

Whoever is not in the staff group of the shop, in the snapshot that is read, gets nothing: no shop, and None of all others. As
in `schedule/asked.py`, whoever changes what one of them tells says so in the same transaction: to that staff, and nobody else.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta

import msgspec

from imserver.plugin_api import Method, Shape, Transaction
from imserver.plugins.booking.read_once import is_first

from .asked import MAX_DAYS_TOLD, Told

#: Rows of one page of the inbox, unless it is said how many; pushes tell of the first page of so many.
PAGE = 50
#: Conversations of one answer of `x-booking.changes`: more than change between two pushes, and a tenth of a full inbox.
LATEST = 10


class Names(Told, frozen=True):
    """A name in the two languages."""

    zh: str
    en: str


# -- x-booking.staff ------------------------------------------------------------------------------------------------------


class StaffParams(Shape, frozen=True):
    """The shops whose staff the asker is."""


class StaffShop(Told, frozen=True):
    """A shop of the asker's. `group`: the conversation of its staff. `role`: the asker's there, `member` or `admin`. `waiting`:
    conversations in which a text waits for people; `alarms`: those of them that wait because of a red flag."""

    id: str
    name: Names
    zone: str
    group: str
    bot: str
    role: str
    waiting: int
    alarms: int


class StaffResult(Shape, frozen=True):
    """In the order of the chain file; none for whoever is no staff."""

    shops: tuple[StaffShop, ...]


# -- x-booking.inbox ------------------------------------------------------------------------------------------------------


class InboxParams(Shape, frozen=True):
    """A page of a shop's service conversations. `before`: the `next` of the page above it, "" for the first. `limit`: of those
    that do not wait, at most 200. Pushes name the first page of `PAGE`: whoever shows more asks that again, too."""

    shop: str
    before: str = ""
    limit: int = PAGE


class Who(Told, frozen=True):
    """A customer: the account's name, and the language (`zh`, `en`) that the bot speaks to them."""

    id: str
    name: str
    guest: bool
    language: str


class Taken(Told, frozen=True):
    """Who has taken a conversation over from the bot, and since when, UTC ms."""

    by: str
    name: str
    at: int


class Coming(Told, frozen=True):
    """The customer's next appointment in the shop: `wall` on the shop's clock."""

    code: str
    wall: str
    status: str
    service_name: Names


class InboxRow(Told, frozen=True):
    """A service conversation. `since`, `why`, `position`, `text`: of the text that waits, None and "" if none does. `why` is
    the gravest of what waits: `alarm` (a red flag), `asked` (the customer called people), `circles` (the bot asked the same
    again and again), `request` (a wish that people have to decide), `question` (no fact of the shop answers it), `unread` (the
    bot made nothing of it, or is silent because people talk). `since` is that of the text that waits the longest; `position`
    and `text`, its first 200 characters, are of the text that `why` is about; None, "" where it was typed elsewhere.
    `last_human_at`: when staff last wrote. `at`: when customer or staff did. All times are UTC ms."""

    conversation: str
    customer: Who
    since: int | None
    why: str | None
    position: int | None
    text: str
    taken: Taken | None
    coming: Coming | None
    last_human_at: int | None
    at: int


class Inbox(Told, frozen=True):
    """`waiting`: alarms first, then those that wait the longest, at most 200, on the first page alone; `more_waiting`: so many
    more wait. `recent`: of those that do not wait, the latest first. `next`: the `before` of the page below; None: there is
    none. `edition`, `number`: where `x-booking.changes` goes on."""

    shop: str
    as_of: int
    waiting: tuple[InboxRow, ...]
    more_waiting: int
    recent: tuple[InboxRow, ...]
    next: str | None
    edition: int
    number: int


class InboxResult(Shape, frozen=True):
    """None for a shop that there is not, or whose staff the asker is not."""

    inbox: Inbox | None


# -- x-booking.changes ----------------------------------------------------------------------------------------------------


class ChangesParams(Shape, frozen=True):
    """A shop. Of this question pushes come ten times a second at most: its answer is small, whatever the inbox holds."""

    shop: str


class Changes(Told, frozen=True):
    """What changed last in the inbox: its conversations as they are now, the latest first, at most `LATEST`. `number` is the
    latest change, and whatever changed behind number `after` is in `rows`. So who knows the inbox of this `edition` as it was
    at `after` or later knows with `rows` all of it; anybody else reads it again. `waiting`: how many wait by now."""

    shop: str
    as_of: int
    edition: int
    number: int
    after: int
    waiting: int
    rows: tuple[InboxRow, ...]


class ChangesResult(Shape, frozen=True):
    """None for a shop that there is not, or whose staff the asker is not."""

    changes: Changes | None


# -- x-booking.sheet ------------------------------------------------------------------------------------------------------


class SheetParams(Shape, frozen=True):
    """A day (`2026-12-03`) of a shop."""

    shop: str
    day: str


class Away(Told, frozen=True):
    """A part of the day on which somebody or something is away: minutes of the day on the shop's clock, 0 to 1440."""

    from_: int = msgspec.field(name="from")
    to: int
    note: str


class Column(Told, frozen=True):
    """A person, a room or a device. `kind`: `person`, `room`, `device`."""

    id: str
    name: Names
    kind: str
    away: tuple[Away, ...]


class SheetAction(Told, frozen=True):
    """What staff can do with an appointment now. `kind`: `confirm`, `arrive`, `start`, `finish`, `no_show`, `undo`, `cancel`,
    `move`, `decline`. `command`: what to post for it, in the staff group or in the customer's conversation; to `move` the new
    time stands behind it (`/move K7QM v3 2026-12-04 10:30`), or is asked for. `sure`: ask before it is posted."""

    kind: str
    command: str
    sure: bool


class SheetRow(Told, frozen=True):
    """An appointment. `wall`: its start on the shop's clock; `at`, `end`: UTC ms. `name`: for whom it is; `person`: how the
    customer called them ("my mother"; "": the customer). `guest`: the customer is one now; `by_guest`: was one when the time
    was taken. `with`: ids of columns; `away`: those of them who are away at that time since, so that somebody has to move it.
    `wish`: the start that the customer asks for instead, which waits for the staff. `note`:
    what else the customer said at the booking."""

    code: str
    version: int
    status: str
    wall: str
    end: int
    at: int
    minutes: int
    service: str
    service_name: Names
    name: str
    person: str
    age: str
    age_name: Names | None
    first_visit: bool
    guest: bool
    by_guest: bool
    with_: tuple[str, ...] = msgspec.field(name="with")
    away: tuple[str, ...]
    conversation: str
    customer: str
    wish: str | None
    hold_until: int | None
    no_messages: bool
    note: str
    actions: tuple[SheetAction, ...]


class Sheet(Told, frozen=True):
    """A day of a shop. `until`: when it is another by time alone (a step becomes possible, or is not any more), UTC ms; None:
    never. `open`: [from, to) minutes of the day on the shop's clock; `closed`: there are none."""

    shop: str
    day: str
    zone: str
    as_of: int
    until: int | None
    closed: bool
    open: tuple[tuple[int, int], ...]
    columns: tuple[Column, ...]
    rows: tuple[SheetRow, ...]


class SheetResult(Shape, frozen=True):
    """None for a shop or a day that there is not, or whose staff the asker is not."""

    sheet: Sheet | None


# -- x-booking.customer ---------------------------------------------------------------------------------------------------


class CustomerParams(Shape, frozen=True):
    """A service conversation."""

    conversation: str


class Facts(Who, frozen=True):
    """A customer, and the telephone number that they left at a booking, if they did."""

    telephone: str | None


class Commands(Told, frozen=True):
    """What to post in the conversation; None: it changes nothing now. `take`: the bot is silent from then on; somebody else who
    had taken it over hears of it. `give_back`: it speaks again. `book`: to book for the customer."""

    take: str | None
    give_back: str | None
    book: str


class AboutCustomer(Told, frozen=True):
    """A customer in a shop. `why`, `since`, `position`, `taken`: as in `InboxRow`. `here`: whether the customer is in the
    conversation; whoever left is reached elsewhere, or not at all. `upcoming`: the soonest first; `past`: the ten latest.
    `until`: as in `Sheet`."""

    shop: str
    as_of: int
    until: int | None
    customer: Facts
    here: bool
    why: str | None
    since: int | None
    position: int | None
    taken: Taken | None
    commands: Commands
    upcoming: tuple[SheetRow, ...]
    past: tuple[SheetRow, ...]


class CustomerResult(Shape, frozen=True):
    """None for what is no service conversation of a shop whose staff the asker is."""

    customer: AboutCustomer | None


STAFF = Method("x-booking.staff", StaffParams, StaffResult)
INBOX = Method("x-booking.inbox", InboxParams, InboxResult)
CHANGES = Method("x-booking.changes", ChangesParams, ChangesResult)
CUSTOMER = Method("x-booking.customer", CustomerParams, CustomerResult)
SHEET = Method("x-booking.sheet", SheetParams, SheetResult)


# -- who is told ------------------------------------------------------------------------------------------------------------

STAFF_GROUP = "SELECT conversation_id FROM booking_staff_groups WHERE store_id = ?"
_NUMBER = (
    "UPDATE booking_services SET changed ="
    " (SELECT MAX(other.changed) + 1 FROM booking_services other WHERE other.store_id = ?) WHERE conversation_id = ?"
)
_EDITION = "UPDATE booking_staff_groups SET edition = edition + 1"


def tell_conversation(tx: Transaction, store_id: str, conversation_id: str) -> None:
    """What the staff of a shop see of one of its service conversations is another."""
    staff = staff_of_shop(tx, store_id)
    tx.changed(STAFF, StaffParams(), users=staff)
    _tell_row(tx, store_id, conversation_id, staff)


def tell_appointment(tx: Transaction, store_id: str, conversation_id: str, *days: date) -> None:
    """An appointment of a customer is another, on the sheets of these days."""
    staff = staff_of_shop(tx, store_id)
    _tell_row(tx, store_id, conversation_id, staff)
    for day in dict.fromkeys(days):
        tx.changed(SHEET, SheetParams(store_id, day.isoformat()), users=staff)


def tell_sheets(tx: Transaction, store_id: str, first: date, last: date) -> None:
    """The sheets of these days are others, and what stands of their appointments beside a conversation."""
    staff = staff_of_shop(tx, store_id)
    tx.changed(CUSTOMER, None, users=staff)
    if (last - first).days > MAX_DAYS_TOLD:
        tx.changed(SHEET, None, users=staff)
        return
    for ahead in range((last - first).days + 1):
        tx.changed(SHEET, SheetParams(store_id, (first + timedelta(days=ahead)).isoformat()), users=staff)


def tell_all_staff(tx: Transaction, *, users: Iterable[str] | None = None) -> None:
    """Everything may be another: the chain is, or somebody of these users is staff since now, or not any more."""
    if users is None:
        tx.execute(_EDITION)
    tx.changed(STAFF, None, users=users)
    tx.changed(INBOX, None, users=users)
    tx.changed(CHANGES, None, users=users)
    tx.changed(CUSTOMER, None, users=users)
    tx.changed(SHEET, None, users=users)


def _tell_row(tx: Transaction, store_id: str, conversation_id: str, staff: frozenset[str]) -> None:
    if not is_first(tx, (_NUMBER, conversation_id, staff)):
        return  # whoever reads sees a transaction as one change: the number that it has got is as good
    tx.execute(_NUMBER, (store_id, conversation_id))
    tx.changed(INBOX, InboxParams(store_id), users=staff)
    tx.changed(CHANGES, ChangesParams(store_id), users=staff)
    tx.changed(CUSTOMER, CustomerParams(conversation_id), users=staff)


def staff_of_shop(tx: Transaction, store_id: str) -> frozenset[str]:
    """Who may see anything of the shop: whoever else asked has no answer that could change."""
    rows = tx.execute(STAFF_GROUP, (store_id,))
    return frozenset(tx.members(rows[0][0])) if rows else frozenset()
