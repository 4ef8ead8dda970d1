"""A chain file to begin with: one shop, two people, a room, the usual services, and a comment beside what is to be changed.

The texts stand in `chains/template.zh` and `chains/template.en`; blanks in them are `{{name}}`.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from zoneinfo import ZoneInfo

from .schedule.chain_text import quoted

SETUP_LANGUAGES = ("zh", "en")
#: The configuration that `imserver` looks for.
CONFIGURATION = "imserver.toml"
#: The page of the shop: off until it is known how people reach it.
_HTTP = """
# The customers' page. To have it, take the marks off, and say how people reach it: posters and links show that address.
# [http]
# public_url = "https://book.example.org"
# guests = true                      # whoever books there gets an account: no form, no password
"""
LOCALTIME = Path("/etc/localtime")


@dataclass(frozen=True, slots=True)
class Shop:
    """What the template is filled with."""

    name: str
    language: str
    zone: str


def chain_text(shop: Shop) -> str:
    """The commented file."""
    text = (resources.files("imserver.plugins.booking") / "chains" / f"template.{shop.language}").read_text(
        encoding="utf-8"
    )
    slug = _slug(shop.name)
    values = {
        "id": slug,
        "name": quoted(shop.name),
        "zone": quoted(shop.zone),
        "bot": quoted(slug),
        "shop_bot": quoted(f"{slug}-shop"),
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda blank: values[blank[1]], text)


def configuration_text(chain: Path) -> str:
    """The configuration that names the chain file, and shows what the page needs."""
    return f'[plugins.booking]\nchain = "{chain.as_posix()}"\n{_HTTP}'


def name_of(path: Path) -> str:
    """The shop's name where none is given: that of the file, or of its folder."""
    name = path.stem if path.stem != "chain" else path.absolute().parent.name
    return name.replace("_", " ").replace("-", " ").strip().title() or "Shop"


def local_zone() -> str:
    """The time zone of this machine, as far as it can be known; UTC otherwise."""
    named = os.environ.get("TZ", "").removeprefix(":")
    linked = str(LOCALTIME.resolve()).partition("zoneinfo/")[2] if LOCALTIME.exists() else ""
    for name in (named, linked):
        try:
            if name and ZoneInfo(name).key and not name.startswith(("posix/", "right/")):
                return name
        except (KeyError, ValueError, OSError):
            continue
    return "UTC"


def _slug(name: str) -> str:
    """An id from a name; ids are small Latin letters, digits and hyphens."""
    found = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:20].strip("-")
    return found or "shop"
