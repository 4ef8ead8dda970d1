"""What staff say of periods, days and hours is read, or asked about: whatever is typed, nothing is guessed, nothing breaks."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imserver.plugins.booking.dialogue.plan_words import (
    OpeningDays,
    Period,
    read_opening_days,
    read_period,
    read_spans,
)

ZONE = ZoneInfo("Asia/Shanghai")
#: A Wednesday.
NOW = datetime.fromisoformat("2026-11-18T10:00")


def period(text: str) -> str | None:
    found = read_period(text, NOW, ZONE)
    return (
        None
        if found is None
        else f"{found.start:%m-%d %H:%M} {found.end:%m-%d %H:%M}{' ' * bool(found.note)}{found.note}"
    )


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("周五", "11-20 00:00 11-21 00:00"),
        ("周五全天", "11-20 00:00 11-21 00:00"),
        ("明天上午", "11-19 00:00 11-19 12:00"),
        ("今天下午", "11-18 12:00 11-18 18:00"),
        ("周五下午 看病", "11-20 12:00 11-20 18:00 看病"),
        ("周五下午 培训", "11-20 12:00 11-20 18:00 培训"),
        ("周五 9:00-12:00 看牙", "11-20 09:00 11-20 12:00 看牙"),
        ("12月3日到5日 旅游", "12-03 00:00 12-06 00:00 旅游"),
        ("12月3日起3天 家里有事", "12-03 00:00 12-06 00:00 家里有事"),
        ("12月25日到 元旦", "12-25 00:00 01-02 00:00"),
        ("周五 9:00-12:00", "11-20 09:00 11-20 12:00"),
        ("周五9点到12点", "11-20 09:00 11-20 12:00"),
        ("周五下午2点到5点", "11-20 14:00 11-20 17:00"),
        ("周五下午两点半到四点", "11-20 14:30 11-20 16:00"),
        ("周五上午到下午", "11-20 00:00 11-20 18:00"),
        ("明天下午3点以后", "11-19 15:00 11-20 00:00"),
        ("明天下午3点以前", "11-19 00:00 11-19 15:00"),
        ("12月3日到12月5日", "12-03 00:00 12-06 00:00"),
        ("12月3日到5日", "12-03 00:00 12-06 00:00"),
        ("12月3号-5号", "12-03 00:00 12-06 00:00"),
        ("12月30日到1月2日", "12-30 00:00 01-03 00:00"),
        ("12月30日到2日", "12-30 00:00 01-03 00:00"),
        ("周五到周日", "11-20 00:00 11-23 00:00"),
        ("下周一到下周三", "11-23 00:00 11-26 00:00"),
        ("下周一到周五", "11-23 00:00 11-28 00:00"),
        ("从周五下午3点到周一上午10点", "11-20 15:00 11-23 10:00"),
        ("2026-12-04 - 2026-12-08", "12-04 00:00 12-09 00:00"),
        ("fri afternoon", "11-20 12:00 11-20 18:00"),
        ("dec 3 to dec 5", "12-03 00:00 12-06 00:00"),
        ("fri 2pm to 5pm", "11-20 14:00 11-20 17:00"),
        ("fri 2-5pm", "11-20 14:00 11-20 17:00"),
        ("fri from 3pm", "11-20 15:00 11-21 00:00"),
        ("tomorrow all day", "11-19 00:00 11-20 00:00"),
        ("周三", "11-18 00:00 11-19 00:00"),  # said on that day: today, as everywhere
        ("fri off please", "11-20 00:00 11-21 00:00"),
        ("fri before noon", "11-20 00:00 11-20 12:00"),
        ("周五中午以后", "11-20 12:00 11-21 00:00"),
    ],
)
def test_a_period_is_read(text: str, wanted: str) -> None:
    assert period(text) == wanted


@pytest.mark.parametrize(
    "text",
    ["", "请假", "周五3点", "周五除了3点", "不是周五", "周五不请", "昨天", "周五或者周六", "周五12点到9点半前后",
     "13月5日", "周五 9:00-12:00 14:00-15:00", "fri or sat", "not fri", "next week maybe", "12月5日到12月3日",
     "fri after lunch", "from fri", "周五以后"],
)  # fmt: skip
def test_what_is_not_clear_is_asked(text: str) -> None:
    assert period(text) is None


@pytest.mark.parametrize(
    ("text", "spans", "days"),
    [
        ("每周六 10:00-16:00", ("10:00-16:00",), OpeningDays((5,))),
        ("周六 10:00-16:00", ("10:00-16:00",), OpeningDays((5,), date(2026, 11, 21), True)),
        ("周三 10点到16点", ("10:00-16:00",), OpeningDays((2,), date(2026, 11, 18), True)),
        ("周一到周五 9:00-18:00", ("09:00-18:00",), OpeningDays((0, 1, 2, 3, 4))),
        ("周六到周一 9:00-18:00", ("09:00-18:00",), OpeningDays((5, 6, 0))),
        ("每周六和每周日休息", (), OpeningDays((5, 6))),
        ("每天 9:00-20:00", ("09:00-20:00",), OpeningDays((0, 1, 2, 3, 4, 5, 6))),
        ("12月26日 10:00-12:30 13:30-16:00", ("10:00-12:30", "13:30-16:00"), OpeningDays(day=date(2026, 12, 26))),
        ("下周六 10点半-16点", ("10:30-16:00",), OpeningDays(day=date(2026, 11, 28))),
        ("12月25日", None, OpeningDays(day=date(2026, 12, 25))),
        ("every sat 10:00-16:00", ("10:00-16:00",), OpeningDays((5,))),
        ("saturdays 10:00-16:00", ("10:00-16:00",), OpeningDays((5,))),
        ("mon-fri 9:00-18:00", ("09:00-18:00",), OpeningDays((0, 1, 2, 3, 4))),
        ("sun closed", (), OpeningDays((6,), date(2026, 11, 22), True)),
        ("dec 26 10:00-16:00", ("10:00-16:00",), OpeningDays(day=date(2026, 12, 26))),
        ("every sun 10am-12pm, 1-5:30pm", ("10:00-12:00", "13:00-17:30"), OpeningDays((6,))),
        ("dec 26 10am to 4pm", ("10:00-16:00",), OpeningDays(day=date(2026, 12, 26))),
        ("每周六 上午10点到下午4点", ("10:00-16:00",), OpeningDays((5,))),
        ("每周六 10:00-16:00 12月起", ("10:00-16:00",), None),
        ("every sat 10:00-16:00 from december", ("10:00-16:00",), None),
        ("10:00-16:00", ("10:00-16:00",), None),
        ("额多少", None, None),
        ("到几点", None, None),
    ],
)  # fmt: skip
def test_opening_hours_are_read(text: str, spans: tuple[str, ...] | None, days: OpeningDays | None) -> None:
    read, rest = read_spans(text)
    assert read == spans
    assert read_opening_days(rest, NOW, ZONE) == days


@given(st.text(alphabet="周一二三日12月年点半下上午到-至:0369 从每天 frisatomp,。请假休息😀", max_size=40))
def test_whatever_is_typed_a_period_is_to_come_and_not_empty(text: str) -> None:
    found = read_period(text, NOW, ZONE)
    assert found is None or isinstance(found, Period)
    if found is not None:
        assert found.start < found.end
        assert found.end > NOW
        assert found.end - found.start <= timedelta(days=800)
    spans, rest = read_spans(text)
    assert spans is None or all(len(span) == 11 for span in spans)
    read_opening_days(rest, NOW, ZONE)


@pytest.mark.parametrize("text", ["周五" * 5_000, "9:00-" * 2_000, "到" * 10_000, " - " * 3_000])
def test_a_long_text_is_read_in_no_time(text: str) -> None:
    read_period(text, NOW, ZONE)
    _, rest = read_spans(text)
    read_opening_days(rest, NOW, ZONE)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("30/11-2/12", "2026-11-30 2026-12-02"),
        ("30/11 to 2/12", "2026-11-30 2026-12-02"),
        ("28/12-3/1", "2026-12-28 2027-01-03"),
        ("27/3/2027-29/3/2027", "2027-03-27 2027-03-29"),
        ("2027年3月27日到29日", "2027-03-27 2027-03-29"),
        ("dec 3-5", "2026-12-03 2026-12-05"),
        ("3 - 5 december", "2026-12-03 2026-12-05"),
        ("dec 30-jan 2", "2026-12-30 2027-01-02"),
        ("30 dec-2 jan 2027", "2026-12-30 2027-01-02"),
        ("12月3-5日", "2026-12-03 2026-12-05"),
        ("12月30日-1月2日", "2026-12-30 2027-01-02"),
        ("2026-12-03-2026-12-05", "2026-12-03 2026-12-05"),
        ("周五-周日", "2026-11-20 2026-11-22"),
        ("fri-sun", "2026-11-20 2026-11-22"),
        ("周五和周六", "2026-11-20 2026-11-21"),
        ("周五、周六、周日", "2026-11-20 2026-11-22"),
        ("下周", "2026-11-23 2026-11-29"),
        ("周末", "2026-11-21 2026-11-22"),
        ("12月3日起三天", "2026-12-03 2026-12-05"),
        ("3 days from dec 3", "2026-12-03 2026-12-05"),
    ],
)
def test_a_range_of_days_is_all_of_them(text: str, wanted: str) -> None:
    found = read_period(text, NOW, ZONE)
    assert found is not None, text
    last = found.end - timedelta(days=1)
    assert f"{found.start:%Y-%m-%d} {last:%Y-%m-%d}" == wanted
    assert found.start.time() == found.end.time() == datetime.min.time()


@pytest.mark.parametrize(
    "text",
    ["3/12-5/12", "30/11-2/13", "31/11-2/12", "2/12-30/11/2026", "周五和周日", "dec 5-3 2026", "2026-12-05-2026-12-03",
     "12月3日起900天", "3/12-5"],
)  # fmt: skip
def test_a_range_that_may_be_another_or_none_is_asked_about(text: str) -> None:
    assert read_period(text, NOW, ZONE) is None


def test_a_range_ends_with_the_part_of_its_last_day() -> None:
    assert period("12月3日至12月5日上午") == "12-03 00:00 12-05 12:00"
    assert period("周五 9:00-12:00") == "11-20 09:00 11-20 12:00"
