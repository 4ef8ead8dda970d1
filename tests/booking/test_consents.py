"""What customers agree to: written down with its version, taken back in the chat or by the staff, and on record for ever."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from imserver.plugins.booking.schedule import consents
from imserver.plugins.booking.schedule.consents import do_withdrawal
from tests.booking.support.chains import demo
from tests.booking.support.page import mine
from tests.booking.support.shop import RIVER, Shop

OWN = '{ version = "2026-1", zh = "我们只用来安排预约。", en = "We use it for your appointment." }'


async def known(shop: Shop, user_id: str = "ann") -> dict[str, str]:
    return (await mine(shop, user_id)).known.consent


async def rows(shop: Shop) -> list[tuple[Any, ...]]:
    return await shop.sql(
        "SELECT store_id, kind, version, given_by, withdrawn_at IS NULL, withdrawn_by FROM booking_consents ORDER BY id"
    )


async def test_agreed_taken_back_and_agreed_again(shop: Shop) -> None:
    room = await shop.customer("ann", "en")
    answer = await shop.hear("ann", room, "/consent")
    assert "Agreed: no" in answer
    assert "[I agree|/consent shipped-1]" in answer
    assert await rows(shop) == []
    assert "Agreed: yes" in await shop.hear("ann", room, "/consent shipped-1")
    assert await known(shop) == {"garden": "shipped-1"}
    await shop.hear("ann", room, "/consent shipped-1")
    assert len(await rows(shop)) == 1, "agreeing twice is agreeing once"
    assert "is taken back" in await shop.hear("ann", room, "/withdraw")
    assert await known(shop) == {}
    await shop.say("ann", room, "/consent shipped-1")
    assert await rows(shop) == [
        ("garden", "booking", "shipped-1", "ann", 0, "ann"),
        ("garden", "booking", "shipped-1", "ann", 1, ""),
    ]


async def test_it_is_in_chinese_too_and_the_staff_hear_of_a_withdrawal(shop: Shop) -> None:
    room = await shop.customer("ming")
    assert "[同意|隐私 shipped-1]" in await shop.hear("ming", room, "隐私")
    await shop.say("ming", room, "隐私 shipped-1")
    await shop.say("ming", room, "/book exam 2026-11-20 15:00")
    await shop.say("ming", room, "王小明，成人，第一次")
    await shop.say("ming", room, "好")
    ((code, *_),) = await shop.appointments()
    said = await shop.say("ming", room, "撤回同意")
    there = "\n".join(str(one.content.get("text")) for one in said if one.conversation_id == room)
    assert "已撤回" in there
    assert code in there, "what still stands is said"
    group = await shop.staff_group()
    assert any("撤回了同意" in str(one.content.get("text")) for one in said if one.conversation_id == group)
    assert len(await shop.appointments()) == 1


async def test_however_often_it_is_taken_back_the_staff_hear_of_it_once(shop: Shop) -> None:
    room, group = await shop.customer("ann", "en"), await shop.staff_group()

    def heard() -> int:
        return sum("撤回了同意" in str(one.content.get("text")) for one in shop.kit.messages(group))

    for count in (1, 2):
        await shop.say("ann", room, "/consent shipped-1")
        await asyncio.gather(*(shop.kit.post("ann", room, "/withdraw") for _ in range(3)))
        await shop.kit.idle()
        assert "is taken back" in await shop.hear("ann", room, "/withdraw"), (
            "whoever asks again is answered again"
        )
        assert heard() == count


async def test_whoever_agrees_and_takes_it_back_all_day_talks_to_people(shop: Shop) -> None:
    """Each withdrawal is kept for ever, on the disk of the shop and in its ledger."""
    room = await shop.customer("ann", "en")
    for _ in range(consents.MAX_GIVEN_A_DAY):
        await shop.say("ann", room, "/consent shipped-1")
        await shop.say("ann", room, "/withdraw")
    assert "many times today" in await shop.hear("ann", room, "/consent shipped-1")
    await shop.say("ann", room, "/book exam 2026-11-20 15:00")
    said = await shop.hear(
        "ann", room, "/details\nname: Ann Lee\nage: adult\nfirst visit: yes\nconsent: shipped-1"
    )
    assert "many times today" in said
    assert len(await rows(shop)) == consents.MAX_GIVEN_A_DAY
    assert await known(shop) == {}
    await shop.advance(24 * 60)
    await shop.say("ann", room, "/consent shipped-1")
    assert await known(shop) == {"garden": "shipped-1"}


async def test_what_cannot_be_agreed_to_or_taken_back(shop: Shop) -> None:
    room = await shop.customer("ann", "en")
    assert "nothing to take back" in await shop.hear("ann", room, "/withdraw")
    assert "is not the version of today" in await shop.hear("ann", room, "/consent 1999")
    assert await rows(shop) == []
    assert "该顾客的对话" in await shop.hear("staff-li", await shop.staff_group(), "/consent shipped-1")


async def test_a_shops_own_text_and_another_version_of_it(tmp_path: Path) -> None:
    config = {"chain": demo(tmp_path, consent=OWN)}
    async with Shop(config=config) as shop:
        room = await shop.customer("ann", "en")
        assert "We use it for your appointment." in await shop.hear("ann", room, "/consent")
        assert "not the version of today" in await shop.hear("ann", room, "/consent shipped-1")
        await shop.say("ann", room, "/consent 2026-1")
        demo(tmp_path, consent=OWN.replace("2026-1", "2026-2"))
        await shop.kit.restart()
        await shop.say("ann", room, "/book exam 2026-11-20 15:00")
        await shop.say("ann", room, "/details\nname: Ann\nage: adult\nfirst visit: yes")
        held = (await mine(shop, "ann")).held
        assert held is not None
        assert (held.ask, held.confirm) == ("consent", None), "whoever agreed to the old words is asked again"
        await shop.say("ann", room, "/consent 2026-2")
        assert [row[2:5] for row in await rows(shop)] == [("2026-1", "ann", 0), ("2026-2", "ann", 1)]


async def test_a_shop_that_asks_for_nothing(tmp_path: Path) -> None:
    async with Shop(config={"chain": demo(tmp_path, asks_consent="false")}) as shop:
        room = await shop.customer("ann", "en")
        assert "asks for no consent" in await shop.hear("ann", room, "/consent")
        await shop.say("ann", room, "/book exam 2026-11-20 15:00")
        await shop.say("ann", room, "/details\nname: Ann\nage: adult\nfirst visit: yes")
        held = (await mine(shop, "ann")).held
        assert held is not None
        assert held.confirm is not None


async def test_staff_write_down_what_was_said_at_the_counter(shop: Shop) -> None:
    room = await shop.customer("ann", "en")
    await shop.say("staff-li", room, "隐私 shipped-1")
    await shop.say("staff-li", room, "撤回同意")
    assert await rows(shop) == [("garden", "booking", "shipped-1", "staff-li", 0, "staff-li")]


async def test_by_whom_is_who_sent_the_form_and_each_shop_has_its_own(shop: Shop) -> None:
    garden, river = await shop.customer("ann", "en"), await shop.customer_again("ann", RIVER)
    await shop.say("ann", river, "/consent shipped-1")
    await shop.say("staff-li", garden, "/book exam 2026-11-20 15:00")
    await shop.say("staff-li", garden, "/details\nname: Ann Lee\nconsent: shipped-1")
    assert [row[3] for row in await rows(shop)] == ["ann", "staff-li"]
    await shop.say("ann", garden, "/withdraw")
    assert await known(shop) == {"river": "shipped-1"}


async def test_a_person_gets_all_that_is_kept_and_has_it_removed(shop: Shop) -> None:
    room = await shop.customer("ann", "en")
    for text in (
        "/book exam 2026-11-20 15:00",
        "/details\nname: Ann Lee\nage: adult\nfirst visit: yes",
        "yes",
    ):
        await shop.say("ann", room, text)
    await shop.say("ann", room, "/consent shipped-1")
    kept = await shop.kit.export("ann")
    assert kept["customer"][0]["name"] == "Ann Lee"
    assert [(one["for_name"], one["start_wall"]) for one in kept["appointments"]] == [
        ("Ann Lee", "2026-11-20T15:00")
    ]
    assert [one["version"] for one in kept["consents"]] == ["shipped-1"]
    assert (await shop.kit.export("staff-li"))["appointments"] == []
    await shop.kit.erase("ann")
    left = await shop.kit.export("ann")
    assert "Ann Lee" not in str(left)
    assert (left["customer"], left["consents"]) == ([], [])
    assert [row[1] for row in await shop.appointments()] == ["2026-11-20T15:00"], (
        "the shop's day is as it was"
    )


async def test_what_is_on_record_is_done_again_on_an_older_copy_and_ends_nothing_newer(shop: Shop) -> None:
    room = await shop.customer("ann", "en")
    before = shop.kit.clock.now_ms()
    await shop.advance(1)
    await shop.say("ann", room, "/consent shipped-1")
    body = {"customer": "ann", "shop": "garden", "kind": "booking", "version": "shipped-1", "by": "ann"}

    async def again(at: int) -> dict[str, str]:
        await shop.kit.store.write(
            lambda tx: shop.kit.host._running[0].owner.write(
                tx, None, lambda view: do_withdrawal(view, {**body, "at": at})
            )
        )
        return await known(shop)

    assert await again(before) == {"garden": "shipped-1"}, "given since"
    now = shop.kit.clock.now_ms()
    assert await again(now) == {}
    assert await again(now) == {}
    assert len(await rows(shop)) == 1
