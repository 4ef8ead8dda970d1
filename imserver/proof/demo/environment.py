"""The environment of the demonstration: a server process with the demo chain, a fault proxy, and real clients."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self
from zoneinfo import ZoneInfo

from imserver.proof.fault_proxy import FaultProxy
from imserver.proof.player import PlayBroken, Player
from imserver.proof.server_process import ServerProcess
from imserver_client import CannotConnect, ClientError, Environment, connect

ZONE = ZoneInfo("Asia/Shanghai")
#: When the play begins, on the shop's clock: a Wednesday morning. A fixed day, so that every run says the same.
BEGIN = datetime(2026, 11, 18, 10, 0, tzinfo=ZONE)
#: Tokens outlive every jump of the shop's clock.
TOKEN_TTL_S = 30 * 86_400
#: A short back-off: the play is about messages, not about patience.
IMPATIENT = Environment(uniform=lambda low, high: min(high, 0.1))

STORE_BOT = "store-garden"

#: Makes an account while the server runs: database, then the fields of the account.
MakeAccount = Callable[[Path, dict[str, Any]], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Person:
    """A person of the play."""

    user_id: str
    name: str
    language: str = "zh-CN"


MING = Person("xiaoming", "王小明")
ALICE = Person("alice", "Alice", "en")
CHEN = Person("chenjing", "陈静")
LI = Person("staff-li", "李老师")  # the plugin makes the accounts of its staff
CUSTOMERS = (MING, ALICE, CHEN)


@dataclass(slots=True)
class ShopClock:
    """The server's clock: its `[clock]` section, and our reckoning of it."""

    start_ms: int = int(BEGIN.timestamp() * 1000)
    rate: float = 1.0
    _set_at: float = field(default_factory=time.monotonic)

    def set(self, moment: datetime, rate: float = 1.0) -> None:
        """For the next life of the server."""
        self.start_ms = int(moment.timestamp() * 1000)
        self.rate = rate
        self._set_at = time.monotonic()

    def now_ms(self) -> int:
        """At most a little ahead of the server, whose clock begins to run when its process does."""
        return self.start_ms + int((time.monotonic() - self._set_at) * 1000 * self.rate)

    @property
    def wall(self) -> datetime:
        """In the shop's zone."""
        return datetime.fromtimestamp(self.now_ms() / 1000, UTC).astimezone(ZONE)


class DemoEnvironment:
    """`async with DemoEnvironment(folder, make_account) as …`: the server runs and all clients are connected.

    王小明 comes through `line`, the proxy; the others are connected directly. Raises ServerFailed.
    """

    def __init__(self, folder: Path, make_account: MakeAccount) -> None:
        self.clock = ShopClock()
        self.server = ServerProcess(folder, {"plugins.booking": {}})
        self.players: dict[str, Player] = {}
        self._make_account = make_account
        self._stack = AsyncExitStack()
        self._clients = AsyncExitStack()
        self._line: FaultProxy | None = None

    @property
    def line(self) -> FaultProxy:
        """Between 王小明 and the server."""
        assert self._line is not None
        return self._line

    @property
    def database(self) -> Path:
        """The SQLite file."""
        return self.server.database

    async def __aenter__(self) -> Self:
        try:
            self._set_clock()
            await self._stack.enter_async_context(self.server)
            self._line = await self._stack.enter_async_context(FaultProxy("127.0.0.1", self.server.port))
            await self._stack.enter_async_context(self._clients)
            await make_accounts(self.database, self._make_account)
            for person in (*CUSTOMERS, LI):
                self.players[person.user_id] = await self._enter(person)
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *exc_info: object) -> None:
        if kind is not None:
            await self.server.kill()  # it may be frozen: clients need not say GOODBYE to it
        await self._stack.aclose()

    async def restart(self, moment: datetime, rate: float = 1.0) -> None:
        """A new server process on the same file and port, whose clock says `moment`."""
        self.clock.set(moment, rate)
        self._set_clock()
        await self.server.start()

    async def leave(self) -> None:
        """Close all clients; their transcripts stay."""
        await self._clients.aclose()

    def _set_clock(self) -> None:
        self.server.configure("clock", start_ms=self.clock.start_ms, rate=self.clock.rate)

    async def _enter(self, person: Person) -> Player:
        port = self.line.port if person is MING else self.server.port
        connecting = connect(
            f"imserver://127.0.0.1:{port}",
            token=self.server.token(person.user_id, ttl_s=TOKEN_TTL_S, now_s=int(BEGIN.timestamp())),
            device_id=f"{person.user_id}-phone",
            timeout=30,
            environment=IMPATIENT,
        )
        try:
            player = Player(await self._clients.enter_async_context(connecting), person.name)
        except (CannotConnect, ClientError) as error:
            raise PlayBroken(f"{person.name} cannot connect: {error}") from None
        self._clients.push_async_callback(player.close)
        await player.begin()
        return player


async def open_shop(server: ServerProcess, user_id: str, language: str) -> str:
    """Open the shop's conversation with this customer, who needs no account yet; returns its id."""
    connecting = connect(
        server.url, token=server.token(user_id), device_id=f"{user_id}-door", environment=IMPATIENT
    )
    async with connecting as client:
        player = Player(client, user_id)
        try:
            direct = client.direct(STORE_BOT)
            await player.posted(
                player.post(direct, "门店 花园店" if language == "zh-CN" else "/stores garden")
            )
            found = await player.find(lambda one: one.conversation_id != direct, "the shop's welcome")
            return player.heard[found].conversation_id
        finally:
            await player.close()


async def make_accounts(database: Path, make_account: MakeAccount) -> None:
    """The customers' accounts, with their names and languages."""
    for person in CUSTOMERS:
        await make_account(
            database, {"user_id": person.user_id, "display_name": person.name, "language": person.language}
        )
