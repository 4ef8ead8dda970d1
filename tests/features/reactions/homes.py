"""What tests of reactions share: a group with a message, and short words for the two methods."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from imserver import Server
from imserver.check.consistency import check_file
from imserver.errors import Refusal, RefusalCode
from imserver.model import Kind
from imserver_protocol.methods.reactions import REACT, REACTED_BY, ReactedByParams, ReactParams
from imserver_protocol.methods.state import ItemStands

USERS = "ann bob cy eve"
#: The message that tests react to.
HERE = 2


async def group_of(server: Server, *members: str) -> str:
    """A group of ann's with two messages."""
    group, _, _ = await server.chat.create_conversation("ann", Kind.GROUP, "g", members)
    await server.chat.post("ann", group, "lunch?")
    return group


def seen(extra: Mapping[str, Any]) -> tuple[dict[str, list[Any]], int]:
    """What everybody sees: emoji, how many and who; and how many kinds there are."""
    if "reactions" not in extra:
        return {}, 0
    rows, kinds = extra["reactions"]
    return {emoji: [count, *people] for emoji, count, people in rows}, kinds


def mine(own: Mapping[str, Any]) -> list[str]:
    return list(own.get("reactions", ()))


async def react(
    server: Server, user_id: str, group: str, emoji: str, position: int = HERE, *, on: bool = True
) -> ItemStands:
    return await server.call(REACT, user_id, ReactParams(group, position, emoji, on))


async def refused(
    server: Server, user_id: str, group: str, emoji: str, position: int = HERE, *, on: bool = True
) -> tuple[RefusalCode, Any]:
    with pytest.raises(Refusal) as told:
        await react(server, user_id, group, emoji, position, on=on)
    return told.value.code, told.value.detail


async def people_of(server: Server, user_id: str, group: str, *asked: Any) -> tuple[list[Any], str | None]:
    """A page of who reacted: `asked` is emoji, after, limit."""
    page = await server.call(REACTED_BY, user_id, ReactedByParams(group, HERE, *asked))
    return [[one.user_id, *one.emoji] for one in page.people], page.next


async def found_by_checks(server: Server | Path) -> tuple[list[str], dict[str, int]]:
    """What `imserver check` finds of reactions, and how much it looked at."""
    path = server if isinstance(server, Path) else Path(server.config.store.path)
    report = await check_file(path, {})
    asked = {name: count for name, count in report.checked.items() if name.startswith("reactions: ")}
    return [one.text for one in report.findings if one.check.startswith("reactions: ")], asked
