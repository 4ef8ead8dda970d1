"""Red flags by kind, in the words and tongues in which they are typed; what softens one, and what is none."""

import re
from pathlib import Path
from typing import Any

import pytest

from imserver.plugins.booking.understanding.alarm_model import Table, load_table
from imserver.plugins.booking.understanding.alarms import (
    FLAG_WEIGHTS,
    KINDS,
    MAX_FIRST,
    MAX_LAST,
    OVERLAP_CHARS,
    WINDOW_CHARS,
    RedFlags,
)
from imserver.plugins.booking.understanding.word_lists import load_words
from tests.booking.support.spoken_when import said
from tests.understanding.corpus import rows

FLAGS = RedFlags()
#: The rules alone: no text reaches a threshold of this table.
RULES = RedFlags(Table(0.0, 1.0, 1.0, {}, {}))
WEIGHTS = Path(__file__).parents[2] / "imserver" / "plugins" / "booking" / "words" / "alarm_weights.tsv"

#: Of each kind: written, traditional, Cantonese, English, by thumb; none of them stands in the corpus.
BY_KIND = {
    "sight_lost": "我的左眼突然什麼都看不見|隻左眼突然睇唔到|suddenly i cant c with my left eye|眼睛啥也瞅不着了",
    "curtain": "左眼像拉下一道黑幕|隻眼好似有塊黑布遮住晒|black curtain over half my eye|右边视野少了一块",
    "flashes": "突然好多飛蚊同閃光|眼角突然有闪电|tons of new floaters and flashes|一下子冒出一堆黑点",
    "double": "突然睇嘢有雙影|今早起来看东西都是双的|duble vison since this morning|眼睛突然複視",
    "pain": "右眼痛到睁不开还吐|隻眼痛到瞓唔著|my eye hurts so bad pls|眼睛劇痛",
    "injury": "角膜划伤了|隻眼俾個波打親|scratched my cornea|眼睛被樹枝戳傷流血",
    "foreign_body": "铁屑崩进眼睛取不出来|有碎玻璃飛入隻眼|got a metal splinter in my eye|眼裡有異物",
    "chemical": "漂白水溅眼睛里了|通渠水彈入隻眼|bleach in my eye|眼睛噴到清潔劑",
    "lens_red": "戴美瞳眼睛又红又痛|戴con隻眼紅晒好痛|contacts in and my eye is red and sore|隱形眼鏡戴到眼睛紅痛",
    "halos": "看路灯有彩虹圈还恶心|睇燈有彩虹圈兼頭痛|rainbow halos round lights and headache|看燈有光圈頭痛想吐",
    "distortion": "左眼看直线是弯的|隻眼睇直線係彎嘅|straight lines look wavy in one eye|看門框都變形了",
    "white_pupil": "宝宝瞳孔发白|BB個瞳孔反白光|my baby has a white pupil|孩子的瞳孔白白的",
    "swollen_lid": "孩子眼皮肿发烧|眼皮腫仲發燒|swollen eyelid and fever|眼球突出來了",
    "temple": "奶奶太阳穴疼看不清了|阿婆咬嘢痛隻眼矇咗|gran has jaw pain and blurry sight|老人太陽穴痛視力下降",
    "stroke": "嘴歪了看东西双影|佢個嘴歪咗講嘢唔清睇嘢矇|face drooping and cant see on the left|突然口齒不清看不清楚",
    "after_surgery": "白内障术后眼睛红痛|做完激光隻眼突然好痛|lasik yesterday and now pain and blurry|手術後眼睛流膿",
}

