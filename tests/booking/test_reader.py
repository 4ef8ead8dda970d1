"""The reader accounts for every character, takes no wish that was not said, and needs time in proportion to the text."""

from __future__ import annotations

import json
import time as clock
from dataclasses import replace
from datetime import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imserver.plugins.booking.understanding.acts import Kind, Reading, Weight
from imserver.plugins.booking.understanding.reader import MAX_CHARS
from imserver.plugins.booking.understanding.rewrite import fold, rewrite
from tests.booking.support.readings import SATURDAY, read, said, weights

OPEN = Path(__file__).parents[1] / "understanding" / "open"
STEPS = ("", "service", "day", "slot", "name", "age", "first_visit", "confirm")


def unaccounted(reading: Reading) -> str:
    """Letters and digits that stand in no act, no rest and no label."""
    if reading.label is not None:
        return ""
    spans = [span for act in reading.acts for span in act.spans] + [one.span for one in reading.rest]
    covered = {place for start, end in spans for place in range(start, end)}
    return "".join(char for place, char in enumerate(reading.text) if char.isalnum() and place not in covered)


# ------------------------------------------------------------------------------------------------------- everything counts


def texts(name: str) -> list[str]:
    return [json.loads(line)["text"] for line in (OPEN / f"{name}.jsonl").read_text("utf-8").splitlines()]


UTTERANCES, OTHERS = texts("utterances"), texts("others")


@pytest.mark.parametrize("staff", [False, True])
@pytest.mark.parametrize("step", STEPS)
def test_what_a_button_sends_is_read_as_when_it_is_typed(step: str, staff: bool) -> None:
    """Capitals are read at a glance; what a person types goes through all stages."""
    for code, version in (("A7K2", 1), ("B2P4", 13), ("M3Y9D4", 120), ("K9E7T5W3", 7)):
        sent, typed = f"{code} v{version}", f"{code.lower()} v{version}"
        assert read(sent, step, staff=staff) == replace(read(typed, step, staff=staff), text=sent)


PIECES = st.sampled_from(
    [
        *"好不对，。？ 周五六三点约改取消吗的帮我妈叫李姓岁验光第一次a1\n👍❌",
        "明天",
        "Friday ",
        "3pm",
        " at ",
        "A7K2",
        "13800001234",
        "yes",
        "no ",
    ]
)


@pytest.mark.parametrize("step", STEPS)
def test_every_character_of_the_corpus_is_accounted_for(step: str) -> None:
    """Each text at one of the steps, by turns."""
    texts = (UTTERANCES + OTHERS)[STEPS.index(step) :: len(STEPS)]
    assert {text: left for text in texts if (left := unaccounted(read(text, step)))} == {}


@given(st.lists(PIECES, max_size=30).map("".join), st.sampled_from(STEPS), st.booleans())
def test_every_character_of_any_mixture_is_accounted_for(text: str, step: str, staff: bool) -> None:
    reading = read(text, step, staff=staff)
    assert unaccounted(reading) == ""
    assert reading == read(text, step, staff=staff)


@given(st.text(max_size=400), st.sampled_from(STEPS))
def test_any_text_is_read(text: str, step: str) -> None:
    reading = read(text, step)
    assert all(0 <= span.start < span.end <= len(text) for act in reading.acts for span in act.spans)
    assert all(one.text == text[one.span.start : one.span.end] for one in reading.rest)


@given(st.text())
def test_rewriting_keeps_every_place(text: str) -> None:
    assert len(rewrite(text)) == len(text)


def test_a_long_text_is_for_people() -> None:
    reading = read("我想约周六上午十点验光" * 40)
    assert reading.acts == ()
    assert reading.when is None
    assert [one.weight for one in reading.rest] == [Weight.NEUTRAL]
    assert read("约" * (MAX_CHARS + 1)).acts == ()


