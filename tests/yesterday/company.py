"""Phones, each a process with a client library of its own version, and what a test asks of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from imserver.conformance.driver import Driver, Told
from imserver.proof.fault_proxy import FaultProxy
from imserver.proof.server_process import ServerProcess

from .versions import Code

#: For what comes within a turn of the network, on a machine with more to do (seconds).
PATIENCE_S = 30.0
_SCHEMES = {"tcp": "imserver://127.0.0.1:{}", "websocket": "ws://127.0.0.1:{}/socket"}


class Phone:
    """A person's phone. `await Phone.start(…)`; `said` are its events, the oldest first."""

    def __init__(self, name: str, code: Code, driver: Driver) -> None:
        self.name = name
        self.code = code
        self._driver = driver
        self._told = Told()
        self._happened = asyncio.Event()
        self._told.happened = self._happened.set
        driver.client(name, self._told)

    @classmethod
    async def start(cls, name: str, code: Code, address: str, server: ServerProcess) -> Phone:
        """Connected, with a store that outlives it, as its device does."""
        phone = cls(name, code, await Driver.start(code.phone))
        store, device = server.folder / f"{name}.store", f"phone of {name}"
        token = server.token(name, device_id=device)
        try:
            # A library of another version under our test would prove nothing.
            assert Path(phone._driver.greeting.name).is_relative_to(code.root)
            await phone.do("connect", address=address, token=token, device=device, store=str(store))
        except BaseException:
            await phone.end()
            raise
        return phone

    async def do(self, what: str, **told: Any) -> Any:
        """One command, and its result. Raises what the client said (`imserver.conformance.driver.Refused`)."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await self._driver.do(self.name, what, **told)
        except TimeoutError:
            raise AssertionError(f"{self.name} ({self.code.version}) waits for {what} {told}") from None

    async def hears(self, event: str, **fields: Any) -> dict[str, Any]:
        """Wait until it told an event with these fields."""
        wanted = {"event": event, **fields}
        try:
            async with asyncio.timeout(PATIENCE_S):
                while True:
                    self._happened.clear()
                    for said in self._told.events:
                        if wanted.items() <= said.items():
                            return said
                    await self._happened.wait()
        except TimeoutError:
            raise AssertionError(
                f"{self.name} ({self.code.version}) hears no {wanted}: {self._told.events}"
            ) from None

    def forget(self) -> None:
        """What it has told until now answers no `hears` any more."""
        self._told.events.clear()

    def messages(self, room: str) -> list[tuple[int, str, str]]:
        """Position, sender and text of all that were handed to the person, in the order in which they were."""
        return [
            (said["position"], said["sender"], said["text"])
            for said in self._told.events
            if said["event"] == "message" and said["conversation"] == room
        ]

    async def end(self) -> None:
        """kill -9: a battery that is empty."""
        await self._driver.kill()


class Company:
    """A server, people on its phones, and the line between, which can be cut."""

    def __init__(self, server: ServerProcess, door: str, stack: AsyncExitStack) -> None:
        self.server = server
        self._door = door
        self._stack = stack
        self.proxy = FaultProxy("127.0.0.1", server.http_port if door == "websocket" else server.port)

    async def phone(self, name: str, code: Code, *, straight: bool = False) -> Phone:
        """A new one, or the one that had this name before, after its process has ended. `straight`: by TCP, past the proxy."""
        address = self.server.url if straight else _SCHEMES[self._door].format(self.proxy.port)
        phone = await Phone.start(name, code, address, self.server)
        self._stack.push_async_callback(phone.end)
        return phone


@asynccontextmanager
async def company(folder: Path, server: Code, door: str = "tcp") -> AsyncIterator[Company]:
    """`door`: how phones come to the server through the proxy."""
    sections = {"http": {"port": 0}} if door == "websocket" else {}
    process = ServerProcess(folder, sections, dies_with_parent=True, packages=server.packages)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(process)
        there = Company(process, door, stack)
        await stack.enter_async_context(there.proxy)
        yield there
