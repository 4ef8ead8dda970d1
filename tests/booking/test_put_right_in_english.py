"""What is put right, compared or taken back in everyday English: the last word counts, and nothing that was said is lost."""

from typing import Any

import pytest

from imserver.plugins.booking.understanding.acts import Kind
from tests.booking.support.booked import walls
from tests.booking.support.readings import SATURDAY, read, said
from tests.booking.support.shop import Shop
from tests.booking.support.speech import when

CARD: dict[str, Any] = {"step": "confirm", "asks": "book", "day_said": None}


@pytest.mark.parametrize(
    "text", ["no, 4", "nope, 4", "not 3, 4", "actually 4", "4 actually", "4 instead", "rather 4", "sorry, 4"]
)
def test_a_bare_number_behind_a_no_is_an_hour_and_no_button(text: str) -> None:
    reading = read(text, **CARD)
    assert "correct time 16:00:00" in said(reading)
    assert not reading.dangerous


@pytest.mark.parametrize("text", ["no, 2", "no 4", "no, 4 people", "yes, instead", "rather"])
def test_other_numbers_and_contrasts_are_none(text: str) -> None:
    assert not any(act.startswith("correct") for act in said(read(text, **CARD)))


@pytest.mark.parametrize(
    "text", ["rather saturday than friday", "saturday is better than friday", "i prefer saturday over friday"]
)
def test_the_better_day_is_the_one(text: str) -> None:
    assert said(read(text, **CARD)) == {"refuse day 2026-11-20", f"correct day {SATURDAY}"}


@pytest.mark.parametrize(
    "text",
    [
        "saturday 3pm instead of friday 3pm",
        "friday 3pm is out, so saturday 3pm then",
        "周五下午三点不行，周六下午三点吧",
    ],
)
def test_the_hour_of_a_refused_day_is_free_on_another(text: str) -> None:
    reading = read(text)
    assert reading.when is not None
    assert [f"{one:%m-%d %H:%M}" for one in reading.when.candidates] == ["11-21 15:00"]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("the third of december, 4 in the afternoon", "12-03 16:00"),
        ("december the twenty first at eleven am", "12-21 11:00"),
        ("the twenty-seventh at 3pm", "11-27 15:00"),
        ("the thirty first of november 3pm", "?impossible"),
        ("first saturday in december 11am", "12-05 11:00"),
    ],
)
def test_days_of_a_month_are_spelled_out(text: str, wanted: str) -> None:
    assert when(text) == wanted


@pytest.mark.parametrize(
    "text",
    [
        "my friend booked friday 3pm",
        "my colleague had an eye exam friday 3pm and loved it",
        "i have a dentist appointment friday at 3pm",
        "i already have an eye exam friday 3pm elsewhere",
        "my eye exam is friday 3pm right?",
        "did i book an eye exam for friday 3pm?",
        "sunday 2pm would have been nice",
        "no eye exam friday 3pm please",
    ],
)
def test_a_time_that_is_told_is_not_taken(text: str) -> None:
    reading = read(text)
    assert reading.when is not None
    assert reading.when.candidates == ()


@pytest.mark.parametrize(
    ("text", "day"),
    [("my wife has friday 3pm free", 20), ("i have a gap friday 3pm", 20), ("sunday 2pm would be nice", 22)],
)
def test_a_time_that_somebody_has_free_is_wished(text: str, day: int) -> None:
    reading = read(text)
    assert reading.when is not None
    assert [one.day for one in reading.when.candidates] == [day]


@pytest.mark.parametrize(
    ("text", "person"),
    [("my two kids", "child"), ("both my kids", "child"), ("the whole family", None), ("two of us", None)],
)
def test_more_than_one_is_heard(text: str, person: str | None) -> None:
    reading = read(f"eye tests for {text} saturday 11am")
    assert reading.people
    assert reading.given("person") == person


async def test_at_a_card_nothing_that_was_not_understood_is_booked() -> None:
    async with Shop() as shop:
        here = await shop.customer("an", "en")
        await shop.say("an", here, "/book fri 3pm eye exam for Ann, 30 years old, first visit")
        assert "a number from 1 to 2" in await shop.hear("an", here, "4")
        await shop.say("an", here, "yes")
        assert await walls(shop) == []
        assert "Riverside" not in await shop.hear("an", here, "not the riverside one")
        await shop.say("an", here, "no")
        await shop.say("an", here, "/slots sat morning")
        assert "21 Nov 10:00" in await shop.hear("an", here, "10")  # the hour of one of the list
        assert "One appointment each" in await shop.hear("an", here, "eye tests for my kids saturday 11am")


