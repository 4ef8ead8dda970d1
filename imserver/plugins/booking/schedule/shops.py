"""A chain of shops as data: shops, services, resources, opening hours, read from one TOML file and checked with paths.

Every table forbids unknown fields: a typo is an error, never a silent default.

`chain = "demo"` in `[plugins.booking]` is the file that ships with the plugin; anything with a `.toml` ending is a path.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from datetime import date, datetime, time, timedelta
from functools import cache, lru_cache
from importlib import resources
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, available_timezones

import msgspec
from msgspec import Meta, Struct, field

from imserver.plugin_api import PluginError, read_named_file

from .faults import Fault, Meant, Path, apart, close, element, read
from .toml_faults import toml_fault

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
#: Cells are 5 minutes, so every start and length is a multiple of that.
CELL_MIN = 5
#: A day sheet, a list of buttons and a scan over resources stay short: one chat cannot run a larger shop.
MAX_RESOURCES = 64
MAX_SHOPS = 200
#: Some editors put it before a text.
BYTE_ORDER_MARK = "\ufeff"
#: The field of the configuration that names the file.
CHAIN_FIELD = "$.plugins.booking.chain"

Id = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
Version = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$")]
_SPAN = r"^([01]\d|2[0-3]):[0-5]\d-(([01]\d|2[0-3]):[0-5]\d|24:00)$"
SpanText = Annotated[str, Meta(pattern=_SPAN)]
Minutes = Annotated[int, Meta(ge=CELL_MIN, le=480)]
LeaveText = Annotated[
    str,
    Meta(
        pattern=r"^\d{4}-\d\d-\d\d"
        r"( - \d{4}-\d\d-\d\d| \d\d:\d\d-\d\d:\d\d| \d\d:\d\d - \d{4}-\d\d-\d\d \d\d:\d\d)?$"
    ),
]
#: What is wanted where one of these stands, for people who wrote something else.
WANTED: Mapping[Any, str] = {
    Id: "an id is small letters, digits and hyphens, such as garden-2",
    Version: "a version is letters, digits, dots and hyphens, such as 2026-1",
    SpanText: "a span looks like 09:00-14:00",
    LeaveText: "leave looks like 2026-12-04, 2026-12-04 13:00-18:00 or 2026-12-04 - 2026-12-08",
}


#: Signs that look like those of a span.
_SPAN_SIGNS = str.maketrans("：﹕．.–—－~～至到", "::::-------")
_LOOSE_SPAN = re.compile(r"(\d{1,2}):?(\d\d)-(\d{1,2}):?(\d\d)")


def _meant_span(text: str) -> str:
    """`9:00-19:00`, `09：00–19：00`, `0900-1900` as a span; "" if it is none of these."""
    found = _LOOSE_SPAN.fullmatch("".join(text.translate(_SPAN_SIGNS).split()))
    if found is None:
        return ""
    span = f"{int(found[1]):02d}:{found[2]}-{int(found[3]):02d}:{found[4]}"
    return span if re.fullmatch(_SPAN, span) else ""


def _meant_id(text: str) -> str:
    """A name as an id: `Main Street` is `main-street`."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:40].strip("-")


MEANT: Mapping[Any, Meant] = {SpanText: _meant_span, Id: _meant_id}


class ChainError(PluginError):
    """The chain file is wrong: the text says where, and what is wanted there."""


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
    #: Makes sign-in links for the shop's staff: `/link`.
    admin: bool = False
    #: None: the shop's own hours.
    hours: Week | None = None
    #: The same every day.
    breaks: tuple[SpanText, ...] = ()
    #: Away: `2026-12-04`, `2026-12-04 13:00-18:00`, `2026-12-04 - 2026-12-08` (whole days, the last one too).
    leave: tuple[LeaveText, ...] = ()


class Answer(Struct, frozen=True, forbid_unknown_fields=True):
    """An answer of a shop to questions with one of these words: `[[stores.answers]]`."""

    words: Annotated[tuple[str, ...], Meta(min_length=1)]
    answer: Annotated[str, Meta(min_length=1, max_length=1000)]
    #: The language that it is given in; without one it answers everybody.
    language: Literal["zh", "en", ""] = ""


