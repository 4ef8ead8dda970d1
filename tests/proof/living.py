"""A client of the torture run that lives beside a server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from imserver import Server
from imserver.model import direct_conversation_id
from imserver.proof.torture.actor import Actor, Counts
from imserver.proof.torture.participants import Part

PAIR = direct_conversation_id("alice", "bob")


@asynccontextmanager
async def living(folder: Path, server: Server) -> AsyncIterator[Actor]:
    part = Part("alice", "talker-1", "talker", partners=("bob",))
    actor, leaving = Actor(part, folder, 0, Counts()), asyncio.Event()
    token = server.accounts.make_token("alice", ttl_s=3600)
    life = asyncio.create_task(actor.live(f"imserver://127.0.0.1:{server.port}", token, leaving))
    await actor.ready.wait()
    yield actor
    leaving.set()
    await life
