"""What a page shows of one customer: what is kept for them and what the bot asks, and their appointments with what to post."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from imserver.plugins.booking.conversations import ServiceConversation, services_of
from imserver.plugins.booking.customers import customer, language_for
from imserver.plugins.booking.dialogue.holding import MAX_EXTENSIONS
from imserver.plugins.booking.dialogue.state import Dialogue, load_touched
from imserver.plugins.booking.messages.cards import CHANGEABLE
from imserver.plugins.booking.messages.consent_text import consent_of
from imserver.plugins.booking.messages.info_pack import event_path
from imserver.plugins.booking.messages.texts import Words
from imserver.plugins.booking.schedule import consents, guests
from imserver.plugins.booking.schedule.appointments import (
    Appointment,
    get,
    past,
    resources_of,
    upcoming,
)
from imserver.plugins.booking.schedule.asked import (
    Booked,
    Cancelling,
    Facts,
    Held,
    Known,
    Mine,
    Moving,
    Near,
    Place,
    Refused,
)
from imserver.plugins.booking.schedule.hours import MINUTE_MS, utc_ms, zone_of
from imserver.plugins.booking.schedule.plans import open_offers
from imserver.plugins.booking.schedule.rows import Rows
from imserver.plugins.booking.schedule.shops import Shop, minutes_of
from imserver.plugins.booking.schedule.status import Status

from .chains import Served

#: Appointments that are over, the latest first.
PAST_SHOWN = 10


@dataclass(frozen=True, slots=True)
class _Reading:
    """One customer at a moment."""

    rows: Rows
    served: Served
    user_id: str
    language: str
    #: What is open in the conversation with each shop; first where something was said last, which is what a page goes on with.
    open: dict[str, Dialogue]

    def words(self, shop: Shop) -> Words:
        return self.served.catalogue.words(self.language, shop)


def mine_of(rows: Rows, served: Served, user_id: str) -> Mine:
    """The answer to `x-booking.mine`."""
    services = [one for one in services_of(rows, user_id) if served.chain.shop(one.store_id) is not None]
    known = customer(rows, user_id)
    language = language_for(rows, user_id)
    reading = _Reading(rows, served, user_id, language, _open(rows, services, user_id))
    coming = [one for one in upcoming(rows, user_id) if served.chain.shop(one.store_id) is not None]
    over = [one for one in past(rows, user_id, None, PAST_SHOWN) if one not in coming]
    booked = [_booked(reading, one) for one in coming]
    return Mine(
        as_of=rows.now_ms,
        until=_until(reading, coming, booked),
        conversations={one.store_id: one.conversation_id for one in services},
        waiting={one.store_id: one.waiting_since for one in services if one.waiting_since is not None},
        known=Known(
            name=known.name, age=known.age_band, language=language, consent=consents.standing(rows, user_id)
        ),
        held=_held(reading),
        refused=_refused(reading),
        moving=_moving(reading),
        cancelling=_cancelling(reading),
        upcoming=tuple(booked),
        past=tuple(
            _booked(reading, one, is_over=True) for one in over if served.chain.shop(one.store_id) is not None
        ),
    )


def _open(rows: Rows, services: Sequence[ServiceConversation], user_id: str) -> dict[str, Dialogue]:
    found = [(one.store_id, load_touched(rows, one.conversation_id, user_id)) for one in services]
    touched = [(*state, store_id) for store_id, state in found if state is not None]
    return {store_id: state for _, state, store_id in sorted(touched, key=lambda one: -one[0])}


def _until(reading: _Reading, coming: Sequence[Appointment], booked: Sequence[Booked]) -> int | None:
    """When an appointment may not be changed any more, or is over."""
    now_ms = reading.rows.now_ms
    ends = [one.end_at for one in coming]
    for appointment, shown in zip(coming, booked, strict=True):
        shop = reading.served.chain.shop(appointment.store_id)
        if shop is not None and shown.move is not None:
            ends.append(appointment.start_at - shop.cutoff_min * MINUTE_MS + 1)
    return min((end for end in ends if end > now_ms), default=None)


def _held(reading: _Reading) -> Held | None:
    """The start that is kept for the customer's open booking; of several shops the one that was chosen last."""
    found: list[tuple[Appointment, Dialogue]] = []
    for state in reading.open.values():
        draft = state if state.kind == "book" or state.below is None else state.below
        held = get(reading.rows, draft.appointment_id) if draft.appointment_id else None
        if held is not None and held.status is Status.HELD and held.customer_id == reading.user_id:
            found.append((held, draft))
    if not found:
        return None
    held, draft = found[0]
    shop = reading.served.chain.shop(held.store_id)
    if shop is None or held.hold_until is None:
        return None
    words, left = reading.words(shop), MAX_EXTENSIONS - draft.extended
    wanted = consent_of(reading.served.catalogue, shop)
    agreed = wanted is None or consents.standing(reading.rows, reading.user_id).get(shop.id) == wanted.version
    ask = "confirm" if draft.asks_yes else draft.step
    return Held(
        code=held.code,
        version=held.version,
        shop=held.store_id,
        service=held.service_id,
        wall=held.start_wall,
        at=held.start_at,
        minutes=held.minutes,
        until=held.hold_until,
        extensions_left=left,
        confirmation="staff" if _is_by_hand(reading, shop, held, held.wall) else "auto",
        ask=ask if agreed or not draft.asks_yes else "consent",
        facts=_facts(reading, draft),
        form_yes=f"{held.code} v{held.version}",
        confirm=(draft.yes or None) if draft.asks_yes and agreed else None,
        more=f"{words('command.longer')} {held.code}" if left > 0 else None,
        release=f"{words('command.cancel')} {held.code} v{held.version}",
    )


