"""Snapshot for a plugin's checks: its own tables, its timers, and the messages and members that its rows refer to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from imserver.chat.reader import Reader
from imserver.errors import Refusal
from imserver.events import TimerFired
from imserver.model import Audience, GuestOf, Message, Role, User
from imserver.plugin_api import Check, Snapshot

#: Later than every timer.
_END_OF_TIME_MS = 1 << 62
#: More timers than a database can hold.
_ALL = 1 << 31
#: Room for any one message.
_ANY_SIZE = 1 << 30

#: First words of the finding about a check that raised.
FAILED = "the check itself failed"


@dataclass(frozen=True, slots=True)
class Answer:
    """The result of a check: the number of things looked at, if it reports it, and its findings."""

    looked_at: int
    findings: list[str]


@dataclass(frozen=True, slots=True)
class PluginCheck:
    """One check of one plugin."""

    plugin: str
    name: str
    query: Check

    def ask(self, reader: Reader) -> Answer:
        """Run the check in the reader's snapshot. If it raises, that is a finding: it is the plugin's code."""
        snapshot = PluginSnapshot(self.plugin, reader)
        try:
            findings = list(self.query(snapshot))
            return Answer(snapshot.count, findings)
        except Exception as error:
            return Answer(snapshot.count, [f"{FAILED}: {error!r}"])


class PluginSnapshot(Snapshot):
    """The host's side of `plugin_api.Snapshot`."""

    def __init__(self, plugin: str, reader: Reader) -> None:
        self._plugin = plugin
        self._reader = reader
        self.count = 0
        self._timers: dict[int, TimerFired] | None = None

    def __call__(self, sql: str, params: Sequence[Any] = (), /) -> list[tuple[Any, ...]]:
        return self._reader.plugin_sql(self._plugin, sql, params)

    def looked_at(self, count: int) -> None:
        self.count += count

    def timers(self) -> Mapping[int, TimerFired]:
        if self._timers is None:
            self._timers = {
                timer_id: TimerFired(timer_id, self._plugin, name, due_at, payload)
                for timer_id, name, due_at, payload in self._reader.timers_due(
                    self._plugin, _END_OF_TIME_MS, _ALL
                )
            }
        return self._timers

    def message(self, conversation_id: str, position: int) -> Message | None:
        # Whoever has a row will do: a team of hundreds need not be listed for one message.
        added = [user_id for user_id, role in self.added(conversation_id).items() if role is not None]
        for user_id in added or self.members(conversation_id):
            try:
                page = self._reader.history(conversation_id, user_id, None, position + 1, 1, _ANY_SIZE)
            except Refusal:
                return None
            found = page.items[-1] if page.items else None
            return found if found is not None and found.position == position else None
        return None

    def members(self, conversation_id: str) -> Audience:
        return {member.user_id: member.role for member in self._reader.members(conversation_id)}

    def added(self, conversation_id: str) -> Mapping[str, Role | None]:
        rows, _ = self._reader.added(conversation_id)
        return {member.user_id: member.role if member.left_at is None else None for member in rows}

    def team(self, conversation_id: str) -> str | None:
        return self._reader.added(conversation_id)[1]

    def user(self, user_id: str) -> User | None:
        found = self._reader.users([user_id])
        return found[0] if found else None

    def guest_of(self, user_id: str) -> GuestOf | None:
        return self._reader.guest_of(user_id)
