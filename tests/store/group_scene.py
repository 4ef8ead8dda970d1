"""A group that people leave, whose messages are edited meanwhile."""

from __future__ import annotations

from typing import Any

from imserver.model import Kind, Role, group_conversation_id
from tests.store.support import Stand, edit_message, key, post, said

GROUP = group_conversation_id("ann", key(90))


async def group(stand: Stand, kind: Kind = Kind.GROUP) -> None:
    """Ann's group with bob and cy, in which bob has said "2" and ann "3" (at these positions)."""
    members = {"bob": Role.MEMBER, "cy": Role.MEMBER}
    await stand.tx(lambda tx: tx.create_conversation("ann", key(90), kind, "team", members))
    await stand.post(post(2, "bob", GROUP), post(3, "ann", GROUP))


async def edit(stand: Stand, number: int, editor: str, position: int, text: str) -> int:
    told: tuple[int, int, bool] = await stand.tx(
        lambda tx: edit_message(tx, GROUP, editor, key(number), position, said(text))
    )
    return told[0]


async def leave(stand: Stand, number: int, user: str) -> int:
    told: tuple[int, bool] = await stand.tx(lambda tx: tx.remove_member(GROUP, user, key(number), user))
    return told[0]


async def shown(stand: Stand, user: str, *asked: Any) -> dict[int, tuple[bytes | None, int]]:
    """Position -> content and revision, as this user is shown them."""
    after, before, limit, room = asked or (0, None, 100, 9999)
    page = await stand.read(lambda reader: reader.history(GROUP, user, after, before, limit, room))
    return {item.position: (item.content, item.revision) for item in page.items}
