"""Days, times and ranges as people write them: plain values are read, and loose ones keep their wish."""

from datetime import date, datetime, timedelta
from itertools import pairwise

import pytest

from imserver.plugins.booking.dates.holidays import HOLIDAYS, MOVING
from imserver.plugins.booking.understanding.acts import Shown

from .support.speech import CARD, acts, hear, when

#: Said on Wednesday, 18 November 2026, at ten.
PLAIN = {
    # dates and clock times in any hand
    "11.28 10:00": "11-28 10:00",
    "11-28下午3点": "11-28 15:00",
    "12-25 3pm": "12-25 15:00",
    "20261203 15:00": "12-03 15:00",
    "20.11.2026 15:00": "11-20 15:00",
    "20-Nov 3pm": "11-20 15:00",
    "20/11 15.00": "11-20 15:00",
    "15h30": "11-18 15:30",
    "周六9 : 30": "11-21 09:30",
    "周六15.30": "11-21 15:30",
    "周六1530": "11-21 15:30",
    "thurs1030": "11-19 10:30",
    "约11.26.上午10.半": "11-26 10:30",
    "明天下午3.点": "11-19 15:00",
    "周 六 下 午 三 点": "11-21 15:00",
    "周六③点": "11-21 15:00",
    "周六下午叁点": "11-21 15:00",
    "禮拜六下晝三點": "11-21 15:00",
    "聽日朝早十點半": "11-19 10:30",
    "tmrw 3": "11-19 15:00",
    "sat 11": "11-21 11:00",
    "this evening 7": "11-18 19:00",
    "tomorrow at half three": "11-19 15:30",
    "the 20th, half four": "11-20 16:30",
    "next Tuesday, 10.30 if poss": "11-24 10:30",
    # about
    "周六下午三点左右": "11-21 15:00",
    "大概周六下午三点": "11-21 15:00",
    "周六差不多三点": "11-21 15:00",
    "around 4pm on Saturday": "11-21 16:00",
    "tmrw 3ish": "11-19 15:00",
    # days by another day
    "下下下周三下午三点": "12-09 15:00",
    "大大后天上午十点": "11-22 10:00",
    "明上午十点": "11-19 10:00",
    "周五的前一天下午三点": "11-19 15:00",
    "元旦前一天上午十点": "12-31 10:00",
    "day before Christmas 3pm": "12-24 15:00",
    "Friday week 3pm": "11-27 15:00",
    "Monday fortnight 3pm": "12-07 15:00",
    "in two weeks, Thursday 10am": "12-03 10:00",
    "两个星期以后的周五下午三点": "12-04 15:00",
    "20号之后的周六下午三点": "11-21 15:00",
    "第二个周六下午三点": "11-28 15:00",
    "月底最后一个周六下午三点": "11-28 15:00",
    "last Friday of the month 3pm": "11-27 15:00",
    "first Monday of December at 10am": "12-07 10:00",
    "月底上午十点": "11-30 10:00",
    "end of the month 3pm": "11-30 15:00",
    "10 days later 3pm": "11-28 15:00",
    "周五下午三点再晚一小时": "11-20 16:00",
    # today's weekday, and the hour that a shop is open
    "周三下午三点": "11-18 15:00",
    "明天3点": "11-19 15:00",
    "周二十点": "11-24 10:00",
    "周六十一点": "11-21 11:00",
    "周五六点": "11-20 18:00",
    "周六8点半": "11-21 08:30 11-21 20:30",
    # several
    "周六上午十点或者下午三点": "11-21 10:00 11-21 15:00",
    "周六或者周日下午三点": "11-21 15:00 11-22 15:00",
    "周六 下午 3点 或 3点半": "11-21 15:00 11-21 15:30",
    "周末下午三点": "11-21 15:00 11-22 15:00",
    "周四到周六下午三点": "11-19 15:00 11-20 15:00 11-21 15:00",
    "Friday at 2, failing that Saturday at 2": "11-20 14:00 11-21 14:00 first free",
    "两点，不行的话两点半，周四": "11-19 14:00 11-19 14:30 first free",
    # ranges
    "明天下午3-5点": "11-19 15:00..17:00 wish 15:00",
    "明天三点到四点": "11-19 15:00..16:00 wish 15:00",
    "周三五六点钟": "11-18 17:00..18:00 wish 17:00",
    "周六上午10点-12点": "11-21 10:00..12:00 wish 10:00",
    "周六上午十点到下午两点": "11-21 10:00..14:00 wish 10:00",
    "tomorrow 9-11am": "11-19 09:00..11:00 wish 09:00",
    "Thu between 10 and 12": "11-19 10:00..12:00 wish 10:00",
    "周四晚上七点以后": "11-19 19:00..00:00 wish 19:00",
    "Saturday 3pm or later": "11-21 15:00..00:00 wish 15:00",
    "not before 3 on Saturday": "11-21 15:00..00:00 wish 15:00",
    "周六三点前": "11-21 00:00..15:00",
    "before 6 on Saturday": "11-21 00:00..18:00",
    # asked
    "8点": "?past",
    "今天早上八点": "?past",
    "17号下午三点": "?past",
    "周三上午九点": "11-25 09:00 ?ambiguous_week",
    "S 3pm": "?leftover",
    "国庆节后第一天上班": "?range",
    "周五之前": "?range",
    "明天周五上午10点": "?conflict",
    "每周六下午三点": "?recurring",
    "推迟两小时 明天3点": "?several",
    "that day at 3pm": "11-18 15:00 ?vague",
    "下周三点": "?which_day",
}


