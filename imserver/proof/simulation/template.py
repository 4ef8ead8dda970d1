"""The database that every run begins with: the real server makes it once, runs copy it; migrating costs more than a run."""

from __future__ import annotations

import asyncio
from functools import cache
from importlib.metadata import EntryPoint
from pathlib import Path
from random import Random

from imserver.model import Kind, User
from imserver.plugin_api import Plugin
from imserver.plugin_host.discovery import installed, load
from imserver.server import Server
from imserver.store.sqlite.store import SqliteStore
from imserver.testing import LogBook

from .disk import Disk
from .echo import Echo
from .journal import Journal
from .loop import Process, VirtualLoop
from .network import Network
from .network_faults import NetworkFaults
from .place import private_place
from .setting import BEGIN_MS, COMMON, PEOPLE, STRANGER, draw


class WallClock:
    """The machine's clock: monotonic time is the loop's, wall time can be set.

    On a slow processor (`step_s` above 0) each look at the clock advances it: computing takes time there.
    """

    def __init__(self, loop: VirtualLoop, step_s: float = 0.0) -> None:
        self.offset_ms = 0
        self._loop = loop
        self._step_s = step_s

    def now_ms(self) -> int:
        return BEGIN_MS + self.offset_ms + int(self._loop.time() * 1000)

    def monotonic(self) -> float:
        if self._step_s:
            self._loop.spend(self._step_s)
        return self._loop.time()


def plugins(booking: bool) -> list[Plugin]:
    """The plugins of a run, ready to start."""
    return [Echo(), *([load(_booking())] if booking else [])]


@cache
def _booking() -> EntryPoint:
    return installed()["booking"]


@cache
def template() -> tuple[bytes, str]:
    """The bytes of the file, and the id of the group of all users."""
    with private_place() as folder:
        path = folder / "template.db"
        loop = VirtualLoop(Random(0))
        group = loop.run_until_complete(_make(loop, path))
        loop.close()
        return path.read_bytes(), group


async def _make(loop: VirtualLoop, path: Path) -> str:
    random = Random("template")
    journal = Journal(loop.time)
    disk = Disk(loop, random, journal)
    loop.network = Network(loop, NetworkFaults(random, 0.0), journal)
    process = Process(loop, "template")
    clock = WallClock(loop)
    config = draw(0).config(path)
    store = SqliteStore(config.store, clock=clock, rng=random, connector=disk.connector, opener=disk.opener)
    server = Server(
        config, plugins=plugins(True), clock=clock, store=store, log=LogBook(), random_bytes=random.randbytes
    )

    async def fill() -> str:
        await server.start()
        for user_id, language in PEOPLE.items():
            await server.chat.put_user(User(user_id, user_id.title(), language))
        await server.chat.put_user(User(STRANGER, "Mal"))
        others = [user_id for user_id in PEOPLE if user_id != "ann"]
        group, _, _ = await server.chat.create_conversation("ann", Kind.GROUP, COMMON, others)
        await server.stop()
        return group

    return await asyncio.wait_for(process.spawn(fill()), 60)
