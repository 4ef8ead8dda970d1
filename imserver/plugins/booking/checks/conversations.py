"""Checks of who is where: conversations, groups and accounts that rows name exist, and what was said to them can be read."""

from __future__ import annotations

import msgspec

from imserver.plugin_api import Role, Snapshot
from imserver.plugins.booking.dialogue import emergency
from imserver.plugins.booking.dialogue.state import Dialogue
from imserver.plugins.booking.understanding.alarms import KINDS as KINDS_OF_ALARM


def places_exist(look: Snapshot) -> list[str]:
    """Service conversations and staff groups exist and belong to one of our bots; customers have accounts."""
    rows = look("SELECT conversation_id, customer_id FROM booking_services")
    rows += look("SELECT conversation_id, NULL FROM booking_staff_groups")
    look.looked_at(len(rows))
    found = []
    for conversation_id, customer_id in rows:
        owners = [name for name, role in look.added(conversation_id).items() if role is Role.OWNER]
        owner = look.user(owners[0]) if owners else None
        if owner is None or "bot" not in owner.roles:
            found.append(f"{conversation_id} does not exist, or belongs to {', '.join(owners) or 'nobody'}")
        if customer_id is not None and look.user(customer_id) is None:
            found.append(f"{conversation_id} is with {customer_id}, who has no account")
    found += [
        f"something is known of {name}, who has no account"
        for (name,) in look("SELECT user_id FROM booking_customers")
        if look.user(name) is None
    ]
    return found


def staff_are_a_team(look: Snapshot) -> list[str]:
    """The team of each service conversation is the staff group of its shop; added to it were the customer, the shop's bot,
    guests, and nobody else. Nobody who was ever staff is a former member: these read what was said."""
    groups: dict[str, str] = dict(look("SELECT store_id, conversation_id FROM booking_staff_groups"))
    ever = {row[0] for row in look("SELECT user_id FROM booking_staff")}
    guests = set(look("SELECT conversation_id, user_id FROM booking_guests"))
    rows = look("SELECT conversation_id, store_id, customer_id FROM booking_services WHERE by_team = 1")
    look.looked_at(len(rows))
    found = []
    for conversation_id, store_id, customer_id in rows:
        team, added = look.team(conversation_id), look.added(conversation_id)
        if team is None or team != groups.get(store_id):
            found.append(f"{conversation_id} has the team {team}, not the staff of {store_id}")
        if customer_id not in added:
            found.append(f"{conversation_id} is with {customer_id}, who was never added to it")
        others = {
            user_id
            for user_id, role in added.items()
            if user_id != customer_id
            and role is not Role.OWNER
            and (user_id in ever if role is None else (conversation_id, user_id) not in guests)
        }
        found += [f"{user_id} is in {conversation_id} by more than the team" for user_id in sorted(others)]
    return found


def alarms_are_sane(look: Snapshot) -> list[str]:
    """What was told about an alarm: to somebody who has an account, at some time, and of families that exist, each once and
    only where there was the urgent card."""
    families = {emergency.family_of(kind) for kind in KINDS_OF_ALARM}
    rows = look("SELECT customer_id, urgent_at, careful_at, told FROM booking_alarms")
    look.looked_at(len(rows))
    found = []
    for customer_id, urgent_at, careful_at, text in rows:
        told = text.split()
        if look.user(customer_id) is None:
            found.append(f"an alarm is of {customer_id}, who has no account")
        if min(urgent_at, careful_at) < 0 or not max(urgent_at, careful_at):
            found.append(f"{customer_id} was told of an alarm at {urgent_at} and carefully at {careful_at}")
        if bool(told) != bool(urgent_at) or len(set(told)) < len(told) or not families.issuperset(told):
            found.append(f"{customer_id} had the urgent card at {urgent_at}, told {text!r}")
    return found


def questions_can_be_read(look: Snapshot) -> list[str]:
    """Every stored dialogue decodes, and names an appointment that exists."""
    appointments = {row[0] for row in look("SELECT id FROM booking_appointments")}
    rows = look("SELECT conversation_id, user_id, state FROM booking_dialogues")
    look.looked_at(len(rows))
    found = []
    for conversation_id, user_id, text in rows:
        try:
            state = msgspec.json.decode(text, type=Dialogue)
        except msgspec.DecodeError as error:
            found.append(f"the question to {user_id} in {conversation_id}: {error}")
            continue
        if state.appointment_id and state.appointment_id not in appointments:
            found.append(
                f"the question to {user_id} in {conversation_id} is about appointment {state.appointment_id}"
            )
    return found


OF_CHAT = {
    "places exist": places_exist,
    "staff are a team": staff_are_a_team,
    "alarms are sane": alarms_are_sane,
    "questions can be read": questions_can_be_read,
}
