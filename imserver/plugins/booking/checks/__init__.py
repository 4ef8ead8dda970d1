"""The checks of the booking tables for `imserver check`: each finding is a sentence that names the row.
All of them are returned: the report keeps the first ones of a check, and counts the rest.

`OF_TABLES` reads the tables alone; `OF_CHAT` also what their rows name: timers, messages, conversations, accounts.
"""

from __future__ import annotations

from . import appointments, consents, conversations, plans, timers, waiting

OF_TABLES = appointments.OF_TABLES | timers.OF_TABLES | plans.OF_TABLES | waiting.OF_TABLES
OF_CHAT = (
    appointments.OF_CHAT
    | timers.OF_CHAT
    | conversations.OF_CHAT
    | plans.OF_CHAT
    | consents.OF_CHAT
    | waiting.OF_CHAT
)
CHECKS = OF_TABLES | OF_CHAT
