"""Words besides times: every word of answers, visits, lenses and names, and words that only look like one."""

from zoneinfo import ZoneInfo

import pytest

from imserver.plugins.booking.schedule.shops import load_chain
from imserver.plugins.booking.understanding.ear import MAX_CHARS, MAX_NAME_CHARS, Ear, Said, load_heard
from tests.booking.support.ledger import ms
from tests.booking.test_when_words import listed

EAR = Ear(load_chain("demo"))
NOW = ms("2026-11-18T10:00", ZoneInfo("Asia/Shanghai"))

YES = listed(
    "好 好的 好啊 好呀 是 是的 对 对的 嗯 嗯嗯 确认 确定 可以 行 没问题 没错 要 同意 ok okay yes y yep yeah sure "
    "confirm correct right fine please_do yes_please OK Yes！ 好。 確認"
)
NO = listed(
    "不 不是 不对 否 不要 不用 不用了 不行 不了 算了 取消 放弃 先不约 不约了 不取消 保留 no n nope no_thanks cancel "
    "never_mind nevermind stop quit keep keep_it No. 不對"
)
FIRST = listed(
    "第一次来 第一次 头一次 首次 初次 新顾客 没来过 first_visit first_time new_customer never_been my_first"
)
BEFORE = listed(
    "不是第一次 不是首次 来过了 来过 老顾客 老客户 以前来过 not_my_first_visit not_my_first not_the_first_time "
    "not_first been_before been_here_before returning i_have_been"
)
LENSES = {
    "soft": listed("软性隐形 软镜 软性 日抛 月抛 soft 軟鏡"),
    "rgp": listed("硬镜 硬性 rgp rigid RGP"),
    "orthok": listed("角膜塑形镜 塑形镜 ok镜 OK镜 ortho-k orthok ortho_k"),
}
NAMED = listed("我叫做 我叫 名字叫 名字是 姓名是 姓名 名字 称呼 本人 我是 叫我 给 帮")
NAMED_ENGLISH = listed("my_name_is my_name's name_is name i_am i'm call_me this_is it's_for for")
NOT_A_NAME = listed(
    "? ？ 吗 呢 怎么 什么 多少 哪 请问 可以 能不能 为什么 谢谢 how what where when why which thanks can_i do_you is_there"
)
INSTEAD = listed(
    "还是改到 还是 改成 换成 改到 换到 那就 要不 要不然 make_it rather how_about what_about actually"
)


def hear(text: str) -> Said:
    return EAR.hear(text.replace("_", " "), NOW, None)


def test_every_yes_and_no() -> None:
    assert [word for word in YES if hear(word).answer is not True] == []
    assert [word for word in NO if hear(word).answer is not False] == []
    assert [
        word for word in ("好吧好吧", "不知道", "ok?!a", "notes", "1") if hear(word).answer is not None
    ] == []


def test_every_way_to_say_that_one_was_here_or_not() -> None:
    assert [word for word in FIRST if hear(f"{word}，验光").first_visit is not True] == []
    assert [word for word in BEFORE if hear(f"{word}，验光").first_visit is not False] == []
    for word in (*FIRST, *BEFORE):
        assert hear(f"王小明 {word}").rest.strip(" ，,") in ("王小明", "王小明，"), word
    assert hear("firsttime").first_visit is None


def test_every_kind_of_lenses() -> None:
    for kind, words in LENSES.items():
        assert [word for word in words if hear(f"我戴{word}").lenses != kind] == []


def test_a_name_behind_every_word_that_stands_before_names() -> None:
    assert [word for word in NAMED if EAR.name_in(hear(f"{word}王小明")) != "王小明"] == []
    assert [word for word in NAMED if EAR.name_answer(hear(f"{word}：王小明")) != "王小明"] == []
    assert [word for word in NAMED_ENGLISH if EAR.name_in(hear(f"{word} Ann Lee")) != "Ann Lee"] == []
    assert EAR.name_in(hear("王小明")) == ""
    assert EAR.name_answer(hear("王小明")) == "王小明"
    assert EAR.name_answer(hear("Forrest")) == "Forrest"  # not behind "for"


def test_a_question_is_no_name() -> None:
    wrong = [word for word in NOT_A_NAME if EAR.name_answer(hear(f"小店 {word} 停车"))]
    assert wrong == []
    assert [word for word in NOT_A_NAME if not EAR.asks_people(hear(f"停车 {word} 啊"))] == []
    assert EAR.name_answer(hear("Howard Whitman")) == "Howard Whitman"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("王" * MAX_NAME_CHARS, "王" * MAX_NAME_CHARS),
        ("王" * (MAX_NAME_CHARS + 1), ""),
        ("周一鸣", "周一鸣"),
        ("明天下午三点可不可", ""),
        ("明天", ""),
        ("好的", ""),
        ("12", ""),
        ("A7K2", ""),
        ("—— ——", ""),
        ("/help me", ""),
        ("  Ann   Lee. ", "Ann Lee"),
    ],
)
def test_what_may_be_a_name(text: str, name: str) -> None:
    assert EAR.name_answer(hear(text)) == name


def test_no_choice_is_heard_in_a_change_of_mind() -> None:
    for word in INSTEAD:
        reading = hear(f"{word} 周六下午3点").reading
        assert reading is not None
        assert reading.reason is None, word


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("8岁", (8, "child")),
        ("12周岁", (12, "child")),
        ("孩子 8 years old", (8, "child")),
        ("30 yrs", (30, "adult")),
        ("30 yr old", (30, "adult")),
        ("30yo", (30, "adult")),
        ("70岁", (70, "senior")),
        ("30 years young", (None, None)),
    ],
)
def test_an_age_is_a_band(text: str, found: tuple[int | None, str | None]) -> None:
    said = hear(text)
    assert (said.age, said.band and said.band.id) == found


def test_numbers_codes_and_versions() -> None:
    assert [hear(text).number for text in ("1", "10", " 99 ", "2.", "100", "1 2")] == [
        1,
        10,
        99,
        2,
        None,
        None,
    ]
    assert [hear(text).code for text in ("取消 a7k2", "取消A7K2吧", "取消")] == ["A7K2", "A7K2", ""]
    assert [hear(text).version for text in ("确认 A7K2 v12", "A7K2 V3", "av3", "v3x")] == [12, 3, None, None]


def test_a_text_for_people_is_not_read() -> None:
    said = hear("明天下午3点" + "啊" * (MAX_CHARS - 6))
    assert said.names_time
    longer = hear("明天下午3点" + "啊" * (MAX_CHARS - 5))
    assert (longer.names_time, longer.reading) == (False, None)


def test_the_tables_name_every_word() -> None:
    """A new word of the shipped table needs its line above."""
    heard = load_heard()
    tables = {
        "yes": YES,
        "no": NO,
        "first_visit": FIRST,
        "returning": BEFORE,
        "instead": INSTEAD,
        "not_a_name": NOT_A_NAME,
    }
    tables["name_before"] = NAMED + NAMED_ENGLISH
    for key, words in [*tables.items(), *((kind, words) for kind, words in LENSES.items())]:
        shipped = heard[key] if key in heard else heard["lenses"][key]
        assert set(shipped) - {word.replace("_", " ") for word in words} == set(), key
