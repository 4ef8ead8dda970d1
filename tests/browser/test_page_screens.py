"""Each screen of the page in each of its states, around a shop in memory: what people see, hear and reach by keyboard."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from tests.browser.screens import Visitor, screens, visiting

pytestmark = pytest.mark.asyncio(loop_scope="session")

TEN_THOUSAND = "陈" * 10_000
SCRIPT = "<img src=x onerror=alert(1)><script>alert(1)</script>"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def origin() -> AsyncIterator[str]:
    async with screens() as url:
        yield url


@pytest_asyncio.fixture(loop_scope="session")
async def visitor(chromium: Browser, origin: str) -> AsyncIterator[Visitor]:
    async with visiting(chromium, origin) as one:
        yield one


# -- the way to "booked" ----------------------------------------------------------------------------------------------


async def test_five_taps_and_a_name_from_the_code_to_booked(visitor: Visitor):
    await visitor.opens("/s/garden?ref=window")
    await visitor.button("10:30").click()
    await visitor.page.get_by_label("Name").fill("Ann Lee")
    await visitor.page.get_by_role("radio", name="adult (16-44)").check()
    await visitor.page.get_by_role("radio", name="Yes").check()
    await visitor.page.get_by_role("checkbox", name="I agree").check()
    await visitor.button("Book this time").click()
    await expect(visitor.page.get_by_role("heading", name="Booked")).to_be_focused()
    await visitor.hears("Booked: Tuesday 1 December, 10:30.")
    assert await visitor.shop("shop.posts") == [
        "/book exam at 2026-12-01 10:30",
        "/details\nname: Ann Lee\nage: adult\nfirst visit: yes\nconsent: 1",
        "/yes",
    ]


async def test_with_the_keyboard_alone(visitor: Visitor):
    """Tab, arrows, space and Enter: every stop has a name, and the focus is always to be seen."""
    page = visitor.page
    await visitor.opens("/s/garden")

    async def to(name: str) -> None:
        for _ in range(40):
            await page.keyboard.press("Tab")
            focused = await page.evaluate(
                "(() => { const at = document.activeElement; return [(at.ariaLabel ?? '') + '|' + (at.labels?.[0]?.textContent"
                " ?? '').trim() + '|' + at.textContent.trim(), getComputedStyle(at).outlineStyle, at.matches('input')] })()"
            )
            assert focused[0].strip("|"), "a stop without a name"
            assert focused[2] or focused[1] != "none", f"nobody sees the focus on {focused[0]}"
            if name in focused[0].split("|"):
                return
        raise AssertionError(f"Tab never came to {name!r}")

    await expect(
        page.get_by_text("10:30", exact=True).first
    ).to_be_visible()  # Tab would leave a page not drawn yet
    await to("10:30")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="Who is coming?")).to_be_focused()
    await to("Name")
    await page.keyboard.type("Ann Lee")
    await page.keyboard.press("Enter")  # goes on to what is missing
    await expect(page.get_by_role("radio", name="child (under 16)")).to_be_focused()
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Space")
    await to("I agree")
    await page.keyboard.press("Space")
    await to("Book this time")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="Booked")).to_be_focused()


async def test_what_is_missing_is_said_by_field_and_the_first_has_the_focus(visitor: Visitor):
    await visitor.holds()
    await visitor.button("Book this time").click()
    await visitor.hears("4 answers are missing")
    await expect(visitor.page.get_by_label("Name")).to_be_focused()
    for field, words in (
        ("#name", "Enter a name."),
        ("#age", "Choose an age."),
        ("#first", "Choose yes or no."),
    ):
        await expect(visitor.page.locator(field)).to_have_accessible_description(re.compile(re.escape(words)))
    assert await visitor.shop("shop.posts.length") == 1


@pytest.mark.parametrize(("name", "sent"), [(SCRIPT, 2), (TEN_THOUSAND, 1)], ids=["script", "long"])
async def test_a_name_is_text_and_has_an_end(visitor: Visitor, name: str, sent: int):
    await visitor.holds()
    await visitor.fills_in(name if len(name) > 100 else name[:40])
    await visitor.button("Book this time").click()
    if sent == 1:
        await visitor.sees("At most 40 characters.")
    else:
        await visitor.sees(name[:40])  # on the card, letter by letter
    assert await visitor.page.locator("main img").count() == 0
    assert await visitor.shop("shop.posts.length") >= sent
    assert await visitor.page.evaluate("document.documentElement.scrollWidth") <= 390


async def test_enter_that_ends_a_composition_does_nothing_else(visitor: Visitor):
    await visitor.holds()
    await visitor.fills_in("王小明")
    await visitor.page.evaluate(
        "document.querySelector('#name').dispatchEvent(new KeyboardEvent('keydown',"
        " {key: 'Enter', keyCode: 229, isComposing: true, bubbles: true, cancelable: true}))"
    )
    name = visitor.page.locator("#name")
    assert await name.get_attribute("autocomplete") == "name"
    assert await visitor.shop("shop.posts.length") == 1
    await expect(visitor.page.get_by_role("heading", name="Who is coming?")).to_be_visible()


async def test_back_in_the_form_and_forward_again_loses_nothing(visitor: Visitor):
    await visitor.holds()
    await visitor.fills_in("Ann Lee")
    await visitor.page.go_back()
    await visitor.sees("yours")
    await visitor.button("Continue").click()
    assert await visitor.page.get_by_label("Name").input_value() == "Ann Lee"
    assert await visitor.page.get_by_role("radio", name="adult (16-44)").is_checked()


async def test_the_shop_understood_something_else_and_nothing_is_booked_before_one_says_yes(visitor: Visitor):
    await visitor.holds()
    await visitor.fills_in("Ann Lee")
    await visitor.shop("void (shop.misunderstands = {name: 'Anne Lea'})")
    await visitor.button("Book this time").click()
    await visitor.sees("Anne Lea")
    assert (await visitor.shop("shop.posts"))[-1].startswith("/details")
    await visitor.button("That is right: book").click()
    await visitor.sees("Booked")


async def test_a_visit_that_the_shop_fits_to_the_person_is_shown_and_said_before_the_yes(visitor: Visitor):
    await visitor.holds()
    await visitor.fills_in("Ann Lee")
    await visitor.shop("void (shop.fits = {service: 'glasses', minutes: 75})")
    await visitor.button("Book this time").click()
    await visitor.page.clock.run_for(2000)
    await visitor.hears("Please look again: exam and glasses · 75 min")
    await expect(visitor.page.locator(".chosen")).to_contain_text("exam and glasses · 75 min")
    assert (await visitor.shop("shop.posts"))[-1].startswith("/details")
    # Another answer is another question: the yes was to this one.
    await visitor.page.get_by_label("Name").fill("Bo Lee")
    await expect(visitor.button("Book this time")).to_be_visible()
    await visitor.button("Book this time").click()
    await visitor.sees("Booked")
    assert (await visitor.shop("shop.posts"))[-2].startswith("/details\nname: Bo Lee")


async def test_later_days_are_a_tap_away_up_to_the_horizon(visitor: Visitor):
    await visitor.opens("/s/garden/time?day=2026-12-13")
    await visitor.sees("December")
    await visitor.page.get_by_label("What for").select_option("lens-check")
    await expect(visitor.page.get_by_role("radio", name="Sunday 13 December")).to_be_checked()
    await visitor.button("Later days").click()
    await visitor.button("Later days").click()
    await visitor.page.get_by_role("radio", name="Sunday 10 January").check()
    await visitor.sees("January")
    await expect(visitor.button("Later days")).to_have_count(0)
    await visitor.page.get_by_role("button", name=re.compile(r"^\d\d:\d\d$")).first.click()
    await visitor.sees("Sun 10 Jan")


async def test_what_an_age_makes_of_the_visit_is_seen_when_it_is_chosen(visitor: Visitor):
    fits = (
        "{child: {service: 'glasses', first: 75, later: 60}, adult: {service: 'exam', first: 40, later: 40}}"
    )
    await visitor.holds("10:30", f"shop.chainNow.shops[0].services[0].fits = {fits}")
    await visitor.fills_in()
    await visitor.page.get_by_role("radio", name="child (under 16)").check()
    await visitor.sees("This will be: exam and glasses · 75 min")
    await expect(visitor.page.locator(".chosen")).to_contain_text("exam and glasses · 75 min")
    await visitor.shop("void (shop.fits = {service: 'glasses', minutes: 75})")
    await visitor.button("Book this time").click()  # it was seen: no further tap
    await visitor.sees("Booked")


# -- what happens meanwhile -------------------------------------------------------------------------------------------


async def test_a_time_that_somebody_takes_turns_grey_where_it_is(visitor: Visitor):
    await visitor.opens("/s/garden/time")
    await expect(visitor.button("11:00")).to_be_enabled()
    await visitor.shop("shop.lose('2026-12-01T11:00')")
    taken = visitor.button("11:00 taken")
    await expect(taken).to_have_attribute("aria-disabled", "true")
    await taken.click(force=True)
    assert await visitor.shop("shop.posts.length") == 0


async def test_a_time_that_goes_between_look_and_tap(visitor: Visitor):
    await visitor.opens("/s/garden/time")
    await visitor.shop("shop.taken.add('2026-12-01T11:00')")
    await visitor.button("11:00").click()
    await visitor.page.clock.run_for(2000)
    await visitor.sees("Just taken")
    await visitor.hears("Tue 1 Dec 11:00 was just taken by somebody else.")
    await (
        visitor.page.get_by_role("region", name="Nearest free times")
        .get_by_role("button", name="15:30")
        .click()
    )
    await visitor.sees(re.compile("held for (3:00|2:)"))


async def test_a_time_that_is_too_short_for_the_child_says_so_and_offers_the_nearest(visitor: Visitor):
    await visitor.holds("11:00")
    await visitor.fills_in("Tom Lee")
    await visitor.page.get_by_role("radio", name="child (under 16)").check()
    await visitor.shop("void shop.short.add('child')")
    await visitor.button("Book this time").click()
    await visitor.hears(
        "Tue 1 Dec 11:00 is too short for exam and glasses · 75 min, so it is not held for you any more."
    )
    await expect(visitor.page.get_by_text("The hold has ended")).to_have_count(0)
    await expect(visitor.button("Hold 11:00 again")).to_have_count(0)
    near = visitor.page.get_by_role("region", name="Nearest free times").get_by_role("button", name="15:30")
    await expect(near).to_be_visible()
    # The age was a slip: the same time is asked for again.
    await visitor.page.get_by_role("radio", name="adult (16-44)").check()
    await visitor.button("Book this time").click()
    await visitor.page.clock.run_for(2000)
    await visitor.sees("eye exam · 40 min")
    await visitor.button("That is right: book").click()
    await visitor.hears("Booked: Tuesday 1 December, 11:00.")


async def test_more_time_is_offered_in_the_last_minute_and_said(visitor: Visitor):
    await visitor.holds()
    await expect(visitor.button("More time")).to_have_count(0)
    await visitor.page.clock.run_for(125_000)
    await visitor.hears("One minute left. You can ask for more time.")
    await visitor.button("More time").click()
    await visitor.hears("You have more time.")
    await visitor.sees(re.compile("held for [23]:"))


async def test_a_phone_that_slept_in_the_hold_keeps_the_form_and_holds_again(visitor: Visitor):
    await visitor.holds()
    await visitor.fills_in("Ann Lee")
    await visitor.shop("void (shop.mineNow.held = null)")
    await visitor.page.clock.fast_forward(3_600_000)
    await visitor.sees("The hold has ended")
    await visitor.hears("The hold has ended")
    assert await visitor.page.get_by_label("Name").input_value() == "Ann Lee"
    await expect(visitor.button("Book this time")).to_have_count(0)
    await visitor.button("Hold 10:30 again").click()
    await visitor.sees(re.compile("held for (3:00|2:)"))
    assert await visitor.page.get_by_label("Name").input_value() == "Ann Lee"


async def test_a_time_that_went_while_the_phone_slept_is_said_and_others_are_a_tap_away(visitor: Visitor):
    await visitor.holds()
    await visitor.fills_in("Ann Lee")
    await visitor.shop("void (shop.taken.add('2026-12-01T10:30'), shop.expire())")
    await visitor.button("Hold 10:30 again").click()
    await visitor.page.clock.run_for(2000)
    await visitor.sees("Just taken")
    await visitor.button("See other times").click()
    await visitor.button("11:00").click()
    assert await visitor.page.get_by_label("Name").input_value() == "Ann Lee"


async def test_the_countdown_goes_by_the_shops_clock(visitor: Visitor):
    """On a phone whose own clock is a day behind."""
    await visitor.opens("/s/garden/time?day=2026-12-02", "shop.ahead = 86_400_000")
    await visitor.page.get_by_role("button", name=re.compile(r"^\d\d:\d\d$")).first.click()
    await visitor.sees(re.compile(r"held for (3:00|2:5\d)"))


async def test_times_are_the_shops_and_another_zone_is_named(chromium: Browser, origin: str):
    async with visiting(chromium, origin, timezone_id="Europe/Berlin") as visitor:
        await visitor.opens("/s/garden/time")
        await visitor.sees("Times are those of the shop (China Standard Time).")
        await visitor.button("10:30").click()
        await visitor.fills_in()
        await visitor.button("Book this time").click()
        await visitor.sees("Your clock shows Tue 1 Dec 03:30 then.")


async def test_without_a_network_nothing_is_sent_and_it_says_so(visitor: Visitor):
    await visitor.opens("/s/garden/time")
    await expect(visitor.button("10:30")).to_be_visible()
    await visitor.page.context.set_offline(True)
    await visitor.sees("No network. You see what was last known.")
    await visitor.button("10:30").click()
    await visitor.sees("There is no network. Booking needs one, so nothing was sent.")
    assert await visitor.shop("shop.posts.length") == 0
    await visitor.page.context.set_offline(False)
    await visitor.button("10:30").click()
    await expect(visitor.page.get_by_role("heading", name="Who is coming?")).to_be_visible()


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("COOKIES", "keeps no cookies"),
        ("OFFLINE", "The server was not reached."),
        ("RATE_LIMITED", "Wait a minute"),
        ("SOMETHING_NEW", "Something went wrong at our end."),
    ],
)
async def test_a_tap_that_fails_says_why_and_can_be_repeated(visitor: Visitor, code: str, words: str):
    await visitor.opens("/s/garden/time", f"shop.fails.enter = {json.dumps(code)}")
    await visitor.button("10:30").click()
    await visitor.sees(re.compile(re.escape(words)))
    await visitor.shop("void (shop.fails = {})")
    await visitor.button("10:30").click()
    await expect(visitor.page.get_by_role("heading", name="Who is coming?")).to_be_visible()


async def test_a_server_that_is_away_is_said_and_the_page_goes_on_by_itself(visitor: Visitor):
    await visitor.opens("/s/garden", "shop.fails.chain = 'OFFLINE'")
    await visitor.sees("The server was not reached. The page tries again by itself.")
    await visitor.shop("void (shop.fails = {})")
    await visitor.page.clock.run_for(5000)
    await expect(visitor.button("10:30")).to_be_visible()


async def test_a_shop_that_confirms_itself(visitor: Visitor):
    await visitor.books("shop.chainNow.shops[0].confirmation = 'staff'")
    await visitor.sees("Waiting for the shop")
    await visitor.hears("Asked for: Tuesday 1 December, 10:30. The shop confirms.")
    await visitor.shop("void (shop.mineNow.upcoming[0].status = 'confirmed', shop.changed())")
    await expect(visitor.page.get_by_role("heading", name="Booked")).to_be_visible()


async def test_what_can_only_be_changed_by_telephone_is_said_before_it_is_booked(visitor: Visitor):
    await visitor.holds("10:30", "shop.chainNow.shops[0].cutoffMinutes = 120")
    await visitor.sees("moved or cancelled only by telephone, 000-5550-1801")
    await visitor.page.go_back()
    await visitor.button("14:30").click()
    await expect(visitor.page.get_by_role("heading", name="Who is coming?")).to_be_visible()
    await expect(visitor.page.get_by_text("only by telephone")).to_have_count(0)


@pytest.mark.parametrize("visits", [0, 1])
async def test_only_who_was_there_before_reads_of_a_last_visit(visitor: Visitor, visits: int):
    past = "shop.mineNow.past = [{code: 'B2K3'}]" if visits else ""
    await visitor.holds("10:30", f"shop.mineNow.known.name = 'Ann Lee'; shop.signedIn = true; {past}")
    assert await visitor.page.get_by_label("Name").input_value() == "Ann Lee"
    await expect(visitor.page.get_by_text("Filled in from your last visit")).to_have_count(visits)


# -- afterwards -------------------------------------------------------------------------------------------------------


async def test_moving_asks_once_and_keeping_is_one_tap(visitor: Visitor):
    await visitor.books()
    await visitor.button("Move").click()
    await expect(visitor.button("10:30 yours")).to_have_attribute("aria-disabled", "true")
    await visitor.button("14:30").click()
    await expect(visitor.page.get_by_role("heading", name="Move the appointment")).to_be_focused()
    await visitor.page.go_back()  # to the times: the question is a step of its own
    await expect(visitor.button("15:30")).to_be_visible()
    await visitor.button("Continue").click()
    await visitor.button("Keep the old time").click()
    await expect(visitor.page.get_by_role("heading", name="Booked")).to_be_visible()
    await visitor.button("Move").click()
    await visitor.button("14:30").click()
    await visitor.button("Move to this time").click()
    await expect(visitor.page.get_by_role("heading", name="Moved")).to_be_visible()
    await visitor.hears("Moved to Tuesday 1 December, 14:30.")


async def test_cancelling_asks_once_and_says_that_it_is_done(visitor: Visitor):
    await visitor.books()
    await visitor.button("Cancel").click()
    assert await visitor.shop("shop.mineNow.upcoming.length") == 1
    await visitor.button("Yes, cancel it").click()
    await visitor.sees("Tuesday 1 December, 10:30 is free again.")
    await visitor.hears("Cancelled.")
    await expect(visitor.page.get_by_role("heading", name="Cancelled")).to_be_focused()


async def test_a_refusal_is_in_the_shops_own_words(visitor: Visitor):
    await visitor.books()
    await visitor.button("Cancel").click()
    await visitor.shop("void (shop.refuses = 'It begins in an hour: please call us.')")
    await visitor.button("Yes, cancel it").click()
    await visitor.page.clock.run_for(2000)
    await visitor.sees("It begins in an hour: please call us.")
    assert await visitor.shop("shop.mineNow.upcoming.length") == 1


async def test_another_language_is_the_shops_too_and_old_news_are_gone(visitor: Visitor):
    await visitor.books("shop.mineNow.conversations.garden = 'c'")
    await visitor.hears("Booked: Tuesday 1 December, 10:30.")
    await visitor.page.clock.run_for(11_000)
    await visitor.hears("")
    await visitor.button("中文").click()
    await visitor.sees("预约成功")
    assert await visitor.shop("shop.posts.at(-1)") == "/language zh"


async def test_a_browser_that_a_link_signed_in_stays_in_sight_until_it_is_read(visitor: Visitor):
    await visitor.books()
    await visitor.shop("void window.page.store.set({joined: 'Firefox on Linux'})")
    notice = visitor.page.get_by_text("Firefox on Linux was signed in to your account.")
    await visitor.page.evaluate("scrollTo(0, document.body.scrollHeight)")
    await expect(notice).to_be_in_viewport()
    await expect(visitor.page.get_by_role("link", name="My browsers").first).to_be_visible()
    await visitor.button("OK").click()
    await expect(notice).to_have_count(0)


async def test_who_signs_out_leaves_nothing_on_the_screen(visitor: Visitor):
    await visitor.books()
    await visitor.shop(
        "void window.page.store.set({session: null, line: {...window.page.store.get().line, state: 'none'}})"
    )
    await visitor.sees("This appointment is not in this browser")
    await expect(visitor.page.get_by_text("Ann Lee")).to_have_count(0)


async def test_a_form_of_who_signed_out_is_gone(visitor: Visitor):
    await visitor.holds()
    await visitor.fills_in("Ann Lee")
    await visitor.shop(
        "void window.page.store.set({session: null, line: {...window.page.store.get().line, state: 'none'}})"
    )
    await visitor.sees("No time is held for you")
    await expect(visitor.page.get_by_label("Name")).to_have_count(0)


async def test_on_paper_stands_what_matters_and_nothing_to_tap(visitor: Visitor):
    await visitor.books()
    await visitor.page.emulate_media(media="print")
    await visitor.sees("A7K2")
    await visitor.sees("18 Garden Road, ground floor")
    await expect(visitor.page.get_by_role("button")).to_have_count(0)
    await expect(visitor.button("Add to calendar")).to_have_count(0)
