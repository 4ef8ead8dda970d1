"""The options of a run, and the figures that it must reach."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from imserver.proof.sabotage import Sabotage

#: A unit that waits so long in the store's queue means a stuck disk; some stops of the server last longer (seconds).
MAX_QUEUE_WAIT_S = 4.0

#: Posts a second, so that two cores suffice for the server, its clients and their proxies.
DEFAULT_RATE = 80.0

#: Every such kill in the last part of a run is followed by an older copy of the database; so much of the run comes before, and
#: keeps the plain promises.
DEFAULT_RESTORE_EVERY, CALM_SHARE = 2, 2 / 3

WEB_EVERY = 3
#: One of so many clients is the JavaScript client's.
JAVASCRIPT_EVERY = 4

#: For tests of the run itself.
SMALL: dict[str, Any] = {"clients": 14, "processes": 2, "conversations": 8, "rate": 30.0, "small": True}


@dataclass(frozen=True, slots=True)
class Options:
    """`minutes` bound the load, `kills` (if not 0) end it earlier. `rate`: posts a second of all talkers together."""

    seed: int
    folder: Path
    minutes: float = 2.0
    kills: int = 0
    rate: float = DEFAULT_RATE
    clients: int = 50
    processes: int = 5
    conversations: int = 24
    #: 0: no older copy ever comes back.
    restore_every: int = DEFAULT_RESTORE_EVERY
    #: Each such client comes over WebSocket, if the library for that is installed. 0: none does.
    web_every: int = WEB_EVERY
    #: So many clients are the JavaScript client's, run by this command.
    javascript: int = 0
    javascript_command: tuple[str, ...] = ()
    calm_share: float = CALM_SHARE
    #: Fewer clients and conversations will do.
    small: bool = False
    #: After the faults all clients settle within this time, on the slowest machine; a later one is stuck (seconds).
    settle_s: float = 120.0
    sabotage: Sabotage = field(default_factory=Sabotage)

    @property
    def sections(self) -> Mapping[str, Mapping[str, Any]]:
        """The server's configuration: default bounds, except that a short stop already exceeds the store's patience."""
        return {"plugins.booking": {}, "store": {"max_queue_wait_s": MAX_QUEUE_WAIT_S}, "http": {"port": 0}}

    def comes_by_web(self, number: int) -> bool:
        """Whether the client of this number comes over WebSocket."""
        return bool(self.web_every) and number % self.web_every == 0 and find_spec("websockets") is not None
