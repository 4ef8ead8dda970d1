"""Guests: accounts without a form, whom nobody has verified. They may have a part of each day, so that no crowd takes one.

Nobody is refused for being a guest: above a bound the staff confirm. Roles are the server's: `guest`, and `crowded` for one of
very many from one address who came for the same shop.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple

from imserver.plugin_api import User

from .appointments import upcoming
from .hours import shop_spans, utc_ms, zone_of
from .rows import Rows
from .shops import CELL_MIN, Service, Shop, can_serve
from .slots import CELL_MS, Lane, away_rows, cells_of_day, lane_of, masks, spans_away

GUEST, CROWDED = "guest", "crowded"
#: However small the part is: so many of a day may be guests'.
LEAST_SHARE = 2
#: Above so many times the part, guests hold nothing more on that day.
CROWD = 2


def is_guest(rows: Rows, user_id: str) -> bool:
    """Whether nobody has verified an account that was made without a form."""
    user = rows.user(user_id)
    return user is not None and GUEST in user.roles


def called(rows: Rows, user_id: str) -> str:
    """As staff call somebody, in cards and on sheets."""
    user = rows.user(user_id)
    return user_id if user is None else name_of(rows, user)


def name_of(rows: Rows, user: User) -> str:
    """Guests are called what they said when they booked: the name of their account is made up."""
    if GUEST not in user.roles:
        return user.display_name
    said = rows.execute("SELECT name FROM booking_customers WHERE user_id = ?", (user.user_id,))
    return str(said[0][0]) if said and said[0][0] else user.display_name


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
    if shop.guest_confirmation == "staff" or CROWDED in user.roles or _is_strange(rows, shop, customer_id):
        return True
    coming = [one for one in upcoming(rows, customer_id, shop.id) if one.id != but]
    return len(coming) >= shop.guest_upcoming or not has_share(rows, shop, service, wall.date(), minutes, but)


def _is_strange(rows: Rows, shop: Shop, customer_id: str) -> bool:
    """Whether a guest came for another shop than this one, whose people have said yes to nothing of theirs yet.

    Who is `crowded` is counted by address and by the shop that the page names: whoever names others in turn could have as many
    here as at all of them."""
    guest = rows.guest_of(customer_id)
    if guest is None or guest.shop == shop.id:
        return False
    known = rows.execute(
        "SELECT 1 FROM booking_appointments WHERE customer_id = ? AND store_id = ?"
        " AND status IN ('confirmed', 'arrived', 'in_exam', 'done') LIMIT 1",
        (customer_id, shop.id),
    )
    return not known


def has_share(rows: Rows, shop: Shop, service: Service, day: date, minutes: int, but: int) -> bool:
    """Whether one more of this length leaves guests within their part of a day."""
    return part_of(rows, shop, service, day, minutes, but).has_room(_cells(service, minutes))


def is_crowd(rows: Rows, shop: Shop, service: Service, day: date, minutes: int, but: int = 0) -> bool:
    """Whether one more would be above twice their part of a day: what waits for the staff keeps its time, too, and one day's
    staff cannot answer for all of it. From there on the people hear of a wish, and nothing is held for it. `but` does not
    count."""
    part = part_of(rows, shop, service, day, minutes, but)
    return not part.has_room(_cells(service, minutes), CROWD)


class Part(NamedTuple):
    """What guests have of a day, and what they may have. It is time that counts: many short appointments and a few long ones
    are the same day to those who serve it.

    number: their appointments with anybody whom one more would need.  pools: for each need of the service the cells that these
    take of all who can serve it, and the cells that are the guests' part."""

    number: int
    pools: Sequence[tuple[int, int]]

    def has_room(self, cells: int, times: int = 1) -> bool:
        """Whether one more of so many cells leaves them within so many times their part; two at least are always."""
        return self.number < times * LEAST_SHARE or all(
            taken + cells <= times * part for taken, part in self.pools
        )


def part_of(rows: Rows, shop: Shop, service: Service, day: date, minutes: int, but: int) -> Part:
    """The part that matters for one more of this length: `guest_share` of those that fit into what others leave free. It does
    not shrink while guests book. What they wish to move there keeps its time, too, and counts; `but` does not."""
    spans = tuple(shop_spans(shop, day))
    if not spans:
        return Part(0, ())
    first, last = cells_of_day(shop, day, spans[0])
    wanted = {one.id: one for need in service.needs for one in shop.resources if can_serve(one, need)}
    names = list(wanted)
    marks = ", ".join("?" * len(names))
    owned = rows.execute(
        "SELECT c.resource_id, c.cell, c.appointment_id, a.by_guest"  # noqa: S608
        " FROM booking_cells c JOIN booking_appointments a ON a.id = c.appointment_id"
        f" WHERE c.resource_id IN ({marks}) AND c.cell >= ? AND c.cell < ?",
        (*names, first, last),
    )
    busy = masks(((name, cell) for name, cell, _, by_guest in owned if not by_guest), first)
    end = _midnight_behind(shop, day)
    theirs = [
        (name, number) for name, cell, number, by_guest in owned if by_guest and number != but and cell < end
    ]
    taken = Counter(name for name, _ in theirs)
    away = spans_away(rows.execute(*away_rows(names, first * CELL_MS, last * CELL_MS)))
    lanes = {name: lane_of(shop, one, day, spans, first, busy, away) for name, one in wanted.items()}
    length = _cells(service, minutes)
    pools = []
    for need in service.needs:
        able = [one.id for one in shop.resources if can_serve(one, need)]
        fitting = sum(_fitting(lanes[name], length) for name in able)
        pools.append((sum(taken[name] for name in able), fitting * shop.guest_share // 100 * length))
    return Part(len({number for _, number in theirs}), pools)


def _cells(service: Service, minutes: int) -> int:
    """What an appointment takes of each who serves it, its buffer among it."""
    return (minutes + service.buffer_min) // CELL_MIN


def _midnight_behind(shop: Shop, day: date) -> int:
    """The cell in which the next day begins."""
    zone, midnight = zone_of(shop), datetime.combine(day + timedelta(days=1), datetime.min.time())
    at = utc_ms(midnight, zone) or utc_ms(midnight + timedelta(hours=1), zone) or 0
    return at // CELL_MS


def _fitting(lane: Lane, length: int) -> int:
    """How many runs of cells one after the other fit into what a resource has free."""
    free, count, run = lane.available & ~lane.busy, 0, 0
    while free:
        run = run + 1 if free & 1 else 0
        if run == length:
            count, run = count + 1, 0
        free >>= 1
    return count
