"""What goes wrong around the staff's page, on a real server: links, copies, names, codes, and a browser that is silent."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from tests.browser.chatting import said
from tests.browser.journeys import WORDS, arrive, book, fill_in, hold
from tests.browser.older_copy import copy_to, restore
from tests.browser.page_world import DESKTOP, LOOK_MS, MORNING, PHONE, Device, PageWorld, Person, page_world
from tests.browser.staff_at_work import answers, asks, at_work, row, visit

pytestmark = pytest.mark.asyncio(loop_scope="session")

SCRIPT = "<img src=x onerror=alert(1)>"
RIGHT_TO_LEFT = "عمر حداد"
#: A bar that cannot be scrolled sideways, and rows of the usual height.
WIDTH = "document.documentElement.scrollWidth - innerWidth"
TALLEST = (
    "Math.max(...[...document.querySelectorAll('.inbox-row, .sheet-row')].map((one) => one.offsetHeight))"
)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def world(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[PageWorld]:
    """One server where it is ten in the morning; each test has customers of its own."""
    async with page_world(tmp_path_factory.mktemp("faults"), chromium, at=MORNING) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="session", autouse=True)
async def nothing_uncaught(world: PageWorld) -> AsyncIterator[None]:
    yield
    assert await world.everybody_leaves() == []


async def link_for(world: PageWorld, who: str) -> str:
    made = await world.process.operate("make_link", user_id=who)
    assert made is not None
    return f"/link#{made['secret']}"


async def test_a_link_is_used_once_by_a_tap_and_not_after_ten_minutes(world: PageWorld):
    """A preview opens it, and a customer who got it by mistake; neither taps. One colleague does, and two are late."""
    ann, preview, li, second, late = [await world.person(DESKTOP) for _ in range(5)]
    await book(ann, name="Ann Lee", day=1)
    first, other = await link_for(world, "staff-li"), await link_for(world, "staff-li")
    assert (await preview.context.request.get(world.url + first)).ok
    await preview.opens(first)
    await preview.sees_title("Sign in in this browser")
    await ann.opens(first)
    await ann.sees("This browser is another account now.")
    await ann.opens("/mine")
    await ann.sees("Garden Road")  # and is who she was
    await li.opens(first)
    await li.tap(re.compile("^Sign in$"))
    await li.sees_title("Inbox")
    await second.opens(first)
    await second.tap(re.compile("^Sign in$"))
    await second.sees("This link is used up")
    await second.opens("/staff")
    await second.sees("Sign in by a link")
    await world.process.kill()
    await world.start(later_s=11 * 60)
    await late.opens(other)
    await late.tap(re.compile("^Sign in$"))
    await late.sees("or ten minutes have passed")
    await late.opens("/staff")
    await late.sees("Sign in by a link")


async def test_an_older_copy_under_an_open_page(world: PageWorld, tmp_path: Path):
    """What staff did since is undone, and is seen to be; what they said can be said again; nothing is shown that is gone."""
    ann, question = await world.person(), "Do you repair older hearing aids?"
    _, code = await book(ann, name="Ann Old", day=0, which=0)
    await asks(ann, question)
    li = await at_work(world, "en")
    await row(li, question).click()
    await li.sees(question)
    copy_to(world, tmp_path / "copy.db")
    await answers(li, "said behind the copy")
    await expect(said(li, "said behind the copy").filter(has_text=re.compile("Stored|Read"))).to_have_count(
        1, timeout=LOOK_MS
    )
    bob = await world.person()
    await book(bob, name="Bob New", day=0, which=1)
    await asks(bob, "Do you repair new hearing aids?")
    await expect(row(li, "new hearing aids")).to_be_visible(timeout=LOOK_MS)
    day = await li.another_tab("/staff/garden/today")
    await expect(visit(day, "Bob New")).to_be_visible(timeout=LOOK_MS)
    await visit(day, code).get_by_role("button", name="Arrived").click()
    await expect(visit(day, code)).to_contain_text("here", timeout=LOOK_MS)
    await restore(world, tmp_path / "copy.db", li, day, ann, bob)
    await expect(visit(day, code)).to_contain_text("booked", timeout=LOOK_MS)
    await expect(visit(day, "Bob New")).to_have_count(0, timeout=LOOK_MS)
    await li.sees("restored from an earlier copy")
    await li.sees("without this message")
    await expect(row(li, question)).to_contain_text("cannot answer", timeout=LOOK_MS)  # it waits again
    await expect(row(li, "new hearing aids")).to_have_count(0, timeout=LOOK_MS)
    await li.tap("Send again")
    await ann.sees("said behind the copy")
    await expect(row(li, question)).to_have_count(0, timeout=LOOK_MS)


async def test_names_of_any_letters_and_length(world: PageWorld):
    """Customers call themselves what they like: the shop's people see words, in rows of the usual size."""
    words, popped = WORDS["en"], []
    for which, name in enumerate((SCRIPT, RIGHT_TO_LEFT)):
        person = await world.person()
        await book(person, name=name, day=0, which=which)
        await asks(person, f"Do you repair hearing aids number {which}?")
    long = await world.person()
    await arrive(long)
    await hold(long, words, day=0, which=2)
    await fill_in(long, words, "x" * 10_000)
    await long.tap(words.submit)
    await long.sees(re.compile(r"At most \d+ characters"))
    await asks(long, "x" * 10_000)
    li = await at_work(world, "en")
    li.page.on("dialog", lambda dialog: popped.append(dialog.message))
    for name in (SCRIPT, RIGHT_TO_LEFT):
        await row(li, name).click()
        await expect(li.page.get_by_role("heading", name=name)).to_be_visible(timeout=LOOK_MS)
        await li.sees("Do you repair hearing aids number")
    await row(li, "xxxx").click()
    await expect(li.page.get_by_role("listitem").filter(has_text="x" * 10_000).last).to_be_visible(
        timeout=LOOK_MS
    )
    for path, there in (("/staff/garden", row), ("/staff/garden/today", visit)):
        await li.opens(path)
        await expect(there(li, SCRIPT).first).to_be_visible(timeout=LOOK_MS)
        await expect(there(li, RIGHT_TO_LEFT).first).to_be_visible(timeout=LOOK_MS)
        for device in (DESKTOP, PHONE):
            await li.page.set_viewport_size(device.options["viewport"])
            assert await li.page.evaluate(WIDTH) <= 0
            assert await li.page.evaluate(TALLEST) < 360
        await li.page.set_viewport_size(DESKTOP.options["viewport"])
    assert popped == []


