"""Quotas: bytes of contents that one account may post a day and in all (SPEC, "Quotas").

A post takes its bytes before it enters the writer's queue, so that many at once cannot pass together, and gives them back if
nothing of it was stored. Posting counts in memory alone: for each user with a session there is one `Used`, known before the
session begins. What was counted goes into the store with each mebibyte, or after a minute, and at the end: a crash forgets at
most that much.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any
from weakref import WeakValueDictionary

from imserver.chat.ports import Store
from imserver.chat.transaction import Transaction
from imserver.chat.units import Unit
from imserver.clock import Clock
from imserver.config import LimitsConfig
from imserver.errors import Refusal, RefusalCode, StoreFailed
from imserver.model import Usage

#: A day of a quota begins at 00:00 UTC.
DAY_MS = 24 * 3600 * 1000
#: A user's count is written as soon as so many bytes came together, or after so many seconds.
WRITE_BYTES = 1024 * 1024
WRITE_AFTER_S = 60.0
#: Rows of one unit, about two milliseconds of the writer; and those that one sweep may write.
ROWS_A_UNIT = 256
ROWS_A_SWEEP = 1024
#: A clock that goes back by at most so many days gives nothing again: the later day's count goes on. A count from further ahead
#: is of a clock that was wrong, and becomes today's: nobody is shut out for years by it.
DAYS_AHEAD = 2


class Used:
    """What one account has used, and may still use: one for each user, however many sessions there are."""

    __slots__ = (
        "__weakref__",
        "_begins_ms",
        "_ends_ms",
        "_guest",
        "_quotas",
        "bytes",
        "day",
        "day_bytes",
        "known",
        "user_id",
        "waits",
        "written",
    )

    def __init__(self, user_id: str, quotas: Quotas) -> None:
        self._quotas = quotas
        self._guest = False
        self.user_id = user_id
        self.bytes = 0
        #: The day that `day_bytes` is of (days since 1970, UTC).
        self.day = 0
        self.day_bytes = 0
        #: When this day begins and ends (UTC milliseconds): each post compares with them.
        self._begins_ms, self._ends_ms = 0, DAY_MS
        #: `bytes` as they were when they were last written.
        self.written = 0
        #: True while a count waits to be written.
        self.waits = False
        #: False until the store's count is in it.
        self.known = False

    def learn(self, kept: Usage) -> None:
        """Begin with what the store has."""
        self.bytes = self.written = kept.bytes
        self._put_day(kept.day)
        self.day_bytes = kept.day_bytes
        self.known = True

    def is_of(self, *, guest: bool) -> None:
        """Whether it is a guest's, of whom anybody may make thousands: it has a quota of its own, as long as it is one."""
        self._guest = guest

    def room(self, now_ms: int) -> int:
        """Bytes that the user may post now."""
        if not self._begins_ms <= now_ms < self._ends_ms:
            self._turn_to(now_ms // DAY_MS)
        if self.day_bytes < 0:  # what was taken yesterday and given back today makes no room
            self.day_bytes = 0
        quotas = self._quotas
        per_day = quotas.per_day_of_guests if self._guest else quotas.per_day
        of_day, of_all = per_day - self.day_bytes, quotas.in_all - self.bytes
        return of_day if of_day < of_all else of_all  # noqa: FURB136 - for each post: `min` would take as long as all of this

    def take(self, size: int) -> None:
        """Count so many bytes; there was `room`."""
        self.bytes += size
        self.day_bytes += size
        if not self.waits or self.bytes - self.written >= WRITE_BYTES:
            self._quotas.counted(self)

    def give_back(self, size: int) -> None:
        """Nothing was stored of what was, or is just being, counted."""
        self.bytes -= size
        self.day_bytes -= size
        if not self.waits:
            self._quotas.counted(self)

    def refusal(self, size: int) -> Refusal:
        """Why so many bytes, more than `room`, are refused: for today, or for good."""
        quotas = self._quotas
        per_day, in_all = quotas.per_day_of_guests if self._guest else quotas.per_day, quotas.in_all
        if self.bytes + size > in_all:
            left = max(0, in_all - self.bytes)
            detail = _detail("bytes_in_all", self.bytes, in_all, None)
            return Refusal(RefusalCode.QUOTA, _words(in_all, left, "in all"), detail=detail)
        back_at = (self.day + 1) * DAY_MS
        left = max(0, per_day - self.day_bytes)
        return Refusal(
            RefusalCode.RATE_LIMITED,
            f"{_words(per_day, left, 'a day')}; again from 00:00 UTC",
            retry_after_ms=max(1, back_at - self._quotas.clock.now_ms()),
            detail=_detail("bytes_per_day", self.day_bytes, per_day, back_at),
        )

    @property
    def row(self) -> Usage:
        """As it is kept."""
        return Usage(self.user_id, max(0, self.bytes), self.day, max(0, self.day_bytes))

    def _turn_to(self, today: int) -> None:
        """Another day has begun, or the clock was set."""
        if today > self.day:
            self._put_day(today)
            self.day_bytes = 0
        elif today < self.day - DAYS_AHEAD:
            self._put_day(today)

    def _put_day(self, day: int) -> None:
        self.day = day
        self._begins_ms, self._ends_ms = day * DAY_MS, (day + 1) * DAY_MS


class _Writing(Unit):
    """Writes what some users have used. Holds them until that is settled, so that nobody reads an older count meanwhile."""

    __slots__ = ("_quotas", "_rows", "users")

    def __init__(self, quotas: Quotas, users: Sequence[Used]) -> None:
        super().__init__()
        self._quotas = quotas
        self._rows = [used.row for used in users]
        self.users = users

    def run(self, tx: Transaction) -> None:
        tx.put_used(self._rows)

    def settle(self) -> None:
        if self.error is not None:
            self._quotas.not_written(self.users)


class Quotas:
    """What all accounts have used. Lives on the loop."""

    def __init__(self, store: Store, clock: Clock, limits: LimitsConfig) -> None:
        self._store = store
        self.clock = clock
        self.use_limits(limits)
        #: Kept while a session, a unit, or what follows refers to it.
        self._by_user: WeakValueDictionary[str, Used] = WeakValueDictionary()
        #: Counted and not written, with the time since when (monotonic seconds), the longest waiting first.
        self._unwritten: dict[Used, float] = {}

    def use_limits(self, limits: LimitsConfig) -> None:
        """Have these hold from the next post on; what was counted stays."""
        self.per_day = limits.bytes_per_day
        # What could never be posted would be put off for ever.
        of_guests = max(limits.bytes_per_day_of_guests, limits.max_content_bytes)
        self.per_day_of_guests = min(of_guests, limits.bytes_per_day)
        self.in_all = limits.bytes_in_all

    async def load(self, user_id: str) -> Used:
        """The user's count, read from the store unless it is known. Raises what a read raises."""
        used = self.of(user_id)
        if not used.known:
            kept = await self._store.read(lambda reader: reader.used(user_id))
            if not used.known:
                used.learn(kept)
        return used

    def met(self, kept: Usage, *, guest: bool = False) -> Used:
        """The count of a user, of whom the store has just said this."""
        used = self.of(kept.user_id)
        used.is_of(guest=guest)
        if not used.known:  # else another device's session was quicker, and may have counted since
            used.learn(kept)
        return used

    def of(self, user_id: str) -> Used:
        """The one count of this user. Whoever begins to use it calls `load` first, and keeps what that returns."""
        used = self._by_user.get(user_id)
        if used is None:
            used = self._by_user[user_id] = Used(user_id, self)
        return used

    def counted(self, used: Used) -> None:
        """A count is to be written: soon, or now that enough came together."""
        if not used.waits:
            used.waits = True
            self._unwritten[used] = self.clock.monotonic()
        if used.bytes - used.written >= WRITE_BYTES:
            self._write([used])

    def sweep(self) -> None:
        """Once a second: write what was counted a minute ago."""
        due_since = self.clock.monotonic() - WRITE_AFTER_S
        due: list[Used] = []
        for used, since in islice(self._unwritten.items(), ROWS_A_SWEEP):
            if since > due_since:
                break
            due.append(used)
        for start in range(0, len(due), ROWS_A_UNIT):
            self._write(due[start : start + ROWS_A_UNIT])

    async def close(self) -> None:
        """Write all that was counted: the last step of a drain. A store that takes nothing any more is let be."""
        try:
            while self._unwritten:
                some = list(islice(self._unwritten, ROWS_A_UNIT))
                rows = [used.row for used in some]
                for used in some:
                    used.waits = False
                    del self._unwritten[used]
                await self._store.write(lambda tx, rows=rows: tx.put_used(rows))  # type: ignore[misc]
        except (Refusal, StoreFailed):
            return

    def not_written(self, users: Sequence[Used]) -> None:
        """A unit of ours failed: its users are due in a minute again."""
        for used in users:
            if not used.waits:
                self.counted(used)

    def _write(self, users: Sequence[Used]) -> None:
        try:
            self._store.submit(_Writing(self, users))
        except (Refusal, StoreFailed):  # the queue is full: with the next mebibyte, or the next sweep
            return
        for used in users:
            used.written = used.bytes
            used.waits = False
            del self._unwritten[used]


def _words(limit: int, left: int, when: str) -> str:
    if left == 0:
        return f"{in_words(limit)} {when} are used up"
    return f"of {in_words(limit)} {when} only {in_words(left)} are left"


def _detail(quota: str, used: int, limit: int, back_at: int | None) -> dict[str, Any]:
    left = max(0, limit - used)
    return {"quota": quota, "used": used, "limit": limit, "left": left, "back_at": back_at}


def in_words(size: int) -> str:
    """A number of bytes for people, rounded down: `256 MB` of 2^20 bytes each, `1.5 kB`."""
    for unit, name in ((1 << 30, "GB"), (1 << 20, "MB"), (1 << 10, "kB")):
        if size >= unit:
            return f"{size * 10 // unit / 10:g} {name}"
    return f"{size} bytes"
