"""Cases of one test that take a fraction of a millisecond each: what surrounds a test takes ten times as long."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def case(name: object) -> Iterator[None]:
    """What fails in here says in which case it failed."""
    try:
        yield
    except BaseException as error:
        error.add_note(f"case: {name}")
        raise
