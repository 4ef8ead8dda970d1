"""What a phone has to fetch before the first tap, and when the page can be used: the bounds of the design, measured cold."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from benchmarks.browser import PHONE, visit
from tests.browser.page_world import LOOK_MS, page_world

pytestmark = pytest.mark.asyncio(loop_scope="session")

MOST_BYTES, MOST_REQUESTS, MOST_MS = 120 * 1024, 12, 2_500
#: What else the machine does is no fault of the page: one of so many visits is in time.
VISITS = 4


async def test_the_page_is_light_and_soon_of_use(chromium: Browser, tmp_path: Path):
    async with page_world(tmp_path, chromium) as world:
        waits = list[float]()
        while len(waits) < VISITS and min(waits, default=MOST_MS + 1) > MOST_MS:
            waits.append(await _visit_once(chromium, f"{world.url}/s/garden?ref=window"))
        assert min(waits) <= MOST_MS, waits


async def _visit_once(chromium: Browser, url: str) -> float:
    """When it could be used (ms); a tap leads on, and what came is little."""
    context = await chromium.new_context(**PHONE)
    page, made = await visit(context, url, "Book an eye exam")
    told = "\n".join(f"{size:7} {one}" for one, size in made.requests.items())
    assert made.bytes <= MOST_BYTES, told
    assert len(made.requests) <= MOST_REQUESTS, told
    await page.get_by_role("link", name="Book an eye exam").click()
    await expect(page.get_by_role("heading", name="Choose a time")).to_be_visible(timeout=LOOK_MS)
    await context.close()
    return made.usable_ms
