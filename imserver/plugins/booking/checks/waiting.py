"""The checks of what waits for people, and of what somebody of the staff has taken over."""

from __future__ import annotations

from imserver.plugin_api import Snapshot
from imserver.plugins.booking.dialogue import take_over
from imserver.plugins.booking.waiting import Why

_REASONS = {"", *Why}


def waits_are_sane(sql: Snapshot) -> list[str]:
    """What waits says since when and why, and nothing else says either."""
    rows = sql("SELECT conversation_id, waiting_since, waiting_why, waiting_position FROM booking_services")
    sql.looked_at(len(rows))
    found = []
    for conversation_id, since, why, position in rows:
        if why not in _REASONS or (since is None) == bool(why) or (since is None and position is not None):
            found.append(f"{conversation_id} waits since {since} because of {why!r}, at position {position}")
    return found


def take_overs_will_end(look: Snapshot) -> list[str]:
    """Whoever has taken a conversation over has an account, and a timer will end it: without one the bot would be silent for
    ever."""
    timed = {
        (timer.payload.get("conversation"), timer.payload.get("at"))
        for timer in look.timers().values()
        if timer.name == take_over.TIMER
    }
    rows = look(
        "SELECT conversation_id, taken_by, taken_at FROM booking_services WHERE taken_by <> '' OR taken_at <> 0"
    )
    look.looked_at(len(rows))
    found = []
    for conversation_id, taken_by, taken_at in rows:
        if not taken_by or not taken_at or look.user(taken_by) is None:
            found.append(f"{conversation_id} is taken over by {taken_by or 'nobody'}, since {taken_at}")
        elif (conversation_id, taken_at) not in timed:
            found.append(f"{conversation_id} is taken over by {taken_by}, and nothing will end that")
    return found


OF_TABLES = {"waits are sane": waits_are_sane}
OF_CHAT = {"take-overs will end": take_overs_will_end}
