"""The shipped test kit: its clock, answers and edits, reviews, timers, and log."""

import pytest

from imserver.errors import StoreFailed
from imserver.plugin_api import Refusal, RefusalCode
from imserver.testing import LogBook, ManualClock, PluginKit
from tests.plugins.bench import made_with
from tests.plugins.conftest import QUICK


def test_a_clock_goes_on_by_what_it_is_told_and_never_back():
    clock = ManualClock(1_000)
    clock.advance(0.25)
    assert (clock.now_ms(), clock.monotonic()) == (1_250, 0.25)
    with pytest.raises(ValueError, match="jump_to"):
        clock.advance(-1)
    clock.jump_to(500)
    assert (clock.now_ms(), clock.monotonic()) == (500, 0.25)


async def test_it_gives_the_answers_to_what_was_said_and_reads_what_was_edited(clock):
    async def ask(call):
        first = await kit.plugin.context.transaction(
            lambda tx: tx.post(call.conversation_id, {"type": "text", "text": f"about {call.arguments}"})
        )
        await kit.plugin.context.transaction(
            lambda tx: tx.edit(call.conversation_id, first, {"type": "text", "text": f"on {call.arguments}"})
        )
        return "that is all"

    plugin = made_with(lambda context: context.command("ask", ask))
    async with PluginKit(plugin, clock=clock, limits=QUICK) as kit:
        await kit.user("ann")
        chat = kit.direct("ann", "bot")
        for subject in ("this", "that"):
            answers = await kit.say("ann", chat, f"/ask {subject}")
            assert [(said.text, said.revision) for said in answers] == [
                (f"on {subject}", 2),
                ("that is all", 1),
            ]
        assert [said.text for said in kit.messages(chat)][:2] == ["/ask this", "on this"]


async def test_every_review_is_asked_and_the_first_no_counts(clock):
    asked = []

    def reviewer(name, no):
        async def review(conversation_id, sender_id, content):
            asked.append(name)
            return Refusal(RefusalCode.FORBIDDEN, name) if content["text"] == no else None

        return review

    def setup(context):
        context.review(reviewer("one", "x"))
        context.review(reviewer("two", "y"))

    async with PluginKit(made_with(setup), clock=clock, limits=QUICK) as kit:
        await kit.user("ann")
        for text, said in (("x", "one"), ("y", "two")):
            with pytest.raises(Refusal, match=said):
                await kit.post("ann", kit.direct("ann", "bot"), text)
        await kit.post("ann", kit.direct("ann", "bot"), "z")
        assert asked == ["one", "one", "two", "one", "two"]


async def test_time_that_passes_ends_where_it_was_asked_to_and_fires_what_is_due_just_then(clock):
    fired = []

    async def tick(timer):
        fired.append(kit.clock.now_ms() - began)

    plugin = made_with(lambda context: context.timer("tick", tick))
    async with PluginKit(plugin, clock=clock, limits=QUICK) as kit:
        began = kit.clock.now_ms()
        await kit.plugin.context.transaction(
            lambda tx: [tx.schedule(began + late, "tick", {}) for late in (1_000, 10_000, 10_001)]
        )
        await kit.advance(10)
        assert (fired, kit.clock.now_ms() - began) == ([1_000, 10_000], 10_000)


def test_a_log_book_keeps_levels_and_what_was_bound():
    book = LogBook()
    book.bind(plugin="x").bind(user="ann").error("failed", error_id="1")
    book.info("fine")
    assert book.lines == [
        ("error", "failed", {"plugin": "x", "user": "ann", "error_id": "1"}),
        ("info", "fine", {}),
    ]
    assert (book.events("error"), book.events()) == (["failed"], ["failed", "fine"])
    with pytest.raises(AttributeError):
        book.shout("x")


async def test_what_is_asked_of_it_at_the_wrong_time_is_refused(clock):
    """Two plugins at once would answer everything twice, and time that goes back would look like time that stands still."""
    kit = PluginKit(made_with(lambda context: None), clock=clock, limits=QUICK)
    async with kit:
        with pytest.raises(RuntimeError, match="restart"):
            await kit.start()
        with pytest.raises(StoreFailed, match="open already"):
            await kit.__aenter__()
        with pytest.raises(ValueError, match="jump_to"):
            await kit.advance(-1)
        await kit.restart()
        await kit.crash()
        await kit.start()
        await kit.user("ann")
    with pytest.raises(StoreFailed, match="not open"):
        await kit.user("bob")


async def test_what_the_speaker_says_meanwhile_is_no_answer(clock):
    async def ask(call):
        await kit.post("ann", call.conversation_id, "and another thing")
        return "one thing at a time"

    async with PluginKit(
        made_with(lambda context: context.command("ask", ask)), clock=clock, limits=QUICK
    ) as kit:
        await kit.user("ann")
        answers = await kit.say("ann", kit.direct("ann", "bot"), "/ask")
        assert [said.text for said in answers] == ["one thing at a time"]


async def test_it_raises_what_a_handler_raised_and_goes_on_where_that_is_asked():
    calls = [0]

    def setup(context):
        async def fails(call):
            calls[0] += 1
            raise ZeroDivisionError("in the handler")

        async def fails_once(call):
            calls[0] += 1
            if calls[0] == 1:
                raise ZeroDivisionError("the first time")
            return "at last"

        context.command("fail", fails)
        context.command("again", fails_once)

    async with PluginKit(made_with(setup), limits=QUICK) as kit:
        await kit.user("ann")
        [said] = await kit.say("ann", kit.direct("ann", "bot"), "/again")
        assert said.text == "at last"  # the host tried once more, and so it did not fail
        for _ in range(2):  # and with the next one again, which comes after it
            with pytest.raises(ZeroDivisionError, match="in the handler"):
                await kit.say("ann", kit.direct("ann", "bot"), "/fail")
        await kit.idle()
    async with PluginKit(made_with(setup), limits=QUICK, raises=False) as kit:
        await kit.user("ann")
        [said] = await kit.say("ann", kit.direct("ann", "bot"), "/fail")
        assert "did not work" in said.text
