"""Guests: accounts without a form, whom nobody has verified. They may have a part of each day, so that no crowd takes one.

Nobody is refused for being a guest: above a bound the staff confirm. Roles are the server's: `guest`, and `crowded` for one of
very many from one address.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta

from .appointments import upcoming
from .hours import shop_spans, utc_ms, zone_of
from .rows import Rows
from .shops import CELL_MIN, Service, Shop, can_serve
from .slots import CELL_MS, Lane, away_rows, cells_of_day, lane_of, masks, spans_away
from .status import OWNING

GUEST, CROWDED = "guest", "crowded"
#: However small the part is: so many of a day may be guests'.
LEAST_SHARE = 2
#: Above so many times the part, guests hold nothing more on that day.
CROWD = 2
_OWNING = ", ".join(f"'{status}'" for status in sorted(OWNING))

_OF_GUESTS = (
    f"FROM booking_appointments WHERE by_guest = 1 AND id <> ? AND status IN ({_OWNING}) AND store_id = ?"
)


def is_guest(rows: Rows, user_id: str) -> bool:
    """Whether nobody has verified an account that was made without a form."""
    user = rows.user(user_id)
    return user is not None and GUEST in user.roles


def by_hand(
    rows: Rows, shop: Shop, service: Service, customer_id: str, wall: datetime, minutes: int, but: int = 0
) -> bool:
    """Whether the staff confirm it: all of this shop's, or this guest's."""
    return shop.confirmation == "staff" or waits_for_staff(
        rows, shop, service, customer_id, wall, minutes, but
    )


def waits_for_staff(
    rows: Rows, shop: Shop, service: Service, customer_id: str, wall: datetime, minutes: int, but: int
) -> bool:
    """Whether the staff confirm what this customer wants at a wall time, though the shop confirms by itself. `but`: the
    appointment that it is about, which does not count against itself."""
    user = rows.user(customer_id)
    if user is None or GUEST not in user.roles:
        return False
    if shop.guest_confirmation == "staff" or CROWDED in user.roles:
        return True
    coming = [one for one in upcoming(rows, customer_id, shop.id) if one.id != but]
    return len(coming) >= shop.guest_upcoming or not has_share(rows, shop, service, wall.date(), minutes, but)


def has_share(rows: Rows, shop: Shop, service: Service, day: date, minutes: int, but: int) -> bool:
    """Whether guests have less of a day together than their part of it."""
    return guests_of(rows, shop, day, but) < share_of(rows, shop, service, day, minutes)


def is_crowd(rows: Rows, shop: Shop, service: Service, day: date, minutes: int, but: int = 0) -> bool:
    """Whether guests have twice their part of a day: what waits for the staff keeps its time, too, and one day's staff cannot
    answer for all of it. From there on the people hear of a wish, and nothing is held for it. `but` does not count."""
    return guests_of(rows, shop, day, but) >= CROWD * share_of(rows, shop, service, day, minutes)


def guests_of(rows: Rows, shop: Shop, day: date, but: int) -> int:
    """What guests hold and have on a day; and what they wish to move there, which keeps its time, too."""
    begin, end = _bounds(shop, day)
    # `start_at` bounds the index for wishes, too: nothing that is over has one.
    ((count,),) = rows.execute(
        f"SELECT (SELECT COUNT(*) {_OF_GUESTS} AND start_at >= ? AND start_at < ?)"
        f" + (SELECT COUNT(*) {_OF_GUESTS} AND start_at >= ? AND NOT (start_at >= ? AND start_at < ?)"
        " AND wish_start_at >= ? AND wish_start_at < ?)",
        (but, shop.id, begin, end, but, shop.id, rows.now_ms, begin, end, begin, end),
    )
    return int(count)


def share_of(rows: Rows, shop: Shop, service: Service, day: date, minutes: int) -> int:
    """How many appointments guests may have on a day: `guest_share` of those that fit into what others leave free, and two at
    least. It does not shrink while guests book."""
    return max(LEAST_SHARE, _room(rows, shop, service, day, minutes) * shop.guest_share // 100)


def _bounds(shop: Shop, day: date) -> tuple[int, int]:
    zone, midnight = zone_of(shop), datetime.combine(day, datetime.min.time())
    edges = [
        utc_ms(wall, zone) or utc_ms(wall + timedelta(hours=1), zone) or 0
        for wall in (midnight, midnight + timedelta(days=1))
    ]
    return edges[0], edges[1]


def _room(rows: Rows, shop: Shop, service: Service, day: date, minutes: int) -> int:
    """How many appointments of this length fit into a day beside those of everybody but guests."""
    spans = tuple(shop_spans(shop, day))
    if not spans:
        return 0
    first, last = cells_of_day(shop, day, spans[0])
    wanted = {one.id: one for need in service.needs for one in shop.resources if can_serve(one, need)}
    names = list(wanted)
    marks = ", ".join("?" * len(names))
    taken = rows.execute(
        "SELECT c.resource_id, c.cell FROM booking_cells c JOIN booking_appointments a ON a.id = c.appointment_id"  # noqa: S608
        f" WHERE c.resource_id IN ({marks}) AND c.cell >= ? AND c.cell < ? AND a.by_guest = 0",
        (*names, first, last),
    )
    busy = masks(taken, first)
    away = spans_away(rows.execute(*away_rows(names, first * CELL_MS, last * CELL_MS)))
    lanes = {name: lane_of(shop, one, day, spans, first, busy, away) for name, one in wanted.items()}
    length = (minutes + service.buffer_min) // CELL_MIN
    pools = [[lanes[one.id] for one in shop.resources if can_serve(one, need)] for need in service.needs]
    return min((sum(_fitting(lane, length) for lane in pool) for pool in pools), default=0)


def _fitting(lane: Lane, length: int) -> int:
    """How many runs of cells one after the other fit into what a resource has free."""
    free, count, run = lane.available & ~lane.busy, 0, 0
    while free:
        run = run + 1 if free & 1 else 0
        if run == length:
            count, run = count + 1, 0
        free >>= 1
    return count
