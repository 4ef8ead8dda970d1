"""The client's driver: a program by the client's author, which does with the client what the judge says, and tells what the
client says to its application. docs/clients.md has its protocol: a line of JSON for each command, answer and event.

The judge starts it, speaks to it on its standard input and output, and kills it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from imserver.errors import ImserverError
from imserver.features import NAMES

from .breach import Breach

#: The version of the lines between judge and driver.
DRIVER_VERSION: Final = 1
#: Longest line: a content of 1 MiB, as JSON.
LINE_BYTES: Final = 8 * 1024 * 1024
#: For the first line: interpreters start slowly on busy machines.
START_S: Final = 20.0
END_S: Final = 3.0
#: What a driver may say that its client lacks; scenarios name what they need of them.
PARTS: Final = (
    *NAMES,
    "abandon",
    "groups",
    "history",
    "kill",
    "lineage",
    "receipts",
    "renew",
    "states",
    "teams",
    "tokens",
)


#: What reading a line raises that is none of the protocol's; the last one for deep nesting.
_NO_LINE: Final = (ValueError, LookupError, TypeError, AttributeError, RecursionError)


class BadDriver(ImserverError):
    """The driver does not start, ends by itself, or does not speak its protocol."""


@dataclass(frozen=True, slots=True)
class Greeting:
    """The driver's first line."""

    name: str
    transports: tuple[str, ...]
    lacks: frozenset[str]
    #: Clients at the same time in one driver.
    clients: int


@dataclass
class Told:
    """What one client of the driver said."""

    events: list[dict[str, Any]] = field(default_factory=list)
    happened: Callable[[], None] = lambda: None


class Driver:
    """One process of the driver. `await Driver.start(…)`."""

    def __init__(self, process: asyncio.subprocess.Process, greeting: Greeting) -> None:
        self._process = process
        self.greeting = greeting
        self._ids = 0
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._clients: dict[str, Told] = {}
        #: Why it speaks no more.
        self.ended = ""
        self._reader = asyncio.get_running_loop().create_task(self._read())

    @classmethod
    async def start(cls, command: Sequence[str]) -> Driver:
        """Raises BadDriver."""
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                limit=LINE_BYTES,
                start_new_session=True,  # a kill of the driver is one of all that it started
            )
        except OSError as error:
            raise BadDriver(f"cannot start {command[0]}: {error.strerror}") from None
        try:
            assert process.stdout is not None
            async with asyncio.timeout(START_S):
                greeting = _greeting(await process.stdout.readline())
        except (TimeoutError, ValueError, BadDriver) as error:  # ValueError: no end of a line
            _kill(process)
            await _read_away(process)
            await process.wait()
            raise BadDriver(str(error) or f"the driver said nothing in {START_S:.0f} s") from None
        return cls(process, greeting)

    def client(self, name: str, told: Told) -> None:
        """From now on what this client says goes there."""
        self._clients[name] = told

    def forget(self, name: str) -> None:
        self._clients.pop(name, None)

    async def do(self, client: str, what: str, **arguments: Any) -> Any:
        """One command, and its result. Raises Refused where the client says no, and BadDriver."""
        if self.ended:
            raise BadDriver(self.ended)
        self._ids += 1
        number = self._ids
        line = json.dumps({"id": number, "client": client, "do": what, **arguments}, ensure_ascii=False)
        future = self._waiting[number] = asyncio.get_running_loop().create_future()
        assert self._process.stdin is not None
        self._process.stdin.write(line.encode() + b"\n")
        try:
            return await future
        finally:
            self._waiting.pop(number, None)

    async def kill(self) -> None:
        """kill -9, of everything that it started, too."""
        _kill(self._process)
        await self._process.wait()
        await self._reader

    async def close(self) -> None:
        """Its input ends; what does not end then is killed."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(END_S):
                await self._process.wait()
        await self.kill()

    async def _read(self) -> None:
        assert self._process.stdout is not None
        try:
            while line := await self._process.stdout.readline():
                self._line(json.loads(line))
            self.ended = "the driver ended"
        except _NO_LINE as error:
            self.ended = f"the driver said what is no line of its protocol: {error}"
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(BadDriver(self.ended))
        for told in self._clients.values():
            told.happened()
        await _read_away(self._process)

    def _line(self, said: dict[str, Any]) -> None:
        if "event" in said:
            told = self._clients.get(said["client"])
            if told is not None:
                told.events.append(said)
                told.happened()
            return
        future = self._waiting.get(said["id"])
        if future is None or future.done():
            return
        if "error" in said:
            future.set_exception(Refused(said["error"]))
        else:
            future.set_result(said.get("result"))


class Refused(Exception):
    """The client answered a command by an error. `code`: the server's, 0 if it is the client's own."""

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(str(error.get("text", "")))
        self.code = int(error.get("code", 0))
        self.detail = error.get("detail")

    def as_breach(self, what: str, section: str) -> Breach:
        return Breach(f"{what} failed: {self.code} {self}", section)


def _greeting(line: bytes) -> Greeting:
    if not line:
        raise BadDriver("the driver ended before it said who it is: what it wrote on standard error says why")
    try:
        said = json.loads(line)
        if said["driver"] != DRIVER_VERSION:
            raise BadDriver(f"the driver speaks version {said['driver']}, this judge {DRIVER_VERSION}")
        greeting = Greeting(
            str(said["name"]),
            tuple(said.get("transports", ("tcp",))),
            frozenset(said.get("lacks", ())),
            int(said.get("clients", 1)),
        )
        if greeting.clients < 1:
            raise ValueError("clients: at least 1")
    except _NO_LINE as error:
        raise BadDriver(f"the driver's first line is no greeting ({error!r}): {line[:200]!r}") from None
    unknown = sorted(greeting.lacks - set(PARTS))
    if unknown:
        raise BadDriver(f"the driver lacks what this judge does not know: {', '.join(unknown)}")
    return greeting


async def _read_away(process: asyncio.subprocess.Process) -> None:
    """Whatever it still says: a pipe that nobody reads has no end, and `wait` waits for that."""
    assert process.stdout is not None
    while await process.stdout.read(LINE_BYTES):
        pass


def _kill(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
