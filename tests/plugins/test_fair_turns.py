"""Users take turns at a plugin: one who floods it delays the others by one message at a time, and loses nothing by it."""

import asyncio
import contextlib
import dataclasses
import sqlite3

import pytest

from imserver.plugin_api import MessagePosted, decode_content
from imserver.testing import PluginKit
from tests.plugins.bench import Bench, made_with
from tests.plugins.conftest import QUICK
from tests.plugins.effects import answers, rows
from tests.plugins.ledger import Ledger

#: Texts that each flooder has posted when ann comes.
FLOOD = 120
FLOODERS = ("f1", "f2", "f3", "f4")
NEVER_BY_ITSELF = dataclasses.replace(QUICK, cursor_interval_s=1000.0)


class Counting:
    """Handles each text by one step, and counts the steps of all: what a user waits for."""

    def __init__(self) -> None:
        self.steps = 0
        self.heard: list[str] = []
        self.waited: dict[str, int] = {}
        self.go_on = asyncio.Event()

    def setup(self, context):
        async def listen(event):
            await self.go_on.wait()
            self.steps += 1
            text = decode_content(event.message.content).get("text", "")
            self.heard.append(text)
            self.waited[text] = self.steps
            await context.transaction(lambda tx: None, event=event)

        context.on(MessagePosted, listen)


def handled_rows(kit):
    with contextlib.closing(sqlite3.connect(kit.store._config.path)) as connection:
        query = "SELECT count(*) FROM plugin_handled"
        return connection.execute(query).fetchone()[0]


async def people(kit, *names):
    for name in names:
        await kit.user(name)


async def waits(make_store, clock, flood):
    """After how many steps ann is served, who comes behind so many texts of each flooder."""
    counting = Counting()
    plugin = made_with(counting.setup)
    async with PluginKit(plugin, store=make_store(), clock=clock, limits=QUICK) as kit:
        await people(kit, "ann", *FLOODERS)
        for number in range(flood):
            for name in FLOODERS:
                await kit.post(name, kit.direct(name, "bot"), f"{name} {number}")
        await kit.post("ann", kit.direct("ann", "bot"), "ann 0")
        counting.go_on.set()
        await kit.idle()
        assert sorted(counting.heard) == sorted(
            ["ann 0", *(f"{name} {number}" for name in FLOODERS for number in range(flood))]
        )
        for name in FLOODERS:  # each once, and in order
            own = [text for text in counting.heard if text.startswith(name)]
            assert own == [f"{name} {number}" for number in range(flood)]
        assert handled_rows(kit) == 0
        return counting.waited["ann 0"]


async def test_a_flood_delays_another_user_by_one_text_of_each_flooder(make_store, clock, tmp_path):
    alone = await waits(make_store, clock, 0)
    for file in tmp_path.glob("im.db*"):
        file.unlink()
    behind = await waits(make_store, clock, FLOOD)
    assert alone == 1
    # In the order of commits it would be 4 x 120 + 1.
    assert behind <= 2 * len(FLOODERS) + alone


async def test_who_shares_a_conversation_with_the_flood_keeps_the_order_there(make_store, clock):
    counting = Counting()
    async with PluginKit(made_with(counting.setup), store=make_store(), clock=clock, limits=QUICK) as kit:
        await people(kit, "ann", "f1")
        group = await kit.group("f1", "ann", "bot")
        for number in range(100):
            await kit.post("f1", group, f"f1 {number}")
        await kit.post("ann", group, "ann in the group")
        await kit.post("f1", group, "f1 last")
        await kit.post("ann", kit.direct("ann", "bot"), "ann alone")
        counting.go_on.set()
        await kit.idle()
        heard = [text for text in counting.heard if text]
        assert heard == [
            *(f"f1 {number}" for number in range(100)),
            *(text for text in heard[100:] if text in ("ann in the group", "f1 last", "ann alone")),
        ]
        assert heard.index("ann in the group") < heard.index("f1 last")
        assert heard.index("ann in the group") < heard.index("ann alone")


async def test_what_was_dealt_with_out_of_order_is_not_dealt_with_again_after_a_crash(
    make_store, clock, until
):
    """ann's and bob's are marked, the flood's first is in hand: a crash forgets neither."""
    counting = Counting()
    plugin = made_with(counting.setup)
    async with PluginKit(plugin, store=make_store(), clock=clock, limits=NEVER_BY_ITSELF) as kit:
        await people(kit, "ann", "bob", "f1")
        for number in range(50):
            await kit.post("f1", kit.direct("f1", "bot"), f"f1 {number}")
        for name in ("ann", "bob"):
            await kit.post(name, kit.direct(name, "bot"), f"{name} 0")
        counting.go_on.set()
        await until(lambda: len(counting.heard) >= 8)
        counting.go_on.clear()
        await asyncio.sleep(0)
        await kit.crash()
        # What stands above the cursor is what was marked there and no more.
        before = list(counting.heard)
        assert {"ann 0", "bob 0"} <= set(before)
        assert 2 <= handled_rows(kit) <= 3
        counting.go_on.set()
        await kit.start()
        await kit.idle()
        assert sorted(counting.heard) in (
            sorted([*(f"f1 {number}" for number in range(50)), "ann 0", "bob 0"]),
            sorted([*(f"f1 {number}" for number in range(50)), "ann 0", "bob 0", before[-1]]),
        )
        assert counting.heard.count("ann 0") == counting.heard.count("bob 0") == 1
        await kit.host._store_cursors()
        assert handled_rows(kit) == 0


