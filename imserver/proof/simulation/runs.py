"""Runs seeds, in this process or in several, and adds up their reports."""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait

from imserver.proof.die_with_parent import end_with

from .place import on_sigterm, private_place
from .report import Totals
from .template import template
from .world import Outcome, simulate

#: Seeds that a process is given at a time.
CHUNK = 8


def run_one(seed: int, *, whole: bool = False) -> Outcome:
    """One seed, in a private folder."""
    with private_place() as folder:
        return simulate(seed, folder, whole=whole)


def run_some(seeds: range) -> Totals:
    """These seeds, one after another."""
    totals = Totals()
    template()  # its cost belongs to no seed
    gc.collect()
    gc.freeze()  # these objects stay alive; scanning them after each seed took a tenth of the time
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
    """Run `count` seeds from `first` on, and then more until so many seconds are over. `told` gets the progress."""
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
    # Not forked: copying a process that has threads is a needless risk.
    pool = ProcessPoolExecutor(
        jobs, multiprocessing.get_context("spawn"), initializer=_begin_worker, initargs=(os.getpid(),)
    )
    with on_sigterm(lambda number, _frame: sys.exit(128 + number)), pool:
        running: set[Future[Totals]] = set()
        try:
            for chunk in chunks:
                running.add(pool.submit(run_some, chunk))
                if len(running) >= 2 * jobs:
                    done, running = wait(running, return_when=FIRST_COMPLETED)
                    yield from (future.result() for future in done)
            for future in running:
                yield future.result()
        except BaseException:
            for worker in multiprocessing.active_children():
                worker.terminate()  # otherwise it would first run all its seeds
            raise


def _begin_worker(parent: int) -> None:
    """Let the worker end with its parent and tidy up; only the parent handles Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with(parent, signal.SIGTERM)


def _chunks(first: int, count: int, until: float | None) -> Iterator[range]:
    begin = first
    while begin < first + count or (until is not None and time.monotonic() < until):
        end = begin + CHUNK
        if until is None or begin < first + count:
            end = min(end, first + count)
        yield range(begin, end)
        begin = end
