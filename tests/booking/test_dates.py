"""The date grammar, phrase by phrase: times that it understands, questions that it asks, and texts that never name a time."""

import importlib
import json
import re
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from imserver.plugins.booking.dates import asides, doubts, moments, rules, scan
from imserver.plugins.booking.dates.compose import HORIZON_DAYS
from imserver.plugins.booking.dates.deferred import Deferred
from imserver.plugins.booking.dates.rules import RULES, Rule
from imserver.plugins.booking.dates.text import MAX_CHARS, TRADITIONAL
from imserver.plugins.booking.understanding import (
    clocks,
    negation,
    occasions,
    time_doubts,
    time_scene,
    time_scopes,
)
from imserver.plugins.booking.understanding.when import Reading, read_when
from tests.booking.support.asked_times import ASKED
from tests.booking.support.chinese_times import CHINESE, CHINESE_IN_CONTEXT, TRADITIONAL_CHINESE
from tests.booking.support.english_times import ENGLISH

ZONE = "Asia/Shanghai"
WEDNESDAY = datetime.fromisoformat("2026-11-18T10:00")
GOLDEN = Path(__file__).with_name("when_phrases.json")


def read(text: str, now: datetime = WEDNESDAY) -> Reading:
    return read_when(text, now, ZONE)


def stamps(reading: Reading) -> list[str]:
    return [candidate.strftime("%Y-%m-%d %H:%M") for candidate in reading.candidates]


def answer(text: str, now: datetime = WEDNESDAY) -> str:
    """What a row of the tables below holds: month-day and times, or the reason for asking."""
    reading = read(text, now)
    return " | ".join(stamp.removeprefix("2026-") for stamp in stamps(reading)) or str(reading.reason)


# ------------------------------------------------------------------------------------------------------ the golden file


def test_golden_phrases() -> None:
    golden = json.loads(GOLDEN.read_text("utf-8"))
    now = datetime.fromisoformat(golden["now"])
    rows = golden["phrases"]
    wrong, missed, accepted, asked = [], [], 0, 0
    for row in rows:
        got = stamps(read_when(row["text"], now, golden["zone"]))
        if row["accept"] is None:
            asked += not got
            wrong += [(row["text"], got)] if got else []
        elif len(got) == 1 and got[0] in row["accept"]:
            accepted += 1
        elif got:
            wrong.append((row["text"], got))
        elif row.get("may_ask"):
            accepted += 1
        else:
            missed.append(row["text"])
    times = sum(row["accept"] is not None for row in rows)
    print(
        f"accepted {accepted}/{times}, asked {asked}/{len(rows) - times}, wrong {len(wrong)}, missed {len(missed)}"
    )
    assert (wrong, missed) == ([], [])
    assert (accepted, asked) == (times, len(rows) - times)


# ------------------------------------------------------------------------------------- the tables, said on Wed 18 Nov 10:00

TABLES = {
    "chinese": CHINESE,
    "traditional": TRADITIONAL_CHINESE,
    "context": CHINESE_IN_CONTEXT,
    "english": ENGLISH,
    "asked": ASKED,
}
ROWS = [(text, expected) for table in TABLES.values() for text, expected in table.items()]


def test_phrases() -> None:
    """One test: as one for each it took three times as long."""
    got = [(text, answer(text)) for text, _ in ROWS]
    assert [one for one, row in zip(got, ROWS, strict=True) if one != row] == []


def test_the_tables_are_read_without_a_miss() -> None:
    times = [text for text, expected in ROWS if expected[0].isdigit()]
    read_right = sum(bool(read(text).candidates) for text in times)
    asked = sum(not read(text).candidates for text, expected in ROWS if not expected[0].isdigit())
    print(f"accepted {read_right}/{len(times)}, asked {asked}/{len(ROWS) - len(times)}")
    assert (read_right, asked) == (len(times), len(ROWS) - len(times))


# ----------------------------------------------------------------------------------------------- what the dialogue gets


