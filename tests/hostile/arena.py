"""Where attacks take place: a real server process that is measured from outside, and neighbours who must not notice.

An attack is a function that does its worst and returns what it was told; its row says what that has to be. Around it stands
the same for all: the server's memory is read before, during and after; its file descriptors must come back; its neighbours
must have made progress and kept their connections.
"""

from __future__ import annotations

import asyncio
import os
import resource
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import trustme

from imserver import Server
from imserver.proof.server_process import ServerProcess
from tests.hostile.codes import CUT_OFF, Code, Heard, require
from tests.hostile.neighbours import Neighbours
from tests.limits.raw import Ended, Raw, Welcomed
from tests.support.servers import SECRET, config

#: How often the server's memory is looked at (seconds).
SAMPLE_S = 0.02
#: File descriptors that may be open after an attack and were not before it (a late neighbour's, a closing socket's).
SPARE_FDS = 4
#: How long an attack's sockets may take to be gone (seconds): HELLO's time-out, GOODBYE's, and a sweep.
GONE_WITHIN_S = 20.0
#: How long the neighbours are watched in peace (seconds).
QUIET_S = 1.5


@dataclass(frozen=True, slots=True)
class Attack:
    """A row of the table: `growth_kib` is what the server may grow by while it lasts."""

    name: str
    growth_kib: int
    run: Callable[[Arena], Awaitable[Heard]]
    #: Server to attack: rows of one name share one process.
    house: str = "plain"
    #: What the attacker is told, each of these at least once and nothing else: close codes, refusals, or that it goes on.
    codes: Sequence[Code] = ()
    #: What depends on how quick the machine is.
    may: Sequence[Code] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a row came to."""

    name: str
    outcome: str
    growth_kib: int
    bound_kib: int
    fds_peak: int
    fds_left: int
    posts: int
    p50_ms: float
    p99_ms: float
    max_ms: float
    quiet_p99_ms: float
    took_s: float
    changes: list[str]

    def line(self) -> str:
        ratio = self.p99_ms / self.quiet_p99_ms if self.quiet_p99_ms else 0.0
        return (
            f"{self.name[:46]:46} {self.growth_kib:>7} /{self.bound_kib:>7} {self.fds_peak:>6} {self.fds_left:>+4}"
            f" {self.posts:>5} {self.p50_ms:>7.1f} {self.p99_ms:>7.1f} {ratio:>6.1f} {self.max_ms:>7.0f} {self.took_s:>5.1f}"
            f"  {self.outcome}"
        )


Prepare = Callable[[Server], Awaitable[dict[str, str]]]

Report = Callable[[Outcome], None]

HEADING = (
    f"{'attack':46} {'RSS +KiB':>7} /{'bound':>7} {'fds':>6} {'left':>4} {'posts':>5} {'p50 ms':>7} {'p99 ms':>7}"
    f" {'ratio':>6} {'max ms':>7} {'s':>5}  outcome"
)


@dataclass
class Meter:
    """Memory and descriptors of a process, from outside."""

    pid: int
    rss_kib: int = 0
    fds: int = 0

    def look(self) -> None:
        self.rss_kib = max(self.rss_kib, rss_kib(self.pid))
        self.fds = max(self.fds, open_fds(self.pid))

    async def watch(self) -> None:
        while True:
            self.look()
            await asyncio.sleep(SAMPLE_S)


@dataclass
class Arena:
    """One server, its neighbours, and what an attack needs to reach it."""

    server: ServerProcess
    neighbours: Neighbours | None
    tls: ssl.SSLContext | None = None
    quiet: dict[str, Any] = field(default_factory=dict)
    #: What attacks find in this server: names that they know it by, and the ids of conversations.
    found: dict[str, str] = field(default_factory=dict)
    #: Source addresses that were used: each attack comes from addresses of its own.
    _address: int = 0

    @property
    def pid(self) -> int:
        return self.server.pids[-1]

    @property
    def port(self) -> int:
        return self.server.port

    @property
    def http_port(self) -> int:
        return self.server.http_port

    def address(self) -> str:
        """A loopback address that nobody came from before."""
        self._address += 1
        return f"127.1.{self._address // 250}.{self._address % 250 + 1}"

    def token(self, name: str, **options: Any) -> str:
        return self.server.token(name, **options)

    async def open(self, source: str | None = None) -> Raw:
        """A socket, from an address of its own unless said otherwise."""
        return await Raw.open(self.port, source=source or self.address(), tls=self.tls)

    async def enter(self, name: str, device_id: str = "raw", **how: Any) -> tuple[Raw, Welcomed]:
        """A socket that said HELLO with a good token."""
        raw = await self.open()
        raw.hello(self.token(name), device_id, **how)
        return raw, await raw.welcome()

    async def code_of(self, data: bytes) -> int:
        """The close code that these bytes get as the first on a connection; CUT_OFF if it ends without one."""
        async with await self.open() as raw:
            with suppress(ConnectionError):
                raw.send_bytes(data)
            try:
                return (await raw.goodbye()).code
            except (Ended, ConnectionError):
                return CUT_OFF

    async def face(self, attack: Attack) -> Outcome:
        """Let the attack happen, and judge it."""
        assert self.neighbours is not None
        before, fds = rss_kib(self.pid), open_fds(self.pid)
        meter = Meter(self.pid)
        watching = asyncio.create_task(meter.watch())
        begin = time.monotonic()
        try:
            heard = await attack.run(self)
        finally:
            end = time.monotonic()
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
        meter.look()
        require(heard, attack.codes, attack.may)
        left = await fds_after(self.pid, fds + SPARE_FDS) - fds
        peace = await self.neighbours.between(begin, max(end, begin + 0.2))
        return Outcome(
            attack.name,
            str(heard),
            meter.rss_kib - before,
            attack.growth_kib,
            meter.fds,
            left,
            peace["posts"],
            peace["p50_ms"],
            peace["p99_ms"],
            peace["max_ms"],
            self.quiet["p99_ms"],
            end - begin,
            peace["changes"],
        )


def judge(outcome: Outcome) -> None:
    """What must hold whatever the attack was. Milliseconds are told and not judged: machines differ."""
    assert outcome.growth_kib <= outcome.bound_kib, f"memory grew by {outcome.growth_kib} KiB: {outcome}"
    assert outcome.fds_left <= SPARE_FDS, f"file descriptors were left behind: {outcome}"
    assert outcome.posts > 0, f"the neighbours made no progress: {outcome}"
    assert not outcome.changes, f"the neighbours lost their connections: {outcome}"


@dataclass(frozen=True, slots=True)
class ArenaConfig:
    """The kind of server that attacks need: its configuration, and what stands in its database before.

    `prepare` fills the database in this process, and says by which names attacks find what.
    """

    prepare: Prepare | None = None
    tls: bool = False
    sections: dict[str, dict[str, Any]] = field(default_factory=dict)


@asynccontextmanager
async def arena(folder: Path, house: ArenaConfig) -> AsyncIterator[Arena]:
    """A server process with neighbours on it, warm and measured in peace; in the end nothing of theirs is lost."""
    raise_fd_limit()
    found: dict[str, str] = {}
    if house.prepare is not None:
        async with Server(config(folder)) as inside:
            found = await house.prepare(inside)
    sections = {"auth": {"secret": SECRET}, **house.sections}
    authority, context = "", None
    if house.tls:
        paths, context, authority = certified(folder)
        sections["server"] = {**sections.get("server", {}), **paths}
    async with AsyncExitStack() as stack:
        process = ServerProcess(folder, sections)
        process.secret = SECRET  # so that tokens of tests that know it can be used
        server = await stack.enter_async_context(process)
        neighbours = await stack.enter_async_context(Neighbours(server, authority))
        here = Arena(server, neighbours, found=found, tls=context)
        await warm_up(here)
        begin = time.monotonic()
        await asyncio.sleep(QUIET_S)
        here.quiet = await neighbours.between(begin, time.monotonic())
        yield here
        end = await neighbours.end()
        assert (end["lost"], end["doubled"], end["in_order"]) == (0, 0, True), end
        assert server.running, server.tail()


def certified(folder: Path) -> tuple[dict[str, str], ssl.SSLContext, str]:
    """The server's section for TLS, what a client trusts, and the same as a file."""
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    paths = {"tls_certificate": str(folder / "chain.pem"), "tls_key": str(folder / "key.pem")}
    certificate.cert_chain_pems[0].write_to_path(paths["tls_certificate"])
    certificate.private_key_pem.write_to_path(paths["tls_key"])
    authority.cert_pem.write_to_path(str(folder / "authority.pem"))
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return paths, context, str(folder / "authority.pem")


async def warm_up(here: Arena) -> None:
    """What any server that was used for a while has allocated."""
    for number in range(100):
        raw, _ = await here.enter("warm", f"{number % 8}")
        async with raw:
            for method, params in (("sync", (None,)), ("conversations", ()), ("users", (["warm"],))):
                assert (await raw.ask(method, *params)).code == 0


def rss_kib(pid: int) -> int:
    """Resident memory."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise AssertionError("the server has gone")


def open_fds(pid: int) -> int:
    """File descriptors that are open."""
    return len(os.listdir(f"/proc/{pid}/fd"))


async def fds_after(pid: int, at_most: int) -> int:
    """Wait until the sockets of an attack are gone; how many descriptors are open then."""
    with suppress(TimeoutError):
        async with asyncio.timeout(GONE_WITHIN_S):
            while open_fds(pid) > at_most:  # noqa: ASYNC110  another process: nobody there sets an event
                await asyncio.sleep(0.05)
    return open_fds(pid)


def raise_fd_limit() -> int:
    """As many descriptors as this process may have, also for the server that it starts."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard
