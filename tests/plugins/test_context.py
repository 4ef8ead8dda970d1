"""The rights of a plugin in a transaction and on its context, and their limits."""

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from imserver.errors import AlreadyHandled
from imserver.model import BOT, Message
from imserver.plugin_api import (
    Kind,
    MessagePosted,
    PluginError,
    Refusal,
    RefusalCode,
    Role,
    TimerFired,
    Transaction,
    UniqueViolation,
    User,
    decode_content,
)
from imserver.plugin_host.transaction import Keys
from imserver.testing import PluginKit
from tests.plugins.bench import Bench
from tests.plugins.conftest import QUICK

CHAT = "direct/ann/bot"
TEXT = {"type": "text", "text": "hello"}


@pytest.fixture
async def kit(make_store, clock) -> AsyncIterator[PluginKit[Bench]]:
    """The bench plugin with two bots; ann and bob; ann has written to the bot."""
    config = {"bots": ["bot", "twin"]}
    async with PluginKit(Bench, config, store=make_store(), clock=clock, limits=QUICK) as kit:
        await kit.user("ann")
        await kit.user("bob")
        await kit.say("ann", CHAT, "hi")
        yield kit


def transact(kit, fn, **options):
    return kit.plugin.context.transaction(fn, **options)


async def members_of(kit, conversation_id):
    return dict(await kit.store.write(lambda tx: tx.audience(conversation_id)) or {})


# -- conversations ----------------------------------------------------------------------------------------------------


async def test_a_conversation_is_made_once_for_its_key(kit):
    def ensure(tx):
        return tx.ensure_conversation("shop/ann", Kind.GROUP, {"ann": Role.MEMBER}, title="Shop")

    first = await transact(kit, ensure)
    assert await members_of(kit, first) == {"bot": Role.OWNER, "ann": Role.MEMBER}
    again = await transact(
        kit, lambda tx: tx.ensure_conversation("shop/ann", Kind.GROUP, {"bob": Role.MEMBER}, title="Other")
    )
    assert again == first
    assert await members_of(kit, first) == {"bot": Role.OWNER, "ann": Role.MEMBER}
    assert await transact(kit, lambda tx: tx.ensure_conversation("shop/bob", Kind.GROUP, {})) != first
    await kit.restart()
    assert await transact(kit, ensure) == first


async def test_a_conversation_may_belong_to_another_bot_and_be_direct_or_a_channel(kit):
    def make(tx):
        direct = tx.ensure_conversation("d", Kind.DIRECT, {"ann": Role.MEMBER}, owner_id="twin")
        tx.post(direct, TEXT)
        channel = tx.ensure_conversation("news", Kind.CHANNEL, {"ann": Role.READER}, owner_id="twin")
        tx.post(channel, TEXT)
        return direct, channel

    direct, channel = await transact(kit, make)
    assert direct == kit.direct("ann", "twin")
    assert [said.sender_id for said in (*kit.messages(direct), *kit.messages(channel))] == ["twin", "twin"]


async def test_members_come_and_go_and_repeating_it_has_no_effect(kit):
    def change(tx):
        group = tx.ensure_conversation("g", Kind.GROUP, {"ann": Role.MEMBER}, owner_id="twin")
        for _ in range(2):
            tx.add_member(group, "bob", Role.ADMIN)
        for _ in range(2):
            tx.remove_member(group, "ann")
        return group, dict(tx.members(group))

    group, seen = await transact(kit, change)
    assert seen == {"twin": Role.OWNER, "bob": Role.ADMIN}
    assert await members_of(kit, group) == seen
    assert await transact(kit, lambda tx: dict(tx.members("group/none"))) == {}


# -- messages ---------------------------------------------------------------------------------------------------------


async def test_a_message_is_edited_by_the_bot_that_wrote_it(kit):
    def post(tx):
        group = tx.ensure_conversation("g", Kind.GROUP, {"ann": Role.MEMBER, "twin": Role.MEMBER})
        return group, tx.post(group, TEXT, sender_id="twin")

    group, position = await transact(kit, post)
    assert await transact(kit, lambda tx: tx.edit(group, position, {"type": "text", "text": "edited"})) == 2
    assert [(said.text, said.revision) for said in kit.messages(group)] == [("edited", 2)]
    with pytest.raises(Refusal) as caught:
        await transact(kit, lambda tx: tx.edit(CHAT, 1, TEXT))
    assert caught.value.code is RefusalCode.FORBIDDEN


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"type": "system", "event": "left"}, "server's own type"),
        ({"text": "no type"}, "a map with `type`"),
        ({"type": ""}, "a map with `type`"),
        ({"type": "text"}, "`text` is a string"),
        ({"type": "x-big", "data": "x" * 40_000}, "content"),
        ({"type": "x-odd", "data": object()}, "content"),
        ({"type": "x-odd", "data": 2**60}, "content"),
    ],
)
async def test_a_content_that_nobody_may_post_is_the_plugins_fault(kit, content, said):
    with pytest.raises(PluginError, match=said):
        await transact(kit, lambda tx: tx.post(CHAT, content))
    assert len(kit.messages(CHAT)) == 1


