"""Delivery to a plugin: which messages, in which order, how often, and from where after a stop."""

import asyncio
import dataclasses

import pytest

from imserver.plugin_api import MessagePosted, Refusal, RefusalCode, decode_content
from imserver.plugin_host import PluginHost, worker
from imserver.testing import PluginKit
from tests.plugins.bench import Bench, made_with
from tests.plugins.conftest import QUICK

CHAT = "direct/ann/bot"


def text_of(event):
    return decode_content(event.message.content).get("text", decode_content(event.message.content)["type"])


def listening(heard, **attributes):
    async def listen(event):
        heard.append(text_of(event))

    return made_with(lambda context: context.on(MessagePosted, listen), **attributes)


@pytest.fixture
def run(make_store, clock):
    """`async with run(plugin)`: it runs, with ann and bob."""

    def run(plugin, limits=QUICK, **config):
        return Peopled(plugin, config, store=make_store(), clock=clock, limits=limits, raises=False)

    return run


class Peopled(PluginKit[Bench]):
    async def __aenter__(self):
        await super().__aenter__()
        for user_id in ("ann", "bob"):
            await self.user(user_id)
        return self


async def test_it_hears_its_bots_conversations_and_no_others(run):
    heard: list[str] = []
    async with run(listening(heard)) as kit:
        await kit.say("ann", CHAT, "to the bot")
        await kit.say("ann", "direct/ann/bob", "to bob")
        group = await kit.group("ann", "bob", "bot")
        await kit.say("bob", group, "in the group")
        assert heard == ["to the bot", "system", "in the group"]


async def test_it_does_not_hear_its_own_bots(run):
    heard: list[str] = []
    async with run(listening(heard), bots=["bot", "twin"]) as kit:
        group = await kit.group("ann", "bot", "twin")
        await kit.plugin.context.transaction(
            lambda tx: (
                tx.post(group, {"type": "text", "text": "one"}),
                tx.post(group, {"type": "text", "text": "two"}, sender_id="twin"),
            )
        )
        await kit.idle()
        assert [said.sender_id for said in kit.messages(group)] == ["bot", "twin"]
        assert heard == ["system"]


async def test_a_command_is_not_heard_by_listeners(run):
    heard: list[str] = []

    async def hello(call):
        return f"hello {call.sender.display_name}: {call.arguments}"

    plugin = listening(heard)
    listen = plugin.setup

    def setup(context):
        listen(context)
        context.command("hello", hello, aliases=["你好"])

    plugin.setup = staticmethod(setup)
    async with run(plugin) as kit:
        assert [said.text for said in await kit.say("ann", CHAT, "/hello you")] == ["hello Ann: you"]
        assert [said.text for said in await kit.say("ann", CHAT, "你好世界")] == ["hello Ann: 世界"]
        assert await kit.say("ann", CHAT, "hello") == []
        assert heard == ["hello"]


async def test_of_a_sender_whom_no_command_wants_to_know_the_id_is_there(run):
    async def hello(call):
        return f"hello {call.sender.user_id}, {call.sender.display_name}"

    def setup(context):
        context.command("hello", hello, wants_sender=False)
        context.command("greet", hello)

    async with run(made_with(setup)) as kit:
        assert [said.text for said in await kit.say("ann", CHAT, "/hello")] == ["hello ann, ann"]
        assert [said.text for said in await kit.say("ann", CHAT, "/greet")] == ["hello ann, Ann"]


async def test_a_command_answers_with_a_content_or_with_nothing(run):
    answers = iter([{"type": "card", "title": "A card"}, None, "text"])

    async def ask(call):
        return next(answers)

    async with run(made_with(lambda context: context.command("ask", ask))) as kit:
        assert [said.content for said in await kit.say("ann", CHAT, "/ask")] == [
            {"type": "card", "title": "A card"}
        ]
        assert await kit.say("ann", CHAT, "/ask") == []
        assert [said.text for said in await kit.say("ann", CHAT, "/ask")] == ["text"]
        assert kit.host.figures()[0].handled_count == 3


async def test_the_bot_that_is_there_answers(run):
    async def ask(call):
        return "here"

    async with run(made_with(lambda context: context.command("ask", ask)), bots=["first", "second"]) as kit:
        [answer] = await kit.say("ann", kit.direct("ann", "second"), "/ask")
        assert answer.sender_id == "second"


async def test_an_answer_that_cannot_be_posted_is_a_failure(run):
    async def ask(call):
        return {"type": "system"}

    async with run(made_with(lambda context: context.command("ask", ask))) as kit:
        [answer] = await kit.say("ann", CHAT, "/ask")
        assert "did not work" in answer.text


