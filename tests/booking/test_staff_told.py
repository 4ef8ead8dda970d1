"""What staff are told, and how: names that they know customers by, words of their own language, what waits, what is kept."""

from __future__ import annotations

import pytest

from imserver.plugins.booking.dialogue import handoff
from imserver.plugins.booking.plugin import BookingPlugin
from imserver.plugins.booking.schedule.asked_by_staff import (
    CUSTOMER,
    INBOX,
    SHEET,
    CustomerParams,
    InboxParams,
    InboxRow,
    Sheet,
    SheetParams,
)
from imserver.plugins.booking.web import inbox as web_inbox
from imserver.testing import Said
from tests.booking.support.booked import booked
from tests.booking.support.guests import ANNS_FORM, guest, joins, old_and_new
from tests.booking.support.leave import agreed
from tests.booking.support.shop import GARDEN, Shop, button, shown

FLAG = "Since this morning I see flashes and a dark curtain in my left eye"


async def row(shop: Shop, customer: str = "ann") -> InboxRow:
    """A conversation as the inbox shows it."""
    inbox = (await shop.kit.call(INBOX, "staff-li", InboxParams("garden"))).inbox
    assert inbox is not None
    return next(one for one in (*inbox.waiting, *inbox.recent) if one.customer.id == customer)


async def sheet(shop: Shop) -> Sheet:
    """Of tomorrow."""
    told = (await shop.kit.call(SHEET, "staff-li", SheetParams("garden", "2026-11-19"))).sheet
    assert told is not None
    return told


def there(said: list[Said], conversation_id: str) -> str:
    return "\n".join(shown(one) for one in said if one.conversation_id == conversation_id)


# -- names ------------------------------------------------------------------------------------------------------------------


async def test_a_guest_who_said_a_name_is_called_so_in_every_card(shop: Shop) -> None:
    room, group = await guest(shop, "new"), await shop.staff_group()
    user = await shop.kit.store.write(lambda tx: tx.user("new"))
    assert user is not None
    account = user.display_name
    before = there(await shop.say("new", room, "/human"), group)
    assert account in before, "nothing else is known"
    await shop.say("new", room, "/book exam 2026-11-20 15:00")
    await shop.say("new", room, button(await shop.say("new", room, ANNS_FORM), "Confirm"))
    await shop.say("staff-li", room, "hello")
    for text, who in (("/human", "new"), ("/take", "staff-li"), ("/give-back", "staff-li"), (FLAG, "new")):
        told = there(await shop.say(who, room, text), group)
        assert "Ann Lee" in told, text
        assert account not in told, text
    assert await title(shop, room) == "Garden Road · Ann Lee", "that is all that a terminal shows"


async def title(shop: Shop, room: str) -> str:
    listed, _ = await shop.kit.store.read(lambda reader: reader.conversations("staff-li", None, 50))
    return next(one.title for one in listed if one.conversation_id == room)


async def test_another_name_of_a_customer_or_a_colleague_is_seen_at_once(shop: Shop) -> None:
    room = await shop.customer("ming")
    await shop.say("staff-li", room, "/take")
    for name in ("ming", "staff-li"):
        await row(shop, "ming")
        await shop.kit.call(CUSTOMER, "staff-li", CustomerParams(room))
        await shop.advance(1)
        shop.kit.pushes("staff-li")
        await shop.kit.rename(name, f"{name} Wu")
        assert {"x-booking.inbox", "x-booking.customer"} <= {one[0] for one in shop.kit.pushes("staff-li")}
    told = await row(shop, "ming")
    assert told.taken is not None
    assert (told.customer.name, told.taken.name) == ("ming Wu", "staff-li Wu")
    assert (await title(shop, room)).endswith(" · ming Wu")


# -- words ------------------------------------------------------------------------------------------------------------------


async def test_a_colleague_is_answered_in_the_language_that_they_chose(shop: Shop) -> None:
    room, group = await shop.customer("ming"), await shop.staff_group()
    assert "没有手机" in await shop.hear("staff-wang", room, "/link 123456")
    await shop.say("staff-wang", shop.kit.direct("staff-wang", GARDEN), "/language en")
    assert "No phone shows 123456" in await shop.hear("staff-wang", room, "/link 123456")
    assert "Please add the code" in await shop.hear("staff-wang", group, "/arrive")
    assert "请" in await shop.hear("staff-li", group, "/arrive"), "and others in theirs"
    assert "English" in await shop.hear("staff-li", group, "/language en"), "it may be said to the team, too"
    assert "Please add the code" in await shop.hear("staff-li", group, "/arrive")
    assert "chose" not in await shop.hear("staff-li", room, "/language zh")
    assert "No phone" in await shop.hear("staff-li", room, "/link 123456"), (
        "what is said to a customer chooses nothing"
    )


async def test_a_colleague_who_chose_none_is_answered_in_the_language_of_their_page(shop: Shop) -> None:
    group, arrive = await shop.staff_group(), {"type": "text", "text": "/arrive"}
    assert "Please add the code" in await shop.hear("staff-wang", group, {**arrive, "x-language": "en-GB"})
    assert "请" in await shop.hear("staff-wang", group, {**arrive, "x-language": 7}), "the shop's"
    await shop.say("staff-wang", shop.kit.direct("staff-wang", GARDEN), "/language zh")
    assert "请" in await shop.hear("staff-wang", group, {**arrive, "x-language": "en-GB"})


