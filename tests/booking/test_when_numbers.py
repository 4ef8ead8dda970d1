"""Every number in every place where the date grammar reads one, against plain arithmetic."""

from collections.abc import Callable, Iterable, Sequence
from datetime import date, timedelta

import pytest

from tests.booking.support.spoken_when import TODAY, TOMORROW, WEDNESDAY, answer, at, listed, written


def chinese(number: int) -> str:
    """一, 十, 十一, 二十, 五十九."""
    tens, ones = divmod(number, 10)
    head = "" if not tens else "十" if tens == 1 else f"{'零一二三四五'[tens]}十"
    return head + ("零一二三四五六七八九"[ones] if ones or not tens else "")


ONES = listed(
    "zero one two three four five six seven eight nine ten eleven twelve "
    "thirteen fourteen fifteen sixteen seventeen eighteen nineteen"
)
TENS = {20: "twenty", 30: "thirty", 40: "forty", 50: "fifty"}


def english(number: int) -> str:
    """one, nineteen, twenty, fifty-nine."""
    tens, ones = number // 10 * 10, number % 10
    return ONES[number] if number < 20 else TENS[tens] + (f"-{ONES[ones]}" if ones else "")


def spellings(number: int) -> list[str]:
    """All the ways in which a Chinese sentence may hold a number."""
    found = [str(number), chinese(number)]
    found += ["两"] if number == 2 else ["〇"] if number == 0 else []
    found += [chinese(number).replace("二十", "廿")] if 20 <= number < 30 else []
    return found + (["卅", "卅一"][number - 30 : number - 29] if number in (30, 31) else [])


def wrong(rows: Iterable[tuple[str, str]]) -> list[tuple[str, str, str]]:
    got = [(text, answer(text), wanted) for text, wanted in rows]
    return [row for row in got if row[1] != row[2] and row[1].split()[0] != row[2]]


def after(**span: int) -> str:
    return written(WEDNESDAY + timedelta(**span))


def in_days(count: int, hour: int = 15) -> str:
    return at(TODAY + timedelta(days=count), hour) if count <= 365 else "too_far"


def in_month(month: int) -> str:
    """The fifth of the month that comes next; what passed less than half a year ago was a slip."""
    return at(date(2026 if month == 12 else 2027, month, 5), 15) if month not in range(6, 12) else "past"


#: A sentence with a gap: the numbers that may stand there, and what is answered to each.
Frames = dict[str, tuple[Sequence[int], Callable[[int], str]]]

