"""The words of a chain are worked out on a thread: nobody who writes meanwhile is kept waiting."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

from imserver.plugins.booking.messages.shop_texts import ShopTexts
from tests.booking.support.chains import demo
from tests.booking.support.leave import agreed
from tests.booking.support.shop import Shop


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[threading.Thread]:
    """The threads on which texts were made, one for each time."""
    threads: list[threading.Thread] = []
    of = ShopTexts.of

    def recorded(*args: Any, **more: Any) -> ShopTexts:
        threads.append(threading.current_thread())
        return of(*args, **more)

    monkeypatch.setattr(ShopTexts, "of", recorded)
    return threads


async def test_at_a_start_after_an_import_and_after_a_change(
    made: list[threading.Thread], tmp_path: Path
) -> None:
    async with Shop(config={"chain": demo(tmp_path)}) as shop:
        assert len(made) == 1
        demo(tmp_path, slot_step_min="30")
        await shop.kit.operate("settle", decisions={})
        assert len(made) == 2
        await agreed(shop, "休息 11月21日")
        await shop.customer("ming")
        assert len(made) == 3
    assert threading.current_thread() not in made


async def test_a_crowd_that_writes_behind_a_change_waits_for_one_reading_of_it(
    made: list[threading.Thread],
) -> None:
    async with Shop() as shop:
        rooms = {name: await shop.customer(name) for name in ("ming", "hong", "lan")}
        await agreed(shop, "休息 11月21日")
        before = len(made)
        await asyncio.gather(*(shop.kit.post(name, room, "空档 11月21日") for name, room in rooms.items()))
        await shop.kit.idle()
        assert len(made) - before <= 1
        for room in rooms.values():
            assert "休息" in str(shop.kit.messages(room)[-1].content), "all of them hear of the change"
