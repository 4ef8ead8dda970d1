"""Customers who all want one time, round after round: each says the line and waits for the answer; who is asked, says yes."""

from __future__ import annotations

import asyncio
import time
from collections import Counter

import msgspec

from benchmarks.clients.bookers import BookPlan, Customer, start_of
from benchmarks.clients.peer import Spent, Work, serve_plan, spent_since
from benchmarks.histograms import from_values

#: Everybody of a round is answered by then: a thousand lines, and as many again before them.
ANSWER_S = 60.0


class RacePlan(BookPlan, frozen=True, kw_only=True):
    """`rounds`: so many times, each another start. `question`: the title of the card that asks whether it is right."""

    rounds: int
    question: str


class Raced(msgspec.Struct):
    """`booked`: appointments of each round. `answered`: lines that were answered, with how long that took (µs)."""

    booked: list[int]
    answered: int
    answer_us: str
    spent: Spent
    errors: list[str] = []


async def race(customers: list[Customer], plan: RacePlan) -> Raced:
    """All rounds."""
    wall, cpu = time.monotonic(), time.process_time()
    booked, waits, errors = list[int](), Counter[int](), list[str]()
    for number in range(plan.rounds):
        wish = start_of(number)
        ends = await asyncio.gather(
            *(_one(customer, wish, plan.question, waits) for customer in customers), return_exceptions=True
        )
        errors += [str(end) or type(end).__name__ for end in ends if isinstance(end, BaseException)]
        booked.append(sum(end is True for end in ends))
    return Raced(booked, waits.total(), from_values(waits.items()), spent_since(wall, cpu), errors[:5])


async def _one(customer: Customer, wish: str, question: str, waits: Counter[int]) -> bool:
    """Whether this customer has it. Raises TimeoutError if nobody answers."""
    begun = time.monotonic()
    async with asyncio.timeout(ANSWER_S):
        card = await customer.wish(wish)
        waits[int((time.monotonic() - begun) * 1e6)] += 1
        if card.get("title") != question:
            return False
        await customer.confirm(card)
    return True


async def prepare(plan: RacePlan) -> Work:
    """Let all customers enter the shop."""
    customers = [Customer(plan, number) for number in range(len(plan.parties))]
    for customer in customers:
        await customer.arrive()

    async def work() -> Raced:
        return await race(customers, plan)

    return work


if __name__ == "__main__":
    serve_plan(RacePlan, prepare)
