"""What there is, as values that are replaced and never changed: a snapshot is a reference, undoing is forgetting."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from imserver.chat.permissions import NO_SEAT, TEAM_MEMBER, Bars, Seat, standing_of
from imserver.model import Audience, Cursors, Kind, Membership, Message, Role, Usage, User
from imserver.store.engine.lineage import Run
from imserver_protocol.shared.bounds import MORE_UNREAD, UNREAD_MESSAGES


@dataclass(frozen=True, slots=True)
class Said:
    """A message as it is now, what was asked for under its key, and what it said before its edits."""

    message: Message
    #: The whole request: the same key with another one is KEY_REUSED.
    asked: tuple[Any, ...]
    change: int
    #: Whether it counts as unread, and whether lists of conversations pass over it.
    counts: bool
    silent: bool
    #: Earlier contents: (message of then, position of the message that told of its end).
    past: tuple[tuple[Message, int], ...] = ()

    def as_of(self, position: int) -> Message:
        """The message as whoever left at this position could read it."""
        return next((then for then, until in self.past if until > position), self.message)


@dataclass(frozen=True, slots=True)
class Marks:
    """What a message shows to everybody, and to some alone; values by name."""

    modseq: int
    extra: Mapping[str, Any]
    mine: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Talk:
    """A conversation."""

    conversation_id: str
    kind: Kind
    title: str
    #: The last change that concerns all its members and is no message.
    changed: int
    said: tuple[Said, ...] = ()
    #: Present and former members.
    members: Mapping[str, Membership] = field(default_factory=dict)
    #: user id -> the last change that concerns this member alone.
    member_changed: Mapping[str, int] = field(default_factory=dict)
    cursors: Mapping[str, Cursors] = field(default_factory=dict)
    #: Changes of state, and what they have led to: of messages by position, of the whole, of members with the count of theirs.
    modseq: int = 0
    marks: Mapping[int, Marks] = field(default_factory=dict)
    about: Mapping[str, Any] | None = None
    settings: Mapping[str, tuple[int, Mapping[str, Any]]] = field(default_factory=dict)
    #: user id -> modseq when the user left last.
    left_modseq: Mapping[str, int] = field(default_factory=dict)
    #: The group whose persons are members here, too; and these as they are now, with the change of joining.
    team: str | None = None
    of_team: Mapping[str, int] = field(default_factory=dict)
    #: Cursors and settings of members by the team: user id -> these.
    team_cursors: Mapping[str, Cursors] = field(default_factory=dict)
    team_settings: Mapping[str, tuple[int, Mapping[str, Any]]] = field(default_factory=dict)

    @property
    def head(self) -> int:
        return len(self.said)

    @property
    def rows(self) -> Audience:
        """Members who were added."""
        return {one.user_id: one.role for one in self.members.values() if one.left_at is None}

    @property
    def audience(self) -> Audience:
        return {**dict.fromkeys(self.of_team, Role.MEMBER), **self.rows}

    def by_team(self, user_id: str) -> bool:
        return user_id in self.of_team and user_id not in self.rows

    def cursors_of(self, user_id: str) -> Cursors:
        """A row that has ended goes on with those by the team."""
        kept = self.cursors if self.team is None or user_id in self.rows else self.team_cursors
        return kept.get(user_id, Cursors())

    def settings_of(self, user_id: str) -> tuple[int, Mapping[str, Any]]:
        kept = self.settings if self.team is None or user_id in self.rows else self.team_settings
        return kept.get(user_id, (0, {}))

    def with_own(self, user_id: str, cursors: Cursors, settings: tuple[int, Mapping[str, Any]]) -> Talk:
        """With other cursors and settings of a member, where that one's are."""
        kept = {user_id: settings} if settings[0] else {}
        if self.by_team(user_id):
            return replace(
                self,
                team_cursors={**self.team_cursors, user_id: cursors},
                team_settings={**self.team_settings, **kept},
            )
        return replace(self, cursors={**self.cursors, user_id: cursors}, settings={**self.settings, **kept})

    def changed_for(self, user_id: str, change: int) -> Mapping[str, int]:
        """When each member's row changed last, if this one's does; who is here by the team has none, or one that has ended."""
        return self.member_changed if self.by_team(user_id) else {**self.member_changed, user_id: change}

    def met(self, user_id: str) -> Talk:
        """With the higher of what a member has by a row and by the team in both places: membership is another one now."""
        one, other = self.cursors.get(user_id, Cursors()), self.team_cursors.get(user_id, Cursors())
        cursors = Cursors(max(one.delivered, other.delivered), max(one.read, other.read))
        settings = max(
            self.settings.get(user_id, (0, {})),
            self.team_settings.get(user_id, (0, {})),
            key=lambda kept: kept[0],
        )
        kept = {user_id: settings} if settings[0] else {}
        return replace(
            self,
            cursors={**self.cursors, user_id: cursors},
            team_cursors={**self.team_cursors, user_id: cursors},
            settings={**self.settings, **kept},
            team_settings={**self.team_settings, **kept},
        )

    def seat(self, user_id: str, now_ms: int = 0) -> Seat:
        """Where a user stands; a former member reads up to leaving."""
        own = self.members.get(user_id)
        muted_until = 0 if own is None else own.muted_until
        bars = Bars(muted_until=muted_until if muted_until > now_ms else 0)
        if self.by_team(user_id):
            return Seat(self.kind, TEAM_MEMBER, Role.MEMBER, bars)
        if own is None:
            return NO_SEAT
        return Seat(self.kind, standing_of(own.left_at), own.role, bars)

    def with_member(self, change: int, membership: Membership) -> Talk:
        user_id = membership.user_id
        return replace(
            self,
            members={**self.members, user_id: membership},
            member_changed={**self.member_changed, user_id: change},
        )

    def last_change_for(self, own: Membership) -> int:
        """The last change that this member is told of: for a former one, that of leaving."""
        alone = self.member_changed[own.user_id]
        return alone if own.left_at is not None else max(alone, self.changed, self.said[-1].change)

    def modseq_for(self, own: Membership) -> int:
        """The last change of state that this member is told of."""
        return self.modseq if own.left_at is None else self.left_modseq[own.user_id]

    def shown_at(self, position: int, own: Membership) -> Marks | None:
        """What the message shows this member; nothing if that came about after leaving, or was removed."""
        marks = self.marks.get(position)
        if marks is None or marks.modseq > self.modseq_for(own):
            return None
        if not marks.extra and not marks.mine.get(own.user_id):
            return None
        return marks

    def last_spoken(self) -> Said:
        return next(said for said in reversed(self.said) if not said.silent)

    def unread(self, user_id: str, after: int) -> int:
        """What others said since; among messages that are far back, own words count too."""
        near = self.head - UNREAD_MESSAGES
        counted = (
            said
            for said in self.said[after:]
            if said.counts and (said.message.sender_id != user_id or said.message.position <= near)
        )
        return min(sum(1 for _ in counted), MORE_UNREAD)


