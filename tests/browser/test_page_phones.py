"""Another phone by a link, as people do it: made and scanned, tapped, told to the first one, and signed out for good."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from tests.browser.journeys import book
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
    await first.tap("Sign out “Chrome on Linux”")  # the list has it by itself
    await second.opens("/mine")
    await second.misses(time)
    assert await world.everybody_leaves() == []
