"""A yes that is not certain books nothing: it is asked again with the card, or put off with the hold, and always answered."""

from __future__ import annotations

import pytest

from imserver.plugins.booking.understanding.acts import Kind, Reading
from tests.booking.support.readings import read
from tests.booking.support.shop import Shop

WISH = "周五下午三点验光，我叫陈安安，30岁，第一次来"


def at_card(text: str, asks: str = "book") -> Reading:
    return read(text, "confirm", asks=asks)


@pytest.mark.parametrize(
    "text",
    ["应该行", "应该没问题吧", "大概可以", "好，应该能来", "暂定", "八成可以", "随便", "好吧，随便你", "呵呵好", "得啩",
     "应该是吧", "呵呵，行", "行，我尽量", "确认一下，是周五下午三点吧", "应该周五下午三点可以吧",
     "i guess", "ok I guess so", "suppose so", "probably yes", "yes, probably", "should be fine", "pretty sure yes",
     "for now yes", "yeah right", "sure, whatever", "oui peut-être"],
)  # fmt: skip
def test_a_hedge_takes_the_yes_away(text: str) -> None:
    found = at_card(text)
    assert found.hedged
    assert not found.has(Kind.YES)
    assert found.disarms


@pytest.mark.parametrize(
    "text",
    ["可以的话就约", "好，不贵的话", "好，老婆同意就约", "好，不加班就来", "要是行就约吧", "好，看天气", "好，取决于我妈",
     "yes on condition that I get Mr Wang", "ok depending on traffic", "yes as long as it is free",
     "yes as soon as I find a sitter", "好的，老板点头后再说"],
)  # fmt: skip
def test_a_yes_with_a_condition_is_asked_about(text: str) -> None:
    found = at_card(text)
    assert not found.has(Kind.YES)
    assert found.dangerous


@pytest.mark.parametrize(
    "text",
    ["yes I can't", "ok, still can't", "yes nobody can", "yes another day",
     "sure, I doubt it", "yes but I have to pass", "ok I'll be away",
     "好的，我要上班", "好的，我在外地", "yes, I have work", "ok but I have a meeting then",
     "好的，撤了", "可以 反悔", "好的，我不同意", "好的，别给我排", "好的，别给我排周五", "可以，不要给我周五"],
)  # fmt: skip
def test_what_is_taken_back_in_the_same_breath_is_asked_about(text: str) -> None:
    found = at_card(text)
    assert not found.has(Kind.YES)
    assert found.disarms


@pytest.mark.parametrize(
    "text",
    ["好，我确认一下", "行，再说", "好，一会儿定", "好，我晚上确认", "好，明天告诉你", "先帮我留着", "好，先占着",
     "好，晚点", "ok later", "yes, park it", "yes, park it ok", "ok rain check", "yes tbd",
     "ok leave it for now", "keep it for now", "yes put a pin in it", "ok hold it"],
)  # fmt: skip
def test_what_puts_it_off_is_no_yes_and_no_no(text: str) -> None:
    found = at_card(text)
    assert found.has(Kind.LATER)
    assert not found.has(Kind.YES)
    assert not found.has(Kind.NO)


@pytest.mark.parametrize(
    "text",
    ["好的", "行吧", "嗯嗯嗯好", "嗯可以", "不错", "嗯……好吧", "都行", "我看行", "先约着吧", "应该可以吧，好的",
     "好的，我尽量早到", "好的周五见",
     "随便，就这个吧", "可以的话麻烦帮我定一下", "行，我妈同意了", "好的，大概在哪个位置", "ok sure", "sounds good",
     "I guess so, yes", "I think that works",
     "yes, 100%", "可以，100%", "yes as soon as I can", "can do, yes", "ok right away", "好的，别让我等太久",
     "好的，别给我打电话", "好的，我在门口", "好的，我要上班了", "yes, I have a question",
     "I suppose that'll have to do", "hmm ok", "yes, keep it as it is", "yes, my wife said ok"],
)  # fmt: skip
def test_an_honest_yes_stays_one(text: str) -> None:
    assert at_card(text).has(Kind.YES)


