"""What handlers of the ledger left behind, all of it or nothing, and ways in which they fail."""

from __future__ import annotations

import contextlib
import sqlite3

CHAT = "direct/ann/clerk"


async def rows(kit):
    found = await kit.store.read(
        lambda reader: reader.plugin_sql("ledger", "SELECT kind, text FROM ledger_rows ORDER BY no")
    )
    return [tuple(row) for row in found]


async def timers(kit):
    found = await kit.store.read(lambda reader: reader.timers_due("ledger", 1 << 50, 100))
    return [payload["text"] for _, _, _, payload in found]


def answers(kit, chat=CHAT):
    return [said.text for said in kit.messages(chat) if said.sender_id == "clerk"]


def failures(kit):
    """The rows of `plugin_failures`: who, and the id."""
    with contextlib.closing(sqlite3.connect(kit.store._config.path)) as connection:
        return connection.execute("SELECT plugin, error_id FROM plugin_failures").fetchall()


async def assert_one_effect(kit, text="x"):
    """All of it, once."""
    assert await rows(kit) == [("note", text)]
    assert answers(kit) == [f"note: {text}"]
    assert await timers(kit) == [text]


async def assert_nothing(kit):
    assert await rows(kit) == []
    assert await timers(kit) == []
    assert answers(kit) == []


class Boom(Exception):
    pass


def failing(kind, step, times):
    """Meddles by raising at the step, so many times."""
    left = [times]

    def meddle(at_kind, at_step):
        if (at_kind, at_step) == (kind, step) and left[0]:
            left[0] -= 1
            raise Boom(f"{kind} {step}")

    return meddle


def units_of(kit):
    """The plugin's units in the writer's queue."""
    return list(kit.host._running[0].registrations.units)


class HeldStore:
    """Commits wait while this is open, except the message that is posted through it."""

    def __init__(self, kit):
        self._kit = kit
        self._saturated = kit._hub.saturated

    async def __aenter__(self):
        return self

    async def post(self, text, until):
        """Post, and wait until the handler's unit is in the queue and stays there."""
        kit = self._kit
        held: list[bool] = []
        kit._hub.saturated = lambda: bool(held)
        # The next batch is formed right after the commit of this one, and what is told of it comes later still.
        kit._hub.observers.insert(0, lambda events: held.append(True))
        await kit.post("ann", CHAT, text)
        kit._hub.observers.pop(0)
        await until(lambda: units_of(kit) != [])

    async def __aexit__(self, *exc_info):
        self._kit._hub.saturated = self._saturated
        self._kit.store.resume()
