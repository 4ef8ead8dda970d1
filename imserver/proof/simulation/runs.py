"""Runs seeds, in this process or in several, and adds up what they report."""

from __future__ import annotations

import gc
import multiprocessing
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait

from .machine import remove_folder
from .report import Totals
from .template import private_folder, template
from .world import Outcome, simulate

#: Seeds that a process is given at a time.
CHUNK = 8


def run_one(seed: int, *, whole: bool = False) -> Outcome:
    """One seed, in a private folder."""
    folder = private_folder()
    try:
        return simulate(seed, folder, whole=whole)
    finally:
        remove_folder(folder)


def run_some(seeds: range) -> Totals:
    """These seeds, one after another."""
    totals = Totals()
    template()  # its cost is nobody's
    gc.collect()
    gc.freeze()  # what is there already will stay; looking through it after each seed took a tenth of the time
    for seed in seeds:
        begun = time.process_time()
        outcome = run_one(seed)
        totals.add(outcome, time.process_time() - begun)
        del outcome
        gc.collect()
    gc.unfreeze()
    return totals


def run_many(
    first: int, count: int, *, jobs: int, seconds: float, told: Callable[[Totals], None] = lambda totals: None
) -> Totals:
    """`count` seeds from `first` on, and then more until so many seconds are over. `told` hears of progress."""
    totals = Totals()
    for part in _parts(first, count, jobs, time.monotonic() + seconds if seconds else None):
        totals.merge(part)
        told(totals)
    return totals


def _parts(first: int, count: int, jobs: int, until: float | None) -> Iterator[Totals]:
    chunks = _chunks(first, count, until)
    if jobs == 1:
        yield from map(run_some, chunks)
        return
    # Not forked: a copy of a process that has threads is a risk that nobody needs.
    with ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
        running: set[Future[Totals]] = set()
        try:
            for chunk in chunks:
                running.add(pool.submit(run_some, chunk))
                if len(running) >= 2 * jobs:
                    done, running = wait(running, return_when=FIRST_COMPLETED)
                    yield from (future.result() for future in done)
            for future in running:
                yield future.result()
        finally:
            pool.shutdown(cancel_futures=True)


def _chunks(first: int, count: int, until: float | None) -> Iterator[range]:
    begin = first
    while begin < first + count or (until is not None and time.monotonic() < until):
        end = begin + CHUNK
        if until is None or begin < first + count:
            end = min(end, first + count)
        yield range(begin, end)
        begin = end
