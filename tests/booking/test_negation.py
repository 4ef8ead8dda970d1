"""What is refused, put right or only spoken of: each template both ways, and every word that only looks like a refusal."""

from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imserver.plugins.booking.dates.text import MAX_CHARS, Sheet
from imserver.plugins.booking.understanding.acts import Kind
from imserver.plugins.booking.understanding.masks import mask
from imserver.plugins.booking.understanding.negation import scopes

from .support.speech import CARD, acts, hear, when

#: At a card that shows Friday at 15:00: what is said, and its acts.
AT_A_CARD = {
    # refused, and nothing new
    "周五不行": "refuse day 11-20",
    "周五没空": "refuse day 11-20",
    "我周五有课": "refuse day 11-20",
    "周五临时要出差": "refuse day 11-20",
    "那天有事": "refuse day 11-20",
    "除了周五都可以": "refuse day 11-20",
    "周五以外都行": "refuse day 11-20",
    "周五和周六都不行": "refuse day 11-20, refuse day 11-21",
    "不要周五，也不要周六": "refuse day 11-20, refuse day 11-21",
    "星期五我冇空呀": "refuse day 11-20",
    "周五是不是太赶了": "refuse day 11-20",
    "三点来不及": "refuse time 15:00",
    "周五三点可能不行": "refuse time 15:00",
    "3 is too early im afraid": "refuse time 15:00",
    "这个时间不太方便": "refuse time 15:00",
    "时间太早了，起不来": "refuse time 15:00",
    "能不能晚点": "refuse time 15:00",
    "can't make 3pm": "refuse time 15:00",
    "anything but Friday": "refuse day 11-20",
    "Friday doesn't work for me after all": "refuse day 11-20",
    "friday's a no go": "refuse day 11-20",
    # refused, and something new
    "周五不行，周六呢": "refuse day 11-20, give day 11-21",
    "三点不行四点吧": "refuse time 15:00, give time 16:00",
    "下午没空，上午行吗": "refuse range afternoon, give range morning",
    "不是三点，是三点半": "refuse time 15:00, give time 15:30",
    "不是周五！是周六！": "refuse day 11-20, give day 11-21",
    "我说的是周六不是周五": "refuse day 11-20, give day 11-21",
    "周五？我说的是周六啊": "refuse day 11-20, give day 11-21",
    "与其周五不如周四": "refuse day 11-20, give day 11-19",
    "把三点改到四点半": "refuse time 15:00, give time 16:30",
    "从周五改到下周一": "refuse day 11-20, give day 11-23",
    "15点→16点": "refuse time 15:00, give time 16:00",
    "那天不行，换周六同一时间": "refuse day 11-20, give day 11-21, give time 15:00",
    "not Friday, Saturday": "refuse day 11-20, give day 11-21",
    "I said Saturday not Friday": "refuse day 11-20, give day 11-21",
    "4pm instead of 3": "refuse time 15:00, give time 16:00",
    "make it the 21st rather than the 20th": "refuse day 11-20, give day 11-21",
    "3pm doesn't work but 5pm does": "refuse time 15:00, give time 17:00",
    "I can't do 3, make it 4": "refuse time 15:00, give time 16:00",
    # put right without naming what was shown
    "不对，周六": "correct day 11-21",
    "还是周六吧": "correct day 11-21",
    "嗯嗯，那周六呢": "correct day 11-21",
    "说错了说错了，上午九点半": "correct time 09:30",
    "四点半": "correct time 16:30",
    "好，12点见": "correct time 12:00",
    "actually Sunday": "correct day 11-22",
    "Saturday same time": "correct day 11-21, give time 15:00",
    # later and earlier
    "晚半小时": "correct time 15:30",
    "提前一小时吧": "correct time 14:00",
    "再往后推一刻钟": "correct time 15:15",
    "can it be half an hour earlier": "correct time 14:30",
    "could we push it back an hour": "correct time 16:00",
    "早一天行不": "correct day 11-19",
    "后一天同一时间": "correct day 11-21, give time 15:00",
    "a week later, same time": "correct day 11-27, give time 15:00",
    "换到下礼拜的同一天": "correct day 11-27",
    # nothing of the kind
    "好的周五见": "give day 11-20",
    "周五三点没问题": "give day 11-20, give time 15:00",
    "周五三点不见不散": "give day 11-20, give time 15:00",
    "可能晚10分钟到": "",
    "提前10分钟到可以吗": "",
    "running 10 mins late sorry!": "",
    "不去了": "",
}


@pytest.mark.parametrize("text", AT_A_CARD)
def test_what_is_said_at_a_card(text: str) -> None:
    assert acts(text, CARD) == AT_A_CARD[text]


@pytest.mark.parametrize(
    "text", [text for text, said in AT_A_CARD.items() if "refuse" in said or "correct" in said]
)
def test_nothing_that_refuses_or_puts_right_comes_to_the_time_of_the_card(text: str) -> None:
    found = hear(text, CARD).when
    assert found is not None
    assert CARD.start not in found.candidates


