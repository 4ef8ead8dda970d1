"""What staff do on a working day, in real browsers on a real server: by the words that they and their customers see."""

from __future__ import annotations

import re
import shutil
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from imserver.proof.fault_proxy import Faults
from tests.browser.chatting import KEPT, said, says
from tests.browser.journeys import book, take_time
from tests.browser.page_world import LOOK_MS, MORNING, TABLET, PageWorld, page_world
from tests.browser.staff_at_work import QUESTION, answers, asks, at_work, row, visit

pytestmark = pytest.mark.asyncio(loop_scope="session")

CHAINS = Path(__file__).resolve().parents[2] / "imserver" / "plugins" / "booking" / "chains"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def world(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[PageWorld]:
    """One server where it is ten in the morning; each test has customers of its own."""
    async with page_world(tmp_path_factory.mktemp("staff"), chromium, at=MORNING) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="session", autouse=True)
async def nothing_uncaught(request: pytest.FixtureRequest) -> AsyncIterator[None]:
    yield
    if "world" not in request.fixturenames:
        return
    world: PageWorld = request.getfixturevalue("world")
    world.line.apply(Faults())
    world.line.accepting = True
    assert await world.everybody_leaves() == []


#: How the sheet says what stands in the records.
STATES = {"confirmed": "booked", "arrived": "here"}
#: Of each appointment on the sheet: code, time, how far it is.
ON_THE_SHEET = """(rows) => rows.map((row) => [".code", ".sheet-time strong", ".sheet-state .tag"].map((part) =>
  row.querySelector(part).textContent))"""


def in_the_records(world: PageWorld) -> list[list[str]]:
    """Today's appointments, as the sheet should say them."""
    query = """SELECT code, substr(start_wall, 12, 5), status FROM booking_appointments
               WHERE store_id = 'garden' AND start_wall LIKE ? AND status IN ('confirmed', 'arrived')
               ORDER BY start_wall, code"""
    with closing(sqlite3.connect(world.process.database)) as database:
        rows = database.execute(query, (f"{MORNING:%Y-%m-%d}%",))
        return [[code, time, STATES[status]] for code, time, status in rows]


async def test_customer_and_staff_play_a_day_together(world: PageWorld):
    """Booked, seen, taken over, answered through a kill -9, given back, moved, arrived: in the end the records, the customer's
    page and the staff's say the same."""
    ann = await world.person()
    time, code = await book(ann, name="Ann Lee", day=0, which=0)
    await asks(ann, QUESTION)
    li = await at_work(world, "en")
    await expect(row(li, QUESTION)).to_contain_text("A question the assistant cannot answer", timeout=LOOK_MS)
    await row(li, QUESTION).click()
    await li.sees(re.compile(f"Today {time}"))  # her appointment, beside what she asked
    await li.tap("Take over")
    await ann.sees("answers you here now")
    await answers(li, "Yes, bring it along")
    await ann.sees("Yes, bring it along")
    await expect(row(li, QUESTION)).to_have_count(0, timeout=LOOK_MS)

    await says(ann, "What is your address?")
    await li.sees("What is your address?")
    await world.process.kill()
    await li.sees("The connection is lost")
    await answers(li, "Beside the bakery, come in")
    await says(ann, "Thank you, I am on my way")
    await world.start()
    for person in (li, ann):
        await person.tries_now()
    await ann.sees("Beside the bakery, come in")
    await li.sees("Thank you, I am on my way")
    for person in (li, ann):
        for words in ("Beside the bakery", "I am on my way"):
            told = (
                person.page.get_by_role("region", name="Messages")
                .get_by_role("listitem")
                .filter(has_text=words)
            )
            await expect(told).to_have_count(1, timeout=LOOK_MS)
    await li.tap("Give back")
    await ann.sees("I answer here again")
    await li.sees("The assistant answers")

    await li.tap("Day")
    await expect(visit(li, code)).to_contain_text(re.compile(f"{time}.*Ann Lee", re.DOTALL), timeout=LOOK_MS)
    await visit(li, code).get_by_role("link", name="Move").click()
    await li.chooses(re.compile(": (free|few left)$"), which=0)
    later = await take_time(li, 1)
    assert later != time
    await li.tap("Move to this time")
    await expect(visit(li, code)).to_contain_text(re.compile(f"{later}.*Ann Lee", re.DOTALL), timeout=LOOK_MS)
    await visit(li, code).get_by_role("button", name="Arrived").click()
    await expect(visit(li, code)).to_contain_text("here", timeout=LOOK_MS)

    records = in_the_records(world)
    assert [code, later, "here"] in records
    assert sorted(await li.page.get_by_role("article").evaluate_all(ON_THE_SHEET)) == sorted(records)
    await ann.opens(f"/s/garden/booked/{code}")
    await ann.sees(later)
    await ann.misses(time)


