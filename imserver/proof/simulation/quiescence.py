"""Waits for quiescence: all devices connected, all posts answered, all messages delivered. Then reads everything again."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Protocol

from imserver_client import Item, State

from .device import Device
from .device import World as SimulatedWorld

#: Virtual seconds between two looks.
LOOK_S = 1.0
#: A device that reads message by message may take so many times the limit, as long as it is shown more and more.
MOST_LIMITS = 10
#: Pages that are read of each conversation at the end.
LAST_PAGES = 4


class World(SimulatedWorld, Protocol):
    """The world that has to become quiet."""

    database: Path
    devices: list[Device]


class Quiescence:
    """`wait` returns when all is quiet, or reports the rest as findings."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def wait(self, limit_s: float) -> None:
        """Wait until all is quiet, or nothing has come forward for `limit_s`: then what is left is a finding."""
        loop, world = self._world.loop, self._world
        until, end, shown = loop.time() + limit_s, loop.time() + MOST_LIMITS * limit_s, 0
        with closing(sqlite3.connect(f"{world.database.as_uri()}?mode=ro", uri=True)) as sql:
            while True:
                await asyncio.sleep(LOOK_S)
                unrest = self._unrest(sql)
                if not unrest and await self._all_read_again(sql, limit_s):
                    return
                if (now := self._shown()) > shown:
                    shown, until = now, min(loop.time() + limit_s, end)
                if loop.time() >= until:
                    unrest = unrest or ["something is said all the time"]
                    for text in unrest[:5]:
                        world.journal.finding(f"not quiet {limit_s:g} s after the last fault: {text}")
                    return

    def _shown(self) -> int:
        """How far all devices have come, over all their conversations."""
        return sum(
            have.handed for device in self._world.devices for have in device.storage.positions.values()
        )

    async def _all_read_again(self, sql: sqlite3.Connection, limit_s: float) -> bool:
        """False if a message came meanwhile: the pages then show no single state."""
        before = _newest(sql)
        try:
            async with asyncio.timeout(limit_s):
                await asyncio.gather(*(self._read_again(device) for device in self._world.devices))
        except TimeoutError:
            self._world.journal.finding(f"reading everything again took more than {limit_s:g} s")
        return _newest(sql) == before

    def _unrest(self, sql: sqlite3.Connection) -> list[str]:
        found = [text for device in self._world.devices if (text := self._unrest_of(device))]
        server = self._world.machine.server
        if server is None or not self._world.machine.up.is_set():
            return [*found, "no server"]
        if not all(running.worker.idle for running in server.plugin_host._running):
            found.append("a plugin works")
        if sql.execute("SELECT 1 FROM timers WHERE plugin = 'echo'").fetchone():
            found.append("a timer is due")
        return found or self._behind(sql)

    def _unrest_of(self, device: Device) -> str:
        client = device.client
        if client is None:
            return f"{device.device_id} has no client"
        if client.state is not State.CONNECTED:
            return f"{device.device_id} is {client.state.value}"
        if device.storage.outbox:
            return f"{device.device_id} has {len(device.storage.outbox)} posts in its outbox"
        if device.storage.unsettled:
            return f"{device.device_id} was not told all of {device.storage.unsettled}"
        if device.pending:
            return f"{device.device_id} waits for {device.pending} answers"
        return ""

    def _behind(self, sql: sqlite3.Connection) -> list[str]:
        rows = sql.execute(
            "SELECT c.conversation_id, u.user_id, coalesce(m.left_at, h.position) FROM members m"
            " JOIN conversations c ON c.no = m.conversation_no JOIN heads h ON h.conversation_no = c.no"
            " JOIN users u ON u.no = m.user_no"
            " UNION ALL SELECT c.conversation_id, u.user_id, h.position FROM team_members t"
            " JOIN conversations c ON c.team = t.team_no JOIN heads h ON h.conversation_no = c.no"
            " JOIN users u ON u.no = t.user_no"
        ).fetchall()
        found = []
        for device in self._world.devices:
            for conversation_id, user_id, head in rows:
                if user_id == device.user_id and device.storage.have(conversation_id).handed < head:
                    begin, _ = device.storage.begins.get(conversation_id, (0, False))
                    if begin < head:
                        handed = device.storage.have(conversation_id).handed
                        found.append(f"{device.device_id} was shown {handed} of {head} in {conversation_id}")
        return found

    async def _read_again(self, device: Device) -> None:
        """Read the user's conversations, and the last pages of each."""
        client, record = device.client, device.record
        assert client is not None
        record.final.clear()
        next_page = None
        while True:
            page = await client.conversations(before=next_page, limit=50)
            for row in page.conversations:
                items: list[Item] = []
                before = row.head + 1
                for _ in range(LAST_PAGES):
                    if before > 1:
                        part = await client.history(row.conversation_id, before=before, limit=200)
                        items[:0] = part.items
                        before = part.first
                record.final[row.conversation_id] = (row.head, items)
            next_page = page.next
            if next_page is None:
                break
        await device.rest()


def _newest(sql: sqlite3.Connection) -> int:
    newest: int = sql.execute("SELECT max(change) FROM messages").fetchone()[0]
    return newest