@pytest.mark.parametrize(
    ("text", "day", "part"),
    [
        ("空档 周六", date(2026, 11, 21), None),
        ("预约 明天", date(2026, 11, 19), None),
        ("候补 周六下午", date(2026, 11, 21), "afternoon"),
        ("请假 李老师 周五下午", date(2026, 11, 20), "afternoon"),
        ("/waitlist sat pm", date(2026, 11, 21), "afternoon"),
        ("大后天傍晚", date(2026, 11, 21), "evening"),
        ("next Monday morning", date(2026, 11, 23), "morning"),
        ("下午", None, "afternoon"),
        ("明天下午三点之前", date(2026, 11, 19), "afternoon"),
        ("今日预约 12月3日", date(2026, 11, 18), None),
        ("明天不行", None, None),
        ("每周五", None, None),
        ("本周一", None, None),
        ("周六周日", None, None),
        ("验光", None, None),
    ],
)
def test_a_day_without_a_time_is_kept_for_the_slot_list(
    text: str, day: date | None, part: str | None
) -> None:
    reading = read(text)
    assert reading.candidates == ()
    if text.startswith(
        "今日预约"
    ):  # the command's own 今日 is taken off by the dialogue; two days are never guessed
        assert reading.day is None
        return
    assert (reading.day, reading.part) == (day, part)


@pytest.mark.parametrize(
    ("text", "leftover"),
    [
        ("预约明天下午三点验光", "预约 验光"),
        ("預約 明天下午3點 配鏡", "預約 配鏡"),
        ("Anna Lee 13800138000 tomorrow 3pm", "Anna Lee 13800138000"),
        ("改约 A7K2 明天15:00", "改约 A7K2"),
        ("儿童验光 8岁 周六上午九点", "儿童验光 8岁"),
        ("一周后的下午三点", ""),
        ("book tomorrow at 3pm, please", "book, please"),
    ],
)
def test_what_is_not_a_time_is_handed_back_as_it_was_typed(text: str, leftover: str) -> None:
    assert read(text).leftover == leftover


@pytest.mark.parametrize(
    ("said", "text", "expected"),
    [
        ("2026-11-22T10:00", "下周一上午10点", "11-23 10:00"),  # a Sunday: the week begins on Monday
        ("2026-11-22T10:00", "本周日下午3点", "11-22 15:00"),
        (
            "2026-11-22T10:00",
            "next Monday 3pm",
            "ambiguous_week",
        ),  # tomorrow, or a week later where weeks begin on Sunday
        ("2026-11-16T10:00", "next Friday 3pm", "ambiguous_week"),
        ("2026-11-20T10:00", "next Friday 3pm", "11-27 15:00"),
        ("2026-12-31T10:00", "明天下午3点", "2027-01-01 15:00"),
        ("2026-12-31T10:00", "下个月3号下午3点", "2027-01-03 15:00"),
        ("2026-12-31T10:00", "3号下午3点", "2027-01-03 15:00"),
        ("2026-01-31T10:00", "一个月后下午3点", "impossible"),
        ("2026-01-31T10:00", "29号下午3点", "impossible"),
        ("2027-12-01T10:00", "2月29日下午3点", "2028-02-29 15:00"),
        ("2026-11-18T23:30", "一小时后", "11-19 00:30"),
        ("2026-11-18T16:00", "下午3点", "past"),
        ("2026-11-18T16:00", "3点", "past"),
        ("2026-11-18T15:00", "下午3点", "11-18 15:00"),
        ("2026-11-18T15:00:01", "下午3点", "past"),
    ],
)
def test_the_answer_depends_on_now(said: str, text: str, expected: str) -> None:
    assert answer(text, datetime.fromisoformat(said)) == expected


def test_now_may_come_with_a_zone() -> None:
    utc = WEDNESDAY.replace(tzinfo=ZoneInfo(ZONE)).astimezone(ZoneInfo("UTC"))
    assert read_when("明天3pm", utc, ZoneInfo(ZONE)) == read("明天3pm")


