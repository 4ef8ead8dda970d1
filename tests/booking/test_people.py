"""People and the bot: red flags first, the bot quiet while a human writes, every customer answered."""

import re

import pytest

from imserver.plugins.booking.messages.texts import LANGUAGES, load_words
from imserver.plugins.booking.understanding.alarms import RedFlags
from tests.booking.support.booked import booked
from tests.booking.support.shop import ENTRY, GARDEN, NOW, RIVER, Shop, button, shown

FLAGS = [
    "突然看不见了",
    "我左眼突然看不清",
    "眼前有黑影遮挡",
    "飞蚊突然增多",
    "这两天有闪光感",
    "突然重影",
    "剧烈眼痛",
    "眼睛疼得厉害",
    "眼外伤",
    "孩子被球打到眼睛了",
    "化学品入眼怎么办",
    "洗洁精…不，是消毒液溅到眼睛里了",
    "預約 突然看不見",
    "sudden loss of vision in my left eye",
    "I suddenly can't see with my right eye",
    "a dark shadow in my vision",
    "sudden floaters since yesterday",
    "I keep seeing flashes of light",
    "suddenly double vision",
    "severe eye pain",
    "I was hit in the eye",
    "bleach in my eye",
]
NO_FLAGS = [
    "拍照可以用闪光灯吗",
    "预约明天下午三点",
    "眼镜什么时候可以取",
    "看不到空档怎么办",
    "我打了电话给眼镜店",
    "孩子近视250，看黑板看不清",
    "Can I use a camera flash?",
    "I can't see the free slots",
    "book an eye exam",
    "配眼镜多少钱",
]


@pytest.mark.parametrize("text", FLAGS)
def test_red_flags_are_found(text):
    assert RedFlags().find(text)


@pytest.mark.parametrize("text", NO_FLAGS)
def test_what_is_no_red_flag(text):
    assert RedFlags().find(text) is None


def test_chemicals_are_rinsed_first():
    flag = RedFlags().find("化学品入眼，突然看不见")
    assert flag is not None
    assert flag.kind == "chemical"


def test_no_text_promises_a_cure_or_says_that_something_is_harmless():
    banned = re.compile(
        "治愈|康复|降低度数|没事|不要紧|无害|正常现象|医生|cure|restore|harmless|召回|recall", re.IGNORECASE
    )
    for language in LANGUAGES:
        for key, text in load_words(language).items():
            assert not banned.search(str(text)), (key, text)
            assert ("散瞳" in str(text) or "dilation" in str(text).lower()) == (key == "info.dilation"), key


async def test_a_red_flag_goes_before_the_question_and_calls_staff():
    async with Shop() as shop:
        here = await shop.customer("ming")
        await shop.say("ming", here, "预约明天下午三点验光")
        said = await shop.say("ming", here, "突然看不见了")
        texts = {one.conversation_id: shown(one) for one in said}
        assert "眼科急诊" in texts[here]
        assert "紧急" in texts[await shop.staff_group()]
        assert len(said) == 2  # the dialogue does not go on over it
        assert "年龄" in await shop.hear("ming", here, "王小明")  # but it is not lost


async def test_a_red_flag_to_the_entry_bot_by_night():
    async with Shop(NOW.replace(hour=23)) as shop:
        await shop.kit.user("ann")
        said = await shop.say(
            "ann", shop.kit.direct("ann", ENTRY), "/book tomorrow, I suddenly went blind on one eye"
        )
        assert any("emergency department" in shown(one) for one in said)
        group = await shop.staff_group()
        assert any(one.conversation_id == group for one in said)
        assert await shop.appointments("held") == []


async def test_the_bot_is_quiet_while_a_human_is_there():
    async with Shop() as shop:
        here = await shop.customer("ming")
        await shop.say("staff-li", here, "您好，有什么可以帮您？")
        assert await shop.hear("ming", here, "我想问问镜框价格") == ""
        assert "想预约什么" in await shop.hear("ming", here, "预约")  # a command is answered
        assert await shop.hear("ming", here, "刚才说的镜框还有吗") == ""
        assert "哪一天" in await shop.hear("ming", here, "验光")  # and so is an answer to its question
        said = await shop.advance(30)
        assert [one.conversation_id for one in said] == [await shop.staff_group()], "nobody has said whether"


@pytest.mark.parametrize("question", ["取消", "改约 周五上午10点半", "预约 周六10:00 验光"])
async def test_a_yes_to_a_human_is_no_yes_to_the_bot(question):
    async with Shop() as shop:
        here = await shop.customer("ming")
        for text in ("预约 明天15:00 验光", "王小明，成人，来过", "好"):
            await shop.say("ming", here, text)
        asked = await shop.hear("ming", here, question)
        await shop.say("staff-li", here, "您好，要不要顺便看看新到的镜框？")
        assert await shop.hear("ming", here, "好") == asked  # nothing was done: it asks again
        assert [a[1] for a in await shop.appointments()] == ["2026-11-19T15:00"]
        await shop.say("ming", here, "好")
        assert [a[1] for a in await shop.appointments()] != ["2026-11-19T15:00"]


