"""Guests who go on as an older account, and wrong codes: the rows."""

from __future__ import annotations

from dataclasses import dataclass

from imserver.plugin_api import Transaction

from .rows import Rows

#: So many wrong codes of one member of the staff within that time, and none counts for as long.
WRONG_CODES = 5
STOP_MS = 600_000


@dataclass(frozen=True, slots=True)
class Join:
    """A guest who went on as `account_id`; "" where an older copy does not know where and by whom the code was typed."""

    guest_id: str
    account_id: str
    conversation_id: str
    asked_by: str
    joined_at: int | None


def note_asked(tx: Transaction, guest_id: str, account_id: str, conversation_id: str, asked_by: str) -> None:
    """The guest is asked. Of several questions the last one counts."""
    tx.execute(
        "INSERT INTO booking_joins (guest_id, account_id, conversation_id, asked_by) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (guest_id) DO UPDATE SET account_id = excluded.account_id,"
        " conversation_id = excluded.conversation_id, asked_by = excluded.asked_by"
        " WHERE booking_joins.joined_at IS NULL",
        (guest_id, account_id, conversation_id, asked_by),
    )


def join_of(rows: Rows, guest_id: str) -> Join | None:
    """What was asked of a guest, and whether it was said yes to."""
    found = rows.execute(
        "SELECT guest_id, account_id, conversation_id, asked_by, joined_at FROM booking_joins WHERE guest_id = ?",
        (guest_id,),
    )
    return Join(*found[0]) if found else None


def goes_on_as(rows: Rows, guest_id: str) -> str | None:
    """The account that a guest went on as; None if this is none who did."""
    join = join_of(rows, guest_id)
    return join.account_id if join is not None and join.joined_at is not None else None


def gone_among(rows: Rows, sender_id: str, customer_id: str) -> dict[str, str]:
    """Those of two who went on, and as which account; asked with every text."""
    found = rows.execute(
        "SELECT guest_id, account_id FROM booking_joins WHERE guest_id IN (?, ?) AND joined_at IS NOT NULL",
        (sender_id, customer_id),
    )
    return {str(guest_id): str(account_id) for guest_id, account_id in found}


def note_joined(tx: Transaction, guest_id: str, account_id: str) -> Join:
    """The guest said yes. Whoever went on as this guest goes on as that account, too."""
    tx.execute("UPDATE booking_joins SET account_id = ? WHERE account_id = ?", (account_id, guest_id))
    tx.execute(
        "INSERT INTO booking_joins (guest_id, account_id, joined_at) VALUES (?, ?, ?)"
        " ON CONFLICT (guest_id) DO UPDATE SET account_id = excluded.account_id, joined_at = excluded.joined_at",
        (guest_id, account_id, tx.now_ms),
    )
    join = join_of(tx, guest_id)
    assert join is not None
    return join


def forget_account(tx: Transaction, account_id: str) -> None:
    """The account is erased. Of its joins stays that a guest has gone on: else a text of that phone, or of staff in that
    conversation, would be taken for one that somebody reads."""
    tx.execute("DELETE FROM booking_joins WHERE account_id = ? AND joined_at IS NULL", (account_id,))
    tx.execute(
        "UPDATE booking_joins SET conversation_id = '', asked_by = '' WHERE account_id = ?", (account_id,)
    )


def stopped_until(tx: Transaction, user_id: str) -> int:
    """Until when no code of theirs counts; 0: it does."""
    rows = tx.execute("SELECT stopped_until FROM booking_wrong_codes WHERE user_id = ?", (user_id,))
    until = int(rows[0][0]) if rows else 0
    # By a clock that was put back it would stand for as long again, and no longer.
    return until if tx.now_ms < until <= tx.now_ms + STOP_MS else 0


def count_wrong(tx: Transaction, user_id: str) -> bool:
    """One more wrong code. True if it is the one that stops them. A right one between makes none of them good: whoever guesses
    could show it on a guest's phone of his own."""
    rows = tx.execute("SELECT count, since FROM booking_wrong_codes WHERE user_id = ?", (user_id,))
    count, since = (int(rows[0][0]), int(rows[0][1])) if rows else (0, tx.now_ms)
    if not 0 <= tx.now_ms - since < STOP_MS:
        count, since = 0, tx.now_ms
    count += 1
    stops = count >= WRONG_CODES
    tx.execute(
        "INSERT INTO booking_wrong_codes (user_id, count, since, stopped_until) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (user_id) DO UPDATE SET count = excluded.count, since = excluded.since,"
        " stopped_until = excluded.stopped_until",
        (user_id, 0 if stops else count, since, tx.now_ms + STOP_MS if stops else 0),
    )
    return stops
