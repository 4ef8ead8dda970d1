"""Every word that must not wait, a second time: each sentence is a red flag by one alternative of the table alone."""

import pytest

from imserver.plugins.booking.understanding.alarms import (
    MAX_FIRST,
    MAX_LAST,
    OVERLAP_CHARS,
    WINDOW_CHARS,
    RedFlags,
)
from tests.booking.test_when_words import said

FLAGS = RedFlags()

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
        "突然有飞蚊 很多的飞蚊 突然很多黑点 突然好多的黑点 闪光 眼里冒金星 眼睛里有闪电 突然有亮光 突然有光点",
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
    "闪光灯 闪光粉 flashlight flash_light flash_photography flash_photograph camera_flash flash_sale "
    "眼镜被打 眼霜被打 眼影被打 眼光被打 眼科很好 眼药好疼"
)


@pytest.mark.parametrize(
    ("kind", "frame", "words"),
    [("chemical", *row) for row in CHEMICAL] + [("urgent", *row) for row in URGENT],
)
def test_every_word_of_the_table_is_a_red_flag(kind: str, frame: str, words: str) -> None:
    found = [(text, FLAGS.find(text)) for text in said(frame, words)]
    assert [text for text, flag in found if flag is None or flag.kind != kind] == []
    for text in said(frame, words):
        assert FLAGS.find(text.upper()) is not None


def test_what_is_certainly_something_else_is_none() -> None:
    assert [text for text in said("{}", NOT_MEANT) if FLAGS.find(f"see {text}, eye")] == []


@pytest.mark.parametrize("edge", [0, 800, WINDOW_CHARS, 1600, 1800, 2000, 2600, 3000, 5000])
def test_a_red_flag_is_found_wherever_it_stands_in_a_long_text(edge: int) -> None:
    """Also across the edge of a window, wherever in the sentence the edge is."""
    flag = "我的左眼刚才突然看不见了"
    for before in range(max(edge - len(flag), 0), edge + 2):
        assert FLAGS.find("聊" * before + flag + "聊" * 3000) is not None, before


def test_of_many_windows_about_eyes_the_first_and_the_last_are_read() -> None:
    step = WINDOW_CHARS - OVERLAP_CHARS
    filler = ("眼" + "聊" * 99) * (step // 100)
    many = filler * 3 * (MAX_FIRST + MAX_LAST)
    for where in (step * (MAX_FIRST - 1), len(many) - step * (MAX_LAST - 1)):
        assert FLAGS.find(f"{many[:where]}突然失明{many[where:]}") is not None
    read = (MAX_FIRST + MAX_LAST) * FLAGS.steps_of_window
    assert len(list(FLAGS.look(many))) == read  # and no more, however long it is
