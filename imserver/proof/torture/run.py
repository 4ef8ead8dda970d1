"""One torture run from its first process to its last: set up, direct, let all clients settle, drain."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime

from imserver.proof.fault_proxy import FaultProxy
from imserver.proof.server_process import ServerProcess

from .client_pool import ClientPool
from .client_process import Role
from .director import Deeds, Director
from .logs import read_logs
from .network_faults import NetworkFaults
from .options import Options
from .participants import draw_participants
from .verdict import Evidence

#: For leaving at the end, and for answering at all (seconds).
LEAVE_S = 30.0
#: Between two looks at the figures (seconds).
PROGRESS_S = 1.0


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is."""

    phase: str
    elapsed_s: float
    deeds: Deeds
    figures: Counter[str]


async def run_torture(options: Options, show: Callable[[Progress], None]) -> Evidence:
    """Run in an empty folder. However this ends, no process of it is left.

    Raises ServerFailed or ClientPoolFailed if it cannot even begin.
    """
    began_at, deeds = datetime.now(UTC), Deeds()
    journals = options.folder / "clients"
    journals.mkdir()
    server = ServerProcess(options.folder, options.sections, dies_with_parent=True)
    participants = draw_participants(
        options.seed, options.clients, options.processes, options.conversations, options.javascript
    )
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(server)
        urls: dict[str, str] = {}
        network_faults: dict[str, NetworkFaults] = {}
        for number, part in enumerate(participants.parts):
            urls[part.name], proxy = await _line(options, server, number, stack)
            rng = random.Random(f"weather {options.seed} {part.name}")
            network_faults[part.name] = NetworkFaults(proxy, rng, deeds.faults)
        roles = [
            [
                Role(part, urls[part.name], server.token(part.user_id, device_id=part.device_id))
                for part in process
            ]
            for process in participants.processes
        ]
        pool = ClientPool(
            participants,
            roles,
            journals,
            options.seed,
            options.rate,
            deeds.broken.append,
            options.javascript_command,
        )
        stack.push_async_callback(pool.kill_all)
        begun = time.monotonic()
        stage = _Stage(show, deeds, pool, begun)
        await stack.enter_async_context(stage.shown())
        await pool.begin()
        begun = stage.begun = time.monotonic()
        stage.phase = "load"
        async with _network_faults(list(network_faults.values())):
            await Director(options, server, pool, network_faults, deeds).direct()
        elapsed_s = time.monotonic() - begun
        deeds.lines = count_lines([faults.proxy for faults in network_faults.values()])
        stage.phase = "settling"
        stuck = await _settle(pool, options.settle_s)
        figures = pool.figures()
        await _leave(pool, deeds)
        code = await server.stop()
        if code != 0:
            deeds.broken.append(f"the server's exit code is {code}: {server.tail(5)}")
    events, troubles = read_logs([server.log, *(handle.log for handle in pool.handles)])
    deeds.broken += troubles
    options.sabotage.before_check(server.database)
    return Evidence(
        options, participants, deeds, figures, server.database, journals, began_at, elapsed_s, events, stuck
    )


async def _line(
    options: Options, server: ServerProcess, number: int, stack: AsyncExitStack
) -> tuple[str, FaultProxy]:
    """A participant's own line: the address that it calls, and the proxy behind that."""
    web = options.comes_by_web(number)
    proxy = await stack.enter_async_context(FaultProxy("127.0.0.1", server.http_port if web else server.port))
    return f"{'imserver+ws' if web else 'imserver'}://127.0.0.1:{proxy.port}", proxy


class _Stage:
    """Shows the figures now and then."""

    def __init__(
        self, show: Callable[[Progress], None], deeds: Deeds, pool: ClientPool, begun: float
    ) -> None:
        self.phase = "setting up"
        self.begun = begun
        self._show = show
        self._deeds = deeds
        self._pool = pool

    @contextlib.asynccontextmanager
    async def shown(self) -> AsyncIterator[None]:
        """Show the figures while the context lasts."""
        task = asyncio.create_task(self._go_on())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _go_on(self) -> None:
        while True:
            elapsed_s = time.monotonic() - self.begun
            self._show(Progress(self.phase, elapsed_s, self._deeds, self._pool.figures()))
            await asyncio.sleep(PROGRESS_S)


def count_lines(proxies: list[FaultProxy]) -> Counter[str]:
    """Sums of the faults' effects on lines."""
    return Counter(
        cut=sum(proxy.cuts for proxy in proxies),
        cut_in_a_piece=sum(proxy.mid_chunk_cuts for proxy in proxies),
        swallowed=sum(proxy.swallowed for proxy in proxies),
        refused=sum(proxy.refusals for proxy in proxies),
    )


@contextlib.asynccontextmanager
async def _network_faults(network_faults: list[NetworkFaults]) -> AsyncIterator[None]:
    """Run the network's faults while the context lasts, and clear them at its end."""
    tasks = [asyncio.create_task(faults.change()) for faults in network_faults]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for faults in network_faults:
            faults.clear()


async def _settle(pool: ClientPool, settle_s: float) -> list[str]:
    """Settle twice: the bots' answers to the first round must be delivered, too."""
    for handle in pool.handles:
        if not handle.running:
            await handle.start(pool.groups)
    for handle in pool.handles:
        handle.tell(do="stop")
    for _ in range(2):
        answers = await pool.ask_all("settled", settle_s + LEAVE_S, do="settle", timeout_s=settle_s)
        stuck = [str(text) for answer in answers for text in answer["stuck"]]
        if len(answers) < len(pool.handles):
            stuck.append(f"{len(pool.handles) - len(answers)} client processes said nothing any more")
        if stuck:
            return stuck
    return []


async def _leave(pool: ClientPool, deeds: Deeds) -> None:
    for handle in pool.handles:
        handle.tell(do="leave")
    for handle in pool.handles:
        try:
            async with asyncio.timeout(LEAVE_S):
                code = await handle.ended()
        except TimeoutError:
            deeds.broken.append(f"client process {handle.number} did not leave")
            continue
        if code != 0:
            deeds.broken.append(f"client process {handle.number} left with exit code {code}")
