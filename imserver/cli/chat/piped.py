"""The chat without a terminal: lines from a pipe are posted in order, answers are printed as plain text."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import threading
from collections.abc import Sequence
from typing import BinaryIO, TextIO

from .commands import handle_line
from .render import Row, plain
from .session import ChatSession

#: Lines read ahead of the posts.
MAX_LINES_AHEAD = 100
#: Cells of a line; a pipe needs no wrapping.
PIPE_CELLS = 100
#: Longest time for answers after the last line, however soon each follows the other (seconds).
MAX_SETTLE_S = 30.0


class PipedScreen:
    """Prints rows as text, at once. Errors go to standard error."""

    width = PIPE_CELLS

    def __init__(self, output: TextIO, errors: TextIO) -> None:
        self._output = output
        self._errors = errors

    async def show(self, rows: Sequence[Row]) -> None:
        for row in rows:
            if any(style == "class:error" for style, _ in row):
                with contextlib.suppress(OSError):  # nobody hears; the exit code says it, too
                    print(plain(row), file=self._errors, flush=True)
            else:
                print(plain(row), file=self._output, flush=True)

    def refresh(self) -> None:
        """Nothing: a pipe shows no status."""


class PipedInput:
    """Lines of a file, read on a thread: a pipe may stay silent for ever, and a file cannot be waited for."""

    def __init__(self, file: BinaryIO) -> None:
        self._queue: asyncio.Queue[str | None] = asyncio.Queue(MAX_LINES_AHEAD)
        self._loop = asyncio.get_running_loop()
        self._file = file
        threading.Thread(target=self._read, name="piped-input", daemon=True).start()

    async def line(self) -> str | None:
        """The next line without its end, or None at the end of the input."""
        return await self._queue.get()

    def _read(self) -> None:
        try:
            for line in self._file:
                self._hand_over(line.decode("utf-8", "replace").rstrip("\r\n"))
            self._hand_over(None)
        except (RuntimeError, OSError, ValueError):
            return  # the loop or the file was closed: there is no reader any more

    def _hand_over(self, line: str | None) -> None:
        asyncio.run_coroutine_threadsafe(self._queue.put(line), self._loop).result()


async def run_piped(session: ChatSession, lines: PipedInput, *, settle_s: float, wait_s: float) -> None:
    """Post every line, wait until all are stored, print the answers until no more arrive."""
    while (line := await lines.line()) is not None:
        if line.strip().isdigit():  # it may press a button of an answer that is still on its way
            await _settled(session, settle_s, wait_s)
        if not await handle_line(session, line):
            break
    await _settled(session, settle_s, wait_s)


async def _settled(session: ChatSession, settle_s: float, wait_s: float) -> None:
    try:
        async with asyncio.timeout(wait_s):
            await session.posted()
    except TimeoutError:
        await session.complain(f"{session.posting} lines have no answer after {wait_s:g} s")
        return
    loop = asyncio.get_running_loop()
    end = loop.time() + MAX_SETTLE_S
    while loop.time() < end:
        session.arrived.clear()
        try:
            async with asyncio.timeout(settle_s):
                await session.arrived.wait()
        except TimeoutError:
            return


def standard_streams() -> tuple[BinaryIO, TextIO, TextIO]:
    """Standard input as bytes, output and errors as text; UTF-8 whatever the locale says."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="replace")
    return sys.stdin.buffer, sys.stdout, sys.stderr
