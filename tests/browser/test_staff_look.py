"""The staff's screens on phone, tablet and desk, by the keyboard and by axe: around the shop in memory."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Locator, expect

from tests.browser import axe
from tests.browser.screens import Visitor, screens, visiting
from tests.browser.staff_screens import DESK, PHONE, TABLET, at_a_desk, row

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def origin() -> AsyncIterator[str]:
    async with screens() as url:
        yield url


@pytest_asyncio.fixture(loop_scope="session")
async def li(chromium: Browser, origin: str) -> AsyncIterator[Visitor]:
    async with at_a_desk(chromium, origin) as one:
        yield one


async def test_a_phone_shows_one_at_a_time(chromium: Browser, origin: str):
    async with visiting(chromium, origin) as visitor:
        await visitor.opens("/staff/garden")
        await row(visitor, "王小明").click()
        await visitor.sees("镜框可以换别家的镜片吗？")
        await expect(row(visitor, "Mei Chen")).to_have_count(0)
        await expect(visitor.page.get_by_role("navigation")).to_have_count(0)  # there is the keyboard
        await visitor.page.get_by_text("No appointment to come").first.click()
        await visitor.sees("138 0013 8000")
        await visitor.button("Back").click()
        await expect(row(visitor, "Mei Chen")).to_be_visible()


async def test_with_the_keyboard_alone(li: Visitor):
    page = li.page
    await li.opens("/staff/garden")

    async def to(goal: Locator) -> None:
        """Once it is there: behind the last stop of a page that is still being drawn, Tab leaves it."""
        await expect(goal).to_be_visible()
        for _ in range(60):
            await page.keyboard.press("Tab")
            name, outline = await page.evaluate(
                "(() => { const at = document.activeElement;"
                " return [(at.ariaLabel ?? '') + ' ' + at.textContent.trim(), getComputedStyle(at).outlineStyle] })()"
            )
            assert name.strip(), "a stop without a name"
            assert outline != "none", f"nobody sees the focus on {name}"
            if await goal.evaluate("(goal) => goal === document.activeElement"):
                return
        raise AssertionError(f"Tab never came to {goal}")

    await to(row(li, "王小明"))
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="王小明")).to_be_focused()
    await to(li.button("Take over"))
    await page.keyboard.press("Enter")
    await li.sees(re.compile("You answer since"))
    await to(page.get_by_label("Message to 王小明"))
    await page.keyboard.type("你好")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("listitem").filter(has_text="你好").last).to_contain_text("You")


#: The first and the second customer of the shop in memory.
ONE, TWO = ("a" * 31 + number for number in "12")
SCREENS = {
    "inbox": "/staff/garden",
    "group": "/staff/garden/group",
    "chat": f"/staff/garden/c/{ONE}",
    "asked": f"/staff/garden/c/{TWO}",
    "today": "/staff/garden/today",
    "empty day": "/staff/garden/today?day=2026-12-06",
    "move": "/staff/garden/today?move=A2S4&of=2026-12-01&service=exam",
    "none": "/staff/elsewhere",
}


@pytest.mark.parametrize("size", [PHONE, TABLET, DESK], ids=["phone", "tablet", "desk"])
@pytest.mark.parametrize(
    ("dark", "language"), [(False, "en-GB"), (True, "zh-CN")], ids=["light-en", "dark-zh"]
)
async def test_axe_finds_nothing_and_nothing_stands_outside(
    chromium: Browser, origin: str, size: Any, dark: bool, language: str
):
    scheme = "dark" if dark else "light"
    options: dict[str, Any] = {
        "color_scheme": scheme,
        "locale": language,
        "viewport": size,
        "bypass_csp": True,
    }
    async with visiting(chromium, origin, **options) as visitor:
        found: dict[str, Any] = {}
        for name, address in SCREENS.items():
            await visitor.opens(address)
            await visitor.page.clock.run_for(1000)
            if faults := await axe.findings(visitor.page):
                found[name] = faults
            for font in ("1", "2"):
                await visitor.page.evaluate(
                    f"document.documentElement.style.fontSize = 'calc(112.5% * {font})'"
                )
                over = await visitor.page.evaluate("document.documentElement.scrollWidth - innerWidth")
                if over > 0:
                    found[f"{name} at {font}"] = f"{over} px too wide"
            await visitor.page.evaluate("document.documentElement.style.fontSize = ''")
            small = await visitor.page.evaluate(
                """[...document.querySelectorAll("button, a.button, select, input, textarea, summary, a.way, a.inbox-row")]
                    .map((one) => [one.textContent.trim(), one.getBoundingClientRect()])
                    .filter(([, { width, height }]) => height > 0 && (height < 43.5 || width < 43.5)).map(([words]) => words)"""
            )
            if small:
                found[f"{name}: small"] = small
        assert found == {}
