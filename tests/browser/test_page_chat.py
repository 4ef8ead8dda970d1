"""The chat of the customer's page, by its words: buttons, lost lines, kills, no network, tabs, sign-outs, lost storage."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Route, expect

from benchmarks.processes import free_port
from imserver.proof.fault_proxy import Faults
from tests.browser.chatting import CHAT, KEPT, WAITS, WELCOME, field, greeted, is_stored_once, said, says
from tests.browser.conftest import ELSEWHERE
from tests.browser.page_world import DESKTOP, LOOK_MS, PageWorld, page_world

pytestmark = pytest.mark.asyncio(loop_scope="session")

#: Done when the page has written these words down for the time without a network: it does so a while after they came.
KEEPS = """async (words) => {
  const { name } = (await indexedDB.databases()).find(({ name }) => name.startsWith("imserver-page:"));
  const request = indexedDB.open(name);
  await new Promise((done) => (request.onsuccess = done));
  for (;;) {
    const all = request.result.transaction("kept").objectStore("kept").getAll();
    await new Promise((done) => (all.onsuccess = done));
    if (JSON.stringify(all.result).includes(words)) break;
    await new Promise((done) => setTimeout(done, 50));
  }
  request.result.close();
}"""
#: As a browser with a setting that forbids all storage.
NO_STORAGE = """for (const name of ["indexedDB", "localStorage", "sessionStorage", "caches"]) {
  Object.defineProperty(globalThis, name, {get() { throw new DOMException("not allowed", "SecurityError"); }});
}"""


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
    async with asyncio.timeout(LOOK_MS / 1000):
        await person.page.evaluate(KEEPS, WELCOME)
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
    await phone.sees_title("Sign in in this browser")
    await phone.tap("Sign in")
    await phone.page.wait_for_url("**/mine")
    await phone.opens(CHAT)
    await phone.sees(WELCOME)
    await other.sees("was signed in to your account")
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
    await phone.sees_title("Sign in in this browser")
    assert phone.page.url.endswith("/link")
    await phone.tap("Sign in")
    await phone.page.wait_for_url("**/mine")


async def test_signing_out_here_asks_once_and_takes_everything_along(world: PageWorld):
    person = await greeted(world)
    tab = await person.another_tab("/devices")
    await tab.tap("Sign out here")
    await tab.sees("What this browser keeps of you is deleted")
    await tab.tap("Sign out and delete")
    await tab.sees("This browser is signed out")
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
    await person.sees("This browser's data was cleared")
    await says(person, "still here")
    await is_stored_once(person, "still here")
    await person.tap("OK")
    await person.misses("This browser's data was cleared")


async def test_a_browser_that_keeps_no_cookies_is_told(world: PageWorld):
    person = await world.person()

    async def forget(route: Route) -> None:
        """As such a browser does: what the server has set is gone before the next request."""
        await person.context.clear_cookies()
        await route.continue_()

    await person.context.route("**/api/**", forget)
    await person.opens(CHAT)
    await says(person, "hello")
    await person.sees("keeps no cookies")
    await expect(field(person)).to_have_value("hello")


async def test_without_storage_the_page_works_and_says_so(world: PageWorld):
    person = await world.person(DESKTOP)
    await person.context.add_init_script(NO_STORAGE)
    await person.opens(CHAT)
    await says(person, "hello")
    await person.sees(WELCOME)
    await is_stored_once(person, "hello")


async def test_plain_http_of_another_machine_works_without_all_of_it(chromium: Browser, tmp_path: Path):
    """No service worker, locks or `crypto.subtle`: two tabs take turns, and say so."""
    port = free_port()
    async with page_world(
        tmp_path, chromium, port=port, public_url=f"http://{ELSEWHERE}:{port}", insecure=True
    ) as made:
        person = await made.person(DESKTOP)
        person.url = f"http://{ELSEWHERE}:{port}"
        await person.opens(CHAT)
        assert (
            await person.page.evaluate(
                "[isSecureContext, 'locks' in navigator, 'serviceWorker' in navigator]"
            )
            == [False] * 3
        )
        await says(person, "hello")
        await person.sees(WELCOME)
        await person.page.reload()
        await is_stored_once(person, "hello")
        second = await person.another_tab(CHAT)
        await second.sees(WELCOME)
        await person.sees("The conversation is open in another tab")
        await person.tap("Use it here")
        await says(person, "here again")
        await is_stored_once(person, "here again")
        # Chromium remarks that a header for safe origins means nothing here.
        assert [one for one in await made.everybody_leaves() if "Opener-Policy" not in one] == []
