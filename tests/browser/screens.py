"""The page's screens around a shop in memory (`pages/screens/shop.js`): every state at once, without a server."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

from aiohttp import web
from playwright.async_api import Browser, Page, expect

from tests.browser.site import ROOT

#: A Tuesday morning at the shop.
NOW = datetime.fromisoformat("2026-12-01T02:10:00+00:00")
SOURCES = "imserver/plugins/booking/pages"
#: As the server sends it with each document.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
    "manifest-src 'self'; base-uri 'none'; form-action 'self'"
)
DOCUMENT = f"""<!doctype html>
<html lang="zh-CN">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover">
<meta name="color-scheme" content="light dark">
<title>-</title>
<link rel="icon" href="/{SOURCES}/src/assets/icon.svg">
<link rel="stylesheet" href="/{SOURCES}/src/style/index.css">
<meta name="staff-style" content="/{SOURCES}/src/style/staff.css">
<script type="module" src="/tests/browser/pages/screens/page.js"></script>
<body>
<div id="app"></div>
{{icons}}
"""


@asynccontextmanager
async def screens() -> AsyncIterator[str]:
    """The origin of a site that shows the page at every address that is no file."""
    icons = (ROOT / SOURCES / "src" / "icons.svg").read_text("utf-8")

    async def document(request: web.Request) -> web.Response:
        headers = {"content-security-policy": POLICY}
        return web.Response(text=DOCUMENT.format(icons=icons), content_type="text/html", headers=headers)

    app = web.Application()
    for folder in (SOURCES, "clients/js/src", "tests/browser/pages/screens"):
        app.router.add_static(f"/{folder}/", ROOT / folder)
    app.router.add_get("/{address:.*}", document)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


class Visitor:
    """Somebody with the page open. `shop` runs JavaScript on the shop in memory, whose name is `shop` there."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url
        self.errors: list[str] = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda said: self.errors.append(said.text) if said.type == "error" else None)

    async def opens(self, path: str, prepare: str = "") -> None:
        await self.page.add_init_script(f"window.prepare = (shop) => {{ {prepare} }}")
        await self.page.goto(self.url + path)
        await self.page.wait_for_selector("main h1")

    async def shop(self, does: str) -> Any:
        return await self.page.evaluate(f"(shop => {{ return {does} }})(window.fake)")

    def button(self, words: str) -> Any:
        return self.page.get_by_role("button", name=words, exact=True).or_(
            self.page.get_by_role("link", name=words, exact=True)
        ).first  # fmt: skip

    async def sees(self, words: str | re.Pattern[str]) -> None:
        await expect(self.page.get_by_text(words).filter(visible=True).first).to_be_visible()

    async def hears(self, words: str | re.Pattern[str]) -> None:
        """A screen reader says it."""
        await expect(self.page.locator("[role=status].spoken").last).to_have_text(words)

    async def holds(self, time: str = "10:30", prepare: str = "") -> None:
        await self.opens("/s/garden/time", prepare)
        await self.button(time).click()
        await expect(self.page.get_by_role("heading", name="Who is coming?")).to_be_focused()

    async def fills_in(self, name: str = "Ann Lee") -> None:
        await self.page.get_by_label("Name").fill(name)
        for words in ("adult (16-44)", "Yes"):
            await self.page.get_by_role("radio", name=words).check()
        await self.page.get_by_role("checkbox", name="I agree").check()

    async def books(self, prepare: str = "") -> None:
        await self.holds(prepare=prepare)
        await self.fills_in()
        await self.button("Book this time").click()
        await self.page.wait_for_selector(".outcome")


@asynccontextmanager
async def visiting(browser: Browser, url: str, **options: Any) -> AsyncIterator[Visitor]:
    given = {
        "viewport": {"width": 390, "height": 844}, "locale": "en-GB", "timezone_id": "Asia/Shanghai",
        "reduced_motion": "reduce",
    }  # fmt: skip
    context = await browser.new_context(**{**given, **options})
    try:
        await context.clock.install(time=NOW)
        visitor = Visitor(await context.new_page(), url)
        visitor.page.set_default_timeout(10_000)
        yield visitor
    finally:
        await context.close()
    assert visitor.errors == []