async def test_it_speaks_as_its_own_bots_only_and_where_they_are(kit):
    with pytest.raises(PluginError, match="'ann' is not a bot"):
        await transact(kit, lambda tx: tx.post(CHAT, TEXT, sender_id="ann"))
    with pytest.raises(PluginError, match="not a bot"):
        await transact(kit, lambda tx: tx.ensure_conversation("x", Kind.GROUP, {}, owner_id="ann"))
    with pytest.raises(Refusal) as caught:
        await transact(kit, lambda tx: tx.post(kit.direct("ann", "bob"), TEXT))
    assert caught.value.code is RefusalCode.NOT_FOUND


async def test_two_transactions_without_an_event_post_two_messages(kit):
    for _ in range(2):
        await transact(kit, lambda tx: [tx.post(CHAT, TEXT), tx.post(CHAT, TEXT)])
    assert [said.text for said in kit.messages(CHAT)] == ["hi"] + ["hello"] * 4


# -- the transaction itself -------------------------------------------------------------------------------------------


def test_a_unit_that_runs_again_posts_under_the_same_keys():
    message = Message("c", 7, "ann", 1_000, b"k" * 16, b"")
    event = MessagePosted(9, message, {})
    first, again = (Keys.of_event("bench", event, "handler") for _ in range(2))
    assert [first(number) for number in range(3)] == [again(number) for number in range(3)]
    others = [
        Keys.of_event("ledger", event, "handler"),
        Keys.of_event("bench", event, "failure"),
        Keys.of_event("bench", MessagePosted(10, message, {}), "handler"),
        Keys.of_event("bench", TimerFired(9, "bench", "x", 1_000, {}), "handler"),
        Keys.of_event("bench", TimerFired(9, "bench", "x", 1_000, {"a": 1}), "handler"),
    ]
    keys = [first(0), first(1), *(other(0) for other in others)]
    assert len(set(keys)) == len(keys)
    assert {len(key) for key in keys} == {16}


async def test_rows_are_the_plugins_own_and_an_integrity_error_undoes_one_statement(kit):
    def insert(tx):
        tx.execute("INSERT INTO bench_rows (text) VALUES (?)", ["one"])
        with pytest.raises(UniqueViolation):
            tx.execute("INSERT INTO bench_rows (text) VALUES (?)", ["one"])
        return tx.execute("INSERT INTO bench_rows (text) VALUES (?) RETURNING text", ["two"])

    assert [tuple(row) for row in await transact(kit, insert)] == [("two",)]
    found = await kit.plugin.context.read("SELECT text FROM bench_rows WHERE no > ? ORDER BY no", [0])
    assert [tuple(row) for row in found] == [("one",), ("two",)]
    with pytest.raises(PluginError):
        await transact(kit, lambda tx: tx.execute("SELECT * FROM users"))
    with pytest.raises(PluginError):
        await transact(kit, lambda tx: tx.execute("COMMIT"))
    with pytest.raises(PluginError):
        await kit.plugin.context.read("DELETE FROM bench_rows")


async def test_a_transaction_is_synchronous_and_over_when_it_is_over(kit):
    async def not_this(tx):
        tx.post(CHAT, TEXT)

    with pytest.raises(PluginError, match="synchronous"):
        await transact(kit, not_this)
    kept: list[Transaction] = []
    await transact(kit, kept.append)
    with pytest.raises(PluginError, match="is over"):
        kept[0].post(CHAT, TEXT)
    assert [said.text for said in kit.messages(CHAT)] == ["hi"]


async def test_its_time_is_the_stores(kit):
    assert await transact(kit, lambda tx: tx.now_ms) == kit.clock.now_ms()


async def test_an_event_is_marked_once(kit):
    events: list[MessagePosted] = []

    async def listen(event):
        events.append(event)

    kit.plugin.context.on(MessagePosted, listen)
    await kit.say("ann", CHAT, "one")
    await transact(kit, lambda tx: tx.handled(events[0]), event=events[0])
    with pytest.raises(AlreadyHandled):
        await transact(kit, lambda tx: tx.post(CHAT, TEXT), event=events[0])
    with pytest.raises(PluginError, match="other"):
        await transact(kit, lambda tx: tx.handled(TimerFired(1, "other", "x", 0, {})))


