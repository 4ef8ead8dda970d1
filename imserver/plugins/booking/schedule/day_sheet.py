"""What stands on the sheet of a day: its appointments, and who or what is away; the same as text and on the staff's page."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from .appointments import Appointment, between
from .guests import called
from .hours import utc_ms, zone_of
from .leave import Leave, bounds, leaves_of
from .rows import Rows
from .shops import Shop
from .status import LIVE


@dataclass(frozen=True, slots=True)
class Absence:
    """Leave of a resource, as far as it is on the day: [start, end) on the shop's clock, and whether that is all of the day."""

    resource_id: str
    start: datetime
    end: datetime
    note: str
    whole_day: bool

    @property
    def minutes(self) -> tuple[int, int]:
        """[from, to) in minutes of the day."""
        begin = datetime.combine(self.start.date(), time())
        return _minutes(self.start - begin), _minutes(self.end - begin)


def appointments_of(rows: Rows, shop: Shop, day: date) -> list[Appointment]:
    """Those that start on a day, in order, without those that never came to be."""
    zone, begin = zone_of(shop), datetime.combine(day, time())
    edges = [
        utc_ms(wall, zone) or utc_ms(wall + timedelta(hours=1), zone) or 0
        for wall in (begin, begin + timedelta(days=1))
    ]
    return between(rows, shop.id, edges[0], edges[1])


def absences_of(rows: Rows, shop: Shop, day: date) -> list[Absence]:
    """Of what the shop has, in order."""
    begin = datetime.combine(day, time())
    end, known = begin + timedelta(days=1), {one.id for one in shop.resources}
    found = []
    for leave in leaves_of(rows, shop, since=bounds(begin, end, zone_of(shop))[0]):
        start, until = max(leave.start_wall, begin), min(leave.end_wall, end)
        if start < until and leave.resource_id in known:
            whole = (start, until) == (begin, end)
            found.append(Absence(leave.resource_id, start, until, leave.note, whole))
    return found


def away_from(
    leaves: Sequence[Leave], appointment: Appointment, used: Collection[str], now_ms: int
) -> set[str]:
    """Who or what of those that an appointment needs is away then: leave that came behind it, until it is moved."""
    if appointment.status not in LIVE or appointment.end_at <= now_ms:
        return set()
    return {
        one.resource_id
        for one in leaves
        if one.resource_id in used and one.start_at < appointment.end_at and appointment.start_at < one.end_at
    }


def name_on(rows: Rows, appointment: Appointment) -> str:
    """For whom it is: the name that was given, or the customer's."""
    return appointment.for_name or called(rows, appointment.customer_id)


def _minutes(span: timedelta) -> int:
    return span // timedelta(minutes=1)
