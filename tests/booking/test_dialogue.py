"""Booking as a dialogue and as one line, in both languages, with changes of mind: what a customer reads, and what exists."""

import pytest

from imserver.plugins.booking.dialogue import holding
from tests.booking.support.booked import booked
from tests.booking.support.shop import ENTRY, GARDEN, RIVER, Shop, button, shown


async def test_one_line_in_chinese_asks_only_what_was_not_said():
    async with Shop() as shop:
        here = await shop.customer("ming")
        assert "怎么称呼" in await shop.hear("ming", here, "预约明天下午三点验光")
        assert "年龄" in await shop.hear("ming", here, "王小明")
        assert "第一次" in await shop.hear("ming", here, "2")
        asked = await shop.hear("ming", here, "是")
        assert "11月19日 周四 15:00" in asked
        assert await shop.appointments() == []
        booked = await shop.hear("ming", here, "好")
        ((code, start, _, name),) = await shop.appointments()
        assert (start, name) == ("2026-11-19T15:00", "王小明")
        assert "预约成功" in booked
        assert code in booked
        assert "旧眼镜" in booked  # the info pack follows at once
        assert await shop.sql("SELECT DISTINCT kind, state FROM booking_reminders ORDER BY kind") == [
            ("day_before", "planned"),
            ("same_day", "planned"),
        ]


async def test_everything_in_one_line_in_english():
    async with Shop() as shop:
        here = await shop.customer("ann", "en")
        asked = await shop.hear(
            "ann", here, "/book tomorrow 3pm eye exam, my name is Ann Lee, 30 years old, first visit"
        )
        assert "Is this right?" in asked
        assert "Thu 19 Nov 15:00" in asked
        assert "You are booked: Thu 19 Nov 15:00" in await shop.hear("ann", here, "yes")
        assert [(start, name) for _, start, _, name in await shop.appointments()] == [
            ("2026-11-19T15:00", "Ann Lee")
        ]


async def test_step_by_step_with_buttons_only():
    async with Shop() as shop:
        here = await shop.customer("ming")
        said = await shop.say("ming", here, "预约")
        for label in ("儿童验光", "周三 11:00"):
            said = await shop.say("ming", here, button(said, label))
        said = await shop.say("ming", here, "小宝")
        said = await shop.say("ming", here, button(said, "第一次来"))  # the age is clear from the service
        await shop.say("ming", here, button(said, "确认"))
        ((_, start, _, name),) = await shop.appointments()
        assert start.startswith("2026-11-18T")
        assert name == "小宝"


async def test_step_by_step_with_words_in_english():
    async with Shop() as shop:
        here = await shop.customer("ann", "en")
        assert "What would you like to book?" in await shop.hear("ann", here, "/book")
        assert "Which day?" in await shop.hear("ann", here, "eye exam please")
        assert "Free on Sat 21 Nov" in await shop.hear("ann", here, "saturday")
        assert "What name" in await shop.hear("ann", here, "half past 10 in the morning")
        assert "How old" in await shop.hear("ann", here, "Ann")
        assert "first visit" in await shop.hear("ann", here, "33 years old")
        assert "Sat 21 Nov 10:30" in await shop.hear("ann", here, "no, I have been before")
        await shop.hear("ann", here, "OK")
        assert [start for _, start, _, _ in await shop.appointments()] == ["2026-11-21T10:30"]


async def test_an_account_in_english_is_answered_in_the_language_that_it_writes():
    async with Shop() as shop:
        here = await shop.customer("ming", "en")
        assert "想预约什么项目" in await shop.hear("ming", here, "预约")
        assert "哪一天" in await shop.hear("ming", here, "1")
        assert "no coming appointment" in await shop.hear("ming", here, "/my")


async def test_a_change_of_mind_in_the_middle_moves_the_hold():
    async with Shop() as shop:
        here = await shop.customer("ming")
        await shop.hear("ming", here, "预约明天下午三点验光")
        assert "怎么称呼" in await shop.hear("ming", here, "还是后天吧")  # the same time of another day
        assert [a[1] for a in await shop.appointments("held")] == ["2026-11-20T15:00"]
        assert "11月21日 周六" in await shop.hear("ming", here, "周六上午吧")
        assert await shop.appointments("held") == []
        await shop.hear("ming", here, "10点半")
        assert "配镜" in await shop.hear("ming", here, "王小明，成人，来过，配镜")
        await shop.hear("ming", here, "好的")
        assert [a[1] for a in await shop.appointments()] == ["2026-11-21T10:30"]


