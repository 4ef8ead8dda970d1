"""What a text costs grows with its length and no faster, others run in between, and one too long for a bot goes to people."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import pytest

from imserver.plugin_host import HostLimits
from imserver.plugins.booking.understanding import alarms
from imserver.plugins.booking.understanding.alarms import (
    MAX_FIRST,
    MAX_LAST,
    STEP_CHARS,
    WINDOW_CHARS,
    RedFlags,
)
from tests.booking.support.shop import RIVER, Shop

FLAGS = RedFlags()

#: Words at which many patterns begin, and none of which ends one: without the right word behind them nothing is found.
HARD = [
    "sudden ",
    "突然",
    "眼 ",
    "see sudden ",
    "眼很",
    "eyes hurts ",
    "can't see ",
    "see eye acid ",
    "see splashed got sprayed ",
    "重影",
    "聊眼",
    "see severe pain ",
    "眼 打 黑",
]
MAX_TEXT_CHARS = HostLimits().max_text_chars


def cpu_s(work: Callable[[], object]) -> float:
    """The least time of several, because others use the machine, too."""
    least = float("inf")
    for _ in range(3):
        begun = time.thread_time()
        work()
        least = min(least, time.thread_time() - begun)
    return least


def ratio(work: Callable[[str], object], once: str, twice: str) -> float:
    """How much more the second costs; asked again if it seems too much."""
    return next(
        (
            found
            for _ in range(4)
            if (found := cpu_s(partial(work, twice)) / cpu_s(partial(work, once))) <= 2.5
        ),
        3.0,
    )


@pytest.mark.parametrize("words", HARD)
@pytest.mark.parametrize("chars", [240, 450, 2000])
def test_twice_the_text_costs_at_most_two_and_a_half_times_as_much(words: str, chars: int) -> None:
    once, twice = ((words * chars)[:count] for count in (chars, 2 * chars))
    assert FLAGS.find(twice) is None
    assert ratio(FLAGS.find, once, twice) <= 2.5


@pytest.mark.parametrize("words", HARD)
def test_the_patterns_themselves_are_linear_without_windows(words: str) -> None:
    once, twice = ((words * 4000)[:count] for count in (4000, 8000))
    for kind, patterns in FLAGS._kinds:
        for number, pattern in enumerate(patterns):
            assert pattern.search(twice) is None
            assert ratio(pattern.search, once, twice) <= 2.5, (kind, number)


@pytest.mark.parametrize("chars", [100, 200, 500, 999, 1000, 1001, 2000, 4000, 8000, 16_000])
def test_twice_the_text_has_at_most_two_and_a_half_times_as_much_to_read_and_in_the_end_no_more(
    chars: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    windows: list[str] = []
    plain = alarms._plain

    def noted(window: str) -> str:
        windows.append(window)
        return plain(window)

    monkeypatch.setattr(alarms, "_plain", noted)

    def read(count: int) -> int:
        """Characters that are looked at by all patterns."""
        windows.clear()
        assert FLAGS.find(("眼 " * count)[:count]) is None
        return sum(map(len, windows))

    assert read(2 * chars) <= 2.5 * read(chars)
    assert read(2 * chars) <= (MAX_FIRST + MAX_LAST) * WINDOW_CHARS


def test_a_step_is_a_few_patterns_of_one_window() -> None:
    assert FLAGS.steps_of_window >= 2 * WINDOW_CHARS / STEP_CHARS
    assert len(list(FLAGS.look("眼" * WINDOW_CHARS))) == FLAGS.steps_of_window
    assert len(list(FLAGS.look("聊" * WINDOW_CHARS))) == 1


@pytest.mark.parametrize(
    ("text", "kind", "words"),
    [
        ("突然看不见了，酒精进眼睛了", "chemical", "酒精进眼睛"),
        ("eye bleeding, then suddenly blind", "urgent", "eye bleed"),
        ("suddenly blind, eye bleeding", "urgent", "suddenly blind"),
        ("黑影，眼睛流血", "urgent", "黑影"),
        ("眼睛流血，黑影", "urgent", "眼睛流血"),
    ],
)
def test_the_first_in_the_text_is_told_whatever_step_finds_it(text: str, kind: str, words: str) -> None:
    flag = FLAGS.find(text)
    assert flag is not None
    assert (flag.kind, flag.words) == (kind, words)


async def test_a_text_that_is_too_long_for_a_bot_goes_to_the_staff_unread() -> None:
    """Also if it begins as a command does, or answers the open question."""
    for text in ("我想约个时间，", "/book 明天15:00 ", "预约 明天15:00 验光 ", "1 "):
        async with Shop() as shop:
            here = await shop.customer("ming", bot=RIVER)
            await shop.say("ming", here, "预约 明天15:00 验光")
            service = await shop.service("ming", "river")
            long = text + "聊" * MAX_TEXT_CHARS
            before = await shop.sql("SELECT count(*), max(status) FROM booking_appointments")
            await shop.say("ming", service, long)
            assert await shop.sql("SELECT count(*), max(status) FROM booking_appointments") == before
            waits = await shop.sql(
                "SELECT waiting_since FROM booking_services WHERE conversation_id = ?", service
            )
            assert waits != [(None,)], text


async def test_words_of_an_emergency_are_heard_in_a_text_of_any_length() -> None:
    async with Shop() as shop:
        here = await shop.customer("ming", bot=RIVER)
        said = await shop.say("ming", here, "聊" * (2 * MAX_TEXT_CHARS) + "右眼突然看不见了")
        assert any("急" in str(one.content) for one in said)


async def test_a_flood_of_hard_texts_delays_another_customer_by_one_of_each_flooder() -> None:
    """As much as they cost: what counts is how many of them are before hers."""
    flooders, texts = ("f1", "f2", "f3", "f4"), 12
    hard = ("see eye acid " * MAX_TEXT_CHARS)[: MAX_TEXT_CHARS - 10]

    async def handled_before_ann(count: int) -> int:
        async with Shop() as shop:
            where = {name: await shop.customer(name, bot=RIVER) for name in ("ann", *flooders)}
            [figures] = shop.kit.host.figures()
            before = figures.handled_count
            for number in range(count):
                for name in flooders:
                    await shop.kit.post(name, where[name], f"{hard} {number}")
            await shop.kit.post("ann", where["ann"], "空档")
            seen = len(shop.kit.messages(where["ann"]))
            worker = shop.kit.host._running[0].worker
            deal, answered = worker._feed.deal, []

            def dealt(event):
                deal(event)
                answered.append(event.message.sender_id)

            worker._feed.deal = dealt  # type: ignore[method-assign]
            await shop.kit.idle()
            assert len(shop.kit.messages(where["ann"])) > seen
            assert len(answered) <= shop.kit.host.figures()[0].handled_count - before
            return answered.index("ann")

    assert await handled_before_ann(0) == 0
    # In the order of commits it would be 48.
    assert await handled_before_ann(texts) <= 2 * len(flooders)
