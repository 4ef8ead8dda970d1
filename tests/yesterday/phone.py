"""A user's program on the Python client of any version: it does with it what the first one could, and so must run on all.

A line of JSON for each command, answer and event, as `imserver conform` has them (docs/clients.md), and a few more commands.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from typing import Any

import imserver_client as ims
from imserver_client.features.edits import Edited
from imserver_client.features.typing import Typing


def say(**line: Any) -> None:
    sys.stdout.write(json.dumps(line, default=plain) + "\n")
    sys.stdout.flush()


def plain(value: Any) -> Any:
    """What JSON does not have: bytes, and the maps of the client."""
    return value.hex() if isinstance(value, bytes) else dict(value)


#: What is told of an event, by its type.
TOLD: dict[type[Any], Callable[[Any], dict[str, Any]]] = {
    ims.ConnectionChanged: lambda one: {
        "event": "connection",
        "state": one.state.value,
        "resumed": one.resumed,
    },
    ims.CursorMoved: lambda one: {
        "event": "cursor",
        "conversation": one.conversation_id,
        "user": one.user_id,
        "delivered": one.cursor.delivered,
        "read": one.cursor.read,
    },
    ims.ItemChanged: lambda one: {
        "event": "item",
        "conversation": one.conversation_id,
        "position": one.position,
        "extra": one.extra,
    },
    Edited: lambda one: {
        "event": "edited",
        "conversation": one.conversation_id,
        "position": one.position,
        "text": text_of(one.content),
    },
    Typing: lambda one: {"event": "typing", "conversation": one.conversation_id, "user": one.user_id},
}


def text_of(content: Any) -> Any:
    return None if content is None else content.get("text")


class Phone:
    """One client, from `connect` on."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._client: ims.Client
        self._readers: list[asyncio.Task[None]] = []

    async def connect(self, address: str, token: str, device: str, store: str) -> None:
        self._client = await ims.connect(address, token=token, device_id=device, store=store)
        events = self._client.events()
        self._readers = [asyncio.create_task(self._messages()), asyncio.create_task(self._events(events))]

    async def close(self) -> None:
        await self._client.close(flush=False)

    async def direct(self, user: str) -> str:
        return self._client.direct(user)

    async def create(self, title: str, members: list[str]) -> str:
        return await self._client.create_group(title, members)

    async def post(self, conversation: str, text: str) -> int:
        return (await self._client.post(conversation, text)).position

    async def edit(self, conversation: str, position: int, text: str) -> None:
        await self._client.edits.edit(conversation, position, text)

    async def react(self, conversation: str, position: int, emoji: str) -> None:
        await self._client.reactions.put(conversation, position, emoji)

    async def reactions(self, conversation: str, position: int) -> list[Any]:
        shown = self._client.reactions.of(conversation, position).shown
        return [[one.emoji, one.count, one.user_ids] for one in shown]

    async def typing(self, conversation: str) -> None:
        self._client.typing.tell(conversation)

    async def read(self, conversation: str, position: int) -> None:
        self._client.mark_read(conversation, position)

    async def show(self, conversation: str) -> None:
        self._client.show(conversation)

    async def outbox(self) -> int:
        return len(self._client.outbox())

    async def history(self, conversation: str) -> list[Any]:
        page = await self._client.history(conversation)
        return [
            [one.position, one.sender_id, text_of(one.content), one.revision, one.key, one.extra]
            for one in page.items
        ]

    async def conversations(self) -> list[Any]:
        page = await self._client.conversations()
        return [
            [one.conversation_id, one.kind, one.title, one.head, one.unread] for one in page.conversations
        ]

    async def cursors(self, conversation: str) -> dict[str, Any]:
        cursors = self._client.cursors(conversation)
        return {user: [one.delivered, one.read] for user, one in cursors.items()}

    async def members(self, conversation: str) -> dict[str, str]:
        return {one.user_id: one.role for one in await self._client.members(conversation)}

    async def _messages(self) -> None:
        async for one in self._client.messages():
            say(
                client=self._name,
                event="message",
                conversation=one.conversation_id,
                position=one.position,
                sender=one.sender_id,
                text=one.text,
            )
            one.done()

    async def _events(self, events: Any) -> None:
        async for one in events:
            tell = TOLD.get(type(one))
            if tell is not None:
                say(client=self._name, **tell(one))


async def answer(number: int, work: Any) -> None:
    try:
        say(id=number, result=await work)
    except ims.Refused as refused:
        say(id=number, error={"code": refused.code, "text": refused.text})
    except ims.ClientError as error:
        say(id=number, error={"code": 0, "text": f"{type(error).__name__}: {error}"})


async def main() -> None:
    say(driver=1, name=ims.__file__, transports=["tcp"])
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    phones: dict[str, Phone] = {}
    tasks: set[asyncio.Task[None]] = set()
    while line := await reader.readline():
        said = json.loads(line)
        number, name, what = said.pop("id"), said.pop("client"), said.pop("do")
        phone = phones.setdefault(name, Phone(name))
        task = asyncio.create_task(answer(number, getattr(phone, what)(**said)))
        tasks.add(task)
        task.add_done_callback(tasks.discard)


if __name__ == "__main__":
    asyncio.run(main())