async def test_what_is_taken_over_is_answered_by_people_until_it_is_given_back(world: PageWorld):
    bo = await world.person()
    await asks(bo, QUESTION)
    li = await at_work(world, "en")
    await row(li, QUESTION).click()
    await li.tap("Take over")
    await li.sees("You answer since")
    await asks(bo, "What is your address?")
    await li.sees("What is your address?")
    await answers(li, "18 Garden Road, and we are open")
    await bo.sees("18 Garden Road, and we are open")
    await bo.misses("Underground car park")  # which the bot would have said
    await li.tap("Give back")
    await li.sees("The assistant answers")
    await answers(li, "Shall I keep one for you?")
    await li.sees("The assistant is silent")  # while people talk, though nobody has taken it over
    await li.tap("Give back")
    await li.sees("The assistant answers")
    await asks(bo, "/info")
    await bo.sees(re.compile("Underground car park"))


async def test_two_colleagues_answer_and_each_sees_the_other(world: PageWorld):
    cy = await world.person()
    question = "Do you repair old hearing aids?"
    await asks(cy, question)
    li, wang = await at_work(world, "en"), await at_work(world, "en", TABLET, "staff-wang")
    for one in (li, wang):
        await row(one, question).click()
        await one.sees(question)
    await answers(li, "I will have a look")
    await wang.sees("I will have a look")
    await answers(wang, "So will I")
    await li.sees("So will I")
    for words in ("I will have a look", "So will I"):
        await cy.sees(words)
    # One takes it over from the other, and both know.
    await li.tap("Take over")
    await wang.sees(re.compile("answers since"))
    await wang.tap("Take over")
    await wang.sees("You answer since")
    await li.sees(re.compile("answers since"))


async def test_a_line_that_is_cut_in_mid_answer_says_it_once(world: PageWorld):
    dora = await world.person()
    question = "Do you repair small hearing aids?"
    await asks(dora, question)
    li = await at_work(world, "en")
    await row(li, question).click()
    await li.sees(question)
    world.line.apply(Faults(swallow_down=True))  # the server hears it, and its answer is lost
    await answers(li, "said into the hole")
    await li.sees("Goes out when the connection is back")
    world.line.apply(Faults())
    world.line.cut()
    stored = said(li, "said into the hole")
    await expect(stored.filter(has_text=re.compile("Stored|Read"))).to_have_count(1, timeout=LOOK_MS)
    await dora.sees("said into the hole")
    told = dora.page.get_by_role("listitem").filter(has_text="said into the hole")
    await expect(told).to_have_count(1)


async def test_a_tablet_that_slept_over_night_goes_on_where_the_world_is(world: PageWorld):
    """The page is frozen, its connection is gone, and customers have written."""
    hal = await world.person()
    question = "Do you repair wet hearing aids?"
    await asks(hal, question)
    li = await at_work(world, "en", TABLET)
    await row(li, question).click()
    await li.sees(question)
    session = await li.context.new_cdp_session(li.page)
    await session.send("Page.setWebLifecycleState", {"state": "frozen"})
    world.line.cut()
    await asks(hal, "Are you still there?")
    await session.send("Page.setWebLifecycleState", {"state": "active"})
    await li.page.evaluate("document.dispatchEvent(new Event('resume'))")
    await li.sees("Are you still there?")
    await answers(li, "Good morning")
    await hal.sees("Good morning")


