"""What customers agreed to: one row for each consent, and its end. A withdrawal stands for ever, also across restores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from imserver.plugin_api import Transaction

from .asked import tell_mine
from .rows import Rows

#: The name of a withdrawal on record.
RECORD = "consent"
#: The data of an appointment are used for it.
BOOKING = "booking"
#: The timer by which the staff hear of the end of a consent, once for each that stood.
TIMER = "consent_ended"
#: Consents of one customer in a shop within a day. Each that is taken back is on record for ever, and the staff hear of it:
#: whoever goes on like that talks to people. It is the giving that has a bound, so that none that stands cannot be taken back.
MAX_GIVEN_A_DAY = 10
DAY_MS = 24 * 3600 * 1000


@dataclass(frozen=True, slots=True)
class Consent:
    """A row of `booking_consents`."""

    id: int
    customer_id: str
    store_id: str
    kind: str
    version: str
    given_at: int
    given_by: str
    withdrawn_at: int | None
    withdrawn_by: str


_COLUMNS = "id, customer_id, store_id, kind, version, given_at, given_by, withdrawn_at, withdrawn_by"


def standing(rows: Rows, customer_id: str) -> dict[str, str]:
    """The version that a customer agreed to, by shop."""
    found = rows.execute(
        "SELECT store_id, version FROM booking_consents WHERE customer_id = ? AND kind = ? AND withdrawn_at IS NULL",
        (customer_id, BOOKING),
    )
    return {str(store_id): str(version) for store_id, version in found}


def may_give(rows: Rows, customer_id: str, store_id: str, version: str) -> bool:
    """Whether a customer may agree once more today; to what stands already always."""
    if standing(rows, customer_id).get(store_id) == version:
        return True
    ((count,),) = rows.execute(
        "SELECT COUNT(*) FROM booking_consents WHERE customer_id = ? AND store_id = ? AND kind = ? AND given_at > ?",
        (customer_id, store_id, BOOKING, rows.now_ms - DAY_MS),
    )
    return int(count) < MAX_GIVEN_A_DAY


def give(tx: Transaction, customer_id: str, store_id: str, version: str, by: str) -> bool:
    """Write a consent down. False if it stands already; one to another version ends with this one."""
    if standing(tx, customer_id).get(store_id) == version:
        return False
    tx.execute(
        "UPDATE booking_consents SET withdrawn_at = ?, withdrawn_by = ? WHERE customer_id = ? AND store_id = ? AND kind = ?"
        " AND withdrawn_at IS NULL",
        (tx.now_ms, by, customer_id, store_id, BOOKING),
    )
    tx.execute(
        "INSERT INTO booking_consents (customer_id, store_id, kind, version, given_at, given_by) VALUES (?, ?, ?, ?, ?, ?)",
        (customer_id, store_id, BOOKING, version, tx.now_ms, by),
    )
    tell_mine(tx, customer_id)
    return True


def do_withdrawal(tx: Transaction, body: Mapping[str, Any]) -> None:
    """Do what is on record: a consent of before that moment does not stand any more, and the staff will hear of it. Doing it
    twice is doing it once."""
    customer_id = str(body["customer"])
    rows = tx.execute(
        "UPDATE booking_consents SET withdrawn_at = ?, withdrawn_by = ? WHERE customer_id = ? AND store_id = ? AND kind = ?"
        " AND given_at <= ? AND withdrawn_at IS NULL RETURNING version",
        (body["at"], body["by"], customer_id, body["shop"], body["kind"], body["at"]),
    )
    for (version,) in rows:
        told = {"customer": customer_id, "store": body["shop"], "version": version, "at": body["at"]}
        tx.schedule(tx.now_ms, TIMER, told)
        tx.audit("consent.withdrawn", actor_id=str(body["by"]), about_id=customer_id)
        tell_mine(tx, customer_id)


def carry_over(tx: Transaction, guest_id: str, account_id: str) -> None:
    """A guest's consents are the account's. Of each shop and kind the last that was said of both counts: a consent that was
    taken back since, be it by the other one, does not stand any more, and of two the later one stands."""
    columns = "id, customer_id, store_id, kind, given_at, given_by, withdrawn_at, withdrawn_by"
    rows = tx.execute(
        f"SELECT {columns} FROM booking_consents WHERE customer_id IN (?, ?) ORDER BY given_at, id",  # noqa: S608
        (guest_id, account_id),
    )
    for number, _, store_id, kind, given_at, _, withdrawn_at, _ in rows:
        if withdrawn_at is not None:
            continue
        later = [
            (at, by)
            for other, _, store, what, given, giver, taken_back, taker in rows
            if (store, what) == (store_id, kind) and other != number
            for at, by in ((given, giver), (taken_back, taker))
            if at is not None and (at > given_at or (at == given_at and other > number))
        ]
        if later:
            at, by = min(later)
            tx.execute(
                "UPDATE booking_consents SET withdrawn_at = ?, withdrawn_by = ? WHERE id = ?",
                (at, by, number),
            )
    tx.execute("UPDATE booking_consents SET customer_id = ? WHERE customer_id = ?", (account_id, guest_id))


def latest(rows: Rows, customer_id: str, store_id: str) -> Consent | None:
    """The last one of a customer in a shop, ended or not."""
    found = rows.execute(
        f"SELECT {_COLUMNS} FROM booking_consents WHERE customer_id = ? AND store_id = ? AND kind = ?"  # noqa: S608
        " ORDER BY id DESC LIMIT 1",
        (customer_id, store_id, BOOKING),
    )
    return Consent(*found[0]) if found else None
