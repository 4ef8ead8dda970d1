"""The open question of one person in one conversation: one row, JSON, so that it survives a restart."""

from __future__ import annotations

import msgspec

from imserver.plugin_api import Transaction

#: After so long a text no longer answers the question: "1" or 好 then means something else.
MAX_AGE_MS = 30 * 60 * 1000


class Dialogue(msgspec.Struct, omit_defaults=True):
    """`kind`: `menu` (only numbered options), `book`, `move` or `cancel`. Empty fields are not known yet."""

    kind: str = "menu"
    #: The last question: store, service, day, slot, name, age, first_visit, confirm; or `confirm_again` (see `doubt`).
    step: str = ""
    service_id: str = ""
    day: str = ""
    part: str = ""
    #: The chosen start, ISO wall time.
    wall: str = ""
    name: str = ""
    age_band: str = ""
    first_visit: bool | None = None
    #: The held appointment of a booking, or the one that is moved or cancelled, and the version that was shown.
    appointment_id: int = 0
    version: int = 0
    #: Commands behind the numbers that were shown last.
    options: list[str] = msgspec.field(default_factory=list)
    #: Texts in a row that answered nothing.
    misses: int = 0

    def doubt(self) -> None:
        """Another text came since "is this right?": its button still counts, a yes only asks again."""
        if self.step == "confirm":
            self.step = "confirm_again"


def load_dialogue(tx: Transaction, conversation_id: str, user_id: str) -> Dialogue | None:
    """The open question, or None if there is none or it is too old."""
    rows = tx.execute(
        "SELECT state FROM booking_dialogues WHERE conversation_id = ? AND user_id = ? AND updated_at > ?",
        (conversation_id, user_id, tx.now_ms - MAX_AGE_MS),
    )
    return msgspec.json.decode(rows[0][0], type=Dialogue) if rows else None


def save_dialogue(tx: Transaction, conversation_id: str, user_id: str, state: Dialogue | None) -> None:
    """Keep the question, or forget it with None."""
    if state is None:
        tx.execute(
            "DELETE FROM booking_dialogues WHERE conversation_id = ? AND user_id = ?",
            (conversation_id, user_id),
        )
        return
    tx.execute(
        "INSERT INTO booking_dialogues (conversation_id, user_id, state, updated_at) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (conversation_id, user_id) DO UPDATE SET state = excluded.state, updated_at = excluded.updated_at",
        (conversation_id, user_id, msgspec.json.encode(state).decode(), tx.now_ms),
    )


def doubt_all(tx: Transaction, conversation_id: str, user_id: str | None = None) -> None:
    """A message came: the next yes of any member (or of one user) may be meant for it."""
    rows = tx.execute(
        "SELECT user_id, state FROM booking_dialogues WHERE conversation_id = ? AND user_id = COALESCE(?, user_id)",
        (conversation_id, user_id),
    )
    for user_id, text in rows:
        state = msgspec.json.decode(text, type=Dialogue)
        state.doubt()
        tx.execute(
            "UPDATE booking_dialogues SET state = ? WHERE conversation_id = ? AND user_id = ?",
            (msgspec.json.encode(state).decode(), conversation_id, user_id),
        )


def dialogues_on(tx: Transaction, appointment_id: int, conversation_id: str) -> list[tuple[str, Dialogue]]:
    """(user, dialogue) of each user in a conversation whose open question is about an appointment."""
    rows = tx.execute(
        "SELECT user_id, state FROM booking_dialogues WHERE conversation_id = ? AND updated_at > ?",
        (conversation_id, tx.now_ms - MAX_AGE_MS),
    )
    found = [(user_id, msgspec.json.decode(state, type=Dialogue)) for user_id, state in rows]
    return [(user_id, state) for user_id, state in found if state.appointment_id == appointment_id]
