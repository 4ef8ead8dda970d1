"""For whom an appointment is: others are asked for by name, two people get two, and nobody's name becomes another's."""

from __future__ import annotations

from datetime import date

import pytest

from tests.booking.support.booked import booked
from tests.booking.support.customers import known
from tests.booking.support.scripted import at, begin, correct, give, reading, refuse, scripted
from tests.booking.support.shop import RIVER, Shop, button, shown

FOR_MUM = reading(
    begin("book"), give("person", "妈"), give("service", "exam"), give("age", 68), when=at("2026-11-22T14:00")
)
FOR_SELF = reading(begin("book"), give("service", "exam"), when=at("2026-11-23T11:00"))
FOR_SON = reading(
    begin("book"),
    give("person", "儿子"),
    give("service", "child-exam"),
    give("name", "马腾"),
    give("first", False),
    when=at("2026-11-21T15:00"),
)
FOR_TWO = reading(
    begin("book"),
    give("service", "exam"),
    when=at("2026-11-22T10:00", "2026-11-22T10:30"),
    people=("我", "我爸"),
)
SCRIPT = {"FOR MUM": FOR_MUM, "FOR SELF": FOR_SELF, "FOR SON": FOR_SON, "FOR TWO": FOR_TWO}


async def test_who_it_is_for_is_asked_and_is_not_the_customer_next_time() -> None:
    with scripted(SCRIPT):
        async with Shop() as shop:
            here, _ = await booked(shop)  # 王小明, 成人, 来过
            asked = await shop.hear("ming", here, "FOR MUM")
            assert "妈怎么称呼" in asked
            for text in ("何桂芳", "以前来过"):
                asked = await shop.hear("ming", here, text)
            assert "就诊人: 妈" in asked
            assert "姓名: 何桂芳" in asked
            assert "45岁及以上" in asked
            await shop.say("ming", here, "好")
            assert await known(shop) == [("王小明", "adult", "")]
            asked = await shop.hear("ming", here, "FOR SELF")
            assert "姓名: 王小明" in asked
            assert "就诊人" not in asked


async def test_whether_the_mother_was_here_says_nothing_of_the_customer() -> None:
    with scripted(SCRIPT):
        async with Shop() as shop:
            here = await shop.customer("ming")
            for text in ("FOR MUM", "何桂芳", "以前来过", "好"):
                await shop.say("ming", here, text)
            assert "怎么称呼" in await shop.hear("ming", here, "FOR SELF")
            await shop.say("ming", here, "冯晨")
            assert "第一次来我们店" in await shop.hear("ming", here, "成人")


async def test_a_child_of_the_parents_name_is_the_child() -> None:
    with scripted(SCRIPT):
        async with Shop() as shop:
            here = await shop.customer("ming")
            for text in ("预约 周六11:00 验光 我叫马腾 成人 来过", "好", "FOR SON", "好"):
                await shop.say("ming", here, text)
            rows = await shop.sql("SELECT for_name, person, age_band FROM booking_appointments ORDER BY id")
            assert rows == [("马腾", "", "adult"), ("马腾", "儿子", "child")]
            assert await known(shop) == [("马腾", "adult", "")]


async def test_a_childs_name_is_not_kept_for_the_parent() -> None:
    async with Shop() as shop:
        here = await shop.customer("ming")
        for text in ("预约 明天15:00 儿童验光 我叫王小宝 第一次", "好"):
            await shop.say("ming", here, text)
        assert [row[3] for row in await shop.appointments()] == ["王小宝"]
        assert "怎么称呼" in await shop.hear("ming", here, "预约 周六10:00 验光")


async def test_the_own_name_is_not_the_childs() -> None:
    async with Shop() as shop:
        here, _ = await booked(shop)
        assert "怎么称呼" in await shop.hear("ming", here, "预约 周六10:00 儿童验光")


async def test_two_people_are_asked_and_get_an_appointment_each() -> None:
    with scripted(SCRIPT):
        async with Shop() as shop:
            here = await shop.customer("ming")
            said = await shop.say("ming", here, "FOR TWO")
            assert "先约哪一位" in shown(said[-1])
            assert await shop.appointments("held") == []
            assert "先约哪一位" in await shop.hear("ming", here, "好")  # a yes names nobody
            await shop.say("ming", here, button(said, "我爸"))
            for text in ("10:00", "冯大年", "70岁"):
                await shop.hear("ming", here, text)
            assert "就诊人: 我爸" in await shop.hear("ming", here, "来过")
            heard = await shop.hear("ming", here, "好")
            assert "接着约我的" in heard
            for text in ("10:30", "冯晨", "成人", "来过", "好"):
                await shop.say("ming", here, text)
            rows = await shop.sql(
                "SELECT for_name, person, substr(start_wall, 12) FROM booking_appointments ORDER BY id"
            )
            assert rows == [("冯大年", "我爸", "10:00"), ("冯晨", "", "10:30")]


# ------------------------------------------------------------------------------------------------------- twice, and put right


