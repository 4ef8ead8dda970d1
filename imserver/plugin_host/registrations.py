"""Registrations of one plugin: its bots, commands and handlers. The host undoes all of them by `clear`."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

from imserver.chat.ports import Reviewer
from imserver.chat.text_commands import CommandTable
from imserver.errors import PluginError
from imserver.events import MessagePosted, SetBack, TimerFired
from imserver.plugin_api import Answer, Call, Effects, Reader, Transaction

CommandHandler = Callable[[Call], Answer | Awaitable[Answer]]
Listener = Callable[[MessagePosted], Effects | Awaitable[Effects | None] | None]


class Lost(Protocol):
    """A unit that waits for the store, and for the error if the store fails."""

    def lost(self, error: Exception) -> None: ...


async def _nothing() -> None:
    """Nothing is to be waited for."""


class Registrations:
    """One plugin's rows in every table of the host."""

    def __init__(
        self,
        name: str,
        reviewers: list[Reviewer],
        bots_of_all: dict[str, str],
        max_bots: int,
        random_bytes: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self.name = name
        #: For secrets that this plugin has made.
        self.random_bytes = random_bytes
        #: In order of registration; the keys are the plugin's bots. Replaced, never changed: the writer's thread reads it.
        self.bots: dict[str, None] = {}
        self.commands: CommandTable[CommandHandler] = CommandTable()
        #: Commands whose handlers are called with no more of the sender than the id.
        self.senders_unread: set[str] = set()
        self.listeners: list[Listener] = []
        self.timers: dict[str, Callable[[TimerFired], Awaitable[None]]] = {}
        #: Names of timers that must not fire again behind a restore.
        self.sending: set[str] = set()
        self.set_back: Callable[[SetBack], Awaitable[None]] | None = None
        #: Reads whose askers are told when the answer is another.
        self.hinted: set[str] = set()
        self.keeps: Callable[[Reader, str], int | None] | None = None
        self.export: Callable[[Reader, str], Mapping[str, Any]] | None = None
        self.erase: Callable[[Transaction, str], None] | None = None
        self.renamed: Callable[[Transaction, str], None] | None = None
        self.may_block: Callable[[Transaction, str, str], None] | None = None
        self.carry_over: Callable[[Transaction, str, str], None] | None = None
        #: What does the records of each name.
        self.records: dict[str, Callable[[Transaction, Mapping[str, Any]], None]] = {}
        #: Units in the writer's queue, should the store fail without settling them.
        self.units: set[Lost] = set()
        #: Set when the plugin is gone: its context refuses every call from then on.
        self.closed = False
        #: Of each message in hand, by its change: the change up to which everything is dealt with once it is. The writer's
        #: thread looks single ones up.
        self.in_hand: dict[int, int] = {}
        #: Waits until what handlers returned before is committed, or has failed.
        self.effects_decided: Callable[[], Awaitable[None]] = _nothing
        #: Called on the loop after the commit of a transaction that set or cancelled a timer, with the first time for which one
        #: was set; None if that does not say all.
        self.timers_changed: Callable[[int | None], None] = lambda first: None
        self._undo: list[Callable[[], None]] = []
        self._reviewers: list[Reviewer] = []
        self._all_reviewers = reviewers
        self._bots_of_all = bots_of_all
        self._max_bots = max_bots

    def add_bot(self, user_id: str) -> None:
        """From now on the plugin posts as this user and gets the messages of its conversations."""
        owner = self._bots_of_all.get(user_id, self.name)
        if owner != self.name:
            raise PluginError(f"{user_id!r} is a bot of the plugin {owner!r}")
        if len(self.bots) >= self._max_bots and user_id not in self.bots:
            raise PluginError(f"more than {self._max_bots} bots")
        self.bots = {**self.bots, user_id: None}
        self._bots_of_all[user_id] = self.name

    def add_reviewer(self, reviewer: Reviewer) -> None:
        """Call this reviewer, too, before every post."""
        self._reviewers.append(reviewer)
        self._all_reviewers.append(reviewer)

    def undo(self, action: Callable[[], None]) -> None:
        """Do this, too, when the plugin is gone."""
        self._undo.append(action)

    def clear(self) -> None:
        """Undo everything. Harmless when repeated."""
        self.closed = True
        while self._undo:
            self._undo.pop()()
        self.hinted.clear()
        self.keeps = self.export = self.erase = self.renamed = None
        self.set_back = self.may_block = self.carry_over = None
        self.records.clear()
        self.commands.clear()
        self.senders_unread.clear()
        self.listeners.clear()
        self.timers.clear()
        self.sending.clear()
        for reviewer in self._reviewers:
            self._all_reviewers.remove(reviewer)
        self._reviewers.clear()
        for user_id in self.bots:
            self._bots_of_all.pop(user_id, None)
        self.bots = {}
