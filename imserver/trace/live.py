"""The frames of a running server's connections, explained for one who watches: of one user, one device, or one connection.

It is the server that explains, so what that takes and what waits for the watcher are bounded: frames above `MAX_FRAMES_A_S` are
counted and not explained, and so are lines above `MAX_LINES` that nobody has taken. Both are told as lost, in their place.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from imserver.clock import Clock
from imserver.net.sessions import logged_id
from imserver.net.taps import Tapped, Taps, remove

from .explainer import Explainer, Line, cost

#: Frames of up to a KiB that are explained in a second, of all connections of a trace; a longer one counts as several. At 10 to
#: 20 microseconds each that is less than 1 % of a loop.
MAX_FRAMES_A_S = 400
#: Lines that wait; with contents of 2,000 characters that is about 4 MiB.
MAX_LINES = 1_000


@dataclass(frozen=True, slots=True)
class Wanted:
    """Whose frames. At least one is given; all that are given must fit."""

    user_id: str | None = None
    device_id: str | None = None
    connection: int | None = None

    def fits(self, connection: Tapped) -> bool:
        """Whether this connection is meant."""
        session = connection.session
        if session is None or self.connection not in (None, connection.number):
            return False
        return self.user_id in (None, session.user_id) and self.device_id in (None, session.device_id)


class LiveTrace:
    """`imserver.net.taps.Watcher`. `begin` it, `take` its lines, `end` it."""

    def __init__(self, wanted: Wanted, taps: Taps, clock: Clock, *, contents: bool = False) -> None:
        self._wanted = wanted
        self._taps = taps
        self._clock = clock
        self._contents = contents
        self._lines: deque[Line] = deque()
        #: Frames and lines that are in no line, behind all that wait.
        self._lost = 0
        self._came = asyncio.Event()
        self._own: dict[_Tap, Tapped] = {}
        self._second = 0
        self._this_second = 0

    @property
    def watched_count(self) -> int:
        """Connections that are watched now."""
        return len(self._own)

    def begin(self, connections: Iterable[Tapped]) -> None:
        """Watch those of these that are wanted, and whoever logs in from now on."""
        self._taps.begin(self, connections)

    def end(self) -> None:
        """Watch nothing any more. Ending twice is harmless."""
        self._taps.end(self)
        for tap, connection in self._own.items():
            remove(connection, tap)
        self._own.clear()
        self._came.set()

    async def take(
        self, most: int, within_s: float, fits: Callable[[Line], bool] = lambda line: True
    ) -> tuple[list[Line], int]:
        """Lines, as soon as there are any, and how many were lost behind them; nothing if none came in time. They end before
        the first that does not fit: it waits."""
        try:
            async with asyncio.timeout(within_s):
                await self._came.wait()
        except TimeoutError:
            return [], 0
        taken: list[Line] = []
        while self._lines and len(taken) < most and fits(self._lines[0]):
            taken.append(self._lines.popleft())
        if self._lines:
            return taken, 0
        lost, self._lost = self._lost, 0
        self._came.clear()
        return taken, lost

    # -- from taps ----------------------------------------------------------------------------------------------------

    def tap(self, connection: Tapped, *, new: bool) -> _Tap | None:
        if not self._wanted.fits(connection):
            return None
        session = connection.session
        assert session is not None
        tap = _Tap(self, connection, Explainer(connection.number, self._clock, contents=self._contents))
        tap.explainer.begin_within(connection.unfinished)
        self._own[tap] = connection
        how = "logged in" if new else "watched from here on"
        self.add(
            [
                tap.explainer.note(
                    f"{how}: {session.user_id} on {session.device_id} from {connection.address or 'a Unix socket'},"
                    f" session={logged_id(session.stream.session_id)}"
                )
            ]
        )
        return tap

    def room(self) -> int:
        """Frames that may still be explained in this second."""
        second = int(self._clock.monotonic())
        if second != self._second:
            self._second, self._this_second = second, 0
        return MAX_FRAMES_A_S - self._this_second

    def add(self, lines: list[Line], *, unexplained: int = 0) -> None:
        """Have these wait. Once one was lost, all that follow are until the watcher has taken what waits: so the gap is in one
        place."""
        self._this_second += sum(cost(line.size) for line in lines)
        room = 0 if self._lost else max(0, MAX_LINES - len(self._lines))
        self._lines.extend(lines[:room])
        self._lost += len(lines[room:]) + unexplained
        if lines or unexplained:
            self._came.set()

    def forget(self, tap: _Tap) -> None:
        """Its connection has gone."""
        self._own.pop(tap, None)


class _Tap:
    """Of one connection."""

    def __init__(self, trace: LiveTrace, connection: Tapped, explainer: Explainer) -> None:
        self._trace = trace
        self.explainer = explainer

    def read(self, data: bytes, *, up: bool) -> None:
        before = self.explainer.unexplained
        lines = self.explainer.read(data, up=up, most=self._trace.room())
        self._trace.add(lines, unexplained=self.explainer.unexplained - before)

    def ended(self) -> None:
        self._trace.add([self.explainer.note(f"closed: {self.explainer.sums()}")])
        self._trace.forget(self)
