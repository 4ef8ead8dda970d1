"""What is told and not wished (conditions, stories, the words of others), and what only looks like a yes at a card."""

from __future__ import annotations

from datetime import date

import pytest

from imserver.plugins.booking.understanding.acts import Kind, Reading
from imserver.plugins.booking.understanding.name_shapes import COMMON_ENGLISH
from tests.booking.support.readings import read, said


def begun(reading: Reading) -> set[str]:
    """What is begun of that which acts."""
    return {act.what for act in reading.all(Kind.BEGIN)} & {"book", "move", "cancel"}


@pytest.mark.parametrize(
    "text",
    [
        "如果周五下雨我就不来了",
        "假如明天发烧的话就取消",
        "等发工资了再约周五",
        "要不是周五加班我就约周五了",
        "周五要是没位就取消吧",
        "若果听日落雨我就唔嚟喇",
        "再发我就取消！",
        "if my boss says no I'll have to move it to Sunday",
        "If you have nothing on Saturday then cancel it",
        "once I get paid I'll book Saturday at 3",
        "should I not hear from you by Thursday I'll cancel",
        "In case I get sick, can I cancel?",
        "please cancel it if that's ok with my wife",
        "If there's nothing on Saturday at 3, book me Sunday",
        "if there's anything on Saturday, cancel it",
        "if that's ok, cancel it if it rains",
    ],
)
def test_what_hangs_on_a_condition_begins_nothing(text: str) -> None:
    assert not begun(read(text))


@pytest.mark.parametrize(
    ("text", "begins"),
    [
        ("可以的话帮我改到周日", "move"),
        ("方便的话周六下午三点约个验光", "book"),
        ("please cancel it if that's ok", "cancel"),
        ("cancel it if it's not too much trouble", "cancel"),
        ("If there's anything on Saturday at 3, book me in", "book"),
    ],
)
def test_politeness_and_free_times_are_no_condition(text: str, begins: str) -> None:
    assert begins in begun(read(text))


@pytest.mark.parametrize(
    "text",
    [
        "去年我取消过一次被扣了定金",
        "我朋友上周取消了预约你们还一直发短信",
        "前台小姑娘说我可以改到周六",
        "你们短信写着“回复取消可取消”",
        "昨晚梦见我周五三点去验光迟到了",
        "我妈约的明天十点，我约的后天十点，你们别搞混了",
        "我不来了才怪",
        "取消我健身房的课",
        "我前天在别家约了今天下午两点，想取消那个",
        "I cancelled my gym membership today",
        "yesterday I tried to cancel but the page crashed",
        'My husband said "just cancel it" but I don\'t want to',
        "your message says the appointment is cancelled",
        "my mate wanted to swap",
        "take me off the mailing list",
        "cancel my 3 o'clock - sorry, wrong chat",
        "it's not that I'm not coming, I'm just 10 minutes late",
        "我唔系唔嚟，系迟十分钟",
        "我会提前到",
    ],
)
def test_a_story_and_the_words_of_others_begin_nothing(text: str) -> None:
    assert not begun(read(text))


def test_what_is_told_is_asked_about_and_not_dropped() -> None:
    reading = read("前台小姑娘说我可以改到周六")
    assert "give day 2026-11-21" in said(reading)
    assert reading.dangerous


@pytest.mark.parametrize(
    "text",
    [
        "是周五对吧？",
        "friday right?",
        "我说的是周五",
        "okay so Fridays I have choir",
        "哦",
        "原来这样啊",
        "可以倒是可以，就是三点钟孩子刚睡醒",
        "我没有意见，我先生有意见",
        "唔系好得",
        "都唔系好",
    ],
)
def test_what_only_looks_like_a_yes_is_none(text: str) -> None:
    assert not read(text, "confirm").has(Kind.YES)


