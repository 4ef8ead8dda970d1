"""The starts of a day as pages show them: every one that is still to come, for each service whether it is free.

A free start here is free for whoever asks: of a service whose length depends on the person it is the longest that counts. What
is taken is no promise the other way round: somebody whose appointment is shorter may still fit, and the chat offers that.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from imserver.plugins.booking.schedule.asked import Day, Start
from imserver.plugins.booking.schedule.hours import MINUTE_MS, shop_spans, slot_starts, wall_of, zone_of
from imserver.plugins.booking.schedule.shops import Chain, Resource, Service, Shop, can_serve, minutes_of
from imserver.plugins.booking.schedule.slots import (
    CELL_MS,
    Lane,
    Statement,
    away_rows,
    busy_rows,
    cells_of_day,
    lane_of,
    last_day,
    masks,
    spans_away,
)

#: Days of one answer to "which days have free times?".
MAX_DAYS = 31
#: So many free starts or fewer are few.
FEW = 3
FREE, TAKEN, NONE = "1", "0", "-"
#: The one way to write a day: `2026-W47-5` is one of the calendar, too.
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


class Window(NamedTuple):
    """Days of a shop that are read together, with the resources that its services need, and its cells [first, last)."""

    shop: Shop
    resources: tuple[Resource, ...]
    first: int
    last: int

    @property
    def statements(self) -> tuple[Statement, Statement]:
        """What to read for it: cells that are taken, and leave."""
        names = [one.id for one in self.resources]
        return (
            busy_rows(names, self.first, self.last),
            away_rows(names, self.first * CELL_MS, self.last * CELL_MS),
        )


@dataclass(frozen=True, slots=True)
class DayState:
    """A day of a service: `free`, `few`, `full`, or `closed` (also past, and beyond the horizon)."""

    day: str
    state: str


def days_from(first: date, count: int) -> list[date]:
    """`count` days."""
    return [first + timedelta(days=ahead) for ahead in range(count)]


def window(chain: Chain, shop: Shop, days: Sequence[date]) -> Window | None:
    """Days that follow each other; None if the shop opens on none of them."""
    spans = [(day, shop_spans(shop, day)) for day in days]
    cells = [cells_of_day(shop, day, opens[0]) for day, opens in spans if opens]
    if not cells:
        return None
    needs = [need for service in chain.services_of(shop) for need in service.needs]
    wanted = tuple(one for one in shop.resources if any(can_serve(one, need) for need in needs))
    return Window(shop, wanted, cells[0][0], cells[-1][1])


class Occupied:
    """What is taken in a window: the rows of its statements."""

    def __init__(self, span: Window, busy: Iterable[Sequence[Any]], away: Iterable[Sequence[Any]]) -> None:
        self._span = span
        self._away = spans_away(away)
        self._busy = masks(busy, span.first)

    def lanes(self, day: date) -> dict[str, Lane]:
        """Each resource on a day of the window, by id; none if the shop is closed then."""
        shop = self._span.shop
        spans = tuple(shop_spans(shop, day))
        if not spans:
            return {}
        first, last = cells_of_day(shop, day, spans[0])
        ours = (1 << last - first) - 1
        busy = {name: mask >> first - self._span.first & ours for name, mask in self._busy.items()}
        return {
            one.id: lane_of(shop, one, day, spans, first, busy, self._away) for one in self._span.resources
        }


def longest(service: Service) -> int:
    """Minutes of a service for somebody of whom nothing is known."""
    return minutes_of(service, service.age_band, None)


def starts_of(
    shop: Shop, service: Service, day: date, lanes: Mapping[str, Lane], now_ms: int
) -> list[tuple[datetime, int, bool]]:
    """(wall, UTC ms, free) of each start of a service on a day that the shop still takes. One that is too near is left out: it
    is not taken, and nobody can have it."""
    minutes = longest(service)
    if not lanes or day > last_day(shop, now_ms):
        return []
    earliest = now_ms + shop.lead_min * MINUTE_MS
    pools = [[lanes[one.id] for one in shop.resources if can_serve(one, need)] for need in service.needs]
    return [
        (
            wall,
            at,
            all(any(lane.fits(at, minutes, service.buffer_min) for lane in pool) for pool in pools),
        )
        for wall, at in slot_starts(shop, day, minutes)
        if at >= earliest
    ]


def day_of(chain: Chain, shop: Shop, day: date, lanes: Mapping[str, Lane], now_ms: int) -> Day:
    """The answer to `x-booking.day`."""
    services = chain.services_of(shop)
    marks: dict[tuple[datetime, int], list[str]] = {}
    for index, service in enumerate(services):
        for wall, at, free in starts_of(shop, service, day, lanes, now_ms):
            row = marks.setdefault((wall, at), [NONE] * len(services))
            row[index] = FREE if free else TAKEN
    starts = tuple(
        Start(wall.hour * 60 + wall.minute, at, "".join(row))
        for (wall, at), row in sorted(marks.items(), key=lambda item: item[0][1])
    )
    lead = shop.lead_min * MINUTE_MS
    until = starts[0].at - lead + 1 if starts else None
    return Day(
        shop=shop.id,
        day=day.isoformat(),
        zone=shop.zone,
        as_of=now_ms,
        until=until,
        services=tuple(service.id for service in services),
        starts=starts,
    )


def states_of(
    shop: Shop, service: Service, days: Sequence[date], occupied: Occupied | None, now_ms: int
) -> list[DayState]:
    """How each of these days is for one service. `occupied`: of their window; None if all are closed."""
    return [
        DayState(
            day.isoformat(),
            _state(shop, service, day, occupied.lanes(day) if occupied is not None else {}, now_ms),
        )
        for day in days
    ]


def _state(shop: Shop, service: Service, day: date, lanes: Mapping[str, Lane], now_ms: int) -> str:
    starts = starts_of(shop, service, day, lanes, now_ms)
    free = sum(is_free for _, _, is_free in starts)
    if not starts:
        return "closed"
    return "full" if not free else "few" if free <= FEW else "free"


def day_named(text: str) -> date | None:
    """`2026-12-03`; None for anything else, also for other ways to write a day: one day has one name, by which it is kept and
    told of."""
    if _DAY.fullmatch(text) is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def today(shop: Shop, now_ms: int) -> date:
    """The day that it is on the shop's clock."""
    return wall_of(now_ms, zone_of(shop)).date()
