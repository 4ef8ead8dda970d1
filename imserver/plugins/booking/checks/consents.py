"""The check of consents."""

from __future__ import annotations

from imserver.plugin_api import Snapshot
from imserver.plugins.booking.schedule.consents import BOOKING


def consents_are_sane(look: Snapshot) -> list[str]:
    """Each is of somebody who has an account, to a version of a kind that there is; it ends by somebody, and not before it
    begins."""
    rows = look(
        "SELECT id, customer_id, kind, version, given_at, given_by, withdrawn_at, withdrawn_by FROM booking_consents"
    )
    look.looked_at(len(rows))
    found = []
    for number, customer_id, kind, version, given_at, given_by, withdrawn_at, withdrawn_by in rows:
        if look.user(customer_id) is None or not given_by:
            found.append(f"consent {number} is of {customer_id}, given by {given_by or 'nobody'}")
        if kind != BOOKING or not version:
            found.append(f"consent {number} is to version {version!r} of {kind!r}")
        if (withdrawn_at is None) == bool(withdrawn_by) or (withdrawn_at or given_at) < given_at:
            found.append(
                f"consent {number} was given at {given_at} and withdrawn at {withdrawn_at} by {withdrawn_by!r}"
            )
    return found


OF_CHAT = {"consents are sane": consents_are_sane}
