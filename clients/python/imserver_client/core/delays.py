"""Notices that the server takes posts later, and why, and that it does so no more: once each, whatever the refusals."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from imserver_client.errors import plain
from imserver_client.events import PostsDelayed
from imserver_protocol import RefusalCode, RefusalReceived

#: A code, and the allowance that is used up, if it is one.
_Cause = tuple[int, str]
_QUOTAS = ("bytes_per_day", "bytes_in_all")

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
        #: By code and allowance: when the longest wait ends, and who looks then.
        self._until: dict[_Cause, float] = {}
        self._timers: dict[_Cause, asyncio.TimerHandle] = {}

    def refused(self, refusal: RefusalReceived, wait_s: float, waiting: int) -> None:
        """A post is offered again after this wait. `waiting`: posts that have no answer, this one too."""
        code = refusal.code
        if code == RefusalCode.HELD:
            return  # it was behind another one, which says why
        cause = (code, _quota(refusal.detail))
        self._until[cause] = max(self._until.get(cause, 0.0), self._monotonic() + wait_s)
        if cause not in self._timers:
            self._arm(cause, refusal.detail)
            text = plain(refusal.text)
            _log.warning(
                "the server takes posts later (%d: %s): %d wait, the next goes out in %.1f s",
                *(code, text, waiting, wait_s),
            )
            self._announce(PostsDelayed(True, code, text, waiting, wait_s, refusal.detail))

    def end(self) -> None:
        """The client is over."""
        for timer in self._timers.values():
            timer.cancel()

    def _arm(self, cause: _Cause, detail: Any) -> None:
        delay = self._until[cause] + self._calm_s - self._monotonic()
        look = partial(self._look, cause, detail)
        self._timers[cause] = asyncio.get_running_loop().call_later(max(0.0, delay), look)

    def _look(self, cause: _Cause, detail: Any) -> None:
        if self._monotonic() < self._until[cause] + self._calm_s:
            self._arm(cause, detail)
            return
        del self._timers[cause], self._until[cause]
        code = cause[0]
        _log.info("the server does not put posts off any more (%d)", code)
        self._announce(PostsDelayed(False, code, detail=detail))


def _quota(detail: Any) -> str:
    """The allowance that is used up; a server has few of them."""
    named = detail.get("quota") if isinstance(detail, Mapping) else None
    return named if named in _QUOTAS else ""
