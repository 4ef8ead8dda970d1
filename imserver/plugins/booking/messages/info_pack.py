"""The info pack after a confirmation (address, parking, things to bring and to mind), and the note that a reminder adds.

It fits the person: first visit and young, presbyopia, a child with a parent; contact lenses by service. Sentences are texts of
the catalogue; this module only chooses them.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from imserver.plugins.booking.schedule.appointments import Appointment
from imserver.plugins.booking.schedule.hours import MINUTE_MS
from imserver.plugins.booking.schedule.shops import Chain, Service, Shop

from . import cards
from .cards import Option
from .texts import Words

LENS_KINDS = ("soft", "rgp", "orthok")
#: By this a page finds the pack of an appointment among the messages behind its card.
REF = "info_pack"


def info_pack(
    words: Words,
    chain: Chain,
    shop: Shop,
    appointment: Appointment,
    lens_kind: str,
    now_ms: int,
    public_url: str = "",
) -> dict[str, Any]:
    """The card that follows a confirmation. `lens_kind`: the kind of the customer's contact lenses, or "" if unknown. `now_ms`:
    how long it may still be changed depends on it. `public_url`: if it is known how people reach the pages, the card has the
    address of the calendar file."""
    service = chain.service(appointment.service_id)
    lines = _notes(words, chain, shop, appointment, service, lens_kind)
    lines.append(_changing(words, shop, appointment, now_ms))
    options = []
    if service is not None and service.lenses == "stop" and not lens_kind:
        options = [
            Option(words(f"lenses.{kind}_label"), f"{words('command.lenses')} {words(f'lenses.{kind}_word')}")
            for kind in LENS_KINDS
        ]
    fields = place_fields(words, shop)
    if public_url:
        fields.append((words("field.calendar"), f"{public_url}{event_path(appointment.code)}"))
    ref = (REF, appointment.code, appointment.version)
    return cards.card(words("info.title"), "\n".join(lines), fields, options, ref)


def event_path(code: str) -> str:
    """The address of an appointment's calendar file."""
    return f"/x/booking/event/{code}.ics"


def place_card(words: Words, shop: Shop, hours: str) -> dict[str, Any]:
    """Address, parking, telephone and hours: what 地址 shows."""
    name = shop.names.in_language(words.language)
    return cards.card(words("info.place_title", store=name), hours, place_fields(words, shop))


def place_fields(words: Words, shop: Shop) -> list[tuple[str, str]]:
    """How to find the shop."""
    fields = [(words("field.address"), shop.address.in_language(words.language))]
    if shop.parking is not None:
        fields.append((words("field.parking"), shop.parking.in_language(words.language)))
    if shop.map_link.startswith(
        ("https:", "http:")
    ):  # others (geo:) open on some phones alone: the page has them as a button
        fields.append((words("field.map"), shop.map_link))
    if shop.phone:
        fields.append((words("field.phone"), shop.phone))
    return fields


def reminder_note(words: Words, chain: Chain, appointment: Appointment, lens_kind: str) -> str:
    """The note of a reminder: the few things that this customer must not forget."""
    service = chain.service(appointment.service_id)
    return "\n".join(_person_notes(words, chain, appointment) + _lens_notes(words, service, lens_kind))


def _notes(
    words: Words,
    chain: Chain,
    shop: Shop,
    appointment: Appointment,
    service: Service | None,
    lens_kind: str,
) -> list[str]:
    lines = []
    if service is not None and service.brings_old_pair:
        lines.append(words("info.bring"))
    if not appointment.first_visit:
        lines.append(words("info.bring_little"))
    if shop.needs_id_card:
        lines.append(words("info.id_card"))
    if appointment.first_visit:
        lines.append(words("info.first_visit"))
    lines += _person_notes(words, chain, appointment)
    lines += _lens_notes(words, service, lens_kind)
    if service is not None and service.dilation and shop.medical_licence:
        lines.append(words("info.dilation"))
    return lines


def _changing(words: Words, shop: Shop, appointment: Appointment, now_ms: int) -> str:
    """Until when its customer may change it; if that is over, what to do instead."""
    if appointment.start_at - now_ms >= shop.cutoff_min * MINUTE_MS:
        until = appointment.wall - timedelta(minutes=shop.cutoff_min)
        return words("info.change", until=words.moment(until))
    return words("info.change_late_phone", phone=shop.phone) if shop.phone else words("info.change_late")


def _person_notes(words: Words, chain: Chain, appointment: Appointment) -> list[str]:
    band = chain.band(appointment.age_band)
    if band is None:
        return []
    notes = [("info.guardian", band.guardian), ("info.presbyopia", band.presbyopia)]
    return [words(key) for key, applies in notes if applies]


def _lens_notes(words: Words, service: Service | None, lens_kind: str) -> list[str]:
    """Of contact lenses: wear them to a re-check; before an exam the kind decides, and only soft ones are left out."""
    if service is None or not service.lenses:
        return []
    if service.lenses == "wear":
        return [words("lenses.wear")]
    return [words(f"lenses.{lens_kind}_before" if lens_kind in LENS_KINDS else "lenses.before")]
