"""What a text costs grows with its length and no faster, others run in between, and one too long for a bot goes to people."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest

from imserver.plugin_host import HostLimits
from imserver.plugins.booking.understanding.alarms import (
    MAX_FIRST,
    MAX_HITS,
    MAX_LAST,
    OVERLAP_CHARS,
    PIECES_IN_STEP,
    RULES_IN_STEP,
    STEP_CHARS,
    WINDOW_CHARS,
    Hits,
    RedFlags,
)
from tests.booking.support.shop import RIVER, Shop

FLAGS = RedFlags()
sre_parse: Any = importlib.import_module("re._parser")
PATTERNS = [
    *(pattern.pattern for pattern in (*FLAGS._sets.values(), *FLAGS._softens.values())),
    *(pattern.pattern for pattern in (FLAGS._about, FLAGS._not_meant, FLAGS._now)),
    *(pattern.pattern for pattern in (FLAGS._denied, FLAGS._denied_within, FLAGS._denied_behind)),
]

#: Words at which many expressions begin, and with which hardly one ends.
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
    "进",
    "嘴",
    "眼突然",
    "被眼",
    "灯",
    "一二三",
    "11",
    "a ",
    "eye in hit ",
    "the eye hurts in my ",
    "not no ",
    "aaab",
]
MAX_TEXT_CHARS = HostLimits().max_text_chars


def cpu_s(work: Callable[[], object], times: int = 3) -> float:
    """The least time of several, because others use the machine, too."""
    least = float("inf")
    for _ in range(times):
        begun = time.thread_time()
        work()
        least = min(least, time.thread_time() - begun)
    return least


def ratio(work: Callable[[str], object], once: str, twice: str) -> float:
    """How much more the second costs; asked again, and more often, if it seems too much."""
    return next(
        (
            found
            for times in (1, 3, 3, 3)
            if (found := cpu_s(partial(work, twice), times) / cpu_s(partial(work, once), times)) <= 2.5
        ),
        3.0,
    )


@pytest.mark.parametrize("words", HARD)
@pytest.mark.parametrize("chars", [240, 450, 2000])
def test_twice_the_text_costs_at_most_two_and_a_half_times_as_much(words: str, chars: int) -> None:
    once, twice = ((words * chars)[:count] for count in (chars, 2 * chars))
    assert ratio(lambda text: list(FLAGS.look(text)), once, twice) <= 2.5


def repeats(parsed: Any, within: bool = False) -> Iterator[tuple[int, bool]]:
    """How often at most each part of an expression repeats, and whether it stands in a part that repeats."""
    for operation, argument in parsed:
        inner = within
        if operation in (sre_parse.MAX_REPEAT, sre_parse.MIN_REPEAT):
            yield argument[1], within
            inner = within or argument[1] > 1
        for part in parts(argument):
            yield from repeats(part, inner)


def parts(argument: Any) -> Iterator[Any]:
    """The expressions in the argument of an operation."""
    if isinstance(argument, sre_parse.SubPattern):
        yield argument
    elif isinstance(argument, tuple | list):
        for one in argument:
            yield from parts(one)


def test_an_expression_spans_a_bounded_number_of_characters_and_repeats_nothing_that_repeats() -> None:
    """So its cost at each character is bounded, and that of a text grows as its length does."""
    for pattern in PATTERNS:
        parsed = sre_parse.parse(pattern)
        assert parsed.getwidth()[1] <= OVERLAP_CHARS, pattern
        for most, within in repeats(parsed):
            assert most <= 60, pattern
            assert most <= 1 or not within, pattern


def test_noting_words_of_a_window_ends_at_so_many() -> None:
    hits = Hits(FLAGS, "眼睛" * WINDOW_CHARS)
    assert len(hits.all("eye")) == MAX_HITS


@pytest.mark.parametrize("chars", [100, 200, 500, 999, 1000, 1001, 2000, 4000, 8000, 16_000])
def test_twice_the_text_has_at_most_two_and_a_half_times_as_much_to_read_and_in_the_end_no_more(
    chars: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    windows: list[str] = []
    plain = RedFlags.fold

    def noted(flags: RedFlags, window: str) -> str:
        windows.append(window)
        return plain(flags, window)

    monkeypatch.setattr(RedFlags, "fold", noted)

    def read(count: int) -> int:
        """Characters that are looked at by all patterns."""
        windows.clear()
        list(FLAGS.look(("眼 " * count)[:count]))
        return sum(map(len, windows))

    assert read(2 * chars) <= 2.5 * read(chars)
    assert read(2 * chars) <= (MAX_FIRST + MAX_LAST) * WINDOW_CHARS


def test_a_step_is_a_few_rules_or_pieces_of_one_window() -> None:
    assert RULES_IN_STEP <= 8
    assert PIECES_IN_STEP <= 4
    assert FLAGS.steps_of_window() >= 2 * WINDOW_CHARS / STEP_CHARS
    assert len(list(FLAGS.look("聊眼" * (WINDOW_CHARS // 2)))) <= FLAGS.steps_of_window() + 1
    assert len(list(FLAGS.look("聊" * WINDOW_CHARS))) == 1


@pytest.mark.parametrize(
    ("text", "kind", "words"),
    [
        ("突然看不见了，酒精进眼睛了", "chemical", "酒精进眼"),
        ("eye bleeding, then suddenly blind", "injury", "eye bleeding"),
        ("suddenly blind, eye bleeding", "sight_lost", "suddenly blind"),
        ("黑影，眼睛流血", "curtain", "黑影"),
        ("眼睛流血，黑影", "injury", "眼睛流血"),
    ],
)
def test_the_first_in_the_text_is_told_whatever_step_finds_it(text: str, kind: str, words: str) -> None:
    flag = FLAGS.find(text)
    assert flag is not None
    assert flag.kind == kind
    assert flag.words.startswith(words)


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
