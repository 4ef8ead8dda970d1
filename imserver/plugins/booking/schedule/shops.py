"""A chain of shops as data: shops, services, resources, opening hours, read from one TOML file and checked with paths.

Every table forbids unknown fields: a typo is an error, never a silent default.

`chain = "demo"` in `[plugins.booking]` is the file that ships with the plugin; anything with a `.toml` ending is a path.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date
from functools import cache
from importlib import resources
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Meta, Struct, field

from imserver.plugin_api import PluginError, read_named_file

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
#: Cells are 5 minutes, so every start and length is a multiple of that.
CELL_MIN = 5
#: A day sheet, a list of buttons and a scan over resources stay short: one chat cannot run a larger shop.
MAX_RESOURCES = 64
MAX_SHOPS = 200
#: The field of the configuration that names the file.
CHAIN_FIELD = "$.plugins.booking.chain"

Id = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
SpanText = Annotated[str, Meta(pattern=r"^([01]\d|2[0-3]):[0-5]\d-(([01]\d|2[0-3]):[0-5]\d|24:00)$")]
Minutes = Annotated[int, Meta(ge=CELL_MIN, le=480)]


class ChainError(PluginError):
    """The chain file is wrong; the text begins with the path of the field."""


class Pair(Struct, frozen=True, forbid_unknown_fields=True):
    """A text in the two languages."""

    zh: str
    en: str

    def in_language(self, language: str) -> str:
        return self.zh if language == "zh" else self.en


class Week(Struct, frozen=True, forbid_unknown_fields=True):
    """Spans of each weekday, `"10:00-20:00"`; several a day are several entries; none means closed."""

    mon: tuple[SpanText, ...] = ()
    tue: tuple[SpanText, ...] = ()
    wed: tuple[SpanText, ...] = ()
    thu: tuple[SpanText, ...] = ()
    fri: tuple[SpanText, ...] = ()
    sat: tuple[SpanText, ...] = ()
    sun: tuple[SpanText, ...] = ()


class AgeBand(Struct, frozen=True, forbid_unknown_fields=True):
    """`below`: ages under it belong here (the last band has none). `guardian`: a parent comes along."""

    id: Id
    names: Pair
    words: tuple[str, ...]
    below: int | None = None
    guardian: bool = False
    presbyopia: bool = False


class Need(Struct, frozen=True, forbid_unknown_fields=True):
    """One resource of a kind: a person with a skill, a room, a device."""

    kind: Literal["person", "room", "device"]
    skill: str = ""


class Service(Struct, frozen=True, forbid_unknown_fields=True):
    """What can be booked. `minutes_for` refines `minutes` by age band and new/returning: `child`, `new`, `child/new`."""

    id: Id
    names: Pair
    words: tuple[str, ...]
    minutes: Minutes
    needs: tuple[Need, ...]
    buffer_min: int = 0
    minutes_for: dict[str, Minutes] = field(default_factory=dict)
    #: The band is clear from the service (a child exam): not asked.
    age_band: str = ""
    asks_age: bool = True
    asks_first_visit: bool = True
    #: The info pack's advice on contact lenses: stop wearing them before, come with them in, or nothing.
    lenses: Literal["stop", "wear", ""] = ""
    #: The pack asks for old glasses and the last report.
    brings_old_pair: bool = False
    #: May need dilation: said only where the shop has a medical licence.
    dilation: bool = False


class Resource(Struct, frozen=True, forbid_unknown_fields=True):
    """A person, room or device of one shop. `user_id`: the person's account, which is then staff of the shop."""

    id: Id
    kind: Literal["person", "room", "device"]
    names: Pair
    role: Literal["optometrist", "clerk", ""] = ""
    skills: tuple[str, ...] = ()
    user_id: str = ""
    #: None: the shop's own hours.
    hours: Week | None = None
    #: The same every day.
    breaks: tuple[SpanText, ...] = ()


class Answer(Struct, frozen=True, forbid_unknown_fields=True):
    """An answer of a shop to questions with one of these words: `[[stores.answers]]`."""

    words: Annotated[tuple[str, ...], Meta(min_length=1)]
    answer: Annotated[str, Meta(min_length=1, max_length=1000)]
    #: The language that it is given in; without one it answers everybody.
    language: Literal["zh", "en", ""] = ""


