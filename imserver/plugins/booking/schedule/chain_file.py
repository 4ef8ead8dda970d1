"""The chain file: found by the name in the configuration, read from TOML, completed, and checked with the path of each fault.

`chain = "demo"` in `[plugins.booking]` is the file that ships with the plugin; anything with a `.toml` ending is a path.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

import msgspec

from imserver.plugin_api import PluginError, read_named_file

from .chain_rules import missing, problems, shop_problems
from .faults import Fault, Meant, apart, read
from .shops import SPAN, Chain, Id, LeaveText, Shop, SpanText, Version
from .toml_faults import toml_fault

#: The field of the configuration that names the file.
CHAIN_FIELD = "$.plugins.booking.chain"
#: Some editors put it before a text.
BYTE_ORDER_MARK = "\ufeff"
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
    return span if re.fullmatch(SPAN, span) else ""


def _meant_id(text: str) -> str:
    """A name as an id: `Main Street` is `main-street`."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:40].strip("-")


MEANT: Mapping[Any, Meant] = {SpanText: _meant_span, Id: _meant_id}


class ChainError(PluginError):
    """The chain file is wrong: the text says where, and what is wanted there."""


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
    faults += apart(problems(chain), faults)
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
    faults += apart(shop_problems(chain, shop, path), faults)
    return (shop if faults else _with_services(chain, shop)), faults


def _with_services(chain: Chain, shop: Shop) -> Shop:
    """A shop that lists no services offers all that its resources can serve."""
    served = tuple(service.id for service in chain.services if missing(shop, service) is None)
    return msgspec.structs.replace(shop, services=shop.services or served)
