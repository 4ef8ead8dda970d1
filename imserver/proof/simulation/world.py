"""One run: a machine, a network, devices, and faults; then everything heals, and the oracle judges."""

from __future__ import annotations

import asyncio
import gc
import sqlite3
from collections.abc import Callable, Collection
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from imserver.check.consistency import ask_features
from imserver.features import FEATURES
from imserver.proof.taken_back import TakenBack
from imserver.store.checks import Report, check_database, open_snapshot
from imserver.store.sqlite.ledger import ledger_path, read_ledger

from .device import Device
from .hostile_peer import HostilePeer
from .journal import Journal
from .loop import Stuck, VirtualLoop
from .machine import Machine
from .network import Network
from .network_faults import NetworkFaults
from .office import Office
from .oracle import Evidence, judge
from .promises import appointments
from .quiescence import Quiescence
from .setting import Setting, draw
from .stored import read_stored
from .template import template
from .workload import Workload

#: Wall time jumps by up to a day.
MAX_JUMP_MS = 86_400_000
#: Virtual seconds until everything must be quiet after the last fault: the client notices a half-open connection after 35 s,
#: the server after 60 s, and then a client may wait 30 s for its next attempt.
HEAL_S = 600.0
#: Rounds of cancelling; tasks that survive them are left alone.
BURIALS = 10_000


@dataclass(slots=True)
class Outcome:
    """The results of a run."""

    seed: int
    virtual_s: float
    journal: Journal
    digest: str
    findings: list[str] = field(default_factory=list)


