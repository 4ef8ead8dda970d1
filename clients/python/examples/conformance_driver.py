"""The driver of the Python client for `imserver conform`: lines of JSON in, lines of JSON out (docs/clients.md has them all).

imserver conform -- python clients/python/examples/conformance_driver.py
imserver conform --transport websocket -- python clients/python/examples/conformance_driver.py
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Coroutine
from typing import Any

import imserver_client as ims
from imserver_client import events
from imserver_client.features.blocks import BlockChanged
from imserver_client.features.edits import Edited
from imserver_client.features.typing import Typing

LONGEST_LINE = 8 * 1024 * 1024


def say(**line: Any) -> None:
    sys.stdout.write(json.dumps(line, ensure_ascii=False, default=plain) + "\n")
    sys.stdout.flush()


def plain(value: Any) -> Any:
    """What JSON does not have: bytes as digits, and the maps of the client as maps."""
    return value.hex() if isinstance(value, bytes) else dict(value)


class Tokens:
    """One after the other, each when the last one was refused."""

    def __init__(self, tokens: list[str]) -> None:
        self._left = list(tokens)
        self._last = ""

    def __call__(self) -> str:
        self._last = self._left.pop(0) if self._left else self._last
        return self._last


class Driven:
    """One client: its commands, and what it tells."""

    def __init__(self, name: str, environment: ims.Environment | None = None) -> None:
        self.name = name
        self._environment = environment or ims.Environment()
        self._connected: asyncio.Future[ims.Client] = asyncio.get_running_loop().create_future()
        self._tasks: list[asyncio.Task[Any]] = []

    async def client(self) -> ims.Client:
        """The client, once `connect` has made it."""
        return await asyncio.shield(self._connected)

    def tell(self, event: str, **fields: Any) -> None:
        say(client=self.name, event=event, **fields)

    # -- commands: a method for each `do` ------------------------------------------------------------------------------

    async def do_connect(self, address: str, tokens: list[str], device: str, store: str) -> None:
        me = asyncio.current_task()
        assert me is not None
        self._tasks.append(me)
        try:
            client = await ims.connect(
                f"imserver+{address}" if address.startswith("ws:") else address,
                token=Tokens(tokens),
                device_id=device,
                store=store,
                timeout=None,
                environment=self._environment,
            )
        except ims.Stopped as stopped:
            self.tell("stopped", code=stopped.code, text=stopped.text)
            raise
        self._tasks = [asyncio.create_task(self._messages(client)), asyncio.create_task(self._events(client))]
        self._connected.set_result(client)

    async def do_close(self) -> None:
        await (await self.client()).close()

    async def do_kill(self) -> None:
        """The scenario is over: as a kill, but for the process, in which others go on."""
        if self._connected.done():
            await self._connected.result().abort()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def do_post(
        self, conversation: str, content: dict[str, Any], key: str | None = None
    ) -> dict[str, Any]:
        posted = await (await self.client()).post(
            conversation, content, key=bytes.fromhex(key) if key else None
        )
        return {"position": posted.position, "key": posted.key}

    async def do_abandon(self, conversation: str, key: str) -> dict[str, Any]:
        posted = await (await self.client()).abandon(conversation, bytes.fromhex(key))
        return {"position": posted.position if posted is not None else None}

    async def do_edit(self, conversation: str, position: int, content: dict[str, Any]) -> dict[str, Any]:
        edit = await (await self.client()).edits.edit(conversation, position, content)
        return {"position": edit.position, "revision": edit.revision}

    async def do_react(self, conversation: str, position: int, emoji: str, on: bool) -> None:
        reactions = (await self.client()).reactions
        await (reactions.put if on else reactions.remove)(conversation, position, emoji)

    async def do_block(self, user: str, on: bool) -> None:
        blocks = (await self.client()).blocks
        await (blocks.put if on else blocks.remove)(user)

    async def do_typing(self, conversation: str) -> None:
        (await self.client()).typing.tell(conversation)

    async def do_read(self, conversation: str, position: int) -> None:
        (await self.client()).mark_read(conversation, position)

    async def do_create(self, title: str, members: list[str]) -> dict[str, Any]:
        return {"conversation": await (await self.client()).create_group(title, members)}

    async def do_add(self, conversation: str, user: str) -> dict[str, Any]:
        return {"position": await (await self.client()).add_member(conversation, user)}

    async def do_leave(self, conversation: str) -> dict[str, Any]:
        return {"position": await (await self.client()).leave(conversation)}

    async def do_history(self, conversation: str, before: int | None, limit: int) -> dict[str, Any]:
        page = await (await self.client()).history(conversation, before=before, limit=limit)
        return {"positions": [item.position for item in page.items]}

    async def do_renew(self, token: str) -> dict[str, Any]:
        return {"expires_at_ms": await (await self.client()).renew(token)}

    async def do_show(self, conversation: str) -> None:
        (await self.client()).show(conversation)

    async def do_item(self, conversation: str, position: int) -> dict[str, Any] | None:
        item = (await self.client()).item(conversation, position)
        return None if item is None else {"extra": item.extra, "mine": item.mine}

    async def do_about(self, conversation: str) -> Any:
        return (await self.client()).about(conversation)

    async def do_settings(self, conversation: str) -> Any:
        return (await self.client()).settings(conversation)

    async def do_account(self) -> Any:
        return (await self.client()).account()

    # -- what the client tells -----------------------------------------------------------------------------------------

    async def _messages(self, client: ims.Client) -> None:
        try:
            async for message in client.messages():
                self.tell(
                    "message",
                    conversation=message.conversation_id,
                    position=message.position,
                    sender=message.sender_id,
                    key=message.key,
                    content=message.content,
                    redelivered=message.redelivered,
                )
        except ims.ClientError:
            pass  # the events say it

    async def _events(self, client: ims.Client) -> None:
        try:
            async for event in client.events():
                self._event(event)
        except ims.Stopped as stopped:
            self.tell("stopped", code=stopped.code, text=stopped.text)
        except ims.ClientError:
            pass

    def _event(self, event: events.ClientEvent) -> None:
        tell = _TOLD.get(type(event))
        if tell is not None:
            name, fields = tell(event)
            self.tell(name, **fields)


def _settled(event: events.PostSettled) -> tuple[str, dict[str, Any]]:
    code = event.error.code if isinstance(event.error, ims.Refused) else 0
    position = event.posted.position if event.posted is not None else None
    return "settled", {
        "conversation": event.conversation_id,
        "key": event.key,
        "position": position,
        "code": code,
    }


def _gone(event: events.PostsGone) -> tuple[str, dict[str, Any]]:
    return "gone", {"conversation": event.conversation_id, "keys": [post.key.hex() for post in event.posts]}


#: The name and fields of an event on the line, by its type.
_TOLD: dict[type[Any], Callable[[Any], tuple[str, dict[str, Any]]]] = {
    events.CursorMoved: lambda one: (
        "cursor",
        {
            "conversation": one.conversation_id,
            "user": one.user_id,
            "delivered": one.cursor.delivered,
            "read": one.cursor.read,
        },
    ),
    events.Retracted: lambda one: (
        "retracted",
        {"conversation": one.conversation_id, "position": one.position, "revision": one.revision},
    ),
    events.ItemChanged: lambda one: (
        "item",
        {"conversation": one.conversation_id, "position": one.position, "extra": one.extra, "mine": one.mine},
    ),
    events.AboutChanged: lambda one: ("about", {"conversation": one.conversation_id, "about": one.about}),
    events.SettingsChanged: lambda one: (
        "settings",
        {"conversation": one.conversation_id, "settings": one.settings},
    ),
    events.AccountChanged: lambda one: ("account", {"account": one.account}),
    events.PostSettled: _settled,
    events.PostsGone: _gone,
    events.HistoryReplaced: lambda one: (
        "replaced",
        {"conversation": one.conversation_id, "agreed": one.agreed},
    ),
    Edited: lambda one: (
        "edited",
        {
            "conversation": one.conversation_id,
            "position": one.position,
            "revision": one.revision,
            "content": one.content,
        },
    ),
    Typing: lambda one: ("typing", {"conversation": one.conversation_id, "user": one.user_id}),
    BlockChanged: lambda one: ("blocked", {"user": one.user_id, "on": one.blocked}),
}


async def answer(number: int, work: Coroutine[Any, Any, Any]) -> None:
    try:
        say(id=number, result=await work)
    except ims.Refused as refused:
        say(id=number, error={"code": refused.code, "text": refused.text, "detail": refused.detail})
    except ims.Stopped as stopped:
        say(id=number, error={"code": stopped.code, "text": stopped.text})
    except ims.ClientError as error:
        say(id=number, error={"code": 0, "text": f"{type(error).__name__}: {error}"})


async def drive(make: Callable[[str], Driven] = Driven) -> None:
    """Until the judge closes our input. `make` makes a client of a name."""
    say(driver=1, name="imserver_client (Python)", transports=["tcp", "websocket"], lacks=[], clients=64)
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=LONGEST_LINE)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    driven: dict[str, Driven] = {}
    tasks: set[asyncio.Task[None]] = set()
    while line := await reader.readline():
        said = json.loads(line)
        number, name, what = said.pop("id"), said.pop("client"), said.pop("do")
        client = driven.setdefault(name, make(name))
        task = asyncio.create_task(answer(number, getattr(client, f"do_{what}")(**said)))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    await asyncio.gather(*(client.do_kill() for client in driven.values()))
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


if __name__ == "__main__":
    asyncio.run(drive())
