"""What is said beside the wish: facts in passing, services by purpose, names, ages, several persons, the staff's own words."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from imserver.plugins.booking.schedule.chain_file import load_chain
from imserver.plugins.booking.understanding.acts import Kind, Reading, Scene, Shown
from imserver.plugins.booking.understanding.lexicon import Lexicon
from imserver.plugins.booking.understanding.reader import understand

LEXICON = Lexicon(load_chain("demo"))
CARD = Shown(start=datetime.fromisoformat("2026-11-20T15:00"), asks_yes=True)


def read(text: str, step: str = "", *, staff: bool = False) -> Reading:
    shown = CARD if step == "confirm" else Shown()
    now = datetime.fromisoformat("2026-11-18T10:00")
    return understand(text, Scene(now, "Asia/Shanghai", "garden", step, shown=shown, staff=staff), LEXICON)


def given(text: str, what: str, step: str = "", *, staff: bool = False) -> list[Any]:
    return [
        act.value for act in read(text, step, staff=staff).acts if act.kind is Kind.GIVE and act.what == what
    ]


def asked(text: str, step: str = "") -> list[str]:
    return [act.what for act in read(text, step).acts if act.kind is Kind.QUESTION]


FACTS = {
    "最晚几点能验光": "hours",
    "周末照常吧": "hours",
    "星期日有冇人睇铺": "hours",
    "what's the latest I can come in": "hours",
    "Sunday trading as usual?": "hours",
    "坐2号线能到吗": "place",
    "搭边条线去你哋度": "place",
    "which of your branches is this": "place",
    "是花园店还是河畔店": "place",
    "可以分期吗": "price",
    "怎么这么贵啊": "price",
    "that's a bit steep": "price",
    "职工医保能报不": "insurance",
    "排队要多久": "how_long",
    "what's the wait like": "how_long",
}


@pytest.mark.parametrize("text", FACTS)
def test_a_fact_of_the_shop_is_asked(text: str) -> None:
    assert asked(text) == [FACTS[text]]


@pytest.mark.parametrize(
    "text", ["我公司五一放几天假还不知道", "周六早上十点行吗", "贵姓", "what's the latest I can move it?"]
)
def test_what_only_sounds_like_one_is_none(text: str) -> None:
    assert not {"hours", "place", "price"} & set(asked(text))


def test_the_day_of_a_question_at_a_card_leaves_the_card_alone() -> None:
    reading = read("行，周日你们也开吧", "confirm")
    assert reading.has(Kind.YES)
    assert asked("行，周日你们也开吧", "confirm") == ["hours"]
    assert not [act for act in reading.acts if act.what == "day"]


PURPOSES = {
    "就查一下，眼镜先不配": "exam",
    "光检查不买": "exam",
    "just the test, no new glasses": "exam",
    "看看度数涨没涨": "exam",
    "想配副彩色隐形": "lens-fitting",
    "lenses for swimming, a trial": "lens-fitting",
    "眼镜戴着老往下滑": "adjust",
    "a screw came out": "adjust",
    "角膜塑形镜复诊": "lens-check",
    "recheck of my lenses": "lens-check",
    "渐进片": "glasses",
    "Transitions": "glasses",
    "取glasses": "collect",
}


@pytest.mark.parametrize("text", PURPOSES)
def test_a_service_is_said_by_what_it_is_for(text: str) -> None:
    assert given(text, "service", "service") == [PURPOSES[text]]


NAMES = {
    ("明天十点验光王建国", ""): "王建国",
    ("周五三点验光张伟35岁第一次", ""): "张伟",
    ("Sat 3pm eye test Priya Nair", ""): "Priya Nair",
    ("妈 刘桂兰 67", ""): "刘桂兰",
    ("我姓时，时间的时，时小满", "name"): "时小满",
    ("段落，没开玩笑真叫这个", "name"): "段落",
    ("同事都叫我阿凯，写全名何凯", "name"): "何凯",
    ("Vivian啦", "name"): "Vivian",
    ("Sat Nam Singh", "name"): "Sat Nam Singh",
    ("阿May", "name"): "阿May",
}


@pytest.mark.parametrize(("text", "step"), NAMES)
def test_a_name_stands_beside_other_values(text: str, step: str) -> None:
    assert given(text, "name", step) == [NAMES[text, step]]


@pytest.mark.parametrize(
    ("text", "step"),
    [
        ("我姐叫我取消我偏不", "confirm"),
        ("叫我来就行", "name"),
        ("周六三点 顺便", ""),
        ("Sat 3pm eye exam Lovely Weather", ""),
    ],
)
def test_a_doing_or_a_common_word_is_no_name(text: str, step: str) -> None:
    assert not [act for act in read(text, step).acts if act.what == "name"]


def test_a_name_may_be_followed_by_a_mark_alone() -> None:
    assert given("周五三点验光，李雷，", "name") == ["李雷"]
    assert given("明天3pm好，", "name") == []


AGES = {
    "属马的 九零年": 36,
    "85年": 41,
    "36，不对，37": 37,
    "今年本命年36": 36,
    "17 and three quarters": 17,
    "same as you'd guess haha 38": 38,
    "八个月大": "child",
    "七老八十了": "senior",
}


@pytest.mark.parametrize("text", AGES)
def test_an_age_is_told_in_its_own_way(text: str) -> None:
    assert given(text, "age", "age") == [AGES[text]]


@pytest.mark.parametrize("text", ["不方便说", "我不想说年龄", "prefer not to say"])
def test_an_age_may_be_kept_back(text: str) -> None:
    assert [act.kind for act in read(text, "age").acts if act.what == "age"] == [Kind.REFUSE]


VISITS: dict[tuple[str, str], list[bool]] = {
    ("new", "first_visit"): [True],
    ("应该没有", "first_visit"): [True],
    ("第一次网上约，店里常去", "first_visit"): [False],
    ("First visit since my op", "first_visit"): [False],
    ("不是第一次来了，周六三点", ""): [False],
    ("not a new customer, Sat 3pm", ""): [False],
    ("hardly our first visit, Sat 3pm", ""): [False],
    ("我第一次戴隐形，周六三点试戴", ""): [],
    ("first time wearing contacts, Saturday 3pm lens fitting", ""): [],
    ("ugh yes. for the third time.", "confirm"): [],
}


@pytest.mark.parametrize(("text", "step"), VISITS)
def test_a_first_visit_is_told_from_other_firsts(text: str, step: str) -> None:
    assert given(text, "first", step) == VISITS[text, step]


@pytest.mark.parametrize(
    "text", ["一三八 零零一三 八零零零", "one three eight double oh one three eight triple oh"]
)
def test_a_telephone_is_dictated(text: str) -> None:
    assert given(text, "phone", "phone") == ["13800138000"]


PEOPLE = {
    ("我周六两点，我老公三点，验光", ""): ("我", "老公"),
    ("给爸妈约个验光，周日上午十点", ""): ("爸爸", "妈妈"),
    ("女儿小雨8岁 儿子小风5岁 周六上午十点验光", ""): ("女儿", "儿子"),
    ("book both my kids, Tom and Mia, Saturday 10am", ""): ("Tom", "Mia"),
    ("还有我女儿也要验", "confirm"): ("我", "女儿"),
}


@pytest.mark.parametrize(("text", "step"), PEOPLE)
def test_two_persons_are_two(text: str, step: str) -> None:
    assert read(text, step).people == PEOPLE[text, step]


@pytest.mark.parametrize("text", ["yes and my son as well please", "好 再加我老公一个"])
def test_a_yes_for_two_confirms_no_card_of_one(text: str) -> None:
    assert not read(text, "confirm").has(Kind.YES)


@pytest.mark.parametrize(
    "text",
    ["听爸妈说你们店不错，周六三点验光", "我三点到，我老公三点半到，他只是陪我", "Sat 2 or Sun 3, eye test"],
)
def test_who_is_only_spoken_of_is_no_second_person(text: str) -> None:
    assert read(text).people == ()


def test_a_wish_for_somebody_else_refuses_no_value() -> None:
    when = read("周六我儿子来，别给他配贵的，上午十点").when
    assert when is not None
    assert when.candidates == (datetime.fromisoformat("2026-11-21T10:00"),)


COMMANDS = {
    "今天都约了谁": ("list", None),
    "how's tomorrow looking": ("list", None),
    "周五谁上班": ("other", "roster"),
    "who's working Friday": ("other", "roster"),
    "我明天要带孩子打针，上不了班": ("other", "leave"),
    "I can't work Friday afternoon, dentist": ("other", "leave"),
    "H9TW OD -2.00/-0.50x180 OS -1.75": ("other", "report"),
    "帮冯太太约周六上午十点验光": ("book", None),
    "王老师明天还有空档吗": ("slots", None),
}


@pytest.mark.parametrize("text", COMMANDS)
def test_the_staff_command_in_plain_words(text: str) -> None:
    begun = [(act.what, act.value) for act in read(text, staff=True).acts if act.kind is Kind.BEGIN]
    assert begun == [COMMANDS[text]]


@pytest.mark.parametrize(
    "text",
    ["帮您约好了周六三点", "这边帮您约周六下午三点可以吗", "客人说，我周四来不了", "今天几个人中午一起吃饭"],
)
def test_what_the_staff_say_to_people_commands_nothing(text: str) -> None:
    assert not read(text, staff=True).has(Kind.BEGIN)


def test_the_staff_name_who_is_booked_and_whose_day_it_is() -> None:
    assert given("book Nina Roth friday 4pm", "name", staff=True) == ["Nina Roth"]
    assert [day.isoformat() for day in given("明天的单子发一下", "day", staff=True)] == ["2026-11-19"]
    assert given("取消 A1O0", "code", staff=True) == ["A1O0"]


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("K7M2 的镜子到了", "lens_arrived"),
        ("框到了 K7M2 叫客人来拿", "lens_arrived"),
        ("K7M2 specs have come in", "lens_arrived"),
        ("小王到了 K7M2", "arrive"),
        ("K7M2 客人到了", "arrive"),
        ("K7M2 Tom is here", "arrive"),
    ],
)
def test_goods_and_customers_arrive(text: str, command: str) -> None:
    assert [act.value for act in read(text, staff=True).acts if act.kind is Kind.BEGIN] == [command]


def test_an_unread_subject_is_no_customer() -> None:
    assert not read("K7M2 the thingamajig arrived", staff=True).has(Kind.BEGIN)


@pytest.mark.parametrize(
    "text",
    [
        "cancel K7M2 no M4P9",
        "取消 K7M2 错了 M4P9",
        "取消K7M2不是，是M4P9",
        "move K7M2 sorry I mean M4P9 to Friday 3pm",
    ],
)
def test_of_a_code_put_right_the_last_counts(text: str) -> None:
    assert given(text, "code") == ["M4P9"]
    assert not read(text).has(Kind.NO)


def test_two_codes_stay_two() -> None:
    assert given("cancel K7M2 and M4P9", "code") == ["K7M2", "M4P9"]


def test_a_word_of_one_letter_is_not_of_the_code() -> None:
    assert given("my code is K 7 M 2 I think", "code") == ["K7M2"]
    assert given("my code is K 7 M 2 N", "code") == ["K7M2N"]


@pytest.mark.parametrize(
    "text",
    ["36, and never been to your shop", "I'm 36, haven't been to your branch before", "36, never been here"],
)
def test_a_visit_that_never_was_is_the_first(text: str) -> None:
    assert given(text, "first") == [True]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Lily, no it's for my mum Anna, so Anna", "Anna"),
        ("so it's for my sister Kate, so Kate", "Kate"),
        ("豆豆得喇", "豆豆"),
    ],
)
def test_no_small_word_is_of_the_name(text: str, name: str) -> None:
    assert given(text, "name", "name") == [name]
