"""Looks whether anybody gets past an operator: by what was committed, by the sessions of each server, and after each start."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from imserver.chat.units import PostUnit, Unit
from imserver.errors import Refusal
from imserver.events import AccessEnded, CursorMoved, MessagePosted
from imserver.server import Server

from .journal import Journal


class Watch:
    """Knows who is shut out by what was committed, and whose sessions must be over."""

    def __init__(self, database: Path, journal: Journal, now: Callable[[], float]) -> None:
        self._database = database
        self._journal = journal
        self._now = now
        #: Who is disabled for certain.
        self._out: set[str] = set()
        #: What has ended, ever: tokens; and (user, device or None, before).
        self._tokens: set[str] = set()
        self._before: set[tuple[str, str | None, int]] = set()
        #: What an operator was told to have done, and nobody has begun to change since.
        self.shut_out: set[str] = set()
        self.let_in: set[str] = set()
        #: Conversation, user -> cursors as they were committed: time, delivered, read.
        self.cursors: dict[tuple[str, str], list[tuple[float, int, int]]] = {}
        #: Called once, with the device that is in its handshake then.
        self.at_next_hello: Callable[[str], None] | None = None
        #: Keys of posts that were refused for good. Their device may not hear of it, and offer them again behind later ones.
        self.refused: set[bytes] = set()
        #: Signals that reached a server: time, sender, fields.
        self.signals: list[tuple[float, str, str, tuple[Any, ...]]] = []

    def may_come_in(self, user_id: str) -> None:
        """From now on he may be let in at any moment."""
        self._out.discard(user_id)
        self.shut_out.discard(user_id)

    # -- a server -----------------------------------------------------------------------------------------------------

    def started(self, server: Server) -> None:
        """Whatever the operator was told of holds, whatever happened to the server and to its database."""
        with closing(sqlite3.connect(f"{self._database.as_uri()}?mode=ro", uri=True)) as sql:
            out = {
                user_id
                for (user_id,) in sql.execute("SELECT user_id FROM users WHERE disabled_at IS NOT NULL")
            }
            tokens = {token for (token,) in sql.execute("SELECT token_id FROM revoked_tokens")}
            before = {
                (user_id, device or None): at
                for user_id, device, at in sql.execute(
                    "SELECT u.user_id, r.device_id, r.before FROM revoked_before r JOIN users u ON u.no = r.user_no"
                )
            }
        for user_id in sorted(self.shut_out - out):
            self._journal.finding(f"{user_id} was disabled, and is let in after a start of the server")
        for user_id in sorted(self.let_in & out):
            self._journal.finding(f"{user_id} was enabled, and is shut out after a start of the server")
        for token in sorted(self._tokens - tokens):
            self._journal.finding(f"the token {token!r} was revoked, and is good after a start of the server")
        for user_id, device, at in sorted(self._before, key=repr):
            if before.get((user_id, device), 0) < at:
                self._journal.finding(
                    f"tokens of {user_id} were revoked, and are good after a start of the server"
                )
        self._out = out
        attachments = server.listener.attachments
        hear = attachments.hear

        def heard(session: Any, kind: str, fields: tuple[Any, ...]) -> None:
            self.signals.append((self._now(), session.user_id, kind, fields))
            hear(session, kind, fields)

        attachments.hear = heard
        hello = attachments.hello

        def greeted(transport: Any, said: Any) -> None:
            hello(transport, said)
            waiting, self.at_next_hello = self.at_next_hello, None
            if waiting is not None:
                waiting(said.device_id)

        attachments.hello = greeted  # type: ignore[method-assign,assignment]

    def committed(self, units: Sequence[Unit], at: float) -> None:
        """In their order: nothing of somebody who is shut out stands behind what shut him out."""
        for unit in units:
            for user_id, what in _deeds(unit):
                if user_id in self._out:
                    self._journal.finding(f"{user_id} is disabled, and {what} was stored")
            if (
                isinstance(unit, PostUnit)
                and isinstance(unit.error, Refusal)
                and not unit.error.code.retryable
            ):
                self.refused.add(unit.key)
            for event in unit.happened:
                if isinstance(event, AccessEnded):
                    self._ended(event)
                elif isinstance(event, CursorMoved):
                    cursors = self.cursors.setdefault((event.conversation_id, event.user_id), [])
                    cursors.append((at, event.cursors.delivered, event.cursors.read))

    def _ended(self, event: AccessEnded) -> None:
        if event.token_id is not None:
            self._tokens.add(event.token_id)
        elif event.issued_before is not None:
            self._before.add((event.user_id, event.device_id, event.issued_before))
        else:
            self._out.add(event.user_id)

    def look(self, server: Server) -> None:
        """No session stands on what has ended."""
        if not (self._out or self._tokens or self._before):
            return
        for session in server.listener.sessions:
            user_id, identity = session.user_id, session.identity
            issued_at = identity.issued_at if identity.issued_at is not None else -1
            if user_id in self._out:
                self._journal.finding(f"{user_id} is disabled, and has a session")
            elif identity.token_id in self._tokens:
                self._journal.finding(f"{session.device_id} has a session on a token that was revoked")
            elif any(
                user_id == whose and device in (None, session.device_id) and issued_at < before
                for whose, device, before in self._before
            ):
                self._journal.finding(f"{session.device_id} has a session on a token of before a revocation")


def _deeds(unit: Unit) -> Iterator[tuple[str, str]]:
    """What a user did by this unit."""
    if unit.error is not None:
        return
    if isinstance(unit, PostUnit):
        if unit.audience is not None or unit.happened:
            yield unit.sender_id, f"a post to {unit.conversation_id}"
        return
    if unit.origin is not None and unit.happened:
        yield unit.origin.user_id, f"{type(unit.happened[0]).__name__} by one of his sessions"
    for event in unit.happened:
        if isinstance(event, MessagePosted):
            yield event.message.sender_id, f"a message to {event.message.conversation_id}"
        elif isinstance(event, CursorMoved):
            yield event.user_id, f"a cursor in {event.conversation_id}"
