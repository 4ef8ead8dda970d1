"""At the counter: a guest's new phone goes on as the customer's old account, and whatever was booked on either stands."""

from __future__ import annotations

from typing import Any

import pytest

from imserver.errors import Refusal, RefusalCode
from imserver.model import Role
from imserver.testing import Said
from tests.booking.support.guests import ANNS_FORM, asks_to_join, books, guest, joins, old_and_new
from tests.booking.support.page import mine
from tests.booking.support.shop import GARDEN, RIVER, Shop, shown

WALL = "2026-11-20 15:00"


def there(said: list[Said], room: str) -> str:
    return "\n".join(shown(one) for one in said if one.conversation_id == room)


# -- what goes over ---------------------------------------------------------------------------------------------------------


async def test_what_was_booked_on_the_new_phone_is_the_old_accounts() -> None:
    async with Shop() as shop:
        room, at_new = await old_and_new(shop)
        assert await books(shop, "new", at_new, WALL) == "confirmed"
        ((code, *_),) = await shop.appointments()
        said = await joins(shop, room)
        assert [(one.code, one.wall) for one in (await mine(shop, "ann")).upcoming] == [
            (code, "2026-11-20T15:00")
        ]
        assert (await mine(shop, "new")).upcoming == ()
        answer = there(said, room)
        assert "another phone sees this conversation" in answer
        assert f"/cancel {code} v" in answer, "its card, with buttons, is in the old conversation"
        assert "Before you come" in answer, "and the pack behind it"
        assert "在Ann的对话里继续" in there(said, at_new)
        assert f"/cancel {code}" not in "\n".join(shown(one) for one in shop.kit.messages(at_new)), (
            "no dead button"
        )
        await shop.say("ann", room, f"/move {code} 2026-11-21 11:00")
        moving = (await mine(shop, "ann")).moving
        assert moving is not None
        await shop.say("ann", room, str(moving.confirm))
        assert [row[1] for row in await shop.appointments()] == ["2026-11-21T11:00"]


async def test_its_reminders_reach_the_old_account_once() -> None:
    async with Shop() as shop:
        room, at_new = await old_and_new(shop)
        assert await books(shop, "new", at_new, WALL) == "confirmed"
        await joins(shop, room)
        said = await shop.until("2026-11-19T15:01")
        assert len([one for one in said if one.conversation_id == room]) == 1
        assert there(said, at_new) == ""


async def test_a_phone_that_was_nowhere_yet_is_told_of_where_it_was_asked_for() -> None:
    async with Shop() as shop:
        room, _ = await old_and_new(shop, opened=False)
        said = await joins(shop, room)
        assert "another phone sees this conversation" in there(said, room)
        assert {one.conversation_id for one in said} == {room}


async def test_a_time_that_is_held_goes_on_being_held_and_the_booking_with_it() -> None:
    async with Shop() as shop:
        room, at_new = await old_and_new(shop)
        await shop.say("new", at_new, f"/book exam {WALL}")
        await shop.say("new", at_new, ANNS_FORM)
        held = (await mine(shop, "new")).held
        assert held is not None
        await joins(shop, room)
        now = (await mine(shop, "ann")).held
        assert now is not None
        assert (now.code, now.until, now.facts.name) == (held.code, held.until, "Ann Lee")
        await shop.say("ann", room, "/consent shipped-1")
        await shop.say("ann", room, str((await mine(shop, "ann")).held.confirm))  # type: ignore[union-attr]
        assert [(row[0], row[3]) for row in await shop.appointments()] == [(held.code, "Ann Lee")]


async def test_a_hold_beside_an_open_booking_is_given_back_and_a_button_takes_it() -> None:
    async with Shop() as shop:
        room, at_new = await old_and_new(shop)
        await shop.say("ann", room, "/book exam 2026-11-21 11:00")
        await shop.say("new", at_new, f"/book exam {WALL}")
        said = await joins(shop, room)
        assert [row[1] for row in await shop.appointments("held")] == ["2026-11-21T11:00"]
        assert f"/book exam {WALL}" in there(said, room)
        await shop.say("ann", room, f"/book exam {WALL}")
        assert [row[1] for row in await shop.appointments("held")] == ["2026-11-20T15:00"]