def test_a_wall_time_that_daylight_saving_skips_does_not_exist() -> None:
    spring = datetime.fromisoformat("2026-03-28T10:00")
    assert read_when("tomorrow 2:30 am", spring, "Europe/Berlin").reason == "no_such_time"
    assert read_when("tomorrow 3:00 am", spring, "Europe/Berlin").candidates == (
        spring.replace(day=29, hour=3),
    )


def test_hours_from_now_are_hours_of_the_clock_on_the_wall_after_the_change() -> None:
    night = datetime.fromisoformat("2026-03-29T01:30")
    assert read_when("in 2 hours", night, "Europe/Berlin").candidates == (night.replace(hour=4),)
    autumn = datetime.fromisoformat("2026-10-25T01:30")
    assert read_when("in 1 hour", autumn, "Europe/Berlin").candidates == (autumn.replace(hour=2),)
    assert read_when("in 2 hours", autumn, "Europe/Berlin").reason == "no_such_time"  # the second 02:30


# --------------------------------------------------------------------------------------------------- for any text at all

WORDS = sorted(
    {word for text, _ in ROWS for word in re.findall(r"[a-z]+|[0-9]+|[^\sa-z0-9]|\s", text.lower())}
)
MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1))  # noqa: DTZ001 - wall times of a shop
ZONES = st.sampled_from(["Asia/Shanghai", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC"])
PHRASES = st.sampled_from([text for text, _ in ROWS])
TEXTS = st.one_of(
    st.text(),
    st.lists(st.sampled_from(WORDS), max_size=25).map("".join),
    st.lists(st.sampled_from(WORDS), max_size=15).map(" ".join),
    st.lists(PHRASES, min_size=1, max_size=3).map(" ".join),
)


NUMBER = re.compile("[0-9]+|[零〇一二两三四五六七八九十廿卅]+")
#: No month or day, no month, and too much for anything but a number of minutes or days.
NO_NUMBERS = ("0", "零", "13", "99")


def with_other_numbers() -> Iterator[str]:
    """The phrases of the tables, each kind of them once, with each of its numbers made one that may not exist."""
    kinds = {
        NUMBER.sub("#", text): text for text in (*(text for text, _ in ROWS), "12月底", "3月中", "12月可以")
    }
    for text in kinds.values():
        for found in NUMBER.finditer(text):
            yield from (f"{text[: found.start()]}{number}{text[found.end() :]}" for number in NO_NUMBERS)


def test_a_number_that_no_month_day_or_hour_has_is_read_as_every_other_text() -> None:
    for text in with_other_numbers():
        check_reading(read(text), WEDNESDAY)


@pytest.mark.parametrize("month", ["0", "00", "零", "13", "十三", "99"])
@pytest.mark.parametrize(
    "text", ["{}月", "{}月底", "{}月初", "{}月中旬", "{}月中", "{}月1号", "{}月份可以吗"]
)
def test_there_is_no_month_of_that_number(month: str, text: str) -> None:
    assert answer(text.format(month)) == "impossible"


@settings(max_examples=500, deadline=None)
@given(TEXTS, MOMENTS, ZONES)
def test_every_candidate_is_a_minute_of_the_coming_year(text: str, now: datetime, zone: str) -> None:
    reading = read_when(text, now, zone)
    assert reading == read_when(text, now, zone)
    check_reading(reading, now)


def check_reading(reading: Reading, now: datetime) -> None:
    assert (reading.reason is None) == bool(reading.candidates)
    assert list(reading.candidates) == sorted(set(reading.candidates))
    assert len({candidate.date() for candidate in reading.candidates}) <= 1
    for candidate in reading.candidates:
        assert now <= candidate <= now + timedelta(days=HORIZON_DAYS)
        assert candidate.time() == time(candidate.hour, candidate.minute)
        assert candidate.tzinfo is None


@settings(max_examples=300, deadline=None)
@given(
    PHRASES.filter(lambda text: not re.search("[,，;。!！?？ 改換换推提]", text)),
    st.sampled_from(["不要", "昨天", "每周", " every ", " not ", " or ", "或", " until ", " yesterday "]),
)
def test_a_refusing_word_always_asks(text: str, word: str) -> None:
    assume(
        word != " until " or not re.search("不行|没空|不方便", text)
    )  # busy until then: from then on it is fine
    assume(
        word not in ("不要", " not ") or not re.search("[前后]|before|after", text)
    )  # the other side of it is fine
    assert read(word + text).candidates == ()


@given(PHRASES, PHRASES)
@example("帮我约一下下周五下午3点", "a week on Friday at 3pm")
@example("周六下午3点", "两周后下午三点")
def test_two_phrases_never_give_a_third_time(one: str, two: str) -> None:
    """Two halves may complete each other (tomorrow + 3pm, Saturday 3pm + 11am); no day and no hour is new."""
    first, second, both = read(one).candidates, read(two).candidates, read(f"{one}，{two}").candidates
    if first and second:
        said = (*first, *second)
        assert {moment.date() for moment in both} <= {moment.date() for moment in said}
        assert {moment.time() for moment in both} <= {moment.time() for moment in said}


FULL_WIDTH = {ord(char): ord(char) + 0xFEE0 for char in "0123456789:/-.,()"}
TO_TRADITIONAL = str.maketrans({simple: old for old, simple in TRADITIONAL.items()})


def written(text: str) -> set[str]:
    """The text in other ways, those that make a difference."""
    return {
        text.translate(FULL_WIDTH),
        text.translate(TO_TRADITIONAL),
        text.upper(),
        f"  {text} 👓\n",
    } - {text}


def test_writing_does_not_matter() -> None:
    def understood(text: str) -> tuple[object, ...]:
        reading = read(text)
        return (reading.candidates, reading.reason, reading.day)

    wrong = []
    for text, _ in ROWS:
        plain = understood(text)
        wrong += [other for other in sorted(written(text)) if understood(other) != plain]
    assert wrong == []


# ----------------------------------------------------------------------------------------------------------- bounded work


@pytest.mark.parametrize("filler", [" ", "👓", "\u200b", "\n"])
def test_ten_thousand_characters_of_nothing_do_not_hide_a_time(filler: str) -> None:
    assert answer("明天下午3点" + filler * 10_000) == "11-19 15:00"


@pytest.mark.parametrize("filler", ["啊", "3", "点", "明天", "1:", "周", "three ", "3点到", "-", "𠀀"])
def test_ten_thousand_characters_are_asked_before_any_rule_runs(
    filler: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scan, "RULES", None)
    monkeypatch.setattr(asides, "ASIDES", None)
    assert answer(filler * 10_000) == "too_long"
    assert answer(filler * (MAX_CHARS + 1)) == "too_long"


def unbounded(pattern: str) -> bool:
    """Whether any part of the pattern may repeat for ever, and so make the work grow faster than the text."""
    parser = importlib.import_module("re._parser")

    def walk(node: Any) -> Iterator[Any]:
        if isinstance(node, parser.SubPattern | list | tuple):
            for child in node:
                yield child
                yield from walk(child)

    return any(part is parser.MAXREPEAT for part in walk(parser.parse(pattern)))


def patterns(found: Any) -> Iterator[re.Pattern[str] | Deferred]:
    """Every pattern in what a module holds."""
    if isinstance(found, re.Pattern | Deferred):
        yield found
    elif isinstance(found, Rule):
        yield found.pattern
    elif isinstance(found, tuple | list):
        for one in found:
            yield from patterns(one)


@pytest.mark.parametrize(
    "module",
    [rules, asides, doubts, moments, negation, occasions, time_doubts, time_scene, time_scopes, clocks],
    ids=lambda module: module.__name__,
)
def test_no_rule_repeats_without_bound(module: Any) -> None:
    assert unbounded("(a+)+")
    found = list(
        patterns([value for value in vars(module).values() if value is not RULES or module is rules])
    )
    assert found
    assert [pattern.pattern for pattern in found if unbounded(pattern.pattern)] == []


@pytest.mark.parametrize("text", ["samedi 15:00", "Montag 10:30", "hoy 17:00", "domani 16:00", "besok 14:00"])
def test_a_day_in_a_language_that_is_not_read_is_asked_about(text: str) -> None:
    assert read(text).candidates == ()
