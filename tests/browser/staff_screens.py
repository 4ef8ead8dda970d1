"""What tests of the staff's screens share: Li at a desk, and where things stand on the screen."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import Browser, Locator, ViewportSize

from tests.browser.screens import Visitor, visiting

DESK: ViewportSize = {"width": 1440, "height": 900}
TABLET: ViewportSize = {"width": 820, "height": 1180}
PHONE: ViewportSize = {"width": 390, "height": 844}
#: Browsers play no sound before a tap; and one that does.
SILENT = (
    """window.AudioContext = class { state = "suspended"; resume() { return new Promise(() => {}); } };"""
)
LETS_IT_PLAY = "AudioContext.prototype.resume = async function () { this.state = 'running'; }"
RINGS = """window.rung = 0;
window.AudioContext = class { state = "running"; currentTime = 0; destination = {}; };
window.GainNode = class { connect() {} };
window.OscillatorNode = class { connect() {} start() { window.rung += 1; } stop() {} };"""


@asynccontextmanager
async def at_a_desk(browser: Browser, origin: str) -> AsyncIterator[Visitor]:
    """Li of the staff, whose browser lets the page be heard."""
    async with visiting(browser, origin, viewport=DESK) as one:
        await one.page.add_init_script(RINGS)
        yield one


def row(visitor: Visitor, name: str) -> Locator:
    """A conversation in the inbox."""
    return visitor.page.get_by_role("link").filter(has_text=name)


def visit(visitor: Visitor, name: str) -> Locator:
    """An appointment on the day's sheet."""
    return visitor.page.get_by_role("article", name=re.compile(re.escape(name)))


async def writes(visitor: Visitor, to: str, text: str) -> None:
    """To a customer, or to the team."""
    await visitor.page.get_by_role("textbox", name=f"Message to {to}").fill(text)
    await visitor.page.get_by_role("button", name="Send", exact=True).click()
