"""The hot loop in Python: does the work of hotloop.c where there is no compiler, and under TLS.

One epoll, no event loop, no object for each message: a parser calls two methods, and each turn ends in one write.
"""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import time
from collections import Counter
from collections.abc import Sequence

from benchmarks.codecs.base import Codec, End, Frame, Unreadable
from benchmarks.histograms import from_values
from benchmarks.plan import MAX_OPEN, Outcome, Plan

READ_BYTES = 1 << 18
#: imserver: a bare ACK goes out at the latest after this (seconds), as the protocol asks.
SWEEP_S = 0.1
#: Most messages of one sender in flight; rings of this size remember their indexes.
RING = 65_536
#: TLS needs more Python for each read: one call returns one record, so a turn reads on until none is left.
_NOTHING_YET = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError, InterruptedError)


class Sender:
    """The flow of one lane."""

    __slots__ = ("acked", "complete", "due", "frame", "link", "scheduled", "seen_by", "sent")

    def __init__(self, frame: Frame) -> None:
        self.frame = frame
        self.link: Link | None = None
        self.scheduled = self.sent = self.acked = self.complete = 0
        self.due: dict[int, float] = {}
        self.seen_by: dict[int, int] = {}


class Link:
    """One connection: the codec's witness of its answers and deliveries."""

    __slots__ = ("_missing", "_run", "end", "last", "rest", "sender", "sock", "unsent", "waits")

    def __init__(self, run: Run, end: End, sender: Sender, sock: socket.socket) -> None:
        self._run = run
        self.end = end
        self.sender = sender
        self.sock = sock
        self.rest = b""
        self.unsent = b""
        self.waits = False
        self.last = 0
        self._missing: set[int] = set()

    def acked(self, index: int) -> None:
        """The server has acknowledged a message."""
        run, sender = self._run, self.sender
        if index >= sender.sent:
            raise Unreadable("an answer to nothing")
        sender.acked += 1
        run.seen.acked += 1
        due = sender.due[index % RING]
        if run.begin <= run.now < run.end:
            run.seen.measured_acked += 1
        if run.begin <= due < run.end:
            run.ack_us[int((run.now - due) * 1e6)] += 1

    def delivered(self, index: int) -> None:
        """A message has arrived."""
        run, sender = self._run, self.sender
        if index >= sender.sent:
            raise Unreadable("a message that was not sent")
        run.seen.delivered += 1
        if index == self.last:
            self.last += 1
        elif index > self.last:
            self._missing.update(range(self.last, index))
            self.last = index + 1
        elif index in self._missing:
            self._missing.discard(index)
            run.seen.out_of_order += 1
        else:
            run.seen.doubled += 1
            return
        due = sender.due[index % RING]
        timed = run.begin <= due < run.end
        if run.begin <= run.now < run.end:
            run.seen.measured_delivered += 1
        if timed:
            run.delivery_us[int((run.now - due) * 1e6)] += 1
        if run.receivers > 1:
            seen_by = sender.seen_by.get(index, 0) + 1
            if seen_by < run.receivers:
                sender.seen_by[index] = seen_by
                return
            sender.seen_by.pop(index, None)
            if timed:
                run.all_us[int((run.now - due) * 1e6)] += 1
        sender.complete += 1