CHEMICAL = [
    (
        "{}进眼睛了",
        "化学品 化学 酒精 消毒液 洗涤剂 洗衣液 洁厕灵 漂白水 强酸 强碱 硫酸 盐酸 石灰 水泥 胶水 502 农药 油漆 強鹼",
    ),
    ("酒精{}眼睛", "入 进 溅 滴 喷 弄 碰 到"),
    ("酒精弄到{}了", "眼睛 眼球 眼里 眼内 双眼 左眼 右眼 眼"),
    ("眼睛{}酒精", "进 溅 沾 碰 弄"),
    (
        "{} in my eye",
        "chemical chemicals bleach acid alkali lye lime cement solvent detergent cleaner glue ammonia",
    ),
    ("bleach {} eye", "in into on in_both_my"),
    ("my eyes have {}", "chemical_burns a_chemical_burn acid_burns an_alkali_burn bleach_burns"),
    ("i {} bleach all over one eye", "splashed got sprayed"),
]
URGENT = [
    ("{}看不见", "突然 忽然 一下子 猛地 骤然 突发"),
    ("突然{}", "看不见 看不到 看不清 失明 瞎了 没视力 全黑 发黑 一片黑"),
    ("{}突然的", "看不见 看不到 失明 视力没了"),
    ("右眼{}", "看不见 失明 全黑 一片黑 看不到东西"),
    ("{}看不见", "眼睛 眼球 眼里 眼内 双眼 左眼 右眼 眼"),
    ("{}下降", "视力急剧 视力突然 视野急剧"),
    (
        "{}",
        "视力骤降 视野骤降 视野缺了一块 视野缺一块 黑影 黑幕 眼前被遮住 眼前挡住 眼前黑了 阴影遮住了 幕布挡住 帘子遮着",
    ),
    ("一块{}", "黑色幕布"),
    ("{} i am blind", "sudden suddenly all_at_once out_of_nowhere just_now"),
    ("suddenly i {}", "can't_see cannot_see cant_see am_blind"),
    ("i {} anything, it came suddenly", "can't_see cannot_see cant_see"),
    ("i can't see with {} eye", "my one left right"),
    ("{} blind", "went gone going"),
    ("{} sight", "lost loss_of losing lost_my loss_of_all losing_the"),
    ("{}", "lost_eyesight loss_of_vision vision_loss"),
    ("there is a {}", "dark_shadow black_curtain gray_veil grey_veil dark_spot_in_it"),
    ("a {} over my eye", "curtain shadow veil"),
    ("a veil over my {}", "vision eye sight"),
    ("飞蚊{}", "增多 变多 多了 很多 好多 一堆 一大片 增加"),
    (
        "{}",
        "突然有飞蚊 很多的飞蚊 突然很多黑点 突然好多的黑点 眼里冒金星 眼睛里有闪电 突然有亮光 突然有光点",
    ),
    ("{} floaters", "sudden many lots_of more new shower_of"),
    ("floaters {}", "suddenly all_at_once out_of_nowhere just_now"),
    (
        "{}",
        "flashes_of_light flashing_lights see_flashes seeing_flashing saw_a_flash flashes_in_my_eye flashes_in_vision",
    ),
    ("{}", "突然重影 突然复视 突然双影 重影很突然 复视突然 双影是突然的"),
    ("{}", "suddenly_double_vision suddenly_seeing_double double_vision_suddenly"),
    ("{}眼痛", "剧烈 剧 强烈 非常 特别 很 好 太 极 难忍的"),
    ("剧烈眼{}", "疼 痛"),
    ("眼睛{}", "剧烈疼 剧痛 强烈疼 非常痛 特别疼 很疼 好痛 太疼 极痛 巨疼"),
    ("眼睛疼{}", "得厉害 不行了 要命 受不了 难忍 得睡不着"),
    ("{} eye pain", "severe terrible extreme intense unbearable awful excruciating"),
    ("{} pain in my eyes", "severe terrible extreme intense unbearable awful excruciating"),
    ("my eye hurts {}", "a_lot badly so_much terribly"),
    ("{}", "眼外伤 外伤在眼睛"),
    ("眼睛{}", "受伤 撞伤 打伤 划伤 割伤 扎伤 刺伤 被打 被撞 被扎 被戳 被球打 流血 出血"),
    ("{}到眼睛", "撞 打 扎 戳 刺 砸 划 弹"),
    ("打{}眼睛", "到 了 伤"),
    ("my {}", "eye_injury eyes_injured eye_trauma"),
    ("{} in the eye", "hit poked injured cut scratched stabbed punched"),
    ("the {}", "eye_is_bleeding eyes_bleed"),
]
NOT_MEANT = (
    "闪光灯 闪光粉 flashlight flash_light flash_photography flash_photograph camera_flash flash_sale 闪光镜片 眼镜被打 眼科很好"
    " 眼霜好用 一眨眼就周五了 double_check double_bridge_frames blind_date_on_saturday i_see see_you eye_exam right_eye 左眼"
    " 手机突然黑屏 页面一闪一闪的 cant_see_the_free_slots 贵得我眼前一黑 挑花眼了 变色片 两个人明天下午三点 2_people_at_3pm"
)
#: Denied, over, somebody's story, a question: none of these is silence, none is urgent.
CAREFUL = [
    "眼睛不痛，只是想换眼镜",
    "没有闪光感",
    "no eye pain, just a check",
    "没有重影",
    "眼睛以前被球打过，已经好了",
    "had a scratched cornea, all healed",
    "the eye pain is better now",
    "电影里那个人突然失明了",
    "reading a novel where he suddenly went blind",
    "飞蚊症是怎么回事啊",
    "我沒見到什麼閃光黑影",
    "眼睛也不胀，看灯没圈",
    "眼痛：无，重影：无",
    "钢化膜蓝光伤眼睛是真的吗",
    "difference between a floater and double vision",
    "演练：小李扮酸进眼的顾客",
    "seeing double after all those spreadsheets",
    "渐进片看楼梯有点变形，适应期多久",
    "早上眼睛进铁屑的师傅取出来了，家属来电致谢",
]
#: Everyday talk of eyes: silence.
ORDINARY = [
    "想配一副专门看电脑的，眼睛离屏幕六十公分",
    "爸妈俩人都来看看眼睛，挨着的两个时间",
    "两岁半能用那个筛查仪照一下眼睛吗",
    "查眼底要滴药水吗，滴了能开车不",
    "夏天阳光晃眼，近视墨镜多少钱",
    "小红书上看到你们家，今天能看眼睛吗",
    "天突然黑了要下大雨，晚点到",
    "最近睇黑板唔清，想驗眼",
    "要配老花镜，眼睛老花，第一次配",
    "one eye is weaker since birth, test the other one well",
    "eyes are fine, I need something for sheet music",
    "red frames today? my eyes are green",
]
#: A denial does not count beside now, and not before something else.
URGENT_ALL_THE_SAME = [
    "以前不痛，现在眼睛剧痛",
    "不是小事，右眼突然看不见了",
    "no idea why, suddenly i cant see with my left eye",
    "昨天没事，今天眼前有黑影",
    "not sure about friday, there is bleach in my eye",
    "现在看人没有重影才怪",
    "no double vision? now there is",
    "今天突然黑了，左眼",
    "你们开门了没，眼睛疼得厉害",
    "眼睛不红，就是突然看不见了",
    "今天右眼看黑板突然看不见",
    "新眼镜？看东西突然变形，右眼",
]
#: Rare words for what is none the less an alarm.
IN_RARE_WORDS = [
    "看东西有一块黑的",
    "浴室的格子砖在跳舞，就左眼",
    "昨天还两三只蚊子今天一窝了",
    "前面的路突然分成两条，我靠边停车了",
    "车床上迸了个铁末子到眼里",
    "铁屑飞进去了抠不出来，磨得慌",
    "右眼像拉了闸",
    "words have holes in them when dad reads",
    "pepper all over my vision",
    "two roads in front of me, had to stop the truck",
    "my eye just packed up",
    "drain unblocker splashed up in my eye",
]


