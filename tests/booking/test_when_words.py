"""Every word that refuses, again: beside a time that would be booked, it alone decides the answer."""

import pytest

from tests.booking.support.spoken_when import answer, said

#: What turns a time into something that must be asked about: reason, sentence, words.
REFUSING = [
    ("range", "{}周五下午3点", "不晚于 不迟于 不超过"),
    ("negated", "周五下午3点{}", ("不来 没空 别来 勿约 取消 无法过来 算了 有事 要开会 要上班 有上课 很忙 "
     "以外 之外")),
    ("negated", "{}周五下午3点", "不约 没 别约 勿 除 取消 无法 避开 拒绝 忙的是"),
    ("negated", "{} Friday 3pm", "not no nor never neither cannot without except unless cancel cancelled avoid skip"),
    ("negated", "{} Friday 3pm", "instead_of rather_than i_am_unable i_am_unavailable busy do_not我"),
    ("negated", "i {} come Friday 3pm", "dont cant wont doesnt didnt don't can't won't isn't couldn't shouldn't"),
    ("past", "{} Friday 3pm", "last previous came went visited i_was it_was_on"),
    ("past", "Friday 3pm {}", "ago was_it 我came"),
    ("past", "i came earlier today {}", "3pm"),
    ("past", "{}周五下午3点", "上次 上回 原来 原定 原本是 本来 刚才 刚刚"),
    ("vague", "{}周五下午3点", "谁说 假如 假设 已经约了 已约好"),
    ("vague", "周五下午3点{}", "约了别人 约了客户 再说 再说吧"),
    ("recurring", "{}下午3点", "每周五 周五每次 天天 周周 工作日 平日 平时"),
    ("recurring", "{} 3pm", "every_friday everyday each_friday daily weekly_friday monthly once twice weekday weekdays"),
    ("recurring", "3pm {}", "mondays tuesdays wednesdays thursdays fridays saturdays sundays 我once"),
    ("several", "{}下午3点", "周五或者周六 周五还是周六 要么周五"),
    ("several", "周五下午3点{}", "或 还是 要么"),
    ("several", "Friday 3pm {}", "or either 我or"),
    ("range", "{}周五下午3点", "到 至 等 我到 我到_ 最晚 最迟 至少 截到 截至 截止 直到 直至 直止"),
    ("range", "{}下午3点", "到 至 等"),
    ("range", "周五下午3点{}", "前 _前 以前 之前 内 以内 之内 _到天黑 到日落"),
    ("range", "周五{}下午3点", ("到 至 前 以前 之前 后 以后 之后 过后 内 以内 之内 起 到日落， 到_九 ~零 "
     "-二")),
    ("range", "周五下午3点{}", ("到〇 到一 到二 到两 到三 到四 到六 到七 到八 到九 到十 到廿 到卅 到0 到9 "
     "到天")),
    ("range", "{}下午3点", ("零到 一到 二到 两到 三到 四到 五到 六到 七到 八到 九到 十到 廿到 卅到 "
     "五至 五~ 五- 五to 五_到_")),
    ("range", "周五{}下午3点", "班前 班后 学前 学后 饭前 饭后 餐前 餐后 课前 课后 下班 放学"),
    ("range", "{} Friday 3pm", "since before until till til between within during earliest latest 我before"),
    ("range", "Friday 3pm {}", "at_least starting earliest latest"),
    ("range", "{} 3pm Friday", "by 我by"),
    ("range", "{} Friday at 3pm", "by"),
    ("several", "{}下午3点", ("周六日 周六、日 周六,日 周六和日 周六及日 周六与日 周六/日 周一三五 "
     "周一_、_三、 周三一 周三二 周一四、 周一六和")),
    ("several", "周六{}下午3点", ("日 五 天 日、我 日_ 日,我 日和我 日及我 日与我 日/我 日都 日二 日三 日四 "
     "日五 日六")),
    ("several", "下午3点周六{}", "日 五 天"),
    ("vague", "周五下午3点{}", "估计 几 来点"),
    ("vague", "{}下午3点", "周五末 休息日 月中 年底 年初 年前 年后"),
    ("which_day", "{}下午3点", "上旬 中旬 下旬 12月中旬 下月上旬"),
    ("vague", "{}下午3点", ("几天 几_天 几号 几周 几时 几个 改天 改日 两天 这两天 过两天 最近 近期 "
     "某天 哪天 那天 当天 同天 某一天")),
    ("vague", "{}下午3点", ("翌日 次日 隔天 隔日 第三天 第x天 农历 阴历 腊月 正月 大年 初一 初二 "
     "初三 初四 初五 初六 初七 初八 初九 初十")),
    ("vague", "{}下午3点", "生日 出生 过节 春节 节 小年 双十 放假 开学 寒假 暑假"),
    ("vague", "3pm {}", "~friday"),
    ("vague", "{} friday 3pm", "black good 我black"),
    ("vague", "friday 3pm {}", ("in_a_while in_a_bit later earlier sooner couple few several sometime birthday born "
     "earlier_today_maybe")),
    ("vague", "{} 3pm", "holiday holidays easter new_year 我born"),
    ("midnight", "周五{}", "午夜 子夜"),
    ("midnight", "friday {}", "midnight 我midnight"),
    ("zone", "周五下午3点{}", "当地时间 东京时间 纽约时间 伦敦时间"),
    ("zone", "friday 15:00{}", "z Z _z"),
    ("zone", "friday 3pm {}", "utc gmt et ct mt pt est cst mst pst edt cdt mdt pdt cet cest bst jst 我utc"),
    ("range", "{} Friday 3pm", "meeting"),
    ("leftover", "{}下午3点", "〇到 0到 9到"),
    ("several", "{} at 3pm", "mon_to_fri mon-fri mon~fri mon_thru_fri mon_through_fri 20th_-_21st"),
    ("several", "周六{}下午3点", "日一起"),
    ("several", "{}下午3点", "周末 周_末 星期末 礼拜末 双休"),
    ("several", "{} 3pm", "weekend weekends"),
]  # fmt: skip

