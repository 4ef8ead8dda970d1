"""A plugin does not come to harm by a message that was taken back before it came to it, and hears that it was."""

from functools import partial

from imserver.content import encode_content
from imserver.plugin_api import MessagePosted, decode_content
from imserver.testing import PluginKit
from tests.plugins.bench import Bench, made_with
from tests.plugins.conftest import QUICK
from tests.store import support

CHAT = "direct/ann/bot"


async def test_what_was_taken_back_before_is_not_heard_and_what_tells_of_it_is(make_store, clock):
    """Neither its listener nor its command is called for the tombstone, and nothing fails; what comes behind is heard."""
    heard: list[object] = []

    async def listen(event):
        content = decode_content(event.message.content)
        heard.append((event.message.position, content.get("text", content.get("event"))))

    async def ask(call):
        heard.append(call.arguments)

    def setup(context):
        context.on(MessagePosted, listen)
        context.command("ask", ask)

    async with PluginKit(made_with(setup), store=make_store(), clock=clock, limits=QUICK) as kit:
        await kit.user("ann")
        await kit.say("ann", CHAT, "first")
        await kit.host.stop()
        for number, text in enumerate(("hush", "/ask it", "last")):
            await kit.store.write(posted(number, text))
        for position in (2, 3):
            await kit.store.write(partial(take_back, position))
        await kit.start()
        await kit.idle()
        assert heard == [(1, "first"), (4, "last"), (5, "retracted"), (6, "retracted")]
        assert kit.host.figures()[0].failed_count == 0


def take_back(position, tx):
    support.take_back(tx, CHAT, "ann", bytes([position]) * 16, position)


def posted(number, text):
    content = encode_content({"type": "text", "text": text})
    return lambda tx: tx.post(CHAT, "ann", bytes([100 + number]) * 16, content, sent_at=1)


async def test_it_can_be_taken_back_while_it_is_being_answered(make_store, clock):
    """The answer is posted all the same: the plugin has heard the message."""
    kit: PluginKit[Bench]

    async def ask(call):
        await kit.store.write(partial(take_back, 1))
        return "answer"

    async with PluginKit(
        made_with(lambda context: context.command("ask", ask)), store=make_store(), clock=clock, limits=QUICK
    ) as kit:
        await kit.user("ann")
        assert [said.text for said in await kit.say("ann", CHAT, "/ask")] == ["answer"]
