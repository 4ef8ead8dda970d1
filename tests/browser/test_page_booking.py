"""From a QR code to "booked" as people do it, in both languages, on a phone and at a desk; moved and cancelled afterwards."""

from __future__ import annotations

import asyncio

import pytest
from playwright.async_api import expect

from imserver.proof.fault_proxy import Faults
from tests.browser.journeys import (
    A_TIME,
    WORDS,
    Words,
    arrive,
    book,
    books_at_last,
    choose_day,
    code_of,
    fill_in,
    hold,
    submit,
    take_time,
)
from tests.browser.page_world import DESKTOP, LOOK_MS, PHONE, Device, PageWorld, Person

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.mark.parametrize(
    ("device", "language", "day"), [(PHONE, "zh", 1), (DESKTOP, "en", 2)], ids=["phone-zh", "desktop-en"]
)
async def test_a_stranger_books_moves_and_cancels(town: PageWorld, device: Device, language: str, day: int):
    words = WORDS[language]
    person = await town.person(device, language=language)
    time, code = await book(person, language, name={"en": "Ann Lee", "zh": "王小明"}[language], day=day)
    await person.sees(time)
    await person.tap(words.move)
    await person.sees_title(words.move_title)
    await choose_day(person, words, day + 1)
    later = await take_time(person, 3)
    await person.tap(words.move_yes)
    await person.sees_title(words.moved)
    await person.sees(later)
    await person.sees(code)
    await person.tap(words.cancel)
    await person.tap(words.cancel_yes)
    await person.sees_title(words.cancelled)
    await person.opens("/mine")
    await person.misses(code)


async def test_who_comes_back_finds_the_appointment_and_is_known(town: PageWorld):
    person = await town.person()
    _, code = await book(person, name="Ann Lee", day=3)
    await person.page.close()
    person.page = await person.context.new_page()
    await person.opens("/mine")
    await person.tap("Garden Road")
    await person.sees(code)
    words = await arrive(person)
    await hold(person, words, day=4)
    await person.sees_title(words.who)
    assert await person.page.get_by_label(words.name).first.input_value() == "Ann Lee"


async def test_two_people_want_one_time(town: PageWorld):
    """One has it. The other one is told, sees it taken where it was, and books the next."""
    people, words = [await town.person(), await town.person(DESKTOP)], WORDS["en"]
    for person in people:
        await arrive(person, shop="river")
        await person.tap(words.book)
        await person.sees_title(words.choose_time)
        await choose_day(person, words, 3)
        await person.sees(A_TIME)
    await asyncio.gather(*(take_time(person, 0) for person in people))
    ends = await asyncio.gather(*(_who_or_taken(person, words) for person in people))
    assert sorted(ends) == ["held", "taken"]
    loser = people[ends.index("taken")]
    await take_time(loser, 0)
    for person, name in zip(people, ("Ann", "Bob"), strict=True):
        await fill_in(person, words, name)
        await submit(person, words)


async def _who_or_taken(person: Person, words: Words) -> str:
    """How a tap on a time ends: with the form, or with the words that somebody else was faster."""
    held = person.page.get_by_role("heading", name=words.who)
    taken = person.page.get_by_text("just taken").filter(visible=True)
    await expect(held.or_(taken).first).to_be_visible(timeout=LOOK_MS)
    return "held" if await held.count() else "taken"


async def test_the_server_is_killed_in_the_middle_and_everything_goes_on(town: PageWorld):
    """Between hold and form, and while it books: a tap waits for it and books once, on a page that is never loaded again."""
    person = await town.person()
    words = await arrive(person)
    await hold(person, words, day=6)
    await person.sees_title(words.who)
    await town.restart()
    await fill_in(person, words, "Ann Lee")
    await town.process.kill()
    await person.sees("The connection is lost")
    await person.tap(words.submit)
    await person.sees("The shop's server is coming back")
    await town.restart()
    await books_at_last(person, words)
    code = await code_of(person)
    await person.opens("/mine")
    await expect(person.page.get_by_role("link", name="Garden Road")).to_have_count(1)
    await person.tap("Garden Road")
    await person.sees(code)


async def test_a_line_that_is_cut_in_mid_tap_books_once(town: PageWorld):
    person = await town.person()
    words = await arrive(person)
    await hold(person, words, day=7)
    await fill_in(person, words, "Ann Lee")
    town.line.apply(Faults(swallow_down=True))  # the server hears it, and its answer is lost
    await person.tap(words.submit)
    await asyncio.sleep(0.5)
    town.line.apply(Faults())
    town.line.cut()
    await books_at_last(person, words)
    await person.opens("/mine")
    await expect(person.page.get_by_role("link", name="Garden Road")).to_have_count(1)
