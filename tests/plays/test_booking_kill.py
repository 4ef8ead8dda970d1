"""SIGKILL a real server in the middle of dialogues: the chat says "booked" if and only if the appointment exists."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from imserver.proof.server_process import ServerProcess
from imserver_client import Environment, connect
from tests.plays.seats import LONG_S, NOW_MS, Books, Seat, code_of, shown

#: Four customers want each time; the shop has two optometrists and two rooms.
TIMES = ("10:00", "11:00", "14:00", "15:00")
CUSTOMERS = 4 * len(TIMES)
KILLS = 3
BOOKED = "You are booked"
IMPATIENT = Environment(uniform=lambda low, high: min(high, 0.05))


async def dialogue(seat: Seat, at: str, heard: asyncio.Condition) -> str:
    """One customer's words. Returns the code, or "" if the time was given to others."""

    async def hears(*texts: str) -> str:
        message = await seat.hears(*texts)
        async with heard:
            heard.notify_all()
        return code_of(message) if BOOKED in shown(message) else shown(message)

    await seat.opens("store-garden", "/stores garden")
    await seat.says(f"/book tomorrow {at} eye exam")
    if "What name" not in await hears("What name", "taken", "full"):
        return ""
    await seat.says("Ann Lee")
    await hears("How old")
    await seat.says("33 years old")
    await hears("first visit")
    await seat.says("no, I have been before")
    await hears("Is this right?")
    await seat.says("yes")
    return await hears(BOOKED)


async def answers(seats: list[Seat], heard: asyncio.Condition, more: int) -> None:
    """Wait until so many more answers of the bots were heard, or nobody waits for one any more."""

    def count() -> int:
        return sum(not message.own for seat in seats for message in seat.messages)

    goal = count() + more
    async with heard:
        await heard.wait_for(lambda: count() >= goal)


@pytest.mark.prove
@pytest.mark.timeout(240)
async def test_after_kills_in_mid_dialogue_booked_is_said_of_what_exists_and_of_nothing_else(
    tmp_path: Path,
) -> None:
    process = ServerProcess(tmp_path, {"plugins.booking": {"chain": "demo"}, "clock": {"start_ms": NOW_MS}})
    unanswered = 0
    async with process, AsyncExitStack() as stack:

        async def come(number: int) -> Seat:
            name = f"customer{number}"
            token = process.token(name, ttl_s=LONG_S, now_s=NOW_MS // 1000)
            client = await stack.enter_async_context(
                connect(process.url, token=token, device_id=name, timeout=40, environment=IMPATIENT)
            )
            seat = Seat(client)
            stack.push_async_callback(seat.close)
            return seat

        seats = list(await asyncio.gather(*(come(number) for number in range(CUSTOMERS))))
        heard = asyncio.Condition()
        talks = [
            asyncio.create_task(dialogue(seat, TIMES[n % len(TIMES)], heard)) for n, seat in enumerate(seats)
        ]
        for kill in range(KILLS):
            async with asyncio.timeout(60):
                await answers(seats, heard, more=CUSTOMERS // 2)
            if kill % 2:
                process.freeze(True)  # what is said from here on is certainly unanswered
                await asyncio.sleep(0.05)
            unanswered += sum(len(seat.client.outbox()) for seat in seats)
            waiting = [talk for talk in talks if not talk.done()]
            assert waiting, "nobody was in the middle of anything"
            await process.kill()
            await process.start()
        codes = await asyncio.gather(*talks)
        print(f"{KILLS} kills, {unanswered} messages of customers unanswered at them")
        assert await process.stop() == 0

        books = Books(process.database)
        books.check()
        winners = {seat.client.user_id: code for seat, code in zip(seats, codes, strict=True) if code}
        rows = books.appointments()
        assert {customer: code for code, customer, _, _ in rows} == winners
        assert len(winners) == 2 * len(TIMES)
        for seat in seats:
            said = [code_of(message) for message in seat.heard(BOOKED)]
            code = winners.get(seat.client.user_id)
            assert said == ([code] if code else []), "once, and truly"
            own = [message.text for message in seat.messages if message.own]
            assert len(own) == len(set(own)), "nothing that a customer said was doubled"
