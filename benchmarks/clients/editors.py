"""One user edits a message of his own again and again, as fast as his rate allows; others of the conversation are on-line."""

from __future__ import annotations

import asyncio
import os
import time

import msgspec

from benchmarks.clients.peer import Peer, Spent, Work, enter, serve_plan, spent_since
from benchmarks.codecs.base import Party
from benchmarks.plan import PartyPlan
from imserver_protocol.wire.codec import encode_content

#: Edits that are under way.
WINDOW = 8


class EditPlan(msgspec.Struct, frozen=True):
    """The editor's conversation, in which these others are on-line; for so many seconds."""

    host: str
    port: int
    editor: PartyPlan
    online: list[PartyPlan]
    conversation: str
    seconds: float
    cpus: list[int] = []


class Edited(msgspec.Struct):
    """Edits that were answered in that time, the first burst included."""

    edits: int
    spent: Spent


async def prepare(plan: EditPlan) -> Work:
    """Connect everybody, and post what is edited."""
    for number, party in enumerate(plan.online, 1):
        await enter(plan.host, plan.port, Party(party.name, party.token), number)
    peer = await enter(plan.host, plan.port, Party(plan.editor.name, plan.editor.token), 0)
    position, *_ = await peer.ask("post", plan.conversation, _key(), _said("first"))

    async def work() -> Edited:
        wall, cpu = time.monotonic(), time.process_time()
        edits = 0

        async def edit(peer: Peer) -> None:
            nonlocal edits
            while True:
                await peer.ask("edit", plan.conversation, _key(), position, None, _said(f"edit {edits}"))
                edits += 1

        working = [asyncio.create_task(edit(peer)) for _ in range(WINDOW)]
        await asyncio.wait(working, timeout=plan.seconds, return_when=asyncio.FIRST_EXCEPTION)
        for task in working:
            if task.done():
                task.result()  # an edit was refused
        return Edited(edits, spent_since(wall, cpu))

    return work


def _key() -> bytes:
    return time.time_ns().to_bytes(8, "big") + os.urandom(8)


def _said(text: str) -> bytes:
    return encode_content({"type": "text", "text": text})


if __name__ == "__main__":
    serve_plan(EditPlan, prepare)
