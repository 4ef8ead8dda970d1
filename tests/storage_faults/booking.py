"""The real booking plugin on a faulty disk: people book, move and cancel, and are reminded."""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress
from typing import Any

from imserver.events import StoredEvent
from imserver.model import User, direct_conversation_id, group_conversation_id
from imserver.plugin_host import HostLimits, PluginHost
from imserver.plugin_host.transaction import conversation_key
from imserver.plugins.booking import plugin
from imserver.testing import LogBook, ManualClock
from tests.booking.support.shop import GARDEN, NOW
from tests.storage_faults.life import HANGS_S, Ended, Life, Step, Wrong, post, work
from tests.storage_faults.scenarios import Scenario

NOW_MS = round(NOW.timestamp() * 1000)
#: Nobody waits in earnest here.
LIMITS = HostLimits(
    retry_delays_s=(0.001,), store_busy_delays_s=(0.001, 0.002), cursor_interval_s=1e6, cancel_grace_s=0.1
)
#: A handler that is refused for want of room is given this long until somebody makes room (seconds).
FULL_S = 0.01


class BookingLife(Life):
    """With the plugin host on the store, as a server has it."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, clock=ManualClock(NOW_MS), **options)
        self._host: PluginHost | None = None

    async def open(self) -> None:
        await super().open()
        host = PluginHost(
            self.store,
            {"booking": {"chain": "demo"}},
            clock=self.clock,
            log=LogBook(),
            plugins=[plugin()],
            random_bytes=random.Random(5).randbytes,
            limits=LIMITS,
        )
        try:
            await host.start()
        except Exception as error:
            raise Ended(f"the plugin does not start: {error!r}") from error
        self._host = host
        await self.idle()

    async def close(self) -> None:
        host, self._host = self._host, None
        if host is not None:
            with suppress(Exception):
                await (host.kill() if self.disk.crashed else host.stop())
        await super().close()

    def committed(self, units: Any) -> None:
        super().committed(units)
        events: list[StoredEvent] = [event for unit in units for event in unit.events()]
        if self._host is not None and events:
            self._host.notify(events)

    def _failed(self, error: Exception) -> None:
        super()._failed(error)
        if self._host is not None:
            self._host.store_failed(error)

    async def idle(self) -> None:
        """Until the plugin has nothing left to do. Somebody makes room if there is none."""
        assert self._host is not None
        idle = asyncio.ensure_future(self._host.idle())
        done: set[Any] = set()
        for _ in range(round(HANGS_S / FULL_S)):
            done, _ = await asyncio.wait({idle}, timeout=FULL_S)
            if done:
                break
            self.disk.heal()
        if not done:
            idle.cancel()
            raise Wrong("the plugin never comes to rest")
        if self.failure is not None:
            raise Ended(str(self.failure))


def service(user_id: str) -> str:
    """The conversation of a customer with the shop in the garden."""
    return group_conversation_id(GARDEN, conversation_key("booking", f"service/garden/{user_id}"))


def say(number: int, user_id: str, text: str, conversation_id: str = "") -> Step:
    """And wait for what the plugin makes of it."""
    deed = post(number, user_id, conversation_id or service(user_id), text)

    async def step(life: Life) -> None:
        await life.do(deed)
        assert isinstance(life, BookingLife)
        await life.idle()

    return step


def later(hours: float) -> Step:
    """So many hours after the beginning: timers fire."""

    async def step(life: Life) -> None:
        assert isinstance(life, BookingLife)
        life.clock.jump_to(max(life.clock.now_ms(), NOW_MS + round(hours * 3_600_000)))
        await life.idle()

    return step


def account(user_id: str) -> Any:
    return work(f"account {user_id}", lambda tx: tx.put_user(User(user_id, user_id.title(), "zh-CN")))


async def customers(life: Life) -> None:
    for number, user_id in enumerate(("ming", "hong")):
        await life.do(account(user_id))
        await say(10 + number, user_id, "门店 花园店", direct_conversation_id(user_id, GARDEN))(life)


async def booked(life: Life) -> None:
    await customers(life)
    for step in BOOK:
        await step(life)


BOOK = (say(20, "ming", "预约 明天15:00 验光"), say(21, "ming", "王小明，成人，来过"), say(22, "ming", "好"))
#: How far the plugin had read, and how often it has begun since (the edition of a shop's inbox).
LAZY = frozenset({"plugin_cursors", "booking_staff_groups"})


def scenario(name: str, steps: Any, prepare: Any) -> Scenario:
    return Scenario(name, steps, prepare, unlike=LAZY, make_life=BookingLife, share=0.5)


BOOKING_SCENARIOS = (
    scenario("booking: a booking", BOOK, customers),
    scenario("booking: a move", (say(30, "ming", "改约 周五上午10点半"), say(31, "ming", "是")), booked),
    scenario("booking: a cancellation", (say(30, "ming", "取消"), say(31, "ming", "是")), booked),
    scenario("booking: reminders", (later(11), later(27.5)), booked),
    scenario(
        "booking: a hold runs out",
        (say(40, "hong", "预约 明天15:00 验光"), later(0.2)),
        booked,
    ),
)