@pytest.mark.parametrize(
    "unit",
    [
        "周五",
        "？",
        "想来",
        "取消",
        "我和",
        "不要周五，",
        "约一下周五下午三点",
        "no ",
        "12:30 ",
        "三点",
        "3pm ",
        "太早了",
        "👍",
        "李",
        "1",
    ],
)
def test_twice_the_text_takes_little_more_than_twice_the_time(unit: str) -> None:
    def cpu(count: int) -> float:
        text, best = unit * count, 9.0
        for _ in range(7):
            start = clock.process_time()
            read(text, "name")
            best = min(best, clock.process_time() - start)
        return best

    count = 150 // len(unit)
    cpu(count)
    assert cpu(2 * count) < max(2.5 * cpu(count), 0.01)


@pytest.mark.parametrize("text", ["😀" * 300, "？" * 300, "周" * 10_000, "ا" * 300, "\u202e好" * 100])
def test_a_flood_is_read_at_once(text: str) -> None:
    start = clock.process_time()
    read(text, "name")
    assert clock.process_time() - start < 0.2


# ------------------------------------------------------------------------------------------------------------- labels first


def test_a_label_is_looked_up_before_anything_is_read() -> None:
    labels = {fold("儿童（未满16岁）"): "child", fold("先不约了"): "give-up"}
    assert read("儿童(未满16歲)", "age", labels=labels).label == "child"
    assert read("先不约了", "name", labels=labels).label == "give-up"
    assert read("先不约了吧", "name", labels=labels).label is None


# ---------------------------------------------------------------------------------------------------------------- intentions

BEGUN = {
    "我想约周六上午十一点验光": "book",
    "could I come in on Saturday at 3?": "book",
    "能不能安排我11月25号下午四点做个隐形复查": "book",
    "帮我妈约周日下午两点验光": "book",
    "周五下午三点": "book",
    "我不来了": "cancel",
    "来不了了": "cancel",
    "can i cancel my appointment?": "cancel",
    "可唔可以取消聽日嗰個": "cancel",
    "改到周日吧": "move",
    "我老公的预约码W5ND能帮他改到周日两点吗": "move",
    "cant make it tomorrow, can we do monday instead?": "move",
    "晚半小时可以吗，堵车": "move",
    "周六下午有空吗": "slots",
    "anything free thursday morning?": "slots",
    "我约的是周五还是周六": "list",
    "when am I booked for again?": "list",
    "转人工": "human",
}


@pytest.mark.parametrize("text", BEGUN)
def test_an_intention_is_found_anywhere_in_a_sentence(text: str) -> None:
    assert [act.what for act in read(text).all(Kind.BEGIN)] == [BEGUN[text]]


@pytest.mark.parametrize(
    "text",
    [
        *(
            "取消要扣钱吗",
            "取消了还能再约吗",
            "如果我迟到了会取消吗",
            "取消键在哪里",
            "你们会不会取消我的预约",
        ),
        *("我没说要取消", "i didn't cancel", "i won't cancel", "please don't cancel my booking"),
        *("我可能要取消", "万一我来不了呢", "本来想取消的，算了还是去吧", "i might have to cancel"),
        *(
            "改约有什么规定",
            "要不要改时间",
            "should i cancel or move it",
            "my friend cancelled, can i have her slot",
        ),
        *(
            "朋友的预约取消了，我可以用吗",
            "可能晚10分钟到",
            "running 10 mins late sorry!",
            "提前到可以早点做吗",
        ),
    ],
)
def test_nothing_is_cancelled_or_moved_that_was_not_said(text: str) -> None:
    reading = read(text)
    assert not reading.has(Kind.BEGIN, "cancel")
    assert not reading.has(Kind.BEGIN, "move")
    assert reading.has(Kind.QUESTION) or weights(reading) - {Weight.HARMLESS}, "nobody would hear of it"


@pytest.mark.parametrize(
    "text",
    [
        "明天开门吗",
        "周日几点开始上班",
        "验光多少钱？",
        "度数涨了一点点，需要换吗",
        "要不要提前预约",
        "听说你们家验光挺仔细的",
    ],
)
def test_a_question_is_no_wish(text: str) -> None:
    assert not read(text).has(Kind.BEGIN)


