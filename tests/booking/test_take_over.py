"""A member of the staff takes a conversation over from the bot, and what ends that; and no text that waits is lost by it."""

from __future__ import annotations

from pathlib import Path

import pytest

from imserver.model import Role
from imserver.plugins.booking.schedule.asked_by_staff import (
    CUSTOMER,
    INBOX,
    CustomerParams,
    InboxParams,
    InboxRow,
)
from imserver.testing import Said
from tests.booking.support.booked import booked
from tests.booking.support.shop import GARDEN, RIVER, Shop, button, shown
from tests.booking.support.staff import ChainFile


async def rows(shop: Shop, asker: str = "staff-wang") -> dict[str, InboxRow]:
    """The inbox as a colleague sees it, by customer."""
    inbox = (await shop.kit.call(INBOX, asker, InboxParams("garden"))).inbox
    assert inbox is not None
    return {one.customer.id: one for one in (*inbox.waiting, *inbox.recent)}


async def has(shop: Shop, customer: str = "ming") -> str | None:
    """Who has the conversation with a customer."""
    taken = (await rows(shop))[customer].taken
    return None if taken is None else taken.by


async def waits(shop: Shop, customer: str = "ming") -> bool:
    return (await rows(shop))[customer].since is not None


def at(said: list[Said], conversation_id: str) -> str:
    return "\n".join(shown(one) for one in said if one.conversation_id == conversation_id)


async def leaves_the_group(shop: Shop, user_id: str) -> list[Said]:
    before = shop._heads()
    await shop.leave(user_id, await shop.staff_group())
    await shop.kit.idle()
    return shop._since(before, user_id)


# -- what it does -----------------------------------------------------------------------------------------------------------


async def test_it_is_said_to_the_customer_and_to_the_colleagues(shop: Shop) -> None:
    room = await shop.customer("ming")
    said = await shop.say("staff-li", room, "接手")
    assert "李老师" in at(said, room)
    assert "李老师 接手了与 Ming 的会话" in at(said, await shop.staff_group())
    assert await has(shop) == "staff-li"


@pytest.mark.parametrize(
    "text",
    ["预约 明天下午3点 验光", "我想约周六上午十一点验光", "几点关门", "改约", "取消", "2", "你好", "地址"],
)
async def test_the_bot_is_silent_to_words(shop: Shop, text: str) -> None:
    room = await shop.customer("ming")
    await shop.say("staff-li", room, "/take")
    assert await shop.say("ming", room, text) == []
    assert await shop.appointments("held") == []


async def test_an_answer_to_the_bots_own_question_is_for_people_and_its_yes_asks_again(shop: Shop) -> None:
    room = await shop.customer("ming")
    await shop.say("ming", room, "预约 明天15:00 验光")
    confirm = button(await shop.say("ming", room, "王小明，成人，来过"), "确认")
    await shop.say("staff-li", room, "接手")
    for text in ("好", "1", "确认"):
        assert await shop.say("ming", room, text) == []
    assert await shop.appointments() == []
    await shop.say("ming", room, confirm)
    assert [one[1] for one in await shop.appointments()] == ["2026-11-19T15:00"], "the button counts"


@pytest.mark.parametrize("text", ["/my", "／my", "/slots sat", "/help"])
async def test_commands_with_a_slash_are_answered(shop: Shop, text: str) -> None:
    room = await shop.customer("ming")
    await shop.say("staff-li", room, "接手")
    assert await shop.say("ming", room, text) != []


async def test_buttons_are_answered_whatever_their_command(shop: Shop) -> None:
    room, code = await booked(shop)
    await shop.say("staff-li", room, "接手")
    asked = await shop.say("ming", room, f"取消 {code} v2")
    assert "确定" in at(asked, room) or "取消" in at(asked, room)
    tapped = {"type": "text", "text": "我的预约", "label": "我的预约", "card": 3}
    assert code in at(await shop.say("ming", room, tapped), room)


async def test_a_red_flag_is_answered_at_once_and_is_what_waits(shop: Shop) -> None:
    room = await shop.customer("ming")
    await shop.say("staff-li", room, "接手")
    await shop.say("ming", room, "镜框有蓝色的吗")
    assert (await rows(shop))["ming"].why == "unread"
    said = await shop.say("ming", room, "突然看不见了")
    assert "眼科急诊" in at(said, room)
    assert "紧急" in at(said, await shop.staff_group())
    assert (await rows(shop))["ming"].why == "alarm"