#: Told without a word for the eye or for suddenness; none of these stands in the corpus.
IN_EVERYDAY_WORDS = {
    "distortion": "妈说瓷砖一波一波的，别人看是平的|道牆鼓咗個肚出嚟，摸落去係平嘅|"
    "the walls lean in, my son says they are straight",
    "double": "遮住一只就剩一个，不遮就是一对|個月亮有兩個，阿媽話得一個|there are two moons, my husband sees one",
    "sight_lost": "书的左边没了，换一本也一样|碟餸得返一半，阿女話係滿嘅|half the clock isn't there, it's not the clock",
    "stroke": "我爸嘴挂下来了，说钟只剩一半|佢塊面跌咗一邊，望嘢得返一半|her words won't come and half the room is missing",
}
#: What is said in the same words of a shop, a road or a pair of glasses.
IN_WORDS_OF_THE_SHOP = [
    "我上班天黑了才回来，周六行不",
    "左边那只黑的框今天还在吗",
    "今天看书看到一半，没空",
    "I left my glasses at work and the case is missing",
    "do lenses come in pairs, saw the offer today",
    "I saw a pair of them in your window today",
    "麻烦看他们两个，今天",
    "分开两个时间看，今天下午",
    "到路口拐弯就看到你们的门了，现在",
    "the right one in black, is it still in stock now",
    "two slots one next to the other please, see you tomorrow",
]


