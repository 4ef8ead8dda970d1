"""The chat at a terminal of a test: keys go in, and what was written is read."""

from __future__ import annotations

import asyncio
import contextlib
import io
import re
from collections.abc import AsyncIterator

from prompt_toolkit.data_structures import Size
from prompt_toolkit.input import PipeInput, create_pipe_input
from prompt_toolkit.output.vt100 import Vt100_Output

from imserver.cli.chat.session import ChatSession
from imserver.cli.chat.terminal import TerminalScreen
from imserver.clock import SystemClock
from imserver_client import Client


class Terminal:
    """Keys go in; what was written comes out, without the escape sequences of the terminal itself."""

    def __init__(self, keys: PipeInput, written: io.StringIO, task: asyncio.Task[None]) -> None:
        self.type = keys.send_text
        self.task = task
        self._written = written

    @property
    def text(self) -> str:
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self._written.getvalue())

    async def shows(self, text: str) -> None:
        async with asyncio.timeout(20):
            while text not in self.text:
                assert not self.task.done(), self.text
                await asyncio.sleep(0.01)  # a terminal has no signal that it was written to


@contextlib.asynccontextmanager
async def terminal(client: Client, opens: str) -> AsyncIterator[Terminal]:
    written = io.StringIO()
    output = Vt100_Output(written, lambda: Size(rows=24, columns=80), term="xterm", enable_cpr=False)
    with create_pipe_input() as keys:
        screen = TerminalScreen(keys, output)
        session = ChatSession(client, screen, SystemClock())
        reading = asyncio.ensure_future(session.run())

        async def sit() -> None:
            await session.load_list()
            await session.open(client.direct(opens))
            await screen.run(session)

        task = asyncio.ensure_future(sit())
        try:
            yield Terminal(keys, written, task)
        finally:
            for each in (task, reading):
                each.cancel()
            await asyncio.gather(task, reading, return_exceptions=True)
            await session.close()
