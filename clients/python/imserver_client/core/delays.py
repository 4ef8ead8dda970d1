"""Notices that the server takes posts later, and why, and that it does so no more: once each, whatever the refusals."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import partial

from imserver_client.errors import plain
from imserver_client.events import PostsDelayed
from imserver_protocol import RefusalCode, RefusalReceived

_log = logging.getLogger("imserver_client")


class Delays:
    """A delay begins with a post that was refused for now. It ends when no post was refused with the same code for a while
    behind the last wait."""

    def __init__(
        self, announce: Callable[[PostsDelayed], None], monotonic: Callable[[], float], calm_s: float
    ) -> None:
        self._announce = announce
        self._monotonic = monotonic
        self._calm_s = calm_s
        #: By code: when the longest wait ends, and who looks then.
        self._until: dict[int, float] = {}
        self._timers: dict[int, asyncio.TimerHandle] = {}

    def refused(self, refusal: RefusalReceived, wait_s: float, waiting: int) -> None:
        """A post is offered again after this wait. `waiting`: posts that have no answer, this one too."""
        code = refusal.code
        if code == RefusalCode.HELD:
            return  # it was behind another one, which says why
        self._until[code] = max(self._until.get(code, 0.0), self._monotonic() + wait_s)
        if code not in self._timers:
            self._arm(code)
            text = plain(refusal.text)
            _log.warning(
                "the server takes posts later (%d: %s): %d wait, the next goes out in %.1f s",
                *(code, text, waiting, wait_s),
            )
            self._announce(PostsDelayed(True, code, text, waiting, wait_s))

    def end(self) -> None:
        """The client is over."""
        for timer in self._timers.values():
            timer.cancel()

    def _arm(self, code: int) -> None:
        delay = self._until[code] + self._calm_s - self._monotonic()
        self._timers[code] = asyncio.get_running_loop().call_later(max(0.0, delay), partial(self._look, code))

    def _look(self, code: int) -> None:
        if self._monotonic() < self._until[code] + self._calm_s:
            self._arm(code)
            return
        del self._timers[code], self._until[code]
        _log.info("the server does not put posts off any more (%d)", code)
        self._announce(PostsDelayed(False, code))