class ConsentText(Struct, frozen=True, forbid_unknown_fields=True):
    """What customers agree to, in the two languages. Other words are another version: whoever agreed before is asked again."""

    version: Version
    zh: Annotated[str, Meta(min_length=1, max_length=4000)]
    en: Annotated[str, Meta(min_length=1, max_length=4000)]


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
    #: What the page asks customers to agree to; None: the text that ships. `asks_consent = false`: nothing.
    consent: ConsentText | None = None
    asks_consent: bool = True
    #: Guests whom nobody has verified: confirmed like everybody (`auto`) or by the staff, and the part of a day's free times
    #: that they may have together, in percent. Above it the staff confirm.
    guest_confirmation: Literal["auto", "staff"] = "auto"
    guest_share: Annotated[int, Meta(ge=0, le=100)] = 30
    #: Coming appointments of one guest in this shop; above that the staff confirm.
    guest_upcoming: Annotated[int, Meta(ge=0, le=100)] = 2

    def __hash__(self) -> int:
        """As a chain's."""
        return hash(self.id)

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

    def __hash__(self) -> int:
        """What holds mappings has none of its own; two chains of one name are told apart by comparing them."""
        return hash(self.name)

    def shop(self, store_id: str) -> Shop | None:
        return next((shop for shop in self.stores if shop.id == store_id), None)

    def service(self, service_id: str) -> Service | None:
        return next((service for service in self.services if service.id == service_id), None)

    def band(self, band_id: str) -> AgeBand | None:
        return next((band for band in self.age_bands if band.id == band_id), None)

    def service_for_band(self, service: Service, band_id: str) -> Service:
        """The service of that age band that this one is for everybody else (验光: 儿童验光), or the service itself."""
        if service.age_band:
            return service
        own = (one for one in self.services if one.age_band == band_id and band_id)
        return next((one for one in own if _is_kind_of(one, service)), service)

    def band_of_age(self, age: int) -> AgeBand:
        return next(
            (band for band in self.age_bands if band.below is None or age < band.below), self.age_bands[-1]
        )

    def services_of(self, shop: Shop) -> tuple[Service, ...]:
        return tuple(service for service in self.services if shop.offers(service))


def _is_kind_of(one: Service, plain: Service) -> bool:
    """Whether a service is called by a word of another, and more: 儿童验光 is a kind of 验光."""
    return any(
        f" {word} " in f" {other} " or (not word.isascii() and word in other)
        for word in plain.words
        for other in one.words
        if other != word
    )


@lru_cache(maxsize=1_000)
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


def leave_walls(text: str) -> tuple[datetime, datetime]:
    """A `LeaveText` as wall times: the first minute away, and the first one back. Raises ValueError."""
    first, _, last = text.partition(" - ")
    if not last and "-" in first[10:]:  # one day, from one time to another
        begins, ends = first[11:].split("-")
        first, last = f"{first[:10]} {begins}", f"{first[:10]} {ends}"
    begin = datetime.fromisoformat(first)
    end = datetime.fromisoformat(last or first)
    if " " not in first:
        end = datetime.combine(end.date(), time()) + timedelta(days=1)
    return begin, end


def leave_text(begin: datetime, end: datetime) -> str:
    """The other way round: the shortest text for these wall times."""
    if begin.time() == end.time() == time() and begin < end:
        last = end.date() - timedelta(days=1)
        return f"{begin:%Y-%m-%d}" if last == begin.date() else f"{begin:%Y-%m-%d} - {last}"
    if begin.date() == end.date():
        return f"{begin:%Y-%m-%d %H:%M}-{end:%H:%M}"
    return f"{begin:%Y-%m-%d %H:%M} - {end:%Y-%m-%d %H:%M}"


def load_chain(source: str) -> Chain:
    """The chain file that `[plugins.booking] chain` names. Raises ChainError with the path of the fault, ConfigError for a file
    that cannot be read."""
    return _shipped(source) if not source.endswith(".toml") else parse_chain(read_source(source), source)


