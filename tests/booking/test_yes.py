"""A yes books, moves or cancels only what the customer has seen and not contradicted: tried on acts, whatever the words."""

from __future__ import annotations

import random
from datetime import date, datetime, time, timedelta

import pytest

from imserver.plugins.booking.understanding.acts import Act, Hours, Kind, Reading, Weight, When
from imserver.testing import Said
from tests.booking.support.booked import booked
from tests.booking.support.scripted import (
    LATER,
    NO,
    THANKS,
    YES,
    asks,
    at,
    begin,
    correct,
    give,
    left,
    reading,
    refuse,
    scripted,
)
from tests.booking.support.shop import ENTRY, GARDEN, Shop, button, shown

FRIDAY, SATURDAY = "2026-11-20T15:00", "2026-11-21T15:00"
WISH = reading(
    begin("book"),
    give("service", "exam"),
    give("name", "安安"),
    give("age", 30),
    give("first", True),
    when=at(FRIDAY),
)
SCRIPT = {"WISH": WISH, "YES": reading(YES), "NO": reading(NO)}
A_SATURDAY = When(days=(date(2026, 11, 21),))

#: What a customer says under the card, and what a yes right behind it may book.
DISARMING: dict[str, Reading] = {
    "the day is refused": reading(refuse("day", date(2026, 11, 20))),
    "a day is refused": reading(refuse("day", None)),
    "the hour is refused": reading(refuse("time", time(15))),
    "the afternoon is refused": reading(refuse("range", Hours(720, 1080, "afternoon"))),
    "the weekend of days is refused": reading(refuse("day", (date(2026, 11, 20), date(2026, 11, 21)))),
    "another day is refused": reading(refuse("day", date(2026, 11, 25))),
    "another day is refused, with a yes": reading(YES, refuse("day", date(2026, 11, 25))),
    "the service is refused": reading(refuse("service", "exam")),
    "the name is refused": reading(refuse("name", None)),
    "the shop is refused": reading(refuse("shop", "garden")),
    "some other time": reading(correct("time", None)),
    "a yes and some other time": reading(YES, correct("range", None)),
    "later": reading(LATER),
    "a yes, later": reading(YES, LATER),
    "a no and a day that was not understood": reading(NO, when=When(reason="leftover")),
    "what nobody understood": reading(rest=(left("但是"),)),
    "a yes and what nobody understood": reading(YES, rest=(left("但是"),)),
    "a yes and a word in the clause of a value": reading(
        YES, rest=(left("牛皮纸", Weight.NEUTRAL, in_clause=True),)
    ),
    "a yes and a time that is not clear": reading(YES, when=When(reason="vague")),
    "a time that is over": reading(when=When(reason="past")),
    "a question about the time": reading(asks("other")),
    "another wish": reading(begin("move")),
}


@pytest.mark.parametrize("said", DISARMING)
async def test_a_yes_behind_it_books_nothing(said: str) -> None:
    with scripted({**SCRIPT, "SAID": DISARMING[said]}):
        async with Shop() as shop:
            here = await shop.customer("ming")
            assert "请确认" in await shop.hear("ming", here, "WISH")
            assert await shop.hear("ming", here, "SAID")  # it is never left unsaid
            await shop.hear("ming", here, "YES")
            assert await shop.appointments() == []


#: What may stand between the card and the yes, or beside it, and changes nothing.
HARMLESS: dict[str, Reading] = {
    "thanks": reading(THANKS),
    "a yes and thanks": reading(YES, THANKS),
    "a yes and the same day and hour again": reading(YES, give("day", date(2026, 11, 20)), when=at(FRIDAY)),
    "a yes and where it is": reading(YES, asks("place")),
    "a yes and where to park": reading(YES, asks("parking")),
    "a yes and what to bring": reading(YES, asks("bring")),
    "a yes and a note": reading(YES, rest=(left("我戴的是多焦点", Weight.NEUTRAL),)),
    "a yes and courtesies": reading(YES, rest=(left("吧", Weight.HARMLESS),)),
}


@pytest.mark.parametrize("said", HARMLESS)
async def test_what_contradicts_nothing_leaves_the_yes_a_yes(said: str) -> None:
    with scripted({**SCRIPT, "SAID": HARMLESS[said]}):
        async with Shop() as shop:
            here = await shop.customer("ming")
            for text in ("WISH", "SAID", "YES"):
                await shop.say("ming", here, text)
            assert [row[1] for row in await shop.appointments()] == [FRIDAY]


