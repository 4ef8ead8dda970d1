"""Variants of the model: each has one mistake in a rule of the server, of the client, or in how a device wires them."""

from __future__ import annotations

from typing import Any, NamedTuple

from imserver_client.core.lineage import Lineage as ClientLineage

from .database import Rules


class Variant(NamedTuple):
    name: str
    about: str
    flags: frozenset[str] = frozenset()
    rules: Rules = Rules()
    lineage: Any = ClientLineage
    found: frozenset[str] = frozenset()
    seed: int = 1


FULL = Variant("full", "the rules as they are")
