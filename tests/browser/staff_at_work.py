"""What people of a shop do on their page, and what its customers say to them: by the words that they see."""

from __future__ import annotations

import re
from typing import Any

from playwright.async_api import Locator, expect

from tests.browser.chatting import said, says
from tests.browser.page_world import DESKTOP, LOOK_MS, Device, PageWorld, Person

#: What the staff's inbox is called.
INBOX = {"en": "Inbox", "zh": "顾客来信"}
#: A question that no fact of the shop answers.
QUESTION = "Do you repair hearing aids?"


async def at_work(
    world: PageWorld, language: str, device: Device = DESKTOP, who: str = "staff-li", **options: Any
) -> Person:
    """Somebody of the staff with the shop before them."""
    made = await world.process.operate("make_link", user_id=who)
    assert made is not None
    person = await world.person(device, language=language, **options)
    await person.opens(f"/link#{made['secret']}")
    await person.tap(re.compile("^(Sign in|登录)$"))
    await person.page.wait_for_url(re.compile("/(mine|staff.*)$"))
    await person.opens("/staff")
    await person.sees_title(INBOX[language])
    return person


def row(person: Person, words: str) -> Locator:
    """A conversation of the inbox."""
    return person.page.get_by_role("region", name="Inbox").get_by_role("link").filter(has_text=words).first


def visit(person: Person, words: str) -> Locator:
    """An appointment on the sheet."""
    return person.page.get_by_role("article").filter(has_text=words)


async def answers(person: Person, text: str) -> None:
    await person.page.get_by_role("textbox", name=re.compile("^Message to")).fill(text, timeout=LOOK_MS)
    await person.page.get_by_role("button", name="Send", exact=True).click(timeout=LOOK_MS)


async def asks(person: Person, text: str) -> None:
    """A customer writes to the shop."""
    await person.opens("/s/garden/chat")
    await says(person, text)
    await expect(said(person, text).filter(has_text=re.compile("Stored|Read by"))).to_have_count(
        1, timeout=LOOK_MS
    )
