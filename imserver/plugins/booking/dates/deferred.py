"""Patterns that are compiled when a text first needs them, as a command does that reads one; or all at once, as a server does
when it starts: compiled between its clients' texts, half a second of them would keep everybody waiting."""

from __future__ import annotations

import re
from threading import Lock
from typing import Any, Final, cast
from weakref import WeakSet


class Deferred:
    """Stands for a pattern. At the first use it takes over the methods of the compiled one, so later ones cost nothing more."""

    def __init__(self, pattern: str, flags: int) -> None:
        self.pattern = pattern
        self.flags = flags
        with _CHANGING:
            _WAITING.add(self)

    def __getattr__(self, name: str) -> Any:
        """Called only for what is not there yet. Raises AttributeError for what no pattern has."""
        if not hasattr(re.Pattern, name):
            raise AttributeError(name)
        leave_waiting(cast("re.Pattern[str]", self))
        compiled = re.compile(self.pattern, self.flags)
        for one in (
            "search",
            "match",
            "fullmatch",
            "finditer",
            "findall",
            "sub",
            "split",
            "groupindex",
            "groups",
        ):
            setattr(self, one, getattr(compiled, one))
        return getattr(compiled, name)


_WAITING: Final[WeakSet[Deferred]] = WeakSet()
"""Those that no text has needed so far."""
_CHANGING: Final = Lock()
"""Held while that is changed or gone through: the words of a chain are worked out on a thread of their own."""


def compile_all() -> None:
    """Compile whatever waits for a text. Takes half a second the first time. Raises re.error for a fault in a pattern."""
    with _CHANGING:
        waiting = list(_WAITING)
    for one in waiting:
        _ = one.search


def leave_waiting(pattern: re.Pattern[str]) -> None:
    """Not to be compiled before a text needs it, as the whole of it probably never is."""
    one = cast("object", pattern)
    if isinstance(one, Deferred):
        with _CHANGING:
            _WAITING.discard(one)


def deferred(pattern: str, flags: int = 0) -> re.Pattern[str]:
    """What `re.compile` returns, but for a fault in the pattern, which the first use raises."""
    return cast("re.Pattern[str]", Deferred(pattern, flags if flags & re.ASCII else flags | re.UNICODE))
