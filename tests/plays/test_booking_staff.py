"""A shop of many customers, an employee who comes, goes and comes back, and his successor, over real TCP: whoever is out reads
nothing, new or old, cancels nothing and hears nothing, on whatever line; the colleague and the customers go on meanwhile."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from imserver import Server
from imserver.chat.transaction import Transaction
from imserver.errors import RefusalCode
from imserver.model import Kind, Role, User
from imserver.plugin_api import Transaction as PluginTransaction
from imserver.plugins.booking import to_teams
from imserver_client import Client, Refused, SqliteStorage, connect
from tests.booking.support.staff import ChainFile
from tests.limits.raw import Raw, eventually, new_key, said
from tests.net.pings import after_ping
from tests.plays.seats import LONG_S, Books, PlayClock
from tests.support.servers import config

pytestmark = pytest.mark.timeout(180)

CUSTOMERS = 300
BOT, LI, WANG, SUN = "store-garden", "staff-li", "staff-wang", "staff-sun"
PATIENCE_S = 30


class Shop:
    """A running server; the demo chain's Garden has so many customers."""

    def __init__(self, server: Server, books: Books, stack: AsyncExitStack) -> None:
        self.server = server
        self.books = books
        self.stack = stack

    @property
    def group(self) -> str:
        rows = self.books.sql("SELECT conversation_id FROM booking_staff_groups WHERE store_id = 'garden'")
        return str(rows[0][0])

    @property
    def places(self) -> dict[str, str]:
        """Customer -> service conversation."""
        return dict(self.books.sql("SELECT customer_id, conversation_id FROM booking_services"))

    async def fill(self) -> None:
        """Everybody opens the shop; the first books."""
        chat = self.server.chat
        for number in range(CUSTOMERS):
            name = f"c{number}"
            await chat.put_user(User(name, f"顾客{number}", "zh-CN"))
            await chat.post(name, chat_of(name), {"type": "text", "text": "门店 花园店"})
        await until(lambda: len(self.places) == CUSTOMERS)
        here = self.places["c0"]
        for line in ("预约 今天11:30 验光 我叫小明 成人 来过", "好"):
            await self.say("c0", line)
            await asyncio.sleep(0.1)
        await until(lambda: len(self.books.appointments()) == 1)
        await self.say("c0", "孩子有青光眼家族史")
        assert here == self.places["c0"]

    @property
    def code(self) -> str:
        return str(self.books.appointments()[0][0])

    async def say(self, customer: str, text: str) -> int:
        posted = await self.server.chat.post(customer, self.places[customer], {"type": "text", "text": text})
        return posted.position

    async def raw(self, name: str, device: str, **how: Any) -> Raw:
        raw = await self.stack.enter_async_context(await Raw.open(self.server))
        await raw.enter(self.server, name, device, **how)
        return raw

    async def client(self, name: str, store: Path) -> Employee:
        made = await connect(
            f"imserver://127.0.0.1:{self.server.port}",
            token=self.server.accounts.make_token(name, ttl_s=LONG_S),
            device_id=f"{name}-phone",
            store=SqliteStorage(store),
        )
        employee = Employee(made)
        self.stack.push_async_callback(employee.close)
        return employee


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not true():  # noqa: ASYNC110 - of a database, and of lists that others fill
            await asyncio.sleep(0.01)


