"""An older copy of the shop's records is restored under a page that is open: it is said, nothing is shown that is gone, and
nothing is there twice."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import datetime
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from tests.browser.chatting import greeted, is_stored_once, says
from tests.browser.journeys import WORDS, arrive, book, code_of, fill_in, hold, submit
from tests.browser.older_copy import copy_to, restore
from tests.browser.page_world import DESKTOP, PageWorld, page_world

pytestmark = pytest.mark.asyncio(loop_scope="session")

SAID = "restored from an earlier copy"


def _live(world: PageWorld) -> list[tuple[str, str]]:
    """Code and time of each appointment that stands."""
    query = "SELECT code, start_wall FROM booking_appointments WHERE status = 'confirmed' ORDER BY start_wall"
    with closing(sqlite3.connect(world.process.database)) as database:
        return [(str(code), str(wall)) for code, wall in database.execute(query)]


async def test_ones_own_words_can_be_said_again(chromium: Browser, tmp_path: Path):
    async with page_world(tmp_path, chromium) as made:
        person = await greeted(made)
        copy_to(made, tmp_path / "copy.db")
        await says(person, "said after the copy")
        await is_stored_once(person, "said after the copy")
        await restore(made, tmp_path / "copy.db", person)
        await person.sees(f"{SAID}: please check your appointments")
        await person.sees("without this message")
        await person.tap("Send again")
        await is_stored_once(person, "said after the copy")
        await is_stored_once(person, "hello")
        assert await made.everybody_leaves() == []


async def test_an_appointment_that_is_gone_is_said_on_every_screen_that_showed_it(
    chromium: Browser, tmp_path: Path
):
    """Somebody has two: one of before the copy, one that is gone. Somebody else came after it, and is nobody again."""
    words = WORDS["en"]
    async with page_world(tmp_path, chromium) as made:
        person = await made.person()
        _, older = await book(person, name="Ann Lee", day=1)
        copy_to(made, tmp_path / "copy.db")
        await arrive(person)
        await hold(person, words, day=3)
        await fill_in(person, words, "Ann Lee")
        await submit(person, words)
        newer = await code_of(person)
        (wall,) = [wall for code, wall in _live(made) if code == newer]
        at = datetime.fromisoformat(wall)
        when = f"{at:%A} {at.day} {at:%B} {at:%H:%M}"
        cancelling, mine = [await person.another_tab(path) for path in (f"/s/garden/cancel/{newer}", "/mine")]
        await cancelling.sees(words.cancel_yes)
        await expect(mine.page.get_by_role("link", name="Garden Road")).to_have_count(2)
        stranger = await made.person(DESKTOP)
        await book(stranger, name="Bob", day=4)
        await restore(made, tmp_path / "copy.db", person, stranger)
        for tab in (person, cancelling):
            await tab.sees("The shop does not have this appointment any more")
            await tab.sees(when)
        await mine.sees("Not in the shop's records any more")
        await expect(mine.page.get_by_role("link", name="Garden Road")).to_have_count(1)
        await person.sees(SAID)
        await stranger.sees("This browser is signed out")
        assert [code for code, _ in _live(made)] == [older]  # and no page has offered again what is gone
        await person.tap("Book another time")
        await person.sees(words.book)
        assert await made.everybody_leaves() == []
