"""Another author's attacks: a yes that is none, somebody else beside or instead, days that look like names."""

from __future__ import annotations

import pytest

from tests.booking.support.shop import Shop, button, shown
from tests.booking.support.two_appointments import left

WISH = "预约 周六15:00 验光 王小明 成人 来过"
ENGLISH = "/book sat 3pm eye exam Bob Lee, adult, been before"


def language(text: str) -> str:
    return "en" if text.isascii() else "zh-CN"


@pytest.mark.parametrize(
    "text",
    ["好 才怪", "好，想得美", "好 骗你的", "行，逗你玩", "好，我说反话", "🙃👍", "好🙄", "好 个鬼", "行，随你便",
     "yes, psych", "yes sike", "yes, in your dreams", "yes, said nobody ever"],
)  # fmt: skip
async def test_a_yes_that_mocks_is_none(text: str) -> None:
    await _books_nothing(text)


@pytest.mark.parametrize(
    "text",
    ["好，稍等", "好 等下", "ok 等下", "可以，等会儿", "行 回头", "好 晚点", "好，晚点来", "好 一会", "行 我看看",
     "ok sec", "yes, checking"],
)  # fmt: skip
async def test_a_yes_that_is_put_off_in_one_breath_is_none(text: str) -> None:
    await _books_nothing(text)


@pytest.mark.parametrize(
    "text",
    ["yes once my wife confirms", "ok subject to my boss", "yes tentatively", "好 暂时", "好 先占着", "好 名字写我老婆",
     "好 一家三口", "好 每周都来"],
)  # fmt: skip
async def test_a_yes_on_a_condition_or_for_more_than_the_card_is_none(text: str) -> None:
    await _books_nothing(text)


async def _books_nothing(text: str) -> None:
    async with Shop() as shop:
        here = await shop.customer("ming", "zh-CN")
        await shop.say("ming", here, WISH)
        await shop.say("ming", here, text)
        assert await shop.appointments() == [], text


@pytest.mark.parametrize(
    "text", ["好", "👍", "好，我等着", "好的那我稍等哈", "好的 回头见", "好，到时候来", "ok"]
)
async def test_a_yes_that_waits_for_the_shop_is_one(text: str) -> None:
    async with Shop() as shop:
        here = await shop.customer("ming", "zh-CN")
        await shop.say("ming", here, WISH)
        await shop.say("ming", here, text)
        assert len(await shop.appointments()) == 1, text


@pytest.mark.parametrize(
    ("begin", "text"),
    [
        (ENGLISH, "yes please, and book my son Tim (8) right after"),
        (ENGLISH, "yes, plus one for my wife Ann at 4pm"),
        (ENGLISH, "perfect, and for my daughter Mia, 9, sunday at 11"),
        (WISH, "我媳妇也去，李红，成人，第一次"),
    ],
)
async def test_somebody_beside_does_not_take_the_place_of_the_card(begin: str, text: str) -> None:
    async with Shop() as shop:
        here = await shop.customer("ming", language(text))
        await shop.say("ming", here, begin)
        asked = await shop.say("ming", here, text)
        assert button(asked, "me" if text.isascii() else "我"), [shown(one) for one in asked]
        for _ in range(2):
            await shop.say("ming", here, "yes" if text.isascii() else "好")
        assert await shop.appointments() == [], "neither is booked before it is said whose turn it is"


@pytest.mark.parametrize("text", ["好，我妈也去", "yes, and my wife will drive me"])
async def test_whoever_only_comes_along_is_no_second_appointment(text: str) -> None:
    async with Shop() as shop:
        here = await shop.customer("ming", language(text))
        await shop.say("ming", here, ENGLISH if text.isascii() else WISH)
        await shop.say("ming", here, text)
        assert len(await shop.appointments()) == 1


@pytest.mark.parametrize(
    "text",
    ["我不去了 我妈去", "我来不了，我老公来", "我去不了了，让我儿子去，8岁，王小宝",
     "can't make it, could my son take my slot?"],
)  # fmt: skip
async def test_who_comes_instead_of_another_is_no_cancellation(text: str) -> None:
    async with Shop() as shop:
        here = await shop.customer("ming", language(text))
        for line in (WISH, "好"):
            await shop.say("ming", here, line)
        (code,) = await left(shop)
        assert code not in await shop.hear("ming", here, text)
        await shop.say("ming", here, "yes" if text.isascii() else "好")
        assert await left(shop) == [code]


@pytest.mark.parametrize(
    ("text", "yes"), [("好，把原来那个取消", "好"), ("yes and also cancel the old one", "yes")]
)
async def test_the_old_one_is_not_the_one_of_the_card(text: str, yes: str) -> None:
    async with Shop() as shop:
        here = await shop.customer("ming", language(text))
        for line in ("预约 11月21日 10:00 验光", "王小明，成人，来过", "好", "预约 11月22日 15:00 验光"):
            await shop.say("ming", here, line)
        assert "11月21日" in (asked := await shop.hear("ming", here, text)) or "21 Nov" in asked
        for _ in range(3):
            await shop.say("ming", here, yes)
        assert [row[1] for row in await shop.appointments()] == ["2026-11-22T15:00"]


@pytest.mark.parametrize("day", ["元旦", "元宵", "元月", "夏至", "阳历年", "周中"])
async def test_a_day_that_begins_like_a_family_name_is_no_name(day: str) -> None:
    async with Shop() as shop:
        here = await shop.customer("ming")
        await shop.say("ming", here, f"预约 {day} 下午3点 验光 成人 来过")
        for _ in range(2):
            await shop.say("ming", here, "好")
        names = await shop.sql("SELECT for_name, start_wall FROM booking_appointments")
        assert day not in [name for name, _ in names]
        assert await shop.appointments() == []