class World:
    """The simulated world of one seed."""

    def __init__(self, setting: Setting, folder: Path, *, whole: bool = False) -> None:
        self.setting = setting
        seed = setting.seed
        self.random = Random(f"{seed} world")
        self.loop = VirtualLoop(Random(f"{seed} loop"))
        self.journal = Journal(self.loop.time, whole=whole)
        self.network = Network(
            self.loop,
            NetworkFaults(Random(f"{seed} network"), setting.trouble, setting.strike_s),
            self.journal,
        )
        self.loop.network = self.network
        self.loop.set_exception_handler(self._on_exception)
        self.database = folder / "run.db"
        bytes_, group = template()
        self.database.write_bytes(bytes_)
        self.conversations = [group]
        self.calm = False
        self.machine = Machine(self.loop, setting, self.database, self.network, self.journal)
        self.machine.on_put_back = self._put_back
        self.devices: list[Device] = []
        self.office = Office(self, self.machine.watch) if self.machine.watch is not None else None
        for user_id, count in setting.devices.items():
            for number in range(count):
                self._add_device(user_id, number)

    @property
    def touched(self) -> Collection[str]:
        """Users whom an operator ever shut out, or whose tokens he revoked."""
        return self.office.touched if self.office is not None else ()

    def _names_team(self, conversation_id: str) -> bool:
        return self.office is not None and conversation_id in self.office.naming

    def _add_device(self, user_id: str, number: int) -> None:
        device = Device(self, user_id, number)
        device.application = Workload(device).run
        device.storage.names_team = self._names_team
        self.devices.append(device)

    def _on_exception(self, loop: Any, context: dict[str, Any]) -> None:
        error = context.get("exception")
        self.journal.finding(f"unhandled: {context.get('message')}: {error!r}")

    # -- the run ------------------------------------------------------------------------------------------------------

    def run(self) -> Outcome:
        """Run everything. Every failure is a finding."""
        journal = self.journal
        try:
            self.loop.run_until_complete(self._play())
        except Stuck as stuck:
            journal.finding(f"stuck: {stuck}")
        except Exception as error:
            journal.finding(f"the run broke off: {error!r}")
        outcome = Outcome(
            self.setting.seed, self.loop.time(), journal, journal.digest, list(journal.findings)
        )
        self._bury()
        return outcome

    async def _play(self) -> None:
        machine = asyncio.ensure_future(self.machine.run())
        await self.machine.up.wait()
        if self.office is not None:
            await self.office.open()
        devices = [asyncio.ensure_future(device.run()) for device in self.devices]
        chaos = [asyncio.ensure_future(work) for work in self._chaos()]
        await asyncio.sleep(self.setting.busy_s)
        for task in chaos:
            task.cancel()
        self._heal()
        if self.office is not None:
            await self.office.let_all_in()
        await Quiescence(self).wait(HEAL_S)
        for device in self.devices:
            device.off()
        await asyncio.gather(*devices)
        await self._ask_plugins()
        await self.machine.off()
        await machine
        self._judge()

    async def _ask_plugins(self) -> None:
        server = self.machine.server
        if server is not None:
            async with asyncio.timeout(60):
                for finding in await server.plugin_host.run_checks():
                    self.journal.finding(f"check: {finding.plugin}: {finding.check}: {finding.text}")

    def _judge(self) -> None:
        journal = self.journal
        before = len(journal.findings)
        stored = read_stored(self.database)
        records, storages = (
            [device.record for device in self.devices],
            [device.storage for device in self.devices],
        )
        with closing(sqlite3.connect(f"{self.database.as_uri()}?mode=ro", uri=True)) as sql:
            evidence = Evidence(
                stored,
                records,
                storages,
                self.machine.committed,
                sql.execute,
                self.machine.put_back,
                self.machine.watch,
                TakenBack(self.machine.copies.restores),
            )
            for text in judge(evidence):
                journal.finding(text)
        for text in appointments(records, self.database, journal):
            journal.finding(text)
        with closing(sqlite3.connect(f"{self.database.as_uri()}?mode=ro", uri=True)) as sql:
            report = check_database(sql, ledger=read_ledger(ledger_path(self.database)))
        of_features = Report()
        with open_snapshot(self.database) as snapshot:
            ask_features(snapshot, FEATURES, of_features)
        for finding in (*report.findings, *of_features.findings):
            journal.finding(f"check: {finding.check}: {finding.text}")
        journal.counts["messages"] += len(stored.rows)
        if self.machine.put_back:
            self._count_told(len(journal.findings) - before)

    def _count_told(self, differences: int) -> None:
        """Of each copy that was put back: which clients were told anything, and which not. What is wrong at the end was told to
        nobody."""
        counts, put_back = self.journal.counts, self.machine.put_back
        told = sum(len(device.record.told_after) for device in self.devices)
        counts["clients told"] += told
        counts["clients with nothing to be told"] += put_back * len(self.devices) - told
        counts["own messages told to be gone"] += sum(len(device.record.gone) for device in self.devices)
        counts["silent differences"] += differences

    def _heal(self) -> None:
        self.journal.note("healing")
        self.calm = True
        self.network.heal()
        self.machine.heal()

    # -- faults -------------------------------------------------------------------------------------------------------

    def _chaos(self) -> list[Any]:
        setting, machine = self.setting, self.machine
        copying: list[Any] = []
        if setting.copies:
            copying = [
                self._now_and_then(setting.busy_s / 8, lambda: machine.copies.take(self.loop.time())),
                self._now_and_then(setting.busy_s / 4, machine.older_copy),
            ]
        people: list[Any] = []
        if self.office is not None:
            people = [
                self._now_and_then(setting.busy_s / 16, self.office.change),
                self._now_and_then(setting.busy_s / 10, self.office.operate),
            ]
        return [
            *copying,
            *people,
            self._now_and_then(setting.server_fault_s, self._server_fault),
            self._now_and_then(setting.client_fault_s, self._client_fault),
            self._now_and_then(12.0, self._jump),
            self._now_and_then(5.0, HostilePeer(self).lie),
            self._now_and_then(8.0, machine.trouble_with_the_disk),
        ]

    async def _now_and_then(self, mean_s: float, strike: Callable[[], Any]) -> None:
        while True:
            await asyncio.sleep(self.random.expovariate(1 / mean_s))
            waiting = strike()
            if waiting is not None:
                await waiting

    def _server_fault(self) -> None:
        chance = self.random.random()
        if chance < 0.2:
            self.machine.kill()
        elif chance < 0.4:
            self.machine.drain()
        else:
            self.machine.plan_crash()

    def _client_fault(self) -> Any:
        device = self.random.choice(self.devices)
        if self.random.random() < 0.7:
            if device.process is not None:
                self.journal.fault("client kill", device.device_id)
            device.kill()
            return None
        if device.client is not None:
            self.journal.fault("client leaves", device.device_id)
        return device.leave()

    def _put_back(self, since: float) -> None:
        for device in self.devices:
            device.record.void(since)

    def _jump(self) -> None:
        by_ms = self.random.choice((-1, 1)) * int(MAX_JUMP_MS * self.random.random() ** 2)
        self.machine.set_clock(by_ms)

    # -- the end ------------------------------------------------------------------------------------------------------

    def _bury(self) -> None:
        """End the tasks of dead processes, so that nothing of this run acts in the next."""
        loop = self.loop
        loop.set_exception_handler(lambda loop, context: None)
        for _ in range(BURIALS):
            if not loop.bury():
                break
        loop.close()


def simulate(seed: int, folder: Path, *, whole: bool = False) -> Outcome:
    """Run one seed in this folder."""
    was_enabled = gc.isenabled()
    gc.disable()  # it would end forgotten tasks at a moment that no seed decides
    try:
        return World(draw(seed), folder, whole=whole).run()
    finally:
        if was_enabled:
            gc.enable()
