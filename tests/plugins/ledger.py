"""A plugin that does everything in one transaction: a row, a message, a timer, the mark. Tests make it fail where they like."""

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec

from imserver.plugin_api import (
    Call,
    Content,
    Context,
    MessagePosted,
    Migration,
    TimerFired,
    Transaction,
    decode_content,
)

#: After which step of the transaction a test may interfere.
STEPS = ("begin", "execute", "post", "schedule", "end")


class LedgerConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    bot: str = "clerk"


class Ledger:
    """`/note TEXT` keeps a row, says so, and sets a timer of a minute, which keeps a second row and says so too."""

    name = "ledger"
    config_type = LedgerConfig
    migrations = (
        Migration(
            1, "CREATE TABLE ledger_rows (no INTEGER PRIMARY KEY, kind TEXT NOT NULL, text TEXT NOT NULL)"
        ),
        Migration(2, "CREATE INDEX ledger_rows_by_kind ON ledger_rows (kind)"),
    )

    #: Called with (kind, step) inside the transaction, and as ("…", "before") and ("…", "after") outside it.
    meddle: Callable[[str, str], Any] = staticmethod(lambda kind, step: None)

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.heard: list[str] = []
        self.stopped = False
        self.context: Context

    async def start(self, context: Context) -> None:
        self.context = context
        await context.ensure_bot(context.config.bot, "Clerk")
        context.command("note", self.note, aliases=["记"])
        context.on(MessagePosted, self.listen)
        context.timer("remind", self.remind)

    async def stop(self) -> None:
        self.stopped = True

    async def note(self, call: Call) -> Content | str | None:
        self.calls.append(call.arguments)
        await self._meddle("note", "before")
        await self.context.transaction(
            self._effects("note", call.conversation_id, call.arguments), event=call.event
        )
        await self._meddle("note", "after")
        return None

    async def remind(self, timer: TimerFired) -> None:
        text = str(timer.payload["text"])
        self.calls.append(f"remind {text}")
        await self._meddle("remind", "before")
        effects = self._effects("remind", str(timer.payload["conversation"]), text)
        await self.context.transaction(effects, event=timer)
        await self._meddle("remind", "after")

    async def listen(self, event: MessagePosted) -> None:
        assert event.message.content is not None
        self.heard.append(decode_content(event.message.content).get("text", ""))

    def _effects(self, kind: str, conversation_id: str, text: str) -> Callable[[Transaction], None]:
        def effects(tx: Transaction) -> None:
            self.meddle(kind, "begin")
            tx.execute("INSERT INTO ledger_rows (kind, text) VALUES (?, ?)", [kind, text])
            self.meddle(kind, "execute")
            tx.post(conversation_id, {"type": "text", "text": f"{kind}: {text}"})
            self.meddle(kind, "post")
            if kind == "note":
                tx.schedule(tx.now_ms + 60_000, "remind", {"conversation": conversation_id, "text": text})
            self.meddle(kind, "schedule")
            self.meddle(kind, "end")

        return effects

    async def _meddle(self, kind: str, step: str) -> None:
        waiting = self.meddle(kind, step)
        if asyncio.iscoroutine(waiting):
            await waiting
