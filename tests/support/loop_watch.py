"""Fails a test in which something holds the event loop: nobody else is served meanwhile.

What counts is the processor time of the loop's own thread in one turn, so a busy machine is no fault of ours. Waiting in the
loop (`time.sleep`, a file) takes none and is not seen; ruff's ASYNC rules see most of that. Python's collector is not counted
either: in a test it walks through what pytest keeps, not through what a server does.
"""

from __future__ import annotations

import asyncio
import gc
import sys
import threading
import time
import traceback
from types import FrameType
from typing import Any, Self

#: How often the watch looks, by a timer of the loop (seconds). Turns that are shorter than this are not told apart.
BEAT_S = 0.02
#: How often another thread looks where a loop stands that is held (seconds).
LOOK_S = 0.05
#: The longest that one turn of a server's loop may take (seconds of processor time). What a server does in one piece is
#: bounded to a few milliseconds: a sweep by `SWEPT_A_TURN`, a page by a frame, a batch by its units. The longest turn of the
#: watched tests takes 0.03 s. So this is far from the noise of a slow machine, and nobody calls it a pause in a conversation.
MAX_TURN_S = 0.2
#: Of a stack, so many calls are shown.
SHOWN_CALLS = 8
#: Of the thread that looks.
THREAD_NAME = "loop watch"


class LoopHeld(AssertionError):
    """Something held the loop for too long."""


class LoopWatch:
    """`with LoopWatch():` in a coroutine. Raises LoopHeld at the end if a turn took more than `bound_s`."""

    def __init__(self, bound_s: float = MAX_TURN_S) -> None:
        self._bound_s = bound_s + BEAT_S  # between two looks there may also be short turns
        #: The most processor time between two looks.
        self.longest_s = 0.0
        self._stack: list[traceback.FrameSummary] = []
        #: Where the loop stood in the middle of a long turn, and which turn that was.
        self._seen: tuple[float, list[traceback.FrameSummary]] = (0.0, [])
        self._begun_s = self._collected_s = self._collecting_s = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._over = threading.Event()

    def __enter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._thread_id = threading.get_ident()
        self._begun_s = time.thread_time()
        gc.callbacks.append(self._collector)
        self._timer = self._loop.call_later(BEAT_S, self._beat)
        self._looker = threading.Thread(target=self._look, daemon=True, name=THREAD_NAME)
        self._looker.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._measure()
        if self._timer is not None:
            self._timer.cancel()
        self._over.set()
        self._looker.join()
        gc.callbacks.remove(self._collector)
        if kind is None and self.longest_s > self._bound_s:
            stood = "".join(traceback.format_list(self._stack))
            raise LoopHeld(
                f"the event loop was held for {self.longest_s:.2f} s of processor time "
                f"(at most {self._bound_s:.2f}); it stood in\n{stood or '(one call that let no thread look)'}"
            )

    def _beat(self) -> None:
        self._measure()
        self._timer = self._loop.call_later(BEAT_S, self._beat)

    def _measure(self) -> None:
        now_s = time.thread_time()
        turn_s = now_s - self._begun_s - self._collected_s
        if turn_s > self.longest_s:
            seen_at, stack = self._seen
            self.longest_s, self._stack = turn_s, stack if seen_at == self._begun_s else []
        self._begun_s, self._collected_s = now_s, 0.0

    def _collector(self, phase: str, _info: dict[str, Any]) -> None:
        """Time of the collector in the loop's own thread."""
        if threading.get_ident() != self._thread_id:
            return
        if phase == "start":
            self._collecting_s = time.thread_time()
        else:
            self._collected_s += time.thread_time() - self._collecting_s

    def _look(self) -> None:
        """In a thread of its own: keep the stack of a turn that has taken half of what it may."""
        if not hasattr(time, "pthread_getcpuclockid"):  # not on this system
            return
        clock = time.pthread_getcpuclockid(self._thread_id)
        while not self._over.wait(LOOK_S):
            begun_s = self._begun_s
            held_s = time.clock_gettime(clock) - begun_s - self._collected_s
            if held_s > self._bound_s / 2 and begun_s != self._seen[0]:
                self._seen = begun_s, _innermost(sys._current_frames().get(self._thread_id))


def _innermost(frame: FrameType | None) -> list[traceback.FrameSummary]:
    """The last calls, outermost first. Reads no source yet: for each file the thread would wait for its turn several times."""
    found: list[traceback.FrameSummary] = []
    while frame is not None and len(found) < SHOWN_CALLS:
        found.append(
            traceback.FrameSummary(
                frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name, lookup_line=False
            )
        )
        frame = frame.f_back
    return found[::-1]
