"""Every screen on a phone and at a desk, light and dark, in both languages: axe finds nothing, nothing sticks out.

`make pictures` writes them into docs/pictures; otherwise they are only made.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from tests.browser.axe import findings
from tests.browser.page_world import DESKTOP, MORNING, PHONE, TABLET, Device, PageWorld, Person, page_world
from tests.browser.staff_at_work import at_work
from tests.browser.staff_walk import a_morning, staff_walk
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


#: One pixel is one pixel, and nothing moves.
STILL: dict[str, Any] = {"device_scale_factor": 1, "reduced_motion": "reduce"}


@dataclass(slots=True)
class Looked:
    """Called at each screen: what is wrong with it is noted, and its picture is written."""

    person: Person
    folder: Path
    device: Device
    dark: bool
    wrong: list[str] = field(default_factory=list)

    async def __call__(self, screen: str) -> None:
        page = self.person.page
        await page.evaluate("scrollTo(0, 0)")
        self.wrong.extend(f"{screen}: {finding}" for finding in await _findings_of_all(self.person))
        for font in ("", "225%"):  # as it is, and for a reader who has it twice as large
            await page.evaluate("(size) => void (document.documentElement.style.fontSize = size)", font)
            if (much := await page.evaluate(_TOO_WIDE)) > 0:
                self.wrong.append(f"{screen}, font {font or 'as it is'}: {much} px wider than the window")
        await page.evaluate("document.documentElement.style.fontSize = ''")
        self.folder.mkdir(parents=True, exist_ok=True)
        name = f"{screen}-{self.device.name}-{'dark' if self.dark else 'light'}.png"
        await page.screenshot(path=self.folder / name, animations="disabled", caret="hide")


async def _findings_of_all(person: Person) -> list[str]:
    """What axe finds in a window as high as the page: what scrolls under a bar that stays is no fault."""
    page, size = person.page, person.page.viewport_size
    assert size is not None
    height = int(await page.evaluate("document.documentElement.scrollHeight"))
    await page.set_viewport_size({**size, "height": max(height, size["height"])})
    found = await findings(page)
    await page.set_viewport_size(size)
    return found


LOOKS = pytest.mark.parametrize(
    ("device", "language", "dark"),
    [
        (PHONE, "en", False),
        (PHONE, "zh", True),
        (DESKTOP, "zh", False),
        (DESKTOP, "en", True),
    ],
    ids=["phone-en-light", "phone-zh-dark", "desktop-zh-light", "desktop-en-dark"],
)


@LOOKS
async def test_each_screen_is_in_order(
    world: PageWorld, tmp_path: Path, device: Device, language: str, dark: bool
):
    person = await world.person(device, language=language, dark=dark, **STILL)
    looked = Looked(person, Path(KEPT) if KEPT else tmp_path, device, dark)
    await walk(person, language, looked)
    assert not looked.wrong, "\n".join(looked.wrong)
    assert await world.everybody_leaves() == []


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def work(
    chromium: Browser, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[PageWorld, str]]:
    """Another server, on which customers have been; and the code of an appointment of theirs."""
    async with page_world(tmp_path_factory.mktemp("work"), chromium, at=MORNING) as made:
        code = await a_morning(made)
        assert await made.everybody_leaves() == []
        yield made, code


@pytest.mark.parametrize(
    ("device", "language", "dark"),
    [*LOOKS.args[1], (TABLET, "en", False)],
    ids=[*LOOKS.kwargs["ids"], "tablet-en-light"],
)
async def test_each_screen_of_the_staff_is_in_order(
    work: tuple[PageWorld, str], tmp_path: Path, device: Device, language: str, dark: bool
):
    world, code = work
    person = await at_work(world, language, device, dark=dark, **STILL)
    looked = Looked(person, Path(KEPT) if KEPT else tmp_path, device, dark)
    await staff_walk(person, language, looked, code)
    assert not looked.wrong, "\n".join(looked.wrong)
    assert await world.everybody_leaves() == []
