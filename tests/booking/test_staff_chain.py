"""Staff are whom the chain file names: who is dropped from it is out at once, the successor is in, and what others decided
stands. The colleague and the customer go on meanwhile."""

from pathlib import Path

import pytest

from imserver.chat.permissions import Need, Relation, Seat, may, member, message_of, newcomer
from imserver.errors import Refusal, RefusalCode
from imserver.model import Role, User
from tests.booking.support.booked import booked
from tests.booking.support.shop import RIVER, Shop, shown
from tests.booking.support.staff import ChainFile, relation, roles

IN, OUT = Relation.TEAM_MEMBER, Relation.FORMER_TEAM_MEMBER


@pytest.fixture
def chain(tmp_path: Path) -> ChainFile:
    return ChainFile(tmp_path)


async def refused(shop: Shop, user_id: str, conversation_id: str) -> RefusalCode:
    with pytest.raises(Refusal) as caught:
        await shop.kit.post(user_id, conversation_id, "还在吗")
    return caught.value.code


def said_by_the_start(shop: Shop) -> list[tuple[str, dict[str, object]]]:
    """The lines that a start says of its staff, taken out of the log."""
    lines = shop.kit.log.lines
    told = [(event, fields) for _, event, fields in lines if event.startswith("staff_")]
    lines[:] = [line for line in lines if not line[1].startswith("staff_")]
    return [(event, {name: fields[name] for name in fields if name != "plugin"}) for event, fields in told]


async def test_who_is_dropped_from_the_file_loses_group_conversations_and_role(chain: ChainFile) -> None:
    async with Shop(config=chain.config) as shop:
        here, code = await booked(shop)
        group = await shop.staff_group()
        await shop.say("staff-wang", here, "孩子有青光眼家族史吗")
        chain.write(without=["staff-wang"], more=["staff-sun"])
        await shop.kit.restart()
        assert said_by_the_start(shop) == [("staff_ended", {"users": ("staff-wang",)})]
        assert [await relation(shop, "staff-wang", place) for place in (here, group)] == [
            OUT,
            Relation.FORMER,
        ]
        assert [await refused(shop, "staff-wang", place) for place in (here, group)] == [
            RefusalCode.NOT_FOUND,
            RefusalCode.NOT_FOUND,
        ]
        with pytest.raises(Refusal) as unread:
            await shop.kit.store.read(
                lambda reader: reader.history(here, "staff-wang", None, None, 10, 10_000)
            )
        assert unread.value.code is RefusalCode.NOT_FOUND
        assert await roles(shop, "staff-wang") == ()
        # What the dropped one says to the bot is what any customer could say.
        said = await shop.say("staff-wang", shop.kit.direct("staff-wang", "store-garden"), f"取消 {code}")
        assert f"没有找到预约 {code}" in shown(said[0]) + shown(said[-1])
        assert len(await shop.appointments()) == 1
        # The successor has the whole conversation, and the colleague does his work.
        assert await relation(shop, "staff-sun", here) is IN
        page = await shop.kit.store.read(
            lambda reader: reader.history(here, "staff-sun", 0, None, 100, 100_000)
        )
        assert page.items[0].position == 1
        assert await roles(shop, "staff-sun") == ("staff",)
        assert code in await shop.hear("staff-li", group, "今日预约 明天")
        assert await relation(shop, "ming", here) is Relation.MEMBER


async def test_a_start_that_finds_everything_settled_writes_nothing(chain: ChainFile) -> None:
    async with Shop(config=chain.config) as shop:
        await booked(shop)
        group = await shop.staff_group()
        head = await shop.kit.store.read(lambda reader: reader.head_change())
        await shop.kit.restart()
        assert await shop.kit.store.read(lambda reader: reader.head_change()) == head
        assert said_by_the_start(shop) == []
        assert await relation(shop, "staff-wang", group) is Relation.MEMBER