async def test_behind_a_booking_no_code_is_guessed_and_no_second_wish_is_dropped() -> None:
    async with Shop() as shop:
        here = await shop.customer("an", "en")
        for text in ("/book fri 3pm eye exam for Ann, 30 years old, first visit", "yes"):
            await shop.say("an", here, text)
        assert "[" not in await shop.hear("an", here, "i'll be 10 minutes late on friday")
        assert await shop.sql("SELECT 1 FROM booking_services WHERE waiting_since IS NOT NULL")
        for text in ("/cancel ZZZZ", "/move ZZZZ sat 11:00"):
            assert "no appointment ZZZZ" in await shop.hear("an", here, text)
        assert "One at a time" in await shop.hear("an", here, "scrap friday, saturday 11 instead")
        assert "21 Nov 11:00" in await shop.hear("an", here, "please cancel friday, i'd like saturday 11am")
        assert await walls(shop) == ["2026-11-20T15:00"]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("eye exam friday 3pm for Will Smith, 33", "Will Smith"),
        ("eye exam friday 3pm for Mark Day, 33", "Mark Day"),
        ("my name is Sunday Oliseh, eye exam fri 3pm", "Sunday Oliseh"),
        ("eye exam for Ann Friday 3pm", "Ann"),
        ("Exam Tom 34 sat 3pm", "Tom"),
    ],
)
def test_a_name_of_common_words_is_taken_whole(text: str, name: str) -> None:
    assert read(text).given("name") == name


@pytest.mark.parametrize(
    ("text", "name"), [("Will", "Will"), ("my name is Friday", "Friday"), ("will", None), ("Sunday", None)]
)
def test_where_a_name_is_asked_a_common_one_needs_its_capital(text: str, name: str | None) -> None:
    assert read(text, "name").given("name") == name


@pytest.mark.parametrize("text", ["contact lenses too", "and pick up my glasses", "yes and contact lenses"])
def test_a_service_on_top_takes_the_place_of_none(text: str) -> None:
    reading = read(text, **CARD)
    assert reading.given("service") is None
    assert reading.dangerous


def test_what_is_worn_is_no_service_and_what_is_kept_is_not_given_up() -> None:
    assert said(read("yes, i wear contacts", **CARD)) == {"yes"}
    assert read("she wears glasses and needs an eye exam fri 3pm").given("service") == "exam"
    assert said(read("keep it", **CARD)) == {"later"}


@pytest.mark.parametrize("text", ["the eye exam was great", "验光很专业", "my contact lenses expired"])
def test_a_service_that_is_spoken_of_is_not_wished(text: str) -> None:
    assert read(text).given("service") is None


@pytest.mark.parametrize(
    "text", ["not Ann, Anna", "not ann, anna", "it's not Ann, it's Anna", "Anna, not Ann", "not Ann but Anna"]
)
def test_of_two_names_at_a_card_the_one_that_is_not_refused_counts(text: str) -> None:
    reading = read(text, **CARD, name="Ann Lee")
    assert {one.casefold() for one in said(reading)} == {"refuse name ann", "correct name anna"}
    assert not reading.dangerous


@pytest.mark.parametrize("text", ["not Zeiss, Essilor", "not now, later", "not Garden, Riverside"])
def test_two_other_words_are_no_names(text: str) -> None:
    assert not read(text, **CARD, name="Ann Lee").has(Kind.CORRECT, "name")


@pytest.mark.parametrize("text", ["I'm 31 actually", "I'm actually 31", "我其实31了"])
def test_an_age_is_put_right_at_a_card(text: str) -> None:
    reading = read(text, **CARD)
    assert "give age 31" in said(reading)
    assert not reading.dangerous


async def test_the_card_has_the_other_name() -> None:
    async with Shop() as shop:
        here = await shop.customer("ann", "en")
        await shop.say("ann", here, "friday 3pm eye exam, my name is Ann, 30, first visit")
        assert ", Jane." in await shop.hear("ann", here, "not Ann, Jane")