async def test_a_hold_that_went_over_ends_where_its_customer_reads_it() -> None:
    async with Shop() as shop:
        room, at_new = await old_and_new(shop)
        await shop.say("new", at_new, f"/book exam {WALL}")
        await joins(shop, room)
        gone = await shop.advance(4)
        assert "15:00" in there(gone, room)
        assert there(gone, at_new) == ""
        assert await shop.appointments("held") == []


async def test_a_request_and_a_wish_go_over_and_the_staff_answer_them(tmp_path: Any) -> None:
    from tests.booking.support.chains import demo

    async with Shop(config={"chain": demo(tmp_path, confirmation='"staff"')}) as shop:
        room, at_new = await old_and_new(shop)
        assert await books(shop, "new", at_new, WALL) == "pending"
        ((code, _, version, _),) = await shop.appointments("pending")
        await joins(shop, room)
        said = await shop.say("staff-li", await shop.staff_group(), f"/confirm {code} v{version}")
        assert "15:00" in there(said, room)
        assert there(said, at_new) == ""
        (one,) = (await mine(shop, "ann")).upcoming
        assert one.status == "confirmed"
        await shop.say("ann", room, f"{one.move} 2026-11-21 11:00")
        moving = (await mine(shop, "ann")).moving
        assert moving is not None
        await shop.say("ann", room, str(moving.confirm))
        assert (await mine(shop, "ann")).upcoming[0].wish == "2026-11-21T11:00"


async def test_what_is_known_of_the_old_account_stays_and_gaps_are_filled() -> None:
    async with Shop() as shop:
        room, at_new = await old_and_new(shop)
        await books(shop, "new", at_new, WALL)
        await shop.say("new", at_new, "/language zh")
        await shop.sql(
            "INSERT INTO booking_customers (user_id, name) VALUES ('ann', 'Ann Li')"
            " ON CONFLICT (user_id) DO UPDATE SET name = excluded.name"
        )
        await joins(shop, room)
        assert await shop.sql("SELECT user_id, name, age_band, chosen_language FROM booking_customers") == [
            ("ann", "Ann Li", "adult", "zh")
        ]


async def test_every_shop_that_the_guest_opened_is_opened_and_what_is_over_comes_along() -> None:
    async with Shop() as shop:
        room, at_new = await old_and_new(shop)
        river = await guest(shop, "new", bot=RIVER)
        await books(shop, "new", river, "2026-11-23 15:00")
        await books(shop, "new", at_new, WALL)
        ((code, *_),) = [row for row in await shop.appointments() if row[1].startswith("2026-11-20")]
        await shop.say("new", at_new, f"/cancel {code} v2 yes")
        await joins(shop, room)
        now = await mine(shop, "ann")
        assert set(now.conversations) == {"garden", "river"}
        assert [one.shop for one in now.upcoming] == ["river"]
        assert [one.code for one in now.past] == [code]


async def test_a_question_that_waits_for_people_waits_in_the_old_conversation() -> None:
    async with Shop() as shop:
        room, at_new = await old_and_new(shop)
        await shop.say("new", at_new, "Do you also repair frames of other shops?")
        await shop.say("staff-li", at_new, "/take")
        said = await joins(shop, room)
        assert "没有回答" in there(said, room) or "no answer" in there(said, room)
        waiting = await shop.sql(
            "SELECT conversation_id, waiting_why FROM booking_services WHERE waiting_since IS NOT NULL"
        )
        assert waiting == [(room, "question")]
        assert await shop.sql("SELECT COUNT(*) FROM booking_services WHERE taken_by <> ''") == [(0,)]


