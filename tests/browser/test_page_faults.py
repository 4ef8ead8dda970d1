"""The page where something is odd: another version, no TLS, a wrong clock, hostile words, a tab that is late."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Route, expect

from tests.browser.conftest import ELSEWHERE
from tests.browser.journeys import WORDS, arrive, book, fill_in, hold, submit
from tests.browser.page_world import LOOK_MS, PageWorld

pytestmark = pytest.mark.asyncio(loop_scope="session")

SCRIPT = "<img src=x onerror=alert(1)>"
GONE = '{"error": "this part is of another version of the page", "code": "GONE"}'
DAY_S = 24 * 3600


async def test_a_page_whose_parts_the_server_has_no_more_loads_itself_again_once(town: PageWorld):
    """As after an update of the server, under a page that is open."""
    person = await town.person()
    person.url = f"http://{ELSEWHERE}:{town.line.port}"  # where no service worker has them
    await book(person, day=1)
    missed = 0

    async def of_another_version(route: Route) -> None:
        nonlocal missed
        missed += 1
        if missed == 1:
            await route.fulfill(status=404, content_type="application/json", body=GONE)
        else:
            await route.continue_()

    await person.page.route(re.compile(r"/screens\.\w+\.js"), of_another_version)
    await person.tap("Open the chat")
    await expect(person.page.get_by_role("textbox")).to_be_visible(timeout=LOOK_MS)
    assert missed == 2


async def test_on_plain_http_elsewhere_it_books_too(town: PageWorld):
    person = await town.person()
    person.url = f"http://{ELSEWHERE}:{town.line.port}"
    await book(person, day=2)
    assert not await person.page.evaluate("isSecureContext")


async def test_a_phone_with_a_wrong_clock_in_another_zone_books_the_shops_time(town: PageWorld):
    person = await town.person(wrong_s=DAY_S, timezone_id="America/New_York")
    words = await arrive(person)
    time = await hold(person, words, day=3)
    await person.sees(re.compile(r"2:\d\d"))  # of three minutes
    await fill_in(person, words, "Ann Lee")
    await submit(person, words)
    await person.sees(time)
    await person.sees(re.compile("Your clock shows"))


async def test_words_of_a_user_are_words_and_nothing_else(town: PageWorld):
    person = await town.person()
    said: list[str] = []
    person.page.on("dialog", lambda dialog: said.append(dialog.message))
    words = await arrive(person)
    await hold(person, words, day=4)
    await fill_in(person, words, "x" * 10_000)
    await person.tap(words.submit)
    await person.sees(re.compile(r"At most \d+ characters"))
    await person.fills(words.name, SCRIPT)
    await submit(person, words)
    await person.sees(SCRIPT)
    await person.tap("Open the chat")
    await person.sees(re.compile(re.escape(SCRIPT)))
    assert said == []


async def test_a_network_that_was_away_for_a_moment_is_a_network_again(town: PageWorld):
    """Nothing was cut: the page learns it from the browser alone. It says so, and books."""
    person = await town.person()
    await book(person, day=5)
    await person.context.set_offline(True)
    await person.sees("No network")
    await person.context.set_offline(False)
    await person.misses(re.compile("No network|connection is lost"))
    await book(person, day=6)
    await person.context.set_offline(True)
    await person.sees("No network")
    town.line.cut()  # and this time it was
    await person.context.set_offline(False)
    await person.misses(re.compile("No network|connection is lost"))


async def test_a_button_of_yesterday_says_that_it_is_too_late(town: PageWorld):
    """Cancelled in one tab, while the other one is about to move it."""
    person, words = await town.person(), WORDS["en"]
    _, code = await book(person, day=8)
    other = await person.another_tab(f"/s/garden/cancel/{code}")
    await other.tap(words.cancel_yes)
    await other.sees_title(words.cancelled)
    await person.opens(f"/s/garden/move/{code}")
    await person.misses(words.move_yes)
    await person.sees(re.compile("not in this browser|can no longer be moved"))


async def test_who_may_have_appointments_is_not_told_that_there_are_none(town: PageWorld):
    """A server that has too much to do does not say who this browser is. The page says so, and asks again by itself."""
    person = await town.person()
    person.url = f"http://{ELSEWHERE}:{town.line.port}"
    _, code = await book(person, day=9)

    async def too_busy(route: Route) -> None:
        await route.fulfill(
            status=503, content_type="application/json", body='{"error": "too much", "code": "OVERLOADED"}'
        )

    await person.page.route("**/api/session", too_busy)
    for path in ("/mine", f"/s/garden/booked/{code}"):
        await person.opens(path)
        await person.sees("Your appointments could not be read")
        await person.misses(re.compile("No appointment yet|not in this browser"))
    await person.page.unroute("**/api/session")
    await person.sees(code)
