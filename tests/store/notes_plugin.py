"""A plugin of the old databases: keeps a note of what it is told, and says it again when its timer is due."""

from __future__ import annotations

import msgspec

from imserver.plugin_api import Call, Context, Migration, TimerFired, Transaction

#: How long after the note (milliseconds).
LATER_MS = 3_600_000


class NotesConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """It has no options."""


class Notes:
    """What the host sees."""

    name = "notes"
    config_type = NotesConfig
    migrations = (
        Migration(
            1,
            "CREATE TABLE notes_kept (note_no INTEGER PRIMARY KEY, user_id TEXT NOT NULL, text TEXT NOT NULL,"
            " noted_at INTEGER NOT NULL, said INTEGER NOT NULL)",
        ),
    )

    async def start(self, context: Context) -> None:
        self._context = context
        await context.ensure_bot("notes", "Notes")
        context.command("note", self._note)
        context.timer("again", self._again)

    async def stop(self) -> None:
        """Nothing to end."""

    async def _note(self, call: Call) -> None:
        def keep(tx: Transaction) -> None:
            [(number,)] = tx.execute(
                "INSERT INTO notes_kept (user_id, text, noted_at, said) VALUES (?, ?, ?, 0) RETURNING note_no",
                (call.sender.user_id, call.arguments, tx.now_ms),
            )
            told = {"note": number, "conversation": call.conversation_id}
            tx.schedule(tx.now_ms + LATER_MS, "again", told)
            tx.post(call.conversation_id, {"type": "text", "text": f"noted: {call.arguments}"})

        await self._context.transaction(keep, event=call.event)

    async def _again(self, timer: TimerFired) -> None:
        def say(tx: Transaction) -> None:
            number, place = timer.payload["note"], str(timer.payload["conversation"])
            [(text,)] = tx.execute(
                "UPDATE notes_kept SET said = 1 WHERE note_no = ? RETURNING text", (number,)
            )
            tx.post(place, {"type": "text", "text": f"again: {text}"})

        await self._context.transaction(say, event=timer)
