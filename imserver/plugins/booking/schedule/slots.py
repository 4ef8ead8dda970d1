"""Free slots: opening hours, minus absences, minus the cells that are owned.

A day is read with one range of `booking_cells` for each resource of the shop, so its cost does not grow with the number of
appointments. Within a day every resource is two bit masks over 5-minute cells: available and busy.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any, Protocol

from .hours import (
    MINUTE_MS,
    is_start,
    moments,
    shop_spans,
    slot_starts,
    spans_on,
    utc_ms,
    wall_of,
    zone_named,
    zone_of,
)
from .shops import CELL_MIN, Need, Resource, Service, Shop, can_serve, span_minutes

CELL_MS = CELL_MIN * MINUTE_MS
#: Days looked at for "the nearest free slots", after and before the wanted one: a shop that is full for so long is better
#: called, and a search through full days has to fit into a transaction several times.
MAX_DAYS_SEARCHED = 14
MAX_DAYS_BACK = 3
#: Days of different hours whose cells are kept, some 200 bytes each.
MAX_PRESENT = 2_000
#: Services of shops whose resources are kept, sorted out by what they can serve: some kilobytes each.
MAX_SERVING = 512
#: Slots of the wanted day among those that `spread` finds.
SAME_DAY = 2

Statement = tuple[str, tuple[Any, ...]]
"""SQL and its params."""

Cells = tuple[int, int]
"""[first, last) of a run of cells."""

Spans = tuple[tuple[int, int], ...]
"""Minutes after midnight."""


class Query(Protocol):
    """`Transaction.execute`, or anything that reads like it."""

    def __call__(self, sql: str, params: Sequence[Any] = ..., /) -> list[tuple[Any, ...]]: ...


@dataclass(frozen=True, slots=True)
class Slot:
    """A start that can be booked: wall time of the shop and UTC milliseconds."""

    wall: datetime
    start_at: int


@dataclass(frozen=True, slots=True)
class Lane:
    """One resource on one day; bit n of a mask is the n-th cell after `first`."""

    resource: Resource
    first: int
    available: int
    busy: int

    def fits(self, start_at: int, minutes: int, buffer_min: int) -> bool:
        """True if the resource is there throughout, and each cell of the appointment and its buffer is free."""
        at = start_at // CELL_MS - self.first
        if at < 0:
            return False
        work = _bits(at, minutes // CELL_MIN)
        return self.available & work == work and not self.busy & _bits(at, (minutes + buffer_min) // CELL_MIN)


def _bits(at: int, count: int) -> int:
    return ((1 << count) - 1) << at


def free_slots(
    query: Query, shop: Shop, service: Service, day: date, minutes: int, now_ms: int
) -> list[Slot]:
    """Every free start of the day, in order, within lead time and horizon."""
    lanes = _lanes(query, shop, service.needs, day)
    earliest = now_ms + shop.lead_min * MINUTE_MS
    if day > last_day(shop, now_ms):
        return []
    return [
        Slot(wall, start_at)
        for wall, start_at in slot_starts(shop, day, minutes)
        if start_at >= earliest
        and all(any(lane.fits(start_at, minutes, service.buffer_min) for lane in pool) for pool in lanes)
    ]


def pools(
    query: Query, shop: Shop, service: Service, slot: Slot, minutes: int, *, without: int = 0
) -> list[list[Resource]]:
    """For each need of the service the resources that are free at the slot, the least busy of the day first; as if the
    appointment `without` were not."""
    day = slot.wall.date()
    spans = tuple(shop_spans(shop, day))
    if not spans:
        return [[] for _ in service.needs]
    first, last = cells_of_day(shop, day, spans[0])
    serving = _serving(shop, service.needs)
    begin = slot.start_at // CELL_MS
    inside = (begin, begin + (minutes + service.buffer_min) // CELL_MIN)
    given = query(*given_rows(serving.names, (first, last), inside, without))
    away = spans_away(query(*away_rows(serving.names, first * CELL_MS, last * CELL_MS)))
    work = _bits(begin - first, minutes // CELL_MIN) if begin >= first else -1

    def works(one: Resource) -> bool:
        return _available(shop, one, day, spans, first, away) & work == work

    free = set[str]()
    for group in serving.alike:  # one answers for all who are not away
        usual = group - away.keys() if away else group
        if usual and works(serving.by_name[next(iter(usual))]):
            free |= usual
    free.update(name for name in away if works(serving.by_name[name]))
    free.difference_update(name for name, _, touched in given if touched)
    busy = dict.fromkeys(serving.names, 0) | {name: count for name, count, _ in given}
    return [
        [serving.by_name[name] for name in sorted(filter(free.__contains__, pool), key=busy.__getitem__)]
        for pool in serving.pools
    ]


def nearest(
    query: Query,
    shop: Shop,
    service: Service,
    wanted: datetime,
    minutes: int,
    now_ms: int,
    *,
    count: int = 3,
) -> list[Slot]:
    """The free slots nearest to a wall time, the same day's before other days'."""
    today = wall_of(now_ms, zone_of(shop)).date()
    day = min(max(wanted.date(), today), last_day(shop, now_ms))
    found: list[Slot] = []
    for offset in _offsets():
        if day + timedelta(days=offset) < today:
            continue
        slots = free_slots(query, shop, service, day + timedelta(days=offset), minutes, now_ms)
        slots.sort(key=lambda slot: (abs(slot.wall - wanted), slot.wall))
        found += slots[: count - len(found)]
        if len(found) == count:
            break
    return sorted(found, key=lambda slot: slot.start_at)


def spread(
    query: Query,
    shop: Shop,
    service: Service,
    wanted: datetime,
    minutes: int,
    now_ms: int,
    *,
    count: int,
) -> list[Slot]:
    """Free slots to choose from instead of a wall time: the nearest of the same day, an hour apart from each other, then of
    each other day the one nearest to the time of day."""
    today = wall_of(now_ms, zone_of(shop)).date()
    day = min(max(wanted.date(), today), last_day(shop, now_ms))
    found: list[Slot] = []
    for offset in _offsets():
        other = day + timedelta(days=offset)
        if other < today or len(found) >= count:
            continue
        aim = datetime.combine(other, wanted.time())
        slots = free_slots(query, shop, service, other, minutes, now_ms)
        near = sorted(slots, key=lambda slot: (abs(slot.wall - aim), slot.wall))
        for slot in near:
            if all(abs(slot.wall - one.wall) >= timedelta(hours=1) for one in found):
                found.append(slot)
                if offset or sum(one.wall.date() == other for one in found) == SAME_DAY:
                    break
    return sorted(found[:count], key=lambda slot: slot.start_at)


def _offsets() -> Iterable[int]:
    """0, 1, -1, 2, -2, … 13."""
    yield 0
    for distance in range(1, MAX_DAYS_SEARCHED):
        yield distance
        if distance <= MAX_DAYS_BACK:
            yield -distance


def last_day(shop: Shop, now_ms: int) -> date:
    return wall_of(now_ms, zone_of(shop)).date() + timedelta(days=shop.horizon_days)


def open_days(shop: Shop, now_ms: int, count: int) -> list[date]:
    """The next days on which the shop opens at all, today included, within the horizon."""
    today = wall_of(now_ms, zone_of(shop)).date()
    days = (today + timedelta(days=ahead) for ahead in range(min(shop.horizon_days, MAX_DAYS_SEARCHED) + 1))
    found = []
    for day in days:
        spans = shop_spans(shop, day)
        if spans and moments(zone_of(shop), day, spans[-1])[1] > now_ms + shop.lead_min * MINUTE_MS:
            found.append(day)
    return found[:count]


def why_not(shop: Shop, wall: datetime, minutes: int, now_ms: int) -> str | None:
    """The rule that forbids a start, or None: `past`, `lead`, `horizon`, `skipped`, `closed`, `hours`, `step`."""
    start_at = utc_ms(wall, zone_of(shop))
    if start_at is None:
        return "skipped"
    if start_at < now_ms:
        return "past"
    if start_at < now_ms + shop.lead_min * MINUTE_MS:
        return "lead"
    if wall.date() > last_day(shop, now_ms):
        return "horizon"
    spans = shop_spans(shop, wall.date())
    if not spans:
        return "closed"
    if is_start(shop, wall, minutes):
        return None
    minute = wall.hour * 60 + wall.minute
    return "step" if any(a <= minute <= b - minutes for a, b in spans) else "hours"


def _lanes(
    query: Query, shop: Shop, needs: tuple[Need, ...], day: date, without: int = 0
) -> list[list[Lane]]:
    spans = tuple(shop_spans(shop, day))
    if not spans:
        return [[] for _ in needs]
    first, last = cells_of_day(shop, day, spans[0])
    serving = _serving(shop, needs)
    busy = masks(query(*busy_rows(serving.names, first, last, without)), first)
    away = spans_away(query(*away_rows(serving.names, first * CELL_MS, last * CELL_MS)))
    made = {name: lane_of(shop, one, day, spans, first, busy, away) for name, one in serving.by_name.items()}
    return [[made[name] for name in pool] for pool in serving.pools]


@dataclass(frozen=True, slots=True)
class _Serving:
    """Who can serve the needs of a service: for each need the ids of its resources; all of these; and in groups those who
    work the same hours whatever the day: most people, and rooms, work the shop's."""

    pools: list[list[str]]
    by_name: dict[str, Resource]
    names: list[str]
    alike: list[frozenset[str]]


