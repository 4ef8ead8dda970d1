"""Staff act for a customer, one parent for the other: whose rows change, who is notified, and in which language."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from imserver.plugins.booking.messages.texts import load_words
from imserver.testing import Said
from tests.booking.support.chains import demo
from tests.booking.support.shop import GARDEN, Shop, shown
from tests.booking.support.steps import at_any_time

pytestmark = pytest.mark.usefixtures(at_any_time.__name__)

BOOKS = {
    "zh": ("预约 11月20日 15:00 验光", "我叫王小明，成人，第一次", "好"),
    "en": ("/book 20 nov 15:00 eye exam, my name is Ann Lee, 30 years old, first visit", "yes"),
}
NAMES = {"zh": "王小明", "en": "Ann Lee"}


@dataclass(frozen=True)
class Act:
    """What one of the staff says, and what becomes of it."""

    lines: tuple[str, ...]
    status: str
    #: The title of the card in the staff group.
    news: str
    #: The key of the text that the customer reads; "": nothing but the changed card.
    told: str = ""
    wall: str = "2026-11-20T15:00"
    by_hand: bool = False


ACTS = {
    "move": Act(
        ("改约 {code} 11月21日 16:00", "好"), "confirmed", "改约", "done.moved_by_shop", "2026-11-21T16:00"
    ),
    "cancel": Act(("取消 {code}", "好"), "cancelled", "取消", "done.cancelled_by_shop"),
    "arrive": Act(("到店 {code}",), "arrived", "到店"),
    "no show": Act(("爽约 {code}",), "no_show", "爽约", "step.missed"),
    "start": Act(("到店 {code}", "开始 {code}"), "in_exam", "开始"),
    "confirm": Act(("确认 {code}",), "confirmed", "已确认", "status_text.confirmed", by_hand=True),
    "move a request": Act(
        ("改约 {code} 11月21日 16:00", "好"),
        "pending",
        "改约",
        "done.moved_by_shop",
        "2026-11-21T16:00",
        by_hand=True,
    ),
}


def speaks(language: str, key: str, text: str) -> bool:
    """True if a text begins as the catalogue's does in this language."""
    pattern = str(load_words(language)[key])
    return all(piece.split("}")[-1] in text for piece in pattern.split("{"))


async def known(shop: Shop) -> list[tuple[Any, ...]]:
    return await shop.sql(
        "SELECT user_id, language, name, age_band, lens_kind FROM booking_customers ORDER BY 1"
    )


async def with_appointment(shop: Shop, language: str) -> tuple[str, str]:
    """A customer who has one: (service conversation, code)."""
    here = await shop.customer("ann", "zh-CN" if language == "zh" else "en")
    for text in (*BOOKS[language], "我戴RGP" if language == "zh" else "/lenses rgp"):
        await shop.say("ann", here, text)
    ((code,),) = await shop.sql("SELECT code FROM booking_appointments")
    return here, str(code)


@pytest.mark.parametrize("where", ["in the group", "in the conversation"])
@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("act", ACTS)
async def test_what_staff_do_is_theirs_and_the_customer_is_told(
    act: str, language: str, where: str, tmp_path: Path
) -> None:
    wanted = ACTS[act]
    config = {"chain": demo(tmp_path, confirmation='"staff"')} if wanted.by_hand else None
    async with Shop(config=config) as shop:
        here, code = await with_appointment(shop, language)
        group = await shop.staff_group()
        before = await known(shop)
        there = group if where == "in the group" else here
        said: list[Said] = []
        for line in wanted.lines:
            said = await shop.say("staff-wang", there, line.format(code=code))
        rows = await shop.sql(
            "SELECT customer_id, for_name, age_band, first_visit, status, start_wall, changed_by, card_position, version"
            " FROM booking_appointments"
        )
        ((*row, position, version),) = rows
        assert row == ["ann", NAMES[language], "adult", 1, wanted.status, wanted.wall, "staff-wang"]
        assert await known(shop) == before == [("ann", language, NAMES[language], "adult", "rgp")]
        last = await shop.sql("SELECT actor_id FROM booking_changes ORDER BY version DESC LIMIT 1")
        assert last == [("staff-wang",)]
        # The staff group: one card, in Chinese, with the first visit and the present version.
        (news,) = [one for one in said if one.conversation_id == group]
        assert news.content["title"] == wanted.news
        assert NAMES[language] in news.content["text"]
        assert ("第一次来", "是") in news.content["fields"]
        assert news.content["ref"]["version"] == version
        # The customer: the card as it is now, and a line, in the customer's language.
        (card,) = [one for one in shop.kit.messages(here) if one.position == position]
        assert card.content["title"] == str(load_words(language)[f"status.{wanted.status}"])
        heard = [shown(one) for one in said if one.conversation_id == here]
        if wanted.told:
            assert any(speaks(language, wanted.told, text) for text in heard), heard
        else:
            assert heard == (
                [] if there == group else [f"{code}：{load_words('zh')[f'status.{wanted.status}']}。"]
            )
        assert {one.sender_id for one in said} == {GARDEN}
        assert {one.conversation_id for one in said} <= {here, group}


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("by_hand", [False, True])
async def test_staff_book_for_a_child_of_a_customer(language: str, by_hand: bool, tmp_path: Path) -> None:
    config = {"chain": demo(tmp_path, confirmation='"staff"')} if by_hand else None
    async with Shop(config=config) as shop:
        here, _ = await with_appointment(shop, language)
        before = await known(shop)
        asked = await shop.hear("staff-wang", here, "预约 11月23日 10:30 验光")
        assert "请确认" in asked  # what is known of the customer is not asked again
        assert NAMES[language] in asked
        assert "约60分钟" in await shop.hear("staff-wang", here, "我叫小宝，8岁，第一次")
        said = await shop.say("staff-wang", here, "好")
        row = await shop.sql(
            "SELECT customer_id, for_name, age_band, first_visit, status, changed_by FROM booking_appointments WHERE id = 2"
        )
        assert row == [("ann", "小宝", "child", 1, "confirmed", "staff-wang")]
        assert await known(shop) == before
        heard = "\n".join(shown(one) for one in said if one.conversation_id == here)
        for key in ("status_text.confirmed", "info.guardian", "info.first_visit", "lenses.rgp_before"):
            assert speaks(language, key, heard), key
        (news,) = [one for one in said if one.conversation_id != here]
        assert "小宝 约了" in shown(news)
        # The customer's own next one is for the customer.
        again = await shop.hear("ann", here, "预约 11月24日 10:30 验光")
        assert NAMES[language] in again
        assert "小宝" not in again