@pytest.mark.parametrize("no", ["取消", "不要", "算了", "no"])
async def test_no_ends_the_booking_and_frees_the_slot(no):
    async with Shop() as shop:
        here = await shop.customer("ming")
        await shop.hear("ming", here, "预约明天下午三点验光")
        assert "先不约" in await shop.hear("ming", here, no)
        assert await shop.sql("SELECT COUNT(*) FROM booking_cells") == [(0,)]
        assert await shop.sql("SELECT COUNT(*) FROM booking_dialogues") == [(0,)]


async def test_who_came_before_is_not_asked_again():
    async with Shop() as shop:
        here = await shop.customer("ming")
        for text in ("预约明天下午三点验光", "王小明，35岁，来过", "好"):
            await shop.say("ming", here, text)
        (code,) = [a[0] for a in await shop.appointments()]
        await shop.until("2026-11-19T15:00")
        for command in ("到店", "开始", "完成"):
            await shop.say("staff-li", await shop.staff_group(), f"{command} {code}")
        asked = await shop.hear("ming", here, "预约 周六上午10点 验光")
        assert "请确认" in asked
        assert "王小明" in asked


async def test_a_bare_hour_is_what_the_shop_can_serve_and_two_are_asked():
    async with Shop() as shop:
        here = await shop.customer("ming")
        assert "周四 15:00" in await shop.hear(
            "ming", here, "预约 明天3点 验光"
        )  # three at night is no reading here
        said = await shop.say("ming", here, "预约 明天9点")  # 09:00; at 21:00 the shop is closed
        assert "09:00" in shown(said[-1])


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("预约 昨天下午3点 验光", "哪一天"),
        ("预约 周日早上9点 验光", "营业时间"),
        ("预约 2027年1月1日 10:00 验光", "休息"),
        ("预约 2027年5月1日 10:00 验光", "60天以内"),
        ("预约 明天15:07 验光", "15分钟为一档"),
        ("预约 今天10:30 验光", "提前60分钟"),
        ("预约 下周五或者周六 验光", "不止一个"),
    ],
)
async def test_what_the_shop_cannot_serve_is_said_with_alternatives(text, why):
    async with Shop() as shop:
        here = await shop.customer("ming")
        said = await shop.say("ming", here, text)
        answer = "\n".join(shown(one) for one in said)
        assert why in answer, answer
        assert said[-1].content["actions"]
        assert await shop.appointments("held") == []


async def test_the_entry_bot_asks_for_the_shop_and_keeps_what_was_said():
    async with Shop() as shop:
        await shop.kit.user("ming", language="zh-CN")
        entry = shop.kit.direct("ming", ENTRY)
        said = await shop.say("ming", entry, "预约 明天下午3点 验光")
        assert "哪一家" in shown(said[-1])
        said = await shop.say("ming", entry, "2")
        here = await shop.service("ming", "river")
        assert [one.conversation_id for one in said] == [entry, here]  # a pointer, and the answer
        assert "怎么称呼" in shown(said[-1])
        # An answer typed in the direct chat belongs to that question.
        await shop.say("ming", entry, "王小明，成人，第一次")
        await shop.say("ming", entry, "好")
        assert [a[1] for a in await shop.appointments()] == ["2026-11-19T15:00"]


async def test_members_of_a_service_conversation():
    async with Shop() as shop:
        here = await shop.customer("ming")
        members = await shop.kit.store.write(lambda tx: dict(tx.audience(here) or {}))
        assert {user: str(role) for user, role in members.items()} == {
            GARDEN: "owner",
            "ming": "member",
            "staff-li": "member",
            "staff-wang": "member",
            "staff-zhou": "member",
        }


async def test_naming_another_shop_goes_there():
    async with Shop() as shop:
        here = await shop.customer("ming")
        said = await shop.say("ming", here, "预约 河畔店 明天下午3点 验光")
        assert {one.sender_id for one in said} == {GARDEN, RIVER}
        assert [row[0] for row in await shop.sql("SELECT store_id FROM booking_appointments")] == ["river"]


async def test_free_slots_of_a_day_are_buttons_that_book():
    async with Shop() as shop:
        here = await shop.customer("ann", "en")
        said = await shop.say("ann", here, "/slots sat afternoon eye exam")
        assert "Free on Sat 21 Nov" in shown(said[0])
        assert "What name" in shown((await shop.say("ann", here, "2"))[0])
        assert [a[1] for a in await shop.appointments("held")] == ["2026-11-21T13:00"]


