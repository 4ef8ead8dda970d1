"""Refused peers: those with a wrong token, and those with a PROXY header who are no proxy. Counted, and no line for each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from imserver.conditions import Condition, Conditions

#: So many within `WAVE_S` have a line of their own: an operator who asks why one person cannot log in finds the cause.
#: More is a wave, which has one line at each end: no stranger may fill a log. (At level `debug` each has a line.)
FEW = 3
WAVE_S = 10.0


class Refused:
    """One kind of refusals: its sum, its first few lines, its waves."""

    def __init__(self, wave: Condition, monotonic: Callable[[], float]) -> None:
        self._wave = wave
        self._monotonic = monotonic
        self._since = float("-inf")
        self._lines = 0
        #: In this life, for metrics.
        self.count = 0

    def add(self, **facts: Any) -> bool:
        """One more. True if it shall have a line of its own; otherwise `facts` may stand in the line of the wave."""
        self.count += 1
        now = self._monotonic()
        if now - self._since >= WAVE_S:
            self._since, self._lines = now, 0
        self._lines += 1
        if self._wave.is_on or self._lines > FEW:
            self._wave.begin(**facts)
            return False
        return True

    def rest(self) -> None:
        """Once a second: the wave is over when there were none for a while."""
        self._wave.rest()


class RefusedPeers:
    """All kinds."""

    def __init__(self, conditions: Conditions, monotonic: Callable[[], float]) -> None:
        self.logins = Refused(
            conditions.add(
                "logins_refused",
                "Many logins are refused: wrong, expired or revoked tokens. Somebody guesses, or a client does not give up.",
            ),
            monotonic,
        )
        self.proxy_headers = Refused(
            conditions.add(
                "proxy_headers_refused",
                "PROXY headers are missing, wrong, or sent by others than `proxies` lists: compare [server] with the proxy.",
            ),
            monotonic,
        )

    def rest(self) -> None:
        """Once a second."""
        self.logins.rest()
        self.proxy_headers.rest()
