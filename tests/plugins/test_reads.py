"""What the host looks up for a plugin's events: no more than it does not know."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import partial
from unittest.mock import patch

import pytest

from imserver.plugin_api import Call, Context, Transaction
from imserver.store.sqlite.reader import SqliteReader
from imserver.testing import PluginKit
from tests.plugins.bench import made_with

CROWD = 12


@pytest.fixture
def reads() -> Iterator[Counter[str]]:
    """How often the host read who wrote something, and which timers are due."""
    count: Counter[str] = Counter()

    def counted(name: str) -> object:
        function = getattr(SqliteReader, name)

        def read(reader: SqliteReader, *arguments: object) -> object:
            count[name] += 1
            return function(reader, *arguments)

        return patch.object(SqliteReader, name, read)

    with counted("users"), counted("timers_due"):  # type: ignore[attr-defined]
        yield count


async def test_who_wrote_what_waits_is_read_at_once(make_store, clock, reads: Counter[str]) -> None:
    names = []

    def setup(context: Context) -> None:
        async def hear(call: Call) -> None:
            names.append((call.sender.user_id, call.sender.display_name))

        context.command("hear", hear)

    async with PluginKit(made_with(setup), store=make_store(), clock=clock) as kit:
        bot = next(iter(kit.host._bots))
        users = [f"u{number}" for number in range(CROWD)]
        for user_id in users:
            await kit.user(user_id, f"Name of {user_id}")
        reads.clear()
        for user_id in users:
            await kit.post(user_id, kit.direct(user_id, bot), "/hear")
        await kit.idle()
        assert sorted(names) == sorted((user_id, f"Name of {user_id}") for user_id in users)
        assert reads["users"] < CROWD / 2


def _set(due_at: int, tx: Transaction) -> None:
    tx.schedule(due_at, "tick", {})


async def test_a_timer_that_is_set_is_not_looked_up_before_its_time(
    make_store, clock, reads: Counter[str]
) -> None:
    fired = []

    def setup(context: Context) -> None:
        async def tick(timer: object) -> None:
            fired.append(timer)

        context.timer("tick", tick)

    async with PluginKit(made_with(setup), store=make_store(), clock=clock) as kit:
        await kit.idle()
        reads.clear()
        for minutes in (30, 10, 20):
            due_at = kit.clock.now_ms() + minutes * 60_000
            await kit.plugin.context.transaction(partial(_set, due_at))
            await kit.idle()
        assert reads["timers_due"] == 0
        await kit.advance(11 * 60)
        assert len(fired) == 1
