"""What the server tells of conversations: who comes and goes, and what is edited. In staff groups that says who is staff."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from imserver.plugin_api import Content, Transaction

from .conversations import service_at, shop_of_staff_group
from .dialogue import take_over
from .messages.shop_texts import ShopTexts
from .schedule.asked_by_staff import tell_all_staff, tell_conversation

_OF_MEMBERS = frozenset({"added", "removed", "left"})
_OF_MESSAGES = frozenset({"edited", "retracted"})


@dataclass(frozen=True, slots=True)
class Told:
    """A system message: `user` came, went or has another role, or the message at `target` says something else now."""

    conversation_id: str
    event: str
    user: str = ""
    target: int = 0


def told_in(conversation_id: str, content: Content) -> Told | None:
    """What a message of the server's own tells; None for any other, and for what concerns nobody here."""
    event: Any = content.get("event") if content.get("type") == "system" else None
    user, target = content.get("user"), content.get("target")
    if event in _OF_MEMBERS and isinstance(user, str):
        return Told(conversation_id, event, user=user)
    if event in _OF_MESSAGES and isinstance(target, int):
        return Told(conversation_id, event, target=target)
    return None


def hear(tx: Transaction, texts: ShopTexts, told: Told) -> None:
    """Whose pages show something else now; and nobody has a conversation who is not of the staff any more."""
    service = service_at(tx, told.conversation_id)
    if service is not None:
        if told.user == service.customer_id or (told.target and told.target == service.waiting_position):
            tell_conversation(tx, service.store_id, service.conversation_id)
        return
    store_id = shop_of_staff_group(tx, told.conversation_id) if told.user else None
    if store_id is not None:
        tell_all_staff(tx, users=[told.user])
        take_over.look_after(tx, store_id)
