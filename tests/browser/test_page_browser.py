"""What browsers do with a page by themselves: the back button's cache, input methods, autofill, full storage, frames, paper."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest
from playwright.async_api import Browser, Page, async_playwright, expect

from tests.browser.chatting import CHAT, field, is_stored_once
from tests.browser.conftest import CHROMIUM, EMPTY, FLAGS
from tests.browser.journeys import (
    WORDS,
    arrive,
    book,
    code_of,
    fill_in,
    hold,
    sees_booked,
    submit,
    take_time,
)
from tests.browser.page_world import DESKTOP, LOOK_MS, PageWorld, Person, page_world
from tests.browser.site import Site

pytestmark = pytest.mark.asyncio(loop_scope="session")

#: As a browser fills a field in: no key is pressed, and the page's own setter is passed by.
AUTOFILLS = """(field, text) => {
  Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value").set.call(field, text);
  for (const name of ["input", "change"]) field.dispatchEvent(new Event(name, { bubbles: true }));
}"""
#: Another program of this site takes all room that the browser gives it.
FILLS = """async () => {
  const request = indexedDB.open("others");
  request.onupgradeneeded = () => request.result.createObjectStore("all");
  await new Promise((done) => (request.onsuccess = done));
  for (let size = 65_536, key = 0; size > 10 && key < 100; key += 1) {
    const writing = request.result.transaction("all", "readwrite");
    writing.objectStore("all").put(crypto.getRandomValues(new Uint8Array(size)), key);
    await new Promise((done) => {
      writing.oncomplete = done;
      writing.onabort = () => done((size = Math.floor(size / 2)));
    });
  }
  request.result.close();
}"""
#: Notes all that moves, by the names of animations and transitions.
NOTES_MOVES = """globalThis.moved = new Set();
for (const kind of ["animationstart", "transitionrun"]) {
  addEventListener(kind, (event) => void moved.add(event.animationName ?? event.propertyName), true);
}"""
#: The words on the paper, and whether each is dark there.
ON_PAPER = """() => [...document.querySelectorAll("h1, dt, dd, p, strong, li, a")].filter((one) => one.checkVisibility())
  .map((one) => [one.textContent.trim(), getComputedStyle(one).color.match(/[\\d.]+/g)])
  .map(([words, colour]) => [words, colour.slice(0, 3).every((part) => part < 128)])"""


async def test_a_page_comes_back_by_the_back_button_with_everything_but_its_connection(
    site: Site, tmp_path: Path
):
    """Chromium's own cache, which Playwright turns off otherwise. The server was killed while nobody looked."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=FLAGS, ignore_default_args=["--disable-back-forward-cache"]
        )
        async with page_world(tmp_path, browser) as world:
            person = await world.person()
            words = await arrive(person)
            await hold(person, words, day=1)
            await person.sees_title(words.who)
            await person.fills(words.name, "Ann Lee")
            await person.page.evaluate("globalThis.neverLoadedAgain = true")
            await person.page.goto(site.url + EMPTY)
            await world.restart()
            # Playwright would wait for a page that loads; and the answer has to leave this page before the page goes.
            await person.page.evaluate("setTimeout(() => history.back(), 50)")
            await person.sees_title(words.who)
            assert await person.page.evaluate("globalThis.neverLoadedAgain === true"), (
                "it was no back button's cache"
            )
            await expect(person.page.get_by_label(words.name).first).to_have_value("Ann Lee")
            await fill_in(person, words, "Ann Lee")
            await submit(person, words)
            assert await world.everybody_leaves() == []
        await browser.close()


async def test_enter_while_an_input_method_composes_sends_and_books_nothing(town: PageWorld):
    """With the input method of the browser itself: first in the form, then in the chat."""
    person = await town.person(DESKTOP)
    words = await arrive(person)
    await hold(person, words, day=9)
    await fill_in(person, words, "x")
    method = await person.context.new_cdp_session(person.page)

    async def composes(letters: str, then: str) -> None:
        """`letters` are typed, Enter is pressed, which is the input method's, and `then` is what becomes of them."""
        await method.send(
            "Input.imeSetComposition",
            {"text": letters, "selectionStart": len(letters), "selectionEnd": len(letters)},
        )
        for kind in ("rawKeyDown", "keyUp"):
            key = {
                "type": kind,
                "key": "Enter",
                "code": "Enter",
                "windowsVirtualKeyCode": 229,
                "nativeVirtualKeyCode": 13,
            }
            await method.send("Input.dispatchKeyEvent", key)
        await method.send("Input.insertText", {"text": then})

    name = person.page.get_by_label(words.name).first
    await name.fill("")
    await composes("wang", "王")
    await expect(name).to_have_value("王")
    await person.sees_title(words.who)
    await person.misses(words.booked)
    await name.press("Enter")  # and this one is the person's
    await sees_booked(person, words)
    await person.opens(CHAT)
    await field(person).focus()
    await composes("nihao", "你好")
    await expect(field(person)).to_have_value("你好")
    await field(person).press("Enter")
    await is_stored_once(person, "你好")