@pytest.mark.parametrize("ask", [False, True])
async def test_who_left_by_himself_stays_out_until_the_operator_names_him_again(
    chain: ChainFile, ask: bool
) -> None:
    """Also where strangers ask, and a plugin could not bring him back."""
    async with Shop(config=chain.config, ask=ask) as shop:
        here, _ = await booked(shop)
        group = await shop.staff_group()
        await shop.kit.store.write(lambda tx: tx.remove_member(group, "staff-wang", bytes(16), "staff-wang"))
        for _ in range(2):
            await shop.kit.restart()
            assert await relation(shop, "staff-wang", group) is Relation.FORMER
            assert await relation(shop, "staff-wang", here) is OUT
        chain.write(without=["staff-wang"])
        await shop.kit.restart()
        chain.write()
        await shop.kit.restart()
        assert await relation(shop, "staff-wang", here) is IN
        assert await roles(shop, "staff-wang") == ("staff",)
        said_by_the_start(shop)


async def test_a_disabled_account_is_not_brought_back_and_the_start_says_so(chain: ChainFile) -> None:
    async with Shop(config=chain.config) as shop:
        here, _ = await booked(shop)
        await shop.kit.store.write(lambda tx: tx.disable_user("staff-wang"))
        for _ in range(2):
            await shop.kit.restart()
            assert said_by_the_start(shop) == [("staff_disabled", {"users": ("staff-wang",)})]
            assert await relation(shop, "staff-wang", here) is OUT
            assert await roles(shop, "staff-wang") == ()
            assert await relation(shop, "staff-li", here) is IN
        await shop.kit.store.write(lambda tx: tx.enable_user("staff-wang"))
        await shop.kit.restart()
        assert said_by_the_start(shop) == []
        assert await relation(shop, "staff-wang", here) is IN
        assert await roles(shop, "staff-wang") == ("staff",)


async def test_a_role_that_an_operator_gave_stays(chain: ChainFile) -> None:
    async with Shop(config=chain.config) as shop:
        await shop.kit.store.write(lambda tx: tx.give_role("staff-wang", "staff", "operator"))
        chain.write(without=["staff-wang", "staff-zhou"])
        await shop.kit.restart()
        assert await roles(shop, "staff-wang") == ("staff",)
        assert await roles(shop, "staff-zhou") == ()
        assert await relation(shop, "staff-wang", await shop.staff_group()) is Relation.FORMER
        said_by_the_start(shop)


async def test_who_changes_the_shop_keeps_the_role_and_loses_the_old_customers(chain: ChainFile) -> None:
    async with Shop(config=chain.config) as shop:
        here, _ = await booked(shop)
        there = await shop.customer("eve", bot=RIVER)
        chain.write(without=["staff-chen"], more=["staff-chen"])
        await shop.kit.restart()
        assert said_by_the_start(shop) == []
        assert [await relation(shop, "staff-chen", place) for place in (here, there)] == [IN, OUT]
        assert await roles(shop, "staff-chen") == ("staff",)


async def test_a_shop_that_leaves_the_file_has_no_staff_any_more(chain: ChainFile) -> None:
    async with Shop(config=chain.config) as shop:
        here, _ = await booked(shop)
        there = await shop.customer("eve", bot=RIVER)
        chain.write(stores=1)
        await shop.kit.restart()
        assert said_by_the_start(shop) == [
            ("staff_ended", {"users": ("staff-chen", "staff-wu", "staff-zhang")})
        ]
        assert await relation(shop, "staff-chen", there) is OUT
        assert await roles(shop, "staff-chen") == ()
        assert await relation(shop, "eve", there) is Relation.MEMBER
        assert await shop.say("eve", there, "你好") == []
        assert await relation(shop, "staff-li", here) is IN
        chain.write()
        await shop.kit.restart()
        assert await relation(shop, "staff-chen", there) is IN


async def test_whom_an_administrator_of_the_group_added_stays(chain: ChainFile) -> None:
    async with Shop(config=chain.config) as shop:
        here, _ = await booked(shop)
        group = await shop.staff_group()
        await shop.kit.user("temp")
        await shop.kit.store.write(
            lambda tx: tx.add_member(group, "store-garden", b"a" * 16, "temp", Role.MEMBER)
        )
        await shop.kit.restart()
        assert await relation(shop, "temp", here) is IN
        assert "没有预约" in await shop.hear("temp", group, "日程")