def test_the_time_of_an_appointment_that_there_is_already_is_no_wish() -> None:
    reading = read("我预约了明天下午三点，想确认一下")
    assert said(reading) == {"begin list"}
    assert reading.when is None


def test_the_day_of_what_is_cancelled_is_none_of_the_wish_beside_it() -> None:
    reading = read("先把周一那个取消，再约周四下午三点")
    assert {"begin cancel", "begin book", "give day 2026-11-19", "give time 15:00:00"} <= said(reading)
    assert not reading.has(Kind.REFUSE)


# ---------------------------------------------------------------------------------------------------------------- yes and no


@pytest.mark.parametrize(
    "text",
    [
        *(
            "嗯嗯嗯好",
            "👍",
            "👌🏻",
            "可以的",
            "yep",
            "OK的",
            "好滴",
            "得，就咁話",
            "对对对没错",
            "定了定了",
            "就它吧",
            "不用改了就这样",
        ),
        *(
            "confirm ✔",
            "yep that's fine thanks",
            "sounds good to me",
            "好 好 好",
            "帮我约上",
            "perfect see you then",
        ),
        *(
            "好的，我戴的是多焦点",
            "yes please, I'm quite deaf in the left ear so speak up",
            "好的，停车方便吗",
            "是的，就是20号",
        ),
    ],
)
def test_a_yes_is_a_yes(text: str) -> None:
    reading = read(text, "confirm")
    assert reading.has(Kind.YES)
    assert not reading.disarms


@pytest.mark.parametrize(
    "text",
    [
        *(
            "好，但是晚一点",
            "好吧 可是我车限行",
            "ok but only if it doesn't rain",
            "可以，但18号我不一定回得来",
            "好的等等",
        ),
        *(
            "好，周六",
            "yes, see you Sunday!",
            "好像可以",
            "可以是可以…",
            "不是不行",
            "yeah no",
            "no, that's right",
            "好的取消吧",
        ),
        *(
            "行吧，虽然有点远",
            "好，就是有点早",
            "好贵",
            "好? ",
            "ok??",
            "可以吗",
            "对了，周六",
            "嗯 周四下午四点吧",
            "好的，我和我老公一起去",
        ),
        *(
            "行，但李老师在不在",
            "not yet",
            "yes and cancel my other one",
            "sure, but can my son come too",
            "我要不要来",
        ),
        # A word of moving that leads nowhere, and of what is not meant or is put away.
        *("好，推迟", "好，要延后", "好，提前", "好，挪一下", "yes, postpone", "yes swap", "ok, delay it"),
        *("好，重约", "好，删了", "好，忽略", "sure, just kidding", "yes ignore", "yes, pause"),
    ],
)
def test_a_yes_beside_a_doubt_is_none(text: str) -> None:
    assert not read(text, "confirm").has(Kind.YES)


@pytest.mark.parametrize("text", ["好，推迟", "yes, postpone please"])
def test_a_yes_to_move_without_a_time_refuses_the_one_that_is_shown(text: str) -> None:
    assert said(read(text, "confirm")) == {"refuse time"}


@pytest.mark.parametrize("text", ["好，不改了", "yes no changes", "好，重要的是准时"])
def test_a_yes_beside_what_only_looks_like_moving_is_one(text: str) -> None:
    assert read(text, "confirm").has(Kind.YES)


@pytest.mark.parametrize(
    "text",
    [
        "不",
        "不对",
        "no thanks",
        "🙅",
        "👎",
        "算了吧不去了",
        "保留原预约",
        "好的谢谢，不用了",
        "nope",
        "还是算了",
    ],
)
def test_a_no_is_a_no(text: str) -> None:
    assert said(read(text, "confirm")) - {"thanks"} == {"no"}


def test_a_no_beside_another_value_puts_right() -> None:
    reading = read("不对，周六", "confirm")
    assert said(reading) == {f"correct day {SATURDAY}"}
    assert reading.disarms
    assert read("no, Saturday", "confirm").given("day") == SATURDAY