@pytest.mark.parametrize(
    ("ann", "new", "stands"),
    [
        (["give"], [], "shipped-1"),
        ([], ["give"], "shipped-1"),
        (["give"], ["give"], "shipped-1"),
        (["give"], ["give", "take"], None),
        (["give", "take"], ["give"], "shipped-1"),
    ],
)
async def test_the_last_word_about_a_consent_counts_whoever_said_it(
    ann: list[str], new: list[str], stands: str | None
) -> None:
    texts = {"give": "/consent shipped-1", "take": "/withdraw"}
    async with Shop() as shop:
        room, at_new = await old_and_new(shop)
        for who, where, acts in (("ann", room, ann), ("new", at_new, new)):
            for act in acts:
                await shop.advance(1)
                await shop.say(who, where, texts[act])
        await joins(shop, room)
        assert (await mine(shop, "ann")).known.consent == ({"garden": stands} if stands else {})
        rows = await shop.sql("SELECT customer_id FROM booking_consents")
        assert len(rows) == (ann + new).count("give")
        assert {name for (name,) in rows} == {"ann"}


async def test_a_consent_that_was_taken_back_on_the_old_phone_since_stays_taken_back() -> None:
    async with Shop() as shop:
        room, at_new = await old_and_new(shop)
        await shop.say("new", at_new, "/consent shipped-1")
        await shop.say("ann", room, "/consent shipped-1")
        await shop.advance(1)
        await shop.say("ann", room, "/withdraw")
        await joins(shop, room)
        assert (await mine(shop, "ann")).known.consent == {}


async def test_two_appointments_at_one_time_both_stand_and_both_sides_hear_of_it() -> None:
    async with Shop() as shop:
        room, at_new = await old_and_new(shop)
        for who, where in (("ann", room), ("new", at_new)):
            await books(shop, who, where, WALL)
        codes = [row[0] for row in await shop.appointments()]
        assert len(codes) == 2
        said = await joins(shop, room)
        for where in (room, await shop.staff_group()):
            text = there(said, where)
            assert all(code in text for code in codes), text
        assert "for somebody else" in there(said, room)
        assert len(await shop.appointments()) == 2
        await shop.say("ann", room, f"/correct {codes[1]} my name is Bo Lee")
        await shop.say("ann", room, "yes")
        assert [row[3] for row in await shop.appointments()] == ["Ann", "Bo Lee"]


# -- what comes behind it ---------------------------------------------------------------------------------------------------


async def test_words_that_were_stored_before_and_are_read_behind_it_are_repeated_to_people() -> None:
    async with Shop() as shop:
        room, at_new = await old_and_new(shop)
        code = await asks_to_join(shop, room)
        await shop.kit.crash()
        await shop.kit.post("new", at_new, "Can I bring my dog?")
        await shop.kit.post("new", at_new, "I suddenly cannot see with one eye")
        await shop.kit.accept(code)
        await shop.kit.start()
        await shop.kit.idle()
        there = "\n".join(shown(one) for one in shop.kit.messages(room))
        assert "bring my dog" in there
        assert "emergency" in there, "what needs a doctor goes first, wherever it was said"
        waiting = await shop.sql(
            "SELECT conversation_id, waiting_why FROM booking_services WHERE waiting_since IS NOT NULL"
        )
        assert waiting == [(room, "alarm")], "what they ask besides is seen with it"


async def test_staff_who_write_where_nobody_reads_hear_where_it_goes_on() -> None:
    async with Shop() as shop:
        room, at_new = await old_and_new(shop)
        await joins(shop, room)
        assert "对话里继续" in await shop.hear("staff-li", at_new, "Hello?")
        assert "对话里继续" in await shop.hear("staff-li", at_new, f"/book exam {WALL}")
        assert await shop.appointments("held") == []
        with pytest.raises(Refusal):
            await shop.kit.post("new", at_new, "I am still here")


# -- codes --------------------------------------------------------------------------------------------------------------------


