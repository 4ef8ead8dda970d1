"""Conditions: what is wrong for a while. Each logs one line when it begins and one when it ends, however often it is seen.

    disk_full.begin(free_bytes=0)    # the first time: `disk_full_begins`; again: counted
    disk_full.rest()                 # now it is fine; ends when that has lasted: `disk_full_ends duration_s=… count=…`

Nothing flaps: a condition ends only after it was not seen for `quiet_s`, and one that came back soon has to be gone for longer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

#: Not seen for so long, a condition is over (seconds).
QUIET_S = 10.0
#: Back within so long behind its end, it has to be quiet for twice as long as the last time; at most so many times `quiet_s`.
SOON_S = 60.0
MOST_QUIETS = 32


class Condition:
    """One thing that may be wrong. `words` say to people what, and what to do."""

    def __init__(
        self,
        name: str,
        words: str,
        *,
        log: Any,
        monotonic: Callable[[], float],
        quiet_s: float = QUIET_S,
        logs_begin: bool = True,
    ) -> None:
        self.name = name
        self.words = words
        self.is_on = False
        #: How often it was seen since it began, and what was last said of it.
        self.count = 0
        self.facts: dict[str, Any] = {}
        #: Times that it began in this life.
        self.begun = 0
        self._log = log
        self._monotonic = monotonic
        self._logs_begin = logs_begin
        self._quiet_s = self._needed_s = quiet_s
        self._since = self._seen = self._ended = float("-inf")

    @property
    def lasted_s(self) -> float:
        """Seconds since it began; 0 if it is not on."""
        return self._monotonic() - self._since if self.is_on else 0.0

    def begin(self, count: int = 1, **facts: Any) -> None:
        """It is seen now, `count` times. Logged if it was not on."""
        now = self._seen = self._monotonic()
        self.facts = facts
        if self.is_on:
            self.count += count
            return
        soon = now - self._ended < SOON_S
        self._needed_s = min(2 * self._needed_s, MOST_QUIETS * self._quiet_s) if soon else self._quiet_s
        self.is_on, self.count, self._since = True, count, now
        self.begun += 1
        if self._log is not None and self._logs_begin:
            self._log.warning(f"{self.name}_begins", **facts)

    def rest(self, **facts: Any) -> None:
        """It is not seen now. Ends it once that has lasted."""
        if self.is_on and self._monotonic() - self._seen >= self._needed_s:
            self.end(**facts)

    def end(self, **facts: Any) -> None:
        """It is over, for sure. Logged if it was on."""
        if not self.is_on:
            return
        lasted_s = self.lasted_s
        self.is_on, self._ended = False, self._monotonic()
        if self._log is not None:
            self._log.warning(f"{self.name}_ends", duration_s=round(lasted_s, 1), count=self.count, **facts)


class Conditions:
    """All conditions of one server, in the order in which they are shown."""

    def __init__(self, log: Any, monotonic: Callable[[], float]) -> None:
        self._log = log
        self._monotonic = monotonic
        self._all: dict[str, Condition] = {}

    def add(self, name: str, words: str, *, quiet_s: float = QUIET_S, logs_begin: bool = True) -> Condition:
        """A new condition. `logs_begin` is False for one whose beginning is logged by whoever finds it."""
        if name in self._all:
            raise ValueError(f"two conditions are called {name!r}")
        made = self._all[name] = Condition(
            name,
            words,
            log=self._log,
            monotonic=self._monotonic,
            quiet_s=quiet_s,
            logs_begin=logs_begin,
        )
        return made

    def __iter__(self) -> Iterator[Condition]:
        return iter(self._all.values())

    def __getitem__(self, name: str) -> Condition:
        return self._all[name]

    @property
    def on(self) -> list[Condition]:
        """Those that are on now."""
        return [condition for condition in self if condition.is_on]