@pytest.mark.parametrize("text", ["唔系可以", "唔系好得", "未得", "好不了"])
def test_a_negation_at_a_card_is_never_nothing(text: str) -> None:
    reading = read(text, "confirm")
    assert reading.disarms or reading.has(Kind.NO)


@pytest.mark.parametrize(
    "text", ["okay so um yeah that works", "好的那就这样", "嗯嗯", "不见不散", "就照这个来"]
)
def test_what_opens_with_a_yes_and_goes_on_with_one_is_one(text: str) -> None:
    assert read(text, "confirm").has(Kind.YES)


@pytest.mark.parametrize(
    "text",
    [
        "周五不去了周六去",
        "周四来不了周五过来吧",
        "请将我的预约由周五调整到周六",
        "将周五上午的预约变更为周六上午",
    ],
)
def test_another_day_in_the_same_breath_moves(text: str) -> None:
    assert begun(read(text)) == {"move"}


def test_the_hour_of_somebody_else_is_not_the_wish() -> None:
    when = read("我老公约了两点，我想约三点").when
    assert when is not None
    assert [one.hour for one in when.candidates] == [15]


def test_a_pronoun_stands_for_who_was_spoken_of() -> None:
    assert read("我妈那天也去，给她也约一个").given("person") == "妈"


@pytest.mark.parametrize(
    ("text", "hour", "minute"),
    [
        ("三点九个字", 15, 45),
        ("十一点三个字", 11, 15),
        ("四点搭三", 16, 15),
        ("11.45", 11, 45),
        ("three-ish", 15, 0),
    ],
)
def test_clocks_are_read_as_people_say_them(text: str, hour: int, minute: int) -> None:
    time = read(text, "slot").given("time")
    assert (time.hour, time.minute) == (hour, minute)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("凌云，女，39，首次到店，周四下午四点，验光", "凌云"),
        ("想周一上午来验光，十点，我是林小棠22", "林小棠"),
    ],
)
def test_a_name_stands_beside_an_age(text: str, name: str) -> None:
    assert read(text).given("name") == name


@pytest.mark.parametrize(
    "text",
    [
        "我女儿话佢个期取消咗，嗰个唔系我",
        "打八号风球就唔嚟㗎啦",
        "下大雪我们就不过去了",
        "叫我妈不要再打去你们店里取消了，我自己会去",
        "别让我老公给我取消了",
        "不要随便把我的预约取消",
        "我怕系统给我自动取消，路上堵，晚十来分钟",
        "取消订单可以，取消预约不行是吧？我两个都不取消，就问问",
        "取消…还是不取消呢…好纠结",
        "周二十点半改成周二十点半？你们系统发的什么鬼",
    ],
)
def test_what_is_forbidden_feared_or_only_pondered_begins_nothing(text: str) -> None:
    assert not begun(read(text))


@pytest.mark.parametrize("text", ["那就不来了", "周五的就取消吧", "我没空了，取消吧", "上回约的作废吧"])
def test_a_plain_cancel_is_one(text: str) -> None:
    assert begun(read(text)) == {"cancel"}


@pytest.mark.parametrize(
    "text",
    [
        "好的，到时候别让我等太久",
        "可以，刚才在开会没看到消息",
        "行，要是停电记得提前说一声",
        "约吧，不过给我备注一下对散瞳药过敏",
        "先这么定着，万一有变我再说",
    ],
)
def test_a_yes_stands_beside_what_changes_nothing(text: str) -> None:
    reading = read(text, "confirm")
    assert reading.has(Kind.YES)
    assert not reading.disarms
    assert reading.rest  # the people hear of it


@pytest.mark.parametrize(
    "text",
    [
        "好，备注一下我要换成周六",
        "好，但是周五我不一定能来",
        "行，万一来不了就算了",
        "好，别约周五",
        "可以，别让我周五来",
    ],
)
def test_a_yes_falls_beside_what_may_change_something(text: str) -> None:
    assert not read(text, "confirm").has(Kind.YES)


