"""An asyncio event loop on virtual time: when no callback is ready, the clock jumps to the next timer.

The loop keeps asyncio's promises (callbacks of `call_soon` in order); where asyncio leaves the order open (two timers of the
same moment) the seed decides. No thread, no socket: what is handed to a thread is done in its place.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections import deque
from collections.abc import Callable, Coroutine
from contextlib import suppress
from contextvars import Context, ContextVar, copy_context
from random import Random
from typing import Any, Self, TypeVar, TypeVarTuple

T = TypeVar("T")
_Ts = TypeVarTuple("_Ts")

#: Callbacks at one moment of virtual time above which the loop reports an endless cycle.
MAX_CALLBACKS_AT_ONCE = 200_000
#: Every wait takes at least so long, even a shorter one (as with every clock).
RESOLUTION_S = 1e-6
#: The heap of timers is cleaned when so many of them, and more than half, are cancelled ones.
MIN_CANCELLED_TIMERS = 256


class Stuck(Exception):
    """No callback will ever come again, or callbacks run in a cycle: the simulated system hangs."""


class Process:
    """A simulated process. A kill drops every callback, timer and task begun inside it; owners end its sockets and files.

    Code runs inside by `spawn`; all that it schedules is inside as well.
    """

    def __init__(self, loop: VirtualLoop, name: str) -> None:
        self.name = name
        self.alive = True
        self.context = Context()
        self.context.run(_PROCESS.set, self)
        #: Called when it dies, in this order.
        self.at_death: list[Callable[[], None]] = []
        self._loop = loop
        self._tasks: list[asyncio.Task[Any]] = []
        self._sweep_at = 64

    def spawn(self, work: Coroutine[Any, Any, T], name: str = "") -> asyncio.Task[T]:
        """Start a task inside. After a kill of the process it never continues: do not wait for it without `gone`."""
        return self._loop.create_task(work, name=f"{self.name} {name}", context=self.context)

    def adopt(self, task: asyncio.Task[Any]) -> None:
        """Register a task begun inside (or begun by a dead task's `finally` while `bury` ends it)."""
        if not self.alive:
            self._loop.dead.append(task)
            return
        self._tasks.append(task)
        if len(self._tasks) > self._sweep_at:
            self._tasks = [task for task in self._tasks if not task.done()]
            self._sweep_at = 2 * len(self._tasks) + 64

    def kill(self) -> None:
        """SIGKILL: no line of its code runs any more, not even a `finally`."""
        if not self.alive:
            return
        self.alive = False
        for die in self.at_death:
            die()
        self._loop.drop(self)
        self._loop.dead.extend(task for task in self._tasks if not task.done())
        self._tasks.clear()


_PROCESS: ContextVar[Process | None] = ContextVar("simulated process", default=None)


def current_process() -> Process | None:
    """The process whose code runs."""
    return _PROCESS.get()


class SimulatedTask(asyncio.Task[Any]):
    """A task whose place in a set does not depend on its address, so that sets of tasks have the same order in every run."""

    _numbers = itertools.count()

    def __new__(cls, *args: Any, **more: Any) -> Self:
        task = super().__new__(cls)
        task._number = next(cls._numbers)
        task.process = None
        return task

    def __hash__(self) -> int:
        return self._number

    _number: int
    #: Inside which it was begun.
    process: Process | None


class _Handle(asyncio.Handle):
    """asyncio's handle, made faster: sets no attributes for debugging, nor any that are never read."""

    __slots__ = ()

    def __init__(self, callback: Any, args: Any, context: Context) -> None:
        self._context = context
        self._callback = callback
        self._args = args
        self._cancelled = False

    def cancel(self) -> None:
        self._cancelled = True
        self._callback, self._args = None, ()


class _TimerHandle(asyncio.TimerHandle):
    """The same for a timer."""

    __slots__ = ()

    def __init__(
        self, when: float, callback: Any, args: Any, loop: asyncio.AbstractEventLoop, context: Context
    ) -> None:
        self._context = context
        self._loop = loop
        self._callback = callback
        self._args = args
        self._cancelled = False
        self._when = when

    def cancel(self) -> None:
        if not self._cancelled:
            self._loop._timer_handle_cancelled(self)  # type: ignore[attr-defined]
            self._cancelled = True
            self._callback, self._args = None, ()


class VirtualLoop(asyncio.BaseEventLoop):
    """The loop of one run of one seed. Takes nothing but the type from its base."""

    def __init__(
        self, random: Random
    ) -> None:  # not the base's, which asks the system for clocks and threads
        self._random_bits = random.getrandbits
        self._now = 0.0
        self._ready: deque[asyncio.Handle] = deque()
        self._timers: list[tuple[float, int, int, asyncio.TimerHandle]] = []
        self._numbers = itertools.count()
        self._cancelled_timers = 0
        self._closed = False
        self._stopping = False
        self._exception_handler: Callable[[asyncio.AbstractEventLoop, dict[str, Any]], object] | None = None
        #: Callbacks that were run.
        self.callbacks = 0
        #: Tasks of killed processes: kept, so that no garbage collector runs their `finally` in the middle of the run.
        self.dead: list[asyncio.Task[Any]] = []
        SimulatedTask._numbers = itertools.count()

    # -- running ------------------------------------------------------------------------------------------------------

    def run_until_complete(self, future: Any) -> Any:
        """Run until the coroutine or future is done. Raises Stuck."""
        main = asyncio.ensure_future(future, loop=self)
        asyncio._set_running_loop(self)
        try:
            self._run_until(main)
        finally:
            asyncio._set_running_loop(None)
        return main.result()

    def bury(self) -> bool:
        """End the tasks of killed processes, so that no `finally` runs later. True if there were any: more may follow."""
        dead, self.dead = [task for task in self.dead if not task.done()], []
        for task in dead:
            task.cancel()
        asyncio._set_running_loop(self)
        try:
            while self._ready:
                handle = self._ready.popleft()
                if not handle._cancelled:
                    self._call(handle)
            for task in dead:
                if not task.done():
                    self._close(task)
        finally:
            asyncio._set_running_loop(None)
        return bool(dead)

    @staticmethod
    def _close(task: asyncio.Task[Any]) -> None:
        """Close a dead task; no event wakes it any more."""
        task._log_destroy_pending = False  # type: ignore[attr-defined]
        coroutine: Any = task.get_coro()
        process: Process | None = getattr(task, "process", None)
        with suppress(BaseException):
            # Inside, so that a task begun by its `finally` is dead as well, and is closed after it.
            (process.context if process is not None else Context()).run(coroutine.close)

    def _run_until(self, main: asyncio.Future[Any]) -> None:
        """Run turns: each runs the callbacks that are ready at its begin; later ones wait for the next turn."""
        ready, pop = self._ready, self._ready.popleft
        heappop = heapq.heappop
        done = main.done
        while not done():
            if not ready:
                self._jump()
            timers, now = self._timers, self._now
            while timers and timers[0][0] <= now:
                ready.append(heappop(timers)[3])
            for _ in range(len(ready)):
                handle = pop()
                if handle._cancelled:
                    continue
                self.callbacks += 1
                # `_call`, written out: this line runs a hundred times for each message of a run.
                try:
                    handle._context.run(handle._callback, *handle._args)  # type: ignore[attr-defined]
                except (SystemExit, KeyboardInterrupt):
                    raise
                except BaseException as error:
                    self._failed(handle, error)
            if self.callbacks > self._callbacks_until:
                self._callbacks_until += MAX_CALLBACKS_AT_ONCE
                raise Stuck(f"{MAX_CALLBACKS_AT_ONCE} callbacks at {self._now:.6f} s, and no end")

    def _call(self, handle: asyncio.Handle) -> None:
        """Run a callback as asyncio's handles do themselves."""
        try:
            handle._context.run(handle._callback, *handle._args)  # type: ignore[attr-defined]
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:
            self._failed(handle, error)

    def _failed(self, handle: Any, error: BaseException) -> None:
        self.call_exception_handler(
            {"message": f"Exception in callback {handle._callback!r}", "exception": error, "handle": handle}
        )

    _callbacks_until = MAX_CALLBACKS_AT_ONCE

    def _jump(self) -> None:
        """Jump to the next timer."""
        timers = self._timers
        while timers and timers[0][3].cancelled():
            heapq.heappop(timers)
            self._cancelled_timers -= 1
        if not timers:
            raise Stuck(f"deadlock at {self._now:.6f} s: nothing is ready and no timer is set")
        due = timers[0][0]
        if due > self._now:
            self._now = due
            self._callbacks_until = self.callbacks + MAX_CALLBACKS_AT_ONCE

    def spend(self, seconds: float) -> None:
        """Advance the clock for computing time: timers due meanwhile are late."""
        self._now += seconds

    # -- scheduling ---------------------------------------------------------------------------------------------------

    def time(self) -> float:
        return self._now

    def call_soon(
        self,
        callback: Callable[[*_Ts], object],
        *args: *_Ts,
        context: Context | None = None,
    ) -> asyncio.Handle:
        handle = _Handle(callback, args, copy_context() if context is None else context)
        self._ready.append(handle)
        return handle

    call_soon_threadsafe = call_soon

    def call_later(
        self,
        delay: float,
        callback: Callable[[*_Ts], object],
        *args: *_Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        if 0 < delay < RESOLUTION_S:
            delay = RESOLUTION_S
        return self._add_timer(self._now + delay, callback, args, context)

    def call_at(
        self,
        when: float,
        callback: Callable[[*_Ts], object],
        *args: *_Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        return self._add_timer(when, callback, args, context)

    def _add_timer(
        self, when: float, callback: Any, args: tuple[Any, ...], context: Context | None
    ) -> asyncio.TimerHandle:
        handle = _TimerHandle(when, callback, args, self, copy_context() if context is None else context)
        heapq.heappush(self._timers, (when, self._random_bits(16), next(self._numbers), handle))
        return handle

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """asyncio's handles say so."""
        self._cancelled_timers += 1
        if self._cancelled_timers > max(MIN_CANCELLED_TIMERS, len(self._timers) // 2):
            self._timers = [row for row in self._timers if not row[3].cancelled()]
            heapq.heapify(self._timers)
            self._cancelled_timers = 0

    def drop(self, process: Process) -> None:
        """Forget everything that was scheduled inside a process."""

        def inside(handle: asyncio.Handle) -> bool:
            return handle._context.get(_PROCESS) is process  # type: ignore[attr-defined]

        for handle in self._ready:
            if inside(handle):
                handle.cancel()
        self._timers = [row for row in self._timers if not inside(row[3])]
        heapq.heapify(self._timers)
        self._cancelled_timers = sum(row[3].cancelled() for row in self._timers)

    # -- tasks and futures --------------------------------------------------------------------------------------------

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def create_task(
        self, coro: Any, *, name: object = None, context: Context | None = None
    ) -> asyncio.Task[Any]:
        task = SimulatedTask(coro, loop=self, name=None if name is None else str(name), context=context)
        process = (context.get(_PROCESS) if context is not None else None) or _PROCESS.get()
        if process is not None:
            task.process = process
            process.adopt(task)
        return task

    # -- the rest of the interface ------------------------------------------------------------------------------------

    def run_in_executor(self, executor: Any, func: Callable[[*_Ts], T], *args: *_Ts) -> asyncio.Future[T]:
        """Do it now: a thread's turns are nobody's to repeat. Time stands still meanwhile, as for all computing."""
        done: asyncio.Future[T] = self.create_future()
        try:
            done.set_result(func(*args))
        except Exception as error:
            done.set_exception(error)
        return done

    def set_exception_handler(self, handler: Any) -> None:
        self._exception_handler = handler

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        if self._exception_handler is not None:
            self._exception_handler(self, context)

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return not self._closed

    def is_closed(self) -> bool:
        return self._closed

    def close(self) -> None:
        """Nothing runs any more."""
        self._closed = True
        self._ready.clear()
        self._timers.clear()
        self.dead.clear()

    # -- the network --------------------------------------------------------------------------------------------------

    network: Any = None

    async def create_server(self, protocol_factory: Any, *args: Any, **options: Any) -> Any:
        """Listens on the simulated network."""
        return self.network.listen(protocol_factory)
