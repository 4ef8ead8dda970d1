"""Customers who book as the page does, on a schedule: a time is held for each; the tap posts the form with its yes."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from typing import Any

import msgspec

from benchmarks.clients.bookers import BookPlan, Customer, start_of
from benchmarks.clients.peer import Spent, Work, serve_plan, spent_since
from benchmarks.histograms import from_values
from imserver.plugins.booking.messages.consent_text import SHIPPED

#: Who has no answer by then has none.
ANSWER_S = 60.0
#: What everybody wants, and its minutes for an adult.
SERVICE, MINUTES = "exam", 30
MINE = "x-booking.mine"


class TapPlan(BookPlan, frozen=True, kw_only=True):
    """`taps` in all, `rate` a second, by customers in turn. `held_before`: all times are held before the first tap."""

    taps: int
    rate: float
    held_before: bool


class Tapped(msgspec.Struct):
    """From when a tap was due until its customer's page knows the appointment (µs), and how many came to know it."""

    booked: int
    booked_us: str
    spent: Spent
    errors: list[str] = []


class Tapper(Customer):
    """One customer with a page."""

    async def hold(self, when: str) -> str:
        """Take a start. Returns the form, to be posted by the tap."""
        self._forget()
        await self._say(self._here, f"/book {SERVICE} {when}")
        await self._card(lambda said: "text" in said)
        code = (await self._mine())["held"]["formYes"]
        lines = ("name: Ann Lee", "age: adult", "first visit: no", f"consent: {SHIPPED}")
        return "\n".join(("/details", *lines, f"yes: {code} {SERVICE} {MINUTES} {when}"))

    async def tap(self, form: str) -> None:
        """Post the form; wait for the appointment's card, and read what a page shows of it."""
        code = form.rpartition("yes: ")[2].split()[0]
        self._forget()
        await self._say(self._here, form)
        await self._card(lambda card: (card.get("ref") or {}).get("kind") == "appointment")
        if code not in (one["code"] for one in (await self._mine())["upcoming"]):
            raise ValueError(f"{code} is not booked")

    async def _mine(self) -> dict[str, Any]:
        assert self._peer is not None
        (told,) = await self._peer.ask(MINE)
        return dict(told)


async def tap_on_schedule(customers: list[Tapper], forms: list[str], plan: TapPlan) -> Tapped:
    """Every tap at its time, whatever became of the others."""
    wall, cpu, waits = time.monotonic(), time.process_time(), Counter[int]()

    async def tap(number: int) -> None:
        due = wall + number / plan.rate
        await asyncio.sleep(due - time.monotonic())
        customer = customers[number % len(customers)]
        async with asyncio.timeout(ANSWER_S):
            form = forms[number] if forms else await customer.hold(start_of(number))
            begun = due if forms else time.monotonic()  # to take the time was another tap
            await customer.tap(form)
        waits[int((time.monotonic() - begun) * 1e6)] += 1

    ends = await asyncio.gather(*(tap(number) for number in range(plan.taps)), return_exceptions=True)
    errors = [str(end) or type(end).__name__ for end in ends if isinstance(end, BaseException)]
    return Tapped(waits.total(), from_values(waits.items()), spent_since(wall, cpu), errors[:5])


async def prepare(plan: TapPlan) -> Work:
    """Let all customers enter the shop, and hold their times if they are to."""
    customers = [Tapper(plan, number) for number in range(len(plan.parties))]
    for customer in customers:
        await customer.arrive()
    forms = []
    if plan.held_before:
        forms = [await customer.hold(start_of(number)) for number, customer in enumerate(customers)]

    async def work() -> Tapped:
        return await tap_on_schedule(customers, forms, plan)

    return work


if __name__ == "__main__":
    serve_plan(TapPlan, prepare)
