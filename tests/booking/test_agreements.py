"""Whoever agrees gets the appointment that was shown, and whoever puts something right gets that: whole dialogues in words."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from imserver.plugins.booking.dialogue import arming, said
from imserver.plugins.booking.schedule.chain_file import load_chain
from imserver.plugins.booking.understanding.acts import Kind, Reading, Scene, Shown, Weight, When
from imserver.plugins.booking.understanding.lexicon import Lexicon
from imserver.plugins.booking.understanding.reader import understand
from tests.booking.support.scripted import LATER, YES, correct, left, reading
from tests.booking.support.shop import Shop, shown

LEXICON = Lexicon(load_chain("demo"))
#: Saturday at ten, booked at once; and the same, English.
WISH, WISH_ENGLISH = (
    "周六上午十点验光，王安安，30岁，第一次来",
    "eye exam Saturday at 10am, Tom Baker, 30, first visit",
)
SATURDAY, SUNDAY = "2026-11-21", "2026-11-22"


async def standing(*texts: str) -> list[tuple[str, str]]:
    """(start, service) of what is confirmed at the end of a dialogue."""
    async with Shop() as shop:
        here = await shop.customer("ming")
        for text in texts:
            await shop.say("ming", here, text)
        return await shop.sql(
            "SELECT start_wall, service_id FROM booking_appointments WHERE status = 'confirmed' ORDER BY start_at"
        )


async def heard(*texts: str) -> str:
    """What the bot says to the last of the texts."""
    async with Shop() as shop:
        here = await shop.customer("ming")
        for text in texts[:-1]:
            await shop.say("ming", here, text)
        return await shop.hear("ming", here, texts[-1])


def read(text: str, step: str = "", asks: str = "") -> Reading:
    start = datetime.fromisoformat("2026-11-20T15:00")
    card = Shown(start.date(), start, asks_yes=True) if step == "confirm" else Shown()
    now = datetime.fromisoformat("2026-11-18T10:00")
    return understand(text, Scene(now, "Asia/Shanghai", "garden", step, shown=card, asks=asks), LEXICON)


# ------------------------------------------------------------------------------------------------------- which day, which hour


@pytest.mark.parametrize(
    ("wish", "move", "start"),
    [
        (WISH, "改到下午三点", f"{SATURDAY}T15:00"),
        (WISH, "日子不变，改成十一点", f"{SATURDAY}T11:00"),
        (WISH, "改约 A2S4 下午四点", f"{SATURDAY}T16:00"),
        (WISH, "改到周日", f"{SUNDAY}T10:00"),
        (WISH, "改到今天下午三点", "2026-11-18T15:00"),
        (WISH_ENGLISH, "can you move it to 3pm?", f"{SATURDAY}T15:00"),
        (WISH_ENGLISH, "move my appointment to 4pm, same day", f"{SATURDAY}T16:00"),
    ],
)
async def test_an_hour_of_a_move_is_one_of_the_appointments_day(wish: str, move: str, start: str) -> None:
    assert await standing(wish, "好", move, "好") == [(start, "exam")]


async def test_an_hour_behind_free_times_is_of_the_day_that_was_looked_at() -> None:
    assert await standing(WISH, "好", "周日有空吗", "改到三点", "好") == [(f"{SUNDAY}T15:00", "exam")]


@pytest.mark.parametrize(
    ("first", "then", "start"),
    [
        ("11月10日上午十点验光，王安安，30岁，第一次来", "21号", f"{SATURDAY}T10:00"),
        ("2月30日下午三点验光，王安安，30岁，第一次来", "那周六吧", f"{SATURDAY}T15:00"),
        ("eye test on 31 November at 3pm, Tom Baker, 30, first visit", "saturday then", f"{SATURDAY}T15:00"),
    ],
)
async def test_a_day_that_cannot_be_leaves_its_hour(first: str, then: str, start: str) -> None:
    assert await standing(first, then, "好") == [(start, "exam")]


@pytest.mark.parametrize("said", ["对，下午", "下午哈"])
async def test_a_part_of_the_day_that_holds_the_hour_leaves_it(said: str) -> None:
    wish = "周六下午三点验光，王安安，30岁，第一次来"
    assert await standing(wish, said, "好") == [(f"{SATURDAY}T15:00", "exam")]


@pytest.mark.parametrize("said", ["周六我记错了，那天出差", "上午我记错了"])
async def test_a_value_of_the_card_that_is_said_to_be_wrong_disarms_it(said: str) -> None:
    assert await standing(WISH, said, "行") == []


async def test_a_part_of_the_day_that_does_not_hold_the_hour_is_asked_about() -> None:
    assert await standing("周六下午三点验光，王安安，30岁，第一次来", "上午", "好") == []


async def test_a_day_of_the_month_answers_which_of_two_days() -> None:
    wish = "21号或者28号上午十点验光，王安安，30岁，第一次来"
    assert await standing(wish, "28", "好") == [("2026-11-28T10:00", "exam")]
    assert "1 到 2" in await heard(wish, "27")


async def test_a_yes_to_the_one_button_of_a_question_takes_it() -> None:
    wish = "eye exam Saturday 10am London time, Tom Baker, 30, first visit"
    assert "请确认" in await heard(wish, "yes")
    assert await standing(wish, "yes", "yes") == [(f"{SATURDAY}T18:00", "exam")]
    assert await standing(wish, "yes") == []  # it only chose


# ------------------------------------------------------------------------------------------------------------ just booked


@pytest.mark.parametrize(
    ("wish", "said", "start"),
    [
        (WISH, "哎不对，是十一点", f"{SATURDAY}T11:00"),
        (WISH, "等等，应该是下午三点", f"{SATURDAY}T15:00"),
        (WISH, "咦，我说的是周日", f"{SUNDAY}T10:00"),
        (WISH_ENGLISH, "oh wait, I meant 11", f"{SATURDAY}T11:00"),
        (WISH_ENGLISH, "sorry, make that Sunday at 2", f"{SUNDAY}T14:00"),
    ],
)
async def test_what_is_put_right_just_after_booked_moves_that_appointment(
    wish: str, said: str, start: str
) -> None:
    assert (await standing(wish, "好", said))[0][0] == f"{SATURDAY}T10:00"  # not before the yes
    assert await standing(wish, "好", said, "好") == [(start, "exam")]


@pytest.mark.parametrize(
    ("wish", "said", "start"),
    [
        (WISH, "不对不对我说错了 周日下午三点", f"{SUNDAY}T15:00"),
        (WISH, "不是不是搞错了是周日下午三点", f"{SUNDAY}T15:00"),
        (WISH, "等等不对 弄错了 周日上午十一点", f"{SUNDAY}T11:00"),
        (WISH, "错了错了 是周日", f"{SUNDAY}T10:00"),
        (WISH, "不对 我说错了 搞错了 周日下午三点", f"{SUNDAY}T15:00"),
        (WISH_ENGLISH, "no no my mistake Sunday 3pm", f"{SUNDAY}T15:00"),
        (WISH_ENGLISH, "oh no sorry I got it wrong, Sunday at 2", f"{SUNDAY}T14:00"),
        (WISH, "周日可能更好吧", f"{SUNDAY}T10:00"),
        (WISH, "感觉周日好一点", f"{SUNDAY}T10:00"),
        (WISH_ENGLISH, "maybe Sunday would be better", f"{SUNDAY}T10:00"),
    ],
)
async def test_a_slip_or_a_better_day_just_after_booked_moves_that_appointment(
    wish: str, said: str, start: str
) -> None:
    assert await standing(wish, "好", said) == [(f"{SATURDAY}T10:00", "exam")]  # not before the yes
    assert await standing(wish, "好", said, "好") == [(start, "exam")]


@pytest.mark.parametrize(
    "said", ["弄错了", "不是周日", "周日人会不会更少", "周六更好", "不对 我说错了 周六上午十点"]
)
async def test_a_slip_or_a_judgement_without_another_time_moves_nothing(said: str) -> None:
    assert await standing(WISH, "好", said, "好") == [(f"{SATURDAY}T10:00", "exam")]


def test_small_words_without_end_are_read_once() -> None:
    assert not said.preferred_day(read("周日更" + "还是" * 60 + "x"))
    assert said.behind_slip("应该是" * 60 + "x") == ""


async def test_of_two_appointments_the_one_that_was_just_booked_is_put_right() -> None:
    mother = "给我妈约周日下午两点验光，李梅，60岁，第一次来"
    assert await standing(WISH, "好", mother, "好", "不对，是三点", "好") == [
        (f"{SATURDAY}T10:00", "exam"),
        (f"{SUNDAY}T15:00", "exam"),
    ]


async def test_one_more_appointment_just_after_booked_moves_nothing() -> None:
    assert await standing(WISH, "好", "再约一个周日下午两点的验光", "好") == [
        (f"{SATURDAY}T10:00", "exam"),
        (f"{SUNDAY}T14:00", "exam"),
    ]


@pytest.mark.parametrize("said", ["好的，周六见", "周六上午十点见", "那就周六", "see you Saturday"])
async def test_the_time_said_again_just_after_booked_is_a_farewell(said: str) -> None:
    assert "11月21日 周六 10:00 见" in await heard(WISH, "好", said)


async def test_later_than_five_minutes_after_booked_an_hour_is_a_wish_of_its_own() -> None:
    async with Shop() as shop:
        here = await shop.customer("ming")
        for text in (WISH, "好"):
            await shop.say("ming", here, text)
        await shop.advance(6)
        assert "从" not in await shop.hear("ming", here, "周日下午两点")


@pytest.mark.parametrize("said", ["等等，十一点吧", "等一下，十一点"])
async def test_a_hesitation_before_an_hour_puts_nothing_off(said: str) -> None:
    assert await standing(WISH, said, "好") == [(f"{SATURDAY}T11:00", "exam")]


@pytest.mark.parametrize("said", ["等等，我明天下午三点再回复你", "等等", "我想想"])
async def test_a_later_answer_changes_nothing(said: str) -> None:
    assert await standing(WISH, said, "好") == []


@pytest.mark.parametrize("said", ["no make it 4", "no, 4pm", "不，四点", "不要了，还是四点吧"])
async def test_a_no_with_another_hour_puts_the_move_right(said: str) -> None:
    texts = (WISH, "好", "改到周日下午两点", said, "好")
    assert await standing(*texts) == [(f"{SUNDAY}T16:00", "exam")]


@pytest.mark.parametrize("said", ["不 四点", "不要 四点", "不行 4点", "别，四点", "no 4", "no  4pm"])
async def test_a_no_with_a_bare_hour_keeps_the_part_of_the_day_of_the_card(said: str) -> None:
    texts = (WISH, "好", "改到周日下午两点", said)
    assert await standing(*texts) == [(f"{SATURDAY}T10:00", "exam")]
    assert await standing(*texts, "好") == [(f"{SUNDAY}T16:00", "exam")]


@pytest.mark.parametrize("said", ["不 两点", "不 谢谢", "不", "不要 周日"])
async def test_a_no_without_another_time_keeps_the_appointment(said: str) -> None:
    assert await standing(WISH, "好", "改到周日下午两点", said, "好") == [(f"{SATURDAY}T10:00", "exam")]


# --------------------------------------------------------------------------------------------- a yes that repeats its card


@pytest.mark.parametrize("said", ["好麻烦", "好辛苦啊", "真麻烦啊", "好麻煩", "好好麻烦"])
async def test_a_complaint_that_begins_like_a_yes_books_nothing(said: str) -> None:
    assert not read(said, "confirm", "book").has(Kind.YES)
    assert await standing(WISH, said) == []


@pytest.mark.parametrize("said", ["好麻烦你了", "好，麻烦", "好 麻烦了", "好的麻烦您"])
async def test_a_polite_yes_is_one(said: str) -> None:
    assert await standing(WISH, said) == [(f"{SATURDAY}T10:00", "exam")]


@pytest.mark.parametrize(
    "said", ["对，取消吧", "是的取消", "确定取消", "取消吧", "yes, cancel it", "yes please cancel"]
)
async def test_a_yes_that_says_cancel_again_cancels(said: str) -> None:
    assert await standing(WISH, "好", "取消预约", said) == []


@pytest.mark.parametrize("said", ["取消预约", "不取消", "好，改天再取消吧", "取消"])
async def test_what_only_sounds_like_it_cancels_nothing(said: str) -> None:
    assert await standing(WISH, "好", "取消预约", said) == [(f"{SATURDAY}T10:00", "exam")]


@pytest.mark.parametrize("said", ["好，改吧", "对，就改过去吧", "yes move it"])
async def test_a_yes_that_says_move_again_moves(said: str) -> None:
    assert await standing(WISH, "好", "改到周日", said) == [(f"{SUNDAY}T10:00", "exam")]


@pytest.mark.parametrize("said", ["yes, cancel it", "对，取消吧", "确定取消"])
async def test_at_the_card_of_a_booking_it_books_nothing(said: str) -> None:
    assert not read(said, "confirm", "book").has(Kind.YES)
    assert await standing(WISH, said) == []


# --------------------------------------------------------------------------------------------------------- a child's service


@pytest.mark.parametrize(
    ("texts", "service"),
    [
        (("给我儿子约周六上午十点验光，王小宝，8岁，第一次来", "好"), "child-exam"),
        (("eye exam for my daughter Saturday at 10am, Mia Chen, 9, first visit", "yes"), "child-exam"),
        (("周六上午十点验光", "王小宝", "儿童（未满16岁）", "第一次来", "好"), "child-exam"),
        (("周六上午十点验光，王小宝，7岁，第一次来", "不是7岁，是27岁", "好"), "exam"),
        (("周六上午十点验光，王小宝，7岁，第一次来", "就要验光，不要儿童验光", "好"), "exam"),
        (("周六上午十点给女儿配眼镜，陈小雨，10岁，第一次来", "好"), "glasses"),
        ((WISH, "好"), "exam"),
    ],
)
async def test_an_exam_of_a_child_is_the_service_of_its_age(texts: tuple[str, ...], service: str) -> None:
    assert await standing(*texts) == [(f"{SATURDAY}T10:00", service)]


async def test_the_card_says_which_service_it_is() -> None:
    assert "项目: 儿童验光" in await heard("周六上午十点验光，王小宝，7岁，第一次来")


# ------------------------------------------------------------------------------------------------------------------ whom


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        ("给我妈约周六上午十点验光，李梅，60岁，第一次来", "不是我看，是我妈看"),
        ("eye exam for my mum Saturday at 10am, Mary Baker, 60, first visit", "it's for my mum, not me"),
    ],
)
async def test_the_person_said_once_more_contradicts_nothing(wish: str, said: str) -> None:
    assert await standing(wish, said, "好") == [(f"{SATURDAY}T10:00", "exam")]


async def test_a_pronoun_is_the_person_who_was_spoken_of() -> None:
    wish = "帮我婆婆约周六上午十点验光，她叫范玉兰，七十岁，第一次去"
    assert "姓名: 范玉兰" in await heard(wish, "给她约的")
    assert await standing(wish, "对，给她约的", "好") == [(f"{SATURDAY}T10:00", "exam")]


async def test_a_service_that_is_given_up_for_another_ends_no_booking() -> None:
    wish = "周六上午十点想配副眼镜，我是秋实，51，第一次"
    assert await standing(wish, "眼镜先不配了 只验光", "好") == [(f"{SATURDAY}T10:00", "exam")]
    assert await standing(wish, "眼镜先不配了", "好") == []


@pytest.mark.parametrize("said", ["取消周日那个", "cancel the Sunday one", "cancel Sunday's please"])
async def test_of_two_the_one_of_the_day_is_cancelled(said: str) -> None:
    mother = "给我妈约周日下午两点验光，李梅，60岁，第一次来"
    assert await standing(WISH, "好", mother, "好", said, "好") == [(f"{SATURDAY}T10:00", "exam")]


@pytest.mark.parametrize(
    ("text", "step", "name"),
    [
        ("名字打错了，是许糯，糯米的糯", "confirm", "许糯"),
        ("名字写错了，是周六", "confirm", None),
        ("郁金香，哈哈真名，姓郁", "name", "郁金香"),
        ("我姓郁", "name", "郁"),
        ("June Parker, 30, exam saturday 10am", "", "June Parker"),
        ("exam Sat 10am. April Jones, 41, new", "", "April Jones"),
        ("name is August Wilson", "confirm", "August Wilson"),
        ("还是王安安", "name", "王安安"),
        ("又是王安安", "name", "王安安"),
        ("again, Tom Baker", "name", "Tom Baker"),
        ("周六上午十点验光，又是王安，30，第一次", "", "王安"),
        ("eye test in June, please", "", None),
        ("an exam, June 12 at 3pm", "", None),
    ],
)
def test_a_month_may_be_a_first_name_and_once_more_is_none(text: str, step: str, name: str | None) -> None:
    assert read(text, step).given("name") == name


# ------------------------------------------------------------------------------------------------------------- no circles


async def test_the_same_question_is_not_shown_three_times_in_a_row() -> None:
    async with Shop() as shop:
        here = await shop.customer("ming")
        asked = await shop.hear("ming", here, "周六上午十点验光")
        assert await shop.hear("ming", here, "好") == asked
        third = await shop.hear("ming", here, "好")
        assert "还差姓名" in third
        assert asked not in third
        assert await shop.sql("SELECT 1 FROM booking_services WHERE waiting_since IS NOT NULL")  # people know
        assert await shop.hear("ming", here, "好") == asked
        assert "年龄段" in await shop.hear("ming", here, "王安安")


async def test_questions_that_are_answered_go_in_no_circle() -> None:
    async with Shop() as shop:
        here = await shop.customer("ming")
        for text in (WISH, "停车方便吗", "在哪里", "要带什么"):
            assert "请确认" in await shop.hear("ming", here, text)
        assert not await shop.sql("SELECT 1 FROM booking_services WHERE waiting_since IS NOT NULL")


async def test_a_yes_to_a_list_asks_which_one() -> None:
    mother = "给我妈约周日下午两点验光，李梅，60岁，第一次来"
    texts = (WISH, "好", mother, "好", "取消预约", "好")
    assert "是哪一个" in await heard(*texts)
    assert len(await standing(*texts)) == 2
    assert await standing(*texts, "2", "好") == [(f"{SATURDAY}T10:00", "exam")]
    assert "是哪一个" not in await heard(WISH, "好", "取消预约", "不", "好")  # nothing is asked any more


@pytest.mark.parametrize("code", ["QQ00", "O0O0"])
async def test_a_code_that_cannot_be_puts_no_open_card_right(code: str) -> None:
    said = f"把预约 {code} 改到周日下午三点"
    assert code in await heard(WISH, said)
    assert await standing(WISH, said, "好", "好") == [(f"{SATURDAY}T10:00", "exam")]


@pytest.mark.parametrize(
    "said",
    [
        "改约 OOII 周日下午三点",
        "改约OOII到周日下午三点",
        "改约 0110 周日下午三点",
        "把 OOII 改到周日下午三点",
        "我要改约 ILOI，周日下午三点",
        "move OOIL to Sunday 3pm",
        "move my appointment oill to Sunday 3pm",
        "取消 OOII",
        "cancel OOII please",
    ],
)
async def test_what_stands_for_a_code_and_is_none_changes_nothing(said: str) -> None:
    answer = await heard(WISH, "好", said)
    assert "没有找到" in answer
    assert "A2S4" in answer
    assert await standing(WISH, "好", said, "好") == [(f"{SATURDAY}T10:00", "exam")]


@pytest.mark.parametrize("said", ["move mine to Sunday 3pm", "MOVE MINE TO SUNDAY 3PM", "改约 周日下午三点"])
async def test_a_word_beside_the_verb_is_no_code(said: str) -> None:
    assert await standing(WISH, "好", said, "好") == [(f"{SUNDAY}T15:00", "exam")]


# ----------------------------------------------------------------------------------------------------------------- one rule


@pytest.mark.parametrize(
    ("said", "changed", "same"),
    [
        (reading(YES), True, True),
        (reading(correct("day", date(2026, 11, 21))), True, False),
        (reading(LATER), True, False),
        (reading(rest=(left("但是"),)), False, False),
        (reading(rest=(left("牛皮纸", Weight.NEUTRAL, in_clause=True),)), True, False),
        (reading(rest=(left("我戴的是多焦点", Weight.NEUTRAL),)), True, True),
        (reading(when=When(reason="vague")), True, False),
    ],
)
def test_the_next_card_takes_a_yes(said: Reading, changed: bool, same: bool) -> None:
    assert arming.takes_yes(said, changed=True) is changed
    assert arming.takes_yes(said, changed=False) is same


# ------------------------------------------------------------------------------------------------------------- of the staff


async def test_a_plan_that_nobody_answers_ends_when_its_first_hit_begins_or_after_a_day() -> None:
    async with Shop() as shop:
        here, group = await shop.customer("ming"), await shop.staff_group()
        await shop.say("staff-li", group, "请假 李老师 12月3日")
        (ended,) = [one for one in await shop.until("2026-11-19T10:01") if one.conversation_id == group]
        assert "没有人确认" in shown(ended)
        for text in ("周六上午十点验光，王安安，30岁，第一次来", "好"):
            await shop.say("ming", here, text)
        asked = await shop.say("staff-li", group, "休息 11月21日")
        yes = asked[-1].content["actions"][0]["command"]
        assert await shop.sql("SELECT state FROM booking_plans ORDER BY id") == [("ended",), ("asked",)]
        await shop.until("2026-11-20T10:02")
        assert await shop.sql("SELECT state FROM booking_plans ORDER BY id") == [("ended",), ("ended",)]
        assert "已经作罢" in await shop.hear("staff-li", group, yes)
        assert len(await shop.appointments()) == 1
        assert await shop.findings() == []


async def test_a_plan_ends_before_a_day_when_its_first_hit_begins() -> None:
    async with Shop() as shop:
        here, group = await shop.customer("ming"), await shop.staff_group()
        for text in ("今天下午三点验光，王安安，30岁，第一次来", "好"):
            await shop.say("ming", here, text)
        await shop.say("staff-li", group, "休息 今天")
        await shop.until("2026-11-18T14:59")
        assert await shop.sql("SELECT state FROM booking_plans") == [("asked",)]
        await shop.until("2026-11-18T15:00")
        assert await shop.sql("SELECT state FROM booking_plans") == [("ended",)]


async def test_the_day_sheet_says_who_is_away() -> None:
    async with Shop() as shop:
        group = await shop.staff_group()
        for text in ("请假 李老师 11月20日", "好", "请假 王老师 11月20日 14:00-16:00", "好"):
            await shop.say("staff-li", group, text)
        sheet = await shop.hear("staff-li", group, "日程 周五")
        assert "请假：李老师 全天" in sheet
        assert "请假：王老师 14:00–16:00" in sheet
        assert "请假" not in await shop.hear("staff-li", group, "日程 周六")