@lru_cache(maxsize=MAX_SERVING)
def _serving(shop: Shop, needs: tuple[Need, ...]) -> _Serving:
    """Worked out once for a chain: a shop may have 64 resources, and each search asks."""
    able = [[one for one in shop.resources if can_serve(one, need)] for need in needs]
    by_name = {one.id: one for pool in able for one in pool}
    alike: dict[object, set[str]] = {}
    for one in by_name.values():
        key = one.breaks if one.hours is None else one.id
        alike.setdefault(key, set()).add(one.id)
    pools = [[one.id for one in pool] for pool in able]
    return _Serving(pools, by_name, list(by_name), list(map(frozenset, alike.values())))


def cells_of_day(shop: Shop, day: date, opens: tuple[int, int]) -> tuple[int, int]:
    """[first, last) cell of a day whose first opening span it is."""
    first = moments(zone_of(shop), day, opens)[0] // CELL_MS
    # The buffer of the last appointment reaches past closing time: a day of cells is always enough.
    return first, first + 2 * 24 * 60 // CELL_MIN


def lane_of(
    shop: Shop,
    resource: Resource,
    day: date,
    spans: Spans,
    first: int,
    busy: Mapping[str, int],
    away: Mapping[str, Sequence[tuple[int, int]]],
) -> Lane:
    """A resource on a day with these opening spans. `busy`, `away`: of all resources, as `masks` and `spans_away` make them."""
    available = _available(shop, resource, day, spans, first, away)
    return Lane(resource, first, available, busy.get(resource.id, 0))


