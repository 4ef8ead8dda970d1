"""One simulated connection, whose ends note everything that they are told."""

from __future__ import annotations

import asyncio
from random import Random
from typing import Any

from imserver.proof.simulation.journal import Journal
from imserver.proof.simulation.loop import Process, VirtualLoop
from imserver.proof.simulation.network import Connection, Network
from imserver.proof.simulation.network_faults import NetworkFaults

ADDRESS = ("10.1.0.1", 40_000)


class Talker(asyncio.Protocol):
    """Notes everything that it is told."""

    def __init__(self) -> None:
        self.received = b""
        self.reads: list[int] = []
        self.told: list[str] = []
        self.transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.received += data
        self.reads.append(len(data))

    def eof_received(self) -> bool:
        self.told.append("eof")
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self.told.append(f"lost {type(exc).__name__}")

    def pause_writing(self) -> None:
        self.told.append("pause")

    def resume_writing(self) -> None:
        self.told.append("resume")


class Line:
    """One connection between two processes, in a weather of choice."""

    def __init__(self, trouble: float = 0.0, seed: int = 1) -> None:
        self.loop = VirtualLoop(Random(seed))
        self.journal = Journal(self.loop.time)
        self.network = Network(self.loop, NetworkFaults(Random(seed), trouble), self.journal)
        self.loop.network = self.network
        self.client, self.server = Talker(), Talker()
        self.processes = Process(self.loop, "client"), Process(self.loop, "server")

    async def open(self) -> Connection:
        client, server = self.processes

        async def listen() -> None:
            await self.loop.create_server(lambda: self.server)

        await server.spawn(listen())
        await client.spawn(self.network.connect(ADDRESS, lambda: self.client))
        [made] = self.network.connections.values()
        return made

    def run(self, work: Any) -> Any:
        result = self.loop.run_until_complete(work)
        self.loop.close()
        return result
