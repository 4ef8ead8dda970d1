"""A bot that echoes every message.

    python echo_bot.py imserver://127.0.0.1:7410 TOKEN [STORE]

With the path of a store it resumes where it stopped, and answers each message exactly once even after a kill: it derives
the key of its answer from the message, and the server stores a key only once.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import sys

from imserver_client import Message, Refused, connect


def answer_key(message: Message) -> bytes:
    """16 bytes derived from the message: the same in every process."""
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
