"""How the screens look and what a screen reader finds on them: axe on each, nothing outside the window, room for a thumb."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from tests.browser import axe
from tests.browser.screens import screens, visiting

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def origin() -> AsyncIterator[str]:
    async with screens() as url:
        yield url


ADDRESSES = {
    "shops": "/", "shop": "/s/garden", "time": "/s/garden/time", "closed": "/s/garden/time?day=2026-12-06",
    "nobody's": "/mine", "gone": "/s/nowhere", "missing": "/nothing", "not held": "/s/garden/you",
}  # fmt: skip


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
async def test_axe_finds_nothing_on_any_screen(chromium: Browser, origin: str, dark: bool):
    # axe tries styles out that the page's policy forbids, and is told so at any time, also after the last look.
    scheme = "dark" if dark else "light"
    async with visiting(chromium, origin, color_scheme=scheme, bypass_csp=True) as visitor:
        found: dict[str, list[str]] = {}

        async def look(name: str) -> None:
            if faults := await axe.findings(visitor.page):
                found[name] = faults

        for name, address in ADDRESSES.items():
            await visitor.opens(address)
            await look(name)
        await visitor.holds()
        await visitor.button("Book this time").click()
        await look("missing answers")
        await visitor.fills_in()
        await look("form")
        await visitor.button("Book this time").click()
        await visitor.page.wait_for_selector(".outcome")
        await look("booked")
        await visitor.button("Move").click()
        await visitor.button("14:30").click()
        await look("moving")
        await visitor.page.go_back()  # to the times: the question is a step of its own
        await visitor.button("14:30").wait_for()
        await visitor.page.go_back()
        await visitor.button("Cancel").click()
        await look("cancelling")
        assert found == {}


@pytest.mark.parametrize("width", [320, 390, 1440])
@pytest.mark.parametrize("language", ["en-GB", "zh-CN"])
async def test_nothing_stands_outside_the_window(chromium: Browser, origin: str, width: int, language: str):
    """Also with text twice as large; what one taps is never smaller than a thumb."""
    async with visiting(
        chromium, origin, locale=language, viewport={"width": width, "height": 700}
    ) as visitor:
        for address in ("/", "/s/garden", "/s/garden/time", "/mine"):
            for font in ("100%", "200%"):
                await visitor.opens(address)
                await visitor.page.evaluate(
                    f"document.documentElement.style.fontSize = 'calc(112.5% * {font[0]})'"
                )
                over = await visitor.page.evaluate(
                    "document.documentElement.scrollWidth - document.documentElement.clientWidth"
                )
                assert over <= 0, f"{address} at {font} is {over} px too wide"
        small = await visitor.page.evaluate(
            """[...document.querySelectorAll("button, a.button, select, input")]
                .map((one) => [one.textContent.trim(), one.getBoundingClientRect()])
                .filter(([, { width, height }]) => height > 0 && (height < 44 || width < 44)).map(([words]) => words)"""
        )
        assert small == []