# -- what waits -------------------------------------------------------------------------------------------------------------


async def test_an_answer_above_a_red_flag_does_not_answer_it(shop: Shop) -> None:
    """The flag is typed in the direct chat and is heard first; what staff wrote a moment before is heard behind it."""
    room = await shop.customer("ann", "en")
    await shop.say("ann", room, "Do you repair hearing aids?")
    answer = await shop.kit.post("staff-li", room, "We do, bring them along")
    await shop.say("ann", shop.kit.direct("ann", GARDEN), FLAG)
    plugin = shop.kit.plugin
    assert isinstance(plugin, BookingPlugin)
    assert plugin._context is not None
    await plugin._context.transaction(lambda tx: handoff.staff_wrote(tx, room, answer))
    assert (await row(shop)).why == "alarm"
    await shop.say("staff-li", room, "Please go to the hospital now")
    assert (await row(shop)).why is None


async def test_alarms_are_of_the_conversations_that_one_answer_lists(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web_inbox, "MAX_WAITING", 2)
    for name, text in (("ann", "Do you repair hearing aids?"), ("bo", "Do you repair them?"), ("cy", FLAG)):
        await shop.say(name, await shop.customer(name, "en"), text)
    told = (await shop.kit.call(INBOX, "staff-li", InboxParams("garden"))).inbox
    assert told is not None
    assert ([one.customer.id for one in told.waiting], told.more_waiting) == (["cy", "ann"], 1)


# -- the day's sheet --------------------------------------------------------------------------------------------------------


async def test_leave_marks_the_appointments_in_its_way_until_they_are_moved(shop: Shop) -> None:
    room, code = await booked(shop)
    (before,) = (await sheet(shop)).rows
    name = "李老师" if "garden-li" in before.with_ else "王老师"
    assert before.away == ()
    await shop.kit.call(CUSTOMER, "staff-wang", CustomerParams(room))
    await agreed(shop, f"请假 {name} 明天")
    (row,) = (await sheet(shop)).rows
    assert len(row.away) == 1
    assert row.away[0] in row.with_
    about = (await shop.kit.call(CUSTOMER, "staff-wang", CustomerParams(room))).customer
    assert about is not None
    assert about.upcoming[0].away == row.away, "and beside the conversation"
    line = f"{name} 请假，需要改约"
    assert line in await shop.hear("staff-li", await shop.staff_group(), "今日预约 明天")
    await agreed(shop, f"销假 {name}")
    assert (await sheet(shop)).rows[0].away == ()
    assert line not in await shop.hear("staff-li", await shop.staff_group(), "今日预约 明天")
    assert code == row.code


async def test_the_number_beside_a_conversation_is_the_last_one_that_was_left(shop: Shop) -> None:
    room, _ = await booked(shop)
    for text in ("预约 11月25日 11:00 验光", "王小明，成人，来过", "好"):
        await shop.say("ming", room, text)
    await shop.sql("UPDATE booking_appointments SET phone = CASE id WHEN 1 THEN '111' ELSE '222' END")
    told = (await shop.kit.call(CUSTOMER, "staff-li", CustomerParams(room))).customer
    assert told is not None
    assert (len(told.upcoming), told.customer.telephone) == (2, "222")


# -- what is kept -----------------------------------------------------------------------------------------------------------


async def test_who_took_over_and_gave_back_is_in_the_audit_log(shop: Shop) -> None:
    room = await shop.customer("ming")
    for text in ("/take", "/give-back", "/take"):
        await shop.say("staff-li", room, text)
    await shop.advance(13 * 60)
    kept = [row for row in await shop.kit.audit() if row.act.startswith("conversation.")]
    assert [row.act.partition(".")[2] for row in kept] == ["taken", "returned", "taken", "returned"]
    assert [row.actor_no is None for row in kept] == [False, False, False, True], (
        "the last one ended by itself"
    )
    assert len({row.actor_no for row in kept[:3]}) == 1
    assert len({row.about_no for row in kept}) == 1
    assert kept[0].about_no != kept[0].actor_no


async def test_an_account_that_is_erased_leaves_its_guests_gone(shop: Shop) -> None:
    """Else a text in the guest's conversation would be taken for one that somebody reads."""
    room, at_new = await old_and_new(shop)
    await joins(shop, room)
    await shop.disable("ann")
    await shop.kit.erase("ann")
    assert "这里的消息不会再有人看到" in await shop.hear("staff-li", at_new, "Are you there?")
    await shop.kit.erase("new")
    assert await shop.sql("SELECT * FROM booking_joins") == []


async def test_whoever_asks_for_people_again_calls_them_once() -> None:
    async with Shop() as shop:
        here, group = await shop.customer("ming"), await shop.staff_group()
        called = [*await shop.say("ming", here, "人工"), *await shop.say("ming", here, "人工")]
        assert len([one for one in called if one.conversation_id == group]) == 1