async def test_a_failure_is_kept_even_if_nobody_can_be_told(run):
    left: list[bool] = []

    async def leave(call):
        if not left:
            left.append(True)
            key = bytes(16)
            await kit.store.write(lambda tx: tx.remove_member(call.conversation_id, "ann", key, "bot"))
        raise RuntimeError("no")

    async with run(made_with(lambda context: context.command("leave", leave))) as kit:
        group = await kit.group("ann", "bot")
        assert await kit.say("ann", group, "/leave") == []
        assert kit.host.figures()[0].failed_count == 1
        assert "plugin_failure_not_told" in kit.log.events("warning")


async def test_an_answer_beside_a_mark_is_reported_to_the_author(run):
    async def ask(call):
        await kit.plugin.context.transaction(lambda tx: None, event=call.event)
        return "lost"

    async with run(made_with(lambda context: context.command("ask", ask))) as kit:
        assert await kit.say("ann", CHAT, "/ask") == []
        assert kit.log.events("warning") == ["plugin_answer_after_mark_not_posted"]


async def test_messages_come_in_order_while_memory_overflows(run, until):
    heard, go_on = [], asyncio.Event()

    async def listen(event):
        await go_on.wait()
        heard.append(text_of(event))

    limits = dataclasses.replace(QUICK, max_live_events=3, read_page=4)
    async with run(made_with(lambda context: context.on(MessagePosted, listen)), limits) as kit:
        for number in range(30):
            await kit.post("ann", CHAT, str(number))
        assert kit.host.figures()[0].waiting_count <= 3
        assert kit.host.figures()[0].behind
        go_on.set()
        await kit.idle()
        assert heard == [str(number) for number in range(30)]
        await kit.say("ann", CHAT, "live again")
        assert not kit.host.figures()[0].behind


async def test_nothing_is_heard_twice_after_a_stop_in_good_order(run):
    heard: list[str] = []
    async with run(listening(heard)) as kit:
        await kit.say("ann", CHAT, "one")
        await kit.say("ann", "direct/ann/bob", "to bob")
        await kit.restart()
        await kit.say("ann", CHAT, "two")
        assert heard == ["one", "two"]


async def test_after_a_crash_only_what_the_lazy_cursor_had_not_passed_comes_again(run):
    heard: list[str] = []
    never_by_itself = dataclasses.replace(QUICK, cursor_interval_s=1000.0)
    async with run(listening(heard), never_by_itself) as kit:
        await kit.say("ann", CHAT, "one")
        await kit.host._store_cursors()
        await kit.say("ann", CHAT, "two")
        await kit.crash()
        await kit.start()
        await kit.idle()
        assert heard == ["one", "two", "two"]


async def test_the_lazy_cursor_passes_what_nobody_cares_about(run):
    never_by_itself = dataclasses.replace(QUICK, cursor_interval_s=1000.0)
    async with run(listening([]), never_by_itself) as kit:
        for number in range(20):
            await kit.post("ann", "direct/ann/bob", str(number))
        await kit.idle()
        before = kit.store.writer.units
        await kit.host._store_cursors()
        assert kit.store.writer.units - before == 1
        assert kit.host.figures()[0].cursor == kit.host._newest.change


async def test_one_event_is_marked_once_and_listeners_behind_the_mark_are_not_asked(run):
    asked = []

    async def first(event):
        asked.append("first")
        if text_of(event) == "mark":
            await kit.plugin.context.transaction(lambda tx: None, event=event)

    async def second(event):
        asked.append("second")

    def setup(context):
        context.on(MessagePosted, first)
        context.on(MessagePosted, second)

    async with run(made_with(setup)) as kit:
        await kit.say("ann", CHAT, "mark")
        await kit.say("ann", CHAT, "both")
        assert asked == ["first", "first", "second"]


async def test_who_marks_an_earlier_message_late_does_not_mark_the_one_in_hand(run):
    kept: list[MessagePosted] = []
    done: list[str] = []

    async def listen(event):
        kept.append(event)
        if text_of(event) == "second":
            for marked in kept:
                await kit.plugin.context.transaction(
                    lambda tx, marked=marked: done.append(text_of(marked)), event=marked
                )

    plugin = made_with(lambda context: context.on(MessagePosted, listen))
    async with run(plugin, dataclasses.replace(QUICK, cursor_interval_s=1000.0)) as kit:
        for text in ("first", "second"):
            await kit.say("ann", CHAT, text)
        assert done == ["first", "second"]