async def test_a_button_counts_also_after_a_human_spoke():
    async with Shop() as shop:
        here = await shop.customer("ming")
        await shop.say("ming", here, "预约 明天15:00 验光")
        confirm = button(await shop.say("ming", here, "王小明，成人，来过"), "确认")
        await shop.say("staff-li", here, "您好")
        await shop.say("ming", here, confirm)
        move = button(await shop.say("ming", here, "改约 周五上午10点半"), "确认")
        await shop.say("staff-li", here, "好的")
        await shop.say("ming", here, move)
        assert [a[1] for a in await shop.appointments()] == ["2026-11-20T10:30"]


async def test_nobody_answers_for_five_minutes_of_opening_hours():
    async with Shop() as shop:
        here = await shop.customer("ming")
        assert "已转给店员" in await shop.hear("ming", here, "我想问问镜框价格")
        assert await shop.hear("ming", here, "在吗") == ""
        said = await shop.advance(6)
        assert sorted(one.conversation_id for one in said) == sorted([here, await shop.staff_group()])
        assert "已经转告门店" in "".join(shown(one) for one in said)
        assert await shop.advance(60) == []  # once
        await shop.say("staff-li", here, "您好")
        await shop.advance(11)
        await shop.say("ming", here, "还有一个问题")
        assert len(await shop.advance(6)) == 2


async def test_an_answer_in_time_needs_no_ping():
    async with Shop() as shop:
        here = await shop.customer("ming")
        await shop.say("ming", here, "我想问问镜框价格")
        await shop.advance(3)
        await shop.say("staff-li", here, "三百元起")
        assert await shop.advance(60) == []


async def test_who_asks_anew_in_the_morning_waits_for_five_minutes_of_their_own():
    """The evening's question was answered; the morning's is not told of as early as that one would have been, nor twice."""
    async with Shop(NOW.replace(hour=22)) as shop:
        here = await shop.customer("ming")
        await shop.say("ming", here, "我想问问镜框价格")
        await shop.say("staff-li", here, "三百元起")
        assert await shop.advance(11 * 60 + 2) == []  # two minutes after opening
        assert await shop.say("ming", here, "还有一个问题") == []
        assert await shop.advance(4.5) == []
        told = await shop.advance(1)
        assert sorted(one.conversation_id for one in told) == sorted([here, await shop.staff_group()])
        assert await shop.advance(60) == []


async def test_outside_opening_hours_it_says_when_the_shop_opens():
    async with Shop(NOW.replace(hour=22)) as shop:
        here = await shop.customer("ming")
        assert "明天 09:00开门" in await shop.hear("ming", here, "我想问问镜框价格")
        assert await shop.hear("ming", here, "在吗") == ""
        assert await shop.advance(60 * 11) == []
        assert len(await shop.advance(10)) == 2  # five minutes after opening


async def test_calling_a_human():
    async with Shop() as shop:
        here = await shop.customer("ming")
        said = await shop.say("ming", here, "人工")
        assert sorted(one.conversation_id for one in said) == sorted([here, await shop.staff_group()])


async def test_unknown_commands_and_small_talk_get_help_where_no_human_is():
    async with Shop() as shop:
        here = await shop.customer("ming")
        assert "没有 /foo 这个命令" in await shop.hear("ming", here, "/foo bar")
        await shop.kit.user("ann")
        direct = shop.kit.direct("ann", ENTRY)
        assert "What you can say" in await shop.hear("ann", direct, "blue whales sing")
        assert "Which one would you like" in await shop.hear("ann", direct, "hello")
        assert "no command /foo" in await shop.hear("ann", direct, "/foo")


async def test_hard_lenses_are_for_the_optometrist():
    async with Shop() as shop:
        here = await shop.customer("ming")
        said = await shop.say("ming", here, "我戴OK镜")
        texts = {one.conversation_id: shown(one) for one in said}
        assert "不要自己停戴" in texts[here]
        assert "角膜塑形镜" in texts[await shop.staff_group()]
        assert "停戴一天" in await shop.hear("ming", here, "我戴软镜")


@pytest.mark.parametrize("text", ["预约要多少钱？", "取消要扣钱吗", "改约有什么规定", "确认一下我的度数"])
async def test_a_question_that_begins_like_a_command_is_for_people(text):
    async with Shop() as shop:
        here = await shop.customer("ming")
        assert await shop.hear("ming", here, text) in ("", "您的问题已转给店员，会尽快回复您。")
        assert len(await shop.advance(6)) == 2


