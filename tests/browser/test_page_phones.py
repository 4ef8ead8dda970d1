"""Links: another phone's, as people use it and as messengers open it before them; and a poster's that outlives its shop."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from importlib import resources
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from tests.browser.journeys import WORDS, arrive, book, fill_in, hold, submit
from tests.browser.page_world import LOOK_MS, PageWorld, Person, page_world

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(loop_scope="session")
async def world(chromium: Browser, tmp_path: Path) -> AsyncIterator[PageWorld]:
    async with page_world(tmp_path, chromium) as made:
        yield made


async def link_of(person: Person) -> str:
    """What the page shows to be opened on the other phone: behind the host."""
    await person.opens("/devices")
    await person.tap("Make a link")
    shown = person.page.locator("code.address")
    await expect(shown).to_be_visible(timeout=LOOK_MS)
    await expect(person.page.get_by_role("img", name="QR code: scan it with the other phone")).to_be_visible()
    address = urlsplit(await shown.inner_text())
    return f"{address.path}#{address.fragment}"


async def test_another_phone_has_the_same_appointments_until_it_is_signed_out(world: PageWorld) -> None:
    first, second, third = [await world.person() for _ in range(3)]
    time, _ = await book(first, "en", name="Ann Lee", day=1)
    link = await link_of(first)
    await second.opens(link)
    await second.sees_title("Sign in in this browser")
    await expect(second.page).to_have_url(
        re.compile("/link$"), timeout=LOOK_MS
    )  # nobody reads it over a shoulder
    await second.tap(re.compile("^Sign in$"))
    await second.sees(time)
    await first.sees("Chrome on Linux was signed in by a link of yours. Not you? Sign it out.")
    await third.opens(link)
    await third.tap(re.compile("^Sign in$"))
    await third.sees("This link is used up")
    await first.context.set_offline(True)
    await first.tap("Sign out “Chrome on Linux”")  # the list has it by itself
    await first.sees("The server was not reached, and nothing has changed")
    await first.context.set_offline(False)
    await first.tap("Sign out “Chrome on Linux”")
    await second.opens("/mine")
    await second.misses(time)
    assert await world.everybody_leaves() == []


async def test_a_preview_uses_no_link_up_and_ten_minutes_do(world: PageWorld) -> None:
    """A messenger fetches what somebody sends, some with a browser of their own; nobody taps there."""
    first, preview, second, late = [await world.person() for _ in range(4)]
    time, _ = await book(first, "en", name="Ann Lee", day=1)
    link = await link_of(first)
    assert (await preview.context.request.get(world.url + link)).ok
    await preview.opens(link)
    await preview.sees_title("Sign in in this browser")
    await second.opens(link)
    await second.tap(re.compile("^Sign in$"))
    await second.sees(time)
    link = await link_of(first)
    await world.process.kill()
    world.process.configure(
        "clock", start_ms=int((datetime.now(UTC) + timedelta(minutes=11)).timestamp() * 1000)
    )
    await world.process.start()
    await late.opens(link)
    await late.tap(re.compile("^Sign in$"))
    await late.sees("This link is used up")
    await late.sees("or ten minutes have passed")
    await late.misses(time)
    assert await world.everybody_leaves() == []


async def test_a_poster_of_a_shop_that_was_removed(chromium: Browser, tmp_path: Path) -> None:
    """Who was to come there is told on the page that stayed open, and whoever scans the poster finds the other shops."""
    demo = (resources.files("imserver.plugins.booking") / "chains" / "demo.toml").read_text("utf-8")
    chain = tmp_path / "chain.toml"
    chain.write_text(demo, encoding="utf-8")
    async with page_world(tmp_path, chromium, chain=chain) as world:
        person, words = await world.person(), WORDS["en"]
        await arrive(person, shop="river")
        await hold(person, words, day=1)
        await fill_in(person, words, "Ann Lee")
        await submit(person, words)
        await person.opens("/mine")
        await person.sees("Riverside")
        chain.write_text(demo[: demo.rindex("[[stores]]")], encoding="utf-8")
        await world.restart()
        await person.tries_now()
        await person.sees("Not in the shop's records any more")
        await person.sees("the shop may have closed")
        stranger = await world.person()
        await stranger.opens("/s/river?ref=window")
        await stranger.sees_title("This shop is not here any more")
        await stranger.tap("All shops")
        await stranger.tap("Garden Road")
        await stranger.sees(words.book)
        assert await world.everybody_leaves() == []
