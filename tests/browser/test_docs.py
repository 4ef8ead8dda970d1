"""The chat in 30 lines of docs/js-client.md, in Chromium, used by its visible words."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.async_api import BrowserContext, Page, expect

from tests.browser.site import ROOT, Site
from tests.browser.world import World, killable

pytestmark = pytest.mark.asyncio(loop_scope="session")

TEXT = (ROOT / "docs" / "js-client.md").read_text("utf-8")
(CHAT,) = re.findall(r"^`chat\.html`.*?^```html\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)


async def chatting(context: BrowserContext, site: Site, made: World, me: str, other: str) -> Page:
    """The page, opened as it says, with a token that is bound to no device."""
    page = await context.new_page()
    page.on("pageerror", lambda error: site.errors.append(str(error)))
    site.added["/chat.html"] = CHAT
    await page.goto(f"{site.url}/chat.html#address={made.socket}&other={other}&token={made.token(me, None)}")
    return page


async def say(page: Page, text: str) -> None:
    await page.get_by_label("Message").fill(text)
    await page.get_by_role("button", name="Send").click()


async def test_a_chat_in_thirty_lines(context: BrowserContext, site: Site, tmp_path: Path):
    assert len(CHAT.splitlines()) <= 30
    assert context.browser is not None
    other_browser = await context.browser.new_context()
    async with killable(tmp_path, site) as made:
        ann = await chatting(context, site, made, "ann", "bob")
        bob = await chatting(other_browser, site, made, "bob", "ann")
        await say(ann, "hello")
        await expect(bob.get_by_role("listitem")).to_have_text(["ann: hello"])
        await say(bob, "<b>hi</b>")
        await expect(ann.get_by_role("listitem")).to_have_text(["ann: hello", "bob: <b>hi</b>"])
        # Kill the server, say something, start it again, close the page and open it again.
        await made.process.kill()
        await say(ann, "are you there?")
        await made.process.start()
        told = ["ann: hello", "bob: <b>hi</b>", "ann: are you there?"]
        await expect(bob.get_by_role("listitem")).to_have_text(told, timeout=20_000)
        await ann.reload()
        await expect(ann.get_by_role("listitem")).to_have_text(told)
        await say(ann, "x" * 70_000)
        await expect(ann.get_by_role("alert")).to_have_text("a string of more than 32768 bytes")
    await other_browser.close()
