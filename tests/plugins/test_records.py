"""What a plugin puts on record holds whatever copy of the database comes back, and is done before anything else."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from imserver.errors import PluginError, Refusal, RefusalCode, StartError
from imserver.plugin_api import Call, Context, Migration, Transaction
from imserver.testing import PluginKit
from tests.accounts.copies import restored
from tests.seeing.web import seen

TABLE = (
    "CREATE TABLE consents_given (user_id TEXT NOT NULL PRIMARY KEY, withdrawn INTEGER NOT NULL DEFAULT 0)"
    " STRICT, WITHOUT ROWID"
)


class Consents:
    """A plugin that keeps who agreed, and puts on record who does not any more."""

    name = "consents"
    config_type = dict
    migrations = (Migration(1, TABLE),)

    def __init__(self, *, knows: bool = True) -> None:
        self.context: Context
        self.done: list[Mapping[str, Any]] = []
        self._knows = knows

    async def start(self, context: Context) -> None:
        self.context = context
        await context.ensure_bot("clerk", "Clerk")
        if self._knows:
            context.on_record("withdrawn", self._withdrawn)
        context.command("withdraw", self._withdraw)

    async def stop(self) -> None:
        pass

    async def agree(self, user_id: str) -> None:
        await self.context.transaction(
            lambda tx: tx.execute("INSERT INTO consents_given (user_id) VALUES (?)", [user_id])
        )

    async def _withdraw(self, call: Call) -> str:
        await self.context.put_on_record("withdrawn", {"user": call.sender.user_id, "at": 5})
        return "withdrawn"

    def _withdrawn(self, tx: Transaction, body: Mapping[str, Any]) -> None:
        self.done.append(body)
        if body.get("user") == "nobody":
            raise PluginError("there is no such person")
        tx.execute(
            "INSERT INTO consents_given (user_id, withdrawn) VALUES (?, ?)"
            " ON CONFLICT (user_id) DO UPDATE SET withdrawn = excluded.withdrawn",
            [body["user"], body["at"]],
        )

    async def rows(self) -> list[tuple[Any, ...]]:
        return await self.context.read("SELECT user_id, withdrawn FROM consents_given ORDER BY user_id")


async def test_what_is_on_record_is_done_and_answered_in_the_chat() -> None:
    async with PluginKit(Consents) as kit:
        await kit.user("ann")
        await kit.plugin.agree("ann")
        assert [said.text for said in await kit.say("ann", kit.direct("ann", "clerk"), "/withdraw")] == [
            "withdrawn"
        ]
        assert await kit.plugin.rows() == [("ann", 5)]
        assert await kit.store.read(lambda reader: reader.plugin_records("consents")) == []


@pytest.mark.parametrize(
    ("name", "body", "told"),
    [
        ("withdrawn", {"user": "nobody"}, "no such person"),
        ("renamed", {"user": "ann"}, "nobody here knows"),
        ("withdrawn", {"user": "\ud800"}, "no JSON"),
        ("withdrawn", {"user": float("nan")}, "no JSON"),
        ("withdrawn", {"user": "a" * 2048}, "at most 2048"),
        ("withdrawn", {"user": object()}, "no JSON"),
    ],
)
async def test_what_cannot_be_done_is_not_on_record(
    tmp_path: Path, name: str, body: dict[str, Any], told: str
) -> None:
    plugin = Consents()
    async with seen(tmp_path, plugins=[plugin]):
        with pytest.raises(PluginError, match=told):
            await plugin.context.put_on_record(name, body)
        assert not await asyncio.to_thread((tmp_path / "chat.ledger").exists)
        assert await plugin.rows() == []


async def test_two_at_once_are_each_done_once() -> None:
    async with PluginKit(Consents) as kit:
        put = kit.plugin.context.put_on_record
        await asyncio.gather(*(put("withdrawn", {"user": "ann", "at": at}) for at in (1, 2)))
        assert sorted(body["at"] for body in kit.plugin.done) == [1, 1, 2, 2], "tried and done"
        assert await kit.plugin.rows() == [("ann", 2)]


async def test_a_flood_of_records_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("imserver.plugin_host.records.RECORDS_AT_ONCE", 1)
    async with PluginKit(Consents) as kit:
        put = kit.plugin.context.put_on_record
        await put("withdrawn", {"user": "ann", "at": 1})
        with pytest.raises(Refusal) as refused:
            await put("withdrawn", {"user": "ann", "at": 2})
        assert refused.value.code is RefusalCode.OVERLOADED
        assert await kit.plugin.rows() == [("ann", 1)]
        await kit.advance(1)
        await put("withdrawn", {"user": "ann", "at": 3})
        assert await kit.plugin.rows() == [("ann", 3)]


async def test_a_copy_of_before_hears_of_it_at_its_start(tmp_path: Path) -> None:
    copy = tmp_path / "copies" / "early.db"
    copy.parent.mkdir()
    plugin = Consents()
    async with seen(tmp_path, plugins=[plugin]) as server:
        await plugin.agree("ann")
        await plugin.agree("bob")
        await server.backup(copy)
        await plugin.context.put_on_record("withdrawn", {"user": "ann", "at": 7})
        await plugin.context.put_on_record("withdrawn", {"user": "ann", "at": 9})
    await restored(tmp_path, copy)  # opened without the plugin: it waits
    again = Consents()
    async with seen(tmp_path, plugins=[again]):
        assert again.done == [{"user": "ann", "at": 7}, {"user": "ann", "at": 9}]
        assert await again.rows() == [("ann", 9), ("bob", 0)]
    once = Consents()
    async with seen(tmp_path, plugins=[once]):
        assert once.done == []


async def test_a_plugin_that_does_not_know_it_does_not_start(tmp_path: Path) -> None:
    copy = tmp_path / "copies" / "early.db"
    copy.parent.mkdir()
    plugin = Consents()
    async with seen(tmp_path, plugins=[plugin]) as server:
        await server.backup(copy)
        await plugin.context.put_on_record("withdrawn", {"user": "ann", "at": 7})
    await restored(tmp_path, copy)
    with pytest.raises(StartError, match="the record 'withdrawn'"):
        async with seen(tmp_path, plugins=[Consents(knows=False)]):
            pass


async def test_who_is_cancelled_behind_the_record_leaves_it_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugin = Consents()
    async with seen(tmp_path, plugins=[plugin]) as server:
        putting, go = asyncio.Event(), asyncio.Event()
        put = server.store.put_on_record

        async def slow(kind: str, body: Mapping[str, Any]) -> int:
            number = await put(kind, body)
            putting.set()
            await go.wait()
            return number

        monkeypatch.setattr(server.store, "put_on_record", slow)
        task = asyncio.create_task(plugin.context.put_on_record("withdrawn", {"user": "ann", "at": 7}))
        await putting.wait()
        task.cancel()
        await asyncio.wait({task})
        stopping = asyncio.create_task(server.stop())
        await asyncio.sleep(0)
        go.set()
        await stopping
    assert len(plugin.done) == 2, "tried, and done before the end"
    later = Consents()
    async with seen(tmp_path, plugins=[later]):
        assert await later.rows() == [("ann", 7)]
