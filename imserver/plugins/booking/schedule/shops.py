"""A chain of shops as data: shops, services, resources, opening hours. Its fields are those of the chain file.

Every table forbids unknown fields: a typo is an error, never a silent default.
"""

from __future__ import annotations

from datetime import datetime, time, timedelta
from functools import lru_cache
from typing import Annotated, Literal

from msgspec import Meta, Struct, field

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
#: Cells are 5 minutes, so every start and length is a multiple of that.
CELL_MIN = 5

Id = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
Version = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$")]
SPAN = r"^([01]\d|2[0-3]):[0-5]\d-(([01]\d|2[0-3]):[0-5]\d|24:00)$"
SpanText = Annotated[str, Meta(pattern=SPAN)]
Minutes = Annotated[int, Meta(ge=CELL_MIN, le=480)]
LeaveText = Annotated[
    str,
    Meta(
        pattern=r"^\d{4}-\d\d-\d\d"
        r"( - \d{4}-\d\d-\d\d| \d\d:\d\d-\d\d:\d\d| \d\d:\d\d - \d{4}-\d\d-\d\d \d\d:\d\d)?$"
    ),
]


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
