"""A page that is open while the server becomes another one: newer, older, or away when the page needs the rest of itself."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Route, expect

from tests.browser.conftest import ELSEWHERE
from tests.browser.journeys import arrive, book, fill_in, hold, submit, take_time
from tests.browser.other_versions import NEWER, NOW, with_newer_page, without_mine
from tests.browser.page_world import PageWorld, page_world

pytestmark = pytest.mark.asyncio(loop_scope="session")

SAID = "There is a newer version of this page"
#: The worker has all parts, and the page is its.
KEPT = "navigator.serviceWorker.ready.then(() => navigator.serviceWorker.controller !== null)"
#: What the browser does by itself once a day, and whenever somebody goes to an address of the site.
LOOK_FOR_NEWER = "navigator.serviceWorker.getRegistration().then((one) => one.update()).then(() => {})"
WAITS = "navigator.serviceWorker.getRegistration().then((one) => one.waiting !== null)"
#: Another window lies on top of this one, or none does.
HIDDEN = """(hidden) => {
  Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));
}"""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def world(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[PageWorld]:
    async with page_world(tmp_path_factory.mktemp("versions"), chromium, hosts=[ELSEWHERE]) as made:
        yield made


@pytest.fixture(scope="module")
def newer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packages of a server with a newer page."""
    return with_newer_page(tmp_path_factory.mktemp("newer"))


@pytest_asyncio.fixture(loop_scope="session", autouse=True)
async def of_today(world: PageWorld) -> AsyncIterator[None]:
    yield
    assert await world.everybody_leaves() == []
    world.line.accepting = True
    if world.process.packages:
        await _becomes(world)


async def _becomes(world: PageWorld, *packages: Path) -> None:
    """The server is killed, and started as another version; ours without one."""
    world.process.packages = packages
    await world.restart()


async def test_a_newer_page_waits_for_a_form_comes_to_all_tabs_and_opens_without_a_network(
    world: PageWorld, newer: Path
):
    person = await world.person()
    words = await arrive(person)
    await person.page.wait_for_function(KEPT)
    await hold(person, words, day=1)
    await person.sees_title(words.who)
    await person.fills(words.name, "Ann Lee")
    tab = await person.another_tab("/s/garden")
    await tab.sees(NOW)
    await _becomes(world, newer)
    await person.page.evaluate(LOOK_FOR_NEWER)
    await person.sees(SAID)
    await tab.sees(SAID)
    await person.page.evaluate(HIDDEN, True)  # out of sight, in the middle of a form: nothing changes
    await person.page.evaluate(HIDDEN, False)
    await expect(person.page.get_by_label(words.name).first).to_have_value("Ann Lee")
    assert await person.page.evaluate(WAITS)
    await fill_in(person, words, "Ann Lee")  # the older page, with the newer server
    await submit(person, words)
    async with person.page.expect_event("load"):
        await person.page.evaluate(HIDDEN, True)  # and now it comes by itself
    await person.sees_title(words.booked)
    await tab.sees(NOW)
    await tab.tap("Load again")
    await tab.sees(NEWER)
    await person.context.set_offline(True)
    world.line.accepting = False
    world.line.cut()
    await tab.page.reload()
    await tab.sees_title("Garden Road")
    await tab.sees(NEWER)
    await tab.sees("No network")


async def test_an_older_page_of_which_the_server_has_no_parts_any_more_becomes_the_newer_one_at_a_tap(
    world: PageWorld, newer: Path
):
    """No service worker has kept the parts. The tap is not lost unsaid: one is where one was, and taps again."""
    person = await world.person()
    person.url = f"http://{ELSEWHERE}:{world.line.port}"
    words = await arrive(person)
    await person.sees(NOW)
    await _becomes(world, newer)
    await take_time(person, 0)
    await person.sees(NEWER)
    await take_time(person, 0)
    await fill_in(person, words, "Ann Lee")
    await submit(person, words)


async def test_a_newer_page_on_an_older_server_says_what_helps(world: PageWorld, newer: Path, tmp_path: Path):
    """As after an update that was taken back: a page that cannot hear of one's own must not say what became of a tap."""
    person = await world.person()
    await book(person, day=2)
    await _becomes(world, without_mine(tmp_path, compiled=newer))
    await person.tries_now()
    await person.sees("This page and the shop's server are of different versions")
    await person.sees_title("Booked")
    await person.tap("Load again")
    await person.sees("are of different versions")
    words = await arrive(person)
    await hold(person, words, day=4)
    await person.sees("That did not work")
    await person.misses("Just taken")


async def test_a_network_that_goes_before_the_page_has_its_client_is_waited_for(world: PageWorld):
    person = await world.person()
    person.url = f"http://{ELSEWHERE}:{world.line.port}"
    words = await arrive(person)
    away = re.compile(rf"{re.escape(person.url)}/(x/booking/pages/client\.\w+\.js)?$")

    async def cut(route: Route) -> None:
        await route.abort("connectionreset")

    await person.page.route(away, cut)
    await take_time(person, 0)
    await person.sees("Still holding")
    await person.page.unroute(away)
    await person.misses(
        re.compile("olding .* for you")
    )  # it goes on, or browsers that try no import twice begin anew
    if not await person.page.get_by_role("heading", name=words.who).count():
        await take_time(person, 0)
    await fill_in(person, words, "Ann Lee")
    await submit(person, words)
