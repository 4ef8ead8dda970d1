"""People at real clients who talk with the booking bots: scripts of `says` and `hears`, as one reads a play."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from imserver.check.consistency import ask_plugins
from imserver.plugin_host import PluginCheck
from imserver.plugins.booking.checks import CHECKS
from imserver.store.checks import open_snapshot
from imserver_client import Client, Message, direct_conversation_id

SHANGHAI = ZoneInfo("Asia/Shanghai")
#: A Wednesday, 10 in the morning, when both demo shops are open.
NOW = datetime(2026, 11, 18, 10, 0, tzinfo=SHANGHAI)
NOW_MS = int(NOW.timestamp() * 1000)
#: Tokens of people who stay for weeks of the play (seconds).
LONG_S = 90 * 24 * 3600
PATIENCE_S = 45.0


class PlayClock:
    """Begins at NOW and goes on with the machine's; a play moves it."""

    def __init__(self) -> None:
        self._zero = time.monotonic()
        self._moved_ms = 0

    def now_ms(self) -> int:
        return NOW_MS + self._moved_ms + int((time.monotonic() - self._zero) * 1000)

    def monotonic(self) -> float:
        return time.monotonic()

    def move_to(self, wall: str) -> None:
        """To this wall time in Shanghai."""
        at = int(datetime.fromisoformat(wall).replace(tzinfo=SHANGHAI).timestamp() * 1000)
        self._moved_ms += at - self.now_ms()


class Seat:
    """One person at one client. `here` is the shop's conversation, once it is known."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.here = ""
        self.messages: list[Message] = []
        self._read_upto = 0
        self._arrived = asyncio.Condition()
        self._task = asyncio.get_running_loop().create_task(self._read())

    async def _read(self) -> None:
        async for message in self.client.messages():
            async with self._arrived:
                self.messages.append(message)
                self._arrived.notify_all()

    async def close(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def opens(self, bot: str, text: str) -> None:
        """Say this to the shop's bot; the shop's conversation is where it greets."""
        await self.client.post(direct_conversation_id(self.client.user_id, bot), text)
        greeting = await self._next(
            lambda m: m.conversation_id.startswith("group/") and m.sender_id == bot and bool(m.content)
        )
        self.here = greeting.conversation_id

    async def says(self, text: str) -> None:
        await self.client.post(self.here, text)

    async def hears(self, *texts: str) -> Message:
        """The next message here, after those heard so far, that says one of these; fails with all that was said instead."""
        return await self._next(
            lambda m: m.conversation_id == self.here and not m.own and any(text in shown(m) for text in texts)
        )

    async def _next(self, fits: Any) -> Message:
        def found() -> int | None:
            return next(
                (n for n in range(self._read_upto, len(self.messages)) if fits(self.messages[n])), None
            )

        try:
            async with asyncio.timeout(PATIENCE_S), self._arrived:
                await self._arrived.wait_for(lambda: found() is not None)
        except TimeoutError:
            said = "\n---\n".join(shown(m) for m in self.messages[self._read_upto :])
            raise AssertionError(f"{self.client.user_id} did not hear it, but:\n{said}") from None
        place = found()
        assert place is not None
        self._read_upto = place + 1
        return self.messages[place]

    def heard(self, text: str) -> list[Message]:
        """Everything so far that says this."""
        return [m for m in self.messages if text in shown(m) and not m.own]


def shown(message: Message) -> str:
    """A message as a client without buttons shows it."""
    content: Mapping[str, Any] = message.content or {}
    lines = [str(content.get("title", "")), str(content.get("text", ""))]
    lines += [f"{label}: {value}" for label, value in content.get("fields", ())]
    lines += [f"[{action['label']}]" for action in content.get("actions", ())]
    return "\n".join(line for line in lines if line)


def button(message: Message, label: str) -> str:
    """The command of the button with this label."""
    actions = (message.content or {}).get("actions", ())
    return str(next(action["command"] for action in actions if label in action["label"]))


def code_of(card: Message) -> str:
    """The code of the appointment that a card shows."""
    return str((card.content or {})["ref"]["id"])


class Books:
    """The database of a play, read from outside."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def sql(self, statement: str, params: Any = ()) -> list[tuple[Any, ...]]:
        with sqlite3.connect(f"file:{self._path}?mode=ro", uri=True) as rows:
            found = rows.execute(statement, params).fetchall()
        rows.close()
        return found

    def appointments(self, status: str = "confirmed") -> list[tuple[Any, ...]]:
        """(code, customer, start, name) of all in a status."""
        return self.sql(
            "SELECT code, customer_id, start_wall, for_name FROM booking_appointments WHERE status = ? ORDER BY start_at, id",
            (status,),
        )

    def check(self) -> None:
        """What `imserver check` asks, and that nobody has a time with somebody else: every cell has one owner."""
        with open_snapshot(self._path) as snapshot:
            report = snapshot.check()
            checks = [PluginCheck("booking", name, query) for name, query in CHECKS.items()]
            ask_plugins(snapshot, checks, report)
        assert report.findings == []
        doubled = self.sql(
            "SELECT r.resource_id, a.code, b.code FROM booking_appointments a"
            " JOIN booking_appointment_resources r ON r.appointment_id = a.id"
            " JOIN booking_appointment_resources s ON s.resource_id = r.resource_id"
            " JOIN booking_appointments b ON b.id = s.appointment_id AND b.id > a.id"
            " WHERE a.status IN ('held', 'pending', 'confirmed', 'arrived', 'in_exam')"
            " AND b.status IN ('held', 'pending', 'confirmed', 'arrived', 'in_exam')"
            " AND a.start_at < b.free_at AND b.start_at < a.free_at"
        )
        assert doubled == []
