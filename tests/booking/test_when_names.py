"""Every name of a day, a month and a part of the day, on several days of the week, against plain arithmetic."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta

import pytest

from tests.booking.support.spoken_when import TODAY, TOMORROW, WEDNESDAY, answer, at, listed

SAID = [WEDNESDAY, *(WEDNESDAY + timedelta(days=days) for days in (3, 4, 5))]
"""A Wednesday, and the days about a weekend: what a week is depends on the day it is spoken of."""


def wrong(rows: list[tuple[str, str]], now: datetime = WEDNESDAY) -> list[tuple[str, str, str]]:
    got = [(text, answer(text, now), wanted) for text, wanted in rows]
    return [row for row in got if row[1] != row[2] and row[1].split()[0] != row[2]]


# ---------------------------------------------------------------------------------------------------- parts of the day

#: The first and the last hour that people give it.
PARTS = {
    "凌晨 拂晓": (0, 5),
    "早上 早晨 清晨 清早 大清早 一早 早间 朝早 上午 早": (4, 11),
    "中午 正午 晌午 午间": (11, 14),
    "下午 午后": (12, 20),
    "傍晚 黄昏": (16, 20),
    "晚上 夜晚 晚间 夜里 夜间 晚": (17, 23),
    "深夜 半夜 大半夜": (21, 23),
    "morning in_the_morning": (0, 11),
    "noon midday at_noon": (11, 14),
    "afternoon in_the_afternoon": (12, 20),
    "evening in_the_evening": (16, 23),
    "night at_night": (17, 23),
}
PLACED = [(word, span) for words, span in PARTS.items() for word in words.split()]


@pytest.mark.parametrize(("word", "span"), PLACED)
def test_every_hour_of_a_part_of_the_day(word: str, span: tuple[int, int]) -> None:
    first, last = span
    frame = f"tomorrow {word.replace('_', ' ')} at {{}}" if word.isascii() else f"明天{word}{{}}点"
    rows = []
    for hour in range(24):
        meant = [one for one in {hour, hour + 12 if 1 <= hour < 12 else hour} if first <= one <= last]
        none = "midnight" if hour == 12 and (last == 23 or first == 0) else "conflict"
        rows.append((frame.format(hour), " | ".join(at(TOMORROW, one) for one in sorted(meant)) or none))
    assert wrong(rows) == []


def test_a_part_of_the_day_without_a_time_is_kept_for_the_list_of_free_times() -> None:
    names = {
        0: "morning",
        4: "morning",
        11: "noon",
        12: "afternoon",
        16: "evening",
        17: "evening",
        21: "evening",
    }
    for word, (first, last) in PLACED:
        name = "morning" if last == 11 else names[first]
        plain = f"tomorrow {word.replace('_', ' ')}" if word.isascii() else f"明天{word}的"
        if name != "noon" and len(word) > 1:
            assert answer(plain) == f"no_time 11-19 {name}", plain
    for word in ("tonight", "tonite", "2nite", "this evening"):
        assert answer(word) == "no_time 11-18 evening"
        assert answer(f"{word} at 8") == at(TODAY, 20)
    for word, name in {"this morning": "morning", "this afternoon": "afternoon"}.items():
        assert answer(word) == f"no_time 11-18 {name}"


# ---------------------------------------------------------------------------------------------------------------- weeks


def meant(index: int, today: date, prefix: str) -> set[date]:
    """The days that a weekday may be: the coming one, or that of a week that begins on Monday."""
    monday = today - timedelta(days=today.weekday())
    coming = next(day for day in (today + timedelta(days=n) for n in range(1, 8)) if day.weekday() == index)
    sunday = monday + timedelta(
        days=6 if today.weekday() != 6 else 13
    )  # the week after this one, from Sunday
    reckoned = next(day for day in (sunday + timedelta(days=n) for n in range(7)) if day.weekday() == index)
    return {
        "": {today if index == today.weekday() else coming},
        "这": {monday + timedelta(days=index)},
        "下": {monday + timedelta(days=7 + index)},
        "下下": {monday + timedelta(days=14 + index)},
        "next": {coming, monday + timedelta(days=7 + index), reckoned},
    }[prefix]


def wanted(index: int, today: date, prefix: str) -> str:
    days = meant(index, today, prefix)
    return "ambiguous_week" if len(days) > 1 else "past" if min(days) < today else at(min(days), 15)


PREFIXES = {
    "": [""],
    "这": ["这", "本", "这个", "本个", "今个"],
    "下": ["下", "下一", "下个"],
    "下下": ["下下", "下下个"],
}


def chinese_weekdays(today: date) -> Iterator[tuple[str, str]]:
    for index, chars in enumerate(["一1", "二2", "三3", "四4", "五5", "六6", "日天7"]):
        for char in chars:
            for unit in ("周", "星期", "礼拜"):
                for prefix, spelled in PREFIXES.items():
                    for one in spelled:
                        unclear = not char.isdigit() and f"{one}{unit}" in (
                            "下个周",
                            "下一周",
                            "下一星期",
                            "下一礼拜",
                        )
                        yield f"{one}{unit}{char}下午3点", wanted(index, today, "next" if unclear else prefix)
            if char != "7" and not char.isdigit():
                for verb in listed("问 看 查 说 试 帮"):
                    yield f"{verb}下周{char}下午3点", wanted(index, today, "next")


@pytest.mark.parametrize("now", SAID, ids=lambda now: f"{now:%a}")
def test_every_chinese_weekday(now: datetime) -> None:
    assert wrong(list(chinese_weekdays(now.date())), now) == []


WEEKDAYS = listed(
    "mon|monday tue|tues|tuesday wed|weds|wednesday thu|thur|thurs|thursday fri|friday sat|saturday sun|sunday"
)
BEFORE = {"": ["", "on ", "coming ", "this coming "], "这": ["this "], "next": ["next ", "nxt ", "on next "]}


@pytest.mark.parametrize("now", SAID, ids=lambda now: f"{now:%a}")
def test_every_english_weekday(now: datetime) -> None:
    rows = [
        (f"{word}{spelled} 3pm", wanted(index, now.date(), prefix))
        for index, names in enumerate(WEEKDAYS)
        for spelled in names.split("|")
        for prefix, words in BEFORE.items()
        for word in words
    ]
    assert wrong(rows, now) == []


# --------------------------------------------------------------------------------------------------------------- months

MONTHS = listed(
    "jan|january feb|february mar|march apr|april may jun|june jul|july aug|august sep|sept|september "
    "oct|october nov|november dec|december"
)


def test_every_english_month() -> None:
    frames = ["20 {} {} 3pm", "the 20th of {} {} 3pm", "on the 20 {}, {} 3pm", "{} 20 {} 3pm",
              "on {} the 20th, {} 3pm", "{}. 20 {} 3pm"]  # fmt: skip
    rows = [
        (frame.format(spelled, year), at(date(year, month, 20), 15))
        for month, names in enumerate(MONTHS, 1)
        for spelled in names.split("|")
        for year in [2026 if month >= 11 else 2027]
        for frame in frames
    ]
    assert wrong(rows) == []


ORDINALS = ["1st", "2nd", "3rd", *(f"{n}th" for n in range(4, 21)),
            "21st", "22nd", "23rd", *(f"{n}th" for n in range(24, 31))]  # fmt: skip


def test_every_english_ordinal() -> None:
    for day, spelled in enumerate(ORDINALS, 1):
        month = 11 if day >= 18 else 12
        for frame in ("{} 3pm", "the {} 3pm", "on the {} at 3pm"):
            just_passed = 15 <= day < 18
            wanted_ = "past" if just_passed else at(date(2026, month, day), 15)
            assert answer(frame.format(spelled)).split()[0] == wanted_.split()[0]


# ----------------------------------------------------------------------------------------------------- days that are near

NEAR = {
    0: "今天 今日 今儿 今儿个 today 2day",
    1: "明天 明日 明儿 明儿个 听日 tomorrow tommorow tomorow tommorrow tmr tmrw tmw 2morrow 2morow 2moro 2mrw",
    2: "后天 后日 后儿 后儿个 overmorrow day_after_tomorrow the_day_after_tmrw day_after_tmr day_after_tmw day_after_tommorow",
    3: "大后天 大后日 大后儿",
}
SHORT = {"早上": 9, "早": 9, "晨": 9, "晚上": 21, "晚": 21, "夜": 21}


def test_every_name_of_a_near_day() -> None:
    rows = []
    for ahead, words in NEAR.items():
        day = TODAY + timedelta(days=ahead)
        rows += [(f"{word.replace('_', ' ')} 3pm", at(day, 15)) for word in words.split()]
        rows += [(f"{word}15:00", at(day, 15)) for word in words.split() if not word.isascii()]
    for ahead, char in enumerate("今明后"):
        for word, hour in SHORT.items():
            if ahead or hour > 10:
                rows.append((f"{char}{word}9点", at(TODAY + timedelta(days=ahead), hour)))
    assert wrong(rows) == []


OVER = listed(
    "昨天 昨日 昨晚 昨早 昨夜 昨 琴日 寻日 前天 前日 大前天 大前日 去年3月5日 前年3月5日 "
    "yesterday 上周五 上个周五 上上周五 上星期五 上个星期日 上礼拜天 "
    "上周5 上个月5号 上月5号 3天前 三天以前 半天前 2周前 2个星期之前 一个礼拜前 "
    "3个月前 半年前 2年前 3小时前 3个小时以前 半小时前 30分钟前"
)
VAGUE = listed("明天早点 明天晚点 明天早一点 明天晚一点 明天早些 明天晚些")
TWO = listed("今明 今明天 今明两天 今明两 明后天 明后两天")


def test_every_name_of_what_is_over_or_loose() -> None:
    assert [word for word in OVER if not answer(f"{word}下午3点").startswith("past")] == []
    assert [word for word in VAGUE if not answer(word).startswith("no_time 11-19")] == []
    assert [word for word in TWO if not answer(f"{word}下午3点").startswith("several")] == []


#: Spans from now that no frame with a number holds.
SPANS = {
    "in a fortnight at 3pm": "12-02 15:00",
    "in a month's time at 3pm": "12-18 15:00",
    "in two months at 3pm": "2027-01-18 15:00",
    "a month from now at 3pm": "12-18 15:00",
    "一年后下午3点": "2027-11-18 15:00",
    "1年以后下午3点": "2027-11-18 15:00",
    "半年后下午3点": "2027-05-18 15:00",
    "半个月后下午3点": "12-03 15:00",
    "in sixty minutes": "11-18 11:00",
    "in ninety minutes": "11-18 11:30",
    "ninety minutes from now": "11-18 11:30",
    "in a minute": "11-18 10:01",
    "half an hour from now": "11-18 10:30",
    "in a quarter of an hour": "11-18 10:15",
    "a quarter of an hour from now": "11-18 10:15",
    "an hour and a half from now": "11-18 11:30",
    "1.5 hours from now": "11-18 11:30",
    "2 hrs and 5 mins from now": "11-18 12:05",
    "in 2h 15 minutes": "11-18 12:15",
    "过一刻钟": "11-18 10:15",
    "过两刻钟以后": "11-18 10:30",
    "三刻钟后": "11-18 10:45",
    "过半个钟头": "11-18 10:30",
    "过1.5小时": "11-18 11:30",
    "再过1小时零5分钟之后": "11-18 11:05",
    "3小时后，10分钟后": "several",
    "friday the week after next, 3pm": "12-04 15:00",
    "下下个月3号下午3点": "2027-01-03 15:00",
    "下下月的3号下午3点": "2027-01-03 15:00",
    "this month on the 25th at 3pm": "11-25 15:00",
}


def test_every_span_from_now() -> None:
    assert wrong(list(SPANS.items())) == []
