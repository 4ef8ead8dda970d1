"""The conversations of the plugin: staff groups and service conversations."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Literal

import msgspec

from imserver.plugin_api import Audience, Kind, Refusal, Role, Transaction

from .messages.texts import Catalogue, language_of
from .schedule.asked import tell_mine
from .schedule.asked_by_staff import STAFF_GROUP, tell_conversation
from .schedule.guests import called
from .schedule.rows import Rows
from .schedule.shops import Chain, Shop


class ServiceConversation(msgspec.Struct, frozen=True):
    """A row of `booking_services`: the conversation of a shop with a customer. What changes of it, and what that means, is
    `waiting.py`."""

    conversation_id: str
    store_id: str
    customer_id: str
    last_human_at: int
    #: Since when a text waits for people, why (`waiting.Why`, "" if none does), and where that text stands.
    waiting_since: int | None
    waiting_why: str
    waiting_position: int | None
    #: Who of the staff has taken it over ("" is nobody), and since when.
    taken_by: str
    taken_at: int
    given_back_at: int
    #: When customer or staff last said something there.
    active_at: int


def dialogue_rows(tx: Rows, conversation_id: str) -> list[tuple[str, str, int]]:
    """(user, state, time of it) of each open question in a conversation. Also who wants one of them asks for all: so a turn
    reads them once."""
    rows: list[Any] = tx.execute(
        "SELECT user_id, state, updated_at FROM booking_dialogues WHERE conversation_id = ?",
        (conversation_id,),
    )
    return rows


def disarm(tx: Transaction, conversation_id: str) -> None:
    """The shop says something of its own there: the next yes of anybody may be meant for that, and only asks again."""
    for user_id, text, _ in dialogue_rows(tx, conversation_id):
        state = msgspec.json.decode(text, type=dict[str, Any])
        if state.get("step") == "confirm":
            tx.execute(
                "UPDATE booking_dialogues SET state = ? WHERE conversation_id = ? AND user_id = ?",
                (msgspec.json.encode(state | {"step": "confirm_again"}).decode(), conversation_id, user_id),
            )


def staff_group(tx: Rows, store_id: str) -> str | None:
    rows = tx.execute(STAFF_GROUP, (store_id,))
    return rows[0][0] if rows else None


def shop_of_staff_group(tx: Transaction, conversation_id: str) -> str | None:
    rows = tx.execute(
        "SELECT store_id FROM booking_staff_groups WHERE conversation_id = ?", (conversation_id,)
    )
    return rows[0][0] if rows else None


def staff_of(tx: Transaction, shop: Shop) -> set[str]:
    """The staff of a shop: the present members of its staff group."""
    group = staff_group(tx, shop.id)
    members: Audience = {} if group is None else tx.members(group)
    return {user_id for user_id in members if user_id != shop.bot}


def staff_role(members: Audience, shop: Shop, user_id: str) -> Literal["admin", "member"] | None:
    """What somebody is in the staff group of a shop, whose members these are; None for whoever is not in it. Admins are named
    in the chain file, or in the group."""
    if user_id not in members or user_id == shop.bot:
        return None
    named = any(one.admin for one in shop.resources if one.user_id == user_id)
    return "admin" if named or members[user_id] is not Role.MEMBER else "member"


def staff_admins(tx: Transaction, shop: Shop) -> set[str]:
    """Who makes sign-in links for the staff of a shop."""
    group = staff_group(tx, shop.id)
    members: Audience = {} if group is None else tx.members(group)
    return {user_id for user_id in members if staff_role(members, shop, user_id) == "admin"}


def service_conversation(
    tx: Transaction, chain: Chain, catalogue: Catalogue, shop: Shop, customer_id: str
) -> str:
    """The conversation of a shop with a customer, made now if there is none. Its team is the staff group: who is in that has it
    whole, and who leaves that reads nothing of it."""
    known = known_service(tx, shop.id, customer_id)
    if known is not None:
        return known
    conversation_id = tx.ensure_conversation(
        f"service/{shop.id}/{customer_id}",
        Kind.GROUP,
        {shop.bot: Role.OWNER, customer_id: Role.MEMBER},
        title=_title(tx, chain, catalogue, shop, customer_id),
        owner_id=shop.bot,
        team=staff_group(tx, shop.id),
    )
    tx.execute(
        "INSERT INTO booking_services (conversation_id, store_id, customer_id, created_at, active_at, by_team)"
        " VALUES (?, ?, ?, ?, ?, 1)",
        (conversation_id, shop.id, customer_id, tx.now_ms, tx.now_ms),
    )
    tell_mine(tx, customer_id)
    tell_conversation(tx, shop.id, conversation_id)
    return conversation_id


def _title(tx: Transaction, chain: Chain, catalogue: Catalogue, shop: Shop, customer_id: str) -> str:
    customer = tx.user(customer_id)
    language = language_of(customer.language) if customer else chain.staff_language
    store, name = shop.names.in_language(language), called(tx, customer_id)
    return catalogue.words(language, shop)("service_title", store=store, name=name)[:200]


def follow_name(tx: Transaction, chain: Chain, catalogue: Catalogue, customer_id: str) -> None:
    """Somebody is called otherwise: their conversations are titled so where titles are all that one sees (a terminal)."""
    for service in services_of(tx, customer_id):
        shop = chain.shop(service.store_id)
        if shop is None:
            continue
        with suppress(Refusal):  # a name that is no title, such as a bot's: it keeps the one that it has
            tx.set_title(service.conversation_id, _title(tx, chain, catalogue, shop, customer_id))


def known_service(tx: Transaction, store_id: str, customer_id: str) -> str | None:
    """The conversation of a shop with a customer, if there is one."""
    rows = tx.execute(
        "SELECT conversation_id FROM booking_services WHERE store_id = ? AND customer_id = ?",
        (store_id, customer_id),
    )
    return str(rows[0][0]) if rows else None


def has_left(tx: Transaction, conversation_id: str, customer_id: str) -> bool:
    """Whether the customer of a service conversation is not in it any more: what is said there does not reach them."""
    return customer_id not in tx.members(conversation_id)


#: The columns of a `ServiceConversation`, in order.
SERVICE = (
    "SELECT conversation_id, store_id, customer_id, last_human_at, waiting_since, waiting_why, waiting_position, taken_by,"
    " taken_at, given_back_at, active_at FROM booking_services"
)


def service_at(tx: Rows, conversation_id: str) -> ServiceConversation | None:
    rows = tx.execute(f"{SERVICE} WHERE conversation_id = ?", (conversation_id,))
    return ServiceConversation(*rows[0]) if rows else None


def services_of(tx: Rows, customer_id: str) -> list[ServiceConversation]:
    """Every shop that a customer has opened, the latest first."""
    rows: list[tuple[Any, ...]] = tx.execute(
        f"{SERVICE} WHERE customer_id = ? ORDER BY created_at DESC, store_id", (customer_id,)
    )
    return [ServiceConversation(*row) for row in rows]
