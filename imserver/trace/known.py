"""What stands behind the names on the wire: the shapes of methods, pushes and signals, with those of every optional part."""

from __future__ import annotations

from typing import Any, Final

from imserver.features import FEATURES
from imserver_protocol.methods import METHODS, PUSHES
from imserver_protocol.methods.descriptors import Method, Shape

METHODS_BY_NAME: Final[dict[str, Method[Any, Any]]] = {
    method.name: method
    for method in (*METHODS, *(row.method for feature in FEATURES for row in feature.methods))
}
PUSHES_BY_KIND: Final[dict[str, type[Shape]]] = {
    push.kind: push.fields
    for push in (*PUSHES, *(told.push for feature in FEATURES for told in feature.pushes))
}
_SIGNALS = [heard.signal for feature in FEATURES for heard in feature.signals]
#: From a client.
SIGNALS_SAID: Final[dict[str, type[Shape]]] = {signal.kind: signal.said for signal in _SIGNALS}
#: From the server.
SIGNALS_TOLD: Final[dict[str, type[Shape]]] = {signal.kind: signal.told for signal in _SIGNALS}