async def test_the_phone_is_shown_little_and_says_no() -> None:
    async with Shop() as shop:
        room, _ = await old_and_new(shop)
        await books(shop, "ann", room, WALL)
        code = await asks_to_join(shop, room)
        join = await shop.kit.store.read(lambda reader: reader.join_shown(code))
        assert join is not None
        assert "A**" in join.about
        assert "Ann" not in join.about
        await shop.kit.refuse(code)
        said = await shop.advance(6)
        assert code in there(said, room), "the staff hear that nothing came of it"
        assert (await mine(shop, "new")).upcoming == ()
        with pytest.raises(Refusal) as refused:
            await shop.kit.accept(code)
        assert refused.value.code is RefusalCode.GONE


async def test_a_yes_ends_the_waiting_and_nothing_is_said_of_the_code_again() -> None:
    async with Shop() as shop:
        room, _ = await old_and_new(shop)
        code = await asks_to_join(shop, room)
        await shop.kit.accept(code)
        assert code not in there(await shop.advance(6), room)


async def test_five_wrong_codes_stop_whoever_types_them_and_nobody_else() -> None:
    async with Shop() as shop:
        room, _ = await old_and_new(shop)
        group = await shop.staff_group()
        code = await shop.kit.show_code("new")
        wrong = f"{(int(code) + 1) % 1_000_000:06d}"
        said = [await shop.say("staff-li", room, f"/link {wrong}") for _ in range(5)]
        assert ["5 次" in there(one, group) for one in said] == [False] * 4 + [True]
        assert "都不算" in await shop.hear("staff-li", room, f"/link {code}"), "the right one neither"
        await shop.advance(11)
        code = await shop.kit.show_code("new")
        assert "正在询问" in await shop.hear("staff-li", room, f"/link {code}")
        assert len([row for row in await shop.kit.audit() if row.act == "join.wrong"]) == 5


async def test_a_colleague_is_not_stopped_and_wrong_ones_of_long_ago_do_not_count() -> None:
    async with Shop() as shop:
        room, _ = await old_and_new(shop)
        for minutes in (10.1, 0):
            for _ in range(4):
                assert "都不算" not in await shop.hear("staff-li", room, "/link 123456")
            await shop.advance(minutes)
        assert "都不算" in await shop.hear("staff-li", room, "/link 123456")
        assert "都不算" not in await shop.hear("staff-wang", room, "/link 123456")


@pytest.mark.parametrize("where", ["beside the account", "where the phone itself is"])
async def test_a_right_one_between_does_not_let_anybody_guess_on(where: str) -> None:
    """Whoever guesses shows a code on a phone of his own, and types it before the fifth wrong one."""
    async with Shop() as shop:
        room, at_new = await old_and_new(shop)
        code = await shop.kit.show_code("new")
        for _ in range(4):
            await shop.say("staff-li", room, "/link 123456")
        await shop.say("staff-li", room if where == "beside the account" else at_new, f"/link {code}")
        assert "都不算" in await shop.hear("staff-li", room, "/link 123456")


@pytest.mark.parametrize("typed", ["/link {0} {1}", "/link {0}-{1}", "关联 {0}{1}", "/link　{0}　{1}"])
async def test_however_it_is_typed(typed: str) -> None:
    async with Shop() as shop:
        room, _ = await old_and_new(shop)
        code = await shop.kit.show_code("new")
        assert "正在询问" in await shop.hear("staff-li", room, typed.format(code[:3], code[3:]))


async def test_a_code_of_another_shop_is_none_here() -> None:
    async with Shop() as shop:
        room, _ = await old_and_new(shop)
        code = await shop.kit.show_code("new", "river")
        assert "没有手机为本店显示" in await shop.hear("staff-li", room, f"/link {code}")
        code = await shop.kit.show_code("new", "garden")
        assert "正在询问" in await shop.hear("staff-li", room, f"/link {code}")


