"""The writer's cache of conversations: heads and members, the persons of teams, and a journal that undoes changes.

The writer's thread owns it. Changes made inside a transaction are journalled, so that a unit or a whole batch that fails
leaves no trace here either.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast
from weakref import WeakValueDictionary

from imserver.chat.permissions import POSTERS
from imserver.model import Audience, Kind, QuietAudience, Role, TeamAudience

#: Members over all cached conversations; a member costs about 100 bytes here, so this is about 200 MB.
MAX_CACHED_MEMBERS = 2_000_000
#: Users whose number is cached; about 150 bytes each.
MAX_CACHED_USERS = 200_000

_Memento = tuple[
    int, int, int, int, str, Audience, dict[str, int], frozenset[Role], str | None, frozenset[str]
]
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


class Team:
    """The persons of a group that conversations name as their team: one object for all of these that are cached."""

    __slots__ = ("__weakref__", "joined", "no", "team_id")

    def __init__(self, no: int, team_id: str, joined: Mapping[str, int]) -> None:
        self.no = no
        self.team_id = team_id
        #: user id -> change of joining. Never changed in place: conversations know by the object whether they have seen it.
        self.joined = joined

    def put(self, joined: Mapping[str, int]) -> None:
        self.joined = joined


class ConversationState:
    """One conversation as the writer sees it. `members` is never changed in place: events carry it as their audience.

    With a team, `members` is a `TeamAudience` of rows and of what the team's persons were when somebody looked last:
    `meet_team` makes another one if they are others now.
    """

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
        "team",
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
        #: The group whose persons are members here, too; set once.
        self.team: Team | None = None
        #: user id -> UTC ms until which the member may not post; only those who ever were muted. With a team, also those whose
        #: row has ended: by leaving it nobody gets rid of a mute.
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
            self.posters,
            self.asked_by,
            self.blocked_by,
        )

    def restore(self, memento: _Memento) -> None:
        self.head, self.head_change, self.unread, self.modseq, self.title, self.members, self.muted = memento[
            :7
        ]
        self.posters, self.asked_by, self.blocked_by = memento[7:]

    def put_contact(self, asked_by: str | None, blocked_by: frozenset[str]) -> None:
        """Put what is between the two users of a direct conversation. While there is something, posts are not waved through,
        and the members are a `QuietAudience`."""
        self.asked_by, self.blocked_by = asked_by, blocked_by
        quiet = asked_by is not None or bool(blocked_by)
        self.posters = _NO_ROLE if quiet else POSTERS[self.kind]
        self.members = QuietAudience(self.members) if quiet else dict(self.members)

    @property
    def rows(self) -> Audience:
        """Members who were added: those who are here by the team alone are left out."""
        return self.members if self.team is None else cast("TeamAudience", self.members).rows

    def put_rows(self, rows: Audience) -> None:
        """Put other rows; the persons of the team stay members."""
        self.members = rows if self.team is None else TeamAudience(self.team.team_id, rows, self.team.joined)

    def put_team(self, team: Team | None) -> None:
        """Name the team, or none again: undone."""
        rows, self.team = self.rows, team
        self.put_rows(rows)

    def meet_team(self) -> None:
        """Put members who are right, if the team has other persons than when they were put. Call it at each use."""
        team = self.team
        if team is not None and cast("TeamAudience", self.members).joined is not team.joined:
            self.put_rows(self.rows)

    def with_member(self, user_id: str, role: Role) -> None:
        self.put_rows({**self.rows, user_id: role})

    def without_member(self, user_id: str) -> None:
        self.put_rows({name: role for name, role in self.rows.items() if name != user_id})


class ConversationCache:
    """Bounded: two generations. A hit in the old one moves to the young; when the young is half of the bound, the old one is
    dropped. Nothing is dropped inside a transaction, because a dropped change could not be taken back."""

    __slots__ = ("_journal", "_max_conversations", "_weight", "old", "teams", "users", "young")

    def __init__(self, journal: Journal, max_conversations: int) -> None:
        self._journal = journal
        self._max_conversations = max_conversations
        self._weight = 0
        self.young: dict[str, ConversationState] = {}
        self.old: dict[str, ConversationState] = {}
        #: user id -> number. Users are never deleted, so this can only be forgotten, never wrong.
        self.users: dict[str, int] = {}
        #: Teams of cached conversations, by number. One lives as long as any of these, or the journal, knows it, so that a
        #: change of its persons reaches all of them.
        self.teams: WeakValueDictionary[int, Team] = WeakValueDictionary()

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

    def made_team(self, team: Team) -> Team:
        """Keep a group that becomes a team in this transaction; forgotten again if that fails."""
        self._journal.note(self.teams.pop, team.no, None)
        self.teams[team.no] = team
        return team

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
