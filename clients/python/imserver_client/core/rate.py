"""Notices that the server's rate bounds the posts, and that it does no more: one event for each, whatever the refusals."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from imserver_client.events import RateLimited

_log = logging.getLogger("imserver_client")


class Rate:
    """Begins with a post that was refused for its rate; ends when none was for a while behind the last wait."""

    def __init__(
        self, announce: Callable[[RateLimited], None], monotonic: Callable[[], float], calm_s: float
    ) -> None:
        self._announce = announce
        self._monotonic = monotonic
        self._calm_s = calm_s
        #: When the longest wait that the server asked for ends.
        self._until = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def refused(self, wait_s: float, waiting: int) -> None:
        """A post came too early. `waiting`: posts that have no answer, this one too."""
        self._until = max(self._until, self._monotonic() + wait_s)
        if self._timer is None:
            self._arm()
            _log.warning(
                "posts come faster than the server takes them from one user: %d wait, the next goes out in %.1f s",
                waiting,
                wait_s,
            )
            self._announce(RateLimited(True, waiting, wait_s))

    def end(self) -> None:
        """The client is over."""
        if self._timer is not None:
            self._timer.cancel()

    def _arm(self) -> None:
        delay = self._until + self._calm_s - self._monotonic()
        self._timer = asyncio.get_running_loop().call_later(max(0.0, delay), self._look)

    def _look(self) -> None:
        if self._monotonic() < self._until + self._calm_s:
            self._arm()
            return
        self._timer = None
        _log.info("posts do not come faster than the server takes them any more")
        self._announce(RateLimited(False))
