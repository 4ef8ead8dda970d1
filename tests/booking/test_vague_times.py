"""Ranges and vague times: a day is to be picked from some, an hour has its range, and a refusal has the day it names."""

from datetime import timedelta

import pytest

from .support.speech import CARD, WEDNESDAY, acts, hear, when

MORNING, NOON, AFTERNOON, EVENING = (
    "一早 大清早 头晌 头午 上半天 前半晌 前晌 上午头 早晨那会儿",
    "晌午 晌午头 大中午 午休时间 午饭时间",
    "午饭后 吃完午饭 后半晌 后晌 过晌 下半天 下午晚点 下午那会儿",
    "傍黑 擦黑 入夜 下班后 下了班 晚饭后 晚间",
)
ENGLISH_PARTS = {
    "morning": "first thing|first thing in the morning|early morning|before lunch|am",
    "noon": "lunchtime|at lunch|over lunch|around noon|noonish",
    "afternoon": "late afternoon|after lunch|after school|pm",
    "evening": "after work|dinner time",
}


@pytest.mark.parametrize(
    ("part", "words"),
    [("morning", MORNING), ("noon", NOON), ("afternoon", AFTERNOON), ("evening", EVENING)],
)
def test_the_parts_of_a_day_in_any_dialect(part: str, words: str) -> None:
    for word in words.split():
        assert f"give day 11-20, give range {part}" == acts(f"周五{word}"), word


@pytest.mark.parametrize("part", ENGLISH_PARTS)
def test_the_parts_of_a_day_in_english(part: str) -> None:
    for word in ENGLISH_PARTS[part].split("|"):
        assert f"give day 11-20, give range {part}" == acts(f"friday {word}"), word


@pytest.mark.parametrize(
    ("words", "hours"),
    [
        ("三点往后|过了三点|不能早于三点|别早于三点|要到三点以后|最早三点", "15:00-24:00"),
        ("不能晚于三点|别晚于三点|别超过三点|赶在三点前|最迟三点", "00:00-15:00"),
        ("三到五点|三点和五点之间|三点到五点中间|从三点到五点", "15:00-17:00"),
        ("上午十点以后|上午吧，十点往后", "10:00-12:00"),
    ],
)
def test_the_ends_of_a_range(words: str, hours: str) -> None:
    for word in words.split("|"):
        assert acts(f"周五{word}") == f"give day 11-20, give range {hours}", word


def test_the_ends_of_a_range_in_english() -> None:
    frames = {
        "15:00-24:00": "3 onwards|3 at the earliest|not earlier than 3|3 or later",
        "00:00-15:00": "not later than 3|not after 3|3 at the latest",
        "15:00-17:00": "3-5|3 to 5|3 till 5|from 3 to 5|between 3 and 5",
    }
    for hours, words in frames.items():
        for word in words.split("|"):
            assert acts(f"friday {word}") == f"give day 11-20, give range {hours}", word
    assert acts("not before 11, not after 1", CARD) == "correct range 11:00-13:00"


@pytest.mark.parametrize(
    ("text", "first", "count"),
    [
        ("下周", "11-23", 7), ("这周随便哪天", "11-18", 5), ("下周头两天", "11-23", 2), ("下礼拜头", "11-23", 2),
        ("下周后半周", "11-26", 4), ("周中", "11-18", 3), ("12月中旬", "12-11", 10), ("下月上旬", "12-01", 10),
        ("下个月中", "12-11", 10), ("12月", "12-01", 31), ("25号前", "11-18", 7), ("25号以后", "11-25", 7),
        ("周五之前", "11-18", 2), ("元旦放假那三天", "01-01", 3), ("国庆假期", "10-01", 7), ("early next week", "11-23", 3),
        ("late december", "12-21", 11), ("sometime in december", "12-01", 31), ("before friday", "11-18", 2),
        ("next week sometime", "11-23", 7), ("11月下旬", "11-21", 10), ("late november", "11-21", 10),
    ],
)  # fmt: skip
def test_one_of_some_days_is_to_be_picked(text: str, first: str, count: int) -> None:
    found = hear(text).when
    assert found is not None
    assert (f"{found.days[0]:%m-%d}", len(found.days)) == (first, count)
    assert found.days[0].year == 2026 + (first < "11-18")
    assert found.reason in ("which_day", "range")
    assert not found.candidates
    assert acts(text).startswith("give day")


