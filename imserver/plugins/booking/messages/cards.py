"""Cards: message content that a client with buttons draws, and one without them shows as text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from imserver.plugins.booking.schedule.appointments import Appointment
from imserver.plugins.booking.schedule.shops import Chain, Shop
from imserver.plugins.booking.schedule.status import Status

from .texts import Words

#: Buttons of one card. More than a chain's shops in one city would not be read anyway; a card stays far below 32 KiB.
MAX_ACTIONS = 50

CHANGEABLE = frozenset({Status.PENDING, Status.CONFIRMED})
#: The next steps of staff, by status: (text of the button, command).
_STAFF_STEPS: dict[Status, tuple[str, ...]] = {
    Status.PENDING: ("confirm", "cancel"),
    Status.CONFIRMED: ("arrive", "no_show"),
    Status.ARRIVED: ("start", "undo"),
    Status.IN_EXAM: ("finish", "undo"),
    Status.DONE: ("undo",),
    Status.NO_SHOW: ("undo",),
}
#: The same of one whose customer has asked for another time.
_WISH_STEPS = ("confirm", "decline", "arrive")


@dataclass(frozen=True, slots=True)
class Option:
    """A button: tapping it posts `command` as a message. Typing its number does the same."""

    label: str
    command: str
    style: str = "default"


def card(
    title: str,
    text: str = "",
    fields: Sequence[tuple[str, str]] = (),
    options: Sequence[Option] = (),
    ref: tuple[str, str, int] | None = None,
) -> dict[str, Any]:
    """A card's content, with the keys of the SPEC, "Content". The host looks whether it is right when it is posted; made by way
    of `Card` it would be looked at twice (benchmark `booking`)."""
    content: dict[str, Any] = {
        "type": "card",
        "title": title,
        "text": text,
        "fields": [[label, value] for label, value in fields],
        "actions": [
            {"label": one.label, "command": one.command, "style": one.style} for one in options[:MAX_ACTIONS]
        ],
    }
    if ref is not None:
        kind, number, version = ref
        content["ref"] = {"kind": kind, "id": number, "version": version}
    return content


def numbered(words: Words, options: Sequence[Option]) -> str:
    """The options as lines, for users who type."""
    return "\n".join(
        words("option", number=number, label=option.label)
        for number, option in enumerate(options[:MAX_ACTIONS], 1)
    )


def question(
    words: Words, title: str, text: str, options: Sequence[Option], fields: Sequence[tuple[str, str]] = ()
) -> dict[str, Any]:
    """A card that asks: text, the numbered options, buttons."""
    lines = numbered(words, options)
    return card(title, f"{text}\n{lines}" if lines and text else text or lines, fields, options)


def person_fields(
    words: Words, chain: Chain, name: str, person: str = "", age_band: str = ""
) -> list[tuple[str, str]]:
    """For whom something is, as far as it is known: the name, how the customer called them, the age."""
    band = chain.band(age_band)
    known = (
        ("field.name", name),
        ("field.person", person),
        ("field.age", band.names.in_language(words.language) if band is not None else ""),
    )
    return [(words(key), value) for key, value in known if value]


def appointment_fields(
    words: Words, chain: Chain, shop: Shop, appointment: Appointment, people: Sequence[str] = ()
) -> list[tuple[str, str]]:
    """The facts of an appointment, with labels."""
    service = chain.service(appointment.service_id)
    fields = [
        (words("field.store"), shop.names.in_language(words.language)),
        (
            words("field.service"),
            service.names.in_language(words.language) if service else appointment.service_id,
        ),
        (words("field.when"), words.moment(appointment.wall)),
        (words("field.length"), words("minutes", minutes=appointment.minutes)),
    ]
    fields += person_fields(words, chain, appointment.for_name, appointment.person, appointment.age_band)
    with_whom = next((one for one in shop.resources if one.id in people and one.kind == "person"), None)
    if with_whom is not None:
        fields.append((words("field.with"), with_whom.names.in_language(words.language)))
    if appointment.note:
        fields.append((words("field.note"), appointment.note))
    if appointment.wished is not None:
        fields.append((words("field.wish"), words.moment(appointment.wished)))
    fields.append((words("field.code"), appointment.code))
    return fields


def appointment_card(
    words: Words, chain: Chain, shop: Shop, appointment: Appointment, people: Sequence[str] = ()
) -> dict[str, Any]:
    """The customer's card of an appointment in its current state."""
    text = words(
        f"status_text.{appointment.status}",
        when=words.moment(appointment.wall),
        store=shop.names.in_language(words.language),
        code=appointment.code,
    )
    return card(
        words(f"status.{appointment.status}"),
        text,
        appointment_fields(words, chain, shop, appointment, people),
        change_options(words, appointment),
        ("appointment", appointment.code, appointment.version),
    )


def change_options(words: Words, appointment: Appointment) -> list[Option]:
    """Buttons to move or cancel, if its status allows that; they carry the version."""
    if appointment.status not in CHANGEABLE:
        return []
    return [
        Option(
            words(f"button.{name}"),
            f"{words(f'command.{name}')} {appointment.code} v{appointment.version}",
            style,
        )
        for name, style in (("move", "default"), ("cancel", "danger"))
    ] + [Option(words("button.info"), words("command.info"))]


def staff_options(words: Words, appointment: Appointment) -> list[Option]:
    """Buttons for the next steps of staff with an appointment."""
    return [
        Option(
            words(f"button.{name}"), f"{words(f'command.{name}')} {appointment.code} v{appointment.version}"
        )
        for name in (_WISH_STEPS if appointment.wish_wall else _STAFF_STEPS.get(appointment.status, ()))
    ]
