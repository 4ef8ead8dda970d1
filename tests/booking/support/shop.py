"""The demo chain on the real plugin host and a store in memory or in a file: tests post as people and read the answers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any, Self
from uuid import uuid4
from zoneinfo import ZoneInfo

from imserver.config import StoreConfig
from imserver.model import Role
from imserver.plugins.booking import plugin
from imserver.store.engine.contacts import ContactLimits
from imserver.store.sqlite.store import SqliteStore
from imserver.testing import ManualClock, PluginKit, Said

from .tables import open_with_tables

#: A Wednesday, 10 in the morning, when both demo shops are open.
NOW = datetime(2026, 11, 18, 10, 0, tzinfo=ZoneInfo("Asia/Shanghai"))
GARDEN, RIVER, ENTRY = "store-garden", "store-river", "booking"


#: A handler is left behind when a test crashes the host; pages are no part of these tests, made or not.
ALLOWED = {"plugin_handler_left_behind", "pages_not_made"}


class Shop:
    """`async with Shop() as shop`. Everybody speaks through `say`, which returns what was posted because of it, anywhere."""

    def __init__(
        self,
        now: datetime = NOW,
        config: Mapping[str, Any] | None = None,
        path: Path | None = None,
        *,
        ask: bool = False,
        seed: int = 1,
        raises: bool = True,
    ) -> None:
        """`ask`: strangers ask before they write, as on a server. `seed`: another one for a database that has a past. `raises`:
        what the plugin fails with, is raised here."""
        clock = ManualClock(now)
        if path is None:
            store = SqliteStore(
                StoreConfig(path=":memory:", readers=1),
                clock=clock,
                rng=Random(seed),
                opener=open_with_tables,
                contacts=ContactLimits(ask=ask),
            )
        else:
            store = SqliteStore(StoreConfig(path=str(path)), clock=clock)
        self.kit = PluginKit(plugin, config=config, clock=clock, store=store, seed=seed, raises=raises)

    async def __aenter__(self) -> Self:
        await self.kit.__aenter__()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        failures = [
            line
            for line in self.kit.log.lines
            if line[0] in ("error", "exception", "critical", "warning") and line[1] not in ALLOWED
        ]
        findings = await self.findings()
        await self.kit.__aexit__(*exc_info)
        if exc_info[0] is None:
            assert not failures, failures
            assert not findings, findings

    # -- people ---------------------------------------------------------------------------------------------------------

    async def customer(self, user_id: str, language: str = "zh-CN", bot: str = GARDEN) -> str:
        """A new customer who has opened a shop; returns the service conversation."""
        await self.kit.user(user_id, language=language)
        opener = "门店 花园店" if language.startswith("zh") else "/stores garden"
        if bot == RIVER:
            opener = "门店 河畔店" if language.startswith("zh") else "/stores riverside"
        await self.say(user_id, self.kit.direct(user_id, bot), opener)
        return await self.service(user_id, bot.removeprefix("store-"))

    async def customer_again(self, user_id: str, bot: str) -> str:
        """A customer of before opens another shop; returns that service conversation."""
        names = {GARDEN: "花园店", RIVER: "河畔店"}
        await self.say(user_id, self.kit.direct(user_id, bot), f"门店 {names[bot]}")
        return await self.service(user_id, bot.removeprefix("store-"))

    async def parent(self, user_id: str, conversation_id: str, language: str = "zh-CN") -> None:
        """A second parent, beside the customer in the service conversation."""
        await self.kit.user(user_id, language=language)
        await self.kit.store.write(
            lambda tx: tx.add_member(conversation_id, GARDEN, bytes(16), user_id, Role.MEMBER)
        )
        await self.sql("INSERT INTO booking_guests VALUES (?, ?)", conversation_id, user_id)

    async def say(self, user_id: str, conversation_id: str, text: str | dict[str, Any]) -> list[Said]:
        """Everything that was posted after it, in all conversations, in order of conversation and position."""
        before = self._heads()
        await self.kit.post(user_id, conversation_id, text)
        await self.kit.idle()
        return self._since(before, user_id)

    async def advance(self, minutes: float) -> list[Said]:
        before = self._heads()
        await self.kit.advance(minutes * 60)
        return self._since(before, "")

    async def until(self, wall: str) -> list[Said]:
        """Let time pass until a wall time of the shops, such as `2026-11-19T14:30`."""
        there = datetime.fromisoformat(wall).replace(tzinfo=NOW.tzinfo)
        return await self.advance((there.timestamp() * 1000 - self.kit.clock.now_ms()) / 60_000)

    async def leave(self, user_id: str, conversation_id: str) -> None:
        """Somebody leaves a conversation by his own act."""
        await self.kit.store.write(
            lambda tx: tx.remove_member(conversation_id, user_id, uuid4().bytes, user_id)
        )

    async def disable(self, user_id: str) -> None:
        """The account is disabled, as a command does it."""
        await self.kit.store.write(lambda tx: tx.disable_user(user_id))

    async def hear(self, user_id: str, conversation_id: str, text: str | dict[str, Any]) -> str:
        """What was answered in the same conversation, as text (titles, texts, fields and buttons of cards)."""
        said = await self.say(user_id, conversation_id, text)
        return "\n".join(shown(one) for one in said if one.conversation_id == conversation_id)

    # -- places ---------------------------------------------------------------------------------------------------------

    async def service(self, user_id: str, store_id: str = "garden") -> str:
        rows = await self.sql(
            "SELECT conversation_id FROM booking_services WHERE customer_id = ? AND store_id = ?",
            user_id,
            store_id,
        )
        return str(rows[0][0])

    async def staff_group(self, store_id: str = "garden") -> str:
        rows = await self.sql("SELECT conversation_id FROM booking_staff_groups WHERE store_id = ?", store_id)
        return str(rows[0][0])

    # -- truth ----------------------------------------------------------------------------------------------------------

    async def sql(self, statement: str, *params: Any) -> list[tuple[Any, ...]]:
        return await self.kit.store.write(lambda tx: tx.plugin_sql("booking", statement, params))

    async def appointments(self, status: str = "confirmed") -> list[tuple[Any, ...]]:
        """(code, start, version, name) of all in a status."""
        return await self.sql(
            "SELECT code, start_wall, version, for_name FROM booking_appointments WHERE status = ? ORDER BY start_at, id",
            status,
        )

    async def findings(self) -> list[str]:
        """What `imserver check` would say."""
        return [f"{finding.check}: {finding.text}" for finding in await self.kit.host.run_checks()]

    def _heads(self) -> dict[str, int]:
        return {conversation: max(said) for conversation, said in self.kit._said.items()}

    def _since(self, before: dict[str, int], user_id: str) -> list[Said]:
        return [
            one
            for conversation in self.kit._said
            for one in self.kit.messages(conversation)
            if one.position > before.get(conversation, 0) and one.sender_id != user_id
        ]


def shown(said: Said) -> str:
    """A message as a client without buttons shows it, buttons as [label|command]."""
    content = said.content
    lines = [str(content.get("title", "")), str(content.get("text", ""))]
    lines += [f"{label}: {value}" for label, value in content.get("fields", ())]
    lines += [f"[{action['label']}|{action['command']}]" for action in content.get("actions", ())]
    return "\n".join(line for line in lines if line)


def button(said: list[Said], label: str) -> str:
    """The command of the last button whose label contains a text."""
    found = [a["command"] for one in said for a in one.content.get("actions", ()) if label in a["label"]]
    assert found, [shown(one) for one in said]
    return str(found[-1])
