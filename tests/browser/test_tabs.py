"""Several tabs are one device: the same calls in each, one connection, and nothing lost or doubled when tabs are killed."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from playwright.async_api import BrowserContext

from tests.browser.conftest import ELSEWHERE, EMPTY
from tests.browser.site import Site
from tests.browser.tabs import ROOM, Tab, lost, open_tab
from tests.browser.world import World, world

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def two(context: BrowserContext, site: Site, made: World) -> tuple[Tab, Tab]:
    """A tab of ann's that leads, and one that follows."""
    leader, follower = [await open_tab(context, site) for _ in range(2)]
    options = made.options("ann", "browser")
    for tab, role in ((leader, "leading"), (follower, "following")):
        who = await tab.join(**options)
        assert who.get("role") == role, who
    return leader, follower


def counted(prefix: str, count: int) -> list[str]:
    return [f"{prefix} {number}" for number in range(1, count + 1)]


def of(prefix: str, texts: list[str]) -> list[str]:
    return [text for text in texts if text.startswith(f"{prefix} ")]


async def test_tabs_are_one_device_and_each_hears_everything_once(
    context: BrowserContext, site: Site, tmp_path: Path
):
    async with world(tmp_path, site) as made, made.witness("bob") as bob:
        leader, follower = await two(context, site, made)
        one, other = [await tab.does("who") for tab in (leader, follower)]
        assert (one["userId"], one["deviceId"], one["kept"]) == ("ann", "browser", True)
        assert (other["userId"], other["deviceId"], other["kept"]) == ("ann", "browser", True)
        await asyncio.gather(
            leader.does("postMany", ROOM, "leader", 20), follower.does("postMany", ROOM, "follower", 20)
        )
        texts = await bob.until("leader 20", "follower 20")
        await bob.client.post(ROOM, "from bob")
        for tab in (leader, follower):
            assert await tab.until_texts("from bob") == [*texts, "from bob"]
            heard = await tab.heard()
            assert heard["failed"] == []
            assert {message["own"] for message in heard["messages"][:-1]} == {True}
        assert of("leader", texts) == counted("leader", 20)
        assert of("follower", texts) == counted("follower", 20)
        # The same calls in each, those that read and those that change.
        for tab in (leader, follower):
            page = await tab.does("call", "history", ROOM, {"limit": 3})
            assert [item["position"] for item in page["items"]] == [39, 40, 41]
            assert await tab.does("call", "cursor", ROOM, {"read": 41}) == {"delivered": 41, "read": 41}
        made_id = await follower.does("call", "createGroup", "friends", ["bob"])
        assert made_id.startswith("group/")
        refused = await follower.does("call", "history", "group/none")
        assert refused.startswith("Refused: NOT_FOUND")


async def test_a_killed_leader_is_followed_and_no_post_is_lost_or_doubled(
    context: BrowserContext, site: Site, tmp_path: Path
):
    async with world(tmp_path, site) as made, made.witness("bob") as bob:
        leader, follower = await two(context, site, made)
        third = await open_tab(context, site)
        await third.join(**made.options("ann", "browser"))
        posting = asyncio.ensure_future(lost(leader.does("postMany", ROOM, "leader", 400, 5)))
        following = asyncio.ensure_future(follower.does("postMany", ROOM, "follower", 150, 15))
        await bob.until("leader 10", "follower 5")
        kept = (await leader.heard())["kept"]
        await leader.kill()
        await posting
        assert not following.done()
        await following
        await bob.until(*counted("follower", 150), *kept)
        assert sorted([(await tab.does("who"))["role"] for tab in (follower, third)]) == [
            "following",
            "leading",
        ]
        assert "waiting" in (await follower.heard())["roles"]
        await bob.client.post(ROOM, "the end")
        texts = await bob.until("the end")
        assert len(set(texts)) == len(texts)
        assert of("follower", texts) == counted("follower", 150)
        assert of("leader", texts) == counted("leader", len(of("leader", texts)))
        for tab in (follower, third):
            assert await tab.until_texts("the end") == texts
        assert (await follower.heard())["failed"] == []


