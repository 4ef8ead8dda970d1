"""The chat of the customer's page, by its words: buttons, lost lines, kills, no network, tabs, sign-outs, lost storage."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Locator, expect

from imserver.proof.fault_proxy import Faults
from tests.browser.page_world import DESKTOP, LOOK_MS, PageWorld, Person, page_world

pytestmark = pytest.mark.asyncio(loop_scope="session")

CHAT = "/s/garden/chat"
#: What the bot says first, whoever comes.
WELCOME = "Welcome to Garden Road"
WAITS = "Goes out when the connection is back"
#: Everything that this site keeps in the browser, by name.
KEPT = """async () => [
  ...(await indexedDB.databases()).map(({ name }) => name),
  ...(await caches.keys()),
  ...(await navigator.serviceWorker.getRegistrations()).map(() => "worker"),
  ...Object.keys(localStorage).filter((name) => name.startsWith("imserver")),
]"""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def world(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[PageWorld]:
    """One server for all tests here: each has people of its own."""
    folder: Path = tmp_path_factory.mktemp("chat")
    async with page_world(folder, chromium, guests=True) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="session", autouse=True)
async def nothing_uncaught(world: PageWorld) -> AsyncIterator[None]:
    yield
    world.line.apply(Faults())
    world.line.accepting = True
    assert await world.everybody_leaves() == []


def field(person: Person) -> Locator:
    return person.page.get_by_role("textbox", name="Message to Garden Road")


async def says(person: Person, text: str) -> None:
    await field(person).fill(text, timeout=LOOK_MS)
    await person.page.get_by_role("button", name="Send", exact=True).click(timeout=LOOK_MS)


def said(person: Person, text: str) -> Locator:
    """One's own messages of this text."""
    return person.page.get_by_role("listitem").filter(
        has_text=re.compile(rf"^You.*: ?\s*{re.escape(text)}", re.DOTALL)
    )


async def is_stored_once(person: Person, text: str) -> None:
    """It is there, once, and the shop has it."""
    await expect(said(person, text).filter(has_text=re.compile("Stored|Read by"))).to_have_count(
        1, timeout=LOOK_MS
    )
    await expect(said(person, text)).to_have_count(1)


async def greeted(world: PageWorld, **options: object) -> Person:
    """Somebody new who has said hello, and was answered."""
    person = await world.person(DESKTOP, **options)
    await person.opens(CHAT)
    await says(person, "hello")
    await person.sees(WELCOME)
    await is_stored_once(person, "hello")
    return person


async def test_a_stranger_talks_and_presses_buttons(world: PageWorld):
    person = await greeted(world)
    await person.tap("Address, parking")
    await is_stored_once(person, "Address, parking")
    pressed = person.page.get_by_role("button", name="Address, parking (pressed)")
    await expect(pressed).to_be_visible(timeout=LOOK_MS)
    await pressed.click()  # an old button can be pressed again, and the bot answers
    await expect(said(person, "Address, parking")).to_have_count(2, timeout=LOOK_MS)
    # Everything is there for who comes back, in another tab.
    tab = await person.another_tab(CHAT)
    await tab.sees(WELCOME)
    await is_stored_once(tab, "hello")


async def test_enter_sends_but_not_what_an_input_method_composes(world: PageWorld):
    person = await greeted(world)
    await field(person).fill("nihao")
    for composing in ("isComposing: true", "keyCode: 229"):
        await field(person).evaluate(
            f"(one) => one.dispatchEvent(new KeyboardEvent('keydown', {{key: 'Enter', bubbles: true, {composing}}}))"
        )
    await expect(field(person)).to_have_value("nihao")
    await field(person).press("Shift+Enter")
    await field(person).press_sequentially("two")
    await field(person).press("Enter")
    await expect(field(person)).to_have_value("")
    await is_stored_once(person, "nihao\ntwo")


async def test_text_of_any_kind_is_text(world: PageWorld):
    person = await greeted(world)
    script = "<img src=x onerror=alert(1)><script>alert(2)</script>"
    await says(person, script)
    await is_stored_once(person, script)
    await field(person).fill("字" * 10_001)
    await person.sees("1 characters too many")
    await field(person).press("Enter")
    await expect(field(person)).to_have_value("字" * 10_001)
    await field(person).fill("字" * 10_000)
    await field(person).press("Enter")
    await is_stored_once(person, "字" * 10_000)


async def test_a_line_that_is_cut_in_mid_tap_says_it_once(world: PageWorld):
    person = await greeted(world)
    world.line.apply(Faults(swallow_down=True))  # the server hears it, and its answer is lost
    await person.tap("Address, parking")
    await says(person, "and what does it cost?")
    await person.sees(WAITS)
    world.line.apply(Faults())
    world.line.cut()
    await is_stored_once(person, "Address, parking")
    await is_stored_once(person, "and what does it cost?")


async def test_the_server_is_killed_while_the_page_is_open(world: PageWorld):
    person = await greeted(world)
    await world.process.kill()
    await person.sees("The connection is lost")
    await says(person, "said while it was dead")
    await person.sees(WAITS)
    await world.restart()
    await is_stored_once(person, "said while it was dead")
    await person.misses("The connection is lost")


