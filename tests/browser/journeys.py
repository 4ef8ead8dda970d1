"""What people do on the page, step by step, in either language: by the words that they see."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from playwright.async_api import expect

from tests.browser.page_world import LOOK_MS, Person

#: A button that says a time and nothing else is a free one: a taken one has its word beside it.
A_TIME = re.compile(r"^\d\d:\d\d$")
CODE = re.compile(r"[A-Z]\d[A-Z]\d")


#: The demo chain's shops, as they are called. At the second one an exam at a time is all that its room allows.
SHOPS = {
    "garden": {"en": "Garden Road", "zh": "花园店"},
    "river": {"en": "Riverside", "zh": "河畔店"},
}


@dataclass(frozen=True, slots=True)
class Words:
    """What the page says in one language."""

    book: str
    choose_time: str
    free_day: re.Pattern[str]
    who: str
    name: str
    adult: str
    first_yes: str
    agree: str
    submit: str
    so_yes: str
    booked: str
    move: str
    move_title: str
    move_yes: str
    moved: str
    cancel: str
    cancel_yes: str
    cancelled: str
    mine: str
    devices: str
    shop_gone: str


WORDS = {
    "en": Words(
        book="Book an eye exam", choose_time="Choose a time", free_day=re.compile(r": (free|few left)$"),
        who="Who is coming?", name="Name", adult="adult (16-44)", first_yes="Yes", agree="I agree", submit="Book this time",
        so_yes="That is right: book",
        booked="Booked", move="Move", move_title="Move the appointment", move_yes="Move to this time", moved="Moved",
        cancel="Cancel", cancel_yes="Yes, cancel it", cancelled="Cancelled", mine="My appointments",
        devices="My browsers", shop_gone="This shop is not here any more",
    ),
    "zh": Words(
        book="预约验光", choose_time="选择时间", free_day=re.compile("(可约|紧张)$"),
        who="谁来店里？", name="姓名", adult="成人（16–44岁）", first_yes="是", agree="我同意", submit="确认预约",
        so_yes="没错，就这样预约",
        booked="预约成功", move="改约", move_title="改约", move_yes="改到这个时间", moved="改约成功",
        cancel="取消", cancel_yes="确定取消", cancelled="已取消", mine="我的预约",
        devices="我的浏览器", shop_gone="找不到这家门店",
    ),
}  # fmt: skip


async def arrive(person: Person, language: str = "en", shop: str = "garden") -> Words:
    """As the shop's poster leads there."""
    words = WORDS[language]
    await person.opens(f"/s/{shop}?ref=window")
    await person.sees_title(SHOPS[shop][language])
    return words


async def choose_day(person: Person, words: Words, day: int) -> None:
    """The so-many-th day that has room (0: the next one)."""
    await person.chooses(words.free_day, which=day)


async def hold(person: Person, words: Words, *, day: int = 0, which: int = 0) -> str:
    """From the shop to a time that is held: the so-many-th free one of that day. Returns the time."""
    await person.tap(words.book)
    await person.sees_title(words.choose_time)
    await choose_day(person, words, day)
    return await take_time(person, which)


async def take_time(person: Person, which: int) -> str:
    """Tap the so-many-th free time. Returns it."""
    time = person.page.get_by_role("button", name=A_TIME).nth(which)
    said = str(await time.text_content(timeout=LOOK_MS)).strip()
    await time.click(timeout=LOOK_MS)
    return said


async def fill_in(person: Person, words: Words, name: str) -> None:
    """The form, as far as it asks."""
    await person.sees_title(words.who)
    await person.fills(words.name, name)
    await person.chooses(words.adult)
    await person.chooses(words.first_yes)
    agree = person.page.get_by_role("checkbox", name=words.agree)
    if await agree.count():
        await person.chooses(words.agree, "checkbox")


async def book(
    person: Person, language: str = "en", *, name: str = "Ann", day: int = 1, which: int = 0
) -> tuple[str, str]:
    """From the shop's address to "booked". Returns the time and the appointment's code."""
    words = await arrive(person, language)
    time = await hold(person, words, day=day, which=which)
    await fill_in(person, words, name)
    await submit(person, words)
    return time, await code_of(person)


async def submit(person: Person, words: Words) -> None:
    """From the form to "booked"."""
    await person.tap(words.submit)
    await sees_booked(person, words)


async def sees_booked(person: Person, words: Words, within_ms: float = LOOK_MS) -> None:
    """It is booked: at once, or behind a yes to the visit that the shop plans for whoever comes."""
    booked = person.page.get_by_role("heading", name=words.booked)
    so_yes = person.page.get_by_role("button", name=words.so_yes)
    await expect(booked.or_(so_yes).first).to_be_visible(timeout=within_ms)
    if not await booked.count():
        await so_yes.click(timeout=within_ms)
    await person.sees_title(words.booked, within_ms)


async def books_at_last(person: Person, words: Words) -> None:
    """Whoever is told that it did not work taps again."""
    booked = person.page.get_by_role("heading", name=words.booked)
    failed = person.page.get_by_text("That did not work").filter(visible=True)
    so_yes = person.page.get_by_role("button", name=words.so_yes)
    await expect(booked.or_(failed).or_(so_yes).first).to_be_visible(timeout=2 * LOOK_MS)
    if await failed.count():
        await person.tap(words.submit)
    await sees_booked(person, words)


async def code_of(person: Person) -> str:
    """The code on the screen."""
    found = CODE.search(await person.page.get_by_role("main").inner_text(timeout=LOOK_MS))
    assert found is not None, "there is no code on this screen"
    return found[0]


async def link_of(person: Person) -> str:
    """What the page shows to be opened on the other phone: behind the host."""
    await person.opens("/devices")
    await person.tap("Make a link")
    shown = person.page.locator("code.address")
    await expect(shown).to_be_visible(timeout=LOOK_MS)
    await expect(person.page.get_by_role("img", name="QR code: scan it with the other phone")).to_be_visible()
    address = urlsplit(await shown.inner_text())
    return f"{address.path}#{address.fragment}"