@pytest.mark.parametrize(
    ("text", "ahead", "days"),
    [
        ("周六日", 3, (21, 22)),  # said on that Saturday
        ("周五、六", 3, (21, 27)),
        ("周中", 2, (23, 24, 25, 26, 27)),  # on a Friday it is over
        ("周中", 1, (19, 20)),
    ],
)
def test_the_day_itself_is_one_of_those_that_are_named(text: str, ahead: int, days: tuple[int, ...]) -> None:
    found = hear(text, now=WEDNESDAY + timedelta(days=ahead)).when
    assert found is not None
    assert tuple(day.day for day in found.days) == days


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("20、21号下午三点", "11-20 15:00 11-21 15:00"),
        ("大年初三下午三点", "02-08 15:00"),
        ("元旦前一天下午三点", "12-31 15:00"),
        ("国庆节头一天下午三点", "10-01 15:00"),
        ("周五早八", "11-20 08:00"),
        ("明朝十点", "11-19 10:00"),
        ("再过三天下午三点", "11-21 15:00"),
        ("周五三点那会儿", "11-20 15:00"),
        ("周五下班后六点", "11-20 18:00"),
        ("周五三点能来不", "11-20 15:00"),
        ("随便哪天下午三点", "11-18 15:00 ?vague"),
        ("friday three", "11-20 15:00"),
        ("friday 3 thirty", "11-20 15:30"),
    ],
)
def test_times_said_oddly(text: str, found: str) -> None:
    assert when(text) == found


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("make that 11", "correct time 11:00"),
        ("how about 4", "correct time 16:00"),
        ("let's do 4", "correct time 16:00"),
        ("move it to 4", "correct time 16:00"),
        ("4 works better", "correct time 16:00"),
        ("i said 4 not 3", "correct time 16:00, refuse time 15:00"),
        ("rather than friday, do sunday", "refuse day 11-20, give day 11-22"),
        ("instead of friday can we do sunday", "refuse day 11-20, give day 11-22"),
        ("no i said sunday", "correct day 11-22"),
        ("three won't work, five would", "refuse time 15:00, give time 17:00"),
        ("day before that", "correct day 11-19"),
        ("第二天同一时间", "correct day 11-21, give time 15:00"),
        ("次日", "correct day 11-21"),
        ("下周同一时间", "give time 15:00, correct day 11-27"),
        ("later by an hour", "correct time 16:00"),
        ("晚半个钟", "correct time 15:30"),
        ("往后错一小时", "correct time 16:00"),
        ("从三点改到四点", "refuse time 15:00, give time 16:00"),
        ("今天就能来，不用等到周五", "refuse day 11-20, give day 11-18"),
        ("怎么还是周五", "refuse day 11-20"),
        ("周五来不成", "refuse day 11-20"),
        ("周五腾不出空来", "refuse day 11-20"),
        ("周五轮到我值班", "refuse day 11-20"),
        ("三点要接孩子", "refuse time 15:00"),
        ("三点还没下班呢", "refuse time 15:00"),
        ("friday clashes with my shift", "refuse day 11-20"),
        ("won't be able to make friday", "refuse day 11-20"),
        ("any time but 3", "refuse time 15:00"),
        ("只要不超过半小时", ""),
        ("端午那天不算", "refuse day 06-09"),
    ],
)
def test_what_is_refused_and_put_right_at_a_card(text: str, said: str) -> None:
    assert sorted(acts(text, CARD).replace("correct", "give").split(", ")) == sorted(
        said.replace("correct", "give").split(", ")
    )
