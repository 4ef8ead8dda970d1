"""Another phone, as people do it: by a link, made and scanned and tapped; and at the counter, by a code and a yes."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from imserver_client import Client, connect
from tests.browser.axe import findings
from tests.browser.journeys import book, link_of
from tests.browser.page_world import LOOK_MS, PageWorld, Person, page_world

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(loop_scope="session")
async def world(chromium: Browser, tmp_path: Path) -> AsyncIterator[PageWorld]:
    async with page_world(tmp_path, chromium) as made:
        yield made


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
    await first.sees("Chrome on Linux was signed in to your account. Not you? Sign it out.")
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


# -- at the counter -------------------------------------------------------------------------------------------------------


async def room_of(staff: Client, title: str) -> str:
    """The conversation of a shop whose title ends so."""
    listed = await staff.conversations()
    (room,) = [one.conversation_id for one in listed.conversations if one.title.endswith(title)]
    return room


async def code_on(person: Person, button: str) -> str:
    await person.tap(button)
    shown = person.page.locator(".digits")
    await expect(shown).to_be_visible(timeout=LOOK_MS)
    return "".join((await shown.inner_text()).split())


async def test_a_new_phone_at_the_counter_is_the_old_account_with_what_was_booked_on_either(
    world: PageWorld,
) -> None:
    """The first time it is not me; the second time the server is killed between the question and the yes."""
    old, new = [await world.person() for _ in range(2)]
    async with connect(world.process.url, token=world.process.token("staff-li")) as staff:
        first, _ = await book(old, "en", name="Ann Leigh", day=1)
        room = await room_of(staff, "Ann Leigh")  # before there is another of that name
        second, _ = await book(new, "en", name="Ann Leigh", day=2)
        await new.opens("/devices")
        await staff.post(room, f"/link {await code_on(new, 'Show the digits')}")
        await new.sees("Are you A**, of Garden Road?")
        await new.tap(re.compile("^No$"))
        await staff.post(room, f"/link {await code_on(new, 'Show the digits')}")
    await new.sees("This account has one appointment to come.")
    await new.misses("Ann Leigh")
    assert await findings(new.page) == []
    await world.restart()
    await new.tap("Yes, that is me")
    await new.sees(first)
    await new.sees(second)
    await old.opens("/mine")
    await old.sees(second)
    await old.sees("Chrome on Linux was signed in to your account")
    assert await world.everybody_leaves() == []
