"""A card about an appointment, as a client receives it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class AppointmentCard:
    """A card about an appointment: the texts that a person reads, and the version that it shows."""

    code: str
    version: int
    title: str
    words: str


def appointment_card(content: Mapping[str, Any] | None) -> AppointmentCard | None:
    """The card, if the content is one that refers to an appointment."""
    if content is None or content.get("type") != "card":
        return None
    ref = content.get("ref")
    if not isinstance(ref, Mapping) or ref.get("kind") != "appointment":
        return None
    fields = " ".join(f"{label} {value}" for label, value in content.get("fields", ()))
    words = f"{content.get('text', '')} {fields}"
    return AppointmentCard(str(ref["id"]), int(ref["version"]), str(content.get("title", "")), words)
