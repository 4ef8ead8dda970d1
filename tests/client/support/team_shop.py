"""A shop whose staff see the conversations with customers by their team, as a scripted server has it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from imserver_client import (
    MemoryStorage,
    SqliteStorage,
)
from tests.client.support.fake_chat import FakeConversation
from tests.client.support.fake_server import FakeServer

STAFF = "group/staff"


@pytest.fixture
def shop(server: FakeServer) -> list[FakeConversation]:
    """Alice and the boss are staff; there are three service conversations with one message each, and one of Alice's own."""
    staff = server.chat.conversation(STAFF, "boss", "alice")
    service = [server.chat.conversation(f"s{number}", f"customer{number}", team=staff) for number in range(3)]
    for number in range(3):
        server.say(f"s{number}", f"customer{number}", "before", pushed=False)
    server.chat.conversation("own", "alice", "bob")
    return service


def kept(store: MemoryStorage | SqliteStorage) -> set[str]:
    """Conversations of which anything is stored."""
    saved = store.open()
    by_team = (name for name, trail in saved.trails.items() if trail.team is not None)
    names = {*saved.positions, *saved.states, *by_team}
    if isinstance(store, SqliteStorage):
        store.close()
    return names - {""}


async def settled(client: Any) -> None:
    """Everything that was asked for is answered."""
    await client.members("own")
    await asyncio.sleep(0.05)


class Steps(MemoryStorage):
    """Notes what each step of sync forgets, and with which token."""

    def __init__(self) -> None:
        super().__init__()
        self.ended: list[tuple[str | None, list[str]]] = []

    def save_sync(self, since: str | None, synced: bool, positions: Any, *more: Any, **named: Any) -> None:
        super().save_sync(since, synced, positions, *more, **named)
        forgotten = more[3] if len(more) > 3 else named.get("forgotten", ())
        if forgotten:
            self.ended.append((since, sorted(forgotten)))