async def test_too_many_appointments_are_refused():
    async with Shop() as shop:
        here = await shop.customer("ming")
        for day in range(19, 28):
            for text in (f"预约 11月{day}日 11:00 验光", "王小明，成人，来过", "好"):
                await shop.say("ming", here, text)
        assert len(await shop.appointments()) == 8
        assert "已经有8个预约" in "".join(shown(one) for one in shop.kit.messages(here)[-4:])


async def test_hold_expiry_tells_and_the_draft_is_kept():
    async with Shop() as shop:
        here = await shop.customer("ming")
        await shop.hear("ming", here, "预约明天下午三点验光")
        await shop.hear("ming", here, "王小明，成人")
        said = await shop.advance(3.1)
        assert "保留时间到了" in shown(said[-1])
        assert len(await shop.appointments("expired")) == 1
        assert await shop.sql("SELECT COUNT(*) FROM booking_cells") == [(0,)]
        assert "第一次" in await shop.hear("ming", here, button(said, "15:00"))
        assert "请确认" in await shop.hear("ming", here, "来过")
        await shop.hear("ming", here, "好")
        assert len(await shop.appointments()) == 1


async def test_a_hold_that_was_confirmed_in_time_does_not_expire():
    async with Shop() as shop:
        here = await shop.customer("ming")
        for text in ("预约 明天15:00 验光", "王小明，成人，来过", "好"):
            await shop.say("ming", here, text)
        cells = await shop.sql("SELECT COUNT(*) FROM booking_cells")
        assert await shop.advance(10) == []
        assert len(await shop.appointments()) == 1
        assert await shop.sql("SELECT COUNT(*) FROM booking_cells") == cells != [(0,)]


async def test_a_yes_after_expiry_books_if_nobody_was_quicker():
    async with Shop() as shop:
        here, there = await shop.customer("ming"), await shop.customer("ann", "en")
        for user, place in (("ming", here), ("ann", there)):
            await shop.say(user, place, "预约 明天15:00 验光")
            await shop.say(user, place, "王小明，成人，来过")
        await shop.advance(4)
        assert "预约成功" in await shop.hear("ming", here, "好")
        # Of the two rooms one is taken; a third and a second customer want the other.
        third = await shop.customer("bob")
        for text in ("预约 明天15:00 验光", "小白，成人，来过", "好"):
            await shop.say("bob", third, text)
        refused = await shop.hear("ann", there, "好")
        assert "刚刚被约走了" in refused
        assert refused.count("[") == 3
        assert len(await shop.appointments()) == 2


async def test_the_last_slot_is_for_one_and_everybody_is_answered():
    async with Shop() as shop:
        places = {f"c{n}": await shop.customer(f"c{n}", bot=RIVER) for n in range(8)}
        for user, place in places.items():
            await shop.kit.post(user, place, "预约 明天15:00 验光 我叫小明 成人 来过")
        await shop.kit.idle()
        for user, place in places.items():
            await shop.kit.post(user, place, "好")
        await shop.kit.idle()
        assert len(await shop.appointments()) == 1  # two optometrists, one room
        answers = [shown(shop.kit.messages(place)[-1]) for place in places.values()]
        assert all(answers)
        refused = [
            shown(one)
            for place in places.values()
            for one in shop.kit.messages(place)
            if "被约走了" in shown(one)
        ]
        assert len(refused) == 7


async def test_a_yes_where_none_is_asked_for_repeats_the_question():
    async with Shop() as shop:
        here = await shop.customer("ming")
        await shop.say("ming", here, "预约 验光")
        assert "哪一天" in await shop.hear("ming", here, "好")
        assert await shop.sql("SELECT COUNT(*) FROM booking_services WHERE waiting_since IS NOT NULL") == [
            (0,)
        ]


async def test_a_hold_ends_although_the_clock_is_set_back_as_its_timer_goes_off(monkeypatch):
    class MinuteEarlier:
        def __init__(self, tx):
            self._tx, self.now_ms = tx, tx.now_ms - 60_000

        def __getattr__(self, name):
            return getattr(self._tx, name)

    expire, clocks = holding.expire, [MinuteEarlier]
    monkeypatch.setattr(
        holding, "expire", lambda tx, **known: expire(clocks.pop()(tx) if clocks else tx, **known)
    )
    async with Shop() as shop:
        here = await shop.customer("ming")
        await shop.say("ming", here, "预约 明天15:00 验光")
        await shop.advance(10)
        assert not clocks
        assert await shop.appointments("held") == []
        assert await shop.sql("SELECT COUNT(*) FROM booking_cells") == [(0,)]


