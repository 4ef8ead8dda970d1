"""A page across everything that breaks: the server, the line, the browser itself, and its storage. Each post exactly once."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import BrowserContext, async_playwright

from imserver.proof.fault_proxy import Faults
from tests.browser.conftest import CHROMIUM, FLAGS, kill, opened
from tests.browser.site import Site
from tests.browser.tabs import ROOM, Tab, lost, open_tab
from tests.browser.world import killable, world

pytestmark = pytest.mark.asyncio(loop_scope="session")


def counted(prefix: str, count: int) -> list[str]:
    return [f"{prefix} {number}" for number in range(1, count + 1)]


async def test_posts_pass_a_server_that_is_killed_and_started_again(
    context: BrowserContext, site: Site, tmp_path: Path
):
    async with killable(tmp_path, site) as made, made.witness("bob") as bob:
        tab = await open_tab(context, site)
        await tab.join(**made.options("ann", "browser"))
        posting = asyncio.ensure_future(tab.does("postMany", ROOM, "page", 300, 20))
        for least in (10, 150):
            await bob.until(f"page {least}")
            await made.process.kill()
            await made.process.start()
        positions = await posting
        assert positions == list(range(1, 301))
        assert await bob.until("page 300") == counted("page", 300)
        assert await tab.until_texts("page 300") == counted("page", 300)
        events = (await tab.heard())["events"]
        assert "connection connected" in events


async def test_posts_pass_a_line_that_is_cut_anywhere(context: BrowserContext, site: Site, tmp_path: Path):
    async with world(tmp_path, site) as made, made.witness("bob") as bob:
        tab = await open_tab(context, site)
        await tab.join(**made.options("ann", "browser"))
        posting = asyncio.ensure_future(tab.does("postMany", ROOM, "page", 150, 5))
        for up, down in ((700, -1), (-1, 900), (333, -1), (-1, 50)):
            cuts = made.line.cuts
            made.line.apply(Faults(slice_bytes=7, cut_after_bytes_up=up, cut_after_bytes_down=down))
            async with asyncio.timeout(15):
                while made.line.cuts == cuts and not posting.done():  # noqa: ASYNC110 - the proxy tells nobody
                    await asyncio.sleep(0.01)
        made.line.apply(Faults())
        assert await posting == list(range(1, 151))
        assert await bob.until("page 150") == counted("page", 150)
        assert await tab.until_texts("page 150") == counted("page", 150)


@asynccontextmanager
async def of_profile(profile: Path, site: Site) -> AsyncIterator[tuple[Tab, int]]:
    """A browser with this profile, and its process id."""
    async with async_playwright() as playwright:
        context = await playwright.chromium.launch_persistent_context(
            profile, executable_path=CHROMIUM, args=FLAGS
        )
        assert context.browser is not None
        session = await context.browser.new_browser_cdp_session()
        said = await session.send("SystemInfo.getProcessInfo")
        (pid,) = [one["id"] for one in said["processInfo"] if one["type"] == "browser"]
        yield Tab(await opened(context, site)), pid
        await context.close()


async def test_posts_pass_a_browser_that_is_killed_before_anything_left_it(site: Site, tmp_path: Path):
    profile = tmp_path / "profile"
    async with world(tmp_path, site) as made, made.witness("bob") as bob:
        options = made.options("ann", "browser")
        async with of_profile(profile, site) as (tab, pid):
            await tab.join(**options)
            assert await tab.does("post", ROOM, "before") == 1
            made.line.accepting = False
            made.line.cut()
            posting = asyncio.ensure_future(lost(tab.does("postMany", ROOM, "page", 200)))
            await tab.until(lambda heard: len(heard["kept"]) >= 30)
            kept = (await tab.heard())["kept"]
            kill(pid)
            await posting
        made.line.accepting = True
        assert bob.texts == ["before"]
        async with of_profile(profile, site) as (tab, pid):
            await tab.join(**options)
            assert (await tab.does("who"))["deviceId"] == "browser"
            assert await tab.does("post", ROOM, "after")
            texts = await bob.until("after", *kept, within_s=40)
            assert texts == ["before", *counted("page", len(texts) - 2), "after"]
            # In mid-post, with answers on their way.
            posting = asyncio.ensure_future(lost(tab.does("postMany", ROOM, "again", 300, 2)))
            await bob.until("again 20")
            kept = (await tab.heard())["kept"]
            kill(pid)
            await posting
        async with of_profile(profile, site) as (tab, _):
            await tab.join(**options)
            assert await tab.does("post", ROOM, "the end")
            texts = [text for text in await bob.until("the end", *kept) if text.startswith("again")]
            assert texts == counted("again", len(texts))


async def test_a_full_storage_is_told_and_nothing_is_doubled(
    context: BrowserContext, site: Site, tmp_path: Path
):
    async with world(tmp_path, site) as made, made.witness("bob") as bob:
        tab = await open_tab(context, site)
        session = await context.new_cdp_session(tab.page)
        await session.send("Storage.overrideQuotaForOrigin", {"origin": site.url, "quotaSize": 400_000})
        await tab.join(**made.options("ann", "browser"))
        outcomes = [await tab.does("post", ROOM, f"{n} {secrets.token_hex(10_000)}") for n in range(40)]
        stored = [outcome for outcome in outcomes if isinstance(outcome, int)]
        failed = [outcome for outcome in outcomes if not isinstance(outcome, int)]
        assert stored == list(range(1, len(stored) + 1))
        assert failed
        assert all("storage for this site is full" in one for one in failed)
        # What was kept and not answered goes out when there is room again.
        await session.send("Storage.overrideQuotaForOrigin", {"origin": site.url})
        await tab.page.reload()
        await tab.join(**made.options("ann", "browser"))
        assert isinstance(await tab.does("post", ROOM, "the end"), int)
        numbers = [text.split()[0] for text in await bob.until("the end")]
        assert len(set(numbers)) == len(numbers)


async def test_a_refused_storage_leaves_a_client_in_memory_that_says_so(
    context: BrowserContext, site: Site, tmp_path: Path
):
    async with world(tmp_path, site) as made, made.witness("bob") as bob:
        tab = await open_tab(context, site)
        await tab.page.add_init_script(
            "IDBFactory.prototype.open = () => { throw new DOMException('denied', 'SecurityError'); }"
        )
        await tab.page.reload()
        who = await tab.join(**made.options("ann", "browser"))
        assert (who["role"], who["kept"]) == ("alone", False)
        assert "does not let the page keep anything" in who["reason"]
        assert await tab.does("post", ROOM, "from memory") == 1
        assert await bob.until("from memory") == ["from memory"]


async def test_a_storage_that_is_cleared_in_mid_run_stops_every_tab_and_a_reload_goes_on(
    context: BrowserContext, site: Site, tmp_path: Path
):
    async with world(tmp_path, site) as made, made.witness("bob") as bob:
        leader, follower = [await open_tab(context, site) for _ in range(2)]
        options = made.options("ann", "browser")
        await leader.join(**options)
        await follower.join(**options)
        assert await follower.does("post", ROOM, "before") == 1
        session = await context.new_cdp_session(leader.page)
        await session.send("Storage.clearDataForOrigin", {"origin": site.url, "storageTypes": "indexeddb"})
        for tab in (leader, follower):
            await tab.until(lambda heard: heard["ended"] is not None)
            ended = (await tab.heard())["ended"]
            assert "storage was cleared" in ended or "store was deleted" in ended
            assert (await tab.does("post", ROOM, "lost")).startswith("StoreError")
        for tab in (leader, follower):
            await tab.page.reload()
            await tab.join(**options)
        assert await follower.does("post", ROOM, "after") == 2
        assert await bob.until("after") == ["before", "after"]


async def test_a_newer_version_of_the_page_takes_over_from_tabs_of_the_older_one(
    context: BrowserContext, site: Site, tmp_path: Path
):
    async with world(tmp_path, site) as made:
        leader, follower = [await open_tab(context, site) for _ in range(2)]
        options = made.options("ann", "browser")
        await leader.join(**options)
        await follower.join(**options)
        newer = await open_tab(context, site)
        loaded = await newer.page.evaluate(
            "import('/tests/browser/pages/store.js').then((store) => store.open('default', true))"
        )
        assert sorted({table for table, _, _ in loaded} & {"meta"}) == ["meta"]
        for tab in (leader, follower):
            await tab.until(lambda heard: heard["ended"] is not None)
            assert (
                "a newer version of this page took the store over; reload the page"
                in ((await tab.heard())["ended"])
            )
        outdated = await open_tab(context, site)
        assert "newer version of this page; reload" in (await outdated.join(**options))["error"]
