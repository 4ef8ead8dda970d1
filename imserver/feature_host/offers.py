"""What a server offers beside the kernel: methods by name, those of its features for ever, those of a plugin while it runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

from imserver.errors import ConfigError
from imserver.feature_api import Task
from imserver.feature_host.askers import TOLD_EVERY_S
from imserver.feature_host.door import Owner, check_method
from imserver.method_rows import ReadRow, WriteRow

MethodRow: TypeAlias = WriteRow[Any, Any, Any] | ReadRow[Any, Any, Any] | Task[Any, Any]


class Offer(NamedTuple):
    """A method, and whose it is. `hinted`: who asked it is told when its answer is another, at most every so many seconds
    (`askers`)."""

    owner: Owner
    row: MethodRow
    hinted: bool = False
    hinted_every_s: float = TOLD_EVERY_S


class Offers:
    """The methods of one server. Two servers in one process have two."""

    def __init__(self) -> None:
        self.methods: dict[str, Offer] = {}
        #: Called with the name of a method that came or went.
        self.changed: Callable[[str], None] = lambda name: None

    def add(self, offer: Offer) -> None:
        """Offer a method. Raises ValueError if it cannot work, ConfigError if its name is taken."""
        check_method(offer.owner, offer.row)
        name = offer.row.method.name
        if name in self.methods:
            raise ConfigError("features", f"two methods are called {name!r}")
        self.methods[name] = offer
        self.changed(name)

    def remove(self, name: str) -> None:
        """Offer it no longer."""
        del self.methods[name]
        self.changed(name)