async def test_what_has_to_be_told_is_told(shop: Shop) -> None:
    room, code = await booked(shop)
    await shop.say("staff-li", room, "接手")
    said = await shop.say("staff-wang", await shop.staff_group(), f"改约 {code} 周五上午10点半")
    said = await shop.say("staff-wang", await shop.staff_group(), "好")
    assert "10:30" in at(said, room)


async def test_what_is_typed_to_the_bot_elsewhere_is_passed_on(shop: Shop) -> None:
    room = await shop.customer("ming")
    await shop.say("staff-li", room, "接手")
    direct = shop.kit.direct("ming", GARDEN)
    said = await shop.say("ming", direct, "想约周六上午十一点验光")
    assert "想约周六上午十一点验光" in at(said, room)
    assert await waits(shop)
    assert await shop.appointments("held") == []


async def test_what_staff_type_there_works(shop: Shop) -> None:
    room, code = await booked(shop)
    await shop.say("staff-li", room, "接手")
    said = await shop.say("staff-li", room, f"改约 {code} 周五上午10点半")
    assert "2026-11-20T10:30" in [one[1] for one in await shop.appointments()] or "10:30" in at(said, room)


async def test_another_conversation_is_the_bots(shop: Shop) -> None:
    room, other = await shop.customer("ming"), await shop.customer("hong")
    await shop.say("staff-li", room, "接手")
    assert await shop.say("hong", other, "预约 明天15:00 验光") != []


# -- who may ----------------------------------------------------------------------------------------------------------------


async def test_customers_do_not_take_over(shop: Shop) -> None:
    room = await shop.customer("ming")
    await shop.say("ming", room, "接手")
    assert await has(shop) is None
    assert "没有 /take 这个命令" in at(await shop.say("ming", room, "/take"), room)
    await shop.say("staff-li", room, "接手")
    for text in ("交还", "/give-back"):
        await shop.say("ming", room, text)
        assert await has(shop) == "staff-li"


async def test_words_of_staff_that_begin_like_it_are_words(shop: Shop) -> None:
    room = await shop.customer("ming")
    assert await shop.say("staff-li", room, "接手这副眼镜的师傅明天来") == []
    assert await has(shop) is None


async def test_in_the_staff_group_it_says_where(shop: Shop) -> None:
    await shop.customer("ming")
    group = await shop.staff_group()
    for text in ("接手", "交还"):
        assert "那位顾客的会话" in at(await shop.say("staff-li", group, text), group)


async def test_a_colleague_takes_it_from_the_first_and_that_is_said(shop: Shop) -> None:
    room = await shop.customer("ming")
    await shop.say("staff-li", room, "接手")
    said = await shop.say("staff-wang", room, "接手")
    assert "王老师 从 李老师 那里接手了" in at(said, await shop.staff_group())
    assert "王老师" in at(said, room), "the customer knows who answers"
    assert await has(shop) == "staff-wang"
    assert await leaves_the_group(shop, "staff-li") == [], "the first has nothing any more"
    assert await has(shop) == "staff-wang"


async def test_who_has_it_already_takes_it_anew(shop: Shop) -> None:
    room = await shop.customer("ming")
    await shop.say("staff-li", room, "接手")
    await shop.advance(11 * 60)
    assert at(await shop.say("staff-li", room, "接手"), await shop.staff_group()) == ""
    await shop.advance(2 * 60)
    assert await has(shop) == "staff-li"
    await shop.advance(10 * 60)
    assert await has(shop) is None


# -- what ends it -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["staff-li", "staff-wang"])
async def test_given_back_the_bot_answers_at_once(shop: Shop, who: str) -> None:
    room = await shop.customer("ming")
    await shop.say("staff-li", room, "接手")
    await shop.say("staff-li", room, "您好")
    said = await shop.say(who, room, "交还")
    assert "由我继续回复" in at(said, room)
    assert "交还了与 Ming 的会话" in at(said, await shop.staff_group())
    assert "哪一天" in await shop.hear("ming", room, "我想预约验光")


async def test_give_back_ends_the_ten_minutes_of_a_plain_answer_too(shop: Shop) -> None:
    room = await shop.customer("ming")
    assert "没有人接手" in await shop.hear("staff-li", room, "交还")
    await shop.say("staff-li", room, "您好")
    assert await shop.hear("ming", room, "我想预约验光") == ""
    await shop.say("staff-li", room, "交还")
    assert "哪一天" in await shop.hear("ming", room, "我想预约验光")


