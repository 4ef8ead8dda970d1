"""The number that calls an ambulance where a shop is, and who of its staff is woken when it is closed."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources

from .shops import Shop

#: `emergency = "none"`: the texts name no number.
NO_NUMBER = "none"


def emergency_number(shop: Shop) -> str:
    """The shop's own, else that of its zone; "" if there is none."""
    if shop.emergency:
        return "" if shop.emergency == NO_NUMBER else shop.emergency
    numbers = _load_numbers()
    part = shop.zone.partition("/")[0]
    return numbers["zones"].get(shop.zone) or numbers["parts"].get(part, "")


@cache
def _load_numbers() -> Mapping[str, Mapping[str, str]]:
    file = resources.files("imserver.plugins.booking") / "words" / "emergency.toml"
    return tomllib.loads(file.read_text(encoding="utf-8"))