@pytest.mark.parametrize(
    ("asked", "answer"),
    [("place", "花园路 18 号"), ("parking", "B1"), ("bring", "旧眼镜"), ("hours", "09:00–20:00")],
)
async def test_a_yes_with_a_question_that_facts_answer_books_and_answers(asked: str, answer: str) -> None:
    with scripted({**SCRIPT, "SAID": reading(YES, asks(asked))}):
        async with Shop() as shop:
            here = await shop.customer("ming")
            await shop.say("ming", here, "WISH")
            heard = await shop.hear("ming", here, "SAID")
            assert "预约成功" in heard
            assert answer in heard
            assert await shop.advance(10) == []


@pytest.mark.parametrize("asked", ["price", "insurance", "children", "other"])
async def test_a_yes_with_a_question_for_people_asks_again(asked: str) -> None:
    with scripted({**SCRIPT, "SAID": reading(YES, asks(asked))}):
        async with Shop() as shop:
            here = await shop.customer("ming")
            await shop.say("ming", here, "WISH")
            heard = await shop.hear("ming", here, "SAID")
            assert "已转给店员" in heard
            assert "请确认" in heard
            assert await shop.appointments() == []
            await shop.say("ming", here, "YES")
            assert [row[1] for row in await shop.appointments()] == [FRIDAY]


async def test_a_correction_shows_the_new_day_and_then_a_yes_is_one() -> None:
    with scripted({**SCRIPT, "SAID": reading(correct("day", date(2026, 11, 21)), when=A_SATURDAY)}):
        async with Shop() as shop:
            here = await shop.customer("ming")
            await shop.say("ming", here, "WISH")
            card = await shop.hear("ming", here, "SAID")
            assert "11月21日 周六 15:00" in card  # hour, service and person are kept
            await shop.say("ming", here, "YES")
            assert [(row[1], row[3]) for row in await shop.appointments()] == [(SATURDAY, "安安")]


async def test_a_yes_that_was_sent_before_the_new_card_was_shown_books_nothing() -> None:
    with scripted({**SCRIPT, "SAID": reading(correct("day", date(2026, 11, 21)), when=A_SATURDAY)}):
        async with Shop() as shop:
            here = await shop.customer("ming")
            await shop.say("ming", here, "WISH")
            for text in ("SAID", "YES"):  # in one breath
                await shop.kit.post("ming", here, text)
            await shop.kit.idle()
            assert await shop.appointments() == []
            assert [row[1] for row in await shop.appointments("held")] == [SATURDAY]
            await shop.say("ming", here, "YES")
            assert [row[1] for row in await shop.appointments()] == [SATURDAY]


@pytest.mark.parametrize("word", ["确认", "1", "确定", "好"])
async def test_the_label_and_the_number_of_the_yes_count_no_more_than_a_yes(word: str) -> None:
    with scripted({**SCRIPT, "SAID": reading(rest=(left("但是"),))}):
        async with Shop() as shop:
            here = await shop.customer("ming")
            for text in ("WISH", "SAID", word):
                await shop.say("ming", here, text)
            assert await shop.appointments() == []
            await shop.say("ming", here, word)
            assert [row[1] for row in await shop.appointments()] == [FRIDAY]


async def test_the_button_itself_says_what_it_confirms() -> None:
    with scripted({**SCRIPT, "SAID": reading(rest=(left("但是"),))}):
        async with Shop() as shop:
            here = await shop.customer("ming")
            await shop.say("ming", here, "WISH")
            said = await shop.say("ming", here, "SAID")
            await shop.say("ming", here, button(said, "确认"))
            assert [row[1] for row in await shop.appointments()] == [FRIDAY]


async def test_a_yes_elsewhere_asks_there_first() -> None:
    with scripted(SCRIPT):
        async with Shop() as shop:
            here = await shop.customer("ming")
            await shop.say("ming", here, "WISH")
            for place in (shop.kit.direct("ming", GARDEN), shop.kit.direct("ming", ENTRY)):
                said = await shop.say("ming", place, "YES")
                assert await shop.appointments() == []
                assert "对吗" in "".join(shown(one) for one in said if one.conversation_id == place)
            await shop.say("ming", place, "YES")
            assert [row[1] for row in await shop.appointments()] == [FRIDAY]


@pytest.mark.parametrize("question", ["取消", "改约 周六10:30"])
@pytest.mark.parametrize("said", ["later", "what nobody understood", "a yes and what nobody understood"])
async def test_moving_and_cancelling_wait_for_a_plain_yes_too(question: str, said: str) -> None:
    with scripted({**SCRIPT, "SAID": DISARMING[said]}):
        async with Shop() as shop:
            here, _ = await booked(shop)
            before = await shop.appointments()
            for text in (question, "SAID", "YES"):
                await shop.say("ming", here, text)
            assert await shop.appointments() == before