async def test_users(kit):
    kim = User("kim", "Kim", "zh-CN", ("staff",))
    assert await kit.plugin.context.user("kim") is None
    await transact(kit, lambda tx: tx.ensure_user(kim))
    assert await transact(kit, lambda tx: tx.user("kim")) == kim
    assert await kit.plugin.context.user("kim") == kim


# -- bots -------------------------------------------------------------------------------------------------------------


async def test_a_bot_is_made_or_renamed_and_nobody_is_made_a_bot_by_accident(kit):
    context = kit.plugin.context
    assert await context.ensure_bot("new", "New", language="zh-CN") == User(
        "new", "New", "zh-CN", ("bot",), BOT
    )
    assert (await context.ensure_bot("new", "Newer")).display_name == "Newer"
    assert await context.user("new") == User("new", "Newer", "en", ("bot",), BOT)
    with pytest.raises(PluginError, match="'ann' is not a bot"):
        await context.ensure_bot("ann", "Ann")
    with pytest.raises(PluginError, match="control characters"):
        await context.ensure_bot("a\nb", "x")


async def test_registrations_that_make_no_sense_are_refused_at_the_call(kit):
    context = kit.plugin.context

    async def nothing(anything):
        return None

    context.command("x", nothing, aliases=["艾"])
    context.timer("x", nothing)
    with pytest.raises(PluginError, match="already a command"):
        context.command("y", nothing, aliases=["艾"])
    with pytest.raises(PluginError, match="already"):
        context.timer("x", nothing)
    with pytest.raises(PluginError, match="only MessagePosted"):
        context.on(TimerFired, nothing)


# -- life -------------------------------------------------------------------------------------------------------------


async def test_a_stopped_plugin_can_do_nothing_any_more(kit):
    context = kit.plugin.context
    await kit.host.stop()
    with pytest.raises(PluginError, match="stopped"):
        await context.transaction(lambda tx: None)
    with pytest.raises(PluginError, match="stopped"):
        await context.read("SELECT 1")
    with pytest.raises(PluginError, match="stopped"):
        await context.user("ann")
    with pytest.raises(PluginError, match="stopped"):
        context.on(MessagePosted, lambda event: None)
    assert kit.host.names == []
    assert not kit.host._bots
    await kit.say("ann", CHAT, "anybody?")
    await kit.host.stop()


async def test_checks_report_what_they_find_and_a_broken_check_is_a_finding(kit):
    kit.plugin.checks["rows"] = lambda sql: [
        f"row {text}" for (text,) in sql("SELECT text FROM bench_rows WHERE text = ?", ["odd"])
    ]
    kit.plugin.checks["broken"] = lambda sql: sql("SELECT * FROM users")
    assert [finding.check for finding in await kit.host.run_checks()] == ["broken"]
    await transact(kit, lambda tx: tx.execute("INSERT INTO bench_rows (text) VALUES ('odd')"))
    first, second = await kit.host.run_checks()
    assert (first.plugin, first.check, first.text) == ("bench", "rows", "row odd")
    assert second.text.startswith("the check itself failed")


async def test_a_check_reads_what_the_plugins_rows_speak_of(kit):
    def prepare(tx):
        tx.post(CHAT, TEXT)
        return tx.schedule(4_000_000_000_000, "later", {"a": 1})

    number = await transact(kit, prepare)
    seen: dict[str, Any] = {}

    def look(snapshot):
        snapshot.looked_at(2)
        seen["timers"] = {
            n: (timer.name, timer.due_at, timer.payload) for n, timer in snapshot.timers().items()
        }
        positions = [snapshot.message(CHAT, position) for position in (0, 1, 2, 3)]
        seen["texts"] = [None if one is None else decode_content(one.content) for one in positions]
        seen["members"] = sorted(snapshot.members(CHAT))
        seen["nowhere"] = (snapshot.members("group/none"), snapshot.message("group/none", 1))
        seen["users"] = (snapshot.user("ann").user_id, snapshot.user("nobody"))
        return []

    kit.plugin.checks["look"] = look
    assert await kit.host.run_checks() == []
    assert seen == {
        "timers": {number: ("later", 4_000_000_000_000, {"a": 1})},
        "texts": [None, {"type": "text", "text": "hi"}, TEXT, None],
        "members": ["ann", "bot"],
        "nowhere": ({}, None),
        "users": ("ann", None),
    }
    [check] = kit.host.checks
    assert (await kit.store.read(check.ask)).looked_at == 2


def test_the_plugin_contract_does_not_need_a_base_class():
    assert not [base for base in Bench.__mro__ if base.__module__.startswith("imserver")]
    assert issubclass(Bench.config_type, msgspec.Struct)