async def test_what_a_browser_fills_in_is_what_is_booked(town: PageWorld):
    person = await town.person()
    words = await arrive(person)
    await hold(person, words, day=10)
    name = person.page.get_by_label(words.name).first
    await expect(name).to_have_attribute("autocomplete", "name")
    await name.evaluate(AUTOFILLS, "Ann Autofill")
    await person.chooses(words.adult)
    await person.chooses(words.first_yes)
    await person.chooses(words.agree, "checkbox")
    await submit(person, words)
    await person.sees("Ann Autofill")


async def test_storage_that_fills_or_is_cleared_in_the_middle_of_a_form_loses_nothing(town: PageWorld):
    full, cleared = await town.person(service_workers="block"), await town.person(DESKTOP)
    words = WORDS["en"]
    # Before the first commit: after each one Chromium goes on for some seconds with the room that it found then.
    site = await full.context.new_cdp_session(full.page)
    await site.send("Storage.overrideQuotaForOrigin", {"origin": town.url, "quotaSize": 400_000})
    for person, day in ((full, 6), (cleared, 7)):
        await arrive(person)
        await hold(person, words, day=day)
        await fill_in(person, words, "Ann Lee")
    await full.page.evaluate(FILLS)
    site = await cleared.context.new_cdp_session(cleared.page)
    kinds = "indexeddb,local_storage,cache_storage,service_workers"
    await site.send("Storage.clearDataForOrigin", {"origin": town.url, "storageTypes": kinds})
    await cleared.sees("This browser's data was cleared")
    for person in (full, cleared):
        await expect(person.page.get_by_label(words.name).first).to_have_value("Ann Lee")
        await submit(person, words)
    await full.sees("This browser keeps nothing for this page")
    code = await code_of(full)
    await full.opens("/mine")
    await full.tap("Garden Road")
    await full.sees(code)
    # With its cookies the browser loses who it was. That is said, and one begins as somebody new.
    await site.send("Storage.clearDataForOrigin", {"origin": town.url, "storageTypes": f"cookies,{kinds}"})
    await cleared.sees("This browser is signed out")
    await cleared.tap("Start again")
    await book(cleared, day=8)


async def test_other_sites_show_it_in_a_frame_only_if_they_are_listed(
    town: PageWorld, chromium: Browser, site: Site, tmp_path: Path
):
    """A frame of the same site books. In one of another site browsers keep no cookies of ours: a window of its own does."""
    refused = await town.person()
    site.added["/frame"] = f'<iframe src="{town.url}/s/garden" width="390" height="800"></iframe>'
    await refused.page.goto(f"{site.url}/frame")
    await expect(refused.page.frame_locator("iframe").get_by_text("Garden Road")).to_have_count(0)
    assert refused.page.frames[1].url.startswith("chrome-error:")
    assert [one for one in refused.errors if "frame-ancestors" not in one] == []
    refused.errors.clear()
    listed = [site.url, site.elsewhere("localhost")]
    async with page_world(tmp_path, chromium, frame_ancestors=listed) as world:
        site.added["/frame"] = site.added["/frame"].replace(town.url, world.url)
        person = await _in_frame(world, site.elsewhere("localhost"))
        words = WORDS["en"]
        await person.tap(words.book)
        await take_time(person, 0)
        await fill_in(person, words, "Ann Lee")
        await submit(person, words)
        person = await _in_frame(world, site.url)
        await take_time(person, 0)
        await person.sees("Inside the page of another site")
        window = person.page.get_by_role("link", name="Open in a window of its own")
        await expect(window).to_have_attribute("target", "_blank")
        await expect(window).to_have_attribute("href", f"{world.url}/s/garden")
        assert await world.everybody_leaves() == []


async def _in_frame(world: PageWorld, host: str) -> Person:
    """Somebody who sees the page in a frame of this site."""
    person = await world.person(DESKTOP)
    await person.page.goto(f"{host}/frame")
    await (
        person.page.frame_locator("iframe")
        .get_by_role("heading", name="Garden Road")
        .wait_for(timeout=LOOK_MS)
    )
    # A frame has all that people use of a page.
    return Person(cast("Page", person.page.frames[1]), world.url, person.errors)


async def test_nothing_moves_for_who_wants_it_so_and_dark_pages_are_dark_words_on_paper(town: PageWorld):
    calm, other = [
        await town.person(dark=True, reduced_motion=motion) for motion in ("reduce", "no-preference")
    ]
    assert await _moves_on_the_way(calm, 5) == []
    assert "arrive" in await _moves_on_the_way(other, 6), "this test cannot see what moves"
    await other.page.emulate_media(media="print")
    paper: list[tuple[str, bool]] = await other.page.evaluate(ON_PAPER)
    text = "\n".join(words for words, _ in paper)
    for wanted in (await code_of(other), "18 Garden Road", "Ann Lee", "eye exam"):
        assert wanted in text
    assert [words for words, is_dark in paper if not is_dark] == []


async def _moves_on_the_way(person: Person, day: int) -> list[str]:
    """What moves on the screens from the shop to "booked"."""
    await person.context.add_init_script(NOTES_MOVES)
    words = await arrive(person)
    await hold(person, words, day=day)
    await fill_in(person, words, "Ann Lee")
    await submit(person, words)
    moved: list[str] = await person.page.evaluate("[...globalThis.moved]")
    return moved
