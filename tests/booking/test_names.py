"""A name is one only when it looks like one or is said to be one; a person is opened by for, or by an age or a wish."""

from __future__ import annotations

from datetime import datetime

import pytest

from imserver.plugins.booking.schedule.chain_file import load_chain
from imserver.plugins.booking.understanding.acts import Kind, Reading, Scene, Shown
from imserver.plugins.booking.understanding.lexicon import Lexicon
from imserver.plugins.booking.understanding.name_shapes import COMMON, DOUBLE, SINGLE, is_name
from imserver.plugins.booking.understanding.reader import understand

LEXICON = Lexicon(load_chain("demo"))
CARD = Shown(start=datetime.fromisoformat("2026-11-20T15:00"), asks_yes=True)


def read(text: str, step: str = "name") -> Reading:
    now = datetime.fromisoformat("2026-11-18T10:00")
    shown = CARD if step == "confirm" else Shown()
    return understand(text, Scene(now, "Asia/Shanghai", "garden", step, shown=shown), LEXICON)


def person(text: str, step: str = "") -> str | None:
    found = [
        act.value for act in read(text, step).acts if act.what == "person" and act.kind is not Kind.REFUSE
    ]
    return found[-1] if found else None


def test_the_family_names_are_all_there() -> None:
    assert len(SINGLE) >= 500
    assert len(DOUBLE) == 60
    assert not [name for name in DOUBLE if len(name) != 2]


ANSWERS = {
    **{
        name: name
        for name in (
            "李雯",
            "周一帆",
            "周六六",
            "于明天",
            "欧阳静",
            "司马光",
            "豆豆",
            "王女士",
            "高兴",
            "陳阿姨",
            "王",
            "李 明",
        )
    },
    **{
        name: name
        for name in (
            "anna",
            "Marie-Claire Dubois",
            "Mr. Smith",
            "April",
            "迪丽娜尔·艾山",
            "أحمد",
            "김민수",
            "Иван Петров",
        )
    },
    "我姓赵": "赵",
    "免贵姓邓": "邓",
    "姓张弓张，不是立早章": "张",
    "叫我小谭就行": "小谭",
    "写沈括就好 沈阳的沈": "沈括",
    "it's O'Connor, Finn O'Connor": "Finn O'Connor",
    "司徒安 13900001234": "司徒安",
    "John Smith, 34": "John Smith",
    "June Park, for June 3": "June Park",
    "my son Tom": "Tom",
    "女儿叫李小雨，6岁": "李小雨",
    "余敏，要空腹吗哈哈": "余敏",
}


@pytest.mark.parametrize("text", ANSWERS)
def test_an_answer_that_looks_like_a_name_is_one(text: str) -> None:
    assert read(text).given("name") == ANSWERS[text]


@pytest.mark.parametrize(
    "text",
    [
        *("方便", "都行", "都可以", "谢谢", "安排", "平时没空"),
        *("先不约了", "不要周六", "周六下午", "明天", "周五", "保密", "随便写"),
        *("为什么要填名字", "名字写错了", "same as last time", "用我微信名就行"),
        *("nope", "等一下", "先说多少钱", "改到周六吧", "no name"),
        *("方便面", "从明天", "和平", "It's me", "好", "30", "下午三点", "要和身份证一样不"),
    ],
)  # fmt: skip
def test_anything_else_is_no_name(text: str) -> None:
    assert read(text).given("name") is None


def test_no_common_word_is_a_name() -> None:
    assert [word for word in COMMON if is_name(word)] == []


@pytest.mark.parametrize("text", ["李三 明天三点", "我是李三，明天下午三点验光", "验光 明天 14:00 李三 33岁"])
def test_a_name_is_found_beside_a_time(text: str) -> None:
    assert read(text, "").given("name") == "李三"


@pytest.mark.parametrize(
    "text",
    [
        "麻烦 明天三点",
        "师傅 明天三点",
        "老板 礼拜天两点半",
        "方便 周五",
        "那个 周五三点",
        "我是司机，明天三点",
    ],
)
def test_a_word_beside_a_time_is_no_name(text: str) -> None:
    assert read(text, "").given("name") is None


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("我叫安宁", "安宁"),
        ("名字不对，是林晓不是林小", "林晓"),
        ("李四，不是李思", "李四"),
        ("行，名字改成张三", "张三"),
        ("it's Jon without an h", "Jon"),
        ("名字改成我妈的，何桂芳", "何桂芳"),
    ],
)
def test_a_name_is_put_right_at_the_card(text: str, name: str) -> None:
    reading = read(text, "confirm")
    assert [act.value for act in reading.all(Kind.CORRECT, "name")] == [name]
    assert reading.disarms


PERSONS = {
    "帮我妈约周日下午两点验光": "妈",
    "给儿子约个儿童验光，8岁": "儿子",
    "book my daughter in for Saturday 10am": "daughter",
    "eye test for my husband pls": "husband",
    "同我阿媽約星期日三點驗眼": "阿媽",
    "我妈妈今年七十一了想约个老花眼镜": "妈妈",
    "my kid 今年六岁 想check一下视力": "kid",
    "顺便把我爸那个也往后挪一天": "爸",
    "booking for my mum, Jane Doe, 71": "mum",
}


@pytest.mark.parametrize("text", PERSONS)
def test_for_whom_it_is(text: str) -> None:
    assert person(text) == PERSONS[text]


@pytest.mark.parametrize(
    "text",
    [
        *(
            "我老婆让我来约周六上午十点",
            "听我妈说你们家好",
            "朋友推荐来的，周日中午验光",
            "同事小王介绍我来的，想约周六验光",
        ),
        *(
            "对，我老公陪我来",
            "等下，我问问我老公",
            "我老婆说你们家好",
            "my husband will drive me",
            "my dentist recommended you",
        ),
    ],
)
def test_whoever_is_only_spoken_of_is_not_the_one(text: str) -> None:
    assert person(text) is None


def test_for_whom_it_is_can_be_put_right() -> None:
    assert person("不是给我约的，是给我女儿", "confirm") == "女儿"
    assert read("是我妈来，不是我", "confirm").has(Kind.CORRECT, "person")


@pytest.mark.parametrize(
    ("text", "people"),
    [
        ("我和我爸都要验光，周日上午", ("我", "爸")),
        ("me and my sister both need tests", ("me", "sister")),
        ("book me at 3 and my wife at 3:30 on Monday", ("me", "wife")),
        ("好的，另外帮我老公也约一个", ("我", "老公")),
        ("两个人一起，周六三点", ("两个人一起",)),
    ],
)
def test_two_people_are_two(text: str, people: tuple[str, ...]) -> None:
    assert read(text, "confirm").people == people


@pytest.mark.parametrize("text", ["帮我妈约周日", "我老公陪我来", "都可以，周六", "for my son, Saturday"])
def test_one_person_is_one(text: str) -> None:
    assert read(text, "").people == ()