async def test_what_was_written_before_the_dropping_and_read_after_does_nothing(chain: ChainFile) -> None:
    """Each command was committed while its author was staff; the plugin comes to it when he is not."""
    async with Shop(config=chain.config) as shop:
        here, code = await booked(shop, when="今天12:00")  # it is time to arrive
        group = await shop.staff_group()
        await shop.kit.crash()
        await shop.kit.post("staff-wang", group, f"取消 {code}")
        await shop.kit.post("staff-wang", group, f"到店 {code}")
        await shop.kit.post("staff-wang", here, f"取消 {code}")
        await shop.kit.post("staff-wang", here, "好")
        await shop.kit.post("staff-wang", here, "预约 后天15:00 验光 我叫小王 成人 来过")
        await shop.kit.post("staff-li", here, "稍等")
        chain.write(without=["staff-wang"])
        await shop.kit.start()
        await shop.kit.idle()
        said_by_the_start(shop)
        assert [row[0] for row in await shop.appointments()] == [code]
        assert await shop.appointments("held") == []
        rows = await shop.sql("SELECT last_human_at FROM booking_services WHERE conversation_id = ?", here)
        assert rows == [(shop.kit.clock.now_ms(),)]  # the colleague was heard
        await shop.say("staff-li", group, f"到店 {code}")
        assert [row[0] for row in await shop.appointments("arrived")] == [code]


async def test_a_customer_who_left_may_still_cancel(chain: ChainFile) -> None:
    async with Shop(config=chain.config) as shop:
        here, code = await booked(shop)
        await shop.kit.store.write(lambda tx: tx.remove_member(here, "ming", bytes(16), "ming"))
        direct = shop.kit.direct("ming", "store-garden")
        await shop.say("ming", direct, f"取消 {code}")
        await shop.say("ming", direct, "好")
        assert await shop.appointments() == []


async def seat_of(shop: Shop, user_id: str, place: str) -> Seat:
    return await shop.kit.store.write(lambda tx: tx.seat(place, user_id))


async def test_staff_in_a_service_conversation_change_only_what_is_their_own(chain: ChainFile) -> None:
    async with Shop(config=chain.config) as shop:
        here, _ = await booked(shop)
        for user_id in ("staff-li", "ming"):
            seat = await seat_of(shop, user_id, here)
            assert may(Need.SPEAK, seat)
            assert not may(Need.CHANGE_ANY, seat, message_of(Role.MEMBER))
            assert not may(Need.INVITE, seat, newcomer(Role.MEMBER))
            assert not may(Need.MANAGE, seat, member(Role.MEMBER))
            assert not may(Need.ADMINISTER_CONVERSATION, seat)


async def test_staff_who_are_customers_of_their_shop_keep_that_when_they_go(chain: ChainFile) -> None:
    async with Shop(config=chain.config) as shop:
        await shop.say("staff-wang", shop.kit.direct("staff-wang", "store-garden"), "门店 花园店")
        own = await shop.service("staff-wang")
        there = await shop.customer("hong")
        chain.write(without=["staff-wang"])
        await shop.kit.restart()
        said_by_the_start(shop)
        assert await relation(shop, "staff-wang", own) is Relation.MEMBER
        assert await relation(shop, "staff-wang", there) is OUT
        for line in ("预约 明天15:00 验光", "王小明，成人，来过", "好"):
            await shop.say("staff-wang", own, line)
        assert len(await shop.appointments()) == 1


async def test_a_new_account_gets_the_name_of_the_file_and_an_old_one_keeps_its_own(chain: ChainFile) -> None:
    async with Shop(config=chain.config) as shop:
        await shop.kit.store.write(lambda tx: tx.put_user(User("staff-sun", "Sunny", "en", ("vip",))))
        chain.write(more=["staff-sun", "staff-qian"])
        await shop.kit.restart()
        sun = await shop.kit.store.write(lambda tx: tx.user("staff-sun"))
        qian = await shop.kit.store.write(lambda tx: tx.user("staff-qian"))
        assert sun == User("staff-sun", "Sunny", "en", ("vip", "staff"))
        assert qian == User("staff-qian", "qian", "zh-CN", ("staff",))
