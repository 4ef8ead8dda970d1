"""English of other manners: what is no appointment, no value and no yes, and what says yes, no and when in a sentence."""

from __future__ import annotations

import pytest

from imserver.plugins.booking.understanding.acts import Kind
from tests.booking.support.readings import read


@pytest.mark.parametrize(
    "text",
    [
        "Can I cancel my monthly contact lens subscription with you",
        "I want to cancel the blue frames I ordered",
        "please cancel the reminder texts",
        "cancel what? I didn't ask to cancel",
        "my noise cancelling headphones were in",
    ],
)
def test_what_is_no_appointment_is_not_cancelled(text: str) -> None:
    assert not read(text, "").has(Kind.BEGIN, "cancel")


@pytest.mark.parametrize(
    "text",
    [
        "Both appointments can go",
        "won't be needing that friday slot after all",
        "I can't attend on 20 November due to an assignment",
    ],
)
def test_an_appointment_that_may_go_is_cancelled(text: str) -> None:
    assert read(text, "").has(Kind.BEGIN, "cancel")


@pytest.mark.parametrize(
    "text", ["i finish my night shift at 7am, thursday evening please", "Kindly keep my slot, I work a shift"]
)
def test_a_shift_that_is_worked_moves_nothing(text: str) -> None:
    assert not read(text, "").has(Kind.BEGIN, "move")


@pytest.mark.parametrize(
    "text",
    ["put it off a week, same hour", "my appt on the 20th, can it become the 23rd", "Push me back an hour"],
)
def test_what_becomes_another_time_is_moved(text: str) -> None:
    reading = read(text, "")
    assert reading.has(Kind.BEGIN, "move")
    assert not reading.has(Kind.BEGIN, "book")


@pytest.mark.parametrize(
    "text",
    [
        "thx for fitting me in, the glasses are brilliant!!",
        "my boyfriend wants an eye test but I'd rather not",
    ],
)
def test_praise_and_the_wish_of_others_book_nothing(text: str) -> None:
    assert not read(text, "").has(Kind.BEGIN, "book")


@pytest.mark.parametrize(
    "text",
    [
        "the answer is yes of course",
        "YES for the third time",
        "Not a bad time at all! Book it",
        "haan ji theek hai",
    ],
)
def test_a_sentence_may_say_yes(text: str) -> None:
    reading = read(text, "confirm")
    assert reading.has(Kind.YES)
    assert not reading.disarms
    assert not reading.has(Kind.GIVE, "first")


@pytest.mark.parametrize(
    "text", ["nah you're alright", "didn't I just say no", "stop asking and forget the whole thing"]
)
def test_a_sentence_may_say_no(text: str) -> None:
    assert read(text, "confirm").has(Kind.NO)


@pytest.mark.parametrize(
    "text", ["yes that was the time I had LAST year", "yes please, if I say yes now can I still change it"]
)
def test_no_yes_is_taken_from_what_was_or_may_be(text: str) -> None:
    assert not read(text, "confirm").has(Kind.YES)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("problem with the hour", "time"),
        ("I can't do that late", "time"),
        ("none of these work", "time"),
        ("you've got me down at garden", "shop"),
    ],
)
def test_a_card_is_refused_without_its_value(text: str, what: str) -> None:
    reading = read(text, "confirm")
    assert reading.has(Kind.REFUSE, what)
    assert not reading.has(Kind.GIVE, what)


def test_what_the_card_says_of_a_first_visit_is_none() -> None:
    assert (
        read("the 3rd line says 'first visit', been with you since the nineties", "confirm").given("first")
        is False
    )


@pytest.mark.parametrize("text", ["Give me till tonight", "wait my bus is here"])
def test_time_that_is_asked_for_puts_off(text: str) -> None:
    assert read(text, "confirm").has(Kind.LATER)


@pytest.mark.parametrize(
    ("text", "years"),
    [("same as you'd guess, 38", 38), ("forty four not fourteen", 44), ("17 and three quarters", 17)],
)
def test_an_age_is_the_number_of_its_answer(text: str, years: int) -> None:
    assert read(text, "age").given("age") == years


def test_a_pet_that_is_called_by_a_day_names_none() -> None:
    reading = read("go for it. ps my cat is called Monday", "confirm")
    assert reading.has(Kind.YES)
    assert reading.when is None
