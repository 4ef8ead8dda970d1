"""A minimal plugin that records all it does: it answers every message once, and every timer fires once."""

from __future__ import annotations

from functools import partial

import msgspec

from imserver.plugin_api import (
    Context,
    Effects,
    MessagePosted,
    Migration,
    TimerFired,
    Transaction,
    decode_content,
)

BOT = "echo"
#: Prefix of a text that a timer answers a second time, so many milliseconds later.
LATER = "later "
LATER_MS = 4_000


class EchoConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing to say."""


class Echo:
    """Answers with the key of the message. No unique index prevents a second answer: the host has to."""

    name = "echo"
    config_type = EchoConfig
    migrations = (
        Migration(
            1,
            "CREATE TABLE echo_heard (change INTEGER NOT NULL, kind TEXT NOT NULL, key TEXT NOT NULL,"
            " position INTEGER NOT NULL);",
        ),
    )

    async def start(self, context: Context) -> None:
        self._context = context
        await context.ensure_bot(BOT, "Echo")
        context.on(MessagePosted, self._heard)
        context.timer("later", self._later)

    async def stop(self) -> None:
        """Nothing to end."""

    async def _heard(self, event: MessagePosted) -> Effects | None:
        """Two ways to have it done take turns, so that each meets the other."""
        if event.message.key[-1] % 2:
            return Effects(partial(_answer, event))
        await self._context.transaction(partial(_answer, event), event=event)
        return None

    async def _later(self, event: TimerFired) -> None:
        await self._context.transaction(partial(_answer_later, event), event=event)


def _answer(event: MessagePosted, tx: Transaction) -> None:
    message = event.message
    content = {} if message.content is None else decode_content(message.content)
    if content.get("type") != "text":
        return
    key = message.key.hex()
    position = tx.post(message.conversation_id, {"type": "text", "text": f"heard {key}"}, sender_id=BOT)
    tx.execute("INSERT INTO echo_heard VALUES (?, 'heard', ?, ?)", (event.change, key, position))
    if str(content.get("text")).startswith(LATER):
        payload = {"conversation": message.conversation_id, "key": key}
        tx.schedule(tx.now_ms + LATER_MS, "later", payload)


def _answer_later(event: TimerFired, tx: Transaction) -> None:
    key = str(event.payload["key"])
    text = {"type": "text", "text": f"later {key}"}
    position = tx.post(str(event.payload["conversation"]), text, sender_id=BOT)
    tx.execute("INSERT INTO echo_heard VALUES (?, 'later', ?, ?)", (event.timer_id, key, position))