def read_source(source: str) -> str:
    """The text that `[plugins.booking] chain` names. Raises ChainError, or ConfigError for a file that cannot be read."""
    if source.endswith(".toml"):
        return read_named_file(source, CHAIN_FIELD)
    if not re.fullmatch(r"[a-z0-9-]{1,64}", source):
        raise ChainError(f"{CHAIN_FIELD}: {source!r} is neither a .toml file nor a chain that ships")
    shipped = resources.files("imserver.plugins.booking") / "chains" / f"{source}.toml"
    if not shipped.is_file():
        raise ChainError(f"{CHAIN_FIELD}: no chain {source!r} ships; a path must end in .toml")
    return shipped.read_text(encoding="utf-8")


@cache
def _shipped(source: str) -> Chain:
    """A chain of this package; read once, as it cannot change."""
    return parse_chain(read_source(source), source)


def parse_chain(text: str, source: str = "chain") -> Chain:
    """A chain from TOML, completed and checked. Raises ChainError that begins with `source`."""
    chain, faults = chain_of(parse_tree(text, source))
    if faults:
        raise chain_error(source, faults)
    return chain


def chain_error(source: str, faults: list[Fault]) -> ChainError:
    """The first fault, and how many more there are."""
    more = f" (and {len(faults) - 1} more; `imserver booking check` says all)" if len(faults) > 1 else ""
    return ChainError(f"{source}: {faults[0]}{more}")


def parse_tree(text: str, source: str = "chain") -> dict[str, Any]:
    """The file as plain maps and lists. Raises ChainError that begins with `source`."""
    text = text.removeprefix(BYTE_ORDER_MARK)
    if not text.strip():
        raise ChainError(f"{source}: is empty; `imserver booking init` writes a chain file to begin with")
    try:
        text.encode()
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ChainError(f"{source}: {toml_fault(text, error)}") from error
    except UnicodeEncodeError as error:
        raise ChainError(f"{source}: {error}") from error
    except RecursionError:
        raise ChainError(f"{source}: brackets within brackets without end") from None


def chain_of(tree: Mapping[str, Any]) -> tuple[Chain, list[Fault]]:
    """A chain from plain maps and lists, completed, and all that is wrong with it."""
    faults: list[Fault] = []
    try:
        chain = msgspec.convert(tree, Chain)
    except msgspec.ValidationError:
        chain, faults = read(tree, Chain, WANTED, MEANT)
    faults += apart(_problems(chain), faults)
    if faults:
        return chain, faults
    return msgspec.structs.replace(
        chain, stores=tuple(_with_services(chain, shop) for shop in chain.stores)
    ), []


def shop_of(chain: Chain, tree: Mapping[str, Any]) -> tuple[Shop, list[Fault]]:
    """One shop of a chain from plain maps and lists, as `chain_of` does it."""
    shop, faults = read(tree, Shop, WANTED, MEANT)
    path = ("stores", shop.id)
    faults = [Fault((*path, *fault.path), fault.text) for fault in faults]
    faults += apart(_shop_problems(chain, shop, path), faults)
    return (shop if faults else _with_services(chain, shop)), faults


def _with_services(chain: Chain, shop: Shop) -> Shop:
    """A shop that lists no services offers all that its resources can serve."""
    served = tuple(service.id for service in chain.services if _missing(shop, service) is None)
    return msgspec.structs.replace(shop, services=shop.services or served)


def _missing(shop: Shop, service: Service) -> Need | None:
    """A need that no resource of the shop meets."""
    return next((n for n in service.needs if not any(can_serve(r, n) for r in shop.resources)), None)


def _problems(chain: Chain) -> Iterator[Fault]:
    """The faults that the types cannot exclude."""
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
        yield from _shop_problems(chain, shop, ("stores", element(index, shop)))


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


def _shop_problems(chain: Chain, shop: Shop, path: Path) -> Iterator[Fault]:
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
        need = None if service is None else _missing(shop, service)
        if service is None:
            known = [one.id for one in chain.services]
            yield Fault((*path, "services"), f"no service {name!r}{close(name, known)}")
        elif need is not None:
            what = f"a {need.kind} with the skill {need.skill!r}" if need.skill else f"a {need.kind}"
            yield Fault((*path, "services"), f"{name!r} needs {what}, which the store does not have")


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
