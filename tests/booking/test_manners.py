"""The same thing is said in many manners: yes, no, later, a question, a fact, in dialect, in slang, with more behind it."""

from __future__ import annotations

import pytest

from imserver.plugins.booking.understanding.acts import Act, Kind, Reading, Rest, Span, Weight
from tests.booking.support.readings import read, said

# ------------------------------------------------------------------------------------------------------------ at the card


@pytest.mark.parametrize(
    "text",
    [
        "好的，我不会迟到的",
        "行 那天我不上班",
        "可以，我没别的事",
        "好，不用回复了",
        "行吧，反正也没别的空",
        "好的，明天提醒我一下",
        "周五下午三点没问题",
        "没变，就这样",
        "名字时间都对",
        "必须的",
        "要得",
        "我看行",
        "那就先这么定着",
        "得㗎，唔该晒",
        "是的是的没错我闺女帮我看过了",
        "好的 你们在几楼啊",
        "yep that's grand, put me down",
        "perfect see you friday at 3",
        "why not",
        "that all looks right to me",
        "nothing to change from my side",
        "ok can lah",
        "Yes. No need to call me.",
        "yesss pls",
    ],
)
def test_a_yes_is_a_yes_in_any_manner(text: str) -> None:
    reading = read(text, "confirm")
    assert reading.has(Kind.YES)
    assert not reading.disarms


@pytest.mark.parametrize(
    "text",
    [
        "算球了",
        "先不弄了，孩子发烧",
        "点错了",
        "退出",
        "信息有误",
        "唔要喇 唔該",
        "changed my mind sorry",
        "don't want this one, delete",
    ],
)
def test_a_no_is_a_no_in_any_manner(text: str) -> None:
    reading = read(text, "confirm")
    assert reading.has(Kind.NO)
    assert not reading.has(Kind.YES)


@pytest.mark.parametrize(
    "text",
    [
        "容我翻翻日历",
        "等哈，我接个电话",
        "手机快没电了 先这样",
        "迟啲再搵你哋",
        "gimme 5 mins",
        "let me ask my wife first",
        "bear with me",
    ],
)
def test_later_is_later_in_any_manner(text: str) -> None:
    reading = read(text, "confirm")
    assert reading.has(Kind.LATER)
    assert not reading.has(Kind.YES)


@pytest.mark.parametrize("text", ["唔好喇", "唔得㗎", "不了不了", "好唔好"])
def test_no_particle_makes_a_yes_of_a_no(text: str) -> None:
    assert not read(text, "confirm").has(Kind.YES)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("日期错了", "day"),
        ("名字对，时间不对", "time"),
        ("看错日子了", "day"),
        ("The hour is not right", "time"),
        ("wrong person", "person"),
        ("电话写错了", "phone"),
        ("项目不对", "service"),
        ("你们这家太远了", "shop"),
        ("别的分店吧", "shop"),
        ("我不姓王", "name"),
    ],
)
def test_what_is_wrong_with_the_card_is_refused(text: str, what: str) -> None:
    """Put right, where only one other can be meant: of two shops."""
    reading = read(text, "confirm")
    assert reading.has(Kind.REFUSE, what) or reading.has(Kind.CORRECT, what)
    assert reading.disarms


def test_somebody_else_comes_instead() -> None:
    reading = read("我弟去不了，换我妹", "confirm")
    assert not reading.has(Kind.BEGIN, "cancel")
    assert reading.given("person") == "妹"


# ------------------------------------------------------------------------------------------------- what takes a yes away


@pytest.mark.parametrize(
    "text", ["我们那条街在修路", "我们一家都认识他", "停车方便吗", "多少钱", "谢谢，我表弟说的"]
)
def test_a_bare_yes_means_the_card_no_more_behind_what_gave_no_answer(text: str) -> None:
    assert read(text, "confirm").disarms


@pytest.mark.parametrize("text", ["谢谢", "你好", "好的，停车方便吗", "好的，我爱人陪我来"])
def test_courtesies_and_answers_take_nothing_away(text: str) -> None:
    assert not read(text, "confirm").disarms


def test_a_label_is_an_answer_whatever_it_says() -> None:
    assert not Reading("地址", label="地址").disarms


def test_a_question_disarms_only_alone() -> None:
    place = Act(Kind.QUESTION, "place", None, (Span(0, 2),))
    yes = Act(Kind.YES, "", None, (Span(3, 4),))
    assert Reading("在哪", (place,)).disarms
    assert not Reading("在哪 好", (place, yes)).disarms
    assert Reading("唉", rest=(Rest("唉", Span(0, 1), Weight.NEUTRAL),)).disarms
    assert not Reading("唉", rest=(Rest("唉", Span(0, 1), Weight.HARMLESS),)).disarms


# -------------------------------------------------------------------------------------------- what only sounds like a wish


@pytest.mark.parametrize(
    "text",
    [
        "上次是你们取消的",
        "不取消不取消 我按错了",
        "有人取消的话告诉我一声",
        "我收到短信说预约取消了",
        "朋友的预约取消了，我可以用吗",
        "来不了怎么办",
        "我老公不去了我自己去",
        "can't come in before 5",
        "if anyone cancels let me know",
        "my meeting just got cancelled",
        "cancel that last message",
    ],
)
def test_what_others_cancel_is_not_cancelled(text: str) -> None:
    assert not read(text).has(Kind.BEGIN, "cancel")