CHINESE: Frames = {
    "明天下午3点{}分": (range(1, 60), lambda n: at(TOMORROW, 15, n)),
    "明天下午差{}分4点": (range(1, 60), lambda n: at(TOMORROW, 15, 60 - n)),
    "明天下午差{}分钟到4点": (range(1, 60), lambda n: at(TOMORROW, 15, 60 - n)),
    "明天下午4点差{}分": (range(1, 60), lambda n: at(TOMORROW, 15, 60 - n)),
    "明天{}点": (range(12, 24), lambda n: at(TOMORROW, n)),
    "明天下午{}点": (range(1, 9), lambda n: at(TOMORROW, n + 12)),
    "明天下午{}时": (range(1, 9), lambda n: at(TOMORROW, n + 12)),
    "明天晚上{}点": (range(5, 12), lambda n: at(TOMORROW, n + 12)),
    "明天早{}点": (range(4, 12), lambda n: at(TOMORROW, n)),
    "明天早{}时": (range(4, 12), lambda n: at(TOMORROW, n)),
    "周五晚{}点": (range(5, 12), lambda n: at(TODAY + timedelta(days=2), n + 12)),
    "明天下午差一刻{}点": (range(2, 9), lambda n: at(TOMORROW, n + 11, 45)),
    "明天下午{}点差一刻": (range(2, 9), lambda n: at(TOMORROW, n + 11, 45)),
    "明天下午{}点半": (range(1, 9), lambda n: at(TOMORROW, n + 12, 30)),
    "{}分钟后": (range(1, 60), lambda n: after(minutes=n)),
    "过{}分钟": (range(1, 60), lambda n: after(minutes=n)),
    "{}小时后": (range(1, 60), lambda n: after(hours=n)),
    "过{}小时": (range(1, 60), lambda n: after(hours=n)),
    "{}个半小时后": (range(1, 60), lambda n: after(hours=n, minutes=30)),
    "过{}个半钟头": (range(1, 60), lambda n: after(hours=n, minutes=30)),
    "{}个钟头之后": (range(1, 60), lambda n: after(hours=n)),
    "2小时{}分钟后": (range(1, 60), lambda n: after(hours=2, minutes=n)),
    "过2小时{}分": (range(1, 60), lambda n: after(hours=2, minutes=n)),
    "{}天后下午3点": (range(1, 60), in_days),
    "{}天以后下午3点": (range(1, 60), in_days),
    "{}周之后下午3点": (range(1, 60), lambda n: in_days(7 * n)),
    "{}个星期后下午3点": (range(1, 60), lambda n: in_days(7 * n)),
    "{}个礼拜过后下午3点": (range(1, 60), lambda n: in_days(7 * n)),
    "{}个月后下午3点": (range(1, 13), lambda n: at(date(2026 + (10 + n) // 12, (10 + n) % 12 + 1, 18), 15)),
    "11月{}日下午3点": (range(19, 31), lambda n: at(date(2026, 11, n), 15)),
    "12月{}号下午3点": (range(1, 32), lambda n: at(date(2026, 12, n), 15)),
    "12月{}下午3点": (range(1, 32), lambda n: at(date(2026, 12, n), 15)),
    "{}月5日下午3点": (range(1, 13), in_month),
    "{}月份5号下午3点": (range(1, 13), in_month),
    "{}号下午3点": ((*range(1, 15), *range(18, 31)), lambda n: at(date(2026, 11 if n >= 18 else 12, n), 15)),
    "下个月{}日下午3点": (range(1, 32), lambda n: at(date(2026, 12, n), 15)),
    "{}天前下午3点": (range(1, 60), lambda n: "past"),
    "{}分钟以前下午3点": (range(1, 60), lambda n: "past"),
    "明天下午3点，孩子{}岁": (range(1, 60), lambda n: at(TOMORROW, 15)),
    "明天下午3点，孩子{}岁半": (range(1, 60), lambda n: at(TOMORROW, 15)),
    "明天下午3点，小学{}年级": ([1, *range(3, 10)], lambda n: at(TOMORROW, 15)),
    "明天下午3点，{}个人": (range(1, 60), lambda n: at(TOMORROW, 15)),
    "明天下午3点，第{}次": (range(1, 60), lambda n: at(TOMORROW, 15)),
    "明天下午3点，在{}楼": (range(1, 60), lambda n: at(TOMORROW, 15)),
}

ENGLISH: Frames = {
    "in {} minutes": (range(1, 60), lambda n: after(minutes=n)),
    "in {} hours": (range(1, 60), lambda n: after(hours=n)),
    "in {} and a half hours": (range(1, 60), lambda n: after(hours=n, minutes=30)),
    "{} mins from now": (range(1, 60), lambda n: after(minutes=n)),
    "{} hours from now": (range(1, 60), lambda n: after(hours=n)),
    "in {} days at 3pm": (range(1, 60), in_days),
    "in {} weeks at 3pm": (range(1, 60), lambda n: in_days(7 * n)),
    "{} days from today at 3pm": (range(1, 60), in_days),
    "{} days from tomorrow at 3pm": (range(1, 60), lambda n: in_days(n + 1)),
    "{} weeks from tomorrow at 3pm": (range(1, 60), lambda n: in_days(7 * n + 1)),
    "{} past 3 tomorrow afternoon": (range(1, 60), lambda n: at(TOMORROW, 15, n)),
    "{} minutes past 3 tomorrow afternoon": (range(1, 60), lambda n: at(TOMORROW, 15, n)),
    "{} minutes to 4 tomorrow afternoon": (range(1, 60), lambda n: at(TOMORROW, 15, 60 - n)),
    "half past {} pm tomorrow": (range(1, 12), lambda n: at(TOMORROW, n + 12, 30)),
    "quarter to {} tomorrow afternoon": (range(2, 9), lambda n: at(TOMORROW, n + 11, 45)),
    "tomorrow {} pm": (range(1, 12), lambda n: at(TOMORROW, n + 12)),
    "tomorrow {}am": (range(1, 12), lambda n: at(TOMORROW, n)),
    "tomorrow afternoon at {}": (range(1, 9), lambda n: at(TOMORROW, n + 12)),
    "{} o'clock tomorrow afternoon": (range(1, 9), lambda n: at(TOMORROW, n + 12)),
    "{} in the afternoon tomorrow": (range(1, 9), lambda n: at(TOMORROW, n + 12)),
    "tomorrow 3pm for {} people": (range(1, 60), lambda n: at(TOMORROW, 15)),
}
ENGLISH_WORDS: Frames = {
    "{} thirty tomorrow afternoon": (range(1, 9), lambda n: at(TOMORROW, n + 12, 30)),
    "tomorrow afternoon at {} oh five": (range(1, 9), lambda n: at(TOMORROW, n + 12, 5)),
}


@pytest.mark.parametrize("frame", CHINESE)
def test_every_number_of_a_chinese_phrase(frame: str) -> None:
    numbers, wanted = CHINESE[frame]
    assert wrong((frame.format(text), wanted(n)) for n in numbers for text in spellings(n)) == []


@pytest.mark.parametrize("frame", ENGLISH | ENGLISH_WORDS)
def test_every_number_of_an_english_phrase(frame: str) -> None:
    numbers, wanted = (ENGLISH | ENGLISH_WORDS)[frame]
    spelled: list[Callable[[int], str]] = [english, lambda n: english(n).replace("-", " ")]
    spelled += [str] if frame in ENGLISH else []
    assert wrong((frame.format(spell(n)), wanted(n)) for n in numbers for spell in spelled) == []


@pytest.mark.parametrize("minute", [10, 15, *range(20, 60, 5)])
def test_every_minute_that_is_said_behind_an_hour(minute: int) -> None:
    assert answer(f"tomorrow afternoon at three {english(minute)}") == at(TOMORROW, 15, minute)