@pytest.mark.parametrize("text", ["yes and no", "是又不是", "不要取消", "好的周六见"])
def test_what_is_neither_yes_nor_no_is_asked_about(text: str) -> None:
    found = at_card(text)
    assert not found.has(Kind.YES)
    assert not found.has(Kind.NO)
    assert at_card("不要取消", asks="cancel").has(Kind.NO)


def test_what_is_left_as_it_is_at_the_card_of_a_cancellation_is_kept() -> None:
    assert at_card("keep it for now", asks="cancel").has(Kind.NO)


def test_why_one_cannot_come_takes_no_yes_to_a_cancellation_back() -> None:
    assert at_card("好的，我要上班", asks="cancel").has(Kind.YES)


async def test_a_hedged_yes_is_asked_again_and_a_plain_one_behind_it_books() -> None:
    async with Shop() as shop:
        here = await shop.customer("ming")
        await shop.say("ming", here, WISH)
        asked = await shop.hear("ming", here, "应该行")
        assert "没完全定下来" in asked
        assert "请确认" in asked
        assert await shop.appointments() == []
        assert "预约成功" in await shop.hear("ming", here, "好")


async def test_what_is_put_off_stays_held_and_it_is_said_for_how_long() -> None:
    async with Shop() as shop:
        here = await shop.customer("ming")
        await shop.say("ming", here, WISH)
        assert "15:00 还为您保留3分钟" in await shop.hear("ming", here, "好，晚点")
        assert len(await shop.appointments("held")) == 1
        assert "请确认" in await shop.hear("ming", here, "好")


async def test_a_hedged_yes_of_the_staff_shows_their_plan_again() -> None:
    async with Shop() as shop:
        group = await shop.staff_group()
        await shop.say("staff-li", group, "休息 周五")
        again = await shop.hear("staff-li", group, "大概可以吧")
        assert "没完全定下来" in again
        assert "[确定|" in again


async def test_a_hedged_yes_moves_and_cancels_nothing() -> None:
    async with Shop() as shop:
        here = await shop.customer("ming")
        for text in (WISH, "好", "改到周六下午四点"):
            await shop.say("ming", here, text)
        assert "周六" in await shop.hear("ming", here, "应该可以")
        for text in ("先不改了", "取消预约"):
            await shop.say("ming", here, text)
        assert "没完全定下来" in await shop.hear("ming", here, "大概吧")
        assert [row[1] for row in await shop.appointments()] == ["2026-11-20T15:00"]


def test_what_is_to_be_cancelled_on_a_condition_is_not_begun() -> None:
    """A condition reaches over a comma: the card of a cancellation would take the next yes for both."""
    for text in ("cancel my booking, if you can't do 4pm", "取消我的预约，如果周六没位置的话"):
        assert not read(text).has(Kind.BEGIN, "cancel")
    assert read("取消我的预约，谢谢").has(Kind.BEGIN, "cancel")


async def test_a_question_beside_what_puts_off_is_answered() -> None:
    async with Shop() as shop:
        here = await shop.customer("ming")
        await shop.say("ming", here, WISH)
        assert "B1" in await shop.hear("ming", here, "等等 停车要钱吗")
        await shop.say("ming", here, "好")
        for text in ("好", "取消"):
            await shop.say("ming", here, text)
        assert "09:00" in await shop.hear("ming", here, "我想想，你们几点开门")


@pytest.mark.parametrize("no", ["不 改到下周五", "别取消 帮我改到下周五", "不是取消 我要改到下周五"])
async def test_another_time_behind_a_no_to_a_cancellation_is_a_move(no: str) -> None:
    async with Shop() as shop:
        here = await shop.customer("ming")
        for text in (WISH, "好", "周五来不了了", no, "好"):
            await shop.say("ming", here, text)
        assert [row[1] for row in await shop.appointments()] == ["2026-11-27T15:00"]


def test_what_is_brought_along_but_belongs_to_no_appointment_is_for_people() -> None:
    found = read("yes can i bring my dog", "confirm")
    assert [act.what for act in found.all(Kind.QUESTION)] == ["other"]


@pytest.mark.parametrize(
    "text", ["周五下午三点给我儿子和女儿验光", "eye exam friday 3pm for my son and daughter"]
)
def test_two_of_the_family_are_two_people(text: str) -> None:
    assert len(read(text).people) == 2