@pytest.mark.parametrize(
    "text",
    [
        "麻烦把我明天上午的预约撤掉",
        "周五那个号不要了",
        "我妈那个预约给她消了",
        "临时有事去不了了，号给别人吧",
        "drop my boy's appt",
        "you can give that slot to somebody else",
    ],
)
def test_to_cancel_has_many_words(text: str) -> None:
    assert read(text).has(Kind.BEGIN, "cancel")


@pytest.mark.parametrize(
    "text",
    [
        "配的眼镜戴着头晕",
        "上次验光的发票能补吗",
        "need a copy of my eye test results",
        "I had my eye test yesterday",
        "my glasses were supposed to be ready last week",
        "验光不准，度数配高了",
        "我要投诉你们验光不准",
        "is the eye test free",
        "do you do eye tests?",
        "你们能做渐进片吗",
    ],
)
def test_what_is_said_of_a_service_is_no_wish_for_it(text: str) -> None:
    assert not read(text).has(Kind.BEGIN, "book")


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("俺开面包车 有地儿停不", "parking"),
        ("是在万达楼上那个吗", "place"),
        ("要身份证吗", "bring"),
        ("配副一千度的得多少银子", "price"),
        ("好贵啊是不是要两百", "price"),
        ("春节放到初几", "hours"),
        ("r u open sundays", "hours"),
        ("Do you take Bupa?", "insurance"),
        ("Is it OK to come with a toddler and a pram", "children"),
        ("镜片多长时间能拿", "other"),
        ("有没有儿童镜框", "other"),
    ],
)
def test_a_question_has_its_kind_in_any_manner(text: str, kind: str) -> None:
    assert [act.what for act in read(text).all(Kind.QUESTION)] == [kind]


# ------------------------------------------------------------------------------------------------------------------ facts


@pytest.mark.parametrize(
    ("text", "step", "expected"),
    [
        ("小名豆豆，大名孙沐辰", "name", "give name 孙沐辰"),
        ("三点半。今天。取镜。邱。", "", "give name 邱"),
        ("周六三点，配镜，我七十一了，牛德福", "", "give name 牛德福"),
        ("sat 3pm eye exam, jordan 19 first time", "", "give name jordan"),
        ("sat 3pm eye exam, jordan 19 first time", "", "give age 19"),
        ("booking for sat 3.15pm, glasses adjustment, Okafor", "", "give name Okafor"),
        ("我叫马桂兰今年六十七", "", "give age 67"),
        ("三十有二", "age", "give age 32"),
        ("retired", "age", "give age senior"),
        ("大学生", "age", "give age adult"),
        ("慕名来的，没打过交道", "first_visit", "give first True"),
        ("i'm not a new customer btw", "first_visit", "give first False"),
        ("You did my last ones", "first_visit", "give first False"),
        ("唔系我睇，系阿爸睇", "", "give person 阿爸"),
        ("please move my dad's appointment to friday", "", "give person dad"),
        ("眼镜腿儿老往下出溜", "service", "give service adjust"),
        ("镜片碎了要重配", "service", "give service glasses"),
        ("mine are ready", "service", "give service collect"),
    ],
)
def test_a_fact_is_read_in_any_manner(text: str, step: str, expected: str) -> None:
    assert expected in {act.replace("correct", "give") for act in said(read(text, step))}


@pytest.mark.parametrize(
    "text",
    [
        "sat 3pm eye exam, room 22",
        "周六三点验光，钱不多",
        "eye test Sat 3pm, Thanks",
        "my kid, 6, eye test sat 3pm",
    ],
)
def test_a_word_in_a_row_of_facts_is_no_name(text: str) -> None:
    assert not read(text).has(Kind.GIVE, "name")


@pytest.mark.parametrize(
    "text",
    [
        "me and a family member",
        "the first time slot please",
        "I was in a meeting",
        "去年做了手术",
        "我朋友在你们那配过",
    ],
)
def test_a_visit_is_told_from_what_sounds_like_one(text: str) -> None:
    assert read(text).given("first") is None


# ------------------------------------------------------------------------------------------------------------------ staff


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("K7QM到了，在沙发上坐着", "arrive"),
        ("H9TW 一小时了没人影，按爽约处理", "no_show"),
        ("done with W5ND, sending her to the counter", "finish"),
        ("镜片到店 P8VC", "lens_arrived"),
        ("K7QM可以取了", "ready"),
        ("M3PX她老公代取走了", "collected"),
        ("chen off sick today", "leave"),
    ],
)
def test_the_staff_report_in_their_own_words(text: str, value: str) -> None:
    assert f"begin other {value}" in said(read(text, staff=True))


@pytest.mark.parametrize(
    "text", ["W5ND的镜片还没到货", "等K7QM到了叫我", "has K7QM arrived?", "W5ND不是要取消"]
)
def test_what_is_not_so_yet_is_no_command(text: str) -> None:
    assert not read(text, staff=True).has(Kind.BEGIN)
