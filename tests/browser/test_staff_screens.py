"""The staff's inbox and conversations in each of their states, around the shop in memory."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from tests.browser.screens import Visitor, screens, visiting
from tests.browser.staff_screens import DESK, LETS_IT_PLAY, PHONE, SILENT, at_a_desk, row, writes

pytestmark = pytest.mark.asyncio(loop_scope="session")

TEN_THOUSAND = "陈" * 10_000
SCRIPT = "<img src=x onerror=alert(1)><script>alert(1)</script>"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def origin() -> AsyncIterator[str]:
    async with screens() as url:
        yield url


@pytest_asyncio.fixture(loop_scope="session")
async def li(chromium: Browser, origin: str) -> AsyncIterator[Visitor]:
    async with at_a_desk(chromium, origin) as one:
        yield one


# -- the inbox --------------------------------------------------------------------------------------------------------


async def test_who_waits_longest_is_on_top_and_red_flags_above_all(li: Visitor):
    await li.opens("/staff")
    await expect(li.page).to_have_url(re.compile("/staff/garden$"))  # the only shop needs no choice
    rows = li.page.get_by_role("region", name="Inbox").get_by_role("listitem")
    await expect(rows.nth(0)).to_contain_text(re.compile("Ann Lee.*4 min.*Possible emergency", re.DOTALL))
    await expect(rows.nth(1)).to_contain_text(
        re.compile("Omar Haddad.*1 h.*Wants something you decide", re.DOTALL)
    )
    await expect(rows.nth(2)).to_contain_text(re.compile("王小明.*26 min.*镜框可以换别家的镜片吗", re.DOTALL))
    await expect(row(li, "Mei Chen")).to_contain_text("2 unread")
    await li.page.clock.run_for(61_000)
    await expect(rows.nth(2)).to_contain_text("27 min")


async def test_a_red_flag_is_heard_and_said(li: Visitor):
    await li.opens("/staff/garden")
    await li.sees("Possible emergency")
    before = await li.page.evaluate("rung")
    assert before > 0, "there was an alarm when the page was opened"
    await li.shop(
        "(Object.assign(shop.rowOf(shop.rows[3].conversation), {since: shop.now(), why: 'alarm'}), shop.told())"
    )
    await li.hears("Alarm: possible emergencies of customers: 2")
    rung = await li.page.evaluate("rung")
    assert rung > before
    await li.shop(
        "(Object.assign(shop.rowOf(shop.rows[3].conversation), {since: null, why: null}), shop.told())"
    )
    await expect(li.page.get_by_role("link", name="Inbox 3 waiting")).to_be_visible()
    assert await li.page.evaluate("rung") == rung, "it rings for one more, and not for one less"


async def test_a_sound_that_the_browser_refuses_is_said_and_one_tap_away(chromium: Browser, origin: str):
    async with visiting(chromium, origin) as visitor:
        await visitor.page.add_init_script(SILENT)
        await visitor.opens("/staff/garden")
        await visitor.page.clock.run_for(1000)
        await visitor.sees("Alarms make no sound yet")
        await visitor.page.get_by_role("heading", level=1).click()
        await visitor.sees("Alarms make no sound yet")  # it still refuses
        await visitor.page.evaluate(LETS_IT_PLAY)
        await visitor.button("Turn the sound on").click()
        await expect(visitor.page.get_by_text("Alarms make no sound yet")).to_have_count(0)
        await visitor.opens("/staff/garden")
        await visitor.page.clock.run_for(1000)
        await visitor.sees("Alarms make no sound yet")
        await visitor.page.evaluate(LETS_IT_PLAY)
        await visitor.page.keyboard.press("Shift")  # any key or tap will do
        await expect(visitor.page.get_by_text("Alarms make no sound yet")).to_have_count(0)


async def test_earlier_conversations_are_a_tap_away(li: Visitor):
    await li.opens("/staff/garden", "for (let n = 20; n < 90; n += 1) shop.customer(n, `Customer ${n}`, {})")
    await expect(row(li, "Customer 89")).to_have_count(0)
    await li.button("Earlier conversations").click()
    await expect(row(li, "Customer 89")).to_be_visible()
    await expect(row(li, "Customer 20")).to_have_count(1)
    await expect(li.button("Earlier conversations")).to_have_count(0)


async def test_several_shops_are_chosen_from(li: Visitor):
    river = "{id: 'river', name: {zh: '河畔店', en: 'Riverside'}, group: 'group/2', bot: 'store-river'}"
    await li.opens("/staff", f"shop.shops.push({{...shop.shops[0], ...{river}}})")
    await expect(
        li.page.get_by_role("link", name=re.compile("Garden Road.*Alarms: 1.*3 waiting", re.DOTALL))
    ).to_be_visible()
    await li.page.get_by_role("link", name=re.compile("Riverside.*Nobody waits", re.DOTALL)).click()
    await li.sees("Riverside")


# -- a conversation ---------------------------------------------------------------------------------------------------


async def test_answering_ends_the_wait(li: Visitor):
    await li.opens("/staff/garden")
    await row(li, "王小明").click()
    await expect(li.page.get_by_role("heading", name="王小明")).to_be_focused()
    await li.sees("镜框可以换别家的镜片吗？")
    note = li.page.get_by_role("listitem").filter(has_text="A question the assistant cannot answer").last
    await expect(note).to_contain_text("镜框可以换别家的镜片吗？")
    await writes(li, "王小明", "可以的，拿来给我们看看")
    await li.sees("可以的，拿来给我们看看")
    await expect(li.page.get_by_text("A question the assistant cannot answer")).to_have_count(0)
    await expect(row(li, "王小明").first).not_to_contain_text("26 min")


async def test_taking_over_from_the_assistant_and_giving_back(li: Visitor):
    await li.opens("/staff/garden")
    await row(li, "王小明").click()
    await li.sees("The assistant answers")
    await li.button("Take over").click()
    await li.sees(re.compile("You answer since 10:1\\d"))
    await li.sees("Took over from the assistant")
    await expect(row(li, "王小明").first).to_contain_text("Taken by you")
    await li.button("Give back").click()
    await li.hears("The assistant answers again")
    assert await li.shop("shop.posts") == ["/take", "/give-back"]


async def test_a_colleague_who_has_taken_it_over_is_named(li: Visitor):
    await li.opens(
        "/staff/garden",
        "Object.assign(shop.rows[1], {taken: {by: 'staff-wang', name: '王老师', at: shop.now()}})",
    )
    await expect(row(li, "王小明")).to_contain_text("Taken by 王老师")
    await row(li, "王小明").click()
    await li.sees(re.compile("王老师 answers since"))
    await li.button("Take over").click()  # from the colleague
    await li.sees(re.compile("You answer since"))


async def test_two_colleagues_answer_and_each_sees_the_other(li: Visitor):
    await li.opens("/staff/garden")
    await row(li, "王小明").click()
    await li.sees("镜框可以换别家的镜片吗？")
    await li.shop("void shop.says(2, 'staff-wang', '我来看看')")
    await expect(li.page.get_by_role("listitem").filter(has_text="我来看看").last).to_contain_text("王老师")
    await li.hears("王老师: 我来看看")
    await writes(li, "王小明", "好的")
    await expect(li.page.get_by_role("listitem").filter(has_text="好的").last).to_contain_text("You")


async def test_what_a_customer_tapped_is_said_in_words(li: Visitor):
    await li.opens("/staff/garden")
    await row(li, "Omar Haddad").click()
    await li.sees("Move it to Wed 2 Dec 15:00")


async def test_the_two_ticks_tell_of_the_customer_and_not_of_colleagues(li: Visitor):
    prepare = """shop.says(4, 'staff-li', 'Your glasses are ready');
      const id = shop.rows[3].conversation; shop.cursors[id] = {'staff-wang': 2, 'guest-4': CUSTOMER};"""
    await li.opens("/staff/garden", prepare.replace("CUSTOMER", "1"))
    await row(li, "Mei Chen").first.click()
    ready = li.page.get_by_role("listitem").filter(has_text="Your glasses are ready").last
    await expect(ready).to_contain_text("Stored")
    await li.opens("/staff/garden", prepare.replace("CUSTOMER", "2"))
    await row(li, "Mei Chen").first.click()
    await expect(ready).to_contain_text("Read")


async def test_what_is_known_of_the_customer_stands_beside_it(li: Visitor):
    await li.opens("/staff/garden")
    await row(li, "Ann Lee").first.click()
    about = li.page.get_by_role("complementary", name="About the customer")
    await expect(about).to_contain_text("Guest, not verified")
    await expect(about.get_by_role("article", name="A2S4 Ann Lee")).to_contain_text("Today 15:00")
    await row(li, "王小明").click()
    await expect(about.get_by_role("link", name="138 0013 8000")).to_have_attribute(
        "href", "tel:138 0013 8000"
    )


async def test_a_new_phone_at_the_counter_is_brought_to_the_customers_account(li: Visitor):
    await li.opens("/staff/garden")
    await row(li, "王小明").click()
    about = li.page.get_by_role("complementary", name="About the customer")
    await about.get_by_text("The customer has a new phone").click()
    await about.get_by_label("The six digits").fill("12 34")
    await about.get_by_role("button", name="Bring it to this account").click(force=True)
    assert await li.shop("shop.posts") == []
    await about.get_by_label("The six digits").fill("123 456")
    await about.get_by_label("The six digits").press("Enter")
    await li.sees("Looks for the phone that shows 123456")
    assert await li.shop("shop.posts") == ["/link 123456"]


async def test_what_is_being_written_to_one_customer_is_not_written_to_another(li: Visitor):
    await li.opens("/staff/garden")
    await row(li, "王小明").click()
    await li.page.get_by_role("textbox", name="Message to 王小明").fill("half a senten")
    await row(li, "Mei Chen").click()
    await expect(li.page.get_by_role("textbox", name="Message to Mei Chen")).to_have_value("")
    await row(li, "王小明").click()
    await expect(li.page.get_by_role("textbox", name="Message to 王小明")).to_have_value("half a senten")


async def test_that_a_customer_has_left_is_said(li: Visitor):
    await li.opens("/staff/garden", "shop.rows[3].here = false")
    await row(li, "Mei Chen").click()
    await li.sees("The customer has left this conversation")


async def test_another_language_is_the_assistants_too(li: Visitor):
    await li.opens("/staff/garden")
    await li.page.get_by_label("More: sign-in, language, colours").click()
    await li.button("中文").click()
    await li.sees("在等人回复")
    assert await li.shop("shop.posts") == ["/language zh"]


async def test_a_waiting_customer_in_the_team_is_one_tap_away(li: Visitor):
    await li.opens("/staff/garden/group")
    await li.sees("I am at the dentist from two.")
    await li.button("Open the conversation").click()
    await expect(li.page.get_by_role("heading", name="Ann Lee")).to_be_focused()


@pytest.mark.parametrize(
    "name", [TEN_THOUSAND, SCRIPT, "\u202eeeL nnA\u202c عمر"], ids=["long", "script", "right-to-left"]
)
async def test_any_name_is_text_and_breaks_nothing(li: Visitor, name: str):
    said = json.dumps(name)
    await li.opens(
        "/staff/garden",
        f"shop.rows[1].customer.name = {said}; shop.people['guest-2'].name = {said}; shop.visits[2].name = {said}",
    )
    await row(li, "镜框可以换别家的镜片吗").click()
    await li.sees("镜框可以换别家的镜片吗？")
    for path in ("/staff/garden", "/staff/garden/today"):
        await li.page.goto(li.url + path)
        await li.page.wait_for_selector("main h1")
        assert await li.page.locator("main img").count() == 0
        for size in (DESK, PHONE):
            await li.page.set_viewport_size(size)
            assert await li.page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
            heights = await li.page.evaluate(
                "[...document.querySelectorAll('.inbox-row, .sheet-row')].map((one) => one.offsetHeight)"
            )
            assert max(heights) < 360, heights