async def test_of_a_customer_of_whom_nothing_is_known_staff_say_the_name() -> None:
    async with Shop() as shop:
        here = await shop.customer("ann", "en")
        for text in ("预约 11月23日 10:30 验光", "我叫Ann Lee，30岁，第一次", "好"):
            await shop.say("staff-wang", here, text)
        assert await known(shop) == [("ann", "en", "Ann Lee", "adult", "")]
        for text in ("/book 24 nov 10:30 eye exam, my name is Ann Miller", "yes"):
            await shop.say("ann", here, text)
        assert [row[2] for row in await known(shop)] == [
            "Ann Miller"
        ]  # who says it of themselves is believed


async def test_whoever_holds_a_time_is_told_in_their_language_that_it_is_over() -> None:
    async with Shop() as shop:
        here = await shop.customer("ann", "en")
        await shop.say("staff-wang", here, "预约 明天15:00 验光")
        _, told = await shop.advance(4)  # that it ends soon, and that it has ended
        assert "3分钟保留时间到了" in shown(told)
        await shop.say("ann", here, "/book tomorrow 15:00 eye exam")
        soon, told = await shop.advance(4)
        assert speaks("en", "hold.ends_soon", shown(soon))
        assert speaks("en", "done.expired", shown(told))
        assert "3" in shown(told)
        assert "What name" in await shop.hear("ann", here, "1")  # the button of that card


async def test_of_two_parents_the_one_who_holds_the_time_is_told() -> None:
    async with Shop() as shop:
        here = await shop.customer("ming")
        await shop.parent("mum", here)
        await shop.say("ming", here, "预约 明天15:00 验光")
        await shop.say("mum", here, "预约 明天16:00 验光")
        assert [row[1] for row in await shop.appointments("held")] == ["2026-11-19T16:00"]
        told = await shop.advance(4)
        assert len(told) == 2
        assert all("16:00" in shown(one) for one in told)


async def test_a_parent_who_writes_another_language_does_not_change_the_customers() -> None:
    async with Shop() as shop:
        here, code = await with_appointment(shop, "zh")
        await shop.parent("mum", here, "en")
        assert "Booked" in await shop.hear("mum", here, "/my")
        assert [row[1] for row in await known(shop)] == ["zh"]
        group = await shop.staff_group()
        await shop.say("staff-wang", group, f"取消 {code}")
        said = await shop.say("staff-wang", group, "好")
        assert any(speaks("zh", "done.cancelled_by_shop", shown(one)) for one in said)


async def test_staff_who_are_customers_themselves_book_as_customers() -> None:
    async with Shop() as shop:
        here = await shop.customer("staff-wang")
        for text in ("预约 今天13:00 验光", "王老师，成人，来过", "好"):
            await shop.say("staff-wang", here, text)
        await shop.advance(100)
        assert "改不了" in await shop.hear("staff-wang", here, "取消")
        await shop.say("staff-li", here, "取消")
        await shop.say("staff-li", here, "好")
        assert await shop.appointments() == []


@pytest.mark.parametrize(("kind", "staff_told"), [("软镜", 0), ("RGP", 1), ("OK镜", 1)])
async def test_what_staff_note_of_contact_lenses_is_the_customers(kind: str, staff_told: int) -> None:
    async with Shop() as shop:
        here = await shop.customer("ann", "en")
        group = await shop.staff_group()
        said = await shop.say("staff-wang", here, f"我戴{kind}")
        assert [row[0] for row in await known(shop)] == ["ann"]
        assert sum(one.conversation_id == group for one in said) == staff_told
