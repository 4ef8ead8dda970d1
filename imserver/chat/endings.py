"""Access that ends: which of those who are in it concerns, and whoever is just being let in.

Whoever comes in is looked up first, and welcomed some turns of the loop later. What ends access may be committed in between: it
is in no snapshot that the look saw, and the session is not there yet to be ended. So whoever looks watches, too.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from imserver.events import AccessEnded


class Access(Protocol):
    """What a session stands on."""

    @property
    def device_id(self) -> str: ...

    @property
    def token_id(self) -> str: ...

    @property
    def issued_at(self) -> int | None:
        """UTC ms; None: not said, which counts as long ago."""
        ...


def ends(event: AccessEnded, access: Access) -> bool:
    """Whether access of this user, by this token on this device, is over."""
    if event.token_id is not None:
        return event.token_id == access.token_id
    if event.device_id is not None and event.device_id != access.device_id:
        return False
    before, issued_at = event.issued_before, access.issued_at
    return before is None or issued_at is None or issued_at < before


class Endings:
    """Tells those who watch a user of what ended meanwhile."""

    def __init__(self) -> None:
        self._watching: dict[str, list[list[AccessEnded]]] = {}

    @contextmanager
    def watch(self, user_id: str) -> Iterator[list[AccessEnded]]:
        """What ended of this user since, and goes on being filled."""
        ended: list[AccessEnded] = []
        watching = self._watching.setdefault(user_id, [])
        watching.append(ended)
        try:
            yield ended
        finally:
            watching[:] = [other for other in watching if other is not ended]
            if not watching:
                del self._watching[user_id]

    def told(self, event: AccessEnded) -> None:
        """A commit has ended access; called before anything else hears of it."""
        for ended in self._watching.get(event.user_id, ()):
            ended.append(event)
