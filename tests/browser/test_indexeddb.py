"""The store in a real browser: what survives a kill, and what a page is told when it is full, refused, cleared or outdated."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, BrowserContext, Error, Page, async_playwright

from tests.browser.conftest import CHROMIUM, ELSEWHERE, EMPTY, FLAGS, kill, opened
from tests.browser.site import Site

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def does(page: Page, function: str, *arguments: Any) -> Any:
    """Call a function of `pages/store.js` in the page."""
    return await page.evaluate(
        "([name, given]) => import('/tests/browser/pages/store.js').then((store) => store[name](...given))",
        [function, list(arguments)],
    )


async def lost(page: Page) -> list[str]:
    said: list[str] = await page.evaluate(
        "import('/tests/browser/pages/store.js').then((store) => store.lost)"
    )
    return said


async def test_what_was_committed_is_there_after_a_reload_in_order_of_its_keys(page: Page):
    assert await does(page, "open", "ann") == []
    rows = [
        ["posts", "00000010", {"bytes": 5}],
        ["posts", "00000009", {"a": [None, True]}],
        ["positions", "é", 1.5],
        ["meta", "x", "1"],
    ]
    assert await does(page, "commit", "ann", rows) is None
    assert await does(page, "commit", "ann", [["meta", "x"], ["positions", "ÿ", "2"]]) is None
    await page.reload()
    assert await does(page, "open", "ann") == [
        ["positions", "é", 1.5],
        ["positions", "ÿ", "2"],
        ["posts", "00000009", {"a": [None, True]}],
        ["posts", "00000010", {"bytes": 5}],
    ]
    assert await does(page, "open", "bob") == []


async def test_two_pages_cannot_share_a_store_and_a_closed_one_lets_go(
    page: Page, context: BrowserContext, site: Site
):
    other = await opened(context, site)
    assert await does(page, "open", "ann") == []
    assert await does(other, "open", "ann") == "StoreError: ann: in use by another page of this site"
    await page.close()
    assert await does(other, "open", "ann") == []


async def test_a_page_of_a_newer_version_takes_the_store_over_and_the_older_one_is_told(
    page: Page, context: BrowserContext, site: Site
):
    await does(page, "open", "ann")
    await does(page, "commit", "ann", [["meta", "x", "1"]])
    newer = await opened(context, site)
    assert await does(newer, "open", "ann", True) == [["meta", "x", "1"]]
    (told,) = await lost(page)
    assert told == "StoreError: ann: a newer version of this page took the store over; reload the page"
    assert await does(page, "commit", "ann", [["meta", "x", "2"]]) == told
    await does(newer, "close", "ann")
    assert "made by a newer version of this page; reload the page" in await does(page, "open", "ann")
    assert await does(newer, "open", "ann", True) == [["meta", "x", "1"]]


async def test_a_store_that_is_cleared_in_mid_run_says_so_and_begins_empty(
    page: Page, context: BrowserContext, site: Site
):
    await does(page, "open", "ann")
    await does(page, "commit", "ann", [["meta", "x", "1"]])
    await does(await opened(context, site), "clear", "ann")
    assert "the store was deleted" in await does(page, "commit", "ann", [["meta", "y", "1"]])
    assert await does(page, "open", "ann") == []


async def test_clear_site_data_is_told_without_a_commit(page: Page, context: BrowserContext, site: Site):
    await does(page, "open", "ann")
    await does(page, "commit", "ann", [["meta", "x", "1"]])
    session = await context.new_cdp_session(page)
    await session.send("Storage.clearDataForOrigin", {"origin": site.url, "storageTypes": "indexeddb"})
    await page.wait_for_function("import('/tests/browser/pages/store.js').then((store) => store.lost.length)")
    (told,) = await lost(page)
    assert "storage was cleared" in told or "the store was deleted" in told
    assert await does(page, "commit", "ann", [["meta", "x", "2"]]) == told
    assert await does(page, "open", "ann") == []


async def test_a_full_store_says_so_and_keeps_what_it_had(page: Page, context: BrowserContext, site: Site):
    # Before the first commit: after each one Chromium goes on for some seconds with the room that it found then.
    session = await context.new_cdp_session(page)
    await session.send("Storage.overrideQuotaForOrigin", {"origin": site.url, "quotaSize": 200_000})
    await does(page, "open", "ann")
    assert await does(page, "commit", "ann", [["posts", "1", {"bytes": 1000}], ["meta", "x", "2"]]) is None
    told = await does(page, "commit", "ann", [["posts", "2", {"bytes": 300_000}], ["meta", "x", "3"]])
    assert "the browser's storage for this site is full" in told
    await does(page, "close", "ann")
    await session.send("Storage.overrideQuotaForOrigin", {"origin": site.url})
    # All of a commit or nothing.
    assert await does(page, "open", "ann") == [["meta", "x", "2"], ["posts", "1", {"bytes": 1000}]]


async def test_a_page_without_storage_or_locks_is_refused_with_words(
    context: BrowserContext, site: Site, chromium: Browser
):
    insecure = await context.new_page()
    await insecure.goto(site.elsewhere(ELSEWHERE) + EMPTY)
    assert not await insecure.evaluate("isSecureContext")
    assert "this page has no storage that it could lock" in await does(insecure, "open", "ann")
    # Site settings that forbid a site to keep anything: the browser then gives no database.
    refusing = await context.new_page()
    await refusing.add_init_script(
        "IDBFactory.prototype.open = () => { throw new DOMException('denied', 'SecurityError'); }"
    )
    await refusing.goto(site.url + EMPTY)
    assert "does not let the page keep anything" in await does(refusing, "open", "ann")


@pytest.mark.parametrize("round", range(2))
async def test_a_killed_browser_has_kept_every_commit_that_it_was_told_of(
    site: Site, tmp_path: Path, round: int
):
    profile = tmp_path / "profile"
    async with async_playwright() as playwright:

        async def begin() -> tuple[BrowserContext, Page, int]:
            context = await playwright.chromium.launch_persistent_context(
                profile, executable_path=CHROMIUM, args=FLAGS
            )
            page = await opened(context, site)
            session = await context.new_cdp_session(page)
            del session
            assert context.browser is not None
            whole = await context.browser.new_browser_cdp_session()
            said = await whole.send("SystemInfo.getProcessInfo")
            (pid,) = [one["id"] for one in said["processInfo"] if one["type"] == "browser"]
            return context, page, pid

        context, page, pid = await begin()
        committed: list[int] = []
        enough = asyncio.Event()

        def heard(message: Any) -> None:
            committed.append(int(message.text.split()[1]))
            if len(committed) >= 20 + 17 * round:
                enough.set()

        page.on("console", heard)
        await does(page, "open", "ann")
        gone = asyncio.ensure_future(does(page, "commitForEver", "ann"))
        await asyncio.wait_for(enough.wait(), 20)
        kill(pid)
        with pytest.raises(Error):
            await gone
        context, page, _ = await begin()
        rows = await does(page, "open", "ann")
        posts = [int(key) for table, key, _ in rows if table == "posts"]
        assert posts == list(range(1, len(posts) + 1))
        assert ["meta", "last", str(len(posts))] in rows
        assert len(posts) >= committed[-1]
        await context.close()