def test_the_time_of_an_answer_is_no_wish() -> None:
    reading = read("先保留，明天中午之前回复你", "confirm")
    assert reading.has(Kind.LATER)
    assert reading.when is None


def test_the_day_that_is_asked_about_is_the_one_of_a_bare_hour() -> None:
    reading = read("周六开门吗？我下午三点来")
    assert reading.when is not None
    assert [one.weekday() for one in reading.when.candidates] == [5]


def test_an_hour_of_a_day_that_nobody_named_is_not_todays() -> None:
    reading = read("我那天值班来不了，我老婆能去，下午三点")
    assert reading.when is not None
    assert reading.when.reason is not None


@pytest.mark.parametrize(
    ("text", "what"),
    [("我来过的！写成初次了", "first"), ("店写成花园店了", "shop"), ("验光，错，是取镜", "service")],
)
def test_a_value_that_was_written_by_mistake_is_refused(text: str, what: str) -> None:
    assert read(text, "confirm").has(Kind.REFUSE, what)


def test_an_hour_beside_a_refused_day_asks_for_another() -> None:
    reading = read("三点可以，周五不可以", "confirm")
    assert reading.when is not None
    assert not reading.when.candidates
    assert not read("三点可以", "confirm").has(Kind.REFUSE)


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("约下下周三下午两点", date(2026, 12, 2)),
        ("想订下下周五上午十点", date(2026, 12, 4)),
        ("约一下下周三下午两点", date(2026, 11, 25)),
        ("约一下下下周三三点", date(2026, 12, 2)),
    ],
)
def test_no_verb_takes_a_sign_of_the_week(text: str, day: date) -> None:
    assert read(text).given("day") == day


@pytest.mark.parametrize("text", ["提前一点", "能提前一点吗", "提早一点可以吗", "能不能延后一点"])
def test_a_bit_earlier_is_no_hour(text: str) -> None:
    assert read(text, "slot").given("time") is None


@pytest.mark.parametrize(
    ("text", "step"),
    [("国庆不约了，周六吧", "day"), ("周五不约了，周六下午", "day"), ("国庆不约了，周六吧", "")],
)
def test_a_day_for_which_nothing_is_booked_is_refused(text: str, step: str) -> None:
    reading = read(text, step)
    assert not begun(reading)
    assert reading.has(Kind.REFUSE, "day")


def test_without_another_day_it_cancels() -> None:
    assert begun(read("周五不约了")) == {"cancel"}


@pytest.mark.parametrize(
    "text",
    [
        "取消了别家的 约周五下午三点",
        "我取消了另一家的 想约你们周五下午三点",
        "已经取消隔壁的了 想订周五三点",
        "隔離嗰間取消咗 想約星期五三點",
        "我已经把别家的取消了 帮我约周五下午三点",
    ],
)
def test_what_was_cancelled_elsewhere_is_over(text: str) -> None:
    reading = read(text)
    assert begun(reading) == {"book"}
    assert reading.given("time").hour == 15


@pytest.mark.parametrize(
    "text", ["Saturday at a push", "on the move Friday", "Friday's at a push", "at a push"]
)
def test_a_verb_behind_an_article_is_a_noun(text: str) -> None:
    assert not begun(read(text))


@pytest.mark.parametrize(
    ("text", "begins"),
    [
        ("想resched去Friday三点", {"move"}),
        ("想mov去周五三点", {"move"}),
        ("想rescheduled去周五三点", {"move"}),
        ("想xyzz去周五三点", set()),
        ("想book去周五三点", {"book"}),
    ],
)
def test_a_clipped_verb_of_moving_never_books(text: str, begins: set[str]) -> None:
    assert begun(read(text)) == begins


def test_words_at_the_ends_of_lines_stay_apart() -> None:
    assert {"saturday", "say"} <= COMMON_ENGLISH
    assert read("book my daughter in for Saturday 10am, she's 6").given("name") is None