class Run:
    """One load on connected sockets, given as (end, frame of a sender, socket)."""

    def __init__(
        self,
        plan: Plan,
        codec: Codec,
        ends: Sequence[tuple[End, Frame | None, socket.socket]],
        key_base: int,
        start_ns: int,
    ) -> None:
        self._plan = plan
        self._codec = codec
        self._key_base = key_base
        self.start = start_ns / 1e9
        self.begin = self.start + plan.warm_up_s
        self.end = self.begin + plan.measure_s
        self.receivers = len(plan.lanes[0].receivers)
        self.now = 0.0
        self.seen = Outcome(loop="Python")
        self.ack_us: Counter[int] = Counter()
        self.delivery_us: Counter[int] = Counter()
        self.all_us: Counter[int] = Counter()
        self._scheduled = 0
        self._ended = False
        self._epoll = select.epoll()
        lanes: dict[int, Sender] = {end.lane.number: Sender(frame) for end, frame, _ in ends if frame}
        self._senders = list(lanes.values())
        self._links = [Link(self, end, lanes[end.lane.number], sock) for end, _, sock in ends]
        self._by_fd = {link.sock.fileno(): link for link in self._links}
        for link in self._links:
            if link.end.is_sender:
                link.sender.link = link
            else:
                link.end.out += codec.next_read(link.end.lane)

    def go(self) -> Outcome:
        """Drive the load to its end."""
        for fd in self._by_fd:
            self._epoll.register(fd, select.EPOLLIN)
        try:
            self._loop()
        except (Unreadable, OSError, ValueError) as error:
            self.seen.errors.append(str(error) or type(error).__name__)
        finally:
            self._epoll.close()
        seen = self.seen
        seen.expected = seen.sent * self.receivers
        seen.ack_us = from_values(self.ack_us.items())
        seen.delivery_us = from_values(self.delivery_us.items())
        seen.all_us = from_values(self.all_us.items())
        return seen

    def _loop(self) -> None:
        begun: float | None = None
        cpu = 0.0
        sweep = time.monotonic() + SWEEP_S
        while True:
            self.now = time.monotonic()
            if begun is None and self.now >= self.begin:
                begun, cpu = self.now, time.process_time()
            if not self._ended and self.now >= self.end:
                self._schedule()  # send due messages; those that windows still hold back are never sent
                self._ended = True
                self.seen.unsent = self._scheduled - self.seen.sent if self._plan.rate else 0
                self.seen.generator_cpu_s = time.process_time() - cpu
                self.seen.measured_s = self.now - (begun or self.begin)
            if self._ended and (self._settled() or self.now >= self.end + self._plan.settle_s):
                return
            if self.now >= sweep:
                self._sweep()
                sweep = self.now + SWEEP_S
            self._schedule()
            for link in self._links:
                if link.end.out:
                    self._flush(link)
            # epoll waits in whole milliseconds; a schedule finer than that is met a little late, and says so.
            for fd, what in self._epoll.poll(0.001, 1024):
                link = self._by_fd[fd]
                if what & select.EPOLLOUT:
                    self._flush(link)
                if what & ~select.EPOLLOUT:
                    self._receive(link)

    def _settled(self) -> bool:
        seen = self.seen
        return seen.acked >= seen.sent and seen.delivered >= seen.sent * self.receivers

    def _sweep(self) -> None:
        for link in self._links:
            end = link.end
            if self._codec.number == 0 and end.received != end.told:
                end.told = end.received
                end.out += b"\0\0\0\x08\x93\x02\0\xce" + end.received.to_bytes(4, "big")

    def _schedule(self) -> None:
        if self.now < self.start:
            return
        if rate := self._plan.rate:
            until = min(self.now, self.end - 1e-9)
            while self.start + self._scheduled / rate <= until:
                self._senders[self._scheduled % len(self._senders)].scheduled += 1
                self._scheduled += 1
        for number, sender in enumerate(self._senders):
            self._fill(number, sender)

    def _fill(self, number: int, sender: Sender) -> None:
        plan, link = self._plan, sender.link
        assert link is not None
        end = link.end
        while not self._ended:
            unanswered = sender.sent - (sender.complete if plan.until_all else sender.acked)
            if sender.sent >= sender.scheduled if plan.rate else unanswered >= plan.window:
                return
            if unanswered >= MAX_OPEN or sender.sent - sender.complete >= MAX_OPEN:
                return
            due = self.now
            if plan.rate:
                due = self.start + (sender.sent * len(self._senders) + number) / plan.rate
                if self.begin <= due < self.end:
                    self.seen.late_ms = max(self.seen.late_ms, (self.now - due) * 1000)
            sender.due[sender.sent % RING] = due
            end.seq += 1
            end.out += sender.frame.render(end.seq, end.received, self._key_base, sender.sent)
            end.told = end.received
            sender.sent += 1
            self.seen.sent += 1
            self.seen.measured_sent += self.begin <= due < self.end

    def _flush(self, link: Link) -> None:
        link.unsent += link.end.out
        link.end.out.clear()
        with contextlib.suppress(*_NOTHING_YET):
            while link.unsent:
                link.unsent = link.unsent[link.sock.send(link.unsent) :]
        if bool(link.unsent) != link.waits:
            link.waits = not link.waits
            self._epoll.modify(link.sock.fileno(), select.EPOLLIN | (select.EPOLLOUT if link.waits else 0))

    def _receive(self, link: Link) -> None:
        parts = [link.rest]
        with contextlib.suppress(*_NOTHING_YET):
            while True:
                part = link.sock.recv(READ_BYTES)
                if not part:
                    raise ConnectionError("connection lost")
                parts.append(part)
                if not isinstance(link.sock, ssl.SSLSocket):
                    break
        data = b"".join(parts)
        self.now = time.monotonic()
        parse, end, at = self._codec.parse, link.end, 0
        while at < len(data) and (after := parse(end, data, at, link)) != at:
            at = after
        link.rest = data[at:]