async def test_without_a_network_the_day_can_be_read_and_no_conversation(world: PageWorld):
    fay = await world.person()
    _, code = await book(fay, name="Fay", day=0, which=1)
    await asks(fay, "Do you repair blue hearing aids?")
    li = await at_work(world, "en")
    await row(li, "blue hearing aids").click()
    await li.sees("Do you repair blue hearing aids?")
    await li.tap("Day")
    await expect(visit(li, code)).to_be_visible(timeout=LOOK_MS)
    await li.page.wait_for_function(
        "navigator.serviceWorker.ready.then(() => navigator.serviceWorker.controller !== null)"
    )
    await li.context.set_offline(True)
    world.line.accepting = False
    world.line.cut()
    await li.page.reload()
    await expect(visit(li, code)).to_contain_text("Fay", timeout=LOOK_MS)
    await li.sees(re.compile("as of \\d\\d:\\d\\d"))
    await li.sees("No network")
    await li.page.get_by_label("The day after").click()
    await li.sees("Without a network there is today's sheet alone.")
    world.line.accepting = True
    await li.context.set_offline(False)
    await li.sees("live")


async def test_who_is_removed_while_reading_sees_nothing_and_keeps_nothing(chromium: Browser, tmp_path: Path):
    """The chain's file names who is staff: a change of it counts from the next start."""
    chain = tmp_path / "chain.toml"
    shutil.copy(CHAINS / "demo.toml", chain)
    async with page_world(tmp_path, chromium, at=MORNING, chain=chain) as made:
        gus = await made.person()
        await asks(gus, QUESTION)
        wang = await at_work(made, "en", who="staff-wang")
        await row(wang, QUESTION).click()
        await wang.sees(QUESTION)
        await answers(wang, "I will ask")
        await made.process.kill()
        chain.write_text(chain.read_text("utf-8").replace('user_id = "staff-wang"\n', ""), "utf-8")
        await made.restart()
        await wang.page.evaluate(
            "dispatchEvent(new Event('online'))"
        )  # the next attempt may be half a minute away
        await wang.sees("You are no longer in this shop's staff group")
        await wang.misses(QUESTION)
        assert "hearing aids" not in await wang.page.evaluate(EVERYTHING_KEPT)
        await wang.page.reload()
        await wang.sees(re.compile("not on the staff of a shop"))
        assert await made.everybody_leaves() == []


#: All that the site's databases hold, as text.
EVERYTHING_KEPT = """async () => {
  const done = (request) => new Promise((resolve) => (request.onsuccess = () => resolve(request.result)));
  const all = [];
  for (const { name } of await indexedDB.databases()) {
    const database = await done(indexedDB.open(name));
    for (const table of database.objectStoreNames) {
      all.push(await done(database.transaction(table).objectStore(table).getAll()));
    }
    database.close();
  }
  return JSON.stringify(all);
}"""


async def test_signing_out_takes_everything_along(world: PageWorld):
    li = await at_work(world, "en")
    await li.page.get_by_label("More: sign-in, language, colours").click()
    await li.tap("My chat with the assistant")  # where the links of `/link NAME` come
    await expect(li.page).to_have_url(re.compile("/s/garden/chat$"))
    await li.page.go_back()
    await li.page.get_by_label("More: sign-in, language, colours").click()
    await li.tap("My browsers, sign out")
    await li.sees("what its customers write")
    await li.tap("Sign out here")
    await li.tap("Sign out and delete")
    await li.sees("This browser is signed out")
    assert await li.page.evaluate(KEPT) == []
    await li.opens("/staff/garden")
    await li.sees("Sign in by a link")
