"""Customers who book in one line: the line, the card that asks, a tap on yes, the card that says booked."""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from benchmarks.clients.peer import Peer, Spent, Work, enter, serve_plan, spent_since
from benchmarks.codecs.base import Party
from benchmarks.histograms import from_values
from benchmarks.plan import PartyPlan
from imserver_protocol.wire.codec import decode_content, encode_content

ZONE = ZoneInfo("Asia/Shanghai")
#: Every booking has its own time: days from now, and starts on a day (every 45 minutes from midnight).
FIRST_DAY, DAYS, STARTS, STEP_MIN = 2, 50, 30, 45
ANSWER_S = 20.0
#: No customer of a shop may have more, whatever its chain's configuration says.
MAX_BOOKINGS = 100


class BookPlan(msgspec.Struct, frozen=True):
    """The customers, their shop and the duration: each books again when the last booking is answered."""

    host: str
    port: int
    parties: list[PartyPlan]
    shop: str
    opening_words: str
    seconds: float
    cpus: list[int] = []


class Booked(msgspec.Struct):
    """Times from the line to the question's card, and to the card "booked" (encoded histograms, µs)."""

    booked: int
    failed: int
    line_us: str
    all_us: str
    spent: Spent
    errors: list[str] = []


class Customer:
    """One customer in the conversation with the shop."""

    def __init__(self, plan: BookPlan, number: int) -> None:
        self._plan = plan
        self._number = number
        self._peer: Peer | None = None
        self._here = ""
        self._cards: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._entered: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.line_us: Counter[int] = Counter()
        self.all_us: Counter[int] = Counter()
        self.failed: list[str] = []

    async def arrive(self) -> None:
        """Enter the shop."""
        plan = self._plan
        party = plan.parties[self._number]
        self._peer = await enter(
            plan.host, plan.port, Party(party.name, party.token), self._number, self._pushed
        )
        first, second = sorted((party.name, plan.shop))
        direct = f"direct/{first}/{second}"
        await self._say(direct, plan.opening_words)
        async with asyncio.timeout(ANSWER_S):
            while (here := await self._entered) == direct:
                self._entered = asyncio.get_running_loop().create_future()
        self._here = here

    async def book(self, until: float) -> None:
        """Book repeatedly, until the time is over or the shop allows no more."""
        # Two customers never want the same start of the same day while others are free.
        number, everybody = self._number, len(self._plan.parties)
        while time.monotonic() < until and self.all_us.total() < MAX_BOOKINGS:
            begun = time.monotonic()
            try:
                async with asyncio.timeout(ANSWER_S):
                    await self._book_once(start_of(number), begun)
            except (TimeoutError, ValueError) as error:
                self.failed.append(str(error) or "no answer")
                return
            number += everybody

    async def _book_once(self, when: str, begun: float) -> None:
        asking = await self.wish(when)
        self.line_us[int((time.monotonic() - begun) * 1e6)] += 1
        await self.confirm(asking)
        self.all_us[int((time.monotonic() - begun) * 1e6)] += 1

    async def wish(self, when: str) -> dict[str, Any]:
        """Say the line; returns the first card with buttons that answers it."""
        self._forget()
        await self._say(self._here, f"/book {when} eye exam, my name is Ann Lee, adult, been before")
        return await self._card(lambda card: bool(card.get("actions")))

    async def confirm(self, asking: dict[str, Any]) -> None:
        """Tap yes, and wait for the appointment's card."""
        await self._say(self._here, str(asking["actions"][0]["command"]))
        await self._card(lambda card: bool(card.get("ref")) and card.get("title") != asking.get("title"))

    def _forget(self) -> None:
        """What was said before is no answer to what follows."""
        while not self._cards.empty():
            self._cards.get_nowait()

    async def _card(self, wanted: Any) -> dict[str, Any]:
        said: list[Any] = []
        while True:
            try:
                card = await self._cards.get()
            except asyncio.CancelledError:
                raise ValueError(f"the shop said {said}") from None
            if wanted(card):
                return card
            said.append(card.get("title") or card.get("text"))

    async def _say(self, conversation_id: str, text: str) -> None:
        assert self._peer is not None
        content = encode_content({"type": "text", "text": text, "language": "en"})
        await self._peer.ask(
            "post", conversation_id, time.time_ns().to_bytes(8, "big") + os.urandom(8), content
        )

    def _pushed(self, frame: tuple[Any, ...]) -> None:
        if frame[3] == "message":
            if not self._entered.done():
                self._entered.set_result(frame[4])
            self._cards.put_nowait(decode_content(frame[9]))


def start_of(number: int, now: datetime | None = None) -> str:
    """The wish of a number: days first, then hours."""
    day = (now or datetime.now(ZONE)) + timedelta(days=FIRST_DAY + number % DAYS)
    start = number // DAYS % STARTS * STEP_MIN
    return f"{day:%Y-%m-%d} {start // 60:02}:{start % 60:02}"


async def prepare(plan: BookPlan) -> Work:
    """Let all customers enter the shop."""
    customers = [Customer(plan, number) for number in range(len(plan.parties))]
    for customer in customers:
        await customer.arrive()

    async def work() -> Booked:
        wall, cpu = time.monotonic(), time.process_time()
        await asyncio.gather(*(customer.book(wall + plan.seconds) for customer in customers))
        line_us = sum((customer.line_us for customer in customers), Counter[int]())
        all_us = sum((customer.all_us for customer in customers), Counter[int]())
        errors = [error for customer in customers for error in customer.failed]
        return Booked(
            all_us.total(),
            len(errors),
            from_values(line_us.items()),
            from_values(all_us.items()),
            spent_since(wall, cpu),
            errors[:5],
        )

    return work


if __name__ == "__main__":
    serve_plan(BookPlan, prepare)
