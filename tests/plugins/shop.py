"""A plugin with methods, pushes, routes and duties: a shop that sells tickets for a day. For tests."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from imserver.plugin_api import (
    Asker,
    Context,
    HttpRequest,
    HttpResponse,
    Kind,
    Message,
    Method,
    Migration,
    Need,
    Read,
    Reader,
    Refusal,
    RefusalCode,
    Repetition,
    Role,
    Shape,
    TimerFired,
    Transaction,
    UniqueViolation,
    Write,
)


class DayParams(Shape, frozen=True):
    """Of which day."""

    date: str
    after: int = 0


class DayResult(Shape, frozen=True):
    """Numbers sold."""

    sold: tuple[int, ...]


class MineParams(Shape, frozen=True):
    """The asker's own."""


class BuyParams(Shape, frozen=True):
    """One ticket."""

    key: bytes
    date: str
    number: int
    note: str = ""


class BuyResult(Shape, frozen=True):
    """What was said of it."""

    position: int
    duplicate: bool


class HoldParams(Shape, frozen=True):
    """Keep a number for a while, or no longer."""

    date: str
    number: int
    held: bool = True


class HoldResult(Shape, frozen=True):
    """Who has it."""

    user_id: str | None


class OpenParams(Shape, frozen=True):
    """Tell a conversation that the shop is open."""

    conversation_id: str
    key: bytes
    content: bytes


class OpenResult(Shape, frozen=True):
    """The position of the message that tells of it."""

    position: int
    duplicate: bool


class AboutParams(Shape, frozen=True):
    """A message."""

    conversation_id: str
    position: int


class AboutResult(Shape, frozen=True):
    """Its author, and how many read it."""

    sender_id: str
    members: int


DAY = Method("x-shop.day", DayParams, DayResult)
MINE = Method("x-shop.mine", MineParams, DayResult)
BUY = Method("x-shop.buy", BuyParams, BuyResult)
HOLD = Method("x-shop.hold", HoldParams, HoldResult)
OPEN = Method("x-shop.open", OpenParams, OpenResult)
ABOUT = Method("x-shop.about", AboutParams, AboutResult)