@pytest.mark.parametrize("bot", ["garden", "river"])
async def test_the_same_person_is_not_booked_twice_at_one_time(bot: str) -> None:
    async with Shop() as shop:
        here, code = await booked(shop)
        if bot == "river":
            here = await shop.customer("ming", bot=RIVER)
        heard = await shop.hear("ming", here, "预约 明天15:15 验光 王小明 来过")
        if "怎么称呼" in heard:
            heard = await shop.hear("ming", here, "王小明")
        assert f"{code}" in heard
        assert "不能再约" in heard
        await shop.say("ming", here, "好")
        assert [row[1] for row in await shop.appointments()] == ["2026-11-19T15:00"]
        assert await shop.appointments("held") == []


async def test_somebody_else_may_come_at_the_same_time() -> None:
    async with Shop() as shop:
        here, _ = await booked(shop)
        for text in ("预约 明天15:00 验光 我叫冯晨 成人 来过", "好"):
            await shop.say("ming", here, text)
        assert [row[3] for row in await shop.appointments()] == ["王小明", "冯晨"]


NAMES = {
    "another name": (reading(correct("name", "安宁")), "姓名: 安宁"),
    "refused and given": (reading(refuse("name", "王小明"), give("name", "安宁")), "姓名: 安宁"),
    "another age": (reading(correct("age", 46)), "年龄: 45岁及以上"),
    "not the first visit": (reading(correct("first", True)), "第一次来: 是"),
    "another service": (reading(correct("service", "glasses")), "项目: 配镜"),
    "all at once": (
        reading(correct("name", "安宁"), correct("age", 8), when=at("2026-11-21T10:00")),
        "11月21日 周六 10:00",
    ),
}


@pytest.mark.parametrize("said", NAMES)
async def test_every_value_can_be_put_right_until_the_yes(said: str) -> None:
    wrong, right = NAMES[said]
    with scripted({"SAID": wrong}):
        async with Shop() as shop:
            here = await shop.customer("ming")
            await shop.say("ming", here, "预约 明天15:00 验光 我叫王小明 成人 来过")
            assert right in await shop.hear("ming", here, "SAID")
            await shop.say("ming", here, "好")
            assert len(await shop.appointments()) == 1


@pytest.mark.parametrize("line", ["更正 我叫安宁", "更正 {code} 我叫安宁", "/correct {code} my name is 安宁"])
async def test_a_name_is_put_right_after_the_yes_by_a_command(line: str) -> None:
    async with Shop() as shop:
        here, code = await booked(shop)
        asked = await shop.hear("ming", here, line.format(code=code))
        assert "姓名: 安宁" in asked
        assert [row[3] for row in await shop.appointments()] == ["王小明"]
        said = await shop.say("ming", here, "好")
        assert [row[3] for row in await shop.appointments()] == ["安宁"]
        assert any(
            "更正" in shown(one) for one in said if one.conversation_id != here
        )  # the staff hear of it
        (card,) = [
            one
            for one in shop.kit.messages(here)
            if one.content.get("ref", {}).get("kind") == "appointment" and one.content["ref"]["id"] == code
        ]
        assert "姓名: 安宁" in shown(card)


@pytest.mark.parametrize("no", ["不", "保留原预约"])
async def test_a_correction_that_is_given_up_changes_nothing(no: str) -> None:
    async with Shop() as shop:
        here, _ = await booked(shop)
        before = await shop.appointments()
        for text in ("更正 我叫安宁", no, "好"):
            await shop.say("ming", here, text)
        assert await shop.appointments() == before


@pytest.mark.parametrize("yes", ["是", "好", "确认"])
async def test_what_looks_like_no_name_is_asked_about_once(yes: str) -> None:
    async with Shop() as shop:
        here = await shop.customer("ming")
        await shop.say("ming", here, "预约 明天15:00 验光")
        heard = await shop.hear("ming", here, "泡泡糖")
        assert "名字是“泡泡糖”吗" in heard
        assert "泡泡糖的年龄段" in await shop.hear("ming", here, yes)


@pytest.mark.parametrize(
    "letter", ["很久很久以前" * 8, "once upon a time there was somebody who wrote long letters"]
)
async def test_a_whole_letter_is_no_name(letter: str) -> None:
    async with Shop() as shop:
        here = await shop.customer("ming")
        await shop.say("ming", here, "预约 明天15:00 验光")
        assert "名字是" not in await shop.hear("ming", here, letter)


def test_the_days_of_the_scripts_are_days_to_come() -> None:
    assert all(
        wall.date() > date(2026, 11, 18)
        for one in SCRIPT.values()
        if one.when
        for wall in one.when.candidates
    )


async def test_a_father_of_the_same_name_may_come_at_the_same_time() -> None:
    async with Shop() as shop:
        here, _ = await booked(shop)  # 王小明
        for text in ("帮我爸约 明天15:00 验光", "王小明，40岁，第一次来", "好"):
            await shop.say("ming", here, text)
        assert [row[1] for row in await shop.appointments()] == ["2026-11-19T15:00"] * 2
