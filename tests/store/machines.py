"""A machine whose database an older copy replaces."""

from __future__ import annotations

from typing import Any

from imserver.model import Agreement, Learnt
from imserver.testing import LogBook
from tests.store.homes import Home
from tests.store.support import DIRECT, Recorder, Stand


class Machine:
    """A database whose copies can be taken and put back."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.log = LogBook()
        self.stand: Stand

    async def open(self) -> Stand:
        store = self.home.store(log=self.log, config={"max_cached_conversations": 2})
        await store.open(recorder := Recorder())
        self.stand = Stand(store, recorder)
        return self.stand

    async def restart(self) -> Stand:
        await self.stand.store.close()
        return await self.open()

    def copied(self) -> Any:
        return self.home.copied()

    def put_back(self, copied: Any) -> None:
        self.home.put_back(copied)


async def since_of(stand: Stand, user_id: str = "bob", since: str | None = None, limit: int = 50) -> str:
    token: str = (await stand.read(lambda reader: reader.sync(user_id, since, limit)))[1]
    return token


async def read_at(
    stand: Stand, place: str, position: int, modseq: int = 0, user_id: str = "bob", where: str = DIRECT
) -> Agreement | None:
    return await stand.read(lambda reader: reader.check(user_id, Learnt(where, place, position, modseq)))


async def go_back(machine: Machine, copied: Any) -> Stand:
    await machine.stand.store.close()
    machine.put_back(copied)
    return await machine.open()
