"""What a page asks of a shop: a day, what is one's own, what is held; and what it posts."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from imserver.plugins.booking.schedule.asked import DAY, MINE, Day, DayParams, Held, Mine, MineParams
from tests.booking.support.shop import Shop

FRIDAY = "2026-11-20"
#: A tap on a free start of that day.
START = f"/book exam {FRIDAY} 15:00"


async def day(shop: Shop, user_id: str = "ming", text: str = FRIDAY, store: str = "garden") -> Day:
    answer = await shop.kit.call(DAY, user_id, DayParams(store, text))
    assert answer.day is not None
    return answer.day


async def mine(shop: Shop, user_id: str) -> Mine:
    return (await shop.kit.call(MINE, user_id, MineParams())).mine


async def get(shop: Shop, path: str, status: int = 200, **more: Any) -> Any:
    answer = await shop.kit.http("GET", f"/x/booking/{path}", **more)
    assert answer.status == status, answer.body
    return json.loads(answer.body)


def free(told: Day, service: str = "exam") -> list[str]:
    index = told.services.index(service)
    return [f"{one.minute // 60:02}:{one.minute % 60:02}" for one in told.starts if one.marks[index] == "1"]


def without_time(told: Any) -> Any:
    """An answer but for the moment that it is of."""
    return msgspec.structs.replace(told, as_of=0, until=None)


async def held(shop: Shop, user_id: str) -> Held:
    kept = (await mine(shop, user_id)).held
    assert kept is not None
    return kept