@pytest.mark.parametrize("kind", IN_EVERYDAY_WORDS)
def test_everyday_words_for_a_symptom_are_heard_by_rules_alone(kind: str) -> None:
    said_so = IN_EVERYDAY_WORDS[kind].split("|")
    assert [text for text in said_so if RULES.find(text) is None] == []


@pytest.mark.parametrize("text", IN_WORDS_OF_THE_SHOP)
def test_the_same_words_of_a_shop_or_a_road_are_silence(text: str) -> None:
    assert FLAGS.find(text) is None


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_found_by_rules_alone_however_it_is_typed(kind: str) -> None:
    found = [(text, RULES.find(text)) for text in BY_KIND[kind].split("|")]
    assert [text for text, flag in found if flag is None or not flag.urgent] == []
    assert sum(flag is not None and flag.kind == kind for _, flag in found) >= len(found) - 1, found


@pytest.mark.parametrize(
    ("chemical", "frame", "words"),
    [(True, *row) for row in CHEMICAL] + [(False, *row) for row in URGENT],
)
def test_every_word_of_before_is_still_urgent(chemical: bool, frame: str, words: str) -> None:
    for text in said(frame, words):
        for typed in (text, text.upper()):
            flag = FLAGS.find(typed)
            assert flag is not None, typed
            assert flag.urgent, typed
            assert (flag.kind == "chemical") is chemical, typed


@pytest.mark.parametrize("text", said("{}", NOT_MEANT))
def test_what_is_certainly_something_else_is_none(text: str) -> None:
    assert FLAGS.find(text) is None


@pytest.mark.parametrize("text", CAREFUL)
def test_what_is_denied_over_told_or_asked_is_careful_and_no_silence(text: str) -> None:
    flag = FLAGS.find(text)
    assert flag is not None
    assert not flag.urgent


@pytest.mark.parametrize("text", ORDINARY)
def test_everyday_talk_of_eyes_is_silence(text: str) -> None:
    assert FLAGS.find(text) is None


@pytest.mark.parametrize("text", IN_RARE_WORDS)
def test_an_alarm_in_rare_words_is_heard_by_rules_alone(text: str) -> None:
    assert RULES.find(text) is not None


@pytest.mark.parametrize("text", URGENT_ALL_THE_SAME)
def test_a_no_elsewhere_or_beside_now_takes_nothing_back(text: str) -> None:
    flag = FLAGS.find(text)
    assert flag is not None
    assert flag.urgent


def corpus(name: str) -> list[dict[str, Any]]:
    return rows("open", name)


def test_the_open_half_is_within_the_bars() -> None:
    """What was learnt from is no measure of what was not; these are the least that must hold."""
    missed: dict[str, int] = {}
    for text in corpus("alarms"):
        flag = FLAGS.find(text["text"])
        assert flag is not None or not text["gravest"], text
        missed[text["kind"]] = missed.get(text["kind"], 0) + (flag is None)
    assert max(missed.values()) <= 2
    others = [(text, FLAGS.find(text["text"])) for text in corpus("others")]
    urgent = [text for text, flag in others if flag is not None and flag.urgent]
    ordinary = [text for text, flag in others if not text["near"]]
    near = [text for text, flag in others if text["near"]]
    assert sum(not text["near"] for text in urgent) <= 0.002 * len(ordinary)
    assert sum(bool(text["near"]) for text in urgent) <= 0.03 * len(near)
    assert sum(flag is not None for text, flag in others if not text["near"]) <= 0.01 * len(ordinary)


def test_neither_reader_takes_away_what_the_other_found() -> None:
    nothing = RedFlags(Table(-9.0, 1.0, 1.0, {}, {}))
    everything = RedFlags(Table(9.0, 1.0, 1.0, {}, {}))
    for text in ("右眼突然看不见了", "眼睛不痛，想换眼镜"):
        by_rules, by_both = nothing.find(text), everything.find(text)
        assert by_rules is not None
        assert by_both is not None
        assert by_both.urgent
    assert everything.find("角膜曲率在哪一栏") is not None  # the table alone
    assert nothing.find("角膜曲率在哪一栏") is None
    assert everything.find("左眼 右眼") is None  # says too little