async def test_a_question_that_the_shops_facts_answer_alarms_nobody():
    async with Shop() as shop:
        here = await shop.customer("ming")
        for text, fact in (
            ("开始营业了吗", "09:00–20:00"),
            ("你们地址在哪", "花园路 18 号"),
            ("停车方便吗", "B1"),
        ):
            assert fact in await shop.hear("ming", here, text)
        assert await shop.advance(6) == []


async def test_talk_about_the_past_does_not_give_up_a_chosen_time():
    async with Shop() as shop:
        here = await shop.customer("ming")
        for text in ("预约 明天15:00 验光", "王小明，成人"):
            await shop.say("ming", here, text)
        assert "请确认" in await shop.hear("ming", here, "昨天来过")
        assert [a[1] for a in await shop.appointments("held")] == ["2026-11-19T15:00"]


@pytest.mark.parametrize("between", ["地址", "帮助", "/info", "空档 周六", "我戴软镜", "/nonsense"])
async def test_a_yes_after_something_else_was_asked_does_not_cancel(between):
    async with Shop() as shop:
        here, code = await booked(shop)
        asked = await shop.hear("ming", here, "取消")
        await shop.say("ming", here, between)
        await shop.hear("ming", here, "好")
        assert len(await shop.appointments()) == 1
        assert code in asked


@pytest.mark.parametrize("between", ["地址", "帮助"])
async def test_a_yes_after_something_else_was_asked_asks_again_and_then_counts(between):
    async with Shop() as shop:
        here, _ = await booked(shop)
        asked = await shop.hear("ming", here, "取消")
        await shop.say("ming", here, between)
        assert await shop.hear("ming", here, "好") == asked
        assert "已取消" in await shop.hear("ming", here, "好")


async def test_a_yes_after_a_red_flag_books_nothing():
    async with Shop() as shop:
        here = await shop.customer("ming")
        await shop.say("ming", here, "预约 明天15:00 验光 我叫小明 成人 来过")
        await shop.say("ming", here, "我突然看不见了")
        await shop.say("ming", here, "好")
        assert await shop.appointments() == []


async def test_a_yes_to_the_other_parent_is_no_yes_to_the_bot():
    async with Shop() as shop:
        here, _ = await booked(shop)
        await shop.parent("mum", here)
        asked = await shop.hear("ming", here, "取消")
        await shop.say("mum", here, "周六带孩子去公园吧")
        assert await shop.hear("ming", here, "好") == asked
        assert len(await shop.appointments()) == 1
        await shop.say("ming", here, "好")
        assert await shop.appointments() == []


@pytest.mark.parametrize(("language", "told"), [("zh-CN", "已经转告门店"), ("en", "the shop has been told")])
async def test_calling_a_human_does_not_put_off_who_waits_already(language, told):
    async with Shop() as shop:
        here = await shop.customer("ming", language)
        await shop.say("ming", here, "我想问问镜框价格" if language == "zh-CN" else "what do frames cost?")
        await shop.advance(3)
        await shop.say("ming", here, "人工" if language == "zh-CN" else "/human")
        said = await shop.advance(2.1)
        assert sorted(one.conversation_id for one in said) == sorted([here, await shop.staff_group()])
        assert told in "".join(shown(one) for one in said if one.conversation_id == here)


async def test_a_red_flag_in_a_direct_chat_is_where_people_answer():
    async with Shop() as shop:
        await shop.kit.user("ann")
        said = await shop.say("ann", shop.kit.direct("ann", GARDEN), "I suddenly went blind on one eye")
        (waiting,) = await shop.sql(
            "SELECT conversation_id, waiting_why, waiting_position FROM booking_services"
        )
        there, why, position = waiting
        assert why == "alarm"
        assert [
            "went blind" in shown(one)
            for one in said
            if (one.conversation_id, one.position) == (there, position)
        ] == [True]
        (card,) = [one for one in said if one.conversation_id == await shop.staff_group()]
        assert there in str(card.content), "the card leads to where people can answer"


async def test_a_red_flag_to_the_entry_bot_calls_every_shop_that_knows_the_customer():
    async with Shop() as shop:
        there = {await shop.customer("ming"), await shop.customer("ming", bot=RIVER)}
        entry = shop.kit.direct("ming", ENTRY)
        said = await shop.say("ming", entry, "我突然看不见了")
        groups = {await shop.staff_group(), await shop.staff_group("river")}
        assert {one.conversation_id for one in said} == {entry} | groups | there
        assert all(
            "Ming" in shown(one) or "ming" in shown(one) for one in said if one.conversation_id in groups
        )


async def test_what_staff_say_of_red_flags_is_no_emergency():
    async with Shop() as shop:
        here = await shop.customer("ming")
        assert await shop.say("staff-li", here, "有没有突然看不见的情况？") == []
        assert await shop.say("staff-li", await shop.staff_group(), "刚才那位突然看不见了") == []
