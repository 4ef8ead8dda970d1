"""Standard error as a stream that never blocks and never fails: whatever becomes of the log, the process goes on.

A pipe that nobody drains would block the event loop at its next line, a pipe whose reader has gone or a full disk would raise
wherever something is logged. So writers only put text into a bounded queue, and a thread of its own writes it out in order.
What does not fit, or cannot be written, is counted and told in one line as soon as that is possible.
"""

from __future__ import annotations

import io
import os
import select
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

#: Most text that waits for a slow reader. A line counts for its bytes and a little: Python keeps each as an object.
MAX_WAITING_BYTES = 1024 * 1024
AROUND_LINE_BYTES = 100
#: How long the end of the process waits for a slow reader (seconds).
LAST_WORDS_S = 1.0

Sink = Callable[[bytes], None]


def in_plain_words(count: int) -> str:
    """The line about lines that are not there, unless the log has a form of its own."""
    return f"{count} lines were dropped\n"


class LogWriter(io.TextIOBase):
    """Text for `sink`, which may block and raise OSError. `write` does neither; it may be called from any thread, and in the
    child of a fork, where a new thread takes over and what the parent has not written yet is the parent's."""

    def __init__(self, sink: Sink, *, terminal: bool = False, max_bytes: int = MAX_WAITING_BYTES) -> None:
        self._sink = sink
        self._terminal = terminal
        self._max_bytes = max_bytes
        #: Words for so many dropped lines. Called by the thread.
        self.dropped_line: Callable[[int], str] = in_plain_words
        self._begin()

    def __del__(self) -> None:
        """Nothing. The base class would call `close`, and wait in it wherever the collector runs, also when Python ends. While
        anything waits, the thread holds this object."""

    def _begin(self) -> None:
        #: Whose these are. Asked at each use: `os.register_at_fork` would keep every writer, and what it refers to, for good.
        self._process = os.getpid()
        self._changed = threading.Condition(threading.Lock())
        self._waiting: deque[bytes] = deque()
        self._bytes = 0
        #: Lines that found the queue full. Until it is empty again no other line is taken, so that one place tells of the gap.
        self._dropped = 0
        self._busy = False
        self._closing = False
        self._thread: threading.Thread | None = None

    @property
    def encoding(self) -> str:  # type: ignore[override]  # typeshed has an attribute
        """Of the bytes that the sink gets."""
        return "utf-8"

    def isatty(self) -> bool:
        """True if a person reads along."""
        return self._terminal

    def writable(self) -> bool:
        """Always."""
        return True

    def write(self, text: str) -> int:
        """Queue this text, or count it as dropped."""
        data = text.encode("utf-8", "backslashreplace")
        size = len(data) + AROUND_LINE_BYTES
        if self._process != os.getpid():
            self._begin()  # another's lock may be held here for ever
        with self._changed:
            if self._dropped or self._bytes + size > self._max_bytes:
                self._dropped += 1
                return len(text)
            self._waiting.append(data)
            self._bytes += size
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="log", daemon=True)
                self._thread.start()
            self._changed.notify_all()
        return len(text)

    def flush(self) -> None:
        """Nothing: who logs does not wait for who reads. See `settle`."""

    def settle(self, timeout_s: float = LAST_WORDS_S) -> bool:
        """Wait until all is written, at most so long. False if it is not."""
        if self._process != os.getpid():
            return True
        with self._changed:
            return self._changed.wait_for(lambda: not (self._waiting or self._busy), timeout_s)

    def close(self) -> None:
        """Write out what waits, within `LAST_WORDS_S`. The thread ends; what is written later gets another."""
        if self._process != os.getpid():
            return
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self.settle()

    # -- the thread ---------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        lost = 0  # lines that could not be written, and nobody knows
        whole = True  # what was written last ends its line
        while batch := self._next():
            if lost:
                batch.insert(0, (self.dropped_line(lost).encode(), lost))
            lost = sum(lines for _, lines in batch)
            for data, lines in batch:
                try:
                    self._sink(data if whole else b"\n" + data)
                except OSError:  # no reader, no room: the next batch tries again
                    whole = False
                    break
                whole = data.endswith(b"\n")
                lost -= lines

    def _next(self) -> list[tuple[bytes, int]]:
        """What to write, each with the number of lines that it stands for; empty at the end."""
        with self._changed:
            self._busy = False
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._waiting or self._closing)
            if not self._waiting:
                self._thread = None
                return []
            batch = [(data, 1) for data in self._waiting]
            dropped, self._dropped, self._bytes = self._dropped, 0, 0
            self._waiting.clear()
            self._busy = True
        if dropped:
            batch.append((self.dropped_line(dropped).encode(), dropped))
        return batch


def descriptor_sink(descriptor: int) -> Sink:
    """Writes all of it to the descriptor; waits, also where somebody else has made it non-blocking."""

    def sink(data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[os.write(descriptor, rest) :]
            except BlockingIOError:
                waiter = select.poll()
                waiter.register(descriptor, select.POLLOUT)
                waiter.poll()

    return sink


def log_writer(stream: TextIO) -> LogWriter:
    """A writer in front of this stream."""
    try:
        sink = descriptor_sink(stream.fileno())
    except (OSError, ValueError):  # no file of the system: text in memory

        def sink(data: bytes) -> None:
            stream.write(data.decode())
            stream.flush()

    return LogWriter(sink, terminal=stream.isatty())


@contextmanager
def as_standard_error() -> Iterator[LogWriter]:
    """Inside, `sys.stderr` is such a writer, for everybody in the process; at the end it has written what it could."""
    before = sys.stderr
    writer = log_writer(before)
    sys.stderr = writer
    try:
        yield writer
    finally:
        sys.stderr = before
        writer.close()