def test_without_a_word_of_an_eye_or_a_symptom_the_table_has_to_be_sure_and_is_careful() -> None:
    said = "想约周六上午十点"
    for score, weight in ((0.7, None), (0.8, "careful"), (1.0, "careful"), (9.0, "careful")):
        flag = RedFlags(Table(score, 1.0, 0.5, {}, {})).find(said)
        assert (flag and flag.weight) == weight
    flag = RedFlags(Table(0.9, 1.0, 0.5, {}, {})).find("角膜曲率在哪一栏")
    assert flag is not None
    assert flag.weight == "careful"


def test_each_name_in_a_rule_is_a_set_of_words_or_an_expression() -> None:
    words = load_words("red_flags")
    assert set(words["kinds"]) == set(KINDS)
    for kind, rules in words["kinds"].items():
        assert set(rules) <= set(FLAG_WEIGHTS)
        for rule in (rule for weight in FLAG_WEIGHTS for rule in rules.get(weight, ())):
            parts = re.sub(r" @\d+$", "", rule).split(" & ")
            assert all(part in words["words"] or part[0] == part[-1] == "/" for part in parts), (kind, rule)
    assert set(words["not_deniable"]) <= set(words["words"])


def test_the_table_is_small_and_says_which_strings_weigh() -> None:
    table = load_table()
    assert WEIGHTS.stat().st_size <= 300_000
    assert table.careful < table.urgent
    assert max(map(len, table.weights)) <= 4
    assert set(table.kinds.values()) <= set(KINDS)
    why = FLAGS.explain("右眼突然看不见了")
    assert {flag.kind for flag in why.flags} == {"sight_lost"}
    assert why.score > table.urgent
    assert any("看不" in string for string, _ in why.heaviest)


def test_the_table_names_no_chemical_and_no_stroke_where_none_is_named() -> None:
    table = Table(9.0, 1.0, 1.0, {"眼": 9, "水": 5}, {"眼": "chemical", "水": "pain"})
    flags = RedFlags(table)
    for text, kind in (("眼里有水气，难说清楚", "pain"), ("眼水 石灰 说不清楚怎么弄的", "chemical")):
        flag = flags.find(text)
        assert flag is not None
        assert flag.kind == kind


@pytest.mark.parametrize("edge", [0, 800, WINDOW_CHARS, 1600, 1800, 2000, 2600, 3000, 5000])
def test_a_red_flag_is_found_wherever_it_stands_in_a_long_text(edge: int) -> None:
    """Also across the edge of a window, wherever in the sentence the edge is."""
    flag = "我的左眼刚才突然看不见了"
    for before in range(max(edge - len(flag), 0), edge + 2):
        found = RULES.find(("聊吧" * before)[:before] + flag + "聊吧" * 1500)
        assert found is not None, before
        assert found.urgent, before


def test_an_urgent_flag_behind_a_careful_one_is_the_one_that_counts() -> None:
    for between in (10, WINDOW_CHARS):
        flag = FLAGS.find("没有重影。" + "聊吧" * between + "右眼突然看不见了")
        assert flag is not None
        assert (flag.kind, flag.weight) == ("sight_lost", "urgent")


def test_of_many_windows_about_eyes_the_first_and_the_last_are_read() -> None:
    step = WINDOW_CHARS - OVERLAP_CHARS
    filler = ("眼" + "聊吧" * 49 + "聊") * (step // 100)
    many = filler * 3 * (MAX_FIRST + MAX_LAST)
    for where in (step * (MAX_FIRST - 1), len(many) - step * (MAX_LAST - 1)):
        assert RULES.find(f"{many[:where]}突然失明{many[where:]}") is not None
    one, whole = (len(list(RULES.look(text))) for text in (filler[:WINDOW_CHARS] + "聊", many))
    read = (MAX_FIRST + MAX_LAST) * one
    assert one > 1
    assert read - 2 * MAX_LAST <= whole <= read  # and no more, however long it is
