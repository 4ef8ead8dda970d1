"""Leave: when a person, a room or a device of a shop is away. Rows, so that the next free slot already knows.

Said by staff or written in the chain file; withdrawn leave stays as history. The wall times are the truth: leave from 9 to 12
is that on a day when the clocks change, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from imserver.plugin_api import Transaction

from . import asked
from .asked_by_staff import tell_sheets
from .changes import Origin
from .hours import wall_of, zone_named, zone_of
from .rows import Rows
from .shops import Chain, Shop, leave_walls

#: Leave is looked at so far back: what is over matters to nobody's appointment.
KEPT_DAYS = 1


@dataclass(frozen=True, slots=True)
class Leave:
    """A row of `booking_leaves` that is not withdrawn. [start, end) in wall time of the shop, and in UTC ms."""

    id: int
    resource_id: str
    start_wall: datetime
    end_wall: datetime
    start_at: int
    end_at: int
    note: str = ""

    def covers(self, other_start: int, other_end: int) -> bool:
        return self.start_at <= other_start and other_end <= self.end_at


def bounds(start: datetime, end: datetime, zone: ZoneInfo) -> tuple[int, int]:
    """[start, end) as UTC ms. An edge that daylight saving skips is where the clock goes on; of two that are the same on the
    clock leave begins at the first, and ends at the second."""
    ends = (end.replace(tzinfo=zone, fold=fold).timestamp() for fold in (0, 1))
    return int(start.replace(tzinfo=zone, fold=0).timestamp() * 1000), int(max(ends) * 1000)


def leaves_of(
    tx: Rows, shop: Shop, resource_id: str | None = None, *, since: int | None = None
) -> list[Leave]:
    """What is not over yet (or was not at `since`) of a shop, or of one of its resources, in order."""
    zone = zone_of(shop)
    rows = tx.execute(
        "SELECT id, resource_id, start_wall, end_wall, start_at, end_at, note FROM booking_leaves"
        " WHERE store_id = ? AND resource_id = COALESCE(?, resource_id) AND end_at > ? AND withdrawn_at IS NULL"
        " ORDER BY start_at, id",
        (shop.id, resource_id, tx.now_ms if since is None else since),
    )
    return [
        Leave(
            number,
            name,
            datetime.fromisoformat(start_wall) if start_wall else wall_of(start_at, zone),
            datetime.fromisoformat(end_wall) if end_wall else wall_of(end_at, zone),
            start_at,
            end_at,
            note,
        )
        for number, name, start_wall, end_wall, start_at, end_at, note in rows
    ]


def give(
    tx: Transaction,
    shop: Shop,
    resource_id: str,
    start: datetime,
    end: datetime,
    origin: Origin,
    *,
    note: str = "",
) -> int:
    """Write leave down, and tell of it; the number of its row."""
    asked.tell_days(tx, shop.id, start.date(), end.date())
    tell_sheets(tx, shop.id, start.date(), end.date())
    return _write(tx, shop, resource_id, start, end, origin, note)


def _write(
    tx: Transaction,
    shop: Shop,
    resource_id: str,
    start: datetime,
    end: datetime,
    origin: Origin,
    note: str = "",
    *,
    by_file: bool = False,
) -> int:
    zone = zone_of(shop)
    start_at, end_at = bounds(start, end, zone)
    rows = tx.execute(
        "INSERT INTO booking_leaves (resource_id, start_at, end_at, actor_id, created_at, store_id, zone, start_wall,"
        " end_wall, note, origin, conversation_id, position) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
        (
            resource_id,
            start_at,
            end_at,
            origin.actor_id,
            origin.at,
            shop.id,
            shop.zone,
            start.isoformat(timespec="minutes"),
            end.isoformat(timespec="minutes"),
            note,
            "file" if by_file else "message",
            origin.conversation_id,
            origin.position,
        ),
    )
    return int(rows[0][0])


def withdraw(tx: Transaction, leave_id: int, origin: Origin) -> None:
    """End leave, and tell of it."""
    for store_id, start, end in tx.execute(
        "SELECT store_id, start_wall, end_wall FROM booking_leaves WHERE id = ?", (leave_id,)
    ):
        if start:  # a row from before leave had wall times is of a shop that the chain has no more
            first, last = (datetime.fromisoformat(wall).date() for wall in (start, end))
            asked.tell_days(tx, store_id, first, last)
            tell_sheets(tx, store_id, first, last)
    _withdraw(tx, leave_id, origin)


def _withdraw(tx: Transaction, leave_id: int, origin: Origin) -> None:
    tx.execute(
        "UPDATE booking_leaves SET withdrawn_at = ?, withdrawn_by = ? WHERE id = ? AND withdrawn_at IS NULL",
        (origin.at, origin.actor_id, leave_id),
    )


def take_from_file(tx: Transaction, chain: Chain) -> None:
    """Make the rows of leave that the file names, and withdraw those that it does not name any more. Whoever was called back
    by a message stays so while the file says the same. Writes nothing if all is so already. It tells nobody: a start and an
    import tell of everything."""
    _complete(tx, chain)
    known = {
        (store_id, resource_id, start, end): (number, withdrawn_at)
        for number, store_id, resource_id, start, end, withdrawn_at in tx.execute(
            "SELECT id, store_id, resource_id, start_wall, end_wall, withdrawn_at FROM booking_leaves"
            " WHERE origin = 'file' AND withdrawn_by <> 'file' AND end_at > ?",
            (tx.now_ms - KEPT_DAYS * 24 * 3_600_000,),
        )
    }
    origin = Origin("file", "", 0, tx.now_ms)
    for shop in chain.stores:
        zone = zone_of(shop)
        for resource in shop.resources:
            for text in resource.leave:
                start, end = leave_walls(text)
                if bounds(start, end, zone)[1] <= tx.now_ms:
                    continue
                key = (shop.id, resource.id, *_spelled(start, end))
                if known.pop(key, None) is None:
                    _write(tx, shop, resource.id, start, end, origin, by_file=True)
    for number, withdrawn_at in known.values():
        if withdrawn_at is None:
            _withdraw(tx, number, origin)


def _complete(tx: Transaction, chain: Chain) -> None:
    """Rows from before leave had wall times and a shop."""
    shops = {resource.id: shop for shop in chain.stores for resource in shop.resources}
    for number, resource_id, start_at, end_at in tx.execute(
        "SELECT id, resource_id, start_at, end_at FROM booking_leaves WHERE store_id = ''"
    ):
        shop = shops.get(resource_id)
        if shop is not None:
            zone = zone_named(shop.zone)
            tx.execute(
                "UPDATE booking_leaves SET store_id = ?, zone = ?, start_wall = ?, end_wall = ? WHERE id = ?",
                (shop.id, shop.zone, *_spelled(wall_of(start_at, zone), wall_of(end_at, zone)), number),
            )


def _spelled(start: datetime, end: datetime) -> tuple[str, str]:
    return start.isoformat(timespec="minutes"), end.isoformat(timespec="minutes")


def is_whole_days(start: datetime, end: datetime) -> bool:
    return start.time() == end.time() == datetime.min.time() and end - start >= timedelta(days=1)


def covered(leaves: Sequence[Leave], start_at: int, end_at: int) -> bool:
    """Whether these leaves together leave nothing of a span."""
    at = start_at
    for leave in sorted(leaves, key=lambda one: one.start_at):
        if leave.start_at <= at < leave.end_at:
            at = leave.end_at
    return at >= end_at
