"""Run by test_process_crash: a process that ends inside the plugin's transaction, or one that finishes what it left.

python -m tests.plugins.crash_process DATABASE STEP     exits 9 inside the transaction; STEP "none" finishes and prints
"""

import asyncio
import json
import os
import sys

from imserver.config import StoreConfig
from imserver.store.sqlite.store import SqliteStore
from imserver.testing import ManualClock, PluginKit
from tests.plugins.ledger import Ledger

CHAT = "direct/ann/clerk"


async def main(path: str, step: str) -> None:
    clock = ManualClock()
    store = SqliteStore(StoreConfig(path=path), clock=clock)
    async with PluginKit(Ledger, store=store, clock=clock) as kit:

        def meddle(kind: str, at_step: str) -> None:
            if at_step == step:
                os._exit(9)

        kit.plugin.meddle = meddle
        if step != "none":
            await kit.user("ann", "Ann")
            await kit.post("ann", CHAT, "/note x")
        await kit.idle()
        await kit.store.write(lambda tx: None)
        print(json.dumps(await _state(kit)))


async def _state(kit: PluginKit[Ledger]) -> dict[str, object]:
    def look(reader):
        rows = reader.plugin_sql("ledger", "SELECT kind, text FROM ledger_rows ORDER BY no")
        messages = [message for _, message, _ in reader.messages_after(0, None, 100)[0]]
        timers = reader.timers_due("ledger", 1 << 50, 100)
        return {
            "rows": [list(row) for row in rows],
            "said": [message.position for message in messages if message.sender_id == "clerk"],
            "timers": [payload["text"] for _, _, _, payload in timers],
            "called": kit.plugin.calls,
        }

    found: dict[str, object] = await kit.store.read(look)
    return found


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
