"""`Scenario`: the form of all scenarios."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

from benchmarks import processes
from benchmarks.measure import Bench
from benchmarks.processes import Target
from benchmarks.results import Row
from benchmarks.rivals import RIVALS, Missing

Start = Callable[[], AbstractContextManager[Target]]
#: A scenario takes the names of rivals and yields rows as they are measured.
Run = Callable[[Bench, Sequence[str]], Iterator[Row]]


@dataclass(frozen=True, slots=True)
class Scenario:
    """A named measurement. `steps` says how many rows it yields."""

    name: str
    help: str
    steps: Callable[[Bench, Sequence[str]], int]
    run: Run
    #: True if rivals can do the same work.
    has_rivals: bool = False


def contenders(rivals: Sequence[str]) -> list[tuple[str, Start]]:
    """imserver, then the wanted rivals."""
    return [("imserver", processes.imserver), *((name, RIVALS[name].start) for name in rivals)]


def rows_or_reason(scenario: str, name: str, case: str, rows: Callable[[], Iterator[Row]]) -> Iterator[Row]:
    """The rows; or one row with the reason, if this server cannot run here or failed."""
    try:
        yield from rows()
    except Missing as missing:
        yield Row(scenario, name, case, note=str(missing))
    except (RuntimeError, OSError) as error:
        yield Row(scenario, name, case, errors=[str(error).strip()[-500:]])


def fixed(count: int) -> Callable[[Bench, Sequence[str]], int]:
    """So many rows, whatever the rivals."""
    return lambda bench, rivals: count
