"""A bot that says everything back.

    python echo_bot.py imserver://127.0.0.1:7410 TOKEN [STORE]

With the path of a store it goes on where it stopped, and answers each message exactly once even if it is killed: the key
of its answer follows from the message, and the same key is the same message.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import sys

from imserver_client import Message, Refused, connect


def answer_key(message: Message) -> bytes:
    """The same 16 bytes for the same message, in every process."""
    return hashlib.sha256(f"{message.conversation_id} {message.position}".encode()).digest()[:16]


async def main(url: str, token: str, store: str | None = None) -> None:
    async with connect(url, token=token, store=store) as client:
        print(f"echo_bot is {client.user_id}", flush=True)
        async for message in client.messages():
            if message.own or not message.text:
                continue
            try:
                await client.post(message.conversation_id, message.text, key=answer_key(message))
            except Refused as refused:
                print(f"cannot answer in {message.conversation_id}: {refused}", flush=True)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main(*sys.argv[1:]))
