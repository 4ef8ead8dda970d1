"""Patterns that are compiled when a text first needs them: most are sieved out before, and all together take half a second."""

from __future__ import annotations

import re
from typing import Any, cast


class Deferred:
    """Stands for a pattern. At the first use it takes over the methods of the compiled one, so later ones cost nothing more."""

    def __init__(self, pattern: str, flags: int) -> None:
        self.pattern = pattern
        self.flags = flags

    def __getattr__(self, name: str) -> Any:
        """Called only for what is not there yet. Raises AttributeError for what no pattern has."""
        if not hasattr(re.Pattern, name):
            raise AttributeError(name)
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


def deferred(pattern: str, flags: int = 0) -> re.Pattern[str]:
    """What `re.compile` returns, but for a fault in the pattern, which the first use raises."""
    return cast("re.Pattern[str]", Deferred(pattern, flags if flags & re.ASCII else flags | re.UNICODE))
