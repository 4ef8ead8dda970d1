"""Links that outlive what they are for: previewed, used and old ones for another phone, and a poster's whose shop is gone."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from importlib import resources
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from tests.browser.journeys import WORDS, arrive, book, fill_in, hold, link_of, submit
from tests.browser.page_world import PageWorld, page_world

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo chain's file, to be changed."""
    path = tmp_path_factory.mktemp("chain") / "chain.toml"
    demo = resources.files("imserver.plugins.booking") / "chains" / "demo.toml"
    path.write_text(demo.read_text("utf-8"), encoding="utf-8")
    return path


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def world(
    chromium: Browser, chain: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[PageWorld]:
    async with page_world(tmp_path_factory.mktemp("links"), chromium, chain=chain) as made:
        yield made


def _remove_last_shop(chain: Path) -> None:
    text = chain.read_text("utf-8")
    chain.write_text(text[: text.rindex("[[stores]]")], encoding="utf-8")


async def test_a_poster_of_a_shop_that_was_removed(world: PageWorld, chain: Path) -> None:
    """Who was to come there is told on the page that stayed open, and whoever scans the poster finds the other shops."""
    person, words = await world.person(), WORDS["en"]
    await arrive(person, shop="river")
    await hold(person, words, day=1)
    await fill_in(person, words, "Ann Lee")
    await submit(person, words)
    await person.opens("/mine")
    await person.sees("Riverside")
    _remove_last_shop(chain)
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
