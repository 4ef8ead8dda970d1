"""Every screen on a phone and at a desk, light and dark, in both languages: axe finds nothing, nothing sticks out.

`make pictures` writes them into docs/pictures; otherwise they are only made.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from tests.browser.axe import findings
from tests.browser.page_world import DESKTOP, MORNING, PHONE, Device, PageWorld, Person, page_world
from tests.browser.walk import walk

pytestmark = pytest.mark.asyncio(loop_scope="session")

#: Where they are shown; set by `make pictures`.
KEPT = os.environ.get("PICTURES")
#: A page is wider than the window: somebody has to scroll sideways.
_TOO_WIDE = "document.documentElement.scrollWidth - innerWidth"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def world(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[PageWorld]:
    """One server, where it is the same morning each time."""
    async with page_world(tmp_path_factory.mktemp("page"), chromium, at=MORNING) as made:
        yield made


async def _findings_of_all(person: Person) -> list[str]:
    """What axe finds in a window as high as the page: what scrolls under a bar that stays is no fault."""
    page, size = person.page, person.page.viewport_size
    assert size is not None
    height = int(await page.evaluate("document.documentElement.scrollHeight"))
    await page.set_viewport_size({**size, "height": max(height, size["height"])})
    found = await findings(page)
    await page.set_viewport_size(size)
    return found


@pytest.mark.parametrize(
    ("device", "language", "dark"),
    [
        (PHONE, "en", False),
        (PHONE, "zh", True),
        (DESKTOP, "zh", False),
        (DESKTOP, "en", True),
    ],
    ids=["phone-en-light", "phone-zh-dark", "desktop-zh-light", "desktop-en-dark"],
)
async def test_each_screen_is_in_order(
    world: PageWorld, tmp_path: Path, device: Device, language: str, dark: bool
):
    folder = Path(KEPT) if KEPT else tmp_path
    folder.mkdir(parents=True, exist_ok=True)
    person = await world.person(
        device, language=language, dark=dark, device_scale_factor=1, reduced_motion="reduce"
    )
    wrong: list[str] = []

    async def look(screen: str) -> None:
        await person.page.evaluate("scrollTo(0, 0)")
        wrong.extend(f"{screen}: {finding}" for finding in await _findings_of_all(person))
        for font in ("", "225%"):  # as it is, and for a reader who has it twice as large
            await person.page.evaluate(
                "(size) => void (document.documentElement.style.fontSize = size)", font
            )
            if (much := await person.page.evaluate(_TOO_WIDE)) > 0:
                wrong.append(f"{screen}, font {font or 'as it is'}: {much} px wider than the window")
        await person.page.evaluate("document.documentElement.style.fontSize = ''")
        name = f"{screen}-{device.name}-{'dark' if dark else 'light'}.png"
        await person.page.screenshot(path=folder / name, animations="disabled", caret="hide")

    await walk(person, language, look)
    assert not wrong, "\n".join(wrong)
    assert await world.everybody_leaves() == []