@dataclass(frozen=True, slots=True)
class World:
    """The whole database."""

    epoch: str = ""
    place_key: bytes = b""
    runs: tuple[Run, ...] = ()
    #: The last number given out, in the order of doing.
    change: int = 0
    users: Mapping[str, User] = field(default_factory=dict)
    #: token id -> (user id, device id)
    tokens: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    talks: Mapping[str, Talk] = field(default_factory=dict)
    #: (user id, key) -> (method, digest, result)
    outcomes: Mapping[tuple[str, bytes], tuple[str, bytes, bytes]] = field(default_factory=dict)
    #: user id -> (count of changes, values by name, last change)
    accounts: Mapping[str, tuple[int, Mapping[str, Any], int]] = field(default_factory=dict)
    used: Mapping[str, Usage] = field(default_factory=dict)
    #: Names of state, and those that this server does not have.
    names: frozenset[str] = frozenset()
    hidden: frozenset[str] = frozenset()
    #: timer id -> (plugin, due_at, name, payload); and the last id given out, which never comes again.
    timers: Mapping[int, tuple[str, int, str, Mapping[str, Any]]] = field(default_factory=dict)
    last_timer: int = 0
    #: plugin -> the change up to which it has handled everything, and what it has handled above.
    handled: Mapping[str, tuple[int, frozenset[int]]] = field(default_factory=dict)
    #: For tests: rows of a table that is not the kernel's.
    notes: frozenset[Any] = frozenset()
    #: Accounts that are no persons'.
    bots: frozenset[str] = frozenset()

    def with_talk(self, talk: Talk) -> World:
        """With this conversation, and if it is a team, with its persons in all conversations that name it."""
        talks = {**self.talks, talk.conversation_id: talk}
        persons = self.persons(talk)
        for name, other in talks.items():
            if other.team == talk.conversation_id:
                talks[name] = replace(other, of_team=persons)
        return replace(self, talks=talks)

    def persons(self, talk: Talk) -> Mapping[str, int]:
        """The persons of a group, with the change of joining."""
        return {
            user_id: talk.said[talk.members[user_id].joined_at - 1].change
            for user_id in talk.rows
            if user_id not in self.bots and talk.members[user_id].joined_at <= talk.head
        }

    def without_hidden(self, values: Mapping[str, Any]) -> Mapping[str, Any]:
        return {name: value for name, value in values.items() if name not in self.hidden}

    def seen(self, talk: Talk) -> Talk:
        """The conversation as this server shows it."""
        seen = self.without_hidden
        marks = {
            position: Marks(one.modseq, seen(one.extra), {user: seen(own) for user, own in one.mine.items()})
            for position, one in talk.marks.items()
        }
        settings = {user: (seq, seen(values)) for user, (seq, values) in talk.settings.items()}
        about = None if talk.about is None else seen(talk.about)
        return replace(talk, marks=marks, settings=settings, about=about)

    def shown(self) -> World:
        """The world as this server shows it."""
        if not self.hidden:
            return self
        accounts = {
            user: (seq, self.without_hidden(values), at) for user, (seq, values, at) in self.accounts.items()
        }
        return replace(
            self, talks={name: self.seen(talk) for name, talk in self.talks.items()}, accounts=accounts
        )
