"""A walk through the staff's screens, with customers who have just been there, and a stop at each screen."""

from __future__ import annotations

import re

from playwright.async_api import expect

from tests.browser.journeys import arrive, book, code_of, fill_in, hold, submit
from tests.browser.page_world import LOOK_MS, PageWorld, Person
from tests.browser.walk import Stop

#: What the staff's page says, in either language, where the walk taps on it.
MOVE = {"en": "Move", "zh": "改约"}
TAKE = {"en": "Take over", "zh": "接手"}
GIVE_BACK = {"en": "Give back", "zh": "交还助手"}
MOVE_TITLE = {"en": "Move the appointment", "zh": "改约"}


async def write(person: Person, text: str) -> None:
    """As a customer, to the shop."""
    await person.opens("/s/garden/chat")
    field = person.page.get_by_role("textbox", name="Message to Garden Road")
    await field.fill(text, timeout=LOOK_MS)
    await person.page.get_by_role("button", name="Send", exact=True).click(timeout=LOOK_MS)
    await expect(person.page.get_by_role("listitem").filter(has_text=text).first).to_be_visible(
        timeout=LOOK_MS
    )


async def a_morning(world: PageWorld) -> str:
    """What happened in the shop until the staff come: three appointments, a question, a red flag. Returns a code of today."""
    bo = await world.person()
    await book(bo, name="Bo Park", day=0, which=0)
    await write(bo, "Thank you!")
    mei = await world.person(language="zh")
    words = await arrive(mei, "zh")
    await hold(mei, words, day=0, which=6)
    await fill_in(mei, words, "陈梅")
    await submit(mei, words)
    code = await code_of(mei)
    omar = await world.person()
    await book(omar, name="Omar Haddad", day=0, which=8)
    await write(omar, "Do you repair hearing aids?")
    await omar.sees(re.compile("staff"))
    ann = await world.person()
    await book(ann, name="Ann Lee", day=1, which=0)
    await write(ann, "Since this morning I see flashes and a dark curtain in my left eye")
    await ann.sees(re.compile("emergency", re.IGNORECASE))
    return code


async def staff_walk(person: Person, language: str, stop: Stop, code: str) -> None:
    """Through all of them; an appointment is looked at, and stays."""
    page = person.page
    await person.sees("Ann Lee")
    await stop("staff-inbox")
    await page.get_by_role("link").filter(has_text="Omar Haddad").first.click()
    await person.sees("Do you repair hearing aids?")
    await stop("staff-chat")
    await person.tap(TAKE[language])
    await expect(person.button(GIVE_BACK[language])).to_be_visible(timeout=LOOK_MS)
    await stop("staff-taken")
    await person.tap(GIVE_BACK[language])
    await expect(person.button(TAKE[language])).to_be_visible(timeout=LOOK_MS)
    await person.opens("/staff/garden/group")
    await person.sees("陈梅")
    await stop("staff-group")
    await person.opens("/staff/garden/today")
    await person.sees(code)
    await stop("staff-today")
    visit = page.get_by_role("article").filter(has_text=code)
    await visit.get_by_role("link", name=MOVE[language]).click()
    await person.sees_title(MOVE_TITLE[language])
    await page.get_by_role("button", name=re.compile(r"^\d\d:\d\d$")).first.wait_for(timeout=LOOK_MS)
    await stop("staff-move")
