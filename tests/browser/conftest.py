"""One Chromium for all tests here, and a site that shows the client's modules and the tests' pages as they lie on the disk."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from tests.browser.page_world import PageWorld, page_world
from tests.browser.site import Site, serving

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
#: Names that lead to this machine and are not "localhost": a browser takes plain HTTP of them for insecure.
ELSEWHERE = "im.test"
#: A page that does nothing.
EMPTY = "/tests/browser/pages/empty.html"
#: What a window does for itself: its address bar loads two pages of its own, in a process of their own, for each context. That
#: takes as much processor time as our page.
OWN_PAGES = ("WebUIOmniboxPopup", "WebUIOmniboxAimPopup", "WebUIOmniboxFullPopup")
#: Chromium heeds the last such list alone, so what Playwright leaves off (its `chromiumSwitches`) is named again.
OF_PLAYWRIGHT = (
    "AvoidUnnecessaryBeforeUnloadCheckSync", "DestroyProfileOnBrowserClose", "HttpsUpgrades",
    "HttpsFirstBalancedModeAutoEnable", "LensOverlay", "MediaRouter", "PaintHolding", "ThirdPartyStoragePartitioning",
    "AvoidCorsURLLoaderRestartOnRedirect", "OptimizationHints", "NetworkTimeServiceQuerying", "AimEnabled",
    "PreconnectToSearch",
)  # fmt: skip
FLAGS = [
    f"--host-resolver-rules=MAP *.test 127.0.0.1, MAP {ELSEWHERE} 127.0.0.1",
    "--disable-gpu",
    f"--disable-features={','.join((*OF_PLAYWRIGHT, *OWN_PAGES))}",
]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:  # all that were collected: those of other folders, too
        if item.nodeid.startswith("tests/browser/"):
            item.add_marker(pytest.mark.browse)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):
    """Where nothing may be missing (`NO_SKIPS`, set by `.ci/run`), a skipped test has failed."""
    report = yield
    if report.skipped and os.environ.get("NO_SKIPS") and Path(__file__).parent in item.path.parents:
        report.outcome = "failed"
        report.longrepr = f"skipped where nothing may be: {report.longrepr}"
    return report


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def site() -> AsyncIterator[Site]:
    async with serving() as site:
        yield site


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chromium() -> AsyncIterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("no chromium here (Debian, Ubuntu: apt install chromium)")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        await browser.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def shops(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[PageWorld]:
    """The demo chain's page on one server for all tests that leave it as it was: each books at times of its own."""
    async with page_world(tmp_path_factory.mktemp("shops"), chromium, hosts=[ELSEWHERE]) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="session")
async def town(shops: PageWorld) -> AsyncIterator[PageWorld]:
    """The same, and at the end everybody goes, and no page had an error that it did not catch."""
    yield shops
    assert await shops.everybody_leaves() == []


@pytest_asyncio.fixture(loop_scope="session")
async def context(chromium: Browser) -> AsyncIterator[BrowserContext]:
    """A fresh profile: nothing stored, no cookie."""
    context = await chromium.new_context()
    yield context
    await context.close()


@pytest_asyncio.fixture(loop_scope="session")
async def page(context: BrowserContext, site: Site) -> Page:
    """An empty page of our origin. An error that it does not catch fails the test."""
    return await opened(context, site)


async def opened(context: BrowserContext, site: Site, path: str = EMPTY) -> Page:
    """One more tab. Its uncaught errors are in `site.errors`, which each test expects to be empty at its end."""
    page = await context.new_page()
    page.on("pageerror", lambda error: site.errors.append(str(error)))
    await page.goto(site.url + path)
    return page


@pytest.fixture(autouse=True)
def no_uncaught_errors(request: pytest.FixtureRequest):
    if "site" not in request.fixturenames:
        yield
        return
    site: Site = request.getfixturevalue("site")
    site.errors.clear()
    yield
    assert site.errors == []


async def renderers(browser: Browser) -> dict[int, float]:
    """The processes of pages of this browser, and their processor time (seconds)."""
    session = await browser.new_browser_cdp_session()
    try:
        said = await session.send("SystemInfo.getProcessInfo")
    finally:
        await session.detach()
    return {one["id"]: one["cpuTime"] for one in said["processInfo"] if one["type"] == "renderer"}


def kill(pid: int) -> None:
    """kill -9: nothing of the process says good-bye. Only for processes that a browser of ours named."""
    os.kill(pid, signal.SIGKILL)
