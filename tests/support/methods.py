"""The method table of a server with all its features; and every method, push and signal: the kernel's and those of features."""

from __future__ import annotations

from typing import Any, Final

from imserver import Server
from imserver.features import FEATURES
from imserver_protocol import methods
from imserver_protocol.methods.descriptors import Method, Push, Signal

METHOD_TABLE = Server().methods
METHOD_ROWS = tuple(METHOD_TABLE.values())

METHODS: Final[tuple[Method[Any, Any], ...]] = (
    *methods.METHODS,
    *(row.method for feature in FEATURES for row in feature.methods),
)
PUSHES: Final[tuple[Push[Any], ...]] = (
    *methods.PUSHES,
    *(told.push for feature in FEATURES for told in feature.pushes),
)
SIGNALS: Final[tuple[Signal[Any, Any], ...]] = tuple(
    heard.signal for feature in FEATURES for heard in feature.signals
)
