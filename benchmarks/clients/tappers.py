"""Customers who book on a schedule: each has a card that asks, taps yes when it is due, and waits for "booked"."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from typing import Any

import msgspec

from benchmarks.clients.bookers import BookPlan, Customer, start_of
from benchmarks.clients.peer import Spent, Work, serve_plan, spent_since
from benchmarks.histograms import from_values

#: Who has no answer by then has none.
ANSWER_S = 60.0


class TapPlan(BookPlan, frozen=True, kw_only=True):
    """`taps` in all, `rate` a second, by customers in turn. `asked_before`: all cards are there before the first tap."""

    taps: int
    rate: float
    asked_before: bool


class Tapped(msgspec.Struct):
    """From when a tap was due to the card "booked" (µs), and how many had one."""

    booked: int
    booked_us: str
    spent: Spent
    errors: list[str] = []


async def tap_on_schedule(customers: list[Customer], cards: list[dict[str, Any]], plan: TapPlan) -> Tapped:
    """Every tap at its time, whatever became of the others."""
    wall, cpu, waits = time.monotonic(), time.process_time(), Counter[int]()

    async def tap(number: int) -> None:
        due = wall + number / plan.rate
        await asyncio.sleep(due - time.monotonic())
        customer = customers[number % len(customers)]
        async with asyncio.timeout(ANSWER_S):
            card = cards[number] if cards else await customer.wish(start_of(number))
            begun = due if cards else time.monotonic()  # the line before is no tap
            await customer.confirm(card)
        waits[int((time.monotonic() - begun) * 1e6)] += 1

    ends = await asyncio.gather(*(tap(number) for number in range(plan.taps)), return_exceptions=True)
    errors = [str(end) or type(end).__name__ for end in ends if isinstance(end, BaseException)]
    return Tapped(waits.total(), from_values(waits.items()), spent_since(wall, cpu), errors[:5])


async def prepare(plan: TapPlan) -> Work:
    """Let all customers enter the shop, and have their cards if they are to."""
    customers = [Customer(plan, number) for number in range(len(plan.parties))]
    for customer in customers:
        await customer.arrive()
    cards = []
    if plan.asked_before:
        cards = [await customer.wish(start_of(number)) for number, customer in enumerate(customers)]

    async def work() -> Tapped:
        return await tap_on_schedule(customers, cards, plan)

    return work


if __name__ == "__main__":
    serve_plan(TapPlan, prepare)