class Shop:
    """The plugin. `extra` is called at the end of `start`."""

    name = "shop"
    config_type = dict
    migrations = (
        Migration(
            1,
            "CREATE TABLE shop_sold (day TEXT NOT NULL, number INTEGER NOT NULL, user_id TEXT NOT NULL,"
            " PRIMARY KEY (day, number));"
            "CREATE TABLE shop_held (day TEXT NOT NULL, number INTEGER NOT NULL, user_id TEXT NOT NULL,"
            " PRIMARY KEY (day, number))",
        ),
    )

    def __init__(self, extra: Callable[[Context], None] = lambda context: None) -> None:
        self._extra = extra
        self.context: Context
        self.kept: int | None = 3
        self.slow = asyncio.Event()

    async def start(self, context: Context) -> None:
        self.context = context
        await context.ensure_bot("shop", "Shop")
        await context.ensure_bot("clerk", "Clerk")
        context.timer("over", self._over)
        context.method(Read(DAY, self.day, Need.ACCOUNT, hints=True))
        context.method(Read(MINE, self.mine, Need.ACCOUNT, hints=True))
        context.method(Write(BUY, self.buy, Need.ACCOUNT, Repetition.OUTCOME, told_to_all=False))
        context.method(Write(HOLD, self.hold, Need.ACCOUNT, Repetition.NATURAL, cost=0.1, told_to_all=False))
        context.method(
            Write(
                OPEN,
                self.open,
                Need.ADMINISTER_CONVERSATION,
                Repetition.MESSAGE,
                content="content",
                again=self.opened,
            )
        )
        context.method(Read(ABOUT, self.about, Need.READ, aimed=True))
        context.keeps(self.keeps)
        context.export(self.export)
        context.erase(self.erase)
        context.route("GET", "/day/{date}", self.page)
        context.route("GET", "/day/today", self.today)
        context.route("POST", "/day/{date}", self.order)
        context.route("PUT", "/wait", self.wait)
        context.route("GET", "/", self.front)
        context.route("GET", "/visitor", self.visitor)
        self._extra(context)

    async def stop(self) -> None:
        """Nothing to end."""

    # -- methods ------------------------------------------------------------------------------------------------------

    def day(self, reader: Reader, asker: Asker, params: DayParams) -> DayResult:
        if params.date == "never":
            raise Refusal(RefusalCode.NOT_FOUND, "no such day")
        rows = reader.execute(
            "SELECT number FROM shop_sold WHERE day = ? AND number > ? ORDER BY number",
            (params.date, params.after),
        )
        return DayResult(tuple(number for (number,) in rows))

    def mine(self, reader: Reader, asker: Asker, params: MineParams) -> DayResult:
        rows = reader.execute(
            "SELECT number FROM shop_sold WHERE user_id = ? ORDER BY number", (asker.user_id,)
        )
        return DayResult(tuple(number for (number,) in rows))

    def buy(self, tx: Transaction, asker: Asker, params: BuyParams) -> BuyResult:
        try:
            tx.execute("INSERT INTO shop_sold VALUES (?, ?, ?)", (params.date, params.number, asker.user_id))
        except UniqueViolation:
            raise Refusal(RefusalCode.CONFLICT, "sold already") from None
        chat = tx.ensure_conversation("direct", Kind.DIRECT, {asker.user_id: Role.MEMBER})
        said = tx.post(chat, {"type": "text", "text": f"Number {params.number} is yours."})
        tx.schedule(tx.now_ms + 60_000, "over", {"chat": chat})
        tx.changed(DAY, DayParams(params.date))
        tx.changed(MINE, MineParams(), users=[asker.user_id])
        tx.audit("ticket.sold", actor_id=asker.user_id, conversation_id=chat, position=said)
        if params.note == "fail":
            raise RuntimeError("a fault of the plugin's own")
        return BuyResult(said, duplicate=False)

    def hold(self, tx: Transaction, asker: Asker, params: HoldParams) -> HoldResult:
        where = (params.date, params.number)
        if params.held:
            tx.execute(
                "INSERT INTO shop_held VALUES (?, ?, ?) ON CONFLICT (day, number) DO NOTHING",
                (*where, asker.user_id),
            )
            tx.post(
                tx.ensure_conversation("direct", Kind.DIRECT, {asker.user_id: Role.MEMBER}),
                {"type": "text", "text": "Held."},
            )
        else:
            tx.execute(
                "DELETE FROM shop_held WHERE day = ? AND number = ? AND user_id = ?", (*where, asker.user_id)
            )
        rows = tx.execute("SELECT user_id FROM shop_held WHERE day = ? AND number = ?", where)
        return HoldResult(rows[0][0] if rows else None)

    def open(self, tx: Transaction, asker: Asker, params: OpenParams) -> OpenResult:
        position = tx.post_system(params.conversation_id, {"event": "x-shop.open"})
        return OpenResult(position, duplicate=False)

    def opened(self, told: Message) -> OpenResult:
        return OpenResult(told.position, duplicate=True)

    def about(self, reader: Reader, asker: Asker, params: AboutParams) -> AboutResult:
        message = reader.message(params.conversation_id, params.position)
        assert message is not None
        assert asker.target.position == message.position
        return AboutResult(message.sender_id, len(reader.members(params.conversation_id)))

    # -- what is kept -------------------------------------------------------------------------------------------------

    def keeps(self, reader: Reader, conversation_id: str) -> int | None:
        (count,) = reader.execute("SELECT count(*) FROM shop_sold")[0]
        return self.kept if count else None

    def export(self, reader: Reader, user_id: str) -> Mapping[str, Any]:
        user = reader.user(user_id)
        rows = reader.execute("SELECT number FROM shop_sold WHERE user_id = ? ORDER BY number", (user_id,))
        return {"name": user.display_name if user else "", "numbers": [number for (number,) in rows]}

    def erase(self, tx: Transaction, user_id: str) -> None:
        tx.execute("DELETE FROM shop_sold WHERE user_id = ?", (user_id,))
        tx.audit("person.erased", about_id=user_id)

    async def _over(self, timer: TimerFired) -> None:
        def say(tx: Transaction) -> None:
            tx.post(str(timer.payload["chat"]), {"type": "text", "text": "The show is over."})

        await self.context.transaction(say, event=timer)

    # -- pages --------------------------------------------------------------------------------------------------------

    async def page(self, request: HttpRequest) -> HttpResponse:
        rows = await self.context.read(
            "SELECT number FROM shop_sold WHERE day = ?", (request.params["date"],)
        )
        told = {"date": request.params["date"], "sold": [number for (number,) in rows]}
        seen = str(int(request.session.get("seen", "0")) + 1)
        return HttpResponse.json(
            told | {"seen": seen, "by": request.user_id},
            headers={"Cache-Control": "max-age=1"},
            session={"seen": seen},
        )

    async def today(self, request: HttpRequest) -> HttpResponse:
        said = "&".join(f"{name}={value}" for name, value in sorted(request.query.items()))
        return HttpResponse(body=f"{said} {sorted(request.headers)}")

    async def order(self, request: HttpRequest) -> HttpResponse:
        if request.body == b"boom":
            raise RuntimeError("a fault of the plugin's own")
        if request.body == b"busy":
            raise Refusal(RefusalCode.OVERLOADED, "later", retry_after_ms=1500)
        if request.body == b"cookie":
            return HttpResponse(headers={"Set-Cookie": "a=b"})
        if request.body == b"split":
            return HttpResponse(headers={"Location": "/\r\nSet-Cookie: a=b"})
        if request.body == b"fat":
            return HttpResponse(session={"a": "x" * 1024})
        if request.body == b"accents":
            return HttpResponse(session={"a": "é" * 512})
        if request.body == b"early":
            return HttpResponse(103)
        if request.body == b"late":
            raise TimeoutError
        if request.body == b"none":
            return None  # type: ignore[return-value]
        return HttpResponse(201, str(len(request.body)))

    async def visitor(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse(body=request.visitor_key)

    async def wait(self, request: HttpRequest) -> HttpResponse:
        await self.slow.wait()
        return HttpResponse(204)

    async def front(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse(body="<h1>Shop</h1>", content_type="text/html; charset=utf-8")