@pytest.mark.parametrize("restarted", [False, True])
async def test_a_hold_whose_timer_failed_for_good_is_ended_by_the_next_look_or_start(monkeypatch, restarted):
    def failing(*_, **__):
        raise RuntimeError("a fault that is mended later")

    async with Shop(raises=False) as shop:
        here, there = await shop.customer("ming"), await shop.customer("ann")
        with monkeypatch.context() as broken:
            broken.setattr(holding, "expire", failing)
            await shop.say("ming", here, "预约 明天15:00 验光")
            await shop.advance(10)
        assert shop.kit.log.events("error") == ["plugin_handler_failed"] * 3
        shop.kit.log.lines.clear()
        assert len(await shop.appointments("held")) == 1
        assert [text for text in await shop.findings() if text.startswith("holds will end")]
        if restarted:
            await shop.kit.restart()
        else:
            await shop.say("ann", there, "空档 明天")
        assert await shop.appointments("held") == []
        assert await shop.sql("SELECT COUNT(*) FROM booking_cells") == [(0,)]
        assert "保留时间到了" in shown(shop.kit.messages(here)[-1])


async def test_what_is_booked_from_the_entry_chat_is_given_up_there_too():
    async with Shop() as shop:
        await shop.customer("ming")
        entry = shop.kit.direct("ming", ENTRY)
        for text in ("预约 花园店 明天15:00 验光", "王小明，成人，来过", "取消"):
            await shop.say("ming", entry, text)
        assert await shop.appointments("held") == []
        assert "没有即将到来的预约" in shown((await shop.say("ming", entry, "取消"))[-1])


async def test_cancelling_in_the_entry_chat_finds_the_appointment_whatever_was_asked_elsewhere():
    async with Shop() as shop:
        garden = await shop.customer("ming")
        entry = shop.kit.direct("ming", ENTRY)
        await shop.say("ming", entry, "门店 河畔店")
        river = await shop.service("ming", "river")
        for text in ("预约 明天15:00 验光", "王小明，成人，来过", "好"):
            await shop.say("ming", river, text)
        await shop.say("ming", garden, "门店")
        said = await shop.say("ming", entry, "取消")
        assert any("回复“好”取消" in shown(one) for one in said)


async def test_whoever_begins_again_and_again_holds_one_slot_of_a_shop():
    async with Shop() as shop:
        here, _ = await booked(shop, when="后天11:00")
        for hour in (10, 13, 15, 16):
            await shop.say("ming", here, f"预约 明天{hour}:00 验光")
            assert len(await shop.appointments("held")) == 1
            await shop.say(
                "ming", here, "取消 " + (await shop.appointments())[0][0]
            )  # another question takes its place
            assert len(await shop.appointments("held")) <= 1
        river = await shop.customer("ming", bot=RIVER)
        await shop.say("ming", river, "预约 明天15:00 验光")
        assert len(await shop.appointments("held")) == 2  # another shop is another matter


async def test_a_gap_that_is_too_short_was_not_taken_by_anybody() -> None:
    async with Shop() as shop:
        hong, here = await shop.customer("hong", bot=RIVER), await shop.customer("ming", bot=RIVER)
        for text in ("预约 明天16:00 验光", "小红，成人，来过", "好"):
            await shop.say("hong", hong, text)
        short = await shop.hear("ming", here, "预约 明天15:30 配镜")
        assert "11月19日 周四 15:30 空着的时间不够做" in short
        assert "被约走" not in short
        assert "11月19日 周四 16:00 刚刚被约走了" in await shop.hear("ming", here, "明天16:00")


async def test_of_a_day_no_time_is_said_that_nobody_named() -> None:
    async with Shop() as shop:
        here = await shop.customer("ming")
        closed = await shop.hear("ming", here, "预约 1月1日 验光")
        assert closed.splitlines()[0].startswith("1月1日 周五 那天门店休息。")
        far = await shop.hear("ming", here, "3月1日")
        assert far.splitlines()[0].startswith("3月1日 周一 太远了")
        assert "1月1日 周五 15:00 那天门店休息。" in await shop.hear("ming", here, "1月1日下午三点")
