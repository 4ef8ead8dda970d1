"""The same on a file: SQLite's fence around plugins, and a crash in the middle."""

from tests.booking.support.booked import booked
from tests.booking.support.shop import Shop, shown


async def test_a_whole_life_on_a_file(tmp_path):
    async with Shop(path=tmp_path / "shop.db") as shop:
        here, code = await booked(shop)
        for text in ("改约 周五上午10点半", "好", "空档 周六", "我的预约"):
            await shop.say("ming", here, text)
        group = await shop.staff_group()
        assert "共1个预约" in await shop.hear("staff-li", group, "今日预约 周五")
        await shop.kit.crash()
        await shop.kit.start()
        await shop.until("2026-11-20T10:35")
        assert await shop.sql("SELECT state FROM booking_reminders WHERE version = 4") == [
            ("sent",),
            ("sent",),
        ]
        await shop.say("staff-li", group, f"到店 {code}")
        assert len(await shop.appointments("arrived")) == 1


async def test_the_chat_says_booked_if_and_only_if_it_is(tmp_path):
    """A crash right after the yes: whatever was committed agrees, and nothing is lost or doubled afterwards."""
    async with Shop(path=tmp_path / "shop.db") as shop:
        places = {f"c{n}": await shop.customer(f"c{n}") for n in range(6)}
        for number, (user, place) in enumerate(places.items()):
            await shop.say(user, place, f"预约 明天{10 + number}:00 验光 我叫小明 成人 来过")
            await shop.kit.post(user, place, "好")
            await shop.kit.crash()
            await shop.kit.start()
        await shop.kit.idle()
        assert len(await shop.appointments()) == 6
        for place in places.values():
            assert sum("预约成功" in shown(one) for one in shop.kit.messages(place)) == 1