async def test_a_killed_follower_leaves_what_it_had_kept(context: BrowserContext, site: Site, tmp_path: Path):
    async with world(tmp_path, site) as made, made.witness("bob") as bob:
        leader, follower = await two(context, site, made)
        made.line.accepting = False
        made.line.cut()  # nothing reaches the server: what follows only lies in the browser
        posting = asyncio.ensure_future(lost(follower.does("postMany", ROOM, "follower", 10)))
        await follower.until(lambda heard: len(heard["kept"]) == 10)
        await follower.kill()
        await posting
        await leader.does("who")
        made.line.accepting = True
        assert await leader.does("post", ROOM, "later") == 11
        assert await bob.until("later") == [*counted("follower", 10), "later"]
        assert await leader.until_texts("later") == [*counted("follower", 10), "later"]


async def test_while_no_tab_can_lead_pages_know_and_keep_what_is_posted(
    context: BrowserContext, site: Site, tmp_path: Path
):
    async with world(tmp_path, site) as made, made.witness("bob") as bob:
        leader, follower = await two(context, site, made)
        third = await open_tab(context, site)
        assert (await third.join(**made.options("ann", "browser")))["role"] == "following"
        made.line.accepting = False
        made.line.cut()
        await leader.kill()
        for tab in (follower, third):  # one of them would lead, and has no connection
            await tab.until(lambda heard: heard["roles"] == ["waiting"])
        lonely = asyncio.ensure_future(lost(third.does("post", ROOM, "while nobody leads")))
        await third.until(lambda heard: heard["kept"] == ["while nobody leads"])
        await third.kill()
        await lonely
        posting = asyncio.ensure_future(follower.does("post", ROOM, "later"))
        await follower.until(lambda heard: heard["kept"] == ["later"])
        assert bob.texts == []
        made.line.accepting = True
        assert await posting == 2
        assert (await follower.does("who"))["role"] == "leading"
        assert await bob.until("later") == ["while nobody leads", "later"]


async def test_a_closed_leader_hands_the_lead_on_without_a_gap(
    context: BrowserContext, site: Site, tmp_path: Path
):
    async with world(tmp_path, site) as made, made.witness("bob") as bob:
        leader, follower = await two(context, site, made)
        sent = counted("bob", 60)

        async def talk() -> None:
            for text in sent:
                await bob.client.post(ROOM, text)

        talking = asyncio.ensure_future(talk())
        await follower.until_texts("bob 10")
        await leader.does("close")
        assert (await leader.heard())["ended"] == "closed"
        await talking
        assert await follower.until_texts("bob 60") == sent
        await follower.until(lambda heard: heard["roles"][-1:] == ["leading"])
        await follower.page.close()


async def test_without_locks_each_tab_is_a_device_of_its_own(
    context: BrowserContext, site: Site, tmp_path: Path
):
    async with world(tmp_path, site) as made, made.witness("bob") as bob:
        tabs = [await open_tab(context, site) for _ in range(2)]
        for number, tab in enumerate(tabs, 1):
            await tab.page.goto(site.elsewhere(ELSEWHERE) + EMPTY)
            assert not await tab.page.evaluate("isSecureContext")
            who = await tab.join(**made.options("ann", f"tab{number}"))
            assert (who["role"], who["kept"], who["deviceId"]) == ("alone", False, f"tab{number}")
            assert "not on HTTPS" in who["reason"]
        await asyncio.gather(*(tab.does("postMany", ROOM, f"tab{n}", 10) for n, tab in enumerate(tabs, 1)))
        texts = await bob.until("tab1 10", "tab2 10")
        assert sorted(texts) == sorted(counted("tab1", 10) + counted("tab2", 10))
        for tab in tabs:
            assert sorted(await tab.until_texts("tab1 10", "tab2 10")) == sorted(texts)


async def test_a_leader_that_the_server_stops_says_so_in_every_tab(
    context: BrowserContext, site: Site, tmp_path: Path
):
    async with world(tmp_path, site) as made:
        leader, follower = await two(context, site, made)
        third = await open_tab(context, site)
        who = await third.join(**made.options("ann", "browser"), name="another store")
        assert who["role"] == "leading"  # the same device in another store: it replaces the first
        for tab in (leader, follower):
            await tab.until(lambda heard: heard["ended"] is not None)
            assert "REPLACED" in (await tab.heard())["ended"]
            assert "REPLACED" in await tab.does("post", ROOM, "too late")