def _facts(reading: _Reading, draft: Dialogue) -> Facts:
    service = reading.served.chain.service(draft.service_id)
    first = draft.first_visit if service is None or service.asks_first_visit else bool(draft.first_visit)
    return Facts(
        name=draft.name,
        age=draft.age_band,
        first_visit=draft.first_visit,
        person=draft.person,
        service=draft.service_id,
        minutes=0 if service is None else minutes_of(service, draft.age_band, first),
    )


def _refused(reading: _Reading) -> Refused | None:
    """The start that the shop could not keep; of several shops the one in which something was said last."""
    for store_id, state in reading.open.items():
        draft = state if state.kind == "book" or state.below is None else state.below
        shop, unkept = reading.served.chain.shop(store_id), draft.unkept
        if draft.kind != "book" or draft.wall or unkept is None or shop is None:
            continue
        near = [(wall, utc_ms(datetime.fromisoformat(wall), zone_of(shop))) for wall in unkept.near]
        return Refused(
            shop=store_id,
            service=unkept.service_id,
            minutes=unkept.minutes,
            wall=unkept.wall,
            why=unkept.why,
            near=tuple(Near(wall=wall, at=at) for wall, at in near if at is not None),
            facts=_facts(reading, draft),
        )
    return None


def _is_by_hand(reading: _Reading, shop: Shop, appointment: Appointment, wall: datetime) -> bool:
    service = reading.served.chain.service(appointment.service_id)
    if service is None:
        return shop.confirmation == "staff"
    who, minutes = appointment.customer_id, appointment.minutes
    return guests.by_hand(reading.rows, shop, service, who, wall, minutes, appointment.id)


def _moving(reading: _Reading) -> Moving | None:
    for state in reading.open.values():
        appointment = get(reading.rows, state.appointment_id) if state.kind == "move" and state.wall else None
        shop = reading.served.chain.shop(appointment.store_id) if appointment is not None else None
        if appointment is None or shop is None or appointment.customer_id != reading.user_id:
            continue
        return Moving(
            code=appointment.code,
            version=appointment.version,
            shop=shop.id,
            service=appointment.service_id,
            minutes=appointment.minutes,
            wall=appointment.start_wall,
            to_wall=state.wall,
            to_at=utc_ms(datetime.fromisoformat(state.wall), zone_of(shop)) or 0,
            confirmation="staff"
            if _is_by_hand(reading, shop, appointment, datetime.fromisoformat(state.wall))
            else "auto",
            confirm=(state.yes or None) if state.asks_yes else None,
            keep="/cancel",  # with a slash: it counts while people talk, too
        )
    return None


def _cancelling(reading: _Reading) -> Cancelling | None:
    for store_id, state in reading.open.items():
        shop = reading.served.chain.shop(store_id)
        if state.kind != "cancel" or shop is None:
            continue
        numbers = [state.appointment_id, *(number for number, _ in state.more)]
        found = [get(reading.rows, number) for number in numbers]
        return Cancelling(
            codes=tuple(one.code for one in found if one is not None),
            confirm=(state.yes or None) if state.asks_yes else None,
            keep=reading.words(shop)("no"),
        )
    return None


def _booked(reading: _Reading, appointment: Appointment, *, is_over: bool = False) -> Booked:
    shop = reading.served.chain.shop(appointment.store_id)
    assert shop is not None
    words, people = reading.words(shop), resources_of(reading.rows, appointment.id)
    named = [one for one in shop.resources if one.id in people and one.kind == "person"]
    late = appointment.start_at - reading.rows.now_ms < shop.cutoff_min * MINUTE_MS
    open_to_change = appointment.status in CHANGEABLE and not is_over
    if open_to_change and late:
        open_to_change = bool(open_offers(reading.rows, appointment.id))
    name = f"{appointment.code} v{appointment.version}"
    position = appointment.card_position
    return Booked(
        code=appointment.code,
        version=appointment.version,
        status=appointment.status.value,
        shop=shop.id,
        service=appointment.service_id,
        wall=appointment.start_wall,
        at=appointment.start_at,
        end=appointment.end_at,
        minutes=appointment.minutes,
        name=appointment.for_name,
        person=appointment.person,
        with_=named[0].names.in_language(reading.language) if named else "",
        wish=appointment.wish_wall or None,
        card=None if position is None else Place(conversation=appointment.conversation_id, position=position),
        move=f"{words('command.move')} {name}" if open_to_change else None,
        cancel=f"{words('command.cancel')} {name}" if open_to_change else None,
        event=event_path(appointment.code),
    )
