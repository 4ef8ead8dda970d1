"""What pages read: `x-booking.day` and `x-booking.mine` for who is signed in, and over HTTP for whoever looks.

No account is made for looking. What HTTP answers is kept for a second, and one address may have only so much of it worked out.
Thousands may share an address: what is no question is refused before it counts, and what is kept costs nobody anything.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Hashable
from datetime import date
from typing import Any

import msgspec

from imserver.plugin_api import (
    Asker,
    Clock,
    Context,
    HttpRequest,
    HttpResponse,
    Need,
    Read,
    Reader,
    Refusal,
    RefusalCode,
)
from imserver.plugins.booking.schedule import changes
from imserver.plugins.booking.schedule.asked import DAY, MINE, DayParams, DayResult, MineParams, MineResult
from imserver.plugins.booking.schedule.rows import AsOf
from imserver.plugins.booking.schedule.shops import Shop
from imserver.plugins.booking.schedule.slots import last_day

from . import chain_read
from .chains import REVISION, Chains, Served
from .days import MAX_DAYS, Occupied, Window, day_named, day_of, days_from, states_of, today, window
from .kept_answers import KEPT_MS, KeptAnswers
from .limit import ReadLimit
from .mine import mine_of

#: One's own appointments are to be seen as soon as the bot has answered, also by whoever holds a time and books it within a
#: second: what one person has is a few rows.
_MINE_EVERY_S = 0.1
#: Days of one answer if it is not said how many.
DAYS = 14

_COUNT = re.compile(r"[0-9]{1,4}")

Rows = list[tuple[Any, ...]]


class Reads:
    """The reads of one running plugin."""

    def __init__(self, context: Context, chains: Chains) -> None:
        self._clock: Clock = context.clock
        self._read = context.read
        self._chains = chains
        self._limit = ReadLimit()
        self._kept = KeptAnswers(context.clock)
        #: The chain by which questions are understood, and until when (UTC ms).
        self._lately: tuple[int, Served] | None = None

    def register(self, context: Context) -> None:
        """Offer methods and routes."""
        context.method(Read(DAY, self.day, Need.ACCOUNT, hints=True))
        context.method(Read(MINE, self.mine, Need.ACCOUNT, hints=True, hints_every_s=_MINE_EVERY_S))
        context.route("GET", "/chain", self.http_chain)
        context.route("GET", "/day", self.http_day)
        context.route("GET", "/days", self.http_days)

    # -- methods ------------------------------------------------------------------------------------------------------

    def day(self, reader: Reader, asker: Asker, params: DayParams) -> DayResult:
        """The starts of a day."""
        served = self._chains.of(reader.execute)
        shop, day = served.chain.shop(params.shop), day_named(params.day)
        if shop is None or day is None:
            return DayResult(None)
        span = self._window(served, shop, day)
        rows = [reader.execute(*statement) for statement in span.statements] if span is not None else [[], []]
        return DayResult(self._day(served, shop, day, span, rows))

    def mine(self, reader: Reader, asker: Asker, params: MineParams) -> MineResult:
        """The asker's own."""
        rows = AsOf(reader, self._clock.now_ms())
        return MineResult(mine_of(rows, self._chains.of(reader.execute), asker.user_id))

    def _window(self, served: Served, shop: Shop, day: date) -> Window | None:
        """What to read for a day; nothing for one that is over, or that nobody can book yet."""
        now_ms = self._clock.now_ms()
        if not today(shop, now_ms) <= day <= last_day(shop, now_ms):
            return None
        return window(served.chain, shop, [day])

    def _day(self, served: Served, shop: Shop, day: date, span: Window | None, rows: list[Rows]) -> Any:
        lanes = Occupied(span, *rows).lanes(day) if span is not None else {}
        return day_of(served.chain, shop, day, lanes, self._clock.now_ms())

    # -- HTTP ---------------------------------------------------------------------------------------------------------

    async def http_chain(self, request: HttpRequest) -> HttpResponse:
        """The shops."""

        async def work_out() -> object:
            served = await self.served()
            return chain_read.chain_of(served, self._clock.now_ms())

        # Worked out once a second for everybody together: whoever floods the days from behind a carrier's address keeps nobody
        # there from seeing which shops there are.
        return await self._answer(request, "chain", work_out, limited=False)

    async def http_day(self, request: HttpRequest) -> HttpResponse:
        """The starts of a day: `?shop=ID&day=2026-12-03`."""
        day = _day_of(request, "day")
        served = await self._known()
        shop = _shop_of(request, served)
        span = self._window(served, shop, day)
        if span is None:
            return _answer(msgspec.json.encode(self._day(served, shop, day, None, [[], []])))

        async def work_out() -> object:
            return self._day(served, shop, day, span, await self._rows(span))

        return await self._answer(request, ("day", shop.id, day), work_out)

    async def http_days(self, request: HttpRequest) -> HttpResponse:
        """How the days of a service are: `?shop=ID&service=ID&from=2026-12-03&count=14`. Days before today are today, and
        not more of them than there may be."""
        first = _day_of(request, "from") if request.query.get("from") else None
        count = request.query.get("count") or str(DAYS)
        if _COUNT.fullmatch(count) is None:
            raise Refusal(RefusalCode.INVALID, f"count: a number of days, 1-{MAX_DAYS}", detail="count")
        served = await self._known()
        shop = _shop_of(request, served)
        service = served.chain.service(request.query.get("service", ""))
        if service is None or not shop.offers(service):
            raise _unknown("service")
        now_ms = self._clock.now_ms()
        now = today(shop, now_ms)
        begin = min(max(first or now, now), last_day(shop, now_ms))
        days = days_from(begin, min(max(int(count), 1), MAX_DAYS))

        async def work_out() -> object:
            span = window(served.chain, shop, days)
            occupied = None if span is None else Occupied(span, *await self._rows(span))
            return {"days": states_of(shop, service, days, occupied, now_ms)}

        return await self._answer(request, ("days", shop.id, service.id, begin, len(days)), work_out)

    async def _rows(self, span: Window | None) -> list[Rows]:
        if span is None:
            return [[], []]
        return [await self._read(*statement) for statement in span.statements]

    async def _known(self) -> Served:
        """The chain by which a question is understood, a second old at most: to look at what cannot be asked costs no read."""
        now_ms = self._clock.now_ms()
        if self._lately is not None and now_ms < self._lately[0] <= now_ms + KEPT_MS:
            return self._lately[1]
        served = await self.served()
        self._lately = now_ms + KEPT_MS, served
        return served

    async def served(self) -> Served:
        """The chain in effect, or a newer one."""
        ((revision,),) = await self._read(REVISION)
        served = self._chains.known(revision)
        if served is not None:
            return served
        standing = await self._read(changes.SELECT)
        return self._chains.keep(revision, standing)

    def count(self, request: HttpRequest) -> None:
        """Something is to be worked out for this address. RATE_LIMITED if it had too much."""
        self._limit.take(request.visitor_key, self._clock.monotonic())

    async def _answer(
        self,
        request: HttpRequest,
        question: Hashable,
        work_out: Callable[[], Awaitable[object]],
        *,
        limited: bool = True,
    ) -> HttpResponse:
        """What is kept of this question, or what is worked out now."""

        async def body() -> bytes:
            return msgspec.json.encode(await work_out())

        def count() -> None:
            if limited:
                self.count(request)

        return _answer(await self._kept.of(question, body, count))


def _answer(body: bytes) -> HttpResponse:
    return HttpResponse(200, body, "application/json", {"cache-control": "max-age=1"})


def _day_of(request: HttpRequest, name: str) -> date:
    day = day_named(request.query.get(name, ""))
    if day is None:
        raise Refusal(RefusalCode.INVALID, f"{name}: a day, such as 2026-12-03", detail=name)
    return day


def _shop_of(request: HttpRequest, served: Served) -> Shop:
    shop = served.chain.shop(request.query.get("shop", ""))
    if shop is None:
        raise _unknown("shop")
    return shop


def _unknown(what: str) -> Refusal:
    return Refusal(RefusalCode.NOT_FOUND, f"there is no such {what}")
