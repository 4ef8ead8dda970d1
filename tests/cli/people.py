"""A chat without a terminal, for tests: what it would show, as text, and a way to wait for it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence

from imserver.cli.chat.commands import handle_line
from imserver.cli.chat.render import Row, plain
from imserver.cli.chat.session import ChatSession
from imserver.clock import SystemClock
from imserver_client import Client

PATIENCE_S = 20


class Paper:
    """A screen that keeps every line."""

    width = 80

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._written = asyncio.Condition()

    async def show(self, rows: Sequence[Row]) -> None:
        async with self._written:
            self.lines += [plain(row) for row in rows]
            self._written.notify_all()

    def refresh(self) -> None: ...

    async def says(self, text: str, times: int = 1) -> str:
        """The last line with this text, as soon as there are so many of them."""

        def found() -> list[str]:
            return [line for line in self.lines if text in line]

        try:
            async with asyncio.timeout(PATIENCE_S), self._written:
                await self._written.wait_for(lambda: len(found()) >= times)
        except TimeoutError:
            raise AssertionError(f"{text!r} is not in:\n" + "\n".join(self.lines)) from None
        return found()[-1]


class Chatting:
    """One user at a paper screen."""

    def __init__(self, session: ChatSession, paper: Paper) -> None:
        self.session = session
        self.paper = paper

    async def type(self, *lines: str) -> None:
        for line in lines:
            await handle_line(self.session, line)

    async def says(self, text: str, times: int = 1) -> str:
        return await self.paper.says(text, times)


@contextlib.asynccontextmanager
async def chatting(client: Client, opens: str = "") -> AsyncIterator[Chatting]:
    """A session that reads what arrives, until the end of the block."""
    paper = Paper()
    session = ChatSession(client, paper, SystemClock())
    task = asyncio.ensure_future(session.run())
    try:
        await session.load_list()
        if opens:
            await handle_line(session, f"/open {opens}")
        yield Chatting(session, paper)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await session.close()