@pytest.mark.parametrize("text", PLAIN)
def test_what_a_text_comes_to(text: str) -> None:
    assert when(text) == PLAIN[text]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("想周六下午来验光，有位置吗", "give day 11-21, give range afternoon"),
        ("周六，早上", "give day 11-21, give range morning"),
        ("这个周末上午都可以", "give day 11-21+11-22, give range morning"),
        ("周五六日随便一天", "give day 11-20, give day 11-21, give day 11-22"),
        ("preferably Friday after 4", "give day 11-20, give range 16:00-24:00"),
        ("周六三点到四点半之间都行", "give day 11-21, give range 15:00-16:30"),
        (
            "10号前随便哪天下午",
            "give day 12-03+12-04+12-05+12-06+12-07+12-08+12-09, give range afternoon",
        ),
        ("工作日都不行", "refuse day None"),
        ("I work Mondays", "refuse day 11-23"),
        ("每周二我都有课", "refuse day 11-24"),
        ("避开周末就好", "refuse day 11-21+11-22"),
        ("周六人多不多", "give day 11-21"),
    ],
)
def test_days_and_ranges_are_given_in_acts(text: str, said: str) -> None:
    assert acts(text) == said


@pytest.mark.parametrize(
    ("text", "shown", "found"),
    [
        ("四点", CARD, "11-20 16:00"),
        ("周六", CARD, "?no_time"),
        ("四点", Shown(date(2026, 11, 21)), "11-21 16:00"),  # a slot of that day was refused
        ("四点", Shown(), "11-18 16:00"),
        ("我有三点要求", CARD, ""),
    ],
)
def test_a_bare_hour_belongs_to_the_day_last_said(text: str, shown: Shown, found: str) -> None:
    assert when(text, shown) == found


@pytest.mark.parametrize(
    ("text", "here", "said"),
    [
        ("Saturday 9am Berlin time", "11-21 16:00", ("11-21 09:00", "Europe/Berlin")),
        ("周五下午三点美东时间", "11-21 04:00", ("11-20 15:00", "America/New_York")),
        ("2pm CET on Thursday", "11-19 21:00", ("11-19 14:00", "Europe/Berlin")),
        ("noon Friday, Tokyo", "11-20 11:00", ("11-20 12:00", "Asia/Tokyo")),
    ],
)
def test_another_clock_is_converted_and_asked_with_both(text: str, here: str, said: tuple[str, str]) -> None:
    found = hear(text).when
    assert found is not None
    assert (found.reason, [f"{moment:%m-%d %H:%M}" for moment in found.candidates]) == ("zone", [here])
    assert found.elsewhere is not None
    assert (f"{found.elsewhere[0]:%m-%d %H:%M}", found.elsewhere[1]) == said
    assert acts(text) == ""


def test_the_shops_own_clock_is_no_other() -> None:
    for text in ("北京时间周五三点", "Friday 3pm your time", "friday 3pm hkt"):
        assert when(text) == "11-20 15:00"
    assert when("Friday 3pm my time") == "?zone"


def test_every_holiday_has_the_coming_date() -> None:
    said = {
        "元旦": "2027-01-01", "圣诞节": "2026-12-25", "平安夜": "2026-12-24", "国庆": "2027-10-01", "中秋": "2027-09-15",
        "除夕": "2027-02-05", "端午节": "2027-06-09", "清明": "2027-04-05", "冬至": "2026-12-22", "双十二": "2026-12-12",
        "Thanksgiving": "2026-11-26", "Christmas Eve": "2026-12-24", "New Year's Eve": "2026-12-31",
        "new year's day": "2027-01-01", "boxing day": "2026-12-26", "五一节": "2027-05-01", "元宵": "2027-02-20",
    }  # fmt: skip
    for name, day in said.items():
        found = hear(f"{name} 3pm").when
        assert found is not None
        assert [f"{moment:%Y-%m-%d}" for moment in found.candidates] == [day], name


def test_the_table_of_the_lunar_calendar_is_in_order_and_a_holiday_behind_it_is_asked_about() -> None:
    for name, days in MOVING.items():
        for day, following in pairwise(days):
            assert timedelta(days=350) < following - day < timedelta(days=390), name
    after = datetime.fromisoformat("2031-06-01T10:00")
    assert when("端午节下午三点", now=after) == "?vague"
    assert all(find(date(2026, 11, 18)) for _, find in HOLIDAYS)


@pytest.mark.parametrize(
    "text",
    [
        "我想约周六上午十一点验光",
        "不好意思，周五不行，周六下午三点吧",
        "👋🏼 周六③点",
        "周 六 下 午 三 点",
        "tomrw 3pm plz",
    ],
)
def test_spans_are_those_of_the_text_as_it_was_typed(text: str) -> None:
    for act in hear(text).acts:
        said = "".join(text[span.start : span.end] for span in act.spans)
        assert said.strip()
        if act.what == "day" and act.kind == "give":
            assert "六" in said