class Shop(Struct, frozen=True, forbid_unknown_fields=True):
    """One shop."""

    id: Id
    names: Pair
    zone: str
    bot: str
    address: Pair
    hours: Week
    resources: tuple[Resource, ...]
    words: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    phone: str = ""
    map_link: str = ""
    parking: Pair | None = None
    #: `"2026-12-31" = ["10:00-15:00"]`, `"2027-01-01" = []` is closed.
    exceptions: dict[str, tuple[SpanText, ...]] = field(default_factory=dict)
    slot_step_min: Annotated[int, Meta(ge=CELL_MIN, le=120)] = 15
    lead_min: Annotated[int, Meta(ge=0, le=10_080)] = 60
    horizon_days: Annotated[int, Meta(ge=1, le=366)] = 60
    #: Customers cannot move or cancel later than so many minutes before the start.
    cutoff_min: Annotated[int, Meta(ge=0, le=10_080)] = 120
    hold_s: Annotated[int, Meta(ge=30, le=3_600)] = 180
    #: Coming appointments of one customer in this shop.
    max_upcoming: Annotated[int, Meta(ge=1, le=100)] = 8
    confirmation: Literal["auto", "staff"] = "auto"
    medical_licence: bool = False
    needs_id_card: bool = False
    #: Texts of this shop instead of the catalogue's: `[stores.texts.zh]`, `[stores.texts.en]`.
    texts: dict[Literal["zh", "en"], dict[str, str]] = field(default_factory=dict)
    answers: tuple[Answer, ...] = ()
    #: The number that calls an ambulance; "": that of the zone (`words/emergency.toml`); "none": the texts name none.
    emergency: Annotated[str, Meta(pattern=r"^(?:|none|[0-9]{2,6})$")] = ""
    #: Accounts of staff who are called one by one about an emergency outside opening hours.
    on_call: tuple[str, ...] = ()

    def offers(self, service: Service) -> bool:
        return service.id in self.services

    def staff_ids(self) -> tuple[str, ...]:
        return tuple(resource.user_id for resource in self.resources if resource.user_id)