@pytest.mark.parametrize("step", ["before", "begin", "execute", "post", "schedule", "end", "after"])
async def test_a_crash_at_any_step_of_a_turn_out_of_order_does_it_once(make_store, clock, until, step):
    """bob's turn comes before ann's third; the plugin is cut off inside bob's transaction."""
    async with PluginKit(Ledger, store=make_store(), clock=clock, limits=NEVER_BY_ITSELF) as kit:
        await people(kit, "ann", "bob")
        stopped = []

        def meddle(kind, at_step):
            if kit.plugin.calls[-1:] == ["b1"] and at_step == step:
                stopped.append(step)
                if step in ("before", "after"):
                    return asyncio.Event().wait()
                raise asyncio.CancelledError
            return None

        held = asyncio.Event()
        kit.plugin.meddle = lambda kind, at_step: held.wait() if at_step == "before" else None
        await kit.post("ann", "direct/ann/clerk", "/note a1")
        await until(lambda: kit.plugin.calls == ["a1"])  # in work, so that ann's turn begins anew with a2
        for text in ("a2", "a3"):
            await kit.post("ann", "direct/ann/clerk", f"/note {text}")
        await kit.post("bob", "direct/bob/clerk", "/note b1")
        kit.plugin.meddle = meddle
        held.set()
        await until(lambda: bool(stopped))
        assert kit.plugin.calls[:3] == ["a1", "a2", "b1"]
        await kit.crash()
        await kit.start()
        await kit.idle()
        found = [text for _, text in await rows(kit)]
        assert sorted(found) == ["a1", "a2", "a3", "b1"]
        assert found.index("a1") < found.index("a2") < found.index("a3")
        assert answers(kit, "direct/bob/clerk") == ["note: b1"]
        assert answers(kit, "direct/ann/clerk") == ["note: a1", "note: a2", "note: a3"]


async def test_what_no_handler_marked_is_stored_lazily_above_the_cursor_too(make_store, clock, until):
    heard: list[str] = []
    held = asyncio.Event()

    def setup(context):
        async def listen(event):
            text = decode_content(event.message.content).get("text", "")
            heard.append(text)
            if text == "slow 1":
                await held.wait()

        context.on(MessagePosted, listen)

    async with PluginKit(made_with(setup), store=make_store(), clock=clock, limits=NEVER_BY_ITSELF) as kit:
        await people(kit, "ann", "bob")
        held.set()
        async with blocked(kit):
            for text in ("slow 0", "slow 1", "slow 2"):
                await kit.post("ann", kit.direct("ann", "bot"), text)
            await kit.post("bob", kit.direct("bob", "bot"), "quick")
            held.clear()
        await until(lambda: "slow 1" in heard)
        assert heard == ["slow 0", "quick", "slow 1"]
        await kit.host._store_cursors()
        assert handled_rows(kit) == 1
        await kit.crash()
        held.set()
        await kit.start()
        await kit.idle()
        assert heard == ["slow 0", "quick", "slow 1", "slow 1", "slow 2"]


@contextlib.asynccontextmanager
async def blocked(kit: PluginKit[Bench]):
    """The worker does nothing meanwhile."""
    await kit.idle()
    await kit.host.stop()
    yield
    await kit.start()


async def test_a_plugin_that_is_away_for_a_flood_serves_by_turns_when_it_is_back(make_store, clock):
    counting = Counting()
    counting.go_on.set()
    async with PluginKit(made_with(counting.setup), store=make_store(), clock=clock, limits=QUICK) as kit:
        await people(kit, "ann", "f1")
        async with blocked(kit):
            for number in range(300):
                await kit.post("f1", kit.direct("f1", "bot"), f"f1 {number}")
            await kit.post("ann", kit.direct("ann", "bot"), "ann 0")
        await kit.idle()
        assert counting.waited["ann 0"] <= 10
        assert [text for text in counting.heard if text != "ann 0"] == [f"f1 {n}" for n in range(300)]


async def test_a_text_that_is_too_long_is_no_command_and_is_heard(make_store, clock):
    heard: list[str] = []

    def setup(context):
        async def listen(event):
            heard.append(decode_content(event.message.content)["text"])

        async def roll(call):
            return "rolled"

        context.command("roll", roll)
        context.on(MessagePosted, listen)

    async with PluginKit(made_with(setup), store=make_store(), clock=clock, limits=QUICK) as kit:
        await people(kit, "ann")
        longest = kit.plugin.context.max_text_chars
        fits, too_long = "/roll".ljust(longest, "!"), "/roll ".ljust(longest + 1, "!")
        assert (await kit.say("ann", kit.direct("ann", "bot"), "/roll " + fits[6:]))[0].text == "rolled"
        assert await kit.say("ann", kit.direct("ann", "bot"), too_long) == []
        assert await kit.say("ann", kit.direct("ann", "bot"), "/help".ljust(longest + 1)) == []
        assert heard == [too_long, "/help".ljust(longest + 1)]