async def test_two_plugins_do_not_complain_to_each_other_for_ever(run):
    calls = []

    async def fail(event):
        calls.append(text_of(event))
        raise RuntimeError("no")

    one = made_with(lambda context: context.on(MessagePosted, fail))
    other = made_with(lambda context: context.on(MessagePosted, fail), name="other", migrations=())
    async with run(one) as kit:
        await kit.host.stop()
        plugins = [one(), other()]
        kit.host = PluginHost(
            kit.store,
            {"other": {"bots": ["bot2"]}},
            clock=kit.clock,
            log=kit.log,
            plugins=plugins,
            limits=QUICK,
        )
        await kit.host.start()
        group = await kit.group("ann", "bot", "bot2")
        await kit.say("ann", group, "hello")
        complaints = [said for said in kit.messages(group) if "did not work" in said.text]
        assert sorted(said.sender_id for said in complaints) == ["bot", "bot", "bot2", "bot2"]


async def test_what_is_no_text_or_not_readable_is_no_command(run):
    heard = []

    async def listen(event):
        heard.append(event.message.content)

    async def never(call):
        raise AssertionError

    def setup(context):
        context.on(MessagePosted, listen)
        context.command("x", never)

    async with run(made_with(setup)) as kit:
        await kit.say("ann", CHAT, {"type": "image", "text": "/x"})
        await kit.store.write(lambda tx: tx.post(CHAT, "ann", bytes(16), b"\xc1", sent_at=0))
        await kit.idle()
        assert len(heard) == 2
        assert kit.log.events("error") == []


async def test_a_bot_made_later_hears_from_then_on(run):
    heard: list[str] = []
    async with run(listening(heard)) as kit:
        await kit.plugin.context.ensure_bot("late", "Late")
        await kit.say("ann", kit.direct("ann", "late"), "hello")
        assert heard == ["hello"]


async def test_a_bot_made_during_a_read_is_not_missing_from_it(run, monkeypatch):
    heard: list[str] = []
    async with run(listening(heard)) as kit:
        await kit.user("late", roles=["bot"])
        await kit.idle()
        await kit.crash()
        await kit.post("ann", kit.direct("ann", "late"), "hello")
        await kit.start()
        read = kit.store.read

        async def read_and_add(query):
            found = await read(query)
            monkeypatch.undo()
            kit.host._running[0].registrations.add_bot("late")
            return found

        monkeypatch.setattr(kit.store, "read", read_and_add)
        await kit.idle()
        assert heard == ["hello"]


async def test_a_fault_of_the_host_itself_loses_no_message(run, monkeypatch):
    calls = []

    async def fail(call):
        calls.append(call.arguments)
        if call.arguments == "bad":
            raise RuntimeError("no")

    monkeypatch.setattr(worker, "FAULT_PAUSE_S", 0.001)
    async with run(made_with(lambda context: context.command("do", fail))) as kit:
        submit, left = kit.store.submit, [3]

        def broken(unit):
            if calls.count("bad") >= 3 and left[0]:
                left[0] -= 1
                raise RuntimeError("nobody expected this")
            submit(unit)

        monkeypatch.setattr(kit.store, "submit", broken)
        await kit.post("ann", CHAT, "/do bad")
        await kit.post("ann", CHAT, "/do good")
        await kit.idle()
        assert left == [0]
        assert calls[-1] == "good"
        assert ["did not work" in said.text for said in kit.messages(CHAT)] == [False, False, True]
        assert kit.host.figures()[0].failed_count == 1
        assert "plugin_worker_fault" in kit.log.events("error")


async def test_a_post_passes_the_review_before_it_is_stored(run):
    async def review(conversation_id, sender_id, content):
        if "bad" in content.get("text", ""):
            return Refusal(RefusalCode.FORBIDDEN, "mind your words")
        if content.get("text") == "broken":
            raise RuntimeError("oops")
        if content.get("text") == "slow":
            await asyncio.Event().wait()
        return "maybe" if content.get("text") == "strange" else None

    async with run(made_with(lambda context: context.review(review))) as kit:
        await kit.say("ann", CHAT, "good")
        with pytest.raises(Refusal, match="mind your words") as caught:
            await kit.say("ann", CHAT, "bad")
        assert caught.value.code is RefusalCode.FORBIDDEN
        for text in ("broken", "slow", "strange"):
            with pytest.raises(Refusal) as caught:
                await kit.say("ann", CHAT, text)
            assert caught.value.code is RefusalCode.OVERLOADED
        assert [said.text for said in kit.messages(CHAT)] == ["good"]
        await kit.host.stop()
        assert kit.host.reviewers == []
        await kit.say("ann", CHAT, "bad")
