"""However a handler ends, as a command, a listener or a timer: its event is dealt with once, and the next one is heard."""

import asyncio
import contextlib
import dataclasses
import sqlite3

import pytest

from imserver.errors import Refusal, RefusalCode
from imserver.plugin_api import Context, MessagePosted, decode_content
from imserver.testing import PluginKit
from tests.plugins.bench import Bench, made_with
from tests.plugins.conftest import QUICK

CHAT = "direct/ann/bot"
#: A crash repeats whatever no transaction has marked.
HASTY = dataclasses.replace(QUICK, handler_deadline_s=0.05, cancel_grace_s=0.05, cursor_interval_s=1000.0)


class Ending:
    """What a handler does, by the name of its end. `context` is the plugin's."""

    def __init__(self) -> None:
        self.context: Context
        self.calls: list[str] = []

    async def __call__(self, how, event):
        self.calls.append(how)
        await getattr(self, how)(event)

    def at_once(self, how, event):
        """As a plain function; it returns what is to be awaited of an end that has to wait."""
        self.calls.append(how)
        if how == "marks":
            return self.marks(event)
        with contextlib.closing(getattr(self, how)(event)) as ending, contextlib.suppress(StopIteration):
            ending.send(None)
        return None

    async def returns(self, event):
        pass

    async def keeps_something(self, event):
        await self.context.transaction(self._row)

    async def marks(self, event):
        await self.context.transaction(self._row, event=event)

    async def marks_by_hand(self, event):
        def mark(tx):
            tx.handled(event)
            self._row(tx)
            tx.handled(event)

        await self.context.transaction(mark)

    async def marks_twice(self, event):
        for _ in range(2):
            await self.context.transaction(self._row, event=event)

    async def marks_and_raises(self, event):
        await self.marks(event)
        raise RuntimeError("no")

    async def marks_and_hangs(self, event):
        await self.marks(event)
        await asyncio.Event().wait()

    async def marks_and_is_cancelled(self, event):
        await self.marks(event)
        await self.is_cancelled(event)

    async def raises(self, event):
        raise RuntimeError("no")

    async def raises_in_the_transaction(self, event):
        await self.context.transaction(lambda tx: [self._row(tx), 1 / 0], event=event)

    async def catches_and_raises(self, event):
        with contextlib.suppress(ZeroDivisionError):
            await self.raises_in_the_transaction(event)
        raise RuntimeError("no")

    async def is_cancelled(self, event):
        raise asyncio.CancelledError

    async def waits_for_what_is_cancelled(self, event):
        other = asyncio.ensure_future(asyncio.Event().wait())
        asyncio.get_running_loop().call_soon(other.cancel)
        await other

    async def cancels_itself(self, event):
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.sleep(0)

    async def hangs(self, event):
        await asyncio.Event().wait()

    async def ends_all(self, event):
        raise GeneratorExit

    @staticmethod
    def _row(tx):
        tx.execute("INSERT INTO bench_rows (text) VALUES (NULL)")


class Kit(PluginKit[Bench]):
    ending: Ending


#: how it ends -> times that it is called, rows that it leaves, events given up, and whether it is called again after a crash
#: where no transaction marked the event (then a listener is; commands and timers are always marked).
ENDS = {
    "returns": (1, 0, 0, True),
    "keeps_something": (1, 1, 0, False),
    "marks": (1, 1, 0, False),
    "marks_by_hand": (1, 1, 0, False),
    "marks_twice": (1, 1, 0, False),
    "marks_and_raises": (1, 1, 0, False),
    "marks_and_hangs": (1, 1, 0, False),
    "marks_and_is_cancelled": (1, 1, 0, False),
    "raises": (3, 0, 1, False),
    "raises_in_the_transaction": (3, 0, 1, False),
    "catches_and_raises": (3, 0, 1, False),
    "is_cancelled": (3, 0, 1, False),
    "waits_for_what_is_cancelled": (3, 0, 1, False),
    "cancels_itself": (3, 0, 1, False),
    "hangs": (3, 0, 1, False),
    "ends_all": (3, 0, 1, False),
}
#: And those of plain functions.
AT_ONCE = ("returns", "marks", "raises", "is_cancelled", "ends_all")
SAID = {
    "command": "/do {}",
    "plain command": "/now {}",
    "listener": "{}",
    "plain listener": "now {}",
}


