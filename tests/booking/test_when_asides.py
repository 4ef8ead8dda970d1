"""Every word that only looks like a time, and every word that looks like one which no rule reads, a second time."""

import pytest

from tests.booking.support.spoken_when import answer, said

FRIDAY = "11-20 15:00"

#: Said beside a time, it is no time itself: telephones, ages, counts, lenses, courtesies.
ASIDE = {
    "周五下午3点，{}": [
        "010-12345678 0755-1234567 138-1234-5678 138_1234_5678 (212)_555-1234 212-555-1234 212_555-1234 13800138000",
        "02112345678 12345678 2345678 11010119900307123x 110101199003071234",
        "8岁 8_岁 8岁半 今年8岁 今年_8岁 三岁 三年级 小学三年级 初中二年级 高中1年级 今年一年级 三_年级",
        "3个人 3人 3_个_人 3个大人 两个孩子 2个小孩 1个老人 4个朋友 3位 3名 3口 2副",
        "第2次 第二次 第_2_次 第3个 第3位 第2副 第2家 3楼 3层 2号店 5号线 12房 3房间 3诊室 2号诊室 3号楼",
        "500元 500块 500块钱 ¥500 $99.50 €80 £_60 99.9元",
        "500_yuan 500rmb 88.00元 订单12345 单号12345 尾号8000 会员12345 会员号12345",
        "编号#123 编号_123 订单_#123",
        "近视250度 近视_250_度 远视150 散光75度 老花200 度数300 轴位90",
        "轴180 250度 250_度 pd_62 pd62 axis180 视力0.8 视力_1.0",
        "-2.50 +1.25 -2.50/-0.75 -2.50/+0.75x180 -2.50x180 -2.50×90",
        "-2.50*90 -2.50_x_90 1.60折射率 1.67镜片 1.6_镜片 折射率1.74 折射率_1.6",
        "20/20vision 20/20_vision 左右眼都验 左右两眼 左右双眼 左右镜片 半年抛 双周抛 两周抛 日抛 周抛 月抛 季抛 年抛",
        "能不能来 可不可以 行不行 好不好 要不要紧 对不对 是不是可以 有没有人",
        "方不方便 不好意思 对不起 没问题 没关系 没事 不客气 不见不散",
        "不知道可以吗 不知可以吗 不过要快 不错 要不这样 看不清 看不清楚",
        "看不太清 看不见 看不到 不舒服 不太舒服 不清楚 不太清楚",
        "特别急 帮别人约 非常感谢 差别 区别 性别男 级别 个别 分别 十分感谢",
        "早上好 上午好 中午好 下午好 晚上好 早安 午安 晚安",
        "看一点儿 痛一点点 红一点也 快一点 慢一点 好一点 多一点 少一点 有一点 大一点 小一点 近一点 远一点 快些点",
        "几点关门 几点钟 几点半 几_点 多少点 下次 下单 一下 看一下 一下午",
    ],
    "friday 3pm, {}": [
        "aged_8 age_8 8_yo 8yo 8_y/o 8_years_old 8-year-old 8_yrs_old 8_yr_old aged_8_yo",
        "3_people 2_persons 1_person 2_adults 1_adult 3_kids",
        "1_kid 2_children one_child 2_pairs one_pair 3_boxes four_of_us",
        "first_time second_visit third_pair 1st_exam 2nd_appointment 3rd_floor first_exam 2nd_visit first_appointment",
        "room_302 floor_3 desk_12 500yuan 500_rmb order_12345 order#12345 no._123 no.123",
        "good_morning good_afternoon good_evening good_night no_problem",
        "no_rush no_worries why_not how_about_it what_about_it",
        "sunglasses sun_glasses when_i_sat_down a7k2 8k3p",
    ],
}  # fmt: skip
SET_ASIDE = [(frame, words) for frame, lines in ASIDE.items() for words in lines]


@pytest.mark.parametrize(("frame", "words"), SET_ASIDE)
def test_what_only_looks_like_a_time_does_not_touch_one(frame: str, words: str) -> None:
    assert [(text, answer(text)) for text in said(frame, words) if answer(text) != FRIDAY] == []


@pytest.mark.parametrize("verb", "问看查等试说帮约订")
def test_a_verb_with_xia_before_a_day_is_not_the_next_one(verb: str) -> None:
    for day, wanted in {
        "今天": "11-18 15:00",
        "明天": "11-19 15:00",
        "后天": "11-20 15:00",
        "大后天": "11-21 15:00",
    }.items():
        assert answer(f"{verb}下{day}下午3点") == wanted
    # 约下周五 is a week, so 约下下周五 are two; 问下 is a word of its own.
    assert answer(f"{verb}下下周五下午3点") == ("12-04 15:00" if verb in "约订" else "11-27 15:00")


#: Said beside a time, it may be a part of the time: asked about, because no rule has read it.
RESIDUE = {
    "周五下午3点，{}": [
        "5 ⁄ ½ 百点 半点 数点 几分 十刻 六天 七月 八年 九周 一星期 二礼拜 两小时 三钟 一个点 三个半小时",
        "零分 四_个月 一二 三四 八九",
        "星期 礼拜 周〇 隔周 双周 单周 隔月 单月 双月 下个_月 今_天 后_天 明_早 今_晚 上_午 下_午 今年 明年 后年 来年",
        "名天 民天 命天 星其五 礼败五 下走五 曜 내일 завтра ñ",
    ],
    "friday 3pm {}": [
        "next following the_first the_second on_the_second on_first week weeks month months days hour hours minute minutes",
        "hr hrs min mins o'clock oclock half quarter december",
        "jan feb march april june july august september october november",
        "lundi mardi mercredi jeudi vendredi samedi dimanche",
        "demain aujourdhui apres-demain montag dienstag mittwoch donnerstag",
        "freitag samstag sonnabend sonntag morgen heute ubermorgen",
        "uebermorgen lunes martes miercoles jueves viernes sabado domingo",
        "hoy manana lunedi martedi mercoledi giovedi venerdi sabato",
        "domenica domani oggi dopodomani segunda terca quarta quinta sexta",
        "amanha hoje maandag dinsdag woensdag donderdag vrijdag zaterdag",
        "zondag isnin selasa rabu khamis jumaat sabtu ahad besok",
        "esok senin kamis jumat minggu lusa bukas ngayon",
        "two three four five six seven eight nine ten",
        "eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen",
        "twenty thirty forty fifty sixty ninety third fourth fifth tenth",
        "5hr 3wk 5day 3mth 4yrs wensday saterday tuseday",
        "thrusday firday mondey sundey januray feburary setember octber",
    ],
}  # fmt: skip
LEFT = [(frame, words) for frame, lines in RESIDUE.items() for words in lines]


@pytest.mark.parametrize(("frame", "words"), LEFT)
def test_what_no_rule_has_read_is_asked_about(frame: str, words: str) -> None:
    wrong = [
        (text, answer(text))
        for text in said(frame, words)
        if answer(text).split()[0] not in ("leftover", "misspelt")
    ]
    assert wrong == []
