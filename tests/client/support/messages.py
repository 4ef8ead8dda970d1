"""Messages as a client takes them."""

from __future__ import annotations


async def take(client, count: int) -> list[str]:
    """`conversation:position:text` of the next messages."""
    messages = client.messages()
    found = [await anext(messages) for _ in range(count)]
    return [f"{one.conversation_id}:{one.position}:{one.text}" for one in found]


async def event(events, kind):
    while not isinstance(found := await anext(events), kind):
        pass
    return found