class Chain(Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file."""

    name: Id
    names: Pair
    #: The bot that a customer talks to before choosing a shop.
    bot: str
    age_bands: tuple[AgeBand, ...]
    services: tuple[Service, ...]
    stores: tuple[Shop, ...]
    #: The language of staff groups.
    staff_language: Literal["zh", "en"] = "zh"

    def shop(self, store_id: str) -> Shop | None:
        return next((shop for shop in self.stores if shop.id == store_id), None)

    def service(self, service_id: str) -> Service | None:
        return next((service for service in self.services if service.id == service_id), None)

    def band(self, band_id: str) -> AgeBand | None:
        return next((band for band in self.age_bands if band.id == band_id), None)

    def band_of_age(self, age: int) -> AgeBand:
        return next(
            (band for band in self.age_bands if band.below is None or age < band.below), self.age_bands[-1]
        )

    def services_of(self, shop: Shop) -> tuple[Service, ...]:
        return tuple(service for service in self.services if shop.offers(service))


def span_minutes(text: str) -> tuple[int, int]:
    """`"10:00-20:00"` as minutes after midnight."""
    opens, closes = text.split("-")
    return _minute(opens), _minute(closes)


def _minute(text: str) -> int:
    return int(text[:2]) * 60 + int(text[3:])


def can_serve(resource: Resource, need: Need) -> bool:
    return resource.kind == need.kind and (not need.skill or need.skill in resource.skills)


def minutes_of(service: Service, band: str, first_visit: bool | None) -> int:
    """Length of an appointment. An unknown fact counts as the longest case, so that a hold never turns out too short."""
    if not service.minutes_for:
        return service.minutes
    bands = (
        [band] if band else ["", *{key.split("/")[0] for key in service.minutes_for} - {"new", "returning"}]
    )
    visits = ["new", "returning"] if first_visit is None else ["new" if first_visit else "returning"]
    return max(_minutes_for(service, one, visit) for one in bands for visit in visits)


def _minutes_for(service: Service, band: str, visit: str) -> int:
    for key in (f"{band}/{visit}", band, visit):
        if key in service.minutes_for:
            return service.minutes_for[key]
    return service.minutes


def load_chain(source: str) -> Chain:
    """The chain file that `[plugins.booking] chain` names. Raises ChainError with the path of the fault, ConfigError for a file
    that cannot be read."""
    if source.endswith(".toml"):
        return parse_chain(read_named_file(source, CHAIN_FIELD), source)
    if not re.fullmatch(r"[a-z0-9-]+", source):
        raise ChainError(f"{CHAIN_FIELD}: {source!r} is neither a .toml file nor a chain that ships")
    return _shipped(source)


@cache
def _shipped(source: str) -> Chain:
    """A chain of this package; read once, as it cannot change."""
    shipped = resources.files("imserver.plugins.booking") / "chains" / f"{source}.toml"
    if not shipped.is_file():
        raise ChainError(f"{CHAIN_FIELD}: no chain {source!r} ships; a path must end in .toml")
    return parse_chain(shipped.read_text(encoding="utf-8"))


def parse_chain(text: str, source: str = "chain") -> Chain:
    """A chain from TOML, completed and checked. Raises ChainError that begins with `source`."""
    try:
        chain = msgspec.toml.decode(text.encode(), type=Chain)
    except (msgspec.DecodeError, UnicodeEncodeError) as error:
        raise ChainError(f"{source}: {error}") from error
    except RecursionError:
        raise ChainError(f"{source}: brackets within brackets without end") from None
    problem = next(_problems(chain), None)
    if problem is not None:
        raise ChainError(f"{source}: {problem}")
    return msgspec.structs.replace(chain, stores=tuple(_with_services(chain, shop) for shop in chain.stores))


def _with_services(chain: Chain, shop: Shop) -> Shop:
    """A shop that lists no services offers all that its resources can serve."""
    served = tuple(service.id for service in chain.services if _missing(shop, service) is None)
    return msgspec.structs.replace(shop, services=shop.services or served)


def _missing(shop: Shop, service: Service) -> Need | None:
    """A need that no resource of the shop meets."""
    return next((n for n in service.needs if not any(can_serve(r, n) for r in shop.resources)), None)


def _problems(chain: Chain) -> Iterator[str]:
    """The faults that the types cannot exclude, each with its path."""
    if not 1 <= len(chain.stores) <= MAX_SHOPS:
        yield f"$.stores: between 1 and {MAX_SHOPS} stores, not {len(chain.stores)}"
    if (
        not chain.age_bands
        or [band.below is None for band in chain.age_bands].index(True) != len(chain.age_bands) - 1
    ):
        yield "$.age_bands: in order of age, and only the last without `below`"
    yield from _twice("$.services", [service.id for service in chain.services])
    yield from _twice("$.age_bands", [band.id for band in chain.age_bands])
    yield from _twice("$.stores", [shop.id for shop in chain.stores])
    yield from _twice("$.stores[].bot", [chain.bot, *(shop.bot for shop in chain.stores)])
    yield from _twice("$.stores[].resources", [r.id for shop in chain.stores for r in shop.resources])
    for index, service in enumerate(chain.services):
        yield from _service_problems(chain, service, f"$.services[{index}]")
    for index, shop in enumerate(chain.stores):
        yield from _shop_problems(chain, shop, f"$.stores[{index}]")


def _twice(path: str, ids: list[str]) -> Iterator[str]:
    for one in sorted({one for one in ids if ids.count(one) > 1}):
        yield f"{path}: {one!r} is there twice"


def _service_problems(chain: Chain, service: Service, path: str) -> Iterator[str]:
    lengths: Mapping[str, int] = {
        "minutes": service.minutes,
        "buffer_min": service.buffer_min,
        **service.minutes_for,
    }
    for name, minutes in lengths.items():
        if minutes % CELL_MIN or minutes < 0:
            yield f"{path}.{name}: {minutes} is not a multiple of {CELL_MIN}"
    bands = {band.id for band in chain.age_bands}
    for key in service.minutes_for:
        if not {*key.split("/")} <= bands | {"new", "returning"}:
            yield f"{path}.minutes_for.{key}: not an age band, `new`, `returning`, or `band/new`"
    if service.age_band and service.age_band not in bands:
        yield f"{path}.age_band: no age band {service.age_band!r}"
    kinds = [need.kind for need in service.needs]
    if len(set(kinds)) != len(kinds) or not kinds:
        yield f"{path}.needs: one need of each kind, at least one"  # so each need is met independently of the others


def _shop_problems(chain: Chain, shop: Shop, path: str) -> Iterator[str]:
    try:
        ZoneInfo(shop.zone)
    except (KeyError, ValueError, OSError):
        yield f"{path}.zone: no time zone {shop.zone!r}"
    if not 1 <= len(shop.resources) <= MAX_RESOURCES:
        yield f"{path}.resources: between 1 and {MAX_RESOURCES}"
    if shop.slot_step_min % CELL_MIN:
        yield f"{path}.slot_step_min: {shop.slot_step_min} is not a multiple of {CELL_MIN}"
    strangers = set(shop.on_call).difference(shop.staff_ids())
    yield from (f"{path}.on_call: {one!r} is no `user_id` of the store's staff" for one in sorted(strangers))
    yield from _week_problems(shop.hours, f"{path}.hours")
    for day, spans in shop.exceptions.items():
        try:
            date.fromisoformat(day)
        except ValueError:
            yield f"{path}.exceptions: {day!r} is not a day like 2026-12-31"
        yield from _span_problems(spans, f"{path}.exceptions.{day}")
    for index, resource in enumerate(shop.resources):
        yield from _span_problems(resource.breaks, f"{path}.resources[{index}].breaks")
        if resource.hours is not None:
            yield from _week_problems(resource.hours, f"{path}.resources[{index}].hours")
    for name in shop.services:
        service = chain.service(name)
        need = None if service is None else _missing(shop, service)
        if service is None:
            yield f"{path}.services: no service {name!r}"
        elif need is not None:
            yield f"{path}.services: {name!r} needs a {need.kind} {need.skill!r} that the store does not have"


def _week_problems(week: Week, path: str) -> Iterator[str]:
    for day in WEEKDAYS:
        yield from _span_problems(getattr(week, day), f"{path}.{day}")


def _span_problems(spans: tuple[str, ...], path: str) -> Iterator[str]:
    end = -1
    for index, text in enumerate(spans):
        opens, closes = span_minutes(text)
        if opens >= closes or opens % CELL_MIN or closes % CELL_MIN:
            yield f"{path}[{index}]: {text!r} must end after it begins, in steps of {CELL_MIN} minutes"
        if opens < end:
            yield f"{path}[{index}]: {text!r} overlaps the span before it"
        end = closes