async def test_a_browser_that_plays_nothing_says_so_and_one_tap_helps(world: PageWorld):
    """Chromium itself lets a page be heard after a tap."""
    li = await at_work(world, "en")
    await li.sees("Alarms make no sound yet")
    await li.tap("Turn the sound on")
    await li.misses("Alarms make no sound yet")


# -- at the counter ---------------------------------------------------------------------------------------------------


#: Wide enough for a customer's facts beside the conversation.
DESK = Device("desk", {"viewport": {"width": 1440, "height": 900}})


async def digits_on(person: Person) -> str:
    """What a customer's new phone shows."""
    await person.opens("/devices")
    await person.tap("Show the digits")
    return "".join((await person.page.locator(".digits").inner_text(timeout=LOOK_MS)).split())


async def types(person: Person, digits: str) -> None:
    """As staff, beside the conversation of the customer's old phone."""
    about = person.page.get_by_role("complementary", name="About the customer")
    field = about.get_by_label("The six digits")
    if not await field.is_visible():
        await about.get_by_text("The customer has a new phone").click(timeout=LOOK_MS)
    await field.fill(digits, timeout=LOOK_MS)
    await field.press("Enter")


async def test_two_with_appointments_at_one_time_are_joined_and_keep_both(world: PageWorld):
    old, new = [await world.person() for _ in range(2)]
    time, first = await book(old, name="Ann Lee", day=3, which=0)
    await asks(old, "Do you repair two hearing aids?")
    again, second = await book(new, name="Ann Lee", day=3, which=0)
    assert time == again
    wang = await at_work(world, "en", DESK, "staff-wang")
    await row(wang, "two hearing aids").click()
    await types(wang, await digits_on(new))
    await new.tap("Yes, that is me")
    await new.sees_title("My appointments")
    await expect(new.page.get_by_text(time)).to_have_count(2, timeout=LOOK_MS)
    await old.opens("/s/garden/chat")
    await old.sees("Two appointments at one time")
    about = wang.page.get_by_role("complementary", name="About the customer")
    for code in (first, second):
        await expect(about.get_by_role("article", name=code)).to_be_visible(timeout=LOOK_MS)
    await wang.opens("/staff/garden/group")
    told = wang.page.get_by_role("listitem").filter(has_text=first).filter(has_text=second).last
    await expect(told).to_contain_text("Ann Lee", timeout=LOOK_MS)


async def test_five_wrong_codes_stop_whoever_types_them(world: PageWorld):
    gus, question = await world.person(), "Do you repair five hearing aids?"
    await asks(gus, question)
    li = await at_work(world, "en", DESK)
    await row(li, question).click()
    for wrong in range(5):
        await types(li, f"00000{wrong}")
        await li.sees(re.compile(f"phone that shows 00000{wrong}"))
    stopped = li.page.get_by_role("listitem").filter(
        has_text=re.compile("none of yours counts|你输入的数字都不算")
    )
    await expect(stopped).to_have_count(1, timeout=LOOK_MS)
    new = await world.person()
    await book(new, name="Gus New", day=2)
    await types(li, await digits_on(new))
    await expect(stopped).to_have_count(2, timeout=LOOK_MS)
    await new.misses("Yes, that is me")
    await li.opens("/staff/garden/group")
    await li.sees(re.compile("5 wrong codes|输错了 5 次"))
