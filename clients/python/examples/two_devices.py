"""One user on two devices: both see all messages in the same order, also those posted while one was offline.

    python two_devices.py imserver://127.0.0.1:7410 TOKEN CONVERSATION_ID

The token must not be bound to a device; give two, separated by a comma, if yours are.
"""

from __future__ import annotations

import asyncio
import sys

from imserver_client import Client, MemoryStorage, connect


async def see(client: Client, conversation_id: str, upto: int) -> list[str]:
    """The messages that this device receives, up to a position."""
    seen = []
    async for message in client.messages():
        if message.conversation_id == conversation_id:
            seen.append(f"{message.position} {message.text}")
            message.done()
            if message.position >= upto:
                break
    return seen


async def main(url: str, tokens: str, conversation_id: str) -> None:
    first, last = tokens.split(",", maxsplit=1)[0], tokens.rsplit(",", maxsplit=1)[-1]
    laptop_store = MemoryStorage()  # a path instead would survive the process
    async with connect(url, token=first, device_id="phone") as phone:
        async with connect(url, token=last, device_id="laptop", store=laptop_store) as laptop:
            await phone.post(conversation_id, "from the phone")
            posted = await laptop.post(conversation_id, "from the laptop")
            await see(laptop, conversation_id, posted.position)
        posted = await phone.post(conversation_id, "while the laptop was closed")
        async with connect(url, token=last, device_id="laptop", store=laptop_store) as laptop:
            print("laptop:", *await see(laptop, conversation_id, posted.position), sep="\n  ")
        print("phone:", *await see(phone, conversation_id, posted.position), sep="\n  ")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
