"""After a restore each plugin is told once, before anything else, and what may have been sent is listed and not sent again."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any, ClassVar

import msgspec
import pytest

from imserver.errors import AlreadyHandled
from imserver.plugin_api import Call, Context, Migration, SetBack, TimerFired, Transaction
from imserver.plugin_host.handling import Delivery, Handling, Outcome
from imserver.testing import PluginKit

MINUTE = 60


class NoOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """It has none."""


class Bell:
    """Sends `ding` and works `clean` a while after `/set`; answers `/hello`; writes down when it was set back."""

    name = "bell"
    config_type = NoOptions
    migrations: ClassVar[Sequence[Migration]] = ()
    hears = True
    #: What the handler raises, from the first call on.
    errors: ClassVar[list[Exception]] = []

    def __init__(self) -> None:
        self.order: list[str] = []
        self.told: list[SetBack] = []

    async def start(self, context: Context) -> None:
        self._context = context
        await context.ensure_bot("bell", "Bell")
        context.command("set", self._set)
        context.command("hello", self._hello)
        context.timer("ding", self._fired, sends=True)
        context.timer("clean", self._fired)
        if self.hears:
            context.set_back(self._set_back)

    async def stop(self) -> None:
        """Nothing to end."""

    async def _set(self, call: Call) -> None:
        def work(tx: Transaction) -> None:
            for name in ("ding", "clean"):
                tx.schedule(tx.now_ms + int(call.arguments) * 1000, name, {"place": call.conversation_id})

        await self._context.transaction(work, event=call.event)

    async def _hello(self, call: Call) -> str:
        self.order.append("hello")
        return "hello"

    async def _fired(self, timer: TimerFired) -> None:
        self.order.append(timer.name)
        text = {"type": "text", "text": timer.name}
        await self._context.transaction(lambda tx: tx.post(str(timer.payload["place"]), text), event=timer)

    async def _set_back(self, event: SetBack) -> None:
        self.order.append("set back")
        self.told.append(event)
        if self.errors:
            raise self.errors.pop(0)
        text = {"type": "text", "text": f"set back, {len(event.may_have_been_sent)} lost"}
        await self._context.transaction(
            lambda tx: tx.post("direct/ann/bell", text, sender_id="bell"), event=event
        )


@pytest.fixture
async def kit() -> AsyncIterator[PluginKit[Bell]]:
    """Ann, and a bell that is to ring in an hour."""
    async with PluginKit(Bell, raises=False) as kit:
        await kit.user("ann")
        await kit.say("ann", kit.direct("ann", "bell"), f"/set {60 * MINUTE}")
        yield kit
    Bell.errors.clear()


def texts(kit: PluginKit[Bell]) -> list[str]:
    """What the bell has said."""
    return [said.text for said in kit.messages(kit.direct("ann", "bell")) if said.sender_id == "bell"]


async def failures(kit: PluginKit[Bell]) -> list[str]:
    rows = await kit.store.write(lambda tx: tx.sql("SELECT event FROM plugin_failures"))  # type: ignore[attr-defined]
    return [event for (event,) in rows]


async def test_it_is_told_once_with_the_times_and_before_anything_else(kit: PluginKit[Bell]) -> None:
    copied_at = kit.clock.now_ms()
    await kit.crash()
    await kit.post("ann", kit.direct("ann", "bell"), "/hello")
    kit.clock.advance(90 * MINUTE)
    await kit.set_back(copied_at)
    [event] = kit.plugin.told
    assert (event.copied_at, event.restored_at) == (copied_at, copied_at + 90 * MINUTE * 1000)
    assert kit.plugin.order[:1] == ["set back"]
    assert sorted(kit.plugin.order) == ["clean", "hello", "set back"]
    await kit.restart()
    await kit.idle()
    assert kit.plugin.told == []


async def test_what_sends_is_listed_and_not_sent_and_what_works_is_late(kit: PluginKit[Bell]) -> None:
    copied_at = kit.clock.now_ms()
    await kit.crash()
    kit.clock.advance(90 * MINUTE)
    await kit.set_back(copied_at)
    [timer] = kit.plugin.told[0].may_have_been_sent
    assert (timer.name, timer.due_at) == ("ding", copied_at + 60 * MINUTE * 1000)
    assert sorted(texts(kit)) == ["clean", "set back, 1 lost"]
    await kit.advance(90 * MINUTE)
    assert "ding" not in texts(kit)


async def test_one_that_was_not_due_yet_fires_in_its_time(kit: PluginKit[Bell]) -> None:
    copied_at = kit.clock.now_ms()
    await kit.crash()
    kit.clock.advance(30 * MINUTE)
    await kit.set_back(copied_at)
    assert kit.plugin.told[0].may_have_been_sent == ()
    await kit.advance(31 * MINUTE)
    assert sorted(texts(kit)) == ["clean", "ding", "set back, 0 lost"]


async def test_plain_downtime_sends_it_late(kit: PluginKit[Bell]) -> None:
    await kit.crash()
    kit.clock.advance(90 * MINUTE)
    await kit.start()
    await kit.idle()
    assert kit.plugin.told == []
    assert sorted(texts(kit)) == ["clean", "ding"]


async def test_killed_before_its_transaction_it_is_told_again(kit: PluginKit[Bell]) -> None:
    copied_at = kit.clock.now_ms()
    Bell.errors[:] = [RuntimeError("once")]
    await kit.set_back(copied_at)
    assert len(kit.plugin.told) == 2, "tried again"
    assert texts(kit) == ["set back, 0 lost"]


async def test_given_up_it_is_written_down_and_what_was_due_does_not_fire(kit: PluginKit[Bell]) -> None:
    copied_at = kit.clock.now_ms()
    await kit.crash()
    kit.clock.advance(90 * MINUTE)
    Bell.errors[:] = [RuntimeError("always") for _ in range(20)]
    await kit.set_back(copied_at)
    assert "ding" not in texts(kit)
    assert [event.split(" with ")[0] for event in await failures(kit)] == [f"set back to {copied_at}"]
    await kit.restart()
    await kit.idle()
    assert kit.plugin.told == []


async def test_two_that_came_back_one_after_the_other_are_told_in_order(kit: PluginKit[Bell]) -> None:
    copied_at = kit.clock.now_ms()
    await kit.crash()
    for step in (1, 2):
        await kit.store.begin_life("restore", copied_at=copied_at + step)
    await kit.start()
    await kit.idle()
    assert [event.copied_at for event in kit.plugin.told] == [copied_at + 1, copied_at + 2]


async def test_who_does_not_listen_is_not_told_later_and_sends_nothing_twice(
    kit: PluginKit[Bell], monkeypatch: pytest.MonkeyPatch
) -> None:
    copied_at = kit.clock.now_ms()
    await kit.crash()
    kit.clock.advance(90 * MINUTE)
    monkeypatch.setattr(Bell, "hears", False)
    await kit.set_back(copied_at)
    assert texts(kit) == ["clean"]
    monkeypatch.undo()
    await kit.restart()
    await kit.idle()
    assert kit.plugin.told == []


async def test_a_plugin_that_never_ran_before_has_nothing_to_be_told() -> None:
    async with PluginKit(Bell, raises=False) as kit:
        assert kit.plugin.told == []
        await kit.store.begin_life("restore", copied_at=5)
        await kit.store.write(lambda tx: tx.sql("DELETE FROM plugin_cursors"))  # type: ignore[attr-defined]
        await kit.restart()
        await kit.idle()
        assert kit.plugin.told == []


async def test_put_off_it_comes_before_anything_else_all_the_same(
    kit: PluginKit[Bell], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store was busy: what may have been sent must not be sent meanwhile."""
    deal_with, put_off = Handling.deal_with, [Outcome.PUT_OFF] * 2

    async def busy(self: Handling, delivery: Delivery) -> Outcome:
        if isinstance(delivery.event, SetBack) and put_off:
            return put_off.pop()
        return await deal_with(self, delivery)

    monkeypatch.setattr(Handling, "deal_with", busy)
    copied_at = kit.clock.now_ms()
    await kit.crash()
    kit.clock.advance(90 * MINUTE)
    await kit.set_back(copied_at)
    assert (put_off, kit.plugin.order) == ([], ["set back", "clean"])


async def test_a_plugin_that_is_new_is_told_of_no_older_copy(kit: PluginKit[Bell]) -> None:
    await kit.set_back(kit.clock.now_ms())

    def begin(tx: Any) -> None:
        tx.mark_handled("newcomer", 0)

    await kit.store.write(begin)
    assert await kit.store.read(lambda reader: reader.set_backs("newcomer")) == []


async def test_a_unit_that_was_late_does_not_mark_it_again(kit: PluginKit[Bell]) -> None:
    await kit.set_back(kit.clock.now_ms())
    [event] = kit.plugin.told
    with pytest.raises(AlreadyHandled):
        await kit.store.write(lambda tx: tx.mark_set_back("bell", event.run))
