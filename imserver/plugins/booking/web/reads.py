"""What pages read: `x-booking.day` and `x-booking.mine` for who is signed in, and over HTTP for whoever looks.

No account is made for looking. What HTTP answers is kept for a second, and one address may have only so much of it worked out.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable
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
from .limit import ReadLimit
from .mine import mine_of

#: An answer over HTTP is the same for so long (ms), in our memory and in the browser's.
KEPT_MS = 1_000
MAX_KEPT = 1_000
#: Days of one answer if it is not said how many.
DAYS = 14

Rows = list[tuple[Any, ...]]


class Reads:
    """The reads of one running plugin."""

    def __init__(self, context: Context, chains: Chains) -> None:
        self._clock: Clock = context.clock
        self._read = context.read
        self._chains = chains
        self._limit = ReadLimit()
        #: Answers of the last second, the latest last: (until when, UTC ms; the answer).
        self._kept: OrderedDict[str, tuple[int, bytes]] = OrderedDict()

    def register(self, context: Context) -> None:
        """Offer methods and routes."""
        context.method(Read(DAY, self.day, Need.ACCOUNT, hints=True))
        context.method(Read(MINE, self.mine, Need.ACCOUNT, hints=True))
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
        span = window(served.chain, shop, [day])
        rows = [reader.execute(*statement) for statement in span.statements] if span is not None else [[], []]
        return DayResult(self._day(served, shop, day, span, rows))

    def mine(self, reader: Reader, asker: Asker, params: MineParams) -> MineResult:
        """The asker's own."""
        rows = AsOf(reader, self._clock.now_ms())
        return MineResult(mine_of(rows, self._chains.of(reader.execute), asker.user_id))

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
        shop_id, text = request.query.get("shop", ""), request.query.get("day", "")

        async def work_out() -> object:
            served = await self.served()
            shop, day = served.chain.shop(shop_id), day_named(text)
            if shop is None or day is None:
                raise _unknown("shop" if shop is None else "day")
            span = window(served.chain, shop, [day])
            rows = await self._rows(span)
            return self._day(served, shop, day, span, rows)

        return await self._answer(request, f"day {shop_id} {text}", work_out)

    async def http_days(self, request: HttpRequest) -> HttpResponse:
        """How the days of a service are: `?shop=ID&service=ID&from=2026-12-03&count=14`."""
        asked = [request.query.get(name, "") for name in ("shop", "service", "from", "count")]

        async def work_out() -> object:
            served = await self.served()
            return await self._days(served, *asked)

        return await self._answer(request, f"days {' '.join(asked)}", work_out)

    async def _days(self, served: Served, shop_id: str, service_id: str, first: str, count: str) -> object:
        shop, service = served.chain.shop(shop_id), served.chain.service(service_id)
        if shop is None or service is None or not shop.offers(service):
            raise _unknown("shop" if shop is None else "service")
        now_ms = self._clock.now_ms()
        begin = day_named(first) if first else today(shop, now_ms)
        if begin is None:
            raise _unknown("day")
        begin = min(max(begin, today(shop, now_ms)), last_day(shop, now_ms))
        wanted = int(count) if count.isascii() and count.isdigit() and len(count) < 4 else DAYS
        days = days_from(begin, min(max(wanted, 1), MAX_DAYS))
        span = window(served.chain, shop, days)
        occupied = None if span is None else Occupied(span, *await self._rows(span))
        return {"days": states_of(shop, service, days, occupied, now_ms)}

    async def _rows(self, span: Window | None) -> list[Rows]:
        if span is None:
            return [[], []]
        return [await self._read(*statement) for statement in span.statements]

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
        name: str,
        work_out: Callable[[], Awaitable[object]],
        *,
        limited: bool = True,
    ) -> HttpResponse:
        """What is kept under this name, or what is worked out now."""
        now_ms = self._clock.now_ms()
        until, body = self._kept.get(name, (0, b""))
        if not now_ms < until <= now_ms + KEPT_MS:  # also if the clock was set back
            if limited:
                self.count(request)
            body = msgspec.json.encode(await work_out())
            self._kept[name] = (now_ms + KEPT_MS, body)
            self._kept.move_to_end(name)
            while len(self._kept) > MAX_KEPT:
                self._kept.popitem(last=False)
        return HttpResponse(200, body, "application/json", {"cache-control": "max-age=1"})


def _unknown(what: str) -> Refusal:
    return Refusal(RefusalCode.NOT_FOUND, f"there is no such {what}")
