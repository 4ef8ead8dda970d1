"""The staff's sheet of the day, and who may see anything of a shop: around the shop in memory."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from tests.browser.screens import Visitor, screens
from tests.browser.staff_screens import at_a_desk, row, visit, writes

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def origin() -> AsyncIterator[str]:
    async with screens() as url:
        yield url


@pytest_asyncio.fixture(loop_scope="session")
async def li(chromium: Browser, origin: str) -> AsyncIterator[Visitor]:
    async with at_a_desk(chromium, origin) as one:
        yield one


# -- the day ----------------------------------------------------------------------------------------------------------


async def test_who_comes_at_three(li: Visitor):
    await li.opens("/staff/garden")
    await li.page.get_by_role("link", name="Day", exact=True).click()
    await expect(li.page.get_by_role("heading", name="Tuesday 1 December")).to_be_focused()
    await expect(visit(li, "15:00")).to_contain_text(
        re.compile("Ann Lee.*A2S4.*eye exam.*Li, Room 1.*I wear soft lenses", re.DOTALL)
    )
    await li.sees("5 appointments")
    await li.sees("14:00–18:00")  # who is away
    await expect(visit(li, "Ann Lee")).not_to_contain_text("away then")
    await li.page.get_by_role("link", name="The day after").click()
    await li.sees("No appointments this day")


async def test_leave_in_the_way_of_an_appointment_is_seen(li: Visitor):
    await li.opens("/staff/garden/today", "shop.visits[2].away = ['garden-li']")
    await expect(li.page.get_by_text("Li away then: move it")).to_have_count(1)


async def test_who_is_next_and_who_asks_for_another_time(li: Visitor):
    held = "shop.visit('F4GH', 'Zoe', '2026-12-01T19:00', 'held', 9)"
    await li.opens("/staff/garden/today", f"shop.visits[1].status = 'done'; {held}")
    await expect(visit(li, "Ann Lee")).to_contain_text("next")
    await expect(visit(li, "Omar Haddad")).to_contain_text("Asks for Tomorrow 15:00 instead")
    await li.sees("5 appointments")  # a time that is only held is none yet


async def test_marking_an_arrival_and_taking_it_back(li: Visitor):
    await li.opens("/staff/garden/today")
    await visit(li, "Ann Lee").get_by_role("button", name="Arrived").click()
    await expect(visit(li, "Ann Lee")).to_contain_text("here")
    await li.hears("Ann Lee: here")
    await visit(li, "Ann Lee").get_by_role("button", name="Undo").click()
    await expect(visit(li, "Ann Lee")).to_contain_text("booked")
    assert await li.shop("shop.posts") == ["/arrive A2S4 v2", "/undo A2S4 v3"]
    await li.page.get_by_role("link", name=re.compile("Team")).click()
    await li.sees("A2S4: is here")  # and no command that nobody reads


async def test_who_goes_on_before_a_tap_has_its_answer_is_not_held_up(li: Visitor):
    """A conversation is given back, and left before the shop has answered: the day's buttons work."""
    await li.opens("/staff/garden", "shop.rows[1].taken = {by: 'staff-li', name: '李老师', at: shop.now()}")
    await row(li, "王小明").click()
    silence = "async (text) => (shop.posts.push(text), new Promise(() => {}))"
    await li.shop(f"void (shop.hears = shop.typed, shop.typed = {silence})")
    await li.button("Give back").click()
    await li.shop("void (shop.typed = shop.hears)")
    await li.page.get_by_role("link", name="Day", exact=True).click()
    await visit(li, "15:00").get_by_role("button", name="Arrived").click()
    await expect(visit(li, "15:00")).to_contain_text("here")
    assert await li.shop("shop.posts") == ["/give-back", "/arrive A2S4 v2"]


async def test_what_cannot_be_taken_back_is_asked_first(li: Visitor):
    await li.opens("/staff/garden/today")
    await visit(li, "Ann Lee").get_by_role("button", name="More").click()
    await visit(li, "Ann Lee").get_by_role("button", name="Cancel").click()
    await expect(li.button("No")).to_be_focused()
    await li.button("No").click()
    assert await li.shop("shop.posts") == []
    await visit(li, "Ann Lee").get_by_role("button", name="Cancel").click()
    await li.shop("(Object.assign(shop.visits[2], {version: 3}), shop.told())")
    await expect(li.button("Yes: Cancel")).to_have_count(0)  # what was asked about is another by now
    await visit(li, "Ann Lee").get_by_role("button", name="More").click()
    await visit(li, "Ann Lee").get_by_role("button", name="Cancel").click()
    await li.button("Yes: Cancel").click()
    await expect(visit(li, "Ann Lee")).to_contain_text("cancelled")


async def test_a_step_that_the_shop_refuses_says_its_words(li: Visitor):
    await li.opens("/staff/garden/today")
    await li.shop("void (shop.refuses = 'A2S4 is at 15:00: nobody arrives before 14:00.')")
    await visit(li, "Ann Lee").get_by_role("button", name="Arrived").click()
    await li.page.clock.run_for(2000)
    await expect(visit(li, "Ann Lee")).to_contain_text("nobody arrives before 14:00")


async def test_a_change_by_somebody_else_is_there_at_once(li: Visitor):
    await li.opens("/staff/garden/today")
    await expect(visit(li, "Lena Wolf")).to_contain_text("to be confirmed")
    await li.shop(
        "(Object.assign(shop.visits.find((one) => one.code === 'D8XZ'), {status: 'confirmed', version: 3}), shop.told())"
    )
    await expect(visit(li, "Lena Wolf")).to_contain_text("booked")