#: Said first, on a Wednesday: the time that is left when what is refused or only spoken of is gone.
LEFT = {
    "不要上午，下午四点": "11-18 16:00",
    "明天下午三点不行，四点可以吗": "11-19 16:00",
    "明天下午三点 哦不 四点": "11-19 16:00",
    "周五下午三点，不对，周六": "11-21 15:00",
    "从周五下午三点改到周六上午十点": "11-21 10:00",
    "我周六下午三点要开会，周日下午三点行吗": "11-22 15:00",
    "昨天约的是下午三点，能改到明天下午四点吗": "11-19 16:00",
    "上次周六三点来的，这次想约周日三点": "11-22 15:00",
    "周五下午三点开会，开完大概四点半，五点过去行不": "11-20 17:00",
    "孩子周六上午有课，下午三点吧": "11-21 15:00",
    "我三点下班，四点能到": "11-18 16:00",
    "飞机周六下午三点到，五点过去": "11-21 17:00",
    "周六三点的高铁，上午十点行吗": "11-21 10:00",
    "幼儿园四点半放学，周五五点带她来": "11-20 17:00",
    "I finish school at 3.30, Saturday 4pm": "11-21 16:00",
    "my train gets in at 3 so 4pm Saturday": "11-21 16:00",
    "I'm away Saturday. Sunday 3pm": "11-22 15:00",
    "Friday 3pm, no wait, 4pm": "11-20 16:00",
    "Thursday no sorry Friday at two o'clock": "11-20 14:00",
    "can't do mornings. Thursday at 5?": "11-19 17:00",
    "not 3pm Saturday, 4pm": "11-21 16:00",
    "取消周六下午三点的预约，改约周日上午十点": "11-22 10:00",
    "先把周一那个取消，再约周四下午三点": "11-19 15:00",
    "三点满了就四点": "11-18 16:00",
    "三点太早四点太晚三点半吧": "11-18 15:30",
    "不是三点也不是四点，是五点": "11-18 17:00",
    "工作日不行，周六三点": "11-21 15:00",
    "周一至周五都上班，周六下午三点": "11-21 15:00",
    "can I move my 2pm to 4pm": "11-18 16:00",
    "三点行，不行就四点": "11-18 15:00 11-18 16:00 first free",
    "没有周六就周日三点": "11-21 15:00 11-22 15:00",
    # nobody knows what is left: asked
    "周五不行，三点吧": "?which_day",
    "不要周六周日": "?negated",
    "不是不能周五": "?negated",
    "没说周五不行": "?negated",
    "周六不要周日": "?negated",
    "周五三点 我出国": "?negated",
    "周五下午三点，我没空": "?negated",
    "周五三点不一定能到": "?negated",
    "周五三点的客人": "?range",
    "明天下午三点下课": "?range",
    "我约了明天下午三点，想改到后天": "?no_time",
}


@pytest.mark.parametrize("text", LEFT)
def test_what_is_left_of_a_refusal(text: str) -> None:
    assert when(text) == LEFT[text]


FALSE = (
    "能不能 可不可以 行不行 好不好 要不要 对不对 是不是 有没有 方不方便 会不会 得唔得 可唔可以 系唔系 有"
    "冇 不好意思 对不起 没问题 没关系 没事 "
    "不客气 不见不散 不用谢 别急 不急 不着急 不错 要不 不如 说不定 不只 不光 不管 不久 没错 等不及 忍不住"
    " 别迟到 别忘了 不太清楚 特别 别人 非常 没来过"
)


@pytest.mark.parametrize("word", FALSE.split())
def test_what_looks_like_a_refusal_and_is_none(word: str) -> None:
    assert when(f"{word}，周六下午三点") == "11-21 15:00"
    assert when(f"周六下午三点，{word}") == "11-21 15:00"


@pytest.mark.parametrize(
    "words",
    [
        "no problem",
        "no rush",
        "no worries",
        "why not",
        "don't worry",
        "can't wait",
        "not bad",
        "not only that",
    ],
)
def test_what_looks_like_a_refusal_in_english(words: str) -> None:
    assert when(f"{words}, Saturday at 3pm") == "11-21 15:00"


#: Beside a time that would be booked, none of this changes it.
NOTES = (
    "工号3347 尾号8815 手机尾号8815 会员卡号_20261120 瞳距62 pd62 预算1500 左眼-3.25右眼-4.00 近视350度 "
    "两百五十度 199的套餐 三周岁 坐5路车 3号线 "
    "3号楼303室 1号室 后四位1203 微信号abc123 车牌沪A12345 订单号88120 下周满月 要40分钟 贵一点也行 便宜"
    "两点 亮一点 三点要求 可能晚到10分钟 左眼5.0右眼4.8"
)


