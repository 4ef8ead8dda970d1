"""Opening hours and slot starts in wall time of the shop, and the conversion of wall time to UTC.

A wall time that daylight saving skips does not exist: no slot. One that happens twice is the first of the two.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from .shops import WEEKDAYS, Shop, Week, span_minutes

MINUTE_MS = 60_000
#: How far ahead the search for an opening goes: no timer waits for a longer closure.
MAX_DAYS_TO_OPENING = 60


@lru_cache(maxsize=256)  # a booking asks six times about one start
def utc_ms(wall: datetime, zone: ZoneInfo) -> int | None:
    """UTC milliseconds of a wall time (the first of two), or None if daylight saving skips it."""
    moment = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if moment.astimezone(zone).replace(tzinfo=None, fold=0) != wall:
        return None
    return int(moment.timestamp() * 1000)


def wall_of(at_ms: int, zone: ZoneInfo) -> datetime:
    """Wall time of a moment, to the minute."""
    return datetime.fromtimestamp(at_ms // 1000, zone).replace(tzinfo=None, fold=0, second=0, microsecond=0)


@lru_cache(maxsize=64)
def zone_named(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def zone_of(shop: Shop) -> ZoneInfo:
    return zone_named(shop.zone)


def spans_on(week: Week, exceptions: dict[str, tuple[str, ...]], day: date) -> list[tuple[int, int]]:
    """Opening spans of a day in minutes after midnight; an exception replaces the weekday's spans."""
    texts = exceptions.get(day.isoformat())
    if texts is None:
        texts = getattr(week, WEEKDAYS[day.weekday()])
    return [span_minutes(text) for text in texts]


def shop_spans(shop: Shop, day: date) -> list[tuple[int, int]]:
    return spans_on(shop.hours, shop.exceptions, day)


def moments(zone: ZoneInfo, day: date, span: tuple[int, int]) -> tuple[int, int]:
    """A span as UTC milliseconds. An edge that daylight saving skips is where the clock goes on."""
    return _edge(zone, day, span[0]), _edge(zone, day, span[1])


def _edge(zone: ZoneInfo, day: date, minute: int) -> int:
    wall = datetime.combine(day, time()) + timedelta(minutes=minute)
    return int(wall.replace(tzinfo=zone, fold=0).timestamp() * 1000)


def slot_starts(shop: Shop, day: date, minutes: int) -> Iterator[tuple[datetime, int]]:
    """(wall, UTC ms) of every slot of `minutes` that begins and ends within one opening span of `day`."""
    zone = zone_of(shop)
    midnight = datetime.combine(day, time())
    for span in shop_spans(shop, day):
        opens_at, closes_at = moments(zone, day, span)
        # A span as long as its wall time says has no clock change in it: then starts are plain sums, ten times as fast.
        even = closes_at - opens_at == (span[1] - span[0]) * MINUTE_MS
        for minute in range(*span, shop.slot_step_min):
            wall = midnight + timedelta(minutes=minute)
            start_at = opens_at + (minute - span[0]) * MINUTE_MS if even else utc_ms(wall, zone)
            # The end is judged by elapsed minutes: they run on while the clock is set back.
            if start_at is not None and start_at + minutes * MINUTE_MS <= closes_at:
                yield wall, start_at


def is_start(shop: Shop, wall: datetime, minutes: int) -> bool:
    """Whether a wall time is one of `slot_starts`."""
    zone, day = zone_of(shop), wall.date()
    start_at, minute = utc_ms(wall, zone), wall.hour * 60 + wall.minute
    if start_at is None or wall != datetime.combine(day, time(wall.hour, wall.minute)):
        return False
    return any(
        span[0] <= minute < span[1]
        and (minute - span[0]) % shop.slot_step_min == 0
        and start_at + minutes * MINUTE_MS <= moments(zone, day, span)[1]
        for span in shop_spans(shop, day)
    )


def is_open(shop: Shop, at_ms: int) -> bool:
    zone = zone_of(shop)
    day = wall_of(at_ms, zone).date()
    return any(
        opens <= at_ms < closes for opens, closes in (moments(zone, day, s) for s in shop_spans(shop, day))
    )


def opening_spans(shop: Shop, from_ms: int) -> Iterator[tuple[int, int]]:
    """Opening spans (UTC ms) that end after `from_ms`, in order, for MAX_DAYS_TO_OPENING days."""
    zone = zone_of(shop)
    first = wall_of(from_ms, zone).date()
    for ahead in range(MAX_DAYS_TO_OPENING):
        day = first + timedelta(days=ahead)
        for span in shop_spans(shop, day):
            opens, closes = moments(zone, day, span)
            if closes > from_ms:
                yield opens, closes


def next_opening(shop: Shop, at_ms: int) -> int | None:
    """When the shop next opens after `at_ms` (UTC ms), or None if it does not within MAX_DAYS_TO_OPENING days."""
    return next((opens for opens, _ in opening_spans(shop, at_ms) if opens > at_ms), None)


def after_open_minutes(shop: Shop, at_ms: int, minutes: int) -> int | None:
    """The moment at which `minutes` of opening hours have passed since `at_ms`; None if never."""
    left = minutes * MINUTE_MS
    for opens, closes in opening_spans(shop, at_ms):
        begin = max(opens, at_ms)
        if closes - begin >= left:
            return begin + left
        left -= closes - begin
    return None
