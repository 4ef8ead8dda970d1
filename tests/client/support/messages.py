"""Messages as a client takes them."""

from __future__ import annotations

import asyncio

from imserver_client import (
    Posted,
)
from imserver_protocol import decode_content
from tests.client.support.fake_server import FakeServer


async def take(client, count: int) -> list[str]:
    """`conversation:position:text` of the next messages."""
    messages = client.messages()
    found = [await anext(messages) for _ in range(count)]
    return [f"{one.conversation_id}:{one.position}:{one.text}" for one in found]


async def event(events, kind):
    while not isinstance(found := await anext(events), kind):
        pass
    return found


def texts(server: FakeServer, conversation_id: str = "c") -> list[str]:
    return [
        decode_content(one.content or b"")["text"]
        for one in server.chat.conversations[conversation_id].messages
    ]


def posts_of(client, count: int, conversation_id: str = "c") -> list[asyncio.Task[Posted]]:
    return [asyncio.create_task(client.post(conversation_id, str(number))) for number in range(count)]
