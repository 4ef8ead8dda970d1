"""User quota: bounds one user's requests in progress, over all devices, so that a flood of them delays no other user.

Requests above the quota wait in their sessions, where the window bounds them. None is refused for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol
from weakref import WeakValueDictionary

#: Requests other than posts of one user that are worked on at once.
MAX_AT_WORK = 8

#: Takes tokens of the user's rate and returns 0.0, or returns the seconds until there are enough.
TakeTokens = Callable[[str, float], float]


class Waiter(Protocol):
    """A session with waiting requests."""

    def pump(self) -> None:
        """Begin waiting requests while there is room for them."""
        ...


class UserQuota:
    """One user's requests in progress and the sessions that wait to begin more."""

    __slots__ = (
        "__weakref__",
        "_at_work",
        "_due_at",
        "_max_reads",
        "_names_line",
        "_reads",
        "_take",
        "_take_names",
        "_timer",
        "_user_id",
        "_waiting",
    )

    def __init__(self, user_id: str, max_reads: int, take: TakeTokens, take_names: TakeTokens) -> None:
        self._user_id = user_id
        self._max_reads = max_reads
        self._take = take
        self._take_names = take_names
        self._at_work = 0
        self._reads = 0
        #: Sessions of the user that found no room; the first is pumped next.
        self._waiting: list[Waiter] = []
        #: Sessions that wait for the rate of names, in order.
        self._names_line: list[Waiter] = []
        #: Of whichever rate comes back first.
        self._timer: asyncio.TimerHandle | None = None
        self._due_at = 0.0

    def begin(self, waiter: Waiter, *, reads: bool, cost: float) -> bool:
        """Take room for one request, until `end`. False: no room now; `waiter` is pumped again when there may be some."""
        if self._at_work >= MAX_AT_WORK or (reads and self._reads >= self._max_reads):
            self._wait(waiter)
            return False
        wait_s = self._take(self._user_id, cost) if cost else 0.0
        if wait_s > 0:
            self._wait_until(waiter, wait_s)
            return False
        self._at_work += 1
        self._reads += reads
        return True

    def pay_names(self, waiter: Waiter, count: int) -> bool:
        """Pay for so many names that are looked up. False: not yet; `waiter` is pumped again when it may be time.

        Sessions that wait stand in a line of their own: one that asks for few names does not pass one that asks for many.
        """
        line = self._names_line
        if line and line[0] is not waiter:
            if waiter not in line:
                line.append(waiter)
            return False
        wait_s = self._take_names(self._user_id, count)
        if wait_s > 0:
            if not line:
                line.append(waiter)
            self._wait_until(waiter, wait_s)
            return False
        self.leave_line(waiter)
        return True

    def leave_line(self, waiter: Waiter) -> None:
        """The session waits for names no longer: it has paid, or is over. Whoever is first now is pumped."""
        line = self._names_line
        if waiter in line:
            line.remove(waiter)
            if line:
                self._wait_until(line[0], 0.0)

    def end(self, *, reads: bool) -> None:
        """Free the room of a request, answered or not."""
        self._at_work -= 1
        self._reads -= reads
        self._go_round()

    def _wait(self, waiter: Waiter) -> None:
        if waiter not in self._waiting:
            self._waiting.append(waiter)

    def _wait_until(self, waiter: Waiter, wait_s: float) -> None:
        self._wait(waiter)
        loop = asyncio.get_running_loop()
        due_at = loop.time() + wait_s
        if self._timer is not None:
            if self._due_at <= due_at:
                return
            self._timer.cancel()
        self._timer, self._due_at = loop.call_later(wait_s, self._on_time), due_at

    def _on_time(self) -> None:
        self._timer = None
        self._go_round()

    def _go_round(self) -> None:
        """Pump the waiting sessions, the longest waiting first: room comes one request at a time, so devices share alike."""
        for _ in range(len(self._waiting)):
            self._waiting.pop(0).pump()


class UserQuotas:
    """The quotas of all users with a session or with a request still in progress."""

    def __init__(self, readers: int, take: TakeTokens, take_names: TakeTokens) -> None:
        #: One user never keeps all readers of the store busy: HELLOs of other users need one, too.
        self._max_reads = max(1, readers - 1)
        self._take = take
        self._take_names = take_names
        self._by_user: WeakValueDictionary[str, UserQuota] = WeakValueDictionary()

    def of(self, user_id: str) -> UserQuota:
        """The one quota of this user, kept while a session refers to it."""
        quota = self._by_user.get(user_id)
        if quota is None:
            quota = UserQuota(user_id, self._max_reads, self._take, self._take_names)
            self._by_user[user_id] = quota
        return quota