async def test_it_ends_twelve_hours_behind_the_last_word_of_staff(shop: Shop) -> None:
    room = await shop.customer("ming")
    await shop.say("staff-li", room, "接手")
    await shop.advance(6 * 60)
    await shop.say("staff-wang", room, "您好")
    await shop.advance(12 * 60 - 0.1)
    assert await has(shop) == "staff-li"
    said = await shop.advance(0.2)
    assert "由我继续回复" in at(said, room)
    assert "12小时没有说话" in at(said, await shop.staff_group())
    assert await has(shop) is None
    assert "哪一天" in await shop.hear("ming", room, "我想预约验光")


async def test_it_ends_when_the_taker_leaves_the_group(shop: Shop) -> None:
    room, other = await shop.customer("ming"), await shop.customer("hong")
    await shop.say("staff-li", room, "接手")
    await shop.say("staff-wang", other, "接手")
    said = await leaves_the_group(shop, "staff-li")
    assert "由我继续回复" in at(said, room)
    assert "已不是店员" in at(said, await shop.staff_group())
    assert (await has(shop), await has(shop, "hong")) == (None, "staff-wang")


async def test_nobody_is_shown_as_having_it_who_just_left(shop: Shop) -> None:
    """The row says so until the plugin has heard of it."""
    room = await shop.customer("ming")
    await shop.say("staff-li", room, "接手")
    await shop.leave("staff-li", await shop.staff_group())
    assert await has(shop) is None
    told = (await shop.kit.call(CUSTOMER, "staff-wang", CustomerParams(room))).customer
    assert told is not None
    assert (told.taken, told.commands.take) == (None, "接手")


async def test_many_conversations_of_one_who_leaves_are_all_given_back(shop: Shop) -> None:
    for number in range(23):
        room = await shop.customer(f"guest-{number}")
        await shop.say("staff-li", room, "接手")
    await leaves_the_group(shop, "staff-li")
    assert {one.taken for one in (await rows(shop)).values()} == {None}
    assert await shop.sql("SELECT COUNT(*) FROM booking_services WHERE taken_by <> ''") == [(0,)]


async def test_who_works_in_two_shops_and_leaves_one_keeps_those_of_the_other(shop: Shop) -> None:
    room, there = await shop.customer("ming"), await shop.customer("hong", bot=RIVER)
    river = await shop.staff_group("river")
    await shop.kit.store.write(lambda tx: tx.add_member(river, RIVER, bytes(16), "staff-li", Role.MEMBER))
    for where in (room, there):
        await shop.say("staff-li", where, "接手")
    await leaves_the_group(shop, "staff-li")
    taken = await shop.sql("SELECT store_id, taken_by FROM booking_services ORDER BY store_id")
    assert taken == [("garden", ""), ("river", "staff-li")]


async def test_it_ends_with_the_chain_file_that_names_the_taker_no_more(tmp_path: Path) -> None:
    chain = ChainFile(tmp_path)
    async with Shop(config=chain.config) as shop:
        room = await shop.customer("ming")
        await shop.say("staff-li", room, "接手")
        await shop.say("ming", room, "镜框有蓝色的吗")
        chain.write(without=["staff-li"])
        await shop.kit.restart()
        await shop.kit.idle()
        shop.kit.log.lines[:] = [line for line in shop.kit.log.lines if not line[1].startswith("staff_")]
        assert await has(shop) is None
        assert await waits(shop)


async def test_an_account_that_is_disabled_holds_nothing(shop: Shop) -> None:
    room = await shop.customer("ming")
    await shop.say("staff-li", room, "接手")
    await shop.say("ming", room, "镜框有蓝色的吗")
    await shop.disable("staff-li")
    said = await shop.say("ming", room, "我想预约验光")
    assert "已不是店员" in at(said, await shop.staff_group())
    assert "哪一天" in at(said, room)
    assert await waits(shop), "and what waited does"


