"""A form that says yes to what its writer saw: it books in one turn if the card would say just that, or else the card asks."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.booking.support.chains import demo
from tests.booking.support.page import START, held, mine
from tests.booking.support.shop import Shop

LINES = "/details\nname: Ann Lee\nage: adult\nfirst visit: yes\nconsent: shipped-1"
#: What the page says of an adult's first exam at that time.
VISIT = "exam 30 2026-11-20 15:00"


async def form(shop: Shop, visit: str = VISIT, lines: str = LINES) -> str:
    return f"{lines}\nyes: {(await held(shop, 'ann')).form_yes} {visit}"


async def test_one_text_says_who_comes_and_books(shop: Shop) -> None:
    room = await shop.customer("ann", "en")
    await shop.say("ann", room, START)
    answer = await shop.hear("ann", room, await form(shop))
    assert "Booked" in answer
    assert "Is this right" not in answer
    after = await mine(shop, "ann")
    assert (after.held, after.known.name, after.known.consent) == (None, "Ann Lee", {"garden": "shipped-1"})
    (one,) = after.upcoming
    assert (one.service, one.minutes, one.wall, one.name, one.status) == (
        "exam",
        30,
        "2026-11-20T15:00",
        "Ann Lee",
        "confirmed",
    )


async def test_in_chinese_and_a_child_whose_service_was_said(shop: Shop) -> None:
    room = await shop.customer("ann")
    await shop.say("ann", room, START)
    lines = "资料\n姓名：小明\n年龄：child\n第一次来：是\n同意：shipped-1"
    code = (await held(shop, "ann")).form_yes.lower()
    answer = await shop.hear("ann", room, f"{lines}\n确认：{code}  child-exam 60 2026-11-20T15:00")
    assert "预约成功" in answer
    (one,) = (await mine(shop, "ann")).upcoming
    assert (one.service, one.minutes, one.name) == ("child-exam", 60, "小明")


@pytest.mark.parametrize(
    ("visit", "lines"),
    [
        ("exam 40 2026-11-20 15:00", LINES),
        ("child-exam 30 2026-11-20 15:00", LINES),
        ("exam 30 2026-11-20 15:15", LINES),
        (VISIT, LINES.replace("adult", "child")),
        (VISIT, LINES.replace("\nage: adult", "")),
        (VISIT, LINES.replace("\nfirst visit: yes", "")),
        (VISIT, LINES.replace("\nname: Ann Lee", "")),
        (VISIT, LINES.replace("Ann Lee", "Ann\u00a0 Lee")),
        (VISIT, LINES.replace("\nconsent: shipped-1", "")),
        (VISIT, f"{LINES}\nfor: my mother"),
    ],
    ids=["minutes", "service", "time", "child", "age", "first", "name", "spelt", "consent", "person"],
)
async def test_what_the_card_would_say_otherwise_is_asked_and_not_booked(
    shop: Shop, visit: str, lines: str
) -> None:
    room = await shop.customer("ann", "en")
    await shop.say("ann", room, START)
    answer = await shop.hear("ann", room, await form(shop, visit, lines))
    assert "Booked" not in answer
    assert answer
    assert await shop.appointments() == []
    assert (await held(shop, "ann")).wall == "2026-11-20T15:00"


async def test_an_answer_that_was_asked_for_before_does_not_stand_in_for_a_line(shop: Shop) -> None:
    """What the bot knows and the form does not show is asked about: its writer may not have seen it."""
    room = await shop.customer("ann", "en")
    await shop.say("ann", room, START)
    await shop.say("ann", room, LINES)
    answer = await shop.hear("ann", room, await form(shop, lines=LINES.replace("\nage: adult", "")))
    assert "Is this right" in answer
    assert await shop.appointments() == []


async def test_a_yes_to_a_hold_of_before_asks(shop: Shop) -> None:
    """The time was changed in the chat, to and fro; the form still shows the hold of before."""
    room = await shop.customer("ann", "en")
    await shop.say("ann", room, START)
    old = await form(shop)
    await shop.say("ann", room, START.replace("15:00", "16:00"))
    await shop.say("ann", room, START)
    assert "Is this right" in await shop.hear("ann", room, old)
    assert await shop.appointments() == []
    assert "Booked" in await shop.hear("ann", room, await form(shop))


async def test_of_what_was_said_in_the_chat_beside_it_the_card_asks(shop: Shop) -> None:
    room = await shop.customer("ann", "en")
    await shop.say("ann", room, START)
    await shop.say("ann", room, "my name is Ann Lee and I am allergic to latex")
    answer = await shop.hear("ann", room, await form(shop))
    assert "Booked" not in answer
    assert "latex" in answer


async def test_a_hold_that_is_over_is_not_booked(shop: Shop) -> None:
    room = await shop.customer("ann", "en")
    await shop.say("ann", room, START)
    text = await form(shop)
    await shop.advance(3.1)
    assert "Booked" not in await shop.hear("ann", room, text)
    assert await shop.appointments() == []


async def test_said_twice_it_books_once(shop: Shop) -> None:
    room = await shop.customer("ann", "en")
    await shop.say("ann", room, START)
    text = await form(shop)
    await shop.say("ann", room, text)
    assert "No booking is open" in await shop.hear("ann", room, text)
    assert len(await shop.appointments()) == 1


async def test_one_wrong_line_is_no_yes(shop: Shop) -> None:
    room = await shop.customer("ann", "en")
    await shop.say("ann", room, START)
    for wrong in ("yes", "A7K2 v1", f"A7K2 {VISIT}", f"A7K2 v1 {VISIT} please", "A7K2 v1 exam 30 tomorrow"):
        answer = await shop.hear("ann", room, f"{LINES}\nyes: {wrong}")
        assert "Nothing was changed" in answer
        assert wrong[:40] in answer
    assert "“old”" in await shop.hear("ann", room, (await form(shop)).replace("adult", "old"))
    assert (await held(shop, "ann")).facts.name == ""


async def test_another_customers_code_books_nothing(shop: Shop) -> None:
    rooms = {one: await shop.customer(one, "en") for one in ("ann", "bob")}
    for one, room in rooms.items():
        await shop.say(one, room, START)
    code = (await held(shop, "bob")).form_yes
    await shop.say("ann", rooms["ann"], f"{LINES}\nyes: {code} {VISIT}")
    assert await shop.appointments() == []


async def test_where_the_shop_confirms_it_is_a_request(tmp_path: Path) -> None:
    async with Shop(config={"chain": demo(tmp_path, confirmation='"staff"')}) as shop:
        room = await shop.customer("ann", "en")
        await shop.say("ann", room, START)
        await shop.say("ann", room, await form(shop))
        (one,) = (await mine(shop, "ann")).upcoming
        assert one.status == "pending"


async def test_a_red_flag_in_it_goes_first(shop: Shop) -> None:
    room = await shop.customer("ann", "en")
    await shop.say("ann", room, START)
    text = (await form(shop)).replace("Ann Lee", "sudden loss of vision")
    await shop.say("ann", room, text)
    assert await shop.appointments() == []
