"""What the staff's page reads of a shop and its conversations; who gets nothing of it; and who is told that it is another."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest

from imserver.errors import Refusal, RefusalCode
from imserver.model import Role
from imserver.plugin_api import Method
from imserver.plugins.booking.schedule.asked_by_staff import (
    CHANGES,
    CUSTOMER,
    INBOX,
    SHEET,
    STAFF,
    AboutCustomer,
    ChangesParams,
    CustomerParams,
    Inbox,
    InboxParams,
    InboxRow,
    SheetParams,
    StaffParams,
)
from imserver_protocol.shared.said import said_of
from tests.booking.support.booked import booked
from tests.booking.support.chains import demo
from tests.booking.support.guests import guest
from tests.booking.support.leave import agreed
from tests.booking.support.shop import GARDEN, RIVER, Shop

TODAY, FRIDAY = "2026-11-18", "2026-11-20"


async def inbox(shop: Shop, asker: str = "staff-li", **params: Any) -> Inbox:
    told = (await shop.kit.call(INBOX, asker, InboxParams("garden", **params))).inbox
    assert told is not None
    return told


async def row(shop: Shop, customer: str = "ming") -> InboxRow:
    told = await inbox(shop)
    return next(one for one in (*told.waiting, *told.recent) if one.customer.id == customer)


async def about(shop: Shop, conversation: str, asker: str = "staff-li") -> AboutCustomer:
    told = (await shop.kit.call(CUSTOMER, asker, CustomerParams(conversation))).customer
    assert told is not None
    return told


async def everything(shop: Shop, asker: str, room: str) -> list[Any]:
    """All that somebody is told, but for nothing at all."""
    told = [
        (await shop.kit.call(STAFF, asker, StaffParams())).shops or None,
        (await shop.kit.call(INBOX, asker, InboxParams("garden"))).inbox,
        (await shop.kit.call(CHANGES, asker, ChangesParams("garden"))).changes,
        (await shop.kit.call(CUSTOMER, asker, CustomerParams(room))).customer,
        (await shop.kit.call(SHEET, asker, SheetParams("garden", TODAY))).sheet,
    ]
    return [one for one in told if one is not None]


# -- what it says -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("突然看不见了", "alarm"),
        ("人工", "asked"),
        ("/human", "asked"),
        ("镜框有蓝色的吗", "question"),
        ("我上次的镜片左边有一点松了麻烦看看", "unread"),
    ],
)
async def test_why_a_text_waits_and_which(shop: Shop, text: str, why: str) -> None:
    room = await shop.customer("ming")
    await shop.say("ming", room, text)
    told = await row(shop)
    assert (told.why, told.text, told.since) == (why, text, shop.kit.clock.now_ms())
    of_one = await about(shop, room)
    assert (of_one.why, of_one.position, of_one.since) == (told.why, told.position, told.since)


async def test_who_goes_in_circles_waits_because_of_that(shop: Shop) -> None:
    room = await shop.customer("ming")
    for text in ("预约 明天15:00 验光", "王小明，成人，来过", "那个", "那个", "那个", "那个"):
        await shop.say("ming", room, text)
    assert (await row(shop)).why in ("circles", "unread")


async def test_of_several_that_wait_the_gravest_is_said_and_the_time_of_the_first(shop: Shop) -> None:
    room = await shop.customer("ming")
    await shop.say("ming", room, "镜框有蓝色的吗")
    told = await row(shop)
    since = told.since
    for minutes, text, why, shown_text in (
        (1, "那绿色的有吗", "question", "镜框有蓝色的吗"),  # of two that are as grave, the first
        (2, "突然看不见了", "alarm", "突然看不见了"),
        (3, "人工", "alarm", "突然看不见了"),
    ):
        await shop.advance(minutes)
        await shop.say("ming", room, text)
        told = await row(shop)
        assert (told.since, told.why, told.text) == (since, why, shown_text)
    await shop.say("staff-li", room, "您好")
    told = await row(shop)
    assert (told.since, told.why, told.position, told.text) == (None, None, None, "")
    assert told.last_human_at == shop.kit.clock.now_ms()


async def test_what_was_typed_to_the_bot_is_found_where_it_was_passed_on(shop: Shop) -> None:
    await shop.customer("ming")
    await shop.say("ming", shop.kit.direct("ming", GARDEN), "镜框有蓝色的吗")
    told = await row(shop)
    assert told.why in ("question", "unread")
    assert "镜框有蓝色的吗" in told.text


async def test_a_text_is_shown_as_it_is_now_and_not_longer_than_it_must(shop: Shop) -> None:
    room = await shop.customer("ming")
    await shop.say("ming", room, "镜框有蓝色的吗" * 100)
    told = await row(shop)
    assert told.position is not None
    assert len(told.text) == 200
    await shop.kit.store.write(lambda tx: tx.replace_content(room, told.position or 0, None))
    told = await row(shop)
    assert (told.text, told.since is not None) == ("", True), (
        "it was taken back, and somebody wants something"
    )


async def test_alarms_come_first_then_who_waits_longest_then_who_spoke_last(shop: Shop) -> None:
    rooms = {name: await shop.customer(name) for name in ("ann", "bo", "cai", "dan", "eve")}
    for name, text in (
        ("bo", "镜框有蓝色的吗"),
        ("ann", "人工"),
        ("cai", "突然看不见了"),
        ("eve", "/my"),
        ("dan", "/my"),
    ):
        await shop.advance(1)
        await shop.say(name, rooms[name], text)
    told = await inbox(shop)
    assert [one.customer.id for one in told.waiting] == ["cai", "bo", "ann"]
    assert [one.customer.id for one in told.recent] == ["dan", "eve"]
    [garden, *_] = (await shop.kit.call(STAFF, "staff-li", StaffParams())).shops
    assert (garden.id, garden.waiting, garden.alarms) == ("garden", 3, 1)
    await shop.advance(1)
    await shop.say("staff-li", rooms["bo"], "有的")
    assert [one.customer.id for one in (await inbox(shop)).recent] == ["bo", "dan", "eve"]


@pytest.mark.parametrize("limit", [1, 2, 3])
async def test_pages_show_everybody_once(shop: Shop, limit: int) -> None:
    for number in range(6):
        await shop.customer(f"guest-{number}")
    seen, before = list[str](), ""
    while True:
        told = await inbox(shop, before=before, limit=limit)
        seen += [one.customer.id for one in told.recent]
        assert len(told.recent) <= limit
        if told.next is None:
            break
        before = told.next
    assert sorted(seen) == [f"guest-{number}" for number in range(6)], "opened in one moment, some of them"


async def test_what_waits_stands_on_the_first_page_alone(shop: Shop) -> None:
    for number in range(3):
        await shop.customer(f"guest-{number}")
    room = await shop.customer("ming")
    await shop.say("ming", room, "人工")
    first = await inbox(shop, limit=2)
    assert len(first.waiting) == 1
    assert (await inbox(shop, limit=2, before=str(first.next))).waiting == ()


@pytest.mark.parametrize("before", ["x", " ", "12", "１２ x", "99999999999999999999 x", "-1 x"])
async def test_a_page_that_nobody_gave_is_refused(shop: Shop, before: str) -> None:
    with pytest.raises(Refusal) as caught:
        await inbox(shop, before=before)
    assert caught.value.code is RefusalCode.INVALID


async def test_a_customer_has_appointments_of_this_shop_alone(shop: Shop) -> None:
    room, code = await booked(shop)
    there = await shop.customer_again("ming", RIVER)
    for text in ("预约 周六11:00 验光", "好", "好"):
        await shop.say("ming", there, text)
    told = await about(shop, room)
    assert [one.code for one in told.upcoming] == [code]
    coming = (await row(shop)).coming
    assert coming is not None
    assert (coming.code, coming.service_name.zh) == (code, "验光")
    (elsewhere,) = (await about(shop, there, "staff-chen")).upcoming
    (cancel,) = (one.command for one in told.upcoming[0].actions if one.kind == "cancel")
    await shop.say("staff-li", await shop.staff_group(), cancel)
    assert (await row(shop)).coming is None, f"{elsewhere.code} is another shop's"
    assert (await about(shop, room)).upcoming == ()
    assert (told.customer.id, told.customer.name, told.customer.guest, told.customer.language, told.here) == (
        "ming", "Ming", False, "zh", True,
    )  # fmt: skip
    await shop.leave("ming", room)
    await shop.kit.idle()
    assert not (await about(shop, room)).here


async def test_commands_are_what_can_be_typed(shop: Shop) -> None:
    room = await shop.customer("ming")
    assert (await about(shop, room)).commands.give_back is None
    await shop.say("staff-li", room, str((await about(shop, room)).commands.take))
    mine, colleagues = await about(shop, room), await about(shop, room, "staff-wang")
    assert (mine.commands.take, colleagues.commands.take) == (None, "接手")
    assert mine.taken is not None
    assert (mine.taken.by, mine.taken.name) == ("staff-li", "李老师")
    await shop.say("staff-wang", room, str(colleagues.commands.give_back))
    assert (await about(shop, room)).taken is None


async def test_a_plain_answer_is_silence_until_a_time(shop: Shop) -> None:
    room = await shop.customer("ming")
    await shop.say("staff-li", room, "您好")
    told = await about(shop, room)
    assert told.commands.give_back == "交还"
    assert told.until is not None
    await shop.advance((told.until - shop.kit.clock.now_ms()) / 60_000)
    assert (await about(shop, room)).commands.give_back is None


async def test_a_guest_is_called_one(shop: Shop) -> None:
    await guest(shop, "g-1")
    assert (await row(shop, "g-1")).customer.guest
    assert (await row(shop, "g-1")).customer.language in ("zh", "en")


# -- who gets nothing -------------------------------------------------------------------------------------------------------


async def test_customers_and_staff_of_other_shops_are_told_nothing(shop: Shop) -> None:
    room, _ = await booked(shop)
    await shop.parent("mum", room)
    for asker in ("ming", "mum"):
        assert await everything(shop, asker, room) == []
    [shops] = await everything(shop, "staff-chen", room)
    assert [one.id for one in shops] == ["river"]
    assert len(await everything(shop, "staff-li", room)) == 5


async def test_who_is_removed_in_the_midst_is_told_nothing_from_then_on_and_hears_of_that(shop: Shop) -> None:
    room, _ = await booked(shop)
    assert len(await everything(shop, "staff-li", room)) == 5
    await shop.advance(0.02)
    shop.kit.pushes("staff-li")
    await shop.leave("staff-li", await shop.staff_group())
    assert await everything(shop, "staff-li", room) == [], "before the plugin has heard of it"
    await shop.kit.idle()
    assert {one[0] for one in shop.kit.pushes("staff-li")} == {
        STAFF.name,
        INBOX.name,
        CHANGES.name,
        CUSTOMER.name,
        SHEET.name,
    }
    await shop.advance(0.02)
    shop.kit.pushes("staff-li")
    for text in ("人工", "取消"):
        await shop.say("ming", room, text)
        await shop.advance(0.02)
    assert shop.kit.pushes("staff-li") == [], "nor when anything happens there"


async def test_a_customer_who_asks_does_not_hear_when_anything_happens(shop: Shop) -> None:
    room, other = await shop.customer("ming"), await shop.customer("hong")
    assert await everything(shop, "hong", room) == []
    await shop.say("ming", room, "人工")
    await shop.say("staff-li", room, "接手")
    await agreed(shop, "请假 王老师 今天")
    await shop.advance(0.02)
    assert shop.kit.pushes("hong") == []
    assert other


async def test_who_comes_is_told_that_there_is_something(shop: Shop) -> None:
    room = await shop.customer("ming")
    await shop.kit.user("sun")
    assert await everything(shop, "sun", room) == []
    group = await shop.staff_group()
    acts = ((GARDEN, "staff-li", Role.ADMIN), ("staff-li", "sun", Role.MEMBER))
    for number, (by, user, role) in enumerate(acts):
        key = bytes([number] * 16)
        await shop.kit.store.write(lambda tx: tx.add_member(group, by, key, user, role))  # noqa: B023
    await shop.kit.idle()
    assert (STAFF.name,) in shop.kit.pushes("sun")
    for user, named in (("sun", "member"), ("staff-li", "admin")):
        [garden] = (await shop.kit.call(STAFF, user, StaffParams())).shops
        assert (garden.group, garden.bot, garden.role) == (group, GARDEN, named)


async def test_what_there_is_not(shop: Shop) -> None:
    room = await shop.customer("ming")
    group = await shop.staff_group()
    assert (await shop.kit.call(INBOX, "staff-li", InboxParams("gone"))).inbox is None
    for conversation in ("", "gone", group, shop.kit.direct("ming", GARDEN), room + "x"):
        assert (await shop.kit.call(CUSTOMER, "staff-li", CustomerParams(conversation))).customer is None
    for day in ("", "2026-02-31", "2026-W47-5", "２０２６-11-20", "0001-01-01", "9999-12-31"):
        assert (await shop.kit.call(SHEET, "staff-li", SheetParams("garden", day))).sheet is None
    for day in ("0002-01-01", "9998-12-31"):
        sheet = (await shop.kit.call(SHEET, "staff-li", SheetParams("garden", day))).sheet
        assert sheet is not None
        assert sheet.rows == ()


# -- who is told ------------------------------------------------------------------------------------------------------------


async def test_both_days_of_a_move_are_told(shop: Shop) -> None:
    _, code = await booked(shop)
    days = [SheetParams("garden", day) for day in ("2026-11-19", FRIDAY)]
    for day in days:
        await shop.kit.call(SHEET, "staff-wang", day)
    group = await shop.staff_group()
    await shop.say("staff-li", group, f"改约 {code} 周五上午10点半")
    await shop.advance(0.02)
    shop.kit.pushes("staff-wang")
    await shop.say("staff-li", group, "好")
    assert [(await shop.kit.call(SHEET, "staff-wang", day)).sheet is None for day in days] == [False, False]
    assert {(SHEET.name, *said_of(day)) for day in days} <= set(shop.kit.pushes("staff-wang"))


CUSTOMERS = ("ming", "hong", "lan")
DAYS = (TODAY, "2026-11-19", FRIDAY, "2026-11-21", "2026-11-22")
TYPED = (
    "预约 周五下午3点 验光", "预约 明天11点 配镜", "王小明，成人，第一次", "李红，成人，来过", "好", "好", "不", "取消",
    "改约 周六上午11点", "我的预约", "更正 我叫王大明", "/details\nname: 王明\nage: adult\nfirst visit: no", "不要消息",
    "恢复消息", "/language en", "/language zh", "人工", "镜框有蓝色的吗", "突然看不见了", "/my", "/longer {code}", "谢谢",
)  # fmt: skip
STAFF_SAID = (
    "请假 李老师和王老师 周五", "销假 李老师 周五", "请假 王老师 明天下午", "休息 11月21日", "营业 11月21日 10:00-16:00",
       "添加 房间 9号验光室", "移除 9号验光室", "确认 {code}", "改约 {code} 周六15:00", "取消 {code}", "到店 {code}",
    "不改 {code}",
)  # fmt: skip
STAFF_THERE = ("您好", "接手", "交还", "/take", "/give-back")


class Page:
    """Whoever of the staff has everything open, keeps the answers, and asks again what is pushed."""

    def __init__(self, shop: Shop, rooms: list[str]) -> None:
        self.shop = shop
        self.questions: list[tuple[Method[Any, Any], Any]] = [
            (STAFF, StaffParams()),
            (INBOX, InboxParams("garden")),
            (CHANGES, ChangesParams("garden")),
            *((CUSTOMER, CustomerParams(room)) for room in rooms),
            *((SHEET, SheetParams("garden", day)) for day in DAYS),
        ]
        self.known: dict[int, Any] = {}

    async def ask(self, number: int) -> Any:
        method, params = self.questions[number]
        return msgspec.to_builtins(await self.shop.kit.call(method, "staff-wang", params))

    async def open(self) -> None:
        for number in range(len(self.questions)):
            self.known[number] = await self.ask(number)

    async def check(self, act: str) -> set[str]:
        """What was not pushed is as it was; what is known for so long may pass by itself."""
        pushed = set(self.shop.kit.pushes("staff-wang"))
        changed, knew = set(), self.known[1][0]
        for number, before in list(self.known.items()):
            after = await self.ask(number)
            method, params = self.questions[number]
            if timeless(after) != timeless(before):
                changed.add(method.name)
                passed = [at for at in untils(before) if at <= self.shop.kit.clock.now_ms()]
                question = (method.name, *said_of(params))
                assert question in pushed or passed, (act, question, before, after)
            self.known[number] = after
        self._catches_up(act, knew, *(self.known[number] for number in (1, 2)))
        return changed

    @staticmethod
    def _catches_up(act: str, before: Any, inbox: Any, changes: Any) -> None:
        """Who knew the inbox, and puts in what changed last, has all of it: or is told that it has to be read again."""
        inbox, told = inbox[0], changes[0]
        assert (told["edition"], told["number"]) == (inbox["edition"], inbox["number"])
        assert told["waiting"] == len(inbox["waiting"]) + inbox["moreWaiting"]
        if before["edition"] == told["edition"] and before["number"] >= told["after"]:
            assert rows_of(inbox) == rows_of(before) | {one["conversation"]: one for one in told["rows"]}, act


def timeless(told: Any) -> Any:
    """An answer but for the moments that it is of and good for."""
    if isinstance(told, dict):
        return {key: timeless(value) for key, value in told.items() if key not in ("asOf", "until")}
    return [timeless(one) for one in told] if isinstance(told, list | tuple) else told


def rows_of(inbox: Any) -> dict[str, Any]:
    return {one["conversation"]: one for one in (*inbox["waiting"], *inbox["recent"])}


def untils(told: Any) -> list[int]:
    if isinstance(told, dict):
        return [told["until"]] if told.get("until") else [at for one in told.values() for at in untils(one)]
    return [at for one in told for at in untils(one)] if isinstance(told, list | tuple) else []


@pytest.mark.parametrize("confirmation", ["auto", "staff"])
@pytest.mark.parametrize("seed", range(2))
async def test_whatever_changes_what_staff_see_is_told(seed: int, confirmation: str, tmp_path: Path) -> None:
    random, changed = Random(seed), set[str]()
    async with Shop(config={"chain": demo(tmp_path, confirmation=f'"{confirmation}"')}) as shop:
        rooms = {one: await shop.customer(one) for one in CUSTOMERS}
        group = await shop.staff_group()
        page = Page(shop, list(rooms.values()))
        await page.open()
        for _ in range(50):
            live = await shop.sql(
                "SELECT code FROM booking_appointments WHERE status IN ('held', 'pending', 'confirmed')"
            )
            code = random.choice([one for (one,) in live] or ["A2S4"])
            who = random.choice((*CUSTOMERS, *CUSTOMERS, "group", "staff", "time"))
            act = ""
            if who == "time":
                await shop.advance(random.choice((1, 4, 12, 300)))
            elif who == "group":
                act = random.choice(STAFF_SAID).format(code=code)
                await shop.say("staff-li", group, act)
                await shop.say("staff-li", group, "好")
            elif who == "staff":
                act = random.choice(STAFF_THERE)
                await shop.say("staff-li", random.choice(list(rooms.values())), act)
            else:
                act = random.choice(TYPED).format(code=code)
                await shop.say(who, rooms[who], act)
            await shop.advance(0.02)
            changed |= await page.check(f"seed {seed} {confirmation}: {who} {act}")
    assert changed == {STAFF.name, INBOX.name, CHANGES.name, CUSTOMER.name, SHEET.name}


async def test_what_changed_last_is_ten_rows_and_who_knows_less_reads_the_inbox(shop: Shop) -> None:
    customers = [f"c-{number:02}" for number in range(12)]
    rooms = {}
    for one in customers:
        await shop.kit.user(one)
        rooms[one] = await shop.customer(one)
    before = await inbox(shop)
    await shop.say("c-03", rooms["c-03"], "镜框有蓝色的吗")
    told = (await shop.kit.call(CHANGES, "staff-li", ChangesParams("garden"))).changes
    assert told is not None
    assert len(told.rows) == 10
    first = told.rows[0]
    assert (first.customer.id, first.text, told.waiting) == ("c-03", "镜框有蓝色的吗", 1)
    assert before.number >= told.after, "one text is no reason to read it all"
    for one in customers[:11]:
        await shop.say(one, rooms[one], "还有红色的吗")
    told = (await shop.kit.call(CHANGES, "staff-li", ChangesParams("garden"))).changes
    assert told is not None
    assert [one.customer.id for one in told.rows] == customers[10:0:-1]
    assert before.number < told.after
    assert (await shop.kit.call(CHANGES, "ming", ChangesParams("garden"))).changes is None


async def test_each_text_is_told_though_others_write_in_the_same_second(shop: Shop) -> None:
    rooms = {one: await shop.customer(one) for one in CUSTOMERS}
    await shop.kit.call(CHANGES, "staff-li", ChangesParams("garden"))
    await shop.advance(0.02)
    shop.kit.pushes("staff-li")
    for one in CUSTOMERS:
        await shop.say(one, rooms[one], "镜框有蓝色的吗")
        await shop.kit.advance(0.1)
        assert (CHANGES.name, "garden") in shop.kit.pushes("staff-li")
