"""An appointment whose service, person and room vanished from the file: the staff hear of it once, and it can be moved and
cancelled like any other."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.booking.support.chains import DEMO
from tests.booking.support.leave import FRIDAY, at, with_li
from tests.booking.support.shop import Shop, button, shown


def without(text: str, *ids: str) -> str:
    """The demo chain without these services and resources of the first shop, and without what needs them."""
    for name in ids:
        text, count = re.subn(
            rf'\[\[(?:services|stores\.resources)\]\]\nid = "{name}"\n(?:(?!\[).*\n|\n)*', "", text
        )
        assert count == 1, name
    return text


@pytest.fixture
def chain(tmp_path: Path) -> Path:
    path = tmp_path / "chain.toml"
    path.write_text(DEMO.read_text("utf-8"), "utf-8")
    return path


def _write(chain: Path, text: str) -> None:
    chain.write_text(text, "utf-8")


async def vanish(shop: Shop, chain: Path) -> list[str]:
    """Start with a file that has none of it any more; what the staff were shown."""
    group = await shop.staff_group()
    before = max(one.position for one in shop.kit.messages(group))
    text = without(DEMO.read_text("utf-8"), "child-exam", "garden-li", "garden-room-1", "garden-room-2")
    room = '[[stores.resources]]\nid = "garden-room-9"\nkind = "room"\nnames = { zh = "9号室", en = "room 9" }\n\n'
    river = text.index('[[stores]]\nid = "river"')
    _write(chain, text[:river] + room + text[river:])
    await shop.kit.restart()
    shop.kit.log.lines[:] = [line for line in shop.kit.log.lines if line[1] != "staff_ended"]
    return [shown(one) for one in shop.kit.messages(group) if one.position > before]


async def test_staff_are_shown_it_once(chain: Path) -> None:
    async with Shop(config={"chain": str(chain)}) as shop:
        _, code = await with_li(shop, "ming", f"{FRIDAY} 15:00", service="儿童验光")
        (card,) = await vanish(shop, chain)
        assert f"11月20日 周五 15:00 {code} 王小明" in card
        assert f"[改约 {code}|改约 {code} v2]" in card
        assert await vanish(shop, chain) == []


async def test_it_can_be_moved_by_its_customer_to_what_there_is(chain: Path) -> None:
    async with Shop(config={"chain": str(chain)}) as shop:
        here, code = await with_li(shop, "ming", f"{FRIDAY} 15:00", service="儿童验光")
        await vanish(shop, chain)
        said = await shop.say("ming", here, f"改约 {code} v2 2026-11-21 15:00")
        said = await shop.say("ming", here, button(said, "确认"))
        assert "已把预约" in at(said, here)
        assert await shop.sql(
            "SELECT start_wall, end_at - start_at, service_id FROM booking_appointments"
        ) == [("2026-11-21T15:00", 60 * 60_000, "child-exam")]
        used = await shop.sql("SELECT resource_id FROM booking_appointment_resources ORDER BY resource_id")
        assert used == [("garden-room-9",), ("garden-wang",)]


async def test_it_can_be_moved_by_staff_listed_and_cancelled(chain: Path) -> None:
    async with Shop(config={"chain": str(chain)}) as shop:
        here, code = await with_li(shop, "ming", f"{FRIDAY} 15:00", service="儿童验光")
        await vanish(shop, chain)
        group = await shop.staff_group()
        said = await shop.say("staff-wang", group, f"改约 {code} 周六15:00")
        assert "从 11月20日 周五 15:00 改到 11月21日 周六 15:00" in at(said, group)
        assert code in await shop.hear("ming", here, "我的预约")
        assert code in await shop.hear("staff-wang", group, "今日预约 周五")
        await shop.say("ming", here, f"取消 {code}")
        await shop.say("ming", here, "好")
        assert await shop.appointments() == []


async def test_reminders_and_steps_go_on(chain: Path) -> None:
    async with Shop(config={"chain": str(chain)}) as shop:
        here, code = await with_li(shop, "ming", f"{FRIDAY} 15:00", service="儿童验光")
        await vanish(shop, chain)
        said = await shop.until("2026-11-20T14:00")
        assert "预约提醒" in at(said, here)
        group = await shop.staff_group()
        assert "到店了" in await shop.hear("staff-wang", group, f"到店 {code}")
