"""What the plugin keeps of a person, and its removal: names and words go, the shop's hours that were taken stay taken."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from imserver.plugin_api import Reader, Transaction

from .conversations import follow_name
from .dialogue import take_over
from .messages.shop_texts import ShopTexts
from .schedule import joins
from .schedule.asked_by_staff import tell_all_staff

_APPOINTMENT = ("code", "store_id", "service_id", "start_wall", "zone", "status", "for_name", "person", "age_band",
                "first_visit", "phone", "note")  # fmt: skip
_CUSTOMER = ("language", "name", "age_band", "lens_kind", "no_messages", "chosen_language")
_CONSENT = ("store_id", "kind", "version", "given_at", "given_by", "withdrawn_at", "withdrawn_by")
#: What is listed: the name in the export, the table, its columns, and the one that names the person.
_LISTED = (
    ("customer", "booking_customers", _CUSTOMER, "user_id"),
    ("appointments", "booking_appointments", _APPOINTMENT, "customer_id"),
    ("consents", "booking_consents", _CONSENT, "customer_id"),
    ("shops", "booking_services", ("store_id", "conversation_id", "created_at"), "customer_id"),
    ("taken_over", "booking_services", ("store_id", "conversation_id", "taken_at"), "taken_by"),
    ("alarms", "booking_alarms", ("urgent_at", "careful_at", "told"), "customer_id"),
    (
        "joined",
        "booking_joins",
        ("guest_id", "account_id", "conversation_id", "asked_by", "joined_at"),
        "account_id",
    ),
    ("open_questions", "booking_dialogues", ("conversation_id", "state"), "user_id"),
)
#: Rows that are about nothing else.
_REMOVED = (
    ("booking_customers", "user_id"),
    ("booking_consents", "customer_id"),
    ("booking_alarms", "customer_id"),
    ("booking_dialogues", "user_id"),
    ("booking_guests", "user_id"),
    ("booking_joins", "guest_id"),
    ("booking_wrong_codes", "user_id"),
)


def export(reader: Reader, user_id: str) -> Mapping[str, Any]:
    """All rows about a person, as lists of maps."""
    return {
        name: [
            dict(zip(columns, row, strict=True))
            for row in reader.execute(
                f"SELECT {', '.join(columns)} FROM {table} WHERE {key} = ? ORDER BY 1",  # noqa: S608  constants
                (user_id,),
            )
        ]
        for name, table, columns, key in _LISTED
    }


def renamed(tx: Transaction, user_id: str, *, texts: ShopTexts) -> None:
    """A person has another name, a customer or a colleague: all that staff are shown of them may be another. It is rare, and is
    not worth to know where the name stands."""
    follow_name(tx, texts.chain, texts.catalogue, user_id)
    tell_all_staff(tx)


def erase(tx: Transaction, user_id: str) -> None:
    """Remove what is known of a person and what they said. Their appointments keep time, shop and status, so that no day of a
    shop changes by it: whoever wants none cancels first."""
    for table, key in _REMOVED:
        tx.execute(f"DELETE FROM {table} WHERE {key} = ?", (user_id,))  # noqa: S608  constants
    tx.execute(
        "UPDATE booking_appointments SET for_name = '', person = '', age_band = '', phone = '', note = ''"
        " WHERE customer_id = ?",
        (user_id,),
    )
    joins.forget_account(tx, user_id)
    take_over.look_after(tx)
    tell_all_staff(tx)
