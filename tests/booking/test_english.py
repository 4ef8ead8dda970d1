"""English as people write it: answers are composed, stories are no wishes, and a name is told from the words around it."""

from __future__ import annotations

import pytest

from imserver.plugins.booking.understanding.acts import Kind
from tests.booking.support.readings import read, said, weights


@pytest.mark.parametrize(
    "text",
    [
        "that all looks right to me, thank you!",
        "it suits me down to the ground, mate",
        "everything checks out from my side",
        "ya can lah",
        "oh go on then x",
        "nothing to change",
        "friday works",
        "3pm friday sounds good",
        "得㗎，唔該晒",
    ],
)
def test_a_yes_is_composed_of_what_is_approved_and_how(text: str) -> None:
    assert read(text, "confirm").has(Kind.YES)


@pytest.mark.parametrize(
    "text",
    [
        "is that right",
        "that looks wrong",
        "saturday works",
        "good question",
        "yes if my wife agrees",
        "sounds good but can we do 4",
        "right day wrong time",
        "hmm not sure, looks good though",
    ],
)
def test_what_only_sounds_like_a_yes_is_none(text: str) -> None:
    assert not read(text, "confirm").has(Kind.YES)


@pytest.mark.parametrize(
    "text",
    [
        "changed my mind sorry",
        "dont want dis one delete pls",
        "i'll pass",
        "dun want",
        "唔要喇 唔該",
        "scrap that",
    ],
)
def test_a_no_in_many_words(text: str) -> None:
    assert read(text, "confirm").has(Kind.NO)


@pytest.mark.parametrize(
    "text", ["please don't cancel my booking", "i won't cancel", "I might have to cancel"]
)
def test_what_is_not_to_be_cancelled_stands(text: str) -> None:
    reading = read(text)
    assert not reading.has(Kind.BEGIN, "cancel")
    assert not reading.has(Kind.NO), "people are to hear of it"


@pytest.mark.parametrize(
    "text",
    [
        "I want to complain about my eye test",
        "the eye test went well thanks",
        "i need to return a pair of glasses",
        "have my glasses arrived",
        "I'm running late for my eye test",
        "do I need an appointment to collect my glasses",
        "I don't need glasses",
        "I have to move house on friday",
        "my test is at 3 on friday",
    ],
)
def test_a_story_is_no_wish(text: str) -> None:
    reading = read(text)
    assert not any(reading.has(Kind.BEGIN, what) for what in ("book", "move", "cancel"))


@pytest.mark.parametrize(
    ("text", "name", "age"),
    [
        ("eye test friday 3pm, Gwendolyn Park, 39", "Gwendolyn Park", 39),
        ("tomorrow at 1, eye test, jordan 19 first time", "jordan", 19),
        ("Eye test. It's Fiona McAllister-Reid (56). Saturday 9am", "Fiona McAllister-Reid", 56),
        ("Name: Anita Rao\nAge: 55\nService: eye exam\nTime: 6:30 PM", "Anita Rao", 55),
        ("need appt for glasses, name is dev 22 new customer", "dev", 22),
    ],
)
def test_a_name_stands_before_an_age(text: str, name: str, age: int) -> None:
    reading = read(text)
    assert (reading.given("name"), reading.given("age")) == (name, age)


@pytest.mark.parametrize(
    ("text", "step"),
    [
        ("Is the name important?", "name"),
        ("Thanks Emma", "confirm"),
        ("let's say noon Friday, Tokyo", ""),
        ("park my SUV", ""),
        ("sat at 4. collect. Urgent.", ""),
    ],
)
def test_words_beside_a_wish_are_no_name(text: str, step: str) -> None:
    assert read(text, step).given("name") is None


def test_a_figure_is_a_word_where_thumbs_type() -> None:
    assert said(read("need 2 cancel")) == {"begin cancel"}
    assert read("booking 4 my mum, she is 66, eye test sat 10am").given("person") == "mum"


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("i'm not a new customer btw", False),
        ("My last visit was in 2021", False),
        ("You did my last ones.", False),
        ("haven't been in", True),
        ("1st visit", True),
        ("visited before: no", True),
    ],
)
def test_whether_somebody_was_here_before(text: str, first: bool) -> None:
    assert read(text, "first_visit").given("first") is first


def test_of_two_shops_the_other_one_is_meant() -> None:
    assert read("different branch please, your other one", "confirm").given("shop") == "river"


def test_a_figure_with_an_ending_is_no_code() -> None:
    reading = read("move K7QM to thursday 26th at 3pm")
    assert [act.value for act in reading.all(Kind.GIVE, "code")] == ["K7QM"]


def test_an_opinion_of_a_price_asks_nothing() -> None:
    assert not read("good price", "confirm").has(Kind.QUESTION)
    assert read("what's the damage for an eye test?").has(Kind.QUESTION, "price")
    assert weights(read("whats ur address")) == set()
