"""Booking an eye exam over TCP, from the first text to the exam: the customer's screen, the shop's, and the database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from imserver import Server
from imserver.model import User
from imserver_client import Message, connect
from tests.plays.seats import LONG_S, Books, PlayClock, Seat, button, code_of, shown
from tests.support.servers import config


class Stage:
    """A server with the demo chain whose clock the play moves."""

    def __init__(self, server: Server, clock: PlayClock, books: Books, stack: AsyncExitStack) -> None:
        self.server, self.clock, self.books = server, clock, books
        self._stack = stack

    async def seat(self, name: str, language: str = "zh-CN", device: str = "phone") -> Seat:
        if not name.startswith("staff-"):
            await self.server.chat.put_user(User(name, name.title(), language))
        token = self.server.accounts.make_token(name, ttl_s=LONG_S)
        url = f"imserver://127.0.0.1:{self.server.port}"
        client = await self._stack.enter_async_context(
            connect(url, token=token, device_id=f"{name}-{device}", timeout=20)
        )
        seat = Seat(client)
        self._stack.push_async_callback(seat.close)
        return seat

    async def staff(self, name: str, store: str = "garden") -> Seat:
        """At the staff group of a store."""
        seat = await self.seat(name)
        ((group,),) = self.books.sql(
            "SELECT conversation_id FROM booking_staff_groups WHERE store_id = ?", (store,)
        )
        seat.here = group
        return seat


@asynccontextmanager
async def stage(folder: Path) -> AsyncIterator[Stage]:
    clock = PlayClock()
    settings = config(folder, plugins={"booking": {"chain": "demo"}})
    async with Server(settings, clock=clock) as server, AsyncExitStack() as stack:
        made = Stage(server, clock, Books(folder / "chat.db"), stack)
        yield made
        made.books.check()


async def test_an_eye_exam_from_the_first_word_to_the_last(tmp_path: Path) -> None:
    async with stage(tmp_path) as play:
        li, ming = await play.staff("staff-li"), await play.seat("ming")
        await ming.opens("store-garden", "门店 花园店")

        await ming.says("预约明天下午三点验光")
        await ming.hears("怎么称呼")
        await ming.says("王小明")
        await ming.hears("年龄")
        await ming.says("2")
        await ming.hears("第一次")
        await ming.says("是")
        await ming.hears("11月19日 周四 15:00")
        assert play.books.appointments() == [], "nothing is booked before the yes"
        await ming.says("好")
        booked = await ming.hears("预约成功")
        code = code_of(booked)
        assert code in shown(booked)
        await ming.hears("旧眼镜")  # what to bring, at once
        assert play.books.appointments() == [(code, "ming", "2026-11-19T15:00", "王小明")]
        assert "王小明" in shown(await li.hears(code))

        await ming.says("改约 周五上午10点半")
        await ming.hears("周五 10:30")
        await ming.says("是")
        await ming.hears("已把预约")
        assert "改约" in shown(await li.hears(code))
        assert play.books.appointments() == [(code, "ming", "2026-11-20T10:30", "王小明")]

        play.clock.move_to("2026-11-19T10:30:01")
        assert "明天 10:30" in shown(await ming.hears("提醒"))
        play.clock.move_to("2026-11-20T08:30:01")
        assert "今天 10:30" in shown(await ming.hears("提醒"))

        for step, status in (("到店", "arrived"), ("开始", "in_exam"), ("完成", "done")):
            await li.says(f"{step} {code}")
            await li.hears(code)
            assert [row[0] for row in play.books.appointments(status)] == [code]
        page = await ming.client.history(ming.here, limit=200)
        (card,) = [item for item in page.items if item.position == booked.position]
        assert card.revision > 1
        assert "已完成" in str(card.content), "the card tells the state of today"
        assert len(ming.heard("提醒")) == 2, "each reminder once"


async def test_the_same_in_english_with_buttons_and_on_two_devices(tmp_path: Path) -> None:
    async with stage(tmp_path) as play:
        wang = await play.staff("staff-wang")
        ann, desk = await play.seat("ann", "en"), await play.seat("ann", "en", device="desk")
        await ann.opens("store-garden", "/stores garden")
        desk.here = ann.here

        await ann.says("/book tomorrow 3pm eye exam, my name is Ann Lee, 30 years old, first visit")
        asked = await ann.hears("Is this right?")
        assert "Thu 19 Nov 15:00" in shown(asked)
        await desk.hears("Is this right?")
        await desk.says(button(asked, "Confirm"))  # on the other device
        booked = await ann.hears("You are booked: Thu 19 Nov 15:00")
        code = code_of(booked)
        assert play.books.appointments() == [(code, "ann", "2026-11-19T15:00", "Ann Lee")]
        await wang.hears(code)

        await ann.says("/my")
        await ann.hears(code)
        await ann.says("Where can I park?")
        assert "park" in shown(await wang_hears_customer(wang, ann))

        await ann.says(button(booked, "Cancel"))
        await ann.hears("Say “yes” to cancel it")
        assert len(play.books.appointments()) == 1
        await ann.says("yes")
        await ann.hears("is cancelled")
        await desk.hears("is cancelled")
        await wang.hears("取消")
        assert play.books.appointments() == []

        bob = await play.seat("bob", "en")
        await bob.opens("store-garden", "/stores garden")
        await bob.says("/book tomorrow 3pm eye exam, my name is Bob, 30 years old, first visit")
        await bob.hears("Is this right?")
        await bob.says("yes")
        await bob.hears("You are booked: Thu 19 Nov 15:00")


async def wang_hears_customer(wang: Seat, customer: Seat) -> Message:
    """The staff are members of the customer's conversation."""
    group, wang.here = wang.here, customer.here
    try:
        return await wang.hears("park")
    finally:
        wang.here = group


async def test_who_was_cancelled_or_moved_is_not_reminded_of_the_old_time(tmp_path: Path) -> None:
    async with stage(tmp_path) as play:
        ming, ann = await play.seat("ming"), await play.seat("ann", "en")
        await ming.opens("store-garden", "门店 花园店")
        await ann.opens("store-garden", "/stores garden")
        for text, answer in (
            ("预约 11月20日 15:00 验光", "怎么称呼"),
            ("王小明，成人，来过", "请确认"),
            ("好", "预约成功"),
            ("取消", "回复“好”取消"),
            ("好", "需要时随时再约"),
        ):
            await ming.says(text)
            await ming.hears(answer)
        await ann.says("/book 20 nov 16:00 eye exam, my name is Ann, 30 years old, been before")
        await ann.hears("Is this right?")
        await ann.says("yes")
        await ann.hears("You are booked")
        play.clock.move_to("2026-11-19T16:00:01")
        assert "16:00" in shown(await ann.hears("Reminder"))
        assert [m for m in ming.messages if (m.content or {}).get("title") == "提醒"] == []
        sent = play.books.sql(
            "SELECT a.customer_id, r.kind FROM booking_reminders r JOIN booking_appointments a"
            " ON a.id = r.appointment_id WHERE r.state = 'sent'"
        )
        assert sent == [("ann", "day_before")]


async def test_red_flags_are_answered_at_once_in_the_middle_of_a_booking(tmp_path: Path) -> None:
    async with stage(tmp_path) as play:
        li, ming = await play.staff("staff-li"), await play.seat("ming")
        await ming.opens("store-garden", "门店 花园店")
        await ming.says("预约明天下午三点验光")
        await ming.hears("怎么称呼")
        await ming.says("我右眼突然看不见了")
        await ming.hears("眼科急诊")
        await li.hears("紧急", "立即")
