"""`imserver trace NAME`: the frames of a user of the running server, asked for on its control socket, a few at a time.

The server keeps what a slow watcher has not taken, up to a bound, and counts the rest; one that asks no more is forgotten.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from pathlib import Path
from typing import Any

import click

from imserver.clock import SystemClock
from imserver.errors import StartError
from imserver.net.transport import ServerTransport
from imserver.server import Server
from imserver.trace.explainer import Line
from imserver.trace.live import LiveTrace, Wanted

from .app import EXIT_AGAIN, Setup, announce, fail
from .control import MAX_LINE_BYTES, Operation, as_json, ask, control_path
from .desk import Desk
from .run_cancellable import run_cancellable
from .token import check_name
from .trace_lines import heading, printer
from .words import count_words

#: Traces at once: each costs the server a little of every frame that it watches.
MAX_TRACES = 8
#: How long the server waits for lines before it answers that there are none (seconds).
WAIT_S = 2.0
#: A watcher that has not asked for so long has gone without a word (seconds).
SILENT_S = 15.0
#: Lines of one answer, and room for the map around them.
MAX_LINES_AN_ANSWER = 200
ANSWER_BYTES = MAX_LINE_BYTES - 1024
#: A line with several contents may be longer than an answer. In JSON a character has at most 6 bytes.
MAX_LINE_CHARS = (ANSWER_BYTES - 1024) // 6


class TraceOperations:
    """What a running server does for it: `trace` begins one, `trace_more` takes its lines, `trace_end` ends it."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._numbers = itertools.count(1)
        self._traces: dict[int, tuple[LiveTrace, asyncio.TimerHandle]] = {}
        #: Places that are taken by traces which are not on record yet.
        self._beginning = 0
        self.operations: dict[str, Operation] = {
            "trace": self._begin,
            "trace_more": self._more,
            "trace_end": self._end,
        }

    async def _begin(self, request: dict[str, Any]) -> dict[str, Any]:
        contents = request.pop("contents") is True
        if len(self._traces) + self._beginning >= MAX_TRACES:
            raise StartError(f"{MAX_TRACES} traces run already; end one of them")
        listener = self._server.listener
        wanted = Wanted(**request)
        connections = [one for one in listener.admission.transports if isinstance(one, ServerTransport)]
        users = {one.session.user_id for one in connections if one.session is not None and wanted.fits(one)}
        if wanted.connection is not None and not users:
            raise StartError(f"there is no connection {wanted.connection} that has logged in as that")
        # It watches before it is on record, or who logs in meanwhile would be missed. Nobody has its lines before that.
        trace = LiveTrace(wanted, listener.taps, self._server.clock, contents=contents)
        trace.begin(connections)
        self._beginning += 1
        try:
            for user_id in sorted(users | ({wanted.user_id} if wanted.user_id is not None else set())):
                await self._server.administration.traced(user_id, contents=contents)
        except BaseException:
            trace.end()
            raise
        finally:
            self._beginning -= 1
        number = next(self._numbers)
        self._keep(number, trace)
        self._server.log.info("trace_begun", **request, contents=contents)
        return {"number": number, "watched": trace.watched_count}

    async def _more(self, request: dict[str, Any]) -> dict[str, Any]:
        number = request.get("number")
        found = self._traces.get(number) if isinstance(number, int) else None
        if found is None or not isinstance(number, int):
            raise StartError("that trace has ended")
        self._keep(number, found[0])
        room = _Room(ANSWER_BYTES)
        lines, lost = await found[0].take(MAX_LINES_AN_ANSWER, WAIT_S, room.takes)
        return {"rows": [_fitting(line) for line in lines], "lost": lost}

    async def _end(self, request: dict[str, Any]) -> dict[str, Any]:
        self._forget(request.get("number", 0))
        return {}

    def _keep(self, number: int, trace: LiveTrace) -> None:
        """Have it end by itself once nobody asks any more."""
        if number in self._traces:
            self._traces[number][1].cancel()
        timer = asyncio.get_running_loop().call_later(SILENT_S, self._forget, number)
        self._traces[number] = trace, timer

    def _forget(self, number: int) -> None:
        found = self._traces.pop(number, None)
        if found is not None:
            trace, timer = found
            timer.cancel()
            trace.end()


class _Room:
    """Of one answer. Each line is measured once; what has no room waits for the next."""

    def __init__(self, most: int) -> None:
        self._left = most

    def takes(self, line: Line) -> bool:
        size = len(as_json(_fitting(line))) + len(", ")
        fits = size <= self._left
        self._left -= size if fits else 0
        return fits


def _fitting(line: Line) -> list[Any]:
    """A row for an answer that is empty otherwise."""
    more = len(line.text) - MAX_LINE_CHARS
    text = line.text if more <= 0 else f"{line.text[:MAX_LINE_CHARS]}… ({more} more characters)"
    return list(line._replace(text=text))


# -- the command --------------------------------------------------------------------------------------------------------


def watch(
    setup: Setup, name: str | None, device: str | None, connection: int | None, *, contents: bool
) -> int:
    """Print lines until Ctrl-C, or until the server ends. Returns the exit code."""
    if name is None and connection is None:
        raise click.UsageError("--device belongs to a NAME")
    if name is not None:
        check_name(name)
    try:
        return run_cancellable(_watch(setup, name, device, connection, contents))
    except asyncio.CancelledError:  # SIGTERM, SIGHUP: the usual end of what has no other
        return 0


async def _watch(
    setup: Setup, name: str | None, device: str | None, connection: int | None, contents: bool
) -> int:
    config = setup.config()
    path = control_path(config.store.path)
    if path is None:
        raise StartError("a server whose database is in memory has no control socket")
    if await ask(path, "status", {}) is None:  # first: a desk would open the database itself
        return fail(f"no server runs on {config.store.path}", EXIT_AGAIN)
    if name is not None:
        async with Desk(config, setup.folder) as desk:
            await desk.ask("user", user_id=name)  # says so if there is none, and who may have been meant
    wanted = {"user_id": name, "device_id": device, "connection": connection}
    begun = await ask(path, "trace", {**wanted, "contents": contents})
    if begun is None:
        return fail("the server has ended", EXIT_AGAIN)
    watched = count_words(begun["watched"], "connection")
    whose = "" if name is None else f" of {name}, and those to come"
    announce(f"Watching {watched}{whose}; Ctrl-C ends it.")
    try:
        return await _print(path, begun["number"])
    finally:
        with contextlib.suppress(StartError):  # by itself, then, when the server sees that nobody asks
            await asyncio.shield(ask(path, "trace_end", {"number": begun["number"]}))


async def _print(path: Path, number: int) -> int:
    if (text := heading()) != "":
        click.echo(text)
    tell_line = printer()
    while True:
        told = await ask(path, "trace_more", {"number": number})
        if told is None:
            return fail("the server has ended", EXIT_AGAIN)
        for row in told["rows"]:
            tell_line(Line(*row))
        if told["lost"]:
            at_ms = told["rows"][-1][0] if told["rows"] else SystemClock().now_ms()
            lost = f"{count_words(told['lost'], 'frame')} lost here: more than this trace takes"
            tell_line(Line(at_ms, 0, "", "", 0, 0, 0, lost))
