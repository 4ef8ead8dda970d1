"""Texts that must not break the bot: ten thousand characters, emoji, other widths and scripts, and every phrase in use."""

import json
import time
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imserver.plugins.booking.schedule.chain_file import load_chain
from imserver.plugins.booking.schedule.slots import why_not
from imserver.plugins.booking.understanding.acts import When
from tests.booking.support.heard import hear
from tests.booking.support.ledger import ms
from tests.booking.support.shop import NOW, Shop, shown

PHRASES = json.loads(Path(__file__).with_name("when_phrases.json").read_text(encoding="utf-8"))
NOW_MS = int(NOW.timestamp() * 1000)

HOSTILE = [
    "预约" + "明" * 10_000,
    "9" * 10_000,
    "/book " + "tomorrow " * 2_000,
    "预约 👓👁️‍🗨️🙃 明天下午3点 验光 👍",
    "／ｂｏｏｋ　ｔｏｍｏｒｒｏｗ　３ｐｍ",
    "預約 明天下午３點 驗光",
    "预约 tomorrow 下午3点 eye exam",
    "\u202e预约\u0000\u0007明天",
    "预约 {name} {0} %s {when!r}",
    "改约 A7K2 v999999999999999999999",
    "取消 '; DROP TABLE booking_cells; --",
    "空档 " + "周六" * 200,
    "(((((((" * 500,
    "\ud83d\ude00" * 200,
    "0",
    "-1",
    "１",
    "/",
    "/ ",
    "v1",
    "是" * 300,
]


@pytest.mark.parametrize("step", ["nothing", "booking", "name", "confirm"])
async def test_hostile_texts_break_nothing(step):
    async with Shop() as shop:
        for number, text in enumerate(HOSTILE):
            user = f"user-{number}"
            here = await shop.customer(user)
            prelude = {
                "nothing": [],
                "booking": ["预约"],
                "name": ["预约 12月3日 15:00 验光"],
                "confirm": ["预约 12月3日 15:00 验光", "王小明，成人，来过"],
            }[step]
            for line in prelude:
                await shop.say(user, here, line)
            await shop.say(user, here, text.encode("utf-16", "surrogatepass").decode("utf-16"))
            assert shop.kit.log.events("error") == []
            assert "别名" not in await shop.hear(user, here, "帮助")
            await shop.say(user, here, "取消")


async def test_widths_scripts_and_mixed_languages_say_the_same():
    async with Shop() as shop:
        for number, text in enumerate(HOSTILE[3:7]):
            here = await shop.customer(f"user-{number}")
            said = await shop.say(f"user-{number}", here, text)
            answer = shown(said[-1])
            assert "15:00" in answer, (text, answer)


async def test_pictures_and_files_are_for_people():
    async with Shop() as shop:
        here = await shop.customer("ming")
        await shop.say("ming", here, {"type": "image", "blob": "x"})
        assert await shop.sql("SELECT COUNT(*) FROM booking_services WHERE waiting_since IS NOT NULL") == [
            (1,)
        ]
        await shop.say("ming", here, {"type": "x-anything", "text": 7})
        await shop.say("ming", here, {"type": "card", "title": "预约"})


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.text(max_size=400))
def test_the_reader_understands_or_not_but_never_fails(text):
    for step in ("", "name", "age", "confirm"):
        assert hear(text, NOW_MS, step=step).text == text


def cpu_s(text: str) -> float:
    """The least of five: what else the machine does only adds."""
    took = []
    for _ in range(5):
        begin = time.thread_time()
        hear(text, NOW_MS)
        took.append(time.thread_time() - begin)
    return min(took)


def test_no_text_is_much_more_work_than_an_ordinary_one():
    """Hearing happens inside a transaction, so a text must not be able to hold it open."""
    usual = max(cpu_s(row["text"]) for row in PHRASES["phrases"])
    assert max(map(cpu_s, HOSTILE)) < 40 * usual


@pytest.mark.parametrize("row", PHRASES["phrases"], ids=lambda row: row["text"])
def test_golden_phrases_through_the_filter_of_the_dialogue(row):
    """What is left of the candidates after the shop's rules is right, or nothing."""
    store = load_chain("demo").stores[0]
    zone = NOW.tzinfo
    now_ms = ms(PHRASES["now"], zone)
    reading = hear(f"{row['text']} 验光", now_ms, store).when or When()
    kept = [wall for wall in reading.candidates if why_not(store, wall, 30, now_ms) is None]
    accepted = {datetime.fromisoformat(one) for one in row["accept"] or ()}
    assert set(kept) <= accepted or len(kept) > 1
    if kept and len(kept) > 1:
        assert accepted & set(kept)
