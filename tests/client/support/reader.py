"""A process of its own that reads messages with a store on disk, prints each, and waits to be killed.

Arguments: url, path of the store, how many messages to finish before it falls silent in the middle of the next one.
"""

from __future__ import annotations

import asyncio
import sys

from imserver_client import connect


async def main(url: str, path: str, finish: int) -> None:
    async with connect(url, token="alice", store=path) as client:
        print("ready", flush=True)
        async for message in client.messages():
            word = "redelivered" if message.redelivered else "first"
            print(message.conversation_id, message.position, word, flush=True)
            if finish == 0:
                if message.text == "answer":
                    await client.post("c", "left in the outbox")
                await asyncio.Event().wait()
            finish -= 1


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
