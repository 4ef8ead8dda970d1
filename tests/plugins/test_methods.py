"""A plugin's methods go through the same door as a feature's: in the plugin's own transaction, and gone with the plugin."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from imserver import Server
from imserver.errors import PluginError, Refusal, RefusalCode, StartError
from imserver.model import Kind, User
from imserver.plugin_api import Context, Method, Need, Read, Repetition, Write
from imserver.store.checks import check_database
from imserver.testing import PluginKit
from tests.limits.raw import Raw, new_key, said
from tests.plugins.shop import (
    ABOUT,
    BUY,
    DAY,
    HOLD,
    OPEN,
    AboutParams,
    AboutResult,
    BuyParams,
    BuyResult,
    DayParams,
    DayResult,
    HoldParams,
    HoldResult,
    OpenParams,
    OpenResult,
    Shop,
)
from tests.support.servers import config

UNKNOWN_METHOD, FORBIDDEN, NOT_FOUND, INTERNAL = 601, 602, 603, 704


async def code_of(awaited: Any) -> RefusalCode:
    with pytest.raises(Refusal) as refused:
        await awaited
    return refused.value.code


@pytest.fixture
async def kit():
    async with PluginKit(Shop) as kit:
        for name in ("ann", "bob"):
            await kit.user(name)
        yield kit


async def test_what_happens_once_is_answered_again_with_all_that_it_did(kit: PluginKit[Shop]) -> None:
    key, chat = new_key(), kit.direct("ann", "shop")
    assert await kit.call(BUY, "ann", BuyParams(key, "mon", 7)) == BuyResult(1, duplicate=False)
    assert await kit.call(BUY, "ann", BuyParams(key, "mon", 7)) == BuyResult(1, duplicate=True)
    assert await code_of(kit.call(BUY, "ann", BuyParams(key, "mon", 8))) is RefusalCode.KEY_REUSED
    assert await code_of(kit.call(BUY, "bob", BuyParams(new_key(), "mon", 7))) is RefusalCode.CONFLICT
    assert await kit.call(DAY, "bob", DayParams("mon")) == DayResult((7,))
    assert [said.text for said in kit.messages(chat)] == ["Number 7 is yours."]
    await kit.restart()
    assert await kit.call(BUY, "ann", BuyParams(key, "mon", 7)) == BuyResult(1, duplicate=True)


async def test_a_fault_undoes_the_row_the_message_and_the_timer(kit: PluginKit[Shop]) -> None:
    chat = kit.direct("ann", "shop")
    with pytest.raises(RuntimeError):
        await kit.call(BUY, "ann", BuyParams(new_key(), "mon", 7, "fail"))
    assert await kit.call(DAY, "ann", DayParams("mon")) == DayResult(())
    await kit.advance(61)
    assert kit.messages(chat) == []
    assert await kit.audit() == []


async def test_a_timer_that_a_method_sets_fires_in_time(kit: PluginKit[Shop]) -> None:
    await kit.idle()
    await kit.call(BUY, "ann", BuyParams(new_key(), "mon", 7))
    await kit.advance(60)
    assert kit.messages(kit.direct("ann", "shop"))[-1].text == "The show is over."


async def test_what_a_bot_says_stands_under_a_key_of_the_requests(kit: PluginKit[Shop]) -> None:
    """When the outcome is forgotten after its thirty days, the message is not."""
    key = new_key()
    await kit.call(BUY, "ann", BuyParams(key, "mon", 7))
    kit.clock.advance(31 * 86_400)
    await kit.call(BUY, "bob", BuyParams(new_key(), "mon", 9))
    await kit.call(BUY, "bob", BuyParams(new_key(), "mon", 10))
    await kit.store.write(lambda tx: tx.plugin_sql("shop", "DELETE FROM shop_sold WHERE number = 7"))
    assert await kit.call(BUY, "ann", BuyParams(key, "mon", 7)) == BuyResult(1, duplicate=False)
    sold = [said.text for said in kit.messages(kit.direct("ann", "shop")) if "Number" in said.text]
    assert sold == ["Number 7 is yours."]


async def test_a_natural_write_says_how_it_stands_and_speaks_each_time(kit: PluginKit[Shop]) -> None:
    assert await kit.call(HOLD, "ann", HoldParams("mon", 1)) == HoldResult("ann")
    assert await kit.call(HOLD, "ann", HoldParams("mon", 1)) == HoldResult("ann")
    assert await kit.call(HOLD, "bob", HoldParams("mon", 1, held=False)) == HoldResult("ann")
    assert await kit.call(HOLD, "ann", HoldParams("mon", 1, held=False)) == HoldResult(None)
    assert [said.text for said in kit.messages(kit.direct("ann", "shop"))] == ["Held.", "Held."]


async def test_needs_are_decided_before_the_handler(kit: PluginKit[Shop]) -> None:
    group = await kit.group("ann", "bob")
    position = await kit.post("bob", group, "hi")
    await kit.user("eve")
    assert await kit.call(ABOUT, "ann", AboutParams(group, position)) == AboutResult("bob", 2)
    assert await code_of(kit.call(ABOUT, "eve", AboutParams(group, position))) is RefusalCode.NOT_FOUND
    assert await code_of(kit.call(ABOUT, "ann", AboutParams(group, 99))) is RefusalCode.NOT_FOUND
    content = said("x")
    assert await code_of(kit.call(OPEN, "bob", OpenParams(group, new_key(), content))) is (
        RefusalCode.FORBIDDEN
    )
    assert await code_of(kit.call(OPEN, "ann", OpenParams(group, new_key(), b"\x80"))) is RefusalCode.INVALID


async def test_a_system_message_is_the_proof_of_what_leaves_one(kit: PluginKit[Shop]) -> None:
    group, key = await kit.group("ann", "bob"), new_key()
    first = await kit.call(OPEN, "ann", OpenParams(group, key, said("x")))
    assert first == OpenResult(2, duplicate=False)
    assert await kit.call(OPEN, "ann", OpenParams(group, key, said("x"))) == OpenResult(2, duplicate=True)
    assert await code_of(kit.call(OPEN, "ann", OpenParams(group, key, said("y")))) is RefusalCode.KEY_REUSED


async def test_a_system_message_is_of_the_plugin_and_where_the_request_is(kit: PluginKit[Shop]) -> None:
    group, other = await kit.group("ann", "bob"), await kit.group("ann")
    wrong: list[dict[str, str]] = [{"event": "removed"}, {"event": "x-shops.open"}, {}]
    for telling, where in (*((one, group) for one in wrong), ({"event": "x-shop.open"}, other)):

        def told(tx: Any, asker: Any, params: Any, telling: Any = telling, where: str = where) -> OpenResult:
            return OpenResult(tx.post_system(where, telling), duplicate=False)

        kit.plugin.open = told  # type: ignore[method-assign]
        kit._make = kit.plugin
        await kit.restart()
        with pytest.raises(PluginError, match="post_system"):
            await kit.call(OPEN, "ann", OpenParams(group, new_key(), said("x")))
    with pytest.raises(PluginError, match="keys"):
        await kit.plugin.context.transaction(lambda tx: tx.post_system(group, {"event": "x-shop.open"}))


async def test_a_check_knows_what_plugins_tell(tmp_path: Path) -> None:
    settings = config(tmp_path)
    async with Server(settings, plugins=[Shop()]) as server:
        for name in ("ann", "bob"):
            await server.chat.put_user(User(name, name.title()))
        group, _, _ = await server.chat.create_conversation("ann", Kind.GROUP, "g", ["bob"])
        await server.call(OPEN, "ann", OpenParams(group, new_key(), said("x")))
        await server.call(BUY, "ann", BuyParams(new_key(), "mon", 1))
    with closing(sqlite3.connect(settings.store.path)) as connection:
        assert list(check_database(connection).findings) == []


async def test_over_the_wire_and_gone_with_the_plugin(tmp_path: Path) -> None:
    async with (
        Server(config(tmp_path), plugins=[Shop()]) as server,
        await Raw.open(server) as raw,
        await Raw.open(server) as other,
    ):
        for name in ("alice", "bob"):
            await server.chat.put_user(User(name, name.title()))
        welcomed = await raw.enter(server, "alice")
        assert welcomed.features[-1] == "x-shop"
        key = new_key()
        assert (await raw.ask("x-shop.buy", key, "mon", 3)).result == [1, False]
        assert (await raw.ask("x-shop.buy", key, "mon", 3)).result == [1, True]
        assert (await raw.ask("x-shop.day", "mon")).result == [[3]]
        assert await server.call(DAY, "bob", DayParams("mon")) == DayResult((3,))
        failed = await raw.ask("x-shop.buy", new_key(), "mon", 4, "fail")
        assert (failed.code, failed.retry_after_ms) == (INTERNAL, 0)
        assert [(await raw.ask("x-shop.hold", "mon", 5)).result for _ in range(2)] == [["alice"]] * 2
        group, _, _ = await server.chat.create_conversation("alice", Kind.GROUP, "g", ["bob"])
        await other.enter(server, "bob")
        assert (await other.ask("x-shop.open", group, new_key(), said("x"))).code == FORBIDDEN
        assert (await raw.ask("x-shop.about", group, 9)).code == NOT_FOUND
        await server.plugin_host.stop()
        assert (await raw.ask("x-shop.day", "mon")).code == UNKNOWN_METHOD
        assert await code_of(server.call(DAY, "bob", DayParams("mon"))) is RefusalCode.UNKNOWN_METHOD
    async with Server(config(tmp_path)) as server, await Raw.open(server) as raw:
        assert "x-shop" not in (await raw.enter(server, "alice")).features


class Slow:
    """A plugin that takes its time to stop; the one started after it is stopped by then."""

    name = "slow"
    config_type = dict
    migrations = ()

    def __init__(self) -> None:
        self.stopping, self.done = asyncio.Event(), asyncio.Event()

    async def start(self, context: Context) -> None:
        """Nothing to register."""

    async def stop(self) -> None:
        self.stopping.set()
        await self.done.wait()


async def test_who_asks_while_the_server_goes_down_is_to_come_again(tmp_path: Path) -> None:
    slow = Slow()
    async with Server(config(tmp_path), plugins=[slow, Shop()]) as server, await Raw.open(server) as raw:
        await server.chat.put_user(User("alice", "Alice"))
        await raw.enter(server, "alice")
        stopped = asyncio.ensure_future(server.stop())
        await slow.stopping.wait()
        assert server.plugin_host.offering == []
        for asked in (("x-shop.day", "mon"), ("x-shop.buy", new_key(), "mon", 1)):
            refused = await raw.ask(*asked)
            assert refused.code >= 700, "retryable"
            assert refused.retry_after_ms > 0
        slow.done.set()
        await stopped


def _named(name: str) -> Method[Any, Any]:
    return Method(name, DAY.params, DAY.result)


@pytest.mark.parametrize(
    ("row", "text"),
    [
        (Read(_named("x-shops.day"), Shop().day, Need.ACCOUNT), "begins with 'x-shop.'"),
        (Read(_named("x-shop."), Shop().day, Need.ACCOUNT), "begins with 'x-shop.'"),
        (Read(_named("history"), Shop().day, Need.ACCOUNT), "begins with 'x-shop.'"),
        (Read(_named("x-shop.day"), Shop().day, Need.ACCOUNT), "two methods are called 'x-shop.day'"),
        (Read(_named("x-shop.other"), Shop().day, Need.READ), "name none"),
        (Write(BUY, Shop().buy, Need.ACCOUNT, Repetition.NATURAL), "key"),
    ],
)
async def test_a_method_that_cannot_work_stops_the_plugin(row: Any, text: str) -> None:
    def offer(context: Context) -> None:
        context.method(row)

    kit = PluginKit(Shop(offer))
    with pytest.raises(StartError, match=text):
        async with kit:
            pass


async def test_what_a_handler_keeps_is_of_no_use_to_it(kit: PluginKit[Shop]) -> None:
    kept: list[Any] = []
    day, hold = kit.plugin.day, kit.plugin.hold

    def keep(view: Any, asker: Any, params: Any) -> Any:
        kept.append(view)
        return (day if params.__class__ is DayParams else hold)(view, asker, params)

    kit.plugin.day = kit.plugin.hold = keep  # type: ignore[method-assign,assignment]
    kit._make = kit.plugin
    await kit.restart()
    await kit.call(DAY, "ann", DayParams("mon"))
    await kit.call(HOLD, "ann", HoldParams("mon", 1))
    assert len(kept) == 2
    for view in kept:
        with pytest.raises(PluginError, match="is over"):
            view.execute("SELECT 1")


async def test_a_handler_is_a_plain_function(kit: PluginKit[Shop]) -> None:
    async def day(*_: Any) -> Any: ...

    def offer(context: Context) -> None:
        context.method(Read(_named("x-shop.async"), day, Need.ACCOUNT))
        context.method(Write(_named("x-shop.put"), day, Need.ACCOUNT, Repetition.NATURAL))

    async with PluginKit(Shop(offer)) as other:
        await other.user("ann")
        for name in ("x-shop.async", "x-shop.put"):
            with pytest.raises(PluginError, match="synchronous"):
                await other.call(_named(name), "ann", DayParams("mon"))


async def test_sql_of_a_read_sees_the_plugins_tables_alone(kit: PluginKit[Shop]) -> None:
    def spy(reader: Any, asker: Any, params: Any) -> DayResult:
        reader.execute("SELECT user_id FROM users")
        return DayResult(())

    def offer(context: Context) -> None:
        context.method(Read(_named("x-shop.spy"), spy, Need.ACCOUNT))

    async with PluginKit(Shop(offer)) as other:
        await other.user("ann")
        with pytest.raises(PluginError):
            await other.call(_named("x-shop.spy"), "ann", DayParams("mon"))
