"""Checks of contacts: who waits for an answer, who is there by an act of his own, who left by himself, who brought how many."""

from __future__ import annotations

from imserver.store.checks.check_run import CheckRun

CONTACTS, INVITATIONS = "contacts", "invitations"

_WRONG_REQUESTS = (
    "SELECT conversation_id, asked_by FROM conversations c WHERE asked_by IS NOT NULL AND (kind <> 'direct'"
    " OR NOT EXISTS (SELECT 1 FROM members m WHERE m.conversation_no = c.no AND m.user_no = c.asked_by))"
)
_WRONG_ARRIVALS = (
    "SELECT a.conversation_no, a.user_no FROM own_acts a LEFT JOIN members m ON m.conversation_no = a.conversation_no"
    " AND m.user_no = a.user_no WHERE m.user_no IS NULL OR m.left_at IS NOT NULL"
)
_WRONG_DEPARTURES = (
    "SELECT d.conversation_no, d.user_no, d.at FROM departures d LEFT JOIN members m"
    " ON m.conversation_no = d.conversation_no AND m.user_no = d.user_no WHERE m.left_at IS NULL OR d.at < 0"
)
_WRONG_INVITED = "SELECT user_no, day, people FROM invited WHERE user_no NOT IN (SELECT no FROM users) OR day < 0 OR people < 1"


def contacts(run: CheckRun) -> None:
    """Check that who waits for an answer is one of two; and that members come and go as they can."""
    run.looked_at(CONTACTS, run.number("SELECT count(*) FROM conversations WHERE asked_by IS NOT NULL"))
    run.list(
        CONTACTS, _WRONG_REQUESTS, lambda name, no: f"{name}: {run.user(no)} waits for an answer, and may not"
    )
    run.list(
        CONTACTS,
        _WRONG_ARRIVALS,
        lambda no, user_no: (
            f"{run.conversation(no)}: {run.user(user_no)} came by an act of his own, and is not there"
        ),
    )
    run.list(
        CONTACTS,
        _WRONG_DEPARTURES,
        lambda no, user_no, at: (
            f"{run.conversation(no)}: {run.user(user_no)} left by himself at {at}, and did not"
        ),
    )


def invitations(run: CheckRun) -> None:
    """Check that what people brought on a day is counted for people."""
    run.looked_at(INVITATIONS, run.number("SELECT count(*) FROM invited"))
    run.list(
        INVITATIONS,
        _WRONG_INVITED,
        lambda no, day, people: f"{run.user(no)} brought {people} people on day {day}",
    )
