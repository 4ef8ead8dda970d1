"""The driver of the JavaScript client in Chromium: our lines go to a page, and its lines to the judge.

The page's origin stays the same when the judge has killed us, and its profile lies beside the client's store: what the page
keeps is found again by the next driver.
"""

from __future__ import annotations

import asyncio
import json
import sys

from playwright.async_api import Page, Playwright, Route, async_playwright

from tests.browser.conftest import CHROMIUM, FLAGS
from tests.browser.site import ROOT

ORIGIN = "http://localhost"
EMPTY = "/tests/browser/pages/empty.html"
LONGEST_LINE = 8 * 1024 * 1024
TYPES = {".html": "text/html", ".js": "text/javascript"}
CLIENTS = 24


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


async def serve(route: Route) -> None:
    """The repository's files, without a server: its port would be part of the origin."""
    path = ROOT / route.request.url.removeprefix(f"{ORIGIN}/")
    await route.fulfill(path=path, content_type=TYPES.get(path.suffix, "application/octet-stream"))


async def open_page(playwright: Playwright, store: str) -> Page:
    context = await playwright.chromium.launch_persistent_context(
        f"{store}.profile", executable_path=CHROMIUM, args=FLAGS
    )
    await context.route(f"{ORIGIN}/**", serve)
    # A page that no server of this machine has served has to be allowed to connect to one.
    await context.grant_permissions(["local-network-access"], origin=ORIGIN)
    await context.expose_function("say", say)
    page = await context.new_page()
    page.on("pageerror", lambda error: print(f"page: {error}", file=sys.stderr))
    await page.goto(ORIGIN + EMPTY)
    await page.evaluate("import('/tests/browser/pages/conformance.js')")
    return page


async def main() -> None:
    greeting = {"driver": 1, "name": "imserver-client (JavaScript, Chromium)", "transports": ["websocket"]}
    say(json.dumps({**greeting, "lacks": [], "clients": CLIENTS}))
    reader = asyncio.StreamReader(limit=LONGEST_LINE)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    page: Page | None = None
    async with async_playwright() as playwright:
        while line := await reader.readline():
            said = json.loads(line)
            if page is None and said["do"] != "connect":
                say(json.dumps({"id": said["id"], "result": None}))  # the end of a client that never was
                continue
            if page is None:
                page = await open_page(playwright, said["store"])
            await page.evaluate("(said) => { window.answer(said); }", said)
        if page is not None:
            await page.context.close()


if __name__ == "__main__":
    asyncio.run(main())