async def test_without_a_network_the_page_opens_and_sends_later(world: PageWorld):
    """From the cache, with what it knew; the words survive one more reload, and go out once."""
    person = await greeted(world)
    await person.page.wait_for_function(
        "navigator.serviceWorker.ready.then(() => navigator.serviceWorker.controller !== null)"
    )
    await person.page.wait_for_timeout(1200)  # what is known is written down a second after it changed
    await person.context.set_offline(True)
    world.line.accepting = False
    world.line.cut()
    await person.page.reload()
    await person.sees(WELCOME)
    await person.sees("No network")
    await says(person, "written in the tunnel")
    await person.sees(WAITS)
    await person.page.reload()
    await person.sees("written in the tunnel")
    world.line.accepting = True
    await person.context.set_offline(False)
    await is_stored_once(person, "written in the tunnel")


async def test_two_tabs_are_one_person(world: PageWorld):
    first = await greeted(world)
    second = await first.another_tab(CHAT)
    await says(second, "from the second")
    await is_stored_once(first, "from the second")
    await first.page.close()  # it had the line
    await says(second, "after the first")
    await is_stored_once(second, "after the first")


async def test_a_page_comes_back_from_the_cache_of_the_back_button(world: PageWorld):
    person = await greeted(world)
    leave = "globalThis.dispatchEvent(new PageTransitionEvent('pagehide', {persisted: true}))"
    await person.page.evaluate(leave)
    await person.page.evaluate(
        "globalThis.dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}))"
    )
    await says(person, "back again")
    await is_stored_once(person, "back again")


async def test_signed_out_from_another_browser_nothing_stays(world: PageWorld):
    person = await greeted(world)
    other = await person.another_tab("/devices")
    await other.tap("Make a link")
    address = await other.page.get_by_text("/link#").inner_text(timeout=LOOK_MS)
    phone = await world.person()
    await phone.page.goto(address)
    await phone.sees_title("Sign in on this device")
    await phone.tap("Sign in")
    await phone.opens(CHAT)
    await phone.sees(WELCOME)
    # The link is used up, also for whoever found it.
    thief = await world.person()
    await thief.page.goto(address)
    await thief.tap("Sign in")
    await thief.sees_title("This link is used up")
    # The phone signs the first browser out, while that has the chat open.
    await phone.opens("/devices")
    signed_in = phone.page.get_by_role("article").filter(has_not_text="This browser")
    await signed_in.get_by_role("button", name="Sign out").first.click(timeout=LOOK_MS)
    await person.sees("This browser was signed out")
    await expect(field(person)).to_have_count(0)
    assert await person.page.evaluate(KEPT) == []
    await phone.opens(CHAT)
    await phone.sees(WELCOME)


async def test_a_good_link_in_the_tab_of_a_used_one_is_good_and_out_of_sight(world: PageWorld):
    person = await greeted(world)
    await person.opens("/devices")
    await person.tap("Make a link")
    address = await person.page.get_by_text("/link#").inner_text(timeout=LOOK_MS)
    phone = await world.person()
    await phone.opens(f"/link#{'A' * 43}")
    await phone.tap("Sign in")
    await phone.sees_title("This link is used up")
    await phone.page.goto(address)  # for a browser this is the same page
    await phone.sees_title("Sign in on this device")
    assert phone.page.url.endswith("/link")
    await phone.tap("Sign in")
    await phone.page.wait_for_url("**/mine")


async def test_signing_out_here_asks_once_and_takes_everything_along(world: PageWorld):
    person = await greeted(world)
    tab = await person.another_tab("/devices")
    await tab.tap("Sign out here")
    await tab.sees("What this browser keeps of you is deleted")
    await tab.tap("Sign out and delete")
    await tab.sees("You are signed out")
    await person.sees("This browser was signed out")
    assert await person.page.evaluate(KEPT) == []
    await person.tap("Start again")
    await says(person, "somebody new")
    await is_stored_once(person, "somebody new")
    await expect(said(person, "hello")).to_have_count(0)


async def test_another_account_in_another_tab_is_said(world: PageWorld):
    mother = await greeted(world)
    tab = await mother.another_tab("/devices")
    await tab.tap("Make a link")
    address = await tab.page.get_by_text("/link#").inner_text(timeout=LOOK_MS)
    child = await greeted(world)
    await says(child, "I am another one")
    second = await child.another_tab(address.removeprefix(child.url))
    await second.sees("This browser is another account now")
    await second.tap("Sign in")
    await child.sees("became a different account")
    await child.tap("Load again")
    await child.sees(WELCOME)
    await expect(said(child, "I am another one")).to_have_count(0)


async def test_storage_that_is_cleared_is_said_and_the_page_goes_on(world: PageWorld):
    person = await greeted(world)
    session = await person.context.new_cdp_session(person.page)
    await session.send("Storage.clearDataForOrigin", {"origin": world.url, "storageTypes": "indexeddb"})
    await person.sees("The browser's data was cleared")
    await says(person, "still here")
    await is_stored_once(person, "still here")
    await person.tap("OK")
    await person.misses("The browser's data was cleared")