async def test_an_account_that_is_erased_holds_nothing(shop: Shop) -> None:
    room = await shop.customer("ming")
    await shop.say("staff-li", room, "接手")
    assert [one["conversation_id"] for one in (await shop.kit.export("staff-li"))["taken_over"]] == [room]
    await shop.disable("staff-li")
    await shop.kit.erase("staff-li")
    await shop.kit.idle()
    await shop.advance(0.02)
    assert await shop.sql("SELECT COUNT(*) FROM booking_services WHERE taken_by <> ''") == [(0,)]


async def test_it_outlives_a_restart_and_a_crash(shop: Shop) -> None:
    room = await shop.customer("ming")
    await shop.say("staff-li", room, "接手")
    await shop.kit.restart()
    await shop.kit.crash()
    await shop.kit.start()
    assert await shop.say("ming", room, "预约 明天15:00 验光") == []
    await shop.kit.crash()
    shop.kit.clock.advance(13 * 3600)
    await shop.kit.start()
    await shop.advance(0.02)
    assert await has(shop) is None, "what was due while nobody was there"


async def test_in_an_older_copy_it_goes_on_and_ends(shop: Shop) -> None:
    room = await shop.customer("ming")
    await shop.say("staff-li", room, "接手")
    await shop.say("ming", room, "镜框有蓝色的吗")
    await shop.kit.set_back(shop.kit.clock.now_ms())
    assert await has(shop) == "staff-li"
    assert await waits(shop)
    await shop.advance(12 * 60 + 1)
    assert await has(shop) is None
    assert await waits(shop)


# -- what waits -------------------------------------------------------------------------------------------------------------


async def test_what_the_customer_says_waits_and_the_staff_are_called(shop: Shop) -> None:
    room = await shop.customer("ming")
    await shop.say("staff-li", room, "接手")
    await shop.say("ming", room, "镜框有蓝色的吗")
    assert (await rows(shop))["ming"].text == "镜框有蓝色的吗"
    said = await shop.advance(6)
    assert [one.conversation_id for one in said] == [await shop.staff_group()], "the bot is silent there"
    assert await waits(shop)
    await shop.say("staff-wang", room, "有的")
    assert not await waits(shop)


@pytest.mark.parametrize("text", ["谢谢", "好的", "您好"])
async def test_courtesy_to_people_waits_for_nobody(shop: Shop, text: str) -> None:
    room = await shop.customer("ming")
    await shop.say("staff-li", room, "接手")
    await shop.say("ming", room, text)
    assert not await waits(shop)
    assert await shop.advance(30) == []


@pytest.mark.parametrize("act", ["接手", "交还", "/take", "到店 A2S4"])
async def test_nothing_but_an_answer_ends_a_wait(shop: Shop, act: str) -> None:
    room = await shop.customer("ming")
    await shop.say("ming", room, "镜框有蓝色的吗")
    since = (await rows(shop))["ming"].since
    await shop.advance(1)
    await shop.say("staff-wang", room, "接手")
    await shop.say("staff-li", room, act)
    row = (await rows(shop))["ming"]
    assert (row.since, row.text) == (since, "镜框有蓝色的吗")
    assert await shop.staff_group() in [one.conversation_id for one in await shop.advance(6)]


async def test_two_colleagues_who_answer_at_once_answer_what_was_there(shop: Shop) -> None:
    room = await shop.customer("ming")
    await shop.say("ming", room, "镜框有蓝色的吗")
    await shop.kit.post("staff-li", room, "有的")
    await shop.kit.post("staff-wang", room, "有，三种")
    await shop.kit.post("ming", room, "那绿色的呢")
    await shop.kit.idle()
    row = (await rows(shop))["ming"]
    assert row.text == "那绿色的呢"
    assert row.since is not None


async def test_a_taker_who_dies_loses_no_text(shop: Shop) -> None:
    room = await shop.customer("ming")
    await shop.say("staff-li", room, "接手")
    await shop.say("ming", room, "镜框有蓝色的吗")
    await leaves_the_group(shop, "staff-li")
    assert await waits(shop)
    assert await shop.staff_group() in [one.conversation_id for one in await shop.advance(6)]


async def test_who_left_the_conversation_hears_it_in_the_direct_chat(shop: Shop) -> None:
    room, _ = await booked(shop)
    await shop.leave("ming", room)
    said = await shop.say("staff-li", room, "接手")
    assert "李老师" in at(said, shop.kit.direct("ming", GARDEN))
    said = await shop.say("staff-li", room, "您在吗")
    assert at(said, shop.kit.direct("ming", GARDEN)), "the first word is told there, taken over or not"
