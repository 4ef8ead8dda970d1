"""A plugin takes messages back, leaves audit rows, says what it still needs, and gives and erases what it keeps of a person."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from imserver import Server
from imserver.errors import PluginError, Refusal, RefusalCode, StartError
from imserver.model import AuditRow, Kind, Role, User
from imserver.plugin_api import Content, Context, Transaction, decode_content
from imserver.testing import PluginKit
from tests.features.trial import VOTE, Trial, VoteParams
from tests.limits.raw import new_key
from tests.plugins.shop import BUY, DAY, BuyParams, DayParams, DayResult, Shop
from tests.support.servers import config

TEXT: Content = {"type": "text", "text": "hi"}


@pytest.fixture
async def kit():
    async with PluginKit(Shop) as kit:
        for name in ("ann", "bob"):
            await kit.user(name)
        yield kit


async def own_group(kit: PluginKit[Any], owner: str = "shop", **more: Role) -> str:
    def make(tx: Transaction) -> str:
        roles = {"ann": Role.MEMBER, "clerk": Role.MEMBER} | more
        return tx.ensure_conversation("desk", Kind.GROUP, roles, owner_id=owner)

    made: str = await kit.plugin.context.transaction(make)
    return made


async def retract(kit: PluginKit[Any], conversation_id: str, position: int) -> int:
    revision: int = await kit.plugin.context.transaction(lambda tx: tx.retract(conversation_id, position))
    return revision


async def refused(awaited: Any) -> RefusalCode:
    with pytest.raises(Refusal) as caught:
        await awaited
    return caught.value.code


async def contents(kit: PluginKit[Any], conversation_id: str, user_id: str) -> list[tuple[bool, int]]:
    page = await kit.store.read(
        lambda reader: reader.history(conversation_id, user_id, None, None, 100, 1 << 20)
    )
    return [(item.content is None, item.revision) for item in page.items]


# -- taking back ------------------------------------------------------------------------------------------------------


async def test_any_message_of_a_person_where_a_bot_is_the_owner(kit: PluginKit[Shop]) -> None:
    group = await own_group(kit, bob=Role.ADMIN)
    of_ann, of_bob = await kit.post("ann", group, "secret"), await kit.post("bob", group, "more")
    assert await retract(kit, group, of_ann) == 2
    assert await retract(kit, group, of_bob) == 2
    assert await contents(kit, group, "ann") == [(False, 1), (True, 2), (True, 2), (False, 1), (False, 1)]
    told = await kit.store.read(lambda reader: reader.history(group, "ann", None, None, 1, 1 << 20))
    assert told.items[0].sender_id == "shop"
    assert decode_content(told.items[0].content or b"") == {
        "type": "system",
        "event": "retracted",
        "target": of_bob,
        "revision": 2,
    }
    assert await refused(retract(kit, group, of_ann)) is RefusalCode.GONE
    assert await refused(retract(kit, group, 99)) is RefusalCode.NOT_FOUND


async def test_earlier_contents_are_erased_and_a_list_shows_what_it_showed(kit: PluginKit[Shop]) -> None:
    group = await own_group(kit)
    transaction = kit.plugin.context.transaction
    at = await transaction(lambda tx: tx.post(group, TEXT, sender_id="shop"))
    await transaction(lambda tx: tx.edit(group, at, {"type": "text", "text": "better"}))
    await kit.post("ann", group, "last")
    await retract(kit, group, at)

    def look(reader: Any) -> tuple[list[Any], Any]:
        rows, _ = reader.conversations("ann", None, 10)
        return reader._sql("SELECT content FROM revisions", ()), rows[0].last

    kept, last = await kit.store.read(look)
    assert kept == []
    assert decode_content(last.content) == {"type": "text", "text": "last"}
    assert await refused(transaction(lambda tx: tx.edit(group, at, TEXT))) is RefusalCode.GONE


async def test_an_own_message_anywhere_and_nobody_elses_there(kit: PluginKit[Shop]) -> None:
    chat = kit.direct("ann", "shop")
    await kit.post("ann", chat, "hello")
    at = await kit.plugin.context.transaction(lambda tx: tx.post(chat, TEXT))
    assert await retract(kit, chat, at) == 2
    assert await refused(retract(kit, chat, 1)) is RefusalCode.FORBIDDEN
    group = await kit.group("ann", "bob", "clerk")
    own = await kit.plugin.context.transaction(lambda tx: tx.post(group, TEXT))
    assert await retract(kit, group, own) == 2
    assert await refused(retract(kit, group, await kit.post("bob", group, "x"))) is RefusalCode.FORBIDDEN
    away = await kit.group("ann", "bob")
    await kit.post("bob", away, "x")
    assert await refused(retract(kit, away, 2)) is RefusalCode.NOT_FOUND


async def test_a_system_message_stays_whoever_it_is_of(kit: PluginKit[Shop]) -> None:
    group = await own_group(kit, bob=Role.ADMIN)
    await kit.user("cy")
    left, _ = await kit.store.write(lambda tx: tx.add_member(group, "bob", new_key(), "cy", Role.MEMBER))
    assert await refused(retract(kit, group, 1)) is RefusalCode.FORBIDDEN
    assert await refused(retract(kit, group, left)) is RefusalCode.FORBIDDEN


async def test_a_former_members_message_and_a_bots_that_has_left(kit: PluginKit[Shop]) -> None:
    group = await own_group(kit, bob=Role.MEMBER)
    said = await kit.post("bob", group, "x")
    own = await kit.plugin.context.transaction(lambda tx: tx.post(group, TEXT, sender_id="clerk"))
    await kit.plugin.context.transaction(lambda tx: tx.remove_member(group, "bob"))
    await kit.plugin.context.transaction(lambda tx: tx.remove_member(group, "clerk"))
    assert await retract(kit, group, said) == 2
    assert await retract(kit, group, own) == 2


async def test_what_follows_from_a_message_goes_with_it(tmp_path: Path) -> None:
    trial = Trial()
    async with Server(config(tmp_path), plugins=[Shop()], features=(trial.feature(),)) as server:
        for name in ("ann", "bob"):
            await server.chat.put_user(User(name, name.title()))
        await server.call(BUY, "ann", BuyParams(new_key(), "mon", 1))
        (host,) = server.plugin_host._running
        await host.plugin.context.transaction(lambda tx: tx.retract("direct/ann/shop", 1))  # type: ignore[attr-defined]
        assert trial.replaced == [(1, True)]


# -- the audit log ----------------------------------------------------------------------------------------------------


async def test_an_act_is_kept_in_numbers_with_the_rest_of_the_transaction(kit: PluginKit[Shop]) -> None:
    at = kit.clock.now_ms()
    await kit.call(BUY, "ann", BuyParams(new_key(), "mon", 1))

    def numbers(tx: Any) -> tuple[int, int]:
        return tx.number_of("ann"), tx.place_no(kit.direct("ann", "shop"))

    ann, place = await kit.store.write(numbers)
    await kit.plugin.context.transaction(lambda tx: tx.audit("day.closed"))
    assert await kit.audit() == [
        AuditRow(1, at, "shop", "ticket.sold", ann, None, place, 1),
        AuditRow(2, at, "shop", "day.closed", None, None, None, None),
    ]


@pytest.mark.parametrize(
    "act", ["", "Ann called", "ann@x", "a..b", ".a", "a.", "A", "a" * 65, "a\n", "record.viewed2"]
)
async def test_an_act_has_no_room_for_anybodys_words(kit: PluginKit[Shop], act: str) -> None:
    with pytest.raises(PluginError, match="a-z"):
        await kit.plugin.context.transaction(lambda tx: tx.audit(act))
    assert await kit.audit() == []


async def test_an_act_is_about_what_there_is(kit: PluginKit[Shop]) -> None:
    transaction = kit.plugin.context.transaction
    with pytest.raises(PluginError, match="conversation"):
        await transaction(lambda tx: tx.audit("a.b", position=1))
    assert await refused(transaction(lambda tx: tx.audit("a.b", about_id="nobody"))) is RefusalCode.NOT_FOUND
    assert await refused(transaction(lambda tx: tx.audit("a.b", conversation_id="group/no"))) is (
        RefusalCode.NOT_FOUND
    )


# -- what is needed, given and erased ---------------------------------------------------------------------------------


class Desk:
    """Another plugin that needs messages."""

    name = "desk"
    config_type = dict
    migrations = ()

    def __init__(self, kept: Any) -> None:
        self.kept = kept

    async def start(self, context: Context) -> None:
        context.keeps(lambda reader, conversation_id: self.kept(conversation_id))

    async def stop(self) -> None:
        """Nothing to end."""


async def test_the_lowest_position_that_any_plugin_needs(tmp_path: Path) -> None:
    asked: list[str] = []

    def seven(conversation_id: str) -> int:
        asked.append(conversation_id)
        return 7

    desk = Desk(seven)
    async with Server(config(tmp_path), plugins=[shop := Shop(), desk]) as server:
        await server.chat.put_user(User("ann", "Ann"))
        host = server.plugin_host
        assert await host.kept_from("group/x") == 7, "the shop has sold nothing"
        await server.call(BUY, "ann", BuyParams(new_key(), "mon", 1))
        assert await host.kept_from("group/x") == 3
        shop.kept = None
        assert await host.kept_from("group/x") == 7
        desk.kept = lambda conversation_id: None
        assert await host.kept_from("group/x") is None
        assert set(asked) == {"group/x"}

        def broken(conversation_id: str) -> int:
            raise RuntimeError("nobody knows")

        desk.kept = broken
        with pytest.raises(RuntimeError, match="nobody knows"):
            await host.kept_from("group/x")
        await host.stop()
        assert await host.kept_from("group/x") is None


@pytest.mark.parametrize("duty", ["keeps", "export", "erase"])
async def test_a_duty_has_one_handler(duty: str) -> None:
    def twice(context: Context) -> None:
        getattr(context, duty)(lambda view, name: None)

    with pytest.raises(StartError, match=f"{duty} is registered already"):
        async with PluginKit(Shop(twice)):
            pass


async def test_a_person_is_given_and_erased_by_features_and_plugins_alike(tmp_path: Path) -> None:
    trial = Trial()
    async with Server(config(tmp_path), plugins=[Shop()], features=(trial.feature(),)) as server:
        for name in ("ann", "bob"):
            await server.chat.put_user(User(name, name.title()))
        for name, number in (("ann", 1), ("ann", 2), ("bob", 3)):
            await server.call(BUY, name, BuyParams(new_key(), "mon", number))
        exported = await server.export("ann")
        assert exported == {"trial": {"votes": []}, "x-shop": {"name": "Ann", "numbers": [1, 2]}}
        await server.erase("ann")
        assert (await server.export("ann"))["x-shop"]["numbers"] == []
        assert await server.call(DAY, "bob", DayParams("mon")) == DayResult((3,))


async def test_of_all_or_of_none(tmp_path: Path) -> None:
    shop = Shop()

    def fails(tx: Any, user_id: str) -> None:
        tx.execute("DELETE FROM shop_sold")
        raise RuntimeError("no")

    shop.erase = fails  # type: ignore[method-assign]
    trial = Trial()
    async with Server(config(tmp_path), plugins=[shop], features=(trial.feature(),)) as server:
        await server.chat.put_user(User("ann", "Ann"))
        await server.call(BUY, "ann", BuyParams(new_key(), "mon", 1))
        await server.call(VOTE, "ann", VoteParams("direct/ann/shop", 1, "yes"))
        with pytest.raises(RuntimeError):
            await server.erase("ann")
        assert (await server.export("ann"))["trial"] == {"votes": ["yes"]}
        assert await server.call(DAY, "ann", DayParams("mon")) == DayResult((1,))


async def test_the_kit_gives_and_erases_too(kit: PluginKit[Shop]) -> None:
    await kit.call(BUY, "ann", BuyParams(new_key(), "mon", 4))
    assert await kit.export("ann") == {"name": "Ann", "numbers": [4]}
    await kit.erase("ann")
    assert (await kit.export("ann"))["numbers"] == []
    assert [row.act for row in await kit.audit()] == ["ticket.sold", "person.erased"]
