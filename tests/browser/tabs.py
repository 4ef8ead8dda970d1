"""A tab as a test handles it: `pages/tabs.js` in it, and the process that it lives in."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

from playwright.async_api import BrowserContext, Error, Page

from tests.browser.conftest import kill, opened, renderers
from tests.browser.site import Site

ROOM = "direct/ann/bob"


class Tab:
    """One tab of one browser. Its calls go to the functions of `pages/tabs.js`."""

    def __init__(self, page: Page) -> None:
        self.page = page

    async def does(self, function: str, *arguments: Any) -> Any:
        return await self.page.evaluate(
            "([name, given]) => import('/tests/browser/pages/tabs.js').then((module) => module[name](...given))",
            [function, list(arguments)],
        )

    async def join(self, **options: Any) -> dict[str, Any]:
        """Connect; who this tab is then, or its error."""
        who: dict[str, Any] = await self.does("join", options)
        return who

    async def heard(self) -> dict[str, Any]:
        """What it has been told so far."""
        heard: dict[str, Any] = await self.page.evaluate(
            "import('/tests/browser/pages/tabs.js').then((module) => module.heard)"
        )
        return heard

    async def texts(self) -> list[str]:
        return [message["text"] for message in (await self.heard())["messages"]]

    async def until_texts(self, *texts: str, within_s: float = 20.0) -> list[str]:
        """Its messages' texts as soon as these are among them."""
        await self.until(lambda heard: set(texts) <= {one["text"] for one in heard["messages"]}, within_s)
        return await self.texts()

    async def until(self, enough: Callable[[dict[str, Any]], bool], within_s: float = 20.0) -> None:
        """Wait until what it has heard is enough."""
        async with asyncio.timeout(within_s):
            while not enough(await self.heard()):  # noqa: ASYNC110 - what another process tells when asked
                await asyncio.sleep(0.02)

    async def kill(self) -> None:
        """kill -9 of the process of this page alone."""
        gone = asyncio.Event()
        self.page.on("crash", lambda _: gone.set())
        kill(await self._pid())
        await asyncio.wait_for(gone.wait(), 10)

    async def _pid(self) -> int:
        """Of the processes of all pages that one which works when this page does: a browser does not say whose they are.

        Another may work just then, too (a page that begins), so it is measured again until no other comes near.
        """
        browser = self.page.context.browser
        assert browser is not None
        worked: list[tuple[float, int]] = []
        for busy_s in (0.15, 0.15, 0.3, 0.3, 0.6, 0.6):
            before = await renderers(browser)
            await self.page.evaluate(
                "(ms) => { const end = performance.now() + ms; while (performance.now() < end); }",
                busy_s * 1000,
            )
            after = await renderers(browser)
            worked = sorted(((after[pid] - before.get(pid, 0.0), pid) for pid in after), reverse=True)
            if len(worked) == 1 or worked[0][0] > 3 * max(worked[1][0], 0.01):
                return worked[0][1]
        raise AssertionError("no process stands out")


async def open_tab(context: BrowserContext, site: Site) -> Tab:
    """One more tab."""
    return Tab(await opened(context, site))


async def lost(call: Awaitable[Any]) -> None:
    """Await a call into a page that is killed meanwhile."""
    with contextlib.suppress(Error):
        await call
