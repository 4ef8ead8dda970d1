"""What a chain of shops may not say though its types allow it: an id twice, a span that ends first, a need nobody meets."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date
from zoneinfo import ZoneInfo, available_timezones

from .faults import Fault, Path, close, element
from .shops import (
    CELL_MIN,
    WEEKDAYS,
    Chain,
    Need,
    Resource,
    Service,
    Shop,
    Week,
    can_serve,
    leave_walls,
    span_minutes,
)

#: A day sheet, a list of buttons and a scan over resources stay short: one chat cannot run a larger shop.
MAX_RESOURCES = 64
MAX_SHOPS = 200


def problems(chain: Chain) -> Iterator[Fault]:
    """All faults that the types cannot exclude."""
    if not 1 <= len(chain.stores) <= MAX_SHOPS:
        yield Fault(("stores",), f"between 1 and {MAX_SHOPS} stores are wanted, not {len(chain.stores)}")
    open_ended = [band.below is None for band in chain.age_bands]
    if open_ended != [False] * (len(open_ended) - 1) + [True]:
        yield Fault(("age_bands",), "in order of age, and only the last without `below`")
    yield from _twice(("services",), [service.id for service in chain.services])
    yield from _twice(("age_bands",), [band.id for band in chain.age_bands])
    yield from _twice(("stores",), [shop.id for shop in chain.stores])
    for fault in _twice(("stores", "bot"), [chain.bot, *(shop.bot for shop in chain.stores)]):
        yield Fault(fault.path, f"{fault.text}; the chain and each shop have a bot of their own")
    yield from _twice(("stores", "resources"), [r.id for shop in chain.stores for r in shop.resources])
    for index, service in enumerate(chain.services):
        yield from _service_problems(chain, service, ("services", element(index, service)))
    for index, shop in enumerate(chain.stores):
        yield from shop_problems(chain, shop, ("stores", element(index, shop)))


def _twice(path: Path, ids: list[str]) -> Iterator[Fault]:
    for one in sorted({one for one in ids if one and ids.count(one) > 1}):
        yield Fault(path, f"{one!r} is there twice")


def _service_problems(chain: Chain, service: Service, path: Path) -> Iterator[Fault]:
    lengths: Mapping[Path, int] = {
        ("minutes",): service.minutes,
        ("buffer_min",): service.buffer_min,
        **{("minutes_for", name): minutes for name, minutes in service.minutes_for.items()},
    }
    for field_path, minutes in lengths.items():
        if minutes % CELL_MIN or minutes < 0:
            yield Fault((*path, *field_path), f"{minutes} is not a multiple of {CELL_MIN}")
    bands = {band.id for band in chain.age_bands}
    for key in service.minutes_for:
        if not {*key.split("/")} <= bands | {"new", "returning"}:
            yield Fault((*path, "minutes_for", key), "not an age band, `new`, `returning`, or `band/new`")
    if service.age_band and service.age_band not in bands:
        yield Fault((*path, "age_band"), f"no age band {service.age_band!r}")
    kinds = [need.kind for need in service.needs]
    if len(set(kinds)) != len(kinds) or not kinds:
        # So each need is met independently of the others.
        yield Fault((*path, "needs"), "one need of each kind, at least one")


def shop_problems(chain: Chain, shop: Shop, path: Path) -> Iterator[Fault]:
    """Those of one shop, which stands at `path`."""
    try:
        ZoneInfo(shop.zone)
    except (KeyError, ValueError, OSError):
        yield Fault((*path, "zone"), f"{shop.zone}: no such time zone{zone_meant(shop.zone)}")
    if not 1 <= len(shop.resources) <= MAX_RESOURCES:
        yield Fault(
            (*path, "resources"), f"between 1 and {MAX_RESOURCES} are wanted, not {len(shop.resources)}"
        )
    if shop.slot_step_min % CELL_MIN:
        yield Fault((*path, "slot_step_min"), f"{shop.slot_step_min} is not a multiple of {CELL_MIN}")
    for one in sorted(set(shop.on_call).difference(shop.staff_ids())):
        yield Fault((*path, "on_call"), f"{one} is no `user_id` of the store's staff")
    yield from _week_problems(shop.hours, (*path, "hours"))
    for day, spans in shop.exceptions.items():
        if not is_day(day):
            none = "; there is no such one" if re.fullmatch(r"\d{4}-\d\d-\d\d", day) else ""
            yield Fault((*path, "exceptions", day), f"{day}: a day looks like 2026-12-31{none}")
        yield from _span_problems(spans, (*path, "exceptions", day))
    for index, resource in enumerate(shop.resources):
        yield from _resource_problems(resource, (*path, "resources", element(index, resource)))
    for name in shop.services:
        service = chain.service(name)
        need = None if service is None else missing(shop, service)
        if service is None:
            known = [one.id for one in chain.services]
            yield Fault((*path, "services"), f"no service {name!r}{close(name, known)}")
        elif need is not None:
            what = f"a {need.kind} with the skill {need.skill!r}" if need.skill else f"a {need.kind}"
            yield Fault((*path, "services"), f"{name!r} needs {what}, which the store does not have")


def missing(shop: Shop, service: Service) -> Need | None:
    """A need that no resource of the shop meets."""
    return next((n for n in service.needs if not any(can_serve(r, n) for r in shop.resources)), None)


def _resource_problems(resource: Resource, path: Path) -> Iterator[Fault]:
    yield from _span_problems(resource.breaks, (*path, "breaks"))
    if resource.hours is not None:
        yield from _week_problems(resource.hours, (*path, "hours"))
    for text in resource.leave:
        try:
            begin, end = leave_walls(text)
        except ValueError:
            yield Fault((*path, "leave"), f"{text}: there is no such day or time")
            continue
        if begin >= end:
            yield Fault((*path, "leave"), f"{text}: must end after it begins")


def _week_problems(week: Week, path: Path) -> Iterator[Fault]:
    for day in WEEKDAYS:
        yield from _span_problems(getattr(week, day), (*path, day))


def _span_problems(spans: tuple[str, ...], path: Path) -> Iterator[Fault]:
    end = -1
    for text in spans:
        opens, closes = span_minutes(text)
        if opens >= closes:
            yield Fault(
                path, f"{text}: must end after it begins; past midnight it goes on as a span of the next day"
            )
        elif opens % CELL_MIN or closes % CELL_MIN:
            yield Fault(path, f"{text}: must begin and end in steps of {CELL_MIN} minutes")
        if opens < end:
            yield Fault(path, f"{text}: overlaps the span before it")
        end = closes


def zone_meant(name: str) -> str:
    """What to say of a zone that there is not: `; did you mean Asia/Shanghai?`."""
    zones = sorted(zone for zone in available_timezones() if "/" in zone and not zone.startswith("Etc/"))
    wanted = "_".join(name.split()).lower()
    same = next((zone for zone in zones if wanted in (zone.lower(), zone.lower().rpartition("/")[2])), None)
    near = f"; did you mean {same}?" if same is not None else close(name, zones)
    return near or "; one looks like Asia/Shanghai"


def is_day(text: str) -> bool:
    """Whether this is a day like 2026-12-31, spelled so: a day has one spelling."""
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
