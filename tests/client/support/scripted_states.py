"""What a server says of state in a test, step by step, and what a client shows of it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from imserver_client import (
    Client,
    ClientEvent,
    ClientLimits,
)
from imserver_client.core.state import ConversationState
from imserver_protocol import RequestReceived
from tests.client.support.fake_server import FakeServer, Peer

STARS = {"x-stars": 1}
MINE = {"x-stars": True}
PROMPT = ClientLimits(report_every_s=0.01, save_state_every_s=0.01, ask_again_s=0.01)


class Scripted:
    """What this server says of state: `changes`, ends of rows, and pages of one conversation "c" with `count` messages.

    The row of `check` replaces, so what was pushed has to be in `row`, `settings` and `account` before a session ends.
    """

    def __init__(self, server: FakeServer, count: int = 4) -> None:
        self.server = server
        self.row: list[Any] = [None, None]
        self.settings: dict[str, Any] = {}
        self.account: list[Any] = []
        #: Answers to `changes`, and what was asked: a function may answer when it likes.
        self.changes: list[Any] = []
        self.asked: list[Any] = []
        #: Of each position; and the modseq of a page.
        self.state: dict[int, list[Any]] = {}
        self.modseq = 0
        server.chat.conversation("c", "alice", "bob")
        for number in range(count):
            server.say("c", "bob", str(number))
        server.script = self.answer

    def answer(self, peer: Peer, request: RequestReceived) -> bool:
        if request.method == "changes":
            self.asked.append(tuple(request.params[:2]))
            if self.changes:
                answer = self.changes.pop(0)
                if callable(answer):
                    answer(peer, request)
                else:
                    self.server.reply(peer, request, answer)
            return True
        if request.method == "history":
            page = self.server.chat.history("alice", *request.params)
            items = [[*one, *self.state.get(one[0], ())] for one in page[0]]
            self.server.reply(peer, request, [items, *page[1:], self.modseq])
            return True
        if request.method == "sync":
            rows, token, more = self.server.chat.sync("alice", *request.params)
            self.server.reply(peer, request, [[self._whole(row) for row in rows], token, more, *self.account])
            return True
        if request.method == "check":
            answers = self.server.chat.check("alice", *request.params)[0]
            answers = [answer and [*answer[:2], self._whole(answer[2])] for answer in answers]
            self.server.reply(peer, request, [answers, *(self.account or [None, None])])
            return True
        return False

    def _whole(self, row: list[Any]) -> list[Any]:
        """A row of the chat, with its state."""
        return [*row[:9], self.settings, row[10], *self.row] if row[0] == "c" else row

    def touch(self) -> None:
        self.server.chat.touch(self.server.chat.conversations["c"])

    def item(self, modseq: int, *items: Any) -> None:
        self.server.push("alice", "item", "c", modseq, list(items))

    def hint(self, modseq: int) -> None:
        self.server.push("alice", "item", "c", modseq, None)


@pytest.fixture
async def state(server: FakeServer) -> Scripted:
    return Scripted(server)


async def next_of(events: Any, *kinds: type[ClientEvent]) -> Any:
    async with asyncio.timeout(10):
        while True:
            event = await anext(events)
            if isinstance(event, kinds):
                return event


def of(client: Client, name: str = "c") -> ConversationState[bytes]:
    return client._core.states._states[name]


async def settle(client: Client) -> None:
    """Everything that was sent before is here."""
    await client.cursor("c")
