"""Another shop, another time, both or one of two: what is meant is shown, and only that is booked, moved or cancelled."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

import pytest

from imserver.plugins.booking.understanding.acts import When
from tests.booking.support.booked import booked
from tests.booking.support.scripted import YES, at, begin, correct, give, left, reading, refuse, scripted
from tests.booking.support.shop import RIVER, Shop, button, shown

CARD = "预约 明天15:00 验光 我叫王小明 成人 来过"
SATURDAY = date(2026, 11, 21)
wall = datetime.fromisoformat


async def rows(shop: Shop) -> list[tuple[str, str, str]]:
    """(shop, start, status) of everything that has a card, in order."""
    found = await shop.sql(
        "SELECT store_id, start_wall, status FROM booking_appointments WHERE card_position IS NOT NULL ORDER BY id"
    )
    return [(row[0], row[1], row[2]) for row in found]


# ------------------------------------------------------------------------------------------------------------- another shop


@pytest.mark.parametrize("act", [give("shop", "river"), correct("shop", "river")], ids=["given", "put right"])
async def test_another_shop_in_mid_dialogue_takes_the_booking_along(act) -> None:
    with scripted({"RIVER": reading(act)}):
        async with Shop() as shop:
            here = await shop.customer("ming")
            await shop.say("ming", here, CARD)
            said = await shop.say("ming", here, "RIVER")
            there = await shop.service("ming", "river")
            assert await shop.sql("SELECT store_id FROM booking_appointments WHERE status = 'held'") == [
                ("river",)
            ]
            assert any("第一次来我们店" in shown(one) for one in said if one.conversation_id == there)
            for text in ("第一次", "好"):  # said where the pointer stands
                await shop.say("ming", here, text)
            assert await rows(shop) == [("river", "2026-11-19T15:00", "confirmed")]


async def test_a_refused_shop_is_asked_for() -> None:
    with scripted({"NOT HERE": reading(refuse("shop", "garden"))}):
        async with Shop() as shop:
            here = await shop.customer("ming")
            await shop.say("ming", here, CARD)
            said = await shop.say("ming", here, "NOT HERE")
            assert await shop.appointments("held") == []
            await shop.say("ming", here, button(said, "河畔店"))
            assert await shop.sql(
                "SELECT store_id FROM booking_appointments WHERE status <> 'cancelled'"
            ) in ([], [("river",)])


@pytest.mark.parametrize("answered", ["here", "there"])
async def test_to_another_shop_is_a_new_appointment_and_the_end_of_the_old_one(answered: str) -> None:
    with scripted({"TO RIVER": reading(begin("move"), give("shop", "river"))}):
        async with Shop() as shop:
            here, code = await booked(shop)
            said = await shop.say("ming", here, "TO RIVER")
            there = await shop.service("ming", "river")
            (card,) = [one for one in said if one.conversation_id == there]
            assert f"同时取消花园店 11月19日 周四 15:00 的预约（{code}）" in shown(card)
            assert await rows(shop) == [("garden", "2026-11-19T15:00", "confirmed")]
            said = await shop.say("ming", here if answered == "here" else there, "好")
            assert await rows(shop) == [
                ("garden", "2026-11-19T15:00", "cancelled"),
                ("river", "2026-11-19T15:00", "confirmed"),
            ]
            assert any("已取消" in shown(one) for one in said if one.conversation_id == here)


@pytest.mark.parametrize("no", ["不", "先不约了", "取消"])
async def test_given_up_the_old_one_stays(no: str) -> None:
    with scripted({"TO RIVER": reading(begin("move"), give("shop", "river"))}):
        async with Shop() as shop:
            here, _ = await booked(shop)
            await shop.say("ming", here, "TO RIVER")
            there = await shop.service("ming", "river")
            assert "不变" in await shop.hear("ming", there, no)
            assert await rows(shop) == [("garden", "2026-11-19T15:00", "confirmed")]
            assert await shop.appointments("held") == []


async def test_an_old_one_that_was_changed_meanwhile_stays_and_nothing_is_booked() -> None:
    with scripted({"TO RIVER": reading(begin("move"), give("shop", "river"))}):
        async with Shop() as shop:
            here, code = await booked(shop)
            await shop.say("ming", here, "TO RIVER")
            there = await shop.service("ming", "river")
            group = await shop.staff_group()
            for text in (f"改约 {code} 周六11:00", "好"):
                await shop.say("staff-li", group, text)
            assert "过时" in await shop.hear("ming", there, "好")
            assert await rows(shop) == [("garden", "2026-11-21T11:00", "confirmed")]
            assert await shop.appointments("held") == []


# ---------------------------------------------------------------------------------------------------------------- which time

A, B = "2026-11-23T15:00", "2026-11-24T15:00"
TIMES: dict[str, tuple[When, str]] = {
    "later by half an hour": (When(shift=timedelta(minutes=30)), "2026-11-19T15:30"),
    "earlier by an hour": (When(shift=-timedelta(hours=1)), "2026-11-19T14:00"),
    "A, else B": (at(A, B, either_will_do=True), A),
    "a range with a wish": (
        When(
            window=(wall("2026-11-21T14:00"), wall("2026-11-21T16:00")),
            wish=wall("2026-11-21T15:00"),
            days=(SATURDAY,),
        ),
        "2026-11-21T15:00",
    ),
    "a range": (
        When(window=(wall("2026-11-21T14:00"), wall("2026-11-21T16:00")), days=(SATURDAY,)),
        "2026-11-21T14:00",
    ),
    "another day": (When(days=(SATURDAY,)), "2026-11-21T15:00"),
}


@pytest.mark.parametrize("said", TIMES)
async def test_another_time_of_an_open_card_is_shown_before_it_counts(said: str) -> None:
    when, wanted = TIMES[said]
    with scripted({"SAID": reading(correct("time", time(15)), when=when)}):
        async with Shop() as shop:
            here = await shop.customer("ming")
            await shop.say("ming", here, CARD)
            heard = await shop.hear("ming", here, "SAID")
            assert f"{wall(wanted).month}月{wall(wanted).day}日" in heard
            assert f"{wall(wanted):%H:%M}" in heard
            assert await shop.appointments() == []
            await shop.say("ming", here, "好")
            assert [row[1] for row in await shop.appointments()] == [wanted]


@pytest.mark.parametrize("said", TIMES)
async def test_another_time_of_an_appointment_is_a_move(said: str) -> None:
    when, wanted = TIMES[said]
    with scripted({"SAID": reading(begin("move"), when=when)}):
        async with Shop() as shop:
            here, code = await booked(shop)
            assert f"把预约 {code}" in await shop.hear("ming", here, "SAID")
            await shop.say("ming", here, "好")
            assert [row[1] for row in await shop.appointments()] == [wanted]


async def test_of_two_times_both_are_buttons() -> None:
    with scripted({"A OR B": reading(correct("day", SATURDAY), when=at(A, B))}):
        async with Shop() as shop:
            here = await shop.customer("ming")
            await shop.say("ming", here, CARD)
            said = await shop.say("ming", here, "A OR B")
            assert [action["label"] for action in said[-1].content["actions"]] == [
                "11月23日 周一 15:00",
                "11月24日 周二 15:00",
            ]
            for text in ("2", "好"):
                await shop.say("ming", here, text)
            assert [row[1] for row in await shop.appointments()] == [B]


@pytest.mark.parametrize("move", [False, True])
async def test_a_else_b_takes_the_one_that_is_free_and_a_range_the_nearest_inside(move: bool) -> None:
    script = {
        "A ELSE B": reading(begin("move"), when=at(A, B, either_will_do=True)),
        "RANGE": reading(
            begin("move"),
            when=When(
                window=(wall("2026-11-23T14:00"), wall("2026-11-23T17:00")),
                wish=wall("2026-11-23T15:00"),
                days=(date(2026, 11, 23),),
            ),
        ),
    }
    with scripted(script):
        async with Shop() as shop:  # one room: who has it keeps others out
            there = await shop.customer("hong", bot=RIVER)
            for text in ("预约 11月23日 15:00 验光 我叫小红 成人 来过", "好"):
                await shop.say("hong", there, text)
            here = await shop.customer("ming", bot=RIVER)
            for text in ("预约 明天15:00 验光 我叫王小明 成人 来过", *(["好"] if move else [])):
                await shop.say("ming", here, text)
            assert "11月24日 周二 15:00" in await shop.hear("ming", here, "A ELSE B")
            heard = await shop.hear("ming", here, "RANGE")
            assert "11月23日 周一 14:15" in heard or "11月23日 周一 15:45" in heard


async def test_a_word_that_may_be_a_day_is_asked_about_and_a_yes_takes_the_day() -> None:
    when = When(guess=SATURDAY, reason="misspelt", clock=time(15))
    with scripted({"FRDAY": reading(begin("book"), give("service", "exam"), when=when)}):
        async with Shop() as shop:
            here = await shop.customer("ming")
            said = await shop.say("ming", here, "FRDAY")
            assert "您是说11月21日 周六吗" in shown(said[-1])
            assert await shop.appointments("held") == []
            await shop.say("ming", here, "1")
            assert [row[1] for row in await shop.appointments("held")] == ["2026-11-21T15:00"]


# ---------------------------------------------------------------------------------------------------------- which appointment


@pytest.mark.parametrize("line", ["取消 ZZ99", "取消 Z9Z9", "/cancel ZZ99", "改约 ZZ99 周六10:00"])
async def test_a_mistyped_code_never_acts_and_ones_own_are_listed(line: str) -> None:
    async with Shop() as shop:
        here, code = await booked(shop)
        said = await shop.say("ming", here, line)
        assert "没有找到" in shown(said[-1]) or "no appointment" in shown(said[-1])
        assert code in shown(said[-1])
        await shop.say("ming", here, "好")
        assert await rows(shop) == [("garden", "2026-11-19T15:00", "confirmed")]
        await shop.say("ming", here, said[-1].content["actions"][0]["command"])
        assert len(await shop.appointments()) == 1  # the button asks, too


async def test_what_may_be_a_code_and_was_not_understood_never_acts() -> None:
    with scripted({"SAID": reading(begin("cancel"), rest=(left("W8X"),))}):
        async with Shop() as shop:
            here, code = await booked(shop)
            heard = await shop.hear("ming", here, "SAID")
            assert "没有找到预约 W8X" in heard
            assert code in heard
            await shop.say("ming", here, "好")
            assert len(await shop.appointments()) == 1


async def both(shop: Shop) -> str:
    here, _ = await booked(shop)
    for text in ("预约 11月22日14:00 取镜", "好"):
        await shop.say("ming", here, text)
    assert len(await shop.appointments()) == 2
    return here


CANCELS = {
    "by its day": reading(
        begin("cancel"), give("day", date(2026, 11, 22)), when=When(days=(date(2026, 11, 22),))
    ),
    "by the day that does not suit": reading(begin("cancel"), refuse("day", date(2026, 11, 22))),
    "by its hour": reading(
        begin("cancel"), give("time", time(14)), when=When(candidates=(wall("2026-11-22T14:00"),))
    ),
    "by its service": reading(begin("cancel"), give("service", "collect")),
}


@pytest.mark.parametrize("said", CANCELS)
async def test_of_two_the_one_that_is_named_is_asked_about(said: str) -> None:
    with scripted({"SAID": CANCELS[said]}):
        async with Shop() as shop:
            here = await both(shop)
            assert "要取消 11月22日 周日 14:00" in await shop.hear("ming", here, "SAID")
            await shop.say("ming", here, "好")
            assert [row[1] for row in await shop.appointments()] == ["2026-11-19T15:00"]


async def test_one_yes_cancels_two_if_one_card_showed_both() -> None:
    with scripted({"BOTH": reading(begin("cancel"), give("number", 2))}):
        async with Shop() as shop:
            here = await both(shop)
            heard = await shop.hear("ming", here, "BOTH")
            assert "11月19日 周四 15:00" in heard
            assert "11月22日 周日 14:00" in heard
            await shop.say("ming", here, "确定取消")
            assert await shop.appointments() == []


async def test_a_button_for_all_of_them() -> None:
    async with Shop() as shop:
        here = await both(shop)
        said = await shop.say("ming", here, "取消")
        assert "哪一个" in shown(said[-1])
        await shop.say("ming", here, button(said, "全部取消"))
        assert len(await shop.appointments()) == 2
        await shop.say("ming", here, "好")
        assert await shop.appointments() == []


async def test_something_that_was_not_understood_may_tell_them_apart() -> None:
    with scripted({"SAID": reading(begin("cancel"), rest=(left("那个9"),))}):
        async with Shop() as shop:
            here = await both(shop)
            assert "哪一个" in await shop.hear("ming", here, "SAID")


async def test_cancel_that_one_and_book_another_is_a_move() -> None:
    said = reading(
        begin("cancel"),
        refuse("day", date(2026, 11, 19)),
        begin("book"),
        give("day", SATURDAY),
        give("time", time(16)),
        when=at("2026-11-21T16:00"),
    )
    with scripted({"SAID": said}):
        async with Shop() as shop:
            here, code = await booked(shop)
            assert f"把预约 {code}" in await shop.hear("ming", here, "SAID")
            await shop.say("ming", here, "好")
            assert await rows(shop) == [("garden", "2026-11-21T16:00", "confirmed")]


async def test_a_question_beside_a_cancel_makes_the_yes_ask_again() -> None:
    async with Shop() as shop:
        here, _ = await booked(shop)
        await shop.say("ming", here, "取消要扣钱吗")
        await shop.say("ming", here, "好")
        assert len(await shop.appointments()) == 1


async def test_a_yes_with_a_time_that_is_not_the_cards_shows_that_time() -> None:
    with scripted(
        {"SUNDAY": reading(YES, give("day", date(2026, 11, 22)), when=When(days=(date(2026, 11, 22),)))}
    ):
        async with Shop() as shop:
            here = await shop.customer("ming")
            await shop.say("ming", here, CARD)
            assert "11月22日 周日 15:00" in await shop.hear("ming", here, "SUNDAY")
            assert await shop.appointments() == []


async def test_who_is_late_by_ten_minutes_moves_nothing_and_the_staff_hear_of_it() -> None:
    async with Shop() as shop:
        here, _ = await booked(shop)
        await shop.say("ming", here, "可能晚10分钟")
        await shop.say("ming", here, "好")
        assert [row[1] for row in await shop.appointments()] == ["2026-11-19T15:00"]
        assert len(await shop.advance(6)) == 2
