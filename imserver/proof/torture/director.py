"""Directs the faults of processes: kills the server under load, stops and restarts it, puts older copies of its database in its
place, and kills client processes, too. Beside it an operator shuts people out and lets them in again.

The seed decides all but what depends on the load: most kills wait until a client reports that posts have gone out, and come
a seeded moment later.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeVar

from imserver.proof.access_checks import Out
from imserver.proof.fault_proxy import Faults
from imserver.proof.server_process import ServerFailed, ServerProcess
from imserver.proof.stored_rows import stored_keys

from .client_pool import ClientHandle, ClientPool
from .network_faults import NetworkFaults
from .office import Office
from .older_copies import FIRST_KINDS, Kind, OlderCopies, PutBack
from .options import MAX_QUEUE_WAIT_S, Options

T = TypeVar("T")


class Way(StrEnum):
    """The ways to kill a server."""

    BURST = "just after many posts"
    ANSWERS_LOST = "its answers got lost"
    FROZEN = "stopped before"
    ANY_MOMENT = "at any moment"
    DRAINING = "while it drains"
    STARTING = "while it starts"


#: The ways of each sixteen kills. The first ones are fixed, so that even a short run has one of each outcome.
FIRST_WAYS = (Way.ANSWERS_LOST, Way.FROZEN, Way.BURST)
WAYS = (
    *[Way.BURST] * 9, *[Way.ANSWERS_LOST] * 2, *[Way.FROZEN] * 2, Way.ANY_MOMENT, Way.DRAINING, Way.STARTING,
)  # fmt: skip
#: How long a started server works before the next kill is prepared (seconds).
WORK_S = (0.3, 1.6)
#: Share of clients that must be back before the next kill, and the longest wait for them (seconds).
BACK_SHARE, BACK_S = 0.6, 10.0
BURST_POSTS = 24
#: The longest wait for the first appointment at the end of a short run (seconds).
BOOKED_S = 30.0
#: At most from the departure of posts until the kill: about the time of a commit (seconds).
AFTER_BURST_S = 0.03
#: Share of the server's lives with a stop: mostly short, some longer than the store's patience.
STOP_SHARE, LONG_STOP_SHARE = 0.3, 0.04
SHORT_STOP_S = (0.05, 1.2)
LONG_STOP_S = (MAX_QUEUE_WAIT_S + 0.5, MAX_QUEUE_WAIT_S + 2.5)
#: Stops longer than the clients' keepalive (25 s until a PING, 10 s until they give up): once in so many seconds.
KEEPALIVE_STOP_S = (37.0, 42.0)
KEEPALIVE_STOP_EVERY_S = 420.0
#: Between two kills of client processes (seconds), and how long one stays away.
CLIENT_KILL_EVERY_S = (6.0, 16.0)
CLIENT_AWAY_S = 1.5
#: Until the operator has the answer to the last act (seconds).
OFFICE_S = 60.0


@dataclass(frozen=True, slots=True)
class Kill:
    """One SIGKILL of the server: the unanswered posts of that moment, and how many of them the database had."""

    way: Way
    unanswered: int
    stored: int


@dataclass(slots=True)
class Deeds:
    """The record of all faults."""

    kills: list[Kill] = field(default_factory=list)
    restores: list[PutBack] = field(default_factory=list)
    stops: int = 0
    stopped_s: float = 0.0
    client_kills: int = 0
    #: How often an operator ended somebody's access, in which way; and so long each was out.
    ended: Counter[str] = field(default_factory=Counter)
    outs: list[Out] = field(default_factory=list)
    #: How long each start took until the server listened (seconds).
    starts_s: list[float] = field(default_factory=list)
    #: Faults of lines by kind, and their effects: lines cut, cut in the middle of a piece, swallowed, refused.
    faults: Counter[str] = field(default_factory=Counter)
    lines: Counter[str] = field(default_factory=Counter)
    #: Failures that the director did not cause.
    broken: list[str] = field(default_factory=list)

    @property
    def hits(self) -> int:
        """Kills that hit a server with an unanswered post."""
        return sum(kill.unanswered > 0 for kill in self.kills)

    @property
    def found(self) -> int:
        """Unanswered posts that the database had."""
        return sum(kill.stored for kill in self.kills)

    @property
    def not_found(self) -> int:
        return sum(kill.unanswered - kill.stored for kill in self.kills)


class Director:
    """`direct` runs until the time is over or the server was killed often enough, and leaves the server running."""

    def __init__(
        self,
        options: Options,
        server: ServerProcess,
        pool: ClientPool,
        network_faults: dict[str, NetworkFaults],
        deeds: Deeds,
        on_deed: Callable[[], None] = lambda: None,
    ) -> None:
        self._options = options
        self._server = server
        self._pool = pool
        self._network_faults = network_faults
        self._deeds = deeds
        self._on_deed = on_deed
        self._rng = random.Random(f"director {options.seed}")
        self._ways = self._deck(FIRST_WAYS, WAYS)
        self._kinds = self._deck(FIRST_KINDS, tuple(Kind))
        self._kind = next(self._kinds)
        self._copies = OlderCopies(server.database, random.Random(f"older copies {options.seed}"))
        #: Kills since the part of the run in which older copies come back began.
        self._late_kills = 0
        self._begun = time.monotonic()
        self._keepalive_stops = 0
        roles = [role.part for handle in pool.handles for role in handle.script.roles]
        self._office = Office(
            server, pool, [part for part in roles if part.comes_and_goes],
            random.Random(f"office {options.seed}"), deeds.ended, deeds.outs,
        )  # fmt: skip

    async def direct(self) -> None:
        """The whole run."""
        self._begun = time.monotonic()
        killer = asyncio.create_task(self._kill_clients())
        operator = asyncio.create_task(self._office.keep())
        try:
            while not self._over:
                await self._life()
            await self._start()
            await self._close_office(operator)
        finally:
            for task in (killer, operator):
                task.cancel()
            await asyncio.gather(killer, operator, return_exceptions=True)
        await self._pool.reached("booked", 1, BOOKED_S)

    async def _close_office(self, operator: asyncio.Task[None]) -> None:
        """Everybody is in at the end, so that everybody can be asked what he has."""
        self._office.stop()
        try:
            async with asyncio.timeout(OFFICE_S):
                await operator
                await self._office.let_all_in()
        except TimeoutError:
            self._deeds.broken.append(f"the operator has no answer: {self._server.tail(5)}")

    @property
    def _over(self) -> bool:
        return self._share_done >= 1

    @property
    def _share_done(self) -> float:
        """How much of the run is over, by time or by kills."""
        options, done = self._options, len(self._deeds.kills)
        of_kills = done / options.kills if options.kills else 0.0
        return max(of_kills, (time.monotonic() - self._begun) / (options.minutes * 60))

    def _deck(self, first: Sequence[T], all_: Sequence[T]) -> Iterator[T]:
        yield from first
        while True:
            yield from self._rng.sample(all_, len(all_))

    # -- the server ---------------------------------------------------------------------------------------------------

    async def _life(self) -> None:
        """One life of the server: start it if needed, let it work, kill it."""
        way = next(self._ways)
        if way is Way.STARTING:
            await self._kill_starting()
            return
        await self._start()
        await self._clients_back()
        await self._work()
        if not self._server.running:
            self._deeds.broken.append(f"the server ended by itself: {self._server.tail(5)}")
            return
        await {
            Way.BURST: self._kill_after_burst,
            Way.ANSWERS_LOST: self._kill_without_answers,
            Way.FROZEN: self._kill_frozen,
            Way.ANY_MOMENT: self._kill_now,
            Way.DRAINING: self._kill_draining,
        }[way]()

    async def _start(self) -> None:
        if self._server.running:
            return
        begun = time.monotonic()
        try:
            await self._server.start()
        except ServerFailed as error:
            self._deeds.broken.append(f"the server did not start: {error}")
            raise
        self._deeds.starts_s.append(time.monotonic() - begun)

    async def _clients_back(self) -> None:
        await self._pool.reached("connected", round(BACK_SHARE * self._options.clients), BACK_S)

    async def _work(self) -> None:
        await asyncio.sleep(self._rng.uniform(*WORK_S))
        elapsed = time.monotonic() - self._begun
        dice = self._rng.random()
        if elapsed > KEEPALIVE_STOP_EVERY_S * (self._keepalive_stops + 0.5):
            self._keepalive_stops += 1
            await self._stop_for(*KEEPALIVE_STOP_S)
        elif dice < LONG_STOP_SHARE or self._wants_a_long_stop:
            await self._stop_for(*LONG_STOP_S)
        elif dice < STOP_SHARE:
            await self._stop_for(*SHORT_STOP_S)

    @property
    def _wants_a_long_stop(self) -> bool:
        """True in the tenth life, so that even a short run has a long stop."""
        return len(self._deeds.kills) == 9

    async def _stop_for(self, low_s: float, high_s: float) -> None:
        """SIGSTOP, and SIGCONT after a while; then let the server work for a moment."""
        span_s = self._rng.uniform(low_s, high_s)
        self._server.freeze(True)
        self._deeds.stops += 1
        self._deeds.stopped_s += span_s
        await asyncio.sleep(span_s)
        self._server.freeze(False)
        await asyncio.sleep(self._rng.uniform(0.0, 0.5))

    # -- the ways -----------------------------------------------------------------------------------------------------

    async def _kill_after_burst(self) -> None:
        await self._burst(self._some_clients())
        await asyncio.sleep(self._rng.uniform(0, AFTER_BURST_S))
        await self._kill(Way.BURST)

    async def _kill_without_answers(self) -> None:
        clients = self._some_clients()
        with self._reserved(clients) as network_faults:
            for faults in network_faults:
                faults.proxy.apply(Faults(swallow_down=True))
            await self._burst(clients)
            await asyncio.sleep(self._rng.uniform(0.05, 0.3))
            await self._kill(Way.ANSWERS_LOST)

    async def _kill_frozen(self) -> None:
        self._server.freeze(True)
        self._deeds.stops += 1
        await self._burst(self._some_clients())
        await asyncio.sleep(self._rng.uniform(0, 0.2))
        await self._kill(Way.FROZEN)

    async def _kill_now(self) -> None:
        await self._kill(Way.ANY_MOMENT)

    async def _kill_draining(self) -> None:
        self._server.terminate()
        await asyncio.sleep(self._rng.uniform(0, 0.25))
        if self._server.running:
            await self._kill(Way.DRAINING)
        else:
            self._check_exit(await self._server.ended())

    async def _kill_starting(self) -> None:
        if self._server.running:  # only the very first life
            await self._kill(Way.ANY_MOMENT)
        usual_s = self._deeds.starts_s[-1] if self._deeds.starts_s else 1.0
        await self._server.spawn()
        await asyncio.sleep(self._rng.uniform(0.3 * usual_s, 1.1 * usual_s))
        if not self._server.running:
            self._deeds.broken.append(f"the server did not start: {self._server.tail(5)}")
        await self._kill(Way.STARTING)

    def _check_exit(self, code: int) -> None:
        if code != 0:
            self._deeds.broken.append(f"the server drained with exit code {code}: {self._server.tail(5)}")

    def _some_clients(self) -> ClientHandle | None:
        """A client process, preferably one without faults on its lines."""
        running = [handle for handle in self._pool.handles if handle.present["connected"] > 0]
        return self._rng.choice(running) if running else None

    async def _burst(self, clients: ClientHandle | None) -> None:
        """Let this process post, and wait until the posts have gone out."""
        if clients is None:
            return
        clients.forget("said")
        clients.tell(do="burst", count=BURST_POSTS)
        await clients.answer("said", 3.0)

    @contextlib.contextmanager
    def _reserved(self, clients: ClientHandle | None) -> Iterator[Sequence[NetworkFaults]]:
        names = [role.part.name for role in clients.script.roles] if clients is not None else []
        network_faults = [self._network_faults[name] for name in names]
        for faults in network_faults:
            faults.reserved = True
        try:
            yield network_faults
        finally:
            for faults in network_faults:
                faults.reserved = False
                faults.proxy.apply(Faults())

    async def _kill(self, way: Way) -> None:
        """SIGKILL; then ask the clients for unanswered posts, and the database which of these it has."""
        deaf = {name for name, faults in self._network_faults.items() if faults.proxy.deaf}
        at = time.monotonic()
        await self._server.kill()
        self._copies.killed()
        answers = await self._pool.ask_all("unanswered", 3.0, do="unanswered", at=at)
        keys = [
            bytes.fromhex(key)
            for answer in answers
            for name, mine in answer["keys"].items()
            if name not in deaf  # their posts did not reach the server
            for key in mine
        ]
        if way is Way.STARTING:
            keys = []  # no client had been welcomed yet
        stored = await asyncio.to_thread(stored_keys, self._server.database, keys)
        self._deeds.kills.append(Kill(way, len(keys), len(stored)))
        self._options.sabotage.while_down(self._server.database)
        await self._older_copies()
        self._on_deed()

    async def _older_copies(self) -> None:
        """In the last part of a run, while the server is down: put an older copy back, or take one for later."""
        every = self._options.restore_every
        if not every or self._share_done < self._options.calm_share:
            return
        self._late_kills += 1
        put_back = None
        if self._late_kills >= every:
            put_back = await asyncio.to_thread(self._copies.put_back, self._kind)
        if put_back is None:
            if self._late_kills >= every and self._kind is Kind.LAST_COMMITS:
                self._kind = next(self._kinds)  # too few were in the log alone: another kind the next time
            await asyncio.to_thread(self._copies.take)
            return
        self._late_kills = 0
        self._kind = next(self._kinds)
        self._deeds.restores.append(put_back)
        self._office.put_back(put_back)

    # -- the clients --------------------------------------------------------------------------------------------------

    async def _kill_clients(self) -> None:
        """SIGKILL one client process after the other, and start each again on its stores."""
        rng = random.Random(f"client kills {self._options.seed}")
        while True:
            await asyncio.sleep(rng.uniform(*CLIENT_KILL_EVERY_S))
            handle = rng.choice(self._pool.handles)
            await handle.kill()
            self._deeds.client_kills += 1
            await asyncio.sleep(rng.uniform(0, CLIENT_AWAY_S))
            await handle.start(self._pool.groups)
