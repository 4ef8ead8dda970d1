"""Phrases and dialogues that users wrote, apart from the code: no time is read wrongly, few are asked about, and each dialogue
ends as its writer expects.

`when_phrases.json` and `when_phrases_2.json` are readings of phrases; `booking_dialogues.json` holds dialogues that went wrong
once, each with what should happen, which `_EXPECTED` says as checks, and texts in which a red flag was missed or seen for
nothing. They are copies, as they came, of the data that the design of understanding was measured with.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from imserver.errors import Refusal
from imserver.plugins.booking.command_line import booking
from imserver.plugins.booking.schedule.chain_file import load_chain
from imserver.plugins.booking.understanding.acts import Kind, Scene
from imserver.plugins.booking.understanding.alarms import RedFlags
from imserver.plugins.booking.understanding.lexicon import Lexicon
from imserver.plugins.booking.understanding.reader import understand
from tests.booking.support.chains import demo
from tests.booking.support.phrases import FILES, judge, stamps
from tests.booking.support.shop import GARDEN, Shop, shown

DIALOGUES: dict[str, Any] = json.loads(Path(__file__).with_name("booking_dialogues.json").read_text("utf-8"))
#: Of the phrases of the second file that have one accepted reading, so many may be asked about. None of the first.
ASKED_AT_MOST = {"when_phrases": 0, "when_phrases_2": 32}
LEXICON = Lexicon(load_chain("demo"))

# ------------------------------------------------------------------------------------------------------------ the phrases


def by_reader(text: str, now: datetime, zone: str) -> tuple[str, ...]:
    """What the dialogue is told."""
    reading = understand(text, Scene(now, zone, "garden"), LEXICON)
    when = reading.when
    if when is None or when.reason is not None or when.guess is not None:
        return ()
    if reading.has(Kind.QUESTION) and not reading.has(Kind.BEGIN):
        return ()  # it is answered, and nothing is held
    if when.window is not None and not when.candidates:
        return stamps([when.wish] if when.wish is not None else [])  # without a wish the free times are shown
    return stamps(when.candidates)


def by_command(text: str, now: datetime, zone: str) -> tuple[str, ...]:
    """What `imserver booking when` prints."""
    arguments = ["when", "--now", now.isoformat(timespec="minutes"), "--zone", zone, "--", text]
    printed = CliRunner().invoke(booking, arguments, catch_exceptions=False).output.splitlines()
    return tuple(line.replace("T", " ") for line in printed if not line.startswith("ask:"))


@pytest.mark.parametrize("read", [by_reader, by_command])
@pytest.mark.parametrize("name", FILES)
def test_no_phrase_is_read_wrongly_and_few_are_asked_about(
    name: str, read: Callable[[str, datetime, str], tuple[str, ...]]
) -> None:
    tally = judge(name, read)
    print(f"{name}: right {tally.right}, asked {len(tally.asked)}, wrong {len(tally.wrong)}")
    assert not tally.wrong
    assert len(tally.asked) <= ASKED_AT_MOST[name], tally.asked


# -------------------------------------------------------------------------------------------------------------- red flags


@pytest.mark.parametrize("text", DIALOGUES["red_flags_missed"])
def test_an_alarm_is_heard(text: str) -> None:
    assert RedFlags().find(text) is not None


@pytest.mark.parametrize("text", DIALOGUES["red_flags_false"])
def test_a_product_a_shop_and_what_is_over_call_nobody_urgently(text: str) -> None:
    flag = RedFlags().find(text)
    assert flag is None or getattr(flag, "weight", "urgent") == "careful"


# -------------------------------------------------------------------------------------------------------------- dialogues

FRIDAY, SATURDAY = "2026-11-20T15:00", "2026-11-21T15:00"
Check = Callable[[dict[str, Any], Path], Awaitable[None]]


async def _held(shop: Shop) -> list[str]:
    return [str(row[1]) for row in await shop.appointments("held")]


async def _waits(shop: Shop) -> bool:
    return bool(await shop.sql("SELECT 1 FROM booking_services WHERE waiting_since IS NOT NULL"))


async def _people_know(shop: Shop) -> bool:
    """A text waits for the staff, or their group was called."""
    group = await shop.staff_group()
    return await _waits(shop) or any("conversation" in str(one.content) for one in shop.kit.messages(group))


async def _booked(shop: Shop) -> str:
    """A customer with an appointment on Friday; returns the conversation."""
    here = await shop.customer("an")
    for text in ("预约 周五下午三点 验光 我叫安安 30岁 第一次", "好"):
        await shop.say("an", here, text)
    assert [row[1] for row in await shop.appointments()] == [FRIDAY]
    return here


async def _correction(row: dict[str, Any], language: str) -> None:
    async with Shop() as shop:
        here = await shop.customer("an", language)
        first, correction, yes = row["say"]
        assert FRIDAY[-5:] in await shop.hear("an", here, first)
        answer = await shop.hear("an", here, correction)
        assert answer
        assert FRIDAY not in await _held(shop)
        await shop.say("an", here, yes)
        assert {str(one[1]) for one in await shop.appointments()} <= {SATURDAY}


async def correction_in_chinese(row: dict[str, Any], folder: Path) -> None:
    await _correction(row, "zh-CN")


async def correction_in_english(row: dict[str, Any], folder: Path) -> None:
    await _correction(row, "en")


async def refusal_is_no_name(row: dict[str, Any], folder: Path) -> None:
    async with Shop() as shop:
        here = await shop.customer("an")
        first, refusal = row["say"]
        await shop.say("an", here, first)
        answer = await shop.hear("an", here, refusal)
        assert "哪" in answer or "[" in answer, "asked for another day"
        assert f"{refusal}的" not in answer
        assert await _held(shop) == []


async def label_typed(row: dict[str, Any], folder: Path) -> None:
    async with Shop() as shop:
        here = await shop.customer("an")
        first, label = row["say"]
        await shop.say("an", here, first)
        answer = await shop.hear("an", here, label)
        assert answer
        assert f"{label}的" not in answer
        assert await _held(shop) == []
        await shop.say("an", here, "好")
        assert await shop.appointments() == []


async def name_corrected(row: dict[str, Any], folder: Path) -> None:
    async with Shop() as shop:
        here = await shop.customer("an")
        for text in row["say"]:
            await shop.say("an", here, text)
        assert [one[3] for one in await shop.appointments()] == ["安宁"]


async def price_is_for_the_staff(row: dict[str, Any], folder: Path) -> None:
    async with Shop() as shop:
        here = await shop.customer("an")
        for text in row["say"]:
            await shop.say("an", here, text)
        assert await _held(shop) == []
        assert await _people_know(shop)


async def question_is_left_for_the_staff(row: dict[str, Any], folder: Path) -> None:
    async with Shop() as shop:
        here = await shop.customer("an")
        first, question = row["say"]
        await shop.say("an", here, first)
        assert not await _people_know(shop)
        await shop.say("an", here, question)
        assert await _people_know(shop)


async def parent_is_asked_for_a_name(row: dict[str, Any], folder: Path) -> None:
    async with Shop() as shop:
        here = await shop.customer("an")
        heard = [await shop.hear("an", here, text) for text in row["say"]]
        assert any(word in answer for answer in heard for word in ("称呼", "名字", "姓名"))
        assert await shop.appointments() == []
        assert not any("我妈约" in answer for answer in heard)


async def natural_first_sentence(row: dict[str, Any], folder: Path) -> None:
    for direct in (False, True):
        async with Shop() as shop:
            here = await shop.customer("an")
            await shop.say("an", shop.kit.direct("an", GARDEN) if direct else here, row["say"][0])
            assert await _held(shop) == ["2026-11-21T11:00"]


async def cancel_without_a_slash(row: dict[str, Any], folder: Path) -> None:
    async with Shop() as shop:
        here = await _booked(shop)
        answer = await shop.hear("an", here, "cancel")
        assert "[" in answer, "asks whether to cancel"
        assert len(await shop.appointments()) == 1
        await shop.say("an", here, "yes")
        assert await shop.appointments() == []


async def no_show_before_the_day(row: dict[str, Any], folder: Path) -> None:
    async with Shop() as shop:
        here = await shop.customer("an")
        for text in ("预约 12月9日下午三点 验光 我叫安安 30岁 第一次", "好"):
            await shop.say("an", here, text)
        [[code, *_]] = await shop.appointments()
        answer = await shop.hear("staff-li", await shop.staff_group(), f"爽约 {code}")
        assert answer
        assert len(await shop.appointments()) == 1


async def request_that_nobody_confirms(row: dict[str, Any], folder: Path) -> None:
    chain = demo(folder, confirmation='"staff"')
    async with Shop(config={"chain": chain}) as shop:
        here = await shop.customer("an")
        for text in ("预约 12月9日下午三点 验光 我叫安安 30岁 第一次", "好"):
            await shop.say("an", here, text)
        assert len(await shop.appointments("pending")) == 1
        group = await shop.staff_group()
        told = await shop.advance(3 * 24 * 60)
        assert any(one.conversation_id == group for one in told), "the staff are reminded"
        assert any(one.conversation_id == here for one in told), "the customer hears of it"
        later = await shop.advance(22 * 24 * 60)
        assert await shop.appointments("pending") == [], "the request has ended"
        assert any(one.conversation_id == here for one in (*told, *later))


async def staff_who_left_read_nothing(row: dict[str, Any], folder: Path) -> None:
    async with Shop() as shop:
        here, group = await shop.customer("an"), await shop.staff_group()
        await shop.kit.store.write(lambda tx: tx.remove_member(group, "staff-wang", bytes(16), "staff-wang"))
        await shop.say("an", here, "你好")
        with pytest.raises(Refusal):
            await shop.kit.store.read(
                lambda reader: reader.history(here, "staff-wang", None, None, 10, 10_000)
            )


async def customer_who_left_is_taken_back(row: dict[str, Any], folder: Path) -> None:
    async with Shop() as shop:
        here = await shop.customer("an")
        await shop.kit.store.write(lambda tx: tx.remove_member(here, "an", bytes(16), "an"))
        direct = shop.kit.direct("an", GARDEN)
        said = await shop.say("an", direct, row["say"][1])
        answered = [one for one in said if one.conversation_id == direct]
        assert answered
        if not await _is_member(shop, here, "an"):
            assert await _held(shop) == [], "nothing is held where the customer cannot see it"
            for action in (action for one in answered for action in one.content.get("actions", ())):
                if not await _is_member(shop, here, "an"):
                    await shop.say("an", direct, action["command"])
            assert await _is_member(shop, here, "an"), "\n".join(shown(one) for one in answered)


async def _is_member(shop: Shop, conversation_id: str, user_id: str) -> bool:
    seat = await shop.kit.store.read(lambda reader: reader.seat(conversation_id, user_id))
    return "MEMBER" in seat.standing.relation.name and "FORMER" not in seat.standing.relation.name


async def thanks_alarm_nobody(row: dict[str, Any], folder: Path) -> None:
    async with Shop() as shop:
        here = await _booked(shop)
        said = await shop.say("an", here, "谢谢")
        group = await shop.staff_group()
        assert not await _waits(shop)
        assert [one for one in (*said, *await shop.advance(6)) if one.conversation_id == group] == []


#: What each dialogue's `expect` says, in the order of the file.
_EXPECTED: dict[str, Check] = dict(
    zip(
        (row["title"] for row in DIALOGUES["dialogues"]),
        (
            correction_in_chinese, correction_in_english, refusal_is_no_name, label_typed, name_corrected,
            price_is_for_the_staff, question_is_left_for_the_staff, parent_is_asked_for_a_name, natural_first_sentence,
            cancel_without_a_slash, no_show_before_the_day, request_that_nobody_confirms, staff_who_left_read_nothing,
            customer_who_left_is_taken_back, thanks_alarm_nobody,
        ),
        strict=True,
    )
)  # fmt: skip


@pytest.mark.parametrize("row", DIALOGUES["dialogues"], ids=lambda row: row["title"])
async def test_a_dialogue_ends_as_its_writer_expects(row: dict[str, Any], tmp_path: Path) -> None:
    await _EXPECTED[row["title"]](row, tmp_path)
