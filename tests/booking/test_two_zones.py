"""A shop in Shanghai and one in New York: whatever is said of the other, wherever it is said, is in that shop's time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from imserver.testing import Said
from tests.booking.support.chains import DEMO
from tests.booking.support.shop import ENTRY, GARDEN, NOW, RIVER, Shop, button, shown

DETAILS = "我叫王小明 成人 来过"
#: It is Wednesday 10:00 at the first shop and Tuesday 21:00 at the other.
TOMORROW_THERE = "2026-11-18"


@asynccontextmanager
async def two_zones(folder: Path, hours: float = 0) -> AsyncIterator[Shop]:
    """The demo chain whose second shop is in New York, so many hours later."""
    first, second = DEMO.read_text(encoding="utf-8").split('id = "river"')
    file = folder / "chain.toml"
    second = second.replace('zone = "Asia/Shanghai"', 'zone = "America/New_York"')
    file.write_text(f'{first}id = "river"{second}', encoding="utf-8")
    async with Shop(NOW + timedelta(hours=hours), config={"chain": str(file)}) as shop:
        yield shop


async def starts(shop: Shop, status: str = "confirmed") -> list[tuple[str, str]]:
    return [
        (row[0], row[1])
        for row in await shop.sql(
            "SELECT store_id, start_wall FROM booking_appointments WHERE status = ? ORDER BY id", status
        )
    ]


async def places(shop: Shop) -> dict[str, str]:
    """Where a customer of both shops can speak."""
    garden, river = await shop.customer("ming"), await shop.customer("ming", bot=RIVER)
    return {
        "there": river,
        "at the first shop": garden,
        "at the entry": shop.kit.direct("ming", ENTRY),
        "to the bot there": shop.kit.direct("ming", RIVER),
        "to the bot of the first": shop.kit.direct("ming", GARDEN),
    }


@pytest.mark.parametrize(
    ("place", "texts"),
    [
        ("there", ("预约 明天15:00 验光",)),
        ("there", ("预约 验光", "明天15:00")),
        ("there", ("预约 验光 明天", "15:00")),
        ("at the first shop", ("预约 河畔店 明天15:00 验光",)),
        ("at the entry", ("预约 河畔店 明天15:00 验光",)),
        ("at the entry", ("预约 明天15:00 验光", "2")),
        ("at the entry", ("预约 河畔店 验光", "明天15:00")),
        ("to the bot there", ("预约 明天15:00 验光",)),
        ("to the bot of the first", ("预约 河畔店 明天15:00 验光",)),
    ],
)
async def test_tomorrow_is_that_of_the_shop_that_is_meant(
    place: str, texts: tuple[str, ...], tmp_path: Path
) -> None:
    async with two_zones(tmp_path) as shop:
        here = (await places(shop))[place]
        for text in texts:
            await shop.say("ming", here, text)
        assert await starts(shop, "held") == [("river", f"{TOMORROW_THERE}T15:00")]
        (row,) = await shop.sql("SELECT zone, start_at FROM booking_appointments")
        # 15:00 there is 20:00 UTC.
        assert row == ("America/New_York", int(NOW.timestamp() * 1000) + 18 * 3_600_000)


@pytest.mark.parametrize(
    ("place", "texts"),
    [
        ("there", ("改约 明天16:00",)),
        ("there", ("改约", "明天16:00")),
        ("there", ("改约 明天", "16:00")),
        ("at the first shop", ("改约 {code} 明天16:00",)),
        ("at the entry", ("改约 {code} 明天16:00",)),
        ("at the entry", ("改约 明天16:00",)),
        ("at the entry", ("改约", "明天16:00")),
        ("to the bot there", ("改约 明天16:00",)),
        ("the staff", ("改约 {code} 明天16:00",)),
    ],
)
@pytest.mark.parametrize("way", ["yes", "button"])
async def test_an_appointment_is_moved_in_the_time_of_its_shop(
    place: str, texts: tuple[str, ...], way: str, tmp_path: Path
) -> None:
    async with two_zones(tmp_path) as shop:
        by = "staff-zhang" if place == "the staff" else "ming"
        here = (await places(shop) | {"the staff": await shop.staff_group("river")})[place]
        river = await shop.service("ming", "river")
        for text in (f"预约 明天15:00 验光 {DETAILS}", "好"):
            await shop.say("ming", river, text)
        ((code,),) = await shop.sql("SELECT code FROM booking_appointments")
        said: list[Said] = []
        for text in texts:
            said = await shop.say(by, here, text.format(code=code))
        asked_in = (
            river if place == "at the first shop" else here
        )  # the question went to the other conversation
        await shop.say(by, asked_in, button(said, "确认") if way == "button" else "好")
        assert await starts(shop) == [("river", f"{TOMORROW_THERE}T16:00")]


async def test_of_two_appointments_one_is_moved_in_the_time_of_its_shop(tmp_path: Path) -> None:
    async with two_zones(tmp_path) as shop:
        here = await places(shop)
        for place, name in (("at the first shop", "花园店"), ("there", "河畔店")):
            for text in (f"预约 {name} 明天15:00 验光 {DETAILS}", "好"):
                await shop.say("ming", here[place], text)
        said = await shop.say("ming", here["at the entry"], "改约 明天16:00")
        await shop.say("ming", here["at the entry"], button(said, "11月18日"))
        await shop.say("ming", here["at the entry"], "好")
        assert await starts(shop) == [("garden", "2026-11-19T15:00"), ("river", f"{TOMORROW_THERE}T16:00")]


async def test_the_day_sheet_is_of_the_shops_day(tmp_path: Path) -> None:
    async with two_zones(tmp_path) as shop:
        here = await places(shop)
        for place, day in (("at the first shop", "11月18日"), ("there", "11月18日")):
            for text in (f"预约 {day} 13:30 验光 {DETAILS}", "好"):
                await shop.say("ming", here[place], text)
        river = await shop.staff_group("river")
        assert "没有预约" in await shop.hear("staff-zhang", river, "今日预约")  # Tuesday
        sheet = await shop.hear("staff-zhang", river, "今日预约 明天")
        assert "河畔店" in sheet
        assert "13:30–14:00" in sheet
        sheet = await shop.hear("staff-li", await shop.staff_group(), "今日预约")
        assert "花园店" in sheet
        assert "13:30–14:00" in sheet


async def test_each_shop_has_its_own_opening_hours_lead_time_and_first_day(tmp_path: Path) -> None:
    async with two_zones(tmp_path) as shop:
        here = await places(shop)
        assert "已转给店员" in await shop.hear("ming", here["at the first shop"], "我想问问镜框价格")
        assert "明天 09:30开门" in await shop.hear("ming", here["there"], "我想问问镜框价格")
        assert "明天 09:30开门" in await shop.hear("ming", here["there"], "人工")
        assert "已经过去" in await shop.hear("ming", here["there"], "预约 11月17日 15:00 验光")
        for place, first in (("at the first shop", "11月18日 周三 11:00"), ("there", "11月18日 周三 09:30")):
            await shop.say("ming", here[place], "取消")
            said = await shop.say("ming", here[place], "预约 验光")
            assert first in shown(said[-1])
        week = await shop.hear("ming", here["there"], "地址")
        assert "11月17日" in week
        assert "11月24日" not in week
        assert "11月18日" in shown((await shop.say("ming", here["there"], "空档 明天"))[-1])


@pytest.mark.parametrize(("hours", "refused"), [(26.5, False), (27.5, True)])
async def test_the_cut_off_is_counted_in_the_shops_time(hours: float, refused: bool, tmp_path: Path) -> None:
    async with two_zones(tmp_path) as shop:
        river = (await places(shop))["there"]
        for text in (f"预约 明天15:00 验光 {DETAILS}", "好"):
            await shop.say("ming", river, text)
        await shop.advance((hours - 10 - 0.5) * 60)
        assert ("改不了" in await shop.hear("ming", river, "取消")) is refused


async def test_who_waits_is_told_after_five_minutes_of_the_shops_hours(tmp_path: Path) -> None:
    async with two_zones(tmp_path) as shop:
        here = await places(shop)
        for place in ("at the first shop", "there"):
            await shop.say("ming", here[place], "我想问问镜框价格")
        told = await shop.advance(6)
        assert {one.conversation_id for one in told} == {here["at the first shop"], await shop.staff_group()}
        assert await shop.advance(12.5 * 60 - 6) == []  # 09:30 there
        told = await shop.advance(6)
        assert {one.conversation_id for one in told} == {here["there"], await shop.staff_group("river")}
