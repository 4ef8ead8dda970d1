"""Service conversations from before teams, whose staff were members one by one, get their staff group as their team.

In units of a timer, beside everything else: each is one transaction, marks what it has done, and sets the timer of the next, so
that a server that is killed goes on where it was. A start sets the timer, too.
"""

from __future__ import annotations

from imserver.plugin_api import Role, Transaction

from .staffing import ROLE, bot_of

TIMER = "to_team"
#: Conversations of one unit: whoever posts meanwhile waits for one of these.
AT_ONCE = 25


def begin(tx: Transaction) -> None:
    """At a start: go on, if anything is left."""
    for (timer,) in tx.execute("DELETE FROM booking_to_team RETURNING timer_id"):
        tx.cancel_timer(timer)
    if tx.execute("SELECT 1 FROM booking_services WHERE by_team = 0 LIMIT 1"):
        _plan(tx)


def step(tx: Transaction) -> list[str]:
    """One unit. The answer: conversations that stay as they are, because the bot of their store does not run them any more."""
    rows = tx.execute(
        "SELECT s.store_id, s.conversation_id, s.customer_id, g.conversation_id FROM booking_services s"
        " LEFT JOIN booking_staff_groups g ON g.store_id = s.store_id"
        " WHERE s.by_team = 0 ORDER BY s.conversation_id LIMIT ?",
        (AT_ONCE,),
    )
    lost = [
        conversation_id
        for store_id, conversation_id, customer_id, group in rows
        if not _give_team(tx, store_id, conversation_id, customer_id, group)
    ]
    if rows:
        tx.execute(
            "UPDATE booking_services SET by_team = 1 WHERE by_team = 0 AND conversation_id <= ?",
            (rows[-1][1],),
        )
    tx.execute("DELETE FROM booking_to_team")
    if len(rows) == AT_ONCE:
        _plan(tx)
    return lost


def _plan(tx: Transaction) -> None:
    tx.execute("INSERT INTO booking_to_team (timer_id) VALUES (?)", (tx.schedule(tx.now_ms, TIMER, {}),))


def _give_team(
    tx: Transaction, store_id: str, conversation_id: str, customer_id: str, group: str | None
) -> bool:
    """Staff of now are members by the team, and keep their cursors. Who was staff is removed; the customer stays as a member
    added for good, staff or not, and so does who never was staff. False if the store's bot does not run both places."""
    team = tx.members(group) if group is not None else {}
    members, bot = tx.members(conversation_id), bot_of(tx, team)
    if group is None or bot is None or bot_of(tx, members) != bot:
        return False
    for user_id, role in sorted(members.items()):
        if user_id in team or user_id == customer_id:
            continue
        if role is Role.MEMBER and not _was_staff(tx, user_id):
            tx.execute(
                "INSERT INTO booking_guests (conversation_id, user_id) VALUES (?, ?)",
                (conversation_id, user_id),
            )
        else:
            tx.remove_member(conversation_id, user_id)
            _was_staff_until_now(tx, store_id, user_id)
    tx.set_team(conversation_id, group, keep=(customer_id,))
    return True


def _was_staff(tx: Transaction, user_id: str) -> bool:
    user = tx.user(user_id)
    if user is not None and ROLE in user.roles:
        return True
    return bool(tx.execute("SELECT 1 FROM booking_staff WHERE user_id = ? LIMIT 1", (user_id,)))


def _was_staff_until_now(tx: Transaction, store_id: str, user_id: str) -> None:
    """Known from here alone: he had left the staff group before anything was written down."""
    tx.execute(
        "INSERT INTO booking_staff (store_id, user_id, ended_at) VALUES (?, ?, ?)"
        " ON CONFLICT (store_id, user_id) DO NOTHING",
        (store_id, user_id, tx.now_ms),
    )
    if not tx.execute(
        "SELECT 1 FROM booking_staff WHERE user_id = ? AND ended_at IS NULL LIMIT 1", (user_id,)
    ):
        tx.take_role(user_id, ROLE)
