"""Refusals that name no value are of the day or the hour that the card shows; words that only look like them say nothing."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imserver.plugins.booking.understanding.acts import Shown
from imserver.plugins.booking.understanding.unnamed import read_unnamed

from .support.speech import CARD, acts, hear


def listed(words: str) -> list[str]:
    return [word.strip() for word in words.split("|")]


HOUR = listed(
    "早了|早了点|太早了吧|太早|这么早啊|有点早|有点儿早|早了些|也太早了|这也太晚了吧|晚了|有点晚|嫌早|那么晚啊|太赶了|时间太紧了|"
    "赶不上|来不及|起不来|我起不来啊|爬不起来|那个点不行|那个点我没下班|这个点不合适|时间不对|时间错了|时间弄错了|换个时间|换个点|"
    "能换个时间吗|另外找个时间|别的时间有吗|其他时间呢|这几个都不凑巧|往后一点|靠前一点的|没空|"
    "too early|that's too early|thats too late for me|bit early|a little late for me|can't make that|cant do that time|"
    "that doesn't work|that won't work|doesn't suit me|wrong time|the time is wrong|i'm busy then|i'm at work then|"
    "another time|a different time please|something earlier|anything later|can it be a bit later|later would be better"
)
DAY = listed(
    "日期不对|日期错了|日子不对|看错日子了|记错日子了|名字对，日期错|换个日子|换一天吧|改天吧|可以换一天吗|那天不在|那天够呛|那天排不开|"
    "那天我爸过寿|wrong day|wrong date|the date is wrong|that's the wrong day|not the right day|"
    "another day|can we do another day|"
    "different day please|could you change the date|i'm out of town that day"
)
NOTHING = listed(
    "好的|早|早啊|就这个时间|那天可以|这个时间可以|时间没问题|不早不晚正好|不算早|早点来没事吧|太好了|晚安|see you then|"
    "good morning|what a day|sooner is not the name|紧张|来得及"
)


@pytest.mark.parametrize("text", HOUR)
def test_the_hour_of_the_card_is_refused(text: str) -> None:
    assert acts(text, CARD) == "refuse time 15:00"
    assert (said := hear(text, CARD).when) is not None
    assert said.reason is not None


@pytest.mark.parametrize("text", DAY)
def test_the_day_of_the_card_is_refused(text: str) -> None:
    assert acts(text, CARD) == "refuse day 11-20"


@pytest.mark.parametrize("text", NOTHING)
def test_what_only_looks_like_a_refusal_is_none(text: str) -> None:
    assert "refuse" not in acts(text, CARD)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("太早了，四点吧", "refuse time 15:00, correct time 16:00"),
        ("太早了四点行吗", "refuse time 15:00, correct time 16:00"),
        ("那天不在，周六", "refuse day 11-20, give day 11-21"),
        ("赶不上，改五点", "refuse time 15:00, correct time 17:00"),
    ],
)
def test_what_is_wished_instead_puts_it_right(text: str, said: str) -> None:
    assert ", ".join(sorted(acts(text, CARD).split(", "), reverse=True)) == said


@pytest.mark.parametrize("text", ["太早了", "换个时间", "wrong day", "can't make that"])
def test_nothing_is_refused_where_no_day_was_offered(text: str) -> None:
    assert acts(text, Shown()) == ""


@given(st.text("太早晚了点换个时间日子不对吧啊 ,，\x00\x01\x02\x03toearlylae'n", max_size=60))
def test_places_are_in_the_text_in_order_and_apart(text: str) -> None:
    found = list(read_unnamed(text))
    ends = [0, *(place for one in found for place in (one.start, one.end))]
    assert ends == sorted(ends)
    assert ends[-1] <= len(text)


def spent_on(text: str) -> int:
    """ns of CPU, the best of a few."""
    best = 10**12
    for _ in range(5):
        begun = time.process_time_ns()
        list(read_unnamed(text))
        best = min(best, time.process_time_ns() - begun)
    return best


def test_masked_characters_are_not_shared_out_in_every_way() -> None:
    """Three times as many cost some three times as much, and not a thousand times."""
    assert spent_on("\x02" * 38 + "早餐") < 50 * spent_on("\x02" * 12 + "早餐")