@pytest.mark.parametrize(
    "text",
    [
        "等一下",
        "我想想哈",
        "hang on a sec",
        "先别定，晚点答复你",
        "得看我领导放不放人",
        "lemme check",
        "让我问一下家里人",
    ],
)
def test_later_is_later(text: str) -> None:
    assert said(read(text, "confirm")) == {"later"}


# ------------------------------------------------------------------------------------------------------------------ the rest

WEIGHED = {
    "老板 麻烦周六下午三点哈": {Weight.HARMLESS},
    "周五下午三点，我穿红色外套": {Weight.NEUTRAL},
    "周五下午三点，我对猫毛过敏": {Weight.NEUTRAL},
    "周五下午三点，不然就算了": {Weight.HARMLESS, Weight.DANGEROUS},
    "周五下午三点，万一下雨": {Weight.DANGEROUS},
    "瞳距62，周六上午十点": {Weight.NEUTRAL},
    "周五下午三点，工号3347": {Weight.NEUTRAL},
}


@pytest.mark.parametrize("text", WEIGHED)
def test_what_is_left_over_is_weighed(text: str) -> None:
    assert weights(read(text)) - {Weight.HARMLESS} >= WEIGHED[text] - {Weight.HARMLESS}


def test_a_neutral_rest_says_whether_it_stands_in_the_clause_of_a_value() -> None:
    assert [one.in_clause for one in read("周五三点穿红色外套").rest if one.weight is Weight.NEUTRAL] == [
        True
    ]
    assert [one.in_clause for one in read("周五三点，穿红色外套").rest if one.weight is Weight.NEUTRAL] == [
        False
    ]


def test_a_question_mark_counts_unless_it_stands_behind_a_wish() -> None:
    assert not read("tomorrow 11?").dangerous
    assert read("yes?", "confirm").dangerous
    assert read("？").dangerous


# ---------------------------------------------------------------------------------------------------------------- chain words


def test_a_shop_or_a_service_is_refused_by_the_words_around_it() -> None:
    assert "refuse shop river" in said(read("千万别约河畔店，太远", "slot"))
    assert {"refuse service exam", "give service lens-fitting"} <= said(read("不要验光，配隐形", "confirm"))
    assert {"refuse shop garden", "correct shop river"} <= said(read("不去花园店了，换河畔", "confirm"))


@pytest.mark.parametrize(
    "text",
    [
        "我小区有个花园，从那走过去远吗",
        "上次来配眼镜的那个",
        "听说你们家验光挺仔细的，约周六",
        "戴老花镜",
        "发我一下验光单",
    ],
)
def test_a_word_of_the_chain_said_otherwise_is_no_value(text: str) -> None:
    assert not read(text).has(Kind.GIVE, "shop")
    assert not read(text).has(Kind.GIVE, "service")


def test_of_two_shops_the_one_where_the_appointment_is_is_no_wish() -> None:
    assert said(read("河畔那个预约能不能换成花园店 时间照旧")) == {"begin move", "give shop garden"}


# --------------------------------------------------------------------------------------------------------------------- values

VALUES = {
    ("取消 A七K二", ""): "give code A7K2",
    ("cancel appointment code r t 6 y", ""): "give code RT6Y",
    ("电话一三九零零零零二二四四", "phone"): "give phone 13900002244",
    ("+86 139-0000-3355", "phone"): "give phone +8613900003355",
    ("020-5550 1234 转 8", "phone"): "give phone 02055501234",
    ("好的，电话改一下13800001111", "confirm"): "correct phone 13800001111",
    ("30", "age"): "give age 30",
    ("三十二", "age"): "give age 32",
    ("1990-06-12", "age"): "give age 36",
    ("05年3月生", "age"): "give age 21",
    ("early fifties", "age"): "give age senior",
    ("小学二年级", "age"): "give age child",
    ("45岁及以上", "age"): "give age senior",
    ("年龄填错了，是46不是64", "confirm"): "correct age 46",
    ("第二个", "service"): "give number 2",
    ("the third one", "service"): "give number 3",
    ("我不是第一次来", "confirm"): "give first False",
    ("没来过", "first_visit"): "give first True",
}