@pytest.fixture
async def kit(make_store, clock, request):
    """`ending` acts as a command `/do HOW`, as a listener of HOW, and as a timer with HOW in its payload; as plain functions in
    `/now HOW` and `now HOW`."""
    ending = Ending()

    async def command(call):
        await ending(call.arguments, call.event)

    async def listen(event):
        text = decode_content(event.message.content)["text"]
        if not text.startswith("now "):
            await ending(text, event)

    def listen_at_once(event):
        text = decode_content(event.message.content)["text"]
        return ending.at_once(text.removeprefix("now "), event) if text.startswith("now ") else None

    async def timer(fired):
        await ending(fired.payload["how"], fired)

    def setup(context):
        ending.context = context
        context.command("do", command)
        context.command("now", lambda call: ending.at_once(call.arguments, call.event))
        context.on(MessagePosted, listen_at_once)
        context.on(MessagePosted, listen)
        context.timer("do", timer)

    # Only who hangs is to meet the deadline: a slow disk must not end the others by it.
    how = request.node.callspec.params.get("how", "hangs")
    limits = HASTY if "hangs" in how else dataclasses.replace(HASTY, handler_deadline_s=20.0)
    async with Kit(made_with(setup), store=make_store(), clock=clock, limits=limits, raises=False) as kit:
        await kit.user("ann")
        kit.ending = ending
        yield kit


async def deliver(kit, door, how):
    if door == "timer":
        await kit.plugin.context.transaction(lambda tx: tx.schedule(tx.now_ms, "do", {"how": how}))
    else:
        await kit.post("ann", CHAT, SAID[door].format(how))
    await kit.idle()


def left_behind(kit):
    return kit.log.events("error").count("plugin_handler_left_behind")


async def rows(kit):
    found = await kit.store.read(lambda reader: reader.plugin_sql("bench", "SELECT count(*) FROM bench_rows"))
    return found[0][0]


@pytest.mark.parametrize(
    ("how", "door"),
    [
        *((how, door) for how in ENDS for door in ("command", "listener", "timer")),
        *((how, door) for how in AT_ONCE for door in ("plain command", "plain listener")),
    ],
)
async def test_its_event_is_dealt_with_once_and_the_next_one_is_heard(kit, door, how):
    calls, left, given_up, again = ENDS[how]
    await deliver(kit, door, how)
    assert kit.ending.calls == [how] * calls
    assert await rows(kit) == left
    assert kit.host.figures()[0].failed_count == given_up
    complaints = [said.text for said in kit.messages(CHAT) if "did not work" in said.text]
    assert len(complaints) == (given_up if door != "timer" else 0)
    await kit.crash()
    await kit.start()
    await kit.idle()
    assert kit.ending.calls == [how] * (calls + (again and door.endswith("listener")))
    await deliver(kit, door, "marks")
    assert kit.ending.calls[-1] == "marks"
    assert await rows(kit) == left + 1


async def test_a_crowd_of_plain_handlers_leaves_the_loop_its_turns(make_store, clock):
    turns, said = 0, 12
    heard: list[int] = []

    def turn():
        nonlocal turns
        turns += 1
        if len(heard) < said:
            asyncio.get_running_loop().call_soon(turn)

    def listen(event):
        heard.append(turns)

    def setup(context):
        context.on(MessagePosted, listen)

    async with PluginKit(made_with(setup), store=make_store(), clock=clock) as kit:
        await kit.user("ann")
        await kit.crash()
        for number in range(said):
            await kit.post("ann", CHAT, str(number))
        turn()
        await kit.start()
        await kit.idle()
    assert len(set(heard)) == said


async def test_a_busy_store_is_no_fault_of_the_plugin_whatever_the_plugin_makes_of_it(kit, monkeypatch):
    """Its handler says something else, or nothing at all, of the refusal that it caught."""
    submit, left = kit.store.submit, [5]

    def busy(unit):
        if left[0] and type(unit).__name__ == "PluginUnit":
            left[0] -= 1
            raise Refusal(RefusalCode.OVERLOADED, "not now")
        submit(unit)

    async def translates(event):
        try:
            await kit.ending.marks(event)
        except Refusal:
            raise RuntimeError("something went wrong") from None

    kit.ending.translates = translates
    monkeypatch.setattr(kit.store, "submit", busy)
    await deliver(kit, "command", "translates")
    assert (left, await rows(kit), kit.host.figures()[0].failed_count) == ([0], 1, 0)
    assert kit.log.events("error") == []