def _available(
    shop: Shop,
    resource: Resource,
    day: date,
    spans: Spans,
    first: int,
    away: Mapping[str, Sequence[tuple[int, int]]],
) -> int:
    """The cells behind `first` in which a resource works and is not away."""
    available = _present(shop.zone, day, spans, _own_spans(resource, day), resource.breaks, first)
    for begin, end in away.get(resource.id, ()):
        available &= ~_between(begin, end, first)
    return available


def present(shop: Shop, resource: Resource, day: date, first: int) -> int:
    """The cells behind `first` in which a resource works: its own hours (or the shop's) within the shop's, without breaks."""
    return _present(
        shop.zone, day, tuple(shop_spans(shop, day)), _own_spans(resource, day), resource.breaks, first
    )


def _own_spans(resource: Resource, day: date) -> Spans | None:
    return None if resource.hours is None else tuple(spans_on(resource.hours, {}, day))


@lru_cache(maxsize=MAX_PRESENT)
def _present(
    zone_name: str, day: date, spans: Spans, own: Spans | None, breaks: tuple[str, ...], first: int
) -> int:
    """Worked out once for everybody who works the same hours (benchmark `reading`: a sixth of the CPU of a booking)."""
    zone = zone_named(zone_name)

    def mask(spans: Iterable[tuple[int, int]]) -> int:
        bits = 0
        for span in spans:
            bits |= _between(*moments(zone, day, span), first)
        return bits

    bits = mask(spans)
    if own is not None:
        bits &= mask(own)
    return bits & ~mask(span_minutes(text) for text in breaks)


def _between(begin_ms: int, end_ms: int, first: int) -> int:
    begin = max(begin_ms // CELL_MS - first, 0)
    end = -(-end_ms // CELL_MS) - first
    return _bits(begin, end - begin) if end > begin else 0


def _marks(values: Sequence[Any]) -> str:
    return ", ".join("?" * len(values))


def busy_rows(resource_ids: list[str], first: int, last: int, without: int = 0) -> Statement:
    """What asks for the cells of [first, last) that resources have given away, but for those of one appointment."""
    sql = (
        f"SELECT resource_id, cell FROM booking_cells WHERE resource_id IN ({_marks(resource_ids)})"  # noqa: S608
        " AND cell >= ? AND cell < ? AND appointment_id <> ?"
    )
    return sql, (*resource_ids, first, last, without)


def given_rows(resource_ids: list[str], day: Cells, inside: Cells, without: int) -> Statement:
    """What counts the cells that resources have given away on a day, and of these inside a span of it, but for those of one
    appointment: of a busy day's thousands none is handed over."""
    sql = (
        "SELECT resource_id, COUNT(*), SUM(CASE WHEN cell >= ? AND cell < ? THEN 1 ELSE 0 END) FROM booking_cells"  # noqa: S608
        f" WHERE resource_id IN ({_marks(resource_ids)}) AND cell >= ? AND cell < ? AND appointment_id <> ?"
        " GROUP BY resource_id"
    )
    return sql, (*inside, *resource_ids, *day, without)


def masks(rows: Iterable[Sequence[Any]], first: int) -> dict[str, int]:
    """Rows of `busy_rows` as bits: bit n is the n-th cell after `first`."""
    busy: dict[str, int] = {}
    for resource_id, cell in rows:
        busy[resource_id] = busy.get(resource_id, 0) | 1 << (cell - first)
    return busy


def away_rows(resource_ids: list[str], begin_ms: int, end_ms: int) -> Statement:
    """What asks for the leave of resources that touches a span of time."""
    sql = (
        f"SELECT resource_id, start_at, end_at FROM booking_leaves WHERE resource_id IN ({_marks(resource_ids)})"  # noqa: S608
        " AND end_at > ? AND start_at < ? AND withdrawn_at IS NULL"
    )
    return sql, (*resource_ids, begin_ms, end_ms)


def spans_away(rows: Iterable[Sequence[Any]]) -> dict[str, list[tuple[int, int]]]:
    """Rows of `away_rows` by resource."""
    away: dict[str, list[tuple[int, int]]] = {}
    for resource_id, start_at, end_at in rows:
        away.setdefault(resource_id, []).append((start_at, end_at))
    return away