# ------------------------------------------------------------------------------------------------- whatever is said between

_DAYS = [date(2026, 11, 20) + timedelta(days=ahead) for ahead in range(5)]


def _anything(dice: random.Random) -> Reading:
    """A few acts, perhaps a rest and a time, of every kind."""
    acts = [
        dice.choice(
            [
                YES,
                NO,
                LATER,
                THANKS,
                asks(dice.choice(["price", "place", "other"])),
                begin(dice.choice(["book", "move", "slots"])),
                give("name", dice.choice(["安安", "安宁"])),
                give("age", dice.choice([8, 30, 70])),
                give("first", dice.random() < 0.5),
                give("service", dice.choice(["exam", "glasses", "collect"])),
                give("person", dice.choice(["妈妈", "我"])),
                refuse("day", dice.choice([None, *_DAYS])),
                refuse("time", dice.choice([None, time(15), time(10)])),
                refuse("service", "exam"),
                correct("name", "安宁"),
                correct("day", dice.choice(_DAYS)),
                correct("time", None),
                Act(Kind.GREETING),
            ]
        )
        for _ in range(dice.randint(0, 3))
    ]
    rest = (
        [left("嗯哼", dice.choice(list(Weight)), in_clause=dice.random() < 0.3)]
        if dice.random() < 0.3
        else []
    )
    day = dice.choice(_DAYS)
    when = dice.choice(
        [
            None,
            None,
            at(f"{day}T{dice.choice([10, 15, 16])}:00"),
            When(days=(day,)),
            When(days=(day,), part="morning"),
            When(reason=dice.choice(["past", "vague", "leftover"])),
            When(shift=timedelta(minutes=30)),
            When(window=(datetime.combine(day, time(14)), datetime.combine(day, time(16)))),
        ]
    )
    return reading(*acts, rest=tuple(rest), when=when)


@pytest.mark.parametrize("seed", range(4))
async def test_whatever_was_said_a_yes_books_only_what_the_card_above_it_showed(seed: int) -> None:
    dice = random.Random(seed)
    script = {f"SAID {number}": _anything(dice) for number in range(40)}
    with scripted({**SCRIPT, **script}):
        async with Shop() as shop:
            for number, (text, between) in enumerate(script.items()):
                user = f"c{number}"
                here = await shop.customer(user)
                card = await shop.say(user, here, "WISH")
                heard = await shop.say(user, here, text)
                rows = await _of(shop, user)
                if rows:  # it was a yes by itself
                    assert _clean(between), between
                    _agrees(card, rows)
                    continue
                cards = [one for one in heard if one.conversation_id == here]
                said = await shop.say(user, here, "YES")
                rows = await _of(shop, user)
                if rows:
                    shown_last = [one for one in (*card, *cards) if one.content.get("fields")]
                    _agrees(shown_last[-1:], rows)
                    same = [field[1] for field in shown_last[-1].content["fields"]] == [
                        field[1] for field in card[-1].content["fields"]
                    ]
                    assert not (same and _doubts(between)), between
                assert said, between
                await shop.say(user, here, "NO")


async def _of(shop: Shop, user: str) -> list[tuple[str, str]]:
    rows = await shop.sql(
        "SELECT start_wall, for_name FROM booking_appointments WHERE customer_id = ? AND status = 'confirmed'",
        user,
    )
    return [(row[0], row[1]) for row in rows]


def _agrees(cards: list[Said], rows: list[tuple[str, str]]) -> None:
    """The card said the time and the name."""
    ((start, name),) = rows
    fields = dict(map(tuple, cards[-1].content["fields"]))
    wall = datetime.fromisoformat(start)
    assert f"{wall.month}月{wall.day}日" in fields["时间"]
    assert f"{wall:%H:%M}" in fields["时间"]
    assert fields["姓名"] == name


def _doubts(said: Reading) -> bool:
    """It refused, put off or was not understood."""
    dangerous = any(
        one.weight is Weight.DANGEROUS or (one.weight is Weight.NEUTRAL and one.in_clause)
        for one in said.rest
    )
    unresolved = said.when is not None and said.when.reason is not None
    return dangerous or unresolved or said.has(Kind.LATER) or said.has(Kind.REFUSE)


def _clean(said: Reading) -> bool:
    return said.has(Kind.YES) and not _doubts(said) and not said.has(Kind.CORRECT)
