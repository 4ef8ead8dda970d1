"""Many customers, each at a client, want one time: as many get it as there are people and rooms for, and all get an answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from imserver import Server
from imserver.model import User
from imserver.plugins.booking.messages.shop_texts import ShopTexts
from imserver.plugins.booking.schedule.chain_file import load_chain
from imserver_client import connect
from tests.booking.support.chains import CHAIN
from tests.plays.seats import LONG_S, Books, PlayClock, Seat, code_of, shown
from tests.support.servers import config

WISH = "/book tomorrow 15:00 eye exam, my name is Ann Lee"
KEPT, TAKEN, BOOKED = "Is this right?", "taken", "You are booked: Thu 19 Nov 15:00"


def chain(people: int, rooms: int) -> str:
    text = CHAIN.format(zone="Asia/Shanghai", hours='["09:00-18:00"]', minutes=30, buffer=0, extra="")
    for number in range(people):
        text += (
            f'\n[[stores.resources]]\nid = "person-{number}"\nkind = "person"\nskills = ["refraction"]\n'
            f'names = {{ zh = "{number}", en = "{number}" }}\n'
        )
    for number in range(rooms):
        text += (
            f'\n[[stores.resources]]\nid = "room-{number}"\nkind = "room"\n'
            f'names = {{ zh = "{number}", en = "{number}" }}\n'
        )
    return text.replace('words = ["试店"]', 'words = ["trial"]')


@asynccontextmanager
async def customers(
    folder: Path, count: int, people: int, rooms: int
) -> AsyncIterator[tuple[list[Seat], Books]]:
    """Everybody in the shop, before the first wish."""
    file = folder / "chain.toml"
    file.write_text(chain(people, rooms), encoding="utf-8")
    # Its words are worked out once in a process, here: while nobody waits, as at the start of a server.
    await asyncio.to_thread(lambda: ShopTexts.of(load_chain(str(file))))
    settings = config(folder, plugins={"booking": {"chain": str(file)}})
    async with Server(settings, clock=PlayClock()) as server, AsyncExitStack() as stack:

        async def come(number: int) -> Seat:
            name = f"c{number}"
            await server.chat.put_user(User(name, f"Customer {number}", "en"))
            token = server.accounts.make_token(name, ttl_s=LONG_S)
            url = f"imserver://127.0.0.1:{server.port}"
            seat = Seat(
                await stack.enter_async_context(connect(url, token=token, device_id=name, timeout=50))
            )
            stack.push_async_callback(seat.close)
            await seat.opens("trial-shop", "/stores trial")
            return seat

        yield await asyncio.gather(*(come(number) for number in range(count))), Books(folder / "chat.db")


async def book(seat: Seat) -> str:
    """Says the wish, and yes if the time is kept. Returns the code, or "" for a polite no with other times."""
    await seat.says(WISH)
    answer = await seat.hears(KEPT, TAKEN)
    if KEPT not in shown(answer):
        assert (answer.content or {})["actions"], "a no comes with other times"
        return ""
    await seat.says("yes")
    return code_of(await seat.hears(BOOKED))


@pytest.mark.timeout(240)
@pytest.mark.parametrize(("count", "people", "rooms"), [(200, 2, 1), (40, 1, 1), (40, 2, 2)])
async def test_of_many_who_want_one_time_as_many_get_it_as_there_is_room_for(
    tmp_path: Path, count: int, people: int, rooms: int
) -> None:
    async with customers(tmp_path, count, people, rooms) as (seats, books):
        codes = await asyncio.gather(*(book(seat) for seat in seats))
        winners = {seat.client.user_id: code for seat, code in zip(seats, codes, strict=True) if code}
        assert len(winners) == min(people, rooms)
        rows = books.appointments()
        assert {customer: code for code, customer, _, _ in rows} == winners
        assert {start for _, _, start, _ in rows} == {"2026-11-19T15:00"}
        for seat in seats:  # "booked" was said to those, and to nobody else
            assert len(seat.heard(BOOKED)) == (seat.client.user_id in winners)
        books.check()
