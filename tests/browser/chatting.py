"""What people do in the chat, by the words that they see."""

from __future__ import annotations

import re
from typing import Any

from playwright.async_api import Locator, expect

from tests.browser.page_world import DESKTOP, LOOK_MS, PageWorld, Person

CHAT = "/s/garden/chat"
#: What the bot says first, whoever comes.
WELCOME = "Welcome to Garden Road"
WAITS = "Goes out when the connection is back"
#: Everything that this site keeps in the browser, by name.
KEPT = """async () => [
  ...(await indexedDB.databases()).map(({ name }) => name),
  ...(await caches.keys()),
  ...(await navigator.serviceWorker.getRegistrations()).map(() => "worker"),
  ...Object.keys(localStorage).filter((name) => name.startsWith("imserver")),
]"""


def field(person: Person) -> Locator:
    return person.page.get_by_role("textbox", name="Message to Garden Road")


async def says(person: Person, text: str) -> None:
    await field(person).fill(text, timeout=LOOK_MS)
    await person.page.get_by_role("button", name="Send", exact=True).click(timeout=LOOK_MS)


def said(person: Person, text: str) -> Locator:
    """One's own messages of this text."""
    return person.page.get_by_role("listitem").filter(
        has_text=re.compile(rf"^You.*: ?\s*{re.escape(text)}", re.DOTALL)
    )


async def is_stored_once(person: Person, text: str) -> None:
    """It is there, once, and the shop has it."""
    await expect(said(person, text).filter(has_text=re.compile("Stored|Read by"))).to_have_count(
        1, timeout=LOOK_MS
    )
    await expect(said(person, text)).to_have_count(1)


async def greeted(world: PageWorld, **options: Any) -> Person:
    """Somebody new who has said hello, and was answered."""
    person = await world.person(DESKTOP, **options)
    await person.opens(CHAT)
    await says(person, "hello")
    await person.sees(WELCOME)
    await is_stored_once(person, "hello")
    return person
