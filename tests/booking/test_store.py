"""The same on a file: SQLite's fence around plugins, a crash in the middle, and what the checks find when it is broken."""

import pytest

from imserver.plugins.booking.checks import CHECKS
from tests.booking.support.shop import Shop, shown
from tests.booking.test_changes import booked


async def test_a_whole_life_on_a_file(tmp_path):
    async with Shop(path=tmp_path / "shop.db") as shop:
        here, code = await booked(shop)
        for text in ("改约 周五上午10点半", "好", "空档 周六", "我的预约"):
            await shop.say("ming", here, text)
        group = await shop.staff_group()
        assert "共1个预约" in await shop.hear("staff-li", group, "今日预约 周五")
        await shop.kit.crash()
        await shop.kit.start()
        await shop.advance(24 * 60 * 3)
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


@pytest.mark.parametrize(
    ("damage", "check"),
    [
        ("DELETE FROM booking_cells WHERE cell = (SELECT MIN(cell) FROM booking_cells)", "cells are owned"),
        ("DELETE FROM booking_cells", "cells are owned"),
        ("UPDATE booking_appointments SET start_at = start_at + 300000", "cells are owned"),
        ("INSERT INTO booking_cells VALUES ('garden-wang', 1, 1)", "cells are owned"),
        ("UPDATE booking_appointments SET status = 'cancelled'", "no cell without an appointment"),
        ("DELETE FROM booking_reminders WHERE kind = 'same_day'", "confirmed appointments have reminders"),
        ("UPDATE booking_reminders SET timer_id = NULL", "confirmed appointments have reminders"),
        ("UPDATE booking_appointments SET version = version + 1", "no reminder for nothing"),
        ("DELETE FROM booking_changes WHERE version = 1", "history is whole"),
    ],
)
async def test_the_checks_see_damage(damage, check):
    async with Shop() as shop:
        await booked(shop)
        assert await shop.findings() == []

        def damaged(tx):
            def sql(statement, params=()):
                return list(tx.plugin_sql("booking", statement, params))

            sql(damage)
            found = CHECKS[check](sql)
            raise Undo(found)

        with pytest.raises(Undo) as undone:
            await shop.kit.store.write(damaged)
        assert undone.value.args[0]


class Undo(Exception):
    """Takes the findings out and the damage back."""