async def test_it_is_tried_again_later_and_later_and_its_failure_has_one_number(kit, monkeypatch):
    async def pause(seconds):
        paused.append(seconds)

    async def is_busy(event):
        if len(paused) < 4:
            raise Refusal(RefusalCode.OVERLOADED, "not now")

    paused: list[float] = []
    handling, kit.ending.is_busy = kit.host._running[0].worker.handling, is_busy
    limits = {"retry_delays_s": (1.0, 2.0), "max_attempts": 4, "store_busy_delays_s": (0.1, 0.3)}
    monkeypatch.setattr(handling, "_limits", dataclasses.replace(handling._limits, **limits))
    monkeypatch.setattr(handling, "pause", pause)
    await deliver(kit, "command", "is_busy")
    assert paused == [0.1, 0.2, 0.3, 0.3]
    paused.clear()
    await deliver(kit, "command", "raises")
    assert paused == [1.0, 2.0, 2.0]
    failed = [facts for _, event, facts in kit.log.lines if event == "plugin_handler_failed"]
    assert len(failed) == 4
    assert len({facts["error_id"] for facts in failed}) == 1


async def test_a_failure_that_says_much_is_kept_in_short(kit):
    async def raises_much(event):
        raise RuntimeError("much " * 10_000)

    kit.ending.raises_much = raises_much
    await deliver(kit, "command", "raises_much")
    with contextlib.closing(sqlite3.connect(kit.store._config.path)) as connection:
        [(text,)] = connection.execute("SELECT text FROM plugin_failures").fetchall()
    assert text.startswith("RuntimeError: much much")
    assert len(text) <= 500


async def test_handlers_that_cannot_be_ended_are_few_and_the_plugin_alone_waits_for_them(clock, until):
    """With so many of them left behind no other is called, until one of them goes after all."""
    limits = dataclasses.replace(HASTY, handler_deadline_s=0.01, cancel_grace_s=0.01, max_left_behind=2)
    going_on: list[asyncio.Event] = []
    most, over = [0], asyncio.Event()

    async def stubborn(event):
        go_on = asyncio.Event()
        going_on.append(go_on)
        most[0] = max(most[0], sum(not each.is_set() for each in going_on))
        while not (go_on.is_set() or over.is_set()):
            with contextlib.suppress(asyncio.CancelledError):
                await go_on.wait()

    plugin = made_with(lambda context: context.on(MessagePosted, stubborn))
    async with PluginKit(plugin, clock=clock, limits=limits, raises=False) as kit:
        await kit.user("ann")
        for number in range(2):
            await kit.post("ann", CHAT, str(number))
        try:
            for released in range(4):
                await until(lambda many=released + 2: left_behind(kit) >= many)
                for _ in range(200):  # turns in which another one could be called
                    await asyncio.sleep(0)
                assert len(going_on) == released + 2
                going_on[released].set()
        finally:
            over.set()
            for each in going_on:
                each.set()
        await kit.idle()
        assert most == [2]


async def test_what_a_plugin_left_behind_ends_with_it(clock, until):
    limits = dataclasses.replace(HASTY, handler_deadline_s=0.01, cancel_grace_s=0.01, max_attempts=1)
    ended = []

    async def stubborn(event):
        try:
            for _ in range(2):  # at its deadline, and when it is left behind
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.Event().wait()
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    async with PluginKit(
        made_with(lambda context: context.on(MessagePosted, stubborn)),
        clock=clock,
        limits=limits,
        raises=False,
    ) as kit:
        await kit.user("ann")
        await kit.say("ann", CHAT, "x")
        await kit.host.stop()
        assert left_behind(kit) == 1
        assert ended == [True]
        assert not [task for task in asyncio.all_tasks() if "stubborn" in repr(task.get_coro())]
        await kit.start()
