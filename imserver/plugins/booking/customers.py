"""What the plugin remembers of a customer: language, name, age band, kind of contact lenses."""

from __future__ import annotations

from msgspec import Struct

from imserver.plugin_api import Transaction

from .conversations import services_of
from .messages.texts import language_of
from .schedule.appointments import OF_STORE
from .schedule.asked import tell_mine
from .schedule.asked_by_staff import SHEET, staff_of_shop, tell_conversation
from .schedule.rows import Rows

_CAME = "status IN ('arrived', 'in_exam', 'done')"


class Customer(Struct, frozen=True):
    """A row of `booking_customers`; "" is not known. `language`: that of the last words. `chosen_language`: said once and for
    all; what has no language, such as a command, is answered in it."""

    user_id: str
    language: str = ""
    name: str = ""
    age_band: str = ""
    lens_kind: str = ""
    no_messages: bool = False
    chosen_language: str = ""


def customer(tx: Rows, user_id: str) -> Customer:
    rows = tx.execute(
        "SELECT user_id, language, name, age_band, lens_kind, no_messages, chosen_language FROM booking_customers"
        " WHERE user_id = ?",
        (user_id,),
    )
    for name, language, own_name, age_band, lens_kind, no_messages, chosen in rows:
        return Customer(name, language, own_name, age_band, lens_kind, bool(no_messages), chosen)
    return Customer(user_id)


def remember(tx: Transaction, known: Customer) -> None:
    _tell(tx, customer(tx, known.user_id), known)
    tx.execute(
        "INSERT INTO booking_customers (user_id, language, name, age_band, lens_kind, no_messages, chosen_language)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (user_id) DO UPDATE SET language = excluded.language, name = excluded.name,"
        " age_band = excluded.age_band, lens_kind = excluded.lens_kind, no_messages = excluded.no_messages,"
        " chosen_language = excluded.chosen_language",
        (
            known.user_id,
            known.language,
            known.name,
            known.age_band,
            known.lens_kind,
            int(known.no_messages),
            known.chosen_language,
        ),
    )


def _tell(tx: Transaction, before: Customer, now: Customer) -> None:
    """The customer's own page, and of what the staff are shown name and language, and who wants no messages."""
    tell_mine(tx, now.user_id)
    if (before.name, before.language, before.no_messages) == (now.name, now.language, now.no_messages):
        return
    for service in services_of(tx, now.user_id):
        tell_conversation(tx, service.store_id, service.conversation_id)
        if before.no_messages is not now.no_messages:
            tx.changed(SHEET, None, users=staff_of_shop(tx, service.store_id))


def known_first_visit(tx: Transaction, user_id: str, store_id: str) -> bool | None:
    """False after a visit to the shop; before one, the customer's answer at the last booking there; None if unknown.

    What was booked for others says nothing of the customer.
    """
    rows = tx.execute(
        f"SELECT CASE WHEN {_CAME} THEN 0 ELSE first_visit END FROM booking_appointments"  # noqa: S608
        f" WHERE customer_id = ? AND {OF_STORE} AND person = '' AND card_position IS NOT NULL"
        f" ORDER BY CASE WHEN {_CAME} THEN 0 ELSE 1 END, id DESC LIMIT 1",
        (user_id, store_id),
    )
    return bool(rows[0][0]) if rows else None


def language_for(tx: Rows, user_id: str) -> str:
    """The language for messages to a user: that of their last command, or else their account's."""
    spoken = customer(tx, user_id).language
    if spoken:
        return spoken
    user = tx.user(user_id)
    return language_of(user.language) if user else "en"