@pytest.mark.parametrize("note", NOTES.split())
def test_figures_of_something_else_do_not_touch_a_time(note: str) -> None:
    note = note.replace("_", " ")
    assert when(f"{note}，周六下午三点") == "11-21 15:00"
    assert when(f"周六下午三点，{note}") == "11-21 15:00"


NO_TIME = (
    "能便宜一点吗 便宜两点好不好 还差一点 看得清一点 我有三点要求 还有一点 贵一点也行 亮一点 高一点 说清"
    "楚一点 离地铁近一点 稍微等一点时间 三点水 "
    "说两点：一要快，二要准 差一点忘了 度数涨了一点点 小数点后两位 有两点要注意 几点关门 要点几次 十点那"
    "个会推了"
)


@pytest.mark.parametrize("text", NO_TIME.split())
def test_a_point_is_no_hour(text: str) -> None:
    assert all(act.what != "time" for act in hear(text).acts)
    found = hear(text).when
    assert found is None or not found.candidates


#: One sound or one letter from a day word: asked about with the day that was meant, never today.
NEAR = {
    "周流下午三点": 21, "星期留下午三点": 21, "洲六下午三点": 21, "明添上午十点": 19, "名早九点": 19, "名天下午三点": 19,
    "后田下午三点": 20, "星期无下午四点": 20, "下粥二上午九点半": 24, "今完八点": 18, "明天下五三点": 19,
    "tomrw 3pm": 19, "frday 3pm": 20, "satuday 3pm": 21,
    "sturday 11am": 21, "thrusday 10:30": 19, "wendsday next week 2pm": 25, "saterday 3pm": 21,
}  # fmt: skip


@pytest.mark.parametrize("text", NEAR)
def test_a_near_miss_is_asked_about(text: str) -> None:
    found = hear(text).when
    assert found is not None
    assert (found.reason, found.guess and found.guess.day, found.candidates) == ("misspelt", NEAR[text], ())
    assert not any(act.what == "time" for act in hear(text).acts)


@pytest.mark.parametrize(
    "text",
    ["现今天气不错", "最近天气", "周先生", "周吴郑王", "birthday", "holiday", "everyday", "money", "sandy"],
)
def test_no_near_miss_is_seen_where_there_is_none(text: str) -> None:
    sheet = Sheet(text)
    mask(sheet)
    assert sheet.misspelt == []


# --------------------------------------------------------------------------------------------------------- for any value


def test_the_templates_serve_any_value() -> None:
    found = scopes(Sheet("不要甲店，去乙店"), [(2, 4), (6, 8)])
    assert found is not None
    assert [(scope.value, scope.verdict) for scope in found] == [(0, "refused")]
    moved = scopes(Sheet("从甲店改到乙店"), [(1, 3), (5, 7)])
    assert moved is not None
    assert {(scope.value, scope.verdict, scope.instead) for scope in moved} == {
        (0, "old", 1),
        (1, "wanted", None),
    }


def test_a_word_claimed_for_two_values_is_unclear() -> None:
    assert scopes(Sheet("周六不要周日"), [(0, 2), (4, 6)]) is None


WORDS = st.sampled_from(
    [
        *FALSE.split(),
        "不要",
        "不行",
        "没空",
        "改到",
        "不是",
        "是",
        "，",
        " ",
        "周五",
        "周六",
        "三点",
        "四点",
        "上午",
        "吧",
        "not",
        "Friday",
        "can't",
        "to",
        "instead of",
        "3pm",
    ]
)


@given(st.lists(WORDS, max_size=14).map("".join))
def test_any_mixture_is_read_and_no_refused_day_is_wished(text: str) -> None:
    found = hear(text)
    refused = {act.value for act in found.acts if act.kind is Kind.REFUSE and act.what == "day"}
    given_ = {act.value for act in found.acts if act.kind is not Kind.REFUSE and act.what == "day"}
    if found.when and not found.when.reason and not found.when.window and refused and not given_ & refused:
        assert not {moment.date() for moment in found.when.candidates} & refused
    for act in found.acts:
        for span in act.spans:
            assert 0 <= span.start < span.end <= len(text)


@pytest.mark.parametrize(
    "piece",
    ["不", "不要", "周五不", "不是周五", "3点不行", "1-", "一点", "not ", "周", "、", "改到", "👓", "明天 "],
)
def test_the_work_grows_with_the_text_and_no_faster(piece: str) -> None:
    def cost(times: int) -> float:
        """Seconds of this processor alone: the machine may be busy with other things."""
        text = (piece * times)[:MAX_CHARS]
        costs = []
        for _ in range(5):
            start = process_time()
            hear(text)
            costs.append(process_time() - start)
        return min(costs)

    short, long = cost(MAX_CHARS // 2 // len(piece)), cost(MAX_CHARS // len(piece))
    assert long < 6 * short + 0.02
    assert long < 1.0


def test_a_text_of_ten_thousand_characters_is_not_read() -> None:
    assert when("周五不行" * 2500) == "?too_long"