class Employee:
    """A client, and what it was told."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.said: list[tuple[str, str]] = []
        self._task = asyncio.ensure_future(self._read())

    async def _read(self) -> None:
        async for message in self.client.messages():
            self.said.append((message.conversation_id, message.text))

    async def hears(self, place: str, text: str) -> None:
        await until(lambda: (place, text) in self.said)

    async def close(self) -> None:
        await self.client.close(flush=False)
        await asyncio.gather(self._task, return_exceptions=True)

    async def past(self, place: str) -> list[str]:
        return [str((item.content or {}).get("text")) for item in (await self.client.history(place)).items]

    async def unread(self) -> dict[str, int]:
        """What the server counts, of every conversation."""
        found: dict[str, int] = {}
        before = None
        while True:
            page = await self.client.conversations(before=before, limit=100)
            found |= {one.conversation_id: one.unread for one in page.conversations}
            before = page.next
            if before is None:
                return found

    def follows(self) -> set[str]:
        return set(self.client._core.inbox)

    async def follows_only(self, places: set[str]) -> None:
        await until(lambda: self.follows() == places)


def chat_of(customer: str) -> str:
    one, other = sorted((customer, BOT), key=str.encode)
    return f"direct/{one}/{other}"


@asynccontextmanager
async def opened(
    folder: Path, chain: ChainFile, clock: PlayClock | None = None, **limits: Any
) -> AsyncIterator[Shop]:
    settings = config(folder, plugins={"booking": chain.config}, limits=limits | {"strangers": "ask"})
    async with Server(settings, clock=clock or PlayClock()) as server, AsyncExitStack() as stack:
        yield Shop(server, Books(folder / "chat.db"), stack)


def told(line: Raw, text: str) -> int:
    """In how many pushes this stands."""
    contents = (part for push in line.pushes for part in push if isinstance(part, bytes))
    return sum(text.encode() in content for content in contents)


async def refused(employee: Employee, place: str) -> set[RefusalCode]:
    """What is answered to whatever is asked of a place."""
    codes = set()
    for ask in (
        employee.client.history(place),
        employee.client.members(place),
        employee.client.post(place, "取消"),
        employee.client.cursor(place),
    ):
        with pytest.raises(Refused) as caught:
            await ask
        codes.add(RefusalCode(caught.value.code))
    return codes


async def test_an_employee_comes_goes_and_comes_back(tmp_path: Path) -> None:
    """Off-line while he goes: the chain file of the next start does not name him, and names a successor."""
    chain = ChainFile(tmp_path)
    async with opened(tmp_path, chain) as shop:
        await shop.fill()
        places, group, code = shop.places, shop.group, shop.code
        everywhere = {group, *places.values()}
        wang = await shop.client(WANG, tmp_path / "wang.db")
        await wang.follows_only(everywhere)
        await shop.say("c7", "在吗")
        await wang.hears(places["c7"], "在吗")
        assert (await wang.client.history(places["c0"])).items
        await shop.server.chat.post(LI, places["c7"], {"type": "text", "text": "在"})
        shop.books.check()

    chain.write(without=[WANG], more=[SUN])
    async with opened(tmp_path, chain) as shop:
        wang = await shop.client(WANG, tmp_path / "wang.db")
        li = await shop.client(LI, tmp_path / "li.db")
        sun = await shop.client(SUN, tmp_path / "sun.db")
        await wang.follows_only({group})
        for place in (places["c0"], places["c7"], places["c299"]):
            assert await refused(wang, place) == {RefusalCode.NOT_FOUND}
        assert await wang.unread() == {}
        await shop.say("c7", "王老师还在吗")
        with pytest.raises(Refused):
            await wang.client.post(group, f"到店 {code}")
        await wang.client.post(chat_of(WANG), f"取消 {code}")
        await li.hears(places["c7"], "王老师还在吗")
        await sun.hears(places["c7"], "王老师还在吗")
        assert (places["c7"], "王老师还在吗") not in wang.said
        # The successor has the past, too, and nothing of it is unread; the colleague's acts succeed.
        texts = await sun.past(places["c0"])
        assert "孩子有青光眼家族史" in texts
        await until(lambda: WANG in shop.places)
        own = shop.places[WANG]  # he is a customer now, whom they serve like any other
        unread = await sun.unread()
        assert unread.keys() >= everywhere
        assert {place for place, count in unread.items() if count} - {group, own} == {places["c7"]}
        assert [row[0] for row in shop.books.appointments()] == [code]
        await li.client.post(group, f"到店 {code}")
        await until(lambda: [row[0] for row in shop.books.appointments("arrived")] == [code])
        after = await sun.unread()
        assert after == {**unread, group: unread[group] + 2, own: after[own]}
        shop.books.check()

    chain.write(more=[SUN])
    async with opened(tmp_path, chain) as shop:
        wang = await shop.client(WANG, tmp_path / "wang.db")
        await wang.follows_only({*everywhere, own, chat_of(WANG)})
        await shop.say("c7", "王老师回来了")
        await wang.hears(places["c7"], "王老师回来了")
        assert (
            places["c7"],
            "王老师还在吗",
        ) not in wang.said  # it was said while he was away: in the history
        assert "王老师还在吗" in await wang.past(places["c7"])
        unread = await wang.unread()
        assert unread[places["c7"]] == 1
        await wang.client.post(places["c7"], "您好")
        shop.books.check()


async def test_removed_in_mid_sentence_he_does_and_hears_nothing_more(tmp_path: Path) -> None:
    """He has asked for much when he is removed, lags on a second line, and comes back to the session of a third."""
    chain = ChainFile(tmp_path)
    async with opened(tmp_path, chain, window_frames=40) as shop:
        await shop.fill()
        places, group, code = shop.places, shop.group, shop.code
        li = await shop.client(LI, tmp_path / "li.db")
        wang, slow = await shop.raw(WANG, "1"), await shop.raw(WANG, "slow")
        cut = await Raw.open(shop.server)
        welcomed = await cut.enter(shop.server, WANG, "cut")
        for number in range(100):
            await shop.say(f"c{number}", f"早{number}")
            if number % 10 == 0:
                await after_ping(wang)
                await after_ping(cut)
        await after_ping(cut)
        begun, gate = threading.Event(), threading.Event()

        def hold(tx: Transaction) -> None:
            begun.set()
            gate.wait()

        waiting = asyncio.ensure_future(shop.server.store.write(hold))
        await eventually(begun.is_set)
        removed = asyncio.ensure_future(shop.server.chat.remove_member(BOT, group, WANG))
        await asyncio.sleep(0.05)  # the removal is the writer's next
        posts = [
            wang.request("post", place, new_key(), said(text))
            for place, text in (
                (group, f"到店 {code}"),
                (group, f"取消 {code}"),
                (places["c0"], f"取消 {code}"),
            )
            for _ in range(10)
        ]
        await after_ping(wang)
        honest = asyncio.ensure_future(li.client.post(places["c0"], "请明天带旧眼镜"))
        await asyncio.sleep(0.05)
        gate.set()
        await asyncio.gather(waiting, removed, honest)
        assert {(await wang.answer(seq)).code for seq in posts} == {RefusalCode.NOT_FOUND}
        cut.reset()
        await cut.hang_up()
        for number in range(CUSTOMERS):
            await shop.say(f"c{number}", f"秘密{number}")
            if number % 20 == 0:
                await after_ping(wang)
        again = await Raw.open(shop.server)
        again.seq = cut.seq
        resumed = await again.enter(
            shop.server, WANG, "cut", resume=(welcomed.session_id, welcomed.token), ack=cut.received
        )
        assert resumed.resumed
        for line in (wang, slow, again):
            await after_ping(line)
            for place in (places["c0"], places["c299"]):
                for method, params in (
                    ("history", ()),
                    ("members", ()),
                    ("cursor", (1, 1)),
                    ("changes", (0,)),
                ):
                    answer = await line.ask(method, place, *params)
                    assert answer.code == RefusalCode.NOT_FOUND, (method, answer)
            rows = (await line.ask("sync")).result[0]
            assert [row[0] for row in rows if row[0].startswith("group/")] == [group]
            assert told(line, "秘密") == told(line, "旧眼镜") == 0
            await line.hang_up()
        assert ["lagging"] in slow.pushes
        assert told(wang, "早") == 100
        assert 0 < told(slow, "早") < 100
        for number in range(CUSTOMERS):
            await li.hears(places[f"c{number}"], f"秘密{number}")
        await li.hears(places["c0"], "请明天带旧眼镜")
        await asyncio.sleep(0.1)
        assert [row[0] for row in shop.books.appointments()] == [code]
        shop.books.check()


@pytest.mark.parametrize("online", [True, False], ids=["online", "off-line"])
async def test_who_was_staff_by_rows_reads_nothing_from_when_the_team_is_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, online: bool
) -> None:
    """His client followed them by rows of his own; the colleague's goes on with all of them."""
    chain = ChainFile(tmp_path)
    chain.write(more=[SUN])
    async with opened(tmp_path, chain) as shop:
        group, places = shop.group, await by_rows(shop, 60)
        sun, li = await shop.client(SUN, tmp_path / "sun.db"), await shop.client(LI, tmp_path / "li.db")
        for one in (sun, li):
            await one.follows_only({group, *places})
    chain.write()
    plan, planned = to_teams._plan, 0

    def in_the_evening(tx: PluginTransaction) -> None:
        """The first unit; the others follow at once."""
        nonlocal planned
        planned += 1
        if planned > 1:
            plan(tx)
        else:
            timer = tx.schedule(tx.now_ms + 3_600_000, to_teams.TIMER, {})
            tx.execute("INSERT INTO booking_to_team (timer_id) VALUES (?)", (timer,))

    if online:
        monkeypatch.setattr(to_teams, "_plan", in_the_evening)
    clock = PlayClock()
    async with opened(tmp_path, chain, clock) as shop:
        if not online:
            await until(lambda: not left_by_rows(shop))
        sun, li = await shop.client(SUN, tmp_path / "sun.db"), await shop.client(LI, tmp_path / "li.db")
        if online:
            await sun.follows_only({group, *places})
            clock.move_to("2026-11-18T12:30")
            await until(lambda: not left_by_rows(shop))
        for place in (places[0], places[-1]):
            assert await refused(sun, place) == {RefusalCode.NOT_FOUND}
            await shop.server.chat.post("c0", place, {"type": "text", "text": "在吗"})
            await li.hears(place, "在吗")
        await li.follows_only({group, *places})
        assert all(text != "在吗" for _, text in sun.said)
        assert await sun.unread() == {}
        shop.books.check()


def left_by_rows(shop: Shop) -> bool:
    return bool(shop.books.sql("SELECT 1 FROM booking_services WHERE by_team = 0"))


async def by_rows(shop: Shop, count: int) -> list[str]:
    """Service conversations as they were before teams, with a guest who speaks."""
    group = shop.group

    def make(tx: Transaction) -> list[str]:
        places = []
        staff = dict.fromkeys((tx.audience(group) or {}).keys() - {BOT}, Role.ADMIN)
        tx.put_user(User("c0", "顾客", "zh-CN"))
        for number in range(count):
            tx.put_user(User(f"x{number}", "顾客", "zh-CN"))
            people = {**staff, "c0": Role.MEMBER, f"x{number}": Role.MEMBER}
            made = tx.create_conversation(
                BOT, number.to_bytes(16, "big"), Kind.GROUP, "", people, vouches=lambda user_id: True
            )[0]
            row = (made, f"x{number}")
            insert = (
                "INSERT INTO booking_services (conversation_id, store_id, customer_id, created_at, by_team)"
                " VALUES (?, 'garden', ?, 1, 0)"
            )
            tx.plugin_sql("booking", insert, row)
            places.append(made)
        return places

    return await shop.server.store.write(make)