@pytest.mark.parametrize(("text", "step"), VALUES)
def test_a_value_is_read(text: str, step: str) -> None:
    assert VALUES[text, step] in said(read(text, step))


@pytest.mark.parametrize("text", ["九十年代的", "女生的年龄不能问哈哈", "第一次来", "1号室"])
def test_a_number_of_something_else_is_no_age(text: str) -> None:
    assert not read(text, "age").has(Kind.GIVE, "age")


def test_a_number_is_an_age_where_the_age_was_asked_and_a_button_where_buttons_were() -> None:
    assert said(read("30", "age")) == {"give age 30"}
    assert said(read("3", "slot")) == {"give number 3"}


@pytest.mark.parametrize("command", ["/move Q7S6", "move A2S4 v2", "改约 M3PX"])
@pytest.mark.parametrize(
    "day", ["tomorrow", "today", "tonight", "tomorow", "wed", "day after tomorrow", "in two days", "明天"]
)
@pytest.mark.parametrize("staff", [False, True])
def test_a_day_behind_a_code_is_the_day_that_it_is_without_one(command: str, day: str, staff: bool) -> None:
    """The first letters of "tomorrow" are no word that leads from the code to the time."""
    behind = read(f"{command} {day} 18:15", staff=staff).when
    alone = read(f"/move {day} 18:15").when
    assert behind is not None
    assert alone is not None
    assert (behind.candidates, behind.reason, behind.guess) == (alone.candidates, alone.reason, alone.guess)


# ---------------------------------------------------------------------------------------------------------------------- staff


def test_a_command_of_the_staff_is_one_only_for_the_staff() -> None:
    assert {"begin other arrive", "give code M3PX"} == said(read("M3PX到了", staff=True))
    assert {"begin other leave", "give other 李老师"} < said(read("请假 李老师 周五下午", staff=True))
    for text in ("到店 A7K2", "爽约", "请假 王老师 明天上午"):
        assert read(text).acts == ()
        assert weights(read(text)) == {Weight.NEUTRAL}


@pytest.mark.parametrize(
    "text",
    [
        "您好，我是花园店小周，您周六三点的我帮您留着",
        "三点半可以的，您直接过来就行",
        "供应商周四上午送货，约好了",
        "好",
    ],
)
def test_what_the_staff_say_to_people_is_no_instruction(text: str) -> None:
    assert said(read(text, staff=True)) <= {"greeting"}
    assert read(text, staff=True).when is None


def test_a_text_in_full_says_all_at_once() -> None:
    reading = read("姓名：张伟 电话：13900001111 项目：验光 时间：周六上午十点 35岁 第一次来")
    assert {
        "give name 张伟",
        "give phone 13900001111",
        "give service exam",
        "give age 35",
        "give first True",
    } < said(reading)
    assert reading.given("day") == SATURDAY
    assert reading.given("time") == time(10)
    assert not reading.dangerous


def test_a_contrast_that_leads_to_another_value_leaves_nothing_open() -> None:
    reading = read("ok but half an hour later", "confirm")
    assert reading.given("time") == time(15, 30)
    assert reading.disarms
    assert not reading.dangerous
    assert read("好，但是周六", "confirm").given("day") == SATURDAY
    assert read("好吧 可是我车限行", "confirm").dangerous


def test_two_ages_put_right_an_age_and_two_hours_an_hour() -> None:
    assert said(read("不是64，是46", "confirm")) == {"correct age 46"}
    assert read("不是三点，是四点", "confirm").given("time") == time(16)


@pytest.mark.parametrize("text", ["随便哪天下午三点", "哪天都行，下午三点"])
def test_an_hour_of_whatever_day_is_not_todays(text: str) -> None:
    when = read(text).when
    assert when is not None
    assert when.reason is not None
