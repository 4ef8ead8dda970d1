"""Times as people say them: by the long hand, typed by thumb, by what one does then; and what is only told of a time."""

import pytest

from .support.speech import acts, when

#: Said on Wednesday, 18 November 2026, at ten.
CLOCKS = {
    # the figure that the long hand points at, and so many of its fives
    "星期六三點九": "11-21 15:45",
    "星期六三點搭三": "11-21 15:15",
    "聽日下晝四點踏正": "11-19 16:00",
    "聽日下晝四點搭半": "11-19 16:30",
    "星期六兩點十個字": "11-21 14:50",
    "星期六三點三個骨": "11-21 15:45",
    "聽晚七點": "11-19 19:00",
    "聽朝十點": "11-19 10:00",
    "外后天上午十点": "11-21 10:00",
    "周六三点三十分": "11-21 15:30",
    "周六三点二十": "11-21 15:20",
    # halves and quarters
    "friday half-past four": "11-20 16:30",
    "friday qtr to 4": "11-20 15:45",
    "friday quarter of four": "11-20 15:45",
    "friday 3, no wait, 4": "11-20 16:00",
    # typed by thumb
    "fri 3;30pm": "11-20 15:30",
    "fri 3 30pm": "11-20 15:30",
    "fri 3-30pm": "11-20 15:30",
    "fri 3 30": "11-20 15:30",
    "fri 3pmish": "11-20 15:00",
    "fri 10a": "11-20 10:00",
    "fri 3:30p": "11-20 15:30",
    "fri 1630hrs": "11-20 16:30",
    "fri 16:30h": "11-20 16:30",
    "fri abt 3": "11-20 15:00",
    "fri aftr 3pm": "11-20 15:00..00:00 wish 15:00",
    "fri b4 noon": "11-20 00:00..12:00",
    "fri btw 3 n 5": "11-20 15:00..17:00 wish 15:00",
    "周五下午1500": "11-20 15:00",
    # a day of a month by its weekday; of the lunar year no table has it
    "十二月第一个周六上午十点": "12-05 10:00",
    "腊月初八上午十点": "?vague",
    "农历十一月初一上午十点": "?vague",
    "本月27日上午十时前往贵店": "11-27 10:00",
}


@pytest.mark.parametrize("text", CLOCKS)
def test_a_clock_time_in_any_hand(text: str) -> None:
    assert when(text) == CLOCKS[text]


@pytest.mark.parametrize(
    ("part", "texts"),
    [
        ("morning", "周五午饭前 周五早饭后 周五上班前 周五上课之前"),
        ("noon", "周五午饭时候 星期五食晏嗰阵"),
        ("afternoon", "周五放学后 周五午饭之后 周五吃了午饭过去 星期五食完晏 星期五放學後 周五晚饭前"),
        ("evening", "星期五放工後 星期五收工先得 周五下班后 周五晚餐后"),
    ],
)
def test_what_one_does_before_names_a_part_of_the_day(part: str, texts: str) -> None:
    for text in texts.split():
        assert acts(text) == f"give day 11-20, give range {part}"


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("friday before work", "morning"),
        ("friday after breakfast", "morning"),
        ("friday before dinner", "afternoon"),
        ("fri eve", "evening"),
        ("fri morn", "morning"),
    ],
)
def test_english_parts_of_the_day(text: str, part: str) -> None:
    assert acts(text) == f"give day 11-20, give range {part}"


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("the first week of december", range(1, 8)),
        ("下个月第二周", range(8, 15)),
        ("十二月第一个周末", range(5, 7)),
    ],
)
def test_a_week_of_a_month_is_its_days(text: str, days: range) -> None:
    assert acts(text) == "give day " + "+".join(f"12-{day:02}" for day in days)