async def test_moving_an_appointment(li: Visitor):
    await li.opens("/staff/garden/today")
    await visit(li, "Ann Lee").get_by_role("link", name="Move").click()
    await expect(li.page.get_by_role("heading", name="Move the appointment")).to_be_visible()
    await li.page.get_by_role("radio", name=re.compile("Wednesday 2 December")).check()
    await li.button("16:00").click()
    await li.sees("Ann Lee is told at once.")
    await li.button("Move to this time").click()
    await expect(li.page.get_by_role("heading", name="Wednesday 2 December")).to_be_visible()
    await expect(visit(li, "16:00 Ann Lee")).to_be_visible()
    await li.hears("Moved to Wednesday 2 December, 16:00.")
    assert await li.shop("shop.posts") == ["/confirm A2S4 v2 2026-12-02 16:00"]


async def test_on_paper_stands_the_day_and_nothing_to_tap(li: Visitor):
    await li.opens("/staff/garden/today")
    await li.sees("Ann Lee")
    await li.page.emulate_media(media="print")
    await li.sees("Garden Road")
    await li.sees("I wear soft lenses")
    await li.sees(re.compile("as of 10:1\\d"))  # paper is not live
    await expect(li.page.get_by_text("live", exact=True)).to_be_hidden()
    one_line = "(all) => all.length > 0 && all.every((one) => one.offsetHeight < 40 && one.scrollWidth <= one.offsetWidth)"
    assert await li.page.locator(".sheet-time strong").evaluate_all(one_line)
    await expect(li.page.get_by_role("button")).to_have_count(0)
    await expect(li.page.get_by_role("link")).to_have_count(0)


async def test_without_a_network_the_day_is_there_and_says_of_when_it_is(li: Visitor):
    await li.opens("/staff/garden/today")
    await li.sees("live")
    kept = await li.shop("[...shop.keptNow]")
    assert "镜框可以换别家的镜片吗？" not in str(
        [one for one in kept if not one[0].startswith("staff:inbox")]
    )
    without = "shop.away_ = true; shop.now = () => Date.now() + 3600000;"
    await li.opens("/staff/garden/today", f"shop.keptNow = new Map({json.dumps(kept)}); {without}")
    await expect(visit(li, "15:00")).to_contain_text("Ann Lee")
    await li.sees(re.compile("as of 10:1\\d"))


# -- who may ----------------------------------------------------------------------------------------------------------


async def test_who_is_removed_while_reading_sees_nothing_any_more_and_nothing_is_kept(li: Visitor):
    await li.opens("/staff/garden")
    await row(li, "王小明").click()
    await writes(li, "王小明", "eins")
    await li.page.get_by_role("textbox").fill("half a senten")
    await li.sees("镜框可以换别家的镜片吗？")
    assert await li.shop("shop.keptNow.size") > 0
    told = "{type: 'system', event: 'removed', user: 'staff-li'}"
    group = "'group/00000000000000000000000000000001'"
    await li.shop(f"(shop.shops = [], shop.post2({group}, 'store-garden', {told}))")
    await li.sees("You are no longer in this shop's staff group")
    for words in ("王小明", "Ann Lee", "镜框可以换别家的镜片吗", "half a senten"):
        await expect(li.page.get_by_text(words)).to_have_count(0)
    kept = await li.shop("[...shop.keptNow]")
    assert "Ann Lee" not in json.dumps(kept), kept
    assert await li.shop("JSON.stringify(window.page.store.get()).includes('Ann Lee')") is False
    assert await li.shop("JSON.stringify(window.page.store.get()).includes('half a senten')") is False


async def test_who_was_removed_while_the_page_was_closed_finds_nothing_kept(li: Visitor):
    await li.opens("/staff/garden/today")
    await li.sees("Ann Lee")
    kept = json.dumps(await li.shop("[...shop.keptNow]"))
    await li.opens("/staff/garden/today", f"shop.keptNow = new Map({kept}); shop.shops = []")
    await li.sees("You are no longer in this shop's staff group")
    assert "Ann Lee" not in json.dumps(await li.shop("[...shop.keptNow]"))


@pytest.mark.parametrize(
    ("prepare", "words"),
    [
        ("shop.signedIn = false", "Sign in by a link"),
        ("shop.shops = []", "You are not on the staff of a shop"),
        ("shop.fails['x-booking.staff'] = 'OFFLINE'", "Your shops could not be read"),
        ("shop.rows = []", "No customers yet"),
        ("shop.fails['x-booking.inbox'] = 'OFFLINE'", "The inbox could not be read"),
    ],
    ids=["signed out", "no staff", "no answer", "no customers", "no inbox"],
)
async def test_every_state_without_content_has_its_words(li: Visitor, prepare: str, words: str):
    await li.opens("/staff/garden", prepare)
    await li.sees(words)


async def test_an_address_of_another_shop_or_conversation(li: Visitor):
    await li.opens("/staff/elsewhere")
    await li.sees("This is not a shop of yours")
    await li.button("My shops").click()
    await li.sees("Waiting for people")
    await li.opens("/staff/garden/c/ffffffffffffffffffffffffffffffff")
    await li.sees("There is no such conversation")
    await li.page.get_by_role("region", name="Inbox").get_by_text("Ann Lee").click()
    await expect(li.page.get_by_role("heading", name="Ann Lee")).to_be_focused()