#: What opens a range, loosens a time or names a day by its feast: read, with the start that is wished for.
READ = [
    ("11-18 15:00", "下午3点{}下午4点", "到 至 - ~ to thru through _-_"),
    ("11-20 15:00", "{}周五下午3点", "不早于 从 自 打 从_ 最早"),
    ("11-18 15:00", "{}下午3点", "从 自 打"),
    ("11-20 15:00", "周五下午3点{}", ("以后 之后 过后 后 _后 起 到五点 至五点 -五点 ~五点 左右 前后 大概 大约 "
     "差不多 多 _多 来钟 北京时间")),
    ("11-20 15:00", "{} Friday 3pm", "after"),
    ("11-20 15:00", "Friday 3pm {}", "onward onwards"),
    ("11-20 15:00", "{} 3pm Friday", "from past"),
    ("11-20 15:00", "{} Friday at 3pm", "from past"),
    ("11-21 15:00", "周六{}下午3点", "日11月21日"),
    ("11-30 15:00", "{}下午3点", "月底 月末"),
    ("12-01 15:00", "{}下午3点", "月初"),
    ("2027-01-01 15:00", "{}下午3点", "元旦"),
    ("2027-02-20 15:00", "{}下午3点", "元宵"),
    ("2027-04-05 15:00", "{}下午3点", "清明"),
    ("2027-05-01 15:00", "{}下午3点", "五一"),
    ("2027-10-01 15:00", "{}下午3点", "国庆"),
    ("2027-06-09 15:00", "{}下午3点", "端午"),
    ("2027-09-15 15:00", "{}下午3点", "中秋"),
    ("12-25 15:00", "{}下午3点", "圣诞"),
    ("2027-08-08 15:00", "{}下午3点", "七夕"),
    ("12-22 15:00", "{}下午3点", "冬至，"),
    ("12-24 15:00", "{}下午3点", "平安夜"),
    ("11-20 15:00", "Friday {}", "3pm-ish ~3pm ~_3pm 3_o'clock-ish"),
    ("11-20 15:00", "3pm {}", "friday-ish"),
    ("11-20 15:00", "{} friday 3pm", "around about"),
    ("11-20 15:00", "friday {} 3pm", "around about approx approximately roughly circa almost approx. about. 我about"),
    ("12-25 15:00", "{} 3pm", "christmas xmas 我xmas"),
    ("11-26 15:00", "{} 3pm", "thanksgiving"),
    ("2027-10-31 15:00", "{} 3pm", "halloween"),
    ("11-20 15:00", "friday 3pm {}", "hkt local_time"),
]  # fmt: skip

#: What only looks like one of those, beside the same time.
HARMLESS = [
    ("11-20 15:00", "周五下午3点{}", "可以帮忙吗 差不 _到店 到我店 前台见 节约时间 节省点"),
    (
        "11-20 15:00",
        "{}周五下午3点",
        "改到 换到 挪到 推到 约到 调到 移到 延到 延期到 改期到 推迟到 提前到 放到 排到 定到 订到 变到",
    ),
    ("11-20 15:00", "{}周五下午3点", "季节性过敏， 调节镜架， 关节炎， 细节， 环节， 章节，"),
    (
        "11-20 15:00",
        "{} Friday 3pm",
        "notes knots norbert nothing i_was_wondering, i_was_hoping, i_was_thinking, blast agony",
    ),
    ("11-20 15:00", "{} Friday 3pm", "beach onceover orbit gore afternoons bytes fiesta laterally"),
    (
        "11-20 15:00",
        "{}",
        (
            "我上次来配过眼镜的周五下午3点行不行 周五下午_3_点 周六三点冲突了，改周五三点 周六下雨，换周五下午3点 "
            "明天再过一天下午3点 周三再过两天下午3点"
        ),
    ),
    (
        "11-20 15:00",
        "{}",
        "周五下午3点3号楼 周五到店下午3点 周五到3楼下午3点 周五到一家店下午3点 周五至3店下午3点",
    ),
]


@pytest.mark.parametrize(("reason", "frame", "words"), REFUSING)
def test_a_word_that_refuses_a_time_is_heard(reason: str, frame: str, words: str) -> None:
    wrong = [
        (text, answer(text)) for text in said(frame, words) if not f"{answer(text)} ".startswith(f"{reason} ")
    ]
    assert wrong == []


@pytest.mark.parametrize(("time", "frame", "words"), HARMLESS)
def test_a_word_that_only_looks_like_a_refusal_is_not_one(time: str, frame: str, words: str) -> None:
    assert [(text, answer(text)) for text in said(frame, words) if answer(text) != time] == []


@pytest.mark.parametrize(("time", "frame", "words"), READ)
def test_a_word_that_opens_or_loosens_a_time_is_read_with_it(time: str, frame: str, words: str) -> None:
    assert [(text, answer(text)) for text in said(frame, words) if answer(text) != time] == []
