"""The writer's cache of conversations: heads and members, and a journal that undoes changes.

The writer's thread owns it. Changes made inside a transaction are journalled, so that a unit or a whole batch that fails
leaves no trace here either.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from imserver.chat.permissions import POSTERS
from imserver.model import Audience, Kind, QuietAudience, Role

#: Members over all cached conversations; a member costs about 100 bytes here, so this is about 200 MB.
MAX_CACHED_MEMBERS = 2_000_000
#: Users whose number is cached; about 150 bytes each.
MAX_CACHED_USERS = 200_000

_Between = tuple[frozenset[Role], str | None, frozenset[str]]
_Memento = tuple[int, int, int, int, str, Audience, dict[str, int], _Between]
_NOBODY: frozenset[str] = frozenset()
_NO_ROLE: frozenset[Role] = frozenset()


class Journal:
    """Undoes changes made in memory since the transaction began, newest first."""

    __slots__ = ("_entries",)

    def __init__(self) -> None:
        self._entries: list[tuple[Callable[..., object], tuple[Any, ...]]] = []

    def note(self, undo: Callable[..., object], *arguments: Any) -> None:
        self._entries.append((undo, arguments))

    def mark(self) -> int:
        return len(self._entries)

    def undo(self, mark: int = 0) -> None:
        entries = self._entries
        while len(entries) > mark:
            undo, arguments = entries.pop()
            undo(*arguments)

    def clear(self) -> None:
        self._entries.clear()


class ConversationState:
    """One conversation as the writer sees it. `members` is never changed in place: events carry it as their audience."""

    __slots__ = (
        "asked_by",
        "blocked_by",
        "conversation_id",
        "head",
        "head_change",
        "kind",
        "members",
        "modseq",
        "muted",
        "no",
        "posters",
        "stamp",
        "title",
        "unread",
    )

    def __init__(self, no: int, conversation_id: str, kind: Kind, title: str, modseq: int = 0) -> None:
        self.no = no
        self.conversation_id = conversation_id
        self.kind = kind
        #: Roles that post here (the rule, looked up once). None while each post is looked at: see `put_contact`.
        self.posters = POSTERS[kind]
        #: Of a direct conversation: who alone has written, a stranger to the other; and which of the two blocks the other.
        self.asked_by: str | None = None
        self.blocked_by: frozenset[str] = _NOBODY
        self.title = title
        #: Position and change of the last message, and how many messages up to it count as unread.
        self.head = 0
        self.head_change = 0
        self.unread = 0
        #: Changes of the conversation's state up to now. Nothing raises it yet: an engine loads it, and keeps it at leaving.
        self.modseq = modseq
        self.members: Audience = {}
        #: user id -> UTC ms until which the member may not post; only those who ever were muted.
        self.muted: dict[str, int] = {}
        #: Number of the run of posts that last touched this (see `bulk_posts`).
        self.stamp = 0

    def memento(self) -> _Memento:
        return (
            self.head,
            self.head_change,
            self.unread,
            self.modseq,
            self.title,
            self.members,
            self.muted,
            (self.posters, self.asked_by, self.blocked_by),
        )

    def restore(self, memento: _Memento) -> None:
        (
            self.head,
            self.head_change,
            self.unread,
            self.modseq,
            self.title,
            self.members,
            self.muted,
            between,
        ) = memento
        self.posters, self.asked_by, self.blocked_by = between

    def put_contact(self, asked_by: str | None, blocked_by: frozenset[str]) -> None:
        """Put what is between the two users of a direct conversation. While there is something, posts are not waved through,
        and the members are a `QuietAudience`."""
        self.asked_by, self.blocked_by = asked_by, blocked_by
        quiet = asked_by is not None or bool(blocked_by)
        self.posters = _NO_ROLE if quiet else POSTERS[self.kind]
        self.members = QuietAudience(self.members) if quiet else dict(self.members)

    def with_member(self, user_id: str, role: Role) -> None:
        self.members = {**self.members, user_id: role}

    def without_member(self, user_id: str) -> None:
        self.members = {name: role for name, role in self.members.items() if name != user_id}


class ConversationCache:
    """Bounded: two generations. A hit in the old one moves to the young; when the young is half of the bound, the old one is
    dropped. Nothing is dropped inside a transaction, because a dropped change could not be taken back."""

    __slots__ = ("_journal", "_max_conversations", "_weight", "old", "users", "young")

    def __init__(self, journal: Journal, max_conversations: int) -> None:
        self._journal = journal
        self._max_conversations = max_conversations
        self._weight = 0
        self.young: dict[str, ConversationState] = {}
        self.old: dict[str, ConversationState] = {}
        #: user id -> number. Users are never deleted, so this can only be forgotten, never wrong.
        self.users: dict[str, int] = {}

    def get(self, conversation_id: str) -> ConversationState | None:
        state = self.young.get(conversation_id)
        if state is None and (state := self.old.pop(conversation_id, None)) is not None:
            self._keep(state)
        return state

    def loaded(self, state: ConversationState) -> None:
        """Cache a conversation that was read from the database."""
        self._keep(state)

    def made(self, state: ConversationState) -> None:
        """Cache a conversation made in this transaction; dropped again if that fails."""
        self._journal.note(self._forget, state.conversation_id)
        self._keep(state)

    def made_user(self, user_id: str, user_no: int) -> None:
        self._journal.note(self.users.pop, user_id, None)
        self.users[user_id] = user_no

    def trim(self) -> None:
        """Drop what exceeds the bounds. Call it between transactions only."""
        if len(self.young) * 2 > self._max_conversations or self._weight * 2 > MAX_CACHED_MEMBERS:
            self.old = self.young
            self.young = {}
            self._weight = 0
        if len(self.users) > MAX_CACHED_USERS:
            self.users.clear()

    def _keep(self, state: ConversationState) -> None:
        self.young[state.conversation_id] = state
        self._weight += len(state.members)

    def _forget(self, conversation_id: str) -> None:
        self.young.pop(conversation_id, None)
        self.old.pop(conversation_id, None)