async def test_two_colleagues_at_once_lead_to_one_account() -> None:
    async with Shop() as shop:
        room, at_new = await old_and_new(shop)
        other = await shop.customer("bob", "en")
        code = await asks_to_join(shop, room)
        assert "另一位顾客" in await shop.hear("staff-wang", other, f"/link {code}")
        assert "正在询问" in await shop.hear("staff-wang", room, f"/link {code}"), (
            "the same once more is harmless"
        )
        assert "新手机自己的对话" in await shop.hear("staff-li", at_new, f"/link {code}")
        await shop.kit.accept(code)
        assert (await shop.sql("SELECT account_id FROM booking_joins"))[0] == ("ann",)


async def test_nobody_goes_on_as_somebody_of_the_staff() -> None:
    async with Shop() as shop:
        await old_and_new(shop)
        await shop.say("staff-wang", shop.kit.direct("staff-wang", "store-garden"), "门店 花园店")
        own = await shop.service("staff-wang")
        code = await shop.kit.show_code("new")
        assert "不能以这个账号继续" in await shop.hear("staff-li", own, f"/link {code}")


@pytest.mark.parametrize("staff", ["staff-li", "staff-chen"])
async def test_nor_as_one_whom_an_administrator_added_to_a_staff_group(staff: str) -> None:
    """Such a member has no role, and sees all that the staff see."""
    async with Shop() as shop:
        await old_and_new(shop)
        bot = GARDEN if staff == "staff-li" else RIVER
        room = await shop.customer("temp", "en", bot)
        group = await shop.staff_group()
        await shop.kit.store.write(lambda tx: tx.add_member(group, GARDEN, bytes(16), "temp", Role.MEMBER))
        code = await shop.kit.show_code("new")
        assert "不能以这个账号继续" in await shop.hear(staff, room, f"/link {code}")
        with pytest.raises(Refusal):
            await shop.kit.accept(code)


async def test_customers_type_no_codes_and_the_staff_group_is_no_place_for_them() -> None:
    async with Shop() as shop:
        room, at_new = await old_and_new(shop)
        code = await shop.kit.show_code("new")
        assert "people at the counter" in await shop.hear("ann", room, f"/link {code}")
        assert "people at the counter" in await shop.hear("new", at_new, f"/link {code}")
        assert "顾客原来的对话" in await shop.hear("staff-li", await shop.staff_group(), f"/link {code}")
        assert "六位数字" in await shop.hear("staff-li", room, "/link Li")
        join = await shop.kit.store.read(lambda reader: reader.join_shown(code))
        assert join is not None
        assert join.account_id is None


async def test_once_more_on_older_rows_is_once(tmp_path: Any) -> None:
    """Behind a restore it is done again on what the copy knows; what is done already is left alone."""
    async with Shop() as shop:
        room, at_new = await old_and_new(shop)
        await books(shop, "new", at_new, WALL)
        await joins(shop, room)
        count = len(shop.kit.messages(room))
        (records,) = [one.records for one in shop.kit.host._running]
        await shop.kit.store.write(lambda tx: records.rehearse_joined(tx, "new", "ann"))
        assert len(shop.kit.messages(room)) == count


async def test_an_account_that_a_copy_does_not_know_gets_what_the_guest_had() -> None:
    async with Shop(ask=True) as shop:
        at_new = await guest(shop, "new")
        await books(shop, "new", at_new, WALL)
        body = {"user": "new", "account": "late", "by": "staff-li", "join": 1, "browser": "ab" * 32,
                "device": "web-1", "label": "Safari on iPhone"}  # fmt: skip
        await shop.kit.store.put_on_record("join", body)
        await shop.kit.host.carrying.do()
        await shop.kit.idle()
        ((account, status),) = await shop.sql("SELECT customer_id, status FROM booking_appointments")
        assert (account, status) == ("late", "confirmed")
        assert len((await mine(shop, "late")).upcoming) == 1
