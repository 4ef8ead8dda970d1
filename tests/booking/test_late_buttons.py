"""Every button of every card, pressed late: it does what it says of the appointment that it was shown for, or nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

import pytest

from imserver.testing import Said
from tests.booking.support.chains import demo
from tests.booking.support.shop import Shop, button, shown
from tests.booking.support.steps import at_any_time

pytestmark = pytest.mark.usefixtures(at_any_time.__name__)

#: The first customer's day; each has one of their own, so that customers do not compete.
FIRST_DAY = date(2026, 12, 1)


@dataclass
class Customer:
    """Somebody with a card on the screen."""

    shop: Shop
    name: str
    day: str
    here: str
    group: str
    command: str = ""
    code: str = ""
    before: str = ""
    answer: list[Said] = field(default_factory=list)

    async def says(self, *texts: str) -> list[Said]:
        said: list[Said] = []
        for text in texts:
            said = await self.shop.say(self.name, self.here, text.format(day=self.day, code=self.code))
        return said

    async def staff_say(self, *texts: str) -> list[Said]:
        said: list[Said] = []
        for text in texts:
            said = await self.shop.say("staff-li", self.group, text.format(day=self.day, code=self.code))
        return said

    async def books(self) -> list[Said]:
        said = await self.says("预约 {day} 15:00 验光", "王小明，成人，来过", "好")
        await self.learns_code()
        return said

    async def learns_code(self) -> None:
        rows = await self.shop.sql(
            "SELECT code FROM booking_appointments WHERE customer_id = ? ORDER BY id LIMIT 1", self.name
        )
        self.code = rows[0][0]

    async def has(self, status: str = "") -> str:
        """`confirmed 15:00, held 17:00`: what the database has for this customer."""
        rows = await self.shop.sql(
            "SELECT status, substr(start_wall, 12) FROM booking_appointments WHERE customer_id = ? AND ? IN ('', status)"
            " AND status <> 'expired' AND (status <> 'cancelled' OR card_position IS NOT NULL) ORDER BY id",
            self.name,
            status,
        )
        return ", ".join(f"{status} {wall}" for status, wall in rows)


@dataclass(frozen=True)
class Button:
    """How a card comes to be shown, the button on it, and by whom it is pressed."""

    label: str
    lines: tuple[str, ...] = ()
    books: bool = True
    by_staff: bool = False

    async def appear(self, who: Customer) -> None:
        said = await who.books() if self.books else []
        if self.lines:
            said = await who.says(*self.lines)
        if not who.code:
            await who.learns_code()
        there = who.group if self.by_staff else who.here
        who.command = button([one for one in said if one.conversation_id == there], self.label)

    async def press(self, who: Customer) -> list[Said]:
        name, there = ("staff-li", who.group) if self.by_staff else (who.name, who.here)
        return [
            one
            for one in await who.shop.say(name, there, who.command)
            if one.conversation_id in (there, who.here)
        ]


BUTTONS: Mapping[str, Button] = {
    "book: confirm": Button("确认", ("预约 {day} 15:00 验光", "王小明，成人，来过"), books=False),
    "book: give up": Button("先不约", ("预约 {day} 15:00 验光", "王小明，成人，来过"), books=False),
    "move: confirm": Button("确认", ("改约 {day} 10:30",)),
    "move: a start": Button("10:00", ("改约 {day}",)),
    "move: keep": Button("保留", ("改约 {day} 10:30",)),
    "cancel: yes": Button("确定取消", ("取消",)),
    "cancel: keep": Button("保留", ("取消",)),
    "card: move": Button("改时间"),
    "card: cancel": Button("取消预约"),
    "card: info": Button("地址"),
    "staff: arrive": Button("到店", by_staff=True),
    "staff: no show": Button("爽约", by_staff=True),
}


async def nothing(who: Customer) -> None:
    """It is pressed at once."""


def says(*texts: str) -> Callable[[Customer], Awaitable[None]]:
    async def situation(who: Customer) -> None:
        await who.says(*texts)

    return situation


def staff_say(*texts: str) -> Callable[[Customer], Awaitable[None]]:
    async def situation(who: Customer) -> None:
        await who.staff_say(*texts)

    return situation


async def staff_write(who: Customer) -> None:
    await who.shop.say("staff-li", who.here, "您好，新到了一批镜框")


#: What happens between the card and the press. Minutes pass for everybody.
SITUATIONS: Mapping[str, Callable[[Customer], Awaitable[None]]] = {
    "at once": nothing,
    "another question": says("门店"),
    "a human spoke": staff_write,
    "another time": says("预约 {day} 17:00 验光"),
    "another move": says("改约 {code} {day} 11:00"),
    "a cancel": says("取消 {code}"),
    "moved": staff_say("改约 {code} {day} 18:00", "好"),
    "moved and back": staff_say("改约 {code} {day} 18:00", "好", "改约 {code} {day} 15:00", "好"),
    "cancelled": staff_say("取消 {code}", "好"),
    "arrived": staff_say("到店 {code}"),
    "the hold is over": nothing,
    "the question is too old": nothing,
}
MINUTES = {"the hold is over": 4, "the question is too old": 35}

#: Situations in which the appointment is what it was when the card was shown.
AS_SHOWN = ("at once", "another question", "a human spoke", "another move", "a cancel", *MINUTES)


def in_each(does: str, *situations: str) -> dict[str, str]:
    """The same outcome in each."""
    return dict.fromkeys(situations, does)


#: What each button does, by situation; where nothing is named, everything stays as it was.
DOES: Mapping[str, Mapping[str, str]] = {
    "book: confirm": in_each(
        "confirmed 15:00", *(name for name in SITUATIONS if name not in ("another time", *MINUTES))
    ),
    "book: give up": in_each("", *SITUATIONS),
    "move: confirm": in_each("confirmed 10:30", *AS_SHOWN) | {"another time": "confirmed 10:30, held 17:00"},
    "cancel: yes": in_each("cancelled 15:00", *AS_SHOWN) | {"another time": "cancelled 15:00, held 17:00"},
    "staff: arrive": in_each("arrived 15:00", *AS_SHOWN) | {"another time": "arrived 15:00, held 17:00"},
    "staff: no show": in_each("no_show 15:00", *AS_SHOWN) | {"another time": "no_show 15:00, held 17:00"},
}
#: What a yes of the customer does after that: it answers what was asked last, if that still holds.
YES_DOES: Mapping[str, Mapping[str, str]] = {
    "book: confirm": {"another time": "confirmed 17:00", "the hold is over": "confirmed 15:00"},
    "move: a start": in_each("confirmed 10:00", *AS_SHOWN) | {"another time": "confirmed 10:00, held 17:00"},
    "card: move": {"another move": "confirmed 11:00"},
    "card: cancel": in_each("cancelled 15:00", *AS_SHOWN) | {"another time": "cancelled 15:00, held 17:00"},
    "staff: arrive": {"another time": "arrived 15:00, confirmed 17:00"},
}
#: What a yes does instead of the button.
TYPED_YES_DOES: Mapping[str, Mapping[str, str]] = {
    "book: confirm": in_each("confirmed 15:00", "at once", "another move", "a cancel", "moved", "moved and back",
                             "cancelled", "arrived", "the hold is over") | {"another time": "confirmed 17:00"},
    "move: confirm": in_each("confirmed 10:30", "at once", "the hold is over")
    | {"another time": "confirmed 15:00, confirmed 17:00", "another move": "confirmed 11:00", "a cancel": "cancelled 15:00"},
    "cancel: yes": in_each("cancelled 15:00", "at once", "the hold is over", "a cancel")
    | {"another time": "confirmed 15:00, confirmed 17:00", "another move": "confirmed 11:00"},
}  # fmt: skip
#: Who else may come upon a button, and what it does for them: nothing, but for those who may move and cancel as well.
OTHERS_DO: Mapping[str, Mapping[str, str]] = {
    "the other parent": {"cancel: yes": "cancelled 15:00", "move: confirm": "confirmed 10:30"},
    "staff in the conversation": {"cancel: yes": "cancelled 15:00", "move: confirm": "confirmed 10:30"},
    "another customer": {},
    "staff of another shop": {},
}


async def customers(shop: Shop, buttons: Mapping[str, Button]) -> dict[str, Customer]:
    """One customer for each button, whose card has been shown."""
    group = await shop.staff_group()
    made = {}
    for number, (name, shown_by) in enumerate(buttons.items()):
        user, day = f"c{number}", FIRST_DAY + timedelta(days=number)
        here = await shop.customer(user)
        made[name] = Customer(shop, user, f"{day.month}月{day.day}日", here, group)
        await shown_by.appear(made[name])
    return made


async def everybody_in(shop: Shop, situation: str, buttons: Mapping[str, Button]) -> dict[str, Customer]:
    everybody = await customers(shop, buttons)
    for who in everybody.values():
        await SITUATIONS[situation](who)
    await shop.advance(MINUTES.get(situation, 0))
    return everybody


async def all_have(everybody: Mapping[str, Customer]) -> dict[str, str]:
    return {name: await who.has() for name, who in everybody.items()}


def changed(before: Mapping[str, str], table: Mapping[str, Mapping[str, str]], column: str) -> dict[str, str]:
    """What everybody has according to the table."""
    return {name: table.get(name, {}).get(column, had) for name, had in before.items()}


@pytest.mark.parametrize("situation", SITUATIONS)
async def test_a_button_does_what_it_was_shown_for_or_nothing(situation: str) -> None:
    async with Shop() as shop:
        everybody = await everybody_in(shop, situation, BUTTONS)
        before = await all_have(everybody)
        unanswered = [name for name, who in everybody.items() if not await BUTTONS[name].press(who)]
        became = await all_have(everybody)
        assert became == changed(before, DOES, situation)
        assert unanswered == []
        for who in everybody.values():
            await who.says("好")
        assert await all_have(everybody) == changed(became, YES_DOES, situation)


@pytest.mark.parametrize("situation", SITUATIONS)
async def test_a_typed_yes_answers_what_was_asked_last_or_nothing(situation: str) -> None:
    async with Shop() as shop:
        everybody = await everybody_in(shop, situation, {name: BUTTONS[name] for name in TYPED_YES_DOES})
        before = await all_have(everybody)
        for who in everybody.values():
            await who.says("好")
        assert await all_have(everybody) == changed(before, TYPED_YES_DOES, situation)


@pytest.mark.parametrize("presser", OTHERS_DO)
async def test_a_button_of_somebody_else_does_nothing(presser: str) -> None:
    async with Shop() as shop:
        everybody = await customers(shop, BUTTONS)
        own = await shop.customer("eve")
        river = await shop.staff_group("river")
        for name, who in everybody.items():
            await shop.parent("mum", who.here)
            there, by = {
                "the other parent": (who.here, "mum"),
                "staff in the conversation": (who.here, "staff-wang"),
                "another customer": (own, "eve"),
                "staff of another shop": (river, "staff-zhang"),
            }[presser]
            before = await all_have(everybody)
            if BUTTONS[name].by_staff and presser == "staff in the conversation":
                continue  # it is theirs
            await shop.say(by, there, who.command)
            assert await all_have(everybody) == before | {name: OTHERS_DO[presser].get(name, before[name])}, (
                name
            )
        assert await shop.sql("SELECT COUNT(*) FROM booking_appointments WHERE customer_id = 'eve'") == [(0,)]


#: The same where the shop confirms by hand: the card of the request, and the buttons that staff get.
BY_HAND: Mapping[str, Button] = {
    "staff: confirm": Button("确认", by_staff=True),
    "staff: cancel": Button("取消", by_staff=True),
    "card: move": Button("改时间"),
    "cancel: yes": Button("确定取消", ("取消",)),
    "move: confirm": Button("确认", ("改约 {day} 10:30",)),
}
BY_HAND_SITUATIONS: Mapping[str, Callable[[Customer], Awaitable[None]]] = {
    "at once": nothing,
    "moved": says("改约 {code} {day} 11:00", "好"),
    "cancelled": says("取消 {code}", "好"),
    "confirmed": staff_say("确认 {code}"),
    "the hold would be over": nothing,
}
BY_HAND_DOES: Mapping[str, Mapping[str, str]] = {
    "staff: confirm": in_each("confirmed 15:00", "at once", "the hold would be over"),
    "cancel: yes": in_each("cancelled 15:00", "at once", "the hold would be over"),
    "move: confirm": in_each("pending 10:30", "at once", "the hold would be over"),
}


@pytest.mark.parametrize("situation", BY_HAND_SITUATIONS)
async def test_a_request_is_confirmed_by_staff_as_it_was_shown_to_them(
    situation: str, tmp_path: Path
) -> None:
    async with Shop(config={"chain": demo(tmp_path, confirmation='"staff"')}) as shop:
        everybody = await customers(shop, BY_HAND)
        for who in everybody.values():
            await BY_HAND_SITUATIONS[situation](who)
        await shop.advance(4 if situation == "the hold would be over" else 0)
        before = await all_have(everybody)
        for name, who in everybody.items():
            assert await BY_HAND[name].press(who), name
        assert await all_have(everybody) == changed(before, BY_HAND_DOES, situation)


@pytest.mark.parametrize(
    "name", ["move: confirm", "move: a start", "cancel: yes", "card: move", "card: cancel"]
)
async def test_the_cut_off_may_come_between_the_card_and_the_press(name: str) -> None:
    async with Shop() as shop:
        who = Customer(shop, "ming", "11月18日", await shop.customer("ming"), await shop.staff_group())
        await who.says("预约 {day} 13:00 验光", "王小明，成人，来过", "好")
        await who.learns_code()
        await shop.advance(50)
        lines = tuple(line.replace("{day} 10:30", "11月20日 10:30") for line in BUTTONS[name].lines)
        said = await who.says(*(lines or ("我的预约",)))
        who.command = button(said, BUTTONS[name].label if lines != ("改约 {day}",) else "19:00")
        await shop.advance(20)
        (answer,) = await BUTTONS[name].press(who)
        assert "改不了" in shown(answer)
        await who.says("好")
        assert await who.has() == "confirmed 13:00"
