"""Whose time it is: the CPU of some functions of one thread, each without what the others take inside it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import wraps
from typing import Any, NamedTuple
from unittest.mock import patch


class Watched(NamedTuple):
    """The function `name` of `owner` (a module or a class), and whose its time is."""

    owner: Any
    name: str
    whose: str


class Shares:
    """µs of CPU by whose they are, all together and while nothing is watched none."""

    def __init__(self, watched: Sequence[Watched]) -> None:
        self._watched = watched
        self._inside: list[int] = []
        self._ns: Counter[str] = Counter()

    def us(self, whose: str) -> float:
        """What was spent so far."""
        return self._ns[whose] / 1000

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Count while the block runs."""
        with ExitStack() as stack:
            for owner, name, whose in self._watched:
                stack.enter_context(patch.object(owner, name, self._timed(getattr(owner, name), whose)))
            yield

    def _timed(self, function: Callable[..., Any], whose: str) -> Callable[..., Any]:
        @wraps(function)
        def timed(*args: Any, **kwargs: Any) -> Any:
            self._inside.append(0)
            begun = time.process_time_ns()
            try:
                return function(*args, **kwargs)
            finally:
                spent = time.process_time_ns() - begun
                self._ns[whose] += spent - self._inside.pop()
                if self._inside:
                    self._inside[-1] += spent

        return timed
