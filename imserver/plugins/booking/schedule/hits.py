"""Which appointments are in the way of a change: those that stand with the shop as it is, and would not as it is to be."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date

from imserver.plugin_api import Transaction

from .appointments import Appointment, resources_of
from .hours import moments, shop_spans, zone_of
from .leave import Leave, leaves_of
from .plans import open_in
from .shops import Chain, Need, Pair, Service, Shop
from .slots import CELL_MS, present
from .status import Status
from .wished_moves import as_wished

_COLUMNS = ", ".join(Appointment.__struct_fields__)


@dataclass(frozen=True, slots=True)
class _Day:
    """A day of a shop: opening spans in UTC ms, and their first cell."""

    spans: list[tuple[int, int]]
    first: int


@dataclass(frozen=True, slots=True)
class Rules:
    """A shop and the leave of its resources."""

    shop: Shop
    leaves: Sequence[Leave] = ()
    #: What was worked out so far: a plan, and a start, ask about many appointments of one day.
    days: dict[date, _Day] = field(default_factory=dict, compare=False, repr=False)

    def on(self, day: date) -> _Day:
        if day not in self.days:
            zone = zone_of(self.shop)
            spans = [moments(zone, day, span) for span in shop_spans(self.shop, day)]
            self.days[day] = _Day(spans, spans[0][0] // CELL_MS if spans else 0)
        return self.days[day]


def stands(rules: Rules, appointment: Appointment, resource_ids: Iterable[str]) -> bool:
    """Whether the shop is open, and everybody and everything that it needs is there, from its start to its end."""
    date_of = appointment.wall.date()
    day = rules.on(date_of)
    start_at, end_at = appointment.start_at, appointment.end_at
    if not any(opens <= start_at and end_at <= closes for opens, closes in day.spans):
        return False
    work = ((1 << (end_at - start_at) // CELL_MS) - 1) << (start_at // CELL_MS - day.first)
    names = set(resource_ids)
    there = [one for one in rules.shop.resources if one.id in names]
    if len(there) < len(names) or any(
        present(rules.shop, one, date_of, day.first) & work != work for one in there
    ):
        return False
    return not any(
        leave.resource_id in names and leave.start_at < end_at and start_at < leave.end_at
        for leave in rules.leaves
    )


def hit(
    tx: Transaction, before: Rules, after: Rules, begin_ms: int, end_ms: int, weekdays: Sequence[int] = ()
) -> list[Appointment]:
    """Live appointments and holds in a span of time that the change is in the way of, in order. Those that an older change is
    in the way of, and whose customers have not answered yet, are among them: they stand there still."""
    asked = {offer.appointment_id for offer in open_in(tx, before.shop.id)}
    found = []
    for appointment in coming(tx, before.shop.id, begin_ms, end_ms):
        if weekdays and appointment.wall.weekday() not in weekdays:
            continue
        used = resources_of(tx, appointment.id)
        if not stands(after, appointment, used) and (
            appointment.id in asked or stands(before, appointment, used)
        ):
            found.append(appointment)
    return found


def wishes_hit(
    tx: Transaction, before: Rules, after: Rules, begin_ms: int, end_ms: int, weekdays: Sequence[int] = ()
) -> list[Appointment]:
    """The same of times that customers have asked to move to and the shop has not answered."""
    rows = tx.execute(
        f"SELECT {_COLUMNS} FROM booking_appointments"  # noqa: S608 - our own names
        " WHERE store_id = ? AND start_at > ? AND status = 'confirmed' AND wish_start_at > ? AND wish_start_at < ?"
        " AND wish_free_at > ? ORDER BY wish_start_at, id",
        (before.shop.id, tx.now_ms, tx.now_ms, end_ms, begin_ms),
    )
    found = []
    for appointment in map(Appointment.of, rows):
        wished, used = as_wished(appointment), appointment.wish_resources.split()
        on_day = not weekdays or wished.wall.weekday() in weekdays
        if on_day and not stands(after, wished, used) and stands(before, wished, used):
            found.append(appointment)
    return found


def coming(tx: Transaction, store_id: str, begin_ms: int, end_ms: int) -> list[Appointment]:
    """Held, pending and confirmed appointments that have not begun and lie in a span of time, in order."""
    rows = tx.execute(
        f"SELECT {_COLUMNS} FROM booking_appointments"  # noqa: S608 - our own names
        " WHERE store_id = ? AND start_at > ? AND start_at < ? AND end_at > ? AND status IN ('held', 'pending', 'confirmed')"
        " ORDER BY start_at, id",
        # start_at bounds the index range: nothing lasts longer than a day.
        (store_id, max(begin_ms - 24 * 3_600_000, tx.now_ms), end_ms, begin_ms),
    )
    return [Appointment.of(row) for row in rows]


def strays(tx: Transaction, chain: Chain, store_id: str) -> list[Appointment]:
    """Coming appointments that the shop cannot serve as it is: their service, people or rooms are gone, or are not there then.
    Not those that a plan of the staff is in the way of: their customers are asked."""
    shop = chain.shop(store_id)
    if shop is None:
        return []
    rules = Rules(shop, leaves_of(tx, shop))
    services = {service.id for service in chain.services}
    asked = {offer.appointment_id for offer in open_in(tx, store_id)}
    used = defaultdict[int, list[str]](list)
    for number, name in tx.execute(
        "SELECT r.appointment_id, r.resource_id FROM booking_appointment_resources r"
        " JOIN booking_appointments a ON a.id = r.appointment_id"
        " WHERE a.store_id = ? AND a.start_at > ? AND a.status IN ('pending', 'confirmed')",
        (store_id, tx.now_ms),
    ):
        used[number].append(name)
    return [
        one
        for one in coming(tx, store_id, tx.now_ms, tx.now_ms + 400 * 24 * 3_600_000)
        if one.status is not Status.HELD
        and (one.service_id not in services or (one.id not in asked and not stands(rules, one, used[one.id])))
    ]


def service_of(tx: Transaction, chain: Chain, shop: Shop, appointment: Appointment) -> Service:
    """The service of an appointment; for one that left the chain a stand-in that needs as much, so that it can be moved."""
    service = chain.service(appointment.service_id)
    if service is not None and all(_met(shop, need) for need in service.needs):
        return service
    used = set(resources_of(tx, appointment.id))
    kinds = [resource.kind for resource in shop.resources if resource.id in used]
    if len(kinds) < len(used):
        here = {resource.kind for resource in shop.resources}
        kinds += [kind for kind in ("person", "room", "device") if kind in here and kind not in kinds]
        kinds = kinds[: len(used)]
    name = appointment.service_id
    return Service(
        name,
        service.names if service is not None else Pair(name, name),
        (),
        appointment.minutes,
        tuple(Need(kind) for kind in dict.fromkeys(kinds or [shop.resources[0].kind])),
        buffer_min=(appointment.free_at - appointment.end_at) // 60_000,
    )


def _met(shop: Shop, need: Need) -> bool:
    return any(
        resource.kind == need.kind and (not need.skill or need.skill in resource.skills)
        for resource in shop.resources
    )
