"""The event loops of the tests, their time limits, where they keep things, and the profile of property tests."""

import asyncio
import functools
import gc
import inspect
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Generator, Mapping
from typing import Any

import hypothesis
import pytest
import pytest_timeout
import uvloop

from tests.support import hangs
from tests.support.loop_watch import LoopWatch
from tests.support.watchdog import Watchdog

# A busy machine is no failure of ours: only pytest's own timeout limits a property test. Where CI is set, the examples are
# the same in every run, so that a red build can be repeated.
hypothesis.settings.register_profile("house", deadline=None, print_blob=True)
hypothesis.settings.register_profile("house-ci", deadline=None, print_blob=True, derandomize=True)
hypothesis.settings.load_profile("house-ci" if os.environ.get("CI") else "house")

# The server is measured and shipped on uvloop. The protocol and the client must also run inside other people's
# programs, on plain asyncio, so their tests run on both.
BOTH_LOOPS = ("tests/protocol/", "tests/client/")

LOOPS: Mapping[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "uvloop": uvloop.new_event_loop,
    "asyncio": asyncio.SelectorEventLoop,
}


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """A test elsewhere may choose for itself: `@pytest.mark.asyncio(loop_factories=["uvloop", "asyncio"])`."""
    if item.nodeid.startswith(BOTH_LOOPS):
        return LOOPS
    chosen = item.get_closest_marker("asyncio")
    if chosen is not None and chosen.kwargs.get("loop_factories"):
        return LOOPS
    return {"uvloop": LOOPS["uvloop"]}


#: Most that the databases of all workers take at once, which end with their tests, and more than a container has by itself.
MEMORY_BYTES = 1 << 30


#: Ends a worker whose test has no end.
WATCHDOG = pytest.StashKey[Watchdog]()


def pytest_timeout_set_timer(item: pytest.Item, settings: pytest_timeout.Settings) -> bool | None:
    """In place of pytest-timeout's thread for each test."""
    if settings.method != "thread":
        return None
    watchdog = item.config.stash.setdefault(WATCHDOG, Watchdog())
    watchdog.watch(settings.timeout, functools.partial(pytest_timeout.timeout_timer, item, settings))
    return True


def pytest_timeout_cancel_timer(item: pytest.Item) -> bool | None:
    watchdog = item.config.stash.get(WATCHDOG, None)
    if watchdog is None:
        return None
    watchdog.rest()
    return True


def pytest_configure() -> None:
    """A store "in memory" is a file that is gone with its test. Without a disk beneath, a shop opens in four fifths of the
    time. `tmp_path` stays on the disk, and what a test starts is told nothing of this.

    Run in the background of a script, pytest is not to hear Ctrl-C; what it starts would not, either, and tests ask that."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    place = "/dev/shm"
    if os.access(place, os.W_OK) and shutil.disk_usage(place).free > MEMORY_BYTES:
        tempfile.tempdir = place


def pytest_xdist_auto_num_workers() -> int:
    """`-n auto`: for a third of its time a test waits for a timer or a process, and another can use the processor. Three
    for two cores left a fifth of them idle, since two of three often wait at once."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return 2 * cores


#: A test that waits for ever fails alone, like any other failure: pytest's own time-out would end the whole process. Both
#: are far above the time of a test on a busy machine. A test with a `timeout` mark says how long it takes.
PATIENCE_S = 45.0
CLIENT_PATIENCE_S = 25.0
#: Time-outs of tests without a mark that run beside what computes (`.ci/gates.py`), seconds.
SLOW: Mapping[str, float] = {"prove": 300.0, "browse": 120.0}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        for name, timeout_s in SLOW.items():
            if item.get_closest_marker(name) is not None and item.get_closest_marker("timeout") is None:
                item.add_marker(pytest.mark.timeout(timeout_s))
        if not isinstance(item, pytest.Function) or not inspect.iscoroutinefunction(item.obj):
            continue
        usual = CLIENT_PATIENCE_S if item.nodeid.startswith("tests/client/") else PATIENCE_S
        marked = item.get_closest_marker("timeout")
        marked_s = hangs.patience_s(time_limit(item), margins=2)
        item.obj = bounded(item.obj, usual if marked is None else marked_s)
        if item.nodeid.startswith(WATCHED):
            item.obj = watched(item.obj)


def time_limit(item: pytest.Item) -> float:
    """After which pytest's time-out ends the worker (seconds)."""
    marked = item.get_closest_marker("timeout")
    if marked is not None:
        return float(marked.args[0] if marked.args else marked.kwargs["timeout"])
    return float(item.config.getini("timeout"))


#: When a test is told that it hangs (monotonic).
DEADLINE = pytest.StashKey[float]()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None]:
    item.stash[DEADLINE] = time.monotonic() + hangs.patience_s(time_limit(item))
    with hangs.alarm(item.stash[DEADLINE] - time.monotonic()):
        return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None]:
    with hangs.alarm(item.stash[DEADLINE] - time.monotonic()):
        return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None]:
    with hangs.alarm(max(item.stash[DEADLINE] - time.monotonic(), hangs.END_S)):
        return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection() -> Generator[None, object, object]:
    """Of what is imported and collected here nothing becomes garbage; looking for it took an eighth of the time."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()


def pytest_collection_finish() -> None:
    """Some million objects of modules and collected tests stay as they are: a collector that walks through them at each full
    round takes a twentieth of the suite's time, and tells a test nothing about its own."""
    gc.collect()
    gc.freeze()


#: Tests that run a whole server in their own loop: nothing may hold it for long (`tests/support/loop_watch.py`).
WATCHED = (
    "tests/net/",
    "tests/plays/",
    "tests/limits/",
    "tests/features/",
    "tests/embedding/",
    "tests/seeing/",
)


def watched(test: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    @functools.wraps(test)
    async def in_short_turns(*args: Any, **kwargs: Any) -> None:
        if "imserver.plugins.booking.plugin" in sys.modules:
            _compile_patterns()
        with LoopWatch():
            await test(*args, **kwargs)

    return in_short_turns


@functools.cache
def _compile_patterns() -> None:
    """What a process compiles once, when a server with booking starts in it, is no turn between clients."""
    from imserver.plugins.booking.dates.deferred import compile_all
    from imserver.plugins.booking.messages.shop_texts import ShopTexts
    from imserver.plugins.booking.schedule.chain_file import load_chain

    ShopTexts.of(load_chain("demo"))
    compile_all()


def bounded(test: Callable[..., Awaitable[None]], patience_s: float) -> Callable[..., Awaitable[None]]:
    @functools.wraps(test)
    async def in_time(*args: Any, **kwargs: Any) -> None:
        limit = asyncio.timeout(patience_s)
        try:
            async with limit:
                await test(*args, **kwargs)
        except TimeoutError as error:
            if limit.expired():
                error.add_note(f"no end after {patience_s:g} s\n{hangs.alive()}")
            raise

    return in_time
